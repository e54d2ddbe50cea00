//! What note, record and answers say of a concept, looked up at once for a concept or anything below it.

use super::{Answers, FactKind, Item, Templates, Told};
use crate::patient::{Patient, Place};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Phase, Polarity};
use tsumugi_tables::TermKind;
use tsumugi_terminology::Vocabulary;

/// Days that stand for "ever": a fact of an unknown day is so old.
pub(super) const EVER: i32 = 36_500;
/// A symptom that was told this many days ago or less is no new one (estimate).
const FIRST_AGAIN: i32 = 30;

/// A fact that was said of a concept, the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Concept of the fact: the one asked for, or one below it.
    pub(super) concept: u32,
    /// There, or denied.
    pub(super) is_present: bool,
    /// Days ago; none where this note or an answer says so.
    pub(super) days: Option<i32>,
    /// Where.
    pub(super) place: Place,
}

impl Said {
    fn is_newer_than(&self, other: &Self) -> bool {
        match (self.days, other.days) {
            (None, _) => true, // the later word of a note decides
            (Some(own), Some(other)) => own <= other,
            (Some(_), None) => false,
        }
    }
}

/// Where a concept is present.
#[derive(Debug, Clone, Copy, Default)]
struct Presence {
    in_note: bool,
    /// Days since the record said so last.
    in_record: Option<i32>,
}

/// All that is said of a patient, by concept.
#[derive(Debug)]
pub(super) struct Sayings<'a> {
    vocabulary: &'a Vocabulary,
    /// By the concept and each above it.
    said: FxHashMap<u32, Said>,
    present: FxHashMap<u32, Presence>,
    denied: FxHashMap<u32, Said>,
    kinds: Vec<(FactKind, Said)>,
}

impl<'a> Sayings<'a> {
    /// Collects what the record, the note and the answers say; `reasons` are what the patient comes for.
    pub(super) fn new(
        vocabulary: &'a Vocabulary,
        patient: &Patient,
        reasons: &[Arc<str>],
        templates: &Templates,
        answers: &Answers,
    ) -> Self {
        let mut sayings = Self {
            vocabulary,
            said: FxHashMap::default(),
            present: FxHashMap::default(),
            denied: FxHashMap::default(),
            kinds: Vec::new(),
        };
        sayings.add_facts(patient);
        sayings.add_values(patient);
        sayings.add_drugs(patient);
        for reason in reasons.iter().filter_map(|id| vocabulary.key(id)) {
            for above in vocabulary.ancestors(reason) {
                sayings.present.entry(above).or_default().in_note = true;
            }
        }
        for told in answers.told(templates) {
            sayings.add_told(&told);
        }
        sayings
    }

    fn add_facts(&mut self, patient: &Patient) {
        for fact in &patient.facts {
            let place = &fact.place;
            let is_present = fact.polarity == Polarity::Present;
            if fact.state.as_str().starts_with("family:") {
                self.add_kind(FactKind::Family, patient, is_present, place);
                continue;
            }
            let Some(key) = self.vocabulary.key(fact.state.concept()) else {
                continue;
            };
            let is_normal = matches!(fact.state.level(), Some("normal" | "negative"));
            let is_of_now =
                fact.phase != Phase::Planned && fact.certainty != Certainty::General && !is_normal;
            self.add(
                key,
                is_present,
                is_present && is_of_now,
                days(patient, place),
                place,
            );
        }
        for (concept, place) in &patient.orders {
            if let Some(key) = self.vocabulary.key(concept) {
                self.add(key, true, true, days(patient, place), place);
            }
        }
    }

    fn add_values(&mut self, patient: &Patient) {
        let measures = patient
            .measures
            .iter()
            .flat_map(|(test, values)| values.iter().map(move |value| (test, &value.place)));
        let words = patient
            .words
            .iter()
            .flat_map(|(test, said)| said.iter().map(move |(_, place)| (test, place)));
        for (test, place) in measures.chain(words) {
            let Some(key) = self.vocabulary.key(test) else {
                continue;
            };
            self.add(key, true, true, days(patient, place), place);
        }
    }

    fn add_drugs(&mut self, patient: &Patient) {
        for usage in &patient.drugs {
            let is_present = usage.polarity == Polarity::Present;
            let is_taken = is_present && usage.phase == Phase::Current;
            if is_taken || !is_present {
                self.add_kind(FactKind::Medication, patient, is_present, &usage.place);
            }
            if let Some(key) = self.vocabulary.key(&usage.drug) {
                self.add(
                    key,
                    is_present,
                    is_taken,
                    days(patient, &usage.place),
                    &usage.place,
                );
            }
        }
        for allergy in &patient.allergies {
            let is_present = allergy.polarity == Polarity::Present;
            self.add_kind(FactKind::Allergy, patient, is_present, &allergy.place);
        }
    }

