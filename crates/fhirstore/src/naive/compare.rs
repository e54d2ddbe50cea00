//! Times and amounts of bodies against what is asked, in R4's words on prefixes.

use crate::definitions::Definitions;
use crate::json::Node;
use crate::path::Shape;
use crate::query::{Prefix, Unit, Want};
use crate::time;

/// The range of time of a date, period or schedule: half open.
pub(super) fn ends(shape: Shape, node: &Node<'_>) -> Option<(i64, i64)> {
    match shape {
        Shape::Period => {
            let (start, end) = (node.text_of("start"), node.text_of("end"));
            let from = match start {
                Some(start) => time::range(start)?.0,
                None => i64::MIN,
            };
            let to = match end {
                Some(end) => time::range(end)?.1,
                None => i64::MAX,
            };
            let is_range = (start.is_some() || end.is_some()) && from < to;
            is_range.then_some((from, to))
        }
        Shape::Timing => {
            let mut all: Vec<(i64, i64)> = node
                .all("event")
                .iter()
                .filter_map(|event| event.text().and_then(time::range))
                .collect();
            if let Some(bounds) = node.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")) {
                all.extend(ends(Shape::Period, bounds));
            }
            let from = all.iter().map(|range| range.0).min()?;
            let to = all.iter().map(|range| range.1).max()?;
            Some((from, to))
        }
        _ => time::range(node.text()?),
    }
}

/// Whether a range of time is as asked.
pub(super) fn fits_time(want: &Want, (low, high): (i64, i64)) -> bool {
    let Want::Date {
        prefix,
        low: from,
        high: to,
        margin,
    } = want
    else {
        return false;
    };
    let is_inside = *from <= low && high <= *to;
    match prefix {
        Prefix::Eq => is_inside,
        Prefix::Ne => !is_inside,
        // The range above (below) what is asked overlaps.
        Prefix::Gt => high > *to,
        Prefix::Lt => low < *from,
        Prefix::Ge => is_inside || high > *to,
        Prefix::Le => is_inside || low < *from,
        Prefix::Sa => low >= *to,
        Prefix::Eb => high <= *from,
        Prefix::Ap => low < to.saturating_add(*margin) && high > from.saturating_sub(*margin),
    }
}

/// Both ends of an amount, which belong to it.
pub(super) struct Ends {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// An amount of a body.
pub(super) struct Amount<'n> {
    pub(super) ends: Ends,
    system: &'n str,
    code: &'n str,
    unit: &'n str,
}

fn number(node: Option<&Node<'_>>) -> Option<f64> {
    let Some(Node::Number(digits)) = node else {
        return None;
    };
    digits.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Reads an amount.
pub(super) fn amount<'n>(shape: Shape, node: &'n Node<'_>) -> Option<Amount<'n>> {
    let of = |node: &'n Node<'_>, low: f64, high: f64| Amount {
        ends: Ends { low, high },
        system: node.text_of("system").unwrap_or_default(),
        code: node.text_of("code").unwrap_or_default(),
        unit: node.text_of("unit").unwrap_or_default(),
    };
    match shape {
        Shape::Number => {
            let at = number(Some(node))?;
            Some(of(node, at, at))
        }
        Shape::Money => {
            let at = number(node.get("value"))?;
            let code = node.text_of("currency").unwrap_or_default();
            let system = if code.is_empty() {
                ""
            } else {
                "urn:iso:std:iso:4217"
            };
            Some(Amount {
                system,
                code,
                ..of(node, at, at)
            })
        }
        Shape::Range => {
            let (low, high) = (node.get("low"), node.get("high"));
            let least = number(low.and_then(|low| low.get("value"))).unwrap_or(f64::NEG_INFINITY);
            let greatest = number(high.and_then(|high| high.get("value"))).unwrap_or(f64::INFINITY);
            Some(of(low.or(high)?, least, greatest))
        }
        Shape::SampledData => {
            let origin = node.get("origin")?;
            let zero = number(origin.get("value")).unwrap_or(0.0);
            let factor = number(node.get("factor")).unwrap_or(1.0);
            let mut all: Vec<f64> = Vec::new();
            for one in node.text_of("data")?.split_ascii_whitespace() {
                let at: f64 = one.parse().unwrap_or(f64::NAN);
                if at.is_finite() {
                    all.push(zero + at * factor);
                }
            }
            let low = all.iter().copied().reduce(f64::min)?;
            let high = all.iter().copied().reduce(f64::max)?;
            Some(of(origin, low, high))
        }
        _ => {
            let at = number(node.get("value"))?;
            let (low, high) = match node.text_of("comparator").unwrap_or_default() {
                "<" => (f64::NEG_INFINITY, at.next_down()),
                "<=" => (f64::NEG_INFINITY, at),
                ">" => (at.next_up(), f64::INFINITY),
                ">=" => (at, f64::INFINITY),
                _ => (at, at),
            };
            Some(of(node, low, high))
        }
    }
}

/// Whether an amount is as asked.
pub(super) fn fits_amount(definitions: &Definitions, want: &Want, amount: &Amount<'_>) -> bool {
    let Want::Amount {
        prefix,
        at,
        half,
        unit,
    } = want
    else {
        return false;
    };
    let fits_unit = match unit {
        Unit::Any => true,
        Unit::Written(code) => amount.code == code || amount.unit == code,
        Unit::Coded(system, code) => {
            !amount.code.is_empty() && amount.code == code && definitions.canonical(amount.system) == system
        }
    };
    let Ends { low, high } = amount.ends;
    let rounds_to_it = at - half <= low && high < at + half;
    fits_unit
        && match prefix {
            Prefix::Eq => rounds_to_it,
            Prefix::Ne => !rounds_to_it,
            Prefix::Gt => high > *at,
            Prefix::Lt => low < *at,
            Prefix::Ge => high >= *at,
            Prefix::Le => low <= *at,
            Prefix::Sa => low > *at,
            Prefix::Eb => high < *at,
            Prefix::Ap => low <= at + half && high >= at - half,
        }
}
