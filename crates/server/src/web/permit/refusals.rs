//! Whatever door somebody tries at a record that is closed to them, nothing is told and the audit trail says so.

use crate::smart::tests::wire::ask;
use crate::smart::tests::{House, served};
use crate::web::doors::Ask;
use std::collections::BTreeSet;
use tsumugi_records::{AuditFilter, AuditOutcome, PatientId};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Doors that tell of many records, and show those only that may be seen; and the line, which is tried apart.
const LISTS: [&str; 11] = [
    "GET /reasons",
    "GET /harms",
    "GET /harms.csv",
    "GET /harms/fhir",
    "GET /",
    "GET /confirmations",
    "GET /review",
    "GET /search",
    "GET /search.csv",
    "GET /oauth/authorize",
    "GET /ws",
];

/// A request at each door that tells of one record: the door, the address, the type of the body, the body. `{p}` is the
/// patient, `{n}` the patient's number, `{d}` the note.
const TRIED: [(&str, &str, &str, &str); 41] = [
    ("GET /patients/{id}", "/patients/{p}", "", ""),
    ("GET /patients/{id}/access", "/patients/{p}/access", "", ""),
    (
        "POST /patients/{id}/access",
        "/patients/{p}/access",
        FORM,
        "seen=1&attending=sato",
    ),
    (
        "GET /patients/{id}/as-of",
        "/patients/{p}/as-of?at=2026-11-29T10:00",
        "",
        "",
    ),
    (
        "GET /patients/{id}/medications",
        "/patients/{p}/medications",
        "",
        "",
    ),
    ("GET /patients/{id}/topics", "/patients/{p}/topics", "", ""),
    ("GET /patients/{id}/lanes", "/patients/{p}/lanes", "", ""),
    (
        "GET /patients/{id}/since",
        "/patients/{p}/since?drug=drug.aspirin",
        "",
        "",
    ),
    (
        "GET /patients/{id}/events/{event}",
        "/patients/{p}/events/1",
        "",
        "",
    ),
    ("GET /patients/{id}/who", "/patients/{p}/who", "", ""),
    ("GET /patients/{id}/consent", "/patients/{p}/consent", "", ""),
    (
        "POST /patients/{id}/consent-code",
        "/patients/{p}/consent-code",
        FORM,
        "respondent=",
    ),
    (
        "POST /patients/{id}/guardians",
        "/patients/{p}/guardians",
        FORM,
        "act=add&id=g-1&name=a&relation=b",
    ),
    (
        "GET /patients/{id}/consent/{study}",
        "/patients/{p}/consent/own-knowledge",
        "",
        "",
    ),
    (
        "POST /patients/{id}/consent/{study}",
        "/patients/{p}/consent/own-knowledge",
        FORM,
        "act=refuse&seen=0",
    ),
    (
        "POST /patients/{id}/amendments",
        "/patients/{p}/amendments",
        FORM,
        "id=1&outcome=kept&words=no",
    ),
    ("GET /patients/{id}/genes", "/patients/{p}/genes", "", ""),
    (
        "POST /patients/{id}/genes",
        "/patients/{p}/genes",
        FORM,
        "act=typed&gene=NUDT15&written=*1/*1",
    ),
    ("GET /patients/{id}/harms", "/patients/{p}/harms", "", ""),
    (
        "POST /patients/{id}/harms",
        "/patients/{p}/harms",
        FORM,
        "drug=drug.amoxicillin&event=rash&verdict=denied",
    ),
    (
        "GET /patients/{id}/harms/fhir",
        "/patients/{p}/harms/fhir",
        "",
        "",
    ),
    (
        "GET /patients/{id}/phenotypes",
        "/patients/{p}/phenotypes",
        "",
        "",
    ),
    ("GET /patients/{id}/wishes", "/patients/{p}/wishes", "", ""),
    (
        "POST /patients/{id}/wishes",
        "/patients/{p}/wishes",
        FORM,
        "act=enter&wish=wish.dnar&holds=yes&basis=own",
    ),
    (
        "GET /patients/{id}/wishes/fhir",
        "/patients/{p}/wishes/fhir",
        "",
        "",
    ),
    ("GET /documents/{id}", "/documents/{d}", "", ""),
    ("GET /documents/{id}/print", "/documents/{d}/print", "", ""),
    ("GET /open", "/open?patient={n}", "", ""),
    ("GET /drafts", "/drafts?patient={n}", "", ""),
    ("POST /drafts", "/drafts", FORM, "patient={n}&base=1"),
    ("POST /notes", "/notes", FORM, "patient={n}&text=a&action=save"),
    ("POST /notes", "/notes", FORM, "patient={n}&text=a&action=sign"),
    (
        "POST /notes",
        "/notes",
        FORM,
        "patient={n}&text=a&action=sign&addendum={d}",
    ),
    (
        "POST /api/draft",
        "/api/draft",
        JSON,
        r#"{"link":{"patient":"{n}"},"text":"a","base":null}"#,
    ),
    ("GET /review/{id}", "/review/{d}", "", ""),
    ("POST /review/{id}", "/review/{d}", FORM, "seconds=1"),
    (
        "POST /confirmations/{id}",
        "/confirmations/{d}",
        FORM,
        "action=confirm&version=1",
    ),
    (
        "POST /apps/{id}/launch",
        "/apps/chart/launch",
        FORM,
        "patient={p}",
    ),
    ("GET /emergency", "/emergency?patient={p}", "", ""),
    (
        "POST /emergency",
        "/emergency",
        FORM,
        "patient={p}&reason=found+unconscious+in+the+ward&minutes=15",
    ),
    ("GET /knowledge/{id}", "/knowledge/pneumonia?patient={n}", "", ""),
];

