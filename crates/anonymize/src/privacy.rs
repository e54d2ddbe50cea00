//! What holds of classes of rows: k-anonymity (Sweeney 2002), l-diversity (Machanavajjhala and others 2007), t-closeness (Li, Li
//! and Venkatasubramanian 2007).

use serde::Serialize;
use std::collections::BTreeMap;

/// How far apart two values of a sensitive column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// Any two different values are as far apart as any others.
    Equal,
    /// The values have an order, that of their codes; neighbours are near.
    Ordered,
}

/// What holds of all classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Privacy {
    /// Rows of the smallest class.
    pub k: u32,
    /// The least number of different sensitive values in a class.
    pub distinct_l: u32,
    /// e to the least entropy of the sensitive values of a class: as many equally frequent values.
    pub entropy_l: f64,
    /// The greatest earth mover's distance between the sensitive values of a class and those of all rows, 0 to 1.
    pub t: f64,
}

/// What holds of each class: for each row its class and the code of its sensitive value, below `values`.
pub fn by_class(rows: &[(u32, u32)], values: u32, distance: Distance) -> BTreeMap<u32, Privacy> {
    let mut classes: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    let mut all: BTreeMap<u32, u32> = BTreeMap::new();
    for (class, value) in rows {
        *classes.entry(*class).or_default().entry(*value).or_default() += 1;
        *all.entry(*value).or_default() += 1;
    }
    let size = |counts: &BTreeMap<u32, u32>| counts.values().sum::<u32>();
    let total = size(&all);
    let of = |(class, counts): (u32, BTreeMap<u32, u32>)| {
        let privacy = Privacy {
            k: size(&counts),
            distinct_l: counts.len() as u32,
            entropy_l: entropy(&counts, size(&counts)).exp(),
            t: moved((&counts, size(&counts)), (&all, total), values, distance),
        };
        (class, privacy)
    };
    classes.into_iter().map(of).collect()
}

/// Checks classes: for each row its class and the code of its sensitive value, below `values`. None without rows.
pub fn check(rows: &[(u32, u32)], values: u32, distance: Distance) -> Option<Privacy> {
    let worse = |one: Privacy, other: Privacy| Privacy {
        k: one.k.min(other.k),
        distinct_l: one.distinct_l.min(other.distinct_l),
        entropy_l: one.entropy_l.min(other.entropy_l),
        t: one.t.max(other.t),
    };
    by_class(rows, values, distance).into_values().reduce(worse)
}

fn entropy(counts: &BTreeMap<u32, u32>, size: u32) -> f64 {
    let of = |count: &u32| {
        let share = f64::from(*count) / f64::from(size);
        -share * share.ln()
    };
    counts.values().map(of).sum()
}

/// Earth mover's distance between the values of a class and of all.
fn moved(
    (class, size): (&BTreeMap<u32, u32>, u32),
    (all, total): (&BTreeMap<u32, u32>, u32),
    values: u32,
    distance: Distance,
) -> f64 {
    let share = |counts: &BTreeMap<u32, u32>, size: u32, value: u32| {
        f64::from(counts.get(&value).copied().unwrap_or(0)) / f64::from(size)
    };
    let gap = |value: u32| share(class, size, value) - share(all, total, value);
    match distance {
        // A value that no row has moves nothing.
        Distance::Equal => all.keys().map(|value| gap(*value).abs()).sum::<f64>() / 2.0,
        Distance::Ordered => {
            let mut carried = 0.0;
            let mut sum = 0.0_f64;
            for value in 0..values.saturating_sub(1) {
                carried += gap(value);
                sum += f64::abs(carried);
            }
            sum / f64::from(values.saturating_sub(1).max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 5e-4
    }

    /// The salaries of Li, Li and Venkatasubramanian 2007, section 4.2: 3k to 11k; {3k, 4k, 5k} lies 0.375 away, {6k, 8k, 11k}
    /// 0.167.
    #[test]
    fn ordered_distances_are_those_of_the_paper() {
        let salaries = |class: [u32; 3]| {
            let rest = (0..9).filter(move |value| !class.contains(value));
            let rows: Vec<(u32, u32)> = class
                .into_iter()
                .map(|value| (0, value))
                .chain(rest.map(|value| (1, value)))
                .collect();
            let all = rows.iter().fold(BTreeMap::new(), |mut all, (_, value)| {
                *all.entry(*value).or_insert(0) += 1;
                all
            });
            let own = class.into_iter().map(|value| (value, 1)).collect();
            moved((&own, 3), (&all, 9), 9, Distance::Ordered)
        };
        assert!(near(salaries([0, 1, 2]), 0.375));
        assert!(near(salaries([3, 5, 8]), 0.1667));
    }

    /// By hand: classes {a a b} and {a c c}; of all a 3/6, b 1/6, c 2/6.
    #[test]
    fn k_l_and_t_of_a_table_reckoned_by_hand() {
        let rows = [(0, 0), (0, 0), (0, 1), (1, 0), (1, 2), (1, 2)];
        let told = check(&rows, 3, Distance::Equal).unwrap();
        assert_eq!((told.k, told.distinct_l), (3, 2));
        // Entropy of (2/3, 1/3): 0.6365; e to it 1.8899.
        assert!(near(told.entropy_l, 1.8899));
        // First class: (|2/3-1/2| + |1/3-1/6| + |0-1/3|)/2 = 1/3; second: (1/6 + 1/6 + 1/3)/2 = 1/3.
        assert!(near(told.t, 1.0 / 3.0));
        // Ordered: first class |1/6| + |1/3| over 2 = 0.25; second |-1/6| + |-1/3| over 2 = 0.25.
        assert!(near(check(&rows, 3, Distance::Ordered).unwrap().t, 0.25));
        assert_eq!(check(&[], 3, Distance::Equal), None);
        let alike = check(&[(0, 1), (0, 1), (1, 1)], 3, Distance::Equal).unwrap();
        assert_eq!((alike.k, alike.distinct_l), (1, 1));
        assert!(near(alike.entropy_l, 1.0) && near(alike.t, 0.0));
    }
}
