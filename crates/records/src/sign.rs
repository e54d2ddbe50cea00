//! Signing: the document, its FHIR resources, its events, their index rows and the end of its draft, in one transaction.

use crate::care::{self, NewCareEntry};
use crate::confirm;
use crate::documents::{self, Content, VersionReason, hash};
use crate::drafts::{DraftKey, remove_signed};
use crate::encounters::check_owner;
use crate::errors::StoreError;
use crate::events::{self, Origin, OriginRow};
use crate::fulltext;
use crate::ids::{DocumentId, EncounterId, PatientId, Revision};
use crate::index;
use crate::patients::{check_expected, population};
use crate::resources::{self, NewResource, ResourceName};
use crate::stamp::{Moment, Stamp, word};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::Event;

/// Most bytes and most characters of a document.
const MAX_BYTES: usize = 64 << 20;
const MAX_CHARS: usize = 16 << 20;

/// What is signed: a new document, or a new version of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A new document.
    New {
        /// About whom.
        patient: PatientId,
        /// In which encounter.
        encounter: Option<EncounterId>,
        /// Kind of note.
        kind: String,
    },
    /// The next version of a document; the earlier ones stay.
    Version {
        /// The document.
        document: DocumentId,
        /// The newest version that the author saw.
        expected: u32,
        /// Addendum or correction.
        reason: VersionReason,
    },
}

/// A note to be signed.
#[derive(Debug, Clone, PartialEq)]
pub struct SignNote {
    /// What becomes of it.
    pub target: Target,
    /// The caller's own id of this version, unique within the patient: sent twice, it is signed once.
    pub key: Option<String>,
    /// The note as it came.
    pub content: Content,
    /// Who signs, and when.
    pub signed: Stamp,
    /// When it was written.
    pub written_at: Moment,
    /// Edition of the lexicon that read the events.
    pub edition: String,
    /// What it states.
    pub events: Vec<Event>,
    /// FHIR resources to keep with it.
    pub resources: Vec<NewResource>,
    /// The draft that ends with this, and its revision as the editor knows it.
    pub draft: Option<(DraftKey, Option<Revision>)>,
    /// The physician who answers for the note, where another enters it: it then waits to be confirmed.
    pub on_behalf_of: Option<String>,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignReceipt {
    /// The document.
    pub document: DocumentId,
    /// Its version.
    pub version: u32,
    /// Names and versions of its resources, in their order.
    pub resources: Vec<ResourceName>,
    /// Whether the same note was signed before under the same key, and nothing was written now.
    pub repeated: bool,
}

impl Store {
    /// Signs a note; returns when all of it is durable.
    ///
    /// # Errors
    /// `DraftConflict` when the draft is not at the given revision; `Conflict` when the version is not the newest or the
    /// key names another note; `NotFound`; `Invalid` for what is too large or no JSON; `Full`.
    pub fn sign(&self, note: SignNote) -> Result<SignReceipt, StoreError> {
        check_size(&note.content)?;
        self.write("sign", move |conn| sign(conn, &note))
    }

    /// Signs a note with what its writer stated beside it, all in one transaction; each entry is told the document and the
    /// version. Nothing is added to a note that was signed before under the same key.
    ///
    /// # Errors
    /// As `sign`, and as [`Store::add_care`].
    pub fn sign_with(&self, note: SignNote, beside: Vec<NewCareEntry>) -> Result<SignReceipt, StoreError> {
        if beside.is_empty() {
            return self.sign(note);
        }
        check_size(&note.content)?;
        care::check(&beside)?;
        self.write("sign with entries", move |conn| {
            let receipt = sign(conn, &note)?;
            if !receipt.repeated {
                for new in &beside {
                    care::add(conn, &new.of_document(receipt.document, receipt.version))?;
                }
            }
            Ok(receipt)
        })
    }

    /// Replaces the events of a document's newest version with those another edition reads in it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn rederive(
        &self,
        document: DocumentId,
        edition: String,
        events: Vec<Event>,
    ) -> Result<(), StoreError> {
        self.write("rederive", move |conn| {
            let now = documents::newest(conn, document)?;
            let row: i64 = conn
                .prepare_cached("SELECT id FROM document_version WHERE document = ?1 AND version = ?2")?
                .query_row(params![document, now.version], |row| row.get(0))?;
            index::remove(conn, "document", document.get())?;
            conn.prepare_cached("DELETE FROM event WHERE document_version = ?1")?
                .execute([row])?;
            let origin = Origin {
                patient: now.patient,
                population: population(conn, now.patient)?,
                at: now.written_at.civil(),
                source: OriginRow::Document { document, row },
            };
            events::insert(conn, &origin, &edition, &events)?;
            conn.prepare_cached("UPDATE document_text SET edition = ?2 WHERE document = ?1")?
                .execute(params![document, edition])?;
            index::resettle(conn, now.patient)
        })
    }
}

fn check_size(content: &Content) -> Result<(), StoreError> {
    let (bytes, chars) = (content.bytes.len(), content.text.chars().count());
    if bytes <= MAX_BYTES && chars <= MAX_CHARS {
        return Ok(());
    }
    let detail = format!("{bytes} bytes, {chars} characters; at most {MAX_BYTES} and {MAX_CHARS}");
    Err(StoreError::Invalid {
        what: "document",
        detail,
    })
}

