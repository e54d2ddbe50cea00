//! The decision about everybody: whom a study may use.

use crate::consent::ages;
use crate::consent::basis::Basis;
use crate::consent::judge::{self, Person, Reason, Use};
use crate::consent::kinds::{DataKind, is_known};
use crate::consent::log;
use crate::consent::rows::{self, StudyRecord};
use crate::consent::state::{Horizon, PersonState};
use crate::consent::study::Purpose;
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::links;
use crate::stamp::{Moment, Population};
use crate::store::Store;
use jiff::civil::Date;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// Most kinds of one request: a bit each.
const MOST_KINDS: usize = 64;

/// What is to be done with the data of all who allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRequest {
    /// For which study.
    pub study: String,
    /// What for.
    pub purpose: Purpose,
    /// Which kinds of data.
    pub kinds: Vec<DataKind>,
    /// Who gets them: the id of a recipient of the study.
    pub recipient: String,
    /// Who asks.
    pub actor: String,
    /// When.
    pub at: Moment,
}

/// Those who allow a use, each with the kinds of data allowed: the proof that a reader for research asks for. Only
/// [`Store::permit_set`] makes it; it cannot be copied or read from anywhere.
#[derive(Debug, PartialEq, Eq)]
pub struct PermittedSet {
    request: SetRequest,
    population: Population,
    basis: Basis,
    /// Version of the study.
    version: u32,
    /// Records under which the persons are read, in order, with a bit for each kind of the request.
    persons: Vec<(PatientId, u64)>,
    refused: BTreeMap<&'static str, u64>,
    /// First day on which somebody in it comes of an age at which to be asked again.
    of_age: Option<Date>,
    epoch: u64,
    mark: Mark,
}

/// How far the store was when the set was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    events: i64,
    links: i64,
}

/// Why a set no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetEnded {
    /// So many of its persons have taken something back (at least: who joined again since is not counted).
    Withdrawn {
        /// How many.
        persons: u64,
    },
    /// The study may do nothing any more, or the set has to be made anew.
    Study(Reason),
}

impl PermittedSet {
    /// For which study.
    pub fn study(&self) -> &str {
        &self.request.study
    }

    /// What was asked.
    pub fn request(&self) -> &SetRequest {
        &self.request
    }

    /// Real patients or dummies.
    pub fn population(&self) -> Population {
        self.population
    }

    /// On which legal basis.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The epoch of the study at which it was made.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many persons are in it.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// The persons, in order, by the record under which each is read.
    pub fn persons(&self) -> impl Iterator<Item = PatientId> + '_ {
        self.persons.iter().map(|(person, _)| *person)
    }

    /// The kinds of data that a person allows; none for who is not in it.
    pub fn kinds_of(&self, person: PatientId) -> impl Iterator<Item = &DataKind> + '_ {
        let found = self.persons.binary_search_by_key(&person, |(id, _)| *id).ok();
        let bits = found
            .and_then(|at| self.persons.get(at))
            .map_or(0, |(_, bits)| *bits);
        let kinds = self.request.kinds.iter().enumerate();
        kinds
            .filter(move |(number, _)| bits >> number & 1 == 1)
            .map(|(_, kind)| kind)
    }

    /// How many persons allow none of it, by the key of the reason ([`Reason::key`]) for the first kind.
    pub fn refused(&self) -> &BTreeMap<&'static str, u64> {
        &self.refused
    }

    pub(crate) fn after(&self, person: Option<PatientId>, most: usize) -> &[(PatientId, u64)] {
        let from = person.map_or(0, |person| self.persons.partition_point(|(id, _)| *id <= person));
        let to = from.saturating_add(most).min(self.persons.len());
        self.persons.get(from..to).unwrap_or_default()
    }

    pub(crate) fn kinds_in(&self, bits: u64) -> BTreeSet<&DataKind> {
        let kinds = self.request.kinds.iter().enumerate();
        kinds
            .filter(|(number, _)| bits >> number & 1 == 1)
            .map(|(_, kind)| kind)
            .collect()
    }

    /// Whether all of it still holds: nobody in it has taken anything back, and the study may still do what it did. It
    /// costs microseconds where nothing happened. A reader asks before each batch.
    ///
    /// # Errors
    /// Only those of the file; `Ok(Err(..))` says why it no longer holds.
    pub fn still_holds(&self, store: &Store, now: &Moment) -> Result<Result<(), SetEnded>, StoreError> {
        store.read_unaudited("still holds", |conn| self.holds_in(conn, now))
    }

    /// As `still_holds`, within a transaction.
    pub(crate) fn holds_in(
        &self,
        conn: &Connection,
        now: &Moment,
    ) -> Result<Result<(), SetEnded>, StoreError> {
        let horizon = Horizon {
            at: now,
            is_live: true,
        };
        let study = &self.request.study;
        let Some(record) = rows::study_at(conn, study, self.population, horizon)? else {
            return Ok(Err(SetEnded::Study(Reason::StudyUnknown(study.clone()))));
        };
        let asked = self.asked(&record, now);
        if let Err(reason) = judge::study_allows(&asked) {
            return Ok(Err(SetEnded::Study(reason)));
        }
        if record.version != self.version {
            return Ok(Err(SetEnded::Study(Reason::StudyChanged)));
        }
        if let Some(day) = self.of_age.filter(|day| *day <= asked.today) {
            return Ok(Err(SetEnded::Study(Reason::OfAge(day))));
        }
        let touched = self.touched(conn)?;
        let mut persons = 0;
        for person in touched {
            let (states, birth) = log::person(conn, person, study, horizon)?;
            let bits = bits_of(&asked, &self.request.kinds, &states, birth).unwrap_or(0);
            let found = self.persons.binary_search_by_key(&person, |(id, _)| *id).ok();
            let before = found
                .and_then(|at| self.persons.get(at))
                .map_or(0, |(_, bits)| *bits);
            persons += u64::from(before & !bits != 0);
        }
        Ok(if persons == 0 {
            Ok(())
        } else {
            Err(SetEnded::Withdrawn { persons })
        })
    }

    fn asked<'u>(&'u self, record: &'u StudyRecord, now: &Moment) -> Use<'u> {
        Use {
            study: &record.study,
            text: &record.text,
            hash: &record.text_hash,
            purpose: self.request.purpose,
            recipient: &self.request.recipient,
            once: None,
            today: now.civil().date(),
        }
    }

    /// The persons of the set about whom anything was said since it was made, or whose records were linked or parted.
    fn touched(&self, conn: &Connection) -> Result<BTreeSet<PatientId>, StoreError> {
        let mut list = conn.prepare_cached(
            "SELECT patient FROM consent_event WHERE study IN (?1, '') AND seq > ?2 AND patient IS NOT NULL
             UNION SELECT patient FROM patient_link WHERE id > ?3
             UNION SELECT survivor FROM patient_link WHERE id > ?3",
        )?;
        let Mark { events, links } = self.mark;
        let found = list.query_map(params![self.request.study, events, links], |row| row.get(0))?;
        let mut touched = BTreeSet::new();
        for record in found {
            let record: PatientId = record?;
            // The set names the record under which each was read when it was made.
            touched.insert(record);
            touched.extend(links::members(conn, links::root(conn, record)?)?);
        }
        let is_in = |person: &PatientId| self.persons.binary_search_by_key(person, |(id, _)| *id).is_ok();
        touched.retain(is_in);
        Ok(touched)
    }
}

