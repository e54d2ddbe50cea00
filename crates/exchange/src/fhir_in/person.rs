//! Whose a resource is: the Patient of a bundle, with numbers and names.

use super::look::{at, list, text, text_of};
use crate::incoming::Person;
use serde_json::Value;
use tsumugi_clinical::Sex;

/// Numbers of a patient in a facility (an OID with the facility's number behind it).
const FACILITY_NUMBER: &str = "urn:oid:1.2.392.100495.20.3.51";
/// How a name is written (SYL kana, IDE kanji).
const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

/// Reads a Patient resource. The facility's own number leads; a Patient without any has its id.
pub(crate) fn person(patient: &Value) -> Person {
    let mut numbers: Vec<(String, String)> = list(patient, "identifier")
        .filter(|identifier| text(identifier, "use") != Some("old"))
        .filter_map(|identifier| {
            let value = text(identifier, "value").filter(|value| !value.is_empty())?;
            Some((
                text(identifier, "system").unwrap_or("").to_owned(),
                value.to_owned(),
            ))
        })
        .collect();
    if let Some(own) = numbers
        .iter()
        .position(|(system, _)| system.starts_with(FACILITY_NUMBER))
    {
        numbers.swap(0, own);
    }
    if let Some(id) = text(patient, "id") {
        numbers.push((String::new(), format!("Patient/{id}")));
    }
    let mut numbers = numbers.into_iter();
    let (issuer, number) = numbers.next().unwrap_or_default();
    let (name, kana) = names(patient);
    Person {
        issuer,
        number,
        name,
        kana,
        sex: match text(patient, "gender") {
            Some("male") => Some(Sex::Male),
            Some("female") => Some(Sex::Female),
            Some(_) => Some(Sex::Unknown),
            None => None,
        },
        birth_date: text(patient, "birthDate").and_then(|date| date.parse().ok()),
        other_numbers: numbers.collect(),
    }
}

/// The name in kanji and the name in kana: as marked, else by the characters they are written in.
fn names(patient: &Value) -> (Option<String>, Option<String>) {
    let (mut kanji, mut kana) = (None, None);
    for name in list(patient, "name").filter(|name| text(name, "use") != Some("old")) {
        let Some(written) = written(name) else { continue };
        let marked = list(name, "extension")
            .find(|extension| text(extension, "url") == Some(REPRESENTATION))
            .and_then(|extension| text(extension, "valueCode"));
        let is_kana = match marked {
            Some("SYL") => true,
            Some(_) => false,
            None => written.chars().all(is_kana),
        };
        if is_kana { &mut kana } else { &mut kanji }.get_or_insert(written);
    }
    (kanji, kana)
}

fn written(name: &Value) -> Option<String> {
    let parts = || {
        let family = text_of(at(name, "family"));
        let given = list(name, "given").filter_map(Value::as_str).map(str::to_owned);
        let parts: Vec<String> = family.into_iter().chain(given).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    text(name, "text").map(str::to_owned).or_else(parts)
}

/// Hiragana, katakana (of half width, too), the mark of length, and blanks.
fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309F}' | '\u{30A0}'..='\u{30FF}' | '\u{FF66}'..='\u{FF9F}' | ' ' | '\u{3000}')
}

/// The person of a reference that names no resource which came: its logical identifier, else the reference itself.
pub(crate) fn by_reference(reference: &Value) -> Option<Person> {
    let identifier = at(reference, "identifier");
    if let Some(number) = identifier.and_then(|identifier| text(identifier, "value")) {
        return Some(Person {
            issuer: identifier
                .and_then(|identifier| text(identifier, "system"))
                .unwrap_or("")
                .to_owned(),
            number: number.to_owned(),
            name: text(reference, "display").map(str::to_owned),
            ..Person::default()
        });
    }
    let reference = text(reference, "reference")?;
    let (base, number) = match reference.rfind("Patient/") {
        Some(start) => reference.split_at(start),
        None => ("", reference),
    };
    Some(Person {
        issuer: base.trim_end_matches('/').to_owned(),
        number: number.split("/_history").next().unwrap_or(number).to_owned(),
        ..Person::default()
    })
}
