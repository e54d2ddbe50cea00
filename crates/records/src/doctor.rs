//! Examination of a store: whether the file is whole, the documents are what was signed, and the indexes fit them.

mod received;

use crate::audit::verify::{KeyTrust, verify};
use crate::documents::hash;
use crate::errors::StoreError;
use crate::fold::Folded;
use crate::open::beside;
use crate::schema;
use crate::store::Store;
use crate::writer::WriterCounts;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::fs;

/// Most problems of one sort that are listed.
const MAX_LISTED: usize = 20;

/// How many rows a store has of each sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Real patients.
    pub real_patients: u64,
    /// Dummy patients.
    pub dummy_patients: u64,
    /// Documents of real patients.
    pub real_documents: u64,
    /// Documents of dummies.
    pub dummy_documents: u64,
    /// Events that count now, of real patients.
    pub real_events: u64,
    /// Events that count now, of dummies.
    pub dummy_events: u64,
    /// Open drafts' saves, refused ones included.
    pub draft_revisions: u64,
}

/// What the examination found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorReport {
    /// The file.
    pub path: String,
    /// Version of its schema.
    pub schema: i32,
    /// The newest schema that this program knows; the store is brought up to it when it is opened for writing.
    pub newest_schema: i32,
    /// Version of the database library.
    pub sqlite: &'static str,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of its journal.
    pub journal_bytes: u64,
    /// Rows.
    pub counts: Counts,
    /// What the writer did since the store was opened.
    pub writer: WriterCounts,
    /// What is wrong, in words; empty when all is well.
    pub problems: Vec<String>,
}

/// Questions to which the answer must be no row; the first column names the row. `{removed}`: documents that were removed
/// when their time was over.
const CHECKS: &[(&str, &str)] = &[
    (
        "document has a gap in its versions, or not its newest",
        "SELECT d.id FROM document d JOIN document_version v ON v.document = d.id
         GROUP BY d.id HAVING max(v.version) <> d.version OR count(*) <> d.version",
    ),
    (
        "document has no version",
        "SELECT id FROM document WHERE id NOT IN (SELECT document FROM document_version)
         AND id NOT IN {removed}",
    ),
    (
        "patient has a gap in its versions, or not its newest",
        "SELECT p.id FROM patient p LEFT JOIN patient_version v ON v.patient = p.id
         GROUP BY p.id HAVING max(v.version) IS NOT p.version OR count(*) <> p.version",
    ),
    (
        "document is not in the text index",
        "SELECT id FROM document WHERE id NOT IN (SELECT document FROM document_text)
         AND id NOT IN {removed}",
    ),
    (
        "document is in one half of the text index only",
        "SELECT document FROM document_text WHERE document NOT IN (SELECT id FROM document_fts_docsize)
         UNION ALL SELECT id FROM document_fts_docsize WHERE id NOT IN (SELECT document FROM document_text)",
    ),
    (
        "event of the newest version is not in the index",
        "SELECT e.id FROM event e JOIN document_version v ON v.id = e.document_version
         JOIN document d ON d.id = v.document AND d.version = v.version
         WHERE NOT EXISTS (SELECT 1 FROM event_index i WHERE i.event = e.id AND i.role = 0)",
    ),
    (
        "event of an earlier version is in the index",
        "SELECT e.id FROM event_index i JOIN event e ON e.id = i.event
         JOIN document_version v ON v.id = e.document_version
         JOIN document d ON d.id = v.document AND d.version <> v.version WHERE i.role = 0",
    ),
    (
        "index row is of the wrong population",
        "SELECT i.event FROM event_index i JOIN patient p ON p.id = i.patient WHERE p.dummy <> i.dummy",
    ),
];

/// Questions to a store that knows of removed and of unconfirmed documents (schema 6).
const LATER_CHECKS: &[(&str, &str)] = &[
    (
        "document was removed and still says something",
        "SELECT t.document FROM tombstone t WHERE EXISTS (SELECT 1 FROM document_version v WHERE v.document = t.document)
             OR EXISTS (SELECT 1 FROM document_text x WHERE x.document = t.document)",
    ),
    (
        "document waits for its physician and has no step that says so",
        "SELECT document FROM unconfirmed u WHERE coalesce((SELECT step FROM confirmation c WHERE c.document = u.document
             ORDER BY id DESC LIMIT 1), 'confirmed') = 'confirmed'
         UNION ALL SELECT c.document FROM confirmation c WHERE c.step <> 'confirmed'
             AND c.id = (SELECT max(id) FROM confirmation x WHERE x.document = c.document)
             AND c.document NOT IN (SELECT document FROM unconfirmed)
             AND c.document NOT IN (SELECT document FROM tombstone)",
    ),
];

