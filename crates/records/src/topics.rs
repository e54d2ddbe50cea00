//! The timeline by topic: rows of what is told, thinned to what can be drawn, duplicates joined, conflicts shown.
//!
//! `topic_mark` holds a few numbers for each event that counts, in the order in which they are asked for, so that a hundred
//! thousand events of one patient are read without their JSON.

mod join;
mod lanes;
mod marks;

pub use lanes::{Bucket, Lane, LaneQuery, NoteTime, Series};
pub(crate) use marks::add;

use crate::errors::StoreError;
use crate::events::{self, StoredEvent};
use crate::ids::{DocumentId, EventId, PatientId};
use crate::links;
use crate::patients::population;
use crate::store::Store;
use jiff::civil::DateTime;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::{ConceptId, Evidence, Interpretation, Phase};

/// What a row of the timeline is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Topic {
    /// Diagnoses, those of claims too (they say so).
    Disease = 1,
    /// Drugs.
    Drug = 2,
    /// Values that were measured in care.
    Test = 3,
    /// Symptoms and signs.
    Finding = 4,
    /// Procedures and examinations.
    Care = 5,
    /// Allergies, habits, wishes, vaccinations.
    Background = 6,
    /// Values of a person's own devices.
    Device = 7,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 7] = [
        Self::Disease,
        Self::Drug,
        Self::Test,
        Self::Finding,
        Self::Care,
        Self::Background,
        Self::Device,
    ];
}

/// What is asked of a patient's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicQuery {
    /// Topics; none means all.
    pub topics: Vec<Topic>,
    /// First moment, included.
    pub from: Option<DateTime>,
    /// Last moment, included.
    pub to: Option<DateTime>,
    /// Into how many stretches the time is divided at most: of each the first, the lowest, the highest and the last value
    /// of a row are given. The picture's width in pixels is enough.
    pub stretches: u32,
}

/// A row of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicRow {
    /// What it is about.
    pub topic: Topic,
    /// What is told.
    pub concept: ConceptId,
    /// Unit of its values; empty where they have none.
    pub unit: String,
    /// How many events it holds within the time, those that repeat others too.
    pub events: u64,
    /// The first within the time.
    pub first: DateTime,
    /// The last.
    pub last: DateTime,
    /// What is drawn, by time.
    pub marks: Vec<TopicMark>,
    /// Sources that contradict each other, by time.
    pub conflicts: Vec<TopicConflict>,
}

/// Something on a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicMark {
    /// When it begins.
    pub at: DateTime,
    /// When it ends, where it lasts and the source says until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime>,
    /// Its value; of a range the lower end, of 「≥ 5」 and 「< 5」 the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Low, high, positive …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpretation: Option<Interpretation>,
    /// What it is evidence of, where not of care.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Stated not to be there.
    pub absent: bool,
    /// Suspected only.
    pub suspected: bool,
    /// Where in time it lies against what states it.
    pub phase: Phase,
    /// The event; see [`Store::event`] for its source and words.
    pub event: EventId,
    /// Others that tell the same: the same value at the same time, or on the same day where a note repeats it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<EventId>,
}

/// Two sources that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicConflict {
    /// When.
    pub at: DateTime,
    /// What is at odds.
    pub about: Odds,
    /// The events, two or more.
    pub events: Vec<EventId>,
}

/// What is at odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Odds {
    /// Different values at the same time.
    Value,
    /// There and not there on one day.
    Presence,
}

impl Store {
    /// The timeline of a patient by topic; linked records count as one. Events that a later note settled are left out.
    /// `lets` says of a document whether what it tells may be shown; `None` is another system.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn topics(
        &self,
        patient: PatientId,
        query: &TopicQuery,
        lets: &dyn Fn(Option<DocumentId>) -> bool,
    ) -> Result<Vec<TopicRow>, StoreError> {
        self.read("topics", |conn| {
            population(conn, patient)?;
            let patient = links::root(conn, patient)?;
            let mut rows = Vec::new();
            let wanted = |topic: &Topic| query.topics.is_empty() || query.topics.contains(topic);
            for topic in Topic::ALL.into_iter().filter(wanted) {
                let found = marks::read(conn, patient, topic, query, lets)?;
                for (row, marks) in found {
                    if let Some(row) = told(conn, row, topic, marks, query)? {
                        rows.push(row);
                    }
                }
            }
            Ok(rows)
        })
    }

    /// Events with all they say, in the order asked for; those that are gone are left out.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn events_by_id(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, StoreError> {
        self.read("events by id", |conn| {
            let mut found = Vec::new();
            for id in ids {
                found.extend(events::list(conn, "WHERE e.id = ?1", id.get())?);
            }
            Ok(found)
        })
    }
}

fn told(
    conn: &Connection,
    row: i64,
    topic: Topic,
    marks: Vec<marks::Mark>,
    query: &TopicQuery,
) -> Result<Option<TopicRow>, StoreError> {
    let (Some(first), Some(last)) = (marks.first(), marks.last()) else {
        return Ok(None);
    };
    let (first, last, events) = (first.at, last.at, marks.len() as u64);
    let mut find = conn.prepare_cached("SELECT concept, unit FROM topic_row WHERE id = ?1")?;
    let (concept, unit): (String, String) =
        find.query_row(params![row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let joined = join::joined(marks);
    let conflicts = join::conflicts(&joined);
    Ok(Some(TopicRow {
        topic,
        concept: ConceptId::new(concept),
        unit,
        events,
        first: marks::civil(first),
        last: marks::civil(last),
        marks: join::thinned(joined, query),
        conflicts,
    }))
}
