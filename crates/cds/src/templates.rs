//! Dynamic templates: the smallest set of questions that a stage of care needs. Of those that a patient's facts call
//! for and that neither note nor record answers, the most valuable are asked, at most five, and none twice.
//!
//! The questions are data, `data/templates/*.toml`, so that a clinician can read and correct them; what makes one
//! worth more than another is `data/templates/weights.toml`. A site brings its own as FHIR `Questionnaire`s.

mod answer;
mod ask;
mod check;
mod finding;
mod known;
mod questionnaire;
mod read;

pub use answer::{Answer, Answered, Answers, NotAnswered, Told};
pub use ask::{Asked, Asking, Contact, Known, MOST_ASKED, ROW};
pub use questionnaire::{Brought, Remark, from_questionnaire, to_questionnaire};

use serde::Deserialize;
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::Vocabulary;

/// The template whose items others refer to by `uses`.
pub const COMMON: &str = "common";
/// The template of what no other asks: a finding for which the likely diseases speak.
pub const FINDING: &str = "finding";

/// All templates, and what a question is worth.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    all: Vec<Template>,
    /// One question for each finding of the bedside; sorted by id.
    finding: Option<Box<Template>>,
    weights: Weights,
    words: Words,
}

/// A template.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Id, the name of its file.
    pub id: Arc<str>,
    /// Version.
    pub version: Arc<str>,
    /// Name in Japanese.
    pub name: Arc<str>,
    /// Its reading.
    pub kana: Arc<str>,
    /// Name in English.
    pub english: Arc<str>,
    /// Who wrote it.
    pub written_by: Arc<str>,
    /// Clinicians who have reviewed it.
    pub reviewed_by: Vec<Arc<str>>,
    /// What the choice of the items comes from.
    pub source: Arc<str>,
    /// Items of the common template that it asks, too.
    pub uses: Vec<Arc<str>>,
    /// For whom.
    pub when: When,
    /// The questions, by clinical worth.
    pub items: Vec<Item>,
}

/// For whom a template or an item is; every condition that is there must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct When {
    /// A present fact of one of these concepts, or of one below.
    pub any: Vec<Arc<str>>,
    /// First contact for it, or a later one.
    pub stage: Stage,
    /// Least age, years.
    pub age_min: Option<f64>,
    /// Greatest age, completed years.
    pub age_max: Option<f64>,
    /// Sex.
    pub sex: Option<Sex>,
}

/// Whether the record knows the reason of the contact already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is new.
    First,
    /// The record of an earlier day holds it.
    FollowUp,
    /// Either.
    #[default]
    Any,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Id, unique in its template.
    pub id: Arc<str>,
    /// What stands on the chip.
    pub ask: Arc<str>,
    /// Its reading.
    pub kana: Arc<str>,
    /// The question in English.
    pub english: Arc<str>,
    /// How it is answered.
    pub kind: ItemKind,
    /// A fact of one of these concepts, or of one below, present or denied, answers it.
    pub known_by: Vec<Arc<str>>,
    /// Kinds of facts of which any answers it, whatever its concept.
    pub known_by_kind: Vec<FactKind>,
    /// Days for which a fact of the record answers it; 0: only this note does.
    pub record_days: i32,
    /// What must hold for it to be asked.
    pub enable: Vec<Condition>,
    /// For whom.
    pub when: When,
    /// Whether it must be asked or known.
    pub is_key: bool,
    /// Why it is asked.
    pub why: Vec<Why>,
    /// Diseases between which the answer decides.
    pub tells: Vec<Arc<str>>,
    /// The reason in one line.
    pub reason: Arc<str>,
    /// Its own source; empty where the template's is meant.
    pub source: Arc<str>,
}

/// Kinds of facts that answer a question whatever they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactKind {
    /// An allergy.
    Allergy,
    /// A drug that is taken.
    Medication,
    /// A disease of a relative.
    Family,
}

/// How an item is answered. A text is what is written into the note; `{}` in it stands for what was given.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    /// Yes or no.
    Boolean {
        /// The concept that is there, or denied.
        concept: Option<Arc<str>>,
        /// Text of a yes.
        yes: Arc<str>,
        /// Text of a no.
        no: Arc<str>,
    },
    /// One of a few.
    Choice(Vec<Choice>),
    /// A number.
    Quantity {
        /// The test.
        concept: Option<Arc<str>>,
        /// UCUM unit.
        unit: Arc<str>,
        /// Least that can be given.
        low: Option<f64>,
        /// Greatest that can be given.
        high: Option<f64>,
        /// Text.
        text: Arc<str>,
    },
    /// A day.
    Date {
        /// The concept that happened on it.
        concept: Option<Arc<str>>,
        /// Text.
        text: Arc<str>,
    },
    /// Words.
    Text {
        /// The concept that they tell of.
        concept: Option<Arc<str>>,
        /// Text.
        text: Arc<str>,
    },
}

