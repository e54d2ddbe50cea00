//! Checks all tables against the manifest and prints all mistakes at once.

use crate::manifest::{ColumnSpec, ColumnType, Manifest, TableSpec};
use crate::names::{is_ascii_or_kana, is_reading, parse_names};
use crate::tsv::{Mistake, Row, Source, Table};
use std::collections::BTreeMap;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Checks every source; an empty list means that all is well.
pub fn check(manifest: &Manifest, sources: &[Source<'_>]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut book = Book::default();
    for source in sources
        .iter()
        .filter(|source| source.path.rsplit('.').next() == Some("tsv"))
    {
        let Some(spec) = manifest.spec(source.path) else {
            mistakes.push(Mistake::new(source.path, 1, "no entry in data/manifest.toml"));
            continue;
        };
        check_table(spec, *source, &mut book, &mut mistakes);
    }
    for (id, path, line) in &book.references {
        if !book.ids.contains_key(id) {
            mistakes.push(Mistake::new(path, *line, format!("no row has the id {id}")));
        }
    }
    for (name, places) in &book.names {
        report_shared_name(name, places, &mut mistakes);
    }
    mistakes.sort();
    mistakes
}

/// The id in a reference; a state may have the level of a test's result behind it.
fn referenced<'a>(column: &ColumnSpec, cell: &'a str, wrong: &mut impl FnMut(String)) -> &'a str {
    let is_state = matches!(column.kind, ColumnType::State | ColumnType::States);
    let (id, level) = cell.split_once('=').unwrap_or((cell, "high"));
    if !LEVELS.contains(&level) || (!is_state && id != cell) {
        wrong(format!(
            "{cell}: \"{level}\" is no level of a test ({})",
            LEVELS.join(", ")
        ));
    }
    if !column.of.is_empty() && !column.of.iter().any(|prefix| id.starts_with(prefix.as_str())) {
        wrong(format!("{id} is not one of {:?}", column.of));
    }
    id
}

/// Levels of a test's result.
const LEVELS: [&str; 5] = ["low", "normal", "high", "positive", "negative"];

/// What has been seen over all tables.
#[derive(Default)]
struct Book {
    ids: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
    references: Vec<(String, String, u32)>,
    names: BTreeMap<String, Vec<(String, String, u32)>>,
}

fn check_table(spec: &TableSpec, source: Source<'_>, book: &mut Book, mistakes: &mut Vec<Mistake>) {
    let table = Table::parse(source, mistakes);
    let wanted: Vec<&str> = spec.columns.iter().map(|column| column.name.as_str()).collect();
    if table.header() != wanted.as_slice() {
        mistakes.push(Mistake::new(
            source.path,
            1,
            format!("columns must be: {}", wanted.join(" ")),
        ));
        return;
    }
    let mut previous = String::new();
    for row in table.rows() {
        for column in &spec.columns {
            check_cell(spec, column, source.path, &row, book, mistakes);
        }
        let first = wanted.first().map_or("", |name| row.get(name));
        if spec.sorted && *first < *previous {
            mistakes.push(Mistake::new(
                source.path,
                row.line,
                format!("{first} stands after {previous}; sort the rows"),
            ));
        }
        first.clone_into(&mut previous);
    }
}

fn check_cell(
    spec: &TableSpec,
    column: &ColumnSpec,
    path: &str,
    row: &Row<'_, '_>,
    book: &mut Book,
    mistakes: &mut Vec<Mistake>,
) {
    let cell = row.get(&column.name);
    let mut wrong = |message: String| {
        mistakes.push(Mistake::new(
            path,
            row.line,
            format!("{}: {message}", column.name),
        ));
    };
    if cell.is_empty() {
        let reads_itself = column.kind == ColumnType::Kana && is_ascii_or_kana(row.get("name"));
        if !column.optional && !reads_itself {
            wrong("empty".to_owned());
        }
        return;
    }
    if column.kind != ColumnType::Raw {
        if cell.trim() != cell {
            wrong(format!("blank around \"{cell}\""));
        }
        if is_nfkc_quick(cell.chars()) != IsNormalized::Yes {
            let folded: String = cell.nfkc().collect();
            if folded != cell {
                wrong(format!("\"{cell}\" is not in NFKC form: \"{folded}\""));
            }
        }
    }
    let place = || format!("data/{path}:{}", row.line);
    match column.kind {
        ColumnType::Id => {
            if !is_id(cell, &column.of) {
                wrong(format!(
                    "\"{cell}\" is no id (lower-case words joined by -, prefix {:?})",
                    column.of
                ));
            }
            if let Some(other) = book.ids.insert(cell.to_owned(), place()) {
                wrong(format!("{cell} stands also at {other}"));
            }
        }
        ColumnType::Key => {
            if let Some(other) = book.keys.insert(format!("{}\t{cell}", spec.path), place()) {
                wrong(format!("{cell} stands also at {other}"));
            }
        }
        ColumnType::Ref | ColumnType::Refs | ColumnType::State | ColumnType::States => {
            for cell in row
                .list(&column.name)
                .filter(|cell| !column.also.iter().any(|word| word == cell))
            {
                let id = referenced(column, cell, &mut wrong);
                book.references.push((id.to_owned(), path.to_owned(), row.line));
            }
        }
        ColumnType::Name | ColumnType::Names => {
            for name in parse_names(cell) {
                if column.kind == ColumnType::Names
                    && let Some(message) = reading_mistake(name.surface, name.reading)
                {
                    wrong(message);
                }
                let owner = (row.get("id").to_owned(), path.to_owned(), row.line);
                book.names.entry(name.surface.to_owned()).or_default().push(owner);
            }
        }
        _ => {
            if let Some(message) = syntax_mistake(column, cell) {
                wrong(message);
            }
        }
    }
}

