//! Extensions that HL7 defines for R4: the type of their value, its codes, where it leads to.

use crate::base::Checker;
use crate::schema::{Element, Node, TypeRef};
use serde_json::Value;

impl<'a> Checker<'a> {
    /// Checks the value of an extension whose address is known.
    pub(crate) fn known_extension(&mut self, node: Node<'a>) {
        let schema = &self.validator.schema;
        let url = node
            .value
            .and_then(|value| value.get("url"))
            .and_then(Value::as_str);
        let Some(known) = url.and_then(|url| schema.extensions.get(url)) else {
            return;
        };
        let value: Option<&'a Element> = schema.class(node.class).and_then(|class| class.element("value"));
        let Some(value) = value else { return };
        let mut found = Vec::new();
        schema.each_of(node, value, |key, _, node| found.push((key.class, node)));
        for (class, node) in found {
            let name = schema.class(class).map_or("", |class| &*class.name);
            self.place.enter(&value.name, Some(name));
            if known.types.iter().any(|of| *of.code == *name) {
                if let Some(set) = &known.required {
                    self.required_code(node, set);
                }
                if name == "Reference" {
                    self.reference(node, &known.types);
                }
            } else {
                let wanted: Vec<&str> = known.types.iter().map(|of: &TypeRef| &*of.code).collect();
                let values = vec![("wanted", wanted.join(", ")), ("found", name.to_owned())];
                self.tell("type-choice", "", values);
            }
            self.place.leave();
        }
    }
}
