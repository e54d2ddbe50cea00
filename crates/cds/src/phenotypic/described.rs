//! What the annotations say of a disease.

use super::hierarchy::Hierarchy;
use super::lists::Tally;
use super::onset::{self, Onset};
use std::sync::Arc;
use tsumugi_knowledge::Phenotyped;
use tsumugi_knowledge::hpo::{Annotation, Frequency};

/// Frequency of a finding that is annotated without one.
const UNSAID: f64 = 0.45;
/// Pseudo-patients added to counts, and the share of them with the finding.
const PRIOR: f64 = 2.0;
const PRIOR_SHARE: f64 = 0.3;
/// Patients that a share or a category is worth.
const SHARE_PATIENTS: f64 = 4.0;
/// Patients without the finding that a negated annotation is worth.
const NEGATED_PATIENTS: f64 = 2.0;
/// Part of a frequency that a broader term inherits.
const INHERITED: f64 = 0.35;
/// Most patients that a count weighs against excluded findings.
const MOST_COUNTED: f64 = 6.0;
/// Most annotations of onset that count.
const MOST_ONSETS: f64 = 3.0;
/// Modes of inheritance with the share of males they make likely; the first that is annotated decides.
const MALES: [(&str, f64); 3] = [("HP:0001419", 0.92), ("HP:0001417", 0.75), ("HP:0001423", 0.35)];
/// The share where none of them is annotated.
const MALES_OTHERWISE: f64 = 0.52;

/// A row of the annotations about a phenotypic term.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) term: u32,
    pub(super) reference: Arc<str>,
    pub(super) frequency: Frequency,
    pub(super) negated: bool,
}

/// Patients counted with and without a finding, as far as they weigh against excluded findings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) with: f64,
    pub(super) without: f64,
}

/// A disease as annotated.
#[derive(Debug)]
pub(super) struct Described {
    /// The rows, by term.
    pub(super) rows: Vec<Row>,
    /// How often the disease shows each term, its own and what they inherit to broader ones; by term.
    pub(super) frequencies: Vec<(u32, f32)>,
    /// Counts, by term.
    pub(super) counts: Vec<(u32, Counts)>,
    /// When it begins, of mass three at most.
    pub(super) onset: Onset,
    /// References of the annotations of onset.
    pub(super) onset_from: Vec<Arc<str>>,
    /// Share of males that the mode of inheritance makes likely.
    pub(super) males: f64,
    /// References of the mode of inheritance.
    pub(super) males_from: Vec<Arc<str>>,
}

impl Described {
    /// Reads the annotations of a disease.
    pub(super) fn new(hierarchy: &Hierarchy, about: &Phenotyped, tally: &mut Tally) -> Self {
        let mut described = Self {
            rows: rows(hierarchy, about),
            frequencies: Vec::new(),
            counts: Vec::new(),
            onset: Onset::default(),
            onset_from: Vec::new(),
            males: MALES_OTHERWISE,
            males_from: Vec::new(),
        };
        described.frequencies = frequencies(hierarchy, &described.rows, tally);
        described.counts = counts(hierarchy, &described.rows, tally);
        described.read_onset(hierarchy, &about.annotations);
        described.read_inheritance(hierarchy, &about.annotations);
        described
    }

    fn read_onset(&mut self, hierarchy: &Hierarchy, annotations: &[Annotation]) {
        for row in annotations {
            let said = match row.aspect {
                'C' => Some(&row.term),
                'P' if hierarchy.number(&row.term).is_some() => row.onset.as_ref(),
                _ => None,
            };
            if let Some(bins) = said.and_then(|id| onset::bins(hierarchy.used(id))) {
                onset::add(&mut self.onset, &bins, 1.0);
                push_new(&mut self.onset_from, &row.reference);
            }
        }
        let mass = onset::mass(&self.onset);
        if mass > MOST_ONSETS {
            self.onset = onset::scaled(&self.onset, MOST_ONSETS / mass);
        }
    }