/// The question to a store that knows the timeline by topic (schema 7).
const TOPIC_CHECK: (&str, &str) = (
    "event of the index is not on the timeline by topic, or on another patient's",
    "SELECT i.event FROM event_index i WHERE i.role = 0 AND i.experiencer = 'patient' AND i.certainty <> 'general'
         AND NOT EXISTS (SELECT 1 FROM topic_mark m WHERE m.event = i.event AND m.patient = i.patient)
     UNION ALL SELECT m.event FROM topic_mark m WHERE NOT EXISTS (SELECT 1 FROM event_index i WHERE i.event = m.event)
     UNION ALL SELECT m.event FROM topic_mark m JOIN event_index i ON i.event = m.event AND i.role = 0
         WHERE ((m.flags & 128) <> 0) <> (i.settled_by IS NOT NULL)",
);

/// Questions to a store that knows FHIR resources (schema 11).
const RESOURCE_CHECKS: &[(&str, &str)] = &[
    (
        "FHIR resource is current and has no body",
        "SELECT x.r FROM fhir_resource x WHERE x.counts = 1 AND NOT EXISTS (
             SELECT 1 FROM fhir_version v WHERE v.r = x.r AND v.version = x.version AND v.body IS NOT NULL)",
    ),
    (
        "FHIR resource is found by a search and is not there",
        "SELECT i.r FROM (SELECT r FROM fhir_token UNION SELECT r FROM fhir_date UNION SELECT r FROM fhir_quantity
             UNION SELECT r FROM fhir_string UNION SELECT r FROM fhir_reference) i
         WHERE NOT EXISTS (SELECT 1 FROM fhir_resource x WHERE x.r = i.r AND x.counts = 1)",
    ),
];

impl Store {
    /// Examines the store. It reads everything, so it takes its time on a large one; others go on meanwhile.
    ///
    /// # Errors
    /// Only when it cannot even begin; damage is reported in `problems`.
    pub fn doctor(&self) -> Result<DoctorReport, StoreError> {
        let path = self.path().to_owned();
        let bytes = |suffix| fs::metadata(beside(&path, suffix)).map_or(0, |found| found.len());
        self.read("doctor", |conn| {
            let mut problems = Vec::new();
            let counts = noting(&mut problems, "counts", count(conn)).unwrap_or_default();
            problems.extend(examine(conn));
            let schema = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            problems.extend(untrue_trail(conn, schema));
            Ok(DoctorReport {
                path: path.display().to_string(),
                schema,
                newest_schema: schema::newest(schema::STEPS),
                sqlite: rusqlite::version(),
                file_bytes: bytes(""),
                journal_bytes: bytes("-wal"),
                counts,
                writer: self.writer_counts(),
                problems,
            })
        })
    }
}

impl Store {
    /// Looks for damage that going on would make worse, and gives the first in words: pages that do not hold together,
    /// or a document that is not what was signed. It reads everything and changes nothing.
    ///
    /// # Errors
    /// Only when it cannot even begin.
    pub fn find_damage(&self) -> Result<Option<String>, StoreError> {
        self.read("examination", |conn| {
            let mut problems = broken_pages(conn);
            if problems.is_empty() {
                let altered = noting(&mut problems, "documents", altered_documents(conn));
                problems.extend(altered.unwrap_or_default());
                let altered = noting(&mut problems, "received statements", received::altered(conn));
                problems.extend(altered.unwrap_or_default());
            }
            Ok(problems.into_iter().next())
        })
    }
}

/// Examines a database; gives what is wrong, in words.
pub(crate) fn examine(conn: &Connection) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(broken_pages(conn));
    let orphaned = texts(
        conn,
        "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check ORDER BY 1",
    );
    let orphaned = noting(&mut problems, "foreign keys", orphaned).unwrap_or_default();
    problems.extend(
        orphaned
            .into_iter()
            .map(|table| format!("{table}: refers to what is not there")),
    );
    let altered = noting(&mut problems, "documents", altered_documents(conn));
    problems.extend(altered.unwrap_or_default());
    let misindexed = noting(&mut problems, "text index", misindexed_documents(conn));
    problems.extend(misindexed.unwrap_or_default());
    // A store of an earlier schema is examined too, before it is brought up.
    let knows_removed = conn.prepare("SELECT 1 FROM tombstone LIMIT 0").is_ok();
    let (removed, later) = if knows_removed {
        ("(SELECT document FROM tombstone)", LATER_CHECKS)
    } else {
        ("(SELECT 0 WHERE 0)", &[][..])
    };
    let knows_topics = conn.prepare("SELECT 1 FROM topic_mark LIMIT 0").is_ok();
    let topics = knows_topics.then_some(&TOPIC_CHECK);
    let knows_resources = conn.prepare("SELECT 1 FROM fhir_resource LIMIT 0").is_ok();
    let resources = if knows_resources { RESOURCE_CHECKS } else { &[][..] };
    for (what, sql) in CHECKS.iter().chain(later).chain(topics).chain(resources) {
        let sql = sql.replace("{removed}", removed);
        let rows = noting(
            &mut problems,
            what,
            texts(conn, &format!("{sql} LIMIT {MAX_LISTED}")),
        );
        problems.extend(
            rows.unwrap_or_default()
                .into_iter()
                .map(|id| format!("{what}: {id}")),
        );
    }
    problems.extend(received::examine(conn));
    problems
}

