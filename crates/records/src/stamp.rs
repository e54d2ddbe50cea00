//! Who and when: times come from outside as text, because nothing below `server` has a clock.

use crate::errors::StoreError;
use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// A local time, with its offset from UTC where one was given: `2026-11-22T20:15:00+09:00` or `2026-11-22T20:15`.
///
/// It is kept as it came. Order is by the civil time: a record is read in the time of the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    civil: DateTime,
    text: String,
}

impl Moment {
    /// Reads ISO 8601 text: a date, optionally with time, offset and zone (RFC 9557).
    ///
    /// # Errors
    /// `Invalid` when it is no date.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let pieces = Pieces::parse(text).map_err(|error| StoreError::Invalid {
            what: "time",
            detail: format!("{text}: {error}"),
        })?;
        let civil = pieces
            .date()
            .to_datetime(pieces.time().unwrap_or(Time::midnight()));
        Ok(Self {
            civil,
            text: text.to_owned(),
        })
    }

    /// The local civil time.
    pub fn civil(&self) -> DateTime {
        self.civil
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<DateTime> for Moment {
    fn from(civil: DateTime) -> Self {
        Self {
            civil,
            text: civil.to_string(),
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        Self::parse(&text)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.text
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).map_err(FromSqlError::other)
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.text.to_sql()
    }
}

/// Who did it, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The person or system, as the server names it.
    pub author: String,
    /// When.
    pub at: Moment,
}

/// Real patients or dummies: every search and count is over one of them, never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Population {
    /// People.
    Real,
    /// Made up for trying the program.
    Dummy,
}

impl ToSql for Population {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self == Self::Dummy))
    }
}

impl FromSql for Population {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        bool::column_result(value).map(|dummy| if dummy { Self::Dummy } else { Self::Real })
    }
}

/// The word by which an enum of the clinical model is stored: the one of its serialised form.
pub(crate) fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(StoreError::Invalid {
            what: "value",
            detail: format!("{other:?} is no word"),
        }),
    }
}

/// A column that holds the word of an enum.
pub(crate) struct Word<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = serde_json::Value::String(value.as_str()?.to_owned());
        serde_json::from_value(word)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// A column that holds a civil time as ISO text.
pub(crate) struct Civil(pub(crate) DateTime);

impl FromSql for Civil {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(FromSqlError::other)
    }
}
