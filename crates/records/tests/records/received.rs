use crate::common::{event, moment, note, patient, stamp, valued};
use tsumugi_clinical::{ConceptId, Event, Sex};
use tsumugi_records::{
    AuditAgent, AuditEntry, AuditSource, AuditSubtype, EventFilter, Evidence, ItemReceipt, NewDeadLetter,
    Page, PatientId, Population, ReceivedPerson, ReceivedPlace, ReceivedResource, ReceivedStatement,
    ReceivedText, Reception, ReceptionBatch, Standing, StatementReceipt, Store, StoreError,
};

pub(crate) fn person(issuer: &str, number: &str) -> ReceivedPerson {
    ReceivedPerson {
        issuer: issuer.to_owned(),
        number: number.to_owned(),
        name: Some("Test Taro".to_owned()),
        kana: Some("tesuto tarou".to_owned()),
        sex: Some(Sex::Male),
        birth_date: Some("1960-05-05".parse().unwrap()),
        ..ReceivedPerson::default()
    }
}

pub(crate) fn statement(key: &str, sequence: &str, events: Vec<Event>) -> ReceivedStatement {
    let json = format!(
        r#"{{"resourceType":"Observation","note":"{key} {sequence} {}"}}"#,
        events.len()
    );
    ReceivedStatement {
        place: ReceivedPlace {
            file: "a/b.hl7".to_owned(),
            line: Some(3),
            field: None,
        },
        person: person("", "1"),
        key: key.to_owned(),
        sequence: sequence.to_owned(),
        standing: Standing::Valid,
        evidence: Evidence::Care,
        observed_at: moment("2026-11-20T08:00"),
        bytes: json.clone().into_bytes(),
        charset: "utf-8".to_owned(),
        resources: vec![ReceivedResource {
            kind: "Observation".to_owned(),
            json: json.into_bytes(),
        }],
        events,
        edition: "e1".to_owned(),
        texts: Vec::new(),
    }
}

pub(crate) fn batch(statements: Vec<ReceivedStatement>) -> ReceptionBatch {
    ReceptionBatch {
        population: Population::Real,
        standard: "hl7".to_owned(),
        way: "command".to_owned(),
        facility: None,
        replay_of: None,
        stamp: stamp(),
        entry: None,
        items: statements
            .into_iter()
            .map(|one| Reception::Statement(Box::new(one)))
            .collect(),
    }
}

/// Keeps one statement.
#[track_caller]
pub(crate) fn receive(store: &Store, statement: ReceivedStatement) -> StatementReceipt {
    let receipt = store.receive(batch(vec![statement])).unwrap();
    match receipt.items.as_slice() {
        [ItemReceipt::Kept(kept)] => kept.clone(),
        other => panic!("{other:?}"),
    }
}

fn current(store: &Store, patient: PatientId) -> Vec<String> {
    let events = store.current_events(patient).unwrap();
    let number = |event: &Event| {
        event
            .value
            .clone()
            .and_then(|value| value.number)
            .unwrap_or_default()
    };
    events
        .iter()
        .map(|stored| {
            format!("{} {}", stored.event.concept, number(&stored.event))
                .trim()
                .to_owned()
        })
        .collect()
}

fn found(store: &Store, concept: &str) -> u64 {
    let page = Page {
        after: None,
        limit: 10,
    };
    let hits = store.search_events(
        Population::Real,
        &[ConceptId::new(concept)],
        &EventFilter::default(),
        page,
    );
    hits.unwrap().events
}

fn is_whole(store: &Store) {
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
    assert_eq!(store.find_damage(), Ok(None));
}

#[test]
fn a_statement_without_a_time_of_its_own_is_known_when_it_comes_again() {
    let store = Store::open_in_memory().unwrap();
    let at = |time| ReceivedStatement {
        observed_at: moment(time),
        ..statement("k", "", vec![valued("temperature", "39.2", "Cel")])
    };
    // It is of the moment at which it came.
    assert!(!receive(&store, at("2026-11-20T08:00")).repeated);
    assert!(receive(&store, at("2026-11-21T09:30")).repeated);
    is_whole(&store);
}

