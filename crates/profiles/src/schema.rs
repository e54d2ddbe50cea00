//! R4 itself as arrays: types, their elements by the key of JSON, what each may hold.
//!
//! Made once from `data/fhir/{elements,primitives,required_codes,constraints}.tsv`. A *class* is a type (`Patient`,
//! `Quantity`, `string`) or the inside of an element of one (`Patient.contact`).

mod build;

pub(crate) use build::choice_key;

use crate::fhirpath::Expression;
use crate::narrative::Allowed;
use regex::Regex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

/// Number of a class.
pub(crate) type ClassId = u32;

/// R4's types, value sets and constraints.
#[derive(Debug, Default)]
pub struct Schema {
    pub(crate) classes: Vec<Class>,
    pub(crate) by_name: FxHashMap<Box<str>, ClassId>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) value_sets: FxHashMap<Box<str>, RequiredSet>,
    /// How the codes of sets are written that nobody can list.
    pub(crate) grammars: FxHashMap<Box<str>, Regex>,
    /// Extensions that HL7 defines for R4, by address.
    pub(crate) extensions: FxHashMap<Box<str>, KnownExtension>,
    /// What a narrative may hold.
    pub(crate) narrative: Allowed,
}

/// What a class is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A value, as JSON writes it.
    Primitive(Primitive),
    /// A data type, or the inside of an element.
    Complex,
    /// A type of resource.
    Resource,
    /// Any resource: the type is what `resourceType` says.
    AnyResource,
}

/// How a value is written.
#[derive(Debug)]
pub(crate) struct Primitive {
    pub(crate) json: Json,
    /// The whole text matches it.
    pub(crate) pattern: Option<Regex>,
    pub(crate) form: Form,
}

/// Kind of JSON of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Json {
    Boolean,
    Number,
    String,
}

impl Json {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
        }
    }
}

/// What a pattern cannot say of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing beside its pattern.
    Plain,
    /// A day that the calendar has.
    Date,
    /// Fits 32 bits.
    Integer,
    /// Any number.
    Decimal,
    /// XHTML.
    Xhtml,
}

/// A class.
#[derive(Debug)]
pub(crate) struct Class {
    /// `Patient`, `Patient.contact`.
    pub(crate) name: Box<str>,
    /// The class it is built on.
    pub(crate) base: Option<ClassId>,
    pub(crate) kind: Kind,
    pub(crate) elements: Vec<Element>,
    /// By key of JSON: number of the element, number of the key in it.
    pub(crate) keys: FxHashMap<Box<str>, (u16, u16)>,
    /// By name (`value`, not `valueString`).
    pub(crate) names: FxHashMap<Box<str>, u16>,
    /// Elements that must stand.
    pub(crate) needed: Vec<u16>,
    /// Numbers of the constraints of every instance, with those of its bases.
    pub(crate) constraints: Vec<u32>,
}

impl Class {
    /// The element of a name, without `[x]`.
    pub(crate) fn element(&self, name: &str) -> Option<&Element> {
        self.elements.get(usize::from(*self.names.get(name)?))
    }

    /// What a key of JSON stands for.
    pub(crate) fn field(&self, key: &str) -> Option<Field<'_>> {
        let (number, of) = *self.keys.get(key)?;
        let element = self.elements.get(usize::from(number))?;
        let key = element.keys.get(usize::from(of))?;
        Some(Field { number, element, key })
    }
}

/// What a key of JSON stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'s> {
    /// Of the element in its class.
    pub(crate) number: u16,
    pub(crate) element: &'s Element,
    pub(crate) key: &'s Key,
}

/// An element of a class.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    /// Without `[x]`.
    pub(crate) name: Box<str>,
    pub(crate) is_choice: bool,
    /// One, or one for each type of a choice.
    pub(crate) keys: Vec<Key>,
    pub(crate) least: u32,
    pub(crate) is_list: bool,
    pub(crate) types: Vec<TypeRef>,
    /// Address of the value set that is bound as required.
    pub(crate) required: Option<Box<str>>,
    pub(crate) constraints: Vec<u32>,
}

/// A key of JSON of an element.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: Box<str>,
    /// `_key`: id and extensions of a primitive.
    pub(crate) extra: Box<str>,
    pub(crate) class: ClassId,
}

/// A type of an element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TypeRef {
    /// `Reference`, `string`; empty where it is as elsewhere (`#Bundle.link`).
    pub(crate) code: Box<str>,
    /// Types that a reference may lead to; empty: any.
    pub(crate) targets: Vec<Box<str>>,
    /// Profiles by their last name (`SimpleQuantity`).
    pub(crate) profiles: Vec<Box<str>>,
}

/// What an extension that HL7 defines may have as its value.
#[derive(Debug)]
pub(crate) struct KnownExtension {
    pub(crate) types: Vec<TypeRef>,
    /// Address of the value set that is bound as required.
    pub(crate) required: Option<Box<str>>,
}

/// A constraint of R4.
#[derive(Debug)]
pub(crate) struct Constraint {
    pub(crate) key: Box<str>,
    pub(crate) is_warning: bool,
    pub(crate) text: Box<str>,
    /// The parsed expression; else what it uses that is not known here.
    pub(crate) expression: Result<Expression, String>,
}

