//! What users taught: corrections of a reading, and unread phrases they settled. Appended; the newest counts.

use crate::errors::StoreError;
use crate::events::concept;
use crate::stamp::Stamp;
use crate::store::Store;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::ConceptId;

/// A surface form that was read wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The normalised surface form.
    pub surface: String,
    /// What it was read as; none when it was not read.
    pub wrong: Option<ConceptId>,
    /// What it means; none when it means nothing here.
    pub right: Option<ConceptId>,
    /// Who corrected it, and when.
    pub stamp: Stamp,
}

/// An unread phrase that was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledPhrase {
    /// The normalised surface form.
    pub surface: String,
    /// What it means.
    pub meaning: Meaning,
    /// Who settled it, and when.
    pub stamp: Stamp,
}

/// What a phrase means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    /// This concept.
    Concept(ConceptId),
    /// Nothing clinical.
    Ignore,
}

impl Store {
    /// Remembers a correction.
    ///
    /// # Errors
    /// `Invalid` for an empty surface form.
    pub fn remember_correction(&self, correction: Correction) -> Result<(), StoreError> {
        check_surface(&correction.surface)?;
        self.write("remember correction", move |conn| {
            conn.prepare_cached(
                "INSERT INTO correction (author, surface, wrong, correct, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                correction.stamp.author,
                correction.surface,
                correction.wrong.as_ref().map(ConceptId::as_str),
                correction.right.as_ref().map(ConceptId::as_str),
                correction.stamp.at
            ])?;
            Ok(())
        })
    }

    /// The corrections that count, of one author or of all: the newest of each author, surface form and wrong concept,
    /// in the order they were made.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn corrections(&self, author: Option<&str>) -> Result<Vec<Correction>, StoreError> {
        self.read("corrections", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT surface, wrong, correct, author, at FROM correction
                 WHERE (?1 IS NULL OR author = ?1)
                   AND id IN (SELECT max(id) FROM correction GROUP BY author, surface, wrong)
                 ORDER BY id",
            )?;
            let rows = list.query_map([author], |row| {
                Ok(Correction {
                    surface: row.get(0)?,
                    wrong: optional_concept(row, 1)?,
                    right: optional_concept(row, 2)?,
                    stamp: Stamp {
                        author: row.get(3)?,
                        at: row.get(4)?,
                    },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Settles an unread phrase.
    ///
    /// # Errors
    /// `Invalid` for an empty surface form.
    pub fn settle_phrase(&self, phrase: SettledPhrase) -> Result<(), StoreError> {
        check_surface(&phrase.surface)?;
        self.write("settle phrase", move |conn| {
            let concept = match &phrase.meaning {
                Meaning::Concept(concept) => Some(concept.as_str()),
                Meaning::Ignore => None,
            };
            conn.prepare_cached(
                "INSERT INTO settled_phrase (author, surface, concept, at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                phrase.stamp.author,
                phrase.surface,
                concept,
                phrase.stamp.at
            ])?;
            Ok(())
        })
    }

    /// The settled phrases that count, of one author or of all: the newest of each author and surface form, in the order
    /// they were settled.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn settled_phrases(&self, author: Option<&str>) -> Result<Vec<SettledPhrase>, StoreError> {
        self.read("settled phrases", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT surface, concept, author, at FROM settled_phrase
                 WHERE (?1 IS NULL OR author = ?1)
                   AND id IN (SELECT max(id) FROM settled_phrase GROUP BY author, surface)
                 ORDER BY id",
            )?;
            let rows = list.query_map([author], |row| {
                Ok(SettledPhrase {
                    surface: row.get(0)?,
                    meaning: optional_concept(row, 1)?.map_or(Meaning::Ignore, Meaning::Concept),
                    stamp: Stamp {
                        author: row.get(2)?,
                        at: row.get(3)?,
                    },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn check_surface(surface: &str) -> Result<(), StoreError> {
    if surface.is_empty() {
        return Err(StoreError::Invalid {
            what: "surface form",
            detail: "is empty".to_owned(),
        });
    }
    Ok(())
}

fn optional_concept(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ConceptId>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    concept(row, column).map(Some)
}
