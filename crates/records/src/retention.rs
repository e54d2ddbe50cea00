//! Retention: when the years of keeping begin to count, who approves a removal, and the removal itself.
//!
//! How many years a class of documents is kept is a table of the server's. The store holds that a document of a real patient
//! goes only past its day, when the course has ended, nothing is held, and two people have approved that version and that
//! day; triggers of the schema hold the same. What stays is a tombstone with the hashes, and the audit trail.

use crate::audit::entry::DocumentDigest;
use crate::audit::signed;
use crate::documents::{self, hex};
use crate::errors::StoreError;
use crate::fulltext;
use crate::ids::{DocumentId, PatientId};
use crate::index;
use crate::patients::population;
use crate::stamp::{Moment, Population, Stamp};
use crate::store::Store;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A document of a real patient, as its retention is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDocument {
    /// Which.
    pub document: DocumentId,
    /// Whose.
    pub patient: PatientId,
    /// The patient's number.
    pub number: String,
    /// Kind of note.
    pub kind: String,
    /// Its newest version.
    pub version: u32,
    /// When it was written.
    pub written: Date,
    /// The end of the course; none while it goes on.
    pub course_end: Option<Date>,
    /// The day on which anything was last written or signed for this patient.
    pub last_entry: Date,
    /// Whether nothing of the patient may be removed.
    pub is_held: bool,
    /// A class by which everything of the patient is kept, where it is the longer.
    pub class: Option<String>,
    /// Whether it waits for a physician.
    pub is_unconfirmed: bool,
    /// Who approved the removal of this version: the class and the day that they saw.
    pub approvals: Vec<RemovalApproval>,
}

/// That somebody approved a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalApproval {
    /// Who.
    pub author: String,
    /// The class of the document, as it was then.
    pub class: String,
    /// The last day of keeping, as it was then.
    pub kept_until: Date,
}

/// A removal: which version of which document, of which class, kept until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Which document.
    pub document: DocumentId,
    /// The newest version, as it was seen.
    pub version: u32,
    /// Its class.
    pub class: String,
    /// The last day of keeping.
    pub kept_until: Date,
}

/// What stays of a document that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Which.
    pub document: DocumentId,
    /// Whose.
    pub patient: PatientId,
    /// Kind of note.
    pub kind: String,
    /// Its class.
    pub class: String,
    /// SHA-256 of the bytes of each version, oldest first, in hexadecimal digits.
    pub hashes: Vec<String>,
    /// When it was written.
    pub written: Moment,
    /// The last day of keeping.
    pub kept_until: String,
    /// Who approved it.
    pub approved: [String; 2],
    /// Who removed it, and when.
    pub stamp: Stamp,
}

/// What was removed: the digests of its versions, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalReceipt {
    /// Which document.
    pub document: DocumentId,
    /// Whose.
    pub patient: PatientId,
    pub(crate) digests: Vec<(u32, DocumentDigest)>,
}

