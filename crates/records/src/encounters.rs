//! Encounters: visits and stays, created once, changed by appended versions.

use crate::errors::StoreError;
use crate::ids::{EncounterId, PatientId};
use crate::links::FAMILY;
use crate::patients::{check_expected, population};
use crate::stamp::{Moment, Stamp};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// What a version of an encounter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncounterDetails {
    /// Kind, as FHIR's `ActEncounterCode` has it: `AMB`, `IMP`, `EMER` …
    pub kind: String,
    /// When it began.
    pub start: Moment,
    /// When it ended.
    pub end: Option<Moment>,
}

/// One version of an encounter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncounterRecord {
    /// Which.
    pub id: EncounterId,
    /// Version, from 1.
    pub version: u32,
    /// Whose.
    pub patient: PatientId,
    /// Its id in the system it came from; unique within the patient.
    pub external: Option<String>,
    /// What it says.
    pub details: EncounterDetails,
    /// Who wrote this version, and when.
    pub stamp: Stamp,
}

const COLUMNS: &str = "e.id, v.version, e.patient, e.external, v.kind, v.started, v.ended, v.author, v.at
    FROM encounter e JOIN encounter_version v ON v.encounter = e.id";

impl Store {
    /// Creates an encounter; gives the one that is there when the patient has it under the same external id.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub fn create_encounter(
        &self,
        patient: PatientId,
        external: Option<String>,
        details: EncounterDetails,
        stamp: Stamp,
    ) -> Result<EncounterId, StoreError> {
        self.write("create encounter", move |conn| {
            population(conn, patient)?;
            let mut find =
                conn.prepare_cached("SELECT id FROM encounter WHERE patient = ?1 AND external = ?2")?;
            if let Some(id) = find
                .query_row(params![patient, external], |row| row.get(0))
                .optional()?
            {
                return Ok(id);
            }
            conn.prepare_cached("INSERT INTO encounter (patient, external, version) VALUES (?1, ?2, 1)")?
                .execute(params![patient, external])?;
            let id = EncounterId::new(conn.last_insert_rowid());
            insert_version(conn, id, 1, patient, &details, &stamp)?;
            Ok(id)
        })
    }

    /// Appends a version to an encounter; gives its number.
    ///
    /// # Errors
    /// `Conflict` when `expected` is no longer the newest version; `NotFound`.
    pub fn change_encounter(
        &self,
        id: EncounterId,
        expected: u32,
        details: EncounterDetails,
        stamp: Stamp,
    ) -> Result<u32, StoreError> {
        self.write("change encounter", move |conn| {
            let now = newest(conn, id)?;
            check_expected("encounter", &id, expected, now.version)?;
            let version = expected + 1;
            insert_version(conn, id, version, now.patient, &details, &stamp)?;
            conn.prepare_cached("UPDATE encounter SET version = ?2 WHERE id = ?1")?
                .execute(params![id, version])?;
            Ok(version)
        })
    }

    /// The newest version of an encounter.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn encounter(&self, id: EncounterId) -> Result<EncounterRecord, StoreError> {
        self.read("encounter", |conn| newest(conn, id))
    }

    /// Newest versions of a patient's encounters, by their start.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn encounters(&self, patient: PatientId) -> Result<Vec<EncounterRecord>, StoreError> {
        self.read("encounters", |conn| {
            let mut all = versions(conn, patient)?;
            // Versions follow each other, so the last of each encounter is its newest.
            all.reverse();
            all.dedup_by_key(|record| record.id);
            all.sort_by(|a, b| (&a.details.start, a.id).cmp(&(&b.details.start, b.id)));
            Ok(all)
        })
    }
}

/// All versions of all encounters of a patient, by encounter, oldest first.
pub(crate) fn versions(conn: &Connection, patient: PatientId) -> Result<Vec<EncounterRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE e.patient {FAMILY} ORDER BY e.id, v.version"
    ))?;
    Ok(list.query_map([patient], read)?.collect::<Result<_, _>>()?)
}

/// Refuses an encounter that is not the patient's.
pub(crate) fn check_owner(
    conn: &Connection,
    encounter: Option<EncounterId>,
    patient: PatientId,
) -> Result<(), StoreError> {
    let Some(id) = encounter else { return Ok(()) };
    if newest(conn, id)?.patient == patient {
        Ok(())
    } else {
        Err(StoreError::conflict(
            format!("encounter {id}"),
            format!("is not one of patient {patient}"),
        ))
    }
}

fn newest(conn: &Connection, id: EncounterId) -> Result<EncounterRecord, StoreError> {
    let mut find = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} AND v.version = e.version WHERE e.id = ?1"
    ))?;
    find.query_row([id], read)
        .optional()?
        .ok_or_else(|| StoreError::not_found("encounter", &id))
}

fn insert_version(
    conn: &Connection,
    id: EncounterId,
    version: u32,
    patient: PatientId,
    details: &EncounterDetails,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO encounter_version VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            id,
            version,
            patient,
            details.kind,
            details.start,
            details.end,
            stamp.author,
            stamp.at
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<EncounterRecord> {
    Ok(EncounterRecord {
        id: row.get(0)?,
        version: row.get(1)?,
        patient: row.get(2)?,
        external: row.get(3)?,
        details: EncounterDetails {
            kind: row.get(4)?,
            start: row.get(5)?,
            end: row.get(6)?,
        },
        stamp: Stamp {
            author: row.get(7)?,
            at: row.get(8)?,
        },
    })
}
