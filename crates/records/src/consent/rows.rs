//! Studies and their texts in the store, version by version.

use crate::consent::answer::Happening;
use crate::consent::log;
use crate::consent::state::Horizon;
use crate::consent::study::{KNOWLEDGE_STUDY, Study, StudyText, TextHash, own_knowledge};
use crate::errors::StoreError;
use crate::patients::check_expected;
use crate::stamp::{Moment, Population, Stamp};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

/// A version of a study as it is kept, with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StudyRecord {
    /// The study.
    pub study: Study,
    /// Its version, from 1; 0 for the study of learning from cases that was never saved.
    pub version: u32,
    /// The text that is read with it.
    pub text: StudyText,
    /// The version of the text.
    pub text_hash: TextHash,
    /// Who saved it, and when; none for what was never saved.
    pub stamp: Option<Stamp>,
}

const COLUMNS: &str = "s.json, s.version, t.json, s.text, s.author, s.at FROM consent_study s
    JOIN consent_text t ON t.study = s.study AND t.hash = s.text";

impl Store {
    /// Saves a study with its text, as made from version `expected` (0 for a new one). A text that differs from the one
    /// before is a new version of it: who answered is asked again.
    ///
    /// # Errors
    /// `Invalid` for what contradicts itself; `Conflict` when somebody changed it meanwhile, when the population would
    /// change, or when other uses would be allowed under an unchanged text.
    pub fn save_study(
        &self,
        study: Study,
        text: StudyText,
        expected: u32,
        stamp: Stamp,
    ) -> Result<StudyRecord, StoreError> {
        study.check()?;
        text.check()?;
        self.write("save study", move |conn| {
            save(conn, &study, &text, expected, &stamp)
        })
    }

    /// The newest version of a study.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn study(&self, id: &str) -> Result<StudyRecord, StoreError> {
        self.read("study", |conn| {
            let population = population_of(conn, id)?;
            let found = match newest(conn, id)? {
                Some(record) => Some(record),
                None => built_in(id, population),
            };
            found.ok_or_else(|| StoreError::not_found("study", &id))
        })
    }

    /// The newest versions of all studies that were saved for a population, by id.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn studies(&self, population: Population) -> Result<Vec<StudyRecord>, StoreError> {
        self.read("studies", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE s.dummy = ?1
                 AND s.version = (SELECT max(version) FROM consent_study n WHERE n.study = s.study) ORDER BY s.study"
            ))?;
            let rows = list.query_map([population], read)?;
            rows.map(|row| record(row?)).collect()
        })
    }

    /// All versions of a study, oldest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn study_versions(&self, id: &str) -> Result<Vec<StudyRecord>, StoreError> {
        self.read("study versions", |conn| versions(conn, id))
    }

    /// A version of a study's text: what somebody read who answered to it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn study_text(&self, id: &str, hash: &TextHash) -> Result<StudyText, StoreError> {
        self.read("study text", |conn| {
            let kept = text_of(conn, id, hash)?;
            kept.ok_or_else(|| StoreError::not_found("text of the study", &hash))
        })
    }
}

/// The version of a study that holds: the newest for a decision; the newest of its time for looking back.
pub(crate) fn study_at(
    conn: &Connection,
    id: &str,
    population: Population,
    horizon: Horizon<'_>,
) -> Result<Option<StudyRecord>, StoreError> {
    let found = if horizon.is_live {
        newest(conn, id)?
    } else {
        let is_past =
            |record: &StudyRecord| record.stamp.as_ref().is_none_or(|stamp| stamp.at <= *horizon.at);
        versions(conn, id)?.into_iter().rev().find(is_past)
    };
    let Some(mut record) = found else {
        return Ok(built_in(id, population));
    };
    if id == KNOWLEDGE_STUDY {
        // It is the one study of both: what dummies teach is kept apart where it is learned.
        record.study.population = population;
    }
    Ok(Some(record))
}

/// The newest version of a study that was saved.
pub(crate) fn newest(conn: &Connection, id: &str) -> Result<Option<StudyRecord>, StoreError> {
    let mut find = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE s.study = ?1 ORDER BY s.version DESC LIMIT 1"
    ))?;
    find.query_row([id], read).optional()?.map(record).transpose()
}

