//! The lanes of a timeline at a level of detail: every row a person has, what of it lies within a window, and where that is
//! more than can be drawn, how much it is and between which values it lies.
//!
//! A row that is aggregated keeps its count; a row that has nothing within the window is told with what it has elsewhere.

use super::marks::{ABSENT, Lasts, Mark, PLANNED, civil, interpretation, seconds};
use super::{Topic, TopicMark, join, marks};
use crate::errors::StoreError;
use crate::ids::{DocumentId, EventId, PatientId};
use crate::links::{self, FAMILY};
use crate::patients::population;
use crate::stamp::Civil;
use crate::store::Store;
use jiff::civil::DateTime;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use tsumugi_clinical::{ConceptId, Dosage, Interpretation};

/// Most buckets of a window: more than a screen has pixels is for nobody.
const MOST_BUCKETS: u32 = 4_000;

/// What is asked of the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneQuery {
    /// First moment of the window, included.
    pub from: DateTime,
    /// Last moment, included.
    pub to: DateTime,
    /// Into how many stretches of time the window is divided (1 to 4,000). A row with at most so many marks is given as
    /// it is.
    pub buckets: u32,
}

/// A row of a person's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// What it is about.
    pub topic: Topic,
    /// What is told.
    pub concept: ConceptId,
    /// Unit of its values; empty where they have none.
    pub unit: String,
    /// How many events it holds at all times.
    pub total: u64,
    /// How many of them say that something is not there, or only planned.
    pub denied: u64,
    /// The first, at all times.
    pub first: DateTime,
    /// The last.
    pub last: DateTime,
    /// The event of the last.
    pub newest: EventId,
    /// How many events lie within the window, those that repeat others too.
    pub events: u64,
    /// What is drawn, by time; of diseases and drugs also what lies outside the window, since they last. Empty where it is
    /// aggregated.
    pub marks: Vec<TopicMark>,
    /// What is drawn where it is aggregated, by time; stretches with nothing are left out.
    pub buckets: Vec<Bucket>,
}

/// What of a row lies within a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Which stretch of the window, from 0.
    pub number: u32,
    /// How many events.
    pub count: u32,
    /// Lowest, median and highest value, where there are values.
    pub values: Option<(f64, f64, f64)>,
    /// Whether one of them is low.
    pub low: bool,
    /// Whether one of them is high, or positive.
    pub high: bool,
}

/// The values of a test in one unit, at all times.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Measured in care, or by a device of the person's own.
    pub topic: Topic,
    /// The test.
    pub concept: ConceptId,
    /// Its unit.
    pub unit: String,
    /// Those with a value that are not denied or planned, by time; what several sources tell alike is one.
    pub marks: Vec<TopicMark>,
}

/// A note of a person, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteTime {
    /// Which.
    pub document: DocumentId,
    /// Kind, as the caller named it.
    pub kind: String,
    /// Who signed its newest version.
    pub author: String,
    /// When it was written, local civil time.
    pub at: DateTime,
}

impl Store {
    /// All rows of a patient's timeline, with what lies within a window; linked records count as one. Events that a later
    /// note settled are left out. `lets` is as in [`Store::topics`].
    ///
    /// # Errors
    /// `NotFound`.
    pub fn lanes(
        &self,
        patient: PatientId,
        query: &LaneQuery,
        lets: &dyn Fn(Option<DocumentId>) -> bool,
    ) -> Result<Vec<Lane>, StoreError> {
        self.read("lanes", |conn| {
            population(conn, patient)?;
            let patient = links::root(conn, patient)?;
            let mut lanes = Vec::new();
            for topic in Topic::ALL {
                for open in opened(conn, (patient, topic), query, lets)? {
                    lanes.push(open.closed(conn, query)?);
                }
            }
            Ok(lanes)
        })
    }

