//! The marks in the file: written with the index of events, read as numbers.

use super::{Topic, TopicQuery};
use crate::errors::StoreError;
use crate::ids::{DocumentId, EventId, PatientId};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, params};
use tsumugi_clinical::{
    Certainty, ConceptId, Event, EventKind, Evidence, Experiencer, Interpretation, Phase, Polarity,
};

/// Bits of `flags`.
pub(super) const CLAIM: i64 = 1;
pub(super) const PERSONAL: i64 = 2;
pub(super) const ABSENT: i64 = 4;
pub(super) const SUSPECTED: i64 = 8;
pub(super) const PAST: i64 = 16;
pub(super) const PLANNED: i64 = 32;
pub(super) const STOPPED: i64 = 64;
pub(super) const SETTLED: i64 = 128;
pub(super) const INTERPRETED: i64 = 8;

/// A mark as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) at: i64,
    pub(super) until: Option<i64>,
    pub(super) value: Option<f64>,
    pub(super) flags: i64,
    pub(super) event: EventId,
    pub(super) document: Option<DocumentId>,
    /// Events that tell the same.
    pub(super) also: Vec<EventId>,
}

/// Seconds of civil time after 1970.
pub(super) fn seconds(at: DateTime) -> i64 {
    at.to_zoned(TimeZone::UTC)
        .map_or(0, |zoned| zoned.timestamp().as_second())
}

/// The civil time of so many seconds after 1970.
pub(super) fn civil(seconds: i64) -> DateTime {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).datetime()
}

/// Adds the marks of an event, under the record that the person is read under: of what it states, and of what was measured.
pub(crate) fn add(
    conn: &Connection,
    event: EventId,
    person: PatientId,
    (stated, document): (DateTime, Option<DocumentId>),
    said: &Event,
    (value, until): (Option<f64>, Option<DateTime>),
) -> Result<(), StoreError> {
    if said.experiencer != Experiencer::Patient || said.certainty == Certainty::General {
        return Ok(());
    }
    let time = said.time.as_ref();
    let at = time.and_then(|time| time.from.or(time.to)).unwrap_or(stated);
    let unit = said
        .value
        .as_ref()
        .and_then(|value| value.unit.as_deref())
        .unwrap_or_default();
    let flags = flags(said);
    let put = |concept: &ConceptId, kind: EventKind, flags: i64| -> Result<(), StoreError> {
        let topic = topic(kind, said.evidence);
        let unit = match topic {
            Topic::Test | Topic::Device => unit,
            _ => "",
        };
        let row = row_of(conn, topic, concept, unit)?;
        conn.prepare_cached("INSERT INTO topic_mark VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
            .execute(params![
                person,
                topic as i64,
                row,
                seconds(at),
                event,
                until.map(seconds),
                value,
                flags,
                document
            ])?;
        Ok(())
    };
    put(&said.concept, said.kind, flags)?;
    if let Some(measured) = &said.measured {
        // A temperature that was read as no fever is a temperature all the same.
        put(&measured.concept, EventKind::Measurement, flags & !ABSENT)?;
    }
    Ok(())
}

fn topic(kind: EventKind, evidence: Option<Evidence>) -> Topic {
    match kind {
        EventKind::Condition => Topic::Disease,
        EventKind::Medication => Topic::Drug,
        EventKind::Measurement if evidence == Some(Evidence::Personal) => Topic::Device,
        EventKind::Measurement => Topic::Test,
        EventKind::Finding => Topic::Finding,
        EventKind::Procedure | EventKind::Examination => Topic::Care,
        EventKind::Allergy | EventKind::Lifestyle | EventKind::Preference | EventKind::Immunization => {
            Topic::Background
        }
    }
}

fn flags(said: &Event) -> i64 {
    let evidence = match said.evidence {
        Some(Evidence::Claim) => CLAIM,
        Some(Evidence::Personal) => PERSONAL,
        None => 0,
    };
    let absent = if said.polarity == Polarity::Absent {
        ABSENT
    } else {
        0
    };
    let suspected = if said.certainty == Certainty::Suspected {
        SUSPECTED
    } else {
        0
    };
    let phase = match said.phase {
        Phase::Current => 0,
        Phase::Past => PAST,
        Phase::Planned => PLANNED,
        Phase::Stopped => STOPPED,
    };
    let interpretation = match said.value.as_ref().and_then(|value| value.interpretation) {
        None => 0,
        Some(Interpretation::Low) => 1,
        Some(Interpretation::Normal) => 2,
        Some(Interpretation::High) => 3,
        Some(Interpretation::Positive) => 4,
        Some(Interpretation::Negative) => 5,
    };
    evidence | absent | suspected | phase | (interpretation << INTERPRETED)
}

/// What the bits of `flags` say of the interpretation.
pub(super) fn interpretation(flags: i64) -> Option<Interpretation> {
    match (flags >> INTERPRETED) & 7 {
        1 => Some(Interpretation::Low),
        2 => Some(Interpretation::Normal),
        3 => Some(Interpretation::High),
        4 => Some(Interpretation::Positive),
        5 => Some(Interpretation::Negative),
        _ => None,
    }
}

fn row_of(conn: &Connection, topic: Topic, concept: &ConceptId, unit: &str) -> Result<i64, StoreError> {
    let key = params![topic as i64, concept.as_str(), unit];
    let mut find =
        conn.prepare_cached("SELECT id FROM topic_row WHERE topic = ?1 AND concept = ?2 AND unit = ?3")?;
    if let Some(row) = find.query_row(key, |row| row.get(0)).optional()? {
        return Ok(row);
    }
    conn.prepare_cached("INSERT INTO topic_row (topic, concept, unit) VALUES (?1, ?2, ?3)")?
        .execute(key)?;
    Ok(conn.last_insert_rowid())
}

/// The marks of a topic that may be shown, row by row, each by time.
pub(super) fn read(
    conn: &Connection,
    patient: PatientId,
    topic: Topic,
    query: &TopicQuery,
    lets: &dyn Fn(Option<DocumentId>) -> bool,
) -> Result<Vec<(i64, Vec<Mark>)>, StoreError> {
    let (from, to) = (
        query.from.map_or(i64::MIN, seconds),
        query.to.map_or(i64::MAX, seconds),
    );
    let mut found: Vec<(i64, Vec<Mark>)> = Vec::new();
    walk(conn, (patient, topic), lets, |number, lasts, take| {
        if !lasts.touches(from, to) {
            return Ok(());
        }
        let mark = take()?;
        match found.last_mut() {
            Some((known, marks)) if *known == number => marks.push(mark),
            _ => found.push((number, vec![mark])),
        }
        Ok(())
    })?;
    Ok(found)
}

/// From when to when a mark is, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lasts {
    pub(super) at: i64,
    pub(super) until: Option<i64>,
    pub(super) flags: i64,
    pub(super) event: EventId,
}

