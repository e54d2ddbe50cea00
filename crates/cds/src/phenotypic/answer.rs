//! A question put to the columns: every part of the score of every disease.

use super::compile::blocks;
use super::learned::numbers;
use super::onset::{self, Onset};
use super::ratio::Plan;
use super::{About, Asked, Phenotypic};
use tsumugi_clinical::Sex;

/// Weight of the nearest case, and the likeness from which on it counts.
const NEAREST: f64 = 3.5;
const NEAREST_FROM: f64 = 0.5;
/// Weight of the likeness to the annotation.
const LIKENESS: f64 = 3.0;
/// Ratios that are multiplied before their logarithm is taken: they lie between 0.1 and 1e5.
const MULTIPLIED: usize = 32;

/// What was asked, in numbers of terms.
pub(super) struct Read {
    /// Observed terms, ascending.
    pub(super) observed: Vec<u32>,
    /// Excluded terms, ascending.
    pub(super) excluded: Vec<u32>,
    /// The observed ones with everything broader, ascending.
    closure: Vec<u32>,
    /// Information of the closure, in nats.
    information: f64,
    onset: Option<Onset>,
    sex: Option<Sex>,
}

/// The parts of the score, for each disease.
pub(super) struct Answer<'p> {
    pub(super) model: &'p Phenotypic,
    pub(super) read: Read,
    pub(super) plan: Plan<'p>,
    /// The observed findings together.
    findings: Vec<f64>,
    /// Likeness to the nearest case, and its number.
    nearest: Vec<(f64, u32)>,
    likeness: Vec<f64>,
    excluded: Vec<f64>,
}

impl Phenotypic {
    pub(super) fn answer(&self, asked: &Asked) -> Answer<'_> {
        let observed = numbers(&self.hierarchy, &asked.observed);
        let closure = self.hierarchy.closure(&observed);
        let onset = asked.onset.as_ref();
        let read = Read {
            excluded: numbers(&self.hierarchy, &asked.excluded),
            information: self.general.information_of(&closure),
            onset: onset.and_then(|onset| onset::bins(self.hierarchy.used(onset.as_str()))),
            sex: asked.sex,
            observed,
            closure,
        };
        let mut answer = Answer {
            model: self,
            plan: self.columns.plan(&self.hierarchy, &read.closure),
            read,
            findings: Vec::new(),
            nearest: Vec::new(),
            likeness: Vec::new(),
            excluded: Vec::new(),
        };
        answer.findings = answer.findings();
        if self.is_learned {
            answer.nearest = answer.nearest();
            answer.likeness = answer.likeness();
            answer.excluded = answer.excluded();
        }
        answer
    }
}

