//! Civil stretches: days, weeks, months and years as intervals from 00:00 of the first to 23:59 of the last day.
//!
//! Arithmetic is checked: a date outside of the calendar gives none, never a wrong day.

use super::kind::Unit;
use jiff::civil::{Date, DateTime, Time};
use tsumugi_clinical::Precision;

/// A stretch of civil time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: DateTime,
    pub(super) to: DateTime,
    pub(super) precision: Precision,
}

/// A stretch of a day in minutes after its midnight; it may begin the day before or end the day after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) from: i32,
    pub(super) to: i32,
    pub(super) precision: Precision,
}

pub(super) const MINUTES_OF_DAY: i32 = 24 * 60;

impl Stretch {
    /// From the first to the last day.
    pub(super) fn days(first: Date, last: Date, precision: Precision) -> Self {
        Self {
            from: at_minute(first, 0),
            to: at_minute(last, MINUTES_OF_DAY - 1),
            precision,
        }
    }

    /// One day.
    pub(super) fn day(date: Date) -> Self {
        Self::days(date, date, Precision::Day)
    }

    /// Seven days that begin at this one.
    pub(super) fn week(first: Date) -> Option<Self> {
        Some(Self::days(first, shift_days(first, 6)?, Precision::Week))
    }

    /// Calendar months, both included.
    pub(super) fn months(first: Date, last: Date) -> Self {
        Self::days(first.first_of_month(), last.last_of_month(), Precision::Month)
    }

    /// Calendar years, both included.
    pub(super) fn years(first: i32, last: i32) -> Option<Self> {
        Some(Self::days(
            date(first, 1, 1)?,
            date(last, 12, 31)?,
            Precision::Year,
        ))
    }

    /// Hours of a day.
    pub(super) fn hours(day: Date, hours: Hours) -> Option<Self> {
        let place = |minute: i32| {
            let day = shift_days(day, minute.div_euclid(MINUTES_OF_DAY))?;
            Some(at_minute(day, minute.rem_euclid(MINUTES_OF_DAY)))
        };
        Some(Self {
            from: place(hours.from)?,
            to: place(hours.to)?,
            precision: hours.precision,
        })
    }

    /// From the beginning of this one to the end of the other.
    pub(super) fn through(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            precision: self.precision,
        }
    }

    /// The day, when it is within one.
    pub(super) fn single_day(&self) -> Option<Date> {
        (self.from.date() == self.to.date()).then(|| self.from.date())
    }
}

/// A date of the calendar.
pub(super) fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    let (year, month, day) = (
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    );
    Date::new(year, month, day).ok()
}

/// A date moved by days.
pub(super) fn shift_days(day: Date, days: i32) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// A date moved by units of a length; hours and less do not move it. Days beyond the end of a month become its last.
pub(super) fn shift(day: Date, count: i32, unit: Unit) -> Option<Date> {
    let span = jiff::Span::new();
    let span = match unit {
        Unit::Day => span.try_days(count),
        Unit::Week => span.try_weeks(count),
        Unit::Month => span.try_months(count),
        Unit::Year => span.try_years(count),
        _ => return Some(day),
    };
    day.checked_add(span.ok()?).ok()
}

fn at_minute(day: Date, minute: i32) -> DateTime {
    let (hour, minute) = (minute / 60, minute % 60);
    let time = Time::new(hour as i8, minute as i8, 0, 0).unwrap_or(Time::midnight());
    day.to_datetime(time)
}
