//! What earlier notes of the same record have said.

use jiff::civil::Date;
use tsumugi_clinical::{Event, Note, Patient, StructuredNote};

/// A note of the record, structured before.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordNote {
    /// Its id.
    pub id: String,
    /// Its date.
    pub date: Option<Date>,
    /// Its events.
    pub events: Vec<Event>,
}

/// The record of one patient, as far as it has been read, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The patient.
    pub patient: Patient,
    /// The notes.
    pub notes: Vec<RecordNote>,
}

impl Record {
    /// Adds a structured note.
    pub fn learn(&mut self, note: &Note, structured: &StructuredNote) {
        if let Some(patient) = &note.patient {
            self.patient = patient.clone();
        }
        self.notes.push(RecordNote {
            id: structured.id.clone(),
            date: note.date,
            events: structured.events.clone(),
        });
    }

    /// Adds events that came from another source than a note (a laboratory system).
    pub fn learn_events(&mut self, id: &str, date: Option<Date>, events: Vec<Event>) {
        self.notes.push(RecordNote {
            id: id.to_owned(),
            date,
            events,
        });
    }
}
