//! Masters of a site: what its licensed code tables and its own dictionary hold, compiled, and how they join the
//! embedded vocabulary.
//!
//! Precedence: the site's dictionary, then its masters in the order of [`MasterKind::ALL`], then the embedded tables
//! for names; a name that the embedded tables hold keeps their concept and gains the master's codes. See
//! `docs/guides/masters.md`.

mod folding;
pub(crate) mod join;
pub(crate) mod maps;
pub mod snapshot;

pub(crate) use folding::FormKeys;
pub(crate) use join::Words as NoteWords;
pub use maps::{Codes, Maps};

use crate::import::ReadFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tsumugi_tables::TermKind;

/// A kind of master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MasterKind {
    /// MEDIS: disease names, index terms, modifiers.
    Medis,
    /// The claims masters: disease names, modifiers, drugs, acts, comments.
    Ssk,
    /// MEDIS: drugs by HOT13 or HOT9.
    Hot,
    /// Laboratory items by JLAC10 and JLAC11.
    Jlac,
    /// LOINC.
    Loinc,
    /// SNOMED CT, release format 2.
    Snomed,
    /// Human Phenotype Ontology with labels in Japanese.
    Hpo,
    /// Surface forms of the site.
    Dictionary,
}

impl MasterKind {
    /// All kinds, those that hold names first in the order in which they join.
    pub const ALL: [Self; 8] = [
        Self::Medis,
        Self::Ssk,
        Self::Hot,
        Self::Jlac,
        Self::Loinc,
        Self::Snomed,
        Self::Hpo,
        Self::Dictionary,
    ];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Medis => "medis",
            Self::Ssk => "ssk",
            Self::Hot => "hot",
            Self::Jlac => "jlac",
            Self::Loinc => "loinc",
            Self::Snomed => "snomed",
            Self::Hpo => "hpo",
            Self::Dictionary => "dictionary",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Another name of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryForm {
    /// As the master writes it, NFKC form.
    pub text: Box<str>,
    /// Reading in hiragana, where the master says it.
    pub kana: Box<str>,
    /// The folded form that names are compared by.
    pub key: Box<str>,
    /// Whether it is looked for in notes; else in searches only.
    pub in_text: bool,
}

/// A code of a system of [`Master::systems`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryCode {
    /// Index of the system.
    pub system: u8,
    /// The code.
    pub code: Box<str>,
}

/// What a master holds under one id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Id of the concept that it becomes when no other holds its name (`medis:20050001`).
    pub id: Box<str>,
    /// Kind of that concept; nothing for a code that only has a name.
    pub kind: Option<TermKind>,
    /// Its name.
    pub name: EntryForm,
    /// English name.
    pub english: Box<str>,
    /// Its other names.
    pub forms: Vec<EntryForm>,
    /// ICD-10 code with its dot; empty where there is none.
    pub icd10: Box<str>,
    /// Ids of broader entries of this master.
    pub parents: Vec<Box<str>>,
    /// Id of the concept that it means, as found out when it was imported.
    pub target: Option<Box<str>>,
    /// Codes that an event of it carries.
    pub codes: Vec<EntryCode>,
}

/// A code and the entry that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodeRow {
    /// The code.
    pub code: EntryCode,
    /// Index of the entry.
    pub entry: u32,
}

/// What a master of a site holds, compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Kind.
    pub kind: MasterKind,
    /// Newest date or version that its rows name; empty where they name none.
    pub edition: String,
    /// The files that it was read from.
    pub files: Vec<ReadFile>,
    /// FHIR addresses of its code systems.
    pub systems: Vec<Box<str>>,
    /// What it holds, by id.
    pub entries: Vec<Entry>,
    /// Every code, sorted.
    pub codes: Vec<CodeRow>,
}

impl Master {
    /// Index of a code system.
    pub(crate) fn system(&self, address: &str) -> Option<u8> {
        let at = self.systems.iter().position(|own| &**own == address)?;
        u8::try_from(at).ok()
    }

    /// The entries that a code stands for.
    pub(crate) fn find(&self, address: &str, code: &str) -> impl Iterator<Item = u32> + '_ {
        let system = self.system(address);
        let wanted = (system.unwrap_or(u8::MAX), code.to_owned());
        let order = |row: &CodeRow| (row.code.system, &*row.code.code).cmp(&(wanted.0, wanted.1.as_str()));
        let start = self.codes.partition_point(|row| order(row).is_lt());
        let end = self.codes.partition_point(|row| order(row).is_le());
        let rows = self.codes.get(start..end).unwrap_or(&[]);
        rows.iter().filter(move |_| system.is_some()).map(|row| row.entry)
    }
}

/// The masters of a site, in the order in which they join.
#[derive(Debug, Clone, Default)]
pub struct Masters {
    all: Vec<(Arc<Master>, [u8; 32])>,
}

impl Masters {
    /// Adds a master with the digest of its snapshot; one of the same kind is replaced.
    pub fn add(&mut self, master: Arc<Master>, digest: [u8; 32]) {
        self.all.retain(|(own, _)| own.kind != master.kind);
        let at = self.all.partition_point(|(own, _)| own.kind < master.kind);
        self.all.insert(at, (master, digest));
    }

    /// The same without a kind.
    #[must_use]
    pub fn without(&self, kind: MasterKind) -> Self {
        let all = self
            .all
            .iter()
            .filter(|(own, _)| own.kind != kind)
            .cloned()
            .collect();
        Self { all }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Master>> {
        self.all.iter().map(|(master, _)| master)
    }

    /// What stands behind the edition of the tables: eight digits of the SHA-256 over the snapshots; nothing without
    /// masters.
    pub fn edition(&self) -> String {
        if self.all.is_empty() {
            return String::new();
        }
        let mut hash = Sha256::new();
        for (_, digest) in &self.all {
            hash.update(digest);
        }
        let digits = crate::import::hex(&hash.finalize());
        format!("+{}", digits.get(..8).unwrap_or(&digits))
    }
}