/// What is wrong with the audit trail, and with notes by what it says of them. Stores have one from schema 3 on.
fn untrue_trail(conn: &Connection, schema: i32) -> Vec<String> {
    let mut problems = Vec::new();
    if schema == schema::newest(schema::STEPS) {
        let _ = noting(&mut problems, "tables", schema::check_tables(conn));
    }
    if schema < schema::WITH_TRAIL {
        return problems;
    }
    let verified = verify(conn, &[], KeyTrust::AsCarried);
    let report = noting(&mut problems, "audit trail", verified);
    let findings = report.map(|report| report.findings).unwrap_or_default();
    let told = findings.iter().take(MAX_LISTED);
    problems.extend(told.map(|finding| format!("audit trail: {finding}")));
    problems
}

/// Number of document versions, for reports.
pub(crate) fn document_count(conn: &Connection) -> Result<u64, StoreError> {
    Ok(conn.query_row("SELECT count(*) FROM document_version", [], |row| row.get(0))?)
}

fn noting<T>(problems: &mut Vec<String>, what: &str, outcome: Result<T, StoreError>) -> Option<T> {
    outcome
        .map_err(|error| problems.push(error.at(what).to_string()))
        .ok()
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>, StoreError> {
    let mut list = conn.prepare(sql)?;
    let rows = list.query_map([], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str()?.to_owned(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Pages, tables and indexes of the database that do not hold together.
fn broken_pages(conn: &Connection) -> Vec<String> {
    let mut problems = Vec::new();
    let whole = texts(conn, &format!("PRAGMA integrity_check({MAX_LISTED})"));
    let whole = noting(&mut problems, "integrity check", whole).unwrap_or_default();
    let is_finding = |line: &&str| *line != "ok" && !line.starts_with("***");
    problems.extend(
        whole
            .iter()
            .flat_map(|row| row.lines())
            .filter(is_finding)
            .map(str::to_owned),
    );
    problems
}

fn altered_documents(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut list = conn.prepare(
        "SELECT document, version, sha256, bytes, text_hash, text FROM document_version ORDER BY id",
    )?;
    let mut rows = list.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()?
        && problems.len() < MAX_LISTED
    {
        let (document, version): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (sha256, bytes): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let (text_hash, text): (Vec<u8>, String) = (row.get(4)?, row.get(5)?);
        if hash(&bytes).as_slice() != sha256 || hash(text.as_bytes()).as_slice() != text_hash {
            problems.push(format!(
                "document {document} version {version} is not what was signed"
            ));
        }
    }
    Ok(problems)
}

fn misindexed_documents(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut list = conn.prepare(
        "SELECT v.document, v.text, t.folded FROM document_version v
         JOIN document d ON d.id = v.document AND d.version = v.version
         JOIN document_text t ON t.document = d.id ORDER BY v.id",
    )?;
    let mut rows = list.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()?
        && problems.len() < MAX_LISTED
    {
        let (document, text, folded): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if folded != Folded::new(&text).text {
            problems.push(format!("document {document} is indexed with another text"));
        }
    }
    Ok(problems)
}

fn count(conn: &Connection) -> Result<Counts, StoreError> {
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, u64>(0));
    let documents = "SELECT count(*) FROM document d JOIN patient p ON p.id = d.patient WHERE p.dummy";
    let events = "SELECT count(*) FROM event_index WHERE role = 0 AND dummy";
    Ok(Counts {
        real_patients: number("SELECT count(*) FROM patient WHERE dummy = 0")?,
        dummy_patients: number("SELECT count(*) FROM patient WHERE dummy = 1")?,
        real_documents: number(&format!("{documents} = 0"))?,
        dummy_documents: number(&format!("{documents} = 1"))?,
        real_events: number(&format!("{events} = 0"))?,
        dummy_events: number(&format!("{events} = 1"))?,
        draft_revisions: number("SELECT count(*) FROM draft_revision")?,
    })
}
