//! The knowledge of a site: the embedded tables and the assertion log of its store, compiled, with the snapshot that
//! saves compiling it at every start.

use crate::chart;
use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsumugi_knowledge::snapshot::{self, Origin, SnapshotError};
use tsumugi_knowledge::{Assertion, Knowledge, Statement, View};
use tsumugi_records::{AssertionRecord, NewAssertion, Stamp, Store};

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
        let file = snapshot_file(store);
        if let Some(bytes) = file.as_deref().and_then(|file| std::fs::read(file).ok()) {
            match snapshot::from_bytes(&bytes, &origin) {
                Ok(mut knowledge) => {
                    knowledge.levels = tables.levels;
                    knowledge.implied = tables.implied;
                    return Ok(Self { knowledge, origin });
                }
                Err(SnapshotError::Stale { .. }) => {}
                Err(error) => tracing::warn!("{SNAPSHOT}: {error}"),
            }
        }
        let library = Self {
            knowledge: tables.with(&log_of(store)?, &View::default()),
            origin,
        };
        library.keep(store);
        Ok(library)
    }

    /// Writes the snapshot; where that fails the next start compiles again.
    pub(crate) fn keep(&self, store: &Store) {
        let Some(file) = snapshot_file(store) else { return };
        let bytes = snapshot::to_bytes(&self.knowledge, &self.origin);
        let draft = file.with_extension("snapshot.new");
        let written = std::fs::write(&draft, bytes).and_then(|()| std::fs::rename(&draft, &file));
        if let Err(error) = written {
            tracing::warn!(
                "{}: {error}; the knowledge is compiled at the next start",
                file.display()
            );
        }
    }
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
    let new: Result<Vec<NewAssertion>, serde_json::Error> = statements
        .iter()
        .map(|(source, said)| {
            Ok(NewAssertion {
                kind: said.kind().to_owned(),
                subject: said.subject(),
                source: source.to_string(),
                body: serde_json::to_string(said)?,
            })
        })
        .collect();
    Ok(store.append_assertions(&stamp, new?)?)
}

/// Reads a text file whole, naming it where that fails.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
