//! The rows of the crate `access` in the store, and randomness from the operating system.

use std::cell::RefCell;
use tsumugi_access::{Entropy, EntropyError, Kind, Storage, StorageError, Write};
use tsumugi_records::{AccessWrite, AuditEntry, Store, StoreError};

/// The rows of a store. Where there is an entry, it is written in the transaction of the first change.
pub(crate) struct Rows<'s> {
    store: &'s Store,
    entry: RefCell<Option<AuditEntry>>,
}

impl<'s> Rows<'s> {
    /// Rows whose first change leaves `entry` in the audit trail.
    pub(crate) fn new(store: &'s Store, entry: Option<AuditEntry>) -> Self {
        Self {
            store,
            entry: RefCell::new(entry),
        }
    }
}

impl Storage for Rows<'_> {
    fn load(&self, kind: Kind) -> Result<Vec<(String, String)>, StorageError> {
        self.store
            .access_rows(kind.as_str())
            .map_err(|error| storage_error(&error))
    }

    fn save(&self, writes: &[Write]) -> Result<(), StorageError> {
        let writes = writes.iter().map(access_write).collect();
        let saved = match self.entry.take() {
            Some(entry) => self.store.audited(entry).save_access(writes),
            None => self.store.save_access(writes),
        };
        saved.map_err(|error| storage_error(&error))
    }
}

fn access_write(write: &Write) -> AccessWrite {
    match write {
        Write::Put { kind, key, value } => AccessWrite::Put {
            kind: kind.as_str().to_owned(),
            key: key.clone(),
            value: value.clone(),
        },
        Write::Remove { kind, key } => AccessWrite::Remove {
            kind: kind.as_str().to_owned(),
            key: key.clone(),
        },
    }
}

/// The store's error as the crate `access` knows one.
pub(crate) fn storage_error(error: &StoreError) -> StorageError {
    StorageError {
        place: "store".to_owned(),
        detail: error.to_string(),
    }
}

/// Randomness of the operating system.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|error| EntropyError(error.to_string()))
    }
}
