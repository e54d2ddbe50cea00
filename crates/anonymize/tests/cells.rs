//! No suppressed count can be reckoned back: every table that fits what is told is written down.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a test may panic"
)]

use proptest::prelude::*;
use tsumugi_anonymize::cells::{Cell, CellsError, protect};

/// The values that each suppressed cell has in some table of whole numbers that fits the told cells and the totals.
fn possible(counts: &[Vec<u64>], cells: &[Vec<Cell>]) -> Vec<Vec<std::collections::BTreeSet<u64>>> {
    let (height, width) = (counts.len(), counts[0].len());
    let hidden: Vec<(usize, usize)> = (0..height)
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .filter(|(row, column)| !matches!(cells[*row][*column], Cell::Told(_)))
        .collect();
    let mut rows: Vec<u64> = vec![0; height];
    let mut columns: Vec<u64> = vec![0; width];
    for (row, column) in &hidden {
        rows[*row] += counts[*row][*column];
        columns[*column] += counts[*row][*column];
    }
    let mut found = vec![vec![std::collections::BTreeSet::new(); width]; height];
    fill(&hidden, 0, &mut rows, &mut columns, &mut Vec::new(), &mut found);
    found
}

fn fill(
    hidden: &[(usize, usize)],
    next: usize,
    rows: &mut [u64],
    columns: &mut [u64],
    values: &mut Vec<u64>,
    found: &mut [Vec<std::collections::BTreeSet<u64>>],
) {
    let Some((row, column)) = hidden.get(next).copied() else {
        if rows.iter().chain(columns.iter()).all(|left| *left == 0) {
            for ((row, column), value) in hidden.iter().zip(values.iter()) {
                found[*row][*column].insert(*value);
            }
        }
        return;
    };
    for value in 0..=rows[row].min(columns[column]) {
        rows[row] -= value;
        columns[column] -= value;
        values.push(value);
        fill(hidden, next + 1, rows, columns, values, found);
        values.pop();
        rows[row] += value;
        columns[column] += value;
    }
}

#[test]
fn a_small_count_takes_three_others_with_it() {
    let counts = [vec![20, 3, 30], vec![12, 11, 40], vec![50, 60, 70]];
    let cells = protect(&counts, 10).unwrap();
    assert_eq!(cells[0], [Cell::Complementary, Cell::Small, Cell::Told(30)]);
    assert_eq!(
        cells[1],
        [Cell::Complementary, Cell::Complementary, Cell::Told(40)]
    );
    assert_eq!(cells[2], [Cell::Told(50), Cell::Told(60), Cell::Told(70)]);
}

#[test]
fn what_nothing_can_hide_is_refused_with_its_place() {
    assert_eq!(
        protect(&[vec![3, 20]], 10),
        Err(CellsError::Bare { row: 1, column: 1 })
    );
    assert_eq!(
        protect(&[vec![3, 20], vec![0, 9]], 10),
        Err(CellsError::Bare { row: 1, column: 1 })
    );
    assert_eq!(protect(&[vec![30, 20], vec![0]], 10), Err(CellsError::Shape(2)));
    assert_eq!(
        protect(&[vec![30, 20]], 10).unwrap(),
        [[Cell::Told(30), Cell::Told(20)]]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_suppressed_count_has_two_possible_values(
        counts in (2usize..4, 2usize..4).prop_flat_map(|(height, width)| {
            prop::collection::vec(prop::collection::vec(0u64..7, width), height)
        }),
        least in 2u64..5,
    ) {
        if let Ok(cells) = protect(&counts, least) {
            let found = possible(&counts, &cells);
            for (row, cells) in cells.iter().enumerate() {
                for (column, cell) in cells.iter().enumerate() {
                    match cell {
                        Cell::Told(told) => {
                            prop_assert_eq!(*told, counts[row][column]);
                            prop_assert!(*told == 0 || *told >= least);
                        }
                        _ => prop_assert!(found[row][column].len() > 1, "{:?}", (row, column, &counts)),
                    }
                }
            }
        }
    }
}
