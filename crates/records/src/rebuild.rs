//! Making the indexes again from the documents and events: after damage to them, or when a new version indexes otherwise.

use crate::errors::StoreError;
use crate::events::{self, EventOrigin, Origin, OriginRow};
use crate::fulltext;
use crate::ids::PatientId;
use crate::index;
use crate::links;
use crate::patients::population;
use crate::store::Store;
use rusqlite::Connection;

/// Events that count: those of the newest version of each document, of the version of a received statement that counts
/// and was not taken back, and of the newest version of what else another system stated.
const CURRENT: &str = "WHERE e.patient = ?1 AND (
    v.version = (SELECT d.version FROM document d WHERE d.id = v.document)
    OR EXISTS (SELECT 1 FROM statement s JOIN received x ON x.observation = s.observation
               WHERE s.observation = o.id AND x.standing = 'valid')
    OR (NOT EXISTS (SELECT 1 FROM received x WHERE x.observation = o.id)
        AND o.version = (SELECT max(n.version) FROM observation n
                         WHERE n.patient = o.patient AND n.source = o.source AND n.key = o.key))) ORDER BY e.id";

impl Store {
    /// Makes the text index and the event index again, in one transaction; the index of FHIR resources is made again when
    /// somebody follows the store next ([`Store::follow`]). Documents and events stay as they are.
    ///
    /// # Errors
    /// Only those of the file; then the indexes are as they were.
    pub fn rebuild_indexes(&self) -> Result<(), StoreError> {
        self.write("rebuild indexes", |conn| {
            conn.execute_batch(
                "DELETE FROM event_index; DELETE FROM document_text;
                 INSERT INTO document_fts (document_fts) VALUES ('delete-all');
                 UPDATE fhir_edition SET edition = '';
                 INSERT INTO fhir_due SELECT 2, id FROM patient WHERE true ON CONFLICT DO NOTHING;
                 INSERT INTO fhir_due SELECT 0, id FROM document WHERE true ON CONFLICT DO NOTHING;
                 INSERT INTO fhir_due SELECT 1, observation FROM statement WHERE true ON CONFLICT DO NOTHING;",
            )?;
            texts(conn)?;
            let mut list = conn.prepare("SELECT id FROM patient ORDER BY id")?;
            let patients = list
                .query_map([], |row| row.get(0))?
                .collect::<Result<Vec<PatientId>, _>>()?;
            patients
                .into_iter()
                .try_for_each(|patient| events_of(conn, patient))
        })
    }
}

fn texts(conn: &Connection) -> Result<(), StoreError> {
    let mut list = conn.prepare(
        "SELECT v.document, v.text, coalesce((SELECT max(e.edition) FROM event e WHERE e.document_version = v.id), v.edition)
         FROM document_version v JOIN document d ON d.id = v.document AND d.version = v.version ORDER BY v.document",
    )?;
    let mut rows = list.query([])?;
    while let Some(row) = rows.next()? {
        let (text, edition): (String, String) = (row.get(1)?, row.get(2)?);
        fulltext::index(conn, row.get(0)?, &edition, &text)?;
    }
    Ok(())
}

fn events_of(conn: &Connection, patient: PatientId) -> Result<(), StoreError> {
    let population = population(conn, patient)?;
    let person = links::root(conn, patient)?;
    for stored in events::list(conn, CURRENT, patient.get())? {
        let source = match stored.origin {
            EventOrigin::Document { document, .. } => OriginRow::Document { document, row: 0 },
            EventOrigin::Observation { observation, .. } => OriginRow::Observation(observation),
        };
        let origin = Origin {
            patient,
            population,
            at: stored.at,
            source,
        };
        index::add(conn, stored.id, (person, &origin), stored.number, &stored.event)?;
    }
    index::resettle(conn, patient)
}
