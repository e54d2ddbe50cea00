//! How much of a drug a dosage is: every reading that its words allow.
//!
//! Three tablets "in three doses" are a day's amount, three tablets "at a time" a dose's; where the words say neither,
//! both readings are kept, and only what every reading exceeds is exceeded.

use std::collections::BTreeSet;
use tsumugi_clinical::{Dosage, Quantity};
use tsumugi_knowledge::drug::DoseWord;

/// One reading of a dosage, in the unit asked for; the upper end where it is a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// A day; none where it is not known how often it is taken.
    pub(super) day: Option<f64>,
    /// A dose; none where the amount may also be a day's.
    pub(super) single: Option<f64>,
    /// What is taken at least on a day of intake.
    pub(super) least: f64,
}

/// Why a dosage cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// No amount, or not in a unit that can be converted.
    Amount,
    /// It is for each kilogram, and the weight is not known.
    Weight,
}

/// On which days a drug is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    /// Once a week, every other day.
    Spaced,
    /// Every day.
    Daily,
    /// It is not written.
    Open,
}

impl Schedule {
    pub(super) fn of(dosage: &Dosage, words: &BTreeSet<DoseWord>) -> Self {
        if words.contains(&DoseWord::Weekly) || words.contains(&DoseWord::Spaced) {
            Self::Spaced
        } else if dosage.times_per_day.is_some() || words.contains(&DoseWord::Daily) {
            Self::Daily
        } else {
            Self::Open
        }
    }
}

/// The route, as it is written or as tablets, meals and divided doses tell it.
pub(super) fn route<'d>(dosage: &'d Dosage, words: &BTreeSet<DoseWord>) -> Option<&'d str> {
    let unit = dosage.amount.as_ref().and_then(|amount| amount.unit.as_deref());
    let is_swallowed = matches!(unit, Some("{tablet}" | "{capsule}" | "{packet}" | "{pill}"));
    let tells = is_swallowed || words.contains(&DoseWord::Divided) || words.contains(&DoseWord::Oral);
    dosage.route.as_deref().or(tells.then_some("oral"))
}

/// The readings of a dosage in a unit.
pub(super) fn readings(
    dosage: &Dosage,
    words: &BTreeSet<DoseWord>,
    unit: &str,
    weight: Option<f64>,
) -> Result<Vec<Reading>, Unread> {
    let total = total(dosage, words, unit, weight)?;
    let times = dosage.times_per_day.filter(|times| *times > 0).map(f64::from);
    let of_dose = Reading {
        day: times.map(|times| total.number * times),
        single: Some(total.number),
        least: total.number,
    };
    let of_day = Reading {
        day: Some(total.number),
        single: times.map(|times| total.number / times),
        least: total.number,
    };
    let of_either = Reading {
        day: None,
        single: None,
        least: total.number,
    };
    if total.is_of_day {
        return Ok(vec![of_day]);
    }
    if dosage.as_needed {
        return Ok(vec![of_dose]);
    }
    let says = |word| words.contains(&word);
    if says(DoseWord::Hourly) && is_hourly(dosage) {
        const HOURS: f64 = 24.0;
        return Ok(vec![Reading {
            day: Some(total.number * HOURS),
            single: None,
            least: total.number,
        }]);
    }
    // "60 mg in three doses": with no count beside it, the strength may be that of one tablet.
    let is_once = times.is_none_or(|times| times <= 1.0);
    let day_is_meant =
        (says(DoseWord::Day) || says(DoseWord::Divided)) && (dosage.amount.is_some() || is_once);
    Ok(match (says(DoseWord::Dose), day_is_meant) {
        (true, false) => vec![of_dose],
        (false, true) => vec![of_day],
        _ if times.is_none() => vec![of_either],
        _ if is_once => vec![of_dose],
        _ => vec![of_dose, of_day],
    })
}

/// An amount in the unit asked for.
struct Total {
    number: f64,
    /// The unit itself says that it is a day's.
    is_of_day: bool,
}

