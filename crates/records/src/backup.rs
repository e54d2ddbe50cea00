//! Backup and restore: a copy is made under another name, verified, synced and then renamed, so that a file under the
//! right name is always whole; and none is ever overwritten.

use crate::audit::log::{self, StoredNodes};
use crate::audit::merkle::{self, TreeHash};
use crate::doctor::{document_count, examine};
use crate::documents::hex;
use crate::errors::StoreError;
use crate::open::{self, beside};
use crate::schema;
use crate::store::Store;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A copy that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReport {
    /// The file.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Version of its schema.
    pub schema: i32,
    /// Versions of documents in it, each checked against its hash.
    pub documents: u64,
    /// Entries of its audit trail. Whether they were changed is not checked here: a backup of a store of which they were
    /// is wanted all the more.
    pub audit_entries: u64,
    /// Root of the tree over them, from the stored nodes; none when it has no trail or nodes are missing.
    pub audit_root: Option<TreeHash>,
}

impl Store {
    /// Writes a verified copy of one state of the store to `target`, while others go on reading and writing.
    ///
    /// # Errors
    /// `Exists` when there is such a file; `Damaged` when the copy fails its verification; `Full`, `Io`.
    pub fn backup(&self, target: impl AsRef<Path>) -> Result<CopyReport, StoreError> {
        let target = target.as_ref();
        let part = beside(target, ".part");
        let made = refuse_existing(target).and_then(|()| {
            let copied = self.read_unaudited("backup", |conn| copy_pages(conn, &part));
            finish(copied, &part, target)
        });
        let is_made = made.is_ok();
        let outcome = self.leave_entry(made);
        if is_made && outcome.is_err() {
            // Records do not leave without an entry that says so.
            fs::remove_file(target).map_err(|error| StoreError::io(target, &error))?;
        }
        outcome
    }

    /// Verifies a backup and puts a copy of it where there is no store yet.
    ///
    /// # Errors
    /// `Exists` when there is a store; `Damaged`, `NotAStore`, `NewerSchema` when the backup is no good; `Locked`.
    pub fn restore(backup: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<CopyReport, StoreError> {
        let (backup, target) = (backup.as_ref(), target.as_ref());
        let _lock = open::lock(target)?;
        refuse_existing(target)?;
        refuse_existing(&beside(target, "-wal"))?;
        verify(backup)?;
        let part = beside(target, ".part");
        finish(copy_file(backup, &part), &part, target)
    }

    /// Verifies a backup without changing anything: that it is ours and whole, and each document what was signed.
    ///
    /// # Errors
    /// `Damaged`, `NotAStore`, `NewerSchema`; `Conflict` when it is a store in use and no backup.
    pub fn verify_backup(path: impl AsRef<Path>) -> Result<CopyReport, StoreError> {
        verify(path.as_ref())
    }
}

fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(StoreError::Exists {
            place: path.display().to_string(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io(path, &error)),
    }
}

fn copy_pages(conn: &Connection, part: &Path) -> Result<(), StoreError> {
    open::remove_leftover(part)?;
    open::create_private(part)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(part, flags)?;
    // All pages in one step: it reads one state, and a writer beside it cannot make it begin again.
    let step = Backup::new(conn, &mut copy)?.step(-1)?;
    if step != StepResult::Done {
        return Err(StoreError::Locked { place: String::new() });
    }
    // A backup is one file: it needs no journal beside it.
    copy.execute_batch("PRAGMA journal_mode = DELETE")?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn copy_file(from: &Path, part: &Path) -> Result<(), StoreError> {
    open::remove_leftover(part)?;
    open::create_private(part)?;
    let mut source = File::open(from).map_err(|error| StoreError::io(from, &error))?;
    let copied = OpenOptions::new()
        .write(true)
        .open(part)
        .and_then(|mut copy| io::copy(&mut source, &mut copy));
    copied.map(drop).map_err(|error| StoreError::io(part, &error))
}

/// Verifies and syncs the copy and gives it its name; removes it when something failed.
fn finish(copied: Result<(), StoreError>, part: &Path, target: &Path) -> Result<CopyReport, StoreError> {
    let named = copied.and_then(|()| {
        let report = verify(part)?;
        File::open(part)
            .and_then(|file| file.sync_all())
            .map_err(|error| StoreError::io(part, &error))?;
        refuse_existing(target)?;
        fs::rename(part, target).map_err(|error| StoreError::io(target, &error))?;
        open::sync_directory_of(target)?;
        Ok(CopyReport {
            path: target.display().to_string(),
            ..report
        })
    });
    if named.is_err() {
        // The reason is already known; a leftover is removed by the next attempt.
        let _ = open::remove_leftover(part);
    }
    named
}

fn verify(path: &Path) -> Result<CopyReport, StoreError> {
    let place = path.display().to_string();
    let journal = beside(path, "-wal");
    if fs::metadata(&journal).is_ok_and(|found| found.len() > 0) {
        let detail = "has a journal beside it: it is a store in use, not a backup; make a backup of it";
        return Err(StoreError::conflict(place, detail));
    }
    let (bytes, sha256) = digest(path)?;
    if bytes == 0 {
        return Err(StoreError::damaged("the file is empty").at(&place));
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let checked = Connection::open_with_flags(immutable(path)?, flags)
        .map_err(StoreError::from)
        .and_then(|conn| {
            let schema = schema::check_identity(&conn, schema::STEPS)?;
            match examine(&conn).first() {
                Some(problem) => Err(StoreError::damaged(problem.as_str())),
                None => Ok((schema, document_count(&conn)?, audit_trail(&conn, schema)?)),
            }
        });
    let (schema, documents, (audit_entries, audit_root)) = checked.map_err(|error| error.at(&place))?;
    Ok(CopyReport {
        path: place,
        bytes,
        sha256,
        schema,
        documents,
        audit_entries,
        audit_root,
    })
}

/// Size and root of the audit trail, which stores have from schema 3 on.
fn audit_trail(conn: &Connection, schema: i32) -> Result<(u64, Option<TreeHash>), StoreError> {
    if schema < schema::WITH_TRAIL {
        return Ok((0, None));
    }
    let size = log::size(conn)?;
    Ok((size, merkle::root(&StoredNodes(conn), size).ok()))
}

fn digest(path: &Path) -> Result<(u64, String), StoreError> {
    let mut hasher = Sha256::new();
    let bytes = File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut hasher))
        .map_err(|error| StoreError::io(path, &error))?;
    Ok((bytes, hex(hasher.finalize().as_slice())))
}

/// A name by which the database reads a file without locks and without writing anything beside it.
fn immutable(path: &Path) -> Result<PathBuf, StoreError> {
    let text = path.to_str().ok_or_else(|| StoreError::Invalid {
        what: "path",
        detail: format!("{} is not UTF-8", path.display()),
    })?;
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(PathBuf::from(format!("file:{escaped}?immutable=1")))
}
