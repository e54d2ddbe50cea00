//! Quantities as decimal text with UCUM units.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A comparator before a number, as FHIR writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Comparator {
    /// Less than.
    #[serde(rename = "<")]
    Less,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// More than.
    #[serde(rename = ">")]
    More,
}

/// Where a value lies against its reference interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpretation {
    /// Below the interval.
    Low,
    /// Within it.
    Normal,
    /// Above it.
    High,
    /// A qualitative test that is positive.
    Positive,
    /// A qualitative test that is negative.
    Negative,
}

/// A value with its unit. Numbers keep their decimal text (`39.0` stays `39.0`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Quantity {
    /// Decimal text, e.g. `39.2`; absent for qualitative values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Upper end where the value is a range (`38-39`); `number` is the lower end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// Comparator before the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparator: Option<Comparator>,
    /// UCUM unit, e.g. `Cel`, `mg/dL`; absent when none is written or implied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// Qualitative value in normal form (`+`, `2+`, `-`, `+-`), or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Against the reference interval or the writer's own flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpretation: Option<Interpretation>,
}

impl Quantity {
    /// The number as a float for comparison with thresholds; exact enough for any clinical value.
    pub fn as_f64(&self) -> Option<f64> {
        self.number.as_deref().and_then(|text| text.parse().ok())
    }

    /// Whether it has neither number nor words.
    pub fn is_empty(&self) -> bool {
        self.number.is_none() && self.text.is_none()
    }
}
