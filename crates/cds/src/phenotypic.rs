//! The differential over the Human Phenotype Ontology, for a site that has imported it.
//!
//! Each finding gives a likelihood ratio that backs off to broader terms, normalised by how richly a disease is
//! described, so that well-studied diseases do not crowd out the rest. What was learned from cases is counted in, per
//! publication; onset, sex, the nearest learned case, the likeness to the annotation and excluded findings are added.
//! The contributions sum to the score. Everything here is a function of the annotations and the learned cases: a case
//! that was taken back leaves no trace.

mod answer;
mod compile;
mod described;
mod general;
mod hierarchy;
mod learned;
mod lists;
mod onset;
mod ratio;
mod reasons;

use crate::differential::Met;
use described::Row;
use general::General;
use hierarchy::Hierarchy;
use learned::Seen;
use lists::Lists;
use onset::BINS;
use ratio::Columns;
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_knowledge::hpo::Frequency;
use tsumugi_knowledge::{Phenotypes, State};

/// What is asked: a patient in terms of the ontology, by any of their ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// What was observed.
    pub observed: Vec<State>,
    /// What was looked for and was not there.
    pub excluded: Vec<State>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Age in years. It is not used: on published cases it added nothing to the onset.
    pub age: Option<f64>,
    /// When it began: a term of onset, or the age as an ISO 8601 duration.
    pub onset: Option<State>,
}

/// What a contribution is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A finding that was observed, by the id of its term.
    Observed(Arc<str>),
    /// A finding that was excluded, by the id of its term.
    Excluded(Arc<str>),
    /// When it began.
    Onset,
    /// Sex.
    Sex,
    /// The learned case of the disease that is most like the patient.
    NearestCase,
    /// How like the patient is to the annotation as a whole.
    Likeness,
}

/// What a contribution rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    /// The reference or the source.
    pub source: Arc<str>,
    /// Id of the term that it lists; empty where it is about no finding.
    pub term: Arc<str>,
    /// How often, among the patients of the source.
    pub frequency: Frequency,
    /// The source says that the disease does not have it.
    pub negated: bool,
    /// Id of the learned case, where it is a single one.
    pub case: Option<Arc<str>>,
}

/// A contribution to a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// What it is about.
    pub part: Part,
    /// Its share of the score, in nats.
    pub weight: f64,
    /// How the disease lists the finding; [`Met::Prior`] for what is no finding.
    pub met: Met,
    /// What it rests on, sorted.
    pub grounds: Vec<Ground>,
}

/// A disease with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedPhenotypic {
    /// Id of the disease, e.g. `OMIM:154700`.
    pub disease: Arc<str>,
    /// Sum of the contributions.
    pub score: f64,
    /// Calibrated probability among all that were compared, 0 to 1.
    pub probability: f64,
    /// The contributions, greatest first.
    pub because: Vec<Contribution>,
}

/// Ranks the diseases of the ontology's annotation and of the learned cases.
#[derive(Debug)]
pub struct Phenotypic {
    hierarchy: Hierarchy,
    general: General,
    columns: Columns,
    diseases: Vec<Arc<str>>,
    about: Vec<About>,
    /// For each term the weights of its exclusion, by disease.
    excluded: Lists<(u32, f32)>,
    cases: Cases,
    /// Whether a case was learned; where none was, findings alone rank better than with the other parts.
    is_learned: bool,
}

/// What is kept of a disease.
#[derive(Debug)]
struct About {
    /// Half the logarithm of the ratio that a report's finding is expected to have.
    richness: f64,
    /// Information of the annotation as a whole, in nats, 1 at least.
    information: f64,
    /// Weight of an onset in each bin.
    onset: [f64; BINS],
    onset_from: Vec<Arc<str>>,
    /// Weight of a male and of a female patient.
    male: f64,
    female: f64,
    sex_from: Vec<Arc<str>>,
    rows: Vec<Row>,
}

/// The learned cases, numbered by disease, publication and id.
#[derive(Debug, Default)]
struct Cases {
    /// The cases of each disease.
    seen: Lists<Seen>,
    /// Disease of each case.
    disease: Vec<u32>,
    /// Cases of the disease in the publication of each case.
    published: Vec<u32>,
    /// Information of each case, in nats, 1 at least.
    information: Vec<f64>,
    /// For each term the cases that have it or something narrower.
    with: Lists<u32>,
    /// For each term the cases in which it was itself excluded.
    without: Lists<u32>,
}

