//! One fact from every source: what a note says, and what a device, a laboratory, a form or a pharmacy sends.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tsumugi_clinical::{Event, Evidence, Interpretation, Note, Patient, Phase, Polarity};
use tsumugi_coding::{Coder, ImportContext, Imported, NoCodes, Record};

#[expect(clippy::expect_used, reason = "without an engine there is nothing to test")]
static CODER: LazyLock<Coder> =
    LazyLock::new(|| Coder::embedded().expect("the tables of data/ make an engine"));

const LOINC: &str = "http://loinc.org";
const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
const YJ: &str = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";

fn import(resource: &Value) -> Imported {
    let patient = Patient::default();
    CODER.import(&context(&patient), resource)
}

fn context(patient: &Patient) -> ImportContext<'_> {
    ImportContext {
        patient,
        date: "2026-11-22".parse().ok(),
        evidence: None,
        codes: &NoCodes,
        beside: &[],
    }
}

/// A value as a source sends it: a number with its unit, else words; behind `|` a flag.
fn with_value(mut element: Value, written: &str) -> Value {
    let (written, flag) = match written.split_once('|') {
        Some((written, flag)) => (written.trim(), Some(flag.trim())),
        None => (written.trim_end(), None),
    };
    let (number, unit) = written.trim().split_once(' ').unwrap_or((written.trim(), ""));
    let number = number.parse::<serde_json::Number>().ok().filter(|_| !unit.trim().starts_with('+'));
    if let Some(number) = number {
        element["valueQuantity"] = json!({ "value": number, "unit": unit });
    } else {
        element["valueString"] = json!(written);
    }
    if let Some(flag) = flag {
        element["interpretation"] = json!([{ "coding": [{ "code": flag }] }]);
    }
    element
}

fn observation(system: &str, form: &str) -> Value {
    let (code, value) = form.split_once(" = ").unwrap();
    let (code, name) = code.split_once(' ').unwrap_or((code, ""));
    let element = json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": system, "code": code }], "text": name },
    });
    with_value(element, value)
}

fn drug(kind: &str, status: &str, form: &str) -> Value {
    let (code, name) = form.split_once(' ').unwrap_or((form, ""));
    let is_atc = code.len() == 7 && code.starts_with(|c: char| c.is_ascii_alphabetic());
    let system = match code.len() {
        _ if is_atc => "http://www.whocc.no/atc",
        9 => "http://medis.or.jp/CodeSystem/master-HOT9",
        _ => YJ,
    };
    json!({
        "resourceType": kind,
        "status": status,
        "medicationCodeableConcept": {
            "coding": if code == "-" { json!([]) } else { json!([{ "system": system, "code": code, "display": name }]) },
            "text": name,
        },
    })
}

fn answer(form: &str) -> Value {
    let (question, said) = form.split_once(" = ").unwrap();
    let value = match said {
        "true" | "false" => json!({ "valueBoolean": said == "true" }),
        _ => match said.parse::<serde_json::Number>() {
            Ok(number) => json!({ "valueDecimal": number }),
            Err(_) => json!({ "valueString": said }),
        },
    };
    json!({
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "item": [{ "linkId": "g", "item": [{ "linkId": question, "text": question, "answer": [value] }] }],
    })
}

fn condition(system: &str, form: &str) -> Value {
    let (named, status) = match form.split_once(" ; ") {
        Some((named, status)) => (named, Some(status)),
        None => (form, None),
    };
    let (code, name) = named.split_once(' ').unwrap();
    let mut resource = json!({
        "resourceType": "Condition",
        "code": { "coding": [{ "system": system, "code": code, "display": name }], "text": name },
    });
    let field = match status {
        Some("unconfirmed" | "refuted" | "provisional") => "verificationStatus",
        _ => "clinicalStatus",
    };
    if let Some(status) = status {
        resource[field] = json!({ "coding": [{ "code": status }] });
    }
    resource
}

