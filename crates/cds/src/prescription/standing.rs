//! What holds of a patient: every state once, with how firmly it stands.

use super::Checks;
use crate::patient::{Fact, Patient, Place};
use crate::standing::lasts;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Phase, Polarity};
use tsumugi_tables::TermKind;

/// How firmly a state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    /// Told of the past.
    Before,
    /// Suspected.
    Suspected,
    /// There.
    Now,
}

/// A state of the patient.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// Text of the state: a concept, or a test with its level.
    pub(super) state: Arc<str>,
    pub(super) hold: Hold,
    pub(super) places: Vec<Place>,
}

impl Standing {
    /// The states of a patient, in the order of their texts; what was denied last is not among them.
    pub(super) fn all(checks: Checks<'_>, patient: &Patient) -> Vec<Self> {
        let mut all: BTreeMap<Arc<str>, Self> = BTreeMap::new();
        for fact in &patient.facts {
            let state: Arc<str> = fact.state.as_str().into();
            if fact.polarity == Polarity::Absent {
                all.remove(&state);
                continue;
            }
            let Some(hold) = hold(checks, patient, fact) else {
                continue;
            };
            let said = all.entry(Arc::clone(&state)).or_insert_with(|| Self {
                state,
                hold,
                places: Vec::new(),
            });
            // A later suspicion does not unsay what was stated.
            if hold != Hold::Suspected {
                said.hold = hold;
            }
            said.places.push(fact.place.clone());
        }
        for (procedure, place) in &patient.orders {
            let concept = checks.vocabulary.concept(procedure);
            if concept.is_some_and(|concept| concept.kind == TermKind::Procedure) {
                let said = all.entry(Arc::clone(procedure)).or_insert_with(|| Self {
                    state: Arc::clone(procedure),
                    hold: Hold::Now,
                    places: Vec::new(),
                });
                said.places.push(place.clone());
            }
        }
        all.into_values().collect()
    }
}

fn hold(checks: Checks<'_>, patient: &Patient, fact: &Fact) -> Option<Hold> {
    if fact.certainty == Certainty::General || fact.phase == Phase::Planned {
        return None;
    }
    if fact.certainty == Certainty::Suspected {
        return Some(Hold::Suspected);
    }
    if lasts(checks.vocabulary, fact) && fact.phase != Phase::Stopped {
        return Some(Hold::Now);
    }
    let is_of_now = fact.phase == Phase::Current && !patient.is_old(checks.vocabulary, fact);
    Some(if is_of_now { Hold::Now } else { Hold::Before })
}
