//! Coded elements, names, numbers of HL7 v2 as the parts of FHIR resources.

use super::syntax::{Repetition, Segment};
use super::tables::TABLES;
use crate::json::{Json, object};

/// A CodeableConcept of one part of FHIR from the parts of CWE/CE: code, text, system, and the same for the alternative.
pub(crate) fn concept_of(parts: &[String]) -> Json {
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    let primary = coding(part(0), part(1), part(2), part(6));
    let other = coding(part(3), part(4), part(5), part(7));
    let text = [8, 1, 4, 0]
        .into_iter()
        .map(part)
        .find(|text| !text.is_empty())
        .unwrap_or("");
    object([("coding", vec![primary, other].into()), ("text", text.into())])
}

/// A CodeableConcept of a repetition.
pub(crate) fn concept(repetition: &Repetition<'_>) -> Json {
    if repetition.raw.is_empty() {
        return Json::Null;
    }
    concept_of(&repetition.parts())
}

/// The CodeableConcept of a field's first repetition.
pub(crate) fn field(segment: &Segment<'_>, number: usize) -> Json {
    concept(&segment.field(number))
}

/// What a coded field calls it: the text, else the code.
pub(crate) fn name(segment: &Segment<'_>, number: usize) -> String {
    let parts = segment.field(number).parts();
    [1, 4, 0]
        .into_iter()
        .filter_map(|index| parts.get(index))
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_default()
}

/// A Coding; nothing without a code. A text alone is no code.
pub(crate) fn coding(code: &str, display: &str, system: &str, edition: &str) -> Json {
    if code.is_empty() {
        return Json::Null;
    }
    object([
        ("system", TABLES.system(system, edition).into()),
        ("code", code.into()),
        ("display", display.into()),
    ])
}

/// A CodeableConcept with one coding of a FHIR system.
pub(crate) fn fixed(system: &str, code: &str) -> Json {
    if code.is_empty() {
        return Json::Null;
    }
    object([(
        "coding",
        object([("system", system.into()), ("code", code.into())]).one(),
    )])
}

/// A quantity with its unit, as it is written and in UCUM where that is sure.
pub(crate) fn quantity(digits: &str, comparator: Option<&str>, unit: &Unit) -> Json {
    let value = Json::number(digits);
    if value.is_empty() {
        return Json::Null;
    }
    object([
        ("value", value),
        ("comparator", comparator.into()),
        ("unit", unit.text.as_str().into()),
        ("system", unit.system.as_str().into()),
        ("code", unit.code.as_str().into()),
    ])
}

/// A unit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unit {
    text: String,
    system: String,
    code: String,
}

/// The unit of a coded field (`cm^cm^ISO+`, `TAB^錠^MR9P`).
pub(crate) fn unit(segment: &Segment<'_>, number: usize) -> Unit {
    unit_of(&segment.field(number).parts())
}

/// The unit of these parts: code, text, system.
pub(crate) fn unit_of(parts: &[String]) -> Unit {
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    let (code, text, system) = (part(0), part(1), part(2));
    let shown = if text.is_empty() { code } else { text };
    let ucum = || TABLES.unit(code).or_else(|| TABLES.unit(text));
    match system {
        "" | "ISO+" | "UCUM" | "ANS+" => match ucum() {
            Some(ucum) => Unit {
                text: shown.to_owned(),
                system: "http://unitsofmeasure.org".to_owned(),
                code: ucum.to_owned(),
            },
            None => Unit {
                text: shown.to_owned(),
                ..Unit::default()
            },
        },
        _ => Unit {
            text: shown.to_owned(),
            system: if code.is_empty() {
                String::new()
            } else {
                TABLES.system(system, "")
            },
            code: code.to_owned(),
        },
    }
}

/// The name of a person field (XPN, XCN from component `first`): family, given.
pub(crate) fn person_name(repetition: &Repetition<'_>, first: usize) -> String {
    let family = repetition.text(first);
    // Family names may carry prefixes as subcomponents.
    let family = family.split('&').next().unwrap_or("").trim().to_owned();
    let given = repetition.text(first + 1);
    match (family.is_empty(), given.is_empty()) {
        (true, _) => given,
        (false, true) => family,
        (false, false) => format!("{family} {given}"),
    }
}

/// A reference to a practitioner by number and name (XCN).
pub(crate) fn practitioner(repetition: &Repetition<'_>) -> Json {
    let name = person_name(repetition, 2);
    let number = repetition.text(1);
    if name.is_empty() && number.is_empty() {
        return Json::Null;
    }
    object([
        (
            "type",
            if number.is_empty() {
                Json::Null
            } else {
                "Practitioner".into()
            },
        ),
        ("identifier", object([("value", number.into())])),
        ("display", name.into()),
    ])
}

/// URI of who assigned a number (HD: namespace, universal id, its type).
pub(crate) fn issuer(repetition: &Repetition<'_>, component: usize) -> String {
    let parts = repetition.subcomponents(component);
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    match (part(1), part(2)) {
        ("", _) => part(0).to_owned(),
        (oid, "ISO") => format!("urn:oid:{oid}"),
        (uuid, "UUID") => format!("urn:uuid:{uuid}"),
        (other, _) => other.to_owned(),
    }
}