fn resource(source: &str, form: &str) -> Value {
    let named = |kind: &str, field: &str, status: &str| {
        json!({ "resourceType": kind, "status": status, field: { "text": form } })
    };
    match source {
        "loinc" => observation(LOINC, form),
        "jlac10" => observation(JLAC10, form),
        "obx" => {
            let (name, value) = form.split_once(" = ").unwrap();
            let code = json!({ "coding": [{ "system": "urn:local:lab", "code": "0815" }], "text": name });
            with_value(json!({ "resourceType": "Observation", "status": "final", "code": code }), value)
        }
        "device" => {
            let mut resource = observation(LOINC, form);
            resource["device"] = json!({ "display": "device" });
            resource
        }
        "sampled" => {
            let (code, run) = form.split_once(" = ").unwrap();
            let (how, data) = run.split_once(": ").unwrap();
            let how: Vec<&str> = how.split(' ').collect();
            json!({
                "resourceType": "Observation",
                "status": "final",
                "code": { "coding": [{ "system": LOINC, "code": code }] },
                "valueSampledData": {
                    "origin": { "value": how[0].parse::<f64>().unwrap(), "unit": how[1] },
                    "period": 1000,
                    "factor": how[2].parse::<f64>().unwrap(),
                    "dimensions": 1,
                    "data": data,
                },
            })
        }
        "answer" => answer(form),
        "icd10" => condition(ICD10, form),
        "medis" => condition("http://medis.or.jp/CodeSystem/master-disease-keyNumber", form),
        "words" => json!({ "resourceType": "Condition", "code": { "text": form } }),
        "dispense" | "hot" => drug("MedicationDispense", "completed", form),
        "request" => drug("MedicationRequest", "active", form),
        "stopped" => drug("MedicationRequest", "stopped", form),
        "statement" => drug("MedicationStatement", "active", form),
        "allergy" => named("AllergyIntolerance", "code", "active"),
        "immunization" => named("Immunization", "vaccineCode", "completed"),
        "procedure" => named("Procedure", "code", "completed"),
        "order" => named("ServiceRequest", "code", "active"),
        "family" => {
            let (who, what) = form.split_once(' ').unwrap();
            let relationship = if who.is_ascii() { json!({ "coding": [{ "code": who }] }) } else { json!({ "text": who }) };
            json!({
                "resourceType": "FamilyMemberHistory",
                "status": "completed",
                "relationship": relationship,
                "condition": [{ "code": { "text": what } }],
            })
        }
        "consent" => json!({ "resourceType": "Consent", "status": "active", "provision": { "code": [{ "text": form }] } }),
        "json" => serde_json::from_str(form).unwrap(),
        other => panic!("no source {other}"),
    }
}

fn facts(source: &str, form: &str) -> Vec<String> {
    let note = Note {
        text: form.to_owned(),
        date: "2026-11-22".parse().ok(),
        ..Note::default()
    };
    let events = if source == "note" {
        CODER.structure(&note).events
    } else {
        import(&resource(source, form)).events
    };
    events.iter().map(|event| event.fact.to_string()).collect()
}

#[test]
fn every_source_states_the_same_fact() {
    let table = include_str!("golden/sources.tsv");
    let mut wrong = Vec::new();
    let mut cases: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (line, row) in table.lines().enumerate().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [case, source, form, fact] = cells[..] else { panic!("line {}: {row}", line + 1) };
        let got = facts(source, form);
        let known = cases.entry(case).or_default();
        known.0 += 1;
        known.1 |= source == "note";
        if fact.is_empty() || !got.iter().any(|own| own == fact) {
            wrong.push(format!("{case} ¦ {source} ¦ {form} ¦ wanted {fact} ¦ got {}", got.join(" ")));
        }
    }
    assert!(cases.len() >= 60, "{} facts", cases.len());
    for (case, (sources, has_note)) in cases {
        assert!(sources >= 2 && has_note, "{case} needs a note and another source");
    }
    assert!(wrong.is_empty(), "{} forms\n{}", wrong.len(), wrong.join("\n"));
}
