//! Paths of `search_parameters.tsv`: what a search parameter reads of a resource.

use crate::json::Node;

/// The data type of what a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// An address.
    Address,
    /// `true` or `false`.
    Boolean,
    /// A code with its system implied by the element.
    Code,
    /// A concept: codings and a text.
    CodeableConcept,
    /// A code with its system.
    Coding,
    /// A telephone number and the like.
    ContactPoint,
    /// `date`, `dateTime`, `instant`.
    Date,
    /// `decimal`, `integer`.
    Number,
    /// A name of a person.
    HumanName,
    /// An identifier.
    Identifier,
    /// An amount of money.
    Money,
    /// A period.
    Period,
    /// `Quantity` and what is built on it.
    Quantity,
    /// Two quantities.
    Range,
    /// A reference.
    Reference,
    /// A resource inside another.
    Resource,
    /// A series of values.
    SampledData,
    /// `string`, `markdown`, `id`.
    Text,
    /// A schedule.
    Timing,
    /// `uri`, `url`, `canonical`.
    Uri,
    /// An element with parts of its own.
    Element,
}

impl Shape {
    /// Of the name of a data type.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "Address" => Self::Address,
            "boolean" => Self::Boolean,
            "code" => Self::Code,
            "CodeableConcept" => Self::CodeableConcept,
            "Coding" => Self::Coding,
            "ContactPoint" => Self::ContactPoint,
            "date" | "dateTime" | "instant" => Self::Date,
            "decimal" | "integer" => Self::Number,
            "HumanName" => Self::HumanName,
            "Identifier" => Self::Identifier,
            "Money" => Self::Money,
            "Period" => Self::Period,
            "Age" | "Duration" | "Quantity" => Self::Quantity,
            "Range" => Self::Range,
            "Reference" => Self::Reference,
            "Resource" => Self::Resource,
            "SampledData" => Self::SampledData,
            "string" | "markdown" | "id" => Self::Text,
            "Timing" => Self::Timing,
            "uri" | "url" | "canonical" => Self::Uri,
            "BackboneElement" => Self::Element,
            _ => return None,
        })
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The element.
    pub(crate) name: String,
    /// Only where this child has this value.
    child: Option<(String, String)>,
    /// Only references to, or resources of, this type.
    only: Option<String>,
    /// Only the first.
    first: bool,
}

/// One of the ways of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alternative {
    /// As the table writes it.
    pub(crate) written: String,
    /// From the resource, also where it is a part of a composite.
    pub(crate) rooted: bool,
    /// Its steps.
    pub(crate) steps: Vec<Step>,
    /// What stands there; `Element` for the base of a composite.
    pub(crate) shape: Shape,
    /// The name of the data type as written.
    pub(crate) data_type: String,
    /// `true` where it is there, instead of its value.
    pub(crate) asks_presence: bool,
    /// A value that holds where no alternative before gave one.
    pub(crate) constant: Option<String>,
    /// Codes of the element and their systems, where R4 fixes them; sorted by code.
    pub(crate) systems: Vec<(String, String)>,
}

impl Alternative {
    /// Reads one alternative.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let (path, data_type) = written.rsplit_once(':').unwrap_or((written, ""));
        let shape = match data_type {
            "" => Shape::Element,
            name => Shape::of(name).ok_or_else(|| format!("{name} is no data type that a search reads"))?,
        };
        let mut alternative = Self {
            written: written.to_owned(),
            rooted: false,
            steps: Vec::new(),
            shape,
            data_type: data_type.to_owned(),
            asks_presence: false,
            constant: None,
            systems: Vec::new(),
        };
        if let Some(constant) = path.strip_prefix('=') {
            alternative.constant = Some(constant.to_owned());
            return Ok(alternative);
        }
        let path = path
            .strip_prefix('/')
            .inspect(|_| alternative.rooted = true)
            .unwrap_or(path);
        let path = path
            .strip_suffix('?')
            .inspect(|_| alternative.asks_presence = true)
            .unwrap_or(path);
        if path != "." {
            alternative.steps = path.split('.').map(Step::parse).collect::<Result<_, _>>()?;
        }
        Ok(alternative)
    }

    /// Gives each value that stands at its end.
    pub(crate) fn walk<'n, 't>(&self, from: &'n Node<'t>, found: &mut dyn FnMut(&'n Node<'t>)) {
        walk(&self.steps, from, found);
    }
}

/// Reads a path: alternatives parted by `|`.
pub(crate) fn parse(written: &str) -> Result<Vec<Alternative>, String> {
    written.split('|').map(Alternative::parse).collect()
}

impl Step {
    fn parse(written: &str) -> Result<Self, String> {
        let (name, bracket) = written.split_once('[').unwrap_or((written, ""));
        let mut step = Self {
            name: name.to_owned(),
            child: None,
            only: None,
            first: false,
        };
        let inside = bracket.strip_suffix(']').unwrap_or(bracket);
        match inside {
            "" => {}
            "0" => step.first = true,
            inside => match (inside.strip_prefix('@'), inside.split_once('=')) {
                (Some(kind), _) => step.only = Some(kind.to_owned()),
                (None, Some((child, value))) => step.child = Some((child.to_owned(), value.to_owned())),
                (None, None) => return Err(format!("{written}: what stands in brackets is not known")),
            },
        }
        Ok(step)
    }

