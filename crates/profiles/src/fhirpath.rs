//! FHIRPath, as far as the constraints of R4 and of profiles need it: a parser, and an evaluator over JSON whose types
//! come from [`crate::schema`].
//!
//! An expression that uses something else does not parse, and its constraint is told as not checked: nothing is valid
//! because it was not understood. Every evaluation counts its steps and stops at [`MOST_STEPS`].

mod compare;
mod eval;
mod functions;
mod parse;
#[cfg(test)]
mod tests;

pub(crate) use compare::same;
pub(crate) use eval::{Verdict, World};
pub(crate) use parse::Expression;

/// Steps that one expression may take at one place.
pub(crate) const MOST_STEPS: u32 = 1_000_000;
