//! Reads clinical Japanese with a lexicon it is given: normalize → segment → recognize → resolve. Knows no codes.
//!
//! One trie finds every form of every table in a sentence ([`tsumugi_tables::Lexicon`]); a shortest path picks the
//! cover; small grammars (results, time, prescriptions, habits) read what stands together; cue tables decide how each
//! mention is meant. A sentence depends only on its characters, its section and the note's date, so that an edit
//! reads only the sentence it changed ([`ReadCache`]).

mod compounds;
mod dating;
mod dose;
mod grouping;
mod habits;
mod harm;
mod mention;
mod normalize;
mod quantity;
mod reader;
mod resolve;
mod rules;
mod segment;
mod sentence;
mod series;

mod tagger;
mod time;
mod tokens;
mod unread;

pub use mention::{Assertion, Link, Mention, Reading, TermRef};
pub use normalize::{Folding, NormalizedText};
pub use reader::{ReadCache, ReadContext, Reader, ReaderError};
pub use tagger::{
    CLASSES, ClassInstance, ClassifierParts, FEATURES, Instance, LABELS, ModelError, Tagger, TaggerParts,
    tag_labels,
};