impl Store {
    /// Tells when the course of a patient ended, from which day the years count; none: it goes on.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_course_end(
        &self,
        patient: PatientId,
        ended: Option<Date>,
        reason: &str,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        let kind = if ended.is_some() {
            "course-end"
        } else {
            "course-open"
        };
        self.mark(patient, (kind, ended), reason, stamp)
    }

    /// Holds everything of a patient, whatever its day, or ends that.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` without a reason.
    pub fn set_hold(
        &self,
        patient: PatientId,
        holds: bool,
        reason: &str,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        if reason.trim().is_empty() {
            return Err(StoreError::Invalid {
                what: "reason",
                detail: "is empty; say for what it is held or released".to_owned(),
            });
        }
        self.mark(
            patient,
            (if holds { "hold" } else { "release" }, None),
            reason,
            stamp,
        )
    }

    /// Names a class by which everything of a patient is kept, where it is the longer.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_retention_class(
        &self,
        patient: PatientId,
        class: &str,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        self.mark(patient, ("class", None), class, stamp)
    }

    fn mark(
        &self,
        patient: PatientId,
        (kind, day): (&'static str, Option<Date>),
        reason: &str,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        let reason = reason.trim().to_owned();
        self.write("retention mark", move |conn| {
            population(conn, patient)?;
            conn.prepare_cached(
                "INSERT INTO retention_mark (patient, kind, day, reason, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                patient,
                kind,
                day.map(|day| day.to_string()),
                reason,
                stamp.author,
                stamp.at
            ])?;
            Ok(())
        })
    }

    /// All documents of real patients that were not removed, in the order of their ids. It reads everything but the texts.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn kept_documents(&self) -> Result<Vec<KeptDocument>, StoreError> {
        self.read("kept documents", |conn| kept(conn, None))
    }

    /// Approves a removal that may be.
    ///
    /// # Errors
    /// `Conflict` for a dummy's document, another version than the newest, or one that was approved by the same person;
    /// `NotFound`.
    pub fn approve_removal(&self, removal: Removal, stamp: Stamp) -> Result<(), StoreError> {
        self.write("approve removal", move |conn| {
            let kept = removable(conn, &removal)?;
            if kept.approvals.iter().any(|approval| {
                approval.author == stamp.author
                    && approval.kept_until == removal.kept_until
                    && approval.class == removal.class
            }) {
                return Err(conflict(
                    removal.document,
                    "is approved by you already; another person is wanted",
                ));
            }
            conn.prepare_cached(
                "INSERT INTO retention_approval (patient, document, version, class, kept_until, author, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                kept.patient,
                removal.document,
                removal.version,
                removal.class,
                removal.kept_until.to_string(),
                stamp.author,
                stamp.at
            ])?;
            Ok(())
        })
    }

    /// Removes a document: its bytes, texts, resources, events and index rows, in one transaction. A tombstone stays.
    ///
    /// # Errors
    /// `Conflict` when it is not past its day, held, not approved by two, unconfirmed, a dummy's, or another version is the
    /// newest; `NotFound`. Then nothing was removed.
    pub fn remove_document(&self, removal: Removal, stamp: Stamp) -> Result<RemovalReceipt, StoreError> {
        self.write("remove document", move |conn| remove(conn, &removal, &stamp))
    }

    /// What stays of documents that were removed, in the order of their ids.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn tombstones(&self) -> Result<Vec<Tombstone>, StoreError> {
        self.read("tombstones", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT document, patient, kind, class, hashes, written, kept_until, first, second, author, at
                 FROM tombstone ORDER BY document",
            )?;
            let rows = list.query_map([], |row| {
                Ok(Tombstone {
                    document: row.get(0)?,
                    patient: row.get(1)?,
                    kind: row.get(2)?,
                    class: row.get(3)?,
                    hashes: row.get::<_, String>(4)?.split(' ').map(str::to_owned).collect(),
                    written: row.get(5)?,
                    kept_until: row.get(6)?,
                    approved: [row.get(7)?, row.get(8)?],
                    stamp: Stamp {
                        author: row.get(9)?,
                        at: row.get(10)?,
                    },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn conflict(document: DocumentId, detail: &str) -> StoreError {
    StoreError::conflict(format!("document {document}"), detail)
}

/// The documents of real patients, or one document.
fn kept(conn: &Connection, one: Option<DocumentId>) -> Result<Vec<KeptDocument>, StoreError> {
    // Of one document only the rows of its patient are read.
    let families = families(conn)?;
    let of = match one {
        None => None,
        Some(document) => Some(documents::newest(conn, document)?.patient),
    };
    // Of a record that is linked, those of all that are read with it.
    let of = of.filter(|patient| !families.contains_key(patient));
    let marks = marks(conn, of)?;
    let last_entries = last_entries(conn, of)?;
    let mut approvals = approvals(conn, one)?;
    let condition = one.map_or("?1 IS NULL", |_| "d.id = ?1");
    let mut list = conn.prepare_cached(&format!(
        "SELECT d.id, d.patient, p.number, d.kind, d.version, v.written_at,
             EXISTS (SELECT 1 FROM unconfirmed u WHERE u.document = d.id)
         FROM document d JOIN patient p ON p.id = d.patient
         JOIN document_version v ON v.document = d.id AND v.version = 1
         WHERE p.dummy = 0 AND {condition} ORDER BY d.id"
    ))?;
    let mut rows = list.query([one])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (document, patient): (DocumentId, PatientId) = (row.get(0)?, row.get(1)?);
        let version: u32 = row.get(4)?;
        let written = row.get::<_, Moment>(5)?.civil().date();
        let alone = [patient];
        let family = families.get(&patient).map_or(&alone[..], Vec::as_slice);
        let mark = Mark::of(&marks, patient, family);
        let last = family.iter().filter_map(|one| last_entries.get(one)).max();
        let of = approvals.remove(&(document, version)).unwrap_or_default();
        found.push(KeptDocument {
            document,
            patient,
            number: row.get(2)?,
            kind: row.get(3)?,
            version,
            written,
            course_end: mark.course_end,
            last_entry: last.copied().unwrap_or(written),
            is_held: mark.is_held,
            class: mark.class,
            is_unconfirmed: row.get(6)?,
            approvals: of,
        });
    }
    Ok(found)
}

/// What holds of a patient.
#[derive(Debug, Clone, Default)]
struct Mark {
    course_end: Option<Date>,
    is_held: bool,
    class: Option<String>,
}

impl Mark {
    /// What holds of a record together with those that are read with it: held where one is, open where one is.
    fn of(marks: &BTreeMap<PatientId, Mark>, patient: PatientId, family: &[PatientId]) -> Self {
        let own = marks.get(&patient).cloned().unwrap_or_default();
        let all = || family.iter().map(|one| marks.get(one));
        let is_open = all().any(|mark| mark.is_none_or(|mark| mark.course_end.is_none()));
        let last = all().flatten().filter_map(|mark| mark.course_end).max();
        Self {
            course_end: last.filter(|_| !is_open),
            is_held: all().flatten().any(|mark| mark.is_held),
            class: own
                .class
                .or_else(|| all().flatten().find_map(|mark| mark.class.clone())),
        }
    }
}

/// Records that are read together, by each of them; those that stand alone are not in it.
fn families(conn: &Connection) -> Result<BTreeMap<PatientId, Vec<PatientId>>, StoreError> {
    let mut list =
        conn.prepare_cached("SELECT survivor, patient FROM patient_merged ORDER BY survivor, patient")?;
    let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut of: BTreeMap<PatientId, Vec<PatientId>> = BTreeMap::new();
    for row in rows {
        let (survivor, patient): (PatientId, PatientId) = row?;
        of.entry(survivor).or_insert_with(|| vec![survivor]).push(patient);
    }
    let each = of
        .into_values()
        .flat_map(|family| family.clone().into_iter().map(move |one| (one, family.clone())));
    Ok(each.collect())
}

/// What holds, by patient: the last mark of its kind.
fn marks(conn: &Connection, of: Option<PatientId>) -> Result<BTreeMap<PatientId, Mark>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT patient, kind, day, reason FROM retention_mark WHERE {} ORDER BY id",
        condition(of.is_some(), "patient")
    ))?;
    let mut rows = list.query([of])?;
    let mut marks: BTreeMap<PatientId, Mark> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let mark = marks.entry(row.get(0)?).or_default();
        match row.get::<_, String>(1)?.as_str() {
            "course-end" => {
                mark.course_end = row
                    .get::<_, Option<String>>(2)?
                    .map(|day| read_day(&day))
                    .transpose()?;
            }
            "course-open" => mark.course_end = None,
            "hold" => mark.is_held = true,
            "class" => mark.class = row.get(3)?,
            _ => mark.is_held = false,
        }
    }
    Ok(marks)
}

