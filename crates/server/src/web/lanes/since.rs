//! What happened since a drug was begun: `GET /patients/{id}/since?drug=…&at=…`. The tests that are watched with the drug, that
//! its known effects would change, or that were simply measured before and after, each with what it was.

use super::spans::{Course, civil, courses, of_drug};
use super::{flags, lets, limits, name, seconds, word};
use crate::access::Notes;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::day;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::Language;
use crate::web::view::unit_text;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::ConceptId;
use tsumugi_knowledge::State as Finding;
use tsumugi_knowledge::drug::Frequency;
use tsumugi_records::{LaneQuery, PatientId, PatientRecord, Series, Topic, TopicMark};
use tsumugi_tables::{Source, Table};

const DAY: i64 = 86_400;
/// Days before the start in which a value is one of before (estimate).
const BEFORE: i64 = 365;
/// Days after the last that is known of the drug in which a value is still one of after (estimate).
const AFTER: i64 = 14;
/// Most values of a test that are told one by one.
const MOST: usize = 240;
/// Most tests for which nothing but their being measured speaks.
const MOST_OTHERS: usize = 8;

/// Which values are watched with which drug.
#[derive(Debug, Default)]
pub(crate) struct Monitoring(Vec<Watched>);

#[derive(Debug)]
struct Watched {
    drug: String,
    test: ConceptId,
    why: [String; 2],
    source: String,
}

impl Monitoring {
    /// Reads `timeline/monitoring.tsv`.
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let mut rows = Vec::new();
        for source in sources
            .iter()
            .filter(|source| source.path == "timeline/monitoring.tsv")
        {
            // Mistakes of the tables are found by their own test.
            for row in Table::parse(*source, &mut Vec::new()).rows() {
                rows.push(Watched {
                    drug: row.get("drug").to_owned(),
                    test: ConceptId::new(row.get("test").to_owned()),
                    why: [row.get("why").to_owned(), row.get("why_en").to_owned()],
                    source: row.get("source").to_owned(),
                });
            }
        }
        Self(rows)
    }
}

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// The drug.
    pub(super) drug: String,
    /// A moment of the course that is meant, seconds of civil time after 1970; the last course where nobody says.
    pub(super) at: Option<i64>,
}

/// The answer. Times are seconds of civil time after 1970.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    name: String,
    from: i64,
    /// The last that is known of the course.
    to: i64,
    /// Until when values are of after.
    end: i64,
    says: String,
    candidates: Vec<Candidate>,
    unmeasured: Vec<Unmeasured>,
    /// Tests that were measured on one side or both and are not among the candidates.
    others: usize,
}

#[derive(Debug, Serialize)]
struct Candidate {
    concept: String,
    name: String,
    unit: String,
    /// Measured by the person's own device.
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    why: Vec<Reason>,
    before: Side,
    after: Side,
    words: String,
    at: Vec<i64>,
    value: Vec<f64>,
    flags: Vec<u32>,
    id: Vec<i64>,
    /// Values that are not told one by one.
    left: usize,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
struct Reason {
    text: String,
    source: String,
}

#[derive(Debug, Serialize)]
struct Unmeasured {
    name: String,
    text: String,
    source: String,
}

/// The values of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Side {
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    middle: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<i64>,
}

/// Tells it.
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
        desk.reads(record.id, None)?;
        let readable = desk.notes(&standing, &[])?;
        Ok(Json(told(desk, &record, &asked, &readable)?).into_response())
    })
    .await
}