/// Entries that say that something about the record was refused.
fn refusals(house: &House) -> usize {
    let filter = AuditFilter {
        patient: Some(PatientId::new(house.surgery)),
        limit: 1000,
        ..AuditFilter::default()
    };
    let entries = house.app.store.audit_entries(&filter).unwrap();
    let refused = entries
        .iter()
        .filter(|one| one.entry.outcome != AuditOutcome::Success);
    refused.count()
}

/// The note of the patient of surgery.
fn note(house: &House) -> i64 {
    let notes = house
        .app
        .store
        .documents_of(PatientId::new(house.surgery))
        .unwrap();
    notes.first().unwrap().get()
}

#[test]
fn every_refusal_of_a_record_leaves_an_entry() {
    served(|house| {
        // Who opens no record in an emergency either.
        house.add_user("hata", "scribe");
        let cookie = house.cookie("hata");
        let note = note(house);
        let filled = |text: &str| {
            text.replace("{p}", &house.surgery.to_string())
                .replace("{n}", "4712")
                .replace("{d}", &note.to_string())
        };
        for (door, path, kind, body) in TRIED {
            let before = refusals(house);
            let method = door.split(' ').next().unwrap();
            let headers = [("Cookie", cookie.as_str()), ("Content-Type", kind)];
            let answer = ask(house.address, method, &filled(path), &headers, &filled(body));
            assert_eq!(answer.status, 403, "{door}: {}", answer.body);
            assert_eq!(refusals(house), before + 1, "{door}");
        }
    });
}

#[test]
fn every_door_of_records_is_tried_or_is_a_list() {
    let tried: BTreeSet<&str> = TRIED.iter().map(|(door, ..)| *door).chain(LISTS).collect();
    for door in crate::web::doors().built().1 {
        let name = format!("{} {}", door.method, door.path);
        let by_itself = name == "POST /oauth/authorize";
        if matches!(door.ask, Ask::Records(_)) && !by_itself {
            assert!(tried.contains(name.as_str()), "{name} is not tried");
        }
    }
}

#[test]
fn a_token_that_reaches_no_further_leaves_an_entry_too() {
    served(|house| {
        let patient = house.surgery;
        // The person behind it may not, or the scopes do not reach.
        for (scopes, of) in [("user/*.rs", None), ("patient/*.rs", Some(house.internal))] {
            let token = house.token("sato", scopes, of);
            for path in [
                format!("Patient/{patient}"),
                format!("Condition?patient={patient}"),
            ] {
                let before = refusals(house);
                assert_eq!(house.fhir(&path, &token).status, 403, "{scopes} {path}");
                assert_eq!(refusals(house), before + 1, "{scopes} {path}");
            }
        }
    });
}
