//! The audit trail: an append-only log of FHIR R4 AuditEvents after IHE BALP, in a Merkle tree (RFC 6962) whose signed
//! heads are exported.
//!
//! **Written with what it records.** [`Store::audited`] gives the store for one call: a write and its entry are one
//! transaction. For reads [`Store::audit_read`] returns when the entry is durable, so that bytes leave after it only; who
//! waits at the same time shares a commit. Where the log cannot be written (a full disk, a store open read-only), the
//! call errs and nothing is done.
//!
//! **What counts is the bytes.** An entry is kept as canonical JSON, and the leaves of the tree are over it. Columns beside
//! it are for finding; [`Store::verify_audit`] reads them out of the bytes again.
//!
//! **Notes too.** The entry that signs a note holds digests of it. Each note is held against its entry, so that whoever
//! changes a note with all its hashes must change the entry as well.
//!
//! **What is found.** A change of entries alone is found from the stored nodes, with the entry. Who also makes the nodes
//! anew is found by any head that was exported before; so is one who cuts the end off. Nothing before the first exported
//! head protects against somebody who may write to the file: so heads are exported often, to where he may not write.
//!
//! | module | what |
//! |---|---|
//! | `entry`, `codes`, `fhir`, `columns` | what an entry says, its codes, its bytes, and back |
//! | `merkle`, `proof` | building the tree and its proofs; verifying them |
//! | `log`, `head` | the rows; signed heads and their key |
//! | `verify`, `align` | verification of the whole log; which entries were changed |
//! | `signed` | digests of signed notes, and holding the notes against them |
//! | `finding` | what can be wrong, in words |

pub(crate) mod align;
pub(crate) mod codes;
pub(crate) mod columns;
pub(crate) mod entry;
pub(crate) mod fhir;
pub(crate) mod finding;
pub(crate) mod head;
pub(crate) mod hex;
pub(crate) mod log;
pub(crate) mod merkle;
pub(crate) mod proof;
pub(crate) mod signed;
#[cfg(test)]
mod tests;
pub(crate) mod verify;

pub use entry::{
    AuditAction, AuditAgent, AuditEntity, AuditEntry, AuditOutcome, AuditSource, AuditSubtype,
    DocumentDigest, Purpose, PurposeOfUse,
};

use crate::audit::log::{Prepared, StoredNodes};
use crate::audit::merkle::TreeHash;
use crate::confirm::ConfirmationReceipt;
use crate::errors::StoreError;
use crate::export::DummiesRemoved;
use crate::ids::{AuditId, EncounterId, PatientId, Revision};
use crate::observations::ObservationReceipt;
use crate::retention::RemovalReceipt;
use crate::sign::SignReceipt;
use crate::store::Store;
use crate::writer::Pending;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// Most entries of one page.
pub const MAX_AUDIT_PAGE: u32 = 1000;

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place.
    pub id: AuditId,
    /// What it says.
    pub entry: AuditEntry,
    /// Its bytes: the FHIR AuditEvent.
    pub json: Vec<u8>,
}

/// Which entries to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditFilter<'a> {
    /// Those about this patient's record.
    pub patient: Option<PatientId>,
    /// Those of this account.
    pub agent: Option<&'a str>,
    /// Those before this one.
    pub before: Option<AuditId>,
    /// Most to give; never more than [`MAX_AUDIT_PAGE`].
    pub limit: u32,
}

/// Entries that were sent and are not durable yet.
#[derive(Debug)]
#[must_use = "nothing may leave before the entries are durable"]
pub struct AuditPending(Pending<Option<AuditId>>);

impl AuditPending {
    /// Waits until the entries are durable; gives the place of the last, none where there were none.
    ///
    /// # Errors
    /// `Full`, `Io`, `Closed`; then none of them is in the log.
    pub fn wait(self) -> Result<Option<AuditId>, StoreError> {
        self.0.wait()
    }
}