pub(super) fn told(
    desk: &Desk,
    record: &PatientRecord,
    asked: &Asked,
    readable: &Notes,
) -> Result<Told, WebError> {
    let ui = desk.ui();
    let drug = ConceptId::new(asked.drug.clone());
    let now = clock::civil_now();
    let all = LaneQuery {
        from: now,
        to: now,
        buckets: 1,
    };
    let lanes = desk.app.store.lanes(record.id, &all, &lets(readable))?;
    let lane = lanes
        .iter()
        .find(|lane| lane.topic == Topic::Drug && lane.concept == drug);
    let lane = lane.ok_or(WebError::NotFound)?;
    let spans = of_drug(&lane.marks, &desk.app.store.dosages(record.id)?);
    let course = course(&courses(&spans), asked.at).ok_or(WebError::NotFound)?;
    let end = course.to + AFTER * DAY;
    let newest = desk.app.store.events_by_id(&[lane.newest])?;
    let drug_name = name(desk, &drug, newest.first());
    let reasons = reasons(desk, record, &drug);
    let mut tests: Vec<ConceptId> = reasons.iter().map(|(test, _)| test.clone()).collect();
    let is_value = |topic: Topic| matches!(topic, Topic::Test | Topic::Device);
    for other in lanes.iter().filter(|lane| is_value(lane.topic)) {
        if !tests.contains(&other.concept) {
            tests.push(other.concept.clone());
        }
    }
    let series = desk.app.store.series(record.id, &tests, &lets(readable))?;
    let mut candidates = Vec::new();
    let mut others = Vec::new();
    for one in &series {
        let why = reasons
            .iter()
            .find(|(test, _)| *test == one.concept)
            .map(|(_, why)| why.as_slice());
        let candidate = candidate(desk, record, one, (course, end), why.unwrap_or_default());
        let (before, after) = (candidate.before.count, candidate.after.count);
        match why {
            Some(_) if before + after > 0 => candidates.push(candidate),
            None if before > 0 && after > 0 => others.push(candidate),
            _ => {}
        }
    }
    others.sort_by_key(|one| std::cmp::Reverse(one.before.count.min(one.after.count)));
    let left = others.len().saturating_sub(MOST_OTHERS);
    let is_measured = |test: &ConceptId| candidates.iter().any(|one| one.concept == test.as_str());
    let unmeasured = unmeasured(desk, &reasons, &is_measured);
    candidates.extend(others.into_iter().take(MOST_OTHERS));
    let days = [civil(course.from), civil(course.to)].map(|at| day(&ui, at.date()));
    Ok(Told {
        name: drug_name,
        from: course.from,
        to: course.to,
        end,
        says: ui.fill("timeline.since-says", &[("from", &days[0]), ("to", &days[1])]),
        candidates,
        unmeasured,
        others: left,
    })
}

/// The course that holds a moment, else the last.
fn course(courses: &[Course], at: Option<i64>) -> Option<Course> {
    let holds = |course: &&Course| at.is_some_and(|at| course.from <= at && at <= course.to);
    courses.iter().find(holds).or(courses.last()).copied()
}

/// The tests that speak of a drug, the most important first, each with why: what is watched, then what it is known to do.
fn reasons(desk: &Desk, record: &PatientRecord, drug: &ConceptId) -> Vec<(ConceptId, Vec<Reason>)> {
    let (ui, advice) = (desk.ui(), &desk.app.advice);
    let living = advice.living(record.population);
    let book = living.drugs();
    let lineage = book.lineage(advice.coder.vocabulary(), drug.as_str());
    let mut found: Vec<(ConceptId, Vec<Reason>)> = Vec::new();
    let mut add = |test: &ConceptId, reason: Reason| match found.iter_mut().find(|(known, _)| known == test) {
        Some((_, reasons)) if reasons.iter().any(|known| known.text == reason.text) => {}
        Some((_, reasons)) => reasons.push(reason),
        None => found.push((test.clone(), vec![reason])),
    };
    let language = usize::from(desk.visit.language == Language::English);
    for one in &lineage {
        for row in desk
            .app
            .monitoring
            .0
            .iter()
            .filter(|row| row.drug == one.as_ref())
        {
            let reason = Reason {
                text: row.why.get(language).cloned().unwrap_or_default(),
                source: row.source.clone(),
            };
            add(&row.test, reason);
        }
    }
    let mut effects: Vec<_> = lineage.iter().flat_map(|id| book.adverse_effects(id)).collect();
    effects.sort_by_key(|effect| (std::cmp::Reverse(effect.frequency), !effect.is_serious));
    for effect in effects
        .iter()
        .filter(|effect| effect.is_serious || effect.frequency >= Frequency::Uncommon)
    {
        for test in advice.levels.tests_of(&Finding::new(effect.effect.as_ref())) {
            let text = crate::web::state_name(&ui, advice, &Finding::new(effect.effect.as_ref()));
            let source = effect.basis.source.to_string();
            add(&ConceptId::new(test.to_owned()), Reason { text, source });
        }
    }
    found
}

/// What is watched with the drug and was measured neither before nor after.
fn unmeasured(
    desk: &Desk,
    reasons: &[(ConceptId, Vec<Reason>)],
    is_measured: &dyn Fn(&ConceptId) -> bool,
) -> Vec<Unmeasured> {
    let watched = |test: &ConceptId| desk.app.monitoring.0.iter().any(|row| row.test == *test);
    let lacking = reasons
        .iter()
        .filter(|(test, _)| watched(test) && !is_measured(test));
    let told = lacking.filter_map(|(test, why)| {
        let why = why.first()?;
        Some(Unmeasured {
            name: name(desk, test, None),
            text: why.text.clone(),
            source: why.source.clone(),
        })
    });
    told.collect()
}