impl Phenotypic {
    /// Compiles the columns.
    pub fn new(phenotypes: &Phenotypes) -> Self {
        compile::compile(phenotypes)
    }

    /// Number of diseases.
    pub fn len(&self) -> usize {
        self.diseases.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.diseases.is_empty()
    }

    /// Index of a disease, by its id.
    pub fn index_of(&self, disease: &str) -> Option<usize> {
        self.diseases
            .binary_search_by(|own| own.as_ref().cmp(disease))
            .ok()
    }

    /// The id of the phenotypic term that an id means, be it an alternative or a replaced one.
    pub fn term(&self, id: &str) -> Option<Arc<str>> {
        let term = self.hierarchy.number(id)?;
        self.hierarchy.id(term).cloned()
    }

    /// What of the question is not used: ids that are no phenotypic abnormality of this edition, and an onset that is
    /// neither a term of onset nor a duration.
    pub fn unknown<'a>(&self, asked: &'a Asked) -> Vec<&'a State> {
        let findings = asked.observed.iter().chain(&asked.excluded);
        let findings = findings.filter(|state| self.hierarchy.number(state.as_str()).is_none());
        let onset = asked.onset.iter();
        let onset = onset.filter(|onset| onset::bins(self.hierarchy.used(onset.as_str())).is_none());
        findings.chain(onset).collect()
    }

    /// The best `top` diseases with their reasons; equal scores by ascending id.
    pub fn rank(&self, asked: &Asked, top: usize) -> Vec<RankedPhenotypic> {
        let answer = self.answer(asked);
        let scores: Vec<f64> = answer.scores();
        let mut order: Vec<(u32, f64)> = (0u32..).zip(scores.iter().copied()).collect();
        let better = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if let Some(last) = top.checked_sub(1)
            && last < order.len()
        {
            order.select_nth_unstable_by(last, better);
        }
        order.truncate(top);
        order.sort_unstable_by(better);
        self.explained(&answer, &scores, &order)
    }

    /// Exactly these diseases, by their indices, best first, with probabilities among them.
    pub fn rank_among(&self, asked: &Asked, diseases: &[usize]) -> Vec<RankedPhenotypic> {
        let answer = self.answer(asked);
        let scores = answer.scores();
        let mut order: Vec<(u32, f64)> = diseases
            .iter()
            .filter_map(|disease| Some((*disease as u32, *scores.get(*disease)?)))
            .collect();
        order.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        order.dedup();
        let scores: Vec<f64> = order.iter().map(|(_, score)| *score).collect();
        self.explained(&answer, &scores, &order)
    }

    /// The score of every disease, in the order of their ids.
    pub fn scores(&self, asked: &Asked) -> Vec<f64> {
        self.answer(asked).scores()
    }

    /// Scores as probabilities among the diseases compared.
    pub fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let (best, sum) = self.odds(scores);
        scores.iter().map(|score| self.odd(*score, best) / sum).collect()
    }
}

impl Phenotypic {
    /// Divides scores before they become probabilities: naive independence is too sure of itself. Fitted on published
    /// cases, without and with cases learned from other publications.
    const HEAT: f64 = 1.0;
    const HEAT_LEARNED: f64 = 0.9;

    fn odd(&self, score: f64, best: f64) -> f64 {
        let heat = if self.is_learned {
            Self::HEAT_LEARNED
        } else {
            Self::HEAT
        };
        ((score - best) / heat).exp()
    }

    /// The best score, and the sum of the odds against it.
    fn odds(&self, scores: &[f64]) -> (f64, f64) {
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (best, scores.iter().map(|score| self.odd(*score, best)).sum())
    }

    fn explained(
        &self,
        answer: &answer::Answer<'_>,
        compared: &[f64],
        order: &[(u32, f64)],
    ) -> Vec<RankedPhenotypic> {
        let (best, sum) = self.odds(compared);
        order
            .iter()
            .filter_map(|(disease, score)| {
                Some(RankedPhenotypic {
                    disease: Arc::clone(self.diseases.get(*disease as usize)?),
                    score: *score,
                    probability: self.odd(*score, best) / sum,
                    because: answer.reasons(*disease),
                })
            })
            .collect()
    }
}
