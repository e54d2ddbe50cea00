//! The clinical information model (診療情報モデル): what a record can say.
//!
//! Plain values without behaviour that depends on language or medicine: both live in `data/`. The names of the
//! serialised fields are the contract of the command line (`docs/reference/contract.md`) and never change.
#![expect(
    clippy::doc_markdown,
    reason = "names of standards and Japanese terms are no code"
)]

mod entity;
mod event;
mod ids;
mod model;
mod note;
mod time;
mod value;

pub use entity::{CorpusCertainty, Entity, Relation, RelationType, SectionKind, State, Tag, TimexType};
pub use event::{
    Because, Certainty, Dosage, Event, EventKind, Evidence, Experiencer, Laterality, Measured, Modifier,
    ModifierKind, Phase, Polarity, Question, SiteRef, StructuredNote, Supersedes,
};
pub use ids::{Code, ConceptId, FactKey};
pub use model::{Cardinality, FhirTarget, Group, Item, ItemType, Model, Purpose};
pub use note::{Diagnostic, Note, Patient, Sex, Span};
pub use time::{ClinicalTime, Precision, TimeFrame};
pub use value::{Comparator, Interpretation, Quantity};
