//! R4's own rules: which elements there are, how often, in which kind of JSON, written how, with which codes; the
//! constraints, and the narrative. Profiles are asked beside them, at each resource that claims one.

use crate::fhirpath::{Verdict, World};
use crate::issue::{Found, Issues, Severity, shown};
use crate::narrative::{self, Fault};
use crate::place::Place;
use crate::references::References;
use crate::schema::{Class, Element, Field, Form, Json, Kind, Node, Primitive, TypeRef, has_extras};
use crate::validator::Validator;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Least and most of a number of 32 bits.
const WHOLE: std::ops::RangeInclusive<i64> = -2_147_483_648..=2_147_483_647;

/// One resource under examination.
pub(crate) struct Checker<'a> {
    pub(crate) validator: &'a Validator,
    pub(crate) references: &'a References<'a>,
    pub(crate) issues: Issues,
    pub(crate) place: Place<'a>,
    /// The resource that is looked at.
    pub(crate) resource: Node<'a>,
    /// What contains it, or itself.
    pub(crate) root: Node<'a>,
    /// Address and version of the profile whose rules are asked; none: R4's own.
    pub(crate) profile: Option<Arc<str>>,
    /// What is told once for a whole document.
    pub(crate) told: FxHashSet<String>,
    /// Pairs of resource and profile that were asked already.
    pub(crate) asked: FxHashSet<(usize, u32)>,
    /// Whether a profile fits a resource, where it was tried.
    pub(crate) fitting: FxHashMap<(usize, u32), bool>,
}

