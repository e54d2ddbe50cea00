//! Tab-separated tables: a header line, one fact a line, `#` comments.

use std::fmt;

/// A table file as text, named by its path below `data/`.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Path below `data/`, with `/`.
    pub path: &'a str,
    /// Contents, UTF-8.
    pub text: &'a str,
}

/// A mistake in a table, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Path below `data/`.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
}

impl Mistake {
    /// Makes a mistake.
    pub fn new(path: &str, line: u32, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data/{}:{}: {}", self.path, self.line, self.message)
    }
}

/// One row of a table.
#[derive(Debug, Clone)]
pub struct Row<'t, 'a> {
    /// Line of the file, from 1.
    pub line: u32,
    cells: &'t [&'a str],
    header: &'t [&'a str],
}

/// A parsed table, rows in file order. A cell that a column does not have reads as empty.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// Path below `data/`.
    pub path: &'a str,
    header: Vec<&'a str>,
    rows: Vec<(u32, Vec<&'a str>)>,
}

impl<'a> Table<'a> {
    /// Parses a table; rows with a wrong number of cells are reported and left out.
    pub fn parse(source: Source<'a>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut table = Self {
            path: source.path,
            header: Vec::new(),
            rows: Vec::new(),
        };
        for (index, line) in source.text.split('\n').enumerate() {
            let number = index as u32 + 1;
            if line.ends_with('\r') {
                mistakes.push(Mistake::new(
                    source.path,
                    number,
                    "line ends with CR LF; LF wanted",
                ));
            }
            let line = line.trim_end_matches('\r');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let cells: Vec<&str> = line.split('\t').collect();
            if table.header.is_empty() {
                table.header = cells;
            } else if cells.len() == table.header.len() {
                table.rows.push((number, cells));
            } else {
                let message = format!("{} cells, {} wanted", cells.len(), table.header.len());
                mistakes.push(Mistake::new(source.path, number, message));
            }
        }
        if table.header.is_empty() {
            mistakes.push(Mistake::new(source.path, 1, "no header line"));
        }
        table
    }

    /// Names of the columns.
    pub fn header(&self) -> &[&'a str] {
        &self.header
    }

    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_, 'a>> {
        self.rows.iter().map(|(line, cells)| Row {
            line: *line,
            cells,
            header: &self.header,
        })
    }
}

impl<'a> Row<'_, 'a> {
    /// The cell of a column; empty when the table has no such column.
    pub fn get(&self, column: &str) -> &'a str {
        let index = self.header.iter().position(|name| *name == column);
        index
            .and_then(|index| self.cells.get(index))
            .copied()
            .unwrap_or("")
    }

    /// The values of a cell that holds several, separated by `|`.
    pub fn list(&self, column: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.get(column).split('|').filter(|value| !value.is_empty())
    }
}
