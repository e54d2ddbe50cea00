//! Writes an anonymised table: CSV (RFC 4180), Parquet, FHIR R4 as NDJSON. Rows go out in batches, and before each the caller says
//! whether the consents still hold: a withdrawal ends the writing. The bytes depend on the table alone.

mod ndjson;
mod parquet;

use crate::frame::Frame;
use crate::steps::Anonymized;
use std::io::{self, Write};

/// Rows between two questions whether the consents still hold: some milliseconds of writing.
const BATCH: usize = 5_000;

/// Kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Comma-separated values, UTF-8, a line of headings.
    Csv,
    /// Parquet, all columns text.
    Parquet,
    /// A FHIR R4 resource a line.
    Ndjson,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsAre {
    /// A person each.
    Persons,
    /// A fact each, with the headings of [`HEADINGS`](crate::facts::HEADINGS).
    Facts,
}

/// Why writing ended; what was written by then must go.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The consents no longer hold.
    #[error("the export was ended: {0}")]
    Ended(E),
    /// The file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A row cannot be said in this kind of file.
    #[error("cannot be written: {0}")]
    Format(String),
}

impl Format {
    /// The ending of its files, and its name on the command line.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        }
    }

    /// By its name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Csv, Self::Parquet, Self::Ndjson]
            .into_iter()
            .find(|format| format.ending() == name)
    }
}

/// Writes all rows. `holds` is asked before each batch of rows and once after the last.
///
/// # Errors
/// `Ended` as `holds` says; those of the file.
pub fn write<E>(
    table: &Anonymized<Frame>,
    rows_are: RowsAre,
    format: Format,
    out: &mut (dyn Write + Send),
    holds: &mut dyn FnMut() -> Result<(), E>,
) -> Result<(), WriteError<E>> {
    let frame = table.data();
    match format {
        Format::Csv => csv(frame, out, holds)?,
        Format::Parquet => parquet::write(frame, out, holds)?,
        Format::Ndjson => ndjson::write(frame, rows_are, out, holds)?,
    }
    out.flush()?;
    holds().map_err(WriteError::Ended)
}

/// Starts of batches.
fn batches(frame: &Frame) -> impl Iterator<Item = std::ops::Range<usize>> {
    let rows = frame.rows();
    (0..rows)
        .step_by(BATCH)
        .map(move |from| from..(from + BATCH).min(rows))
}

fn csv<E>(
    frame: &Frame,
    out: &mut dyn Write,
    holds: &mut dyn FnMut() -> Result<(), E>,
) -> Result<(), WriteError<E>> {
    let mut text = String::new();
    line(
        frame.columns().iter().map(|column| column.name.as_str()),
        &mut text,
    );
    for batch in batches(frame) {
        holds().map_err(WriteError::Ended)?;
        for row in batch {
            line(frame.row(row), &mut text);
        }
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    out.write_all(text.as_bytes())?;
    Ok(())
}

fn line<'c>(cells: impl Iterator<Item = &'c str>, text: &mut String) {
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}