    fn read_inheritance(&mut self, hierarchy: &Hierarchy, annotations: &[Annotation]) {
        for (mode, males) in MALES {
            let named = annotations
                .iter()
                .filter(|row| row.aspect == 'I' && hierarchy.used(&row.term) == mode);
            for row in named {
                self.males = males;
                push_new(&mut self.males_from, &row.reference);
            }
            if !self.males_from.is_empty() {
                return;
            }
        }
    }
}

fn push_new(list: &mut Vec<Arc<str>>, reference: &Arc<str>) {
    if !list.contains(reference) {
        list.push(Arc::clone(reference));
    }
}

fn rows(hierarchy: &Hierarchy, about: &Phenotyped) -> Vec<Row> {
    let phenotypic = about.annotations.iter().filter(|row| row.aspect == 'P');
    let mut rows: Vec<Row> = phenotypic
        .filter_map(|row| {
            Some(Row {
                term: hierarchy.number(&row.term)?,
                reference: Arc::clone(&row.reference),
                frequency: row.frequency,
                negated: row.negated,
            })
        })
        .collect();
    rows.sort_by_key(|row| row.term);
    rows
}

/// Patients with the finding, and patients in all, that a row is worth.
fn patients(row: &Row) -> (f64, f64) {
    match row.frequency {
        _ if row.negated => (0.0, NEGATED_PATIENTS),
        Frequency::Count(with, of) => (f64::from(with), f64::from(of)),
        Frequency::Share(share) => (f64::from(share) * SHARE_PATIENTS, SHARE_PATIENTS),
        Frequency::Unsaid => (0.0, 0.0),
    }
}

/// The rows of each term summed, and inherited by broader terms as independent occasions (noisy or).
fn frequencies(hierarchy: &Hierarchy, rows: &[Row], tally: &mut Tally) -> Vec<(u32, f32)> {
    for of_term in rows.chunk_by(|a, b| a.term == b.term) {
        let Some(term) = of_term.first().map(|row| row.term) else {
            continue;
        };
        let (with, of) = of_term
            .iter()
            .map(patients)
            .fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        let frequency = if of > 0.0 {
            (with + PRIOR * PRIOR_SHARE) / (of + PRIOR)
        } else {
            UNSAID
        };
        for broader in hierarchy.ancestors.get(term) {
            let part = if *broader == term {
                frequency
            } else {
                INHERITED * frequency
            };
            tally.change(*broader, |known| 1.0 - (1.0 - known) * (1.0 - part));
        }
    }
    let frequencies = tally.take().into_iter();
    frequencies
        .map(|(term, frequency)| (term, frequency as f32))
        .collect()
}

/// Only real counts weigh against an excluded finding: patients with it or something narrower, patients without it.
fn counts(hierarchy: &Hierarchy, rows: &[Row], tally: &mut Tally) -> Vec<(u32, Counts)> {
    let counted: Vec<(u32, f64, f64)> = rows
        .iter()
        .filter_map(|row| match row.frequency {
            Frequency::Count(with, of) if !row.negated && of > 0 => {
                Some((row.term, f64::from(with), f64::from(of)))
            }
            _ => None,
        })
        .collect();
    let most = counted.iter().map(|(_, _, of)| *of).fold(0.0, f64::max);
    for (term, with, of) in &counted {
        let weight = with * (MOST_COUNTED / of).min(1.0);
        for broader in hierarchy.ancestors.get(*term) {
            tally.change(*broader, |known: f64| known.max(weight));
        }
    }
    let with = tally.take();
    for (term, with, of) in &counted {
        tally.add(*term, (of - with) * (MOST_COUNTED / most).min(1.0));
    }
    let without = tally.take();
    // Every term without is also one with, be it with no patient.
    let mut without = without.into_iter().peekable();
    with.into_iter()
        .map(|(term, with)| {
            let without = without
                .next_if(|(other, _)| *other == term)
                .map_or(0.0, |(_, sum)| sum);
            (term, Counts { with, without })
        })
        .collect()
}
