//! Which concept a `CodeableConcept` means.

use super::Import;
use super::look::{label, list, text, words};
use crate::code::code;
use crate::coder::read_context;
use crate::entities::entities;
use serde_json::Value;
use tsumugi_clinical::{Because, Certainty, Event, EventKind, Experiencer, Note, Polarity};
use tsumugi_tables::TermKind;

/// What was found: the concept, and what the words beside it say (side, site, stage, doubt).
pub(super) struct Found {
    pub(super) key: u32,
    pub(super) words: String,
    /// The event that the engine reads from the words, where they say more than a name.
    pub(super) read: Option<Event>,
}

/// How long words may be that are read as a name, in bytes: what is longer is a text.
const LONGEST_NAME: usize = 600;

impl Import<'_> {
    /// The concept of a code and its words, of one of these kinds; the kinds in the order of preference.
    pub(super) fn find(&self, concept: &Value, kinds: &[TermKind]) -> Option<Found> {
        let words = words(concept);
        let said = words.first().copied().unwrap_or("").to_owned();
        let named = words.iter().find_map(|word| self.named(word, kinds));
        if let Some(key) = self.by_code(concept, kinds, named) {
            let read = if named.is_some() {
                None
            } else {
                self.read_below(key, &words)
            };
            return Some(Found {
                key,
                words: said,
                read,
            });
        }
        if let Some(key) = named {
            return Some(Found {
                key,
                words: said,
                read: None,
            });
        }
        if kinds.first() == Some(&TermKind::Test) {
            return None;
        }
        words.iter().find_map(|word| {
            let event = self
                .read(word, false)
                .into_iter()
                .find(|event| self.is_of(event, kinds))?;
            let key = self.coder.vocabulary.key(event.concept.as_str())?;
            Some(Found {
                key,
                words: said.clone(),
                read: Some(event),
            })
        })
    }

    /// The same; what is not found becomes a remark.
    pub(super) fn find_or_remark(&mut self, concept: &Value, kinds: &[TermKind]) -> Option<Found> {
        let found = self.find(concept, kinds);
        if found.is_none() {
            self.remark("uncoded", label(concept));
        }
        found
    }

    /// The event of what was found.
    pub(super) fn event_of(&self, found: Found) -> Option<Event> {
        match found.read {
            Some(event) => Some(event),
            None => self.event(found.key, &found.words),
        }
    }

    /// The concept that exactly these words name; brackets behind a name may explain it (「TP(総蛋白)」).
    pub(super) fn named(&self, words: &str, kinds: &[TermKind]) -> Option<u32> {
        let exactly = |form: &str| {
            let named = self.coder.reader.concepts_named(form);
            kinds
                .iter()
                .find_map(|kind| named.iter().find(|(of, _)| of == kind).map(|(_, key)| *key))
        };
        if words.len() > LONGEST_NAME {
            return None;
        }
        exactly(words).or_else(|| {
            let is_open = |c: char| matches!(c, '(' | '\u{FF08}' | '[' | '\u{3014}');
            let is_close = |c: char| matches!(c, ')' | '\u{FF09}' | ']' | '\u{3015}');
            let (name, inner) = words.split_once(is_open)?;
            let inner = inner.split(is_close).next().unwrap_or("");
            exactly(name.trim()).or_else(|| exactly(inner.trim()))
        })
    }

    /// The concept by the first code that names one. Where a code names several, the words choose among them, else the one
    /// that is broader than all others; words that name something below the code's concept make it narrower.
    fn by_code(&self, concept: &Value, kinds: &[TermKind], named: Option<u32>) -> Option<u32> {
        let vocabulary = &self.coder.vocabulary;
        let is_wanted = |key: &u32| {
            vocabulary
                .get(*key)
                .is_some_and(|concept| kinds.contains(&concept.kind))
        };
        list(concept, "coding").find_map(|coding| {
            let code = text(coding, "code")?;
            let system = text(coding, "system").unwrap_or("");
            let meant = self.coder.imports.codes.concepts(vocabulary, system, code);
            let mut held = meant.held;
            held.retain(is_wanted);
            let stated = meant.stated.filter(is_wanted);
            if held.is_empty() && stated.is_none() {
                let system = tsumugi_terminology::canonical(system);
                let mapped = self.context.codes.concept(system, code);
                held.extend(
                    mapped
                        .and_then(|id| vocabulary.key(id.as_str()))
                        .filter(is_wanted),
                );
            }
            let narrower = named.filter(|named| {
                let mut broader = held.iter().chain(&stated);
                broader.any(|key| vocabulary.is_a(*named, *key))
            });
            narrower.or(stated).or_else(|| {
                let broadest = |key: &&u32| held.iter().all(|other| vocabulary.is_a(*other, **key));
                held.iter().find(broadest).copied()
            })
        })
    }

    /// What the words say beside a coded name, where they name the same or something narrower.
    fn read_below(&self, key: u32, words: &[&str]) -> Option<Event> {
        let vocabulary = &self.coder.vocabulary;
        words.iter().find_map(|word| {
            self.read(word, false).into_iter().find(|event| {
                vocabulary
                    .key(event.concept.as_str())
                    .is_some_and(|read| vocabulary.is_a(read, key))
            })
        })
    }

    fn is_of(&self, event: &Event, kinds: &[TermKind]) -> bool {
        let concept = self.coder.vocabulary.concept(event.concept.as_str());
        concept.is_some_and(|concept| kinds.contains(&concept.kind)) && event.measured.is_none()
    }

    /// What the engine reads in some words; `is_allergy` where the words stand among allergies. The reasons in the words are
    /// left out: they are no note.
    pub(super) fn read(&self, words: &str, is_allergy: bool) -> Vec<Event> {
        if words.len() > LONGEST_NAME {
            return Vec::new();
        }
        let note = Note {
            id: String::new(),
            text: words.to_owned(),
            date: self.context.date,
            patient: Some(self.context.patient.clone()),
        };
        let mut reading = self.coder.reader.read(&read_context(&note), words);
        if is_allergy {
            for mention in &mut reading.mentions {
                mention.assertion.allergy = true;
            }
        }
        let (_, _, index) = entities(words, &reading);
        let (mut events, _) = code(self.coder, &note, &reading, &index);
        for event in &mut events {
            event
                .because
                .retain(|reason| matches!(reason, Because::Rule { .. }));
            if let Some(measured) = &mut event.measured {
                measured.entities.clear();
            }
            for modifier in &mut event.modifiers {
                modifier.span = tsumugi_clinical::Span::default();
            }
            // A name in a field of its own is meant of this patient.
            if event.certainty == Certainty::General {
                event.certainty = Certainty::Asserted;
            }
        }
        events.retain(|event| event.experiencer == Experiencer::Patient);
        events
    }

    /// The side and the site that a `bodySite` adds to a state: read as one phrase with its name.
    pub(super) fn at_site(&self, event: Event, site: &Value) -> Event {
        if event.site.is_some() || event.laterality.is_some() {
            return event;
        }
        let vocabulary = &self.coder.vocabulary;
        let Some(key) = vocabulary.key(event.concept.as_str()) else {
            return event;
        };
        let phrase = words(site).into_iter().find_map(|place| {
            let phrase = format!("{place}{}", event.name);
            self.read(&phrase, false).into_iter().find(|read| {
                let read_key = vocabulary.key(read.concept.as_str());
                read_key.is_some_and(|read| vocabulary.is_a(read, key)) && read.polarity == Polarity::Present
            })
        });
        match phrase {
            Some(read) => Event {
                concept: read.concept,
                name: read.name,
                codes: read.codes,
                site: read.site,
                laterality: read.laterality,
                ..event
            },
            None => event,
        }
    }

    /// Whether an event of the engine is a state.
    pub(super) fn is_state(event: &Event) -> bool {
        matches!(
            event.kind,
            EventKind::Condition
                | EventKind::Finding
                | EventKind::Lifestyle
                | EventKind::Preference
                | EventKind::Procedure
        )
    }
}
