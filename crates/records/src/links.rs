//! Records that are one person's: decisions that are added and never changed, so that each can be undone.
//!
//! Nothing is moved. A linked record keeps its documents, statements and versions; reads of the record it goes into
//! (the survivor) take both, and the index of events names the survivor.

use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::index;
use crate::patients::population;
use crate::stamp::{Stamp, Word, word};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Condition on a column: the patient `?1` or a record that is read under that one.
pub(crate) const FAMILY: &str =
    "IN (SELECT ?1 UNION ALL SELECT patient FROM patient_merged WHERE survivor = ?1)";

/// Most links that are followed from one record; there are no circles, so that no more can be there than records.
const MOST_STEPS: usize = 1000;

/// What was decided about two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// A source says that they are one person's; somebody should look.
    Proposed,
    /// They are one person's.
    Linked,
    /// They were linked, and are not one person's.
    Unlinked,
    /// The proposal was refused.
    Refused,
}

/// A decision about two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDecision {
    /// The record that goes into the other.
    pub patient: PatientId,
    /// The other.
    pub survivor: PatientId,
    /// What was decided.
    pub state: LinkState,
    /// Why.
    pub reason: String,
    /// Who decided, and when.
    pub stamp: Stamp,
}

impl Store {
    /// Decides that two records are one person's: `patient` is read under `survivor` from now on. Nothing is moved.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when one is real and the other a dummy, or they are linked already, or `patient` is read
    /// under a third record.
    pub fn link_patients(
        &self,
        patient: PatientId,
        survivor: PatientId,
        reason: &str,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        self.write("link patients", move |conn| {
            link(conn, patient, survivor, &reason, &stamp)
        })
    }