fn candidate(
    desk: &Desk,
    record: &PatientRecord,
    series: &Series,
    (course, end): (Course, i64),
    why: &[Reason],
) -> Candidate {
    let ui = desk.ui();
    let within = |mark: &&TopicMark| {
        let at = seconds(mark.at);
        course.from - BEFORE * DAY <= at && at <= end
    };
    let marks: Vec<&TopicMark> = series.marks.iter().filter(within).collect();
    // What was measured on the day on which the drug was begun was measured before it, unless the hour says otherwise.
    let is_before = |mark: &TopicMark| {
        let at = seconds(mark.at);
        let has_hour = course.from % DAY != 0;
        at < course.from || (!has_hour && at / DAY == course.from / DAY)
    };
    let (before, after): (Vec<&TopicMark>, Vec<&TopicMark>) =
        marks.iter().copied().partition(|mark| is_before(mark));
    let (before, after) = (side(&before), side(&after));
    let (low, high) = limits(desk, Some(record.details.sex), &series.concept, &series.unit);
    let unit = unit_text(&ui, &series.unit);
    let test = name(desk, &series.concept, None);
    let told = thinned(&marks);
    Candidate {
        words: words(desk, (&test, &unit), &before, &after),
        concept: series.concept.to_string(),
        name: test,
        unit,
        own: word(series.topic) == "device",
        low,
        high,
        why: why.to_vec(),
        before,
        after,
        at: told.iter().map(|mark| seconds(mark.at)).collect(),
        value: told.iter().filter_map(|mark| mark.value).collect(),
        flags: told.iter().map(|mark| flags(mark)).collect(),
        id: told.iter().map(|mark| mark.event.get()).collect(),
        left: marks.len() - told.len(),
    }
}

/// At most so many marks: of each stretch the lowest and the highest.
fn thinned<'m>(marks: &[&'m TopicMark]) -> Vec<&'m TopicMark> {
    if marks.len() <= MOST {
        return marks.to_vec();
    }
    let each = marks.len().div_ceil(MOST / 2);
    let mut kept = Vec::new();
    for stretch in marks.chunks(each) {
        let value = |mark: &&&TopicMark| mark.value.unwrap_or_default();
        let lowest = stretch.iter().min_by(|a, b| value(a).total_cmp(&value(b)));
        let highest = stretch.iter().max_by(|a, b| value(a).total_cmp(&value(b)));
        let mut both: Vec<&TopicMark> = lowest.into_iter().chain(highest).copied().collect();
        both.sort_by_key(|mark| mark.at);
        both.dedup_by_key(|mark| mark.event);
        kept.extend(both);
    }
    kept
}

/// How many, the median, the lowest, the highest and the last.
fn side(marks: &[&TopicMark]) -> Side {
    let mut values: Vec<f64> = marks.iter().filter_map(|mark| mark.value).collect();
    let last = marks.last().and_then(|mark| mark.value);
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied();
    let lower = middle
        .checked_sub(1)
        .and_then(|before| values.get(before))
        .copied();
    Side {
        count: values.len(),
        low: values.first().copied(),
        middle: match (lower, upper) {
            (Some(lower), Some(upper)) if values.len().is_multiple_of(2) => Some(f64::midpoint(lower, upper)),
            _ => upper,
        },
        high: values.last().copied(),
        last,
        last_at: marks.last().map(|mark| seconds(mark.at)),
    }
}

/// A number as the page's own script shows it: three or four digits that mean something.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if !(1e-6..0.1).contains(&size) => 2,
        size if size >= 0.01 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Before → after in words.
fn words(desk: &Desk, (test, unit): (&str, &str), before: &Side, after: &Side) -> String {
    let ui = desk.ui();
    let middle = |side: &Side| side.middle.map(number);
    let (n, m) = (before.count.to_string(), after.count.to_string());
    match (middle(before), middle(after)) {
        (Some(was), Some(is)) => {
            let by = after.middle.unwrap_or_default() - before.middle.unwrap_or_default();
            let sign = if by >= 0.0 { "+" } else { "\u{2212}" };
            let percent = before
                .middle
                .filter(|was| was.abs() > f64::EPSILON)
                .map(|was| format!(" ({sign}{:.0}%)", (by / was).abs() * 100.0))
                .unwrap_or_default();
            let change = format!("{sign}{}{percent}", number(by.abs()));
            let highest = after.high.map(number).unwrap_or_default();
            let lowest = after.low.map(number).unwrap_or_default();
            ui.fill(
                "timeline.since-words",
                &[
                    ("test", test),
                    ("was", &was),
                    ("is", &is),
                    ("n", &n),
                    ("m", &m),
                    ("unit", unit),
                    ("change", &change),
                    ("lowest", &lowest),
                    ("highest", &highest),
                ],
            )
        }
        (Some(was), None) => ui.fill(
            "timeline.since-before",
            &[("test", test), ("was", &was), ("n", &n), ("unit", unit)],
        ),
        (None, Some(is)) => ui.fill(
            "timeline.since-after",
            &[("test", test), ("is", &is), ("m", &m), ("unit", unit)],
        ),
        (None, None) => String::new(),
    }
}
