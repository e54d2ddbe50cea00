//! The lanes of a patient's timeline, as data: `GET /patients/{id}/lanes`. Every row that the record holds, and what of it lies
//! within a window, at a level of detail; behind the same policy and the same entry in the audit trail as the patient's page.

pub(crate) mod since;
pub(crate) mod source;
mod spans;

use crate::access::Notes;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::{Language, Ui};
use crate::web::view::unit_text;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use jiff::ToSpan as _;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use spans::Span;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::{ConceptId, Evidence, Interpretation, Phase, Sex};
use tsumugi_records::{
    Bucket, DocumentId, EventId, Lane, LaneQuery, PatientId, PatientRecord, StoredEvent, Topic, TopicMark,
};

/// Stretches where nobody says: one for three pixels of a usual window.
const BUCKETS: u32 = 350;
/// Most stretches.
const MOST_BUCKETS: u32 = 4_000;
/// Years that are told where nobody says which.
const YEARS: i32 = 10;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// First moment, civil time.
    #[serde(default)]
    from: String,
    /// Last moment.
    #[serde(default)]
    to: String,
    /// Into how many stretches of time the window is divided.
    buckets: Option<u32>,
}

/// The answer. Times are seconds of civil time after 1970.
#[derive(Debug, Serialize)]
struct Told {
    from: i64,
    to: i64,
    now: i64,
    buckets: u32,
    /// Events within the window, and at all times.
    events: u64,
    total: u64,
    /// Whether everything that is recorded may be shown.
    whole: bool,
    lanes: Vec<LaneView>,
}

/// A lane as it is told.
#[derive(Debug, Serialize)]
struct LaneView {
    topic: &'static str,
    concept: String,
    name: String,
    /// Unit as people write it.
    unit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    total: u64,
    denied: u64,
    events: u64,
    first: i64,
    last: i64,
    /// Bars that are not told, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Points>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heaps: Option<Heaps>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Span>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Marks as they are, a list a column.
#[derive(Debug, Default, Serialize)]
struct Points {
    at: Vec<i64>,
    /// Ends, for what lasts; 0 where a mark is a moment. Empty where all are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    until: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    value: Vec<Option<f64>>,
    flags: Vec<u32>,
    /// Event; of the lane of notes the document.
    id: Vec<i64>,
    /// Others that tell the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<usize>,
    /// Words of marks that have no value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    text: Vec<String>,
}

/// What lies within each stretch, a list a column.
#[derive(Debug, Default, Serialize)]
struct Heaps {
    number: Vec<u32>,
    count: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    low: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    middle: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    high: Vec<Option<f64>>,
    /// 1: one is low, 2: one is high.
    off: Vec<u8>,
}

/// Tells the lanes.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Response {
    answer(app, visit, move |desk| {
        let id = desk.app.store.read_under(PatientId::new(id))?;
        let record = desk.app.store.patient(id)?;
        let standing = desk.may(Action::Read, &record)?;
        let query = query(&asked)?;
        desk.reads(record.id, None)?;
        let readable = desk.notes(&standing, &[])?;
        Ok(Json(told(desk, &record, &query, &readable)?).into_response())
    })
    .await
}

fn query(asked: &Asked) -> Result<LaneQuery, WebError> {
    let time = |text: &str| -> Result<Option<DateTime>, WebError> {
        match text.trim() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| WebError::Bad("topics.bad-time")),
        }
    };
    let to = time(&asked.to)?.unwrap_or_else(clock::civil_now);
    let back = to.checked_sub(YEARS.years()).unwrap_or(to);
    let from = time(&asked.from)?.unwrap_or(back);
    Ok(LaneQuery {
        from: from.min(to),
        to: to.max(from),
        buckets: asked.buckets.unwrap_or(BUCKETS).clamp(1, MOST_BUCKETS),
    })
}

/// Whether an event of a document, or of another system where there is none, may be shown.
pub(crate) fn lets(readable: &Notes) -> impl Fn(Option<DocumentId>) -> bool + '_ {
    |document| match document {
        Some(document) => readable.documents.contains(&document) && !readable.unconfirmed.contains(&document),
        None => readable.reports,
    }
}

fn told(desk: &Desk, record: &PatientRecord, query: &LaneQuery, readable: &Notes) -> Result<Told, WebError> {
    let lanes = desk.app.store.lanes(record.id, query, &lets(readable))?;
    let newest = newest(desk, &lanes)?;
    let dosages = desk.app.store.dosages(record.id)?;
    let now = seconds(clock::civil_now());
    let window = (seconds(query.from), seconds(query.to));
    let mut views = vec![
        notes(desk, record.id, query, readable)?,
        encounters(desk, record.id, window)?,
    ];
    views.retain(|view| view.total > 0);
    for lane in &lanes {
        let spans = match lane.topic {
            Topic::Disease => spans::of_disease(&lane.marks, newest.get(&lane.newest), now),
            Topic::Drug => spans::of_drug(&lane.marks, &dosages),
            _ => Vec::new(),
        };
        views.push(view(desk, record, lane, &newest, (spans, window)));
    }
    Ok(Told {
        from: window.0,
        to: window.1,
        now,
        buckets: query.buckets,
        events: views.iter().map(|view| view.events).sum(),
        total: views.iter().map(|view| view.total).sum(),
        whole: readable.reports && desk.app.store.documents_of(record.id)?.len() == readable.documents.len(),
        lanes: views,
    })
}

