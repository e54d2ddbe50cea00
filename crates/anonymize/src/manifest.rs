//! The manifest that goes with an export: who may have it, on which basis, what was asked, what was done, and the risk that is
//! left. It holds no time and no number of the store, so that the same export within one epoch has the same bytes; small counts
//! are not told.

use crate::anonymous::TableReport;
use crate::cells::{Cell, protect_list};
use crate::dataset::Period;
use crate::noise::NoisyTable;
use crate::steps::Step;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tsumugi_records::consent::{Basis, Form, Purpose, Recipient};

/// Form of the manifest; it changes when a field changes its meaning.
const FORMAT: u32 = 1;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Query {
    /// Which study.
    pub study: String,
    /// What for.
    pub purpose: Purpose,
    /// Kinds of data.
    pub kinds: Vec<String>,
    /// Id of the recipient.
    pub recipient: String,
    /// In which form.
    pub form: Form,
    /// Kind of file.
    pub format: &'static str,
    /// Of which days.
    pub period: Period,
    /// Columns that may identify.
    pub columns: Vec<String>,
    /// Columns that are sensitive.
    pub sensitive: Vec<String>,
    /// k.
    pub k: u32,
    /// Rows that may be left out, of 100.
    pub suppress: u32,
    /// l.
    pub l: u32,
    /// t, in hundredths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<u32>,
    /// The column of the noisy table, and thousandths of its epsilon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noisy: Option<(String, u32)>,
}

/// The tables and programs that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Editions {
    /// Version of the program.
    pub program: String,
    /// Edition of the vocabulary now; facts keep the one that read them.
    pub vocabulary: String,
    /// SHA-256 of the tables of `data/anonymize`, first 16 digits.
    pub anonymize: String,
}

/// A file of the export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Name in its folder.
    pub name: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    format: u32,
    /// What was asked.
    pub query: Query,
    /// Its SHA-256.
    pub query_sha256: String,
    /// Title of the study.
    pub title: String,
    /// Legal basis.
    pub basis: Basis,
    /// The ethics committee's approval: committee and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<(String, String)>,
    /// Who gets it.
    pub recipient: Recipient,
    /// Epoch of the consents that it rests on.
    pub consent_epoch: u64,
    /// Editions.
    pub editions: Editions,
    /// What was done.
    pub steps: Vec<Step>,
    /// What holds of the table, where it is one of persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<TableReport>,
    /// Persons whose data are not in it, by reason.
    pub persons_not_in_it: BTreeMap<String, Told>,
    /// A table of all permitted persons with noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noisy: Option<NoisyTable>,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// A count that leaves, or that it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// The count.
    Count(u64),
    /// Not told: small, or so that a small one cannot be reckoned.
    Suppressed(&'static str),
}

impl Query {
    /// SHA-256 of it, hexadecimal: the same question has the same.
    pub fn sha256(&self) -> String {
        // Plain words and numbers always have a JSON form.
        hexadecimal(&Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

impl Manifest {
    /// A manifest without files, from what must be said in any case.
    pub fn new(query: Query, basis: Basis, recipient: Recipient, epoch: u64, editions: Editions) -> Self {
        Self {
            format: FORMAT,
            query_sha256: query.sha256(),
            query,
            title: String::new(),
            basis,
            approval: None,
            recipient,
            consent_epoch: epoch,
            editions,
            steps: Vec::new(),
            report: None,
            persons_not_in_it: BTreeMap::new(),
            noisy: None,
            files: Vec::new(),
        }
    }

    /// Its bytes: JSON, a field a line.
    ///
    /// # Errors
    /// Only where memory is out.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Counts by name, as they may leave: small ones suppressed, and others with them.
pub fn told<'n>(counts: impl IntoIterator<Item = (&'n str, u64)>, least: u64) -> BTreeMap<String, Told> {
    let (names, counts): (Vec<&str>, Vec<u64>) = counts.into_iter().unzip();
    let (cells, _) = protect_list(&counts, least);
    let of = |(name, cell): (&str, Cell)| {
        let told = match cell {
            Cell::Told(count) => Told::Count(count),
            Cell::Small | Cell::Complementary => Told::Suppressed("suppressed"),
        };
        (name.to_owned(), told)
    };
    names.into_iter().zip(cells).map(of).collect()
}

/// SHA-256 of the tables of `data/anonymize` that are compiled in, first 16 hexadecimal digits.
pub fn tables_edition() -> String {
    let mut hash = Sha256::new();
    for file in tsumugi_terminology::embedded_files() {
        if file.path.starts_with("anonymize/") {
            hash.update(file.path.as_bytes());
            hash.update([0]);
            hash.update(file.text.as_bytes());
            hash.update([0]);
        }
    }
    hexadecimal(&hash.finalize()).chars().take(16).collect()
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_leave_with_others_and_never_alone() {
        let of = |counts: &[(&'static str, u64)]| told(counts.iter().copied(), 10);
        let all = of(&[("a", 3), ("b", 12), ("c", 40), ("d", 0)]);
        assert_eq!(all["a"], Told::Suppressed("suppressed"));
        assert_eq!(all["b"], Told::Suppressed("suppressed"));
        assert_eq!((&all["c"], &all["d"]), (&Told::Count(40), &Told::Count(0)));
        assert_eq!(of(&[("a", 10), ("b", 11)])["a"], Told::Count(10));
        assert_eq!(of(&[("a", 1)])["a"], Told::Suppressed("suppressed"));
    }
}
