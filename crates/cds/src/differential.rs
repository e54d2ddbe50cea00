//! The differential: all diseases ranked by what was observed and denied, each contribution told.
//!
//! A log-linear model: the prior of the disease for the patient's age and sex, and for each finding the logarithm of
//! how much more often patients with the disease show it than patients in general. The contributions sum to the score.
//! Naive independence is too sure of itself, so that likelihoods are tempered and probabilities come in bands.

mod matrix;

use crate::patient::{DrugUse, Fact, Patient, Place};
use crate::standing::{DISEASE_STAYS, FINDING_STAYS};
use matrix::{Column, Matrix};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Phase, Polarity, Sex};
use tsumugi_knowledge::{Implied, Profile, Space, State, age_band};
use tsumugi_terminology::Vocabulary;

/// How a finding met the row of a disease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// The disease lists the finding itself.
    Exact,
    /// It lists something broader.
    Ancestor,
    /// It lists something narrower.
    Descendant,
    /// It lists nothing near.
    None,
    /// No finding: how common the disease is at this age and sex.
    Prior,
}

/// A contribution to a score.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The state of the patient; empty for the prior.
    pub state: Option<State>,
    /// There or denied.
    pub polarity: Polarity,
    /// Natural logarithm of the likelihood ratio, tempered.
    pub weight: f64,
    /// How it met the disease.
    pub met: Met,
    /// The state in the disease's row.
    pub row: Option<State>,
    /// Where the note says so.
    pub place: Option<Place>,
}

/// A disease with its score.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// Key of the disease in the space.
    pub disease: Arc<str>,
    /// Sum of the contributions.
    pub score: f64,
    /// Calibrated probability among all that were compared.
    pub probability: f64,
    /// The contributions, greatest first.
    pub because: Vec<Reason>,
}

/// What is asked: the findings of a patient.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Sex.
    pub sex: Option<Sex>,
    /// Age in years.
    pub age: Option<f64>,
    /// What was observed and denied, each once.
    pub said: Vec<Finding>,
}

/// A finding of a patient.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The state.
    pub state: State,
    /// There or denied.
    pub polarity: Polarity,
    /// 1 for what is stated of now, less for what is suspected or past.
    pub weight: f64,
    /// Where it is said.
    pub place: Option<Place>,
}

impl Findings {
    /// The findings of a patient: each state once, what was said last deciding.
    pub fn of(patient: &Patient) -> Self {
        let mut findings = Self {
            sex: patient.sex,
            age: patient.age,
            said: Vec::new(),
        };
        let mut at: FxHashMap<&str, usize> = FxHashMap::default();
        for fact in &patient.facts {
            let recent = is_of_this_episode(patient, &fact.place);
            let Some(weight) = weight_of(fact).filter(|_| recent || is_history(fact)) else {
                continue;
            };
            let finding = Finding {
                state: fact.state.clone(),
                polarity: fact.polarity,
                weight,
                place: Some(fact.place.clone()),
            };
            let Some(index) = at.get(fact.state.as_str()) else {
                at.insert(fact.state.as_str(), findings.said.len());
                findings.said.push(finding);
                continue;
            };
            // Once seen in this episode, a finding does not unsay itself by getting better.
            let is_news =
                |said: &Finding| said.polarity == Polarity::Absent || finding.polarity == Polarity::Present;
            if let Some(said) = findings.said.get_mut(*index).filter(|said| is_news(said)) {
                *said = finding;
            }
        }
        let mut named: FxHashSet<&str> = FxHashSet::default();
        for usage in patient
            .drugs
            .iter()
            .filter(|usage| may_have_caused(patient, usage))
        {
            if !named.insert(&usage.drug) {
                continue;
            }
            findings.said.push(Finding {
                state: State::new(Arc::clone(&usage.drug)),
                polarity: Polarity::Present,
                weight: DRUG,
                place: Some(usage.place.clone()),
            });
        }
        findings
    }
}

/// A drug that is taken is a cause among many: it tells much less than a finding.
const DRUG: f64 = 0.3;

/// Whether something was said in this note, or in one of the days before.
fn is_of_this_episode(patient: &Patient, place: &Place) -> bool {
    patient.days_since(place).is_none_or(|days| days <= FINDING_STAYS)
}

/// Whether a drug may have caused what is there: it is named in this note, or was taken lately.
fn may_have_caused(patient: &Patient, usage: &DrugUse) -> bool {
    let is_taken = usage.polarity == Polarity::Present && usage.phase != Phase::Planned;
    let lately = patient
        .days_since(&usage.place)
        .is_none_or(|days| days <= DISEASE_STAYS);
    is_taken && (usage.place.note.is_empty() || (lately && usage.phase == Phase::Current))
}

