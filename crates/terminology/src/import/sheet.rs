//! A file of which the table is known: rows by the fields of its layout.

use super::layout::{FileLayout, Heading, Layouts, fold_heading};
use super::lines::{Lines, Record, Records, SourceFile, check_charset};
use super::report::{Fault, Report};
use crate::masters::MasterKind;
use rustc_hash::FxHashSet;
use std::io::BufRead;

/// What a site can do when a layout does not fit.
const TO_DO: &str = "if the layout is newer, write the layouts out with `tsumugi terms layouts --out DIR`, correct them \
                     and import with `--layouts DIR`";
/// Of so many rows at most one may be wrong: more are another layout.
const ROWS_A_FAULT: u64 = 20;
/// What a heading or cell that fits counts when the nearest table is sought; a column more or less counts one.
const NEARER: usize = 1000;
/// Wrong rows that any file may have.
const FAULTS_AT_LEAST: u64 = 10;

/// A row of a table.
pub(crate) struct Row<'s> {
    pub(crate) line: u32,
    cells: &'s [String],
    layout: &'s FileLayout,
    places: &'s [Option<usize>],
}

impl Row<'_> {
    /// The cell of a field without blanks around it; empty where the file has none.
    pub(crate) fn get(&self, field: &str) -> &str {
        let index = self
            .layout
            .columns
            .iter()
            .position(|column| column.field == field);
        let place = index.and_then(|index| self.places.get(index).copied().flatten());
        place
            .and_then(|place| self.cells.get(place))
            .map_or("", |cell| cell.trim())
    }

    /// Whether its owner has withdrawn it.
    pub(crate) fn is_withdrawn(&self) -> bool {
        let change = self.get("change");
        self.layout.withdrawn.iter().any(|value| value == change)
    }

    /// A fault of a field of this row.
    pub(crate) fn fault(&self, field: &str, code: &'static str, message: impl Into<String>) -> Fault {
        let column = self.layout.columns.iter().find(|column| column.field == field);
        let heading = column.map_or(field, |column| column.heading.as_str());
        Fault::at(self.line, code, message).of_field(heading)
    }
}

/// A file that is being read.
pub(crate) struct Sheet<'r, 'l> {
    records: Records<'r>,
    /// The first record where it is no heading.
    first: Option<Record>,
    layout: &'l FileLayout,
    /// Where every column of the layout stands.
    places: Vec<Option<usize>>,
    /// Number of cells of a record.
    width: std::ops::RangeInclusive<usize>,
    keys: FxHashSet<Box<str>>,
    rows: u64,
    faults: u64,
    record: Record,
}

impl<'r, 'l> Sheet<'r, 'l> {
    /// Opens a file and finds out which table of the kind it is.
    pub(crate) fn open(kind: MasterKind, layouts: &'l Layouts, file: SourceFile<'r>) -> Result<Self, Fault> {
        let mut reader = file.reader;
        let start = reader
            .fill_buf()
            .map_err(|error| Fault::at(1, "unreadable", format!("cannot be read: {error}")))?;
        if start.is_empty() {
            return Err(Fault::at(1, "empty", "the file is empty"));
        }
        let charsets: Vec<_> = layouts.of(kind).map(|layout| layout.charset).collect();
        let charset = charsets.first().copied().unwrap_or(super::lines::Charset::Any);
        check_charset(start, charset)?;
        let first_line = start.split(|byte| *byte == b'\n').next().unwrap_or(start);
        let has_tab = first_line.contains(&b'\t');
        let separators: Vec<_> = layouts.of(kind).map(|layout| layout.separator).collect();
        let separator = match separators.first() {
            Some(Some(separator)) => *separator,
            _ if has_tab => '\t',
            _ => ',',
        };
        let charset = if charsets.iter().all(|own| *own == charset) {
            charset
        } else {
            super::lines::Charset::Any
        };
        let mut records = Records::new(Lines::new(reader), charset, separator);
        let Some(first) = records.next()? else {
            return Err(Fault::at(1, "empty", "the file holds no line"));
        };
        let (layout, fit) = recognise(kind, layouts, &first)?;
        let width = if fit.has_heading && layout.columns.iter().all(|column| column.position.is_none()) {
            first.cells.len()..=first.cells.len()
        } else {
            layout.least..=layout.most
        };
        Ok(Self {
            records,
            first: (!fit.has_heading).then_some(first),
            layout,
            places: fit.places,
            width,
            keys: FxHashSet::default(),
            rows: 0,
            faults: 0,
            record: Record::default(),
        })
    }

