//! The API over a real socket: what is found, what is refused and with which words, and what the audit trail holds of it.

#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

mod terms;

use super::Resources;
use crate::chart::{self, Signing};
use crate::smart::tests::wire::{Answer, ask};
use crate::smart::tests::{CODER, House, served};
use serde_json::json;
use tsumugi_records::{
    AuditFilter, Evidence, Moment, PatientId, Population, ReceivedPerson, ReceivedPlace, ReceivedResource,
    ReceivedStatement, Reception, ReceptionBatch, Stamp, Standing, Target, VersionReason,
};

fn stamp() -> Stamp {
    Stamp {
        author: "mori".to_owned(),
        at: Moment::parse("2026-11-29T10:00").unwrap(),
    }
}

fn sign(house: &House, patient: i64, target: Target, text: &str) -> tsumugi_records::SignReceipt {
    let signing = Signing {
        target,
        author: "mori".to_owned(),
        text: text.to_owned(),
        written_at: stamp().at.civil(),
        signed_at: stamp().at.civil(),
        key: None,
        draft: None,
        structured: None,
        on_behalf_of: None,
        name: None,
        entry: None,
    };
    let record = house.app.store.patient(PatientId::new(patient)).unwrap();
    chart::sign(&CODER, &house.app.store, &record, signing).unwrap()
}

/// A statement of another system.
fn statement(
    number: &str,
    (kind, id): (&str, &str),
    bytes: Vec<u8>,
    (sequence, standing): (&str, Standing),
) -> Reception {
    Reception::Statement(Box::new(ReceivedStatement {
        place: ReceivedPlace::default(),
        person: ReceivedPerson {
            number: number.to_owned(),
            ..ReceivedPerson::default()
        },
        key: format!("{kind}/{id}"),
        sequence: sequence.to_owned(),
        standing,
        evidence: Evidence::Care,
        observed_at: stamp().at,
        bytes: bytes.clone(),
        charset: "utf-8".to_owned(),
        resources: vec![ReceivedResource {
            kind: kind.to_owned(),
            json: bytes,
        }],
        events: Vec::new(),
        edition: "e".to_owned(),
        texts: Vec::new(),
    }))
}

fn receive_all(house: &House, items: Vec<Reception>) {
    let batch = ReceptionBatch {
        population: Population::Real,
        standard: "fhir".to_owned(),
        way: "command".to_owned(),
        facility: None,
        stamp: stamp(),
        replay_of: None,
        entry: None,
        items,
    };
    house.app.store.receive(batch).unwrap();
}

fn observation(id: &str, value: &str) -> Vec<u8> {
    let body = json!({"resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]},
        "subject": {"reference": "Patient/theirs"}, "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": "2026-11-28T08:00:00+09:00", "valueQuantity": {"value": "VALUE", "unit": "g/dL"}});
    body.to_string().replace("\"VALUE\"", value).into_bytes()
}

/// What another system sends: an observation of a patient, and the encounter that it refers to by its own id.
fn receive(house: &House, number: &str, value: &str, sequence: &str, standing: Standing) {
    let encounter = json!({"resourceType": "Encounter", "id": "e1", "status": "finished",
        "class": {"code": "AMB"}, "subject": {"reference": "Patient/theirs"}});
    let how = (sequence, standing);
    let items = vec![
        statement(number, ("Observation", "o1"), observation("o1", value), how),
        statement(
            number,
            ("Encounter", "e1"),
            encounter.to_string().into_bytes(),
            how,
        ),
    ];
    receive_all(house, items);
}
/// A text as an address has it.
fn typed(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let entries = body["entry"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_search_sees_what_was_signed_and_received_at_once() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let of = |query: &str| ids(&house.fhir(query, &token));
        let conditions = format!("Condition?patient={}", house.internal);
        let before = of(&conditions).len();
        assert!(before > 0);
        assert_eq!(of(&format!("Condition?code:text={}", typed("糖尿病"))).len(), 0);
        let signed = sign(
            house,
            house.internal,
            chart::new_note(PatientId::new(house.internal), None, "progress"),
            "糖尿病で通院中。",
        );
        assert!(of(&conditions).len() > before);
        let found = of(&format!("Condition?code:text={}", typed("糖尿病")));
        assert!(!found.is_empty());
        // A later version of the note takes the place of what it no longer says.
        let target = Target::Version {
            document: signed.document,
            expected: 1,
            reason: VersionReason::Correction,
        };
        sign(house, house.internal, target, "高血圧で通院中。");
        assert_eq!(of(&format!("Condition?code:text={}", typed("糖尿病"))).len(), 0);
        assert!(!of(&format!("Condition?code:text={}", typed("高血圧"))).is_empty());
        let gone = house.fhir(&format!("Condition/{}", found[0]), &token);
        assert_eq!(
            (gone.status, gone.json()["issue"][0]["code"].as_str()),
            (410, Some("deleted"))
        );
        let first = house.fhir(&format!("Condition/{}/_history/1", found[0]), &token);
        assert_eq!(
            (first.status, first.json()["meta"]["versionId"].as_str()),
            (200, Some("1"))
        );
        assert_eq!(
            house
                .fhir(&format!("Condition/{}/_history/2", found[0]), &token)
                .status,
            410
        );
        assert_eq!(
            house
                .fhir(&format!("Condition/{}/_history/3", found[0]), &token)
                .status,
            404
        );
        let history = house
            .fhir(&format!("Condition/{}/_history", found[0]), &token)
            .json();
        assert_eq!(
            (
                history["total"].as_u64(),
                history["entry"][0]["request"]["method"].as_str()
            ),
            (Some(2), Some("DELETE"))
        );
        let Ok(index) = Resources::of(&house.app) else {
            panic!("the index is open");
        };
        let checked = house
            .app
            .store
            .read_derived(|conn| Ok(index.check(conn).unwrap()))
            .unwrap();
        assert_eq!(checked, (Vec::new(), 0));
    });
}

