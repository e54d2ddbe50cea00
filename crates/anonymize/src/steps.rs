//! What was done to a set before it left: each step with the item of the law's enforcement rules (個人情報保護法施行規則) that asks
//! for it, what it changed, and how many cells.

use crate::cells::{Count, count};
use serde::Serialize;

/// An item of the enforcement rules: article 34 for anonymised, article 31 for pseudonymised information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// Article 34, 1: descriptions that identify a person are removed or replaced.
    AnonymousDescriptions,
    /// Article 34, 2: individual identification codes are removed.
    AnonymousCodes,
    /// Article 34, 3: codes that link to other information are removed.
    AnonymousLinks,
    /// Article 34, 4: what is singular is removed or replaced.
    AnonymousSingular,
    /// Article 34, 5: further measures for how the rows differ from others.
    AnonymousFurther,
    /// Article 31, 1: descriptions that identify a person are removed or replaced.
    PseudonymousDescriptions,
    /// Article 31, 2: individual identification codes are removed.
    PseudonymousCodes,
    /// Article 31, 3: what may cause damage to property is removed.
    PseudonymousProperty,
}

impl Clause {
    /// Article and item.
    pub fn place(self) -> (u8, u8) {
        match self {
            Self::AnonymousDescriptions => (34, 1),
            Self::AnonymousCodes => (34, 2),
            Self::AnonymousLinks => (34, 3),
            Self::AnonymousSingular => (34, 4),
            Self::AnonymousFurther => (34, 5),
            Self::PseudonymousDescriptions => (31, 1),
            Self::PseudonymousCodes => (31, 2),
            Self::PseudonymousProperty => (31, 3),
        }
    }
}

/// How cells were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Not taken over.
    Removed,
    /// Replaced by what only the key table leads back from.
    Replaced,
    /// Replaced by a coarser value.
    Generalised,
    /// The row was left out.
    LeftOut,
    /// Noise was added to counts.
    Noise,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Step {
    /// Why.
    pub clause: Clause,
    /// Article and item of the enforcement rules, e.g. `34-1`.
    pub rule: String,
    /// How.
    pub change: Change,
    /// What was changed: a column of the export, or a field of the record.
    pub what: String,
    /// What it became, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How many cells; small counts are not told.
    pub cells: Count,
}

impl Step {
    /// A step; counts from 1 to below `least` are not told.
    pub(crate) fn new(clause: Clause, change: Change, what: &str, cells: u64, least: u64) -> Self {
        let (article, item) = clause.place();
        Self {
            clause,
            rule: format!("{article}-{item}"),
            change,
            what: what.to_owned(),
            to: None,
            cells: count(cells, least),
        }
    }

    pub(crate) fn to(mut self, to: impl Into<String>) -> Self {
        self.to = Some(to.into());
        self
    }
}

/// Data that may leave under the rule it was made for. Only this crate makes it; the writers take nothing else.
#[derive(Debug)]
pub struct Anonymized<T> {
    data: T,
    steps: Vec<Step>,
}

impl<T> Anonymized<T> {
    pub(crate) fn new(data: T, mut steps: Vec<Step>) -> Self {
        steps.sort();
        Self { data, steps }
    }

    /// The data.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// What was done, in the order of the rules.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
