//! Stores of every schema that there was are opened by this program, and everything is found in them.
//!
//! A store of an older schema is made by the steps up to it, and filled with the rows that the program writes into the
//! tables that were there then.

use crate::common::{details, event, moment, note, resource, stamp, valued};
use crate::received::{batch, statement};
use rusqlite::Connection;
use std::path::Path;
use tsumugi_clinical::{ConceptId, Sex};
use tsumugi_records::consent::{
    CodeBytes, CodeRequest, ExportStart, Form, KNOWLEDGE_STUDY, Lesson, NewExport, Respondent,
};
use tsumugi_records::{
    AccessKind, AccessWrite, AmendmentOutcome, AuditAgent, AuditEntry, AuditFilter, AuditSource,
    AuditSubtype, CareTopic, Correction, Decision, DeliveryOutcome, DeliveryRecord, DocumentId, DraftKey,
    EncounterDetails, EventFilter, KeyTrust, Meaning, NewAssertion, NewCareEntry, NewDeadLetter,
    NewObservation, Page, PatientExport, PatientId, Population, ReceivedPlace, Reception, SettledPhrase,
    Store, Target, TextQuery, TopicQuery, VersionReason,
};

/// The steps as they were released.
const STEPS: [&str; 12] = [
    include_str!("../../src/schema/1.sql"),
    include_str!("../../src/schema/2.sql"),
    include_str!("../../src/schema/3.sql"),
    include_str!("../../src/schema/4.sql"),
    include_str!("../../src/schema/5.sql"),
    include_str!("../../src/schema/6.sql"),
    include_str!("../../src/schema/7.sql"),
    include_str!("../../src/schema/8.sql"),
    include_str!("../../src/schema/9.sql"),
    include_str!("../../src/schema/10.sql"),
    include_str!("../../src/schema/11.sql"),
    include_str!("../../src/schema/12.sql"),
];
/// The schema from which on there are entries of care.
const CARE: usize = 12;
/// `TSUM`: the application's number in each of our files.
const APPLICATION: i32 = 0x5453_554D;
const WORDS: &str = "Fever since yesterday, blood pressure 128";

fn entry(subtype: AuditSubtype) -> AuditEntry {
    let agent = AuditAgent {
        who: "test".to_owned(),
        name: None,
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: "test".to_owned(),
        address: None,
    };
    AuditEntry::new(moment("2026-11-22T01:00:00Z"), agent, subtype, source)
}

/// A record with something in every table.
fn fill(store: &Store) -> PatientId {
    let who = store
        .create_patient(Population::Real, details("1", "name", "kana"), stamp())
        .unwrap();
    let with_sex = tsumugi_records::PatientDetails {
        sex: Sex::Male,
        ..details("1", "other name", "kana")
    };
    store.change_patient(who, 1, with_sex, stamp()).unwrap();
    let visit = EncounterDetails {
        kind: "AMB".to_owned(),
        start: moment("2026-11-22T09:00"),
        end: None,
    };
    let visit = store
        .create_encounter(who, Some("V1".to_owned()), visit, stamp())
        .unwrap();
    let mut first = note(
        who,
        WORDS,
        vec![event("fever"), valued("blood-pressure", "128", "mmHg")],
    );
    first.resources = vec![resource("Condition", Some("c-1"), "fever")];
    let document = store
        .audited(entry(AuditSubtype::Create))
        .sign(first)
        .unwrap()
        .document;
    let mut second = note(
        who,
        &format!("{WORDS}. Cough"),
        vec![event("fever"), event("cough")],
    );
    second.target = Target::Version {
        document,
        expected: 1,
        reason: VersionReason::Addendum,
    };
    store.deliver_to("mdm:there:2575".to_owned(), stamp()).unwrap();
    store.audited(entry(AuditSubtype::Update)).sign(second).unwrap();
    store.note_delivery(failed(document)).unwrap();
    store.record_observation(observed(who)).unwrap();
    teach(store, who, visit);
    let mut sent = batch(vec![statement("k-1", "1", vec![valued("crp", "3", "mg/dL")])]);
    sent.items.push(Reception::Dead(NewDeadLetter {
        place: ReceivedPlace {
            file: "x".to_owned(),
            line: None,
            field: None,
        },
        code: "truncated".to_owned(),
        problem: "{}".to_owned(),
        bytes: b"MSH|".to_vec(),
    }));
    store.receive(sent).unwrap();
    let mut entered = note(who, "entered for another", vec![event("cough")]);
    entered.on_behalf_of = Some("sato".to_owned());
    store.audited(entry(AuditSubtype::Create)).sign(entered).unwrap();
    consent(store, who, document);
    let asked = store
        .request_amendment(who, ("cough", "I never coughed"), "once", stamp())
        .unwrap();
    let answer = (AmendmentOutcome::Kept, "it was heard on the ward");
    store.answer_amendment(who, asked, answer, stamp()).unwrap();
    who
}

