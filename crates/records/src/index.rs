//! The index rows by which events are searched: those of the newest versions, each under the concept it states and the
//! analyte it was derived from.

use crate::errors::StoreError;
use crate::events::{Origin, OriginRow};
use crate::ids::{EventId, PatientId};
use crate::links::{self, FAMILY};
use crate::stamp::word;
use crate::topics;
use rusqlite::{Connection, params};
use tsumugi_clinical::{Comparator, Event, EventKind, Polarity, Quantity};

/// Takes the events of a document or observation out of the index; the events stay with their version.
pub(crate) fn remove(conn: &Connection, column: &'static str, id: i64) -> Result<usize, StoreError> {
    let condition = match column {
        "document" => "document = ?1",
        _ => "event IN (SELECT id FROM event WHERE observation = ?1)",
    };
    Ok(conn
        .prepare_cached(&format!("DELETE FROM event_index WHERE {condition}"))?
        .execute([id])?)
}

/// Marks anew which events of a patient are settled by events of later notes. A note is named by its key, or by the
/// number of its document; what names none settles nothing. Only an event that was stored before the one that settles
/// it counts: after a correction or a new derivation its index may mean another event.
pub(crate) fn resettle(conn: &Connection, patient: PatientId) -> Result<(), StoreError> {
    let patient = links::root(conn, patient)?;
    conn.prepare_cached(
        "UPDATE event_index SET settled_by = NULL WHERE patient = ?1 AND settled_by IS NOT NULL",
    )?
    .execute([patient])?;
    conn.prepare_cached(&format!(
        "UPDATE event_index AS earlier SET settled_by = later.document
         FROM event e
         JOIN event_index later ON later.event = e.id AND later.role = 0
         JOIN document_version v ON v.patient = e.patient AND (v.key = e.settles_note
              OR (CAST(v.document AS TEXT) = e.settles_note
                  AND NOT EXISTS (SELECT 1 FROM document_version k WHERE k.patient = e.patient AND k.key = e.settles_note)))
         JOIN event settled ON settled.document_version = v.id AND settled.number = e.settles_event
              AND settled.id < e.id
         WHERE e.patient {FAMILY} AND e.settles_note IS NOT NULL
           AND earlier.event = settled.id AND v.document <> later.document",
    ))?
    .execute([patient])?;
    Ok(())
}

/// Adds the index rows of an event, under the record that the person is read under.
pub(crate) fn add(
    conn: &Connection,
    id: EventId,
    (person, origin): (PatientId, &Origin),
    number: u32,
    event: &Event,
) -> Result<(), StoreError> {
    let mut add = conn.prepare_cached(
        "INSERT INTO event_index VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, NULL)",
    )?;
    let document = match origin.source {
        OriginRow::Document { document, .. } => Some(document),
        OriginRow::Observation(_) => None,
    };
    let (low, high) = event.value.as_ref().map_or((None, None), limits);
    let unit = event.value.as_ref().and_then(|value| value.unit.as_deref());
    let time = event.time.as_ref();
    let from = time.and_then(|time| time.from).map(|from| from.to_string());
    let to = time.and_then(|time| time.to).map(|to| to.to_string());
    let stated = (0, &event.concept, event.kind, event.polarity);
    // A temperature that was read as fever, or as no fever, is a temperature all the same.
    let measured = event
        .measured
        .as_ref()
        .map(|from| (1, &from.concept, EventKind::Measurement, Polarity::Present));
    for (role, concept, kind, polarity) in [Some(stated), measured].into_iter().flatten() {
        add.execute(params![
            id,
            role,
            person,
            origin.population,
            document,
            number,
            concept.as_str(),
            event.fact.as_str(),
            word(&kind)?,
            word(&polarity)?,
            word(&event.certainty)?,
            word(&event.experiencer)?,
            word(&event.phase)?,
            low,
            high,
            unit,
            from,
            to,
            origin.at.to_string()
        ])?;
    }
    let until = time.and_then(|time| time.from.and(time.to));
    topics::add(
        conn,
        id,
        person,
        (origin.at, document),
        event,
        (low.or(high), until),
    )
}

/// The numbers between which a value lies, where an open end is absent.
fn limits(value: &Quantity) -> (Option<f64>, Option<f64>) {
    let number = value.as_f64().filter(|number| number.is_finite());
    let high = value
        .high
        .as_deref()
        .and_then(|high| high.parse().ok())
        .filter(|high: &f64| high.is_finite());
    match value.comparator {
        Some(Comparator::Less | Comparator::AtMost) => (None, number),
        Some(Comparator::AtLeast | Comparator::More) => (number, None),
        None => (number, high.or(number)),
    }
}
