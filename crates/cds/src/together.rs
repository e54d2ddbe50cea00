//! Two diseases at once: where no single disease accounts for what was found, and two together do.
//!
//! Of a finding that is there the disease that explains it better counts (a patient with both shows it at least as often
//! as with the better one alone); what is denied speaks against both; each brings its own prior. Old patients have two
//! diseases more often than one rare one.

use crate::differential::{Differential, Findings, Met, Reason, best_of};
use std::sync::Arc;
use tsumugi_clinical::Polarity;
use tsumugi_knowledge::State;
use tsumugi_terminology::Vocabulary;

/// Diseases among which pairs are sought, the best first.
const CANDIDATES: usize = 40;
/// By how much a pair must beat the best single disease, in nats. The model is naive, and two explain almost anything
/// better than one: below this the single cases of `corpus/vignettes/open.jsonl` would name a pair, too (`cargo xtask
/// bench-cds` counts them).
const GAIN: f64 = 14.0;
/// Findings that each of the two must explain better than the other.
const OWN_FINDINGS: usize = 2;

/// Two diseases that explain the findings together.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The diseases with the findings that each explains better, the one that explains more first.
    pub diseases: [(Arc<str>, Vec<State>); 2],
    /// By how much the pair beats the best single disease, in nats.
    pub gain: f64,
}

/// What a candidate says to each finding; findings are numbered as they come.
struct Candidate {
    key: Arc<str>,
    prior: f64,
    /// Weights of the findings, by their number, and whether the disease lists them.
    weights: Vec<(f64, bool)>,
}

/// The best pair, where two diseases explain clearly more than the best single one.
pub fn together(differential: &Differential, vocabulary: &Vocabulary, findings: &Findings) -> Option<Pair> {
    let scores = differential.scores(vocabulary, findings);
    let order = best_of(&scores, CANDIDATES);
    let best = order.first().and_then(|disease| scores.get(*disease)).copied()?;
    let mut said: Vec<(State, Polarity)> = Vec::new();
    let reasons = differential.reasons_of(vocabulary, findings, &order);
    let candidates: Vec<Candidate> = order
        .into_iter()
        .zip(reasons)
        .filter_map(|(disease, reasons)| Some(candidate(differential.key_of(disease)?, reasons, &mut said)))
        .collect();
    let pairs = candidates.iter().enumerate().flat_map(|(index, first)| {
        let others = candidates.get(index + 1..).unwrap_or(&[]);
        others.iter().map(move |second| (first, second))
    });
    let pairs = pairs.filter(|(first, second)| !is_related(vocabulary, &first.key, &second.key));
    let scored = pairs.map(|(first, second)| (joint(first, second, &said), first, second));
    let enough = scored.filter(|(score, first, second)| {
        score - best > GAIN
            && own(first, second, &said).len() >= OWN_FINDINGS
            && own(second, first, &said).len() >= OWN_FINDINGS
    });
    let (score, first, second) = enough.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let told = |one: &Candidate, other: &Candidate| (Arc::clone(&one.key), own(one, other, &said));
    let mut diseases = [told(first, second), told(second, first)];
    diseases.sort_by_key(|(_, findings)| std::cmp::Reverse(findings.len()));
    Some(Pair {
        diseases,
        gain: score - best,
    })
}

fn candidate(key: Arc<str>, reasons: Vec<Reason>, said: &mut Vec<(State, Polarity)>) -> Candidate {
    let mut candidate = Candidate {
        key,
        prior: 0.0,
        weights: Vec::new(),
    };
    for reason in reasons {
        let Some(state) = reason.state else {
            candidate.prior = reason.weight;
            continue;
        };
        let known = said.iter().position(|(known, _)| *known == state);
        let number = known.unwrap_or(said.len());
        if known.is_none() {
            said.push((state, reason.polarity));
        }
        if candidate.weights.len() <= number {
            candidate.weights.resize(number + 1, (0.0, false));
        }
        if let Some(place) = candidate.weights.get_mut(number) {
            *place = (reason.weight, !matches!(reason.met, Met::None));
        }
    }
    candidate
}

impl Candidate {
    fn weight(&self, number: usize) -> f64 {
        self.weights.get(number).map_or(0.0, |(weight, _)| *weight)
    }

    fn lists(&self, number: usize) -> bool {
        self.weights.get(number).is_some_and(|(_, lists)| *lists)
    }
}

fn joint(first: &Candidate, second: &Candidate, said: &[(State, Polarity)]) -> f64 {
    let findings = said.iter().enumerate().map(|(number, (_, polarity))| {
        let (a, b) = (first.weight(number), second.weight(number));
        if *polarity == Polarity::Present {
            a.max(b)
        } else {
            a + b
        }
    });
    first.prior + second.prior + findings.sum::<f64>()
}

/// The findings that are there and that a disease lists and explains better than the other.
fn own(one: &Candidate, other: &Candidate, said: &[(State, Polarity)]) -> Vec<State> {
    let own = said.iter().enumerate().filter(|(number, (_, polarity))| {
        *polarity == Polarity::Present
            && one.lists(*number)
            && one.weight(*number) > 0.0
            && one.weight(*number) > other.weight(*number)
    });
    own.map(|(_, (state, _))| state.clone()).collect()
}

/// A disease and a kind of it are one.
fn is_related(vocabulary: &Vocabulary, first: &str, second: &str) -> bool {
    let keys = vocabulary.key(first).zip(vocabulary.key(second));
    keys.is_some_and(|(first, second)| {
        vocabulary.is_a(first, second)
            || vocabulary.is_a(second, first)
            || shares_parent(vocabulary, first, second)
    })
}

/// Two kinds of one disease are seldom there together.
fn shares_parent(vocabulary: &Vocabulary, first: u32, second: u32) -> bool {
    let parents = |key: u32| {
        vocabulary
            .get(key)
            .map_or(&[][..], |concept| concept.parents.as_slice())
    };
    parents(first)
        .iter()
        .any(|parent| parents(second).contains(parent))
}