/// The last day on which anything was written or signed, by patient.
fn last_entries(conn: &Connection, of: Option<PatientId>) -> Result<BTreeMap<PatientId, Date>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT d.patient, v.written_at, v.signed_at FROM document d
         JOIN document_version v ON v.document = d.id WHERE {}",
        condition(of.is_some(), "d.patient")
    ))?;
    let mut rows = list.query([of])?;
    let mut last: BTreeMap<PatientId, Date> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (written, signed): (Moment, Moment) = (row.get(1)?, row.get(2)?);
        let day = written.civil().max(signed.civil()).date();
        let entry = last.entry(row.get(0)?).or_insert(day);
        *entry = day.max(*entry);
    }
    Ok(last)
}

type Approvals = BTreeMap<(DocumentId, u32), Vec<RemovalApproval>>;

fn approvals(conn: &Connection, of: Option<DocumentId>) -> Result<Approvals, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT document, version, author, class, kept_until FROM retention_approval WHERE {} ORDER BY id",
        condition(of.is_some(), "document")
    ))?;
    let mut rows = list.query([of])?;
    let mut all = Approvals::new();
    while let Some(row) = rows.next()? {
        all.entry((row.get(0)?, row.get(1)?))
            .or_default()
            .push(RemovalApproval {
                author: row.get(2)?,
                class: row.get(3)?,
                kept_until: read_day(&row.get::<_, String>(4)?)?,
            });
    }
    Ok(all)
}