/// Signs a note in the transaction that is open.
pub(crate) fn sign(conn: &Connection, note: &SignNote) -> Result<SignReceipt, StoreError> {
    let (patient, earlier) = match &note.target {
        Target::New { patient, .. } => (*patient, None),
        Target::Version { document, .. } => {
            let earlier = documents::newest(conn, *document)?;
            (earlier.patient, Some(earlier.version))
        }
    };
    let population = population(conn, patient)?;
    if let Some(receipt) = repeated(conn, patient, note)? {
        return Ok(receipt);
    }
    if let Some((key, expected)) = &note.draft {
        if key.patient != patient {
            return Err(StoreError::conflict(
                "draft",
                format!("is not one of patient {patient}"),
            ));
        }
        remove_signed(conn, key, *expected, &note.content.text)?;
    }
    if let Target::Version { document, .. } = &note.target {
        confirm::check_version(conn, *document, note.on_behalf_of.as_deref())?;
    }
    let (document, version, reason) = place(conn, note, earlier)?;
    let row = insert_version(conn, note, patient, (document, version, reason))?;
    let names = resources::insert(
        conn,
        patient,
        (document, version, row),
        &note.resources,
        &note.signed,
    )?;
    let replaced = index::remove(conn, "document", document.get())?;
    let origin = Origin {
        patient,
        population,
        at: note.written_at.civil(),
        source: OriginRow::Document { document, row },
    };
    events::insert(conn, &origin, &note.edition, &note.events)?;
    if replaced > 0 || note.events.iter().any(|event| event.supersedes.is_some()) {
        index::resettle(conn, patient)?;
    }
    fulltext::index(conn, document, &note.edition, &note.content.text)?;
    if let Some(physician) = &note.on_behalf_of {
        confirm::enter(conn, (patient, document, version), physician, &note.signed)?;
    }
    Ok(SignReceipt {
        document,
        version,
        resources: names,
        repeated: false,
    })
}

/// The receipt of the same note, when it was signed before.
fn repeated(
    conn: &Connection,
    patient: PatientId,
    note: &SignNote,
) -> Result<Option<SignReceipt>, StoreError> {
    let Some(key) = &note.key else { return Ok(None) };
    let mut find = conn.prepare_cached(
        "SELECT document, version, sha256, id FROM document_version WHERE patient = ?1 AND key = ?2",
    )?;
    let found = find
        .query_row(params![patient, key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((document, version, sha256, row)): Option<(DocumentId, u32, Vec<u8>, i64)> = found else {
        return Ok(None);
    };
    let is_same_target = match &note.target {
        Target::New { .. } => version == 1,
        Target::Version { document: target, .. } => document == *target,
    };
    if sha256 != hash(&note.content.bytes) || !is_same_target {
        let detail =
            format!("names document {document} version {version}, which reads otherwise; choose another");
        return Err(StoreError::conflict(format!("note key {key}"), detail));
    }
    let resources = resources::names(conn, row)?;
    Ok(Some(SignReceipt {
        document,
        version,
        resources,
        repeated: true,
    }))
}

/// Finds the document, or makes it, and the number and reason of the version to add.
fn place(
    conn: &Connection,
    note: &SignNote,
    newest: Option<u32>,
) -> Result<(DocumentId, u32, VersionReason), StoreError> {
    match &note.target {
        Target::New {
            patient,
            encounter,
            kind,
        } => {
            check_owner(conn, *encounter, *patient)?;
            conn.prepare_cached(
                "INSERT INTO document (patient, encounter, kind, version) VALUES (?1, ?2, ?3, 1)",
            )?
            .execute(params![patient, encounter, kind])?;
            Ok((
                DocumentId::new(conn.last_insert_rowid()),
                1,
                VersionReason::Original,
            ))
        }
        Target::Version {
            document,
            expected,
            reason,
        } => {
            if *reason == VersionReason::Original {
                let detail = "only the first version is the original".to_owned();
                return Err(StoreError::Invalid {
                    what: "reason",
                    detail,
                });
            }
            check_expected("document", document, *expected, newest.unwrap_or(0))?;
            let version = expected + 1;
            conn.prepare_cached("UPDATE document SET version = ?2 WHERE id = ?1")?
                .execute(params![document, version])?;
            Ok((*document, version, *reason))
        }
    }
}

fn insert_version(
    conn: &Connection,
    note: &SignNote,
    patient: PatientId,
    (document, version, reason): (DocumentId, u32, VersionReason),
) -> Result<i64, StoreError> {
    conn.prepare_cached(
        "INSERT INTO document_version (document, version, previous, patient, reason, key, media_type, encoding, sha256,
             text_hash, author, written_at, signed_at, edition, civil, text, bytes)
         VALUES (?1, ?2, (SELECT id FROM document_version WHERE document = ?1 AND version = ?2 - 1),
             ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        document,
        version,
        patient,
        word(&reason)?,
        note.key,
        note.content.media_type,
        note.content.encoding,
        hash(&note.content.bytes).as_slice(),
        hash(note.content.text.as_bytes()).as_slice(),
        note.signed.author,
        note.written_at,
        note.signed.at,
        note.edition,
        note.written_at.civil().to_string(),
        note.content.text,
        note.content.bytes,
    ])?;
    Ok(conn.last_insert_rowid())
}
