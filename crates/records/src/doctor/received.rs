//! Whether what other systems sent is what came, and whether what follows from it fits.

use super::{MAX_LISTED, noting, texts};
use crate::documents::hash;
use crate::errors::StoreError;
use rusqlite::Connection;

/// Questions to which the answer must be no row; the first column names the row.
const CHECKS: &[(&str, &str)] = &[
    (
        "received statement of which no version counts",
        "SELECT x.observation FROM received x JOIN observation o ON o.id = x.observation
         WHERE NOT EXISTS (SELECT 1 FROM statement s
                           WHERE s.patient = o.patient AND s.source = o.source AND s.key = o.key)",
    ),
    (
        "received statement of which a version counts that is not its newest",
        "SELECT s.observation FROM statement s JOIN received x ON x.observation = s.observation
         JOIN observation n ON n.patient = s.patient AND n.source = s.source AND n.key = s.key
         JOIN received y ON y.observation = n.id
         WHERE s.sequence IS NOT x.sequence OR (s.sequence <> '' AND y.sequence > s.sequence)",
    ),
    (
        "event of a received statement that does not count is in the index",
        "SELECT i.event FROM event_index i JOIN event e ON e.id = i.event JOIN received x ON x.observation = e.observation
         LEFT JOIN statement s ON s.observation = x.observation
         WHERE s.observation IS NULL OR x.standing <> 'valid'",
    ),
    (
        "event of a received statement that counts is not in the index",
        "SELECT e.id FROM statement s JOIN received x ON x.observation = s.observation AND x.standing = 'valid'
         JOIN event e ON e.observation = s.observation
         WHERE NOT EXISTS (SELECT 1 FROM event_index i WHERE i.event = e.id AND i.role = 0)",
    ),
    (
        "index row is not of the record that the patient is read under",
        "SELECT i.event FROM event_index i JOIN event e ON e.id = i.event
         LEFT JOIN patient_merged m ON m.patient = e.patient WHERE i.patient <> coalesce(m.survivor, e.patient)",
    ),
    (
        "record is read under one that is itself read under another",
        "SELECT m.patient FROM patient_merged m WHERE m.survivor IN (SELECT patient FROM patient_merged)",
    ),
];

/// What is wrong, in words; nothing where the store has no such tables yet.
pub(super) fn examine(conn: &Connection) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_there(conn) {
        return problems;
    }
    let found = noting(&mut problems, "received statements", altered(conn));
    problems.extend(found.unwrap_or_default());
    for (what, sql) in CHECKS {
        let rows = noting(
            &mut problems,
            what,
            texts(conn, &format!("{sql} LIMIT {MAX_LISTED}")),
        );
        let rows = rows.unwrap_or_default().into_iter();
        problems.extend(rows.map(|id| format!("{what}: {id}")));
    }
    problems
}

fn is_there(conn: &Connection) -> bool {
    let tables =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('received', 'dead_letter')";
    conn.query_row(tables, [], |row| row.get::<_, i64>(0)) == Ok(2)
}

/// Statements and dead letters whose bytes are not what came.
pub(super) fn altered(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    if !is_there(conn) {
        return Ok(problems);
    }
    for (what, sql) in [
        (
            "received statement",
            "SELECT observation, sha256, bytes FROM received ORDER BY observation",
        ),
        (
            "dead letter",
            "SELECT id, sha256, bytes FROM dead_letter ORDER BY id",
        ),
    ] {
        let mut list = conn.prepare(sql)?;
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()?
            && problems.len() < MAX_LISTED
        {
            let (id, kept): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let bytes = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            if hash(bytes).as_slice() != kept {
                problems.push(format!("{what} {id} is not what came"));
            }
        }
    }
    Ok(problems)
}
