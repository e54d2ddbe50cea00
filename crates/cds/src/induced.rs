//! Drugs as causes: findings of this contact that a drug which the patient takes is known to bring about.

use crate::patient::{Patient, Place};
use crate::prescription::{Checks, running_drugs};
use crate::standing::days_between;
use jiff::civil::{Date, DateTime};
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Phase, Polarity};
use tsumugi_knowledge::State;
use tsumugi_knowledge::drug::{Basis, Frequency};

/// A finding that a drug may have brought about.
#[derive(Debug, Clone, PartialEq)]
pub struct Induced {
    /// What was found.
    pub finding: State,
    /// Where the note says so.
    pub place: Place,
    /// The drug.
    pub drug: Arc<str>,
    /// How often it does so.
    pub frequency: Frequency,
    /// Whether the effect threatens life or leaves lasting harm.
    pub is_serious: bool,
    /// Days since the drug was begun, where the record tells when.
    pub days: Option<i32>,
    /// The row that says so.
    pub basis: Basis,
}

/// The findings of the note being written that a running drug lists among its effects: serious ones first, then by how
/// often, then the drug begun last.
pub fn induced(checks: &Checks<'_>, patient: &Patient) -> Vec<Induced> {
    let drugs = running_drugs(patient);
    let mut found: Vec<Induced> = Vec::new();
    let facts = patient.facts.iter().filter(|fact| {
        fact.place.note.is_empty()
            && fact.polarity == Polarity::Present
            && fact.phase == Phase::Current
            && fact.certainty != Certainty::General
    });
    for fact in facts {
        for (drug, began) in &drugs {
            let lineage = checks.book.lineage(checks.vocabulary, drug);
            let rows = lineage.iter().flat_map(|id| checks.book.adverse_effects(id));
            let nearest = rows
                .filter(|row| is_kind_of(checks, &fact.state, &row.effect))
                .max_by_key(|row| {
                    (
                        row.effect.as_ref() == fact.state.as_str(),
                        row.is_serious,
                        row.frequency,
                    )
                });
            let is_told = |known: &Induced| known.finding == fact.state && known.drug == *drug;
            if let Some(row) = nearest.filter(|_| !found.iter().any(is_told)) {
                found.push(Induced {
                    finding: fact.state.clone(),
                    place: fact.place.clone(),
                    drug: Arc::clone(drug),
                    frequency: row.frequency,
                    is_serious: row.is_serious,
                    days: began
                        .zip(patient.today)
                        .and_then(|(began, today)| days_between(began, today)),
                    basis: row.basis.clone(),
                });
            }
        }
    }
    let recent = |induced: &Induced| induced.days.unwrap_or(i32::MAX);
    found.sort_by_key(|induced| {
        (
            !induced.is_serious,
            std::cmp::Reverse(induced.frequency),
            recent(induced),
        )
    });
    found
}

/// Whether a state is what the row names, or a kind of it.
pub(crate) fn is_kind_of(checks: &Checks<'_>, state: &State, effect: &str) -> bool {
    if state.as_str() == effect {
        return true;
    }
    let keys = checks
        .vocabulary
        .key(state.as_str())
        .zip(checks.vocabulary.key(effect));
    keys.is_some_and(|(state, effect)| checks.vocabulary.is_a(state, effect))
}

/// Day on which a use began, as its own time tells.
pub(crate) fn began(time: Option<&tsumugi_clinical::ClinicalTime>) -> Option<Date> {
    time.and_then(|time| time.from).map(DateTime::date)
}
