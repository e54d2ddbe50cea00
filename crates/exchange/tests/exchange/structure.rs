//! What every bundle must hold, whatever the note: references resolve, ids are unique, required elements are there.

use crate::notes::{Case, event, golden};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tsumugi_clinical::Event;
use tsumugi_exchange::fhir::patient_bundle;

/// Required elements of R4, each with the forms that satisfy it.
const REQUIRED: &[(&str, &[&[&str]])] = &[
    ("Patient", &[&["identifier"]]),
    ("DocumentReference", &[&["status"], &["content"]]),
    (
        "Provenance",
        &[&["target"], &["recorded", "_recorded"], &["agent"]],
    ),
    (
        "Condition",
        &[&["subject"], &["code"], &["verificationStatus"], &["category"]],
    ),
    (
        "Observation",
        &[&["status"], &["code"], &["subject"], &["category"]],
    ),
    (
        "MedicationStatement",
        &[&["status"], &["medicationCodeableConcept"], &["subject"]],
    ),
    (
        "MedicationRequest",
        &[
            &["status"],
            &["intent"],
            &["medicationCodeableConcept"],
            &["subject"],
        ],
    ),
    ("Procedure", &[&["status"], &["subject"], &["code"]]),
    (
        "ServiceRequest",
        &[&["status"], &["intent"], &["subject"], &["code"]],
    ),
    (
        "AllergyIntolerance",
        &[
            &["patient"],
            &["code"],
            &["clinicalStatus"],
            &["verificationStatus"],
        ],
    ),
    (
        "FamilyMemberHistory",
        &[&["status"], &["patient"], &["relationship"]],
    ),
    (
        "Immunization",
        &[
            &["status"],
            &["vaccineCode"],
            &["patient"],
            &["occurrenceDateTime", "occurrenceString"],
        ],
    ),
];

fn check(bundle: &Value) {
    assert_eq!(bundle["resourceType"], "Bundle");
    assert_eq!(bundle["type"], "collection");
    let entries = bundle["entry"].as_array().unwrap();
    let urls: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry["fullUrl"].as_str().unwrap())
        .collect();
    assert_eq!(urls.len(), entries.len(), "full URLs are unique");
    for entry in entries {
        let resource = &entry["resource"];
        assert_eq!(
            entry["fullUrl"],
            format!("urn:uuid:{}", resource["id"].as_str().unwrap())
        );
        assert!(resource["meta"]["source"].is_string() && resource["meta"]["tag"].is_array());
        let kind = resource["resourceType"].as_str().unwrap();
        let (_, required) = REQUIRED.iter().find(|(known, _)| *known == kind).expect(kind);
        for forms in *required {
            assert!(
                forms.iter().any(|form| resource.get(form).is_some()),
                "{kind} needs {forms:?}: {resource}"
            );
        }
        check_conditions(resource);
        check_vital_signs(resource);
    }
    check_values(bundle, &urls);
}

/// Rules con-3 and con-4 of R4.
fn check_conditions(resource: &Value) {
    if resource["resourceType"] != "Condition" {
        return;
    }
    let status = &resource["clinicalStatus"]["coding"][0]["code"];
    let on_list = resource["category"][0]["coding"][0]["code"] == "problem-list-item";
    assert!(!on_list || status.is_string(), "con-3: {resource}");
    assert!(
        resource.get("abatementDateTime").is_none() || status == "resolved",
        "con-4: {resource}"
    );
}

/// Vital signs and results have a time, and of vital signs at least the day.
fn check_vital_signs(resource: &Value) {
    let category = &resource["category"][0]["coding"][0]["code"];
    if resource["resourceType"] == "Observation" && (category == "vital-signs" || category == "laboratory") {
        let time = resource
            .get("effectiveDateTime")
            .or(resource.get("effectivePeriod"))
            .or(resource.get("_effectiveDateTime"));
        assert!(time.is_some(), "{resource}");
        let is_day = resource["effectiveDateTime"]
            .as_str()
            .is_none_or(|time| time.len() >= 10);
        assert!(category != "vital-signs" || is_day, "vs-1: {resource}");
    }
}

