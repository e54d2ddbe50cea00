//! Likelihood ratios of terms, with back-off: what a disease does not list, it inherits from what it lists above.
//!
//! A disease that lists nothing near a term differs from the general patient only through broader terms, so that the
//! ratios of all diseases are a pass over a row of numbers, and those that list it are corrected one by one.

use super::general::General;
use super::hierarchy::Hierarchy;
use super::lists::Lists;
use std::ops::Range;

/// Part of a term's own share in its ratio; the rest is the broader terms'.
const OWN: f64 = 0.3;
/// Exponent of how much rarer a term is than the broader one.
const RARER: f64 = 0.3;
/// No finding speaks more strongly against a disease than this: annotation is incomplete.
const FLOOR: f32 = 0.1;

/// A disease that lists a term or something narrower.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Number of the disease.
    pub(super) disease: u32,
    /// Share of its patients with the term, as annotated.
    pub(super) frequency: f32,
    /// What the term adds to the ratio of the broader ones.
    pub(super) lift: f32,
}

/// The columns of all terms.
#[derive(Debug)]
pub(super) struct Columns {
    /// For each term the diseases that list it, ascending.
    pub(super) entries: Lists<Entry>,
    /// For each term and each of its parents, what of the parent's ratio is passed down.
    passed: Lists<f32>,
}

/// The terms that are computed together, broader ones first.
pub(super) struct Plan<'c> {
    rows: Vec<Row<'c>>,
    /// Of all rows in turn: place of a broader row, and what of it is passed down.
    above: Vec<(usize, f32)>,
}

struct Row<'c> {
    entries: &'c [Entry],
    above: Range<usize>,
}

/// How far the entries of each row have been read; blocks come in ascending order.
pub(super) struct Cursor(Vec<usize>);

impl Columns {
    /// Takes for each disease in turn its terms with frequency and share among its patients.
    pub(super) fn new(
        hierarchy: &Hierarchy,
        general: &General,
        diseases: impl Iterator<Item = Vec<(u32, f32, f64)>>,
    ) -> Self {
        let share = |term: u32| general.share.get(term as usize).copied().unwrap_or(1.0);
        let mut passed = Lists::default();
        for term in 0..hierarchy.len() as u32 {
            let parents = hierarchy.parents.get(term).iter();
            passed.push(parents.map(|parent| {
                let rarer = (share(term) / share(*parent)).min(1.0).powf(RARER);
                ((1.0 - OWN) * rarer) as f32
            }));
        }
        let mut entries: Vec<(u32, Entry)> = Vec::new();
        for (disease, terms) in (0u32..).zip(diseases) {
            entries.extend(terms.into_iter().map(|(term, frequency, own)| {
                let lift = (OWN * own / share(term)) as f32;
                let entry = Entry {
                    disease,
                    frequency,
                    lift,
                };
                (term, entry)
            }));
        }
        Self {
            entries: Lists::by_number(hierarchy.len(), &entries),
            passed,
        }
    }

    /// Plans terms that hold with every term its parents, ascending.
    pub(super) fn plan(&self, hierarchy: &Hierarchy, closure: &[u32]) -> Plan<'_> {
        let mut plan = Plan {
            rows: Vec::with_capacity(closure.len()),
            above: Vec::new(),
        };
        for term in closure {
            let first = plan.above.len();
            let parents = hierarchy.parents.get(*term).iter().zip(self.passed.get(*term));
            plan.above.extend(
                parents.filter_map(|(parent, passed)| Some((closure.binary_search(parent).ok()?, *passed))),
            );
            plan.rows.push(Row {
                entries: self.entries.get(*term),
                above: first..plan.above.len(),
            });
        }
        plan
    }
}

impl Plan<'_> {
    /// Stands before a disease in every row.
    pub(super) fn cursor(&self, disease: u32) -> Cursor {
        let first = |row: &Row<'_>| row.entries.partition_point(|entry| entry.disease < disease);
        Cursor(self.rows.iter().map(first).collect())
    }

    /// The ratios of all planned terms for a block of diseases, a row of the block's width for each term. The cursor
    /// stands before the block, and afterwards behind it.
    pub(super) fn fill(&self, block: Range<u32>, cursor: &mut Cursor, rows: &mut Vec<f32>) {
        let width = block.len();
        rows.resize(self.rows.len() * width, 1.0);
        for ((at, row), next) in self.rows.iter().enumerate().zip(&mut cursor.0) {
            let (done, rest) = rows.split_at_mut(at * width);
            let (Some(own), Some(above)) = (rest.get_mut(..width), self.above.get(row.above.clone())) else {
                continue;
            };
            pass_down(own, done, above);
            if above.is_empty() {
                continue;
            }
            let entries = row.entries.get(*next..).unwrap_or_default();
            for entry in entries.iter().take_while(|entry| entry.disease < block.end) {
                *next += 1;
                let column = (entry.disease - block.start) as usize;
                let inherited = above.iter().filter_map(|(above, passed)| {
                    let ratio = done.get(above * width + column)?;
                    Some(ratio * passed)
                });
                let ratio = entry.lift + inherited.fold(0.0, greater);
                if let Some(own) = own.get_mut(column) {
                    *own = greater(ratio, FLOOR);
                }
            }
        }
    }
}

fn pass_down(own: &mut [f32], done: &[f32], above: &[(usize, f32)]) {
    let width = own.len();
    let row = |place: usize| done.get(place * width..(place + 1) * width).unwrap_or_default();
    let Some(((first, passed), others)) = above.split_first() else {
        own.fill(1.0); // the root: everybody has something
        return;
    };
    for (own, above) in own.iter_mut().zip(row(*first)) {
        *own = greater(above * passed, FLOOR);
    }
    for (other, passed) in others {
        for (own, above) in own.iter_mut().zip(row(*other)) {
            *own = greater(above * passed, *own);
        }
    }
}

/// The greater of two numbers, as the processor does it in one step for many.
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Part of a disease's patients with a term: as annotated, with the learned cases counted in, never below the
/// annotation. A finding that a report does not mention is hardly a finding that was absent.
pub(super) fn share(frequency: f64, with: f64, without: f64, cases: f64) -> f64 {
    const ANNOTATION_CASES: f64 = 3.0;
    const UNMENTIONED: f64 = 0.02;
    let unmentioned = UNMENTIONED * (cases - with - without).max(0.0);
    let all = ANNOTATION_CASES + with + without + unmentioned;
    ((frequency * ANNOTATION_CASES + with) / all).max(frequency)
}
