//! One open note: text in, feedback out.

use crate::candidates::{Candidate, candidates};
use crate::feedback::{Feedback, UnreadPhrase};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Because, Certainty, Event, Experiencer, Note, Patient, Span, StructuredNote};
use tsumugi_coding::{Coder, Record};
use tsumugi_text::ReadCache;

/// A code that the writer has corrected: this surface does not mean `wrong` but `right`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Correction {
    /// The words of the note.
    pub surface: String,
    /// Concept id the engine gave.
    pub wrong: String,
    /// Concept id the writer chose; empty when the words are no fact at all.
    pub right: String,
}

/// An unread phrase that the writer has settled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Settled {
    /// The words of the note.
    pub surface: String,
    /// Concept id; empty when it is to be left as text.
    pub concept: String,
}

/// An answer to a question, for this note only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Answer {
    /// Rule of the question.
    pub rule: String,
    /// The chosen option.
    pub option: String,
}

/// An open note.
#[derive(Debug)]
pub struct Session {
    coder: Arc<Coder>,
    record: Record,
    patient: Patient,
    date: Option<Date>,
    cache: ReadCache,
    corrections: BTreeMap<(String, String), String>,
    settled: BTreeMap<String, String>,
    answered: Vec<Answer>,
    /// Candidates found before, by phrase and the concept it has now.
    known: BTreeMap<(String, String), Vec<Candidate>>,
}

