//! Documents: signed notes as they were received, in all their versions.

use crate::errors::StoreError;
use crate::ids::{DocumentId, EncounterId, PatientId};
use crate::links::FAMILY;
use crate::stamp::{Moment, Word};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Why a version was written. Each version holds the whole note as it then reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionReason {
    /// The first.
    Original,
    /// Something was added.
    Addendum,
    /// Something was wrong.
    Correction,
}

/// The note as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The received bytes; at most 64 MiB.
    pub bytes: Vec<u8>,
    /// Their media type, e.g. `text/plain`.
    pub media_type: String,
    /// Their encoding, e.g. `utf-8`, `shift_jis`.
    pub encoding: String,
    /// The text decoded from them; every offset refers to it.
    pub text: String,
}

/// One version of a document, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentVersion {
    /// Which document.
    pub document: DocumentId,
    /// Version, from 1; each follows the one before it.
    pub version: u32,
    /// Whether a later version is there.
    pub is_newest: bool,
    /// Whose.
    pub patient: PatientId,
    /// In which encounter.
    pub encounter: Option<EncounterId>,
    /// Kind of note, as the caller names it.
    pub kind: String,
    /// Why it was written.
    pub reason: VersionReason,
    /// The caller's own id.
    pub key: Option<String>,
    /// Media type of the bytes.
    pub media_type: String,
    /// Encoding of the bytes.
    pub encoding: String,
    /// SHA-256 of the bytes, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Who signed.
    pub author: String,
    /// When it was written.
    pub written_at: Moment,
    /// When it was signed.
    pub signed_at: Moment,
    /// Edition of the lexicon at signing.
    pub edition: String,
    /// The text.
    pub text: String,
}

const COLUMNS: &str =
    "v.document, v.version, d.version, v.patient, d.encounter, d.kind, v.reason, v.key, v.media_type,
    v.encoding, v.sha256, v.author, v.written_at, v.signed_at, v.edition, v.text
    FROM document_version v JOIN document d ON d.id = v.document";

impl Store {
    /// The newest version of a document.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn document(&self, id: DocumentId) -> Result<DocumentVersion, StoreError> {
        self.read("document", |conn| newest(conn, id))
    }

    /// The newest versions of the notes of a patient, those of linked records too, in the order of their numbers.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn newest_versions(&self, patient: PatientId) -> Result<Vec<DocumentVersion>, StoreError> {
        self.read("newest versions", |conn| {
            list(
                conn,
                &format!("WHERE v.patient {FAMILY} AND v.version = d.version ORDER BY v.civil, v.document"),
                patient.get(),
            )
        })
    }

    /// All versions of a document, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn document_versions(&self, id: DocumentId) -> Result<Vec<DocumentVersion>, StoreError> {
        self.read("document versions", |conn| {
            let versions = list(conn, "WHERE v.document = ?1 ORDER BY v.version", id.get())?;
            if versions.is_empty() {
                Err(StoreError::not_found("document", &id))
            } else {
                Ok(versions)
            }
        })
    }

    /// The bytes of a version exactly as they came, checked against their hash.
    ///
    /// # Errors
    /// `NotFound`; `Damaged` when they are no longer what was signed.
    pub fn document_bytes(&self, id: DocumentId, version: u32) -> Result<Vec<u8>, StoreError> {
        self.read("document bytes", |conn| bytes(conn, id, version))
    }

    /// The document version that a patient has under the caller's own id.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn find_document(
        &self,
        patient: PatientId,
        key: &str,
    ) -> Result<Option<(DocumentId, u32)>, StoreError> {
        self.read("find document", |conn| {
            let mut find = conn.prepare_cached(
                "SELECT document, version FROM document_version WHERE patient = ?1 AND key = ?2",
            )?;
            Ok(find
                .query_row(params![patient, key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    /// All documents, the newest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn newest_documents(&self) -> Result<Vec<DocumentId>, StoreError> {
        self.read("newest documents", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT id FROM document WHERE id NOT IN (SELECT document FROM tombstone) ORDER BY id DESC",
            )?;
            Ok(list.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    /// Documents whose current events another edition than `edition` read: what `rederive` has to do.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn documents_to_rederive(&self, edition: &str) -> Result<Vec<DocumentId>, StoreError> {
        self.read("documents to rederive", |conn| {
            let mut list = conn
                .prepare_cached("SELECT document FROM document_text WHERE edition <> ?1 ORDER BY document")?;
            Ok(list
                .query_map([edition], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
    }
}

/// The newest version.
pub(crate) fn newest(conn: &Connection, id: DocumentId) -> Result<DocumentVersion, StoreError> {
    let found = list(conn, "WHERE v.document = ?1 AND v.version = d.version", id.get())?;
    found
        .into_iter()
        .next()
        .ok_or_else(|| StoreError::not_found("document", &id))
}

/// Reads the versions that a condition on one number lets through.
pub(crate) fn list(
    conn: &Connection,
    condition: &str,
    number: i64,
) -> Result<Vec<DocumentVersion>, StoreError> {
    let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} {condition}"))?;
    Ok(list.query_map([number], read)?.collect::<Result<_, _>>()?)
}

/// The bytes of a version, checked.
pub(crate) fn bytes(conn: &Connection, id: DocumentId, version: u32) -> Result<Vec<u8>, StoreError> {
    let mut find = conn
        .prepare_cached("SELECT bytes, sha256 FROM document_version WHERE document = ?1 AND version = ?2")?;
    let found = find
        .query_row(params![id, version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (bytes, kept): (Vec<u8>, Vec<u8>) =
        found.ok_or_else(|| StoreError::not_found("document version", &format!("{id}/{version}")))?;
    if hash(&bytes).as_slice() == kept {
        Ok(bytes)
    } else {
        Err(StoreError::damaged(format!(
            "document {id} version {version} is not what was signed"
        )))
    }
}

/// SHA-256.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(char::from_digit(u32::from(half), 16));
    }
    text
}

fn read(row: &Row<'_>) -> rusqlite::Result<DocumentVersion> {
    let version = row.get(1)?;
    Ok(DocumentVersion {
        document: row.get(0)?,
        version,
        is_newest: row.get::<_, u32>(2)? == version,
        patient: row.get(3)?,
        encounter: row.get(4)?,
        kind: row.get(5)?,
        reason: row.get::<_, Word<VersionReason>>(6)?.0,
        key: row.get(7)?,
        media_type: row.get(8)?,
        encoding: row.get(9)?,
        sha256: hex(&row.get::<_, Vec<u8>>(10)?),
        author: row.get(11)?,
        written_at: row.get(12)?,
        signed_at: row.get(13)?,
        edition: row.get(14)?,
        text: row.get(15)?,
    })
}