/// The codes of a value set.
#[derive(Debug, Default)]
pub(crate) struct RequiredSet {
    pub(crate) codes: FxHashSet<Box<str>>,
    pub(crate) codings: FxHashSet<(Box<str>, Box<str>)>,
}

/// A place in a resource: what JSON has there, and its class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    /// The value; none where a primitive has only id or extensions.
    pub(crate) value: Option<&'a Value>,
    /// Id and extensions of a primitive.
    pub(crate) extra: Option<&'a Value>,
    pub(crate) class: ClassId,
}

impl Schema {
    /// A class by its number.
    pub(crate) fn class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(id as usize)
    }

    /// A class by its name.
    pub(crate) fn named(&self, name: &str) -> Option<ClassId> {
        self.by_name.get(name).copied()
    }

    /// Whether a class is another or built on it.
    pub(crate) fn is_a(&self, class: ClassId, other: ClassId) -> bool {
        let mut at = Some(class);
        while let Some(id) = at {
            if id == other {
                return true;
            }
            at = self.class(id).and_then(|class| class.base);
        }
        false
    }

    /// The type of a resource that the JSON states, where it is a type of resource of R4.
    pub(crate) fn type_of_resource(&self, value: &Value) -> Option<ClassId> {
        let id = self.named(value.get("resourceType")?.as_str()?)?;
        matches!(self.class(id)?.kind, Kind::Resource).then_some(id)
    }

    /// Whether what a class holds are primitive values.
    pub(crate) fn is_primitive(&self, class: ClassId) -> bool {
        self.class(class)
            .is_some_and(|class| matches!(class.kind, Kind::Primitive(_)))
    }

    /// The node of a value at an element; a resource gets the class of its own type.
    pub(crate) fn node<'a>(
        &self,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
        class: ClassId,
    ) -> Node<'a> {
        let is_any = self
            .class(class)
            .is_some_and(|class| matches!(class.kind, Kind::AnyResource));
        let own = if is_any {
            value.and_then(|value| self.type_of_resource(value))
        } else {
            None
        };
        Node {
            value,
            extra,
            class: own.unwrap_or(class),
        }
    }

    /// Calls back for each node of an element of a node, in the order of the list; the key and the place in the list.
    pub(crate) fn each_of<'a>(
        &'a self,
        parent: Node<'a>,
        element: &'a Element,
        mut with: impl FnMut(&'a Key, Option<usize>, Node<'a>),
    ) {
        let Some(Value::Object(fields)) = self.inside(parent) else {
            return;
        };
        if element.is_choice {
            // Some choices have fifty keys; an object has few.
            for field in fields.keys() {
                let extra_of = field.strip_prefix('_').filter(|name| !fields.contains_key(*name));
                let name = extra_of.unwrap_or(field);
                if name.starts_with(&*element.name)
                    && let Some(key) = element.keys.iter().find(|key| *key.name == *name)
                {
                    self.each_of_key(fields, key, &mut with);
                }
            }
        } else {
            for key in &element.keys {
                self.each_of_key(fields, key, &mut with);
            }
        }
    }

    fn each_of_key<'a>(
        &'a self,
        fields: &'a Map<String, Value>,
        key: &'a Key,
        with: &mut impl FnMut(&'a Key, Option<usize>, Node<'a>),
    ) {
        let may_have = self.is_primitive(key.class) && has_extras(fields);
        let extra = if may_have { get(fields, &key.extra) } else { None };
        self.each_at(get(fields, &key.name), extra, key.class, |index, node| {
            with(key, index, node);
        });
    }

    /// The JSON object that holds the parts of a node: its value, or what stands beside a primitive.
    pub(crate) fn inside<'a>(&self, node: Node<'a>) -> Option<&'a Value> {
        if self.is_primitive(node.class) {
            node.extra
        } else {
            node.value
        }
    }

    /// Calls back for each node of a key.
    pub(crate) fn each_at<'a>(
        &self,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
        class: ClassId,
        mut with: impl FnMut(Option<usize>, Node<'a>),
    ) {
        let list = |value: Option<&'a Value>| match value {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        };
        let present = |value: Option<&'a Value>| value.filter(|value| !value.is_null());
        match (list(value), list(extra)) {
            (None, None) => {
                if value.is_some() || extra.is_some() {
                    with(None, self.node(present(value), present(extra), class));
                }
            }
            (values, extras) => {
                let length = values.map_or(0, Vec::len).max(extras.map_or(0, Vec::len));
                for index in 0..length {
                    let value = values.and_then(|values| values.get(index));
                    let extra = extras.and_then(|extras| extras.get(index));
                    with(Some(index), self.node(present(value), present(extra), class));
                }
            }
        }
    }
}

/// Whether something stands beside a primitive.
pub(crate) fn has_extras(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|key| key.starts_with('_'))
}

/// A field of an object. Most objects are so small that looking at each key is quicker than hashing.
pub(crate) fn get<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    /// Most fields that are looked at one by one.
    const FEW: usize = 10;
    if fields.len() <= FEW {
        return fields
            .iter()
            .find(|(field, _)| *field == key)
            .map(|(_, value)| value);
    }
    fields.get(key)
}
