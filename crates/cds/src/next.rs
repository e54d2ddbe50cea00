//! What to ask, examine or test next: the finding whose answer is expected to tell most among the likely diseases, for
//! what it costs the patient, those that must not be missed first.
//!
//! The expected gain is in bits: the entropy over the likely diseases less the entropy expected after the answer, plus
//! the same for each disease that must not be missed against all the others. It is divided by the cost of the step.

use crate::differential::{Differential, Findings};
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;
use tsumugi_knowledge::{Danger, Space, State};
use tsumugi_tables::TermKind;
use tsumugi_terminology::Vocabulary;

/// What kind of step answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Ask the patient.
    Question,
    /// Look, feel, listen.
    Examination,
    /// A laboratory test.
    Laboratory,
    /// A picture, a tracing.
    Imaging,
    /// A piece of tissue.
    Tissue,
}

impl Step {
    /// What a step costs and burdens, against a question (estimate).
    pub fn cost(self) -> f64 {
        match self {
            Self::Question => 1.0,
            Self::Examination => 1.1,
            Self::Laboratory => 1.6,
            Self::Imaging => 2.2,
            Self::Tissue => 6.0,
        }
    }

    /// The word in output for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Examination => "examination",
            Self::Laboratory => "laboratory",
            Self::Imaging => "imaging",
            Self::Tissue => "tissue",
        }
    }
}

/// A step that would tell something.
#[derive(Debug, Clone)]
pub struct Next {
    /// The finding to look for.
    pub state: State,
    /// How.
    pub step: Step,
    /// Expected gain, bits.
    pub gain: f64,
    /// Gain for its cost: the order of the list.
    pub worth: f64,
    /// The disease for which it speaks most, where it is there.
    pub speaks_for: Option<usize>,
}

/// Diseases that are looked at: the rest has next to no probability.
const LIKELY: usize = 30;
/// A disease that must not be missed counts this much beside the gain over all.
const CARE: f64 = 1.0;

/// The best `top` steps.
pub fn next(
    differential: &Differential,
    space: &Space,
    vocabulary: &Vocabulary,
    findings: &Findings,
    top: usize,
) -> Vec<Next> {
    let likely = likely(differential, space, vocabulary, findings);
    let said: FxHashSet<&str> = findings
        .said
        .iter()
        .map(|finding| finding.state.as_str())
        .collect();
    let mut steps: Vec<Next> = candidates(differential, space, &likely)
        .into_iter()
        .filter(|state| !said.contains(state.as_str()))
        .filter_map(|state| {
            let step = step_of(vocabulary, &state)?;
            weigh(differential, &likely, state, step)
        })
        .collect();
    steps.sort_by(|a, b| b.worth.total_cmp(&a.worth).then_with(|| a.state.cmp(&b.state)));
    one_a_test(steps, top)
}

/// A disease of those that are looked at.
pub(crate) struct Likely {
    /// Its index in the differential.
    pub(crate) disease: usize,
    /// Among those that are looked at.
    pub(crate) probability: f64,
    /// Whether it must not be missed.
    is_feared: bool,
}

/// The likely diseases with their probabilities.
pub(crate) fn likely(
    differential: &Differential,
    space: &Space,
    vocabulary: &Vocabulary,
    findings: &Findings,
) -> Vec<Likely> {
    let scores = differential.scores(vocabulary, findings);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let score = |disease: usize| scores.get(disease).copied().unwrap_or(f64::NEG_INFINITY);
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
    order.truncate(LIKELY);
    let kept: Vec<f64> = order.iter().map(|disease| score(*disease)).collect();
    let probabilities = differential.probabilities(&kept);
    let likely = order
        .iter()
        .zip(probabilities)
        .map(|(disease, probability)| Likely {
            disease: *disease,
            probability,
            is_feared: is_feared(differential, space, *disease),
        });
    likely.collect()
}

fn is_feared(differential: &Differential, space: &Space, disease: usize) -> bool {
    differential
        .key_of(disease)
        .and_then(|key| space.disease(&key))
        .and_then(|disease| disease.profile.as_ref())
        .is_some_and(|profile| profile.danger == Danger::MustNotMiss)
}

