//! Identifiers, given by counters of the database and never used again.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        id! { $(#[$doc])* $name: i64 }
    };
    ($(#[$doc:meta])* $name:ident: $number:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($number);

        impl $name {
            /// Wraps a number that the store gave out earlier.
            pub const fn new(number: $number) -> Self {
                Self(number)
            }

            /// Gives the number.
            pub const fn get(self) -> $number {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$number>::column_result(value).map(Self)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }
    };
}

id! {
    /// A patient's record.
    PatientId
}
id! {
    /// A visit or stay.
    EncounterId
}
id! {
    /// A signed note, through all its versions.
    DocumentId
}
id! {
    /// One version of what another system stated.
    ObservationId
}
id! {
    /// Bytes that are no statement.
    DeadLetterId
}
id! {
    /// An event as stored; a new derivation of the same note gives new ones.
    EventId
}
id! {
    /// A save of a draft. It never comes twice in a store, also not after the draft was signed.
    Revision
}
id! {
    /// An entry of the audit trail: its place in the log, from 0.
    AuditId: u64
}
