//! The log through the store.

use super::entry;
use crate::audit::finding::AuditFinding;
use crate::audit::verify::KeyTrust;
use crate::audit::{AuditAction, AuditEntity, AuditEntry, AuditFilter, AuditOutcome, AuditSubtype};
use crate::documents::{Content, hash};
use crate::drafts::DraftKey;
use crate::encounters::EncounterDetails;
use crate::errors::StoreError;
use crate::ids::{AuditId, DocumentId, PatientId};
use crate::open::{Tuning, open_writer};
use crate::patients::PatientDetails;
use crate::sign::{SignNote, Target};
use crate::stamp::{Moment, Population, Stamp};
use crate::store::Store;
use crate::{AuditKey, Hex, TreeHead, leaf_hash, schema, verify_consistency, verify_inclusion};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Barrier;
use std::{fs, io, thread};
use tsumugi_clinical::Sex;

pub(super) fn stamp() -> Stamp {
    Stamp {
        author: "user-0".to_owned(),
        at: at(),
    }
}

fn at() -> Moment {
    Moment::parse("2026-11-22T10:00:00+09:00").unwrap()
}

/// An entry that says nothing yet of what is written.
fn about(subtype: AuditSubtype) -> AuditEntry {
    AuditEntry {
        action: subtype.usual_action(),
        subtype,
        patient: None,
        entities: Vec::new(),
        ..entry(0)
    }
}

fn details(number: &str) -> PatientDetails {
    PatientDetails {
        number: number.to_owned(),
        name: "name".to_owned(),
        kana: "kana".to_owned(),
        sex: Sex::Female,
        birth_date: None,
    }
}

pub(super) fn patient(store: &Store, population: Population, number: &str) -> PatientId {
    store
        .create_patient(population, details(number), stamp())
        .unwrap()
}

pub(super) fn note(patient: PatientId, text: &str) -> SignNote {
    SignNote {
        target: Target::New {
            patient,
            encounter: None,
            kind: "progress".to_owned(),
        },
        key: None,
        content: Content {
            bytes: text.as_bytes().to_vec(),
            media_type: "text/plain".to_owned(),
            encoding: "utf-8".to_owned(),
            text: text.to_owned(),
        },
        signed: stamp(),
        written_at: at(),
        edition: "e1".to_owned(),
        events: Vec::new(),
        resources: Vec::new(),
        draft: None,
        on_behalf_of: None,
    }
}

fn newest(store: &Store) -> AuditEntry {
    let filter = AuditFilter {
        limit: 1,
        ..AuditFilter::default()
    };
    store.audit_entries(&filter).unwrap().remove(0).entry
}

fn findings(store: &Store, heads: &[TreeHead]) -> Vec<AuditFinding> {
    store.verify_audit(heads, KeyTrust::AsCarried).unwrap().findings
}

/// Whether an entry names a version with the digests of its text.
fn is_signed(entry: &AuditEntry, of: DocumentId, (number, text): (u32, &str)) {
    let [
        AuditEntity::Document {
            document,
            version,
            digest: Some(digest),
        },
    ] = entry.entities.as_slice()
    else {
        panic!("{entry:?}");
    };
    let hashed = Hex(hash(text.as_bytes()));
    assert_eq!((*document, *version), (of, Some(number)));
    assert_eq!(
        (digest.bytes, digest.text, digest.population),
        (hashed, hashed, Population::Real)
    );
}