#[test]
fn nothing_is_told_while_a_large_import_is_not_indexed() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let patient = house.internal;
        let addresses = [
            format!("Observation?patient={patient}&_total=accurate"),
            format!("Patient/{patient}"),
            format!("Patient/{patient}/_history"),
            format!("Patient/{patient}/$everything"),
        ];
        let statuses = || {
            addresses
                .each_ref()
                .map(|address| house.fhir(address, &token).status)
        };
        assert_eq!(statuses(), [200; 4]);
        let sent = |number| {
            let id = format!("many-{number}");
            let body = observation(&id, "13.40");
            statement("4711", ("Observation", &id), body, ("1", Standing::Valid))
        };
        receive_all(house, (0..60).map(sent).collect());
        assert_eq!(statuses(), [503; 4]);
        let refused = house.fhir(&addresses[0], &token);
        assert_eq!(refused.json()["issue"][0]["code"], "transient");
        // A note is signed all the same.
        let target = chart::new_note(PatientId::new(patient), None, "progress");
        sign(house, patient, target, "高血圧で通院中。");
        let derived = house.app.resources.derived();
        while house.app.store.catch_up(&derived).unwrap() {}
        assert_eq!(statuses(), [200; 4]);
        let found = house.fhir(&addresses[0], &token).json();
        assert!(found["total"].as_u64() >= Some(60), "{found}");
    });
}

#[test]
fn what_others_sent_is_found_under_our_patient_with_its_digits() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        receive(house, "4711", "13.40", "1", Standing::Valid);
        let search = format!(
            "Observation?patient={}&code=http://loinc.org|718-7&_include=Observation:encounter",
            house.internal
        );
        let answer = house.fhir(&search, &token);
        assert!(answer.body.contains("\"value\":13.40,"), "{}", answer.body);
        let body = answer.json();
        let modes: Vec<&str> = body["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["search"]["mode"].as_str().unwrap())
            .collect();
        assert_eq!(modes, ["match", "include"]);
        let own = &body["entry"][0]["resource"];
        assert_eq!(own["subject"]["reference"], format!("Patient/{}", house.internal));
        let id = own["id"].as_str().unwrap().to_owned();
        for (query, count) in [
            ("Observation?value-quantity=13.4||g/dL&code=718-7", 1),
            ("Observation?encounter.status=finished&code=718-7", 1),
            ("Observation?subject:Patient.identifier=4711&code=718-7", 1),
            ("Observation?subject:Patient.identifier=4712&code=718-7", 0),
            ("Patient?_has:Observation:patient:code=718-7", 1),
            ("Encounter?_has:Observation:encounter:value-quantity=gt13", 1),
            ("Observation?code=718-7&date=lt2026-11-28", 0),
        ] {
            assert_eq!(ids(&house.fhir(query, &token)).len(), count, "{query}");
        }
        receive(house, "4711", "9.1", "2", Standing::Valid);
        let now = house.fhir(&format!("Observation/{id}"), &token);
        assert_eq!(now.json()["meta"]["versionId"], "2");
        assert!(now.body.contains("9.1") && now.header("etag") == Some("W/\"2\""));
        let header = format!("Bearer {token}");
        let known = [("Authorization", header.as_str()), ("If-None-Match", "W/\"2\"")];
        let again = ask(
            house.address,
            "GET",
            &format!("/fhir/R4/Observation/{id}"),
            &known,
            "",
        );
        assert_eq!((again.status, again.body.as_str()), (304, ""));
        receive(house, "4711", "9.1", "3", Standing::Deleted);
        assert_eq!(house.fhir(&format!("Observation/{id}"), &token).status, 410);
        assert_eq!(ids(&house.fhir("Observation?code=718-7", &token)).len(), 0);
    });
}

