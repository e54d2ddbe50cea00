//! When something was: an interval of civil time with its precision.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// How exactly a time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// To the minute.
    Minute,
    /// To the hour or part of a day.
    Hour,
    /// To the day.
    Day,
    /// To the week.
    Week,
    /// To the month.
    Month,
    /// To the year.
    Year,
    /// An age of life or a vaguer stretch.
    Vague,
}

/// How the stretch lies to what it dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeFrame {
    /// Happened within it.
    #[default]
    Within,
    /// Began in it and goes on (「昨日から」, 「3日前より」).
    Since,
    /// Ended in it (「3月まで」).
    Until,
}

/// A civil interval, resolved where the note's date allows; `from` and `to` are both included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClinicalTime {
    /// First moment, local civil time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime>,
    /// Last moment, local civil time; absent when it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime>,
    /// How exactly the ends are known.
    pub precision: Precision,
    /// How it lies to what it dates.
    #[serde(default)]
    pub frame: TimeFrame,
    /// The words of the note.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl ClinicalTime {
    /// A whole day, local civil time.
    pub fn of_day(day: jiff::civil::Date) -> Self {
        Self {
            from: Some(day.at(0, 0, 0, 0)),
            to: Some(day.at(23, 59, 59, 0)),
            precision: Precision::Day,
            frame: TimeFrame::Within,
            text: String::new(),
        }
    }

    /// Whether the two intervals can be the same time: they share a moment, or one of them is open towards the other.
    pub fn may_overlap(&self, other: &Self) -> bool {
        let starts_before_end = |a: &Self, b: &Self| match (a.from, b.to) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        };
        starts_before_end(self, other) && starts_before_end(other, self)
    }
}
