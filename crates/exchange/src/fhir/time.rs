//! Clinical times as FHIR writes them: `YYYY`, `YYYY-MM`, a date, or a time of day with the Japanese offset.

use super::elements::Field;
use jiff::civil::DateTime;
use serde_json::{Value, json};
use tsumugi_clinical::{ClinicalTime, Precision, TimeFrame};

/// Offset of Japan, which has no summer time. Civil times of notes are Japanese; it is written with times of day only,
/// as FHIR asks.
const OFFSET: &str = "+09:00";

/// A clinical time in the forms of FHIR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// One partial date or moment says all.
    At(String),
    /// It began then and goes on.
    Since(String),
    /// From one to the other; either may be open.
    Period(Option<String>, Option<String>),
    /// Only words are known.
    Words(String),
}

/// A moment with seconds and offset.
pub(crate) fn moment(time: DateTime) -> String {
    format!("{}{OFFSET}", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn point(time: DateTime, precision: Precision) -> String {
    match precision {
        Precision::Minute | Precision::Hour => moment(time),
        Precision::Day | Precision::Week | Precision::Vague => time.date().to_string(),
        Precision::Month => time.strftime("%Y-%m").to_string(),
        Precision::Year => time.strftime("%Y").to_string(),
    }
}

/// Reads a clinical time; `None` when it says nothing.
pub(crate) fn when(time: &ClinicalTime) -> Option<When> {
    let from = time.from.map(|from| point(from, time.precision));
    let to = time.to.map(|to| point(to, time.precision));
    // An hour has no form of its own, and its minutes are not known: it is a stretch.
    match (from, to, time.frame) {
        (None, None, _) => (!time.text.is_empty()).then(|| When::Words(time.text.clone())),
        (Some(from), None, TimeFrame::Within | TimeFrame::Since) => Some(When::Since(from)),
        (Some(from), Some(to), TimeFrame::Within) if from == to => Some(When::At(from)),
        (Some(from), Some(to), TimeFrame::Since) if from == to => Some(When::Since(from)),
        (from, to, TimeFrame::Until) => Some(When::Period(None, to.or(from))),
        (from, to, _) => Some(When::Period(from, to)),
    }
}

fn period(start: Option<&str>, end: Option<&str>) -> Value {
    super::elements::prune(json!({ "start": start, "end": end }))
}

/// When a condition began, or when one that is over ended.
pub(crate) fn onset(time: Option<&ClinicalTime>, resolved: bool) -> Option<Field> {
    Some(match when(time?)? {
        When::At(at) | When::Since(at) => ("onsetDateTime", json!(at)),
        When::Period(None, Some(end)) if resolved => ("abatementDateTime", json!(end)),
        When::Period(start, end) => ("onsetPeriod", period(start.as_deref(), end.as_deref())),
        When::Words(words) => ("onsetString", json!(words)),
    })
}

/// When an observation was true; words alone give nothing.
pub(crate) fn effective(time: &ClinicalTime) -> Option<Field> {
    Some(match when(time)? {
        When::At(at) => ("effectiveDateTime", json!(at)),
        When::Since(start) => ("effectivePeriod", period(Some(&start), None)),
        When::Period(start, end) => ("effectivePeriod", period(start.as_deref(), end.as_deref())),
        When::Words(_) => return None,
    })
}

/// As [`effective`], but never vaguer than a day: FHIR's vital signs ask for it (rule vs-1), and a month is a period.
pub(crate) fn effective_to_the_day(time: &ClinicalTime) -> Option<Field> {
    if matches!(time.precision, Precision::Month | Precision::Year) {
        let day = ClinicalTime {
            precision: Precision::Day,
            ..time.clone()
        };
        return effective(&day);
    }
    effective(time)
}

/// When something was done.
pub(crate) fn performed(time: Option<&ClinicalTime>) -> Option<Field> {
    Some(match when(time?)? {
        When::At(at) => ("performedDateTime", json!(at)),
        When::Since(start) => ("performedPeriod", period(Some(&start), None)),
        When::Period(start, end) => ("performedPeriod", period(start.as_deref(), end.as_deref())),
        When::Words(words) => ("performedString", json!(words)),
    })
}

/// When something is to be done; words alone give nothing.
pub(crate) fn planned(time: Option<&ClinicalTime>) -> Option<Field> {
    Some(match when(time?)? {
        When::At(at) => ("occurrenceDateTime", json!(at)),
        When::Since(start) => ("occurrencePeriod", period(Some(&start), None)),
        When::Period(start, end) => ("occurrencePeriod", period(start.as_deref(), end.as_deref())),
        When::Words(_) => return None,
    })
}

/// When a vaccine was given. It is required, so that words stand where no date is known, and a mark where nothing is.
pub(crate) fn vaccinated(time: Option<&ClinicalTime>) -> Field {
    match time.and_then(when) {
        Some(When::At(at) | When::Since(at)) => ("occurrenceDateTime", json!(at)),
        Some(When::Period(start, end)) => {
            let part = |end: Option<String>| end.unwrap_or_default();
            let text = time.map(|time| time.text.clone()).filter(|text| !text.is_empty());
            (
                "occurrenceString",
                json!(text.unwrap_or_else(|| format!("{}/{}", part(start), part(end)))),
            )
        }
        Some(When::Words(words)) => ("occurrenceString", json!(words)),
        None => ("occurrenceString", json!("unknown")),
    }
}

/// When a drug was taken; what was stopped ends at its time.
pub(crate) fn taken(time: Option<&ClinicalTime>, stopped: bool) -> Option<Field> {
    Some(match when(time?)? {
        When::At(at) | When::Since(at) if stopped => ("effectivePeriod", period(None, Some(&at))),
        When::At(at) => ("effectiveDateTime", json!(at)),
        When::Since(start) => ("effectivePeriod", period(Some(&start), None)),
        When::Period(start, end) => ("effectivePeriod", period(start.as_deref(), end.as_deref())),
        When::Words(_) => return None,
    })
}
