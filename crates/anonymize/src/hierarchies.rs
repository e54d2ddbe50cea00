//! The hierarchies of generalisation, from the tables of `data/anonymize`: what a column of an export is made of, and how its
//! values become coarser. The last level of each is `*`, any value.

use crate::hierarchy::{Hierarchy, HierarchyError};
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_tables::{Mistake, Source, Table};

/// The value that can be any value.
pub(crate) const ANY: &str = "*";
/// What is not known of a person.
pub(crate) const UNKNOWN: &str = "unknown";
/// What a person has none of.
pub(crate) const NONE: &str = "none";

/// What a column is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnSource {
    /// Whole years at the end of the period.
    Age,
    /// Administrative sex.
    Sex,
    /// Where the person lives.
    Region,
    /// Month of the first fact of the period.
    First,
    /// The diagnosis stated most often.
    Condition,
    /// The drug stated most often.
    Medication,
}

/// How the values of a column become coarser.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// A table of values with their coarser ones.
    Rows(Vec<Vec<String>>),
    /// First characters of ICD-10, block, chapter.
    Icd10,
    /// Month, quarter, year.
    Calendar,
    /// So many first characters, from the finest.
    Prefix(Vec<usize>),
}

/// A column that an export may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnKind {
    /// How it is called.
    pub id: String,
    /// What it is made of.
    pub source: ColumnSource,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    first: String,
    last: String,
    chapter: String,
}

/// What is the rule where nothing else is asked (`limits.tsv`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseRules {
    /// Thousandths of epsilon that the noisy counts of a study spend together, at most.
    pub budget: u32,
    /// Counts of persons below it are never told.
    pub cell: u32,
    /// The least k of what leaves.
    pub k: u32,
    /// Thousandths of epsilon of one noisy table.
    pub question: u32,
    /// The most rows that may be left out, of 100.
    pub suppressed: u32,
    /// A row counts as at risk when it is found again in more cases of 100.
    pub threshold: u32,
}

/// The tables of `data/anonymize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchies {
    columns: Vec<ColumnKind>,
    blocks: Vec<Block>,
    /// Names of prefectures with their codes.
    prefectures: Vec<(String, String)>,
    rules: HouseRules,
}

impl Hierarchies {
    /// The tables that are compiled into the program.
    ///
    /// # Errors
    /// Every mistake with file and line; `cargo xtask tidy` finds them before.
    pub fn embedded() -> Result<Self, Vec<Mistake>> {
        let files = tsumugi_terminology::embedded_files();
        Self::read(&tsumugi_terminology::sources_of(&files))
    }

    /// From tables; others than those of `anonymize/` are passed over.
    ///
    /// # Errors
    /// Every mistake with file and line.
    pub fn read(sources: &[Source<'_>]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let found = Self {
            blocks: blocks(sources, &mut mistakes),
            prefectures: prefectures(sources, &mut mistakes),
            columns: columns(sources, &mut mistakes),
            rules: rules(sources, &mut mistakes),
        };
        if mistakes.is_empty() {
            Ok(found)
        } else {
            Err(mistakes)
        }
    }

    /// All columns, by their id.
    pub fn columns(&self) -> &[ColumnKind] {
        &self.columns
    }

    /// A column.
    pub fn column(&self, id: &str) -> Option<&ColumnKind> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The limits of the house.
    pub fn rules(&self) -> HouseRules {
        self.rules
    }

    /// The code of the prefecture in an address as it is written (`JP-13`).
    pub fn region_of(&self, address: &str) -> Option<&str> {
        let found = self
            .prefectures
            .iter()
            .filter_map(|(name, code)| Some((address.find(name)?, code)));
        found.min().map(|(_, code)| code.as_str())
    }

    /// The hierarchy of a column over these values, in their order.
    ///
    /// # Errors
    /// `Missing` names a value that the tables do not hold.
    pub fn hierarchy(
        &self,
        column: &ColumnKind,
        values: &BTreeSet<String>,
    ) -> Result<Hierarchy, HierarchyError> {
        if values.is_empty() {
            return Err(HierarchyError::Empty(column.id.clone()));
        }
        let rows = values
            .iter()
            .map(|value| self.row(column, value))
            .collect::<Result<Vec<_>, _>>()?;
        Hierarchy::from_rows(&column.id, rows)
    }

    /// All values that a column can have, at its coarsest level but one; none where they are as many as there are codes.
    /// They do not depend on who is in the set.
    pub fn domain(&self, column: &ColumnKind) -> Option<BTreeSet<String>> {
        match &column.shape {
            Shape::Rows(rows) => Some(rows.iter().filter_map(|row| row.last().cloned()).collect()),
            Shape::Icd10 => {
                let mut all: BTreeSet<String> =
                    self.blocks.iter().map(|block| block.chapter.clone()).collect();
                all.insert(NONE.to_owned());
                Some(all)
            }
            Shape::Calendar | Shape::Prefix(_) => None,
        }
    }

