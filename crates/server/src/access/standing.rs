//! What the policy can ask about a patient and a note, read from the store.

use super::actor::note_kind;
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_access::{
    CareTeamId, DepartmentId, DocumentFacts, Label, NoteKind, PatientFacts, PatientId as AccessPatient,
    UserId,
};
use tsumugi_records::{
    AccessFacts, AccessKind, AccessNames, DocumentHead, DocumentId, PatientId, PatientRecord, Population,
    Store, StoreError,
};

/// A patient as the policy sees one, with the restrictions of single notes.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The patient.
    pub(crate) patient: PatientFacts,
    notes: BTreeMap<DocumentId, BTreeSet<Label>>,
}

impl Standing {
    /// Reads how a patient's record stands.
    pub(crate) fn of(store: &Store, record: &PatientRecord) -> Result<Self, StoreError> {
        Ok(facts_of(
            record.id,
            record.population,
            &store.access_facts(record.id)?,
        ))
    }

    /// A signed note.
    pub(crate) fn document(&self, head: &DocumentHead) -> Option<DocumentFacts> {
        Some(DocumentFacts {
            id: Some(tsumugi_access::DocumentId::new(head.document.get())),
            patient: self.patient.clone(),
            labels: self.notes.get(&head.document).cloned().unwrap_or_default(),
            kind: NoteKind::parse(note_kind(&head.kind)).ok()?,
            // Whose name is no account's was written before there were accounts, or by another system.
            author: UserId::parse(&head.author).or_else(|_| UserId::parse("-")).ok()?,
            signed: !head.is_unconfirmed,
            responsible: head.physician.as_ref().and_then(|name| UserId::parse(name).ok()),
        })
    }

    /// What another system stated: a report that nobody here wrote.
    pub(crate) fn report(&self) -> Option<DocumentFacts> {
        Some(DocumentFacts {
            kind: NoteKind::parse("report").ok()?,
            author: UserId::parse("-").ok()?,
            signed: true,
            ..self.new_note("report", "-")?
        })
    }

    /// A note that `author` is about to write.
    pub(crate) fn new_note(&self, kind: &str, author: &str) -> Option<DocumentFacts> {
        Some(DocumentFacts {
            id: None,
            patient: self.patient.clone(),
            labels: BTreeSet::new(),
            kind: NoteKind::parse(note_kind(kind)).ok()?,
            author: UserId::parse(author).ok()?,
            signed: false,
            responsible: None,
        })
    }
}

/// Puts together what is known of a patient.
pub(crate) fn facts_of(id: PatientId, population: Population, facts: &AccessFacts) -> Standing {
    let names = &facts.patient;
    let patient = PatientFacts {
        id: AccessPatient::new(id.get()),
        departments: parsed(names, AccessKind::Department, |name| {
            DepartmentId::parse(name).ok()
        }),
        care_teams: parsed(names, AccessKind::CareTeam, |name| CareTeamId::parse(name).ok()),
        attending: parsed(names, AccessKind::Attending, |name| UserId::parse(name).ok()),
        own_account: parsed(names, AccessKind::OwnAccount, |name| UserId::parse(name).ok())
            .into_iter()
            .next(),
        labels: labels(names),
        dummy: population == Population::Dummy,
    };
    let notes = facts.documents.iter();
    Standing {
        patient,
        notes: notes.map(|(id, names)| (*id, labels(names))).collect(),
    }
}

fn labels(names: &AccessNames) -> BTreeSet<Label> {
    parsed(names, AccessKind::Label, |name| Label::parse(name).ok())
}

/// The names of a kind. Only such as parse are ever written.
fn parsed<T: Ord>(names: &AccessNames, kind: AccessKind, parse: impl Fn(&str) -> Option<T>) -> BTreeSet<T> {
    let of_kind = names.get(&kind).into_iter().flatten();
    of_kind.filter_map(|name| parse(name)).collect()
}