/// What stays true of a patient: diseases, operations, habits and the family's diseases; a symptom or a value does not.
fn is_history(fact: &Fact) -> bool {
    fact.is_lasting && fact.polarity == Polarity::Present
}

fn weight_of(fact: &Fact) -> Option<f64> {
    let certainty = match fact.certainty {
        Certainty::Asserted => 1.0,
        Certainty::Suspected => 0.3,
        Certainty::General => return None,
    };
    let phase = match fact.phase {
        Phase::Current => 1.0,
        Phase::Past | Phase::Stopped => 0.8,
        Phase::Planned => return None,
    };
    Some(certainty * phase)
}

/// The constants of the model.
#[derive(Debug, Clone, Copy)]
pub struct Temper {
    /// Exponent of the likelihood ratio of what is there.
    pub present: f64,
    /// Exponent of the likelihood ratio of what was denied.
    pub absent: f64,
    /// Exponent of a match with something broader.
    pub broader: f64,
    /// Exponent of how common the disease is.
    pub rate: f64,
    /// Exponent of the shares of age and sex.
    pub person: f64,
    /// How much less a finding counts that tells what another has told.
    pub redundancy: f64,
    /// A disease that does not list a finding has it this much more rarely than patients in general.
    pub unlisted: f64,
    /// Divides scores before they become probabilities.
    pub heat: f64,
}

impl Default for Temper {
    fn default() -> Self {
        Self {
            present: 0.75,
            absent: 0.4,
            broader: 0.6,
            rate: 0.35,
            person: 0.8,
            redundancy: 1.0,
            unlisted: 0.25,
            heat: 1.6,
        }
    }
}

impl Temper {
    /// For orders: an order that a disease does not list says little against it.
    pub(crate) fn of_orders() -> Self {
        Self {
            unlisted: 0.4,
            redundancy: 0.5,
            ..Self::default()
        }
    }
}

/// Ranks the diseases of a space.
#[derive(Debug)]
pub struct Differential {
    matrix: Matrix,
    profiles: Vec<Option<Profile>>,
    implied: Implied,
    temper: Temper,
}

/// One finding against all diseases.
struct Weights {
    /// Weight for diseases that list nothing near.
    other: f64,
    /// (disease, weight, how it met, state of its row).
    entries: Vec<(u32, f64, Met, u32)>,
}

/// The places of the greatest scores, the greatest first.
pub(crate) fn best_of(scores: &[f64], top: usize) -> Vec<usize> {
    let score = |disease: usize| scores.get(disease).copied().unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
    order.truncate(top);
    order
}

impl Differential {
    /// Builds the columns of a space.
    pub fn new(space: &Space, vocabulary: &Vocabulary, implied: &Implied, temper: Temper) -> Self {
        Self {
            matrix: Matrix::new(space, vocabulary, implied, temper.unlisted as f32),
            implied: implied.clone(),
            profiles: space
                .diseases
                .values()
                .map(|disease| disease.profile.clone())
                .collect(),
            temper,
        }
    }

    /// Number of diseases.
    pub fn len(&self) -> usize {
        self.matrix.diseases.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.matrix.diseases.is_empty()
    }

    /// Index of a disease.
    pub fn index_of(&self, disease: &str) -> Option<usize> {
        self.matrix
            .diseases
            .binary_search_by(|own| own.as_ref().cmp(disease))
            .ok()
    }

    /// Key of the disease at an index.
    pub fn key_of(&self, index: usize) -> Option<Arc<str>> {
        self.matrix.diseases.get(index).cloned()
    }

    /// Share of a disease's patients with a state, 0 to 1; for one that does not list it, a part of the general share.
    pub fn share(&self, disease: usize, state: &str) -> f64 {
        const LEAST: f64 = 0.001;
        let Some((_, column)) = self.matrix.column(state) else {
            return LEAST;
        };
        let entry = column
            .entries
            .binary_search_by_key(&disease, |entry| entry.disease as usize)
            .ok()
            .and_then(|at| column.entries.get(at));
        let share = entry.map_or(self.temper.unlisted as f32 * column.general, |entry| entry.share);
        f64::from(share).clamp(LEAST, 1.0 - LEAST)
    }

    /// The score of every disease, in the order of the space.
    pub fn scores(&self, vocabulary: &Vocabulary, findings: &Findings) -> Vec<f64> {
        let mut scores: Vec<f64> = (0..self.len())
            .map(|disease| self.prior(disease, findings))
            .collect();
        for finding in self.telling(vocabulary, findings) {
            let weights = self.weights(vocabulary, &finding);
            let own = self.index_of(finding.state.as_str());
            for score in &mut scores {
                *score += weights.other;
            }
            for (disease, weight, _, _) in weights.entries {
                if let Some(score) = scores.get_mut(disease as usize) {
                    *score += weight - weights.other;
                }
            }
            // A diagnosis that the note names is no evidence for itself.
            if let Some(score) = own.and_then(|own| scores.get_mut(own)) {
                *score -= weights.other;
            }
        }
        scores
    }

