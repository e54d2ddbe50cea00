//! Consent: what a person allows to be done with the record, asked before every use that is not the person's own care.
//!
//! **A log, replayed.** `consent_event` is append-only: asked, answered, withdrawn, guardians, changes of a study. What is
//! allowed at an instant is computed from it ([`Store::was_allowed`](crate::Store::was_allowed)); nothing that was said is
//! overwritten. The *epoch* of a study is the number of the newest event that touches it.
//!
//! **One decision.** [`Store::decide_use`](crate::Store::decide_use) answers for one person, and
//! [`Store::permit_set`](crate::Store::permit_set) for all. Only they make a [`Permit`] or a [`PermittedSet`]: both have
//! private fields, and neither can be copied or read from JSON, so that a reader for research (`crate::research`), which
//! asks for one, cannot be called without the decision.
//!
//! **A refusal wins.** Over the records of one person, over the order of times (a withdrawal dated in the future counts at
//! once), over every legal basis. Nothing said allows nothing where the basis is consent.
//!
//! **A withdrawal holds at once.** In its transaction running exports that hold the person are ended, delivered ones
//! marked, cases learned from the person are taken back; readers ask again before each batch.
//!
//! | module | what |
//! |---|---|
//! | `study` | studies and their texts |
//! | `kinds`, `ages`, `basis`, `duo` | the tables of `data/consent`: kinds of data, ages, legal bases, GA4GH DUO |
//! | `answer`, `state` | what is answered, and by whom; replay of the log (no SQL) |
//! | `judge` | the rules (no SQL) |
//! | `decision`, `set` | `decide_use`, [`Permit`]; `permit_set`, [`PermittedSet`] |
//! | `rows`, `log` | studies and events in the store |
//! | `codes` | one-time codes for the phone |
//! | `exports` | what left, with whom in it; the activity feed |
//! | `learning` | learning from cases, and taking it back |
//! | `provision`, `receipt` | FHIR Consent: evaluation of its tree; the receipt |

mod ages;
mod answer;
mod basis;
mod codes;
mod decision;
mod duo;
mod exports;
mod judge;
mod kinds;
mod learning;
mod log;
pub mod provision;
mod receipt;
mod rows;
mod set;
mod state;
mod study;
#[cfg(test)]
mod tests;

pub use ages::{Threshold, thresholds};
pub use answer::{Answer, AnswerSheet, By, Guardian, Happening, Item, Respondent, Way};
pub use basis::{Basis, BasisRefusal, Form};
pub use codes::{
    CODE_MINUTES, CodeBytes, CodeRefusal, CodeRequest, ConsentSession, IssuedCode, MAX_FAILURES, Redeemed,
    SESSION_MINUTES,
};
pub use decision::{Decision, Permit, Request};
pub use duo::{DuoRefusal, DuoRole, DuoRow, DuoTerm, duo_rows, matches};
pub(crate) use exports::remove_dummies;
pub use exports::{DataUse, ExportDelivery, ExportEnd, ExportId, ExportStart, ExportState, NewExport, Rerun};
pub use judge::Reason;
pub use kinds::{DataKind, KindRow, kind_of, kinds};
pub use learning::{Learned, Lesson, TakenBack};
pub use log::{ConsentEvent, Receipt, Withdrawal};
pub use receipt::ConsentReceipt;
pub(crate) use receipt::of_patient;
pub use rows::StudyRecord;
pub use set::{PermittedSet, SetEnded, SetRequest};
pub use state::{Held, PersonState};
pub use study::{Approval, InstitutionKind, KNOWLEDGE_STUDY, Purpose, Recipient, Study, StudyText, TextHash};