#[test]
fn everything_is_given_page_by_page_and_nothing_of_others() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        receive(house, "4711", "13.4", "1", Standing::Valid);
        let all = ids(&house.fhir(&format!("Patient/{}/$everything", house.internal), &token));
        assert!(
            all.contains(&house.internal.to_string()) && all.len() > 5,
            "{all:?}"
        );
        let mut paged = Vec::new();
        let mut next = Some(format!("Patient/{}/$everything?_count=3", house.internal));
        while let Some(path) = next {
            let answer = house.fhir(&path, &token);
            paged.extend(ids(&answer));
            let links = answer.json()["link"].as_array().unwrap().clone();
            let on = links.iter().find(|link| link["relation"] == "next");
            next = on.map(|link| {
                link["url"]
                    .as_str()
                    .unwrap()
                    .rsplit_once("/fhir/R4/")
                    .unwrap()
                    .1
                    .to_owned()
            });
        }
        assert_eq!(paged, all);
        let some = ids(&house.fhir(
            &format!("Patient/{}/$everything?_type=Encounter", house.internal),
            &token,
        ));
        assert_eq!(some.len(), 1);
        assert_eq!(
            house
                .fhir(&format!("Patient/{}/$everything", house.surgery), &token)
                .status,
            403
        );
        assert_eq!(house.fhir("Patient/999/$everything", &token).status, 404);
    });
}

#[test]
fn who_may_not_read_a_record_finds_nothing_of_it_on_any_way() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        receive(house, "4712", "13.4", "1", Standing::Valid);
        for query in [
            "Observation?code=718-7",
            "Observation?subject:Patient.identifier=4712",
            "Patient?_has:Observation:patient:code=718-7",
            "Patient?identifier=4712",
            "Encounter?_revinclude=Observation:encounter&status=finished",
            "Observation?code=718-7&_total=accurate&_count=0",
        ] {
            let answer = house.fhir(query, &token);
            assert_eq!(ids(&answer).len(), 0, "{query}");
            assert_eq!(answer.json()["total"], 0, "{query}");
        }
        let own = house.token("sato", "patient/*.rs", Some(house.internal));
        assert_eq!(ids(&house.fhir("Patient", &own)), [house.internal.to_string()]);
        assert!(ids(&house.fhir("Condition", &own)).len() < ids(&house.fhir("Condition", &token)).len() + 1);
        // A token that reaches one type does not walk over another.
        let narrow = house.token("sato", "user/Condition.rs", None);
        assert_eq!(
            house.fhir("Condition?subject:Patient.name=x", &narrow).status,
            403
        );
        assert_eq!(
            house
                .fhir("Condition?_has:Provenance:target:recorded=2026", &narrow)
                .status,
            403
        );
        let with = house.fhir("Condition?_include=Condition:subject", &narrow).json();
        assert!(
            with["entry"]
                .as_array()
                .unwrap()
                .iter()
                .all(|entry| entry["search"]["mode"] == "match")
        );
    });
}

#[test]
fn the_trail_holds_what_was_asked_and_of_whom_was_told() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let count = |house: &House, text: &str, patient: Option<i64>| {
            let filter = AuditFilter {
                agent: Some("app:chart"),
                limit: 200,
                ..AuditFilter::default()
            };
            let entries = house.app.store.audit_entries(&filter).unwrap();
            let is_it = |record: &&tsumugi_records::AuditRecord| {
                let asked = record.entry.entities.iter().any(|entity| match entity {
                    tsumugi_records::AuditEntity::Query(query) => query.contains(text),
                    _ => false,
                });
                asked && record.entry.patient.map(PatientId::get) == patient
            };
            entries.iter().filter(is_it).count()
        };
        house.fhir("Condition?_sort=-recorded-date", &token);
        assert_eq!(
            count(house, "Condition?_sort=-recorded-date", Some(house.internal)),
            1
        );
        assert_eq!(
            count(house, "Condition?_sort=-recorded-date", Some(house.surgery)),
            0
        );
        house.fhir("Condition?code=none", &token);
        assert_eq!(count(house, "Condition?code=none", None), 1);
    });
}

