//! The state of a patient, as the coded facts of the record and of the note being written tell it.
//!
//! Everything that supports a decision starts here: findings that are there or were denied, values in the usual unit
//! of their test, drugs and allergies, and for each the event that says so.

use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{
    Because, Certainty, ClinicalTime, Dosage, Event, EventKind, Experiencer, Interpretation, Phase, Polarity,
    Sex,
};
use tsumugi_knowledge::{Levels, State};
use tsumugi_terminology::{Units, Vocabulary};

/// Where a fact stands: the note (empty for the one being written) and the index of its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Id of the note.
    pub note: Arc<str>,
    /// Index into its events.
    pub event: u32,
}

/// A state of the patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The state.
    pub state: State,
    /// There, or denied.
    pub polarity: Polarity,
    /// Stated or suspected.
    pub certainty: Certainty,
    /// Now, before, intended, ended.
    pub phase: Phase,
    /// When.
    pub time: Option<ClinicalTime>,
    /// Whether it stays true: a disease, an operation, a habit, a disease of the family.
    pub is_lasting: bool,
    /// Where it is said.
    pub place: Place,
}

/// A measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The number in the usual unit of the test.
    pub value: f64,
    /// When.
    pub time: Option<ClinicalTime>,
    /// Where it is said.
    pub place: Place,
}

/// A drug that the patient takes, took or is to take.
#[derive(Debug, Clone, PartialEq)]
pub struct DrugUse {
    /// Concept of the ingredient or class.
    pub drug: Arc<str>,
    /// Taken (`Present`) or expressly not (`Absent`).
    pub polarity: Polarity,
    /// Now, before, intended, stopped.
    pub phase: Phase,
    /// How it is given.
    pub dosage: Option<Dosage>,
    /// When.
    pub time: Option<ClinicalTime>,
    /// Where it is said.
    pub place: Place,
}

/// An allergy or intolerance.
#[derive(Debug, Clone, PartialEq)]
pub struct Allergy {
    /// Concept of the drug, class or allergen.
    pub to: Arc<str>,
    /// There, or denied.
    pub polarity: Polarity,
    /// When it was recorded.
    pub recorded: Option<Date>,
    /// Where it is said.
    pub place: Place,
}

/// A patient, as far as the record tells.
#[derive(Debug, Clone, Default)]
pub struct Patient {
    /// Sex.
    pub sex: Option<Sex>,
    /// Age in years.
    pub age: Option<f64>,
    /// Day of the contact.
    pub today: Option<Date>,
    /// States, in the order of the notes.
    pub facts: Vec<Fact>,
    /// Values by test, oldest note first.
    pub measures: BTreeMap<Arc<str>, Vec<Measure>>,
    /// Drugs.
    pub drugs: Vec<DrugUse>,
    /// Allergies.
    pub allergies: Vec<Allergy>,
    /// Tests, examinations and treatments that were ordered, with what is known of when.
    pub orders: Vec<(Arc<str>, Place)>,
    /// Results in words, by test, oldest note first (`B` of the Child-Pugh classification).
    pub words: BTreeMap<Arc<str>, Vec<(String, Place)>>,
    /// Days of the notes, by their ids.
    pub notes: BTreeMap<Arc<str>, Date>,
}

/// Reads events into the state of a patient.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The concepts.
    pub vocabulary: &'a Vocabulary,
    /// Units of values.
    pub units: &'a Units,
    /// Which finding a level of a test is.
    pub levels: &'a Levels,
}