#[test]
fn a_write_and_its_entry_are_one() {
    let store = Store::open_in_memory().unwrap();
    let before = store.writer_counts().commits;
    let patient = store
        .audited(about(AuditSubtype::Create))
        .create_patient(Population::Real, details("1"), stamp())
        .unwrap();
    assert_eq!(store.writer_counts().commits, before + 1);
    let created = newest(&store);
    assert_eq!(created.patient, Some(patient));
    assert_eq!(created.entities, [AuditEntity::patient(patient)]);

    let encounter = EncounterDetails {
        kind: "ambulatory".to_owned(),
        start: at(),
        end: None,
    };
    let visit = AuditEntry {
        patient: Some(patient),
        ..about(AuditSubtype::Create)
    };
    let encounter = store
        .audited(visit)
        .create_encounter(patient, None, encounter, stamp())
        .unwrap();
    let expected = AuditEntity::Resource {
        kind: "Encounter".to_owned(),
        name: encounter.to_string(),
        version: None,
    };
    assert_eq!(newest(&store).entities, [expected]);

    let receipt = store
        .audited(about(AuditSubtype::Sign))
        .sign(note(patient, "fever"))
        .unwrap();
    let signed = newest(&store);
    assert_eq!(
        (signed.patient, signed.action),
        (Some(patient), AuditAction::Create)
    );
    is_signed(&signed, receipt.document, (1, "fever"));

    let again = SignNote {
        target: Target::Version {
            document: receipt.document,
            expected: 1,
            reason: crate::documents::VersionReason::Addendum,
        },
        ..note(patient, "fever, cough")
    };
    store.audited(about(AuditSubtype::Sign)).sign(again).unwrap();
    let signed = newest(&store);
    assert_eq!(
        (signed.patient, signed.action),
        (Some(patient), AuditAction::Update)
    );
    is_signed(&signed, receipt.document, (2, "fever, cough"));
    assert_eq!(store.audit_size(), Ok(4));
    assert_eq!(findings(&store, &[]), []);
}

#[test]
fn without_its_entry_a_write_is_not_done() {
    let store = Store::open_in_memory().unwrap();
    let no_offset = AuditEntry {
        at: Moment::parse("2026-11-22T10:00:00").unwrap(),
        ..about(AuditSubtype::Create)
    };
    let refused = store
        .audited(no_offset.clone())
        .create_patient(Population::Real, details("1"), stamp());
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    assert_eq!(store.find_patient(Population::Real, "1"), Ok(None));
    let patient = patient(&store, Population::Real, "2");
    assert!(store.audited(no_offset.clone()).patient(patient).is_err());
    assert!(store.audit_read(&no_offset).is_err());
    assert_eq!(store.audit_size(), Ok(0));
}

#[test]
fn what_fails_leaves_an_entry_that_says_so() {
    let store = Store::open_in_memory().unwrap();
    let missing = PatientId::new(9);
    assert!(store.audited(entry(0)).patient(missing).is_err());
    let read = newest(&store);
    assert_eq!(read.outcome, AuditOutcome::MinorFailure);
    assert_eq!(read.outcome_text.as_deref(), Some("patient 9: not found"));
    assert!(
        store
            .audited(about(AuditSubtype::Sign))
            .sign(note(missing, "x"))
            .is_err()
    );
    assert_eq!(newest(&store).outcome, AuditOutcome::MinorFailure);

    let patient = patient(&store, Population::Real, "1");
    let key = DraftKey {
        patient,
        encounter: None,
        author: "user-0".to_owned(),
    };
    store.save_draft(&key, None, "one", &at()).unwrap();
    let refused = store.audited(entry(3)).save_draft(&key, None, "two", &at());
    assert!(matches!(refused, Err(StoreError::DraftConflict { .. })));
    assert_eq!(newest(&store).outcome, AuditOutcome::MinorFailure);
    assert_eq!(store.audit_size(), Ok(3));
    assert_eq!(store.draft_log(&key).unwrap().len(), 2);
}

#[test]
fn a_read_leaves_one_entry() {
    let store = Store::open_in_memory().unwrap();
    let patient = patient(&store, Population::Real, "1");
    assert_eq!(store.audited(entry(0)).patient(patient).unwrap().id, patient);
    assert_eq!(newest(&store), entry(0));
    assert_eq!(store.audit_read(&entry(1)), Ok(AuditId::new(1)));
    let pending = store.audit_send(&[entry(2), entry(3)]).unwrap();
    assert_eq!(pending.wait(), Ok(Some(AuditId::new(3))));
    assert_eq!(store.audit_send(&[]).unwrap().wait(), Ok(None));
    assert_eq!(store.audit_size(), Ok(4));
}