/// A study that the person answers on a phone, an export, a case that was learned, and a wish of care.
fn consent(store: &Store, who: PatientId, document: DocumentId) {
    use crate::consent::{day, set, study, text, yes};
    store.save_study(study(), text(), 0, day(1)).unwrap();
    let request = CodeRequest {
        patient: who,
        encounter: None,
        respondent: Respondent::Own,
    };
    let bytes = CodeBytes {
        link: [1; 16],
        typed: [1; 5],
    };
    store.issue_code(request, bytes, day(2)).unwrap();
    drop(
        store
            .redeem_code("AAAA-AAAA", "here", [1; 16], day(2).at)
            .unwrap(),
    );
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    let export = NewExport {
        query: "q".to_owned(),
        form: Form::CodedFacts,
        stamp: day(3),
    };
    assert!(matches!(
        store.begin_export(&set(store, &day(3)), export),
        Ok(ExportStart::Begun(_))
    ));
    let name = format!("note-{document}");
    let assertion = |kind: &str, body: String| NewAssertion {
        kind: kind.to_owned(),
        subject: "pneumonia".to_owned(),
        source: "site".to_owned(),
        body,
    };
    let lesson = Lesson {
        source: "site".to_owned(),
        name: name.clone(),
        assertions: vec![assertion("case", format!("{{\"case\":{{\"id\":\"{name}\"}}}}"))],
        undo: Some(assertion(
            "retraction",
            format!("{{\"retract-case\":\"{name}\"}}"),
        )),
    };
    store.learn(who, lesson, stamp()).unwrap();
    let wish = NewCareEntry {
        patient: who,
        topic: CareTopic::Wish,
        subject: "wish.dnar".to_owned(),
        key: None,
        body: serde_json::json!({"holds": true}),
        stamp: stamp(),
    };
    store.add_care(vec![wish]).unwrap();
}

/// What users and the site teach, decide and permit.
fn teach(store: &Store, who: PatientId, visit: tsumugi_records::EncounterId) {
    store
        .remember_correction(Correction {
            surface: "gut".to_owned(),
            wrong: Some(ConceptId::new("fever")),
            right: Some(ConceptId::new("cough")),
            stamp: stamp(),
        })
        .unwrap();
    store
        .settle_phrase(SettledPhrase {
            surface: "gut".to_owned(),
            meaning: Meaning::Concept(ConceptId::new("cough")),
            stamp: stamp(),
        })
        .unwrap();
    let key = draft_key(who, visit);
    store
        .save_draft(&key, None, "half a note", &moment("2026-11-22T11:00"))
        .unwrap();
    let stated = NewAssertion {
        kind: "case".to_owned(),
        subject: "pneumonia".to_owned(),
        source: "S:1".to_owned(),
        body: "{}".to_owned(),
    };
    store.append_assertions(&stamp(), vec![stated]).unwrap();
    store.decide(decision()).unwrap();
    let put = |kind: &str, value: &str| AccessWrite::Put {
        kind: kind.to_owned(),
        key: "0000000001".to_owned(),
        value: value.to_owned(),
    };
    store
        .save_access(vec![put("account", "{}"), put("policy", "{\"text\":\"\"}")])
        .unwrap();
    let names = ["internal".to_owned()].into();
    store
        .set_access_names(who, None, AccessKind::Department, names, stamp())
        .unwrap();
}

/// An attempt after which the note waits on.
fn failed(document: DocumentId) -> DeliveryRecord {
    DeliveryRecord {
        target: "mdm:there:2575".to_owned(),
        document,
        version: 2,
        outcome: DeliveryOutcome::Failed,
        control: "T1V2".to_owned(),
        answer: "no answer".to_owned(),
        stamp: stamp(),
    }
}

