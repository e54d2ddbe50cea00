//! From the annotations and the learned cases to the columns that are asked.

use super::described::{Counts, Described};
use super::general::{self, General};
use super::hierarchy::Hierarchy;
use super::learned::{Counting, Learned};
use super::lists::{Lists, Tally};
use super::onset::{self, BINS, Onset};
use super::ratio::{self, Columns, Plan};
use super::{About, Cases, Phenotypic};
use std::ops::Range;
use tsumugi_knowledge::Phenotypes;

/// Part of the expected ratio of a report's finding that is taken off each finding, as an exponent.
const RICHNESS: f64 = 0.5;
/// Weights of the parts.
const ONSET: f64 = 1.5;
const SEX: f64 = 0.4;
const EXCLUDED: f64 = 0.5;
/// No share counts as nearer to certainty when a finding is excluded.
const MOST_EXCLUDED: f64 = 0.97;
/// Pseudo-cases of the general share of a finding, of males, and of the general onset.
const PRIOR_EXCLUDED: f64 = 2.0;
const PRIOR_SEX: f64 = 6.0;
const PRIOR_ONSET: f64 = 2.0;
/// Share of males among published patients.
const MALES: f64 = 0.53;

/// Compiles everything.
pub(super) fn compile(phenotypes: &Phenotypes) -> Phenotypic {
    let hierarchy = Hierarchy::new(&phenotypes.terms);
    let mut tally = Tally::new(hierarchy.len());
    let mut counting = Counting::new(hierarchy.len());
    let about = phenotypes.diseases.values();
    let described: Vec<Described> = about
        .clone()
        .map(|about| Described::new(&hierarchy, about, &mut tally))
        .collect();
    let learned: Vec<Option<Learned>> = about
        .map(|about| Learned::new(&hierarchy, about, &mut counting))
        .collect();
    let general = General::new(&hierarchy, &described, &learned);
    let diseases = described.iter().zip(&learned);
    let shares = diseases.map(|(described, learned)| shares_of(described, learned.as_ref()));
    // What exclusions say needs no columns.
    let (columns, richness, excluded) = std::thread::scope(|scope| {
        let exclusions = || exclusions(&hierarchy, &general, &described, &learned);
        let beside = scope.spawn(exclusions);
        let columns = Columns::new(&hierarchy, &general, shares);
        let richness = richness(&hierarchy, &general, &columns, described.len() as u32);
        let excluded = beside.join().unwrap_or_else(|_| exclusions());
        (columns, richness, excluded)
    });
    let is_learned = learned.iter().any(Option::is_some);
    let about = described
        .into_iter()
        .zip(&learned)
        .zip(richness)
        .map(|((described, learned), richness)| about_of(&general, described, learned.as_ref(), richness))
        .collect();
    Phenotypic {
        cases: cases(&hierarchy, &general, learned),
        diseases: phenotypes.diseases.keys().cloned().collect(),
        hierarchy,
        general,
        columns,
        about,
        excluded,
        is_learned,
    }
}

/// The terms that a disease lists, with their frequency as annotated and their share with the cases counted in.
fn shares_of(described: &Described, learned: Option<&Learned>) -> Vec<(u32, f32, f64)> {
    let annotated = described.frequencies.iter();
    let Some(learned) = learned else {
        let alone = annotated.map(|(term, frequency)| (*term, *frequency, f64::from(*frequency)));
        return alone.collect();
    };
    let annotated = annotated.map(|(term, frequency)| (*term, [f64::from(*frequency), 0.0, 0.0]));
    let with = learned
        .with
        .iter()
        .map(|(term, count)| (*term, [0.0, *count, 0.0]));
    let without = learned.without.iter();
    let without = without.map(|(term, count)| (*term, [0.0, 0.0, *count]));
    merged(annotated.chain(with).chain(without).collect())
        .into_iter()
        .filter(|(_, [frequency, with, _])| *frequency > 0.0 || *with > 0.0)
        .map(|(term, [frequency, with, without])| {
            let share = ratio::share(frequency, with, without, learned.sum);
            (term, frequency as f32, share)
        })
        .collect()
}

/// Sums the rows of each term, in the order of the terms.
fn merged<const N: usize>(mut rows: Vec<(u32, [f64; N])>) -> Vec<(u32, [f64; N])> {
    rows.sort_by_key(|(term, _)| *term);
    let mut merged: Vec<(u32, [f64; N])> = Vec::with_capacity(rows.len());
    for (term, row) in rows {
        match merged.last_mut() {
            Some((last, sums)) if *last == term => {
                for (sum, own) in sums.iter_mut().zip(row) {
                    *sum += own;
                }
            }
            _ => merged.push((term, row)),
        }
    }
    merged
}

/// What each disease gains from merely being richly described: half the logarithm of the ratio that the next finding of
/// a report is expected to have.
fn richness(hierarchy: &Hierarchy, general: &General, columns: &Columns, diseases: u32) -> Vec<f64> {
    /// Diseases that are computed together: their ratios for all terms stay near the processor.
    const BLOCK: u32 = 64;
    let drawn: Vec<u32> = (0u32..)
        .zip(&general.draw)
        .filter(|(_, draw)| **draw > 0.0)
        .map(|(term, _)| term)
        .collect();
    let closure = hierarchy.closure(&drawn);
    let plan = columns.plan(hierarchy, &closure);
    let draws: Vec<f64> = closure
        .iter()
        .map(|term| general.draw.get(*term as usize).copied().unwrap_or(0.0))
        .collect();
    let of = |part: Range<u32>| richness_of(&plan, &draws, blocks(part, BLOCK));
    // Each disease for itself, so that two threads come to the same.
    let middle = diseases / 2 / BLOCK * BLOCK;
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| of(middle..diseases));
        let mut richness = of(0..middle);
        richness.extend(beside.join().unwrap_or_else(|_| of(middle..diseases)));
        richness
    })
}

