//! The store: one writer, a few readers, on one file or in memory.

use crate::audit::log::{self, Prepared};
use crate::audit::{AuditEntry, Recorded};
use crate::derived::{self, Derived};
use crate::errors::StoreError;
use crate::open::{self, Tuning};
use crate::writer::{Attempt, Pending, Writer, WriterCounts};
use rusqlite::Connection;
use std::fs::File;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most reading connections kept for the next reader; more are opened when more read at once.
const MAX_IDLE_READERS: usize = 8;

/// Most changes that were left over and are followed in one transaction: whoever signs meanwhile waits for it.
const AT_ONCE: usize = 50;

/// Numbers the stores in memory, so that two of one process stay apart.
static MEMORY_STORES: AtomicU64 = AtomicU64::new(0);

/// The store. Its methods take `&self` and may be called from many threads; each write returns when it is durable.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// What a call of this value leaves in the audit trail; none but in [`Store::audited`].
    entry: Option<AuditEntry>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    in_memory: bool,
    // Fields drop in this order: readers, then the writer, which cleans up the journal, then the lock.
    readers: Mutex<Vec<Connection>>,
    writer: Option<Writer>,
    _lock: Option<File>,
}

/// The store, where each call leaves an entry in the audit trail.
#[derive(Debug)]
pub struct Audited<'s> {
    store: Store,
    // It keeps the file open, so it must end before the store does.
    of: PhantomData<&'s Store>,
}

