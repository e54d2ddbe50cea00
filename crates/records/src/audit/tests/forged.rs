//! Signed notes are changed by somebody who may write to the file and knows how everything is kept; each is found.

use super::store::{note, patient, stamp};
use super::tamper::{Random, forge_nodes};
use crate::audit::finding::{AuditFinding, DocumentPart};
use crate::audit::head::{AuditKey, TreeHead};
use crate::audit::verify::{AuditReport, KeyTrust, verify};
use crate::audit::{AuditEntry, AuditSubtype};
use crate::documents::{VersionReason, hash};
use crate::resources::NewResource;
use crate::sign::{SignNote, Target};
use crate::stamp::{Moment, Population};
use crate::store::Store;
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::{Duration, Instant};

fn signing() -> AuditEntry {
    AuditEntry {
        action: AuditSubtype::Sign.usual_action(),
        subtype: AuditSubtype::Sign,
        patient: None,
        entities: Vec::new(),
        ..super::entry(0)
    }
}

/// A store of `notes` notes of three patients, one of them a dummy; every third has a second version, and all have a
/// resource. Gives the head that was signed over it.
fn signed_store(path: &Path, notes: usize) -> TreeHead {
    let store = Store::open(path).unwrap();
    let who = [
        patient(&store, Population::Real, "1"),
        patient(&store, Population::Real, "2"),
        patient(&store, Population::Dummy, "3"),
    ];
    let resource = NewResource {
        kind: "Condition".to_owned(),
        name: None,
        json: b"{\"resourceType\":\"Condition\"}".to_vec(),
    };
    for number in 0..notes {
        let first = SignNote {
            resources: vec![resource.clone()],
            ..note(who[number % 3], &format!("発熱 {number}"))
        };
        let receipt = store.audited(signing()).sign(first.clone()).unwrap();
        if number % 3 == 0 {
            let target = Target::Version {
                document: receipt.document,
                expected: 1,
                reason: VersionReason::Addendum,
            };
            let second = SignNote { target, ..first };
            store.audited(signing()).sign(second).unwrap();
        }
    }
    let at = Moment::parse("2026-11-23T00:00:00+09:00").unwrap();
    store.sign_tree_head(&AuditKey::from_seed(&[7; 32]), &at).unwrap()
}

/// The file as somebody opens it who is not held by triggers.
fn unguarded(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    let triggers: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(triggers.len() > 20);
    for trigger in triggers {
        conn.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    conn
}

fn verified(conn: &Connection, heads: &[TreeHead]) -> AuditReport {
    verify(conn, heads, KeyTrust::AsCarried).unwrap()
}

/// The ways of forging a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Bytes,
    Text,
    Both,
    Author,
    Patient,
    Resource,
    ResourceGone,
    Remove,
    InsertVersion,
    InsertDocument,
    InsertBeforeAll,
    EntryDigest,
}

const WAYS: [Way; 12] = [
    Way::Bytes,
    Way::Text,
    Way::Both,
    Way::Author,
    Way::Patient,
    Way::Resource,
    Way::ResourceGone,
    Way::Remove,
    Way::InsertVersion,
    Way::InsertDocument,
    Way::InsertBeforeAll,
    Way::EntryDigest,
];

/// A signed version of a real patient: its row, document and version.
fn any_version(conn: &Connection, random: &mut Random) -> (i64, i64, u32) {
    let mut list = conn
        .prepare(
            "SELECT v.id, v.document, v.version FROM document_version v
             JOIN patient p ON p.id = v.patient WHERE p.dummy = 0",
        )
        .unwrap();
    let rows: Vec<_> = list
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    rows[usize::try_from(random.below(i64::try_from(rows.len()).unwrap())).unwrap()]
}

/// Changes a bit of one character, so that the text stays text, and gives it.
fn altered(text: &str, random: &mut Random) -> String {
    let chars: Vec<char> = text.chars().collect();
    let place = usize::try_from(random.below(i64::try_from(chars.len()).unwrap())).unwrap();
    let other = |letter: char| if letter == 'x' { 'y' } else { 'x' };
    chars
        .iter()
        .enumerate()
        .map(|(at, letter)| if at == place { other(*letter) } else { *letter })
        .collect()
}

