//! Entering on behalf of a physician, the record as it stood at a past time, and the end of keeping.

use crate::common::{details, event, moment, note, patient};
use jiff::civil::Date;
use std::time::{Duration, Instant};
use tsumugi_records::{
    AuditAction, AuditAgent, AuditEntry, AuditSource, AuditSubtype, ConfirmationStep, DocumentId, KeyTrust,
    PatientId, Population, Removal, SignNote, SignReceipt, Stamp, Store, StoreError, Target, VersionReason,
};

fn by(author: &str, at: &str) -> Stamp {
    Stamp {
        author: author.to_owned(),
        at: moment(at),
    }
}

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
    let mut entry = AuditEntry::new(moment("2026-11-22T01:00:00Z"), agent, subtype, source);
    if subtype == AuditSubtype::Delete {
        entry.action = AuditAction::Delete;
    }
    entry
}

/// A note that `clerk` enters for `sato`.
fn entered(store: &Store, patient: PatientId, text: &str) -> SignReceipt {
    let mut note = note(patient, text, vec![event("fever")]);
    note.signed = by("clerk", "2026-11-22T10:00");
    note.on_behalf_of = Some("sato".to_owned());
    store.audited(entry(AuditSubtype::Create)).sign(note).unwrap()
}

fn next(document: DocumentId, expected: u32, text: &str, at: &str) -> SignNote {
    let mut next = note(PatientId::new(1), text, Vec::new());
    next.target = Target::Version {
        document,
        expected,
        reason: VersionReason::Addendum,
    };
    next.signed = by("sato", at);
    next.written_at = moment(at);
    next
}

fn is_conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>, says: &str) {
    match outcome {
        Err(StoreError::Conflict { .. }) => {}
        other => panic!("{says}: {other:?}"),
    }
}

#[test]
fn a_note_entered_for_a_physician_waits_until_another_than_its_writer_confirms() {
    let store = Store::open_in_memory().unwrap();
    let one = patient(&store, Population::Real, "1");
    let document = entered(&store, one, "fever since yesterday").document;
    let waiting = store.unconfirmed(Some("sato")).unwrap();
    assert_eq!(
        (waiting.len(), waiting[0].document, waiting[0].is_returned),
        (1, document, false)
    );
    assert!(store.unconfirmed(Some("mori")).unwrap().is_empty());
    assert_eq!(store.unconfirmed(None).unwrap(), waiting);
    assert!(store.unconfirmed_of(one).unwrap().contains_key(&document));
    let at = "2026-11-22T11:00";
    is_conflict(store.confirm(document, 1, by("clerk", at)), "by who wrote");
    is_conflict(store.confirm(document, 2, by("sato", at)), "another version");
    is_conflict(
        store.sign(next(document, 1, "and more", at)),
        "added to while it waits",
    );
    let sign = store.audited(entry(AuditSubtype::Sign));
    assert_eq!(sign.confirm(document, 1, by("sato", at)).unwrap().version, 1);
    assert!(store.unconfirmed_of(one).unwrap().is_empty());
    is_conflict(store.confirm(document, 1, by("sato", at)), "twice");
    let steps: Vec<ConfirmationStep> = store
        .confirmations(document)
        .unwrap()
        .iter()
        .map(|one| one.step)
        .collect();
    assert_eq!(steps, [ConfirmationStep::Entered, ConfirmationStep::Confirmed]);
    let report = store.verify_audit(&[], KeyTrust::AsCarried);
    assert!(report.unwrap().findings.is_empty());
    assert!(
        store
            .audited(entry(AuditSubtype::Sign))
            .sign(next(document, 1, "and more", at))
            .is_ok(),
        "signed notes are added to"
    );
    let mut proxy = next(document, 2, "and more", at);
    proxy.signed = by("clerk", at);
    proxy.on_behalf_of = Some("sato".to_owned());
    is_conflict(
        store.sign(proxy),
        "a signed note is not changed on behalf of another",
    );
    assert!(store.doctor().unwrap().problems.is_empty());
}

#[test]
fn a_note_that_was_sent_back_is_added_to_and_waits_again() {
    let store = Store::open_in_memory().unwrap();
    let one = patient(&store, Population::Real, "1");
    let document = entered(&store, one, "fever").document;
    let at = "2026-11-22T11:00";
    assert!(
        store.send_back(document, 1, "  ", by("sato", at)).is_err(),
        "without a reason"
    );
    store
        .send_back(document, 1, "since when?", by("sato", at))
        .unwrap();
    let back = &store.unconfirmed_of(one).unwrap()[&document];
    assert_eq!((back.is_returned, back.reason.as_str()), (true, "since when?"));
    is_conflict(store.confirm(document, 1, by("sato", at)), "while it is back");
    let mut more = next(document, 1, "fever since yesterday", "2026-11-22T12:00");
    more.signed = by("clerk", "2026-11-22T12:00");
    more.on_behalf_of = Some("mori".to_owned());
    is_conflict(store.sign(more.clone()), "for another physician");
    more.on_behalf_of = Some("sato".to_owned());
    store.sign(more).unwrap();
    let waits = &store.unconfirmed_of(one).unwrap()[&document];
    assert_eq!((waits.is_returned, waits.version), (false, 2));
    store
        .confirm(document, 2, by("mori", "2026-11-22T13:00"))
        .unwrap();
    assert!(store.unconfirmed(None).unwrap().is_empty());
    let own = note(one, "own", Vec::new());
    let own = SignNote {
        on_behalf_of: Some(own.signed.author.clone()),
        ..own
    };
    assert!(
        matches!(store.sign(own), Err(StoreError::Invalid { .. })),
        "on behalf of oneself"
    );
}