#[test]
fn a_repeated_statement_is_kept_once() {
    let store = Store::open_in_memory().unwrap();
    let first = receive(
        &store,
        statement("k", "1", vec![valued("temperature", "39.2", "Cel")]),
    );
    assert!(!first.repeated && first.counts);
    let again = receive(
        &store,
        statement("k", "1", vec![valued("temperature", "39.2", "Cel")]),
    );
    assert_eq!((again.repeated, again.observation), (true, first.observation));
    assert_eq!(store.received(first.patient).unwrap().len(), 1);
    assert_eq!(current(&store, first.patient), ["temperature 39.2"]);
    is_whole(&store);
}

#[test]
fn the_greatest_sequence_wins_whenever_it_comes() {
    let store = Store::open_in_memory().unwrap();
    let second = receive(
        &store,
        statement("k", "2", vec![valued("temperature", "38.0", "Cel")]),
    );
    let late = receive(
        &store,
        statement("k", "1", vec![valued("temperature", "39.2", "Cel")]),
    );
    assert_eq!((late.counts, late.version), (false, 2));
    assert_eq!(current(&store, second.patient), ["temperature 38.0"]);
    let third = receive(
        &store,
        statement(
            "k",
            "3",
            vec![valued("temperature", "37.0", "Cel"), event("cough")],
        ),
    );
    assert!(third.counts);
    assert_eq!(current(&store, second.patient), ["temperature 37.0", "cough"]);
    // What came before comes again: it is known, and nothing changes.
    for (sequence, number) in [("2", "38.0"), ("1", "39.2")] {
        let again = receive(
            &store,
            statement("k", sequence, vec![valued("temperature", number, "Cel")]),
        );
        assert_eq!((again.repeated, again.counts), (true, false));
    }
    assert_eq!(found(&store, "temperature"), 1);
    let versions: Vec<_> = store
        .received(second.patient)
        .unwrap()
        .into_iter()
        .map(|one| (one.version, one.sequence, one.counts))
        .collect();
    let expected = [(1, "2", false), (2, "1", false), (3, "3", true)];
    assert_eq!(
        versions,
        expected.map(|(version, sequence, counts)| (version, sequence.to_owned(), counts))
    );
    store.rebuild_indexes().unwrap();
    assert_eq!(current(&store, second.patient), ["temperature 37.0", "cough"]);
    is_whole(&store);
}

#[test]
fn without_a_sequence_the_last_to_come_wins() {
    let store = Store::open_in_memory().unwrap();
    let warm = || {
        statement(
            "k",
            "",
            vec![valued("temperature", "39.2", "Cel"), event("cough")],
        )
    };
    let first = receive(&store, warm());
    receive(&store, statement("k", "", vec![event("headache")]));
    assert_eq!(current(&store, first.patient), ["headache"]);
    let back = receive(&store, warm());
    assert_eq!((back.repeated, back.version), (false, 3));
    assert_eq!(current(&store, first.patient), ["temperature 39.2", "cough"]);
    is_whole(&store);
}

#[test]
fn what_was_taken_back_leaves_the_index_and_stays_kept() {
    let store = Store::open_in_memory().unwrap();
    let first = receive(&store, statement("k", "1", vec![event("fever")]));
    let mut deleted = statement("k", "2", vec![event("fever")]);
    deleted.standing = Standing::Deleted;
    let gone = receive(&store, deleted);
    assert!(gone.counts);
    assert_eq!(
        (found(&store, "fever"), current(&store, first.patient).len()),
        (0, 0)
    );
    assert_eq!(store.received(first.patient).unwrap().len(), 2);
    store.rebuild_indexes().unwrap();
    assert_eq!(found(&store, "fever"), 0);
    is_whole(&store);
    receive(&store, statement("k", "3", vec![event("fever")]));
    assert_eq!(found(&store, "fever"), 1);
    is_whole(&store);
}

