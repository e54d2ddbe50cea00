//! The medical knowledge base: assertions with their sources, compiled to probabilities, causal chains, guideline
//! statements and drug facts.

mod accepted;
mod chain;
mod criteria;
pub mod drug;
mod evidence;
mod guideline;
pub mod hpo;
mod knowledge;
mod log;
mod packed;
mod profile;
pub mod snapshot;
mod space;
mod state;

pub use accepted::{
    Accepted, Cell, Column, Concepts, Held, Locator, Refused, Shape, Shelf, finding_row, shape, shapes,
};
pub use chain::{AbnormalState, ChainError, Chains, Edge, Role, Shared, Strength};
pub use criteria::{
    Asked, Band, Comparator, CriteriaBook, Criterion, CriterionKind, Expression, Formula, Function, How,
    Item, Marks, Number, Of, Operator, Outcome,
};
pub use drug::DrugBook;
pub use evidence::{Evidence, Share, Status};
pub use guideline::{
    Advice, Direction, EvidenceCertainty, Guideline, Guidelines, Recommendation, plan_definition,
};
pub use knowledge::{Knowledge, KnowledgeError, Phenotyped, Phenotypes};
pub use log::{Assertion, Case, CaseError, Cause, Statement, View, active};
pub use profile::{AGE_BANDS, Danger, FindingRow, Onset, Profile, Profiles, Treatment, age_band};
pub use space::{Counted, Disease, Space};
pub use state::{Implied, Levels, State};
