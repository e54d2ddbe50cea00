//! Signed notes with the places of their facts: the store keeps the events, the engine finds their words again.

use crate::chart;
use crate::web::error::WebError;
use crate::web::state::App;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tsumugi_clinical::{Because, Entity, Event, Note, Span, StructuredNote};
use tsumugi_records::{DocumentId, DocumentVersion};

/// Most notes kept; they are small, and a search over all dummies needs about a hundred.
const MOST: usize = 512;

/// Notes that were read again.
#[derive(Debug, Default)]
pub(crate) struct Readings(Mutex<BTreeMap<(DocumentId, u32), Arc<StructuredNote>>>);

impl App {
    /// A signed note as signed: its events from the store, its entities as the same tables find them again.
    pub(crate) fn reading(&self, version: &DocumentVersion) -> Result<Arc<StructuredNote>, WebError> {
        let key = (version.document, version.version);
        let kept = self
            .readings
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(reading) = kept {
            return Ok(reading);
        }
        let patient = self.store.patient(version.patient)?;
        let note = Note {
            id: version.document.to_string(),
            text: version.text.clone(),
            date: Some(version.written_at.civil().date()),
            patient: Some(chart::engine_patient(&patient)),
        };
        let mut structured = self.coder.structure(&note);
        let stored = self.store.document_events(version.document, version.version)?;
        let is_same_edition = stored.iter().all(|event| event.edition == self.coder.edition());
        let fresh = std::mem::take(&mut structured.events);
        structured.questions.clear();
        structured.unread.clear();
        structured.events = stored.into_iter().map(|stored| stored.event).collect();
        if !is_same_edition {
            place_anew(&mut structured.events, &fresh);
        }
        let reading = Arc::new(structured);
        let mut kept = self.readings.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&reading));
        Ok(reading)
    }
}

/// Gives events that older tables read the places that the present ones find for the same fact; the rest lose theirs.
fn place_anew(events: &mut [Event], fresh: &[Event]) {
    for event in events {
        event
            .because
            .retain(|reason| !matches!(reason, Because::Entity { .. }));
        if let Some(measured) = &mut event.measured {
            measured.entities.clear();
        }
        if let Some(same) = fresh.iter().find(|same| same.fact == event.fact) {
            event.because.clone_from(&same.because);
            event.measured.clone_from(&same.measured);
        }
    }
}

/// The entities an event rests on, those of a measured value too, in the order of the text.
pub(crate) fn entities_of<'n>(note: &'n StructuredNote, event: &Event) -> Vec<&'n Entity> {
    let stated = event.because.iter().filter_map(|reason| match reason {
        Because::Entity { entity } => Some(*entity),
        _ => None,
    });
    let measured = event
        .measured
        .iter()
        .flat_map(|measured| measured.entities.iter().copied());
    let mut places: Vec<u32> = stated.chain(measured).collect();
    places.sort_unstable();
    places.dedup();
    places
        .into_iter()
        .filter_map(|place| note.entities.get(place as usize))
        .collect()
}

/// Neighbouring entities as the words they make in the text: `BT` + `39.2` → `BT39.2`.
pub(crate) fn words(text: &str, entities: &[&Entity]) -> Vec<(Span, String)> {
    const NEAR: u32 = 2;
    let mut spans: Vec<Span> = Vec::new();
    for entity in entities {
        match spans.last_mut() {
            Some(last) if entity.span.start <= last.end + NEAR => *last = last.hull(entity.span),
            _ => spans.push(entity.span),
        }
    }
    let cut = |span: Span| {
        text.chars()
            .skip(span.start as usize)
            .take(span.len() as usize)
            .collect()
    };
    spans.into_iter().map(|span| (span, cut(span))).collect()
}
