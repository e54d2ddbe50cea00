//! Rows to be made anonymous.

use crate::hierarchy::Hierarchy;

/// A column that may identify, together with others.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its coarser values.
    pub hierarchy: Hierarchy,
    /// The value of each row, by its code in the hierarchy.
    pub codes: Vec<u32>,
}

/// Why a table cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A value that the hierarchy does not know.
    #[error("column {column}, row {row}: \"{value}\" is not in its hierarchy; add a row for it there")]
    Unknown {
        /// Column.
        column: String,
        /// Row, from 1.
        row: usize,
        /// The value.
        value: String,
    },
    /// Columns of different length.
    #[error("column {column} has {found} rows, the first column {wanted}")]
    Length {
        /// Column.
        column: String,
        /// Its rows.
        found: usize,
        /// The rows of the first column.
        wanted: usize,
    },
    /// A code that is none of the hierarchy.
    #[error("column {column}, row {row}: code {code} is not in its hierarchy")]
    Code {
        /// Column.
        column: String,
        /// Row, from 1.
        row: usize,
        /// The code.
        code: u32,
    },
    /// More kinds of rows than can be told apart.
    #[error(
        "the values of the columns need {0} bits together, at most 128 are possible; make a column coarser first"
    )]
    TooWide(u32),
}

/// Rows with columns that may identify.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
}

impl Column {
    /// A column from the values as they are written.
    pub fn new<'v>(
        hierarchy: Hierarchy,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Result<Self, TableError> {
        let codes = (1..)
            .zip(values)
            .map(|(row, value)| {
                hierarchy.code(value).ok_or_else(|| TableError::Unknown {
                    column: hierarchy.name().to_owned(),
                    row,
                    value: value.to_owned(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { hierarchy, codes })
    }
}

impl Table {
    /// A table of these columns.
    pub fn new(columns: Vec<Column>) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, |column| column.codes.len());
        for column in &columns {
            let name = || column.hierarchy.name().to_owned();
            if column.codes.len() != rows {
                return Err(TableError::Length {
                    column: name(),
                    found: column.codes.len(),
                    wanted: rows,
                });
            }
            let values = column.hierarchy.values() as u32;
            if let Some(row) = column.codes.iter().position(|code| *code >= values) {
                return Err(TableError::Code {
                    column: name(),
                    row: row + 1,
                    code: column.codes.get(row).copied().unwrap_or(0),
                });
            }
        }
        let bits = columns.iter().map(|column| width(&column.hierarchy)).sum();
        if bits > u128::BITS {
            return Err(TableError::TooWide(bits));
        }
        Ok(Self { columns, rows })
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Bits that the values of a column need.
pub(crate) fn width(hierarchy: &Hierarchy) -> u32 {
    let most = hierarchy.values().saturating_sub(1) as u64;
    u64::BITS - most.leading_zeros()
}
