//! Where accounts, sessions, links, emergency accesses and versions of the policy are kept: rows of `kind, key, value`.
//!
//! The state machines of this crate hold everything in memory and write each change before they show it. Who writes
//! the rows (the server's store, a file, a test) implements [`Storage`] and knows nothing of their meaning.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// Kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Accounts, by user.
    Account,
    /// Sessions, by handle.
    Session,
    /// One-time links, by handle.
    Link,
    /// Nonces of launch links that were used.
    Nonce,
    /// Emergency accesses, by number; they are added and reviewed, never removed.
    Emergency,
    /// Versions of the policy, by number; they are added, never changed or removed.
    Policy,
    /// The latest time seen.
    Clock,
    /// Registered apps, by id; they are disabled, never removed.
    App,
    /// What apps were granted, by handle.
    Grant,
    /// Codes and tokens of grants, by handle.
    GrantToken,
    /// Contexts of launches of apps, by handle.
    LaunchContext,
    /// Ids of assertions that were used.
    Assertion,
    /// Persons of the hospital's own sign-in, by account.
    Federation,
}

impl Kind {
    /// The word for it in a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Session => "session",
            Self::Link => "link",
            Self::Nonce => "nonce",
            Self::Emergency => "emergency",
            Self::Policy => "policy",
            Self::Clock => "clock",
            Self::App => "app",
            Self::Grant => "grant",
            Self::GrantToken => "grant-token",
            Self::LaunchContext => "launch-context",
            Self::Assertion => "assertion",
            Self::Federation => "federation",
        }
    }
}

/// One change of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Writes the row, also over an earlier one.
    Put {
        /// Kind.
        kind: Kind,
        /// Key, unique within the kind.
        key: String,
        /// JSON text.
        value: String,
    },
    /// Removes the row, where there is one.
    Remove {
        /// Kind.
        kind: Kind,
        /// Key.
        key: String,
    },
}

impl Write {
    pub(crate) fn put(kind: Kind, key: &str, value: String) -> Self {
        Self::Put {
            kind,
            key: key.to_owned(),
            value,
        }
    }
}

/// The storage failed. Nothing of the change was kept, in memory neither.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {detail}")]
pub struct StorageError {
    /// Kind and key, or what the storage says.
    pub place: String,
    /// What went wrong.
    pub detail: String,
}

impl StorageError {
    pub(crate) fn damaged(kind: Kind, key: &str) -> Self {
        Self {
            place: format!("{} {key}", kind.as_str()),
            detail: "not what this program wrote; restore a backup".to_owned(),
        }
    }
}

/// Rows that outlive the program.
pub trait Storage {
    /// All rows of a kind, in the order of their keys.
    ///
    /// # Errors
    /// When it cannot read.
    fn load(&self, kind: Kind) -> Result<Vec<(String, String)>, StorageError>;

    /// Carries out all of `writes` or none, and returns when that is durable.
    ///
    /// # Errors
    /// When it cannot write; then nothing was written.
    fn save(&self, writes: &[Write]) -> Result<(), StorageError>;
}

/// Rows in memory, for tests and for trying things out.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    rows: Mutex<BTreeMap<(Kind, String), String>>,
}

impl Storage for MemoryStorage {
    fn load(&self, kind: Kind) -> Result<Vec<(String, String)>, StorageError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = rows.iter().filter(|((row_kind, _), _)| *row_kind == kind);
        Ok(of_kind
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn save(&self, writes: &[Write]) -> Result<(), StorageError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            match write {
                Write::Put { kind, key, value } => {
                    rows.insert((*kind, key.clone()), value.clone());
                }
                Write::Remove { kind, key } => {
                    rows.remove(&(*kind, key.clone()));
                }
            }
        }
        Ok(())
    }
}

/// The rows of one kind, in memory and in the storage alike: the storage first.
#[derive(Debug)]
pub(crate) struct Shelf<V> {
    kind: Kind,
    items: BTreeMap<String, V>,
}

impl<V: Serialize + DeserializeOwned> Shelf<V> {
    /// Reads all rows.
    pub(crate) fn load(kind: Kind, storage: &dyn Storage) -> Result<Self, StorageError> {
        let mut items = BTreeMap::new();
        for (key, value) in storage.load(kind)? {
            let item = serde_json::from_str(&value).map_err(|_| StorageError::damaged(kind, &key))?;
            items.insert(key, item);
        }
        Ok(Self { kind, items })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.items.get(key)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &V)> {
        self.items.iter().map(|(key, item)| (key.as_str(), item))
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Changes an item without writing it: for what may be lost (the last seconds of a session).
    pub(crate) fn touch(&mut self, key: &str, item: V) {
        self.items.insert(key.to_owned(), item);
    }

    /// Writes an item.
    pub(crate) fn put(&mut self, storage: &dyn Storage, key: &str, item: V) -> Result<(), StorageError> {
        let value = serde_json::to_string(&item).map_err(|error| StorageError {
            place: format!("{} {key}", self.kind.as_str()),
            detail: error.to_string(),
        })?;
        storage.save(&[Write::put(self.kind, key, value)])?;
        self.items.insert(key.to_owned(), item);
        Ok(())
    }

    /// Removes the items for which `is_over` holds; gives their number.
    pub(crate) fn remove(
        &mut self,
        storage: &dyn Storage,
        is_over: impl Fn(&str, &V) -> bool,
    ) -> Result<usize, StorageError> {
        let over = self.items.iter().filter(|(key, item)| is_over(key, item));
        let keys: Vec<String> = over.map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return Ok(0);
        }
        let kind = self.kind;
        let writes: Vec<Write> = keys
            .iter()
            .map(|key| Write::Remove {
                kind,
                key: key.clone(),
            })
            .collect();
        storage.save(&writes)?;
        for key in &keys {
            self.items.remove(key);
        }
        Ok(keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Full(MemoryStorage);

    impl Storage for Full {
        fn load(&self, kind: Kind) -> Result<Vec<(String, String)>, StorageError> {
            self.0.load(kind)
        }

        fn save(&self, _: &[Write]) -> Result<(), StorageError> {
            let (place, detail) = ("disk".to_owned(), "full".to_owned());
            Err(StorageError { place, detail })
        }
    }

    #[test]
    fn what_is_not_written_did_not_happen() {
        let storage = Full::default();
        let mut shelf: Shelf<u32> = Shelf::load(Kind::Nonce, &storage).unwrap();
        assert!(shelf.put(&storage, "a", 1).is_err());
        assert_eq!(shelf.get("a"), None);
        shelf.touch("b", 2);
        assert!(shelf.remove(&storage, |_, _| true).is_err());
        assert_eq!(shelf.len(), 1);
    }

    #[test]
    fn rows_of_others_are_not_taken_for_ours() {
        let storage = MemoryStorage::default();
        storage
            .save(&[Write::put(Kind::Nonce, "a", "{}".to_owned())])
            .unwrap();
        let error = Shelf::<u32>::load(Kind::Nonce, &storage).unwrap_err();
        assert_eq!(
            error.to_string(),
            "nonce a: not what this program wrote; restore a backup"
        );
    }
}
