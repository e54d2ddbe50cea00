//! A patient's record exactly as it stood at a past time.

use crate::confirm::{self, ConfirmationRecord, ConfirmationStep};
use crate::documents::{self, DocumentVersion};
use crate::encounters::{self, EncounterRecord};
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::links::FAMILY;
use crate::patients::{self, PatientRecord};
use crate::stamp::Moment;
use crate::store::Store;
use jiff::civil::DateTime;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordAsOf {
    /// The patient's particulars then; none before the patient was registered.
    pub patient: Option<PatientRecord>,
    /// The version of each document that was the newest then, in the order in which they were written.
    pub documents: Vec<DocumentAsOf>,
    /// The version of each encounter that was the newest then.
    pub encounters: Vec<EncounterRecord>,
}

/// A document as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentAsOf {
    /// The version; `is_newest` tells whether it still is.
    pub version: DocumentVersion,
    /// The last step of a note that was entered on behalf of a physician, as it was then; none for one that its author
    /// signed.
    pub step: Option<ConfirmationRecord>,
}

impl DocumentAsOf {
    /// Whether nobody had confirmed it then.
    pub fn is_unconfirmed(&self) -> bool {
        let step = self.step.as_ref().map(|step| step.step);
        step.is_some_and(|step| step != ConfirmationStep::Confirmed)
    }
}

impl Store {
    /// The record of a patient as it stood at `at`, that moment included. What was signed then counts, whenever it was
    /// written; of the texts only those of the versions that are given are read. Records that are linked now count as one,
    /// whenever they were linked.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn record_as_of(&self, patient: PatientId, at: DateTime) -> Result<RecordAsOf, StoreError> {
        self.read("record as of", |conn| {
            let was = |moment: &Moment| moment.civil() <= at;
            let mut particulars = patients::history(conn, patient)?;
            particulars.retain(|record| was(&record.stamp.at));
            let mut encounters = encounters::versions(conn, patient)?;
            encounters.retain(|record| was(&record.stamp.at));
            // Versions come in order, so the last of each counts.
            let encounters: BTreeMap<_, _> =
                encounters.into_iter().map(|record| (record.id, record)).collect();
            let mut steps: BTreeMap<(DocumentId, u32), ConfirmationRecord> = BTreeMap::new();
            for step in confirm::steps(conn, &format!("WHERE patient {FAMILY}"), patient.get())? {
                if was(&step.stamp.at) {
                    steps.insert((step.document, step.version), step);
                }
            }
            let mut documents = Vec::new();
            for row in newest_rows(conn, patient, at)? {
                let version = documents::list(conn, "WHERE v.id = ?1", row)?.into_iter().next();
                documents.extend(version.map(|version| DocumentAsOf {
                    step: steps.remove(&(version.document, version.version)),
                    version,
                }));
            }
            documents.sort_by(|a, b| {
                let order = |one: &DocumentAsOf| (one.version.written_at.civil(), one.version.document);
                order(a).cmp(&order(b))
            });
            Ok(RecordAsOf {
                patient: particulars.pop(),
                documents,
                encounters: encounters.into_values().collect(),
            })
        })
    }
}

/// The rows of the versions that were the newest of their documents.
fn newest_rows(conn: &Connection, patient: PatientId, at: DateTime) -> Result<Vec<i64>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT v.id, v.document, v.signed_at FROM document d JOIN document_version v ON v.document = d.id
         WHERE d.patient {FAMILY} ORDER BY v.document, v.version"
    ))?;
    let mut rows = list.query([patient])?;
    let mut newest: BTreeMap<DocumentId, i64> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, Moment>(2)?.civil() <= at {
            newest.insert(row.get(1)?, row.get(0)?);
        }
    }
    Ok(newest.into_values().collect())
}