impl Answer<'_> {
    /// The score of every disease.
    pub(super) fn scores(&self) -> Vec<f64> {
        let diseases = 0..self.model.diseases.len() as u32;
        diseases.map(|disease| self.score(disease)).collect()
    }

    fn score(&self, disease: u32) -> f64 {
        let at = disease as usize;
        let part = |parts: &[f64]| parts.get(at).copied().unwrap_or(0.0);
        let near = self.nearest_case(disease).map_or(0.0, |(weight, _)| weight);
        part(&self.findings)
            + self.onset(disease)
            + self.sex(disease)
            + near
            + part(&self.likeness)
            + part(&self.excluded)
    }

    fn about(&self, disease: u32) -> Option<&About> {
        self.model.about.get(disease as usize)
    }

    /// Weight of the onset; 0 when none was asked.
    pub(super) fn onset(&self, disease: u32) -> f64 {
        let (Some(onset), Some(about), true) = (&self.read.onset, self.about(disease), self.model.is_learned)
        else {
            return 0.0;
        };
        onset
            .iter()
            .zip(&about.onset)
            .map(|(mass, weight)| mass * weight)
            .sum()
    }

    /// Weight of the sex; 0 when none was asked.
    pub(super) fn sex(&self, disease: u32) -> f64 {
        match (self.read.sex, self.about(disease)) {
            (Some(Sex::Male), Some(about)) if self.model.is_learned => about.male,
            (Some(Sex::Female), Some(about)) if self.model.is_learned => about.female,
            _ => 0.0,
        }
    }

    /// Weight and number of the nearest case of a disease; none when no case is near.
    pub(super) fn nearest_case(&self, disease: u32) -> Option<(f64, u32)> {
        let (likeness, case) = *self.nearest.get(disease as usize)?;
        (likeness > NEAREST_FROM).then_some((NEAREST * (likeness - NEAREST_FROM), case))
    }

    /// Weight of the likeness to the annotation.
    pub(super) fn likeness_to(&self, disease: u32) -> f64 {
        self.likeness.get(disease as usize).copied().unwrap_or(0.0)
    }

    /// A contribution of several findings is divided by the root of their number: they are not independent.
    fn divisor(terms: &[u32]) -> f64 {
        (terms.len().max(1) as f64).sqrt()
    }

    /// Places of the observed terms in the plan.
    fn places(&self) -> Vec<usize> {
        let place = |term: &u32| self.read.closure.binary_search(term).ok();
        self.read.observed.iter().filter_map(place).collect()
    }

    fn findings(&self) -> Vec<f64> {
        /// Diseases that are computed together: the ratios of a usual question stay near the processor.
        const BLOCK: u32 = 1024;
        let places = self.places();
        let (count, divisor) = (places.len() as f64, Self::divisor(&self.read.observed));
        let (mut rows, mut cursor) = (Vec::new(), self.plan.cursor(0));
        let mut findings = Vec::with_capacity(self.model.about.len());
        for block in blocks(0..self.model.about.len() as u32, BLOCK) {
            let width = block.len();
            self.plan.fill(block, &mut cursor, &mut rows);
            let mut sums = vec![0.0; width];
            for places in places.chunks(MULTIPLIED) {
                let mut products = vec![1.0; width];
                for place in places {
                    let row = rows.get(place * width..(place + 1) * width).unwrap_or_default();
                    for (product, ratio) in products.iter_mut().zip(row) {
                        *product *= f64::from(*ratio);
                    }
                }
                for (sum, product) in sums.iter_mut().zip(products) {
                    *sum += f64::ln(product);
                }
            }
            findings.extend(sums);
        }
        for (sum, about) in findings.iter_mut().zip(&self.model.about) {
            *sum = (*sum - count * about.richness) / divisor;
        }
        findings
    }

    /// The weight of each observed term for one disease; together they are the part `findings`.
    pub(super) fn weights(&self, disease: u32) -> Vec<(u32, f64)> {
        let mut ratios = Vec::new();
        let mut cursor = self.plan.cursor(disease);
        self.plan.fill(disease..disease + 1, &mut cursor, &mut ratios);
        let richness = self.about(disease).map_or(0.0, |about| about.richness);
        let divisor = Self::divisor(&self.read.observed);
        let ratio = |place: usize| ratios.get(place).copied().map_or(1.0, f64::from);
        let weights = self.places().into_iter();
        let weights = weights.map(|place| (ratio(place).ln() - richness) / divisor);
        self.read.observed.iter().copied().zip(weights).collect()
    }

    fn nearest(&self) -> Vec<(f64, u32)> {
        let cases = &self.model.cases;
        let mut shared = vec![0.0; cases.disease.len()];
        for term in &self.read.closure {
            let information = self.information(*term);
            for case in cases.with.get(*term) {
                if let Some(sum) = shared.get_mut(*case as usize) {
                    *sum += information;
                }
            }
        }
        let mut nearest = vec![(0.0, 0); self.model.diseases.len()];
        let all = shared.into_iter().zip(&cases.information).zip(&cases.disease);
        for (case, ((shared, information), disease)) in (0u32..).zip(all) {
            let likeness = shared / (information * self.read.information).sqrt();
            if let Some(best) = nearest.get_mut(*disease as usize)
                && likeness > best.0
            {
                *best = (likeness, case);
            }
        }
        nearest
    }

    fn likeness(&self) -> Vec<f64> {
        let mut shared = vec![0.0; self.model.diseases.len()];
        for term in &self.read.closure {
            let information = self.information(*term);
            for entry in self.model.columns.entries.get(*term) {
                if let Some(sum) = shared.get_mut(entry.disease as usize) {
                    *sum += information * f64::from(entry.frequency);
                }
            }
        }
        for (sum, about) in shared.iter_mut().zip(&self.model.about) {
            *sum *= LIKENESS / (about.information * self.read.information).sqrt();
        }
        shared
    }

    fn excluded(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.model.diseases.len()];
        let divisor = Self::divisor(&self.read.excluded);
        for term in &self.read.excluded {
            for (disease, weight) in self.model.excluded.get(*term) {
                if let Some(sum) = sums.get_mut(*disease as usize) {
                    *sum += f64::from(*weight) / divisor;
                }
            }
        }
        sums
    }

    /// The weight of each excluded term that a disease has counts of.
    pub(super) fn exclusions(&self, disease: u32) -> Vec<(u32, f64)> {
        if !self.model.is_learned {
            return Vec::new();
        }
        let divisor = Self::divisor(&self.read.excluded);
        let weight = |term: u32| {
            let weights = self.model.excluded.get(term);
            let at = weights
                .binary_search_by_key(&disease, |(disease, _)| *disease)
                .ok()?;
            let (_, weight) = weights.get(at)?;
            Some((term, f64::from(*weight) / divisor))
        };
        self.read
            .excluded
            .iter()
            .filter_map(|term| weight(*term))
            .collect()
    }

    fn information(&self, term: u32) -> f64 {
        let information = self.model.general.information.get(term as usize);
        information.copied().unwrap_or(0.0)
    }
}