#[test]
fn who_looked_is_paged_from_the_newest() {
    let store = Store::open_in_memory().unwrap();
    let entries: Vec<_> = (0..120).map(entry).collect();
    store.audit_send(&entries).unwrap().wait().unwrap();
    let patient = PatientId::new(8);
    let page = |before| {
        let records = store.who_looked(patient, before, 2).unwrap();
        records.iter().map(|record| record.id.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(None), [107, 57]);
    assert_eq!(page(Some(AuditId::new(57))), [7]);
    assert_eq!(page(Some(AuditId::new(7))), [0; 0]);
    assert_eq!(page(Some(AuditId::new(u64::MAX))), [107, 57]);
    let records = store.who_looked(patient, None, 9).unwrap();
    assert_eq!(records[0].entry, entry(107));
    let filter = AuditFilter {
        patient: Some(patient),
        agent: Some("user-2"),
        limit: 9,
        ..AuditFilter::default()
    };
    assert_eq!(store.audit_entries(&filter).unwrap()[0].id.get(), 107);
    let filter = AuditFilter {
        patient: None,
        ..filter
    };
    assert_eq!(store.audit_entries(&filter).unwrap().len(), 9);
}

#[test]
fn proofs_from_the_store_are_proofs() {
    let store = Store::open_in_memory().unwrap();
    let entries: Vec<_> = (0..21).map(entry).collect();
    store.audit_send(&entries).unwrap().wait().unwrap();
    let record = store
        .audit_entries(&AuditFilter {
            limit: 9,
            ..AuditFilter::default()
        })
        .unwrap()
        .remove(4);
    let root = store.audit_root(21).unwrap();
    let proof = store.audit_inclusion(record.id, 21).unwrap();
    assert!(verify_inclusion(
        &leaf_hash(&record.json),
        record.id.get(),
        21,
        &proof,
        &root
    ));
    let proof = store.audit_consistency(13, 21).unwrap();
    let earlier = store.audit_root(13).unwrap();
    assert!(verify_consistency((13, &earlier), (21, &root), &proof));
    assert!(matches!(store.audit_root(22), Err(StoreError::NotFound { .. })));
    assert!(matches!(
        store.audit_inclusion(AuditId::new(5), 5),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.audit_consistency(5, 4),
        Err(StoreError::Invalid { .. })
    ));
}

#[test]
fn heads_go_out_as_json_and_come_back() {
    let store = Store::open_in_memory().unwrap();
    let key = store.audit_key(|| Ok([1; 32])).unwrap();
    let empty = store.sign_tree_head(&key, &at()).unwrap();
    assert_eq!((empty.size, empty.is_signed()), (0, true));
    store.audit_read(&entry(0)).unwrap();
    let head = store.sign_tree_head(&key, &at()).unwrap();
    let json = serde_json::to_string(&head).unwrap();
    assert_eq!(serde_json::from_str::<TreeHead>(&json).unwrap(), head);
    assert_eq!(store.tree_heads().unwrap(), [empty, head.clone()]);
    assert_eq!(findings(&store, &[head]), []);
    let no_offset = Moment::parse("2026-11-22T10:00:00").unwrap();
    assert!(store.sign_tree_head(&key, &no_offset).is_err());
}

#[cfg(unix)]
#[test]
fn the_key_is_made_once_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let path = store.audit_key_path();
    assert_eq!(path, directory.path().join("s.db.audit-key"));
    let no_random = || Err(io::Error::other("no random numbers"));
    assert!(matches!(
        AuditKey::open(&path, no_random),
        Err(StoreError::Io { .. })
    ));
    assert!(!path.exists());
    let key = AuditKey::open(&path, || Ok([5; 32])).unwrap();
    assert_eq!(key.public_key(), AuditKey::from_seed(&[5; 32]).public_key());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = AuditKey::open(&path, || Ok([6; 32])).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert!(!format!("{key:?}").contains("5, 5"), "{key:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = AuditKey::open(&path, || Ok([6; 32]));
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "no key").unwrap();
    let refused = AuditKey::open(&path, || Ok([6; 32]));
    assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
}

