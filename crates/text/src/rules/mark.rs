//! Marks of a form: what its terms are, as bits, so that most questions about a token are one comparison.

use super::{Effect, Term};
use tsumugi_tables::{Marked, TermKind};

pub(crate) const CONCEPT: u32 = 1;
pub(crate) const CUE: u32 = 1 << 1;
/// A cue that plans.
pub(crate) const PLAN: u32 = 1 << 2;
pub(crate) const RELATIVE: u32 = 1 << 3;
pub(crate) const MODIFIER: u32 = 1 << 4;
pub(crate) const UNIT: u32 = 1 << 5;
pub(crate) const VALUE: u32 = 1 << 6;
pub(crate) const TIME: u32 = 1 << 7;
pub(crate) const USAGE: u32 = 1 << 8;
pub(crate) const HABIT: u32 = 1 << 9;
pub(crate) const SERIES: u32 = 1 << 10;
pub(crate) const DISCOURSE: u32 = 1 << 11;
pub(crate) const BLOCKER: u32 = 1 << 12;
pub(crate) const TEST: u32 = 1 << 13;
pub(crate) const DRUG: u32 = 1 << 14;
pub(crate) const CIRCUMSTANCE: u32 = 1 << 15;
pub(crate) const SITE: u32 = 1 << 16;
/// A form with several readings, of which what stands around chooses one.
pub(crate) const AMBIGUOUS: u32 = 1 << 17;
/// A way of writing a staging: found wherever it stands, and no part of the cover.
pub(crate) const STAGING: u32 = 1 << 18;

impl Marked for Term {
    fn marks(&self) -> u32 {
        match self {
            Self::Concept { kind, .. } => {
                CONCEPT
                    | match kind {
                        TermKind::Test => TEST,
                        TermKind::Drug | TermKind::DrugClass => DRUG,
                        TermKind::Circumstance => CIRCUMSTANCE,
                        TermKind::Site => SITE,
                        _ => 0,
                    }
            }
            Self::Cue {
                effect: Effect::Plan, ..
            } => PLAN,
            Self::Cue { .. } => CUE,
            Self::Relative(_) => RELATIVE,
            Self::Modifier(_) => MODIFIER,
            Self::Unit { .. } => UNIT,
            Self::Value(_) => VALUE,
            Self::Time { .. } => TIME,
            Self::Usage { .. } => USAGE,
            Self::Habit { .. } => HABIT,
            Self::Series => SERIES,
            Self::Discourse(_) => DISCOURSE,
            Self::Blocker => BLOCKER,
            Self::Staging(_) => STAGING,
        }
    }
}