    /// A value at the coarsest level but one.
    ///
    /// # Errors
    /// `Missing` names a value that the tables do not hold.
    pub fn coarse(&self, column: &ColumnKind, value: &str) -> Result<String, HierarchyError> {
        let row = self.row(column, value)?;
        Ok(row.iter().rev().nth(1).cloned().unwrap_or_default())
    }

    /// A value with its coarser ones, `*` last.
    pub(crate) fn row(&self, column: &ColumnKind, value: &str) -> Result<Vec<String>, HierarchyError> {
        let missing = || HierarchyError::Missing {
            name: column.id.clone(),
            value: value.to_owned(),
        };
        let absent = |levels: usize| vec![value.to_owned(); levels];
        let is_absent = value == NONE || value == UNKNOWN;
        let mut row = match &column.shape {
            Shape::Rows(rows) => {
                let found = rows
                    .iter()
                    .find(|row| row.first().is_some_and(|first| first == value));
                found.ok_or_else(missing)?.clone()
            }
            Shape::Icd10 if is_absent => absent(3),
            Shape::Icd10 => {
                let block = self.block(value).ok_or_else(missing)?;
                vec![
                    value.to_owned(),
                    format!("{}-{}", block.first, block.last),
                    block.chapter.clone(),
                ]
            }
            Shape::Calendar if is_absent => absent(3),
            Shape::Calendar => calendar(value).ok_or_else(missing)?,
            Shape::Prefix(lengths) if is_absent => absent(lengths.len()),
            Shape::Prefix(lengths) => {
                let first = |length: &usize| value.chars().take(*length).collect::<String>();
                lengths.iter().map(first).collect()
            }
        };
        // The value itself is level 0, also where the finest prefix is shorter.
        if let Some(own) = row.first_mut() {
            value.clone_into(own);
        }
        row.push(ANY.to_owned());
        Ok(row)
    }

    fn block(&self, code: &str) -> Option<&Block> {
        self.blocks
            .iter()
            .find(|block| block.first.as_str() <= code && code <= block.last.as_str())
    }
}

/// `2026-03` with its quarter and year.
fn calendar(value: &str) -> Option<Vec<String>> {
    let (year, month) = value.split_once('-')?;
    let month: u32 = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    year.parse::<u32>().ok()?;
    let quarter = (month - 1) / 3 + 1;
    Some(vec![
        value.to_owned(),
        format!("{year}-Q{quarter}"),
        year.to_owned(),
    ])
}

/// The tables with this name: a site's, or the one that is compiled in.
fn tables<'s>(sources: &[Source<'s>], name: &str, mistakes: &mut Vec<Mistake>) -> Table<'s> {
    let path = format!("anonymize/{name}.tsv");
    if let Some(source) = sources.iter().find(|source| source.path == path) {
        return Table::parse(*source, mistakes);
    }
    mistakes.push(Mistake::new(&path, 1, "the table is missing"));
    Table::parse(Source { path: "", text: "-" }, &mut Vec::new())
}

