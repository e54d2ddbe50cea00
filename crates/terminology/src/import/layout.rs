//! Layouts of the masters' files, as tables that a site can correct: `data/terminology/layouts`.

use super::lines::Charset;
use crate::masters::MasterKind;
use tsumugi_tables::{Mistake, Row as TableRow, Source, Table, TermKind};
use unicode_normalization::UnicodeNormalization;

/// Folder of the layouts below `data/`.
pub const FOLDER: &str = "terminology/layouts/";

/// Whether a file begins with the names of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heading {
    Yes,
    No,
    Either,
}

/// What a cell must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// So many decimal digits.
    Digits(usize, usize),
    /// So many letters and digits.
    Code(usize, usize),
    /// One of these.
    One(Vec<String>),
    /// ICD-10, with or without the dot.
    Icd10,
    /// LOINC: digits, hyphen, check digit.
    Loinc,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Where it stands in a file without headings, from 0.
    pub(crate) position: Option<usize>,
    /// Its name, as the owner of the master calls it.
    pub(crate) heading: String,
    /// The same, folded for comparing.
    pub(crate) folded: String,
    /// What the program calls it; empty where it is not read.
    pub(crate) field: String,
    pub(crate) form: Form,
    pub(crate) is_optional: bool,
}

/// The layout of a table of a master.
#[derive(Debug, Clone)]
pub(crate) struct FileLayout {
    pub(crate) kind: MasterKind,
    pub(crate) table: String,
    /// Nothing: tab where the first line has one, else comma.
    pub(crate) separator: Option<char>,
    pub(crate) heading: Heading,
    pub(crate) charset: Charset,
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// Field whose value stands once in the file.
    pub(crate) key: String,
    /// Values of the field `change` by which a row is no longer valid.
    pub(crate) withdrawn: Vec<String>,
    pub(crate) columns: Vec<Column>,
}

/// A row of `kinds.tsv`.
#[derive(Debug, Clone)]
struct KindRule {
    kind: MasterKind,
    table: String,
    field: String,
    value: String,
    is: String,
}

/// All layouts, and what the rows of the masters are.
#[derive(Debug, Clone, Default)]
pub struct Layouts {
    files: Vec<FileLayout>,
    kinds: Vec<KindRule>,
}

impl Layouts {
    /// Reads the tables of the folder; what is wrong goes to `mistakes`.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut layouts = Self::default();
        let table = |file: &str, mistakes: &mut Vec<Mistake>| {
            let wanted = format!("{FOLDER}{file}");
            let source = sources.iter().find(|source| source.path == wanted)?;
            Some(Table::parse(*source, mistakes))
        };
        if let Some(files) = table("files.tsv", mistakes) {
            for row in files.rows() {
                match file_layout(&row) {
                    Ok(layout) => layouts.files.push(layout),
                    Err(what) => mistakes.push(Mistake::new(files.path, row.line, what)),
                }
            }
        }
        for kind in MasterKind::ALL {
            if let Some(columns) = table(&format!("{}.tsv", kind.word()), mistakes) {
                layouts.add_columns(kind, &columns, mistakes);
            }
        }
        if let Some(kinds) = table("kinds.tsv", mistakes) {
            for row in kinds.rows() {
                match MasterKind::parse(row.get("kind")) {
                    Some(kind) => layouts.kinds.push(KindRule {
                        kind,
                        table: row.get("table").to_owned(),
                        field: row.get("field").to_owned(),
                        value: row.get("value").to_owned(),
                        is: row.get("is").to_owned(),
                    }),
                    None => mistakes.push(Mistake::new(kinds.path, row.line, "kind: no such kind of master")),
                }
            }
        }
        layouts
    }

    fn add_columns(&mut self, kind: MasterKind, table: &Table<'_>, mistakes: &mut Vec<Mistake>) {
        for row in table.rows() {
            let name = row.get("table");
            let layout = self
                .files
                .iter_mut()
                .find(|layout| layout.kind == kind && layout.table == name);
            match (layout, column(&row)) {
                (Some(layout), Ok(column)) => layout.columns.push(column),
                (None, _) => mistakes.push(Mistake::new(
                    table.path,
                    row.line,
                    format!("table: files.tsv has no table {name} of this kind"),
                )),
                (_, Err(what)) => mistakes.push(Mistake::new(table.path, row.line, what)),
            }
        }
    }

    /// The layouts of a kind, in the order of `files.tsv`.
    pub(crate) fn of(&self, kind: MasterKind) -> impl Iterator<Item = &FileLayout> {
        self.files.iter().filter(move |layout| layout.kind == kind)
    }

    /// What a row is by the beginning of a cell, in the words of `kinds.tsv`.
    pub(crate) fn word(&self, kind: MasterKind, table: &str, field: &str, cell: &str) -> Option<&str> {
        let rule = self.kinds.iter().find(|rule| {
            rule.kind == kind
                && rule.table == table
                && rule.field == field
                && cell.starts_with(rule.value.as_str())
        });
        rule.map(|rule| rule.is.as_str())
    }

    /// The kind of concept that a row is by the beginning of a cell.
    pub(crate) fn term_kind(
        &self,
        kind: MasterKind,
        table: &str,
        field: &str,
        cell: &str,
    ) -> Option<TermKind> {
        match self.word(kind, table, field, cell)? {
            "disease" => Some(TermKind::Disease),
            "finding" => Some(TermKind::Finding),
            "procedure" => Some(TermKind::Procedure),
            "exam" => Some(TermKind::Exam),
            "test" => Some(TermKind::Test),
            "drug" => Some(TermKind::Drug),
            _ => None,
        }
    }
}