fn reading_mistake(surface: &str, reading: &str) -> Option<String> {
    if reading.is_empty() {
        (!is_ascii_or_kana(surface)).then(|| format!("{surface} needs a reading"))
    } else {
        (!is_reading(reading)).then(|| format!("reading of {surface} is not hiragana: {reading}"))
    }
}

fn syntax_mistake(column: &ColumnSpec, cell: &str) -> Option<String> {
    let allowed = |value: &str| column.of.iter().any(|one| one == value);
    let right = match column.kind {
        ColumnType::Kana => is_reading(cell),
        ColumnType::Choice => allowed(cell),
        ColumnType::Choices => cell.split([',', '|']).all(allowed),
        ColumnType::Icd10 => is_icd10(cell),
        ColumnType::Hpo => cell
            .strip_prefix("HP:")
            .is_some_and(|rest| rest.len() == 7 && all_digits(rest)),
        ColumnType::Loinc => is_loinc(cell),
        ColumnType::Jlac10 => {
            cell.len() == 5 && cell.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        }
        ColumnType::Atc => {
            matches!(cell.len(), 1 | 3..=5 | 7) && cell.bytes().all(|b| b.is_ascii_alphanumeric())
        }
        ColumnType::Decimal => cell.parse::<f64>().is_ok(),
        ColumnType::Ucum => cell.is_ascii() && !cell.contains(' '),
        _ => true,
    };
    (!right).then(|| format!("\"{cell}\" is not right for the type {:?}", column.kind))
}

fn report_shared_name(name: &str, places: &[(String, String, u32)], mistakes: &mut Vec<Mistake>) {
    let Some(((first_id, first_path, first_line), rest)) = places.split_first() else {
        return;
    };
    for (id, path, line) in rest {
        let message = if id == first_id {
            format!("the name {name} is given twice")
        } else {
            format!("the name {name} of {id} stands for {first_id} too, at data/{first_path}:{first_line}")
        };
        mistakes.push(Mistake::new(path, *line, message));
    }
}

fn is_id(cell: &str, prefixes: &[String]) -> bool {
    let rest = prefixes
        .iter()
        .find_map(|prefix| cell.strip_prefix(prefix.as_str()));
    let rest = if prefixes.is_empty() { Some(cell) } else { rest };
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    rest.is_some_and(|rest| rest.split('-').all(word))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_icd10(cell: &str) -> bool {
    let (category, rest) = cell.split_once('.').unwrap_or((cell, "0"));
    let mut bytes = category.bytes();
    let letter = bytes.next().is_some_and(|b| b.is_ascii_uppercase());
    letter && category.len() == 3 && bytes.all(|b| b.is_ascii_digit()) && all_digits(rest) && rest.len() <= 2
}

/// LOINC codes end in a check digit (Luhn, modulus 10).
fn is_loinc(cell: &str) -> bool {
    let Some((number, check)) = cell.split_once('-') else {
        return false;
    };
    if !all_digits(number) || check.len() != 1 {
        return false;
    }
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = if place % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    check.parse() == Ok((10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loinc_check_digit() {
        for (code, right) in [
            ("8310-5", true),
            ("8480-6", true),
            ("59408-5", true),
            ("8310-6", false),
        ] {
            assert_eq!(is_loinc(code), right, "{code}");
        }
    }

    #[test]
    fn icd10_form() {
        for (code, right) in [
            ("K81.0", true),
            ("I10", true),
            ("K81.", false),
            ("k81", false),
            ("R50.123", false),
        ] {
            assert_eq!(is_icd10(code), right, "{code}");
        }
    }
}
