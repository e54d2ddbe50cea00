//! The assertion log of the medical knowledge, and the decisions of people. The store keeps both in order and whole; what
//! an assertion means is the crate `knowledge`'s to say.

use crate::errors::StoreError;
use crate::stamp::Stamp;
use crate::store::Store;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

/// A statement for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAssertion {
    /// What kind of statement, e.g. `case`.
    pub kind: String,
    /// What it is about: a disease, a drug, the assertion or source that it retracts.
    pub subject: String,
    /// Id of the source, e.g. `PMID:10077612`.
    pub source: String,
    /// The statement, JSON.
    pub body: String,
}

/// A statement of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionRecord {
    /// Its place in the order of the log, from 1.
    pub id: u64,
    /// What kind of statement.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Id of the source.
    pub source: String,
    /// The statement, JSON.
    pub body: String,
    /// Who stated it (a person, or an extractor with its version), and when.
    pub stamp: Stamp,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What it is about in general, e.g. `support-switch`.
    pub topic: String,
    /// What it is about in particular, e.g. the author or the card.
    pub subject: String,
    /// The decision, JSON.
    pub body: String,
    /// Who decided, and when.
    pub stamp: Stamp,
}

impl Store {
    /// Adds statements to the log, all or none, and gives the number of the last one.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn append_assertions(&self, stamp: &Stamp, assertions: Vec<NewAssertion>) -> Result<u64, StoreError> {
        let stamp = stamp.clone();
        self.write("append assertions", move |conn| {
            let mut insert = conn.prepare_cached(
                "INSERT INTO assertion (kind, subject, source, author, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for new in &assertions {
                insert.execute(params![
                    new.kind,
                    new.subject,
                    new.source,
                    stamp.author,
                    stamp.at,
                    new.body
                ])?;
            }
            head(conn)
        })
    }

    /// The number of the newest statement; 0 for an empty log.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn assertion_head(&self) -> Result<u64, StoreError> {
        self.read("assertion head", head)
    }

    /// The statements behind number `after`, in order.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn assertions(&self, after: u64) -> Result<Vec<AssertionRecord>, StoreError> {
        self.read("assertions", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT id, kind, subject, source, author, at, body FROM assertion WHERE id > ?1 ORDER BY id",
            )?;
            let rows = list.query_map([i64::try_from(after).unwrap_or(i64::MAX)], assertion)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The cases that a source has told, and all retractions, in order.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn cases_of(&self, source: &str) -> Result<Vec<AssertionRecord>, StoreError> {
        self.read("cases of a source", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT id, kind, subject, source, author, at, body FROM assertion
                 WHERE (kind = 'case' AND source = ?1) OR kind = 'retraction' ORDER BY id",
            )?;
            let rows = list.query_map([source], assertion)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Remembers a decision.
    ///
    /// # Errors
    /// `Invalid` for an empty topic.
    pub fn decide(&self, decision: Decision) -> Result<(), StoreError> {
        if decision.topic.is_empty() {
            return Err(StoreError::Invalid {
                what: "topic",
                detail: "is empty".to_owned(),
            });
        }
        self.write("decide", move |conn| {
            conn.prepare_cached(
                "INSERT INTO decision (topic, subject, author, at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                decision.topic,
                decision.subject,
                decision.stamp.author,
                decision.stamp.at,
                decision.body
            ])?;
            Ok(())
        })
    }

    /// The decisions on a topic, in the order they were made; those on one subject where it is given.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn decisions(&self, topic: &str, subject: Option<&str>) -> Result<Vec<Decision>, StoreError> {
        self.read("decisions", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT topic, subject, author, at, body FROM decision
                 WHERE topic = ?1 AND (?2 IS NULL OR subject = ?2) ORDER BY id",
            )?;
            let rows = list.query_map(params![topic, subject], |row| {
                Ok(Decision {
                    topic: row.get(0)?,
                    subject: row.get(1)?,
                    stamp: Stamp {
                        author: row.get(2)?,
                        at: row.get(3)?,
                    },
                    body: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn head(conn: &rusqlite::Connection) -> Result<u64, StoreError> {
    let head: i64 = conn.query_row("SELECT coalesce(max(id), 0) FROM assertion", [], |row| row.get(0))?;
    Ok(u64::try_from(head).unwrap_or(0))
}

fn assertion(row: &Row<'_>) -> rusqlite::Result<AssertionRecord> {
    let id: i64 = row.get(0)?;
    Ok(AssertionRecord {
        id: u64::try_from(id).unwrap_or(0),
        kind: row.get(1)?,
        subject: row.get(2)?,
        source: row.get(3)?,
        stamp: Stamp {
            author: row.get(4)?,
            at: row.get(5)?,
        },
        body: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Moment;

    fn stamp() -> Stamp {
        Stamp {
            author: "dr".to_owned(),
            at: Moment::parse("2026-11-28T09:00").unwrap(),
        }
    }

    #[test]
    fn the_log_keeps_its_order_and_is_never_changed() {
        let store = Store::open_in_memory().unwrap();
        assert_eq!(store.assertion_head(), Ok(0));
        let new = |subject: &str| NewAssertion {
            kind: "case".to_owned(),
            subject: subject.to_owned(),
            source: "PMID:1".to_owned(),
            body: "{}".to_owned(),
        };
        let head = store
            .append_assertions(&stamp(), vec![new("a"), new("b"), new("c")])
            .unwrap();
        assert_eq!(head, 3);
        let subjects: Vec<String> = store
            .assertions(1)
            .unwrap()
            .into_iter()
            .map(|record| record.subject)
            .collect();
        assert_eq!(subjects, ["b", "c"]);
        let change = store.write("test", |conn| {
            conn.execute("UPDATE assertion SET source = 'x'", [])?;
            Ok(())
        });
        assert!(change.unwrap_err().to_string().contains("append-only"));
    }

    #[test]
    fn decisions_are_found_by_topic_and_subject() {
        let store = Store::open_in_memory().unwrap();
        for (subject, body) in [("dr-a", "off"), ("dr-b", "off"), ("dr-a", "on")] {
            store
                .decide(Decision {
                    topic: "support-switch".to_owned(),
                    subject: subject.to_owned(),
                    body: body.to_owned(),
                    stamp: stamp(),
                })
                .unwrap();
        }
        let of_a = store.decisions("support-switch", Some("dr-a")).unwrap();
        assert_eq!(of_a.last().unwrap().body, "on");
        assert_eq!(store.decisions("support-switch", None).unwrap().len(), 3);
    }
}
