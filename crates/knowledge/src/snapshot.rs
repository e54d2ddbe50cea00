//! The compiled knowledge as bytes, with a manifest that is checked when it is opened: a damaged or older snapshot is
//! named as such and made again from the log, never half used.

use crate::knowledge::Knowledge;
use sha2::{Digest, Sha256};

/// First bytes of a snapshot.
const MAGIC: &[u8] = b"TSUMUGI-KNOWLEDGE\n";
/// Version of the layout of what follows.
const FORMAT: u32 = 3;
/// Bytes before the contents: magic, format, head of the log, edition, digest.
const EDITION: usize = 16;
const HEADER: usize = MAGIC.len() + 4 + 8 + EDITION + 32;

/// Which tables and which part of the log a snapshot was compiled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Edition of the embedded tables, 16 hexadecimal digits.
    pub edition: String,
    /// Number of the newest assertion.
    pub head: u64,
}

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another kind of file.
    #[error("not a snapshot of the knowledge")]
    NotASnapshot,
    /// Another layout.
    #[error("format {found}, {FORMAT} wanted; it is made again from the log")]
    OtherFormat {
        /// The one found.
        found: u32,
    },
    /// Other tables, or a log that has gone on.
    #[error(
        "compiled from tables {} and assertion {}, wanted are {} and {}; it is made again from the log",
        .found.edition, .found.head, .wanted.edition, .wanted.head
    )]
    Stale {
        /// What it was compiled from.
        found: Origin,
        /// What is there now.
        wanted: Origin,
    },
    /// Bytes are not as they were written.
    #[error("damaged: its digest does not match; it is made again from the log")]
    Damaged,
}

/// Writes the knowledge; the same knowledge gives the same bytes.
pub fn to_bytes(knowledge: &Knowledge, origin: &Origin) -> Vec<u8> {
    let contents = contents(knowledge);
    let mut bytes = Vec::with_capacity(HEADER + contents.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&origin.head.to_le_bytes());
    let mut edition = origin.edition.as_bytes().to_vec();
    edition.resize(EDITION, b' ');
    bytes.extend_from_slice(&edition);
    bytes.extend_from_slice(&Sha256::digest(&contents));
    bytes.extend_from_slice(&contents);
    bytes
}

/// The contents without the header: what two compilations of the same assertions share to the byte.
pub fn contents(knowledge: &Knowledge) -> Vec<u8> {
    postcard::to_stdvec(knowledge).unwrap_or_default()
}

/// What a snapshot says it was compiled from.
///
/// # Errors
/// It is no snapshot, or has another layout.
pub fn origin(bytes: &[u8]) -> Result<Origin, SnapshotError> {
    header(bytes).map(|header| header.origin)
}

/// Reads a snapshot that must come from `wanted`.
///
/// # Errors
/// Every way in which it cannot be used; the log holds all that it held.
pub fn from_bytes(bytes: &[u8], wanted: &Origin) -> Result<Knowledge, SnapshotError> {
    let header = header(bytes)?;
    if header.origin != *wanted {
        return Err(SnapshotError::Stale {
            found: header.origin,
            wanted: wanted.clone(),
        });
    }
    let is_whole = || Sha256::digest(header.contents).as_slice() == header.digest;
    // What was read of damaged bytes is thrown away.
    let (read, is_whole) = std::thread::scope(|scope| {
        let beside = scope.spawn(is_whole);
        let read = postcard::from_bytes(header.contents);
        (read, beside.join().unwrap_or_else(|_| is_whole()))
    });
    read.ok().filter(|_| is_whole).ok_or(SnapshotError::Damaged)
}

/// A snapshot taken apart.
struct Header<'b> {
    origin: Origin,
    digest: &'b [u8; 32],
    contents: &'b [u8],
}

fn header(bytes: &[u8]) -> Result<Header<'_>, SnapshotError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::NotASnapshot)?;
    let (format, rest) = rest.split_first_chunk::<4>().ok_or(SnapshotError::Damaged)?;
    let format = u32::from_le_bytes(*format);
    if format != FORMAT {
        return Err(SnapshotError::OtherFormat { found: format });
    }
    let (head, rest) = rest.split_first_chunk::<8>().ok_or(SnapshotError::Damaged)?;
    let (edition, rest) = rest
        .split_first_chunk::<EDITION>()
        .ok_or(SnapshotError::Damaged)?;
    let (digest, contents) = rest.split_first_chunk::<32>().ok_or(SnapshotError::Damaged)?;
    Ok(Header {
        origin: Origin {
            edition: String::from_utf8_lossy(edition).trim_end().to_owned(),
            head: u64::from_le_bytes(*head),
        },
        digest,
        contents,
    })
}