    /// The values of tests, unit by unit, at all times; in the order of the tests asked for, those of care before those of
    /// devices.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn series(
        &self,
        patient: PatientId,
        tests: &[ConceptId],
        lets: &dyn Fn(Option<DocumentId>) -> bool,
    ) -> Result<Vec<Series>, StoreError> {
        self.read("series", |conn| {
            population(conn, patient)?;
            let patient = links::root(conn, patient)?;
            let mut found = Vec::new();
            for topic in [Topic::Test, Topic::Device] {
                let mut rows: BTreeMap<i64, Vec<Mark>> = BTreeMap::new();
                let wanted = rows_of(conn, topic, tests)?;
                if wanted.is_empty() {
                    continue;
                }
                marks::walk(conn, (patient, topic), lets, |row, lasts, take| {
                    if wanted.contains_key(&row) && lasts.flags & (ABSENT | PLANNED) == 0 {
                        let mark = take()?;
                        if mark.value.is_some() {
                            rows.entry(row).or_default().push(mark);
                        }
                    }
                    Ok(())
                })?;
                for (row, marks) in rows {
                    let Some((place, concept, unit)) = wanted.get(&row).cloned() else {
                        continue;
                    };
                    let marks = join::joined(marks).into_iter().map(join::told).collect();
                    let series = Series {
                        topic,
                        concept,
                        unit,
                        marks,
                    };
                    found.push((place, series));
                }
            }
            found.sort_by_key(|(place, series)| (*place, series.topic));
            Ok(found.into_iter().map(|(_, series)| series).collect())
        })
    }

    /// How the drugs of a patient are taken, event by event, where the source says so.
    ///
    /// # Errors
    /// `Damaged` when an event cannot be read.
    pub fn dosages(&self, patient: PatientId) -> Result<BTreeMap<EventId, Dosage>, StoreError> {
        self.read("dosages", |conn| {
            let patient = links::root(conn, patient)?;
            let mut list = conn.prepare_cached(
                "SELECT m.event, json_extract(e.json, '$.dosage') FROM topic_mark m JOIN event e ON e.id = m.event
                 WHERE m.patient = ?1 AND m.topic = ?2",
            )?;
            let mut rows = list.query(params![patient, Topic::Drug as i64])?;
            let mut found = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let Some(json) = row.get::<_, Option<String>>(1)? else {
                    continue;
                };
                let event: EventId = row.get(0)?;
                let dosage = serde_json::from_str(&json)
                    .map_err(|_| StoreError::damaged(format!("the dosage of event {event} cannot be read")))?;
                found.insert(event, dosage);
            }
            Ok(found)
        })
    }

    /// How many marks the timeline of a patient has, whoever may see them.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn mark_count(&self, patient: PatientId) -> Result<u64, StoreError> {
        self.read_unaudited("mark count", |conn| {
            let patient = links::root(conn, patient)?;
            let mut count = conn.prepare_cached("SELECT count(*) FROM topic_mark WHERE patient = ?1")?;
            Ok(count.query_row([patient], |row| row.get(0))?)
        })
    }

    /// The notes of a patient in the order they were written, without their texts; those of linked records too.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn note_times(&self, patient: PatientId) -> Result<Vec<NoteTime>, StoreError> {
        self.read("note times", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT v.document, d.kind, v.author, v.civil FROM document_version v JOIN document d ON d.id = v.document
                 WHERE v.patient {FAMILY} AND v.version = d.version ORDER BY v.civil, v.document"
            ))?;
            let rows = list.query_map([patient], |row| {
                Ok(NoteTime {
                    document: row.get(0)?,
                    kind: row.get(1)?,
                    author: row.get(2)?,
                    at: row.get::<_, Civil>(3)?.0,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// A row while its marks are read.
struct Open {
    topic: Topic,
    row: i64,
    total: u64,
    denied: u64,
    first: i64,
    last: (i64, EventId),
    within: u64,
    marks: Vec<Mark>,
}

impl Open {
    fn new(topic: Topic, row: i64, first: Lasts) -> Self {
        Self {
            topic,
            row,
            total: 0,
            denied: 0,
            first: first.at,
            last: (first.at, first.event),
            within: 0,
            marks: Vec::new(),
        }
    }

    fn count(&mut self, lasts: Lasts) {
        self.total += 1;
        self.last = (lasts.at, lasts.event);
        self.denied += u64::from(lasts.flags & (ABSENT | PLANNED) != 0);
    }

    fn closed(self, conn: &Connection, query: &LaneQuery) -> Result<Lane, StoreError> {
        let mut find = conn.prepare_cached("SELECT concept, unit FROM topic_row WHERE id = ?1")?;
        let (concept, unit): (String, String) =
            find.query_row(params![self.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let joined = join::joined(self.marks);
        let most = query.buckets.clamp(1, MOST_BUCKETS);
        let is_whole = lasts_long(self.topic) || joined.len() <= most as usize;
        let (marks, buckets) = if is_whole {
            (joined.into_iter().map(join::told).collect(), Vec::new())
        } else {
            (Vec::new(), aggregated(&joined, query, most))
        };
        Ok(Lane {
            topic: self.topic,
            concept: ConceptId::new(concept),
            unit,
            total: self.total,
            denied: self.denied,
            first: civil(self.first),
            last: civil(self.last.0),
            newest: self.last.1,
            events: self.within,
            marks,
            buckets,
        })
    }
}

/// Whether what a row tells lasts, so that what was said before a window is true within it.
fn lasts_long(topic: Topic) -> bool {
    matches!(topic, Topic::Disease | Topic::Drug)
}

fn opened(
    conn: &Connection,
    (patient, topic): (PatientId, Topic),
    query: &LaneQuery,
    lets: &dyn Fn(Option<DocumentId>) -> bool,
) -> Result<Vec<Open>, StoreError> {
    let (from, to) = (seconds(query.from), seconds(query.to));
    let mut found: Vec<Open> = Vec::new();
    marks::walk(conn, (patient, topic), lets, |row, lasts, take| {
        let is_within = lasts.touches(from, to);
        if found.last().is_none_or(|open| open.row != row) {
            found.push(Open::new(topic, row, lasts));
        }
        if let Some(open) = found.last_mut() {
            open.count(lasts);
            open.within += u64::from(is_within);
            if is_within || lasts_long(topic) {
                open.marks.push(take()?);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The rows of some concepts: row → place in what was asked, concept, unit.
fn rows_of(
    conn: &Connection,
    topic: Topic,
    concepts: &[ConceptId],
) -> Result<BTreeMap<i64, (usize, ConceptId, String)>, StoreError> {
    let mut list = conn.prepare_cached("SELECT id, unit FROM topic_row WHERE topic = ?1 AND concept = ?2")?;
    let mut found = BTreeMap::new();
    for (place, concept) in concepts.iter().enumerate() {
        let mut rows = list.query(params![topic as i64, concept.as_str()])?;
        while let Some(row) = rows.next()? {
            found.insert(row.get(0)?, (place, concept.clone(), row.get(1)?));
        }
    }
    Ok(found)
}

/// What lies within each stretch of the window. A mark that begins before it belongs to the first.
fn aggregated(marks: &[Mark], query: &LaneQuery, buckets: u32) -> Vec<Bucket> {
    let from = seconds(query.from);
    let whole = i128::from((seconds(query.to) - from).max(1));
    let number = |mark: &Mark| -> u32 {
        let place = i128::from(mark.at - from) * i128::from(buckets) / whole;
        u32::try_from(place.max(0)).unwrap_or(u32::MAX).min(buckets - 1)
    };
    let mut found: Vec<Bucket> = Vec::new();
    let mut values: Vec<f64> = Vec::new();
    for mark in marks {
        let number = number(mark);
        if found.last().is_none_or(|bucket| bucket.number != number) {
            settle(found.last_mut(), &mut values);
            found.push(Bucket {
                number,
                count: 0,
                values: None,
                low: false,
                high: false,
            });
        }
        let Some(bucket) = found.last_mut() else { continue };
        let told = u32::try_from(mark.also.len()).unwrap_or(u32::MAX);
        bucket.count = bucket.count.saturating_add(1).saturating_add(told);
        match interpretation(mark.flags) {
            Some(Interpretation::Low) => bucket.low = true,
            Some(Interpretation::High | Interpretation::Positive) => bucket.high = true,
            _ => {}
        }
        values.extend(mark.value.filter(|_| mark.flags & (ABSENT | PLANNED) == 0));
    }
    settle(found.last_mut(), &mut values);
    found
}

/// Gives a bucket its values, and empties them.
fn settle(bucket: Option<&mut Bucket>, values: &mut Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = match (
        values.get(middle),
        middle.checked_sub(1).and_then(|before| values.get(before)),
    ) {
        (Some(upper), Some(lower)) if values.len().is_multiple_of(2) => Some(f64::midpoint(*lower, *upper)),
        (upper, _) => upper.copied(),
    };
    if let (Some(bucket), Some(low), Some(median), Some(high)) =
        (bucket, values.first(), median, values.last())
    {
        bucket.values = Some((*low, median, *high));
    }
    values.clear();
}
