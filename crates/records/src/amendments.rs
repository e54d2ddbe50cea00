//! What patients ask to have corrected in their record, and what became of it.
//!
//! A request waits until somebody who may write in the record has answered it. Nothing of the record changes by it: what is
//! wrong is corrected by an addition to the note, as every other correction.

use crate::audit::Recorded;
use crate::audit::entry::{AuditEntity, AuditEntry};
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::links::FAMILY;
use crate::stamp::{Stamp, Word, word};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// Most characters of a request, and of an answer.
pub const LONGEST_AMENDMENT: usize = 1000;
/// Most requests of one record that may wait at a time.
pub const MOST_WAITING: u32 = 20;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AmendmentOutcome {
    /// The record was corrected.
    Corrected,
    /// The record stays as it is, for a reason that was told.
    Kept,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendmentAnswer {
    /// What became of it.
    pub outcome: AmendmentOutcome,
    /// In words, for the patient.
    pub words: String,
    /// Who answered, and when.
    pub stamp: Stamp,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendmentRequest {
    /// Number.
    pub id: i64,
    /// Of whose record.
    pub patient: PatientId,
    /// What of the record it is about, as it was shown; empty where it is about none in particular.
    pub about: String,
    /// What the patient says.
    pub words: String,
    /// Who asked, and when.
    pub stamp: Stamp,
    /// The answer, once there is one.
    pub answer: Option<AmendmentAnswer>,
}

/// A request that was taken in or answered: its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendmentId(pub i64);

const COLUMNS: &str = "r.id, r.patient, r.about, r.words, r.author, r.at, a.outcome, a.words, a.author, a.at
    FROM amendment_request r LEFT JOIN amendment_answer a ON a.request = r.id";

impl Store {
    /// Takes a request in. The same `key` again is the same request.
    ///
    /// # Errors
    /// `Invalid` without words, with too many, or while too many wait; `NotFound` for the patient.
    pub fn request_amendment(
        &self,
        patient: PatientId,
        (about, words): (&str, &str),
        key: &str,
        stamp: Stamp,
    ) -> Result<AmendmentId, StoreError> {
        let (about, words) = (about.trim().to_owned(), checked(words)?);
        if about.chars().count() > LONGEST_AMENDMENT {
            return Err(invalid("the place it is about is too long"));
        }
        let key = key.to_owned();
        self.write("request amendment", move |conn| {
            let mut known = conn.prepare_cached("SELECT id FROM amendment_request WHERE key = ?1 AND patient = ?2")?;
            if let Some(id) = known.query_row(params![key, patient], |row| row.get(0)).optional()? {
                return Ok(AmendmentId(id));
            }
            crate::patients::population(conn, patient)?;
            if waiting(conn, patient)? >= MOST_WAITING {
                return Err(invalid("too many requests wait; they are answered first"));
            }
            conn.prepare_cached(
                "INSERT INTO amendment_request (patient, about, words, author, at, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![patient, about, words, stamp.author, stamp.at, key])?;
            Ok(AmendmentId(conn.last_insert_rowid()))
        })
    }

    /// Answers a request of a record, or of one that is linked with it.
    ///
    /// # Errors
    /// `Invalid` without words; `NotFound`; `Conflict` when it has an answer.
    pub fn answer_amendment(
        &self,
        patient: PatientId,
        id: AmendmentId,
        (outcome, words): (AmendmentOutcome, &str),
        stamp: Stamp,
    ) -> Result<AmendmentId, StoreError> {
        let words = checked(words)?;
        self.write("answer amendment", move |conn| {
            let mut find = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE r.patient {FAMILY} AND r.id = ?2"
            ))?;
            let found = find.query_row(params![patient, id.0], read).optional()?;
            let found = found.ok_or_else(|| StoreError::not_found("request", &id.0))?;
            if found.answer.is_some() {
                return Err(StoreError::conflict(
                    format!("request {}", id.0),
                    "has an answer already; look at it again",
                ));
            }
            conn.prepare_cached(
                "INSERT INTO amendment_answer (request, patient, outcome, words, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                id.0,
                found.patient,
                word(&outcome)?,
                words,
                stamp.author,
                stamp.at
            ])?;
            Ok(id)
        })
    }

    /// The requests of a record and of those linked with it, the newest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn amendments(&self, patient: PatientId) -> Result<Vec<AmendmentRequest>, StoreError> {
        self.read("amendments", |conn| of_patient(conn, patient))
    }
}

