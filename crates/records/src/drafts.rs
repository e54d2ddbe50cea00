//! Drafts: what an editor saves while one types.
//!
//! Each save names the revision it began from. When another tab has saved, signed or discarded since, the save is
//! refused and both texts come back; the refused one is kept in the log too. A revision is never given twice, so a tab
//! that slept through a signing is noticed.

use crate::encounters::check_owner;
use crate::errors::StoreError;
use crate::ids::{EncounterId, PatientId, Revision};
use crate::patients::population;
use crate::stamp::Moment;
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// Saves kept of each draft; as many refused ones beside them.
pub const KEPT_REVISIONS: u32 = 50;

/// Which draft: one author writes one note at a time in one encounter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DraftKey {
    /// About whom.
    pub patient: PatientId,
    /// In which encounter.
    pub encounter: Option<EncounterId>,
    /// Who writes.
    pub author: String,
}

/// One save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRevision {
    /// Its number.
    pub revision: Revision,
    /// The revision it began from.
    pub base: Option<Revision>,
    /// Whether it was refused and only kept.
    pub refused: bool,
    /// When.
    pub at: Moment,
    /// The whole text.
    pub text: String,
}

const COLUMNS: &str = "revision, base, refused, at, text FROM draft_revision
    WHERE author = ?1 AND patient = ?2 AND encounter IS ?3";

impl Store {
    /// Saves a draft that began from `expected` (none: from nothing).
    ///
    /// # Errors
    /// `DraftConflict` with both texts when something else is saved now; the refused text stays in the log.
    pub fn save_draft(
        &self,
        key: &DraftKey,
        expected: Option<Revision>,
        text: &str,
        at: &Moment,
    ) -> Result<Revision, StoreError> {
        let save = (key.clone(), text.to_owned(), at.clone());
        self.write("save draft", move |conn| {
            let (key, text, at) = &save;
            population(conn, key.patient)?;
            check_owner(conn, key.encounter, key.patient)?;
            let now = current(conn, key)?;
            let refused = now.as_ref().map(|now| now.revision) != expected;
            conn.prepare_cached(
                "INSERT INTO draft_revision (patient, encounter, author, refused, base, at, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                key.patient,
                key.encounter,
                key.author,
                refused,
                expected,
                at,
                text
            ])?;
            let revision = Revision::new(conn.last_insert_rowid());
            forget_old(conn, key, refused)?;
            // The refused text is to stay, so the conflict travels as a value past the savepoint.
            Ok(if refused {
                Err(conflict(key, now, text))
            } else {
                Ok(revision)
            })
        })?
    }

    /// What is saved now.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn draft(&self, key: &DraftKey) -> Result<Option<DraftRevision>, StoreError> {
        self.read("draft", |conn| current(conn, key))
    }

    /// The saves that are kept, refused ones included, oldest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn draft_log(&self, key: &DraftKey) -> Result<Vec<DraftRevision>, StoreError> {
        self.read("draft log", |conn| {
            let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} ORDER BY revision"))?;
            let rows = list.query_map(params![key.author, key.patient, key.encounter], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The drafts that an author has open, in the order of their patients.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn drafts_of(&self, author: &str) -> Result<Vec<DraftKey>, StoreError> {
        self.read("drafts", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT DISTINCT patient, encounter FROM draft_revision WHERE author = ?1 AND refused = 0
                 ORDER BY patient, encounter",
            )?;
            let rows = list.query_map([author], |row| {
                Ok(DraftKey {
                    patient: row.get(0)?,
                    encounter: row.get(1)?,
                    author: author.to_owned(),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Throws a draft away with its log, refused saves included.
    ///
    /// # Errors
    /// `DraftConflict` when something else than `expected` is saved now.
    pub fn discard_draft(&self, key: &DraftKey, expected: Option<Revision>) -> Result<(), StoreError> {
        let key = key.clone();
        self.write("discard draft", move |conn| {
            check_current(conn, &key, expected, "")?;
            conn.prepare_cached(
                "DELETE FROM draft_revision WHERE author = ?1 AND patient = ?2 AND encounter IS ?3",
            )?
            .execute(params![key.author, key.patient, key.encounter])?;
            Ok(())
        })
    }
}

/// Removes a draft that is signed. Saves that were refused stay: they are in no document.
pub(crate) fn remove_signed(
    conn: &Connection,
    key: &DraftKey,
    expected: Option<Revision>,
    signed: &str,
) -> Result<(), StoreError> {
    check_current(conn, key, expected, signed)?;
    conn.prepare_cached(
        "DELETE FROM draft_revision WHERE author = ?1 AND patient = ?2 AND encounter IS ?3 AND refused = 0",
    )?
    .execute(params![key.author, key.patient, key.encounter])?;
    Ok(())
}

fn check_current(
    conn: &Connection,
    key: &DraftKey,
    expected: Option<Revision>,
    text: &str,
) -> Result<(), StoreError> {
    let now = current(conn, key)?;
    if now.as_ref().map(|now| now.revision) == expected {
        Ok(())
    } else {
        Err(conflict(key, now, text))
    }
}

fn conflict(key: &DraftKey, now: Option<DraftRevision>, yours: &str) -> StoreError {
    StoreError::DraftConflict {
        author: key.author.clone(),
        current: now.map(Box::new),
        yours: yours.to_owned(),
    }
}

fn current(conn: &Connection, key: &DraftKey) -> Result<Option<DraftRevision>, StoreError> {
    let mut find = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} AND refused = 0 ORDER BY revision DESC LIMIT 1"
    ))?;
    Ok(find
        .query_row(params![key.author, key.patient, key.encounter], read)
        .optional()?)
}

fn forget_old(conn: &Connection, key: &DraftKey, refused: bool) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM draft_revision WHERE revision IN (
             SELECT revision FROM draft_revision
             WHERE author = ?1 AND patient = ?2 AND encounter IS ?3 AND refused = ?4
             ORDER BY revision DESC LIMIT -1 OFFSET ?5)",
    )?
    .execute(params![
        key.author,
        key.patient,
        key.encounter,
        refused,
        KEPT_REVISIONS
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<DraftRevision> {
    Ok(DraftRevision {
        revision: row.get(0)?,
        base: row.get(1)?,
        refused: row.get(2)?,
        at: row.get(3)?,
        text: row.get(4)?,
    })
}
