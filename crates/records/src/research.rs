//! Readers for research and every other use that is not a person's own care: they take a [`PermittedSet`], and nothing
//! else opens them.
//!
//! Each batch is one consistent state of the store, in which the set is asked again first. So no row is read of a person
//! whose withdrawal was committed before the batch; and a reader that runs learns of a withdrawal with its next batch.

use crate::consent::{DataKind, PermittedSet, SetEnded, kind_of};
use crate::errors::StoreError;
use crate::events::{self, StoredEvent};
use crate::ids::PatientId;
use crate::links::FAMILY;
use crate::stamp::{Moment, Word};
use crate::store::Store;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use tsumugi_clinical::{ConceptId, Sex};

/// Most persons of one batch.
pub const MOST_PERSONS: usize = 1000;

/// What a permitted reader sees of one person: neither number nor name nor text.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonRows {
    /// The record under which the person is read. It is for joining rows, and must not leave.
    pub person: PatientId,
    /// Administrative sex.
    pub sex: Sex,
    /// Date of birth.
    pub birth_date: Option<Date>,
    /// The kinds of data that the person allows.
    pub kinds: BTreeSet<DataKind>,
    /// The facts of these kinds that count now, in the order they were stored.
    pub events: Vec<StoredEvent>,
}

/// Why there are no more rows.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ReadError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The set no longer holds: what was read so far must not be handed over.
    #[error(
        "somebody in it has taken something back, or the study may not go on ({0:?}); make a new set and begin again"
    )]
    Ended(SetEnded),
}

/// Reads the rows of a permitted set, batch by batch.
#[derive(Debug)]
pub struct Rows<'r> {
    store: &'r Store,
    set: &'r PermittedSet,
    batch: usize,
    last: Option<PatientId>,
}

/// The rows of a permitted set, in batches of at most `batch` persons (never more than [`MOST_PERSONS`]).
pub fn rows<'r>(store: &'r Store, set: &'r PermittedSet, batch: usize) -> Rows<'r> {
    Rows {
        store,
        set,
        batch: batch.clamp(1, MOST_PERSONS),
        last: None,
    }
}

impl Rows<'_> {
    /// The next batch, in the order of the set; none at its end.
    ///
    /// # Errors
    /// `Ended` when the set no longer holds at `now`; those of the store.
    pub fn next_batch(&mut self, now: &Moment) -> Result<Option<Vec<PersonRows>>, ReadError> {
        let wanted = self.set.after(self.last, self.batch);
        let set = self.set;
        let read = self.store.read_unaudited("research rows", |conn| {
            if let Err(ended) = set.holds_in(conn, now)? {
                return Ok(Err(ended));
            }
            let persons = wanted.iter();
            let all = persons.map(|(person, bits)| person_rows(conn, set, *person, *bits));
            all.collect::<Result<Vec<_>, _>>().map(Ok)
        })?;
        let batch = read.map_err(ReadError::Ended)?;
        self.last = wanted.last().map(|(person, _)| *person).or(self.last);
        Ok((!batch.is_empty()).then_some(batch))
    }
}

/// How many persons of the set have a fact of each concept, of the kinds that each allows. The counts are exact: whoever
/// gives them out suppresses small ones.
///
/// # Errors
/// `Ended` when the set no longer holds; those of the store.
pub fn counts(
    store: &Store,
    set: &PermittedSet,
    concepts: &[ConceptId],
    now: &Moment,
) -> Result<BTreeMap<ConceptId, u64>, ReadError> {
    let wanted: BTreeSet<&ConceptId> = concepts.iter().collect();
    let mut counts: BTreeMap<ConceptId, u64> = BTreeMap::new();
    let mut rows = rows(store, set, MOST_PERSONS);
    while let Some(batch) = rows.next_batch(now)? {
        for person in &batch {
            let all = person.events.iter().map(|event| &event.event.concept);
            let there: BTreeSet<&ConceptId> = all.filter(|concept| wanted.contains(concept)).collect();
            for concept in there {
                *counts.entry(concept.clone()).or_default() += 1;
            }
        }
    }
    // What was counted before a withdrawal in between is not given out.
    match set.still_holds(store, now)? {
        Ok(()) => Ok(counts),
        Err(ended) => Err(ReadError::Ended(ended)),
    }
}

fn person_rows(
    conn: &Connection,
    set: &PermittedSet,
    person: PatientId,
    bits: u64,
) -> Result<PersonRows, StoreError> {
    let kinds = set.kinds_in(bits);
    let mut found = events::list(
        conn,
        &format!("WHERE e.patient {FAMILY} AND i.event IS NOT NULL ORDER BY e.id"),
        person.get(),
    )?;
    found.retain(|event| kind_of(&event.event).is_some_and(|kind| kinds.contains(kind)));
    let mut find = conn.prepare_cached(
        "SELECT v.sex, v.birth_date FROM patient p
         JOIN patient_version v ON v.patient = p.id AND v.version = p.version WHERE p.id = ?1",
    )?;
    let of = find.query_row([person], |row| {
        Ok((row.get::<_, Word<Sex>>(0)?.0, row.get::<_, Option<String>>(1)?))
    });
    let (sex, birth) = of
        .optional()?
        .ok_or_else(|| StoreError::not_found("patient", &person))?;
    Ok(PersonRows {
        person,
        sex,
        birth_date: birth.and_then(|day| day.parse().ok()),
        kinds: kinds.into_iter().cloned().collect(),
        events: found,
    })
}
