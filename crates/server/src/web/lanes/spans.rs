//! What lasts: diseases from their onset to their end, drugs from one supply to the next with the dose that was taken.

use jiff::civil::DateTime;
use serde::Serialize;
use std::collections::BTreeMap;
use tsumugi_clinical::{Dosage, Evidence, Phase, Quantity};
use tsumugi_coding::medications::{GAP_FROM, NOTED_HOLDS, same_dose};
use tsumugi_records::{EventId, StoredEvent, TopicMark};

use super::seconds;

const DAY: i64 = 86_400;
/// Days between two claims for one disease that are one stretch: claims come by the month.
const CLAIMED: i64 = 62;
/// Most bars of a lane that are told.
const MOST: usize = 400;
/// Longest text of a dose that is told, in characters.
const LONGEST: usize = 60;

/// A bar. Times are seconds of civil time after 1970.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Span {
    /// `care`, `past`, `suspected`, `claim`, `supply`, `noted`, `stop`, `stay` or `visit`.
    pub(super) kind: &'static str,
    /// When it begins.
    pub(super) from: i64,
    /// When it ends; none where it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<i64>,
    /// The event that tells it first; 0 where none does.
    #[serde(skip_serializing_if = "is_none")]
    pub(super) id: i64,
    /// How many tell it.
    pub(super) count: usize,
    /// In a few signs, for the bar itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) short: String,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(id: &i64) -> bool {
    *id == 0
}

impl Span {
    /// A bar that nothing tells yet.
    pub(super) fn new(kind: &'static str, from: i64, to: Option<i64>) -> Self {
        Self {
            kind,
            from,
            to,
            id: 0,
            count: 1,
            short: String::new(),
            text: String::new(),
        }
    }

    /// The same with words.
    pub(super) fn saying(mut self, words: &str) -> Self {
        words.clone_into(&mut self.text);
        words.clone_into(&mut self.short);
        self
    }

    fn told_by(mut self, mark: &TopicMark) -> Self {
        self.id = mark.event.get();
        self.count = 1 + mark.also.len();
        self
    }
}

/// The bars that lie within a window, and how many of them are too many.
pub(super) fn within(mut spans: Vec<Span>, (from, to): (i64, i64)) -> (Vec<Span>, usize) {
    spans.retain(|span| span.from <= to && span.to.is_none_or(|end| end >= from));
    let more = spans.len().saturating_sub(MOST);
    spans.drain(..more);
    (spans, more)
}

/// When a mark ends.
fn end(mark: &TopicMark) -> i64 {
    seconds(mark.until.unwrap_or(mark.at).max(mark.at))
}

/// A disease: from where care tells of it first until it is over, what is only suspected apart, and what claims name apart.
pub(super) fn of_disease(marks: &[TopicMark], newest: Option<&StoredEvent>, now: i64) -> Vec<Span> {
    let is_said = |mark: &&TopicMark| !mark.absent && mark.phase != Phase::Planned;
    let is_claim = |mark: &TopicMark| mark.evidence == Some(Evidence::Claim);
    let own: Vec<&TopicMark> = marks
        .iter()
        .filter(is_said)
        .filter(|mark| !is_claim(mark) && !mark.suspected)
        .collect();
    let mut spans = Vec::new();
    if let (Some(first), Some(last)) = (own.first(), own.last()) {
        let over = marks
            .iter()
            .filter(|mark| {
                mark.absent && !mark.suspected && mark.at > last.at && mark.phase == Phase::Current
            })
            .map(|mark| seconds(mark.at))
            .next();
        let resolved = newest.is_some_and(|event| event.event.resolved && event.id == last.event);
        let goes_on = last.phase == Phase::Current && !resolved && over.is_none() && seconds(last.at) <= now;
        let latest = own
            .iter()
            .map(|mark| end(mark))
            .max()
            .unwrap_or_else(|| end(last));
        let to = (!goes_on).then(|| over.unwrap_or(latest));
        let is_past = own.iter().all(|mark| mark.phase == Phase::Past);
        let mut span = Span::new(if is_past { "past" } else { "care" }, seconds(first.at), to).told_by(first);
        span.count = own.iter().map(|mark| 1 + mark.also.len()).sum();
        spans.push(span);
    }
    let suspected = marks
        .iter()
        .filter(is_said)
        .filter(|mark| mark.suspected && !is_claim(mark));
    spans.extend(merged("suspected", suspected, i64::MAX));
    spans.extend(merged(
        "claim",
        marks.iter().filter(is_said).filter(|mark| is_claim(mark)),
        CLAIMED * DAY,
    ));
    spans.sort_by_key(|span| span.from);
    spans
}

/// Marks that follow each other within so many seconds are one bar.
fn merged<'m>(kind: &'static str, marks: impl Iterator<Item = &'m TopicMark>, gap: i64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for mark in marks {
        let from = seconds(mark.at);
        match spans.last_mut() {
            Some(last) if from.saturating_sub(last.to.unwrap_or(from)) <= gap => {
                last.to = last.to.max(Some(end(mark)));
                last.count += 1 + mark.also.len();
            }
            _ => spans.push(Span::new(kind, from, Some(end(mark))).told_by(mark)),
        }
    }
    spans
}

