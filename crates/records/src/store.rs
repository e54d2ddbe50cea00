//! The store: one writer, a few readers, on one file or in memory.

use crate::errors::StoreError;
use crate::open::{self, Tuning};
use crate::writer::{Writer, WriterCounts};
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most reading connections kept for the next reader; more are opened when more read at once.
const MAX_IDLE_READERS: usize = 8;

/// Numbers the stores in memory, so that two of one process stay apart.
static MEMORY_STORES: AtomicU64 = AtomicU64::new(0);

/// The store. Its methods take `&self` and may be called from many threads; each write returns when it is durable.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    in_memory: bool,
    // Fields drop in this order: readers, then the writer, which cleans up the journal, then the lock.
    readers: Mutex<Vec<Connection>>,
    writer: Option<Writer>,
    _lock: Option<File>,
}

impl Store {
    /// Opens the store at `path` for writing; makes it where there is none (the directory must exist).
    ///
    /// # Errors
    /// `Locked`, `Damaged`, `NotAStore`, `NewerSchema`, `Io`; the file is then as it was.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, Tuning::default())
    }

    /// Opens the store at `path` with other settings, for tests.
    ///
    /// # Errors
    /// As `open`.
    #[doc(hidden)]
    pub fn open_with(path: impl AsRef<Path>, tuning: Tuning) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let place = path.display().to_string();
        let lock = open::lock(path)?;
        let conn = open::open_writer(path, tuning).map_err(|error| error.at(&place))?;
        Ok(Self {
            path: path.to_owned(),
            in_memory: false,
            readers: Mutex::default(),
            writer: Some(Writer::start(conn)?),
            _lock: Some(lock),
        })
    }

    /// Opens an existing store for reading, also while another process writes to it. Writes give `ReadOnly`.
    ///
    /// # Errors
    /// As `open`; `Conflict` when its schema is old.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let conn = open::open_reading(path).map_err(|error| error.at(&path.display().to_string()))?;
        let readers = Mutex::new(vec![conn]);
        Ok(Self {
            path: path.to_owned(),
            in_memory: false,
            readers,
            writer: None,
            _lock: None,
        })
    }

    /// Opens a new store in memory, for tests and for trying things out; it ends with the value.
    ///
    /// # Errors
    /// Only when memory or threads are out.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let number = MEMORY_STORES.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("file:/tsumugi-records-{number}?vfs=memdb"));
        let conn = open::open_memory(&path).map_err(|error| error.at("store in memory"))?;
        let writer = Some(Writer::start(conn)?);
        Ok(Self {
            path,
            in_memory: true,
            readers: Mutex::default(),
            writer,
            _lock: None,
        })
    }

    /// The file, or the name of the store in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether writes are accepted.
    pub fn is_writable(&self) -> bool {
        self.writer.is_some()
    }

    /// What the writer did since the store was opened.
    pub fn writer_counts(&self) -> WriterCounts {
        self.writer.as_ref().map_or(
            WriterCounts {
                commits: 0,
                commands: 0,
            },
            Writer::counts,
        )
    }

    /// Carries `work` out in the next commit and returns when that is durable. What fails leaves nothing behind.
    pub(crate) fn write<T, F>(&self, place: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer.write(place, work),
            None => Err(StoreError::ReadOnly {
                place: place.to_owned(),
            }),
        }
    }

    /// Reads one consistent state: all of `work` sees the same commits.
    pub(crate) fn read<T>(
        &self,
        place: &str,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = self.reader().and_then(|conn| {
            let transaction = conn.unchecked_transaction()?;
            let value = work(&transaction)?;
            drop(transaction);
            // A connection that met an error is closed rather than used again.
            self.keep(conn);
            Ok(value)
        });
        outcome.map_err(|error| error.at(place))
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(conn) => Ok(conn),
            None => open::open_reader(&self.path, self.in_memory),
        }
    }

    fn keep(&self, conn: Connection) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < MAX_IDLE_READERS {
            readers.push(conn);
        }
    }
}
