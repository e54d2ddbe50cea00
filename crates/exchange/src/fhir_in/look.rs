//! Looking into a resource, and its times in civil time of Japan.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

/// A member of an object.
pub(crate) fn at<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).filter(|value| !value.is_null())
}

/// A member that is text.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    at(value, key).and_then(Value::as_str).map(str::trim)
}

/// The text of a value.
pub(crate) fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

/// The elements of a member: of a list, or the one where a list is left out.
pub(crate) fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let member = at(value, key);
    let items = member.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let single = member.filter(|member| member.is_object());
    items.iter().chain(single)
}

/// When something of a FHIR dateTime was, in civil time of Japan; the first day of a month or year.
pub(crate) fn civil(written: &str) -> Option<DateTime> {
    let written = written.trim();
    if let Ok(moment) = written.parse::<Timestamp>() {
        return Some(TimeZone::fixed(Offset::constant(9)).to_datetime(moment));
    }
    if written.contains('T') {
        return written.parse().ok();
    }
    let day = match written.len() {
        4 => format!("{written}-01-01"),
        7 => format!("{written}-01"),
        _ => written.to_owned(),
    };
    day.parse::<Date>().ok().map(|day| day.at(0, 0, 0, 0))
}

/// The fields that say when what a resource states was so, the nearest first.
const TIMES: [&str; 19] = [
    "effectiveDateTime",
    "effectiveInstant",
    "performedDateTime",
    "occurrenceDateTime",
    "onsetDateTime",
    "whenHandedOver",
    "whenPrepared",
    "authoredOn",
    "authored",
    "recordedDate",
    "dateAsserted",
    "dateTime",
    "issued",
    "date",
    "created",
    "recorded",
    "effectivePeriod",
    "performedPeriod",
    "period",
];

/// When what a resource states was so.
pub(crate) fn civil_of(resource: &Value) -> Option<DateTime> {
    TIMES.iter().find_map(|field| {
        let value = at(resource, field)?;
        let written = value.as_str().or_else(|| text(value, "start"))?;
        civil(written)
    })
}
