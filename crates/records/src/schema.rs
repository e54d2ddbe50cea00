//! The schema and its versions: each step from one to the next is one transaction.

use crate::errors::StoreError;
use rusqlite::Connection;

/// `TSUM` in ASCII: tells our files from other databases.
pub(crate) const APPLICATION_ID: i32 = 0x5453_554D;

/// The steps; after step `n` (counted from 1) `user_version` is `n`. A step that was released is never edited.
pub(crate) const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
    include_str!("schema/12.sql"),
];

/// The schema from which on a store has an audit trail.
pub(crate) const WITH_TRAIL: i32 = 3;

/// Tables that a store of the newest schema must have, beside those that FTS5 keeps for itself.
const TABLES: &[&str] = &[
    "access_change",
    "access_fact",
    "access_row",
    "amendment_answer",
    "amendment_request",
    "assertion",
    "audit_entry",
    "audit_head",
    "audit_node",
    "care_entry",
    "confirmation",
    "consent_code",
    "consent_event",
    "consent_failure",
    "consent_receipt",
    "consent_study",
    "consent_text",
    "correction",
    "dead_letter",
    "dead_letter_replay",
    "decision",
    "delivery",
    "delivery_due",
    "delivery_target",
    "document",
    "document_fts",
    "document_text",
    "document_version",
    "draft_revision",
    "encounter",
    "encounter_version",
    "event",
    "event_index",
    "export_delivery",
    "export_person",
    "fhir_code",
    "fhir_date",
    "fhir_due",
    "fhir_edition",
    "fhir_quantity",
    "fhir_reference",
    "fhir_resource",
    "fhir_string",
    "fhir_token",
    "fhir_value",
    "fhir_version",
    "learned",
    "observation",
    "patient",
    "patient_identifier",
    "patient_link",
    "patient_merged",
    "patient_version",
    "received",
    "received_document",
    "received_resource",
    "reception",
    "resource",
    "retention_approval",
    "retention_mark",
    "settled_phrase",
    "statement",
    "tombstone",
    "topic_mark",
    "topic_row",
    "unconfirmed",
];

/// Newest schema version this program knows.
pub(crate) fn newest(steps: &[&str]) -> i32 {
    i32::try_from(steps.len()).unwrap_or(i32::MAX)
}

/// Refuses what is not ours or newer than ours, before anything is written. Gives the file's schema version.
pub(crate) fn check_identity(conn: &Connection, steps: &[&str]) -> Result<i32, StoreError> {
    let application: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: i32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(StoreError::NotAStore {
            place: String::new(),
            found: application,
        });
    }
    if found > newest(steps) {
        return Err(StoreError::NewerSchema {
            place: String::new(),
            found,
            known: newest(steps),
        });
    }
    if found < 1 {
        return Err(StoreError::damaged("no schema version"));
    }
    Ok(found)
}

/// Refuses a file that lacks a table.
pub(crate) fn check_tables(conn: &Connection) -> Result<(), StoreError> {
    let mut there = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let there = there
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    match TABLES
        .iter()
        .find(|name| !there.iter().any(|table| table == **name))
    {
        Some(missing) => Err(StoreError::damaged(format!("table {missing} is missing"))),
        None => Ok(()),
    }
}

