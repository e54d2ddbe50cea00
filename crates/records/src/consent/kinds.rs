//! Kinds of data: `data/consent/kinds.tsv`.

use crate::stamp::word;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;
use tsumugi_clinical::{Event, Evidence};
use tsumugi_tables::{Source, Table};

const TABLE: &str = include_str!("../../../../data/consent/kinds.tsv");

static KINDS: LazyLock<Vec<KindRow>> = LazyLock::new(read);

/// A kind of data: an id of `data/consent/kinds.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataKind(String);

impl DataKind {
    /// Wraps an id; whether the table has it is checked where it is used.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DataKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRow {
    /// Which kind.
    pub kind: DataKind,
    /// Name, Japanese.
    pub ja: String,
    /// Name, English.
    pub en: String,
    /// What falls under it, Japanese.
    pub says: String,
    /// Kinds of events that are of it; none for what is no coded fact.
    events: Vec<String>,
    /// Whether it holds what the person or a device of the person's own reports.
    is_personal: bool,
}

/// All kinds, in the order of the table.
pub fn kinds() -> &'static [KindRow] {
    &KINDS
}

/// The kind that an event is of; none where no row of the table names it, so that it never leaves.
pub fn kind_of(event: &Event) -> Option<&'static DataKind> {
    let is_personal = event.evidence == Some(Evidence::Personal);
    let kind = word(&event.kind).ok()?;
    let mut rows = KINDS.iter();
    let found = rows.find(|row| row.is_personal == is_personal && row.events.contains(&kind));
    found.map(|row| &row.kind)
}

pub(crate) fn is_known(kind: &DataKind) -> bool {
    KINDS.iter().any(|row| row.kind == *kind)
}

fn read() -> Vec<KindRow> {
    let source = Source {
        path: "consent/kinds.tsv",
        text: TABLE,
    };
    // Mistakes are a matter of the tests of the tables.
    let table = Table::parse(source, &mut Vec::new());
    let rows = table.rows().map(|row| KindRow {
        kind: DataKind::new(row.get("kind")),
        ja: row.get("ja").to_owned(),
        en: row.get("en").to_owned(),
        says: row.get("says").to_owned(),
        events: row.list("events").map(str::to_owned).collect(),
        is_personal: row.get("from") == "person",
    });
    rows.collect()
}
