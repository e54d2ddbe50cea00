//! Identifiers: concepts, codes of other systems, facts.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Our own stable concept id, e.g. `fever`, `drug.amlodipine`, `site.right-hypochondrium`; never reused or renamed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConceptId(Arc<str>);

impl ConceptId {
    /// Wraps an id that a table holds.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Gives the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A map with ids as keys is asked with the text of an id.
impl std::borrow::Borrow<str> for ConceptId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConceptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A code of a code system, named by its FHIR system URI.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code {
    /// FHIR URI of the code system, e.g. `http://loinc.org`.
    pub system: Arc<str>,
    /// The code, e.g. `8310-5`.
    pub code: Arc<str>,
    /// What the code is called, as this vocabulary names it.
    pub display: Arc<str>,
}

/// A stable key of what is stated: concept after derivation, site and side where the concept lacks them, polarity,
/// certainty, experiencer with the relative, phase. Value, strength and time are not in it.
///
/// Two expressions that state the same share it (「BT39.2」, 「発熱（＋）」); two that do not, do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactKey(Arc<str>);

impl FactKey {
    /// Wraps a key as `coding` composes it.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// Gives the key as text, e.g. `fever;present;asserted;patient;current`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
