//! Answers: the text that goes into the note, and the facts that it states.

use super::{Choice, Condition, Item, ItemKind, Templates};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tsumugi_clinical::{Polarity, Quantity};

/// Longest words that are taken as an answer, in characters.
const LONGEST: usize = 200;
/// Stands for what was given in the texts of a template.
const GIVEN: &str = "{}";

/// An answer to an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is", content = "value")]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// The choice with this id.
    Choice(Arc<str>),
    /// A number in the item's unit.
    Quantity(f64),
    /// A day.
    Date(Date),
    /// Words.
    Text(String),
    /// Nobody knows: the item is closed, and nothing is written.
    Unknown,
}

/// What an answer makes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// Text for the note; empty for what nobody knows.
    pub text: String,
    /// The facts.
    pub told: Vec<Told>,
}

/// A fact that an answer states.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Concept.
    pub concept: Arc<str>,
    /// There, or denied.
    pub polarity: Polarity,
    /// Value, of a test.
    pub value: Option<Quantity>,
    /// Day, where it was asked for.
    pub day: Option<Date>,
}

/// Why something is no answer to an item.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotAnswered {
    /// It is of another kind.
    #[error("the item {0} is answered in another way")]
    Kind(Arc<str>),
    /// The choice does not exist.
    #[error("the item {item} has no answer {answer}")]
    Choice {
        /// The item.
        item: Arc<str>,
        /// What was given.
        answer: Arc<str>,
    },
    /// The number is outside what can be.
    #[error("{value} {unit} cannot be: {low} to {high} wanted")]
    Range {
        /// What was given.
        value: f64,
        /// UCUM unit.
        unit: Arc<str>,
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
    },
    /// The words are empty, too long, or hold control characters.
    #[error("1 to {LONGEST} characters on one line wanted")]
    Text,
}

impl Item {
    /// The text and the facts of an answer.
    pub fn answer(&self, answer: &Answer) -> Result<Answered, NotAnswered> {
        match (&self.kind, answer) {
            (_, Answer::Unknown) => Ok(Answered::default()),
            (ItemKind::Boolean { concept, yes, .. }, Answer::Yes) => {
                Ok(stated(yes, concept.as_ref(), Polarity::Present))
            }
            (ItemKind::Boolean { concept, no, .. }, Answer::No) => {
                Ok(stated(no, concept.as_ref(), Polarity::Absent))
            }
            (ItemKind::Choice(choices), Answer::Choice(id)) => {
                let choice = choices.iter().find(|choice| choice.id == *id);
                choice.map(of_choice).ok_or_else(|| NotAnswered::Choice {
                    item: Arc::clone(&self.id),
                    answer: Arc::clone(id),
                })
            }
            (ItemKind::Quantity { .. }, Answer::Quantity(value)) => self.number(*value),
            (ItemKind::Date { concept, text }, Answer::Date(day)) => {
                let mut answered = stated(
                    &text.replace(GIVEN, &day.to_string()),
                    concept.as_ref(),
                    Polarity::Present,
                );
                for told in &mut answered.told {
                    told.day = Some(*day);
                }
                Ok(answered)
            }
            (ItemKind::Text { concept, text }, Answer::Text(words)) => {
                let words = words.trim();
                let count = words.chars().count();
                if count == 0 || count > LONGEST || words.chars().any(char::is_control) {
                    return Err(NotAnswered::Text);
                }
                Ok(stated(
                    &text.replace(GIVEN, words),
                    concept.as_ref(),
                    Polarity::Present,
                ))
            }
            _ => Err(NotAnswered::Kind(Arc::clone(&self.id))),
        }
    }

    fn number(&self, value: f64) -> Result<Answered, NotAnswered> {
        let ItemKind::Quantity {
            concept,
            unit,
            low,
            high,
            text,
        } = &self.kind
        else {
            return Err(NotAnswered::Kind(Arc::clone(&self.id)));
        };
        let (low, high) = (low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX));
        if !(low..=high).contains(&value) {
            return Err(NotAnswered::Range {
                value,
                unit: Arc::clone(unit),
                low,
                high,
            });
        }
        let mut answered = stated(
            &text.replace(GIVEN, &value.to_string()),
            concept.as_ref(),
            Polarity::Present,
        );
        for told in &mut answered.told {
            told.value = Some(Quantity {
                number: Some(value.to_string()),
                unit: Some(Arc::clone(unit)),
                ..Quantity::default()
            });
        }
        Ok(answered)
    }
}

fn stated(text: &str, concept: Option<&Arc<str>>, polarity: Polarity) -> Answered {
    let told = concept.map(|concept| Told {
        concept: Arc::clone(concept),
        polarity,
        value: None,
        day: None,
    });
    Answered {
        text: text.to_owned(),
        told: told.into_iter().collect(),
    }
}

fn of_choice(choice: &Choice) -> Answered {
    let polarity = if choice.is_denied {
        Polarity::Absent
    } else {
        Polarity::Present
    };
    stated(&choice.text, choice.concept.as_ref(), polarity)
}

/// The answers of a contact, by the key of their items (`template.item`), in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers(Vec<(Arc<str>, Answer)>);

impl Answers {
    /// Takes an answer, or the new answer to an item that has one.
    pub fn give(&mut self, key: Arc<str>, answer: Answer) {
        self.0.retain(|(own, _)| *own != key);
        self.0.push((key, answer));
    }

    /// Takes an answer back.
    pub fn take_back(&mut self, key: &str) {
        self.0.retain(|(own, _)| **own != *key);
    }

    /// The answer to an item.
    pub fn get(&self, key: &str) -> Option<&Answer> {
        let own = self.0.iter().find(|(own, _)| **own == *key);
        own.map(|(_, answer)| answer)
    }

    /// The keys of the answered items.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The facts of all answers.
    pub(super) fn told(&self, templates: &Templates) -> Vec<Told> {
        let items = self
            .0
            .iter()
            .filter_map(|(key, answer)| Some((templates.item(key)?.1, answer)));
        let answered = items.filter_map(|(item, answer)| item.answer(answer).ok());
        answered.flat_map(|answered| answered.told).collect()
    }
}

impl Answer {
    /// Whether it is the answer that a condition names: `yes`, `no`, or the id of a choice.
    pub(super) fn is(&self, named: &str) -> bool {
        match self {
            Self::Yes => named == "yes",
            Self::No => named == "no",
            Self::Choice(id) => **id == *named,
            _ => false,
        }
    }
}

impl Condition {
    /// The concept whose fact fulfils the condition where the item was not asked, and whether it must be there.
    pub(super) fn as_fact(&self, item: &Item) -> Option<(Arc<str>, bool)> {
        let Self::Answer { answer, .. } = self else {
            return None;
        };
        match &item.kind {
            ItemKind::Boolean { concept, .. } => Some((Arc::clone(concept.as_ref()?), **answer == *"yes")),
            ItemKind::Choice(choices) => {
                let choice = choices.iter().find(|choice| choice.id == *answer)?;
                Some((Arc::clone(choice.concept.as_ref()?), !choice.is_denied))
            }
            _ => None,
        }
    }
}
