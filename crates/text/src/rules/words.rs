//! The words that the tables use for effects, reaches, modifiers and kinds of units.

use super::{Effect, Modifier, Reach, UnitKind};
use tsumugi_clinical::Laterality;

impl Effect {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "negate" => Self::Negate,
            "affirm" => Self::Affirm,
            "suspect" => Self::Suspect,
            "resolve" => Self::Resolve,
            "past" => Self::Past,
            "general" => Self::General,
            "plan" => Self::Plan,
            "execute" => Self::Execute,
            "stop" => Self::Stop,
            "avoid" => Self::Avoid,
            "withhold" => Self::Withhold,
            "prevent" => Self::Prevent,
            "family" => Self::Family,
            "undone" => Self::Undone,
            "operated" => Self::Operated,
            "past-act" => Self::PastAct,
            "allergy" => Self::Allergy,
            _ => return None,
        })
    }
}

impl Reach {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "all" => Self::All,
            "last" => Self::Last,
            "after" => Self::After,
            _ => return None,
        })
    }
}

impl Modifier {
    /// A number of its own for every modifier.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Feature => 0,
            Self::Change => 1,
            Self::Prefix => 2,
            Self::Suffix => 3,
            Self::Context => 4,
            Self::Side(side) => 5 + side as u32,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "feature" => Self::Feature,
            "change" => Self::Change,
            "left" => Self::Side(Laterality::Left),
            "right" => Self::Side(Laterality::Right),
            "both" => Self::Side(Laterality::Both),
            "prefix" => Self::Prefix,
            "suffix" => Self::Suffix,
            "context" => Self::Context,
            _ => return None,
        })
    }
}

impl UnitKind {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "measure" => Self::Measure,
            "count" => Self::Count,
            "dose" => Self::Dose,
            "length" => Self::Length,
            "multiplier" => Self::Multiplier,
            _ => return None,
        })
    }
}
