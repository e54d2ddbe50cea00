#![expect(clippy::non_ascii_literal, reason = "Japanese is what is tested")]

use super::{Asked, conflicts, query, rows};
use crate::web::error::WebError;
use crate::web::pages::medications;
use crate::web::permit::tests::{desk, server};
use crate::web::state::{App, Desk};
use serde_json::{Value, json};
use tsumugi_access::Action;
use tsumugi_clinical::Patient;
use tsumugi_coding::ImportContext;
use tsumugi_records::{
    AccessKind, Evidence, Moment, PatientId, Population, ReceivedPerson, ReceivedPlace, ReceivedResource,
    ReceivedStatement, Reception, ReceptionBatch, Stamp, Standing, Topic, TopicRow,
};

/// Keeps a resource of another system, with its events, as of the patient with the number 4711.
pub(crate) fn receive(app: &App, key: &str, resource: &Value) {
    let context = ImportContext {
        patient: &Patient::default(),
        date: "2026-11-28".parse().ok(),
        evidence: None,
        codes: &app.coder.vocabulary().maps(),
        beside: &[],
    };
    let events = app.coder.import(&context, resource).events;
    assert!(!events.is_empty(), "{resource}");
    let json = resource.to_string().into_bytes();
    let stamp = Stamp {
        author: "test".to_owned(),
        at: Moment::parse("2026-11-28T12:00").unwrap(),
    };
    let statement = ReceivedStatement {
        place: ReceivedPlace {
            file: "x".to_owned(),
            line: None,
            field: None,
        },
        person: ReceivedPerson {
            number: "4711".to_owned(),
            ..ReceivedPerson::default()
        },
        key: key.to_owned(),
        sequence: String::new(),
        standing: Standing::Valid,
        evidence: Evidence::Care,
        observed_at: Moment::parse("2026-11-28T10:00").unwrap(),
        bytes: json.clone(),
        charset: "utf-8".to_owned(),
        resources: vec![ReceivedResource {
            kind: resource["resourceType"].as_str().unwrap().to_owned(),
            json,
        }],
        events,
        edition: "e".to_owned(),
        texts: Vec::new(),
    };
    let batch = ReceptionBatch {
        population: Population::Real,
        standard: "fhir".to_owned(),
        way: "command".to_owned(),
        facility: None,
        replay_of: None,
        stamp,
        entry: None,
        items: vec![Reception::Statement(Box::new(statement))],
    };
    app.store.receive(batch).unwrap();
}

fn temperature(value: &str, at: &str) -> Value {
    json!({
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value.parse::<f64>().unwrap(), "unit": "Cel", "system": "http://unitsofmeasure.org", "code": "Cel"},
    })
}

fn dispensed(from: &str, days: u32, prescriber: &str) -> Value {
    json!({
        "resourceType": "MedicationDispense", "status": "completed",
        "medicationCodeableConcept": {"text": "アムロジピン錠5mg"},
        "authorizingPrescription": [{"display": prescriber}],
        "whenHandedOver": from,
        "daysSupply": {"value": days, "code": "d", "system": "http://unitsofmeasure.org"},
        "dosageInstruction": [{"text": "1回1錠 1日1回 朝食後"}],
    })
}

fn told(desk: &Desk, id: PatientId, topic: &str) -> Result<Vec<TopicRow>, WebError> {
    let asked = Asked {
        from: String::new(),
        to: String::new(),
        topic: topic.to_owned(),
        stretches: None,
    };
    let standing = desk.may(Action::Read, &desk.app.store.patient(id)?)?;
    rows(desk, id, &query(&asked)?, &desk.notes(&standing, &[])?)
}

fn shown(desk: &Desk, id: PatientId) -> String {
    let response = medications::page(desk, id).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(axum::body::to_bytes(response.into_body(), 1 << 20));
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

#[test]
fn sources_meet_on_one_row_and_what_disagrees_is_shown_with_both() {
    let (app, id, _) = server();
    receive(&app, "a", &temperature("39.2", "2026-11-28T08:00:00+09:00"));
    receive(&app, "b", &temperature("39.2", "2026-11-28T08:00:00+09:00"));
    let sato = desk(&app, "sato", "physician");
    let found = told(&sato, id, "test,finding").unwrap();
    let measured = found.iter().find(|row| row.topic == Topic::Test).unwrap();
    assert_eq!(
        (
            measured.events,
            measured.marks.len(),
            measured.marks[0].also.len()
        ),
        (2, 1, 1)
    );
    let fever = found.iter().find(|row| row.concept.as_str() == "fever").unwrap();
    assert_eq!(fever.marks.len(), 1);
    let standing = sato.may(Action::Read, &app.store.patient(id).unwrap()).unwrap();
    let readable = sato.notes(&standing, &[]).unwrap();
    assert_eq!(conflicts(&sato, id, &readable).unwrap().into_string(), "");
    receive(&app, "c", &temperature("36.4", "2026-11-28T08:00:00+09:00"));
    let page = conflicts(&sato, id, &readable).unwrap().into_string();
    assert!(page.contains("39.2") && page.contains("36.4"), "{page}");
    // One contradiction, though fever and temperature are two rows; each source with its place.
    assert_eq!(page.matches("<li>").count(), 1, "{page}");
    assert!(page.contains("[fhir x]"), "{page}");
    assert!(matches!(
        told(&sato, id, "tests"),
        Err(WebError::Bad("topics.bad-topic"))
    ));
}

#[test]
fn the_medication_list_names_institutions_gaps_and_overlaps() {
    let (app, id, _) = server();
    let sato = desk(&app, "sato", "physician");
    assert!(shown(&sato, id).contains("記録された薬はありません"));
    receive(&app, "a", &dispensed("2026-08-01", 28, "さくら医院"));
    receive(&app, "b", &dispensed("2026-11-01", 28, "さくら医院"));
    receive(&app, "c", &dispensed("2026-11-10", 28, "みなと<b>病院"));
    let page = shown(&sato, id);
    assert!(
        page.contains("アムロジピン") && page.contains("さくら医院"),
        "{page}"
    );
    // Names of institutions are text.
    assert!(page.contains("みなと&lt;b&gt;病院") && !page.contains("<b>病院"));
    assert!(
        page.contains("供給の記録がありません") && page.contains("重なっています"),
        "{page}"
    );
    assert_eq!(page.matches("<strong>アムロジピン").count(), 1);
}

#[test]
fn who_may_not_read_the_record_sees_no_topics_and_no_drugs() {
    let (app, id, _) = server();
    let sato = desk(&app, "sato", "physician");
    assert!(told(&sato, id, "").is_ok());
    let names = std::collections::BTreeSet::from(["hiv".to_owned()]);
    let stamp = Stamp {
        author: "test".to_owned(),
        at: Moment::parse("2026-11-28T12:00").unwrap(),
    };
    app.store
        .set_access_names(id, None, AccessKind::Label, names, stamp)
        .unwrap();
    let sato = desk(&app, "sato", "physician");
    assert!(matches!(told(&sato, id, ""), Err(WebError::Denied(_))));
    assert!(matches!(medications::page(&sato, id), Err(WebError::Denied(_))));
}
