//! A table as it leaves: columns of text, each value kept once.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Columns of the same length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    columns: Vec<FrameColumn>,
    rows: usize,
}

/// A column: its values, sorted, and which of them stands in each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameColumn {
    /// Its heading.
    pub name: String,
    values: Vec<String>,
    codes: Vec<u32>,
}

impl FrameColumn {
    /// A column of what an iterator gives.
    pub(crate) fn collected(name: &str, cells: impl Iterator<Item = String>) -> Self {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let numbers: Vec<u32> = cells
            .map(|cell| {
                let next = seen.len() as u32;
                *seen.entry(cell).or_insert(next)
            })
            .collect();
        let mut values = vec![String::new(); seen.len()];
        for (value, number) in seen {
            if let Some(place) = values.get_mut(number as usize) {
                *place = value;
            }
        }
        Self::coded(name, &values, &numbers)
    }

    /// A column from values in any order, and the number of the value in each row.
    pub(crate) fn coded(name: &str, values: &[String], numbers: &[u32]) -> Self {
        let mut seen = vec![false; values.len()];
        for number in numbers {
            if let Some(seen) = seen.get_mut(*number as usize) {
                *seen = true;
            }
        }
        let used: BTreeMap<&str, u32> = values
            .iter()
            .zip(&seen)
            .filter(|(_, seen)| **seen)
            .map(|(value, _)| (value.as_str(), 0))
            .collect();
        let places: BTreeMap<&str, u32> = used.into_keys().zip(0..).collect();
        let to: Vec<u32> = values
            .iter()
            .map(|value| places.get(value.as_str()).copied().unwrap_or(0))
            .collect();
        Self {
            name: name.to_owned(),
            codes: numbers
                .iter()
                .map(|number| to.get(*number as usize).copied().unwrap_or(0))
                .collect(),
            values: places.into_keys().map(str::to_owned).collect(),
        }
    }

    /// Its values, sorted.
    pub(crate) fn values(&self) -> &[String] {
        &self.values
    }

    /// The number of the value in each row.
    pub(crate) fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The value of a row.
    pub fn value(&self, row: usize) -> &str {
        let code = self.codes.get(row).copied().unwrap_or(u32::MAX);
        self.values.get(code as usize).map_or("", String::as_str)
    }

    /// How many rows have each value, by value.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut counts = vec![0; self.values.len()];
        for code in &self.codes {
            if let Some(count) = counts.get_mut(*code as usize) {
                *count += 1;
            }
        }
        self.values.iter().map(String::as_str).zip(counts)
    }
}

impl Frame {
    /// Columns of the same length, the rows sorted by their values, column by column: where a person stood is not told.
    pub(crate) fn sorted(mut columns: Vec<FrameColumn>) -> Self {
        let rows = columns.iter().map(|column| column.codes.len()).min().unwrap_or(0);
        let compare = |one: &u32, other: &u32| {
            let of = |column: &FrameColumn, row: u32| column.codes.get(row as usize).copied();
            let orders = columns
                .iter()
                .map(|column| of(column, *one).cmp(&of(column, *other)));
            orders
                .into_iter()
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by(compare);
        for column in &mut columns {
            let of = |row: &u32| column.codes.get(*row as usize).copied().unwrap_or(0);
            column.codes = order.iter().map(of).collect();
        }
        Self { columns, rows }
    }

    /// The columns.
    pub fn columns(&self) -> &[FrameColumn] {
        &self.columns
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&FrameColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A row, value by value.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &str> {
        self.columns.iter().map(move |column| column.value(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_values_stay_theirs() {
        let text = |cells: [&str; 3]| cells.map(str::to_owned);
        let frame = Frame::sorted(vec![
            FrameColumn::collected("a", text(["y", "x", "x"]).into_iter()),
            FrameColumn::coded("b", &text(["3", "1", "2"]), &[0, 2, 1]),
        ]);
        let rows: Vec<Vec<&str>> = (0..3).map(|row| frame.row(row).collect()).collect();
        assert_eq!(rows, [["x", "1"], ["x", "2"], ["y", "3"]]);
        assert_eq!(
            frame.columns()[0].counts().collect::<Vec<_>>(),
            [("x", 2), ("y", 1)]
        );
        assert_eq!((frame.rows(), frame.columns()[1].value(9)), (3, ""));
        let one = FrameColumn::coded("b", &text(["3", "1", "2"]), &[1, 1]);
        assert_eq!(one.counts().collect::<Vec<_>>(), [("1", 2)]);
    }
}
