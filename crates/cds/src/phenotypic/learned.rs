//! What the learned cases say of a disease: counts per publication, the cases of one of which weigh less the more they
//! are, since they come from the same families and the same hands.

use super::hierarchy::Hierarchy;
use super::lists::Tally;
use super::onset::{self, BINS, Onset};
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_knowledge::{Case, Phenotyped, State};

/// Correlation of the cases of one publication.
const CORRELATION: f64 = 0.15;

/// A learned case.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) source: Arc<str>,
    pub(super) id: Arc<str>,
    /// What was observed, ascending.
    pub(super) observed: Vec<u32>,
    /// The same with everything broader, ascending.
    pub(super) closure: Vec<u32>,
    /// What was excluded, ascending.
    pub(super) excluded: Vec<u32>,
}

/// A disease as learned; the sums are weighted per publication.
#[derive(Debug)]
pub(super) struct Learned {
    /// Cases in the order of their publications and ids.
    pub(super) cases: Vec<Seen>,
    /// Cases in all.
    pub(super) sum: f64,
    /// Cases with a term or something narrower, by term.
    pub(super) with: Vec<(u32, f64)>,
    /// Cases in which a term or something broader was excluded, by term.
    pub(super) without: Vec<(u32, f64)>,
    /// When it began.
    pub(super) onset: Onset,
    /// The same for each publication that says it, of mass one at most.
    pub(super) onset_of_publications: Vec<Onset>,
    /// Males and females.
    pub(super) males: f64,
    pub(super) females: f64,
}

/// Tallies to count in, used again for every disease.
pub(super) struct Counting {
    with: Tally,
    without: Tally,
    publication: Tally,
}

impl Counting {
    pub(super) fn new(terms: usize) -> Self {
        Self {
            with: Tally::new(terms),
            without: Tally::new(terms),
            publication: Tally::new(terms),
        }
    }
}

impl Learned {
    /// Counts the cases of a disease; none when it has none.
    pub(super) fn new(hierarchy: &Hierarchy, about: &Phenotyped, counting: &mut Counting) -> Option<Self> {
        if about.cases.is_empty() {
            return None;
        }
        let mut learned = Self {
            cases: Vec::with_capacity(about.cases.len()),
            sum: 0.0,
            with: Vec::new(),
            without: Vec::new(),
            onset: [0.0; BINS],
            onset_of_publications: Vec::new(),
            males: 0.0,
            females: 0.0,
        };
        let all: Vec<(&Arc<str>, &Case)> = about
            .cases
            .iter()
            .map(|((source, _), case)| (source, case))
            .collect();
        for publication in all.chunk_by(|a, b| a.0 == b.0) {
            learned.add(hierarchy, publication, counting);
        }
        learned.with = counting.with.take();
        learned.without = counting.without.take();
        Some(learned)
    }

    fn add(&mut self, hierarchy: &Hierarchy, publication: &[(&Arc<str>, &Case)], counting: &mut Counting) {
        let cases = publication.len() as f64;
        let weight = 1.0 / (1.0 + CORRELATION * (cases - 1.0));
        self.sum += weight * cases;
        let mut onset = [0.0; BINS];
        let (mut males, mut females) = (0.0, 0.0);
        let first = self.cases.len();
        for (source, case) in publication {
            let observed = numbers(hierarchy, &case.observed);
            let closure = hierarchy.closure(&observed);
            for term in &closure {
                counting.publication.add(*term, 1.0);
            }
            self.cases.push(Seen {
                source: Arc::clone(source),
                id: Arc::clone(&case.id),
                observed,
                closure,
                excluded: numbers(hierarchy, &case.excluded),
            });
            let began = case.onset.as_ref();
            if let Some(bins) = began.and_then(|began| onset::bins(hierarchy.used(began.as_str()))) {
                onset::add(&mut onset, &bins, 1.0);
            }
            match case.sex {
                Some(Sex::Male) => males += 1.0,
                Some(Sex::Female) => females += 1.0,
                Some(Sex::Unknown) | None => {}
            }
        }
        for (term, count) in counting.publication.take() {
            counting.with.add(term, weight * count);
        }
        for seen in self.cases.iter().skip(first) {
            for term in denied(hierarchy, seen) {
                counting.publication.add(term, 1.0);
            }
        }
        for (term, count) in counting.publication.take() {
            counting.without.add(term, weight * count);
        }
        self.males += weight * males;
        self.females += weight * females;
        let mass = weight * onset::mass(&onset);
        if mass > 0.0 {
            onset::add(&mut self.onset, &onset, weight);
            let onset = onset::scaled(&onset, weight / mass.max(1.0));
            self.onset_of_publications.push(onset);
        }
    }
}

/// The numbers of states, ascending, each once; unknown ones are left out.
pub(super) fn numbers(hierarchy: &Hierarchy, states: &[State]) -> Vec<u32> {
    let known = states.iter().filter_map(|state| hierarchy.number(state.as_str()));
    let mut numbers: Vec<u32> = known.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// What the exclusions deny: the terms and everything narrower, except what was observed all the same.
fn denied(hierarchy: &Hierarchy, seen: &Seen) -> Vec<u32> {
    let mut terms: Vec<u32> = seen
        .excluded
        .iter()
        .flat_map(|term| hierarchy.descendants.get(*term).iter().copied())
        .filter(|term| seen.closure.binary_search(term).is_err())
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}
