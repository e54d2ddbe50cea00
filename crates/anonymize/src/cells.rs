//! Tables of counts: small counts are suppressed, and others with them, so that none can be reckoned back from the totals.

use serde::Serialize;

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// The count is told.
    Told(u64),
    /// Too small to be told.
    Small,
    /// Not told, so that a small one cannot be reckoned from the totals.
    Complementary,
}

/// Why a table cannot be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellsError {
    /// Rows of different length.
    #[error("row {0} has another number of cells than the first")]
    Shape(usize),
    /// Nothing else can hide this cell.
    #[error(
        "the count in row {row}, column {column} can be reckoned from the totals whatever else is left out; join rows or columns, or leave out the totals"
    )]
    Bare {
        /// Row, from 1.
        row: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// Protects a table whose totals of rows and columns are told: counts from 1 to below `least` are suppressed, and as few
/// others as a greedy choice finds, so that every suppressed count has at least two possible values. Zeros are told.
pub fn protect(counts: &[Vec<u64>], least: u64) -> Result<Vec<Vec<Cell>>, CellsError> {
    let width = counts.first().map_or(0, Vec::len);
    if let Some(row) = counts.iter().position(|row| row.len() != width) {
        return Err(CellsError::Shape(row + 1));
    }
    let first = |count: &u64| {
        if (1..least).contains(count) {
            Cell::Small
        } else {
            Cell::Told(*count)
        }
    };
    let mut cells: Vec<Vec<Cell>> = counts.iter().map(|row| row.iter().map(first).collect()).collect();
    let small: Vec<(usize, usize)> = (0..counts.len())
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .filter(|(row, column)| at(&cells, *row, *column) == Some(Cell::Small))
        .collect();
    for (row, column) in small {
        let corner = corner(counts, &cells, (row, column)).ok_or(CellsError::Bare {
            row: row + 1,
            column: column + 1,
        })?;
        for (row, column) in [(row, corner.1), (corner.0, column), corner] {
            let cell = cells.get_mut(row).and_then(|row| row.get_mut(column));
            if let Some(cell) = cell.filter(|cell| matches!(cell, Cell::Told(_))) {
                *cell = Cell::Complementary;
            }
        }
    }
    Ok(cells)
}

/// A count of persons or cells as it may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// The count.
    Told(u64),
    /// From 1 to below this.
    Below(u64),
}

/// A count that stands alone; from 1 to below `least` it is not told.
pub fn count(value: u64, least: u64) -> Count {
    if (1..least).contains(&value) {
        Count::Below(least)
    } else {
        Count::Told(value)
    }
}

/// Protects a list of counts whose total may be known: small counts are suppressed, and where one of them
/// could be reckoned from the total, the smallest others that are not 0 with them.
/// Where there is no other, only the small ones are suppressed, and the total must not be told: then the second value is
/// false.
pub fn protect_list(counts: &[u64], least: u64) -> (Vec<Cell>, bool) {
    let mut cells: Vec<Cell> = counts
        .iter()
        .map(|count| {
            if (1..least).contains(count) {
                Cell::Small
            } else {
                Cell::Told(*count)
            }
        })
        .collect();
    let small = || counts.iter().filter(|count| (1..least).contains(count));
    let smalls = small().count() as u64;
    if smalls == 0 {
        return (cells, true);
    }
    let (mut sum, mut taken) = (small().sum::<u64>(), 0);
    let mut others: Vec<(u64, usize)> = (0..).zip(counts).map(|(place, count)| (*count, place)).collect();
    others.retain(|(count, _)| *count >= least.max(1));
    others.sort_unstable();
    let mut others = others.into_iter();
    // What is hidden has one possible value when its sum is the least it can be, or the most where all of it is small.
    while smalls + taken < 2 || sum <= smalls + taken * least || taken == 0 && sum >= smalls * (least - 1) {
        let Some((count, place)) = others.next() else {
            return (cells, false);
        };
        sum += count;
        taken += 1;
        if let Some(cell) = cells.get_mut(place) {
            *cell = Cell::Complementary;
        }
    }
    (cells, true)
}

fn at(cells: &[Vec<Cell>], row: usize, column: usize) -> Option<Cell> {
    cells.get(row).and_then(|row| row.get(column)).copied()
}

/// The corner across of the rectangle that hides a cell at the least cost. One can be moved around a rectangle without
/// changing a total, in both ways when no corner is 0: so none of them is known.
fn corner(counts: &[Vec<u64>], cells: &[Vec<Cell>], (row, column): (usize, usize)) -> Option<(usize, usize)> {
    let cost = |row: usize, column: usize| {
        let count = counts
            .get(row)
            .and_then(|row| row.get(column))
            .copied()
            .filter(|count| *count > 0)?;
        Some(if matches!(at(cells, row, column), Some(Cell::Told(_))) {
            count
        } else {
            0
        })
    };
    let mut best: Option<(u64, (usize, usize))> = None;
    for other_row in (0..counts.len()).filter(|other| *other != row) {
        let Some(beside) = cost(other_row, column) else {
            continue;
        };
        let width = counts.get(row).map_or(0, Vec::len);
        for other_column in (0..width).filter(|other| *other != column) {
            let across = cost(row, other_column).zip(cost(other_row, other_column));
            let Some((below, across)) = across else {
                continue;
            };
            let sum = beside + below + across;
            if best.is_none_or(|(known, _)| sum < known) {
                best = Some((sum, (other_row, other_column)));
            }
        }
    }
    best.map(|(_, corner)| corner)
}
