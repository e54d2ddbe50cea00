//! Local recoding (Mondrian; LeFevre, DeWitt and Ramakrishnan 2006): rows are cut in two at a median, again and again, as long
//! as both halves keep `k` rows. Finer than full-domain generalisation; columns need an order, that of the hierarchy's rows.

use crate::table::Table;
use serde::Serialize;

/// Rows that become one class, and the values their cells may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Rows, by their number from 0.
    pub rows: Vec<u32>,
    /// For each column the first and the last code, both included.
    pub ranges: Vec<(u32, u32)>,
}

/// Cuts a table into classes of at least `k` rows; none when it has fewer rows, or no columns.
pub fn mondrian(table: &Table, k: u32) -> Vec<Partition> {
    let k = k.max(1) as usize;
    if table.rows() < k || table.columns().is_empty() {
        return Vec::new();
    }
    let mut done = Vec::new();
    let mut open: Vec<Vec<u32>> = vec![(0..table.rows() as u32).collect()];
    let mut counts = Vec::new();
    while let Some(rows) = open.pop() {
        match cut(table, &rows, k, &mut counts) {
            Some((column, last)) => {
                let codes = table
                    .columns()
                    .get(column)
                    .map_or(&[][..], |column| &column.codes);
                let is_low = |row: &u32| codes.get(*row as usize).is_some_and(|code| *code <= last);
                let (low, high) = rows.into_iter().partition(is_low);
                // The lower half first: the order of the classes does not depend on memory.
                open.push(high);
                open.push(low);
            }
            None => done.push(Partition {
                ranges: ranges(table, &rows),
                rows,
            }),
        }
    }
    done
}

/// What is lost: the mean over all cells of the share of the column's values that a cell may be.
pub fn mondrian_loss(table: &Table, partitions: &[Partition]) -> f64 {
    let share = |(column, (low, high)): (&crate::Column, &(u32, u32))| {
        let all = column.hierarchy.values().saturating_sub(1).max(1) as f64;
        f64::from(high - low) / all
    };
    let of = |partition: &Partition| {
        let shares = table.columns().iter().zip(&partition.ranges).map(share);
        shares.sum::<f64>() * partition.rows.len() as f64
    };
    let cells = (table.rows() * table.columns().len()).max(1) as f64;
    partitions.iter().map(of).sum::<f64>() / cells
}

fn ranges(table: &Table, rows: &[u32]) -> Vec<(u32, u32)> {
    let of = |column: &crate::Column| {
        let codes = || {
            rows.iter()
                .filter_map(|row| column.codes.get(*row as usize).copied())
        };
        (codes().min().unwrap_or(0), codes().max().unwrap_or(0))
    };
    table.columns().iter().map(of).collect()
}

/// The column to cut and the last code of the lower half: of the columns that can be cut, the one whose rows spread most over
/// its values.
fn cut(table: &Table, rows: &[u32], k: usize, counts: &mut Vec<u32>) -> Option<(usize, u32)> {
    if rows.len() < 2 * k {
        return None;
    }
    let mut order: Vec<(f64, usize)> = table
        .columns()
        .iter()
        .zip(ranges(table, rows))
        .enumerate()
        .filter(|(_, (_, (low, high)))| high > low)
        .map(|(number, (column, (low, high)))| {
            let all = column.hierarchy.values().saturating_sub(1).max(1) as f64;
            (f64::from(high - low) / all, number)
        })
        .collect();
    order.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    order.into_iter().find_map(|(_, number)| {
        let column = table.columns().get(number)?;
        counts.clear();
        counts.resize(column.hierarchy.values(), 0);
        for row in rows {
            let code = column.codes.get(*row as usize).copied().unwrap_or(0);
            if let Some(count) = counts.get_mut(code as usize) {
                *count += 1;
            }
        }
        median(counts, rows.len(), k).map(|last| (number, last))
    })
}

/// The code after which to cut: nearest to the middle, both sides keeping `k` rows.
fn median(counts: &[u32], rows: usize, k: usize) -> Option<u32> {
    let mut below = 0;
    let mut best: Option<(usize, u32)> = None;
    for (code, count) in (0..).zip(counts) {
        below += *count as usize;
        if below >= k && rows - below >= k {
            let off = below.abs_diff(rows - below);
            if best.is_none_or(|(known, _)| off < known) {
                best = Some((off, code));
            }
        }
    }
    best.map(|(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Hierarchy};

    #[test]
    fn rows_are_cut_at_the_median_of_what_spreads_most() {
        let ages: Vec<[String; 2]> = (0..10).map(|age| [age.to_string(), "*".to_owned()]).collect();
        let ages = Hierarchy::from_rows("age", ages).unwrap();
        let sexes = Hierarchy::from_rows("sex", [["f", "*"], ["m", "*"]]).unwrap();
        let table = Table::new(vec![
            Column::new(ages, ["0", "1", "1", "8", "9", "9"]).unwrap(),
            Column::new(sexes, ["f", "f", "f", "f", "m", "m"]).unwrap(),
        ])
        .unwrap();
        let parts = mondrian(&table, 2);
        let told: Vec<_> = parts
            .iter()
            .map(|part| (part.rows.clone(), part.ranges.clone()))
            .collect();
        // Sex spreads over all its values, age over 9 of 9 too: the first column wins; then no cut keeps two on both sides.
        assert_eq!(
            told,
            [
                (vec![0, 1, 2], vec![(0, 1), (0, 0)]),
                (vec![3, 4, 5], vec![(8, 9), (0, 1)])
            ]
        );
        assert!((mondrian_loss(&table, &parts) - (1.0 / 9.0 + 1.0 / 9.0 + 1.0) / 4.0).abs() < 1e-12);
        assert!(mondrian(&table, 7).is_empty());
        assert_eq!(mondrian(&table, 4).len(), 1);
    }
}
