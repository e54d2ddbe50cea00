//! What the editor shows while one types: the API boundary between screens and engine, in plain data only.
//!
//! A [`Session`] belongs to one open note. It keeps the sentences it has read, so that a key press reads only the
//! sentence it changed, and applies what the writer has settled before (corrected codes, unread phrases).

mod candidates;
mod feedback;
mod session;

pub use candidates::{Candidate, candidates, complete};
pub use feedback::{Feedback, UnreadPhrase};
pub use session::{Answer, Correction, Session, Settled};