impl Store {
    /// Appends an entry; returns when it is durable. What was read may leave after that. Calls that wait at the same time
    /// share a commit.
    ///
    /// # Errors
    /// `Invalid` for what FHIR cannot say; `Full`, `Io`, `ReadOnly`, `Closed`. Then nothing may leave.
    pub fn audit_read(&self, entry: &AuditEntry) -> Result<AuditId, StoreError> {
        let entry = Prepared::new(entry)?;
        self.write_unaudited("audit", move |conn| log::append(conn, &entry))
    }

    /// Sends entries (all of them or none will be kept) and returns at once, so that the reading may go on meanwhile. A
    /// list of many patients has an entry for each.
    ///
    /// # Errors
    /// As `audit_read`.
    pub fn audit_send(&self, entries: &[AuditEntry]) -> Result<AuditPending, StoreError> {
        let entries = entries.iter().map(Prepared::new).collect::<Result<Vec<_>, _>>()?;
        let append = move |conn: &Connection| {
            let mut last = None;
            for entry in &entries {
                last = Some(log::append(conn, entry)?);
            }
            Ok(last)
        };
        self.send("audit", append).map(AuditPending)
    }

    /// Who looked at a patient's record, or did anything else with it: the newest first. Entries of the patient's whole
    /// history are paged through with the last `id` of a page as `before`.
    ///
    /// # Errors
    /// `Damaged` when an entry is not what we wrote.
    pub fn who_looked(
        &self,
        patient: PatientId,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.audit_entries(&AuditFilter {
            patient: Some(patient),
            before,
            limit,
            ..AuditFilter::default()
        })
    }

    /// The entries that `filter` lets through, the newest first.
    ///
    /// # Errors
    /// `Damaged` when an entry is not what we wrote.
    pub fn audit_entries(&self, filter: &AuditFilter<'_>) -> Result<Vec<AuditRecord>, StoreError> {
        // Conditions that may be absent would keep the database from using its indexes.
        let condition = match (filter.patient, filter.agent) {
            (None, None) => "",
            (Some(_), None) => "AND patient = ?1",
            (None, Some(_)) => "AND agent = ?2",
            (Some(_), Some(_)) => "AND patient = ?1 AND agent = ?2",
        };
        self.read("audit entries", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT id, json FROM audit_entry WHERE id < ?3 {condition}
                 ORDER BY id DESC LIMIT ?4"
            ))?;
            let end = i64::MAX.unsigned_abs();
            let before = filter.before.map_or(end, |before| before.get().min(end));
            let limit = filter.limit.min(MAX_AUDIT_PAGE);
            let mut rows = list.query(params![filter.patient, filter.agent, before, limit])?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, json): (AuditId, Vec<u8>) = (row.get(0)?, row.get(1)?);
                let entry =
                    columns::read_entry(&json).map_err(|error| error.at(&format!("audit entry {id}")))?;
                records.push(AuditRecord { id, entry, json });
            }
            Ok(records)
        })
    }

    /// Number of entries.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn audit_size(&self) -> Result<u64, StoreError> {
        self.read_unaudited("audit size", log::size)
    }

    /// Root of the tree over the first `size` entries, from the stored nodes.
    ///
    /// # Errors
    /// `NotFound` when there are fewer entries; `Damaged` when a node is missing.
    pub fn audit_root(&self, size: u64) -> Result<TreeHash, StoreError> {
        self.audit_proof(size, |nodes| merkle::root(nodes, size))
    }

    /// Proof that entry `id` is in the log of the first `size` entries (RFC 6962 §2.1.1), for `verify_inclusion`.
    ///
    /// # Errors
    /// `NotFound` when the entry is not in it; `Damaged` when a node is missing.
    pub fn audit_inclusion(&self, id: AuditId, size: u64) -> Result<Vec<TreeHash>, StoreError> {
        if id.get() >= size {
            return Err(StoreError::not_found("audit entry", &id));
        }
        self.audit_proof(size, |nodes| merkle::inclusion(nodes, id.get(), size))
    }

    /// Proof that the log of the first `to` entries begins with that of the first `from` (RFC 6962 §2.1.2), for
    /// `verify_consistency`.
    ///
    /// # Errors
    /// `NotFound` when there are fewer than `to` entries; `Invalid` when `from` is more; `Damaged` when a node is missing.
    pub fn audit_consistency(&self, from: u64, to: u64) -> Result<Vec<TreeHash>, StoreError> {
        if from > to {
            return Err(entry::invalid(format!(
                "a log of {to} entries does not begin with {from}"
            )));
        }
        self.audit_proof(to, |nodes| merkle::consistency(nodes, from, to))
    }

    fn audit_proof<T>(
        &self,
        size: u64,
        build: impl FnOnce(&StoredNodes<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read_unaudited("audit proof", |conn| {
            if size > log::size(conn)? {
                return Err(StoreError::not_found("audit trail of size", &size));
            }
            build(&StoredNodes(conn))
        })
    }

    /// Leaves an entry about a call that failed, if it can; the caller is told of the failure in any case.
    pub(crate) fn audit_failure(&self, entry: &AuditEntry, error: &StoreError) {
        let mut entry = entry.clone();
        fail(&mut entry, error);
        let _ = self.audit_read(&entry);
    }
}

