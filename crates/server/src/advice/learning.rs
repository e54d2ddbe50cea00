//! What a signed note teaches: its diagnosis, with the findings that were there and those that were looked for and denied.

use super::Living;
use std::sync::Arc;
use tsumugi_cds::{Findings, Patient};
use tsumugi_clinical::{
    Because, Certainty, Event, EventKind, Experiencer, Phase, Polarity, SectionKind, StructuredNote,
};
use tsumugi_knowledge::{Case, State};
use tsumugi_terminology::Vocabulary;

/// The case of a note, where it states a diagnosis in its assessment that the knowledge has. Of several diagnoses the one
/// that the findings support most is taught; a suspected one teaches nothing.
pub(crate) fn case_of(
    living: &Living,
    vocabulary: &Vocabulary,
    patient: &Patient,
    note: &StructuredNote,
    id: &str,
) -> Option<Case> {
    let findings = Findings::of(patient);
    let scores = living.differential.scores(vocabulary, &findings);
    let diagnosis = note
        .events
        .iter()
        .filter(|event| is_diagnosis(note, event))
        .filter_map(|event| living.differential.index_of(event.concept.as_str()))
        .max_by(|a, b| {
            let score = |index: usize| scores.get(index).copied().unwrap_or(f64::NEG_INFINITY);
            score(*a).total_cmp(&score(*b))
        })?;
    let disease = living.differential.key_of(diagnosis)?;
    let of = |polarity: Polarity| -> Vec<State> {
        let said = findings.said.iter();
        said.filter(|finding| finding.polarity == polarity && finding.weight >= 0.8)
            .map(|finding| finding.state.clone())
            .filter(|state| state.as_str() != disease.as_ref())
            .collect()
    };
    let observed = of(Polarity::Present);
    let excluded = of(Polarity::Absent)
        .into_iter()
        .filter(|state| !observed.contains(state))
        .collect();
    let case = Case {
        id: Arc::from(id),
        disease,
        observed,
        excluded,
        sex: patient.sex,
        age: patient.age,
        ..Case::default()
    };
    case.checked().ok()
}

fn is_diagnosis(note: &StructuredNote, event: &Event) -> bool {
    let is_current = event.kind == EventKind::Condition
        && event.polarity == Polarity::Present
        && event.certainty == Certainty::Asserted
        && event.experiencer == Experiencer::Patient
        && event.phase == Phase::Current;
    let is_assessed = |reason: &Because| match reason {
        Because::Entity { entity } => note
            .entities
            .get(*entity as usize)
            .is_some_and(|entity| matches!(entity.section, Some(SectionKind::A | SectionKind::Diagnosis))),
        _ => false,
    };
    is_current && event.because.iter().any(is_assessed)
}