fn blocks(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Vec<Block> {
    let table = tables(sources, "icd10", mistakes);
    let mut found: Vec<Block> = Vec::new();
    for row in table.rows() {
        let block = Block {
            first: row.get("first").to_owned(),
            last: row.get("last").to_owned(),
            chapter: row.get("chapter").to_owned(),
        };
        let follows = found.last().is_none_or(|before| before.last < block.first);
        if block.first > block.last || !follows || block.chapter.is_empty() {
            let message = "a block has a first and a last code, follows the one before it and has a chapter";
            mistakes.push(Mistake::new(table.path, row.line, message));
        }
        found.push(block);
    }
    found
}

fn prefectures(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Vec<(String, String)> {
    let table = tables(sources, "region", mistakes);
    let rows = table
        .rows()
        .map(|row| (row.get("name").to_owned(), row.get("value").to_owned()));
    rows.filter(|(name, _)| !name.is_empty()).collect()
}

/// The rows of a hierarchy: every column but the name that people read.
fn shape_rows(sources: &[Source<'_>], name: &str, mistakes: &mut Vec<Mistake>) -> Vec<Vec<String>> {
    let table = tables(sources, name, mistakes);
    let levels: Vec<&str> = table
        .header()
        .iter()
        .copied()
        .filter(|column| *column != "name")
        .collect();
    let cells =
        |row: tsumugi_tables::Row<'_, '_>| levels.iter().map(|level| row.get(level).to_owned()).collect();
    let rows: Vec<Vec<String>> = table.rows().map(cells).collect();
    if let Err(error) = Hierarchy::from_rows(name, rows.iter().cloned()) {
        mistakes.push(Mistake::new(table.path, 1, error.to_string()));
    }
    rows
}

fn columns(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Vec<ColumnKind> {
    let table = tables(sources, "columns", mistakes);
    let mut found = Vec::new();
    for row in table.rows() {
        let source = match row.get("source") {
            "age" => Some(ColumnSource::Age),
            "sex" => Some(ColumnSource::Sex),
            "region" => Some(ColumnSource::Region),
            "first" => Some(ColumnSource::First),
            "condition" => Some(ColumnSource::Condition),
            "medication" => Some(ColumnSource::Medication),
            _ => None,
        };
        let lengths = || {
            row.list("levels")
                .map(|length| length.parse().ok())
                .collect::<Option<Vec<usize>>>()
        };
        let falls =
            |lengths: &Vec<usize>| !lengths.is_empty() && lengths.is_sorted_by(|one, next| one > next);
        let shape = match row.get("hierarchy") {
            "icd10" => Some(Shape::Icd10),
            "calendar" => Some(Shape::Calendar),
            "prefix" => lengths().filter(falls).map(Shape::Prefix),
            name @ ("age" | "sex" | "region") => Some(Shape::Rows(shape_rows(sources, name, mistakes))),
            _ => None,
        };
        match source.zip(shape) {
            Some((source, shape)) => found.push(ColumnKind {
                id: row.get("id").to_owned(),
                source,
                shape,
            }),
            None => mistakes.push(Mistake::new(
                table.path,
                row.line,
                "no such source or hierarchy; the levels of a prefix are lengths that fall",
            )),
        }
    }
    found
}

fn rules(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> HouseRules {
    let table = tables(sources, "limits", mistakes);
    let values: BTreeMap<&str, u32> = table
        .rows()
        .filter_map(|row| Some((row.get("id"), row.get("value").parse().ok()?)))
        .collect();
    let mut of = |id: &str| {
        let value = values.get(id).copied();
        if value.is_none() {
            mistakes.push(Mistake::new(
                table.path,
                1,
                format!("no row {id} with a whole number"),
            ));
        }
        value.unwrap_or(0)
    };
    HouseRules {
        budget: of("budget"),
        cell: of("cell"),
        k: of("k"),
        question: of("question"),
        suppressed: of("suppressed"),
        threshold: of("threshold"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(column: &str, value: &str) -> Vec<String> {
        let all = Hierarchies::embedded().unwrap();
        all.row(all.column(column).unwrap(), value).unwrap()
    }

    #[test]
    fn values_become_coarser_level_by_level() {
        assert_eq!(levels("age", "37"), ["37", "35-39", "30-39", "20-39", "*"]);
        assert_eq!(levels("age", "90+"), ["90+", "90+", "90+", "80+", "*"]);
        assert_eq!(levels("sex", "female"), ["female", "*"]);
        assert_eq!(levels("region", "JP-13"), ["JP-13", "kanto", "east", "*"]);
        assert_eq!(levels("diagnosis", "E11"), ["E11", "E10-E14", "IV", "*"]);
        assert_eq!(levels("diagnosis", "none"), ["none", "none", "none", "*"]);
        assert_eq!(
            levels("drug", "C08CA01"),
            ["C08CA01", "C08CA", "C08C", "C08", "C", "*"]
        );
        assert_eq!(levels("month", "2026-11"), ["2026-11", "2026-Q4", "2026", "*"]);
    }

    #[test]
    fn a_value_in_a_gap_is_named_with_what_to_do() {
        let all = Hierarchies::embedded().unwrap();
        let values = BTreeSet::from(["E11".to_owned(), "I53".to_owned()]);
        let told = all
            .hierarchy(all.column("diagnosis").unwrap(), &values)
            .unwrap_err();
        assert!(
            told.to_string().contains("diagnosis: \"I53\" stands in no row"),
            "{told}"
        );
    }

    #[test]
    #[expect(clippy::non_ascii_literal, reason = "addresses are Japanese")]
    fn the_first_prefecture_of_an_address_counts() {
        let all = Hierarchies::embedded().unwrap();
        assert_eq!(all.region_of("\u{3012}100-0001 東京都千代田区1-1"), Some("JP-13"));
        assert_eq!(all.region_of("京都府京都市"), Some("JP-26"));
        assert_eq!(all.region_of("somewhere"), None);
    }

    #[test]
    fn broken_tables_are_told_with_their_line() {
        let files = tsumugi_terminology::embedded_files();
        let mut sources = tsumugi_terminology::sources_of(&files);
        let broken = [
            ("anonymize/icd10.tsv", "first\tlast\tchapter\nA10\tA09\tI\n"),
            ("anonymize/limits.tsv", "id\tvalue\tnote\nk\tmany\t\n"),
            (
                "anonymize/columns.tsv",
                "id\tsource\thierarchy\tlevels\tnote\nx\tage\tprefix\t3|5\t\n",
            ),
        ];
        for source in &mut sources {
            if let Some((_, text)) = broken.iter().find(|(path, _)| *path == source.path) {
                source.text = text;
            }
        }
        let mistakes = Hierarchies::read(&sources).unwrap_err();
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        for wanted in ["icd10.tsv:2", "columns.tsv:2", "no row k"] {
            assert!(
                told.iter().any(|line| line.contains(wanted)),
                "{wanted}: {told:?}"
            );
        }
    }
}
