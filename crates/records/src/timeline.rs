//! The timeline of a patient: encounters, documents and events in one order of time.

use crate::documents::{self, DocumentVersion};
use crate::encounters::{self, EncounterRecord};
use crate::errors::StoreError;
use crate::events::{self, StoredEvent};
use crate::ids::PatientId;
use crate::links::FAMILY;
use crate::patients::population;
use crate::store::Store;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// Something on the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimelineItem {
    /// An encounter, at its start.
    Encounter(EncounterRecord),
    /// The newest version of a document, at the time it was written.
    Document(DocumentVersion),
    /// An event that counts now, at its own time, else when it was stated.
    Event(Box<StoredEvent>),
}

/// Something at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Where it stands, local civil time.
    pub at: DateTime,
    /// What.
    pub item: TimelineItem,
}

impl Store {
    /// The timeline of a patient between two moments, both included: oldest first; at the same time encounters, then
    /// documents, then events in the order they were stored. Events that a later note settled are left out.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn timeline(
        &self,
        patient: PatientId,
        from: Option<DateTime>,
        to: Option<DateTime>,
    ) -> Result<Vec<TimelineEntry>, StoreError> {
        self.read("timeline", |conn| {
            population(conn, patient)?;
            let mut encounters = encounters::versions(conn, patient)?;
            encounters.reverse();
            encounters.dedup_by_key(|record| record.id);
            encounters.reverse();
            let documents = documents::list(
                conn,
                &format!("WHERE v.patient {FAMILY} AND v.version = d.version ORDER BY v.document"),
                patient.get(),
            )?;
            let events = events::list(
                conn,
                &format!(
                    "WHERE e.patient {FAMILY} AND i.event IS NOT NULL AND i.settled_by IS NULL ORDER BY e.id"
                ),
                patient.get(),
            )?;
            let mut entries: Vec<TimelineEntry> = Vec::new();
            entries.extend(encounters.into_iter().map(|record| TimelineEntry {
                at: record.details.start.civil(),
                item: TimelineItem::Encounter(record),
            }));
            entries.extend(documents.into_iter().map(|version| TimelineEntry {
                at: version.written_at.civil(),
                item: TimelineItem::Document(version),
            }));
            entries.extend(events.into_iter().map(|event| TimelineEntry {
                at: when(&event),
                item: TimelineItem::Event(Box::new(event)),
            }));
            let is_in_range = |entry: &TimelineEntry| {
                from.is_none_or(|from| entry.at >= from) && to.is_none_or(|to| entry.at <= to)
            };
            entries.retain(is_in_range);
            // The sort keeps the order of what stands at the same time.
            entries.sort_by_key(|entry| entry.at);
            Ok(entries)
        })
    }
}

fn when(event: &StoredEvent) -> DateTime {
    let time = event.event.time.as_ref();
    time.and_then(|time| time.from.or(time.to)).unwrap_or(event.at)
}
