//! Notes entered on behalf of a physician: unconfirmed until that physician, or who stands in, confirms or sends them back.
//!
//! Who may is the policy's to say. The store holds that nobody confirms what they wrote, that what is confirmed is the
//! version that was seen, and that nothing is added to a note that waits but by way of the same physician.

use crate::documents;
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::links::FAMILY;
use crate::patients::check_expected;
use crate::stamp::{Moment, Stamp, Word, word};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most characters of the reason why a note is sent back.
pub const LONGEST_REASON: usize = 500;

/// A step in the life of a note that was entered on behalf of a physician.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfirmationStep {
    /// A version was entered.
    Entered,
    /// The physician, or a stand-in, has confirmed it.
    Confirmed,
    /// It was sent back to who wrote it.
    Returned,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationRecord {
    /// Which note.
    pub document: DocumentId,
    /// Which version of it.
    pub version: u32,
    /// What was done.
    pub step: ConfirmationStep,
    /// The physician who answers for it.
    pub physician: String,
    /// Who did it, and when.
    pub stamp: Stamp,
    /// Why it was sent back; empty otherwise.
    pub reason: String,
}

/// A note that nobody has confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// Which note.
    pub document: DocumentId,
    /// Whose.
    pub patient: PatientId,
    /// Its newest version.
    pub version: u32,
    /// The physician who answers for it.
    pub physician: String,
    /// Who entered its newest version.
    pub author: String,
    /// When that was; when it was sent back, if it was.
    pub since: Moment,
    /// Whether it was sent back to who wrote it.
    pub is_returned: bool,
    /// Why it was sent back; empty otherwise.
    pub reason: String,
}

/// What was confirmed, or sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationReceipt {
    /// Which note.
    pub document: DocumentId,
    /// Which version.
    pub version: u32,
}

const COLUMNS: &str =
    "document, patient, version, physician, author, since, returned, reason FROM unconfirmed";

impl Store {
    /// The notes of a patient that nobody has confirmed yet, those of linked records too.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn unconfirmed_of(
        &self,
        patient: PatientId,
    ) -> Result<BTreeMap<DocumentId, Unconfirmed>, StoreError> {
        self.read_unaudited("unconfirmed of", |conn| {
            let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE patient {FAMILY}"))?;
            let rows = list.query_map([patient], read)?;
            rows.map(|row| row.map(|one| (one.document, one)).map_err(Into::into))
                .collect()
        })
    }

    /// The notes that nobody has confirmed yet, the oldest first; those for which one physician answers where one is given.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn unconfirmed(&self, physician: Option<&str>) -> Result<Vec<Unconfirmed>, StoreError> {
        self.read_unaudited("unconfirmed", |conn| {
            // A condition that may be absent would keep the database from using its index.
            let condition = physician.map_or("WHERE ?1 IS NULL", |_| "WHERE physician = ?1");
            let mut list =
                conn.prepare_cached(&format!("SELECT {COLUMNS} {condition} ORDER BY since, document"))?;
            Ok(list.query_map([physician], read)?.collect::<Result<_, _>>()?)
        })
    }

    /// The steps of a note, oldest first; none for one that its author signed.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn confirmations(&self, document: DocumentId) -> Result<Vec<ConfirmationRecord>, StoreError> {
        self.read_unaudited("confirmations", |conn| {
            steps(conn, "WHERE document = ?1", document.get())
        })
    }

    /// Confirms version `seen` of a note: from then on it is a signed one.
    ///
    /// # Errors
    /// `Conflict` when it does not wait, another version is the newest, or who confirms has written it; `NotFound`.
    pub fn confirm(
        &self,
        document: DocumentId,
        seen: u32,
        stamp: Stamp,
    ) -> Result<ConfirmationReceipt, StoreError> {
        self.write("confirm", move |conn| {
            let waiting = waiting(conn, document, seen)?;
            let mut wrote = conn.prepare_cached(
                "SELECT 1 FROM document_version WHERE document = ?1 AND author = ?2 LIMIT 1",
            )?;
            if wrote.exists(params![document, stamp.author])? {
                return Err(StoreError::conflict(
                    format!("document {document}"),
                    "nobody confirms what they wrote",
                ));
            }
            insert(conn, &waiting, ConfirmationStep::Confirmed, (&stamp, ""))?;
            conn.prepare_cached("DELETE FROM unconfirmed WHERE document = ?1")?
                .execute([document])?;
            Ok(ConfirmationReceipt {
                document,
                version: seen,
            })
        })
    }

    /// Sends version `seen` of a note back to who wrote it, with a reason.
    ///
    /// # Errors
    /// `Conflict` when it does not wait or another version is the newest; `Invalid` without a reason; `NotFound`.
    pub fn send_back(
        &self,
        document: DocumentId,
        seen: u32,
        reason: &str,
        stamp: Stamp,
    ) -> Result<ConfirmationReceipt, StoreError> {
        let reason: String = reason.trim().chars().take(LONGEST_REASON).collect();
        if reason.is_empty() {
            return Err(StoreError::Invalid {
                what: "reason",
                detail: "is empty; say what is to be changed".to_owned(),
            });
        }
        self.write("send back", move |conn| {
            let waiting = waiting(conn, document, seen)?;
            insert(conn, &waiting, ConfirmationStep::Returned, (&stamp, &reason))?;
            conn.prepare_cached(
                "UPDATE unconfirmed SET returned = 1, since = ?2, reason = ?3 WHERE document = ?1",
            )?
            .execute(params![document, stamp.at, reason])?;
            Ok(ConfirmationReceipt {
                document,
                version: seen,
            })
        })
    }
}