fn rewrite(conn: &Connection, way: Way, row: i64, random: &mut Random) -> Vec<DocumentPart> {
    let text: String = conn
        .query_row("SELECT text FROM document_version WHERE id = ?1", [row], |row| {
            row.get(0)
        })
        .unwrap();
    let forged = altered(&text, random);
    let hashed = hash(forged.as_bytes());
    let (sql, parts): (&str, Vec<DocumentPart>) = match way {
        Way::Bytes => (
            "UPDATE document_version SET bytes = CAST(?2 AS BLOB), sha256 = ?3 WHERE id = ?1",
            vec![DocumentPart::Bytes],
        ),
        Way::Text => (
            "UPDATE document_version SET text = ?2, text_hash = ?3 WHERE id = ?1",
            vec![DocumentPart::Text],
        ),
        _ => (
            "UPDATE document_version SET bytes = CAST(?2 AS BLOB), text = ?2, sha256 = ?3, text_hash = ?3 WHERE id = ?1",
            vec![DocumentPart::Bytes, DocumentPart::Text],
        ),
    };
    assert_eq!(
        conn.execute(sql, params![row, forged, hashed.as_slice()])
            .unwrap(),
        1
    );
    parts
}

fn insert(conn: &Connection, row: i64, id: Option<i64>, document: i64, version: u32) {
    conn.execute(
        "INSERT INTO document_version SELECT ?2, ?3, ?4, CASE WHEN ?4 = 1 THEN NULL ELSE ?1 END, patient,
             CASE WHEN ?4 = 1 THEN 'original' ELSE 'addendum' END, NULL, media_type, encoding,
             sha256, text_hash, author, written_at, signed_at, edition, civil, text, bytes
         FROM document_version WHERE id = ?1",
        params![row, id, document, version],
    )
    .unwrap();
}

/// Forges a note; gives what must be found, all of it.
fn forge(conn: &Connection, way: Way, random: &mut Random) -> Vec<AuditFinding> {
    let (row, document, version) = any_version(conn, random);
    let altered = |part| AuditFinding::DocumentAltered {
        document,
        version,
        part,
    };
    let on_row = |sql: &str| assert_eq!(conn.execute(sql, [row]).unwrap(), 1, "{sql}");
    let inserted = |document, version| vec![AuditFinding::DocumentInserted { document, version }];
    match way {
        Way::Bytes | Way::Text | Way::Both => {
            rewrite(conn, way, row, random).into_iter().map(altered).collect()
        }
        Way::Author => {
            on_row("UPDATE document_version SET author = author || 'x' WHERE id = ?1");
            vec![altered(DocumentPart::Frame)]
        }
        Way::Patient => {
            on_row("UPDATE document_version SET patient = 3 - patient WHERE id = ?1");
            vec![altered(DocumentPart::Frame)]
        }
        Way::Resource => {
            on_row("UPDATE resource SET json = CAST(json || ' ' AS BLOB) WHERE document_version = ?1");
            vec![altered(DocumentPart::Frame)]
        }
        Way::ResourceGone => {
            on_row("DELETE FROM resource WHERE document_version = ?1");
            vec![altered(DocumentPart::Frame)]
        }
        Way::Remove => {
            on_row("DELETE FROM document_version WHERE id = ?1");
            let signed = |finding: &AuditFinding| match finding {
                AuditFinding::DocumentRemoved {
                    document: of,
                    version: gone,
                    ..
                } => (*of, *gone) == (document, version),
                _ => false,
            };
            let found = verified(conn, &[]).findings.into_iter().find(signed);
            vec![found.unwrap_or_else(|| panic!("document {document} version {version} is gone"))]
        }
        Way::InsertVersion => {
            insert(conn, row, None, document, 7);
            inserted(document, 7)
        }
        Way::InsertDocument => {
            let new = 1000 + random.below(1000);
            conn.execute(
                "INSERT INTO document SELECT ?2, patient, encounter, kind, 1 FROM document WHERE id = ?1",
                [document, new],
            )
            .unwrap();
            insert(conn, row, None, new, 1);
            inserted(new, 1)
        }
        // Ids that the database never gives would sort before the first that was signed.
        Way::InsertBeforeAll => {
            let id = -random.below(5);
            insert(conn, row, Some(id), id, 1);
            inserted(id, 1)
        }
        Way::EntryDigest => forge_entry(conn, (row, document, version), random),
    }
}

