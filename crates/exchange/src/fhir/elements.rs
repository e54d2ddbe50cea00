//! The small parts that resources are made of: codeable concepts, quantities, references, ids.

use super::systems;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tsumugi_clinical::{Code, Interpretation, Laterality, Quantity, SiteRef};

/// An element name with its value, ready to be put into a resource.
pub(crate) type Field = (&'static str, Value);

/// Drops what is null or empty, all the way down: FHIR has no empty elements.
pub(crate) fn prune(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map
                .into_iter()
                .map(|(key, value)| (key, prune(value)))
                .filter(|(_, value)| !is_empty(value));
            Value::Object(kept.collect())
        }
        Value::Array(list) => Value::Array(
            list.into_iter()
                .map(prune)
                .filter(|value| !is_empty(value))
                .collect(),
        ),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Adds fields to an object.
pub(crate) fn with(mut object: Value, fields: impl IntoIterator<Item = Field>) -> Value {
    if let Value::Object(map) = &mut object {
        map.extend(fields.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    object
}

/// Makes an id from what it is the id of: the same parts give the same id, in the form of a UUID (version 8, RFC 9562).
pub(crate) fn id_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut id = String::with_capacity(36);
    for (place, byte) in hash.finalize().iter().take(16).enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        let byte = match place {
            6 => (byte & 0x0F) | 0x80,
            8 => (byte & 0x3F) | 0x80,
            _ => *byte,
        };
        // Writing into a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The full URL of an id within a bundle.
pub(crate) fn urn(id: &str) -> String {
    format!("urn:uuid:{id}")
}

/// A reference to a full URL.
pub(crate) fn reference(url: &str) -> Value {
    json!({ "reference": url })
}

/// A code of a system without words, where the code says all.
pub(crate) fn code(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

/// Codes with the words of the note. Official systems come first and ours last: receivers in Japan that read one coding
/// only read the first.
pub(crate) fn concept(codes: &[Code], words: &str) -> Value {
    let (ours, official): (Vec<&Code>, Vec<&Code>) =
        codes.iter().partition(|code| &*code.system == systems::CONCEPT);
    let coding: Vec<Value> = official.into_iter().chain(ours).map(coding).collect();
    json!({ "coding": coding, "text": words })
}

pub(crate) fn coding(code: &Code) -> Value {
    json!({ "system": &*code.system, "code": &*code.code, "display": &*code.display })
}

/// Where on the body, with the side.
pub(crate) fn body_site(site: Option<&SiteRef>, side: Option<Laterality>) -> Value {
    let place = site.map(
        |site| json!({ "system": systems::CONCEPT, "code": site.concept.as_str(), "display": &*site.name }),
    );
    let side = side.map(|side| {
        let code = match side {
            Laterality::Left => "left",
            Laterality::Right => "right",
            Laterality::Both => "both",
        };
        json!({ "system": systems::LATERALITY, "code": code, "display": code })
    });
    let text = site.map(|site| site.name.to_string());
    prune(json!({ "coding": [place, side], "text": text }))
}

/// A decimal as JSON number. JSON here keeps a number's value and not its text, so that decimals at the end that would be
/// lost (`39.20`) are counted: the second value is the number of decimals as written, where they are not seen.
pub(crate) fn decimal(text: &str) -> Option<(Value, Option<usize>)> {
    let is_plain = text
        .strip_prefix('-')
        .unwrap_or(text)
        .chars()
        .all(|c| c.is_ascii_digit() || c == '.');
    if !is_plain {
        return None;
    }
    let number = match text.parse::<i64>() {
        Ok(whole) => json!(whole),
        Err(_) => Value::Number(serde_json::Number::from_f64(text.parse().ok()?)?),
    };
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let written = decimals(text);
    let lost = (decimals(&number.to_string()) != written).then_some(written);
    Some((number, lost))
}

/// A quantity with its UCUM unit, without comparator: doses and ends of ranges have none. Numbers that are none give
/// nothing.
pub(crate) fn quantity(number: &str, value: &Quantity) -> Option<Value> {
    let (number, lost) = decimal(number)?;
    let precision = lost.map(|decimals| {
        json!({ "extension": [{ "url": systems::PRECISION_EXTENSION, "valueInteger": decimals }] })
    });
    let unit = value.unit.as_deref();
    Some(prune(json!({
        "value": number,
        "_value": precision,
        "unit": unit,
        "system": unit.map(|_| systems::UCUM),
        "code": unit,
    })))
}

/// The value of an observation: a quantity, a range, or words.
pub(crate) fn observed(value: &Quantity) -> Option<Field> {
    let low = value.number.as_deref().and_then(|number| quantity(number, value));
    let high = value.high.as_deref().and_then(|number| quantity(number, value));
    match (low, high) {
        (Some(low), Some(high)) => Some(("valueRange", json!({ "low": low, "high": high }))),
        (Some(one), None) | (None, Some(one)) => {
            let comparator = value
                .comparator
                .map(|comparator| ("comparator", json!(comparator)));
            Some(("valueQuantity", with(one, comparator)))
        }
        (None, None) => {
            let words = value.text.as_deref().or(value.number.as_deref())?;
            Some(("valueCodeableConcept", json!({ "text": words })))
        }
    }
}

/// The interpretation of a value.
pub(crate) fn interpretation(value: &Quantity) -> Value {
    let Some(interpretation) = value.interpretation else {
        return Value::Null;
    };
    let letter = match interpretation {
        Interpretation::Low => "L",
        Interpretation::Normal => "N",
        Interpretation::High => "H",
        Interpretation::Positive => "POS",
        Interpretation::Negative => "NEG",
    };
    json!([code(systems::INTERPRETATION, letter)])
}

/// An element that is required and not known.
pub(crate) fn unknown() -> Value {
    json!({ "extension": [{ "url": systems::ABSENT_EXTENSION, "valueCode": "unknown" }] })
}

/// Bytes in base64 (RFC 4648).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| chunk.get(place).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4_usize {
            let letter = LETTERS
                .get((bits >> (18 - 6 * place)) as usize & 63)
                .copied()
                .map_or('=', char::from);
            out.push(if place > chunk.len() { '=' } else { letter });
        }
    }
    out
}

/// An object from fields.
pub(crate) fn object(fields: impl IntoIterator<Item = Field>) -> Value {
    with(Value::Object(Map::new()), fields)
}
