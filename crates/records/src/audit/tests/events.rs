//! The bytes of entries: FHIR AuditEvents after BALP, canonical, and read back as what they were.

use super::entry;
use crate::Hex;
use crate::audit::columns::{Columns, read_entry};
use crate::audit::{
    AuditAction, AuditEntity, AuditEntry, AuditOutcome, AuditSubtype, DocumentDigest, Purpose, PurposeOfUse,
    fhir,
};
use crate::ids::PatientId;
use crate::stamp::{Moment, Population};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::Value;

fn bytes(entry: &AuditEntry) -> Vec<u8> {
    entry.check().unwrap();
    fhir::write(entry).unwrap().0
}

/// RFC 8785, for text, booleans, lists and objects with ASCII keys.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<_> = members.keys().collect();
            keys.sort();
            let members: Vec<_> = keys
                .into_iter()
                .map(|key| format!("{}:{}", Value::from(key.as_str()), canonical(&members[key])))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn with(number: i64, change: impl FnOnce(&mut AuditEntry)) -> AuditEntry {
    let mut entry = entry(number);
    change(&mut entry);
    entry
}

fn profile(entry: &AuditEntry) -> Option<String> {
    let event: Value = serde_json::from_slice(&bytes(entry)).unwrap();
    let profile = event["meta"]["profile"][0].as_str()?;
    profile
        .strip_prefix("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.")
        .map(str::to_owned)
}

