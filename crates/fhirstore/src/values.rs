//! What a search parameter finds in a resource: codes, times, amounts, texts, references.

use crate::definitions::{Kind, Parameter};
use crate::json::Node;
use crate::path::{Alternative, Literal, Shape};
use crate::time;

/// JP Core marks the reading of a name with this extension, and the code SYL.
const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

/// The system of currencies.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// One value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'n> {
    /// A code with its system; empty where there is none.
    Token { system: &'n str, code: &'n str },
    /// The text of a concept or identifier.
    Words(&'n str),
    /// The identifier by which a reference names its target.
    Identified { system: &'n str, code: &'n str },
    /// Milliseconds, half open.
    Date { low: i64, high: i64 },
    /// An amount: both ends belong to it.
    Amount {
        system: &'n str,
        unit: &'n str,
        low: f64,
        high: f64,
    },
    /// A text.
    Text(&'n str),
    /// A URI as written.
    Uri(&'n str),
    /// A reference.
    Reference(Literal<'n>),
}

/// Gives each value of a parameter in a resource.
pub(crate) fn values<'n>(parameter: &'n Parameter, resource: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    let mut count = 0;
    let mut counting = |value: Value<'n>| {
        count += 1;
        give(value);
    };
    for one in &parameter.path {
        if let Some(constant) = &one.constant {
            if count == 0 {
                give(Value::Token {
                    system: "",
                    code: constant,
                });
            }
            return;
        }
        let mut counting = |value| counting(value);
        if parameter.is_reading {
            readings(one, resource, &mut counting);
            continue;
        }
        one.walk(resource, &mut |node| {
            if one.asks_presence {
                counting(Value::Token {
                    system: "",
                    code: "true",
                });
            } else {
                read(parameter.kind, one, node, &mut counting);
            }
        });
    }
}

/// The reading of a name: of those that say so, else of all.
fn readings<'n>(one: &Alternative, resource: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    let mut names = Vec::new();
    one.walk(resource, &mut |node| names.push(node));
    let is_reading = |name: &&&Node<'_>| {
        let mut marks = name.all("extension").iter();
        marks.any(|mark| {
            mark.text_of("url") == Some(REPRESENTATION) && mark.text_of("valueCode") == Some("SYL")
        })
    };
    let marked: Vec<_> = names.iter().filter(is_reading).copied().collect();
    for name in if marked.is_empty() { names } else { marked } {
        name_parts(name, give);
    }
}

fn read<'n>(kind: Kind, one: &'n Alternative, node: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    match kind {
        Kind::Token => token(one, node, give),
        Kind::Date => {
            if let Some((low, high)) = period(one.shape, node) {
                give(Value::Date { low, high });
            }
        }
        Kind::Number | Kind::Quantity => amount(one.shape, node, give),
        Kind::String => match one.shape {
            Shape::HumanName => name_parts(node, give),
            Shape::Address => parts(
                node,
                &[
                    "text",
                    "line",
                    "city",
                    "district",
                    "state",
                    "postalCode",
                    "country",
                ],
                give,
            ),
            _ => node
                .text()
                .filter(|text| !text.is_empty())
                .into_iter()
                .for_each(|text| give(Value::Text(text))),
        },
        Kind::Uri => node
            .text()
            .filter(|text| !text.is_empty())
            .into_iter()
            .for_each(|text| give(Value::Uri(text))),
        Kind::Reference => reference(one.shape, node, give),
        Kind::Composite => {}
    }
}

fn name_parts<'n>(name: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    parts(name, &["text", "family", "given", "prefix", "suffix"], give);
}

fn parts<'n>(node: &'n Node<'_>, names: &[&str], give: &mut dyn FnMut(Value<'n>)) {
    for name in names {
        for text in node
            .all(name)
            .iter()
            .filter_map(Node::text)
            .filter(|text| !text.is_empty())
        {
            give(Value::Text(text));
        }
    }
}

fn token<'n>(one: &'n Alternative, node: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    let plain = |node: &'n Node<'_>| match node {
        Node::Text(text) => text.as_ref(),
        Node::Flag(true) => "true",
        Node::Flag(false) => "false",
        _ => "",
    };
    let words = |node: &'n Node<'_>, key: &str, give: &mut dyn FnMut(Value<'n>)| {
        if let Some(text) = node.text_of(key).filter(|text| !text.is_empty()) {
            give(Value::Words(text));
        }
    };
    let coding = |node: &'n Node<'_>, code: &str, give: &mut dyn FnMut(Value<'n>)| {
        let system = node.text_of("system").unwrap_or_default();
        if let Some(code) = node.text_of(code).filter(|code| !code.is_empty()) {
            give(Value::Token { system, code });
        }
    };
    match one.shape {
        Shape::CodeableConcept => {
            for own in node.all("coding") {
                coding(own, "code", give);
                words(own, "display", give);
            }
            words(node, "text", give);
        }
        Shape::Coding => {
            coding(node, "code", give);
            words(node, "display", give);
        }
        Shape::Identifier => {
            coding(node, "value", give);
            for kind in node.all("type") {
                words(kind, "text", give);
            }
        }
        Shape::ContactPoint => {
            if let Some(code) = node.text_of("value").filter(|code| !code.is_empty()) {
                give(Value::Token { system: "", code });
            }
        }
        _ => {
            let code = plain(node);
            if !code.is_empty() {
                let place = one.systems.binary_search_by(|(own, _)| own.as_str().cmp(code));
                let system = place.ok().and_then(|place| one.systems.get(place));
                let system = system.map_or("", |(_, system)| system.as_str());
                give(Value::Token { system, code });
            }
        }
    }
}