#[test]
fn the_record_stands_as_it_stood() {
    let store = Store::open_in_memory().unwrap();
    let one = store
        .create_patient(
            Population::Real,
            details("1", "before", ""),
            by("a", "2026-11-01T08:00"),
        )
        .unwrap();
    store
        .change_patient(one, 1, details("1", "after", ""), by("a", "2026-11-15T08:00"))
        .unwrap();
    let mut first = note(one, "first", Vec::new());
    first.signed = by("sato", "2026-11-10T09:00");
    let first = store.sign(first).unwrap().document;
    store
        .sign(next(first, 1, "first and more", "2026-11-20T09:00"))
        .unwrap();
    let second = entered(&store, one, "second").document;
    store.confirm(second, 1, by("sato", "2026-11-23T09:00")).unwrap();
    let at = |text: &str| store.record_as_of(one, text.parse().unwrap()).unwrap();
    let texts = |text: &str| -> Vec<String> {
        let documents = at(text).documents;
        documents.iter().map(|one| one.version.text.clone()).collect()
    };
    assert!(at("2026-10-31T00:00").patient.is_none());
    assert_eq!(at("2026-11-14T00:00").patient.unwrap().details.name, "before");
    assert_eq!(at("2026-11-15T08:00").patient.unwrap().details.name, "after");
    assert!(texts("2026-11-10T08:59").is_empty());
    assert_eq!(texts("2026-11-10T09:00"), ["first"]);
    assert_eq!(texts("2026-11-20T09:00"), ["first and more"]);
    let was = at("2026-11-22T23:00").documents;
    let unconfirmed = was.iter().find(|one| one.version.document == second).unwrap();
    assert!(unconfirmed.is_unconfirmed());
    let is = at("2026-11-23T09:00").documents;
    assert!(is.iter().all(|one| !one.is_unconfirmed()));
}

#[test]
fn five_hundred_notes_as_they_stood_are_read_within_a_second() {
    let store = Store::open_in_memory().unwrap();
    let one = patient(&store, Population::Real, "1");
    for number in 0..500 {
        let mut new = note(one, &format!("note {number}"), vec![event("fever")]);
        new.signed = by(
            "sato",
            &format!("2026-{:02}-{:02}T10:00", 1 + number / 28 % 10, 1 + number % 28),
        );
        let receipt = store.sign(new).unwrap();
        store
            .sign(next(
                receipt.document,
                1,
                &format!("note {number} changed"),
                "2026-11-22T10:00",
            ))
            .unwrap();
    }
    let began = Instant::now();
    let was = store
        .record_as_of(one, "2026-11-01T00:00".parse().unwrap())
        .unwrap();
    let took = began.elapsed();
    assert_eq!(was.documents.len(), 500);
    assert!(was.documents.iter().all(|one| one.version.version == 1));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// A document whose course ended on 2015-03-31, and its removal after five years.
fn past(store: &Store) -> (PatientId, Removal) {
    let one = patient(store, Population::Real, "1");
    let mut old = note(one, "an old secret", vec![event("fever")]);
    old.signed = by("sato", "2015-03-01T10:00");
    old.written_at = moment("2015-03-01T10:00");
    let document = store
        .audited(entry(AuditSubtype::Sign))
        .sign(old)
        .unwrap()
        .document;
    let end: Date = "2015-03-31".parse().unwrap();
    store
        .set_course_end(one, Some(end), "", by("kanri", "2015-04-01T10:00"))
        .unwrap();
    let removal = Removal {
        document,
        version: 1,
        class: "record".to_owned(),
        kept_until: "2020-03-31".parse().unwrap(),
    };
    (one, removal)
}

const NOW: &str = "2026-11-22T10:00";

fn approved(store: &Store, removal: &Removal, by_whom: &[&str]) {
    for who in by_whom {
        store.approve_removal(removal.clone(), by(who, NOW)).unwrap();
    }
}

#[test]
fn a_document_past_its_day_goes_when_two_approve_and_a_tombstone_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite3");
    let store = Store::open(&file).unwrap();
    let (one, removal) = past(&store);
    is_conflict(
        store.remove_document(removal.clone(), by("job", NOW)),
        "nobody approved",
    );
    approved(&store, &removal, &["kanri"]);
    is_conflict(
        store.approve_removal(removal.clone(), by("kanri", NOW)),
        "approved twice by one",
    );
    is_conflict(
        store.remove_document(removal.clone(), by("job", NOW)),
        "one approved",
    );
    approved(&store, &removal, &["jouhou"]);
    let job = store.audited(entry(AuditSubtype::Delete));
    job.remove_document(removal.clone(), by("job", NOW)).unwrap();
    assert!(matches!(
        store.document(removal.document),
        Err(StoreError::NotFound { .. })
    ));
    assert!(store.current_events(one).unwrap().is_empty());
    assert!(store.export_patient(one).unwrap().documents.is_empty());
    assert!(store.kept_documents().unwrap().is_empty());
    let stone = store.tombstones().unwrap().remove(0);
    assert_eq!(stone.approved, ["jouhou", "kanri"]);
    assert_eq!((stone.hashes.len(), stone.hashes[0].len()), (1, 64));
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert!(store.doctor().unwrap().problems.is_empty());
    is_conflict(
        store
            .remove_document(removal.clone(), by("job", NOW))
            .map_err(gone),
        "twice",
    );
    drop(store);
    // Nothing of the text is left in the file.
    let conn = rusqlite::Connection::open(&file).unwrap();
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(conn);
    let bytes = std::fs::read(&file).unwrap();
    let needle = b"an old secret";
    assert!(!bytes.windows(needle.len()).any(|window| window == needle));
}

