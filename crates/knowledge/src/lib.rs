//! The medical knowledge base: assertions with their sources, compiled to probabilities, causal chains, guideline
//! statements and drug facts.

mod evidence;
pub mod hpo;
mod knowledge;
mod log;
mod profile;
pub mod snapshot;
mod space;
mod state;

pub use evidence::{Evidence, Share, Status};
pub use knowledge::{Knowledge, KnowledgeError, Phenotyped, Phenotypes};
pub use log::{Accepted, Assertion, Case, CaseError, Cause, Statement, View, active};
pub use profile::{AGE_BANDS, Danger, FindingRow, Onset, Profile, Profiles, Treatment, age_band};
pub use space::{Counted, Disease, Space};
pub use state::{Levels, State};