impl<'a> Checker<'a> {
    /// Notes an issue at the present place, or `below` it.
    pub(crate) fn tell(&mut self, key: &'static str, below: &str, values: Vec<(&'static str, String)>) {
        let found = Found {
            profile: self.profile.clone(),
            ..Found::new(key, self.place.text(below), values)
        };
        self.issues.push(&self.validator.texts, found);
    }

    /// Notes once in a document that something is not checked.
    pub(crate) fn tell_once(&mut self, key: &'static str, what: &str, values: Vec<(&'static str, String)>) {
        if self.told.insert(format!("{key} {what}")) {
            self.tell(key, "", values);
        }
    }

    /// Checks a resource that is the document, an entry, or contained.
    pub(crate) fn resource(&mut self, value: &'a Value, is_contained: bool) {
        let Some(fields) = value.as_object() else {
            self.tell("json-kind", "", vec![("wanted", "object".to_owned())]);
            return;
        };
        let schema = &self.validator.schema;
        let Some(class) = schema.type_of_resource(value) else {
            match fields.get("resourceType") {
                None => self.tell("resource-type-missing", "", Vec::new()),
                Some(found) => self.tell("resource-type-unknown", "", vec![("found", shown(found))]),
            }
            return;
        };
        let node = schema.node(Some(value), None, class);
        let around = (self.resource, self.root);
        self.resource = node;
        if !is_contained {
            self.root = node;
        }
        self.object(node);
        self.constraints(node, None);
        self.claims(node);
        (self.resource, self.root) = around;
    }

    /// Checks what is inside a node.
    fn object(&mut self, node: Node<'a>) {
        let schema = &self.validator.schema;
        let (Some(class), Some(Value::Object(fields))) = (schema.class(node.class), schema.inside(node))
        else {
            return;
        };
        let is_resource = matches!(class.kind, Kind::Resource);
        let has_extras = has_extras(fields);
        let mut seen = 0_u128;
        for (key, value) in fields {
            if is_resource && key == "resourceType" {
                continue;
            }
            let (name, is_extra) = match key.strip_prefix('_') {
                Some(name) => (name, true),
                None => (key.as_str(), false),
            };
            let field = class
                .field(name)
                .filter(|field| !is_extra || schema.is_primitive(field.key.class));
            let Some(Field {
                number,
                element,
                key: at,
            }) = field
            else {
                self.tell("unknown-element", key, vec![("name", key.clone())]);
                continue;
            };
            if is_extra && fields.contains_key(name) {
                continue;
            }
            if seen & (1 << number) != 0 {
                let values = vec![("name", element.name.to_string()), ("key", key.clone())];
                self.tell("choice-twice", &element.name, values);
            }
            seen |= 1 << number;
            let of = at.class;
            let extra = if has_extras && schema.is_primitive(of) {
                fields.get(&*at.extra)
            } else {
                None
            };
            let of_type = element
                .is_choice
                .then(|| schema.class(of).map_or("", |class| &*class.name));
            self.place.enter(&element.name, of_type);
            let slot = Slot {
                element,
                class: of,
                value: if is_extra { None } else { Some(value) },
                extra,
            };
            self.slot(slot);
            self.place.leave();
        }
        self.presence(node, class, fields, seen);
    }

    /// Elements that must stand; an extension's two halves; something beside an id.
    fn presence(&mut self, node: Node<'a>, class: &'a Class, fields: &Map<String, Value>, seen: u128) {
        for number in &class.needed {
            let Some(element) = class.elements.get(usize::from(*number)) else {
                continue;
            };
            if seen & (1 << number) == 0 {
                let values = vec![
                    ("name", element.name.to_string()),
                    ("wanted", element.least.to_string()),
                    ("found", "0".to_owned()),
                ];
                self.tell("cardinality-least", &element.name, values);
            }
        }
        if Some(node.class) == self.validator.extension {
            let has = |name: &str| {
                class
                    .names
                    .get(name)
                    .is_some_and(|number| seen & (1 << number) != 0)
            };
            if has("value") == has("extension") {
                self.tell("extension-both", "", Vec::new());
            }
        }
        let only_id = fields.keys().all(|key| key == "id" || key == "_id");
        if only_id
            && node
                .value
                .is_none_or(|_| !self.validator.schema.is_primitive(node.class))
        {
            self.tell("nothing-inside", "", Vec::new());
        }
    }

    /// What stands at an element: a value or a list, as the element wants it.
    fn slot(&mut self, slot: Slot<'a>) {
        let name = || slot.element.name.to_string();
        let parts = [slot.value, slot.extra];
        let parts = || parts.iter().flatten();
        if !slot.element.is_list {
            if parts().any(|part| part.is_array()) {
                self.tell("list-unwanted", "", vec![("name", name())]);
                return;
            }
            let node = self.validator.schema.node(slot.value, slot.extra, slot.class);
            self.one(node, slot.element);
            return;
        }
        if parts().any(|part| !part.is_array()) {
            self.tell("list-wanted", "", vec![("name", name())]);
            return;
        }
        let lengths: Vec<usize> = parts().filter_map(|part| part.as_array().map(Vec::len)).collect();
        if lengths.contains(&0) {
            self.tell("empty-value", "", Vec::new());
            return;
        }
        if lengths.iter().any(|length| Some(length) != lengths.first()) {
            self.tell("list-unequal", "", vec![("name", name())]);
        }
        let mut nodes = Vec::new();
        let schema = &self.validator.schema;
        schema.each_at(slot.value, slot.extra, slot.class, |index, node| {
            nodes.push((index, node));
        });
        for (index, node) in nodes {
            self.place.at(index);
            self.one(node, slot.element);
        }
        self.place.at(None);
    }

    fn one(&mut self, node: Node<'a>, element: &'a Element) {
        let schema = &self.validator.schema;
        let Some(class) = schema.class(node.class) else {
            return;
        };
        match &class.kind {
            Kind::Primitive(primitive) => self.primitive(node, class, primitive),
            Kind::Resource | Kind::AnyResource => {
                let Some(value) = node.value else {
                    self.tell("empty-value", "", Vec::new());
                    return;
                };
                self.resource(value, *element.name == *"contained");
                return;
            }
            Kind::Complex => match node.value {
                Some(Value::Object(fields)) if fields.is_empty() => self.tell("empty-value", "", Vec::new()),
                Some(Value::Object(_)) => self.object(node),
                None | Some(Value::Null) => self.tell("empty-value", "", Vec::new()),
                Some(_) => {
                    self.tell("json-kind", "", vec![("wanted", "object".to_owned())]);
                    return;
                }
            },
        }
        if let Some(set) = &element.required {
            self.required_code(node, set);
        }
        if Some(node.class) == self.validator.extension {
            self.known_extension(node);
        }
        if *class.name == *"Reference" {
            self.reference(node, &element.types);
        }
        self.constraints(node, Some(element));
    }

    fn primitive(&mut self, node: Node<'a>, class: &Class, primitive: &Primitive) {
        match node.value {
            Some(Value::Null) | None if node.extra.is_none() => self.tell("empty-value", "", Vec::new()),
            Some(value) if !value.is_null() => self.written(value, class, primitive),
            _ => {}
        }
        match node.extra {
            Some(Value::Object(fields)) if fields.is_empty() => self.tell("empty-value", "", Vec::new()),
            Some(Value::Object(_)) => self.object(node),
            Some(Value::Null) | None => {}
            Some(_) => self.tell("json-kind", "", vec![("wanted", "object".to_owned())]),
        }
    }

    /// Whether a value is written as its type is.
    fn written(&mut self, value: &Value, class: &Class, primitive: &Primitive) {
        let is_right = match primitive.json {
            Json::Boolean => value.is_boolean(),
            Json::Number => value.is_number(),
            Json::String => value.is_string(),
        };
        if !is_right {
            self.tell(
                "json-kind",
                "",
                vec![("wanted", primitive.json.word().to_owned())],
            );
            return;
        }
        let of = || vec![("value", shown(value)), ("type", class.name.to_string())];
        match value {
            Value::String(text) if text.is_empty() => self.tell("empty-value", "", Vec::new()),
            Value::String(text) => {
                if primitive.form == Form::Xhtml {
                    self.narrative(text);
                } else if primitive
                    .pattern
                    .as_ref()
                    .is_some_and(|pattern| !pattern.is_match(text))
                {
                    self.tell("primitive-pattern", "", of());
                } else if primitive.form == Form::Date && !is_of_calendar(text) {
                    self.tell("date-impossible", "", of());
                }
            }
            Value::Number(number) if primitive.form == Form::Integer => {
                let text = number.to_string();
                if primitive
                    .pattern
                    .as_ref()
                    .is_some_and(|pattern| !pattern.is_match(&text))
                {
                    self.tell("primitive-pattern", "", of());
                } else if number.as_i64().is_none_or(|whole| !WHOLE.contains(&whole)) {
                    self.tell("number-range", "", of());
                }
            }
            _ => {}
        }
    }

    fn narrative(&mut self, text: &str) {
        for fault in narrative::faults(&self.validator.schema.narrative, text) {
            match fault {
                Fault::Element(element) => self.tell("narrative-element", "", vec![("element", element)]),
                Fault::Attribute(element, attribute) => self.tell(
                    "narrative-attribute",
                    "",
                    vec![("element", element), ("attribute", attribute)],
                ),
                Fault::Malformed(reason) => {
                    self.tell("narrative-malformed", "", vec![("reason", reason.to_owned())]);
                }
                Fault::Empty => self.tell("narrative-empty", "", Vec::new()),
            }
        }
    }

    /// The value set that R4 itself binds.
    pub(crate) fn required_code(&mut self, node: Node<'a>, address: &str) {
        let schema = &self.validator.schema;
        let codes = codes_of(node.value);
        if codes.is_empty() {
            return;
        }
        let set = || ("set", address.to_owned());
        if let Some(grammar) = schema.grammars.get(address) {
            let wrong = codes.iter().find(|code| !grammar.is_match(code.code));
            if let Some(code) = wrong {
                self.tell("code-grammar", "", vec![("code", code.code.to_owned()), set()]);
            }
        } else if let Some(known) = schema.value_sets.get(address) {
            let is_there = codes.iter().any(|code| match code.system {
                Some(system) => known.codings.contains(&(system.into(), code.code.into())),
                None => code.is_plain && known.codes.contains(code.code),
            });
            if !is_there {
                let shown: Vec<String> = codes.iter().map(Coded::shown).collect();
                self.tell("binding-required", "", vec![("code", shown.join(", ")), set()]);
            }
        } else {
            self.tell_once("binding-unchecked", address, vec![set()]);
        }
    }

    /// Whether a reference leads to a type that the element allows.
    pub(crate) fn reference(&mut self, node: Node<'a>, types: &[TypeRef]) {
        let of = types.iter().find(|of| *of.code == *"Reference");
        let Some(targets) = of.map(|of| &of.targets).filter(|targets| !targets.is_empty()) else {
            return;
        };
        if targets.iter().any(|target| **target == *"Resource") {
            return;
        }
        let Some(found) = self.target_type(node) else {
            return;
        };
        if !targets.iter().any(|target| **target == *found) {
            let wanted: Vec<&str> = targets.iter().map(|target| &**target).collect();
            self.tell(
                "reference-type",
                "",
                vec![("wanted", wanted.join(", ")), ("found", found)],
            );
        }
    }

    /// The type of what a reference leads to, as far as the document says it.
    pub(crate) fn target_type(&self, node: Node<'a>) -> Option<String> {
        let schema = &self.validator.schema;
        let text = |key: &str| node.value?.get(key)?.as_str();
        if let Some(reference) = text("reference") {
            if let Some(target) = self.references.target(self.root, reference) {
                return schema.class(target.class).map(|class| class.name.to_string());
            }
            let plain = reference
                .split_once("/_history/")
                .map_or(reference, |(plain, _)| plain);
            let mut parts = plain.rsplit('/');
            let (_, kind) = (parts.next(), parts.next());
            let is_kind = |kind: &&str| {
                let class = schema.named(kind).and_then(|id| schema.class(id));
                class.is_some_and(|class| matches!(class.kind, Kind::Resource))
            };
            if let Some(kind) = kind.filter(is_kind) {
                return Some(kind.to_owned());
            }
        }
        text("type").map(str::to_owned)
    }

    /// Asks R4's constraints at a node.
    fn constraints(&mut self, node: Node<'a>, element: Option<&'a Element>) {
        let schema = &self.validator.schema;
        let Some(class) = schema.class(node.class) else {
            return;
        };
        if matches!(&class.kind, Kind::Primitive(of) if of.form == Form::Xhtml) {
            return;
        }
        let own = element.map_or([].as_slice(), |element| &element.constraints);
        for number in class.constraints.iter().chain(own) {
            let Some(constraint) = schema.constraints.get(*number as usize) else {
                continue;
            };
            let verdict = match &constraint.expression {
                Ok(expression) => self.world().holds(expression, node),
                Err(reason) => Verdict::Unknown(reason.clone()),
            };
            let severity = if constraint.is_warning {
                Severity::Warning
            } else {
                Severity::Error
            };
            self.judge(&verdict, &constraint.key, severity, &constraint.text);
        }
    }

    pub(crate) fn world(&self) -> World<'a> {
        World {
            schema: &self.validator.schema,
            resource: self.resource,
            root: self.root,
            references: self.references,
        }
    }

    /// Tells what a constraint said.
    pub(crate) fn judge(&mut self, verdict: &Verdict, key: &str, severity: Severity, text: &str) {
        match verdict {
            Verdict::Holds => {}
            Verdict::Fails => {
                let values = vec![("key", key.to_owned()), ("text", text.to_owned())];
                let found = Found {
                    profile: self.profile.clone(),
                    rule: Some(key.into()),
                    severity: Some(severity),
                    ..Found::new("constraint", self.place.text(""), values)
                };
                self.issues.push(&self.validator.texts, found);
            }
            Verdict::Unknown(reason) => {
                let values = vec![("key", key.to_owned()), ("reason", reason.clone())];
                self.tell_once("constraint-unchecked", key, values);
            }
        }
    }
}

