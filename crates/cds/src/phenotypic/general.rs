//! What patients in general show: every disease weighs the same, so that a big cohort does not pass for the rule.

use super::described::Described;
use super::hierarchy::Hierarchy;
use super::learned::Learned;
use super::onset::{self, BINS, Onset};

/// Diseases that the annotation weighs in the background beside those learned.
const ANNOTATED_DISEASES: f64 = 50.0;
/// Least share of patients.
const LEAST: f64 = 1e-5;
/// Smoothing of the background.
const SMALL: f64 = 0.05;
/// Smoothing and default of the share in which a finding is excluded.
const EXCLUDED: f64 = 0.3;

/// Shares for every term, and for the onset.
#[derive(Debug)]
pub(super) struct General {
    /// Share of patients who are reported to have a term.
    pub(super) share: Vec<f64>,
    /// Information that a term carries, in nats.
    pub(super) information: Vec<f64>,
    /// How likely a term is to be the next one that a report names.
    pub(super) draw: Vec<f64>,
    /// Share of those with a term among those in whom it was looked for.
    pub(super) looked_for: Vec<f64>,
    /// When diseases begin.
    pub(super) onset: Onset,
}

impl General {
    /// Sums over the diseases, in their order.
    pub(super) fn new(hierarchy: &Hierarchy, described: &[Described], learned: &[Option<Learned>]) -> Self {
        let terms = hierarchy.len();
        let (mut with, mut without) = (vec![0.0; terms], vec![0.0; terms]);
        for learned in learned.iter().flatten() {
            add(&mut with, &learned.with, 1.0 / learned.sum);
            add(&mut without, &learned.without, 1.0 / learned.sum);
        }
        let diseases = learned.iter().flatten().count() as f64;
        let share = shares(&with, diseases, described);
        let looked_for = with.iter().zip(&without).zip(&share);
        let looked_for = looked_for.map(|((with, without), share)| {
            let (has, lacks) = if diseases > 0.0 {
                (with / diseases, (without + EXCLUDED) / (diseases + 1.0))
            } else {
                (*share, EXCLUDED)
            };
            (has + 0.002) / (has + lacks + 0.004)
        });
        Self {
            looked_for: looked_for.collect(),
            information: share.iter().map(|share| (-share.ln()).max(0.0)).collect(),
            draw: draws(terms, described, learned),
            onset: onsets(described, learned),
            share,
        }
    }

    /// Information that terms carry together, in nats, 1 at least.
    pub(super) fn information_of(&self, terms: &[u32]) -> f64 {
        let all = terms
            .iter()
            .filter_map(|term| self.information.get(*term as usize));
        all.sum::<f64>().max(1.0)
    }
}

fn add(sums: &mut [f64], list: &[(u32, f64)], part: f64) {
    for (term, amount) in list {
        if let Some(sum) = sums.get_mut(*term as usize) {
            *sum += amount * part;
        }
    }
}

fn shares(with: &[f64], diseases: f64, described: &[Described]) -> Vec<f64> {
    let mut annotated = vec![0.0; with.len()];
    for disease in described {
        for (term, frequency) in &disease.frequencies {
            if let Some(sum) = annotated.get_mut(*term as usize) {
                *sum += f64::from(*frequency);
            }
        }
    }
    let of = described
        .iter()
        .filter(|disease| !disease.frequencies.is_empty())
        .count();
    let of = of.max(1) as f64;
    let weight = diseases + ANNOTATED_DISEASES;
    with.iter()
        .zip(annotated)
        .map(|(with, annotated)| {
            let share = (with + weight * annotated / of + SMALL) / (diseases + weight + 2.0 * SMALL);
            share.max(LEAST)
        })
        .collect()
}

/// Half as the annotations name the terms, half as the cases do, every disease the same; without cases the first alone.
fn draws(terms: usize, described: &[Described], learned: &[Option<Learned>]) -> Vec<f64> {
    let (mut annotated, mut reported) = (vec![0.0; terms], vec![0.0; terms]);
    for row in described.iter().flat_map(|disease| &disease.rows) {
        add(&mut annotated, &[(row.term, 1.0)], 1.0);
    }
    for learned in learned.iter().flatten() {
        let cases = learned.cases.len() as f64;
        for case in &learned.cases {
            let part = 1.0 / (cases * case.observed.len() as f64);
            for term in &case.observed {
                add(&mut reported, &[(*term, part)], 1.0);
            }
        }
    }
    let (rows, cases): (f64, f64) = (annotated.iter().sum(), reported.iter().sum());
    let half = if cases > 0.0 { 0.5 } else { 1.0 };
    let part = |of: f64, sum: f64| if sum > 0.0 { of / sum } else { 0.0 };
    annotated
        .into_iter()
        .zip(reported)
        .map(|(annotated, reported)| half * part(annotated, rows) + (1.0 - half) * part(reported, cases))
        .collect()
}

/// Onsets of all diseases; where cases were learned, half of it as the publications say.
fn onsets(described: &[Described], learned: &[Option<Learned>]) -> Onset {
    let mut all = [0.0; BINS];
    for (described, learned) in described.iter().zip(learned) {
        let onset = onset_of(described, learned.as_ref());
        onset::add(&mut all, &onset, 1.0 / onset::mass(&onset).max(1.0));
    }
    let all = normalized(&all);
    let mut published = [0.0; BINS];
    let publications = learned
        .iter()
        .flatten()
        .flat_map(|learned| &learned.onset_of_publications);
    for onset in publications {
        onset::add(&mut published, onset, 1.0);
    }
    if onset::mass(&published) <= 0.0 {
        return all;
    }
    let count = learned.iter().flatten();
    let count: usize = count.map(|learned| learned.onset_of_publications.len()).sum();
    let mut half = onset::scaled(&all, 0.5);
    onset::add(&mut half, &published, 0.5 / count as f64);
    normalized(&half)
}

/// The onset of a disease as annotated and learned.
pub(super) fn onset_of(described: &Described, learned: Option<&Learned>) -> Onset {
    let mut onset = described.onset;
    if let Some(learned) = learned {
        onset::add(&mut onset, &learned.onset, 1.0);
    }
    onset
}

/// Of mass one, and nowhere quite zero, so that no onset is impossible.
fn normalized(onset: &Onset) -> Onset {
    const LEAST: f64 = 1e-6;
    let mass = onset::mass(onset);
    if mass <= 0.0 {
        return [1.0 / BINS as f64; BINS];
    }
    let onset = onset.map(|own| (own / mass).max(LEAST));
    let mass = onset::mass(&onset);
    onset::scaled(&onset, 1.0 / mass)
}
