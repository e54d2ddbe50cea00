//! All of one patient, and the end of the dummies.

use crate::amendments::{self, AmendmentRequest};
use crate::care::{self, CareEntry};
use crate::confirm::{self, ConfirmationRecord};
use crate::consent::{self, ConsentReceipt};
use crate::documents::{self, DocumentVersion};
use crate::encounters::{self, EncounterRecord};
use crate::errors::StoreError;
use crate::events::{self, StoredEvent};
use crate::fulltext;
use crate::ids::PatientId;
use crate::links::{self, FAMILY};
use crate::observations::{self, ObservationRecord};
use crate::patients::{self, PatientRecord};
use crate::resources::{self, ResourceRecord};
use crate::statements::{self, ReceivedRecord};
use crate::store::Store;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Everything the store holds about one patient, drafts apart: what a FHIR Bundle is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientExport {
    /// All versions of the patient's own record, oldest first; those of records linked with it follow.
    pub patient: Vec<PatientRecord>,
    /// All versions of the encounters, by encounter.
    pub encounters: Vec<EncounterRecord>,
    /// All versions of the documents, by document, each with its bytes as received.
    pub documents: Vec<(DocumentVersion, Vec<u8>)>,
    /// All versions of the resources, in the order of signing.
    pub resources: Vec<ResourceRecord>,
    /// All versions of what other systems stated.
    pub observations: Vec<ObservationRecord>,
    /// All versions of what other systems sent, each with its FHIR resources and its bytes as they came.
    pub received: Vec<(ReceivedRecord, Vec<u8>)>,
    /// All events, of earlier versions too, in the order they were stored.
    pub events: Vec<StoredEvent>,
    /// What became of notes that were entered on behalf of a physician, step by step.
    pub confirmations: Vec<ConfirmationRecord>,
    /// What the person asked to have corrected, and what was answered.
    pub amendments: Vec<AmendmentRequest>,
    /// What the person allows studies, as FHIR Consent, version by version.
    #[serde(default)]
    pub consents: Vec<ConsentReceipt>,
    /// What people stated beside notes: wishes, reasons, judgements, answers, in the order of entry.
    #[serde(default)]
    pub care: Vec<CareEntry>,
}

/// How much was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DummiesRemoved {
    /// Patients.
    pub patients: u64,
    /// Documents of theirs.
    pub documents: u64,
}

impl Store {
    /// Reads everything about one patient, in one state of the store.
    ///
    /// # Errors
    /// `NotFound`; `Damaged` when a document is no longer what was signed.
    pub fn export_patient(&self, patient: PatientId) -> Result<PatientExport, StoreError> {
        self.read("export patient", |conn| {
            let versions = documents::list(
                conn,
                &format!("WHERE v.patient {FAMILY} ORDER BY v.document, v.version"),
                patient.get(),
            )?;
            let with_bytes = |version: DocumentVersion| {
                let bytes = documents::bytes(conn, version.document, version.version)?;
                Ok((version, bytes))
            };
            Ok(PatientExport {
                patient: histories(conn, patient)?,
                encounters: encounters::versions(conn, patient)?,
                documents: versions
                    .into_iter()
                    .map(with_bytes)
                    .collect::<Result<_, StoreError>>()?,
                resources: resources::of_patient(conn, patient)?,
                observations: observations::of_patient(conn, patient)?,
                received: statements::with_bytes(conn, patient)?,
                events: events::list(
                    conn,
                    &format!("WHERE e.patient {FAMILY} ORDER BY e.id"),
                    patient.get(),
                )?,
                confirmations: confirm::steps(conn, &format!("WHERE patient {FAMILY}"), patient.get())?,
                amendments: amendments::of_patient(conn, patient)?,
                consents: consent::of_patient(conn, patient)?,
                care: care::of_patient(conn, patient)?,
            })
        })
    }

    /// Removes all dummy patients with everything about them, in one transaction. Real patients cannot be removed.
    ///
    /// # Errors
    /// Only those of the file; then nothing was removed.
    pub fn remove_dummies(&self) -> Result<DummiesRemoved, StoreError> {
        self.write("remove dummies", remove)
    }
}

/// The versions of the record and of those that are read under it.
fn histories(conn: &Connection, patient: PatientId) -> Result<Vec<PatientRecord>, StoreError> {
    let mut all = Vec::new();
    for member in links::members(conn, patient)? {
        all.extend(patients::history(conn, member)?);
    }
    Ok(all)
}

fn remove(conn: &Connection) -> Result<DummiesRemoved, StoreError> {
    let dummies = "(SELECT id FROM patient WHERE dummy = 1)";
    let mut list = conn.prepare(&format!("SELECT id FROM document WHERE patient IN {dummies}"))?;
    let documents = list
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for document in &documents {
        fulltext::remove(conn, *document)?;
    }
    consent::remove_dummies(conn)?;
    crate::derived::remove_dummies(conn)?;
    // What refers comes before what it refers to.
    for table in [
        "care_entry",
        "amendment_answer",
        "amendment_request",
        "access_fact",
        "access_change",
        "delivery",
        "confirmation",
        "unconfirmed",
        "retention_approval",
        "retention_mark",
        "event_index",
        "event",
        "statement",
        "received_document",
        "received_resource",
        "received",
        "patient_merged",
        "patient_link",
        "patient_identifier",
        "observation",
        "resource",
        "document_version",
        "document",
        "draft_revision",
        "encounter_version",
        "encounter",
        "patient_version",
    ] {
        conn.execute(&format!("DELETE FROM {table} WHERE patient IN {dummies}"), [])?;
    }
    conn.execute(
        "DELETE FROM dead_letter_replay WHERE dead_letter IN (SELECT id FROM dead_letter WHERE dummy = 1)",
        [],
    )?;
    conn.execute("DELETE FROM dead_letter WHERE dummy = 1", [])?;
    conn.execute("DELETE FROM reception WHERE dummy = 1", [])?;
    let patients = conn.execute("DELETE FROM patient WHERE dummy = 1", [])?;
    Ok(DummiesRemoved {
        patients: patients as u64,
        documents: documents.len() as u64,
    })
}
