//! The Human Phenotype Ontology, from a site's own files: `hp.obo`, `phenotype.hpoa` and, where it has them, the
//! Japanese labels. The files are read as they are, and the edition is shown with every answer.

mod babelon;
mod hpoa;
mod obo;

pub use babelon::read_labels;
pub use hpoa::read_annotations;
pub use obo::read_terms;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A remark on a line of a file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
}

/// A term of the ontology.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Term {
    /// Id, e.g. `HP:0001945`.
    pub id: Arc<str>,
    /// English label.
    pub name: Arc<str>,
    /// Japanese label, where the site has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_ja: Option<Arc<str>>,
    /// Broader terms.
    pub parents: Vec<Arc<str>>,
    /// Ids that mean this term too: alternative ones, and obsolete ones that it replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Arc<str>>,
}

/// The terms, with the edition they come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// `data-version` of the file.
    pub edition: String,
    /// The terms by id; obsolete ones only as `also` of what replaces them.
    pub terms: BTreeMap<Arc<str>, Term>,
}

/// How often a disease shows a term, as an annotation says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frequency {
    /// `k/n` patients.
    Count(u32, u32),
    /// A share, or a category of the ontology at its middle.
    Share(f32),
    /// Not said.
    Unsaid,
}

/// An annotation of a disease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// The term.
    pub term: Arc<str>,
    /// How often.
    pub frequency: Frequency,
    /// The disease does *not* have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub negated: bool,
    /// The reference, e.g. `PMID:10077612`.
    pub reference: Arc<str>,
    /// Sex to which it is limited: `M` or `F`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<char>,
    /// When the finding begins, as a term of onset (`HP:0003577`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Arc<str>>,
    /// `P` phenotype, `I` inheritance, `C` course, `M` modifier, `H` history.
    pub aspect: char,
}

/// A disease of the annotation file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotated {
    /// Id, e.g. `OMIM:154700`.
    pub disease: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Its annotations, in the order of the file.
    pub annotations: Vec<Annotation>,
}
