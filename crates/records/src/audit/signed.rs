//! What a signing entry says of the version it signed, and holding every signed version against it.
//!
//! Whoever may write to the file can change a note with all its hashes. The entry that signed it holds digests of it too,
//! and is a leaf of the tree whose heads are exported: so a forged note needs a forged entry, which a head shows.

use crate::audit::entry::DocumentDigest;
use crate::audit::finding::{AuditFinding, DocumentPart};
use crate::audit::hex::Hex;
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::stamp::Population;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What is read of a version. From `FRAME_FROM` on, the columns are the frame, in the order in which they are hashed.
const VERSION: &str = "SELECT v.id, v.document, v.version, v.sha256, v.text_hash, v.bytes, v.text,
    v.patient, d.kind, d.encounter, v.reason, v.key, v.media_type, v.encoding, v.author, v.written_at, v.signed_at, v.edition
    FROM document_version v LEFT JOIN document d ON d.id = v.document";
const FRAME_FROM: usize = 7;
const FRAME_TO: usize = 17;

/// The resources of a version; all columns are hashed, in this order.
const RESOURCES: &str =
    "SELECT kind, name, version, author, at, json FROM resource WHERE document_version = ?1 ORDER BY id";
const RESOURCE_COLUMNS: usize = 6;

/// That an entry signed a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signing {
    /// The document.
    pub(crate) document: i64,
    /// Its version.
    pub(crate) version: u32,
    /// Whose record the entry names.
    pub(crate) patient: Option<PatientId>,
    /// What the version is; none in entries of before there were digests.
    pub(crate) digest: Option<DocumentDigest>,
    /// Whether the entry removed it, its time of keeping being over.
    pub(crate) removes: bool,
}

/// What a pass over the versions counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// Versions that are what their entries say.
    pub(crate) as_signed: u64,
    /// Versions signed before there was an audit trail.
    pub(crate) before_trail: u64,
    /// Versions whose entry has no digest.
    pub(crate) without_digest: u64,
}

/// The digest of a version that is being signed, in the same transaction.
///
/// # Errors
/// `NotFound` when there is no such version; those of the file.
pub(crate) fn digest(
    conn: &Connection,
    document: DocumentId,
    version: u32,
) -> Result<DocumentDigest, StoreError> {
    let mut find = conn.prepare_cached(&format!("{VERSION} WHERE v.document = ?1 AND v.version = ?2"))?;
    let mut resources = conn.prepare_cached(RESOURCES)?;
    let mut rows = find.query(params![document, version])?;
    let Some(row) = rows.next()? else {
        return Err(StoreError::not_found(
            "document version",
            &format!("{document}/{version}"),
        ));
    };
    let patient: i64 = row.get(FRAME_FROM)?;
    let is_dummy: bool = conn
        .prepare_cached("SELECT dummy FROM patient WHERE id = ?1")?
        .query_row([patient], |row| row.get(0))?;
    Ok(DocumentDigest {
        bytes: Hex(hash_of(row, 5)?),
        text: Hex(hash_of(row, 6)?),
        frame: Hex(frame(row, &mut resources)?),
        population: if is_dummy {
            Population::Dummy
        } else {
            Population::Real
        },
    })
}

/// What the entries signed.
#[derive(Debug, Default)]
pub(crate) struct Signed(BTreeMap<(i64, u32), Known>);

#[derive(Debug)]
struct Known {
    entry: i64,
    patient: Option<PatientId>,
    digest: Option<DocumentDigest>,
    is_there: bool,
    is_removed: bool,
}

impl Known {
    /// Holds a version against it.
    fn check(&self, found: &Found, alter: &mut dyn FnMut(DocumentPart), counts: &mut Held) {
        if let Some(digest) = &self.digest {
            counts.as_signed += u64::from(found.check(digest, alter));
            return;
        }
        counts.without_digest += 1;
        found.check_hashes(alter);
        let is_other = |patient: PatientId| patient.get() != found.patient;
        if self.patient.is_some_and(is_other) {
            alter(DocumentPart::Frame);
        }
    }
}

impl Signed {
    /// Adds what an entry signed; entries come in their order. The first that has a digest counts; a later one that says
    /// otherwise is a finding.
    pub(crate) fn add(&mut self, entry: i64, signing: &Signing) -> Option<AuditFinding> {
        let Signing {
            document, version, ..
        } = *signing;
        let known = self.0.entry((document, version)).or_insert(Known {
            entry,
            patient: signing.patient,
            digest: signing.digest,
            is_there: false,
            is_removed: false,
        });
        known.is_removed |= signing.removes;
        let digest = signing.digest?;
        let first = *known.digest.get_or_insert(digest);
        (first != digest).then_some(AuditFinding::SignedOtherwise {
            entry,
            document,
            version,
        })
    }

    /// Holds every version against its entry, in one pass over the rows, a version at a time; gives the findings to
    /// `tell`.
    ///
    /// # Errors
    /// Only those of the file.
    pub(crate) fn hold(
        mut self,
        conn: &Connection,
        tell: &mut dyn FnMut(AuditFinding),
    ) -> Result<Held, StoreError> {
        let mut counts = Held::default();
        let begins = Beginning::of(&self.0);
        let mut is_past_first = false;
        let mut list = conn.prepare_cached(&format!("{VERSION} ORDER BY v.id"))?;
        let mut resources = conn.prepare_cached(RESOURCES)?;
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()? {
            let (id, document, version): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            // A number that no version can have is none that was signed.
            let version = u32::try_from(version).unwrap_or(u32::MAX);
            let found = Found::read(row, &mut resources)?;
            let mut alter = |part| {
                tell(AuditFinding::DocumentAltered {
                    document,
                    version,
                    part,
                });
            };
            let Some(known) = self.0.get_mut(&(document, version)) else {
                let is_before = id > 0 && !is_past_first && begins.is_before(&self.0, document, version);
                if is_before {
                    counts.before_trail += 1;
                    found.check_hashes(&mut alter);
                } else {
                    tell(AuditFinding::DocumentInserted { document, version });
                }
                continue;
            };
            is_past_first = true;
            known.is_there = true;
            known.check(&found, &mut alter, &mut counts);
        }
        self.tell_removed(conn, tell)?;
        Ok(counts)
    }

