#![expect(clippy::non_ascii_literal, reason = "Japanese is what is tested")]

use super::{Asked, query, since, source, told};
use crate::web::error::WebError;
use crate::web::permit::tests::{desk, server};
use crate::web::state::Desk;
use crate::web::topics::tests::receive;
use axum::response::Response;
use serde_json::{Value, json};
use tsumugi_access::Action;
use tsumugi_records::{AccessKind, EventId, EventOrigin, LaneQuery, Moment, PatientId, Stamp};

fn asked(from: &str, to: &str, buckets: u32) -> LaneQuery {
    let asked = Asked {
        from: from.to_owned(),
        to: to.to_owned(),
        buckets: Some(buckets),
    };
    query(&asked).unwrap()
}

fn lanes(desk: &Desk, id: PatientId, query: &LaneQuery) -> Result<Value, WebError> {
    let record = desk.app.store.patient(id)?;
    let standing = desk.may(Action::Read, &record)?;
    let readable = desk.notes(&standing, &[])?;
    Ok(serde_json::to_value(told(desk, &record, query, &readable)?).unwrap())
}

fn since_told(desk: &Desk, id: PatientId, drug: &str) -> Result<Value, WebError> {
    let record = desk.app.store.patient(id)?;
    let standing = desk.may(Action::Read, &record)?;
    let readable = desk.notes(&standing, &[])?;
    let asked = since::Asked {
        drug: drug.to_owned(),
        at: None,
    };
    Ok(serde_json::to_value(since::told(desk, &record, &asked, &readable)?).unwrap())
}

fn lane<'v>(told: &'v Value, topic: &str, concept: &str) -> &'v Value {
    let mut lanes = told["lanes"].as_array().unwrap().iter();
    lanes
        .find(|lane| lane["topic"] == topic && lane["concept"] == concept)
        .unwrap_or_else(|| panic!("{topic} {concept}: {told}"))
}