/// What a write adds to its entry: what came into being by it.
pub(crate) trait Recorded {
    /// Completes the entry, in the transaction of the write.
    fn add_to(&self, entry: &mut AuditEntry, conn: &Connection) -> Result<(), StoreError>;
}

/// Declares results of writes that name nothing new.
macro_rules! nothing_new {
    ($($name:ty),+) => {
        $(impl Recorded for $name {
            fn add_to(&self, _: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
                Ok(())
            }
        })+
    };
}

nothing_new!((), u32, u64, DummiesRemoved, ObservationReceipt);

impl Recorded for PatientId {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        entry.patient = Some(*self);
        entry.entities.push(AuditEntity::patient(*self));
        Ok(())
    }
}

impl Recorded for EncounterId {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        entry.entities.push(AuditEntity::Resource {
            kind: "Encounter".to_owned(),
            name: self.to_string(),
            version: None,
        });
        Ok(())
    }
}

/// A confirmation names the version with the digest that its entry of the time it was entered has.
impl Recorded for ConfirmationReceipt {
    fn add_to(&self, entry: &mut AuditEntry, conn: &Connection) -> Result<(), StoreError> {
        entry.entities.push(AuditEntity::Document {
            document: self.document,
            version: Some(self.version),
            digest: Some(signed::digest(conn, self.document, self.version)?),
        });
        Ok(())
    }
}

/// A removal names every version with its digest: the verification then knows that it may be gone.
impl Recorded for RemovalReceipt {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        entry.patient = Some(self.patient);
        for (version, digest) in &self.digests {
            entry.entities.push(AuditEntity::Document {
                document: self.document,
                version: Some(*version),
                digest: Some(*digest),
            });
        }
        Ok(())
    }
}

impl Recorded for SignReceipt {
    fn add_to(&self, entry: &mut AuditEntry, conn: &Connection) -> Result<(), StoreError> {
        let mut owner = conn.prepare_cached("SELECT patient FROM document WHERE id = ?1")?;
        entry.patient = Some(owner.query_row([self.document], |row| row.get(0))?);
        if self.version > 1 && entry.subtype == AuditSubtype::Sign {
            entry.action = AuditAction::Update;
        }
        // What was signed before has its digest in the entry of that time.
        let digest = if self.repeated {
            None
        } else {
            Some(signed::digest(conn, self.document, self.version)?)
        };
        entry.entities.push(AuditEntity::Document {
            document: self.document,
            version: Some(self.version),
            digest,
        });
        Ok(())
    }
}

/// A save that was refused is kept beside the draft, so its transaction counts, and the entry says that it failed.
impl Recorded for Result<Revision, StoreError> {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        if let Err(error) = self {
            fail(entry, error);
        }
        Ok(())
    }
}

fn fail(entry: &mut AuditEntry, error: &StoreError) {
    if entry.outcome == AuditOutcome::Success {
        entry.outcome = AuditOutcome::MinorFailure;
    }
    entry.outcome_text = Some(error.to_string());
}
