//! Turns mentions into coded events in the patient's context, and merges what says the same.
//!
//! `code` (mention → event) → `derive` (a value → its state: 39.2 ℃ → fever) → `merge` (the same fact at the same time
//! is one event) → `refine` (糖尿病 → its type, from the whole record). All thresholds and rules are tables.

mod code;
mod coder;
mod derive;
mod entities;
mod equivalents;
mod fact;
mod imported;
pub mod medications;
mod merge;
mod person;
mod record;
mod refine;
mod staging;

pub use coder::{Coder, CoderError, read_context};
pub use imported::{ImportContext, Imported, Remark};
pub use record::{Record, RecordNote};