/// The range of time of a date, period or schedule.
pub(crate) fn period(shape: Shape, node: &Node<'_>) -> Option<(i64, i64)> {
    match shape {
        Shape::Period => {
            let start = node.text_of("start").map(time::range);
            let end = node.text_of("end").map(time::range);
            if start.is_none() && end.is_none() {
                return None;
            }
            let low = start.map_or(Some(time::LEAST), |range| range.map(|range| range.0))?;
            let high = end.map_or(Some(time::GREATEST), |range| range.map(|range| range.1))?;
            (low < high).then_some((low, high))
        }
        Shape::Timing => {
            let events = node
                .all("event")
                .iter()
                .filter_map(Node::text)
                .filter_map(time::range);
            let bounds = node.get("repeat").and_then(|repeat| repeat.get("boundsPeriod"));
            let bounds = bounds.and_then(|bounds| period(Shape::Period, bounds));
            let hull = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
            events.chain(bounds).reduce(hull)
        }
        _ => node.text().and_then(time::range),
    }
}

fn amount<'n>(shape: Shape, node: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    match shape {
        Shape::Number => {
            if let Some(at) = number(node) {
                give(Value::Amount {
                    system: "",
                    unit: "",
                    low: at,
                    high: at,
                });
            }
        }
        Shape::Money => {
            if let Some(at) = node.get("value").and_then(number) {
                let unit = node.text_of("currency").unwrap_or_default();
                let system = if unit.is_empty() { "" } else { CURRENCIES };
                give(Value::Amount {
                    system,
                    unit,
                    low: at,
                    high: at,
                });
            }
        }
        Shape::Range => {
            let end = |name: &str| node.get(name).and_then(|end| end.get("value")).and_then(number);
            let (low, high) = (end("low"), end("high"));
            if let Some(of) = node.get("low").or_else(|| node.get("high")) {
                let (low, high) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
                with_units(of, (low, high), give);
            }
        }
        Shape::SampledData => sampled(node, give),
        _ => {
            if let Some(at) = node.get("value").and_then(number) {
                let ends = match node.text_of("comparator") {
                    Some("<") => (f64::NEG_INFINITY, at.next_down()),
                    Some("<=") => (f64::NEG_INFINITY, at),
                    Some(">") => (at.next_up(), f64::INFINITY),
                    Some(">=") => (at, f64::INFINITY),
                    _ => (at, at),
                };
                with_units(node, ends, give);
            }
        }
    }
}

/// The least and the greatest of a series.
fn sampled<'n>(node: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    let Some(origin) = node.get("origin") else { return };
    let zero = origin.get("value").and_then(number).unwrap_or_default();
    let factor = node.get("factor").and_then(number).unwrap_or(1.0);
    let data = node.text_of("data").unwrap_or_default().split_ascii_whitespace();
    let read = data
        .filter_map(|one| one.parse::<f64>().ok())
        .filter(|one| one.is_finite());
    let hull = read
        .map(|one| zero + one * factor)
        .fold(None, |hull: Option<(f64, f64)>, one| {
            Some(hull.map_or((one, one), |(low, high)| (low.min(one), high.max(one))))
        });
    if let Some(ends) = hull {
        with_units(origin, ends, give);
    }
}

/// An amount under its coded unit, and under the unit as written where that is another text.
fn with_units<'n>(node: &'n Node<'_>, (low, high): (f64, f64), give: &mut dyn FnMut(Value<'n>)) {
    let code = node.text_of("code").unwrap_or_default();
    let written = node.text_of("unit").unwrap_or_default();
    if !code.is_empty() {
        let system = node.text_of("system").unwrap_or_default();
        give(Value::Amount {
            system,
            unit: code,
            low,
            high,
        });
    }
    if code.is_empty() || (written != code && !written.is_empty()) {
        give(Value::Amount {
            system: "",
            unit: written,
            low,
            high,
        });
    }
}

/// The number as a binary fraction; its digits are asked nowhere but in a search.
fn number(node: &Node<'_>) -> Option<f64> {
    match node {
        Node::Number(digits) => digits.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn reference<'n>(shape: Shape, node: &'n Node<'_>, give: &mut dyn FnMut(Value<'n>)) {
    match shape {
        Shape::Resource => {
            if let (Some(kind), Some(id)) = (node.text_of("resourceType"), node.text_of("id")) {
                give(Value::Reference(Literal::Resource { base: "", kind, id }));
            }
        }
        Shape::Uri => {
            let Some(address) = node.text().and_then(|text| Some((text, Literal::parse(text)?))) else {
                return;
            };
            give(Value::Reference(address.1));
            // A canonical address is found with and without its version.
            if let Some((plain, _)) = address.0.split_once('|')
                && let Some(literal) = Literal::parse(plain)
            {
                give(Value::Reference(literal));
            }
        }
        _ => {
            if let Some(literal) = node.text_of("reference").and_then(Literal::parse) {
                give(Value::Reference(literal));
            }
            if let Some(identifier) = node.get("identifier")
                && let Some(code) = identifier.text_of("value").filter(|code| !code.is_empty())
            {
                let system = identifier.text_of("system").unwrap_or_default();
                give(Value::Identified { system, code });
            }
        }
    }
}
