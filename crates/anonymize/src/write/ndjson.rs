//! FHIR R4 as NDJSON: a resource a line. A person is a Patient without a name, whose coarse values are extensions; a fact is the
//! resource of its kind under the pseudonym. There are no dates: the day of the person's first fact is day 1, in an extension.

use super::{RowsAre, WriteError, batches};
use crate::frame::Frame;
use serde_json::{Map, Value, json};
use std::io::Write;
use tsumugi_terminology::system;

/// Where our extensions are described.
const EXTENSION: &str = "https://tsumugi.example/StructureDefinition/";
/// Values of `Patient.gender`.
const GENDERS: [&str; 3] = ["female", "male", "unknown"];

pub(super) fn write<E>(
    frame: &Frame,
    rows_are: RowsAre,
    out: &mut dyn Write,
    holds: &mut dyn FnMut() -> Result<(), E>,
) -> Result<(), WriteError<E>> {
    let mut bytes = Vec::new();
    let mut last = String::new();
    for batch in batches(frame) {
        holds().map_err(WriteError::Ended)?;
        for row in batch {
            let number = row + 1;
            match rows_are {
                RowsAre::Persons => {
                    let columns = frame
                        .columns()
                        .iter()
                        .map(|column| (column.name.as_str(), column.value(row)));
                    push(&mut bytes, &patient(&format!("row-{number}"), columns))?;
                }
                RowsAre::Facts => {
                    let cell = |name: &str| frame.column(name).map_or("", |column| column.value(row));
                    // Rows are sorted by person, so that each comes before its facts, once.
                    if cell("person") != last {
                        cell("person").clone_into(&mut last);
                        let columns = ["sex", "age", "region"].map(|name| (name, cell(name)));
                        push(&mut bytes, &patient(&last, columns.into_iter()))?;
                    }
                    push(&mut bytes, &fact(&format!("fact-{number}"), &cell))?;
                }
            }
        }
        out.write_all(&bytes)?;
        bytes.clear();
    }
    Ok(())
}

fn push<E>(bytes: &mut Vec<u8>, resource: &Value) -> Result<(), WriteError<E>> {
    serde_json::to_writer(&mut *bytes, resource).map_err(|error| WriteError::Format(error.to_string()))?;
    bytes.push(b'\n');
    Ok(())
}

fn patient<'c>(id: &str, columns: impl Iterator<Item = (&'c str, &'c str)>) -> Value {
    let mut patient = Map::new();
    patient.insert("resourceType".to_owned(), "Patient".into());
    patient.insert("id".to_owned(), id.into());
    let mut extensions = Vec::new();
    for (name, value) in columns {
        if name == "sex" && GENDERS.contains(&value) {
            patient.insert("gender".to_owned(), value.into());
        } else {
            extensions.push(json!({"url": format!("{EXTENSION}{name}"), "valueString": value}));
        }
    }
    if !extensions.is_empty() {
        patient.insert("extension".to_owned(), extensions.into());
    }
    patient.into()
}

fn fact<'c>(id: &str, cell: &impl Fn(&str) -> &'c str) -> Value {
    let subject = json!({"reference": format!("Patient/{}", cell("person"))});
    let code = code(cell);
    let is_absent = cell("stated") == "absent";
    let mut fact = match cell("kind") {
        "condition" => json!({"resourceType": "Condition", "code": code, "subject": subject}),
        "medication" => json!({
            "resourceType": "MedicationStatement", "status": if is_absent { "not-taken" } else { "unknown" },
            "medicationCodeableConcept": code, "subject": subject,
        }),
        "procedure" | "examination" => json!({
            "resourceType": "Procedure", "status": if is_absent { "not-done" } else { "unknown" },
            "code": code, "subject": subject,
        }),
        "allergy" => json!({"resourceType": "AllergyIntolerance", "code": code, "patient": subject}),
        "immunization" => json!({
            "resourceType": "Immunization", "status": if is_absent { "not-done" } else { "completed" },
            "vaccineCode": code, "patient": subject, "occurrenceString": format!("day {}", cell("day")),
        }),
        _ => observation(&code, &subject, is_absent, cell),
    };
    let (terms, is_verified) = match cell("kind") {
        "condition" => ("http://terminology.hl7.org/CodeSystem/condition-ver-status", true),
        "allergy" => (
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
            true,
        ),
        _ => ("", false),
    };
    if let Some(fields) = fact.as_object_mut() {
        if is_verified {
            let word = if is_absent { "refuted" } else { "confirmed" };
            let status = json!({"coding": [{"system": terms, "code": word}]});
            fields.insert("verificationStatus".to_owned(), status);
        }
        fields.insert("id".to_owned(), id.into());
        let day: i64 = cell("day").parse().unwrap_or_default();
        let day = json!([{"url": format!("{EXTENSION}day"), "valueInteger": day}]);
        fields.insert("extension".to_owned(), day);
    }
    fact
}

fn observation<'c>(code: &Value, subject: &Value, is_absent: bool, cell: &impl Fn(&str) -> &'c str) -> Value {
    let mut observation =
        json!({"resourceType": "Observation", "status": "final", "code": code, "subject": subject});
    let value = cell("value");
    let number = value.parse::<f64>().ok().filter(|_| is_plain_decimal(value));
    let (field, value) = match number {
        Some(_) => ("valueQuantity", quantity(value, cell("unit"))),
        None if value.is_empty() => ("valueBoolean", (!is_absent).into()),
        None => ("valueString", value.into()),
    };
    if let Some(fields) = observation.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    observation
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.ends_with(|last: char| last.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && (digits.len() == 1 || !digits.starts_with('0') || digits.starts_with("0."))
}

/// A quantity; zeros at the end of a fraction are not kept.
fn quantity(value: &str, unit: &str) -> Value {
    let number: Value = serde_json::from_str(value).unwrap_or_default();
    let mut quantity = json!({"value": number});
    if let Some(fields) = quantity.as_object_mut().filter(|_| !unit.is_empty()) {
        fields.insert("unit".to_owned(), unit.into());
        fields.insert("system".to_owned(), "http://unitsofmeasure.org".into());
        fields.insert("code".to_owned(), unit.into());
    }
    quantity
}

/// The code; one that became coarser is no code of the system any more, and stands as text.
fn code<'c>(cell: &impl Fn(&str) -> &'c str) -> Value {
    let code = cell("code");
    let known = [
        system::ICD10,
        system::ATC,
        system::LOINC,
        system::HPO,
        system::JLAC10,
        system::TSUMUGI,
    ];
    let address = known
        .into_iter()
        .find(|address| system::label(address) == cell("system"));
    match address.filter(|_| cell("exactness") == "exact") {
        Some(address) => json!({"coding": [{"system": address, "code": code}]}),
        None => json!({"text": format!("{} {code}", cell("system"))}),
    }
}
