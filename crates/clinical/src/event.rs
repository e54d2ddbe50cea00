//! Events: coded facts, each with its place in the text and its reasons.

use crate::entity::{Entity, Relation};
use crate::ids::{Code, ConceptId, FactKey};
use crate::note::{Diagnostic, Span};
use crate::time::ClinicalTime;
use crate::value::Quantity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What kind of thing an event states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A diagnosis.
    Condition,
    /// A symptom, sign or other observed state.
    Finding,
    /// A measured or tested value.
    Measurement,
    /// A drug.
    Medication,
    /// A treatment, operation or nursing act.
    Procedure,
    /// An examination that was or will be done, without its result.
    Examination,
    /// An allergy or intolerance.
    Allergy,
    /// A habit or circumstance of life.
    Lifestyle,
    /// A wish or directive of the patient.
    Preference,
    /// A vaccination.
    Immunization,
}

/// Whether it is stated to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// There.
    #[default]
    Present,
    /// Denied. Only a denial makes a fact absent.
    Absent,
}

/// How sure the writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Stated.
    #[default]
    Asserted,
    /// Suspected, possible.
    Suspected,
    /// Not about this patient: background, literature, a condition for the future.
    General,
}

/// Whose fact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Experiencer {
    /// The patient.
    #[default]
    Patient,
    /// A relative; `relative` says which.
    Family,
    /// Another person.
    Other,
}

/// Where in time it lies against the note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Now, or in the episode that the note is about.
    #[default]
    Current,
    /// Before, as history.
    Past,
    /// Intended.
    Planned,
    /// Ended by decision (drugs, treatments, habits).
    Stopped,
}

/// Side of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Laterality {
    /// Left.
    Left,
    /// Right.
    Right,
    /// Both.
    Both,
}

/// A body site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteRef {
    /// Concept of the site.
    pub concept: ConceptId,
    /// Its preferred name.
    pub name: Arc<str>,
}

/// A reason of an event: an entity of the note, or a rule of the tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Because {
    /// Index into the note's entities.
    Entity {
        /// The index.
        entity: u32,
    },
    /// Id of a rule in `data/`, e.g. `fever-from-temperature`.
    Rule {
        /// The id.
        rule: Arc<str>,
    },
    /// An event of an earlier note of the same record.
    Earlier {
        /// Id of the note.
        note: String,
        /// Index into that note's events.
        event: u32,
    },
}

/// What was measured, when the event's concept was derived from a value (body temperature → fever).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Concept of the analyte or vital sign.
    pub concept: ConceptId,
    /// Its preferred name.
    pub name: Arc<str>,
    /// Its codes.
    pub codes: Arc<[Code]>,
    /// Entities that state the value; they hold its place where `because` has only the rule.
    #[serde(default)]
    pub entities: Vec<u32>,
}

/// How a drug is given, as far as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dosage {
    /// Strength or dose of one unit, e.g. `5 mg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Quantity>,
    /// Amount a dose or a day, e.g. `1 {tablet}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Quantity>,
    /// Doses a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_per_day: Option<u32>,
    /// When, as written (朝食後, 就寝前, 頓用).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<String>,
    /// As needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_needed: bool,
    /// Days of supply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Route (`oral`, `iv`, `sc`, `topical` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// All of it as written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// What kind of staging a modifier of a disease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModifierKind {
    /// How far it has gone (TNM, Ann Arbor, CKD G4).
    Stage,
    /// How bad it is, or how little its cells have matured (Gleason, degree of a burn).
    Grade,
    /// How much it limits (NYHA, Child-Pugh).
    Class,
    /// Which form of it (Stanford, Borrmann).
    Type,
}

/// A stage, grade, class or type of the disease that an event states, with its place in the note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modifier {
    /// Kind.
    pub kind: ModifierKind,
    /// The staging it belongs to: an id of `lexicon/staging.tsv`, e.g. `tnm`.
    pub system: Arc<str>,
    /// Its Japanese name.
    pub name: Arc<str>,
    /// Value in the one form that all ways of writing it share, e.g. `cT2aN1M0`, `IIB`, `G4A2`.
    pub value: Arc<str>,
    /// Parts of the value, where it has some, e.g. `T` → `2a`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Arc<str>, Arc<str>>,
    /// Whether it is part of the fact; not where an item of its own states the value, nor where the concept says it
    /// already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_fact: bool,
    /// Where it is written.
    #[serde(flatten)]
    pub span: Span,
}

/// Where a fact comes from that no care has stated. Facts of care carry none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// A claim: what was billed. A disease of a claim is no diagnosis.
    Claim,
    /// What a person or a device recorded outside.
    Personal,
}

/// A coded fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Key of what is stated.
    pub fact: FactKey,
    /// Our concept, after derivation.
    pub concept: ConceptId,
    /// Preferred Japanese name of the concept.
    pub name: Arc<str>,
    /// Kind.
    pub kind: EventKind,
    /// Codes of the concept in other systems.
    pub codes: Arc<[Code]>,
    /// Present or absent.
    pub polarity: Polarity,
    /// Asserted, suspected or general.
    pub certainty: Certainty,
    /// Patient, family or other.
    pub experiencer: Experiencer,
    /// Which relative, e.g. `mother`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Arc<str>>,
    /// Phase.
    pub phase: Phase,
    /// Words of cure or removal were written: the condition is resolved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved: bool,
    /// Site, where the concept lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteRef>,
    /// Side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub laterality: Option<Laterality>,
    /// Stages, grades, classes and types of the disease, in the order of their system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<Modifier>,
    /// Value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    /// Dosage, of medications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dosage: Option<Box<Dosage>>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<ClinicalTime>,
    /// What was measured, when the concept was derived from a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Item of the clinical information model this event answers, e.g. `smoking`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Arc<str>>,
    /// What it is evidence of, where it is not of care.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Reasons: entities and rules; none where a resource of another source states it.
    pub because: Vec<Because>,
    /// The event of an earlier note that this one settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Supersedes>,
}

impl Event {
    /// Whether it is a state that only a claim names (レセプト病名): no diagnosis, and evidence for none.
    pub fn is_claimed_state(&self) -> bool {
        self.evidence == Some(Evidence::Claim)
            && matches!(self.kind, EventKind::Condition | EventKind::Finding)
    }
}

/// A pointer to an event of an earlier note that a later one settles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supersedes {
    /// Id of the earlier note.
    pub id: String,
    /// Index into its events.
    pub event: u32,
}

/// Something only the physician can answer, asked once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Index of the event it is about.
    pub event: u32,
    /// Id of the question's rule, e.g. `diabetes-type`.
    pub rule: Arc<str>,
    /// The question.
    pub ask: String,
    /// Answers to choose from.
    pub options: Vec<String>,
}

/// A note, structured: a line of `tsumugi structure`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StructuredNote {
    /// The note's id.
    pub id: String,
    /// Entities in the order of the text.
    pub entities: Vec<Entity>,
    /// Relations between entities.
    pub relations: Vec<Relation>,
    /// Coded facts, in the order of their first entity.
    pub events: Vec<Event>,
    /// Questions.
    pub questions: Vec<Question>,
    /// Phrases that look clinical and were not understood.
    pub unread: Vec<Span>,
    /// Stages and the like that were read, and whose disease the note does not name near them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unattached: Vec<Modifier>,
    /// Remarks on the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}