fn total(
    dosage: &Dosage,
    words: &BTreeSet<DoseWord>,
    unit: &str,
    weight: Option<f64>,
) -> Result<Total, Unread> {
    // "Continuously" says nothing of an amount, unless that amount has its own hour or day.
    let is_rate = is_hourly(dosage) || is_daily(dosage);
    let is_of_fluid = words.contains(&DoseWord::Hourly) && !is_rate;
    if is_of_fluid || words.contains(&DoseWord::Unread) && !is_rate {
        return Err(Unread::Amount);
    }
    let count = dosage.amount.as_ref();
    let is_counted = |quantity: &Quantity| quantity.unit.as_deref().is_some_and(|unit| unit.starts_with('{'));
    if let Some(count) = count.filter(|count| count.unit.as_deref() == Some(unit)) {
        return upper(count)
            .map(|number| Total {
                number,
                is_of_day: false,
            })
            .ok_or(Unread::Amount);
    }
    let (strength, times) = match (&dosage.strength, count) {
        (Some(strength), None) => (strength, 1.0),
        (Some(strength), Some(count)) if is_counted(count) && !is_supply(count) => {
            (strength, upper(count).ok_or(Unread::Amount)?)
        }
        (None, Some(count)) if !is_counted(count) => (count, 1.0),
        _ => return Err(Unread::Amount),
    };
    let is_weighed = strength
        .unit
        .as_deref()
        .is_some_and(|unit| matches!(unit, "g" | "mL" | "L"));
    if is_weighed && words.contains(&DoseWord::Powder) {
        return Err(Unread::Amount);
    }
    let read = parts(strength.unit.as_deref(), unit).ok_or(Unread::Amount)?;
    let number = upper(strength).ok_or(Unread::Amount)?;
    let weight = if read.per_kilogram {
        weight.ok_or(Unread::Weight)?
    } else {
        1.0
    };
    Ok(Total {
        number: number * times * read.factor * weight,
        is_of_day: read.is_of_day,
    })
}

/// Whether the unit of the amount is a day's.
fn is_daily(dosage: &Dosage) -> bool {
    let quantity = dosage.strength.as_ref().or(dosage.amount.as_ref());
    let unit = quantity.and_then(|quantity| quantity.unit.as_deref());
    unit.is_some_and(|unit| unit.ends_with("/d"))
}

/// Whether the rate is the amount's own (「450単位/時」), and not that of the fluid (「1g 100mL/h」): nothing but its unit
/// stands between the number and the stroke.
fn is_hourly(dosage: &Dosage) -> bool {
    const LONGEST_UNIT: usize = 10;
    let quantity = dosage.strength.as_ref().or(dosage.amount.as_ref());
    let Some(number) = quantity.and_then(|quantity| quantity.number.as_deref()) else {
        return false;
    };
    let Some((_, behind)) = dosage.text.split_once(number) else {
        return false;
    };
    let unit: String = behind
        .chars()
        .take(LONGEST_UNIT)
        .take_while(|c| !c.is_ascii_digit() && *c != ' ')
        .collect();
    unit.rsplit_once('/')
        .is_some_and(|(_, per)| per.starts_with('h') || per.starts_with(HOUR))
}

/// The hour in Japanese.
const HOUR: char = '\u{6642}';

/// A pen or a bottle is what is handed out, and not what is taken.
fn is_supply(count: &Quantity) -> bool {
    matches!(count.unit.as_deref(), Some("{bottle}" | "{kit}"))
}

fn upper(quantity: &Quantity) -> Option<f64> {
    let text = quantity.high.as_deref().or(quantity.number.as_deref())?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

struct Parts {
    factor: f64,
    per_kilogram: bool,
    is_of_day: bool,
}

/// How a written unit turns into the one asked for.
fn parts(written: Option<&str>, unit: &str) -> Option<Parts> {
    let Some(written) = written else {
        // A bare strength is in the unit of the tablets, for those that are told in small units.
        return matches!(unit, "mg" | "ug").then_some(Parts {
            factor: 1.0,
            per_kilogram: false,
            is_of_day: false,
        });
    };
    let (written, is_of_day) = written
        .strip_suffix("/d")
        .map_or((written, false), |rest| (rest, true));
    let (written, per_kilogram) = written
        .strip_suffix("/kg")
        .map_or((written, false), |rest| (rest, true));
    Some(Parts {
        factor: factor(written, unit)?,
        per_kilogram,
        is_of_day,
    })
}

/// The factor from one unit of mass or volume to another; 1 for the same unit.
pub(super) fn factor(from: &str, to: &str) -> Option<f64> {
    if from == to {
        return Some(1.0);
    }
    let mass = |unit: &str| match unit {
        "g" => Some(1e6),
        "mg" => Some(1e3),
        "ug" => Some(1.0),
        "ng" => Some(1e-3),
        _ => None,
    };
    let volume = |unit: &str| match unit {
        "L" => Some(1e3),
        "mL" => Some(1.0),
        _ => None,
    };
    let ratio = |size: &dyn Fn(&str) -> Option<f64>| Some(size(from)? / size(to)?);
    ratio(&mass).or_else(|| ratio(&volume))
}
