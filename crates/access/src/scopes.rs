//! Scopes of SMART App Launch 2.2: what an app may ask for, and what is left of it once all have spoken.
//!
//! `patient/Observation.rs` is a level, a type of resource (`*` for all) and letters of `cruds` in this order; the form of
//! version 1 (`.read`, `.write`, `.*`) is read too. A scope with a search behind it (`?category=…`) is finer than what is
//! held here, and is not granted rather than granted too widely.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Longest list of scopes, in bytes.
const LONGEST: usize = 4096;
/// Most scopes of a list.
const MOST: usize = 100;
/// Longest name of a type of resource.
const LONGEST_KIND: usize = 64;

/// Whose records a scope is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The patient of the launch.
    Patient,
    /// What the person may see.
    User,
    /// What the app's own account may see, nobody being there.
    System,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// What is done with a resource, in the order of the letters `cruds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interaction {
    /// `c`
    Create,
    /// `r`
    Read,
    /// `u`
    Update,
    /// `d`
    Delete,
    /// `s`
    Search,
}

const LETTERS: [(char, Interaction); 5] = [
    ('c', Interaction::Create),
    ('r', Interaction::Read),
    ('u', Interaction::Update),
    ('d', Interaction::Delete),
    ('s', Interaction::Search),
];

fn interactions(text: &str) -> Option<BTreeSet<Interaction>> {
    let text = match text {
        "read" => "rs",
        "write" => "cud",
        "*" => "cruds",
        text => text,
    };
    let mut left = LETTERS.iter();
    let mut read = BTreeSet::new();
    for letter in text.chars() {
        // The letters come in their order, so that what stands before one is not looked at again.
        read.insert(left.find(|(own, _)| *own == letter)?.1);
    }
    (!read.is_empty()).then_some(read)
}

/// A scope that is about no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Special {
    /// The context of a launch from here.
    Launch,
    /// A patient is to be chosen.
    LaunchPatient,
    /// Who the person is, signed.
    OpenId,
    /// The person as a resource.
    FhirUser,
    /// Refresh tokens that outlast the session.
    OfflineAccess,
    /// Refresh tokens as long as the session lasts.
    OnlineAccess,
}

const SPECIAL: [(&str, Special); 6] = [
    ("launch", Special::Launch),
    ("launch/patient", Special::LaunchPatient),
    ("openid", Special::OpenId),
    ("fhirUser", Special::FhirUser),
    ("offline_access", Special::OfflineAccess),
    ("online_access", Special::OnlineAccess),
];

/// A set of scopes. Kept and written in its one order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes {
    special: BTreeSet<Special>,
    /// Level and type (`*` for all) → what may be done.
    resources: BTreeMap<(Level, String), BTreeSet<Interaction>>,
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self::parse(&text).0
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