impl Session {
    /// Opens a note of a patient, whose earlier notes are in `record`.
    pub fn new(coder: Arc<Coder>, record: Record, patient: Patient, date: Option<Date>) -> Self {
        Self {
            coder,
            record,
            patient,
            date,
            cache: ReadCache::default(),
            corrections: BTreeMap::new(),
            settled: BTreeMap::new(),
            answered: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// Applies a correction from now on.
    pub fn correct(&mut self, correction: Correction) {
        self.corrections
            .insert((correction.surface, correction.wrong), correction.right);
    }

    /// Applies a settled phrase from now on.
    pub fn settle(&mut self, settled: Settled) {
        self.settled.insert(settled.surface, settled.concept);
    }

    /// Takes an answer; its question is not asked again in this note.
    pub fn answer(&mut self, answer: Answer) {
        self.answered.push(answer);
    }

    /// Structures a revision of the text.
    pub fn edit(&mut self, rev: u64, text: &str) -> Feedback {
        let note = Note {
            id: String::new(),
            text: text.to_owned(),
            date: self.date,
            patient: Some(self.patient.clone()),
        };
        let mut structured = self.coder.structure_cached(&mut self.cache, &self.record, &note);
        self.apply_corrections(&mut structured);
        self.apply_settled(&mut structured);
        self.apply_answers(&mut structured);
        structured.questions.retain(|question| {
            !self
                .answered
                .iter()
                .any(|answer| answer.rule.as_str() == question.rule.as_ref())
        });
        let phrases = self.phrases(text, &structured);
        Feedback {
            rev,
            note: structured,
            phrases,
            fresh: self.cache.fresh,
        }
    }

    /// The engine's edition, for provenance.
    pub fn edition(&self) -> &str {
        self.coder.edition()
    }

    /// Gives the event a question is about the concept that the answer names (糖尿病 + 2型 → 2型糖尿病); what was only
    /// suspected beside it goes. An answer that names nothing narrower (未定) changes nothing.
    fn apply_answers(&self, note: &mut StructuredNote) {
        for question in &note.questions {
            let answer = self
                .answered
                .iter()
                .rev()
                .find(|answer| answer.rule == *question.rule);
            let Some(event) = note.events.get_mut(question.event as usize) else {
                continue;
            };
            let Some(concept) = answer.and_then(|answer| self.meant_by(event, &answer.option)) else {
                continue;
            };
            let open = event.concept.clone();
            if self.coder.recode(event, &concept) {
                let vocabulary = self.coder.vocabulary();
                let is_below = |id: &str| {
                    vocabulary
                        .key(id)
                        .zip(vocabulary.key(open.as_str()))
                        .is_some_and(|(key, open)| vocabulary.is_a(key, open))
                };
                note.events.retain(|other| {
                    let is_twin =
                        other.certainty == Certainty::Suspected && other.experiencer == Experiencer::Patient;
                    !(is_twin && is_below(other.concept.as_str()))
                });
            }
        }
    }

    /// The narrower concept of an event that an option names: alone, or before the event's own name.
    fn meant_by(&self, event: &Event, option: &str) -> Option<String> {
        let vocabulary = self.coder.vocabulary();
        let open = vocabulary.key(event.concept.as_str())?;
        let inner = option
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        let words = [
            Some(option.to_owned()),
            Some(format!("{option}{}", event.name)),
            inner.map(|inner| format!("{inner}{}", event.name)),
        ];
        let keys = words
            .into_iter()
            .flatten()
            .flat_map(|words| self.coder.reader().concepts_named(&words));
        let narrower = keys
            .map(|(_, key)| key)
            .find(|key| *key != open && vocabulary.is_a(*key, open))?;
        vocabulary.get(narrower).map(|concept| concept.id.to_string())
    }

    /// Swaps the concepts of events whose words the writer has corrected.
    fn apply_corrections(&self, note: &mut StructuredNote) {
        let StructuredNote { entities, events, .. } = note;
        let surface = |because: &[Because]| {
            because.iter().find_map(|reason| match reason {
                Because::Entity { entity } => {
                    entities.get(*entity as usize).map(|entity| entity.text.clone())
                }
                _ => None,
            })
        };
        events.retain_mut(|event| {
            let Some(surface) = surface(&event.because) else {
                return true;
            };
            let key = (surface, event.concept.to_string());
            match self.corrections.get(&key).map(String::as_str) {
                None => true,
                Some("") => false,
                Some(right) => {
                    let _ = self.coder.recode(event, right);
                    true
                }
            }
        });
    }

    /// Gives settled phrases their events and takes them from the unread.
    fn apply_settled(&self, note: &mut StructuredNote) {
        let StructuredNote {
            entities,
            events,
            unread,
            ..
        } = note;
        for (index, entity) in (0u32..).zip(entities.iter()) {
            let Some(concept) = self.settled.get(&entity.text) else {
                continue;
            };
            unread.retain(|span| *span != entity.span);
            let has_event = events
                .iter()
                .position(|event| event.because.contains(&Because::Entity { entity: index }));
            match has_event.and_then(|at| events.get_mut(at)) {
                Some(event) if !concept.is_empty() => {
                    let _ = self.coder.recode(event, concept);
                }
                Some(_) => {}
                None => events.extend(self.coder.settle(index, entity, concept)),
            }
        }
    }

    fn phrases(&mut self, text: &str, note: &StructuredNote) -> Vec<UnreadPhrase> {
        let chars: Vec<char> = text.chars().collect();
        let mut phrases = Vec::new();
        for span in &note.unread {
            let words: String = chars
                .get(span.start as usize..span.end as usize)
                .unwrap_or(&[])
                .iter()
                .collect();
            if self.settled.contains_key(&words) {
                continue;
            }
            let now = note
                .events
                .iter()
                .find(|event| covers(note, &event.because, *span));
            let now = now.map_or(String::new(), |event| event.concept.to_string());
            phrases.push(UnreadPhrase {
                span: *span,
                candidates: self.candidates_of(&words, now),
                text: words,
            });
        }
        phrases
    }

    /// What a phrase may mean: what it was read as, when it was, then what is like it.
    fn candidates_of(&mut self, words: &str, now: String) -> Vec<Candidate> {
        const MOST: usize = 5;
        let key = (words.to_owned(), now);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let now = Some(key.1.as_str()).filter(|concept| !concept.is_empty());
        let mut list = candidates(&self.coder, words, now, MOST);
        if let Some(concept) = now.and_then(|id| self.coder.vocabulary().concept(id)) {
            list.insert(0, Candidate::of(concept));
            list.truncate(MOST);
        }
        self.known.insert(key, list.clone());
        list
    }
}

fn covers(note: &StructuredNote, because: &[Because], span: Span) -> bool {
    because.iter().any(|reason| match reason {
        Because::Entity { entity } => note
            .entities
            .get(*entity as usize)
            .is_some_and(|entity| entity.span == span),
        _ => false,
    })
}
