//! Diseases, allergies, and the diseases of relatives.

use super::look::{at, code_of, label, list, text, value_of, words};
use super::times;
use super::{Import, kind_of};
use serde_json::Value;
use std::sync::Arc;
use tsumugi_clinical::{Certainty, ClinicalTime, Event, EventKind, Experiencer, Phase, Polarity};
use tsumugi_tables::TermKind;

/// What a condition can be.
const STATES: [TermKind; 5] = [
    TermKind::Disease,
    TermKind::Finding,
    TermKind::Normal,
    TermKind::Circumstance,
    TermKind::Procedure,
];
/// What one can be allergic to.
const ALLERGENS: [TermKind; 3] = [TermKind::Drug, TermKind::DrugClass, TermKind::Allergen];
/// What else stands in the place of an allergy: a disease that is one, and that there is none.
const NAMED_ALLERGIES: [TermKind; 3] = [TermKind::Disease, TermKind::Finding, TermKind::Circumstance];

/// Past history, as a category of ours.
const PAST_HISTORY: &str = "past-history";

impl Import<'_> {
    pub(super) fn condition(&mut self, resource: &Value) {
        let none = Value::Null;
        let code = at(resource, "code").unwrap_or(&none);
        let mut events: Vec<Event> = match self.find(code, &STATES) {
            Some(found) => self.event_of(found).into_iter().collect(),
            None => self.states_of(code),
        };
        if events.is_empty() {
            self.remark("uncoded", label(code));
            return;
        }
        if let Some(site) = list(resource, "bodySite").next() {
            events = events
                .into_iter()
                .map(|event| self.at_site(event, site))
                .collect();
        }
        let time = condition_time(resource);
        for mut event in events {
            verify(resource, &mut event);
            let status = code_of(resource, "clinicalStatus");
            let has_ended = value_of(resource, "abatement").is_some();
            event.resolved |= status == Some("resolved") || (has_ended && status != Some("active"));
            let is_history = list(resource, "category").any(|category| {
                list(category, "coding").any(|coding| text(coding, "code") == Some(PAST_HISTORY))
            });
            let is_over = matches!(status, Some("resolved" | "remission" | "inactive"));
            if is_over || is_history || event.resolved {
                event.phase = Phase::Past;
            }
            event.time = event.time.take().or_else(|| time.clone());
            self.push(event);
        }
    }

    /// The states that the words of a code tell, where they are no name.
    fn states_of(&self, code: &Value) -> Vec<Event> {
        let states = words(code).into_iter().map(|word| {
            let mut events = self.read(word, false);
            events.retain(Self::is_state);
            events
        });
        states
            .into_iter()
            .find(|events| !events.is_empty())
            .unwrap_or_default()
    }

    pub(super) fn allergy(&mut self, resource: &Value) {
        let none = Value::Null;
        let code = at(resource, "code").unwrap_or(&none);
        let substances = list(resource, "reaction").filter_map(|reaction| at(reaction, "substance"));
        let codes: Vec<&Value> = std::iter::once(code).chain(substances).collect();
        let events = codes
            .iter()
            .map(|code| self.allergens(code))
            .find(|events| !events.is_empty());
        let Some(events) = events else {
            self.remark("uncoded", label(code));
            return;
        };
        let time = times::of(resource, &["onsetDateTime", "onsetPeriod"]);
        for mut event in events {
            verify(resource, &mut event);
            let status = code_of(resource, "clinicalStatus");
            if matches!(status, Some("resolved" | "inactive")) {
                event.phase = Phase::Past;
                event.resolved = status == Some("resolved");
            }
            event.time = event.time.take().or_else(|| time.clone());
            self.push(event);
        }
    }

    fn allergens(&self, code: &Value) -> Vec<Event> {
        if let Some(mut event) = self
            .find(code, &ALLERGENS)
            .and_then(|found| self.event(found.key, &found.words))
        {
            event.kind = EventKind::Allergy;
            return vec![event];
        }
        if let Some(event) = self
            .find(code, &NAMED_ALLERGIES)
            .and_then(|found| self.event_of(found))
        {
            return vec![event];
        }
        let read = words(code).into_iter().map(|word| self.read(word, true));
        read.into_iter()
            .find(|events| !events.is_empty())
            .unwrap_or_default()
    }

    pub(super) fn family(&mut self, resource: &Value) {
        let none = Value::Null;
        let relationship = at(resource, "relationship").unwrap_or(&none);
        let relative = self.relative(relationship);
        for condition in list(resource, "condition") {
            let code = at(condition, "code").unwrap_or(&none);
            let Some(event) = self
                .find_or_remark(code, &STATES)
                .and_then(|found| self.event_of(found))
            else {
                continue;
            };
            self.push(Event {
                experiencer: Experiencer::Family,
                relative: relative.clone(),
                phase: Phase::Current,
                time: None,
                ..event
            });
        }
    }

    fn relative(&self, relationship: &Value) -> Option<Arc<str>> {
        let codes = list(relationship, "coding").filter_map(|coding| text(coding, "code"));
        let mut forms = codes.chain(words(relationship));
        forms.find_map(|form| self.coder.imports.relative(form))
    }

    /// The diseases of a claim.
    pub(super) fn claim(&mut self, resource: &Value) {
        for diagnosis in list(resource, "diagnosis") {
            let Some(code) = at(diagnosis, "diagnosisCodeableConcept") else {
                continue;
            };
            let Some(event) = self
                .find_or_remark(code, &STATES)
                .and_then(|found| self.event_of(found))
            else {
                continue;
            };
            let time = times::of(resource, &["billablePeriod", "created"]);
            self.push(Event {
                time: event.time.clone().or(time),
                ..event
            });
        }
    }

    /// An event of one of some kinds, as an act or a drug is found: its kind is that of the concept.
    pub(super) fn kind(&self, event: &Event) -> EventKind {
        let concept = self.coder.vocabulary.concept(event.concept.as_str());
        concept.map_or(event.kind, kind_of)
    }
}

/// Refuted is denied; what is not confirmed is suspected.
fn verify(resource: &Value, event: &mut Event) {
    match code_of(resource, "verificationStatus") {
        Some("refuted") => event.polarity = Polarity::Absent,
        Some("unconfirmed" | "provisional" | "differential" | "presumed") => {
            event.certainty = Certainty::Suspected;
        }
        _ => {}
    }
}

fn condition_time(resource: &Value) -> Option<ClinicalTime> {
    let onset = times::of(resource, &["onsetDateTime", "onsetPeriod"]);
    let end = times::of(resource, &["abatementDateTime", "abatementPeriod"]);
    times::span(onset, end)
}