impl Scopes {
    /// Reads a list parted by blanks; gives the words that are no scope of ours too. A list that is too long is none.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let mut scopes = Self::default();
        if text.len() > LONGEST {
            return (scopes, vec![text.chars().take(80).collect()]);
        }
        let mut unknown = Vec::new();
        for (count, word) in text.split_ascii_whitespace().enumerate() {
            if count >= MOST || !scopes.take(word) {
                unknown.push(word.to_owned());
            }
        }
        (scopes, unknown)
    }

    fn take(&mut self, word: &str) -> bool {
        if let Some((_, special)) = SPECIAL.iter().find(|(name, _)| *name == word) {
            self.special.insert(*special);
            return true;
        }
        let Some((level, rest)) = word.split_once('/') else {
            return false;
        };
        let levels = [Level::Patient, Level::User, Level::System];
        let level = levels.into_iter().find(|own| own.as_str() == level);
        let (Some(level), Some((kind, letters))) = (level, rest.split_once('.')) else {
            return false;
        };
        let is_kind =
            (1..=LONGEST_KIND).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
        let (true, Some(letters)) = (is_kind || kind == "*", interactions(letters)) else {
            return false;
        };
        self.resources
            .entry((level, kind.to_owned()))
            .or_default()
            .extend(letters);
        true
    }

    /// The scopes as words, in their order.
    pub fn words(&self) -> Vec<String> {
        let special = SPECIAL
            .iter()
            .filter(|(_, special)| self.special.contains(special))
            .map(|(name, _)| (*name).to_owned());
        let resources = self.resources.iter().map(|((level, kind), done)| {
            let letters: String = LETTERS
                .iter()
                .filter(|(_, interaction)| done.contains(interaction))
                .map(|(letter, _)| *letter)
                .collect();
            format!("{}/{kind}.{letters}", level.as_str())
        });
        special.chain(resources).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.special.is_empty() && self.resources.is_empty()
    }

    /// Whether a scope that is about no resource is in it.
    pub fn has(&self, special: Special) -> bool {
        self.special.contains(&special)
    }

    /// Whether any scope of a level is in it.
    pub fn has_level(&self, level: Level) -> bool {
        self.resources.keys().any(|(own, _)| *own == level)
    }

    /// Whether something may be done with a type of resource at a level.
    pub fn lets(&self, level: Level, kind: &str, interaction: Interaction) -> bool {
        [kind, "*"].into_iter().any(|kind| {
            let done = self.resources.get(&(level, kind.to_owned()));
            done.is_some_and(|done| done.contains(&interaction))
        })
    }

    /// What both sets hold: what is asked for, held against what may be.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = Self {
            special: self.special.intersection(&other.special).copied().collect(),
            resources: BTreeMap::new(),
        };
        for ((level, kind), done) in &self.resources {
            for ((other_level, other_kind), other_done) in &other.resources {
                let kind = match (kind.as_str(), other_kind.as_str()) {
                    (kind, "*") | ("*", kind) => kind,
                    (kind, other) if kind == other => kind,
                    _ => continue,
                };
                let common: BTreeSet<Interaction> = done.intersection(other_done).copied().collect();
                if level == other_level && !common.is_empty() {
                    both.resources
                        .entry((*level, kind.to_owned()))
                        .or_default()
                        .extend(common);
                }
            }
        }
        both
    }

    /// The same without the scopes of a level.
    #[must_use]
    pub fn without_level(&self, level: Level) -> Self {
        let mut left = self.clone();
        left.resources.retain(|(own, _), _| *own != level);
        left
    }

    /// The same without a scope that is about no resource.
    #[must_use]
    pub fn without(&self, special: Special) -> Self {
        let mut left = self.clone();
        left.special.remove(&special);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_in_one_form() {
        let check = |text: &str, wanted: &str, unknown: &[&str]| {
            let (scopes, left) = Scopes::parse(text);
            assert_eq!(
                (scopes.to_string().as_str(), left.as_slice()),
                (
                    wanted,
                    unknown
                        .iter()
                        .map(|s| (*s).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice()
                ),
                "{text}"
            );
        };
        check("patient/Observation.rs", "patient/Observation.rs", &[]);
        check("user/*.cruds openid launch", "launch openid user/*.cruds", &[]);
        check("patient/*.read patient/*.write", "patient/*.cruds", &[]);
        check("system/Patient.s system/Patient.r", "system/Patient.rs", &[]);
        check("patient/Observation.sr", "", &["patient/Observation.sr"]);
        check("patient/Observation.rr", "", &["patient/Observation.rr"]);
        check("patient/Observation.", "", &["patient/Observation."]);
        check(
            "patient/Observation.rs?category=lab",
            "",
            &["patient/Observation.rs?category=lab"],
        );
        check(
            "admin/*.rs patient/*/.rs profile",
            "",
            &["admin/*.rs", "patient/*/.rs", "profile"],
        );
        assert_eq!(Scopes::parse(&"openid ".repeat(1000)).0, Scopes::default());
    }

    #[test]
    fn what_is_granted_is_what_all_hold() {
        let check = |asked: &str, allowed: &str, wanted: &str| {
            let both = Scopes::parse(asked).0.and(&Scopes::parse(allowed).0);
            assert_eq!(both.to_string(), wanted, "{asked} & {allowed}");
        };
        check("patient/*.cruds", "patient/*.rs", "patient/*.rs");
        check(
            "patient/*.rs",
            "patient/Observation.rs patient/Condition.r",
            "patient/Condition.r patient/Observation.rs",
        );
        check("patient/Observation.rs", "patient/*.r", "patient/Observation.r");
        check("user/Observation.rs", "patient/*.rs", "");
        check("patient/Observation.cud", "patient/*.rs", "");
        check("openid offline_access", "openid fhirUser", "openid");
        let scopes = Scopes::parse("patient/Observation.r user/*.s").0;
        assert!(scopes.lets(Level::Patient, "Observation", Interaction::Read));
        assert!(!scopes.lets(Level::Patient, "Observation", Interaction::Search));
        assert!(!scopes.lets(Level::Patient, "Condition", Interaction::Read));
        assert!(scopes.lets(Level::User, "Condition", Interaction::Search));
        assert!(!scopes.lets(Level::System, "Condition", Interaction::Search));
    }
}