/// A drug: supplies that follow each other in one dose are one bar, a change of the dose begins a new one. What a note
/// says without a period holds until the next, within the days for which a note holds.
pub(super) fn of_drug(marks: &[TopicMark], dosages: &BTreeMap<EventId, Dosage>) -> Vec<Span> {
    let none = Dosage::default();
    let mut spans: Vec<(Span, &Dosage)> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.phase != Phase::Planned) {
        let dosage = dosages.get(&mark.event).unwrap_or(&none);
        let from = seconds(mark.at);
        if mark.absent || mark.phase == Phase::Stopped {
            if let Some((last, _)) = spans.last_mut() {
                last.to = last.to.map(|to| to.min(from.max(last.from)));
            }
            spans.push((Span::new("stop", from, Some(from)).told_by(mark), &none));
            continue;
        }
        let lasts = mark.until.is_some_and(|until| until > mark.at);
        let kind = if mark.evidence == Some(Evidence::Claim) {
            "claim"
        } else if lasts {
            "supply"
        } else {
            "noted"
        };
        let follows = |(last, dose): &&mut (Span, &Dosage)| {
            let gap = if kind == "noted" { NOTED_HOLDS } else { GAP_FROM };
            let kinds_agree = last.kind == kind || (kind == "noted" && last.kind == "supply");
            kinds_agree && from - last.to.unwrap_or(from) <= i64::from(gap) * DAY && same_dose(dose, dosage)
        };
        if let Some((last, _)) = spans.last_mut().filter(|last| follows(last)) {
            // What a note repeats of a supply does not make it longer.
            if last.kind == kind {
                last.to = last.to.max(Some(end(mark)));
            }
            last.count += 1 + mark.also.len();
            continue;
        }
        let mut span = Span::new(kind, from, Some(end(mark))).told_by(mark);
        span.short = short(dosage);
        span.text = dosage.text.chars().take(LONGEST).collect();
        spans.push((span, dosage));
    }
    spans.into_iter().map(|(span, _)| span).collect()
}

/// The strength of a dose, else its amount, as a few signs.
fn short(dosage: &Dosage) -> String {
    let said = |quantity: &Quantity| {
        let unit = quantity.unit.as_deref().unwrap_or_default();
        let unit = if unit.starts_with('{') { "" } else { unit };
        quantity.number.as_deref().map(|number| format!("{number}{unit}"))
    };
    let one = dosage.strength.as_ref().or(dosage.amount.as_ref());
    let Some(one) = one.and_then(said) else {
        return String::new();
    };
    match (
        dosage.strength.as_ref(),
        dosage.amount.as_ref().and_then(Quantity::as_f64),
    ) {
        (Some(_), Some(amount)) if (amount - 1.0).abs() > f64::EPSILON => format!("{one}\u{d7}{amount}"),
        _ => one,
    }
}

/// A stretch of days in which a drug was taken, as far as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    /// When it begins.
    pub(super) from: i64,
    /// The last that is known of it.
    pub(super) to: i64,
}

/// The courses of a drug: bars that follow each other, whatever the dose, within the days for which a note holds. What is
/// only noted lasts for those days, unless somebody stops it.
pub(super) fn courses(spans: &[Span]) -> Vec<Course> {
    let holds = i64::from(NOTED_HOLDS) * DAY;
    let mut courses: Vec<Course> = Vec::new();
    let mut is_stopped = false;
    for span in spans {
        if span.kind == "stop" {
            if let Some(last) = courses.last_mut() {
                last.to = last.to.min(span.from).max(last.from);
            }
            is_stopped = true;
            continue;
        }
        let told = span.to.unwrap_or(span.from);
        let to = if span.kind == "noted" { told + holds } else { told };
        match courses.last_mut() {
            Some(last) if !is_stopped && span.from - last.to <= holds => last.to = last.to.max(to),
            _ => courses.push(Course { from: span.from, to }),
        }
        is_stopped = false;
    }
    courses
}

/// The civil time of so many seconds after 1970.
pub(super) fn civil(seconds: i64) -> DateTime {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).datetime()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: &'static str, from: i64, to: i64) -> Span {
        Span::new(kind, from * DAY, Some(to * DAY))
    }

    #[test]
    fn courses_go_over_changes_of_dose_and_end_where_somebody_stops() {
        let days = |spans: &[Span]| -> Vec<(i64, i64)> {
            let courses = courses(spans);
            courses
                .iter()
                .map(|course| (course.from / DAY, course.to / DAY))
                .collect()
        };
        let supplied = [
            span("supply", 0, 30),
            span("supply", 31, 60),
            span("supply", 200, 230),
        ];
        assert_eq!(days(&supplied), [(0, 60), (200, 230)]);
        // A note holds for ninety days, the next note goes on from it.
        assert_eq!(days(&[span("noted", 0, 0), span("noted", 120, 150)]), [(0, 240)]);
        let stopped = [span("noted", 0, 0), span("stop", 10, 10), span("noted", 20, 20)];
        assert_eq!(days(&stopped), [(0, 10), (20, 110)]);
        assert!(days(&[]).is_empty());
    }

    #[test]
    fn of_too_many_bars_the_newest_are_told_with_how_many_are_not() {
        let many: Vec<Span> = (0..500).map(|day| span("claim", day, day)).collect();
        let (told, more) = within(many, (0, 1_000 * DAY));
        assert_eq!((told.len(), more, told[0].from), (400, 100, 100 * DAY));
        let open = vec![Span::new("care", 0, None), span("care", 1, 2)];
        assert_eq!(within(open, (5 * DAY, 6 * DAY)).0.len(), 1);
    }
}
