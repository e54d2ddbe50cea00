//! The findings of all diseases as columns, closed over the hierarchy, with how common each finding is in general.

use rustc_hash::FxHashMap;
use std::sync::Arc;
use tsumugi_knowledge::{Implied, Space, State};
use tsumugi_terminology::Vocabulary;

/// A disease in the column of a finding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Index of the disease.
    pub(super) disease: u32,
    /// Share of its patients with the finding.
    pub(super) share: f32,
    /// Index of the state in whose row the share stands: the finding itself, or a narrower one.
    pub(super) from: u32,
}

/// A finding with the diseases that show it.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// The entries, by disease.
    pub(super) entries: Vec<Entry>,
    /// Share of patients in general, over all diseases.
    pub(super) general: f32,
    /// Length of the vector of excesses.
    length: f32,
}

impl Column {
    /// How far two findings occur in the same diseases, 0 to 1: the cosine of their excess over patients in general.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        let mut shared = 0.0;
        let mut others = other.entries.iter().peekable();
        for own in &self.entries {
            while others.next_if(|entry| entry.disease < own.disease).is_some() {}
            if let Some(entry) = others.peek().filter(|entry| entry.disease == own.disease) {
                shared += self.excess(own) * other.excess(entry);
            }
        }
        let length = self.length * other.length;
        if length > 0.0 { shared / length } else { 0.0 }
    }

    fn excess(&self, entry: &Entry) -> f32 {
        (entry.share - self.general).max(0.0)
    }
}

/// All columns.
#[derive(Debug, Default)]
pub(super) struct Matrix {
    pub(super) states: Vec<State>,
    pub(super) diseases: Vec<Arc<str>>,
    index: FxHashMap<State, u32>,
    columns: Vec<Column>,
}

/// No finding is so rare that it alone decides.
const LEAST_GENERAL: f32 = 0.0004;

impl Matrix {
    /// Closes the rows of a space over the hierarchy: who shows a finding shows what is broader.
    pub(super) fn new(space: &Space, vocabulary: &Vocabulary, implied: &Implied, unlisted: f32) -> Self {
        let mut matrix = Self {
            diseases: space.diseases.keys().cloned().collect(),
            ..Self::default()
        };
        for (disease, about) in (0u32..).zip(space.diseases.values()) {
            let rows: Vec<(State, f32)> = about
                .findings
                .keys()
                .filter_map(|finding| Some((finding.clone(), about.share(finding)?.mean(0.02) as f32)))
                .collect();
            for (state, share) in &rows {
                let from = matrix.column_of(state);
                matrix.put(from, disease, *share, from);
                for broader in implied.broader(vocabulary, state) {
                    let column = matrix.column_of(&broader);
                    matrix.put(column, disease, *share, from);
                }
            }
        }
        let weights: Vec<f32> = space.diseases.values().map(weight_in_general).collect();
        matrix.settle(&weights, unlisted);
        matrix
    }

    /// The column of a state.
    pub(super) fn column(&self, state: &str) -> Option<(u32, &Column)> {
        let index = *self.index.get(state)?;
        Some((index, self.columns.get(index as usize)?))
    }

    /// The state of a column.
    pub(super) fn state(&self, index: u32) -> Option<&State> {
        self.states.get(index as usize)
    }

    fn column_of(&mut self, state: &State) -> u32 {
        if let Some(index) = self.index.get(state) {
            return *index;
        }
        let index = self.states.len() as u32;
        self.states.push(state.clone());
        self.columns.push(Column::default());
        self.index.insert(state.clone(), index);
        index
    }

    /// Rows of one disease come together: the last entry of a column is this disease's, or there is none yet.
    fn put(&mut self, column: u32, disease: u32, share: f32, from: u32) {
        let Some(column) = self.columns.get_mut(column as usize) else {
            return;
        };
        match column.entries.last_mut().filter(|last| last.disease == disease) {
            Some(last) => {
                // Narrower findings of one disease go together more often than not: half way between the larger share
                // and that of independent ones.
                let (larger, smaller) = (last.share.max(share), last.share.min(share));
                if share > last.share {
                    last.from = from;
                }
                last.share = larger + 0.5 * (1.0 - larger) * smaller;
            }
            None => column.entries.push(Entry { disease, share, from }),
        }
    }

    fn settle(&mut self, weights: &[f32], unlisted_share: f32) {
        let all: f32 = weights.iter().sum();
        for column in &mut self.columns {
            let (mut with, mut listed) = (0.0, 0.0);
            for entry in &column.entries {
                let weight = weights.get(entry.disease as usize).copied().unwrap_or(1.0);
                with += weight * entry.share;
                listed += weight;
            }
            let unlisted = (all - listed).max(0.0);
            let general = with / (all - unlisted_share * unlisted).max(f32::MIN_POSITIVE);
            column.general = general.clamp(LEAST_GENERAL, 0.95);
            let excess = column.entries.iter().map(|entry| column.excess(entry));
            column.length = excess.map(|excess| excess * excess).sum::<f32>().sqrt();
        }
    }
}

/// The common disease colours what is common, but a tenth as common is not a tenth as much heard of.
fn weight_in_general(disease: &tsumugi_knowledge::Disease) -> f32 {
    disease
        .profile
        .as_ref()
        .map_or(0.3, |profile| profile.rate.clamp(0.01, 300.0).powf(0.25))
}