    fn lets(&self, node: &Node<'_>) -> bool {
        let has_child = |(child, value): &(String, String)| node.text_of(child) == Some(value.as_str());
        let is_kind = |kind: &String| kind_of(node) == Some(kind.as_str());
        self.child.as_ref().is_none_or(has_child) && self.only.as_ref().is_none_or(is_kind)
    }
}

fn walk<'n, 't>(steps: &[Step], node: &'n Node<'t>, found: &mut dyn FnMut(&'n Node<'t>)) {
    let Some((step, rest)) = steps.split_first() else {
        found(node);
        return;
    };
    let Some(value) = node.get(&step.name) else { return };
    let members = value.each();
    let members = if step.first {
        members.get(..1).unwrap_or(members)
    } else {
        members
    };
    for member in members
        .iter()
        .filter(|member| step.lets(member) && **member != Node::Null)
    {
        walk(rest, member, found);
    }
}

/// The type of a resource, or of what a reference points to.
fn kind_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    if let Some(kind) = node.text_of("resourceType") {
        return Some(kind);
    }
    let literal = node
        .text_of("reference")
        .and_then(|text| Literal::parse(text)?.kind());
    literal.or_else(|| node.text_of("type"))
}

/// A literal reference, cut into its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal<'t> {
    /// `Patient/1`, with what stands before it: the base of a server, or nothing.
    Resource {
        /// The base, without a slash at its end.
        base: &'t str,
        /// Type.
        kind: &'t str,
        /// Id.
        id: &'t str,
    },
    /// Any other address.
    Address(&'t str),
}

impl<'t> Literal<'t> {
    /// Reads a reference; none for one inside the resource (`#id`) and for an empty one.
    pub fn parse(text: &'t str) -> Option<Self> {
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        let plain = text.split_once("/_history/").map_or(text, |(plain, _)| plain);
        let parts = plain.rsplit_once('/').map(|(before, id)| {
            let (base, kind) = before.rsplit_once('/').unwrap_or(("", before));
            (base, kind, id)
        });
        let is_type = |kind: &str| {
            kind.starts_with(|first: char| first.is_ascii_uppercase())
                && kind.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        Some(match parts {
            Some((base, kind, id))
                if is_type(kind) && is_id(id) && (base.is_empty() || base.contains("://")) =>
            {
                Self::Resource { base, kind, id }
            }
            _ => Self::Address(text),
        })
    }

    fn kind(self) -> Option<&'t str> {
        match self {
            Self::Resource { kind, .. } => Some(kind),
            Self::Address(_) => None,
        }
    }
}

/// Whether a text is an id as R4 allows it.
pub fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=64).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, body: &str, found: usize) {
        let alternative = Alternative::parse(path).unwrap();
        let node = Node::parse(body).unwrap();
        let mut count = 0;
        alternative.walk(&node, &mut |_| count += 1);
        assert_eq!(count, found, "{path} in {body}");
    }

    #[test]
    fn paths_walk_over_lists_and_hold_to_their_conditions() {
        check(
            "name.given:string",
            r#"{"name":[{"given":["a","b"]},{"given":["c"]}]}"#,
            3,
        );
        check(
            "telecom[system=phone]:ContactPoint",
            r#"{"telecom":[{"system":"phone"},{"system":"email"}]}"#,
            1,
        );
        check(
            "subject[@Patient]:Reference",
            r#"{"subject":{"reference":"Patient/1"}}"#,
            1,
        );
        check(
            "subject[@Patient]:Reference",
            r#"{"subject":{"reference":"http://a.b/fhir/Group/1"}}"#,
            0,
        );
        check(
            "subject[@Patient]:Reference",
            r#"{"subject":{"type":"Patient","display":"x"}}"#,
            1,
        );
        check(
            "entry[0].resource[@Composition]:Resource",
            r#"{"entry":[{"resource":{"resourceType":"Composition"}},{"resource":{"resourceType":"Composition"}}]}"#,
            1,
        );
        check("given:string", r#"{"given":["a",null]}"#, 1);
    }

    #[test]
    fn references_are_cut() {
        let parse = Literal::parse;
        let here = |base, kind, id| Some(Literal::Resource { base, kind, id });
        assert_eq!(parse("Patient/1"), here("", "Patient", "1"));
        assert_eq!(
            parse("https://a/fhir/Patient/1/_history/3"),
            here("https://a/fhir", "Patient", "1")
        );
        assert_eq!(parse("urn:uuid:7"), Some(Literal::Address("urn:uuid:7")));
        assert_eq!(parse("Patient/a b"), Some(Literal::Address("Patient/a b")));
        assert_eq!(parse("#x"), None);
    }
}