/// A condition that an index serves: on one number, or on none.
fn condition(is_one: bool, column: &str) -> String {
    if is_one {
        format!("{column} = ?1")
    } else {
        "?1 IS NULL".to_owned()
    }
}

fn read_day(text: &str) -> Result<Date, StoreError> {
    text.parse()
        .map_err(|error| StoreError::damaged(format!("{text} is no day: {error}")))
}

/// The document of a removal, where nothing but time and approvals may stand against it.
fn removable(conn: &Connection, removal: &Removal) -> Result<KeptDocument, StoreError> {
    let Removal { document, .. } = *removal;
    let now = documents::newest(conn, document)?;
    if population(conn, now.patient)? == Population::Dummy {
        return Err(conflict(
            document,
            "is a dummy's; dummies are removed by their own command, never with real documents",
        ));
    }
    let kept = kept(conn, Some(document))?.into_iter().next();
    let kept = kept.ok_or_else(|| StoreError::not_found("document", &document))?;
    if kept.version != removal.version {
        return Err(conflict(document, "has a newer version; look at the list again"));
    }
    if kept.is_held {
        return Err(conflict(document, "is held; the hold is released first"));
    }
    if kept.course_end.is_none() {
        return Err(conflict(document, "belongs to a course that has not ended"));
    }
    if kept.is_unconfirmed {
        return Err(conflict(document, "waits for its physician"));
    }
    let is_received = conn
        .prepare_cached("SELECT 1 FROM received_document WHERE document = ?1")?
        .exists([document])?;
    if is_received {
        let detail =
            "came from another system, whose bytes are kept; there is no rule yet for taking those away";
        return Err(conflict(document, detail));
    }
    let from = kept.course_end.max(Some(kept.last_entry));
    if from > Some(removal.kept_until) {
        return Err(conflict(
            document,
            "belongs to a record in which something was written after that day",
        ));
    }
    Ok(kept)
}

fn remove(conn: &Connection, removal: &Removal, stamp: &Stamp) -> Result<RemovalReceipt, StoreError> {
    let Removal { document, .. } = *removal;
    let kept = removable(conn, removal)?;
    if stamp.at.civil().date() <= removal.kept_until {
        return Err(conflict(document, "is not past its day"));
    }
    let approved: BTreeSet<&str> = kept
        .approvals
        .iter()
        .filter(|approval| approval.kept_until == removal.kept_until && approval.class == removal.class)
        .map(|approval| approval.author.as_str())
        .collect();
    let mut approved = approved.into_iter();
    let (Some(first), Some(second)) = (approved.next(), approved.next()) else {
        return Err(conflict(document, "is not approved by two people"));
    };
    let versions = documents::list(conn, "WHERE v.document = ?1 ORDER BY v.version", document.get())?;
    let mut digests = Vec::with_capacity(versions.len());
    for version in &versions {
        digests.push((version.version, signed::digest(conn, document, version.version)?));
    }
    let hashes: Vec<String> = digests.iter().map(|(_, digest)| hex(&digest.bytes.0)).collect();
    let written = versions.first().map(|version| version.written_at.clone());
    conn.prepare_cached(
        "INSERT INTO tombstone (document, patient, kind, class, versions, hashes, written, kept_until, first, second,
             author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        document,
        kept.patient,
        kept.kind,
        removal.class,
        versions.len(),
        hashes.join(" "),
        written,
        removal.kept_until.to_string(),
        first,
        second,
        stamp.author,
        stamp.at
    ])?;
    empty(conn, document, kept.patient)?;
    Ok(RemovalReceipt {
        document,
        patient: kept.patient,
        digests,
    })
}

/// Takes out everything that a document says; what is freed is written over.
fn empty(conn: &Connection, document: DocumentId, patient: PatientId) -> Result<(), StoreError> {
    conn.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))
        .optional()?;
    index::remove(conn, "document", document.get())?;
    fulltext::remove(conn, document)?;
    let of = "document_version IN (SELECT id FROM document_version WHERE document = ?1)";
    for sql in [
        format!("DELETE FROM event WHERE {of}"),
        format!("DELETE FROM resource WHERE {of}"),
        "DELETE FROM document_version WHERE document = ?1".to_owned(),
    ] {
        conn.prepare_cached(&sql)?.execute([document])?;
    }
    index::resettle(conn, patient)
}
