//! HL7 v2.5 as Japanese hospitals send it, in messages, batch files, over MLLP, and in SS-MIX2 storages.
//!
//! The way of a message: its bytes are decoded by MSH-18 held against what they are ([`crate::charset`]); the text is cut by
//! the separators that MSH-1 and MSH-2 name ([`Message`]); each patient's segments become statements with FHIR resources
//! that carry the source's codes: one, or one for each allergy, problem or order. A segment that nobody maps is told and stays in the bytes; a message whose patient is not
//! sure is a dead letter. Codes and words are tables (`data/exchange`).

mod ack;
mod allergy;
mod coded;
mod document;
mod escape;
mod framing;
mod identity;
mod making;
mod mapping;
mod medication;
mod observation;
mod order;
mod parts;
mod person;
mod pieces;
mod problem;
mod read;
mod syntax;
mod tables;
mod times;
mod value;
mod visit;

pub use ack::{Acknowledgement, Answer, acknowledge, read_acknowledgement};
pub use document::{Document, mdm_t02};
pub use framing::{Frame, Framer, frame};
pub use read::read;
pub use syntax::{Delimiters, Message, Repetition, Segment, SyntaxError};

pub(crate) use document::{loinc_code, unbase64};
pub(crate) use making::Making;
pub(crate) use read::{Origin, dead, messages, problem};
pub(crate) use tables::TABLES;
pub(crate) use times::{When, moment, when, written as written_time};
pub(crate) use value::suspected;
