//! Expressions over the facts of a patient, as they are after reading.

use crate::state::State;
use std::sync::Arc;
use tsumugi_clinical::{Interpretation, Sex};

/// In which sense a concept is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// There now.
    Now,
    /// There now, or suspected.
    Suspected,
    /// There before.
    History,
    /// There now or before.
    Ever,
    /// In a relative.
    Family,
    /// A drug that is taken.
    Taking,
}

/// A concept that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// In which sense.
    pub how: How,
    /// The concept.
    pub concept: Arc<str>,
}

/// An expression that is true, false or unknown of a patient.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// The other way round.
    Not(Box<Expression>),
    /// All hold; of none, true.
    All(Vec<Expression>),
    /// One holds; of none, false.
    Any(Vec<Expression>),
    /// So many hold.
    AtLeast(u32, Vec<Expression>),
    /// The first that is known.
    Else(Vec<Expression>),
    /// A concept, or anything below it.
    Holds(Asked),
    /// A level of a test's result.
    Level {
        /// The test.
        test: Arc<str>,
        /// The level.
        level: Interpretation,
        /// The state by which the patient's facts know it.
        state: State,
    },
    /// A comparison of numbers.
    Compare(Number, Comparator, Number),
    /// The patient's sex.
    Sex(Sex),
    /// An item is met; the index of the item.
    Item(usize),
    /// The sum of the points compares so.
    Points(Comparator, f64),
}

impl Expression {
    /// What holds of every patient.
    pub const ALWAYS: Self = Self::All(Vec::new());
    /// What holds of none.
    pub const NEVER: Self = Self::Any(Vec::new());
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparator {
    /// Less.
    Below,
    /// Less or equal.
    AtMost,
    /// Equal.
    Equal,
    /// Greater or equal.
    AtLeast,
    /// Greater.
    Above,
}

impl Comparator {
    /// Whether `left` compares so with `right`. Numbers that differ by rounding only are equal: a value in another
    /// unit is converted by a factor.
    pub fn holds(self, left: f64, right: f64) -> bool {
        const ROUNDING: f64 = 1e-9;
        let is_same = (left - right).abs() <= ROUNDING * right.abs().max(1.0);
        match self {
            Self::Below => left < right && !is_same,
            Self::AtMost => left < right || is_same,
            Self::Equal => is_same,
            Self::AtLeast => left > right || is_same,
            Self::Above => left > right && !is_same,
        }
    }
}

/// Which of a test's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// The newest value.
    Newest,
    /// The value before the newest.
    Previous,
    /// The lowest before the newest.
    Lowest,
    /// The highest before the newest.
    Highest,
    /// The upper limit of the reference interval.
    Upper,
    /// The lower limit of the reference interval.
    Lower,
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// Sum.
    Plus,
    /// Difference.
    Minus,
    /// Product.
    Times,
    /// Quotient; unknown for a divisor of 0.
    Over,
}

/// A function of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Natural logarithm; unknown for what is not above 0.
    Ln,
    /// Exponential.
    Exp,
    /// Square root; unknown below 0.
    Sqrt,
    /// To the nearest whole number.
    Round,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The first to the power of the second.
    Pow,
    /// The first that is known.
    First,
}

/// A number; unknown where a value that it needs is unknown.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// Itself.
    Literal(f64),
    /// Of a test, in its usual unit.
    Test(Of, Arc<str>),
    /// Age in years.
    Age,
    /// A formula that stands before; its index.
    Formula(usize),
    /// Two numbers.
    Binary(Box<Number>, Operator, Box<Number>),
    /// A function.
    Call(Function, Vec<Number>),
    /// The one or the other.
    If(Box<Expression>, Box<Number>, Box<Number>),
}