    fn add_told(&mut self, told: &Told) {
        if let Some(key) = self.vocabulary.key(&told.concept) {
            let is_present = told.polarity == Polarity::Present;
            self.add(key, is_present, is_present, None, &Place::default());
        }
    }

    fn add_kind(&mut self, kind: FactKind, patient: &Patient, is_present: bool, place: &Place) {
        let said = Said {
            concept: u32::MAX,
            is_present,
            days: days(patient, place),
            place: place.clone(),
        };
        match self.kinds.iter_mut().find(|(own, _)| *own == kind) {
            Some((_, known)) if said.is_newer_than(known) => *known = said,
            Some(_) => {}
            None => self.kinds.push((kind, said)),
        }
    }

    fn add(&mut self, key: u32, is_present: bool, is_of_now: bool, days: Option<i32>, place: &Place) {
        let said = Said {
            concept: key,
            is_present,
            days,
            place: place.clone(),
        };
        let replace = |map: &mut FxHashMap<u32, Said>, key: u32| {
            let known = map.entry(key).or_insert_with(|| said.clone());
            if said.is_newer_than(known) {
                known.clone_from(&said);
            }
        };
        if !is_present {
            replace(&mut self.denied, key);
        }
        for above in self.vocabulary.ancestors(key) {
            replace(&mut self.said, above);
            if is_of_now {
                let presence = self.present.entry(above).or_default();
                match days {
                    None => presence.in_note = true,
                    Some(days) => {
                        presence.in_record = Some(presence.in_record.map_or(days, |known| known.min(days)));
                    }
                }
            }
        }
    }

    /// What answers an item: the newest fact of a concept that answers it, of one below, or the denial of one above.
    pub(super) fn answer_to(&self, item: &Item) -> Option<&Said> {
        let counts = |said: &&Said| match said.days {
            None => true,
            Some(days) => item.record_days > 0 && days <= item.record_days,
        };
        let of_kinds = self
            .kinds
            .iter()
            .filter(|(kind, _)| item.known_by_kind.contains(kind))
            .map(|(_, said)| said);
        let keys = || item.known_by.iter().filter_map(|id| self.vocabulary.key(id));
        let below = keys().filter_map(|key| self.said.get(&key));
        let above = keys()
            .flat_map(|key| self.vocabulary.ancestors(key))
            .filter_map(|above| self.denied.get(&above));
        let newest = |one: &'_ Said| one.days.map_or(-1, |days| days);
        below
            .chain(of_kinds)
            .chain(above)
            .filter(counts)
            .min_by_key(|said| newest(said))
    }

    /// Whether a concept, or one below, is said to be there: in the note or an answer, or in the record.
    pub(super) fn is_present(&self, concept: &str) -> bool {
        let key = self.vocabulary.key(concept);
        key.is_some_and(|key| self.present.contains_key(&key))
    }

    /// Whether a concept, or one below, is in the note.
    pub(super) fn is_in_note(&self, concept: &str) -> bool {
        self.presence(concept).is_some_and(|presence| presence.in_note)
    }

    /// Whether the record of an earlier day holds it, and it is still of now: a symptom for some weeks only.
    pub(super) fn is_in_record(&self, concept: &str) -> bool {
        let Some(days) = self.presence(concept).and_then(|presence| presence.in_record) else {
            return false;
        };
        let kind = self.vocabulary.concept(concept).map(|concept| concept.kind);
        let passes = matches!(
            kind,
            Some(TermKind::Finding | TermKind::Normal | TermKind::Test | TermKind::Exam)
        );
        days > 0 && (!passes || days <= FIRST_AGAIN)
    }

    /// Whether a chronic disease is named.
    pub(super) fn is_chronic(&self, concept: &str) -> bool {
        self.vocabulary
            .concept(concept)
            .is_some_and(|concept| concept.has("chronic"))
    }

    fn presence(&self, concept: &str) -> Option<Presence> {
        let key = self.vocabulary.key(concept)?;
        self.present.get(&key).copied()
    }
}

/// Days since a place of the record; none for the note that is being written.
fn days(patient: &Patient, place: &Place) -> Option<i32> {
    (!place.note.is_empty()).then(|| patient.days_since(place).unwrap_or(EVER))
}
