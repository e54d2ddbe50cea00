//! What comes in: a note, its patient, and spans of it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A stretch of the note as given, in Unicode scalar values: `start` included, `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span {
    /// First character.
    pub start: u32,
    /// One past the last character.
    pub end: u32,
}

impl Span {
    /// Makes a span; `end` is never before `start`.
    pub fn new(start: u32, end: u32) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }

    /// Length in characters.
    pub fn len(self) -> u32 {
        self.end - self.start
    }

    /// Whether it holds no character.
    pub fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// Whether the two share a character.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether `other` lies within.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// Administrative sex as the record holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Male (`M` accepted on input).
    #[serde(alias = "M", alias = "m")]
    Male,
    /// Female (`F` accepted on input).
    #[serde(alias = "F", alias = "f")]
    Female,
    /// Neither is recorded.
    #[serde(alias = "U", alias = "u", other)]
    Unknown,
}

/// What is known of the patient beside the note. All fields may be missing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patient {
    /// The record this note belongs to; notes with one id are one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Administrative sex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Date of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Date>,
    /// Age in completed years at the note's date, where no date of birth is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<f64>,
}

impl Patient {
    /// Age in completed years at `date`: from the date of birth where both are known, else the age as given.
    pub fn age_at(&self, date: Option<Date>) -> Option<f64> {
        match (self.birth_date, date) {
            (Some(birth), Some(date)) => {
                let had_birthday = (date.month(), date.day()) >= (birth.month(), birth.day());
                Some(f64::from(date.year() - birth.year()) - if had_birthday { 0.0 } else { 1.0 })
            }
            _ => self.age,
        }
    }
}

/// A note to be structured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Note {
    /// The caller's id, given back unchanged.
    pub id: String,
    /// The text as it came; every offset refers to it.
    pub text: String,
    /// The civil date of writing; relative times are anchored to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// The patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<Patient>,
}

/// Something the reader wants to say about the input that is no fact: a doubtful date, an age that contradicts the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Where in the note.
    #[serde(flatten)]
    pub span: Span,
    /// Stable code, e.g. `impossible-date`; the text shown is looked up in `data/ui` by it.
    pub code: String,
    /// The offending text.
    pub text: String,
}
