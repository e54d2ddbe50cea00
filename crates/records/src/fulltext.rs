//! Full-text search over the newest version of each document.
//!
//! Trigrams over folded text find any stretch of three characters or more, which suits a language that writes no spaces;
//! shorter terms are looked for in the folded text itself. A hit gives places in the original text.

use crate::errors::StoreError;
use crate::fold::Folded;
use crate::ids::{DocumentId, PatientId};
use crate::stamp::{Moment, Population};
use crate::store::Store;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tsumugi_clinical::Span;

/// Fewest characters the trigram index can find.
const TRIGRAM: usize = 3;
/// Most terms of a query, and most places given of a hit.
const MAX_TERMS: usize = 16;
const MAX_SPANS: usize = 32;
/// Characters of the original shown before and after the first place.
const AROUND: u32 = 30;

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextQuery<'a> {
    /// Among real patients or dummies.
    pub population: Population,
    /// Of one patient only.
    pub patient: Option<PatientId>,
    /// Terms between white space; a document must hold all of them. At most 16 count.
    pub text: &'a str,
    /// Most documents to give, the newest first.
    pub limit: u32,
}

/// A document that holds all terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextHit {
    /// The document.
    pub document: DocumentId,
    /// Its newest version, which is the one searched.
    pub version: u32,
    /// Whose.
    pub patient: PatientId,
    /// When it was written.
    pub written_at: Moment,
    /// Places of the terms in the text, in its order; at most 32 of each term.
    pub spans: Vec<Span>,
    /// The text around the first place.
    pub snippet: String,
    /// Where in the text the snippet stands.
    pub snippet_span: Span,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextHits {
    /// All documents that hold the terms, those beyond the limit too.
    pub documents: u64,
    /// Their patients.
    pub patients: u64,
    /// The newest of them.
    pub hits: Vec<TextHit>,
}

const FROM: &str =
    "FROM document_text t JOIN document d ON d.id = t.document JOIN patient p ON p.id = d.patient
    WHERE p.dummy = ?1 AND (?2 IS NULL OR d.patient = ?2 OR d.patient IN (SELECT patient FROM patient_merged WHERE survivor = ?2))
      AND (?3 = '' OR t.document IN (SELECT rowid FROM document_fts WHERE document_fts MATCH ?3))
      AND NOT EXISTS (SELECT 1 FROM json_each(?4) term WHERE instr(t.folded, term.value) = 0)";

impl Store {
    /// Finds documents by their text. A query without a term finds nothing.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn search_text(&self, query: &TextQuery<'_>) -> Result<TextHits, StoreError> {
        let terms: BTreeSet<String> = query
            .text
            .split_whitespace()
            .take(MAX_TERMS)
            .map(|term| Folded::new(term).text)
            .collect();
        if terms.is_empty() {
            return Ok(TextHits::default());
        }
        self.read("search text", |conn| search(conn, query, &terms))
    }
}

/// Puts a document's text into the index in place of what was there.
pub(crate) fn index(
    conn: &Connection,
    document: DocumentId,
    edition: &str,
    text: &str,
) -> Result<(), StoreError> {
    let folded = Folded::new(text).text;
    remove(conn, document)?;
    conn.prepare_cached("INSERT INTO document_text (document, edition, folded) VALUES (?1, ?2, ?3)")?
        .execute(params![document, edition, folded])?;
    conn.prepare_cached("INSERT INTO document_fts (rowid, folded) VALUES (?1, ?2)")?
        .execute(params![document, folded])?;
    Ok(())
}

/// Takes a document's text out of the index.
pub(crate) fn remove(conn: &Connection, document: DocumentId) -> Result<(), StoreError> {
    let removed = conn
        .prepare_cached("DELETE FROM document_text WHERE document = ?1")?
        .execute([document])?;
    if removed > 0 {
        conn.prepare_cached("DELETE FROM document_fts WHERE rowid = ?1")?
            .execute([document])?;
    }
    Ok(())
}

fn search(
    conn: &Connection,
    query: &TextQuery<'_>,
    terms: &BTreeSet<String>,
) -> Result<TextHits, StoreError> {
    // The trigram index narrows; the comparison with the folded text decides, for the short terms alone.
    let quoted = |term: &String| format!("\"{}\"", term.replace('"', "\"\""));
    let long = terms.iter().filter(|term| term.chars().count() >= TRIGRAM);
    let trigrams = long.map(quoted).collect::<Vec<_>>().join(" AND ");
    let all = terms.iter().cloned().collect::<serde_json::Value>().to_string();
    let (documents, patients) = conn
        .prepare_cached(&format!("SELECT count(*), count(DISTINCT d.patient) {FROM}"))?
        .query_row(params![query.population, query.patient, trigrams, all], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut list = conn.prepare_cached(&format!(
        "SELECT v.document, v.version, v.patient, v.written_at, v.text
         FROM document_version v JOIN document n ON n.id = v.document AND n.version = v.version
         WHERE v.document IN (SELECT t.document {FROM}) ORDER BY v.civil DESC, v.document DESC LIMIT ?5"
    ))?;
    let rows = list.query_map(
        params![query.population, query.patient, trigrams, all, query.limit],
        |row| {
            let text: String = row.get(4)?;
            let (spans, snippet, snippet_span) = show(&text, terms);
            Ok(TextHit {
                document: row.get(0)?,
                version: row.get(1)?,
                patient: row.get(2)?,
                written_at: row.get(3)?,
                spans,
                snippet,
                snippet_span,
            })
        },
    )?;
    Ok(TextHits {
        documents,
        patients,
        hits: rows.collect::<Result<_, _>>()?,
    })
}

/// Places of the terms, and the text around the first.
fn show(text: &str, terms: &BTreeSet<String>) -> (Vec<Span>, String, Span) {
    let folded = Folded::new(text);
    let mut spans: Vec<Span> = terms
        .iter()
        .flat_map(|term| folded.find(term, MAX_SPANS))
        .collect();
    spans.sort_unstable();
    spans.dedup();
    let first = spans.first().copied().unwrap_or_default();
    let from = first.start.saturating_sub(AROUND);
    let snippet: String = text
        .chars()
        .skip(from as usize)
        .take((first.end + AROUND - from) as usize)
        .collect();
    let end = from + snippet.chars().count() as u32;
    (spans, snippet, Span::new(from, end))
}
