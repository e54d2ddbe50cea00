//! What a frequency rests on: counts of real patients, or an estimate that says so.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// How far a row can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A source that can be located, with its figures.
    Cited,
    /// A source named from memory.
    CitationUnchecked,
    /// Nobody's count: what the editors hold to be about right.
    EditorialEstimate,
    /// Counted in cases that were learned.
    Counted,
    /// A person has accepted it from a text that is named.
    Accepted,
}

impl Status {
    /// Reads the word of the tables.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "cited" => Some(Self::Cited),
            "citation-unchecked" => Some(Self::CitationUnchecked),
            "editorial-estimate" => Some(Self::EditorialEstimate),
            _ => None,
        }
    }

    /// The word, as the tables and the screens' texts have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cited => "cited",
            Self::CitationUnchecked => "citation-unchecked",
            Self::EditorialEstimate => "editorial-estimate",
            Self::Counted => "counted",
            Self::Accepted => "accepted",
        }
    }

    /// Pseudo-cases that a bare frequency of this status is worth.
    fn weight(self) -> f64 {
        match self {
            Self::Cited | Self::CitationUnchecked | Self::Counted | Self::Accepted => 8.0,
            Self::EditorialEstimate => 2.0,
        }
    }
}

/// One source's say on how often a finding occurs in a disease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Id of the source.
    pub source: Arc<str>,
    /// How far it can be trusted.
    pub status: Status,
    /// Patients with the finding, where it was counted.
    pub with: u32,
    /// Patients in whom it was looked for; 0 where nothing was counted.
    pub of: u32,
    /// Share of patients, 0 to 1, where nothing was counted.
    pub frequency: f32,
    /// Words of the source, e.g. a reference.
    pub note: Arc<str>,
}

impl Evidence {
    /// Real counts cannot outweigh all else without end: more patients than this add nothing.
    const MOST: f64 = 400.0;

    /// The empty row of a source of cases.
    pub(crate) fn counted(source: &str) -> Self {
        Self {
            source: source.into(),
            status: Status::Counted,
            with: 0,
            of: 0,
            frequency: 0.0,
            note: "".into(),
        }
    }

    /// The order of rows on one finding: the same rows stand in the same order, whichever came first.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| (Arc::clone(&row.source), row.status, row.with, row.of);
        let rest = |row: &Self| (row.frequency.to_bits(), Arc::clone(&row.note));
        key(self)
            .cmp(&key(other))
            .then_with(|| rest(self).cmp(&rest(other)))
    }

    /// The two pseudo-counts (with, without) of a Beta distribution.
    pub fn counts(&self) -> (f64, f64) {
        if self.of == 0 {
            let weight = self.status.weight();
            let share = f64::from(self.frequency);
            return (weight * share, weight * (1.0 - share));
        }
        let of = f64::from(self.of);
        let scale = (Self::MOST / of).min(1.0);
        (f64::from(self.with) * scale, (of - f64::from(self.with)) * scale)
    }
}

/// What all active sources together say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// Pseudo-patients with it.
    pub with: f64,
    /// Pseudo-patients without it.
    pub without: f64,
    /// Real patients counted.
    pub counted: u32,
}

impl Share {
    /// Sums the sources.
    pub fn of(evidence: &[Evidence]) -> Self {
        evidence.iter().fold(Self::default(), |sum, evidence| {
            let (with, without) = evidence.counts();
            Self {
                with: sum.with + with,
                without: sum.without + without,
                counted: sum.counted + evidence.of,
            }
        })
    }

    /// The mean of the Beta posterior over a weak prior at `base`.
    pub fn mean(self, base: f64) -> f64 {
        const PRIOR: f64 = 0.05;
        (self.with + PRIOR * base) / (self.with + self.without + PRIOR)
    }
}