impl Facts<'_> {
    /// Adds the events of a note; `note` is empty for the one being written.
    pub fn add(&self, patient: &mut Patient, note: &str, date: Option<Date>, events: &[Event]) {
        let note: Arc<str> = note.into();
        if let Some(date) = date {
            patient.notes.insert(Arc::clone(&note), date);
        }
        for (index, event) in (0u32..).zip(events) {
            if event.is_claimed_state() {
                continue; // what was billed is no diagnosis
            }
            let is_patients = event.experiencer == Experiencer::Patient
                    // An allergy in a record is the patient's, however its sentence reads.
                    && (event.certainty != Certainty::General || event.kind == EventKind::Allergy);
            let place = Place {
                note: Arc::clone(&note),
                event: index,
            };
            match event.kind {
                _ if event.experiencer == Experiencer::Family && event.certainty == Certainty::Asserted => {
                    self.add_family(patient, event, place);
                }
                _ if !is_patients => {}
                EventKind::Condition | EventKind::Finding | EventKind::Lifestyle | EventKind::Preference => {
                    self.add_state(patient, event, &place);
                }
                EventKind::Measurement => self.add_measure(patient, event, &place),
                EventKind::Medication | EventKind::Immunization => {
                    Self::add_drug(patient, event, place);
                }
                EventKind::Allergy => patient.allergies.push(Allergy {
                    to: event.concept.as_str().into(),
                    polarity: event.polarity,
                    recorded: date,
                    place,
                }),
                EventKind::Procedure | EventKind::Examination => Self::add_act(patient, event, place),
            }
        }
    }

    fn add_state(&self, patient: &mut Patient, event: &Event, place: &Place) {
        if let Some(measured) = &event.measured {
            self.add_number(patient, measured.concept.as_str(), event, place);
        }
        // A resource that states it has no reason in a note.
        let only_a_rule = !event.because.is_empty()
            && event
                .because
                .iter()
                .all(|reason| matches!(reason, Because::Rule { .. }));
        if event.polarity == Polarity::Absent && only_a_rule {
            return; // one cool moment does not deny an episode of fever
        }
        let concept = event.concept.as_str();
        // A denial at one site denies nothing elsewhere.
        if event.polarity == Polarity::Present || event.site.is_none() {
            self.push(patient, State::new(concept), event, place.clone());
        }
        if let Some(site) = &event.site {
            let at = self.at_site(concept, site.concept.as_str());
            if let Some(narrower) = at {
                self.push(patient, State::new(narrower), event, place.clone());
            }
        }
    }

    fn at_site(&self, finding: &str, site: &str) -> Option<Arc<str>> {
        let (finding, site) = (self.vocabulary.key(finding)?, self.vocabulary.key(site)?);
        let key = self.vocabulary.at_site(finding, site)?;
        Some(self.vocabulary.get(key)?.id.as_str().into())
    }

    fn push(&self, patient: &mut Patient, state: State, event: &Event, place: Place) {
        patient.facts.push(Fact {
            state: self.levels.canonical(state),
            polarity: event.polarity,
            certainty: event.certainty,
            phase: event.phase,
            time: event.time.clone(),
            is_lasting: event.experiencer == Experiencer::Family
                || matches!(event.kind, EventKind::Condition | EventKind::Lifestyle),
            place,
        });
    }

    fn add_family(&self, patient: &mut Patient, event: &Event, place: Place) {
        let state = State::new(format!("family:{}", event.concept.as_str()));
        self.push(patient, state, event, place);
    }

    fn add_measure(&self, patient: &mut Patient, event: &Event, place: &Place) {
        let concept = event.concept.as_str();
        self.add_number(patient, concept, event, place);
        if let Some(words) = event.value.as_ref().and_then(|value| value.text.clone()) {
            let said = patient.words.entry(concept.into()).or_default();
            said.push((words, place.clone()));
        }
        let Some(level) = event.value.as_ref().and_then(|value| value.interpretation) else {
            return;
        };
        let mut say = |level, polarity| {
            patient.facts.push(Fact {
                state: self.levels.canonical(State::of_test(concept, level)),
                polarity,
                certainty: event.certainty,
                phase: event.phase,
                time: event.time.clone(),
                is_lasting: false,
                place: place.clone(),
            });
        };
        say(level, Polarity::Present);
        match level {
            Interpretation::Normal => {
                say(Interpretation::High, Polarity::Absent);
                say(Interpretation::Low, Polarity::Absent);
            }
            Interpretation::Negative => say(Interpretation::Positive, Polarity::Absent),
            Interpretation::Positive => say(Interpretation::Negative, Polarity::Absent),
            Interpretation::High => say(Interpretation::Low, Polarity::Absent),
            Interpretation::Low => say(Interpretation::High, Polarity::Absent),
        }
    }

    fn add_number(&self, patient: &mut Patient, test: &str, event: &Event, place: &Place) {
        let Some(concept) = self.vocabulary.concept(test) else {
            return;
        };
        let Some(value) = event
            .value
            .as_ref()
            .and_then(|value| self.units.in_usual_unit(concept, &mut value.clone()))
        else {
            return;
        };
        patient.measures.entry(test.into()).or_default().push(Measure {
            value,
            time: event.time.clone(),
            place: place.clone(),
        });
    }

    fn add_drug(patient: &mut Patient, event: &Event, place: Place) {
        if event.certainty != Certainty::Asserted {
            return;
        }
        patient.drugs.push(DrugUse {
            drug: event.concept.as_str().into(),
            polarity: event.polarity,
            phase: event.phase,
            dosage: event.dosage.as_deref().cloned(),
            time: event.time.clone(),
            place,
        });
    }

    fn add_act(patient: &mut Patient, event: &Event, place: Place) {
        if event.polarity == Polarity::Absent {
            return;
        }
        let concept: Arc<str> = event.concept.as_str().into();
        if event.phase == Phase::Past || event.resolved {
            patient.facts.push(Fact {
                state: State::new(Arc::clone(&concept)),
                polarity: Polarity::Present,
                certainty: event.certainty,
                phase: Phase::Past,
                time: event.time.clone(),
                is_lasting: true,
                place: place.clone(),
            });
        }
        patient.orders.push((concept, place));
    }
}

impl Patient {
    /// The newest value of a test.
    pub fn latest(&self, test: &str) -> Option<&Measure> {
        self.measures.get(test)?.last()
    }

    /// Whether a state is there now: the last fact about it decides.
    pub fn has(&self, state: &str) -> Option<bool> {
        let said = self.facts.iter().rev();
        said.filter(|fact| fact.state.as_str() == state && fact.certainty == Certainty::Asserted)
            .map(|fact| fact.polarity == Polarity::Present)
            .next()
    }

    /// The day of something: its own time where it has one, else the day of the note that says it.
    pub fn day_of(&self, time: Option<&ClinicalTime>, place: &Place) -> Option<Date> {
        let own = time.and_then(|time| time.from.or(time.to));
        own.map(jiff::civil::DateTime::date)
            .or_else(|| self.notes.get(&place.note).copied())
    }

    /// The drugs that are taken now.
    pub fn current_drugs(&self) -> impl Iterator<Item = &DrugUse> {
        self.drugs
            .iter()
            .filter(|usage| usage.polarity == Polarity::Present && usage.phase == Phase::Current)
    }
}
