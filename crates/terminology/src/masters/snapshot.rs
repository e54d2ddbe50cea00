//! A compiled master as bytes, with a manifest and a checksum that are checked when it is opened: an altered or cut file
//! is named as such and never half used.

use super::{Master, MasterKind};
use crate::import::ReadFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First bytes of a snapshot.
const MAGIC: &[u8] = b"TSUMUGI-MASTER\n";
/// Version of the layout of what follows.
const FORMAT: u32 = 1;

/// What a snapshot says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Kind of master.
    pub kind: MasterKind,
    /// Newest date or version that its rows name.
    pub edition: String,
    /// Day of the import, as it was given.
    pub imported: String,
    /// Edition of the embedded tables when it was imported: products were mapped to their ingredients.
    pub tables: String,
    /// The files that it was read from.
    pub files: Vec<ReadFile>,
    /// Entries.
    pub entries: u64,
    /// Codes.
    pub codes: u64,
}

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another kind of file.
    #[error("not a snapshot of a master; import the master again")]
    NotASnapshot,
    /// Another layout.
    #[error("format {found}, this program reads {FORMAT}; import the master again")]
    OtherFormat {
        /// The one found.
        found: u32,
    },
    /// Bytes are not as they were written.
    #[error(
        "its checksum does not match: it was altered or cut; import the master again, or take it off with `tsumugi terms remove`"
    )]
    Damaged,
}

/// An opened snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What it says of itself.
    pub manifest: Manifest,
    /// SHA-256 over manifest and contents.
    pub digest: [u8; 32],
    /// The master.
    pub master: Master,
}

/// Writes a master; the same master gives the same bytes.
pub fn to_bytes(master: &Master, imported: &str, tables: &str) -> Vec<u8> {
    let manifest = Manifest {
        kind: master.kind,
        edition: master.edition.clone(),
        imported: imported.to_owned(),
        tables: tables.to_owned(),
        files: master.files.clone(),
        entries: master.entries.len() as u64,
        codes: master.codes.len() as u64,
    };
    // Neither can fail: there is no map with keys that are no text, and memory grows.
    let body = postcard::to_stdvec(&(manifest, master)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + 32 + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&body));
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads a snapshot.
///
/// # Errors
/// Every way in which it cannot be used.
pub fn from_bytes(bytes: &[u8]) -> Result<Opened, SnapshotError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::NotASnapshot)?;
    let (format, rest) = rest.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
    let found = u32::from_le_bytes(*format);
    if found != FORMAT {
        return Err(SnapshotError::OtherFormat { found });
    }
    let (digest, body) = rest.split_first_chunk::<32>().ok_or(SnapshotError::Damaged)?;
    if Sha256::digest(body).as_slice() != digest {
        return Err(SnapshotError::Damaged);
    }
    let (manifest, master) =
        postcard::from_bytes::<(Manifest, Master)>(body).map_err(|_| SnapshotError::Damaged)?;
    Ok(Opened {
        manifest,
        digest: *digest,
        master,
    })
}