impl Deref for Audited<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
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
        Ok(Self::of(Shared {
            path: path.to_owned(),
            in_memory: false,
            readers: Mutex::default(),
            writer: Some(Writer::start(conn)?),
            _lock: Some(lock),
        }))
    }

    /// Opens an existing store for reading, also while another process writes to it. Writes give `ReadOnly`.
    ///
    /// # Errors
    /// As `open`; `Conflict` when its schema is old.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let conn = open::open_reading(path).map_err(|error| error.at(&path.display().to_string()))?;
        Ok(Self::reading(path, conn))
    }

    /// Opens an existing store for reading, of whatever schema it is, so that nothing is brought up. Only [`Store::backup`]
    /// and [`Store::doctor`] know what to do with a schema that is old.
    ///
    /// # Errors
    /// `Damaged`, `NotAStore`, `NewerSchema`, `Io`.
    pub fn open_as_it_is(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let opened = open::open_reading_as_it_is(path);
        let (conn, _) = opened.map_err(|error| error.at(&path.display().to_string()))?;
        Ok(Self::reading(path, conn))
    }

    fn reading(path: &Path, conn: Connection) -> Self {
        Self::of(Shared {
            path: path.to_owned(),
            in_memory: false,
            readers: Mutex::new(vec![conn]),
            writer: None,
            _lock: None,
        })
    }

    /// Whether the store can be read now: opens the file anew, looks at its header and reads a row. It reads no record.
    ///
    /// # Errors
    /// As `open_read_only`.
    pub fn check_readable(&self) -> Result<(), StoreError> {
        let size = |conn: &Connection| log::size(conn).map(drop);
        if self.shared.in_memory {
            return self.read_unaudited("readable", size);
        }
        let place = self.shared.path.display().to_string();
        let opened = open::open_reading(&self.shared.path);
        opened
            .and_then(|conn| size(&conn))
            .map_err(|error| error.at(&place))
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
        Ok(Self::of(Shared {
            path,
            in_memory: true,
            readers: Mutex::default(),
            writer,
            _lock: None,
        }))
    }

    fn of(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            entry: None,
        }
    }

    /// The store for one call that `entry` is about. A write and its entry are one transaction: both are kept or neither.
    /// What the write makes (a patient's number, a document and its version) is added to the entry. After a read its
    /// entry is committed before the value is given out. A call that fails leaves an entry that says so, if it can.
    pub fn audited(&self, entry: AuditEntry) -> Audited<'_> {
        Audited {
            store: Self {
                shared: Arc::clone(&self.shared),
                entry: Some(entry),
            },
            of: PhantomData,
        }
    }

    /// Lets something follow every change of notes, statements and patients from now on, in the transaction of the change.
    /// What changed before is followed first; returns when that is durable.
    ///
    /// # Errors
    /// `ReadOnly`; those of `derived` and of the file.
    pub fn follow(&self, derived: Arc<dyn Derived>) -> Result<(), StoreError> {
        let Some(writer) = &self.shared.writer else {
            return Err(StoreError::ReadOnly {
                place: "follow".to_owned(),
            });
        };
        let first = Arc::clone(&derived);
        self.write_unaudited("follow", move |conn| first.open(conn))?;
        while self.catch_up(&derived)? {}
        writer.follow(derived);
        // What came while the last of it was written.
        self.write_unaudited("follow", |_| Ok(()))
    }

    /// Lets some of what is left over be followed, after a large import and before [`Store::follow`] was called; whether
    /// there was any. Until all is, what is asked of what follows has no answer.
    ///
    /// # Errors
    /// `ReadOnly`; those of `derived`, of which nothing is kept then, and of the file.
    pub fn catch_up(&self, derived: &Arc<dyn Derived>) -> Result<bool, StoreError> {
        if !self.read("follow", derived::is_due)? {
            return Ok(false);
        }
        let derived = Arc::clone(derived);
        self.write_unaudited("follow", move |conn| {
            Ok(derived::settle(conn, derived.as_ref(), AT_ONCE)? > 0)
        })
    }

    /// The file, or the name of the store in memory.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Whether it ends with the value.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.shared.in_memory
    }

    /// Whether writes are accepted.
    pub fn is_writable(&self) -> bool {
        self.shared.writer.is_some()
    }

    /// What the writer did since the store was opened.
    pub fn writer_counts(&self) -> WriterCounts {
        self.shared.writer.as_ref().map_or(
            WriterCounts {
                commits: 0,
                commands: 0,
            },
            Writer::counts,
        )
    }

    /// Carries `work` out in the next commit and returns when that is durable. What fails leaves nothing behind. Where
    /// the call is audited, its entry is part of it.
    pub(crate) fn write<T, F>(&self, place: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Recorded + Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let Some(entry) = &self.entry else {
            return self.write_unaudited(place, work);
        };
        let about = entry.clone();
        let outcome = self.write_unaudited(place, move |conn| {
            let value = work(conn)?;
            let mut entry = about.clone();
            value.add_to(&mut entry, conn)?;
            log::append(conn, &Prepared::new(&entry)?)?;
            Ok(value)
        });
        if let Err(error) = &outcome {
            self.audit_failure(entry, error);
        }
        outcome
    }

    /// As `write`, without an entry whatever the call.
    pub(crate) fn write_unaudited<T, F>(&self, place: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(place, work)?.wait()
    }

    /// Sends `work` on its way to the next commit.
    pub(crate) fn send<T, F>(&self, place: &'static str, work: F) -> Result<Pending<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.send_twice(place, |_| false, move |conn, _| work(conn))
    }

    /// The same; after an error for which `second` holds, `work` is undone and tried a second time before anything else.
    pub(crate) fn send_twice<T, F>(
        &self,
        place: &'static str,
        second: fn(&StoreError) -> bool,
        work: F,
    ) -> Result<Pending<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, Attempt) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.shared.writer {
            Some(writer) => writer.send(place, second, work),
            None => Err(StoreError::ReadOnly {
                place: place.to_owned(),
            }),
        }
    }

    /// Reads one consistent state: all of `work` sees the same commits. Where the call is audited, its entry is durable
    /// before the value is given out.
    pub(crate) fn read<T>(
        &self,
        place: &str,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = self.read_unaudited(place, work);
        self.leave_entry(outcome)
    }

    /// Leaves the entry about a call that wrote nothing, where it is audited; the outcome is given out after that.
    pub(crate) fn leave_entry<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match (&self.entry, &outcome) {
            (None, _) => {}
            (Some(entry), Ok(_)) => {
                self.audit_read(entry)?;
            }
            (Some(entry), Err(error)) => self.audit_failure(entry, error),
        }
        outcome
    }

    /// As `read`, without an entry whatever the call.
    pub(crate) fn read_unaudited<T>(
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
        let idle = self
            .shared
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(conn) => Ok(conn),
            None => open::open_reader(&self.shared.path, self.shared.in_memory),
        }
    }

    fn keep(&self, conn: Connection) {
        let mut readers = self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < MAX_IDLE_READERS {
            readers.push(conn);
        }
    }
}
