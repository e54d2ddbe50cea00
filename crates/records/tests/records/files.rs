use crate::common::{event, note, patient, stamp};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tsumugi_records::{Correction, PatientFilter, Population, SignNote, Store, StoreError, Tuning};

/// A directory with a closed store in it that holds one note.
fn filled() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let who = patient(&store, Population::Real, "1");
    store
        .sign(SignNote {
            key: Some("k".to_owned()),
            ..note(who, "a note to keep", vec![event("fever")])
        })
        .unwrap();
    directory
}

fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let directory = filled();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    assert!(store.find_document(who, "k").unwrap().is_some());
    let report = store.doctor().unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert_eq!((report.counts.real_documents, report.counts.real_events), (1, 1));
    assert!(report.file_bytes > 0);
}

#[test]
fn only_one_may_write_while_others_read() {
    let directory = filled();
    let path = directory.path().join("s.db");
    let writing = Store::open(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Locked { .. })));
    let reading = Store::open_read_only(&path).unwrap();
    assert!(!reading.is_writable());
    let correction = Correction {
        surface: "x".to_owned(),
        wrong: None,
        right: None,
        stamp: stamp(),
    };
    assert!(matches!(
        reading.remember_correction(correction),
        Err(StoreError::ReadOnly { .. })
    ));
    patient(&writing, Population::Real, "2");
    assert!(reading.find_patient(Population::Real, "2").unwrap().is_some());
    drop(writing);
    Store::open(&path).unwrap();
}

#[test]
fn what_is_not_a_whole_store_of_ours_is_refused_and_left_alone() {
    fn check(change: impl Fn(&Path), message: &str) {
        let directory = filled();
        let path = directory.path().join("s.db");
        change(&path);
        let before = fs::read(&path).ok();
        for opened in [Store::open(&path), Store::open_read_only(&path)] {
            let error = opened
                .err()
                .unwrap_or_else(|| panic!("opened: {message}"))
                .to_string();
            assert!(error.contains(message) && error.contains("s.db"), "{error}");
            assert_eq!(fs::read(&path).ok(), before, "{message}");
        }
    }
    check(|path| fs::write(path, "").unwrap(), "the file is empty");
    check(
        |path| fs::write(path, "some notes of somebody").unwrap(),
        "damaged (file is not a database)",
    );
    check(
        |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
        "damaged (database disk image is malformed)",
    );
    check(
        |path| tamper(path, "PRAGMA application_id = 7"),
        "application id 0x00000007",
    );
    check(
        |path| tamper(path, "PRAGMA user_version = 99"),
        "schema 99, known up to 12",
    );
    check(
        |path| tamper(path, "DROP TABLE correction"),
        "table correction is missing",
    );
    check(
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        "s.db",
    );
}

#[test]
fn a_journal_without_its_file_is_no_new_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fs::write(directory.path().join("s.db-wal"), "frames").unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("its journal (-wal) is there"), "{error}");
    assert!(!path.exists());
    assert!(matches!(
        Store::open(directory.path().join("no/s.db")),
        Err(StoreError::Io { .. })
    ));
}

#[test]
fn ground_rows_cannot_be_changed_or_removed() {
    let directory = filled();
    let path = directory.path().join("s.db");
    for sql in [
        "UPDATE document_version SET text = 'x'",
        "DELETE FROM document_version",
        "UPDATE patient SET dummy = 1",
        "UPDATE patient_version SET name = 'x'",
        "DELETE FROM patient",
        "UPDATE document SET patient = 2",
    ] {
        let error = Connection::open(&path)
            .unwrap()
            .execute_batch(sql)
            .unwrap_err()
            .to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
}

#[test]
fn a_backup_made_while_others_write_is_whole_and_comes_back() {
    let directory = filled();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    let target = directory.path().join("backup #1 100%?.db");
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..50 {
                store
                    .sign(note(who, &format!("note {number}"), vec![event("fever")]))
                    .unwrap();
            }
        });
        store.backup(&target).unwrap()
    });
    assert!(report.documents >= 1);
    assert!(matches!(store.backup(&target), Err(StoreError::Exists { .. })));
    assert_eq!(Store::verify_backup(&target), Ok(report.clone()));
    let restored_path = directory.path().join("restored.db");
    let restored = Store::restore(&target, &restored_path).unwrap();
    assert_eq!(
        (restored.sha256, restored.documents),
        (report.sha256, report.documents)
    );
    assert!(matches!(
        Store::restore(&target, &restored_path),
        Err(StoreError::Exists { .. })
    ));
    let opened = Store::open(&restored_path).unwrap();
    assert_eq!(opened.doctor().unwrap().problems, [""; 0]);
    assert_eq!(
        opened.export_patient(who).unwrap().documents.len() as u64,
        report.documents
    );
    let leftovers: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part") || name.contains(".new"))
        .collect();
    assert_eq!(leftovers, [""; 0]);
}