#[test]
fn nothing_takes_an_entry_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let dummy = store
        .audited(about(AuditSubtype::Create))
        .create_patient(Population::Dummy, details("1"), stamp())
        .unwrap();
    store
        .sign_tree_head(&AuditKey::from_seed(&[1; 32]), &at())
        .unwrap();
    store.remove_dummies().unwrap();
    assert_eq!(store.who_looked(dummy, None, 9).unwrap().len(), 1);
    drop(store);
    let conn = Connection::open(&path).unwrap();
    for sql in [
        "DELETE FROM audit_entry",
        "DELETE FROM audit_node",
        "DELETE FROM audit_head",
        "UPDATE audit_entry SET agent = 'x'",
        "UPDATE audit_node SET hash = zeroblob(32)",
        "UPDATE audit_head SET size = 0",
        "REPLACE INTO audit_entry SELECT 0, 0, 'x', patient, action, subtype, outcome, kinds, json FROM audit_entry",
        "REPLACE INTO audit_node VALUES (0, zeroblob(32))",
        "REPLACE INTO audit_head SELECT 0, 9, root, at, public_key, signature FROM audit_head",
        "INSERT INTO audit_node VALUES (7, zeroblob(32))",
    ] {
        let error = conn.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
}

fn open_with_pages(path: &Path, max_pages: Option<u32>) -> Store {
    let tuning = Tuning {
        max_pages,
        ..Tuning::default()
    };
    Store::open_with(path, tuning).unwrap()
}

#[test]
fn a_full_disk_refuses_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let patient = patient(&open_with_pages(&path, None), Population::Real, "1");
    let pages = u32::try_from(fs::metadata(&path).unwrap().len() / 4096).unwrap();
    let store = open_with_pages(&path, Some(pages + 30));
    let mut kept = 0;
    let error = loop {
        // Every third is about a read; one that signs would be about a note that is not there.
        match store.audit_read(&entry(3 * kept)) {
            Ok(id) => assert_eq!(id.get(), kept.unsigned_abs()),
            Err(error) => break error,
        }
        kept += 1;
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(kept > 10);
    // Reading is refused too, and so is a write whose entry has no room; nothing of either is there.
    assert!(matches!(
        store.audited(entry(0)).patient(patient),
        Err(StoreError::Full { .. })
    ));
    let long = AuditEntity::Query("x".repeat(16_000));
    let large = AuditEntry {
        entities: vec![long; 40],
        ..about(AuditSubtype::Sign)
    };
    let refused = store.audited(large).sign(note(patient, "fever"));
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    assert_eq!(store.newest_documents(), Ok(Vec::new()));
    assert_eq!(store.audit_size(), Ok(kept.unsigned_abs()));
    assert_eq!(findings(&store, &[]), []);
    drop(store);
    // With room it goes on.
    let store = open_with_pages(&path, None);
    store.audited(entry(0)).patient(patient).unwrap();
    assert_eq!(store.audit_size(), Ok(kept.unsigned_abs() + 1));
    assert_eq!(findings(&store, &[]), []);
}

#[test]
fn a_store_open_for_reading_only_gives_nothing_that_must_be_audited() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let patient = patient(&Store::open(&path).unwrap(), Population::Real, "1");
    let store = Store::open_read_only(&path).unwrap();
    assert!(store.patient(patient).is_ok());
    assert!(matches!(
        store.audited(entry(0)).patient(patient),
        Err(StoreError::ReadOnly { .. })
    ));
    assert_eq!(findings(&store, &[]), []);
}

#[test]
fn sixteen_threads_share_commits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let before = store.writer_counts();
    let (start, each) = (Barrier::new(16), 50);
    thread::scope(|scope| {
        for thread in 0..16 {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..each {
                    let entry = entry(thread * each + number);
                    let id = store.audit_read(&entry).unwrap();
                    // What was acknowledged is there, for everybody.
                    let found = store.audit_entries(&AuditFilter {
                        before: Some(AuditId::new(id.get() + 1)),
                        limit: 1,
                        ..AuditFilter::default()
                    });
                    assert_eq!(found.unwrap().remove(0).entry, entry);
                }
            });
        }
    });
    let after = store.writer_counts();
    assert_eq!(after.commands - before.commands, 800);
    let commits = after.commits - before.commits;
    assert!(commits < 500, "{commits} commits");
    assert_eq!(store.audit_size(), Ok(800));
    assert_eq!(findings(&store, &[]), []);
}