    /// Versions that are gone. Those of dummies may be, and those that an entry of the retention job names.
    fn tell_removed(&self, conn: &Connection, tell: &mut dyn FnMut(AuditFinding)) -> Result<(), StoreError> {
        let mut owner = conn.prepare_cached("SELECT dummy FROM patient WHERE id = ?1")?;
        for ((document, version), known) in self
            .0
            .iter()
            .filter(|(_, known)| !known.is_there && !known.is_removed)
        {
            let is_dummy = match &known.digest {
                Some(digest) => digest.population == Population::Dummy,
                // Entries of before there were digests do not say it; nobody's record was a dummy's that was taken out.
                None => owner
                    .query_row([known.patient], |row| row.get(0))
                    .optional()?
                    .unwrap_or(true),
            };
            if !is_dummy {
                tell(AuditFinding::DocumentRemoved {
                    document: *document,
                    version: *version,
                    entry: known.entry,
                });
            }
        }
        Ok(())
    }
}

/// Where the trail begins: what was signed before has no entry.
struct Beginning {
    /// The first document that the trail saw come into being; ids only grow.
    first_document: i64,
}

impl Beginning {
    fn of(signed: &BTreeMap<(i64, u32), Known>) -> Self {
        let first = signed.keys().find(|(_, version)| *version == 1);
        Self {
            first_document: first.map_or(i64::MAX, |(document, _)| *document),
        }
    }

    /// Whether a version without an entry may be older than the trail.
    fn is_before(&self, signed: &BTreeMap<(i64, u32), Known>, document: i64, version: u32) -> bool {
        let later = signed.range((document, 0)..=(document, u32::MAX)).next();
        let is_first_of_it = later.is_none_or(|((_, signed), _)| version < *signed);
        document > 0 && document < self.first_document && is_first_of_it
    }
}

/// A version as it is now.
struct Found {
    bytes: [u8; 32],
    text: [u8; 32],
    frame: [u8; 32],
    patient: i64,
    /// Whether the hashes beside bytes and text are theirs.
    has_hash: bool,
    has_text_hash: bool,
}

impl Found {
    fn read(row: &Row<'_>, resources: &mut CachedStatement<'_>) -> Result<Self, StoreError> {
        let (bytes, text) = (hash_of(row, 5)?, hash_of(row, 6)?);
        Ok(Self {
            bytes,
            text,
            frame: frame(row, resources)?,
            patient: row.get(FRAME_FROM)?,
            has_hash: row.get_ref(3)?.as_blob().is_ok_and(|kept| kept == bytes),
            has_text_hash: row.get_ref(4)?.as_blob().is_ok_and(|kept| kept == text),
        })
    }

    /// Holds it against what was signed; gives whether all is right.
    fn check(&self, digest: &DocumentDigest, alter: &mut dyn FnMut(DocumentPart)) -> bool {
        let parts = [
            (DocumentPart::Bytes, self.has_hash && self.bytes == digest.bytes.0),
            (
                DocumentPart::Text,
                self.has_text_hash && self.text == digest.text.0,
            ),
            (DocumentPart::Frame, self.frame == digest.frame.0),
        ];
        for (part, _) in parts.iter().filter(|(_, is_right)| !is_right) {
            alter(*part);
        }
        parts.iter().all(|(_, is_right)| *is_right)
    }

    /// All that can be said of a version without a digest.
    fn check_hashes(&self, alter: &mut dyn FnMut(DocumentPart)) {
        if !self.has_hash {
            alter(DocumentPart::Bytes);
        }
        if !self.has_text_hash {
            alter(DocumentPart::Text);
        }
    }
}

/// SHA-256 of a column, straight from the page.
fn hash_of(row: &Row<'_>, column: usize) -> Result<[u8; 32], StoreError> {
    let value = row.get_ref(column)?;
    // Another type than the schema's was not written by us; nothing has the digest of nothing by chance.
    Ok(Sha256::digest(value.as_bytes().unwrap_or_default()).into())
}

/// SHA-256 over the frame: each value as a byte for its type, its length in eight bytes (big-endian) and its bytes,
/// numbers as decimal digits; then the same of each resource.
fn frame(row: &Row<'_>, resources: &mut CachedStatement<'_>) -> Result<[u8; 32], StoreError> {
    let mut hasher = Sha256::new();
    for column in FRAME_FROM..=FRAME_TO {
        feed(&mut hasher, row.get_ref(column)?);
    }
    let mut rows = resources.query([row.get::<_, i64>(0)?])?;
    while let Some(resource) = rows.next()? {
        for column in 0..RESOURCE_COLUMNS {
            feed(&mut hasher, resource.get_ref(column)?);
        }
    }
    Ok(hasher.finalize().into())
}

fn feed(hasher: &mut Sha256, value: ValueRef<'_>) {
    let digits;
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => {
            digits = number.to_string();
            (1, digits.as_bytes())
        }
        ValueRef::Real(number) => {
            digits = number.to_string();
            (2, digits.as_bytes())
        }
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(blob) => (4, blob),
    };
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}