/// Nothing is empty, every reference leads somewhere.
fn check_values(value: &Value, urls: &BTreeSet<&str>) {
    match value {
        Value::Object(map) => {
            assert!(!map.is_empty());
            for (key, value) in map {
                if key == "reference" {
                    assert!(urls.contains(value.as_str().unwrap()), "{value} leads nowhere");
                }
                check_values(value, urls);
            }
        }
        Value::Array(list) => {
            assert!(!list.is_empty());
            for value in list {
                check_values(value, urls);
            }
        }
        Value::String(text) => assert!(!text.is_empty()),
        Value::Null => panic!("null"),
        Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn golden_bundles_are_sound() {
    for (_, case) in golden() {
        check(&case.bundle());
    }
}

/// Every kind in every polarity, certainty, experiencer and phase, with and without value and time.
fn every_event() -> Vec<Event> {
    let kinds = [
        ("condition", "pneumonia"),
        ("finding", "fever"),
        ("finding", "normal-abdomen"),
        ("measurement", "test.hba1c"),
        ("measurement", "test.body-temperature"),
        ("medication", "drug.amlodipine"),
        ("procedure", "proc.surgery"),
        ("examination", "exam.ct"),
        ("allergy", "allergen.abalone"),
        ("lifestyle", "life.smoking"),
        ("lifestyle", "life.no-known-allergy"),
        ("preference", "wish.dnar"),
        ("immunization", "drug.influenza-vaccine"),
    ];
    let times = [
        json!(null),
        json!({ "from": "2026-03-01T00:00:00", "to": "2026-03-31T23:59:00", "precision": "month" }),
        json!({ "from": "2026-03-01T10:00:00", "precision": "minute", "frame": "since" }),
        json!({ "to": "2026-03-01T00:00:00", "precision": "day", "frame": "until" }),
        json!({ "precision": "vague", "text": "昔" }),
    ];
    let values = [
        json!(null),
        json!({ "number": "39.0", "high": "39.5", "unit": "Cel" }),
        json!({ "text": "2+" }),
    ];
    let mut events = Vec::new();
    for (kind, concept) in kinds {
        for polarity in ["present", "absent"] {
            for certainty in ["asserted", "suspected", "general"] {
                for experiencer in ["patient", "family", "other"] {
                    for phase in ["current", "past", "planned", "stopped"] {
                        for (time, value) in times
                            .iter()
                            .flat_map(|time| values.iter().map(move |value| (time, value)))
                        {
                            events.push(event(kind, concept, json!({
                                "polarity": polarity, "certainty": certainty, "experiencer": experiencer, "phase": phase,
                                "time": time, "value": value, "resolved": phase == "past",
                            })));
                        }
                    }
                }
            }
        }
    }
    events
}

#[test]
fn bundles_of_every_kind_of_event_are_sound() {
    let mut case = Case::new("all", "所見").entity("所見", "d", json!({}));
    case.structured.events = every_event();
    check(&case.bundle());
    // Nor does anything depend on the date and the patient being known.
    case.note.date = None;
    case.note.patient = None;
    check(&case.bundle());
}

#[test]
fn a_patients_notes_are_one_bundle_with_one_patient() {
    let mut cases: Vec<Case> = golden().into_iter().map(|(_, case)| case).collect();
    // A note whose record is not named is the same patient's all the same: the caller says so.
    cases[1].note.patient.as_mut().unwrap().id = None;
    let apart: usize = cases
        .iter()
        .map(|case| case.bundle()["entry"].as_array().unwrap().len())
        .sum();
    let all = patient_bundle(cases.iter().map(Case::bundle));
    check(&all);
    assert_eq!(crate::notes::of_type(&all, "Patient").len(), 1);
    assert_eq!(all["entry"].as_array().unwrap().len(), apart - 2);
    // The same note twice adds nothing.
    let twice = patient_bundle([cases[0].bundle(), cases[0].bundle()]);
    assert_eq!(twice["entry"], patient_bundle([cases[0].bundle()])["entry"]);
}