#[test]
fn the_log_comes_through_backup_and_restore() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let store = Store::open(place("s.db")).unwrap();
    let key = store.audit_key(|| Ok([3; 32])).unwrap();
    let entries: Vec<_> = (0..30).map(entry).collect();
    store.audit_send(&entries).unwrap().wait().unwrap();
    let head = store.sign_tree_head(&key, &at()).unwrap();
    let report = store.backup(place("b.db")).unwrap();
    assert_eq!((report.audit_entries, report.audit_root), (30, Some(head.root)));
    store.audit_read(&entry(30)).unwrap();
    let later = store.sign_tree_head(&key, &at()).unwrap();
    Store::restore(place("b.db"), place("r.db")).unwrap();
    let restored = Store::open(place("r.db")).unwrap();
    assert_eq!(findings(&restored, std::slice::from_ref(&head)), []);
    // What came after the backup is gone, and that shows.
    let cut = AuditFinding::CutOff {
        entries: 30,
        signed: 31,
    };
    assert_eq!(findings(&restored, &[later]), [cut]);
    restored.audit_read(&entry(31)).unwrap();
    assert_eq!(restored.tree_heads().unwrap(), [head]);
    assert_eq!(findings(&restored, &[]), []);
    assert_eq!(restored.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn a_backup_leaves_an_entry_or_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let store = Store::open(place("s.db")).unwrap();
    let report = store
        .audited(about(AuditSubtype::Backup))
        .backup(place("b.db"))
        .unwrap();
    assert_eq!((report.audit_entries, store.audit_size()), (0, Ok(1)));
    let again = store.audited(about(AuditSubtype::Backup)).backup(place("b.db"));
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    assert_eq!(newest(&store).outcome, AuditOutcome::MinorFailure);
    assert!(place("b.db").exists());
    let mut nameless = about(AuditSubtype::Backup);
    nameless.agent.who.clear();
    assert!(store.audited(nameless).backup(place("c.db")).is_err());
    assert!(!place("c.db").exists());
}

#[test]
fn the_doctor_tells_of_a_changed_entry_and_a_backup_is_still_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Store::open(&path).unwrap();
    store.audit_read(&entry(0)).unwrap();
    drop(store);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "DROP TRIGGER audit_entry_fixed; UPDATE audit_entry SET json = CAST(json || ' ' AS BLOB);",
    )
    .unwrap();
    drop(conn);
    let store = Store::open(&path).unwrap();
    let problems = store.doctor().unwrap().problems;
    assert_eq!(problems, ["audit trail: entry 0 was altered"]);
    assert!(store.backup(directory.path().join("b.db")).is_ok());
}

#[test]
fn a_store_of_the_schema_before_gets_an_empty_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    {
        let conn = Connection::open(&path).unwrap();
        schema::migrate(&conn, 0, &schema::STEPS[..2]).unwrap();
        conn.execute_batch(
            "INSERT INTO patient VALUES (5, '1', 0, 1, '1');
             INSERT INTO patient_version VALUES (5, 1, '1', 'n', 'k', 'female', NULL, 'a', '2026-11-22T10:00');",
        )
        .unwrap();
    }
    assert!(matches!(
        Store::open_read_only(&path),
        Err(StoreError::Conflict { .. })
    ));
    // A backup and an examination leave it at its schema, and so is the copy.
    let old = Store::open_as_it_is(&path).unwrap();
    let copy = directory.path().join("copy.db");
    assert_eq!(old.backup(&copy).unwrap().schema, 2);
    let report = old.doctor().unwrap();
    assert_eq!((report.schema, report.problems), (2, Vec::<String>::new()));
    drop(old);
    for file in [&path, &copy] {
        let version = |row: &rusqlite::Row<'_>| row.get::<_, i32>(0);
        let version = Connection::open(file)
            .unwrap()
            .query_row("PRAGMA user_version", [], version);
        assert_eq!(version, Ok(2));
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.audit_size(), Ok(0));
    assert_eq!(findings(&store, &[]), []);
    let patient = PatientId::new(5);
    store.audited(entry(0)).patient(patient).unwrap();
    assert_eq!(findings(&store, &[]), []);
    assert_eq!(store.audit_size(), Ok(1));
    drop(store);
    // Opened again it is as it was.
    drop(open_writer(&path, Tuning::default()).unwrap());
    assert_eq!(Store::open_read_only(&path).unwrap().audit_size(), Ok(1));
}
