//! What criteria cost, how they read in SQL, and sets of sorted numbers.

use crate::definitions::Kind;
use crate::query::{Criterion, Modifier, Prefix, Want};

/// What is asked first: the fewer resources a criterion usually leaves.
pub(super) fn cost(criterion: &Criterion) -> u8 {
    match criterion {
        Criterion::Id(_) => 0,
        Criterion::Is(asked) => match (asked.parameter.kind, asked.modifier) {
            (_, Modifier::Not | Modifier::Missing(_)) => 8,
            (Kind::Reference, _) => 1,
            (Kind::Token | Kind::Uri, Modifier::Text) => 6,
            (Kind::Token | Kind::Uri, _) => 2,
            (Kind::String, Modifier::Contains) => 6,
            (Kind::String, _) => 3,
            (Kind::Composite, _) => 9,
            _ => 5,
        },
        Criterion::Any(_) | Criterion::Chain { .. } => 4,
        Criterion::Has { .. } | Criterion::Updated(_) => 7,
    }
}

/// A condition on a range of time, with what stands for `?2` and `?3`.
pub(super) fn on_time(want: &Want, low: &str, high: &str) -> Option<(String, i64, i64)> {
    let Want::Date {
        prefix,
        low: from,
        high: to,
        margin,
    } = want
    else {
        return None;
    };
    let inside = format!("{low} >= ?2 AND {high} <= ?3");
    let condition = match prefix {
        Prefix::Eq => format!("{inside} AND {low} <= ?3"),
        Prefix::Ne => format!("NOT ({inside})"),
        Prefix::Gt => format!("{high} > ?3"),
        Prefix::Lt => format!("{low} < ?2"),
        Prefix::Ge => format!("{high} > ?3 OR ({inside})"),
        Prefix::Le => format!("{low} < ?2 OR ({inside})"),
        Prefix::Sa => format!("{low} >= ?3"),
        Prefix::Eb => format!("{high} <= ?2"),
        Prefix::Ap => format!("{low} < ?3 AND {high} > ?2"),
    };
    Some((
        condition,
        from.saturating_sub(*margin),
        to.saturating_add(*margin),
    ))
}

/// A condition on an amount, with what stands for `?2` and `?3`.
pub(super) fn on_amount(want: &Want) -> (&'static str, f64, f64) {
    let Want::Amount { prefix, at, half, .. } = want else {
        return ("0", 0.0, 0.0);
    };
    let (from, to) = (at - half, at + half);
    match prefix {
        Prefix::Eq => ("low >= ?2 AND high < ?3", from, to),
        Prefix::Ne => ("NOT (low >= ?2 AND high < ?3)", from, to),
        Prefix::Gt => ("high > ?2", *at, *at),
        Prefix::Lt => ("low < ?2", *at, *at),
        Prefix::Ge => ("high >= ?2", *at, *at),
        Prefix::Le => ("low <= ?2", *at, *at),
        Prefix::Sa => ("low > ?2", *at, *at),
        Prefix::Eb => ("high < ?2", *at, *at),
        Prefix::Ap => ("low <= ?3 AND high >= ?2", from, to),
    }
}

pub(super) fn sorted(mut numbers: Vec<i64>) -> Vec<i64> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

pub(super) fn both(a: &[i64], b: &[i64]) -> Vec<i64> {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if few.len().saturating_mul(16) < many.len() {
        return few
            .iter()
            .filter(|one| many.binary_search(one).is_ok())
            .copied()
            .collect();
    }
    let mut others = many.iter().peekable();
    let mut found = Vec::with_capacity(few.len());
    for one in few {
        while others.next_if(|other| *other < one).is_some() {}
        if others.peek() == Some(&one) {
            found.push(*one);
        }
    }
    found
}

pub(super) fn without(all: &[i64], some: &[i64]) -> Vec<i64> {
    let mut others = some.iter().peekable();
    let mut left = Vec::with_capacity(all.len());
    for one in all {
        while others.next_if(|other| *other < one).is_some() {}
        if others.peek() != Some(&one) {
            left.push(*one);
        }
    }
    left
}
