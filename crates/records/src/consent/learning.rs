//! Learning from cases: asked in the transaction that keeps what was learned, and taken back by a withdrawal.

use crate::assertions::NewAssertion;
use crate::audit::Recorded;
use crate::consent::decision::{Request, judged};
use crate::consent::judge::Reason;
use crate::consent::rows;
use crate::consent::state::Horizon;
use crate::consent::study::{InstitutionKind, KNOWLEDGE_STUDY, Purpose};
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::links;
use crate::patients::population;
use crate::stamp::{Moment, Stamp};
use crate::store::Store;
use rusqlite::{Connection, params};

/// What a note teaches, or no longer teaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Source under which the case stands in the log of assertions.
    pub source: String,
    /// Name of the case there.
    pub name: String,
    /// What is added to the log.
    pub assertions: Vec<NewAssertion>,
    /// What takes the case back; none where after the assertions no case is held.
    pub undo: Option<NewAssertion>,
}

/// What became of a lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learned {
    /// It is in the log, whose newest statement has this number.
    Kept {
        /// Number of the newest statement.
        head: u64,
    },
    /// The person, or the study, does not allow it. What had been learned from the person is taken back.
    Refused {
        /// Why.
        reason: Reason,
        /// Number of the newest statement.
        head: u64,
        /// The cases taken back.
        taken_back: Vec<TakenBack>,
    },
}

/// A case that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TakenBack {
    /// Source under which it stood.
    pub source: String,
    /// Name of the case.
    pub name: String,
}

impl Store {
    /// Whether may be learned from a person's cases now: the decision for the study [`KNOWLEDGE_STUDY`]. Where it is
    /// allowed, [`Store::learn`] asks again in its transaction.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn learning_allowed(
        &self,
        patient: PatientId,
        now: &Moment,
    ) -> Result<Result<(), Reason>, StoreError> {
        self.read("learning allowed", |conn| allowed(conn, patient, now))
    }

    /// Keeps what a person's note teaches, if that is allowed at the time of the commit.
    ///
    /// # Errors
    /// `NotFound`. A refusal is no error.
    pub fn learn(&self, patient: PatientId, lesson: Lesson, stamp: Stamp) -> Result<Learned, StoreError> {
        self.write("learn", move |conn| {
            let verdict = allowed(conn, patient, &stamp.at)?;
            if let Err(reason) = verdict {
                let family = links::members(conn, links::root(conn, patient)?)?;
                let taken_back = take_back(conn, &family, &stamp)?;
                let head = head(conn)?;
                return Ok(Learned::Refused {
                    reason,
                    head,
                    taken_back,
                });
            }
            for assertion in &lesson.assertions {
                append(conn, assertion, &stamp)?;
            }
            match &lesson.undo {
                Some(undo) => conn
                    .prepare_cached("INSERT OR REPLACE INTO learned VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![
                        lesson.source,
                        lesson.name,
                        patient,
                        undo.subject,
                        undo.body
                    ])?,
                None => conn
                    .prepare_cached("DELETE FROM learned WHERE source = ?1 AND name = ?2")?
                    .execute(params![lesson.source, lesson.name])?,
            };
            Ok(Learned::Kept { head: head(conn)? })
        })
    }
}

/// Whether may be learned from a person's cases.
pub(crate) fn allowed(
    conn: &Connection,
    patient: PatientId,
    now: &Moment,
) -> Result<Result<(), Reason>, StoreError> {
    let horizon = Horizon {
        at: now,
        is_live: true,
    };
    let of = population(conn, patient)?;
    let Some(record) = rows::study_at(conn, KNOWLEDGE_STUDY, of, horizon)? else {
        return Ok(Err(Reason::StudyUnknown(KNOWLEDGE_STUDY.to_owned())));
    };
    let inside = |one: &&crate::consent::study::Recipient| one.kind == InstitutionKind::Own;
    let Some(recipient) = record.study.recipients.iter().find(inside) else {
        return Ok(Err(Reason::OtherRecipient(String::new())));
    };
    // A case is made of all its kinds: each must be allowed.
    for kind in &record.study.kinds {
        let request = Request {
            patient,
            study: KNOWLEDGE_STUDY.to_owned(),
            purpose: Purpose::Knowledge,
            kind: kind.clone(),
            recipient: recipient.id.clone(),
            use_id: None,
            actor: String::new(),
            at: now.clone(),
        };
        if let Err(reason) = judged(conn, &request, horizon)? {
            return Ok(Err(reason));
        }
    }
    Ok(Ok(()))
}

/// Takes back every case that was learned from these records.
pub(crate) fn take_back(
    conn: &Connection,
    records: &[PatientId],
    stamp: &Stamp,
) -> Result<Vec<TakenBack>, StoreError> {
    let mut all = Vec::new();
    for record in records {
        let mut list = conn.prepare_cached(
            "SELECT source, name, subject, body FROM learned WHERE patient = ?1 ORDER BY source, name",
        )?;
        let held: Vec<(String, String, String, String)> = list
            .query_map([record], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<Result<_, _>>()?;
        for (source, name, subject, body) in held {
            let retraction = NewAssertion {
                kind: "retraction".to_owned(),
                subject,
                source: source.clone(),
                body,
            };
            append(conn, &retraction, stamp)?;
            all.push(TakenBack { source, name });
        }
        conn.prepare_cached("DELETE FROM learned WHERE patient = ?1")?
            .execute([record])?;
    }
    Ok(all)
}

fn append(conn: &Connection, new: &NewAssertion, stamp: &Stamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO assertion (kind, subject, source, author, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        new.kind,
        new.subject,
        new.source,
        stamp.author,
        stamp.at,
        new.body
    ])?;
    Ok(())
}

fn head(conn: &Connection) -> Result<u64, StoreError> {
    Ok(conn.query_row("SELECT coalesce(max(id), 0) FROM assertion", [], |row| row.get(0))?)
}

impl Recorded for Learned {
    fn add_to(&self, _: &mut crate::AuditEntry, _: &Connection) -> Result<(), StoreError> {
        Ok(())
    }
}