/// What is gone is not found; for these tests that is as good as a refusal.
fn gone(error: StoreError) -> StoreError {
    match error {
        StoreError::NotFound { .. } => StoreError::Conflict {
            what: String::new(),
            detail: String::new(),
        },
        other => other,
    }
}

#[test]
fn nothing_goes_before_its_day_under_a_hold_or_after_an_addendum() {
    let store = Store::open_in_memory().unwrap();
    let (one, removal) = past(&store);
    approved(&store, &removal, &["kanri", "jouhou"]);
    // A clock that was set back makes nothing older.
    is_conflict(
        store.remove_document(removal.clone(), by("job", "2020-03-31T23:59")),
        "on its last day",
    );
    store.set_hold(one, true, "lawsuit", by("kanri", NOW)).unwrap();
    is_conflict(store.remove_document(removal.clone(), by("job", NOW)), "held");
    assert!(store.kept_documents().unwrap()[0].is_held);
    store.set_hold(one, false, "settled", by("kanri", NOW)).unwrap();
    store
        .set_course_end(one, None, "came back", by("kanri", NOW))
        .unwrap();
    is_conflict(
        store.remove_document(removal.clone(), by("job", NOW)),
        "the course goes on",
    );
    store
        .set_course_end(one, Some("2015-03-31".parse().unwrap()), "", by("kanri", NOW))
        .unwrap();
    store
        .sign(next(
            removal.document,
            1,
            "an old secret, and more",
            "2022-01-10T10:00",
        ))
        .unwrap();
    is_conflict(
        store.remove_document(removal.clone(), by("job", NOW)),
        "another version was approved",
    );
    let kept = &store.kept_documents().unwrap()[0];
    assert_eq!(kept.last_entry, "2022-01-10".parse().unwrap());
    let seen = Removal {
        version: 2,
        ..removal
    };
    is_conflict(
        store.approve_removal(seen, by("kanri", NOW)),
        "written after the day",
    );
}

#[test]
fn dummies_are_never_among_what_the_job_removes() {
    let store = Store::open_in_memory().unwrap();
    let dummy = patient(&store, Population::Dummy, "D");
    let document = store.sign(note(dummy, "made up", Vec::new())).unwrap().document;
    let removal = Removal {
        document,
        version: 1,
        class: "record".to_owned(),
        kept_until: "2020-03-31".parse().unwrap(),
    };
    assert!(store.kept_documents().unwrap().is_empty());
    is_conflict(
        store.approve_removal(removal.clone(), by("kanri", NOW)),
        "approved",
    );
    is_conflict(store.remove_document(removal, by("job", NOW)), "removed");
}

#[test]
fn no_other_program_removes_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite3");
    let store = Store::open(&file).unwrap();
    let (one, removal) = past(&store);
    drop(store);
    let conn = rusqlite::Connection::open(&file).unwrap();
    let refused = |sql: &str| conn.execute_batch(sql).unwrap_err().to_string();
    assert!(refused("DELETE FROM document_version").contains("append-only"));
    let stone = |first: &str, second: &str| {
        format!(
            "INSERT INTO tombstone VALUES ({}, {one}, 'progress', 'record', 1, 'x', '2015-03-01', '2020-03-31', '{first}',
                 '{second}', 'job', '2026-11-22T10:00')",
            removal.document
        )
    };
    assert!(refused(&stone("a", "b")).contains("not approved"));
}