/// Refuses a version that would be added to a note that waits, unless it is entered for the same physician; and one that
/// would be entered on behalf of somebody into a note that is signed already.
pub(crate) fn check_version(
    conn: &Connection,
    document: DocumentId,
    on_behalf_of: Option<&str>,
) -> Result<(), StoreError> {
    let open = find(conn, document)?;
    let detail = match (&open, on_behalf_of) {
        (None, None) => return Ok(()),
        (Some(open), Some(physician)) if open.physician == physician => return Ok(()),
        (Some(open), _) => format!(
            "waits for {}; it is confirmed or sent back before anything is added",
            open.physician
        ),
        (None, Some(_)) => "is signed; nothing is added to it on behalf of another".to_owned(),
    };
    Err(StoreError::conflict(format!("document {document}"), detail))
}

/// Notes that a version was entered on behalf of a physician.
pub(crate) fn enter(
    conn: &Connection,
    (patient, document, version): (PatientId, DocumentId, u32),
    physician: &str,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    if physician == stamp.author {
        return Err(StoreError::Invalid {
            what: "physician",
            detail: "is who writes; nobody enters on behalf of themselves".to_owned(),
        });
    }
    let entered = Unconfirmed {
        document,
        patient,
        version,
        physician: physician.to_owned(),
        author: stamp.author.clone(),
        since: stamp.at.clone(),
        is_returned: false,
        reason: String::new(),
    };
    insert(conn, &entered, ConfirmationStep::Entered, (stamp, ""))?;
    conn.prepare_cached(
        "INSERT INTO unconfirmed (document, patient, version, physician, author, since, returned, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, '')
         ON CONFLICT (document) DO UPDATE SET version = excluded.version, author = excluded.author,
             since = excluded.since, returned = 0, reason = ''",
    )?
    .execute(params![
        document,
        patient,
        version,
        physician,
        stamp.author,
        stamp.at
    ])?;
    Ok(())
}

/// Reads the steps that a condition on one number lets through, oldest first.
pub(crate) fn steps(
    conn: &Connection,
    condition: &str,
    number: i64,
) -> Result<Vec<ConfirmationRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT document, version, step, physician, author, at, reason FROM confirmation {condition} ORDER BY id"
    ))?;
    let rows = list.query_map([number], |row| {
        Ok(ConfirmationRecord {
            document: row.get(0)?,
            version: row.get(1)?,
            step: row.get::<_, Word<ConfirmationStep>>(2)?.0,
            physician: row.get(3)?,
            stamp: Stamp {
                author: row.get(4)?,
                at: row.get(5)?,
            },
            reason: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The note that waits, seen as it is now.
fn waiting(conn: &Connection, document: DocumentId, seen: u32) -> Result<Unconfirmed, StoreError> {
    let now = documents::newest(conn, document)?;
    check_expected("document", &document, seen, now.version)?;
    let open = find(conn, document)?.filter(|open| !open.is_returned);
    open.ok_or_else(|| {
        let detail = "does not wait for anybody; look at it again";
        StoreError::conflict(format!("document {document}"), detail)
    })
}

fn find(conn: &Connection, document: DocumentId) -> Result<Option<Unconfirmed>, StoreError> {
    let mut find = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE document = ?1"))?;
    Ok(find.query_row([document], read).optional()?)
}

fn insert(
    conn: &Connection,
    of: &Unconfirmed,
    step: ConfirmationStep,
    (stamp, reason): (&Stamp, &str),
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO confirmation (patient, document, version, step, physician, author, at, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        of.patient,
        of.document,
        of.version,
        word(&step)?,
        of.physician,
        stamp.author,
        stamp.at,
        reason
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Unconfirmed> {
    Ok(Unconfirmed {
        document: row.get(0)?,
        patient: row.get(1)?,
        version: row.get(2)?,
        physician: row.get(3)?,
        author: row.get(4)?,
        since: row.get(5)?,
        is_returned: row.get(6)?,
        reason: row.get(7)?,
    })
}
