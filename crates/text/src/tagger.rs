//! The tagger: a linear-chain model over the tokens of a sentence, for what no dictionary holds.
//!
//! Every token gets one of 25 labels: outside, or begin and inside of the twelve tags. What the grammars and the
//! dictionary have read is a feature like the words themselves, so that the model learns where they are to be trusted.
//! Its weights are learned from `corpus/records` (train) by `cargo xtask train` and lie in `data/tagger/tagger.bin`; the
//! form of that file is told in [`model`].

mod classify;
mod decode;
mod features;
mod instances;
mod merge;
mod model;

pub use features::FEATURES;
pub use instances::{ClassInstance, Instance};
pub use model::{CLASSES, ClassifierParts, LABELS, ModelError, Tagger, TaggerParts, tag_labels};

pub(crate) use classify::classify;
pub(crate) use decode::Lattice;
pub(crate) use features::{Infos, category_of};
pub(crate) use instances::{class_instances, instance};
pub(crate) use merge::apply;
