//! Events: as JSON, with the index rows by which they are searched.

use crate::errors::StoreError;
use crate::ids::{DocumentId, EventId, ObservationId, PatientId};
use crate::index;
use crate::links::{self, FAMILY};
use crate::stamp::{Civil, Population};
use crate::store::Store;
use crate::topics::Topic;
use jiff::civil::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::{ConceptId, Event};

/// What states an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventOrigin {
    /// A version of a signed note.
    Document {
        /// The document.
        document: DocumentId,
        /// Its version.
        version: u32,
    },
    /// Another system.
    Observation {
        /// The version of its statement.
        observation: ObservationId,
        /// The system.
        source: String,
    },
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Which.
    pub id: EventId,
    /// About whom.
    pub patient: PatientId,
    /// What states it.
    pub origin: EventOrigin,
    /// Index among the events of its origin.
    pub number: u32,
    /// Edition of the lexicon that read it; empty for what came structured.
    pub edition: String,
    /// When it was stated, local civil time.
    pub at: DateTime,
    /// The later document that settles it, if any.
    pub settled_by: Option<DocumentId>,
    /// The event.
    pub event: Event,
}

/// Where events come from, and what their index rows need of that.
pub(crate) struct Origin {
    pub(crate) patient: PatientId,
    pub(crate) population: Population,
    pub(crate) at: DateTime,
    pub(crate) source: OriginRow,
}

/// The row events belong to.
pub(crate) enum OriginRow {
    Document { document: DocumentId, row: i64 },
    Observation(ObservationId),
}

/// Columns of `read`, before any condition; `i` is the index row of role 0, if the event is current.
pub(crate) const COLUMNS: &str =
    "e.id, e.patient, v.document, v.version, e.observation, o.source, e.number, e.edition,
    coalesce(v.civil, o.civil), i.settled_by, e.json
    FROM event e LEFT JOIN document_version v ON v.id = e.document_version
    LEFT JOIN observation o ON o.id = e.observation
    LEFT JOIN event_index i ON i.event = e.id AND i.role = 0";

impl Store {
    /// An event with all it says.
    ///
    /// # Errors
    /// `NotFound`, also when its document was derived anew since.
    pub fn event(&self, id: EventId) -> Result<StoredEvent, StoreError> {
        self.read("event", |conn| {
            let mut find = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE e.id = ?1"))?;
            find.query_row([id], read)
                .optional()?
                .ok_or_else(|| StoreError::not_found("event", &id))
        })
    }

    /// The events that count for a patient now: those of the newest versions, settled ones marked, as first stored.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn current_events(&self, patient: PatientId) -> Result<Vec<StoredEvent>, StoreError> {
        self.read("current events", |conn| {
            list(
                conn,
                &format!("WHERE e.patient {FAMILY} AND i.event IS NOT NULL ORDER BY e.id"),
                patient.get(),
            )
        })
    }

    /// The events of a patient's own that count now and of which the head of a screen tells: diagnoses, drugs, allergies,
    /// habits, wishes; in the order they were stored. What is said in general is not among them. They are found by the
    /// marks of the timeline, so that a record of a hundred thousand values is not read for them.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn standing_events(&self, patient: PatientId) -> Result<Vec<StoredEvent>, StoreError> {
        self.read("standing events", |conn| {
            let [disease, drug, background] =
                [Topic::Disease, Topic::Drug, Topic::Background].map(|topic| topic as i64);
            list(
                conn,
                &format!(
                    "WHERE e.id IN (SELECT event FROM topic_mark WHERE patient = ?1
                         AND topic IN ({disease}, {drug}, {background})) ORDER BY e.id"
                ),
                links::root(conn, patient)?.get(),
            )
        })
    }

    /// The events of one version of a document, in their order.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn document_events(
        &self,
        document: DocumentId,
        version: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.read("document events", |conn| {
            let mut events = list(conn, "WHERE v.document = ?1 ORDER BY e.number", document.get())?;
            events.retain(|event| event.origin == EventOrigin::Document { document, version });
            Ok(events)
        })
    }
}

/// Reads the events that a condition on one number lets through.
pub(crate) fn list(conn: &Connection, condition: &str, number: i64) -> Result<Vec<StoredEvent>, StoreError> {
    let mut list = conn.prepare_cached(&format!("SELECT {COLUMNS} {condition}"))?;
    Ok(list.query_map([number], read)?.collect::<Result<_, _>>()?)
}

/// Adds events with their index rows.
pub(crate) fn insert(
    conn: &Connection,
    origin: &Origin,
    edition: &str,
    events: &[Event],
) -> Result<(), StoreError> {
    let person = links::root(conn, origin.patient)?;
    let (row, observation) = match origin.source {
        OriginRow::Document { row, .. } => (Some(row), None),
        OriginRow::Observation(observation) => (None, Some(observation)),
    };
    let mut add = conn.prepare_cached(
        "INSERT INTO event (patient, document_version, observation, number, edition, settles_note, settles_event, json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (number, event) in (0_u32..).zip(events) {
        let settles = event.supersedes.as_ref();
        let settles_note = settles.map(|earlier| &earlier.id);
        let settles_event = settles.map(|earlier| earlier.event);
        let json = to_json(event)?;
        add.execute(params![
            origin.patient,
            row,
            observation,
            number,
            edition,
            settles_note,
            settles_event,
            json
        ])?;
        index::add(
            conn,
            EventId::new(conn.last_insert_rowid()),
            (person, origin),
            number,
            event,
        )?;
    }
    Ok(())
}

/// The JSON of an event, as it is stored.
pub(crate) fn to_json(event: &Event) -> Result<String, StoreError> {
    serde_json::to_string(event).map_err(|error| StoreError::Invalid {
        what: "event",
        detail: error.to_string(),
    })
}

/// Reads a row of `COLUMNS`.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    let origin = match row.get(2)? {
        Some(document) => EventOrigin::Document {
            document,
            version: row.get(3)?,
        },
        None => EventOrigin::Observation {
            observation: row.get(4)?,
            source: row.get(5)?,
        },
    };
    let json: String = row.get(10)?;
    let event = serde_json::from_str(&json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(10, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(StoredEvent {
        id: row.get(0)?,
        patient: row.get(1)?,
        origin,
        number: row.get(6)?,
        edition: row.get(7)?,
        at: row.get::<_, Civil>(8)?.0,
        settled_by: row.get(9)?,
        event,
    })
}

/// Reads a column that holds a concept's id.
pub(crate) fn concept(row: &Row<'_>, column: usize) -> rusqlite::Result<ConceptId> {
    row.get::<_, String>(column).map(ConceptId::new)
}
