//! Opening the file: one writing process at a time, nothing of others touched, a new store complete or absent.
//!
//! A new store is built under another name, synced and renamed, so that an empty file is never one of ours; and a file
//! is looked at only through SQLite, because closing a second handle of our own would drop SQLite's locks on it.

use crate::errors::StoreError;
use crate::schema;
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a statement waits for another process (a backup tool, a shell) before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection keeps prepared: more than any one call of the store uses.
const KEPT_STATEMENTS: usize = 64;

/// Memory that the writer keeps pages of the file in, in KiB: an import touches the index pages of many persons in turn,
/// and with SQLite's own 2 MiB it would read most of them again for every batch.
const WRITER_CACHE_KIB: u32 = 64 * 1024;

/// Settings that only tests change.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Syncs every commit. Off only to show that the durability tests notice.
    pub sync: bool,
    /// Pages in the journal after which it is copied into the file.
    pub checkpoint_pages: u32,
    /// Most pages the file may have, to play a full disk; none for no limit.
    pub max_pages: Option<u32>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            sync: true,
            checkpoint_pages: 4000,
            max_pages: None,
        }
    }
}

/// The path with something behind its name, e.g. `records.db-wal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes the right to write, which the system gives back when the process ends however it ends.
pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| StoreError::io(&lock_path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            place: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&lock_path, &error)),
    }
}

/// Opens the one writing connection; makes the store where there is none. The caller holds the lock.
pub(crate) fn open_writer(path: &Path, tuning: Tuning) -> Result<Connection, StoreError> {
    match fs::metadata(path) {
        Ok(found) if found.len() == 0 => return Err(StoreError::damaged("the file is empty")),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(StoreError::io(path, &error)),
    }
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    let found = schema::check_identity(&conn, schema::STEPS)?;
    set_up_writer(&conn, tuning, "wal")?;
    schema::migrate(&conn, found, schema::STEPS)?;
    schema::check_tables(&conn)?;
    Ok(conn)
}

/// Opens a reading connection beside the writer, or alone.
pub(crate) fn open_reader(path: &Path, uri: bool) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if uri {
        flags |= OpenFlags::SQLITE_OPEN_URI;
    }
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    conn.execute_batch(
        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(conn)
}

/// Opens an existing store for reading only, and checks that it is ours and of the newest schema.
pub(crate) fn open_reading(path: &Path) -> Result<Connection, StoreError> {
    let (conn, version) = open_reading_as_it_is(path)?;
    if version < schema::newest(schema::STEPS) {
        let detail = format!("schema {version} is old; open the store for writing once");
        return Err(StoreError::conflict(path.display().to_string(), detail));
    }
    schema::check_tables(&conn)?;
    Ok(conn)
}

/// Opens an existing store for reading only, of any schema that this program knows; gives which it is.
pub(crate) fn open_reading_as_it_is(path: &Path) -> Result<(Connection, i32), StoreError> {
    let found = fs::metadata(path).map_err(|error| StoreError::io(path, &error))?;
    if found.len() == 0 {
        return Err(StoreError::damaged("the file is empty"));
    }
    let conn = open_reader(path, false)?;
    let version = schema::check_identity(&conn, schema::STEPS)?;
    Ok((conn, version))
}

/// Opens a store that lives in memory, under a name by which its readers find it.
pub(crate) fn open_memory(uri: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    set_up_writer(&conn, Tuning::default(), "memory")?;
    schema::migrate(&conn, 0, schema::STEPS)?;
    Ok(conn)
}

/// Syncs a directory, so that a rename in it outlives a power cut.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::io(directory, &error))
}

/// Makes an empty file that only its owner can read; the database's journals take its permissions over.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::io(path, &error))
}

/// Removes what an earlier attempt left under a name that only we use.
pub(crate) fn remove_leftover(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let leftover = beside(path, suffix);
        match fs::remove_file(&leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io(&leftover, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Builds a new store beside `path` and moves it there when it is complete and synced.
fn create(path: &Path) -> Result<(), StoreError> {
    let journal = beside(path, "-wal");
    if fs::metadata(&journal).is_ok_and(|found| found.len() > 0) {
        return Err(StoreError::damaged(
            "the file is missing, but its journal (-wal) is there",
        ));
    }
    let unfinished = beside(path, ".new");
    remove_leftover(&unfinished)?;
    create_private(&unfinished)?;
    let conn = Connection::open_with_flags(
        &unfinished,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;")?;
    schema::migrate(&conn, 0, schema::STEPS)?;
    conn.close().map_err(|(_, error)| error)?;
    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::io(&unfinished, &error))?;
    fs::rename(&unfinished, path).map_err(|error| StoreError::io(path, &error))?;
    sync_directory_of(path)
}

/// What holds for the writing connection, as SQL. Measurements set the same for the bare database that they compare with.
///
/// Temporary tables and statement journals stay in memory: they would put parts of notes into a shared directory.
#[doc(hidden)]
pub fn writer_pragmas(tuning: Tuning) -> String {
    let sync = if tuning.sync { "FULL" } else { "OFF" };
    format!(
        "PRAGMA synchronous = {sync};
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{WRITER_CACHE_KIB};
         PRAGMA journal_size_limit = 67108864;
         PRAGMA wal_autocheckpoint = {};",
        tuning.checkpoint_pages
    )
}

fn set_up_writer(conn: &Connection, tuning: Tuning, journal: &str) -> Result<(), StoreError> {
    let pragmas = writer_pragmas(tuning);
    conn.execute_batch(&format!("PRAGMA journal_mode = {journal}; {pragmas}"))?;
    if let Some(pages) = tuning.max_pages {
        conn.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?;
    }
    let found: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if found == journal {
        Ok(())
    } else {
        let detail = format!("journal mode {found} instead of {journal}");
        Err(StoreError::Database {
            place: String::new(),
            detail,
        })
    }
}