    /// Name of the table.
    pub(crate) fn table(&self) -> &'l str {
        &self.layout.table
    }

    /// Rows taken so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn digest(&self) -> (String, u64) {
        self.records.digest()
    }

    /// The next row whose cells look as the layout says; the others are reported and left out.
    ///
    /// # Errors
    /// What refuses the whole file: too few or too many columns, another charset, or too many wrong rows.
    pub(crate) fn next(&mut self, file: &str, report: &mut Report) -> Result<Option<Row<'_>>, Fault> {
        loop {
            let record = match self.first.take() {
                Some(record) => Some(record),
                None => self.records.next()?,
            };
            let Some(record) = record else { return Ok(None) };
            self.record = record;
            let count = self.record.cells.len();
            if !self.width.contains(&count) {
                let (least, most) = (self.width.start(), self.width.end());
                let wanted = if least == most {
                    least.to_string()
                } else {
                    format!("{least} to {most}")
                };
                return Err(Fault::at(
                    self.record.line,
                    "layout",
                    format!(
                        "{count} columns, {wanted} wanted in the table {}; {TO_DO}",
                        self.layout.table
                    ),
                ));
            }
            if let Err(fault) = self.check() {
                self.faults += 1;
                report.reject(file, fault);
                if self.faults > FAULTS_AT_LEAST && self.faults * ROWS_A_FAULT > self.rows {
                    return Err(Fault::at(
                        self.record.line,
                        "layout",
                        format!(
                            "{} of {} rows are wrong: another layout; {TO_DO}",
                            self.faults,
                            self.rows + self.faults
                        ),
                    ));
                }
                continue;
            }
            self.rows += 1;
            return Ok(Some(Row {
                line: self.record.line,
                cells: &self.record.cells,
                layout: self.layout,
                places: &self.places,
            }));
        }
    }

    fn check(&mut self) -> Result<(), Fault> {
        let line = self.record.line;
        for (column, place) in self.layout.columns.iter().zip(&self.places) {
            let cell = place
                .and_then(|place| self.record.cells.get(place))
                .map_or("", |cell| cell.trim());
            if column.field.is_empty() || (cell.is_empty() && column.is_optional) {
                continue;
            }
            let wrong = if cell.is_empty() {
                Err("is empty".to_owned())
            } else {
                column
                    .form
                    .check(cell)
                    .map_err(|wanted| format!("{}: {wanted}", shortened(cell)))
            };
            if let Err(message) = wrong {
                let message = format!("{message}; correct the row");
                return Err(Fault::at(line, "cell", message).of_field(&column.heading));
            }
            if !self.layout.key.is_empty()
                && column.field == self.layout.key
                && !self.keys.insert(cell.into())
            {
                let message = format!("{cell} stood in the file before; the first row holds");
                return Err(Fault::at(line, "duplicate-key", message).of_field(&column.heading));
            }
        }
        Ok(())
    }
}

/// A cell as a message shows it.
fn shortened(cell: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = cell.chars().take(SHOWN).collect();
    if shown.len() < cell.len() {
        shown.push_str("...");
    }
    shown
}

/// How a table fits a file.
struct Fit {
    places: Vec<Option<usize>>,
    has_heading: bool,
}