#[test]
fn bytes_resources_and_place_come_back_as_they_came() {
    let store = Store::open_in_memory().unwrap();
    let mut sent = statement("k", "1", vec![event("fever")]);
    sent.bytes = vec![0x1B, 0x24, 0x42, 0xFF, 0x00];
    sent.charset = "iso-2022-jp".to_owned();
    sent.evidence = Evidence::Claim;
    sent.resources.push(ReceivedResource {
        kind: "Condition".to_owned(),
        json: br#"{ "resourceType":"Condition", "n": 39.20 }"#.to_vec(),
    });
    let kept = receive(&store, sent.clone());
    let records = store.received(kept.patient).unwrap();
    let record = records.first().unwrap();
    assert_eq!(store.received_bytes(kept.observation).unwrap(), sent.bytes);
    let resources: Vec<_> = sent
        .resources
        .iter()
        .map(|one| (one.kind.clone(), one.json.clone()))
        .collect();
    assert_eq!(record.resources, resources);
    assert_eq!(
        (record.evidence, record.place.clone()),
        (Evidence::Claim, sent.place)
    );
    let export = store.export_patient(kept.patient).unwrap();
    assert_eq!(export.received, [(record.clone(), sent.bytes)]);
    // A resource that is the statement itself is kept once, and read back all the same.
    let whole = receive(&store, statement("whole", "", vec![]));
    let records = store.received(whole.patient).unwrap();
    let last = records.last().unwrap();
    assert_eq!(
        last.resources.first().unwrap().1,
        store.received_bytes(whole.observation).unwrap()
    );
}

#[test]
fn texts_are_signed_and_follow_the_statement() {
    let store = Store::open_in_memory().unwrap();
    let text = |words: &str, concept: &str| ReceivedText {
        kind: "11488-4".to_owned(),
        author: "dr. elsewhere".to_owned(),
        written_at: moment("2026-11-19T12:00"),
        text: words.to_owned(),
        edition: "e1".to_owned(),
        events: vec![event(concept)],
        resources: Vec::new(),
    };
    let with = |sequence: &str, texts: Vec<ReceivedText>| {
        let mut statement = statement("doc", sequence, vec![]);
        statement.bytes = format!("{sequence}{}", texts.len()).into_bytes();
        statement.texts = texts;
        statement
    };
    let first = receive(
        &store,
        with("1", vec![text("fever today", "fever"), text("a second", "cough")]),
    );
    assert_eq!((first.documents.len(), first.events), (2, 2));
    let document = first.documents[0].0;
    let signed = store.document(document).unwrap();
    assert_eq!(
        (signed.author.as_str(), signed.kind.as_str()),
        ("dr. elsewhere", "11488-4")
    );
    // The second is no longer there; the first reads otherwise.
    let next = receive(&store, with("2", vec![text("no fever", "headache")]));
    assert_eq!(next.documents, [(document, 2), (first.documents[1].0, 2)]);
    assert_eq!(current(&store, first.patient), ["headache"]);
    assert_eq!(store.document(first.documents[1].0).unwrap().text, "");
    // The same text in a newer statement makes no version.
    let same = receive(&store, with("3", vec![text("no fever", "headache")]));
    assert_eq!(same.documents, []);
    // One that comes late signs nothing.
    let mut late = with("0", vec![text("the oldest", "nausea")]);
    late.bytes = b"late".to_vec();
    assert_eq!(receive(&store, late).documents, []);
    let mut deleted = with("4", vec![text("no fever", "headache")]);
    deleted.standing = Standing::Deleted;
    receive(&store, deleted);
    assert_eq!(current(&store, first.patient), [""; 0]);
    assert_eq!(store.document_versions(document).unwrap().len(), 3);
    is_whole(&store);
}

