//! Concepts, designations, hierarchies and codes: the vocabulary that `text` searches for and `coding` codes with.
//!
//! The embedded vocabulary is read from the tables of `data/` that are compiled into the program; their content hash
//! is the edition that every event's provenance names.

mod concept;
mod embedded;
pub mod import;
pub mod masters;
mod names;
mod search;
mod systems;
mod units;
mod vocabulary;
mod worded;

pub use concept::{Concept, ReferenceInterval, kind_word, system};
pub use embedded::{
    DataFile, deidentification_files, edition, embedded_deidentifier, embedded_files, embedded_tagger,
    engine_files, knowledge_edition, sources_of,
};
pub use masters::{Codes, Maps, Master, MasterKind, Masters};
pub use names::NameIndex;
pub use search::{Matched, MatchedBy, TermHit, TermIndex};
pub use systems::{Systems, canonical};
pub use units::Units;
pub use vocabulary::{Vocabulary, VocabularyError};