/// The last events of lanes whose concept the vocabulary does not know, and of diseases: they say the name, and whether it
/// is over.
fn newest(desk: &Desk, lanes: &[Lane]) -> Result<BTreeMap<EventId, StoredEvent>, WebError> {
    let vocabulary = desk.app.coder.vocabulary();
    let is_wanted =
        |lane: &&Lane| lane.topic == Topic::Disease || vocabulary.concept(lane.concept.as_str()).is_none();
    let wanted: Vec<EventId> = lanes.iter().filter(is_wanted).map(|lane| lane.newest).collect();
    let events = desk.app.store.events_by_id(&wanted)?;
    Ok(events.into_iter().map(|event| (event.id, event)).collect())
}

fn view(
    desk: &Desk,
    record: &PatientRecord,
    lane: &Lane,
    newest: &BTreeMap<EventId, StoredEvent>,
    (spans, window): (Vec<Span>, (i64, i64)),
) -> LaneView {
    let ui = desk.ui();
    let known = newest.get(&lane.newest);
    let (low, high) = limits(desk, Some(record.details.sex), &lane.concept, &lane.unit);
    let lasts = matches!(lane.topic, Topic::Disease | Topic::Drug);
    let (spans, more) = spans::within(spans, window);
    LaneView {
        topic: word(lane.topic),
        name: name(desk, &lane.concept, known),
        concept: lane.concept.to_string(),
        unit: unit_text(&ui, &lane.unit),
        low,
        high,
        total: lane.total,
        denied: lane.denied,
        events: lane.events,
        first: seconds(lane.first),
        last: seconds(lane.last),
        more,
        points: (!lasts && !lane.marks.is_empty()).then(|| points(&lane.marks)),
        heaps: (!lane.buckets.is_empty()).then(|| heaps(&lane.buckets)),
        spans,
    }
}

/// The word of a topic.
pub(crate) fn word(topic: Topic) -> &'static str {
    match topic {
        Topic::Disease => "disease",
        Topic::Drug => "drug",
        Topic::Test => "test",
        Topic::Finding => "finding",
        Topic::Care => "care",
        Topic::Background => "background",
        Topic::Device => "device",
    }
}

/// The name of a concept in the language of the screen: of the vocabulary, else as an event says it, else its id.
pub(crate) fn name(desk: &Desk, concept: &ConceptId, event: Option<&StoredEvent>) -> String {
    let known = desk.app.coder.vocabulary().concept(concept.as_str());
    let told = event.filter(|event| event.event.concept == *concept);
    match (known, told, desk.visit.language) {
        (Some(known), _, Language::English) if !known.english.is_empty() => known.english.to_string(),
        (Some(known), ..) => known.name.to_string(),
        (None, Some(told), _) => told.event.name.to_string(),
        (None, None, _) => concept.to_string(),
    }
}

/// The reference interval of a test, where its values stand in its usual unit.
pub(crate) fn limits(
    desk: &Desk,
    sex: Option<Sex>,
    concept: &ConceptId,
    unit: &str,
) -> (Option<f64>, Option<f64>) {
    let known = desk.app.coder.vocabulary().concept(concept.as_str());
    let known = known.filter(|known| known.unit.as_deref().unwrap_or_default() == unit);
    known.map_or((None, None), |known| known.interval.limits(sex))
}

/// Seconds of civil time after 1970.
pub(crate) fn seconds(at: DateTime) -> i64 {
    at.to_zoned(TimeZone::UTC)
        .map_or(0, |zoned| zoned.timestamp().as_second())
}

/// Bits that the page reads: 1 claim, 2 the person's own, 4 absent, 8 suspected, 16 past, 32 planned, 64 stopped,
/// 256 low, 512 normal, 768 high, 1024 positive, 1280 negative.
pub(crate) fn flags(mark: &TopicMark) -> u32 {
    let evidence = match mark.evidence {
        Some(Evidence::Claim) => 1,
        Some(Evidence::Personal) => 2,
        None => 0,
    };
    let phase = match mark.phase {
        Phase::Current => 0,
        Phase::Past => 16,
        Phase::Planned => 32,
        Phase::Stopped => 64,
    };
    let level: u32 = match mark.interpretation {
        None => 0,
        Some(Interpretation::Low) => 1,
        Some(Interpretation::Normal) => 2,
        Some(Interpretation::High) => 3,
        Some(Interpretation::Positive) => 4,
        Some(Interpretation::Negative) => 5,
    };
    evidence | (u32::from(mark.absent) << 2) | (u32::from(mark.suspected) << 3) | phase | (level << 8)
}