/// Brings a database from schema `found` to the newest; a step that fails leaves the version before it.
pub(crate) fn migrate(conn: &Connection, found: i32, steps: &[&str]) -> Result<(), StoreError> {
    for (version, step) in (1..).zip(steps).skip(usize::try_from(found).unwrap_or(0)) {
        let sql = format!(
            "BEGIN IMMEDIATE;\n{step}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\nCOMMIT;"
        );
        if let Err(error) = conn.execute_batch(&sql) {
            if !conn.is_autocommit() {
                conn.execute_batch("ROLLBACK")?;
            }
            return Err(StoreError::from(error).at(&format!("migration to schema {version}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(conn: &Connection) -> i32 {
        conn.query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_new_database_has_every_table() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn, 0, STEPS).unwrap();
        assert_eq!(check_identity(&conn, STEPS), Ok(newest(STEPS)));
        assert_eq!(check_tables(&conn), Ok(()));
        conn.execute_batch("DROP TABLE correction").unwrap();
        assert!(
            check_tables(&conn)
                .unwrap_err()
                .to_string()
                .contains("correction is missing")
        );
    }

    #[test]
    fn a_failing_step_leaves_the_version_before_it() {
        let conn = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x);",
            "CREATE TABLE b (x); CREATE TABLE a (x);",
            "CREATE TABLE c (x);",
        ];
        let error = migrate(&conn, 0, &steps).unwrap_err();
        assert!(error.to_string().contains("migration to schema 2"), "{error}");
        assert_eq!(version(&conn), 1);
        let tables: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'b'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(tables, 0);
        let mended = [
            "CREATE TABLE a (x);",
            "CREATE TABLE b (x);",
            "CREATE TABLE c (x);",
        ];
        migrate(&conn, version(&conn), &mended).unwrap();
        assert_eq!(version(&conn), 3);
    }

    #[test]
    fn a_store_of_schema_4_is_brought_up_with_what_it_holds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        {
            let conn = Connection::open(&path).unwrap();
            migrate(&conn, 0, STEPS.get(..4).unwrap()).unwrap();
            conn.execute_batch(
                "INSERT INTO patient VALUES (5, '1', 0, 1, '1');
                 INSERT INTO patient_version VALUES (5, 1, '1', 'n', 'k', 'female', NULL, 'a', '2026-11-22T10:00');
                 INSERT INTO observation VALUES
                     (1, 5, 'laboratory', 'k', 1, '2026-11-22T10:00:00', 'a', '2026-11-22T10:00', zeroblob(32));",
            )
            .unwrap();
        }
        let old = crate::Store::open_as_it_is(&path).unwrap();
        let report = old.doctor().unwrap();
        assert_eq!((report.schema, report.problems), (4, Vec::<String>::new()));
        drop(old);
        let store = crate::Store::open(&path).unwrap();
        let patient = crate::PatientId::new(5);
        assert_eq!(store.observations(patient).unwrap().len(), 1);
        assert_eq!(store.received(patient).unwrap(), []);
        let report = store.doctor().unwrap();
        assert_eq!(
            (report.schema, report.problems),
            (newest(STEPS), Vec::<String>::new())
        );
        store.rebuild_indexes().unwrap();
        drop(store);
        // Rows of the new tables are added, never changed.
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "INSERT INTO reception VALUES (1, 0, 'hl7', 'command', 'a', '2026-11-22T10:00');
             INSERT INTO received VALUES
                 (1, 1, 5, '', '1', 'f', NULL, NULL, '', 'valid', 'care', 'utf-8', zeroblob(32), x'00');
             INSERT INTO dead_letter VALUES (1, 1, 0, 'hl7', 'f', NULL, 'c', '{}', zeroblob(32), x'00');
             INSERT INTO patient_identifier VALUES (1, 5, 0, '', '1', 'a', '2026-11-22T10:00');",
        )
        .unwrap();
        for table in ["reception", "received", "dead_letter", "patient_identifier"] {
            for change in [
                format!("DELETE FROM {table}"),
                format!("UPDATE {table} SET rowid = rowid + 1"),
            ] {
                let error = conn.execute_batch(&change).unwrap_err().to_string();
                assert!(error.contains("append-only"), "{change}: {error}");
            }
        }
    }

    #[test]
    fn identity_is_checked() {
        let conn = Connection::open_in_memory().unwrap();
        assert!(matches!(
            check_identity(&conn, STEPS),
            Err(StoreError::NotAStore { found: 0, .. })
        ));
        migrate(&conn, 0, STEPS).unwrap();
        conn.execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(matches!(
            check_identity(&conn, STEPS),
            Err(StoreError::NewerSchema { found: 99, .. })
        ));
    }
}
