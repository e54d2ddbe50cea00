//! Signed notes on their way back to the hospital's record: what waits, and every attempt with its answer.
//!
//! A note waits from the transaction in which it is signed until a target has kept it or refused it for good; a restart
//! changes nothing. Notes of dummies, texts that came from other systems, and notes that nobody has confirmed yet do not go.

use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::stamp::{Stamp, Word, word};
use crate::store::Store;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryOutcome {
    /// The other side keeps it.
    Delivered,
    /// The other side refuses it for good: sending it again does not help.
    Refused,
    /// It did not come to that; it is tried again.
    Failed,
}

/// A note that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueDelivery {
    /// The document.
    pub document: DocumentId,
    /// The version that waits, its newest.
    pub version: u32,
    /// The last version that the target has, if any.
    pub before: Option<Delivered>,
    /// Attempts so far, of all versions.
    pub attempts: u32,
}

/// A version that a target has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The version.
    pub version: u32,
    /// What the other side said: of a storage the path.
    pub answer: String,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// To where.
    pub target: String,
    /// The document.
    pub document: DocumentId,
    /// The version.
    pub version: u32,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// Number of the message.
    pub control: String,
    /// What the other side said.
    pub answer: String,
    /// Who sent it, and when.
    pub stamp: Stamp,
}

const COLUMNS: &str = "target, document, version, outcome, control, answer, author, at FROM delivery";

impl Store {
    /// Names a target: what is signed from now on waits for it. One that is named already goes on.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn deliver_to(&self, target: String, stamp: Stamp) -> Result<(), StoreError> {
        self.write("deliver to", move |conn| {
            conn.prepare_cached("INSERT OR IGNORE INTO delivery_target VALUES (?1, ?2, ?3)")?
                .execute(params![target, stamp.author, stamp.at])?;
            Ok(())
        })
    }

    /// The notes that wait for a target and may go, in the order of their documents.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn due_deliveries(&self, target: &str, limit: u32) -> Result<Vec<DueDelivery>, StoreError> {
        self.read("due deliveries", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT w.document, w.version,
                     (SELECT count(*) FROM delivery x WHERE x.document = w.document AND x.target = w.target)
                 FROM delivery_due w WHERE w.target = ?1
                     AND w.document NOT IN (SELECT document FROM unconfirmed)
                     AND NOT EXISTS (SELECT 1 FROM received_document r WHERE r.document = w.document)
                     AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.document = w.document)
                 ORDER BY w.document LIMIT ?2",
            )?;
            let rows = list.query_map(params![target, limit], |row| {
                Ok(DueDelivery {
                    document: row.get(0)?,
                    version: row.get(1)?,
                    attempts: row.get(2)?,
                    before: None,
                })
            })?;
            let mut due: Vec<DueDelivery> = rows.collect::<Result<_, _>>()?;
            for one in &mut due {
                one.before = before(conn, target, one.document)?;
            }
            Ok(due)
        })
    }

    /// Notes down an attempt. What was delivered or refused no longer waits; a newer version of it does.
    ///
    /// # Errors
    /// `NotFound` when there is no such document.
    pub fn note_delivery(&self, record: DeliveryRecord) -> Result<(), StoreError> {
        self.write("note delivery", move |conn| {
            let mut find = conn.prepare_cached("SELECT patient FROM document WHERE id = ?1")?;
            let patient: PatientId = find
                .query_row([record.document], |row| row.get(0))
                .map_err(|_| StoreError::not_found("document", &record.document))?;
            conn.prepare_cached(
                "INSERT INTO delivery (target, patient, document, version, outcome, control, answer, author, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                record.target,
                patient,
                record.document,
                record.version,
                word(&record.outcome)?,
                record.control,
                record.answer,
                record.stamp.author,
                record.stamp.at
            ])?;
            if record.outcome != DeliveryOutcome::Failed {
                conn.prepare_cached(
                    "DELETE FROM delivery_due WHERE target = ?1 AND document = ?2 AND version <= ?3",
                )?
                .execute(params![record.target, record.document, record.version])?;
            }
            Ok(())
        })
    }

    /// The attempts with a document, in their order.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn deliveries(&self, document: DocumentId) -> Result<Vec<DeliveryRecord>, StoreError> {
        self.read("deliveries", |conn| {
            list(conn, "WHERE document = ?1 ORDER BY id", document.get())
        })
    }

    /// The last attempts that ended without the other side keeping the note, the newest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn undelivered(&self, limit: u32) -> Result<Vec<DeliveryRecord>, StoreError> {
        self.read("undelivered", |conn| {
            list(
                conn,
                "AS d WHERE outcome <> 'delivered' AND id = (SELECT max(id) FROM delivery l
                     WHERE l.document = d.document AND l.target = d.target) ORDER BY id DESC LIMIT ?1",
                i64::from(limit),
            )
        })
    }

    /// Lets the newest version of a document wait again for the targets that do not have it.
    ///
    /// # Errors
    /// `NotFound` when nothing was ever tried with it, or all have it.
    pub fn deliver_again(&self, document: DocumentId) -> Result<(), StoreError> {
        self.write("deliver again", move |conn| {
            let again = conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO delivery_due
                     SELECT DISTINCT x.target, x.document, d.version FROM delivery x JOIN document d ON d.id = x.document
                     JOIN delivery_target t ON t.target = x.target WHERE x.document = ?1
                         AND NOT EXISTS (SELECT 1 FROM delivery y WHERE y.document = x.document AND y.target = x.target
                             AND y.version = d.version AND y.outcome = 'delivered')",
                )?
                .execute([document])?;
            if again == 0 {
                return Err(StoreError::not_found("delivery of document", &document));
            }
            Ok(())
        })
    }
}

fn before(conn: &Connection, target: &str, document: DocumentId) -> Result<Option<Delivered>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT version, answer FROM delivery WHERE target = ?1 AND document = ?2 AND outcome = 'delivered'
         ORDER BY id DESC LIMIT 1",
    )?;
    let mut rows = find.query(params![target, document])?;
    Ok(match rows.next()? {
        Some(row) => Some(Delivered {
            version: row.get(0)?,
            answer: row.get(1)?,
        }),
        None => None,
    })
}

fn list(conn: &Connection, condition: &str, number: i64) -> Result<Vec<DeliveryRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} {condition}"))?;
    let rows = list.query_map([number], |row| {
        Ok(DeliveryRecord {
            target: row.get(0)?,
            document: row.get(1)?,
            version: row.get(2)?,
            outcome: row.get::<_, Word<DeliveryOutcome>>(3)?.0,
            control: row.get(4)?,
            answer: row.get(5)?,
            stamp: Stamp {
                author: row.get(6)?,
                at: row.get(7)?,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