    /// Undoes a link: both records are as they were, with what came to each of them since.
    ///
    /// # Errors
    /// `Conflict` when `patient` is not linked.
    pub fn unlink_patient(&self, patient: PatientId, reason: &str, stamp: Stamp) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        self.write("unlink patient", move |conn| {
            population(conn, patient)?;
            let Some(survivor) = edge(conn, patient)? else {
                let detail = "is not linked; name the record that goes into the other";
                return Err(StoreError::conflict(format!("patient {patient}"), detail));
            };
            let top = root(conn, patient)?;
            decide(conn, (patient, survivor), LinkState::Unlinked, &reason, &stamp)?;
            regroup(conn, top)?;
            index::resettle(conn, patient)?;
            index::resettle(conn, top)
        })
    }

    /// Refuses a proposed link; it is not proposed again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the two are linked.
    pub fn refuse_link(
        &self,
        patient: PatientId,
        survivor: PatientId,
        reason: &str,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        self.write("refuse link", move |conn| {
            check_pair(conn, patient, survivor)?;
            if root(conn, patient)? == root(conn, survivor)? {
                let detail = "are linked; unlink them instead";
                return Err(StoreError::conflict(
                    format!("patients {patient} and {survivor}"),
                    detail,
                ));
            }
            decide(conn, (patient, survivor), LinkState::Refused, &reason, &stamp)
        })
    }

    /// All decisions about a person's records, oldest first; about all records where none is given.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn link_decisions(&self, patient: Option<PatientId>) -> Result<Vec<LinkDecision>, StoreError> {
        self.read("link decisions", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT patient, survivor, state, reason, author, at FROM patient_link
                 WHERE ?1 IS NULL OR patient = ?1 OR survivor = ?1 ORDER BY id",
            )?;
            let rows = list.query_map([patient], |row| {
                Ok(LinkDecision {
                    patient: row.get(0)?,
                    survivor: row.get(1)?,
                    state: row.get::<_, Word<LinkState>>(2)?.0,
                    reason: row.get(3)?,
                    stamp: Stamp {
                        author: row.get(4)?,
                        at: row.get(5)?,
                    },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The record that a patient is read under: its own, where it is not linked.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn read_under(&self, patient: PatientId) -> Result<PatientId, StoreError> {
        self.read("read under", |conn| root(conn, patient))
    }

    /// A record and those that are read under it.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn linked_records(&self, patient: PatientId) -> Result<Vec<PatientId>, StoreError> {
        self.read("linked records", |conn| members(conn, patient))
    }
}

/// The record that a patient is read under.
pub(crate) fn root(conn: &Connection, patient: PatientId) -> Result<PatientId, StoreError> {
    let mut find = conn.prepare_cached("SELECT survivor FROM patient_merged WHERE patient = ?1")?;
    let found = find.query_row([patient], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(patient))
}

/// A record, and those that are read under it.
pub(crate) fn members(conn: &Connection, patient: PatientId) -> Result<Vec<PatientId>, StoreError> {
    let mut list =
        conn.prepare_cached("SELECT patient FROM patient_merged WHERE survivor = ?1 ORDER BY patient")?;
    let rows = list.query_map([patient], |row| row.get::<_, PatientId>(0))?;
    let mut all = vec![patient];
    all.extend(rows.collect::<Result<Vec<_>, _>>()?);
    Ok(all)
}

/// Links a record; nothing happens where the two are linked already.
pub(crate) fn link_quietly(
    conn: &Connection,
    patient: PatientId,
    survivor: PatientId,
    reason: &str,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let (from, into) = (root(conn, patient)?, root(conn, survivor)?);
    if from == into || is_decided(conn, from, into, &["unlinked", "refused"])? {
        return Ok(());
    }
    link(conn, from, into, reason, stamp)
}

/// Proposes a link, where nothing was decided about the two.
pub(crate) fn propose(
    conn: &Connection,
    patient: PatientId,
    survivor: PatientId,
    reason: &str,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let (from, into) = (root(conn, patient)?, root(conn, survivor)?);
    let any = ["proposed", "linked", "unlinked", "refused"];
    if from == into || is_decided(conn, from, into, &any)? {
        return Ok(());
    }
    decide(conn, (from, into), LinkState::Proposed, reason, stamp)
}

/// Whether somebody decided so about two of the records that are read under the two: a link of a third record must not
/// overturn what was said of one.
fn is_decided(
    conn: &Connection,
    one: PatientId,
    other: PatientId,
    states: &[&str],
) -> Result<bool, StoreError> {
    let others = members(conn, other)?;
    for one in members(conn, one)? {
        for other in &others {
            if is_decided_of(conn, one, *other, states)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn is_decided_of(
    conn: &Connection,
    one: PatientId,
    other: PatientId,
    states: &[&str],
) -> Result<bool, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT state FROM patient_link WHERE (patient = ?1 AND survivor = ?2) OR (patient = ?2 AND survivor = ?1)
         ORDER BY id DESC LIMIT 1",
    )?;
    let newest: Option<String> = find.query_row([one, other], |row| row.get(0)).optional()?;
    Ok(newest.is_some_and(|state| states.contains(&state.as_str())))
}

fn check_pair(conn: &Connection, patient: PatientId, survivor: PatientId) -> Result<(), StoreError> {
    let what = || format!("patients {patient} and {survivor}");
    if population(conn, patient)? != population(conn, survivor)? {
        return Err(StoreError::conflict(
            what(),
            "one is a dummy and the other is not",
        ));
    }
    if patient == survivor {
        return Err(StoreError::conflict(what(), "are the same record"));
    }
    Ok(())
}

fn link(
    conn: &Connection,
    patient: PatientId,
    survivor: PatientId,
    reason: &str,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    check_pair(conn, patient, survivor)?;
    let (from, into) = (root(conn, patient)?, root(conn, survivor)?);
    if from == into {
        let detail = "are linked already";
        return Err(StoreError::conflict(
            format!("patients {patient} and {survivor}"),
            detail,
        ));
    }
    if from != patient {
        let detail = format!("is read under patient {from}; link that one, or unlink first");
        return Err(StoreError::conflict(format!("patient {patient}"), detail));
    }
    decide(conn, (patient, into), LinkState::Linked, reason, stamp)?;
    conn.prepare_cached("UPDATE patient_merged SET survivor = ?2 WHERE survivor = ?1")?
        .execute([patient, into])?;
    conn.prepare_cached("INSERT INTO patient_merged (patient, survivor) VALUES (?1, ?2)")?
        .execute([patient, into])?;
    conn.prepare_cached("UPDATE event_index SET patient = ?2 WHERE patient = ?1")?
        .execute([patient, into])?;
    index::resettle(conn, into)
}

fn decide(
    conn: &Connection,
    (patient, survivor): (PatientId, PatientId),
    state: LinkState,
    reason: &str,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO patient_link (patient, survivor, state, reason, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        patient,
        survivor,
        word(&state)?,
        reason,
        stamp.author,
        stamp.at
    ])?;
    Ok(())
}

/// The record that a patient is linked to directly.
fn edge(conn: &Connection, patient: PatientId) -> Result<Option<PatientId>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT survivor, state FROM patient_link WHERE patient = ?1 AND state IN ('linked', 'unlinked')
         ORDER BY id DESC LIMIT 1",
    )?;
    let newest: Option<(PatientId, String)> = find
        .query_row([patient], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(newest
        .filter(|(_, state)| state == "linked")
        .map(|(survivor, _)| survivor))
}

/// Finds anew, from the decisions, under which record each of a group is read.
fn regroup(conn: &Connection, top: PatientId) -> Result<(), StoreError> {
    for member in members(conn, top)? {
        let mut under = member;
        let mut seen = BTreeSet::from([member]);
        while let Some(next) = edge(conn, under)?
            && seen.len() < MOST_STEPS
            && seen.insert(next)
        {
            under = next;
        }
        conn.prepare_cached("DELETE FROM patient_merged WHERE patient = ?1")?
            .execute([member])?;
        if under != member {
            conn.prepare_cached("INSERT INTO patient_merged (patient, survivor) VALUES (?1, ?2)")?
                .execute([member, under])?;
        }
        if under != top {
            conn.prepare_cached(
                "UPDATE event_index SET patient = ?2 WHERE event IN (SELECT id FROM event WHERE patient = ?1)",
            )?
            .execute([member, under])?;
        }
    }
    Ok(())
}
