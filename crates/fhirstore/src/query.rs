//! A search as it is asked for: the parameters of an address, read and held against the definitions.

mod control;
mod read;
mod wants;

use crate::definitions::{Definitions, Parameter};
use std::fmt;

/// Most criteria of a search.
pub const MAX_CRITERIA: usize = 40;
/// Most alternatives of a search.
pub const MAX_ALTERNATIVES: usize = 500;
/// Most links of a chain.
pub const MAX_LINKS: usize = 4;
/// Most resources of a page.
pub const MAX_COUNT: usize = 1000;
/// Resources of a page where nobody says.
pub const USUAL_COUNT: usize = 100;

/// Why a search cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A value, prefix or cursor.
    Invalid,
    /// A parameter, modifier or chain that is not there or not offered.
    NotSupported,
    /// More than the bounds.
    TooCostly,
}

/// A search that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// Why.
    pub why: Why,
    /// What is wrong, where, and what would do.
    pub text: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for QueryError {}

impl QueryError {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self {
            why: Why::Invalid,
            text: text.into(),
        }
    }

    pub(crate) fn not_supported(text: impl Into<String>) -> Self {
        Self {
            why: Why::NotSupported,
            text: text.into(),
        }
    }

    pub(crate) fn too_costly(text: impl Into<String>) -> Self {
        Self {
            why: Why::TooCostly,
            text: text.into(),
        }
    }
}

/// What is known beside the address.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    /// The definitions.
    pub definitions: &'c Definitions,
    /// The address of this server.
    pub base: &'c str,
    /// Milliseconds after 1970, for `ap`.
    pub now: i64,
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Type of the resources.
    pub kind: String,
    /// All of these hold.
    pub criteria: Vec<Criterion>,
    /// The order, before that of the numbers.
    pub sort: Vec<Sort>,
    /// Resources of a page, at most.
    pub count: usize,
    /// Whether the total is asked for.
    pub total: bool,
    /// Only the total is asked for.
    pub only_total: bool,
    /// What is given with what is found.
    pub includes: Vec<Include>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// What the pages of one search have in common.
    pub fingerprint: String,
}

/// One criterion.
#[derive(Debug, Clone, PartialEq)]
pub enum Criterion {
    /// `_id`: one of these.
    Id(Vec<String>),
    /// `_lastUpdated`: one of these.
    Updated(Vec<Want>),
    /// A parameter of the type: one of these.
    Is(Box<Asked>),
    /// One of these.
    Any(Vec<Criterion>),
    /// A reference leads to a resource of a type for which something holds.
    Chain {
        /// The reference.
        parameter: Box<Parameter>,
        /// Type of its target.
        kind: String,
        /// What holds of the target.
        inner: Box<Criterion>,
    },
    /// `_has`: a resource of a type refers to it, for which something holds.
    Has {
        /// Type of the other resource.
        kind: String,
        /// Its reference.
        parameter: Box<Parameter>,
        /// What holds of the other resource.
        inner: Box<Criterion>,
    },
}

/// A parameter, its modifier and the values asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The parameter.
    pub parameter: Parameter,
    /// The modifier.
    pub modifier: Modifier,
    /// One of these.
    pub wants: Vec<Want>,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// As usual.
    Plain,
    /// `:missing`
    Missing(bool),
    /// `:exact`
    Exact,
    /// `:contains`
    Contains,
    /// `:not`
    Not,
    /// `:text`
    Text,
    /// `:below` of a URI
    Below,
    /// `:above` of a URI
    Above,
    /// `:identifier`
    Identifier,
}

/// A prefix of a date, number or quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// Starts after.
    Sa,
    /// Ends before.
    Eb,
    /// About.
    Ap,
}

/// A value that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// A code: of any system where that is none, without one where it is empty; any code where that is none.
    Token {
        /// System.
        system: Option<String>,
        /// Code.
        code: Option<String>,
    },
    /// A range of time: milliseconds, half open; `margin` is for `ap`.
    Date {
        /// Prefix.
        prefix: Prefix,
        /// From.
        low: i64,
        /// To.
        high: i64,
        /// How much earlier and later is still about the same.
        margin: i64,
    },
    /// A number: as written, and the range that rounds to it.
    Amount {
        /// Prefix.
        prefix: Prefix,
        /// The number.
        at: f64,
        /// Half of the last digit.
        half: f64,
        /// System and unit; the unit alone; nothing.
        unit: Unit,
    },
    /// A text as written.
    Text(String),
    /// A URI.
    Uri(String),
    /// What a reference leads to: type and id here; an address elsewhere has no type.
    Reference {
        /// Type; empty for an address elsewhere.
        kind: String,
        /// Id or address.
        id: String,
    },
    /// Parts of a composite.
    Parts(Vec<Want>),
}

/// The unit of an amount that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Whatever.
    Any,
    /// A code of a system.
    Coded(String, String),
    /// A code of whatever system, or the unit as written.
    Written(String),
}

/// A part of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The greatest first.
    pub descending: bool,
}

/// By what resources are ordered.
#[derive(Debug, Clone, PartialEq)]
pub enum SortBy {
    /// `_id`
    Id,
    /// `_lastUpdated`
    Updated,
    /// A parameter.
    Parameter(Box<Parameter>),
}

/// What is given with what is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Include {
    /// Whether it is what refers to what was found, rather than what that refers to.
    pub reverse: bool,
    /// Also of what was included.
    pub iterate: bool,
    /// Type of the resource that refers.
    pub kind: String,
    /// Its references; all for `*`.
    pub parameters: Vec<Parameter>,
    /// Only to this type.
    pub target: Option<String>,
}

impl Query {
    /// Reads the parameters of an address, already decoded.
    ///
    /// # Errors
    /// What is not known is refused: without it, an answer would hold more than was asked for.
    pub fn read(context: Context<'_>, kind: &str, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        control::read(context, kind, pairs)
    }

    /// Reads a criterion of a type, as one parameter of an address.
    ///
    /// # Errors
    /// As [`Query::read`].
    pub fn criterion(
        context: Context<'_>,
        kind: &str,
        name: &str,
        value: &str,
    ) -> Result<Criterion, QueryError> {
        let mut reader = read::Reader {
            context,
            alternatives: 0,
        };
        reader.criterion(kind, name, value, 0)
    }
}
