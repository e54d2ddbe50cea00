//! The knowledge of a site: the embedded tables and the assertion log of its store, compiled, with the snapshot that
//! saves compiling it at every start.

use crate::chart;
use crate::log;
use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsumugi_knowledge::snapshot::{self, Origin, SnapshotError};
use tsumugi_knowledge::{Assertion, Case, Knowledge, Statement, View, active};
use tsumugi_records::{AssertionRecord, NewAssertion, Stamp, Store};
use tsumugi_terminology::{embedded_files, knowledge_edition, sources_of};

/// File of the snapshot, beside the store. It can be deleted at any time: it is made again.
const SNAPSHOT: &str = "knowledge.snapshot";

/// A site's knowledge with where it stands in the log.
pub(crate) struct Library {
    pub(crate) knowledge: Knowledge,
    pub(crate) origin: Origin,
}

impl Library {
    /// Loads the snapshot, or compiles the log where there is none that can be used.
    pub(crate) fn open(store: &Store, tables: Knowledge, edition: &str) -> anyhow::Result<Self> {
        let origin = Origin {
            edition: edition.to_owned(),
            head: store.assertion_head()?,
        };
        if origin.head == 0 {
            return Ok(Self {
                knowledge: tables,
                origin,
            });
        }
        let kept = snapshot_file(store).and_then(|file| std::fs::read(file).ok());
        match kept.map(|bytes| snapshot::from_bytes(&bytes, &origin)) {
            Some(Ok(mut knowledge)) => {
                knowledge.levels = tables.levels;
                knowledge.implied = tables.implied;
                knowledge.concepts = tables.concepts;
                return Ok(Self { knowledge, origin });
            }
            // The log has gone on, or the program is another: nothing to remark.
            Some(Err(SnapshotError::Stale { .. })) | None => {}
            Some(Err(_)) => log::warn(
                "the snapshot of the knowledge is damaged; it is compiled anew",
                &[],
            ),
        }
        let library = Self {
            knowledge: tables.with(&log_of(store)?, &View::default()),
            origin,
        };
        library.keep(store);
        Ok(library)
    }

    /// Edition of the tables, and how far the log was read.
    pub(crate) fn edition(&self) -> String {
        edition(&self.origin.edition, self.origin.head)
    }

    /// Writes the snapshot; where that fails the next start compiles again.
    pub(crate) fn keep(&self, store: &Store) {
        let Some(file) = snapshot_file(store) else { return };
        let bytes = snapshot::to_bytes(&self.knowledge, &self.origin);
        let draft = file.with_extension("snapshot.new");
        let written = std::fs::write(&draft, bytes).and_then(|()| std::fs::rename(&draft, &file));
        if let Err(error) = written {
            log::warn(
                "the snapshot of the knowledge was not kept; it is compiled at the next start",
                &[
                    ("file", &log::Name::of_path(&file)),
                    ("cause", &log::Cause::of_io(&error)),
                ],
            );
        }
    }
}

/// The embedded knowledge, compiled, with its edition.
pub(crate) fn tables() -> anyhow::Result<(Knowledge, String)> {
    let files = embedded_files();
    let knowledge = Knowledge::new(&sources_of(&files)).context("the embedded knowledge is broken")?;
    Ok((knowledge, knowledge_edition(&files)))
}

/// Edition of the tables, and the number of the newest assertion.
pub(crate) fn edition(tables: &str, head: u64) -> String {
    format!("{tables}+{head}")
}

fn snapshot_file(store: &Store) -> Option<PathBuf> {
    if !store.is_writable() {
        return None;
    }
    let folder = store.path().parent().filter(|folder| folder.is_dir())?;
    Some(folder.join(SNAPSHOT))
}

/// The whole log of a store.
pub(crate) fn log_of(store: &Store) -> anyhow::Result<Vec<Assertion>> {
    store.assertions(0)?.into_iter().map(assertion_of).collect()
}

/// The case that a source still holds under an id.
pub(crate) fn case_held(store: &Store, source: &str, id: &str) -> anyhow::Result<Option<Case>> {
    let log: anyhow::Result<Vec<Assertion>> = store.cases_of(source)?.into_iter().map(assertion_of).collect();
    let log = log?;
    let held = active(&log, &View::default());
    Ok(held
        .into_iter()
        .rev()
        .find_map(|assertion| match &assertion.said {
            Statement::Case(case) if *case.id == *id => Some(case.clone()),
            _ => None,
        }))
}

fn assertion_of(record: AssertionRecord) -> anyhow::Result<Assertion> {
    let said: Statement = serde_json::from_str(&record.body)
        .with_context(|| format!("assertion {} of the log cannot be read", record.id))?;
    Ok(Assertion {
        id: record.id,
        source: record.source.into(),
        date: record.stamp.at.civil().date(),
        by: record.stamp.author.into(),
        said,
    })
}

/// Adds statements to the log, all or none, and gives the number of the last one.
pub(crate) fn append(
    store: &Store,
    author: &str,
    statements: &[(Arc<str>, Statement)],
) -> anyhow::Result<u64> {
    let stamp = Stamp {
        author: author.to_owned(),
        at: chart::moment(chart::now()),
    };
    let new = statements.iter().map(|(source, said)| stated(source, said));
    Ok(store.append_assertions(&stamp, new.collect::<anyhow::Result<_>>()?)?)
}

/// A statement as the log keeps it.
pub(crate) fn stated(source: &str, said: &Statement) -> anyhow::Result<NewAssertion> {
    Ok(NewAssertion {
        kind: said.kind().to_owned(),
        subject: said.subject(),
        source: source.to_owned(),
        body: serde_json::to_string(said)?,
    })
}

/// SHA-256 of a text, hexadecimal.
pub(crate) fn digest_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Reads a text file whole, naming it where that fails.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