/// The table of the kind that the first record is of; where none fits, what is wrong with the nearest.
fn recognise<'l>(
    kind: MasterKind,
    layouts: &'l Layouts,
    first: &Record,
) -> Result<(&'l FileLayout, Fit), Fault> {
    let mut nearest: Option<(usize, Fault)> = None;
    let headings: Vec<String> = first.cells.iter().map(|cell| fold_heading(cell)).collect();
    for layout in layouts.of(kind) {
        match fit(layout, first, &headings) {
            Ok(fit) => return Ok((layout, fit)),
            Err((score, fault)) if nearest.as_ref().is_none_or(|(best, _)| score > *best) => {
                nearest = Some((score, fault));
            }
            Err(_) => {}
        }
    }
    let names: Vec<&str> = layouts.of(kind).map(|layout| layout.table.as_str()).collect();
    let (_, mut fault) = nearest.unwrap_or_else(|| {
        (
            0,
            Fault::at(1, "layout", "there is no layout of this kind in files.tsv"),
        )
    });
    fault.message = format!(
        "none of the tables of {} ({}); nearest: {}; {TO_DO}",
        kind.word(),
        names.join(", "),
        fault.message
    );
    Err(fault)
}

fn fit(layout: &FileLayout, first: &Record, headings: &[String]) -> Result<Fit, (usize, Fault)> {
    let named = layout
        .columns
        .iter()
        .map(|column| headings.iter().position(|own| *own == column.folded));
    let named: Vec<Option<usize>> = named.collect();
    let found = named.iter().flatten().count();
    let line = first.line;
    // Two names of columns are no data; a table of one or two columns has one.
    let has_heading = layout.heading != Heading::No && found >= 2.min(layout.columns.len());
    if has_heading || layout.heading == Heading::Yes {
        let missing = layout
            .columns
            .iter()
            .zip(&named)
            .find(|(column, place)| !column.is_optional && !column.field.is_empty() && place.is_none());
        if let Some((column, _)) = missing {
            let message = format!(
                "table {}: the column {} is missing in the headings",
                layout.table, column.heading
            );
            let nearness = found * NEARER;
            return Err((
                nearness,
                Fault::at(line, "layout", message).of_field(&column.heading),
            ));
        }
    }
    let count = first.cells.len();
    if !(layout.least..=layout.most).contains(&count) {
        let distance = layout.least.saturating_sub(count) + count.saturating_sub(layout.most);
        let wanted = if layout.least == layout.most {
            layout.least.to_string()
        } else {
            format!("{} to {}", layout.least, layout.most)
        };
        let message = format!(
            "table {} has {wanted} columns, this line has {count}",
            layout.table
        );
        let nearness = found * NEARER + NEARER.saturating_sub(distance);
        return Err((nearness, Fault::at(line, "layout", message)));
    }
    if has_heading || layout.heading == Heading::Yes {
        return Ok(Fit {
            places: named,
            has_heading: true,
        });
    }
    by_position(layout, first)
}

/// How a table fits a file without headings: every cell of the first record must look as its column says.
fn by_position(layout: &FileLayout, first: &Record) -> Result<Fit, (usize, Fault)> {
    let places: Vec<Option<usize>> = layout.columns.iter().map(|column| column.position).collect();
    let mut fitting = 0;
    for (column, place) in layout.columns.iter().zip(&places) {
        let cell = place
            .and_then(|place| first.cells.get(place))
            .map_or("", |cell| cell.trim());
        if column.field.is_empty() || (cell.is_empty() && column.is_optional) {
            continue;
        }
        let wrong = if cell.is_empty() {
            Err("is empty".to_owned())
        } else {
            column.form.check(cell)
        };
        if let Err(wanted) = wrong {
            let message = format!("table {}: {}: {wanted}", layout.table, shortened(cell));
            let score = (2 + fitting) * NEARER;
            return Err((
                score,
                Fault::at(first.line, "layout", message).of_field(&column.heading),
            ));
        }
        fitting += 1;
    }
    Ok(Fit {
        places,
        has_heading: false,
    })
}