/// Forges the note and the digests in its entry with it; the tree shows the entry, and a head once the nodes are new too.
fn forge_entry(
    conn: &Connection,
    (row, document, version): (i64, i64, u32),
    random: &mut Random,
) -> Vec<AuditFinding> {
    let name = format!("DocumentReference/{document}/_history/{version}\"");
    let was: String = conn
        .query_row(
            "SELECT lower(hex(sha256)) FROM document_version WHERE id = ?1",
            [row],
            |row| row.get(0),
        )
        .unwrap();
    rewrite(conn, Way::Both, row, random);
    let (entry, json): (i64, String) = conn
        .query_row(
            "SELECT id, CAST(json AS TEXT) FROM audit_entry WHERE instr(CAST(json AS TEXT), ?1) > 0",
            [name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let now: String = conn
        .query_row(
            "SELECT lower(hex(sha256)) FROM document_version WHERE id = ?1",
            [row],
            |row| row.get(0),
        )
        .unwrap();
    assert!(json.contains(&was) && was != now);
    conn.execute(
        "UPDATE audit_entry SET json = CAST(?2 AS BLOB) WHERE id = ?1",
        params![entry, json.replace(&was, &now)],
    )
    .unwrap();
    // Whoever is so thorough takes the heads of the store away too.
    conn.execute_batch("DELETE FROM audit_head").unwrap();
    vec![AuditFinding::Altered(entry)]
}

#[test]
fn every_forged_note_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let head = signed_store(&path, 12);
    let conn = unguarded(&path);
    let untouched = verified(&conn, std::slice::from_ref(&head));
    assert_eq!(untouched.findings, []);
    assert_eq!(
        (
            untouched.documents,
            untouched.documents_before,
            untouched.documents_without_digest
        ),
        (16, 0, 0)
    );
    let mut random = Random(11);
    for way in WAYS {
        for _ in 0..25 {
            conn.execute_batch("BEGIN").unwrap();
            let expected = forge(&conn, way, &mut random);
            let report = verified(&conn, &[]);
            assert_eq!(report.findings, expected, "{way:?}");
            if way == Way::EntryDigest {
                forge_nodes(&conn);
                assert_eq!(
                    verified(&conn, &[]).findings,
                    [],
                    "nothing but a head can show it now"
                );
                let found = verified(&conn, std::slice::from_ref(&head)).findings;
                assert_eq!(
                    found,
                    [AuditFinding::Head {
                        size: head.size,
                        agreed: 0
                    }]
                );
            }
            conn.execute_batch("ROLLBACK").unwrap();
        }
    }
    assert_eq!(verified(&conn, &[head]).findings, []);
}

#[test]
fn an_entry_that_signs_otherwise_later_does_not_whiten_a_forged_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    signed_store(&path, 1);
    let conn = unguarded(&path);
    let entry: AuditEntry = {
        rewrite(&conn, Way::Both, 1, &mut Random(5));
        let digest = crate::audit::signed::digest(&conn, crate::ids::DocumentId::new(1), 1).unwrap();
        let entity = crate::audit::AuditEntity::Document {
            document: crate::ids::DocumentId::new(1),
            version: Some(1),
            digest: Some(digest),
        };
        AuditEntry {
            entities: vec![entity],
            ..signing()
        }
    };
    drop(conn);
    let store = Store::open(&path).unwrap();
    let id = i64::try_from(store.audit_read(&entry).unwrap().get()).unwrap();
    let found = store.verify_audit(&[], KeyTrust::AsCarried).unwrap().findings;
    let altered = |part| AuditFinding::DocumentAltered {
        document: 1,
        version: 1,
        part,
    };
    let later = AuditFinding::SignedOtherwise {
        entry: id,
        document: 1,
        version: 1,
    };
    assert_eq!(
        found,
        [later, altered(DocumentPart::Bytes), altered(DocumentPart::Text)]
    );
    assert!(!store.doctor().unwrap().problems.is_empty());
}

