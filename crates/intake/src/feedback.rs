//! The answer to a key press.

use crate::candidates::Candidate;
use serde::Serialize;
use tsumugi_clinical::{Span, StructuredNote};

/// A phrase that looks clinical and was not understood, with what it may mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnreadPhrase {
    /// Where.
    #[serde(flatten)]
    pub span: Span,
    /// The phrase as written.
    pub text: String,
    /// What it may mean, most likely first; at most five.
    pub candidates: Vec<Candidate>,
}

/// What the editor shows for one revision of the text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feedback {
    /// The revision this answers; the editor drops answers to older ones.
    pub rev: u64,
    /// Entities, events, questions: the line of the contract.
    #[serde(flatten)]
    pub note: StructuredNote,
    /// Unread phrases with candidates.
    pub phrases: Vec<UnreadPhrase>,
    /// Sentences that had to be read anew.
    pub fresh: u32,
}