#[test]
fn a_backup_that_is_no_good_is_refused() {
    fn check(change: impl Fn(&Path), message: &str) {
        let directory = filled();
        let backup = directory.path().join("b.db");
        Store::open(directory.path().join("s.db"))
            .unwrap()
            .backup(&backup)
            .unwrap();
        change(&backup);
        let restored = directory.path().join("r.db");
        let error = Store::restore(&backup, &restored).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("b.db"), "{error}");
        assert!(!restored.exists());
    }
    let forge = "DROP TRIGGER document_version_fixed; UPDATE document_version SET bytes = x'00';";
    check(
        |path| tamper(path, forge),
        "document 1 version 1 is not what was signed",
    );
    check(
        |path| tamper(path, "PRAGMA foreign_keys = OFF; DELETE FROM event_index;"),
        "event of the newest version",
    );
    check(|path| tamper(path, "PRAGMA application_id = 7"), "application id");
    check(|path| fs::write(path, "").unwrap(), "the file is empty");
    check(
        |path| fs::write(path.with_file_name("b.db-wal"), "x").unwrap(),
        "a store in use",
    );
    check(
        |path| tamper(path, "UPDATE document_text SET folded = 'x'"),
        "indexed with another text",
    );
    check(|path| fs::remove_file(path).unwrap(), "b.db");
}

#[test]
fn a_flipped_bit_in_a_note_is_noticed() {
    let directory = filled();
    let (store, backup) = (directory.path().join("s.db"), directory.path().join("b.db"));
    Store::open(store).unwrap().backup(&backup).unwrap();
    let whole = fs::read(&backup).unwrap();
    let places: Vec<_> = (0..whole.len())
        .filter(|at| whole[*at..].starts_with(b"note to keep"))
        .collect();
    assert!(places.len() >= 3, "bytes, text and folded text");
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&backup, bytes).unwrap();
        assert!(
            matches!(Store::verify_backup(&backup), Err(StoreError::Damaged { .. })),
            "byte {at}"
        );
    }
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    fn check(sql: &str, message: &str) {
        let directory = filled();
        let path = directory.path().join("s.db");
        tamper(&path, sql);
        let problems = Store::open(&path).unwrap().doctor().unwrap().problems;
        assert!(
            problems.iter().any(|problem| problem.contains(message)),
            "{sql}: {problems:?}"
        );
    }
    check(
        "DROP TRIGGER document_version_fixed; UPDATE document_version SET bytes = x'00'",
        "document 1 version 1 is not what was signed",
    );
    check(
        "DELETE FROM document_text",
        "document is not in the text index: 1",
    );
    check(
        "INSERT INTO document_fts (rowid, folded) VALUES (77, 'text')",
        "one half of the text index only: 77",
    );
    check(
        "DELETE FROM event_index",
        "event of the newest version is not in the index",
    );
    check(
        "UPDATE event_index SET dummy = 1",
        "index row is of the wrong population",
    );
    check(
        "INSERT INTO fhir_resource VALUES (1, 1, 'x', 1, 1, NULL, NULL, 0, 2, NULL)",
        "FHIR resource is current and has no body: 1",
    );
    check(
        "INSERT INTO fhir_token VALUES (1, 1, 77)",
        "FHIR resource is found by a search and is not there: 77",
    );
    check("UPDATE document SET version = 3", "document has a gap");
    check(
        "PRAGMA foreign_keys = OFF; DROP TRIGGER patient_stays; DELETE FROM patient",
        "refers to what is not there",
    );
}

#[test]
fn a_full_disk_fails_the_write_and_not_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let tuning = Tuning {
        max_pages: Some(270),
        ..Tuning::default()
    };
    let store = Store::open_with(&path, tuning).unwrap();
    let who = patient(&store, Population::Real, "1");
    let dummy = patient(&store, Population::Dummy, "1");
    store.sign(note(dummy, &"x ".repeat(20_000), vec![])).unwrap();
    let mut signed = 0;
    let error = loop {
        match store.sign(note(who, &"text ".repeat(2_000), vec![event("fever")])) {
            Ok(_) => signed += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, StoreError::Full { place, .. } if place == "sign"),
        "{error}"
    );
    assert!(error.to_string().contains("free some space"), "{error}");
    let report = store.doctor().unwrap();
    assert_eq!((report.counts.real_documents, report.problems), (signed, vec![]));
    // Room is made, and the same store takes the next note.
    store.remove_dummies().unwrap();
    store
        .sign(note(who, &"text ".repeat(2_000), vec![event("fever")]))
        .unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.doctor().unwrap().counts.real_documents, signed + 1);
    let filter = PatientFilter {
        population: Population::Dummy,
        text: "",
        after: None,
        limit: 1,
    };
    assert_eq!(store.list_patients(&filter), Ok(vec![]));
}
