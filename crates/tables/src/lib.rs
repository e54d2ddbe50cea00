//! Reads the human-edited tables and reports every mistake with file and line; the compiled [`Lexicon`] that finds
//! all their names in a text at once.

mod check;
mod designation;
mod lexicon;
mod manifest;
mod names;
mod tsv;

pub use check::check;
pub use designation::{Designation, TermKind};
pub use lexicon::{Lexicon, LexiconError, Marked, Match};
pub use manifest::{ColumnSpec, ColumnType, Manifest, TableSpec};
pub use names::{Name, is_ascii_or_kana, is_reading, parse_names, to_hiragana, to_katakana};
pub use tsv::{Mistake, Row, Source, Table};