#[test]
fn a_bad_neighbour_becomes_a_dead_letter_and_the_rest_is_in() {
    let store = Store::open_in_memory().unwrap();
    let mut bad = statement("bad", "1", vec![event("fever")]);
    bad.resources[0].json = b"no json".to_vec();
    let mut nobody = statement("nobody", "1", vec![event("fever")]);
    nobody.person.number = String::new();
    nobody.place.line = Some(9);
    let mut sent = batch(vec![
        statement("one", "1", vec![event("cough")]),
        bad.clone(),
        nobody,
        statement("two", "1", vec![event("cough")]),
    ]);
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
    let kinds = |store: &Store| {
        let receipt = store.receive(sent.clone()).unwrap();
        receipt
            .items
            .iter()
            .map(|item| match item {
                ItemReceipt::Kept(kept) => format!("kept {}", kept.repeated),
                ItemReceipt::Dead(_, known) => format!("dead {known}"),
                ItemReceipt::Refused(_, why) => why.split(':').next().unwrap().to_owned(),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(&store),
        ["kept false", "resource", "person", "kept false", "dead false"]
    );
    assert_eq!(
        kinds(&store),
        ["kept true", "resource", "person", "kept true", "dead true"]
    );
    let letters = store.dead_letters(None, false, 10).unwrap();
    assert_eq!(letters.len(), 3);
    assert_eq!(store.dead_letter(letters[0].id).unwrap().1, bad.bytes);
    assert_eq!((found(&store, "cough"), found(&store, "fever")), (2, 0));
    store.note_replay(letters[2].id, true, stamp()).unwrap();
    assert_eq!(store.dead_letters(None, false, 10).unwrap().len(), 2);
    assert_eq!(store.dead_letters(None, true, 10).unwrap().len(), 3);
    assert!(matches!(
        store.note_replay(tsumugi_records::DeadLetterId::new(99), true, stamp()),
        Err(StoreError::NotFound { .. })
    ));
    is_whole(&store);
}

#[test]
fn the_trail_tells_of_the_batch_of_each_patient_and_of_each_note() {
    let store = Store::open_in_memory().unwrap();
    let agent = AuditAgent {
        who: "command line".to_owned(),
        name: None,
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: "test".to_owned(),
        address: None,
    };
    let entry = AuditEntry::new(
        moment("2026-11-22T01:00:00Z"),
        agent,
        AuditSubtype::Create,
        source,
    );
    let mut other = statement("b", "", vec![event("cough")]);
    other.person.number = "2".to_owned();
    other.texts = vec![ReceivedText {
        kind: "report".to_owned(),
        author: "x".to_owned(),
        written_at: moment("2026-11-19"),
        text: "cough".to_owned(),
        edition: "e".to_owned(),
        events: vec![],
        resources: vec![],
    }];
    let mut sent = batch(vec![
        statement("a", "", vec![]),
        statement("c", "", vec![]),
        other,
    ]);
    sent.entry = Some(entry);
    let receipt = store.receive(sent.clone()).unwrap();
    // Two patients, a note, the batch.
    assert_eq!(store.audit_size(), Ok(4));
    let ItemReceipt::Kept(first) = &receipt.items[0] else {
        panic!("{receipt:?}")
    };
    let looked = store.who_looked(first.patient, None, 10).unwrap();
    assert_eq!(looked.len(), 1);
    assert_eq!(looked[0].entry.entities.len(), 3);
    // Sent again, the batch alone is told of.
    store.receive(sent).unwrap();
    assert_eq!(store.audit_size(), Ok(5));
    let report = store
        .verify_audit(&[], tsumugi_records::KeyTrust::AsCarried)
        .unwrap();
    assert_eq!(report.findings, []);
    is_whole(&store);
}

#[test]
fn what_came_for_dummies_goes_with_them() {
    let store = Store::open_in_memory().unwrap();
    let real = receive(&store, statement("k", "1", vec![event("fever")]));
    let mut dummies = batch(vec![statement("k", "1", vec![event("fever")])]);
    dummies.population = Population::Dummy;
    dummies.items.push(Reception::Dead(NewDeadLetter {
        place: ReceivedPlace::default(),
        code: "x".to_owned(),
        problem: "{}".to_owned(),
        bytes: b"x".to_vec(),
    }));
    let receipt = store.receive(dummies).unwrap();
    let ItemReceipt::Dead(letter, _) = receipt.items[1] else {
        panic!("{receipt:?}")
    };
    store.note_replay(letter, false, stamp()).unwrap();
    let before = store.export_patient(real.patient).unwrap();
    assert_eq!(store.remove_dummies().unwrap().patients, 1);
    assert_eq!(store.export_patient(real.patient), Ok(before));
    assert_eq!(store.dead_letters(None, true, 10).unwrap(), []);
    is_whole(&store);
}

#[test]
fn notes_and_what_came_stand_on_one_timeline() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    store.sign(note(who, "fever", vec![event("fever")])).unwrap();
    let mut sent = statement("k", "1", vec![valued("temperature", "39.2", "Cel")]);
    sent.person = ReceivedPerson {
        number: "1".to_owned(),
        ..ReceivedPerson::default()
    };
    assert_eq!(receive(&store, sent).patient, who);
    assert_eq!(current(&store, who), ["fever", "temperature 39.2"]);
    assert_eq!(store.timeline(who, None, None).unwrap().len(), 3);
}