/// The requests of a record and of those linked with it, the newest first.
pub(crate) fn of_patient(conn: &Connection, patient: PatientId) -> Result<Vec<AmendmentRequest>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE r.patient {FAMILY} ORDER BY r.id DESC"
    ))?;
    Ok(list.query_map([patient], read)?.collect::<Result<_, _>>()?)
}

impl Recorded for AmendmentId {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        entry.entities.push(AuditEntity::Resource {
            kind: "Task".to_owned(),
            name: self.0.to_string(),
            version: None,
        });
        Ok(())
    }
}

fn waiting(conn: &Connection, patient: PatientId) -> Result<u32, StoreError> {
    let mut count = conn.prepare_cached(&format!(
        "SELECT count(*) FROM amendment_request r WHERE r.patient {FAMILY}
         AND NOT EXISTS (SELECT 1 FROM amendment_answer a WHERE a.request = r.id)"
    ))?;
    Ok(count.query_row([patient], |row| row.get(0))?)
}

fn checked(words: &str) -> Result<String, StoreError> {
    let words = words.trim();
    if words.is_empty() {
        return Err(invalid("is empty; say what is wrong"));
    }
    if words.chars().count() > LONGEST_AMENDMENT {
        return Err(invalid("is too long"));
    }
    Ok(words.to_owned())
}

fn invalid(detail: &str) -> StoreError {
    StoreError::Invalid {
        what: "request",
        detail: detail.to_owned(),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<AmendmentRequest> {
    let outcome: Option<Word<AmendmentOutcome>> = row.get(6)?;
    let answer = match outcome {
        None => None,
        Some(outcome) => Some(AmendmentAnswer {
            outcome: outcome.0,
            words: row.get(7)?,
            stamp: Stamp {
                author: row.get(8)?,
                at: row.get(9)?,
            },
        }),
    };
    Ok(AmendmentRequest {
        id: row.get(0)?,
        patient: row.get(1)?,
        about: row.get(2)?,
        words: row.get(3)?,
        stamp: Stamp {
            author: row.get(4)?,
            at: row.get(5)?,
        },
        answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patients::PatientDetails;
    use crate::stamp::{Moment, Population};
    use tsumugi_clinical::Sex;

    fn stamp(author: &str) -> Stamp {
        Stamp {
            author: author.to_owned(),
            at: Moment::parse("2026-11-29T10:00").unwrap(),
        }
    }

    #[test]
    fn a_request_waits_until_it_is_answered_once() {
        let store = Store::open_in_memory().unwrap();
        let new = |number: &str| {
            let details = PatientDetails {
                number: number.to_owned(),
                name: number.to_owned(),
                kana: String::new(),
                sex: Sex::Female,
                birth_date: None,
            };
            store
                .create_patient(Population::Real, details, stamp("mori"))
                .unwrap()
        };
        let (one, other) = (new("1"), new("2"));
        let ask = |patient, key: &str, words: &str| {
            store.request_amendment(patient, ("asthma", words), key, stamp("patient:1"))
        };
        let id = ask(one, "k", "I never had it").unwrap();
        assert_eq!(
            ask(one, "k", "I never had it").unwrap(),
            id,
            "sent twice, kept once"
        );
        assert!(ask(one, "l", " ").is_err());
        assert!(ask(one, "l", &"a".repeat(LONGEST_AMENDMENT + 1)).is_err());
        assert_eq!(store.amendments(one).unwrap().len(), 1);
        assert!(store.amendments(other).unwrap().is_empty());
        let answer = |patient| {
            store.answer_amendment(patient, id, (AmendmentOutcome::Corrected, "done"), stamp("sato"))
        };
        assert!(matches!(answer(other), Err(StoreError::NotFound { .. })));
        answer(one).unwrap();
        assert!(matches!(answer(one), Err(StoreError::Conflict { .. })));
        let kept = store.amendments(one).unwrap();
        assert_eq!(
            kept[0].answer.as_ref().map(|answer| answer.outcome),
            Some(AmendmentOutcome::Corrected)
        );
        for count in 0..MOST_WAITING {
            ask(other, &count.to_string(), "wrong").unwrap();
        }
        assert!(matches!(
            ask(other, "more", "wrong"),
            Err(StoreError::Invalid { .. })
        ));
    }
}
