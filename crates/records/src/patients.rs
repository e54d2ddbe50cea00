//! Patients: created once, changed by appended versions.

use crate::errors::StoreError;
use crate::fold::fold_name;
use crate::ids::PatientId;
use crate::links;
use crate::stamp::{Population, Stamp, Word, word};
use crate::store::Store;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::Sex;

/// What a version of a patient's record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientDetails {
    /// The number shown; unique among real patients, and among dummies.
    pub number: String,
    /// Name as written.
    pub name: String,
    /// Reading of the name.
    pub kana: String,
    /// Administrative sex.
    pub sex: Sex,
    /// Date of birth.
    pub birth_date: Option<Date>,
}

/// One version of a patient's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientRecord {
    /// Who.
    pub id: PatientId,
    /// Version, from 1.
    pub version: u32,
    /// Real or dummy; never changes.
    pub population: Population,
    /// What it says.
    pub details: PatientDetails,
    /// Who wrote this version, and when.
    pub stamp: Stamp,
}

/// Which patients to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatientFilter<'a> {
    /// Real or dummy.
    pub population: Population,
    /// Part of number, name or kana, folded; empty for all.
    pub text: &'a str,
    /// Only those after this one in the order of ids.
    pub after: Option<PatientId>,
    /// Most to give.
    pub limit: u32,
}

const COLUMNS: &str =
    "v.patient, v.version, p.dummy, v.number, v.name, v.kana, v.sex, v.birth_date, v.author, v.at
    FROM patient_version v JOIN patient p ON p.id = v.patient";

impl Store {
    /// Creates a patient.
    ///
    /// # Errors
    /// `Conflict` when the number is taken in that population; `Invalid` when it is empty.
    pub fn create_patient(
        &self,
        population: Population,
        details: PatientDetails,
        stamp: Stamp,
    ) -> Result<PatientId, StoreError> {
        self.write("create patient", move |conn| {
            check_number(conn, population, &details.number, None)?;
            conn.prepare_cached(
                "INSERT INTO patient (number, dummy, version, folded) VALUES (?1, ?2, 1, ?3)",
            )?
            .execute(params![details.number, population, folded(&details)])?;
            let id = PatientId::new(conn.last_insert_rowid());
            insert_version(conn, id, 1, &details, &stamp)?;
            Ok(id)
        })
    }

    /// Appends a version to a patient's record; gives its number.
    ///
    /// # Errors
    /// `Conflict` when `expected` is no longer the newest version or the number is taken; `NotFound`.
    pub fn change_patient(
        &self,
        id: PatientId,
        expected: u32,
        details: PatientDetails,
        stamp: Stamp,
    ) -> Result<u32, StoreError> {
        self.write("change patient", move |conn| {
            let now = newest(conn, id)?;
            check_expected("patient", &id, expected, now.version)?;
            check_number(conn, now.population, &details.number, Some(id))?;
            let version = expected + 1;
            insert_version(conn, id, version, &details, &stamp)?;
            conn.prepare_cached("UPDATE patient SET number = ?2, version = ?3, folded = ?4 WHERE id = ?1")?
                .execute(params![id, details.number, version, folded(&details)])?;
            Ok(version)
        })
    }

    /// Number of real patients.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn real_patients(&self) -> Result<u64, StoreError> {
        self.read_unaudited("real patients", |conn| {
            let mut count = conn.prepare_cached("SELECT count(*) FROM patient WHERE dummy = 0")?;
            Ok(count.query_row([], |row| row.get(0))?)
        })
    }

    /// The newest version of a patient's record.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn patient(&self, id: PatientId) -> Result<PatientRecord, StoreError> {
        self.read("patient", |conn| newest(conn, id))
    }

    /// All versions of a patient's record, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn patient_history(&self, id: PatientId) -> Result<Vec<PatientRecord>, StoreError> {
        self.read("patient history", |conn| history(conn, id))
    }

    /// The patient with this number now; where the record was linked, the one it is read under.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn find_patient(
        &self,
        population: Population,
        number: &str,
    ) -> Result<Option<PatientId>, StoreError> {
        self.read("find patient", |conn| {
            let mut find = conn.prepare_cached("SELECT id FROM patient WHERE dummy = ?1 AND number = ?2")?;
            let found: Option<PatientId> = find
                .query_row(params![population, number], |row| row.get(0))
                .optional()?;
            found.map(|id| links::root(conn, id)).transpose()
        })
    }

    /// The record that shows this number, whether it is read under another or not.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn own_record(&self, population: Population, number: &str) -> Result<Option<PatientId>, StoreError> {
        self.read("own record", |conn| {
            let mut find = conn.prepare_cached("SELECT id FROM patient WHERE dummy = ?1 AND number = ?2")?;
            Ok(find
                .query_row(params![population, number], |row| row.get(0))
                .optional()?)
        })
    }

    /// Newest versions of the patients that `filter` lets through, in the order of their ids; records that are read under
    /// another are left out.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn list_patients(&self, filter: &PatientFilter<'_>) -> Result<Vec<PatientRecord>, StoreError> {
        self.read("list patients", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} AND v.version = p.version
                 WHERE p.dummy = ?1 AND p.id > ?2 AND instr(p.folded, ?3) > 0
                   AND NOT EXISTS (SELECT 1 FROM patient_merged m WHERE m.patient = p.id) ORDER BY p.id LIMIT ?4"
            ))?;
            let after = filter.after.map_or(0, PatientId::get);
            let rows = list.query_map(
                params![filter.population, after, fold_name(filter.text), filter.limit],
                read,
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// The newest version.
pub(crate) fn newest(conn: &Connection, id: PatientId) -> Result<PatientRecord, StoreError> {
    let mut find = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} AND v.version = p.version WHERE p.id = ?1"
    ))?;
    find.query_row([id], read)
        .optional()?
        .ok_or_else(|| StoreError::not_found("patient", &id))
}

