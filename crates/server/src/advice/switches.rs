//! Which kinds of support are on: by the author's own switches, and for kinds that may fall under the rules for medical
//! devices by a recorded decision of the site. What is off computes and sends nothing.

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_records::{Decision, Population, Stamp, Store, StoreError};

/// A kind of support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Ranked diagnoses, from findings or from orders.
    Differential,
    /// What to ask, examine or test next.
    Next,
    /// Checks of prescriptions.
    Prescription,
    /// Published criteria.
    Criteria,
    /// Recommendations of guidelines.
    Guideline,
    /// Names, phrases and snippets that are offered while one types.
    Prediction,
    /// The items that templates find missing.
    Templates,
}

/// All kinds, in the order of the screen.
pub(crate) const ALL_KINDS: [Kind; 7] = [
    Kind::Prediction,
    Kind::Templates,
    Kind::Prescription,
    Kind::Differential,
    Kind::Next,
    Kind::Criteria,
    Kind::Guideline,
];

/// Topic of an author's switches.
const SWITCH: &str = "support-switch";
/// Topic of the site's decisions.
pub(crate) const ALLOWED: &str = "support-allowed";

impl Kind {
    /// The word in decisions, texts and addresses.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Differential => "differential",
            Self::Next => "next",
            Self::Prescription => "prescription",
            Self::Criteria => "criteria",
            Self::Guideline => "guideline",
            Self::Prediction => "prediction",
            Self::Templates => "templates",
        }
    }

    /// Reads the word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        ALL_KINDS.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it may be a medical device program, so that it is off for real patients until the site decides
    /// (`docs/guides/regulation.md`).
    pub(crate) fn needs_decision(self) -> bool {
        matches!(self, Self::Differential | Self::Next)
    }
}

/// The switches of one author before one kind of patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switches {
    /// All support.
    pub(crate) all: bool,
    off: BTreeSet<Kind>,
    withheld: BTreeSet<Kind>,
}

impl Switches {
    /// Reads what the author has switched and what the site has decided.
    pub(crate) fn of(store: &Store, author: &str, population: Population) -> Result<Self, StoreError> {
        let mut switched: BTreeMap<String, bool> = BTreeMap::new();
        for decision in store.decisions(SWITCH, Some(author))? {
            if let Ok(switch) = serde_json::from_str::<Switch>(&decision.body) {
                switched.insert(switch.kind, switch.on);
            }
        }
        let is_off = |word: &str| switched.get(word) == Some(&false);
        let mut withheld = BTreeSet::new();
        if population == Population::Real {
            for kind in ALL_KINDS.into_iter().filter(|kind| kind.needs_decision()) {
                let decided = store.decisions(ALLOWED, Some(kind.word()))?;
                let allowed = decided.last().is_some_and(|decision| {
                    serde_json::from_str::<Switch>(&decision.body).is_ok_and(|switch| switch.on)
                });
                if !allowed {
                    withheld.insert(kind);
                }
            }
        }
        Ok(Self {
            all: !is_off("all"),
            off: ALL_KINDS.into_iter().filter(|kind| is_off(kind.word())).collect(),
            withheld,
        })
    }

    /// Whether a kind answers.
    pub(crate) fn is_on(&self, kind: Kind) -> bool {
        self.all && !self.off.contains(&kind) && !self.withheld.contains(&kind)
    }

    /// Whether the author has left it on, whatever the site says.
    pub(crate) fn is_chosen(&self, kind: Kind) -> bool {
        !self.off.contains(&kind)
    }

    /// Whether the site has not allowed it yet.
    pub(crate) fn is_withheld(&self, kind: Kind) -> bool {
        self.withheld.contains(&kind)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Switch {
    kind: String,
    on: bool,
}

/// Records that an author has switched a kind, or `all`.
pub(crate) fn switch(store: &Store, stamp: Stamp, kind: &str, on: bool) -> Result<(), StoreError> {
    store.decide(Decision {
        topic: SWITCH.to_owned(),
        subject: stamp.author.clone(),
        body: json!({"kind": kind, "on": on}).to_string(),
        stamp,
    })
}

/// Records that the site allows a kind, or withdraws it, and why.
pub(crate) fn allow(
    store: &Store,
    stamp: Stamp,
    kind: Kind,
    on: bool,
    reason: &str,
) -> Result<(), StoreError> {
    store.decide(Decision {
        topic: ALLOWED.to_owned(),
        subject: kind.word().to_owned(),
        body: json!({"kind": kind.word(), "on": on, "reason": reason}).to_string(),
        stamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::Moment;

    fn stamp(author: &str) -> Stamp {
        Stamp {
            author: author.to_owned(),
            at: Moment::parse("2026-11-28T09:00").unwrap(),
        }
    }

    #[test]
    fn a_switch_is_the_authors_own_and_the_last_one_counts() {
        let store = Store::open_in_memory().unwrap();
        let of = |author: &str| Switches::of(&store, author, Population::Dummy).unwrap();
        assert!(of("a").is_on(Kind::Differential));
        switch(&store, stamp("a"), "all", false).unwrap();
        assert!(!of("a").is_on(Kind::Differential));
        assert!(of("b").is_on(Kind::Differential));
        switch(&store, stamp("a"), "all", true).unwrap();
        switch(&store, stamp("a"), "next", false).unwrap();
        assert!(of("a").is_on(Kind::Differential));
        assert!(!of("a").is_on(Kind::Next));
        assert_eq!(store.decisions(SWITCH, None).unwrap().len(), 3);
    }

    #[test]
    fn what_may_be_a_device_is_off_for_real_patients_until_the_site_decides() {
        let store = Store::open_in_memory().unwrap();
        let of = || Switches::of(&store, "a", Population::Real).unwrap();
        assert!(!of().is_on(Kind::Differential));
        assert!(of().is_withheld(Kind::Differential));
        assert!(of().is_on(Kind::Prescription));
        allow(&store, stamp("head"), Kind::Differential, true, "study 12").unwrap();
        assert!(of().is_on(Kind::Differential));
        allow(&store, stamp("head"), Kind::Differential, false, "ended").unwrap();
        assert!(!of().is_on(Kind::Differential));
    }
}
