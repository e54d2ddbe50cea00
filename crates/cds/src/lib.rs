//! Decision support: what the facts of a patient suggest, each answer with its reasons. It supports a physician's
//! judgement and does not replace it.

pub mod criteria;
mod differential;
mod expected;
pub mod genomics;
mod harms;
mod induced;
mod next;
mod orders;
mod patient;
pub mod phenotypic;
pub mod prescription;
pub mod standing;
pub mod templates;
mod together;
mod wishes;

pub use differential::{Differential, Finding, Findings, Met, Ranked, Reason, Temper};
pub use expected::expected;
pub use harms::{Causality, Harm, Suspect, harms};
pub use induced::{Induced, induced};
pub use next::{Next, Step, next};
pub use orders::{Considered, Missing, Orders};
pub use patient::{Allergy, DrugUse, Fact, Facts, Measure, Patient, Place};
pub use together::{Pair, together};
pub use wishes::{Said, WishNow, WishRow, wish_rows, wishes_now};