/// All versions, oldest first.
pub(crate) fn history(conn: &Connection, id: PatientId) -> Result<Vec<PatientRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE p.id = ?1 ORDER BY v.version"))?;
    let records: Vec<_> = list.query_map([id], read)?.collect::<Result<_, _>>()?;
    if records.is_empty() {
        Err(StoreError::not_found("patient", &id))
    } else {
        Ok(records)
    }
}

/// Whether the patient is real; `NotFound` when there is none.
pub(crate) fn population(conn: &Connection, id: PatientId) -> Result<Population, StoreError> {
    let mut find = conn.prepare_cached("SELECT dummy FROM patient WHERE id = ?1")?;
    find.query_row([id], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::not_found("patient", &id))
}

/// Refuses a change that was made from an older version than the newest.
pub(crate) fn check_expected(
    what: &str,
    id: &dyn std::fmt::Display,
    expected: u32,
    found: u32,
) -> Result<(), StoreError> {
    if expected == found {
        return Ok(());
    }
    let detail = format!("version {found} is the newest, not {expected}; read it and change that");
    Err(StoreError::conflict(format!("{what} {id}"), detail))
}

/// Refuses a number that is empty or taken.
pub(crate) fn check_number(
    conn: &Connection,
    population: Population,
    number: &str,
    own: Option<PatientId>,
) -> Result<(), StoreError> {
    if number.is_empty() {
        return Err(StoreError::Invalid {
            what: "patient number",
            detail: "is empty".to_owned(),
        });
    }
    let mut find = conn.prepare_cached("SELECT id FROM patient WHERE dummy = ?1 AND number = ?2")?;
    let taken: Option<PatientId> = find
        .query_row(params![population, number], |row| row.get(0))
        .optional()?;
    if taken.is_none() || taken == own {
        Ok(())
    } else {
        Err(StoreError::conflict(
            format!("patient number {number}"),
            "is taken; choose another",
        ))
    }
}

/// Adds a version to a patient's record.
pub(crate) fn insert_version(
    conn: &Connection,
    id: PatientId,
    version: u32,
    details: &PatientDetails,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let birth = details.birth_date.map(|date| date.to_string());
    conn.prepare_cached("INSERT INTO patient_version VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            id,
            version,
            details.number,
            details.name,
            details.kana,
            word(&details.sex)?,
            birth,
            stamp.author,
            stamp.at
        ])?;
    Ok(())
}

/// What a patient is found by.
pub(crate) fn folded(details: &PatientDetails) -> String {
    fold_name(&format!("{}\n{}\n{}", details.number, details.name, details.kana))
}

fn read(row: &Row<'_>) -> rusqlite::Result<PatientRecord> {
    Ok(PatientRecord {
        id: row.get(0)?,
        version: row.get(1)?,
        population: row.get(2)?,
        details: PatientDetails {
            number: row.get(3)?,
            name: row.get(4)?,
            kana: row.get(5)?,
            sex: row.get::<_, Word<Sex>>(6)?.0,
            birth_date: row.get::<_, Option<Word<Date>>>(7)?.map(|date| date.0),
        },
        stamp: Stamp {
            author: row.get(8)?,
            at: row.get(9)?,
        },
    })
}
