//! Candidates of all sources in one ranked list, and when the first is sure enough for ghost text.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Least lead of the first over the second for ghost text, as a share of all.
const SURE: f64 = 0.6;
/// Fewest kana that ghost text saves.
const SAVES: usize = 4;

/// Keys that a kana takes in romaji, about.
const KEYS_A_KANA: f64 = 2.0;
/// Keys that taking an item of the list costs, about.
const KEYS_TO_TAKE: f64 = 2.0;
/// Worth of what saves nothing, against one key: shown only where there is nothing else.
const SMALL: f64 = 0.05;

/// Why something is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// The writer wrote it here before.
    Personal,
    /// Others of the site did.
    Site,
    /// The facts so far make it likely.
    Context,
    /// A name or phrase of the tables.
    Name,
    /// It goes on so: a denial behind a finding.
    Continuation,
    /// How this patient, or this ward, is given the drug.
    DrugLine,
}

/// Something to write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The text, in place of what is typed.
    pub text: String,
    /// Its reading; empty where it is not known.
    pub reading: String,
    /// Concept that it names.
    pub concept: Option<Arc<str>>,
    /// Share of probability among all that may come, 0 to 1.
    pub share: f64,
    /// Kana that need not be typed.
    pub saves: usize,
    /// Where it comes from.
    pub from: Vec<From>,
}

/// The answer: a list, and whether its first may be drawn as ghost text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Suggestions {
    /// Best first.
    pub list: Vec<Suggestion>,
    /// Whether the first is sure enough to be drawn behind the caret.
    pub is_sure: bool,
}

/// A candidate.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) text: String,
    pub(crate) reading: String,
    pub(crate) concept: Option<Arc<str>>,
    pub(crate) mass: f64,
    pub(crate) from: Vec<From>,
}

/// Candidates, each text once.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    all: Vec<Candidate>,
    at: FxHashMap<String, usize>,
}

impl Pool {
    /// Adds mass to a text.
    pub(crate) fn add(
        &mut self,
        text: &str,
        reading: &str,
        concept: Option<Arc<str>>,
        mass: f64,
        from: From,
    ) {
        if let Some(known) = self.at.get(text).and_then(|at| self.all.get_mut(*at)) {
            known.mass += mass;
            if !known.from.contains(&from) {
                known.from.push(from);
            }
            if known.concept.is_none() {
                known.concept = concept;
            }
            if known.reading.is_empty() {
                reading.clone_into(&mut known.reading);
            }
            return;
        }
        self.at.insert(text.to_owned(), self.all.len());
        self.all.push(Candidate {
            text: text.to_owned(),
            reading: reading.to_owned(),
            concept,
            mass,
            from: vec![from],
        });
    }

    /// The best few by mass.
    pub(crate) fn best(&self, most: usize) -> Vec<Candidate> {
        let mut order: Vec<&Candidate> = self.all.iter().collect();
        order.sort_by(|a, b| b.mass.total_cmp(&a.mass).then_with(|| a.text.cmp(&b.text)));
        order.into_iter().take(most).cloned().collect()
    }

    /// The list. `typed` is the number of kana that are typed already; `whole` the mass of all that may come, known or not.
    pub(crate) fn ranked(self, typed: usize, whole: f64, most: usize) -> Suggestions {
        let sum: f64 = self.all.iter().map(|own| own.mass).sum();
        let whole = whole.max(sum).max(f64::MIN_POSITIVE);
        let saves = |own: &Candidate| {
            let reading = if own.reading.is_empty() {
                &own.text
            } else {
                &own.reading
            };
            reading.chars().count().saturating_sub(typed)
        };
        // What is likely and saves more keys than it costs to take is shown; in the list the likelier stands first, for
        // each place below costs a key.
        let worth = |own: &Candidate| own.mass * (KEYS_A_KANA * saves(own) as f64 - KEYS_TO_TAKE).max(SMALL);
        let mut order: Vec<(f64, &Candidate)> = self.all.iter().map(|own| (worth(own), own)).collect();
        order.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.text.cmp(&other.text)));
        order.truncate(most);
        order.sort_by(|(_, one), (_, other)| {
            other
                .mass
                .total_cmp(&one.mass)
                .then_with(|| one.text.cmp(&other.text))
        });
        let is_sure = order.first().is_some_and(|(_, first)| {
            // What begins as the first does is no rival of it.
            let rival = self
                .all
                .iter()
                .filter(|other| !other.text.starts_with(&first.text) && !first.text.starts_with(&other.text))
                .map(|other| other.mass)
                .fold(0.0, f64::max);
            (first.mass - rival) / whole >= SURE && saves(first) >= SAVES
        });
        let list = order.into_iter().map(|(_, own)| Suggestion {
            text: own.text.clone(),
            reading: own.reading.clone(),
            concept: own.concept.clone(),
            share: own.mass / whole,
            saves: saves(own),
            from: own.from.clone(),
        });
        Suggestions {
            list: list.collect(),
            is_sure,
        }
    }
}