fn points(marks: &[TopicMark]) -> Points {
    let mut points = Points::default();
    let has_values = marks.iter().any(|mark| mark.value.is_some());
    let has_ends = marks
        .iter()
        .any(|mark| mark.until.is_some_and(|until| until > mark.at));
    let has_others = marks.iter().any(|mark| !mark.also.is_empty());
    for mark in marks {
        points.at.push(seconds(mark.at));
        points.flags.push(flags(mark));
        points.id.push(mark.event.get());
        if has_values {
            points.value.push(mark.value);
        }
        if has_ends {
            let until = mark.until.filter(|until| *until > mark.at);
            points.until.push(until.map_or(0, seconds));
        }
        if has_others {
            points.also.push(mark.also.len());
        }
    }
    points
}

fn heaps(buckets: &[Bucket]) -> Heaps {
    let mut heaps = Heaps::default();
    let has_values = buckets.iter().any(|bucket| bucket.values.is_some());
    for bucket in buckets {
        heaps.number.push(bucket.number);
        heaps.count.push(bucket.count);
        heaps
            .off
            .push(u8::from(bucket.low) | (u8::from(bucket.high) << 1));
        if has_values {
            heaps.low.push(bucket.values.map(|values| values.0));
            heaps.middle.push(bucket.values.map(|values| values.1));
            heaps.high.push(bucket.values.map(|values| values.2));
        }
    }
    heaps
}

/// A lane that is no row of events.
fn plain(ui: &Ui<'_>, topic: &'static str, times: &[(i64, i64)], window: (i64, i64)) -> LaneView {
    let within = times
        .iter()
        .filter(|(from, to)| *from <= window.1 && *to >= window.0);
    LaneView {
        topic,
        concept: String::new(),
        name: ui.of("timeline.lane", topic),
        unit: String::new(),
        low: None,
        high: None,
        total: times.len() as u64,
        denied: 0,
        events: within.count() as u64,
        first: times.iter().map(|time| time.0).min().unwrap_or_default(),
        last: times.iter().map(|time| time.1).max().unwrap_or_default(),
        more: 0,
        points: None,
        heaps: None,
        spans: Vec::new(),
    }
}

/// The notes that may be read, each with its kind and author.
fn notes(desk: &Desk, patient: PatientId, query: &LaneQuery, readable: &Notes) -> Result<LaneView, WebError> {
    let ui = desk.ui();
    let window = (seconds(query.from), seconds(query.to));
    let mut notes = desk.app.store.note_times(patient)?;
    notes.retain(|note| readable.documents.contains(&note.document));
    let times: Vec<(i64, i64)> = notes
        .iter()
        .map(|note| (seconds(note.at), seconds(note.at)))
        .collect();
    let mut lane = plain(&ui, "document", &times, window);
    notes.retain(|note| (window.0..=window.1).contains(&seconds(note.at)));
    if notes.len() > query.buckets as usize {
        let whole = (window.1 - window.0).max(1);
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for note in &notes {
            let place = (seconds(note.at) - window.0) * i64::from(query.buckets) / whole;
            let number = u32::try_from(place).unwrap_or_default().min(query.buckets - 1);
            *counts.entry(number).or_default() += 1;
        }
        let off = vec![0; counts.len()];
        let (number, count) = counts.into_iter().unzip();
        lane.heaps = Some(Heaps {
            number,
            count,
            off,
            ..Heaps::default()
        });
        return Ok(lane);
    }
    let mut points = Points::default();
    for note in &notes {
        points.at.push(seconds(note.at));
        points.flags.push(0);
        points.id.push(note.document.get());
        points.text.push(format!(
            "{} {}",
            ui.of("note", &note.kind),
            desk.person(&note.author)
        ));
    }
    lane.points = (!notes.is_empty()).then_some(points);
    Ok(lane)
}

/// Visits and stays.
fn encounters(desk: &Desk, patient: PatientId, window: (i64, i64)) -> Result<LaneView, WebError> {
    let ui = desk.ui();
    let mut newest = BTreeMap::new();
    for record in desk.app.store.encounters(patient)? {
        newest.insert(record.id, record);
    }
    let mut spans: Vec<Span> = newest
        .values()
        .map(|record| {
            let from = seconds(record.details.start.civil());
            let to = record.details.end.as_ref().map(|end| seconds(end.civil()));
            // A stay goes on until somebody ends it; a visit does not.
            let is_stay = record.details.kind == "IMP";
            let kind = if is_stay { "stay" } else { "visit" };
            let words = ui.of("timeline.encounter", &record.details.kind);
            Span::new(kind, from, if is_stay { to } else { Some(to.unwrap_or(from)) }).saying(&words)
        })
        .collect();
    spans.sort_by_key(|span| span.from);
    let times: Vec<(i64, i64)> = spans
        .iter()
        .map(|span| (span.from, span.to.unwrap_or(i64::MAX)))
        .collect();
    let mut lane = plain(&ui, "encounter", &times, window);
    lane.last = spans
        .iter()
        .map(|span| span.to.unwrap_or(span.from))
        .max()
        .unwrap_or_default();
    (lane.spans, lane.more) = spans::within(spans, window);
    Ok(lane)
}

#[cfg(test)]
mod tests;
