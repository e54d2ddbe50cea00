//! What one is about to type: names by surface, reading and romaji, the next phrase from what was written before,
//! snippets with slots, drug lines.
//!
//! Pure and plain: the caller keeps the histories, says what the clinical context makes likely, and draws. A suggestion
//! is never more than an offer; ghost text is offered only where it is nearly certain and saves something.

mod drugs;
mod fold;
mod history;
mod keyboard;
mod names;
mod predictor;
mod rank;
mod snippets;
mod unit;

pub use drugs::{DrugLine, DrugLines, LineOf};
pub use history::{History, HistoryError};
pub use keyboard::Keyboard;
pub use predictor::{Ask, Predictor};
pub use rank::{From, Suggestion, Suggestions};
pub use snippets::{Part, Snippet, Snippets};
pub use unit::{Unit, units};