impl Lasts {
    /// Whether it is, at least in part, between two moments, both included.
    pub(super) fn touches(self, from: i64, to: i64) -> bool {
        self.at <= to && self.until.unwrap_or(self.at).max(self.at) >= from
    }
}

/// Goes through the marks of a topic that may be shown, row by row, each by time. The whole of a mark is read only where it
/// is taken.
pub(super) fn walk(
    conn: &Connection,
    (patient, topic): (PatientId, Topic),
    lets: &dyn Fn(Option<DocumentId>) -> bool,
    mut visit: impl FnMut(i64, Lasts, &dyn Fn() -> Result<Mark, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut list = conn.prepare_cached(
        "SELECT row, at, event, until, value, flags, document FROM topic_mark
         WHERE patient = ?1 AND topic = ?2 ORDER BY row, at, event",
    )?;
    let mut rows = list.query(params![patient, topic as i64])?;
    while let Some(row) = rows.next()? {
        let lasts = Lasts {
            at: row.get(1)?,
            until: row.get(3)?,
            flags: row.get(5)?,
            event: row.get(2)?,
        };
        let document: Option<DocumentId> = row.get(6)?;
        if lasts.flags & SETTLED != 0 || !lets(document) {
            continue;
        }
        let take = || -> Result<Mark, StoreError> {
            Ok(Mark {
                at: lasts.at,
                until: lasts.until,
                value: row.get(4)?,
                flags: lasts.flags,
                event: lasts.event,
                document,
                also: Vec::new(),
            })
        };
        visit(row.get(0)?, lasts, &take)?;
    }
    Ok(())
}
