//! Signed tree heads: what the log was at a time, said so that nobody but the holder of the key can say it.
//!
//! What is signed is the TreeHeadSignature of RFC 6962 §3.5 (version 0, type 1, milliseconds since 1970 UTC, size, root),
//! with Ed25519 (RFC 8032). The key lies beside the store, for its owner only, and is in no backup: a head is checked with
//! the public key that goes with it, which one compares by its id with the one that one knows.

use crate::audit::hex::Hex;
use crate::audit::merkle::{self, TreeHash};
use crate::audit::{fhir, log};
use crate::documents::hash;
use crate::errors::StoreError;
use crate::open::{self, beside};
use crate::stamp::Moment;
use crate::store::Store;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An Ed25519 public key (RFC 8032).
pub type PublicKey = Hex<32>;

/// Before the 32 bytes of an Ed25519 secret in PKCS #8 (RFC 8410 §7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// Before the 32 bytes of an Ed25519 public key in SubjectPublicKeyInfo (RFC 8410 §4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The key that signs tree heads. A clone is the same key.
#[derive(Debug, Clone)]
pub struct AuditKey(Arc<SigningKey>);

/// The root of the log at a size, signed: what is exported, and kept where those who could change the store cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
    /// When it was signed.
    pub at: Moment,
    /// Id of the key: SHA-256 of its SubjectPublicKeyInfo (the log id of RFC 6962 §3.2).
    pub key_id: Hex<32>,
    /// The key.
    pub public_key: PublicKey,
    /// The signature.
    pub signature: Hex<64>,
}

/// The id of a public key: SHA-256 of its SubjectPublicKeyInfo, as in RFC 6962 §3.2.
pub fn key_id(key: &PublicKey) -> Hex<32> {
    Hex(hash(&[SPKI.as_slice(), &key.0].concat()))
}

impl AuditKey {
    /// The key in a file; makes both where there is no file, from a seed that `seed` draws at random.
    ///
    /// The file is an Ed25519 key in PKCS #8 DER, which only its owner may read.
    ///
    /// # Errors
    /// `Io`; `Conflict` when others may read the file; `Damaged` when it holds no key.
    pub fn open(
        path: impl AsRef<Path>,
        seed: impl FnOnce() -> io::Result<[u8; 32]>,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        match fs::metadata(path) {
            Ok(found) => check_private(path, &found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, seed)?,
            Err(error) => return Err(StoreError::io(path, &error)),
        }
        let bytes = fs::read(path).map_err(|error| StoreError::io(path, &error))?;
        let secret = bytes.strip_prefix(&PKCS8).and_then(|rest| rest.try_into().ok());
        match secret {
            Some(secret) => Ok(Self::from_seed(secret)),
            None => Err(StoreError::damaged("no Ed25519 key in PKCS #8").at(&path.display().to_string())),
        }
    }

    /// The key of this seed (RFC 8032 §5.1.5), in memory only.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Arc::new(SigningKey::from_bytes(seed)))
    }

    /// Its public half.
    pub fn public_key(&self) -> PublicKey {
        Hex(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, size: u64, root: TreeHash, at: Moment) -> Result<TreeHead, StoreError> {
        let signature = Hex(self.0.sign(&signed(size, &root, &at)?).to_bytes());
        let public_key = self.public_key();
        Ok(TreeHead {
            size,
            root,
            at,
            key_id: key_id(&public_key),
            public_key,
            signature,
        })
    }
}

impl TreeHead {
    /// Whether the signature is that of the public key it carries, and the key has the id it says.
    pub fn is_signed(&self) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.public_key.0) else {
            return false;
        };
        let Ok(bytes) = signed(self.size, &self.root, &self.at) else {
            return false;
        };
        let signature = Signature::from_bytes(&self.signature.0);
        self.key_id == key_id(&self.public_key) && key.verify_strict(&bytes, &signature).is_ok()
    }
}