/// What stands at an element.
#[derive(Clone, Copy)]
struct Slot<'a> {
    element: &'a Element,
    class: u32,
    value: Option<&'a Value>,
    extra: Option<&'a Value>,
}

/// A code as it stands in a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coded<'a> {
    pub(crate) system: Option<&'a str>,
    pub(crate) code: &'a str,
    /// A bare code, whose system the element knows.
    pub(crate) is_plain: bool,
}

impl Coded<'_> {
    /// For a sentence.
    pub(crate) fn shown(&self) -> String {
        match self.system {
            Some(system) => format!("{system}|{}", self.code),
            None => self.code.to_owned(),
        }
    }
}

/// The codes of a code, Coding, CodeableConcept or Quantity.
pub(crate) fn codes_of(value: Option<&Value>) -> Vec<Coded<'_>> {
    match value {
        Some(Value::String(code)) => vec![Coded {
            system: None,
            code,
            is_plain: true,
        }],
        Some(Value::Object(fields)) => {
            let own = fields.get("coding").and_then(Value::as_array);
            match own {
                Some(list) => list
                    .iter()
                    .filter_map(|coding| one_code(coding.as_object()?))
                    .collect(),
                None => one_code(fields).into_iter().collect(),
            }
        }
        _ => Vec::new(),
    }
}

fn one_code(fields: &Map<String, Value>) -> Option<Coded<'_>> {
    Some(Coded {
        system: fields.get("system").and_then(Value::as_str),
        code: fields.get("code")?.as_str()?,
        is_plain: false,
    })
}

/// Whether the calendar has the day of a date that matches its pattern.
fn is_of_calendar(text: &str) -> bool {
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (part(0..4), part(5..7), part(8..10)) else {
        return true;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    day <= last
}
