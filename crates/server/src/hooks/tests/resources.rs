//! FHIR resources as they come from other systems, and the facts that they become.

use super::Site;
use crate::hooks::reader::{self, Reading};
use crate::hooks::request::Request;
use crate::hooks::subject::Subject;
use crate::hooks::{Service, drafts::Ordered};
use crate::web::Language;
use serde_json::{Value, json};
use tsumugi_cds::Patient;
use tsumugi_clinical::{Certainty, Phase, Polarity, Quantity};

/// Reads one resource in the prefetch of a woman born in 1958.
fn read(site: &Site, key: &str, resource: &Value) -> (Patient, Reading) {
    let body = json!({
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/a", "patientId": "p"},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1958-02-03"},
            key: resource,
        },
    });
    let call = site.call(Language::Japanese);
    let request = Request::read(Service::PatientView, &body).unwrap();
    let reading = reader::read(call, &request).unwrap();
    let subject = Subject::new(call, None, false, &reading).unwrap();
    (subject.patient, reading)
}

/// The facts of a patient, one line each.
fn lines(patient: &Patient) -> Vec<String> {
    let mut lines = Vec::new();
    for fact in &patient.facts {
        let polarity = if fact.polarity == Polarity::Absent {
            "no "
        } else {
            ""
        };
        let certainty = if fact.certainty == Certainty::Suspected {
            "suspected "
        } else {
            ""
        };
        lines.push(format!(
            "{polarity}{certainty}{}{}",
            phase(fact.phase),
            fact.state
        ));
    }
    for (test, values) in &patient.measures {
        lines.extend(values.iter().map(|value| format!("{test} {}", value.value)));
    }
    for (test, words) in &patient.words {
        lines.extend(words.iter().map(|(words, _)| format!("{test} \"{words}\"")));
    }
    for usage in &patient.drugs {
        let polarity = if usage.polarity == Polarity::Absent {
            "no "
        } else {
            ""
        };
        lines.push(format!("{polarity}{}{}", phase(usage.phase), usage.drug));
    }
    for allergy in &patient.allergies {
        let polarity = if allergy.polarity == Polarity::Absent {
            "no "
        } else {
            ""
        };
        lines.push(format!("{polarity}allergy {}", allergy.to));
    }
    lines
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Current => "",
        Phase::Past => "past ",
        Phase::Planned => "planned ",
        Phase::Stopped => "ended ",
    }
}

#[test]
fn resources_become_facts_or_are_listed_as_not_covered() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/hooks/resources.json")).unwrap();
    let strings = |value: &Value| -> Vec<String> {
        let all = value.as_array().into_iter().flatten();
        all.map(|own| own.as_str().unwrap().to_owned()).collect()
    };
    let site = Site::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let (patient, reading) = read(&site, case["key"].as_str().unwrap(), &case["resource"]);
        let (facts, wanted) = (lines(&patient), strings(&case["facts"]));
        let is_told = wanted.iter().all(|line| facts.contains(line)) && wanted.is_empty() == facts.is_empty();
        let uncovered: Vec<String> = reading
            .uncovered
            .iter()
            .map(|own| format!("{} {} {}", own.kind, own.name, own.why.word()))
            .collect();
        if !is_told || uncovered != strings(&case["uncovered"]) {
            wrong.push(format!(
                "{}: {facts:?}, not {wanted:?}; not covered {uncovered:?}",
                case["case"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The dosage of a draft, in one line: strength, amount, times a day, words, route.
fn dosage_of(site: &Site, resource: &Value) -> String {
    let body = json!({
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/a", "patientId": "p",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": resource}]}},
    });
    let request = Request::read(Service::OrderSign, &body).unwrap();
    let reading = reader::read(site.call(Language::Japanese), &request).unwrap();
    let Ordered::Drug(order) = &reading.drafts[0].what else {
        panic!("no drug: {resource}");
    };
    let quantity = |quantity: &Option<Quantity>| {
        let own = quantity.as_ref();
        let own = own.map(|own| format!("{} {}", own.number.clone().unwrap(), own.unit.clone().unwrap()));
        own.unwrap_or_else(|| "-".to_owned())
    };
    let dosage = &order.dosage;
    let times = dosage
        .times_per_day
        .map_or_else(|| "-".to_owned(), |times| times.to_string());
    let parts = [
        quantity(&dosage.strength),
        quantity(&dosage.amount),
        times,
        dosage.text.clone(),
        dosage.route.clone().unwrap_or_else(|| "-".to_owned()),
    ];
    parts.join(" | ")
}

#[test]
fn dosages_say_how_much_a_dose_and_how_often() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../tests/hooks/dosages.json")).unwrap();
    let site = Site::new();
    for case in &cases {
        let resource = json!({"resourceType": "MedicationRequest", "id": "rx", "status": "draft",
            "medicationCodeableConcept": {"text": case["drug"]}, "dosageInstruction": [case["instruction"]]});
        assert_eq!(dosage_of(&site, &resource), case["dosage"], "{}", case["case"]);
    }
}