impl Store {
    /// Where the key of this store lies: beside it.
    pub fn audit_key_path(&self) -> PathBuf {
        beside(self.path(), ".audit-key")
    }

    /// The key of this store, from the file beside it; made on first use from a seed that `seed` draws at random. A store
    /// in memory has no file, and the key ends with it.
    ///
    /// # Errors
    /// As [`AuditKey::open`].
    pub fn audit_key(&self, seed: impl FnOnce() -> io::Result<[u8; 32]>) -> Result<AuditKey, StoreError> {
        let path = self.audit_key_path();
        if self.is_in_memory() {
            let seed = seed().map_err(|error| StoreError::io(&path, &error))?;
            return Ok(AuditKey::from_seed(&seed));
        }
        AuditKey::open(path, seed)
    }

    /// Signs the log as it is now, keeps the head in the store and gives it for export. `at` needs an offset from UTC.
    ///
    /// # Errors
    /// `Invalid` for a time without offset; those of the file.
    pub fn sign_tree_head(&self, key: &AuditKey, at: &Moment) -> Result<TreeHead, StoreError> {
        let (key, at) = (key.clone(), at.clone());
        self.write_unaudited("sign tree head", move |conn| {
            let size = log::size(conn)?;
            let root = merkle::root(&log::StoredNodes(conn), size)?;
            let head = key.sign(size, root, at.clone())?;
            conn.prepare_cached(
                "INSERT INTO audit_head
                 VALUES ((SELECT coalesce(max(id) + 1, 0) FROM audit_head), ?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                head.size,
                head.root,
                head.at,
                head.public_key,
                head.signature
            ])?;
            Ok(head)
        })
    }

    /// The heads that were signed, oldest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn tree_heads(&self) -> Result<Vec<TreeHead>, StoreError> {
        self.read_unaudited("tree heads", heads)
    }
}

/// The heads that were signed, oldest first.
pub(crate) fn heads(conn: &Connection) -> Result<Vec<TreeHead>, StoreError> {
    let mut list =
        conn.prepare_cached("SELECT size, root, at, public_key, signature FROM audit_head ORDER BY id")?;
    Ok(list.query_map([], read)?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<TreeHead> {
    let public_key = row.get(3)?;
    Ok(TreeHead {
        size: row.get(0)?,
        root: row.get(1)?,
        at: row.get(2)?,
        key_id: key_id(&public_key),
        public_key,
        signature: row.get(4)?,
    })
}

/// TreeHeadSignature of RFC 6962 §3.5.
fn signed(size: u64, root: &TreeHash, at: &Moment) -> Result<Vec<u8>, StoreError> {
    let (_, milliseconds) = fhir::instant(at)?;
    let time = milliseconds.to_be_bytes();
    let parts: [&[u8]; 4] = [&[0, 1], &time, &size.to_be_bytes(), &root.0];
    Ok(parts.concat())
}

/// Writes a new key under another name, syncs it and gives it its name, so that the file is whole or absent.
fn create(path: &Path, seed: impl FnOnce() -> io::Result<[u8; 32]>) -> Result<(), StoreError> {
    let unfinished = beside(path, ".new");
    open::remove_leftover(&unfinished)?;
    let seed = seed().map_err(|error| StoreError::io(path, &error))?;
    open::create_private(&unfinished)?;
    OpenOptions::new()
        .write(true)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(&[PKCS8.as_slice(), &seed].concat())?;
            file.sync_all()
        })
        .map_err(|error| StoreError::io(&unfinished, &error))?;
    fs::rename(&unfinished, path).map_err(|error| StoreError::io(path, &error))?;
    open::sync_directory_of(path)
}

#[cfg(unix)]
fn check_private(path: &Path, found: &fs::Metadata) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let others = found.permissions().mode() & 0o077;
    if others == 0 {
        return Ok(());
    }
    let detail = "others may read the key of the audit trail; take that right away (chmod 600)";
    Err(StoreError::conflict(path.display().to_string(), detail))
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &fs::Metadata) -> Result<(), StoreError> {
    Ok(())
}