#[test]
fn dummies_may_be_taken_out_and_real_notes_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    signed_store(&path, 9);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.remove_dummies().unwrap().documents, 3);
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert_eq!((report.findings, report.documents), (Vec::new(), 9));
    drop(store);
    // A real patient made a dummy, and taken out as one.
    let conn = unguarded(&path);
    conn.execute_batch("UPDATE patient SET dummy = 1 WHERE id = 2")
        .unwrap();
    drop(conn);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.remove_dummies().unwrap().documents, 3);
    let found = store.verify_audit(&[], KeyTrust::AsCarried).unwrap().findings;
    let is_removed = |finding: &AuditFinding| matches!(finding, AuditFinding::DocumentRemoved { .. });
    assert!(found.len() == 3 && found.iter().all(is_removed), "{found:?}");
}

#[test]
fn what_was_signed_before_the_trail_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let who = patient(&store, Population::Real, "1");
    // As in a store of schema 2: no entries.
    let old = store.sign(note(who, "old")).unwrap().document;
    store.sign(note(who, "old too")).unwrap();
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert_eq!((report.findings.len(), report.documents_before), (0, 2));
    let target = Target::Version {
        document: old,
        expected: 1,
        reason: VersionReason::Correction,
    };
    let corrected = SignNote {
        target,
        ..note(who, "new")
    };
    store.audited(signing()).sign(corrected).unwrap();
    store.audited(signing()).sign(note(who, "another")).unwrap();
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!((report.documents, report.documents_before), (2, 2));
    // After the trail began, nothing is signed without it.
    let beside = store.sign(note(who, "beside the trail")).unwrap().document.get();
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    let inserted = AuditFinding::DocumentInserted {
        document: beside,
        version: 1,
    };
    assert_eq!(report.findings, [inserted]);
    assert_eq!(store.doctor().unwrap().problems.len(), 1);
}

#[test]
fn an_entry_of_before_there_were_digests_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let who = patient(&store, Population::Real, "1");
    let document = store
        .sign(SignNote {
            key: Some("k".to_owned()),
            ..note(who, "old")
        })
        .unwrap()
        .document;
    let entry = AuditEntry {
        patient: Some(who),
        entities: vec![crate::audit::AuditEntity::document(document, Some(1))],
        ..signing()
    };
    let id = store.audit_read(&entry).unwrap();
    // Sent again, it leaves an entry and no digest: nobody looked at what it is now.
    let again = SignNote {
        key: Some("k".to_owned()),
        ..note(who, "old")
    };
    assert!(store.audited(signing()).sign(again).unwrap().repeated);
    let report = store.verify_audit(&[], KeyTrust::AsCarried).unwrap();
    assert_eq!(
        (report.findings, report.documents_without_digest),
        (Vec::new(), 1)
    );
    drop(store);
    let conn = unguarded(&path);
    conn.execute_batch("DELETE FROM document_version").unwrap();
    let entry = i64::try_from(id.get()).unwrap();
    let removed = AuditFinding::DocumentRemoved {
        document: document.get(),
        version: 1,
        entry,
    };
    assert_eq!(verified(&conn, &[]).findings, [removed]);
}

/// Shortest of three verifications.
fn time_of(notes: usize) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    signed_store(&path, notes);
    let conn = unguarded(&path);
    let one = || {
        let begun = Instant::now();
        assert_eq!(verified(&conn, &[]).findings, []);
        begun.elapsed()
    };
    (0..3).map(|_| one()).min().unwrap()
}

#[test]
fn time_grows_with_the_number_of_notes_and_no_faster() {
    let (few, many) = (time_of(150), time_of(1200));
    // Eight times the notes: sixty-four times the time where it was quadratic.
    assert!(many < few * 24, "{few:?} for 150 notes, {many:?} for 1200");
}

#[test]
fn a_stamp_is_signed_with_the_note() {
    // The frame holds who and when: a note that is signed by another name at the same time is another note.
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let mut frames = Vec::new();
    for author in ["user-0", "user-0", "user-1"] {
        let mut signed = note(who, "x");
        signed.signed = crate::stamp::Stamp {
            author: author.to_owned(),
            ..stamp()
        };
        store.audited(signing()).sign(signed).unwrap();
        let entry = store.who_looked(who, None, 1).unwrap().remove(0).entry;
        let [
            crate::audit::AuditEntity::Document {
                digest: Some(digest), ..
            },
        ] = entry.entities.as_slice()
        else {
            panic!("{entry:?}");
        };
        frames.push(digest.frame);
    }
    assert_eq!(frames[0], frames[1]);
    assert_ne!(frames[0], frames[2]);
}
