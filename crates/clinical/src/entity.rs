//! Entities and relations: the annotation layer (PRISM v8 / MedTxt tags, in standoff form).

use crate::note::Span;
use serde::{Deserialize, Serialize};

/// Tag of an entity, after MedTxt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tag {
    /// Lesion, symptom, finding, disease.
    #[serde(rename = "d")]
    Disease,
    /// Organ or part.
    #[serde(rename = "a")]
    Anatomy,
    /// Feature, degree, size, pattern.
    #[serde(rename = "f")]
    Feature,
    /// Change.
    #[serde(rename = "c")]
    Change,
    /// Time expression.
    #[serde(rename = "timex3")]
    Timex,
    /// Examination or interview.
    #[serde(rename = "t-test")]
    TestName,
    /// Test item or index.
    #[serde(rename = "t-key")]
    TestKey,
    /// Test value.
    #[serde(rename = "t-val")]
    TestValue,
    /// Drug.
    #[serde(rename = "m-key")]
    DrugName,
    /// Dose and the like.
    #[serde(rename = "m-val")]
    DrugValue,
    /// Remedy: surgery, procedure, therapy.
    #[serde(rename = "r")]
    Remedy,
    /// Clinical context: admission, first visit, follow-up.
    #[serde(rename = "cc")]
    Context,
    /// Pending: the engine does not decide.
    #[serde(rename = "p")]
    Pending,
}

/// Certainty of a `d` in the corpus's sense (not clinical truth; events have their own polarity, certainty and phase).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CorpusCertainty {
    /// Observed in this patient.
    Positive,
    /// Suspected.
    Suspicious,
    /// Denied, or no longer there (after removal).
    Negative,
    /// Not about this patient, or possible in future.
    General,
}

/// State of a test, drug, remedy or clinical context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Planned.
    Scheduled,
    /// Done, or being taken.
    Executed,
    /// Stopped, not done.
    Negated,
    /// Other: considered, general, of someone else.
    Other,
}

/// Type of a time expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimexType {
    /// A day, month or year.
    Date,
    /// A time of day.
    Time,
    /// A length of time.
    Duration,
    /// A frequency.
    Set,
    /// An age of life.
    Age,
    /// A medical clock: after surgery, a course.
    Med,
    /// Anything else.
    Misc,
}

/// Which part of a note a sentence stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SectionKind {
    /// Subjective (SOAP).
    S,
    /// Objective (SOAP).
    O,
    /// Assessment (SOAP).
    A,
    /// Plan (SOAP).
    P,
    /// Chief complaint (主訴).
    #[serde(rename = "complaint")]
    Complaint,
    /// Present illness (現病歴).
    #[serde(rename = "present-illness")]
    PresentIllness,
    /// Past history (既往歴).
    #[serde(rename = "history")]
    History,
    /// Family history (家族歴).
    #[serde(rename = "family")]
    Family,
    /// Social history and habits (生活歴).
    #[serde(rename = "social")]
    Social,
    /// Allergies.
    #[serde(rename = "allergy")]
    Allergy,
    /// Medication (内服薬, 処方).
    #[serde(rename = "medication")]
    Medication,
    /// Physical examination (身体所見).
    #[serde(rename = "physical")]
    Physical,
    /// Laboratory and other results (検査).
    #[serde(rename = "tests")]
    Tests,
    /// Imaging (画像).
    #[serde(rename = "imaging")]
    Imaging,
    /// Hospital course (入院後経過).
    #[serde(rename = "course")]
    Course,
    /// Surgery, procedures.
    #[serde(rename = "operation")]
    Operation,
    /// Pathology.
    #[serde(rename = "pathology")]
    Pathology,
    /// Diagnosis, problem list.
    #[serde(rename = "diagnosis")]
    Diagnosis,
    /// Background and introduction of a report: about the disease, not the patient.
    #[serde(rename = "background")]
    Background,
    /// Discussion (考察): mostly about the disease.
    #[serde(rename = "discussion")]
    Discussion,
    /// The case itself in a report (症例).
    #[serde(rename = "case")]
    Case,
    /// Preferences and wishes, advance directives.
    #[serde(rename = "preference")]
    Preference,
    /// Vaccination.
    #[serde(rename = "vaccination")]
    Vaccination,
    /// Anything else with a heading.
    #[serde(rename = "other")]
    Other,
}

/// An atomic entity; entities do not nest or overlap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Where.
    #[serde(flatten)]
    pub span: Span,
    /// The surface as written, never the normalised one.
    pub text: String,
    /// What.
    pub tag: Tag,
    /// Certainty, `d` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<CorpusCertainty>,
    /// State, of tests, drugs, remedies and contexts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Type, of time expressions.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub timex: Option<TimexType>,
    /// Whose, when not the patient's: `family`, `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiencer: Option<String>,
    /// Atoms that share a head or a site in one coordinated phrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// Section of the note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<SectionKind>,
}

/// Kind of a relation between two entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationType {
    /// Item → value.
    Value,
    /// Finding → site.
    Region,
    /// Finding → feature.
    Feature,
    /// Finding → change.
    Change,
    /// Change → what it is compared with.
    Compare,
    /// Happened at the time.
    On,
    /// Happened before it.
    Before,
    /// Happened after it.
    After,
    /// Began at it.
    Start,
    /// Ended at it.
    Finish,
}

/// A relation between two entities of one note, by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// Index of the entity it starts from.
    pub from: u32,
    /// Index of the entity it leads to.
    pub to: u32,
    /// What it says.
    #[serde(rename = "type")]
    pub kind: RelationType,
}
