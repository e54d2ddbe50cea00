//! Compiled packages as one file, with a checksum that is checked when it is opened: an altered or cut file is named as
//! such and never half used.

use crate::package::Package;
use sha2::{Digest, Sha256};

/// First bytes of the file.
const MAGIC: &[u8] = b"TSUMUGI-PROFILES\n";
/// Version of the layout of what follows.
const FORMAT: u32 = 1;

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another kind of file.
    #[error("no file of compiled profiles; import the packages again")]
    NotProfiles,
    /// Another layout.
    #[error("format {found}, this program reads {FORMAT}; import the packages again")]
    OtherFormat {
        /// The one found.
        found: u32,
    },
    /// Bytes are not as they were written.
    #[error("its checksum does not match: it was altered or cut; import the packages again")]
    Damaged,
}

/// Writes packages, sorted by name and version; the same packages give the same bytes.
pub fn to_bytes(packages: &[Package]) -> Vec<u8> {
    let mut sorted: Vec<&Package> = packages.iter().collect();
    sorted.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    // It cannot fail: there is no map with keys that are no text, and memory grows.
    let body = postcard::to_stdvec(&sorted).unwrap_or_default();
    let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + 32 + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&body));
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads packages.
///
/// # Errors
/// Every way in which the file cannot be used.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Package>, StoreError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(StoreError::NotProfiles)?;
    let (format, rest) = rest.split_first_chunk::<4>().ok_or(StoreError::Damaged)?;
    let found = u32::from_le_bytes(*format);
    if found != FORMAT {
        return Err(StoreError::OtherFormat { found });
    }
    let (digest, body) = rest.split_first_chunk::<32>().ok_or(StoreError::Damaged)?;
    if Sha256::digest(body).as_slice() != digest {
        return Err(StoreError::Damaged);
    }
    postcard::from_bytes(body).map_err(|_| StoreError::Damaged)
}
