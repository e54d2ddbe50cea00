//! Which values are equal, and which is less. Dates are compared as far as both are precise; where that does not decide,
//! the answer is open.

use super::eval::{Evaluator, Item, Stop, as_number, as_text};
use serde_json::Value;
use std::cmp::Ordering;

/// Whether two values are equal; open for dates of unlike precision.
pub(super) fn equal<'a>(evaluator: &Evaluator<'a>, left: &Item<'a>, right: &Item<'a>) -> Option<bool> {
    if is_time(evaluator, left)
        && is_time(evaluator, right)
        && let (Some(a), Some(b)) = (as_text(left), as_text(right))
    {
        if a == b {
            return Some(true);
        }
        return in_time(&a, &b).map(Ordering::is_eq);
    }
    Some(match (left, right) {
        (Item::Node(left), Item::Node(right)) => match (left.value, right.value) {
            (Some(left), Some(right)) => same(left, right),
            (None, None) => left.extra == right.extra,
            _ => false,
        },
        _ => match (key_of(left), key_of(right)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        },
    })
}

/// Which value is less; open where it cannot be said.
pub(super) fn compare<'a>(
    evaluator: &Evaluator<'a>,
    left: &Item<'a>,
    right: &Item<'a>,
) -> Result<Option<Ordering>, Stop> {
    if let (Some(left), Some(right)) = (as_number(left), as_number(right)) {
        return Ok(left.partial_cmp(&right));
    }
    if let (Some(a), Some(b)) = (as_text(left), as_text(right)) {
        if is_time(evaluator, left) || is_time(evaluator, right) {
            return Ok(in_time(&a, &b));
        }
        return Ok(Some(a.cmp(&b)));
    }
    // Amounts are compared where they have the same unit.
    if let (Item::Node(left), Item::Node(right)) = (left, right)
        && let (Some(left), Some(right)) = (left.value, right.value)
    {
        let is_same = ["system", "code", "unit"]
            .iter()
            .all(|key| left.get(key) == right.get(key));
        let amount = |value: &Value| value.get("value").and_then(Value::as_f64);
        if let (Some(a), Some(b)) = (amount(left), amount(right))
            && is_same
        {
            return Ok(a.partial_cmp(&b));
        }
        if left.is_object() && right.is_object() {
            return Ok(None);
        }
    }
    if matches!(left, Item::Nothing) || matches!(right, Item::Nothing) {
        return Ok(None);
    }
    Err(Stop::Operands)
}

/// A primitive value as a key that equal values share; nothing for what has parts.
pub(super) fn key_of(item: &Item<'_>) -> Option<String> {
    let number = |number: f64| format!("n{number}");
    match item {
        Item::Node(node) => match node.value? {
            Value::String(text) => Some(format!("s{text}")),
            Value::Bool(flag) => Some(format!("b{flag}")),
            Value::Number(found) => found.as_f64().map(number),
            _ => None,
        },
        Item::Text(text) | Item::Time(text) => Some(format!("s{text}")),
        Item::Bool(flag) => Some(format!("b{flag}")),
        Item::Whole(whole) => Some(number(*whole as f64)),
        Item::Number(found) => Some(number(*found)),
        Item::Nothing => None,
    }
}

/// Equal JSON; numbers by value.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

fn is_time<'a>(evaluator: &Evaluator<'a>, item: &Item<'a>) -> bool {
    match item {
        Item::Time(_) => true,
        Item::Node(node) => {
            let class = evaluator.world.schema.class(node.class);
            class.is_some_and(|class| matches!(&*class.name, "date" | "dateTime" | "instant" | "time"))
        }
        _ => false,
    }
}

/// Parts of a time from the year or, without a day, from the hour; minutes from UTC.
struct Time {
    parts: Vec<f64>,
    zone: Option<f64>,
}

/// Which of two times is earlier.
fn in_time(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (read(left)?, read(right)?);
    let (left, right) = match (left.zone, right.zone) {
        (Some(_), Some(_)) => (in_utc(&left), in_utc(&right)),
        _ => (left.parts, right.parts),
    };
    for (a, b) in left.iter().zip(&right) {
        match a.partial_cmp(b)? {
            Ordering::Equal => {}
            order => return Some(order),
        }
    }
    (left.len() == right.len()).then_some(Ordering::Equal)
}

fn read(text: &str) -> Option<Time> {
    let (day, clock) = match text.split_once('T') {
        Some((day, clock)) => (day, Some(clock)),
        None if text.contains(':') => ("", Some(text)),
        None => (text, None),
    };
    let mut parts = Vec::with_capacity(6);
    for part in day.split('-').filter(|part| !part.is_empty()) {
        parts.push(part.parse().ok()?);
    }
    let mut zone = None;
    if let Some(clock) = clock {
        let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
        let (time, offset) = clock.split_at_checked(at)?;
        for part in time.split(':') {
            parts.push(part.parse().ok()?);
        }
        zone = match offset.chars().next() {
            None => None,
            Some('Z') => Some(0.0),
            Some(sign) => {
                let (hours, minutes) = offset.get(1..)?.split_once(':')?;
                let minutes = hours.parse::<f64>().ok()? * 60.0 + minutes.parse::<f64>().ok()?;
                Some(if sign == '-' { -minutes } else { minutes })
            }
        };
    }
    Some(Time { parts, zone })
}

/// Seconds since the year 0 of the calendar in use.
fn in_utc(time: &Time) -> Vec<f64> {
    let part = |number: usize| time.parts.get(number).copied().unwrap_or(0.0);
    let (year, month, day) = (part(0), part(1), part(2));
    let days = days_before(year, month) + day;
    let seconds = ((days * 24.0 + part(3)) * 60.0 + part(4) - time.zone.unwrap_or(0.0)) * 60.0 + part(5);
    vec![seconds]
}

/// Days before a month.
fn days_before(year: f64, month: f64) -> f64 {
    // March is the first month, so that the day that a leap year has more is the last of its year.
    let (year, month) = if month > 2.0 {
        (year, month - 3.0)
    } else {
        (year - 1.0, month + 9.0)
    };
    let leaps = (year / 4.0).floor() - (year / 100.0).floor() + (year / 400.0).floor();
    year * 365.0 + leaps + ((month * 153.0 + 2.0) / 5.0).floor()
}