    /// The best `top` diseases with their reasons.
    pub fn rank(&self, vocabulary: &Vocabulary, findings: &Findings, top: usize) -> Vec<Ranked> {
        let scores = self.scores(vocabulary, findings);
        let best = best_of(&scores, top);
        let probabilities = self.probabilities(&scores);
        let reasons = self.reasons_of(vocabulary, findings, &best);
        best.into_iter()
            .zip(reasons)
            .filter_map(|(disease, because)| {
                Some(Ranked {
                    disease: Arc::clone(self.matrix.diseases.get(disease)?),
                    score: scores.get(disease).copied()?,
                    probability: probabilities.get(disease).copied()?,
                    because,
                })
            })
            .collect()
    }

    /// Scores as probabilities among the diseases compared.
    pub fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds: Vec<f64> = scores
            .iter()
            .map(|score| ((score - best) / self.temper.heat).exp())
            .collect();
        let sum: f64 = odds.iter().sum();
        odds.iter().map(|odd| odd / sum).collect()
    }

    /// Why a disease has its score; the weights sum to it.
    pub fn reasons(&self, vocabulary: &Vocabulary, findings: &Findings, disease: usize) -> Vec<Reason> {
        let mut reasons = self.reasons_of(vocabulary, findings, &[disease]);
        reasons.pop().unwrap_or_default()
    }

    /// Why each of some diseases has its score, in their order.
    pub(crate) fn reasons_of(
        &self,
        vocabulary: &Vocabulary,
        findings: &Findings,
        diseases: &[usize],
    ) -> Vec<Vec<Reason>> {
        let prior = |disease: &usize| {
            vec![Reason {
                state: None,
                polarity: Polarity::Present,
                weight: self.prior(*disease, findings),
                met: Met::Prior,
                row: None,
                place: None,
            }]
        };
        let mut all: Vec<Vec<Reason>> = diseases.iter().map(prior).collect();
        for finding in self.telling(vocabulary, findings) {
            let weights = self.weights(vocabulary, &finding);
            let itself = self.index_of(finding.state.as_str());
            for (disease, reasons) in diseases.iter().zip(&mut all) {
                if itself != Some(*disease) {
                    reasons.push(self.reason(&finding, &weights, *disease));
                }
            }
        }
        for reasons in &mut all {
            reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        }
        all
    }

    fn reason(&self, finding: &Finding, weights: &Weights, disease: usize) -> Reason {
        let mut entries = weights.entries.iter();
        let own = entries.find(|(entry, ..)| *entry as usize == disease);
        let (weight, met, row) = match own {
            Some((_, weight, met, row)) => (*weight, *met, self.matrix.state(*row).cloned()),
            None => (weights.other, Met::None, None),
        };
        Reason {
            state: Some(finding.state.clone()),
            polarity: finding.polarity,
            weight,
            met,
            row,
            place: finding.place.clone(),
        }
    }

    /// The findings that tell something: known to the space, not said again by a narrower one, and each with the part of
    /// its weight that others have not told already.
    fn telling(&self, vocabulary: &Vocabulary, findings: &Findings) -> Vec<Finding> {
        let broader: Vec<Vec<State>> = findings
            .said
            .iter()
            .map(|finding| self.implied.broader(vocabulary, &finding.state))
            .collect();
        let is_known = |finding: &Finding, broader: &[State]| {
            self.matrix.column(finding.state.as_str()).is_some()
                || (finding.polarity == Polarity::Present
                    && broader
                        .iter()
                        .any(|state| self.matrix.column(state.as_str()).is_some()))
        };
        let said = findings.said.iter().zip(&broader);
        let implied: FxHashSet<&State> = said
            .clone()
            .filter(|(finding, _)| finding.polarity == Polarity::Present)
            .flat_map(|(_, broader)| broader)
            .collect();
        let telling = said
            .filter(|(finding, broader)| is_known(finding, broader) && !implied.contains(&finding.state))
            .map(|(finding, _)| finding.clone())
            .collect();
        self.less_what_is_told(telling)
    }

    /// Findings that go together in the same diseases tell the same: after the rarest of them, each counts for less.
    fn less_what_is_told(&self, mut telling: Vec<Finding>) -> Vec<Finding> {
        let column = |finding: &Finding| {
            let is_present = finding.polarity == Polarity::Present;
            let column = self.matrix.column(finding.state.as_str());
            column.filter(|_| is_present).map(|(_, column)| column)
        };
        let mut order: Vec<usize> = (0..telling.len()).collect();
        let general = |index: usize| telling.get(index).and_then(column).map_or(1.0, |c| c.general);
        order.sort_by(|a, b| general(*a).total_cmp(&general(*b)).then(a.cmp(b)));
        let mut told: Vec<&Column> = Vec::new();
        let mut factors = vec![1.0; telling.len()];
        for index in order {
            let Some(own) = telling.get(index).and_then(column) else {
                continue;
            };
            let shared: f64 = told.iter().map(|other| f64::from(own.likeness(other))).sum();
            if let Some(factor) = factors.get_mut(index) {
                *factor = 1.0 / (1.0 + self.temper.redundancy * shared);
            }
            told.push(own);
        }
        for (finding, factor) in telling.iter_mut().zip(factors) {
            finding.weight *= factor;
        }
        telling
    }

    fn weights(&self, vocabulary: &Vocabulary, finding: &Finding) -> Weights {
        match finding.polarity {
            Polarity::Present => self.weights_of_present(vocabulary, finding),
            Polarity::Absent => self.weights_of_absent(finding),
        }
    }

    fn weights_of_present(&self, vocabulary: &Vocabulary, finding: &Finding) -> Weights {
        let exponent = self.temper.present * finding.weight;
        // That a result is normal speaks against the diseases that change it, not against all others.
        let is_normal = matches!(finding.state.level(), Some("normal" | "negative"));
        let other = if is_normal {
            0.0
        } else {
            exponent * self.temper.unlisted.ln()
        };
        let mut best: FxHashMap<u32, (f64, Met, u32)> = FxHashMap::default();
        if let Some((index, column)) = self.matrix.column(finding.state.as_str()) {
            for entry in &column.entries {
                let ratio = f64::from(entry.share / column.general).ln();
                let met = if entry.from == index {
                    Met::Exact
                } else {
                    Met::Descendant
                };
                best.insert(entry.disease, (exponent * ratio, met, entry.from));
            }
        }
        for broader in self.implied.broader(vocabulary, &finding.state) {
            let Some((index, column)) = self.matrix.column(broader.as_str()) else {
                continue;
            };
            for entry in column.entries.iter().filter(|entry| entry.from == index) {
                let ratio = self.temper.broader * f64::from(entry.share / column.general).ln();
                let weight = exponent * ratio.max(0.0);
                let known = best
                    .entry(entry.disease)
                    .or_insert((weight, Met::Ancestor, index));
                if known.1 == Met::Ancestor && weight > known.0 {
                    *known = (weight, Met::Ancestor, index);
                }
            }
        }
        let mut entries: Vec<_> = best
            .into_iter()
            .map(|(disease, (weight, met, row))| (disease, weight, met, row))
            .collect();
        entries.sort_by_key(|entry| entry.0);
        Weights { other, entries }
    }

    fn weights_of_absent(&self, finding: &Finding) -> Weights {
        let exponent = self.temper.absent * finding.weight;
        let Some((index, column)) = self.matrix.column(finding.state.as_str()) else {
            return Weights {
                other: 0.0,
                entries: Vec::new(),
            };
        };
        let general = f64::from(column.general);
        let ratio = |share: f64| exponent * ((1.0 - share.min(0.97)) / (1.0 - general)).ln();
        let entries = column.entries.iter().map(|entry| {
            let met = if entry.from == index {
                Met::Exact
            } else {
                Met::Descendant
            };
            (entry.disease, ratio(f64::from(entry.share)), met, entry.from)
        });
        Weights {
            other: ratio(self.temper.unlisted * general),
            entries: entries.collect(),
        }
    }

    fn prior(&self, disease: usize, findings: &Findings) -> f64 {
        const RATE_OF_UNKNOWN: f32 = 0.05;
        const LEAST: f64 = 0.01;
        let profile = self.profiles.get(disease).and_then(Option::as_ref);
        let rate = f64::from(profile.map_or(RATE_OF_UNKNOWN, |profile| profile.rate));
        let mut prior = self.temper.rate * rate.ln();
        let Some(profile) = profile else { return prior };
        if let Some(age) = findings.age {
            let band = age_band(age);
            let share = profile.ages.get(band).copied().unwrap_or(0.0);
            let ratio = f64::from(share) / VISITS.get(band).copied().unwrap_or(1.0);
            prior += self.temper.person * ratio.clamp(LEAST, 1.0 / LEAST).ln();
        }
        let women = f64::from(profile.female);
        let share = match findings.sex {
            Some(Sex::Female) => women,
            Some(Sex::Male) => 1.0 - women,
            _ => return prior,
        };
        prior + self.temper.person * (share.max(LEAST) / 0.5).ln()
    }
}

/// Share of visits to a mixed hospital by band of age (estimate).
const VISITS: [f64; 6] = [0.02, 0.08, 0.2, 0.3, 0.25, 0.15];