/// An answer to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Id, unique in its item.
    pub id: Arc<str>,
    /// What stands on its button.
    pub name: Arc<str>,
    /// In English.
    pub english: Arc<str>,
    /// What is written into the note.
    pub text: Arc<str>,
    /// The fact.
    pub concept: Option<Arc<str>>,
    /// Whether the fact is a denial.
    pub is_denied: bool,
}

/// A condition under which an item is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// An item of the template has this answer: `yes`, `no`, or the id of a choice.
    Answer {
        /// The item.
        item: Arc<str>,
        /// The answer.
        answer: Arc<str>,
    },
    /// A fact of this concept, or of one below, is there.
    Fact(Arc<str>),
}

/// Why a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It decides between diseases.
    Discrimination,
    /// Something that must not be overlooked.
    Safety,
    /// A registry asks for it.
    Registry,
    /// How bad it is.
    Severity,
    /// What is done depends on it.
    Treatment,
}

/// What a question is worth: the table `weights` of `templates/weights.toml`. Bits and weights are added, then
/// multiplied by how near the template is to this contact.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    key: f64,
    discrimination: f64,
    safety: f64,
    registry: f64,
    severity: f64,
    treatment: f64,
    bit: f64,
    place: f64,
    in_note: f64,
    in_record: f64,
    everybody: f64,
    finding: f64,
    told_share: f64,
    other_share: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            key: 1.0,
            discrimination: 0.0,
            safety: 0.0,
            registry: 0.0,
            severity: 0.0,
            treatment: 0.0,
            bit: 1.0,
            place: 0.0,
            in_note: 1.0,
            in_record: 1.0,
            everybody: 1.0,
            finding: 1.0,
            told_share: 0.5,
            other_share: 0.2,
        }
    }
}

/// Words for what a questionnaire of a site leaves unsaid; the table `words` of `templates/weights.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    yes: String,
    no: String,
    value: String,
    finding: String,
    finding_english: String,
    finding_reason: String,
}

impl Templates {
    /// Reads the templates; what is wrong goes to `mistakes` with file and line, and a template with a mistake is left
    /// out.
    pub fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let mut templates = read::templates(sources, vocabulary, mistakes);
        templates.finding = Some(Box::new(finding::template(vocabulary, &templates.words)));
        templates
    }

    /// The templates, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.all.iter()
    }

    /// A template by its id.
    pub fn get(&self, id: &str) -> Option<&Template> {
        if id == FINDING {
            return self.finding.as_deref();
        }
        self.all.iter().find(|template| *template.id == *id)
    }

    /// An item by its key, `template.item`.
    pub fn item(&self, key: &str) -> Option<(&Template, &Item)> {
        let (template, item) = key.split_once('.')?;
        if template == FINDING {
            return self.of_finding(item);
        }
        let template = self.get(template)?;
        Some((template, template.item(item)?))
    }

    /// The question for a finding of the bedside.
    fn of_finding(&self, concept: &str) -> Option<(&Template, &Item)> {
        let template = self.finding.as_deref()?;
        let place = template
            .items
            .binary_search_by(|item| (*item.id).cmp(concept))
            .ok()?;
        Some((template, template.items.get(place)?))
    }

    /// Adds a template that a site has brought, or replaces the one with its id.
    pub fn add(&mut self, template: Template) {
        self.all.retain(|own| own.id != template.id);
        self.all.push(template);
        self.all.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

impl Template {
    /// An item by its id.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| *item.id == *id)
    }
}

impl Item {
    /// The concepts of its answers.
    pub fn concepts(&self) -> impl Iterator<Item = &Arc<str>> {
        let (own, choices) = match &self.kind {
            ItemKind::Choice(choices) => (None, choices.as_slice()),
            ItemKind::Boolean { concept, .. }
            | ItemKind::Quantity { concept, .. }
            | ItemKind::Date { concept, .. }
            | ItemKind::Text { concept, .. } => (concept.as_ref(), &[][..]),
        };
        let of_choices = choices.iter().filter_map(|choice| choice.concept.as_ref());
        own.into_iter().chain(of_choices)
    }
}
