//! The tables of `data/exchange` that these parsers use.

use std::collections::HashMap;
use std::sync::LazyLock;
use tsumugi_tables::{Source, Table};

/// The tables, read once.
pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::embedded);

/// Base of the URIs of codes that only a site knows.
const LOCAL: &str = "https://tsumugi.example/CodeSystem/local/";

/// The micro sign, and the letter of the table.
const MICRO: char = '\u{B5}';
const MU: &str = "\u{3BC}";

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventRow {
    /// What it is about: a message that takes back has the kind of what it takes back.
    pub(crate) kind: &'static str,
    /// Whether it takes back.
    pub(crate) is_deletion: bool,
    /// Status of the stay that it leaves; empty where there is none.
    pub(crate) encounter: &'static str,
}

/// A data kind of SS-MIX2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindRow {
    /// Messages it may hold, `|` between them.
    pub(crate) messages: &'static str,
    /// Category of its contents; may be empty.
    pub(crate) category: &'static str,
}

/// A part that a word of a result plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// A qualitative value.
    Qualitative,
    /// What stands for less.
    Below,
    /// What stands for more.
    Above,
    /// How it was examined.
    Method,
    /// Why there is no value.
    Absent,
    /// An ending of a disease that is only suspected.
    Suspected,
    /// A modifier's code that says so.
    SuspectedCode,
    /// A mark that a value is high or low.
    Flag,
}

/// All of them.
pub(crate) struct Tables {
    codes: HashMap<(&'static str, &'static str), &'static str>,
    events: HashMap<(&'static str, &'static str), EventRow>,
    systems: HashMap<&'static str, &'static str>,
    kinds: HashMap<&'static str, KindRow>,
    documents: Vec<(&'static str, Vec<&'static str>)>,
    units: HashMap<&'static str, &'static str>,
    words: HashMap<Role, Vec<(&'static str, &'static str)>>,
}

macro_rules! table {
    ($name:literal) => {
        table_of($name, include_str!(concat!("../../../../data/exchange/", $name)))
    };
}

fn table_of(path: &'static str, text: &'static str) -> Table<'static> {
    // Mistakes are a matter of the tests of the tables; a row with one is left out.
    Table::parse(Source { path, text }, &mut Vec::new())
}

impl Tables {
    fn embedded() -> Self {
        let codes = table!("hl7_codes.tsv");
        let events = table!("hl7_events.tsv");
        let systems = table!("hl7_systems.tsv");
        let kinds = table!("ssmix2_kinds.tsv");
        let documents = table!("ssmix2_documents.tsv");
        let units = table!("units_written.tsv");
        let mut words: HashMap<Role, Vec<(&'static str, &'static str)>> = HashMap::new();
        for row in table!("value_words.tsv").rows() {
            if let Some(role) = role(row.get("role")) {
                words
                    .entry(role)
                    .or_default()
                    .push((row.get("form"), row.get("value")));
            }
        }
        Self {
            codes: codes
                .rows()
                .map(|row| ((row.get("set"), row.get("code")), row.get("value")))
                .collect(),
            events: events
                .rows()
                .map(|row| ((row.get("code"), row.get("event")), event(&row)))
                .collect(),
            systems: systems
                .rows()
                .map(|row| (row.get("mnemonic"), row.get("system")))
                .collect(),
            kinds: kinds
                .rows()
                .map(|row| {
                    let (messages, category) = (row.get("messages"), row.get("category"));
                    (row.get("kind"), KindRow { messages, category })
                })
                .collect(),
            documents: documents
                .rows()
                .map(|row| (row.get("loinc"), row.list("names").collect()))
                .collect(),
            units: units
                .rows()
                .map(|row| (row.get("form"), row.get("ucum")))
                .collect(),
            words,
        }
    }

    /// What FHIR says for a code of a set.
    pub(crate) fn code(&self, set: &'static str, code: &str) -> Option<&'static str> {
        self.codes.get(&(set, code)).copied()
    }

    /// What a message is about.
    pub(crate) fn event(&self, code: &str, event: &str) -> Option<EventRow> {
        self.events.get(&(code, event)).copied()
    }

    /// URI of a code system by its mnemonic.
    pub(crate) fn system(&self, mnemonic: &str, edition: &str) -> String {
        if mnemonic.is_empty() {
            return String::new();
        }
        if !edition.is_empty()
            && let Some(system) = self.systems.get(format!("{mnemonic}:{edition}").as_str())
        {
            return (*system).to_owned();
        }
        if let Some(system) = self.systems.get(mnemonic) {
            return (*system).to_owned();
        }
        let table = mnemonic
            .strip_prefix("HL7")
            .filter(|number| number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit()));
        if let Some(number) = table {
            return format!("http://terminology.hl7.org/CodeSystem/v2-{number}");
        }
        let plain: String = mnemonic
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        format!("{LOCAL}{plain}")
    }

    /// A data kind of the standard storage.
    pub(crate) fn kind(&self, kind: &str) -> Option<KindRow> {
        self.kinds.get(kind).copied()
    }

    /// LOINC code of a kind of document by a name of it.
    pub(crate) fn document(&self, name: &str) -> Option<&'static str> {
        let is_named = |(_, names): &&(&'static str, Vec<&'static str>)| names.contains(&name);
        self.documents.iter().find(is_named).map(|(loinc, _)| *loinc)
    }

    /// The usual name of a kind of document.
    pub(crate) fn document_name(&self, loinc: &str) -> Option<&'static str> {
        let (_, names) = self.documents.iter().find(|(code, _)| *code == loinc)?;
        names.first().copied()
    }

    /// A written unit in UCUM, where that is sure. The micro sign is a mu.
    pub(crate) fn unit(&self, written: &str) -> Option<&'static str> {
        self.units.get(written.replace(MICRO, MU).as_str()).copied()
    }

    /// The words of a part.
    pub(crate) fn words(&self, role: Role) -> &[(&'static str, &'static str)] {
        self.words.get(&role).map_or(&[], Vec::as_slice)
    }
}

fn role(written: &str) -> Option<Role> {
    Some(match written {
        "qualitative" => Role::Qualitative,
        "below" => Role::Below,
        "above" => Role::Above,
        "method" => Role::Method,
        "absent" => Role::Absent,
        "suspected" => Role::Suspected,
        "suspected-code" => Role::SuspectedCode,
        "flag" => Role::Flag,
        _ => return None,
    })
}

fn event(row: &tsumugi_tables::Row<'_, 'static>) -> EventRow {
    EventRow {
        kind: row.get("kind"),
        is_deletion: row.get("standing") == "deleted",
        encounter: row.get("encounter"),
    }
}