fn check(entry: &AuditEntry, expected: &Expect) {
    let event: Value = serde_json::from_slice(&bytes(entry)).unwrap();
    let members = event.as_object().unwrap().iter();
    // One line for each member, and for each member of a list.
    let lines = members.flat_map(|(key, value)| {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        values
            .into_iter()
            .map(move |value| format!("{key}: {}\n", canonical(&value)))
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn profiles_where_they_fit() {
    use AuditSubtype::{Create, Delete, Export, Login, Read, Search, Sign, Update, VersionRead};
    let document = entry(0).entities;
    let cases = [
        (Read, "PatientRead", "Read"),
        (VersionRead, "PatientRead", "Read"),
        (Search, "PatientQuery", "Query"),
        (Create, "PatientCreate", "Create"),
        (Sign, "PatientCreate", "Create"),
        (Update, "PatientUpdate", "Update"),
        (Delete, "PatientDelete", "Delete"),
        (Export, "PrivacyDisclosure.Source", ""),
        (Login, "", ""),
    ];
    for (subtype, about_patient, about_nobody) in cases {
        let fitting = |patient: Option<PatientId>| {
            with(0, |entry| {
                entry.subtype = subtype;
                entry.action = subtype.usual_action();
                entry.patient = patient;
                entry.entities = match subtype {
                    Search => vec![AuditEntity::Query("a=b".to_owned())],
                    _ => document.clone(),
                };
            })
        };
        let entry = fitting(Some(PatientId::new(3)));
        assert_eq!(profile(&entry).unwrap_or_default(), about_patient, "{subtype:?}");
        assert_eq!(
            profile(&fitting(None)).unwrap_or_default(),
            about_nobody,
            "{subtype:?}"
        );
        let unfitting: [fn(&mut AuditEntry); 4] = [
            |entry| entry.outcome = AuditOutcome::SeriousFailure,
            |entry| entry.address = None,
            |entry| entry.source.address = None,
            |entry| entry.entities.clear(),
        ];
        for change in unfitting {
            let mut entry = entry.clone();
            change(&mut entry);
            assert_eq!(profile(&entry), None, "{subtype:?}");
        }
    }
    let signed_again = with(0, |entry| {
        entry.subtype = Sign;
        entry.action = AuditAction::Update;
    });
    assert_eq!(profile(&signed_again).as_deref(), Some("PatientUpdate"));
}

#[test]
fn a_read() {
    check(
        &entry(0),
        &expect![[r#"
        action: "R"
        agent: {"name":"山田 太郎","purposeOfUse":[{"coding":[{"code":"TREAT","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}]}],"requestor":true,"role":[{"text":"physician"}],"type":{"coding":[{"code":"IRCP","system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType"}]},"who":{"identifier":{"value":"user-0"}}}
        agent: {"network":{"address":"192.0.2.7","type":"2"},"requestor":false,"type":{"coding":[{"code":"110152","system":"http://dicom.nema.org/resources/ontology/DCM"}]},"who":{"display":"192.0.2.7"}}
        agent: {"network":{"address":"https://tsumugi.example.org","type":"5"},"requestor":false,"type":{"coding":[{"code":"110153","system":"http://dicom.nema.org/resources/ontology/DCM"}]},"who":{"display":"tsumugi"}}
        entity: {"role":{"code":"1","system":"http://terminology.hl7.org/CodeSystem/object-role"},"type":{"code":"1","system":"http://terminology.hl7.org/CodeSystem/audit-entity-type"},"what":{"reference":"Patient/1"}}
        entity: {"role":{"code":"3","system":"http://terminology.hl7.org/CodeSystem/object-role"},"type":{"code":"2","system":"http://terminology.hl7.org/CodeSystem/audit-entity-type"},"what":{"reference":"DocumentReference/0/_history/1"}}
        entity: {"type":{"code":"XrequestId","system":"https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"},"what":{"identifier":{"value":"cc6d168e-5871-11ec-bf63-000000000000"}}}
        meta: {"profile":["https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"]}
        outcome: "0"
        recorded: "2026-11-22T00:00:00+09:00"
        resourceType: "AuditEvent"
        source: {"observer":{"display":"tsumugi"},"site":"hospital.example.org","type":[{"code":"4","system":"http://terminology.hl7.org/CodeSystem/security-source-type"}]}
        subtype: {"code":"read","system":"http://hl7.org/fhir/restful-interaction"}
        type: {"code":"rest","system":"http://terminology.hl7.org/CodeSystem/audit-event-type"}
    "#]],
    );
}

#[test]
fn a_search_for_nobody_in_particular() {
    check(
        &with(1, |entry| {
            entry.patient = None;
            entry.agent.on_behalf_of = Some("dr. b".to_owned());
        }),
        &expect![[r#"
            action: "E"
            agent: {"name":"山田 太郎","purposeOfUse":[{"coding":[{"code":"TREAT","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}]}],"requestor":true,"role":[{"text":"physician"}],"type":{"coding":[{"code":"IRCP","system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType"}]},"who":{"identifier":{"value":"user-1"}}}
            agent: {"requestor":false,"type":{"coding":[{"code":"RESP","system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType"}]},"who":{"identifier":{"value":"dr. b"}}}
            agent: {"network":{"address":"192.0.2.7","type":"2"},"requestor":false,"type":{"coding":[{"code":"110153","system":"http://dicom.nema.org/resources/ontology/DCM"}]},"who":{"display":"192.0.2.7"}}
            agent: {"network":{"address":"https://tsumugi.example.org","type":"5"},"requestor":false,"type":{"coding":[{"code":"110152","system":"http://dicom.nema.org/resources/ontology/DCM"}]},"who":{"display":"tsumugi"}}
            entity: {"query":"Y29uY2VwdD1mZXZlciZwYWdlPTE=","role":{"code":"24","system":"http://terminology.hl7.org/CodeSystem/object-role"},"type":{"code":"2","system":"http://terminology.hl7.org/CodeSystem/audit-entity-type"}}
            entity: {"type":{"code":"XrequestId","system":"https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"},"what":{"identifier":{"value":"cc6d168e-5871-11ec-bf63-000000000001"}}}
            meta: {"profile":["https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query"]}
            outcome: "0"
            recorded: "2026-11-22T00:00:01+09:00"
            resourceType: "AuditEvent"
            source: {"observer":{"display":"tsumugi"},"site":"hospital.example.org","type":[{"code":"4","system":"http://terminology.hl7.org/CodeSystem/security-source-type"}]}
            subtype: {"code":"search","system":"http://hl7.org/fhir/restful-interaction"}
            type: {"code":"rest","system":"http://terminology.hl7.org/CodeSystem/audit-event-type"}
        "#]],
    );
}

#[test]
fn breaking_the_glass() {
    check(
        &with(0, |entry| {
            entry.subtype = AuditSubtype::BreakGlass;
            entry.action = AuditAction::Execute;
            entry.entities.clear();
            entry.outcome = AuditOutcome::MinorFailure;
            entry.outcome_text = Some("refused".to_owned());
            entry.purpose = Some(Purpose {
                code: PurposeOfUse::BreakTheGlass,
                reason: Some("意識障害、家族と連絡がつかない".to_owned()),
            });
        }),
        &expect![[r#"
            action: "E"
            agent: {"name":"山田 太郎","purposeOfUse":[{"coding":[{"code":"BTG","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}],"text":"意識障害、家族と連絡がつかない"}],"requestor":true,"role":[{"text":"physician"}],"type":{"coding":[{"code":"IRCP","system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType"}]},"who":{"identifier":{"value":"user-0"}}}
            agent: {"network":{"address":"192.0.2.7","type":"2"},"requestor":false,"type":{"coding":[{"code":"110153","system":"http://dicom.nema.org/resources/ontology/DCM"}]},"who":{"display":"192.0.2.7"}}
            agent: {"network":{"address":"https://tsumugi.example.org","type":"5"},"requestor":false,"type":{"coding":[{"code":"110152","system":"http://dicom.nema.org/resources/ontology/DCM"}]},"who":{"display":"tsumugi"}}
            entity: {"role":{"code":"1","system":"http://terminology.hl7.org/CodeSystem/object-role"},"type":{"code":"1","system":"http://terminology.hl7.org/CodeSystem/audit-entity-type"},"what":{"reference":"Patient/1"}}
            entity: {"type":{"code":"XrequestId","system":"https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"},"what":{"identifier":{"value":"cc6d168e-5871-11ec-bf63-000000000000"}}}
            outcome: "4"
            outcomeDesc: "refused"
            purposeOfEvent: {"coding":[{"code":"BTG","system":"http://terminology.hl7.org/CodeSystem/v3-ActReason"}],"text":"意識障害、家族と連絡がつかない"}
            recorded: "2026-11-22T00:00:00+09:00"
            resourceType: "AuditEvent"
            source: {"observer":{"display":"tsumugi"},"site":"hospital.example.org","type":[{"code":"4","system":"http://terminology.hl7.org/CodeSystem/security-source-type"}]}
            subtype: {"code":"110127","system":"http://dicom.nema.org/resources/ontology/DCM"}
            type: {"code":"110113","system":"http://dicom.nema.org/resources/ontology/DCM"}
        "#]],
    );
}

#[test]
fn times_are_instants() {
    let recorded = |at: &str| {
        let entry = with(0, |entry| entry.at = Moment::parse(at).unwrap());
        fhir::write(&entry).map(|(bytes, milliseconds)| {
            let event: Value = serde_json::from_slice(&bytes).unwrap();
            (event["recorded"].as_str().unwrap().to_owned(), milliseconds)
        })
    };
    let cases = [
        (
            "2026-11-22T20:15:00+09:00",
            "2026-11-22T20:15:00+09:00",
            1_795_346_100_000,
        ),
        (
            "2026-11-22T20:15+09:00[Asia/Tokyo]",
            "2026-11-22T20:15:00+09:00",
            1_795_346_100_000,
        ),
        (
            "2026-11-22T11:15:00.25Z",
            "2026-11-22T11:15:00.25Z",
            1_795_346_100_250,
        ),
        (
            "2026-11-22T07:45:00-03:30",
            "2026-11-22T07:45:00-03:30",
            1_795_346_100_000,
        ),
    ];
    for (at, instant, milliseconds) in cases {
        assert_eq!(recorded(at), Ok((instant.to_owned(), milliseconds)));
    }
    for at in [
        "2026-11-22T20:15:00",
        "2026-11-22",
        "2026-11-22T20:15:00+09:00:30",
    ] {
        assert!(recorded(at).is_err(), "{at}");
    }
}

#[test]
fn what_fhir_cannot_say_is_refused() {
    let resource = |kind: &str, name: &str| AuditEntity::Resource {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: None,
    };
    let wrong = [
        with(0, |entry| entry.agent.who.clear()),
        with(0, |entry| entry.address = Some(String::new())),
        with(0, |entry| {
            entry.entities = vec![AuditEntity::Query("x".repeat(16_385))];
        }),
        with(0, |entry| entry.entities = vec![resource("Condition", "a/b")]),
        with(0, |entry| entry.entities = vec![resource("", "a")]),
        with(0, |entry| {
            entry.entities = vec![resource("Condition Patient", "a")];
        }),
        with(0, |entry| {
            entry.entities = vec![resource("DocumentReference", "5")];
        }),
        with(0, |entry| entry.entities = vec![resource("Condition", "5"); 257]),
    ];
    for entry in wrong {
        assert!(entry.check().is_err(), "{entry:?}");
    }
    let text = "\u{3042}".repeat(16_384);
    assert!(
        with(0, |entry| entry.entities = vec![AuditEntity::Query(text)])
            .check()
            .is_ok()
    );
}

fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 1..12).prop_map(String::from_iter)
}

fn any_digest() -> impl Strategy<Value = DocumentDigest> {
    (
        any::<[u8; 32]>(),
        any::<[u8; 32]>(),
        any::<[u8; 32]>(),
        any::<bool>(),
    )
        .prop_map(|(bytes, text, frame, is_dummy)| DocumentDigest {
            bytes: Hex(bytes),
            text: Hex(text),
            frame: Hex(frame),
            population: if is_dummy {
                Population::Dummy
            } else {
                Population::Real
            },
        })
}

fn any_entity() -> impl Strategy<Value = AuditEntity> {
    let version = prop::option::of(1_u32..9);
    prop_oneof![
        (any::<i64>(), version.clone(), prop::option::of(any_digest())).prop_map(
            |(document, version, digest)| AuditEntity::Document {
                document: crate::ids::DocumentId::new(document),
                version,
                digest,
            }
        ),
        ("[A-Z][a-z]{2,8}", "[a-zA-Z0-9.\u{3042}\"-]{1,9}", version)
            .prop_map(|(kind, name, version)| AuditEntity::Resource { kind, name, version }),
        any_text().prop_map(AuditEntity::Query),
    ]
}

fn any_entry() -> impl Strategy<Value = AuditEntry> {
    let optional = || prop::option::of(any_text());
    let texts = (
        any_text(),
        optional(),
        optional(),
        optional(),
        optional(),
        optional(),
        any_text(),
        optional(),
    );
    let more = (optional(), optional(), prop::option::of(any::<i64>()));
    let codes = (
        prop::sample::select(AuditAction::ALL),
        prop::sample::select(AuditSubtype::ALL),
        prop::sample::select(AuditOutcome::ALL),
        prop::option::of((prop::sample::select(PurposeOfUse::ALL), optional())),
    );
    (texts, more, codes, prop::collection::vec(any_entity(), 0..4)).prop_map(
        |(texts, (address, request, patient), (action, subtype, outcome, purpose), entities)| {
            let mut entry = entry(0);
            (
                entry.agent.who,
                entry.agent.name,
                entry.agent.role,
                entry.agent.on_behalf_of,
                ..,
            ) = texts.clone();
            (
                _,
                _,
                _,
                _,
                entry.outcome_text,
                entry.source.site,
                entry.source.observer,
                entry.source.address,
            ) = texts;
            entry.patient = patient.map(PatientId::new);
            entry.purpose = purpose.map(|(code, reason)| Purpose { code, reason });
            AuditEntry {
                action,
                subtype,
                entities,
                outcome,
                address,
                request,
                ..entry
            }
        },
    )
}

proptest! {
    #[test]
    fn bytes_are_canonical_and_read_back(entry in any_entry()) {
        entry.check().unwrap();
        let (bytes, recorded) = fhir::write(&entry).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(std::str::from_utf8(&bytes).unwrap(), canonical(&value));
        let columns = Columns::read(&bytes).map(|(columns, _)| columns);
        prop_assert_eq!(columns, Some(Columns::of(&entry, recorded)));
        prop_assert_eq!(read_entry(&bytes).unwrap(), entry);
    }
}
