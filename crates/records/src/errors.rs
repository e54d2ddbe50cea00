//! What can go wrong in the store, each with its place and what to do about it.

use crate::drafts::DraftRevision;
use rusqlite::ErrorCode;
use rusqlite::ffi;
use std::path::Path;
use thiserror::Error;

/// An error of the store. None of them leaves anything half-written.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another `Store` of this one, has it open for writing.
    #[error("{place}: the store is in use by another process; stop that one, or open the store read-only")]
    Locked {
        /// File or operation.
        place: String,
    },
    /// The file is not what the store wrote. It is never overwritten.
    #[error("{place}: damaged ({detail}); nothing was changed; keep the file and restore a backup beside it")]
    Damaged {
        /// File or operation.
        place: String,
        /// What was found.
        detail: String,
    },
    /// A database of another program.
    #[error("{place}: not a store of this program (application id {found:#010x}); name another file")]
    NotAStore {
        /// File.
        place: String,
        /// The application id in its header.
        found: i32,
    },
    /// A newer version of the program wrote it.
    #[error("{place}: written by a newer version (schema {found}, known up to {known}); update the program")]
    NewerSchema {
        /// File.
        place: String,
        /// Schema version of the file.
        found: i32,
        /// Newest schema version this program knows.
        known: i32,
    },
    /// The disk, or a limit on the file's size, has no room. The store stays usable.
    #[error("{place}: no space left ({detail}); nothing of this was written; free some space and try again")]
    Full {
        /// Operation.
        place: String,
        /// What the system said.
        detail: String,
    },
    /// The system failed to read or write.
    #[error("{place}: {detail}; check the disk, then open the store again")]
    Io {
        /// File or operation.
        place: String,
        /// What the system said.
        detail: String,
    },
    /// A file that would be overwritten is there.
    #[error("{place}: is already there; name another file")]
    Exists {
        /// File.
        place: String,
    },
    /// The draft was changed, signed or discarded since this editor last read it.
    #[error("draft of {author}: changed by another window; compare the two texts and save again")]
    DraftConflict {
        /// The draft's author.
        author: String,
        /// What is saved now; none when it was signed or discarded.
        current: Option<Box<DraftRevision>>,
        /// The text that was refused (also kept in the draft's log when it came from a save).
        yours: String,
    },
    /// What is there contradicts what was sent.
    #[error("{what}: {detail}")]
    Conflict {
        /// The thing, e.g. `patient number 12`.
        what: String,
        /// Why, and what to do.
        detail: String,
    },
    /// Nothing has this id.
    #[error("{what} {id}: not found")]
    NotFound {
        /// Kind of thing, e.g. `patient`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A value that cannot be stored.
    #[error("{what}: {detail}")]
    Invalid {
        /// The field.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The store was opened read-only.
    #[error("{place}: the store is open read-only; open it for writing")]
    ReadOnly {
        /// Operation.
        place: String,
    },
    /// The writer has ended.
    #[error("{place}: the store is closed; open it again")]
    Closed {
        /// Operation.
        place: String,
    },
    /// Anything else the database reports; a mistake of this program.
    #[error("{place}: database error ({detail}); report it")]
    Database {
        /// Operation.
        place: String,
        /// What the database said.
        detail: String,
    },
}

impl StoreError {
    /// Names the operation or file, where the error arose below it and does not know.
    #[must_use]
    pub(crate) fn at(mut self, name: &str) -> Self {
        if let Self::Locked { place }
        | Self::Damaged { place, .. }
        | Self::NotAStore { place, .. }
        | Self::NewerSchema { place, .. }
        | Self::Full { place, .. }
        | Self::Io { place, .. }
        | Self::ReadOnly { place }
        | Self::Closed { place }
        | Self::Database { place, .. } = &mut self
            && place.is_empty()
        {
            name.clone_into(place);
        }
        self
    }

    pub(crate) fn not_found(what: &'static str, id: &dyn ToString) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }

    pub(crate) fn conflict(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Conflict {
            what: what.into(),
            detail: detail.into(),
        }
    }

    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged {
            place: String::new(),
            detail: detail.into(),
        }
    }

    /// Tells what the file system said about `path`.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        let place = path.display().to_string();
        let detail = error.to_string();
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => Self::Exists { place },
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => Self::Full { place, detail },
            _ => Self::Io { place, detail },
        }
    }

    /// Whether the disk may have lost what it accepted, so that nothing more can be promised.
    pub(crate) fn breaks_promises(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Damaged { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let place = String::new();
        let detail = error.to_string();
        let rusqlite::Error::SqliteFailure(cause, _) = &error else {
            return match error {
                // A column that does not hold what the schema says was not written by us.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(_) => Self::Damaged { place, detail },
                _ => Self::Database { place, detail },
            };
        };
        match cause.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked { place },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged { place, detail },
            ErrorCode::ReadOnly => Self::ReadOnly { place },
            ErrorCode::DiskFull => Self::Full { place, detail },
            // A limit on the file's size arrives as a failed write, not as a full disk. No sync has failed, and a
            // transaction whose frames are not all written does not count, so the store can go on.
            ErrorCode::SystemIoFailure
                if matches!(
                    cause.extended_code,
                    ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE | ffi::SQLITE_IOERR_SHMSIZE
                ) =>
            {
                Self::Full { place, detail }
            }
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                Self::Io { place, detail }
            }
            ErrorCode::TooBig => Self::Invalid {
                what: "value",
                detail,
            },
            _ => Self::Database { place, detail },
        }
    }
}