fn creatinine(value: f64, day: &str) -> Value {
    json!({
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "effectiveDateTime": format!("{day}T08:00:00+09:00"),
        "valueQuantity": {"value": value, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
    })
}

fn dispensed(from: &str, days: u32, drug: &str) -> Value {
    json!({
        "resourceType": "MedicationDispense", "status": "completed",
        "medicationCodeableConcept": {"text": drug},
        "whenHandedOver": from,
        "daysSupply": {"value": days, "code": "d", "system": "http://unitsofmeasure.org"},
        "dosageInstruction": [{"text": "1回1錠 1日1回 朝食後"}],
    })
}

fn body(response: Response) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(axum::body::to_bytes(response.into_body(), 1 << 20));
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

/// A patient who takes losartan, with creatinine before and after.
fn with_drug() -> (std::sync::Arc<crate::web::state::App>, PatientId) {
    let (app, id, _) = server();
    for (number, (value, day)) in [(0.80, "2026-03-01"), (0.82, "2026-04-01"), (0.90, "2026-05-01")]
        .into_iter()
        .chain([(1.10, "2026-06-15"), (1.31, "2026-07-15"), (1.40, "2026-08-15")])
        .enumerate()
    {
        receive(&app, &format!("c{number}"), &creatinine(value, day));
    }
    for (number, from) in ["2026-05-10", "2026-06-09", "2026-07-09", "2026-08-08"]
        .into_iter()
        .enumerate()
    {
        receive(
            &app,
            &format!("d{number}"),
            &dispensed(from, 30, "ロサルタンカリウム錠50mg"),
        );
    }
    (app, id)
}

#[test]
fn supplies_become_one_bar_and_values_stand_beside_their_reference() {
    let (app, id) = with_drug();
    let sato = desk(&app, "sato", "physician");
    let told = lanes(&sato, id, &asked("2026-01-01T00:00", "2026-12-01T00:00", 100)).unwrap();
    let drug = lane(&told, "drug", "drug.losartan");
    let spans = drug["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 1, "{drug}");
    assert_eq!(
        (spans[0]["kind"].as_str(), spans[0]["count"].as_u64()),
        (Some("supply"), Some(4))
    );
    let test = lane(&told, "test", "test.creatinine");
    assert_eq!(test["points"]["value"], json!([0.8, 0.82, 0.9, 1.1, 1.31, 1.4]));
    assert!(
        test["high"].as_f64().is_some() && test["unit"] == "mg/dL",
        "{test}"
    );
    // The note of the patient is a lane of its own.
    assert_eq!(lane(&told, "document", "")["total"], 1);
    assert_eq!(told["whole"], true);
    // In one bucket it is an aggregate that keeps its count.
    let coarse = lanes(&sato, id, &asked("2026-01-01T00:00", "2026-12-01T00:00", 1)).unwrap();
    let test = lane(&coarse, "test", "test.creatinine");
    assert_eq!(
        (&test["heaps"]["count"], &test["heaps"]["middle"]),
        (&json!([6]), &json!([1.0]))
    );
    assert!(test.get("points").is_none());
    // A bar that began before the window is in it.
    let late = lanes(&sato, id, &asked("2026-08-20T00:00", "2026-08-21T00:00", 100)).unwrap();
    assert_eq!(
        lane(&late, "drug", "drug.losartan")["spans"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(lane(&late, "test", "test.creatinine")["events"], 0);
}

#[test]
fn since_a_drug_was_begun_its_tests_are_told_before_and_after() {
    let (app, id) = with_drug();
    let sato = desk(&app, "sato", "physician");
    let answer = since_told(&sato, id, "drug.losartan").unwrap();
    let first = &answer["candidates"][0];
    assert_eq!(first["concept"], "test.creatinine", "{answer}");
    assert_eq!(
        (&first["before"]["count"], &first["before"]["middle"]),
        (&json!(3), &json!(0.82))
    );
    assert_eq!(
        (&first["after"]["count"], &first["after"]["middle"]),
        (&json!(3), &json!(1.31))
    );
    let words = first["words"].as_str().unwrap();
    assert!(
        words.contains("開始前 0.82 (n=3) → 開始後 1.31 (n=3) mg/dL"),
        "{words}"
    );
    assert!(words.contains("+0.49 (+60%)"), "{words}");
    assert!(!first["why"].as_array().unwrap().is_empty());
    // What is watched with it and was not measured is named.
    let lacking = answer["unmeasured"].as_array().unwrap();
    assert!(lacking.iter().any(|one| one["name"] == "カリウム"), "{answer}");
    assert!(matches!(
        since_told(&sato, id, "drug.warfarin"),
        Err(WebError::NotFound)
    ));
}

#[test]
fn a_mark_leads_to_the_words_of_the_note_or_to_what_came() {
    let (app, id) = with_drug();
    let sato = desk(&app, "sato", "physician");
    let query = asked("2026-01-01T00:00", "2026-12-01T00:00", 100);
    let all = app.store.lanes(id, &query, &|_| true).unwrap();
    let measured = all.iter().find(|lane| lane.concept.as_str() == "test.creatinine");
    let page = body(source::page(&sato, id, measured.unwrap().marks[0].event).unwrap());
    assert!(
        page.contains("2160-0") && page.contains("id=\"lit\"") && page.contains(">0.8</mark>"),
        "{page}"
    );
    let mut events = all.iter().flat_map(|lane| &lane.marks).map(|mark| mark.event);
    let of_note = events
        .find(|event| {
            let stored = app.store.event(*event).unwrap();
            matches!(stored.origin, EventOrigin::Document { .. })
        })
        .unwrap();
    let response = source::page(&sato, id, of_note).unwrap();
    let place = response.headers()["location"].to_str().unwrap();
    assert!(
        place.starts_with("/documents/") && place.contains("?fact="),
        "{place}"
    );
    assert!(source::page(&sato, id, EventId::new(99_999)).is_err());
}

#[test]
fn who_may_not_read_the_record_sees_no_lanes() {
    let (app, id) = with_drug();
    let sato = desk(&app, "sato", "physician");
    let query = asked("2026-01-01T00:00", "2026-12-01T00:00", 100);
    assert!(lanes(&sato, id, &query).is_ok());
    let names = std::collections::BTreeSet::from(["hiv".to_owned()]);
    let stamp = Stamp {
        author: "test".to_owned(),
        at: Moment::parse("2026-11-28T12:00").unwrap(),
    };
    app.store
        .set_access_names(id, None, AccessKind::Label, names, stamp)
        .unwrap();
    let sato = desk(&app, "sato", "physician");
    assert!(matches!(lanes(&sato, id, &query), Err(WebError::Denied(_))));
    assert!(matches!(
        since_told(&sato, id, "drug.losartan"),
        Err(WebError::Denied(_))
    ));
    assert!(matches!(
        source::page(&sato, id, EventId::new(1)),
        Err(WebError::Denied(_))
    ));
}

#[test]
fn a_window_is_read_as_civil_time() {
    let bad = Asked {
        from: "yesterday".to_owned(),
        to: String::new(),
        buckets: None,
    };
    assert!(matches!(query(&bad), Err(WebError::Bad("topics.bad-time"))));
    let turned = asked("2026-12-01T00:00", "2026-01-01T00:00", 9_999);
    assert_eq!((turned.from < turned.to, turned.buckets), (true, 4_000));
}