impl Store {
    /// Decides for everybody of the study's population: who allows a use, and which kinds of data each allows.
    ///
    /// # Errors
    /// `Invalid` for a kind that is not known, or more than 64; those of the file. `Ok(Err(..))` where the study may do
    /// nothing at all.
    pub fn permit_set(&self, request: SetRequest) -> Result<Result<PermittedSet, Reason>, StoreError> {
        check(&request)?;
        self.read("permit set", |conn| make(conn, request))
    }
}

fn check(request: &SetRequest) -> Result<(), StoreError> {
    let detail = if request.kinds.is_empty() || request.kinds.len() > MOST_KINDS {
        format!("name 1 to {MOST_KINDS} kinds of data")
    } else if let Some(kind) = request.kinds.iter().find(|kind| !is_known(kind)) {
        format!("`{kind}` is not in data/consent/kinds.tsv")
    } else {
        return Ok(());
    };
    Err(StoreError::Invalid {
        what: "kinds of data",
        detail,
    })
}

fn make(conn: &Connection, request: SetRequest) -> Result<Result<PermittedSet, Reason>, StoreError> {
    let horizon = Horizon {
        at: &request.at,
        is_live: true,
    };
    let population = rows::population_of(conn, &request.study)?;
    let Some(record) = rows::study_at(conn, &request.study, population, horizon)? else {
        return Ok(Err(Reason::StudyUnknown(request.study)));
    };
    let asked = Use {
        study: &record.study,
        text: &record.text,
        hash: &record.text_hash,
        purpose: request.purpose,
        recipient: &request.recipient,
        once: None,
        today: request.at.civil().date(),
    };
    if let Err(reason) = judge::study_allows(&asked) {
        return Ok(Err(reason));
    }
    if let Some(kind) = request
        .kinds
        .iter()
        .find(|kind| !record.study.kinds.contains(kind))
    {
        return Ok(Err(Reason::OtherKind(kind.clone())));
    }
    let mut persons = Vec::new();
    let mut of_age: Option<Date> = None;
    let mut refused: BTreeMap<&'static str, u64> = BTreeMap::new();
    log::everybody(
        conn,
        &record.study.id,
        population,
        horizon,
        |person, states, birth| match bits_of(&asked, &request.kinds, states, birth) {
            Ok(bits) => {
                persons.push((person, bits));
                let next = birth.and_then(|birth| ages::next(birth, asked.today));
                of_age = of_age.into_iter().chain(next).min();
            }
            Err(reason) => *refused.entry(reason.key()).or_default() += 1,
        },
    )?;
    persons.sort_unstable();
    Ok(Ok(PermittedSet {
        population,
        basis: record.study.basis.clone(),
        version: record.version,
        persons,
        refused,
        of_age,
        epoch: log::epoch(conn, &request.study)?,
        mark: mark(conn)?,
        request,
    }))
}

/// The kinds that a person allows, a bit each; the reason for the first kind where there is none.
fn bits_of(
    asked: &Use<'_>,
    kinds: &[DataKind],
    records: &[PersonState],
    birth: Option<Date>,
) -> Result<u64, Reason> {
    let person = Person { records, birth };
    let mut bits = 0;
    let mut why_not = None;
    for (number, kind) in kinds.iter().enumerate() {
        match judge::person_allows(asked, kind, person) {
            Ok(()) => bits |= 1 << number,
            Err(reason) => {
                why_not.get_or_insert(reason);
            }
        }
    }
    match why_not {
        Some(reason) if bits == 0 => Err(reason),
        _ => Ok(bits),
    }
}

fn mark(conn: &Connection) -> Result<Mark, StoreError> {
    let mut newest = conn.prepare_cached(
        "SELECT (SELECT coalesce(max(seq), 0) FROM consent_event), (SELECT coalesce(max(id), 0) FROM patient_link)",
    )?;
    Ok(newest.query_row([], |row| {
        Ok(Mark {
            events: row.get(0)?,
            links: row.get(1)?,
        })
    })?)
}
