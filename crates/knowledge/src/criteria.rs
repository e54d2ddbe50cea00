//! Published criteria and scores as data: `knowledge/criteria/*.toml`, one set a file.
//!
//! A set has items (each met by an expression over facts, or in bands by a value), formulas over test values, and
//! outcomes by points, by items or by a formula. Nothing of medicine is in code: the expressions are read here, and
//! `cds` evaluates them against a patient. What is wrong in a file is a mistake with its line and column.
//!
//! The expressions:
//!
//! | Form | Holds where |
//! |---|---|
//! | `fever` | a fact of now says the concept or anything below it; a chronic disease in the history is of now |
//! | `suspected C` | it is there now, or the record suspects it |
//! | `history C`, `ever C`, `family C` | it was there before; now or before; in a relative |
//! | `taking D` | the drug, or one of the class, is taken now |
//! | `test.x >= 22` | the newest value, in the usual unit of the test |
//! | `test.crp=high` | the value or a fact says the level: `low`, `normal`, `high`, `positive`, `negative` |
//! | `age >= 65`, `sex = female` | age in years, sex |
//! | `item.a`, `points >= 2` | an item that stands before is met; the sum of the points |
//! | `not`, `and`, `or`, `at-least 2 (a, b, c)` | of the expressions inside |
//! | `true`, `false` | always, never; `C else false` takes what is not recorded as absent |
//! | `a else b` | what `a` says; where that is unknown, what `b` says |
//!
//! Numbers in comparisons and formulas: `+ - * /`, `ln exp sqrt round min max pow`, `first(a, b)` (the first that is
//! known), `if(condition, a, b)`, `formula.x`, `score` (the last formula), `previous test.x` (the value before the
//! newest), `lowest test.x` and `highest test.x` (of the values before the newest), `upper test.x` and `lower test.x`
//! (limits of its reference interval). A word goes on over `-` and `.`, so that a minus needs a blank before it.

mod expression;
mod lex;
mod parse;
mod read;

pub use expression::{Asked, Comparator, Expression, Function, How, Number, Of, Operator};

use crate::evidence::Status;
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::Vocabulary;

/// What a set of criteria is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CriterionKind {
    /// Whether the patient has the disease.
    Diagnosis,
    /// How severe it is.
    Severity,
    /// How likely something is, or is to come.
    Risk,
    /// How it will end.
    Prognosis,
}

impl CriterionKind {
    /// The word, as the files and the screens' texts have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Severity => "severity",
            Self::Risk => "risk",
            Self::Prognosis => "prognosis",
        }
    }
}

/// A set of criteria.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// Stable id.
    pub id: Arc<str>,
    /// Japanese name.
    pub name: Arc<str>,
    /// English name.
    pub english: Arc<str>,
    /// What it is for.
    pub kind: CriterionKind,
    /// For whom and what for, one sentence.
    pub about: Arc<str>,
    /// Author, journal or society.
    pub source: Arc<str>,
    /// Year or edition.
    pub edition: Arc<str>,
    /// How far the file can be trusted.
    pub status: Status,
    /// Who has read it.
    pub reviewed_by: Vec<Arc<str>>,
    /// When it is worth showing.
    pub applies: Expression,
    /// Values computed from tests, each may use those before.
    pub formulas: Vec<Formula>,
    /// The items, in the order of the source.
    pub items: Vec<Item>,
    /// The outcomes; the first that holds is the result.
    pub outcomes: Vec<Outcome>,
}

impl Criterion {
    /// Whether its items have points.
    pub fn has_points(&self) -> bool {
        self.items.iter().any(|item| match &item.marks {
            Marks::Once { points, .. } => *points != 0.0,
            Marks::Bands(bands) => bands.iter().any(|band| band.points != 0.0),
        })
    }
}

/// A value computed from tests and age.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// Id, for `formula.ID`.
    pub id: Arc<str>,
    /// Japanese name.
    pub name: Arc<str>,
    /// Unit of the value; may be empty.
    pub unit: Arc<str>,
    /// How it is computed.
    pub value: Number,
}

/// One item of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Id, for `item.ID`.
    pub id: Arc<str>,
    /// Japanese name.
    pub name: Arc<str>,
    /// What meets it, for how many points.
    pub marks: Marks,
}

/// What an item counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Marks {
    /// Met or not.
    Once {
        /// What meets it.
        when: Expression,
        /// Points where it is met; 0 in sets without points.
        points: f64,
    },
    /// By degree: the first band that holds counts; 0 points where none does. Where no band has points, the item is
    /// met in any of them.
    Bands(Vec<Band>),
}

/// A band of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// What puts a patient into it; the last band may hold for all the others.
    pub when: Expression,
    /// Points.
    pub points: f64,
    /// Japanese name.
    pub name: Arc<str>,
}

/// An outcome: holds where the points lie in its interval and its expression holds; with neither it always holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Japanese name.
    pub name: Arc<str>,
    /// What it means, one sentence; may be empty.
    pub meaning: Arc<str>,
    /// Least points.
    pub from: Option<f64>,
    /// Most points.
    pub to: Option<f64>,
    /// What must hold.
    pub when: Option<Expression>,
}

/// All sets of criteria, by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CriteriaBook {
    /// The sets, sorted by id.
    pub criteria: Vec<Criterion>,
}

impl CriteriaBook {
    /// Reads `knowledge/criteria/*.toml`; what is wrong goes to `mistakes`, and the set is left out. Every concept
    /// and test that is named must be in the vocabulary.
    pub fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        read::book(sources, vocabulary, mistakes)
    }

    /// A set by its id.
    pub fn criterion(&self, id: &str) -> Option<&Criterion> {
        let at = self
            .criteria
            .binary_search_by(|criterion| criterion.id.as_ref().cmp(id))
            .ok()?;
        self.criteria.get(at)
    }
}
