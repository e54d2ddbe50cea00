//! The manifest of the tables: which file has which columns, who wrote and who reviewed it.

use serde::Deserialize;

/// `data/manifest.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the form of the tables.
    pub format: u32,
    /// The tables.
    pub table: Vec<TableSpec>,
}

/// One kind of table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Path below `data/`; a `*` stands for any file name of the folder.
    pub path: String,
    /// One sentence: what a row says.
    pub says: String,
    /// Who wrote it.
    pub written_by: String,
    /// Clinicians who have read it; empty until one has.
    #[serde(default)]
    pub reviewed_by: Vec<String>,
    /// Where the facts come from.
    pub source: String,
    /// Licence, SPDX.
    pub licence: String,
    /// Whether the rows are sorted by their first column.
    #[serde(default)]
    pub sorted: bool,
    /// The columns, in order.
    pub columns: Vec<ColumnSpec>,
}

/// One column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Name in the header.
    pub name: String,
    /// What its cells hold.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a cell may be empty.
    #[serde(default)]
    pub optional: bool,
    /// Allowed values (`choice`, `choices`), or prefixes of referenced ids (`ref`, `refs`), or the id's prefix (`id`).
    #[serde(default)]
    pub of: Vec<String>,
    /// Words that may stand in the place of a referenced id (`any`).
    #[serde(default)]
    pub also: Vec<String>,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// A new concept id, unique over all tables.
    Id,
    /// A name or a key unique within the kind of table.
    Key,
    /// Free text, NFKC form.
    Text,
    /// A name in NFKC form; the column `kana` holds its reading.
    Name,
    /// A reading in hiragana; empty only where the name reads itself.
    Kana,
    /// Names with readings.
    Names,
    /// One concept id.
    Ref,
    /// Concept ids.
    Refs,
    /// A concept id, for a test with the level of its result (`test.crp=high`).
    State,
    /// Several of them.
    States,
    /// One of a list.
    Choice,
    /// Several of a list.
    Choices,
    /// ICD-10 code.
    Icd10,
    /// HPO term.
    Hpo,
    /// LOINC code with its check digit right.
    Loinc,
    /// JLAC10 analyte, five characters.
    Jlac10,
    /// ATC code, fifth level or above.
    Atc,
    /// Decimal text.
    Decimal,
    /// UCUM unit (ASCII without blanks).
    Ucum,
    /// Text whose form another test holds.
    Raw,
}

impl Manifest {
    /// Reads the manifest.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The spec of a file.
    pub fn spec(&self, path: &str) -> Option<&TableSpec> {
        self.table.iter().find(|spec| matches_path(&spec.path, path))
    }
}

fn matches_path(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => {
            path.starts_with(before)
                && path.ends_with(after)
                && path.len() >= before.len() + after.len()
                && !path.get(before.len()..).unwrap_or("").contains('/')
        }
        None => pattern == path,
    }
}
