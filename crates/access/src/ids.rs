//! Names and numbers that this crate tells apart by their types.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// Longest name of a user, department, team, role or label, in characters.
pub const LONGEST_NAME: usize = 64;

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} \"{name}\": 1 to {LONGEST_NAME} of a-z, 0-9, - _ and . are wanted")]
pub struct NameError {
    /// Kind of name.
    pub what: &'static str,
    /// What came, cut to a sensible length.
    pub name: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads a name: 1 to 64 ASCII letters, digits, `-`, `_` and `.`; capitals become small.
            ///
            /// # Errors
            /// When it has other characters or another length.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(is_sign) {
                    return Err(NameError { what: $what, name: text.chars().take(LONGEST_NAME).collect() });
                }
                Ok(Self(text.to_ascii_lowercase()))
            }

            /// Gives the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name! {
    /// The name with which a person signs in, and by which everything that person does is recorded. An account is never
    /// removed, so the name is never given to somebody else.
    UserId, "user"
}
name! {
    /// The id of a registered app (`client_id`); never given to another.
    AppId, "app"
}
name! {
    /// A department or ward of the hospital.
    DepartmentId, "department"
}
name! {
    /// A team that treats patients together.
    CareTeamId, "care team"
}
name! {
    /// A role; the schema of the policy lists those of the site.
    Role, "role"
}
name! {
    /// Why a record is restricted; the schema of the policy lists those of the site.
    Label, "label"
}
name! {
    /// The kind of a note; the schema of the policy lists those of the site.
    NoteKind, "kind of note"
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number of the store.
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// Gives the number.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A patient's record, with the number that the store gave it.
    PatientId
}
number! {
    /// A note, with the number that the store gave it.
    DocumentId
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "names that are refused")]
    use super::*;

    #[test]
    fn names_are_ascii_and_small() {
        let check = |text: &str, wanted: Option<&str>| {
            let read = UserId::parse(text).ok();
            assert_eq!(read.as_ref().map(UserId::as_str), wanted, "{text:?}");
        };
        check("Sato.H-2", Some("sato.h-2"));
        check("", None);
        check("佐藤", None);
        check("a\"b", None);
        check("a b", None);
        check(&"a".repeat(64), Some("a".repeat(64).as_str()));
        check(&"a".repeat(65), None);
        assert!(serde_json::from_str::<UserId>("\"a/b\"").is_err());
    }
}
