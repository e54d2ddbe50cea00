//! What a vocabulary hands to the reader of texts: forms and what kind of term they name. No codes.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Kind of a term, as far as the grammar of a note needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TermKind {
    /// Diagnosis.
    Disease,
    /// Symptom, sign, finding, abnormal state.
    Finding,
    /// A finding that says that all is well (腹部平坦・軟).
    Normal,
    /// Drug.
    Drug,
    /// Class of drugs.
    DrugClass,
    /// Laboratory test or vital sign: an item that has a value.
    Test,
    /// Examination.
    Exam,
    /// Treatment, operation, nursing act, device.
    Procedure,
    /// Body site.
    Site,
    /// Allergen that is no drug.
    Allergen,
    /// Habit, circumstance of life, wish or directive.
    Circumstance,
}

/// One form of one concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designation<'a> {
    /// The form as written in notes, NFKC form.
    pub form: Cow<'a, str>,
    /// Kind of the concept.
    pub kind: TermKind,
    /// The vocabulary's own index of the concept.
    pub key: u32,
    /// Whether the form means this only with a value behind it (one-letter symbols such as K).
    pub needs_value: bool,
}