/// The population that a study is for; real patients where nothing was saved.
pub(crate) fn population_of(conn: &Connection, id: &str) -> Result<Population, StoreError> {
    let mut find = conn.prepare_cached("SELECT dummy FROM consent_study WHERE study = ?1 LIMIT 1")?;
    Ok(find
        .query_row([id], |row| row.get(0))
        .optional()?
        .unwrap_or(Population::Real))
}

/// A text that was once shown for a study.
pub(crate) fn text_of(conn: &Connection, id: &str, hash: &TextHash) -> Result<Option<StudyText>, StoreError> {
    let mut find = conn.prepare_cached("SELECT json FROM consent_text WHERE study = ?1 AND hash = ?2")?;
    let found: Option<String> = find.query_row([id, hash.as_str()], |row| row.get(0)).optional()?;
    match found {
        Some(text) => parse(&text).map(Some),
        None => Ok(built_in(id, Population::Real)
            .filter(|own| own.text_hash == *hash)
            .map(|own| own.text)),
    }
}

fn built_in(id: &str, population: Population) -> Option<StudyRecord> {
    (id == KNOWLEDGE_STUDY).then(|| {
        let (study, text) = own_knowledge(population);
        StudyRecord {
            study,
            version: 0,
            text_hash: text.hash(),
            text,
            stamp: None,
        }
    })
}

fn versions(conn: &Connection, id: &str) -> Result<Vec<StudyRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE s.study = ?1 ORDER BY s.version"))?;
    let rows = list.query_map([id], read)?;
    rows.map(|row| record(row?)).collect()
}

fn save(
    conn: &Connection,
    study: &Study,
    text: &StudyText,
    expected: u32,
    stamp: &Stamp,
) -> Result<StudyRecord, StoreError> {
    let before = newest(conn, &study.id)?;
    let found = before.as_ref().map_or(0, |record| record.version);
    check_expected("study", &study.id, expected, found)?;
    let what = || format!("study {}", study.id);
    if before.is_some_and(|record| record.study.population != study.population) {
        let detail =
            "is for the other population; real patients and dummies never meet, so give it another id";
        return Err(StoreError::conflict(what(), detail));
    }
    let hash = text.hash();
    match text_of(conn, &study.id, &hash)? {
        Some(kept) if kept.duo != text.duo => {
            let detail =
                "allows other uses under the same text; change the text, so that people are asked again";
            return Err(StoreError::conflict(what(), detail));
        }
        _ => {}
    }
    conn.prepare_cached("INSERT OR IGNORE INTO consent_text VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            study.id,
            hash.as_str(),
            json(text)?,
            stamp.author,
            stamp.at
        ])?;
    let version = found + 1;
    conn.prepare_cached("INSERT INTO consent_study VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            study.id,
            version,
            study.population,
            hash.as_str(),
            json(study)?,
            stamp.author,
            stamp.at
        ])?;
    let changed = Happening::StudyChanged {
        version,
        text: hash.clone(),
    };
    log::insert(conn, None, &study.id, &changed, None, stamp)?;
    Ok(StudyRecord {
        study: study.clone(),
        version,
        text: text.clone(),
        text_hash: hash,
        stamp: Some(stamp.clone()),
    })
}

type StudyRow = (String, u32, String, String, String, Moment);

fn read(row: &Row<'_>) -> rusqlite::Result<StudyRow> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

fn record((study, version, text, hash, author, at): StudyRow) -> Result<StudyRecord, StoreError> {
    Ok(StudyRecord {
        study: parse(&study)?,
        version,
        text: parse(&text)?,
        text_hash: TextHash::from_column(hash),
        stamp: Some(Stamp { author, at }),
    })
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid {
        what: "consent",
        detail: error.to_string(),
    })
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::damaged(format!("a row of consent: {error}")))
}

impl crate::audit::Recorded for StudyRecord {
    fn add_to(&self, _: &mut crate::AuditEntry, _: &Connection) -> Result<(), StoreError> {
        Ok(())
    }
}