#[test]
fn every_refusal_is_an_outcome_with_its_status() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let header = format!("Bearer {token}");
        let check =
            |method: &str, path: &str, headers: &[(&str, &str)], body: &str, status: u16, code: &str| {
                let mut all = vec![("Authorization", header.as_str())];
                all.extend(headers);
                let answer = ask(house.address, method, &format!("/fhir/R4/{path}"), &all, body);
                assert_eq!(answer.status, status, "{path}: {}", answer.body);
                let outcome = answer.json();
                assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
                assert_eq!(outcome["issue"][0]["code"], code, "{path}: {outcome}");
                assert!(!outcome["issue"][0]["diagnostics"].as_str().unwrap().is_empty());
            };
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        check(
            "GET",
            "Condition?recorded-date=yesterday",
            &[],
            "",
            400,
            "invalid",
        );
        check("GET", "Condition?_cursor=x", &[], "", 400, "invalid");
        check("GET", "Condition?colour=red", &[], "", 400, "not-supported");
        check("GET", "Condition?code:in=x", &[], "", 400, "not-supported");
        check(
            "GET",
            &format!("Condition?code={}", vec!["x"; 501].join(",")),
            &[],
            "",
            400,
            "too-costly",
        );
        check("GET", "Condition/x?colour=red", &[], "", 400, "not-supported");
        check("GET", "Unknown", &[], "", 404, "not-supported");
        check("GET", "Unknown/1", &[], "", 404, "not-supported");
        check("GET", "AuditEvent", &[], "", 404, "not-supported");
        check("GET", "Condition/none", &[], "", 404, "not-found");
        check(
            "GET",
            &format!("Patient/{}/_history/9", house.internal),
            &[],
            "",
            404,
            "not-found",
        );
        check(
            "GET",
            &format!("Patient/{}", house.surgery),
            &[],
            "",
            403,
            "forbidden",
        );
        check("GET", "Condition/x/$everything", &[], "", 405, "not-supported");
        check("GET", "Condition?_format=xml", &[], "", 406, "not-supported");
        check(
            "GET",
            "Condition",
            &[("Accept", "application/fhir+xml")],
            "",
            406,
            "not-supported",
        );
        check(
            "POST",
            "Condition/_search",
            &[("Content-Type", "application/json")],
            "{}",
            415,
            "not-supported",
        );
        check(
            "POST",
            "Condition/_search",
            &[form],
            "colour=red",
            400,
            "not-supported",
        );
        let by_form = ask(
            house.address,
            "POST",
            "/fhir/R4/Condition/_search?_count=1",
            &[("Authorization", &header), form],
            "_total=accurate",
        );
        assert_eq!(ids(&by_form).len(), 1);
    });
}

#[test]
fn the_statement_of_what_is_offered_is_true() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let statement = ask(house.address, "GET", "/fhir/R4/metadata", &[], "").json();
        let kinds = statement["rest"][0]["resource"].as_array().unwrap();
        assert!(kinds.len() > 130);
        for of in kinds {
            let kind = of["type"].as_str().unwrap();
            assert_eq!(
                house.fhir(&format!("{kind}?_count=1"), &token).status,
                200,
                "{kind}"
            );
        }
        for kind in ["Observation", "Patient", "Condition"] {
            let of = kinds.iter().find(|of| of["type"] == kind).unwrap();
            for parameter in of["searchParam"].as_array().unwrap() {
                let (name, kind_of) = (
                    parameter["name"].as_str().unwrap(),
                    parameter["type"].as_str().unwrap(),
                );
                let value = match kind_of {
                    "composite" => "a$1",
                    "date" => "2026",
                    "number" | "quantity" => "1",
                    "reference" => "Group/x",
                    _ => "x",
                };
                let value = if name.ends_with("value-date") {
                    value.replace('1', "2026")
                } else {
                    value.to_owned()
                };
                let answer = house.fhir(&format!("{kind}?{name}={value}"), &token);
                assert_eq!(answer.status, 200, "{kind}?{name}={value}: {}", answer.body);
            }
            for include in of["searchInclude"].as_array().unwrap() {
                let include = include.as_str().unwrap();
                assert_eq!(
                    house.fhir(&format!("{kind}?_include={include}"), &token).status,
                    200,
                    "{include}"
                );
            }
        }
    });
}