/// What the diseases of blocks gain, which follow each other.
fn richness_of(plan: &Plan<'_>, draws: &[f64], blocks: impl Iterator<Item = Range<u32>>) -> Vec<f64> {
    let mut blocks = blocks.peekable();
    let first = blocks.peek().map_or(0, |block| block.start);
    let (mut rows, mut cursor) = (Vec::new(), plan.cursor(first));
    let mut richness = Vec::new();
    for block in blocks {
        plan.fill(block.clone(), &mut cursor, &mut rows);
        let mut expected = vec![0.0; block.len()];
        let rows = rows.chunks_exact(block.len()).zip(draws);
        for (row, draw) in rows.filter(|(_, draw)| **draw > 0.0) {
            for (sum, ratio) in expected.iter_mut().zip(row) {
                *sum += draw * f64::from(*ratio);
            }
        }
        richness.extend(expected.into_iter().map(|expected| match expected {
            expected if expected > 0.0 => RICHNESS * expected.ln(),
            _ => 0.0,
        }));
    }
    richness
}

/// The diseases of a stretch in blocks.
pub(super) fn blocks(diseases: Range<u32>, width: u32) -> impl Iterator<Item = Range<u32>> {
    let end = diseases.end;
    let starts = diseases.step_by(width as usize);
    starts.map(move |start| start..(start + width).min(end))
}

/// What the exclusion of a term says about the diseases that have real counts of it.
fn exclusions(
    hierarchy: &Hierarchy,
    general: &General,
    described: &[Described],
    learned: &[Option<Learned>],
) -> Lists<(u32, f32)> {
    let counted = |(term, counts): &(u32, Counts)| (*term, [counts.with, counts.without]);
    let mut weights: Vec<(u32, (u32, f32))> = Vec::new();
    for (disease, (described, learned)) in (0u32..).zip(described.iter().zip(learned)) {
        let mut rows: Vec<(u32, [f64; 2])> = described.counts.iter().map(counted).collect();
        if let Some(learned) = learned {
            rows.extend(learned.with.iter().map(|(term, with)| (*term, [*with, 0.0])));
            rows.extend(
                learned
                    .without
                    .iter()
                    .map(|(term, without)| (*term, [0.0, *without])),
            );
        }
        let rows = if learned.is_some() { merged(rows) } else { rows };
        for (term, [with, without]) in rows {
            let general = general.looked_for.get(term as usize).copied().unwrap_or(0.0);
            let share = (with + PRIOR_EXCLUDED * general) / (with + without + PRIOR_EXCLUDED);
            let lacking = |share: f64| 1.0 - share.min(MOST_EXCLUDED);
            let weight = EXCLUDED * (lacking(share) / lacking(general)).ln();
            weights.push((term, (disease, weight as f32)));
        }
    }
    Lists::by_number(hierarchy.len(), &weights)
}

fn about_of(general: &General, described: Described, learned: Option<&Learned>, richness: f64) -> About {
    let information: f64 = described
        .frequencies
        .iter()
        .map(|(term, frequency)| {
            f64::from(*frequency) * general.information.get(*term as usize).copied().unwrap_or(0.0)
        })
        .sum();
    let (males, females) = learned.map_or((0.0, 0.0), |learned| (learned.males, learned.females));
    let share = (males + PRIOR_SEX * described.males) / (males + females + PRIOR_SEX);
    About {
        richness,
        information: information.max(1.0),
        onset: onset_weights(&general::onset_of(&described, learned), &general.onset),
        onset_from: described.onset_from,
        male: SEX * (share / MALES).ln(),
        female: SEX * ((1.0 - share) / (1.0 - MALES)).ln(),
        sex_from: described.males_from,
        rows: described.rows,
    }
}

fn onset_weights(own: &Onset, general: &Onset) -> [f64; BINS] {
    let mass = onset::mass(own) + PRIOR_ONSET;
    let mut weights = onset::spread(own);
    for (weight, general) in weights.iter_mut().zip(general) {
        let share = (*weight + PRIOR_ONSET * general) / mass;
        *weight = ONSET * (share / general).ln();
    }
    weights
}

fn cases(hierarchy: &Hierarchy, general: &General, learned: Vec<Option<Learned>>) -> Cases {
    let mut cases = Cases::default();
    let mut with: Vec<(u32, u32)> = Vec::new();
    let mut without: Vec<(u32, u32)> = Vec::new();
    for (disease, learned) in (0u32..).zip(learned) {
        let seen = learned.map_or_else(Vec::new, |learned| learned.cases);
        for publication in seen.chunk_by(|a, b| a.source == b.source) {
            for case in publication {
                let number = cases.disease.len() as u32;
                cases.disease.push(disease);
                cases.published.push(publication.len() as u32);
                cases.information.push(general.information_of(&case.closure));
                with.extend(case.closure.iter().map(|term| (*term, number)));
                without.extend(case.excluded.iter().map(|term| (*term, number)));
            }
        }
        cases.seen.push(seen);
    }
    cases.with = Lists::by_number(hierarchy.len(), &with);
    cases.without = Lists::by_number(hierarchy.len(), &without);
    cases
}
