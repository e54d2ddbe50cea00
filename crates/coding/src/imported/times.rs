//! Times of FHIR as clinical times, in civil time of Japan.

use super::look::{at, text};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;
use tsumugi_clinical::{ClinicalTime, Precision, TimeFrame};

/// A FHIR date, dateTime or instant: `YYYY`, `YYYY-MM`, a day, or a moment (Japan, whatever its offset).
pub(super) fn moment(written: &str) -> Option<ClinicalTime> {
    let time = |from: DateTime, to: DateTime, precision| {
        Some(ClinicalTime {
            from: Some(from),
            to: Some(to),
            precision,
            frame: TimeFrame::Within,
            text: String::new(),
        })
    };
    let written = written.trim();
    if written.contains('T') {
        let moment = match written.parse::<Timestamp>() {
            Ok(moment) => TimeZone::fixed(Offset::constant(9)).to_datetime(moment),
            Err(_) => written.parse().ok()?,
        };
        return time(moment, moment, Precision::Minute);
    }
    let (from, precision) = match written.len() {
        4 => (format!("{written}-01-01").parse::<Date>().ok()?, Precision::Year),
        7 => (format!("{written}-01").parse::<Date>().ok()?, Precision::Month),
        _ => (written.parse::<Date>().ok()?, Precision::Day),
    };
    let to = match precision {
        Precision::Year => from.last_of_year(),
        Precision::Month => from.last_of_month(),
        _ => from,
    };
    time(from.at(0, 0, 0, 0), to.at(23, 59, 59, 0), precision)
}

/// A Period; open ends stay open.
pub(super) fn period(period: &Value) -> Option<ClinicalTime> {
    let start = text(period, "start").and_then(moment);
    let end = text(period, "end").and_then(moment);
    span(start, end)
}

/// From one time to the other.
pub(super) fn span(start: Option<ClinicalTime>, end: Option<ClinicalTime>) -> Option<ClinicalTime> {
    match (start, end) {
        (Some(start), Some(end)) => Some(ClinicalTime {
            to: end.to.max(start.from),
            precision: start.precision.max(end.precision),
            ..start
        }),
        (Some(start), None) => Some(ClinicalTime {
            to: None,
            frame: TimeFrame::Since,
            ..start
        }),
        (None, Some(end)) => Some(ClinicalTime {
            from: None,
            frame: TimeFrame::Until,
            ..end
        }),
        (None, None) => None,
    }
}

/// The time of the first of some fields that has one: dateTimes and Periods.
pub(super) fn of(resource: &Value, fields: &[&str]) -> Option<ClinicalTime> {
    fields.iter().find_map(|field| {
        let value = at(resource, field)?;
        match value.as_str() {
            Some(written) => moment(written),
            None => period(value),
        }
    })
}