fn draft_key(patient: PatientId, visit: tsumugi_records::EncounterId) -> DraftKey {
    DraftKey {
        patient,
        encounter: Some(visit),
        author: "dr. a".to_owned(),
    }
}

fn observed(patient: PatientId) -> NewObservation {
    NewObservation {
        patient,
        source: "lab".to_owned(),
        key: "order 7".to_owned(),
        observed_at: moment("2026-11-20T08:00"),
        events: vec![valued("crp", "12", "mg/dL")],
        stamp: stamp(),
    }
}

fn decision() -> Decision {
    Decision {
        topic: "support-switch".to_owned(),
        subject: "dr. a".to_owned(),
        body: "{}".to_owned(),
        stamp: stamp(),
    }
}

/// Makes a store of a schema from the rows of `full`, as far as there were tables for them.
fn older(path: &Path, full: &Path, schema: usize) {
    let conn = Connection::open(path).unwrap();
    for step in &STEPS[..schema] {
        conn.execute_batch(step).unwrap();
    }
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    conn.execute("ATTACH ?1 AS full", [full.to_str().unwrap()])
        .unwrap();
    let tables: Vec<String> = conn
        .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'document_fts*'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for table in &tables {
        if table.starts_with("fhir_") {
            // Derived by whoever follows changes; what is due is noted by triggers here too.
            continue;
        }
        conn.execute_batch(&format!("INSERT INTO main.{table} SELECT * FROM full.{table}"))
            .unwrap_or_else(|error| panic!("{table}: {error}"));
        let rows: i64 = conn
            .query_row(&format!("SELECT count(*) FROM main.{table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        let may_be_empty = [
            "audit_head",
            "received_document",
            "dead_letter_replay",
            "patient_link",
            "patient_merged",
            "retention_mark",
            "retention_approval",
            "tombstone",
        ];
        assert!(
            rows > 0 || may_be_empty.contains(&table.as_str()),
            "{table} has no row"
        );
    }
    conn.execute_batch(&format!(
        "INSERT INTO main.document_fts (rowid, folded) SELECT document, folded FROM main.document_text;
         DETACH full;
         PRAGMA application_id = {APPLICATION};
         PRAGMA user_version = {schema};"
    ))
    .unwrap();
}

/// What a store of a schema holds of a record, when it is read by this program.
fn expected(mut full: PatientExport, schema: usize) -> PatientExport {
    if schema < 5 {
        full.received.clear();
    }
    if schema < 6 {
        full.confirmations.clear();
    }
    if schema < 9 {
        full.consents.clear();
    }
    if schema < 10 {
        full.amendments.clear();
    }
    if schema < CARE {
        full.care.clear();
    }
    full
}

fn found(store: &Store, who: PatientId, schema: usize) {
    let hits = store
        .search_text(&TextQuery {
            population: Population::Real,
            patient: None,
            text: "yesterday",
            limit: 10,
        })
        .unwrap();
    assert_eq!((hits.documents, hits.patients), (1, 1), "schema {schema}");
    let hits = store
        .search_events(
            Population::Real,
            &[ConceptId::new("crp")],
            &EventFilter::default(),
            Page {
                after: None,
                limit: 10,
            },
        )
        .unwrap();
    assert_eq!((hits.patients, hits.events), (1, 2), "schema {schema}");
    assert_eq!(store.find_patient(Population::Real, "1"), Ok(Some(who)));
    assert_eq!(store.corrections(None).unwrap().len(), 1);
    assert_eq!(store.settled_phrases(None).unwrap().len(), 1);
    let visit = store.encounters(who).unwrap()[0].id;
    let draft = store.draft(&draft_key(who, visit)).unwrap();
    assert_eq!(draft.unwrap().text, "half a note");
    let times = |since: usize| usize::from(schema >= since);
    assert_eq!(store.assertions(0).unwrap().len(), 2 * times(2));
    let decisions = store.decisions("support-switch", Some("dr. a")).unwrap();
    assert_eq!(decisions, vec![decision(); times(2)]);
    let filter = AuditFilter {
        limit: 100,
        ..AuditFilter::default()
    };
    assert_eq!(store.audit_entries(&filter).unwrap().len(), 3 * times(3));
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert!(report.is_whole(), "schema {schema}: {:?}", report.findings);
    assert_eq!(report.documents, 3 * times(3) as u64, "schema {schema}");
    assert_eq!(
        report.documents_before,
        3 * (1 - times(3)) as u64,
        "schema {schema}"
    );
    for kind in ["account", "policy"] {
        assert_eq!(
            store.access_rows(kind).unwrap().len(),
            times(4),
            "schema {schema}"
        );
    }
    let facts = store.access_facts(who).unwrap();
    assert_eq!(
        facts != tsumugi_records::AccessFacts::default(),
        schema >= 4,
        "schema {schema}"
    );
    assert_eq!(
        store.dead_letters(None, true, 10).unwrap().len(),
        times(5),
        "schema {schema}"
    );
    assert_eq!(
        store.unconfirmed(None).unwrap().len(),
        times(6),
        "schema {schema}"
    );
    met_and_sent(store, who, schema);
}

/// The timeline by topic is made from what is there; what waited goes on waiting.
fn met_and_sent(store: &Store, who: PatientId, schema: usize) {
    let times = |since: usize| usize::from(schema >= since);
    let query = TopicQuery {
        topics: Vec::new(),
        from: None,
        to: None,
        stretches: 10,
    };
    let rows = store.topics(who, &query, &|_| true).unwrap();
    assert!(
        rows.iter().any(|row| row.concept.as_str() == "cough"),
        "schema {schema}"
    );
    assert_eq!(
        store.due_deliveries("mdm:there:2575", 10).unwrap().len(),
        times(8),
        "schema {schema}"
    );
    assert_eq!(
        store.studies(Population::Real).unwrap().len(),
        times(9),
        "schema {schema}"
    );
}

#[test]
fn a_store_of_every_older_schema_is_brought_up_with_all_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let full_path = folder.path().join("full.db");
    let (who, full) = {
        let store = Store::open(&full_path).unwrap();
        let who = fill(&store);
        (who, store.export_patient(who).unwrap())
    };
    for schema in 1..=STEPS.len() {
        let path = folder.path().join(format!("{schema}.db"));
        older(&path, &full_path, schema);
        let before = Store::open_as_it_is(&path).unwrap();
        let report = before.doctor().unwrap();
        assert_eq!(
            (report.schema, report.problems),
            (i32::try_from(schema).unwrap(), Vec::<String>::new())
        );
        drop(before);
        let store = Store::open(&path).unwrap();
        assert_eq!(
            store.export_patient(who).unwrap(),
            expected(full.clone(), schema),
            "schema {schema}"
        );
        found(&store, who, schema);
        let report = store.doctor().unwrap();
        assert_eq!(
            (report.schema, report.problems),
            (i32::try_from(STEPS.len()).unwrap(), Vec::<String>::new()),
            "schema {schema}"
        );
        // It goes on: a later version of an old note, a statement that was there, a new one, and the indexes made anew.
        let document = full.documents[0].0.document;
        let mut next = note(who, &format!("{WORDS}. Better"), vec![event("fever")]);
        next.target = Target::Version {
            document,
            expected: 2,
            reason: VersionReason::Addendum,
        };
        store.audited(entry(AuditSubtype::Update)).sign(next).unwrap();
        assert!(
            store.record_observation(observed(who)).unwrap().repeated,
            "schema {schema}"
        );
        store
            .receive(batch(vec![statement("k-2", "1", vec![event("fever")])]))
            .unwrap();
        store.rebuild_indexes().unwrap();
        // A case that was learned before there was consent is taken back by a withdrawal all the same.
        let withdrawn = store.withdraw(who, KNOWLEDGE_STUDY, crate::consent::own(), stamp());
        let taken_back = withdrawn.unwrap().followed.taken_back;
        assert_eq!(taken_back.len(), usize::from(schema >= 2), "schema {schema}");
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(
            store.doctor().unwrap().problems,
            Vec::<String>::new(),
            "schema {schema}"
        );
        assert!(
            store.verify_audit(&[], KeyTrust::AsCarried).unwrap().is_whole(),
            "schema {schema}"
        );
        assert_eq!(store.document(document).unwrap().version, 3, "schema {schema}");
    }
}
