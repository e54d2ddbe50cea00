//! Gold annotation in `MedTxt` tags with our layers, and what anybody's predictions score against it.
//!
//! Predictions are lines as `tsumugi structure` prints them; whoever can print such lines can compete. Everything is
//! counted from exact spans: the same start, end and tag.

mod gold;
mod prediction;
mod report;
mod score;

pub use gold::{Corpus, GoldEntity, GoldError, Hand, Record, Split, read_corpus, read_hand};
pub use prediction::{PredictedEvent, Prediction, read_predictions};
pub use report::{errors, table};
pub use score::{Counts, Score, score, score_by_genre};