fn file_layout(row: &TableRow<'_, '_>) -> Result<FileLayout, String> {
    let count = |column: &str| {
        let cell = row.get(column);
        cell.parse::<usize>()
            .map_err(|_| format!("{column}: {cell} is no number of columns"))
    };
    let wrong = |column: &str| format!("{column}: {} is no such word", row.get(column));
    Ok(FileLayout {
        kind: MasterKind::parse(row.get("kind")).ok_or_else(|| wrong("kind"))?,
        table: row.get("table").to_owned(),
        separator: match row.get("separator") {
            "comma" => Some(','),
            "tab" => Some('\t'),
            "any" => None,
            _ => return Err(wrong("separator")),
        },
        heading: match row.get("header") {
            "yes" => Heading::Yes,
            "no" => Heading::No,
            "either" => Heading::Either,
            _ => return Err(wrong("header")),
        },
        charset: Charset::parse(row.get("charset")).ok_or_else(|| wrong("charset"))?,
        least: count("least")?,
        most: count("most")?,
        key: row.get("key").to_owned(),
        withdrawn: row.list("withdrawn").map(str::to_owned).collect(),
        columns: Vec::new(),
    })
}

fn column(row: &TableRow<'_, '_>) -> Result<Column, String> {
    let position = match row.get("position") {
        "" => None,
        cell => {
            let position = cell
                .parse::<usize>()
                .ok()
                .and_then(|position| position.checked_sub(1));
            Some(position.ok_or_else(|| format!("position: {cell} is no number from 1"))?)
        }
    };
    let form = row.get("form");
    Ok(Column {
        position,
        heading: row.get("heading").to_owned(),
        folded: fold_heading(row.get("heading")),
        field: row.get("field").to_owned(),
        form: Form::parse(form).ok_or_else(|| {
            format!(
                "form: {form} is none of text, digits:N, digits:N-M, code:N, code:N-M, one:A,B, icd10, loinc"
            )
        })?,
        is_optional: row.get("optional") == "optional",
    })
}

impl Form {
    fn parse(word: &str) -> Option<Self> {
        let (name, argument) = word.split_once(':').unwrap_or((word, ""));
        let lengths = || -> Option<(usize, usize)> {
            let (least, most) = argument.split_once('-').unwrap_or((argument, argument));
            Some((least.parse().ok()?, most.parse().ok()?))
        };
        Some(match name {
            "text" => Self::Text,
            "icd10" => Self::Icd10,
            "loinc" => Self::Loinc,
            "digits" => lengths().map(|(least, most)| Self::Digits(least, most))?,
            "code" => lengths().map(|(least, most)| Self::Code(least, most))?,
            "one" => Self::One(argument.split(',').map(str::to_owned).collect()),
            _ => return None,
        })
    }

    /// Whether a cell looks so; the message says what is wanted.
    pub(crate) fn check(&self, cell: &str) -> Result<(), String> {
        let length = |least: &usize, most: &usize, what: &str| {
            if least == most {
                format!("{least} {what} wanted")
            } else {
                format!("{least} to {most} {what} wanted")
            }
        };
        let (is_right, wanted) = match self {
            Self::Text => (true, String::new()),
            Self::Digits(least, most) => (
                (*least..=*most).contains(&cell.len()) && cell.bytes().all(|b| b.is_ascii_digit()),
                length(least, most, "digits"),
            ),
            Self::Code(least, most) => (
                (*least..=*most).contains(&cell.len()) && cell.bytes().all(|b| b.is_ascii_alphanumeric()),
                length(least, most, "letters or digits"),
            ),
            Self::One(all) => (
                all.iter().any(|one| one == cell),
                format!("one of {} wanted", all.join(", ")),
            ),
            Self::Icd10 => (
                icd10(cell).is_some(),
                "an ICD-10 code (A000 or A00.0) wanted".to_owned(),
            ),
            Self::Loinc => (
                cell.split_once('-').is_some_and(|(number, check)| {
                    (1..=7).contains(&number.len())
                        && number.bytes().all(|b| b.is_ascii_digit())
                        && check.len() == 1
                        && check.bytes().all(|b| b.is_ascii_digit())
                }),
                "a LOINC number (8310-5) wanted".to_owned(),
            ),
        };
        if is_right { Ok(()) } else { Err(wanted) }
    }
}

/// An ICD-10 code with its dot; marks of the dagger system and a missing fourth character are taken off.
pub(crate) fn icd10(cell: &str) -> Option<String> {
    let plain: String = cell.chars().filter(char::is_ascii_alphanumeric).collect();
    let has_mark_only = cell
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '*' | ' ' | '\u{2020}'));
    let mut chars = plain.chars();
    let is_letter = chars.next().is_some_and(|c| c.is_ascii_uppercase());
    let has_digits = chars.next().is_some_and(|c| c.is_ascii_digit())
        && chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    if !(has_mark_only && is_letter && has_digits && plain.len() <= 5) {
        return None;
    }
    let (category, rest) = plain.split_at_checked(3)?;
    Some(if rest.is_empty() {
        category.to_owned()
    } else {
        format!("{category}.{rest}")
    })
}

/// A heading for comparing: width, case, blanks and dashes do not matter.
pub(crate) fn fold_heading(text: &str) -> String {
    const DASHES: [char; 5] = ['\u{2010}', '\u{2015}', '\u{2212}', '\u{30FC}', '-'];
    text.nfkc()
        .filter(|c| !c.is_whitespace() && !DASHES.contains(c) && *c != '\u{feff}')
        .flat_map(char::to_lowercase)
        .collect()
}