/// The findings of the likely diseases.
fn candidates(differential: &Differential, space: &Space, likely: &[Likely]) -> BTreeSet<State> {
    let mut states = BTreeSet::new();
    for likely in likely {
        let Some(disease) = differential
            .key_of(likely.disease)
            .and_then(|key| space.disease(&key).cloned())
        else {
            continue;
        };
        states.extend(disease.findings.into_keys());
    }
    states
}

fn weigh(differential: &Differential, likely: &[Likely], state: State, step: Step) -> Option<Next> {
    let shares: Vec<f64> = likely
        .iter()
        .map(|likely| differential.share(likely.disease, state.as_str()))
        .collect();
    let gain = gain(likely, &shares)?;
    let yes: f64 = likely
        .iter()
        .zip(&shares)
        .map(|(l, share)| l.probability * share)
        .sum();
    let ratio = |own: f64| own / yes;
    let speaks_for = likely
        .iter()
        .zip(&shares)
        .max_by(|a, b| {
            let weight = |(l, share): &(&Likely, &f64)| l.probability * ratio(**share);
            weight(a).total_cmp(&weight(b))
        })
        .map(|(l, _)| l.disease);
    Some(Next {
        worth: gain / step.cost(),
        state,
        step,
        gain,
        speaks_for,
    })
}

/// The bits that a yes or no is expected to give, from the share of each likely disease's patients who say yes; none
/// where the answer is certain.
pub(crate) fn gain(likely: &[Likely], shares: &[f64]) -> Option<f64> {
    let yes: f64 = likely
        .iter()
        .zip(shares)
        .map(|(l, share)| l.probability * share)
        .sum();
    let no = 1.0 - yes;
    if yes <= 0.0 || no <= 0.0 {
        return None;
    }
    let before: f64 = likely.iter().map(|l| plogp(l.probability)).sum();
    let after = |share: &dyn Fn(f64) -> f64, all: f64| -> f64 {
        likely
            .iter()
            .zip(shares)
            .map(|(l, own)| plogp(l.probability * share(*own) / all))
            .sum()
    };
    let expected = yes * after(&|share| share, yes) + no * after(&|share| 1.0 - share, no);
    let cared: f64 = likely
        .iter()
        .zip(shares)
        .filter(|(l, _)| l.is_feared)
        .map(|(l, share)| {
            let p = l.probability;
            let with = p * share / yes;
            let without = p * (1.0 - share) / no;
            either(p) - yes * either(with) - no * either(without)
        })
        .sum();
    Some((before - expected) + CARE * cared.max(0.0))
}

fn plogp(p: f64) -> f64 {
    if p <= 0.0 { 0.0 } else { -p * p.log2() }
}

fn either(p: f64) -> f64 {
    plogp(p) + plogp(1.0 - p)
}

/// How a state is found out; none for what cannot be looked for any more (a family's history is a question).
pub(crate) fn step_of(vocabulary: &Vocabulary, state: &State) -> Option<Step> {
    let concept = vocabulary.concept(state.concept())?;
    Some(match concept.kind {
        TermKind::Test => Step::Laboratory,
        TermKind::Finding if concept.has("pathology") => Step::Tissue,
        TermKind::Finding if concept.has("imaging") => Step::Imaging,
        TermKind::Finding if concept.has("lab") => Step::Laboratory,
        TermKind::Finding if concept.has("sign") => Step::Examination,
        TermKind::Finding
        | TermKind::Circumstance
        | TermKind::Disease
        | TermKind::Drug
        | TermKind::DrugClass
        | TermKind::Procedure => Step::Question,
        _ => return None,
    })
}

/// One level of a test is enough: the result tells them all.
fn one_a_test(steps: Vec<Next>, top: usize) -> Vec<Next> {
    let mut seen = FxHashSet::default();
    let mut kept = Vec::new();
    for step in steps {
        if kept.len() == top {
            break;
        }
        if seen.insert(step.state.concept().to_owned()) {
            kept.push(step);
        }
    }
    kept
}
