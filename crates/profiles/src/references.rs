//! What references lead to inside a document: contained resources, entries of a Bundle.

use crate::schema::{Node, Schema};
use rustc_hash::FxHashMap;
use serde_json::Value;

/// The entries of a Bundle by their addresses.
#[derive(Debug, Default)]
pub(crate) struct References<'a> {
    /// By `fullUrl`, and by `Type/id`.
    entries: FxHashMap<String, Node<'a>>,
    contained: FxHashMap<(usize, &'a str), Node<'a>>,
}

impl<'a> References<'a> {
    /// Looks through a document.
    pub(crate) fn of(schema: &Schema, root: &'a Value) -> Self {
        let mut found = Self::default();
        found.contained_in(schema, root);
        let entries = root.get("entry").and_then(Value::as_array);
        if root.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
            return found;
        }
        for entry in entries.into_iter().flatten() {
            let Some(resource) = entry.get("resource") else {
                continue;
            };
            found.contained_in(schema, resource);
            let Some(class) = schema.type_of_resource(resource) else {
                continue;
            };
            let node = schema.node(Some(resource), None, class);
            let text = |key: &str| resource.get(key).and_then(Value::as_str);
            if let Some(url) = entry.get("fullUrl").and_then(Value::as_str) {
                found.entries.insert(url.to_owned(), node);
            }
            if let (Some(kind), Some(id)) = (text("resourceType"), text("id")) {
                found.entries.entry(format!("{kind}/{id}")).or_insert(node);
            }
        }
        found
    }

    fn contained_in(&mut self, schema: &Schema, resource: &'a Value) {
        let list = resource.get("contained").and_then(Value::as_array);
        for contained in list.into_iter().flatten() {
            if let Some(id) = contained.get("id").and_then(Value::as_str)
                && let Some(class) = schema.type_of_resource(contained)
            {
                let node = schema.node(Some(contained), None, class);
                self.contained.insert((address(resource), id), node);
            }
        }
    }

    /// What an address leads to, as it stands in a resource (`container`: the one that is not contained).
    pub(crate) fn target(&self, container: Node<'a>, reference: &str) -> Option<Node<'a>> {
        match reference.strip_prefix('#') {
            Some("") => Some(container),
            Some(id) => self.contained.get(&(address(container.value?), id)).copied(),
            None => {
                let plain = reference
                    .split_once("/_history/")
                    .map_or(reference, |(plain, _)| plain);
                self.entries.get(plain).copied()
            }
        }
    }
}

/// Where a value is in memory: the values of one document are told apart by it, and it is never followed.
fn address(value: &Value) -> usize {
    std::ptr::from_ref(value) as usize
}
