//! Observations of other systems: laboratory results and orders that come structured, not from a note.
//!
//! A statement has the sending system's own key. Sent again it is kept once; sent with other content it becomes the next
//! version, and the events of the earlier one are no longer found.

use crate::documents::hash;
use crate::errors::StoreError;
use crate::events::{self, Origin, OriginRow};
use crate::ids::{ObservationId, PatientId};
use crate::index;
use crate::links::FAMILY;
use crate::patients::population;
use crate::stamp::{Civil, Moment, Stamp};
use crate::store::Store;
use jiff::civil::DateTime;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::Event;

/// A statement of another system.
#[derive(Debug, Clone, PartialEq)]
pub struct NewObservation {
    /// About whom.
    pub patient: PatientId,
    /// The system, e.g. `laboratory`.
    pub source: String,
    /// Its own id of the statement, e.g. the order number.
    pub key: String,
    /// When it was observed.
    pub observed_at: Moment,
    /// What it states.
    pub events: Vec<Event>,
    /// Who took it in, and when.
    pub stamp: Stamp,
}

/// One version of a statement of another system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservationRecord {
    /// Which.
    pub id: ObservationId,
    /// About whom.
    pub patient: PatientId,
    /// The system.
    pub source: String,
    /// Its own id of the statement.
    pub key: String,
    /// Version, from 1.
    pub version: u32,
    /// When it was observed, local civil time.
    pub observed_at: DateTime,
    /// Who took it in, and when.
    pub stamp: Stamp,
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationReceipt {
    /// The version that holds it.
    pub id: ObservationId,
    /// Its number, from 1.
    pub version: u32,
    /// Whether the newest version said the same, and nothing was written now.
    pub repeated: bool,
}

impl Store {
    /// Keeps what another system states.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub fn record_observation(&self, observation: NewObservation) -> Result<ObservationReceipt, StoreError> {
        self.write("record observation", move |conn| record(conn, &observation))
    }

    /// All versions of what other systems stated about a patient, in the order they came.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn observations(&self, patient: PatientId) -> Result<Vec<ObservationRecord>, StoreError> {
        self.read("observations", |conn| of_patient(conn, patient))
    }
}

/// All versions of all statements about a patient.
pub(crate) fn of_patient(
    conn: &Connection,
    patient: PatientId,
) -> Result<Vec<ObservationRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT id, source, key, version, civil, author, at, patient FROM observation WHERE patient {FAMILY} ORDER BY id"
    ))?;
    let rows = list.query_map([patient], |row| {
        Ok(ObservationRecord {
            id: row.get(0)?,
            patient: row.get(7)?,
            source: row.get(1)?,
            key: row.get(2)?,
            version: row.get(3)?,
            observed_at: row.get::<_, Civil>(4)?.0,
            stamp: Stamp {
                author: row.get(5)?,
                at: row.get(6)?,
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A statement that is kept with its bytes changes with its bytes only.
fn refuse_received(conn: &Connection, new: &NewObservation) -> Result<(), StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT count(*) > 0 FROM statement WHERE patient = ?1 AND source = ?2 AND key = ?3",
    )?;
    if find.query_row(params![new.patient, new.source, new.key], |row| row.get(0))? {
        let what = format!("statement {} of {}", new.key, new.source);
        return Err(StoreError::conflict(
            what,
            "is kept as it came; receive it instead",
        ));
    }
    Ok(())
}

fn record(conn: &Connection, new: &NewObservation) -> Result<ObservationReceipt, StoreError> {
    let population = population(conn, new.patient)?;
    refuse_received(conn, new)?;
    let civil = new.observed_at.civil().to_string();
    let events = new
        .events
        .iter()
        .map(events::to_json)
        .collect::<Result<Vec<_>, _>>()?;
    let digest = hash(format!("{civil}\n{}", events.join("\n")).as_bytes());
    let mut find = conn.prepare_cached(
        "SELECT id, version, digest FROM observation WHERE patient = ?1 AND source = ?2 AND key = ?3
         ORDER BY version DESC LIMIT 1",
    )?;
    let newest: Option<(ObservationId, u32, Vec<u8>)> = find
        .query_row(params![new.patient, new.source, new.key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let mut version = 1;
    if let Some((id, earlier, kept)) = newest {
        if kept == digest {
            return Ok(ObservationReceipt {
                id,
                version: earlier,
                repeated: true,
            });
        }
        index::remove(conn, "observation", id.get())?;
        version = earlier + 1;
    }
    conn.prepare_cached(
        "INSERT INTO observation (patient, source, key, version, civil, author, at, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        new.patient,
        new.source,
        new.key,
        version,
        civil,
        new.stamp.author,
        new.stamp.at,
        digest.as_slice()
    ])?;
    let id = ObservationId::new(conn.last_insert_rowid());
    let origin = Origin {
        patient: new.patient,
        population,
        at: new.observed_at.civil(),
        source: OriginRow::Observation(id),
    };
    events::insert(conn, &origin, "", &new.events)?;
    Ok(ObservationReceipt {
        id,
        version,
        repeated: false,
    })
}
