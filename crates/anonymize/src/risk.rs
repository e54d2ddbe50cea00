//! How likely a person is found again, by the size of the classes.

use crate::cells::{Count, count};
use serde::Serialize;
use std::collections::BTreeMap;

/// The risk that is left. Who searches knows of a person all columns that may identify, and that the person is in the set
/// (prosecutor's view: the worst case); a row of a class of n is theirs with 1/n.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Risk {
    /// Rows that are left.
    pub rows: u64,
    /// Rows left out; a small count is not told.
    pub suppressed: Count,
    /// The greatest risk of a row.
    pub highest: f64,
    /// The mean risk of a row: classes by rows.
    pub mean: f64,
    /// Rows that would be found again: the sum of their risks.
    pub expected: f64,
    /// Rows that nobody is alike.
    pub unique: u64,
    /// Share of the rows whose risk is above the threshold.
    pub above: f64,
    /// The threshold.
    pub threshold: f64,
    /// How many classes there are of each size.
    pub sizes: BTreeMap<u32, u64>,
}

/// The risk of classes of these sizes; `suppressed` is how many rows were left out, and below which count that is not told;
/// `threshold` is the risk above which a row counts as at risk, 0 to 1.
pub fn report(sizes: impl IntoIterator<Item = u32>, suppressed: (u64, u64), threshold: f64) -> Risk {
    let mut counted: BTreeMap<u32, u64> = BTreeMap::new();
    for size in sizes.into_iter().filter(|size| *size > 0) {
        *counted.entry(size).or_default() += 1;
    }
    let rows: u64 = counted
        .iter()
        .map(|(size, classes)| u64::from(*size) * classes)
        .sum();
    let classes: u64 = counted.values().sum();
    let all = rows.max(1) as f64;
    let risky = |size: u32| 1.0 / f64::from(size) > threshold;
    let above: u64 = counted
        .iter()
        .filter(|(size, _)| risky(**size))
        .map(|(size, classes)| u64::from(*size) * classes)
        .sum();
    Risk {
        rows,
        suppressed: count(suppressed.0, suppressed.1),
        highest: counted.keys().next().map_or(0.0, |least| 1.0 / f64::from(*least)),
        mean: classes as f64 / all,
        expected: classes as f64,
        unique: counted.get(&1).copied().unwrap_or(0),
        above: above as f64 / all,
        threshold,
        sizes: counted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risks_are_those_reckoned_by_hand() {
        let told = report([1, 4, 5], (2, 10), 0.2);
        assert_eq!(
            (told.rows, told.suppressed, told.unique),
            (10, Count::Below(10), 1)
        );
        let near = |one: f64, other: f64| (one - other).abs() < 1e-12;
        assert!(near(told.highest, 1.0) && near(told.mean, 0.3) && near(told.expected, 3.0));
        // 1 and 1/4 are above 0.2, 1/5 is not.
        assert!(near(told.above, 0.5));
        let none = report([], (30, 10), 0.2);
        assert_eq!(none.suppressed, Count::Told(30));
        assert!(none.rows == 0 && near(none.highest, 0.0) && near(none.mean, 0.0));
    }
}
