//! What a page asks the policy before it tells of a record. What is refused leaves an entry in the audit trail.

use crate::access::{Notes, Standing, facts_of};
use crate::audit;
use crate::web::error::WebError;
use crate::web::notes::NotePlace;
use crate::web::state::Desk;
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_access::{Action, Decision, DocumentFacts, Request, Resource, Subject, User, UserId};
use tsumugi_records::{
    AccessFacts, AuditEntry, AuditSubtype, DocumentHead, DocumentId, DocumentVersion, EventOrigin, PatientId,
    PatientRecord, Population, StoredEvent, TimelineEntry, TimelineItem,
};

/// Why nothing is said of a note that the store does not have, or no longer.
const NO_NOTE: &str = "no such note";

/// A refusal that stands in the audit trail: [`Desk::refuse`] leaves the entry, and nothing else makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    record: Option<PatientId>,
}

impl Refused {
    /// The record that an emergency access may open; none where it would not help.
    pub(crate) fn record(self) -> Option<PatientId> {
        self.record
    }
}

/// Who signs a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Who writes it.
    Author,
    /// One of these, whom the writer names: it is entered on that person's behalf.
    Named(Vec<User>),
}

impl Desk {
    /// Asks whether something may be done with a patient's particulars; gives how the record stands.
    pub(crate) fn may(&self, action: Action, patient: &PatientRecord) -> Result<Standing, WebError> {
        let standing = Standing::of(&self.app.store, patient)?;
        let decision = self.actor()?.ask(action, Resource::Patient(&standing.patient));
        self.held(action, patient.id, &decision)?;
        Ok(standing)
    }

    /// Asks whether something may be done with a signed note.
    pub(crate) fn may_document(
        &self,
        action: Action,
        patient: &PatientRecord,
        document: &DocumentVersion,
    ) -> Result<Standing, WebError> {
        let standing = Standing::of(&self.app.store, patient)?;
        let facts = self.facts(&standing, document.document)?;
        self.may_note(action, patient.id, facts.as_ref())?;
        Ok(standing)
    }

    /// Asks whether something may be done with a signed note that outlasts an emergency access, which is not asked for.
    pub(crate) fn may_lastingly(
        &self,
        action: Action,
        patient: &PatientRecord,
        document: DocumentId,
    ) -> Result<(), WebError> {
        let standing = Standing::of(&self.app.store, patient)?;
        let Some(facts) = self.facts(&standing, document)? else {
            return Err(self.refuse_record(AuditSubtype::Read, patient.id, NO_NOTE));
        };
        let decision = self
            .actor()?
            .ask_without_emergency(action, Resource::Document(&facts));
        self.held(action, patient.id, &decision)
    }

    /// Asks whether a note may be written or signed where it is about to be. Who may not read there does not write
    /// there: as its author he would come to read it.
    pub(crate) fn may_write(&self, action: Action, place: &NotePlace) -> Result<Standing, WebError> {
        let standing = match &place.addendum {
            Some(document) => self.may_document(Action::Read, &place.patient, document)?,
            None => self.may(Action::Read, &place.patient)?,
        };
        let author = self.actor()?.user().id.clone();
        let facts = self.about_to_write(&standing, place, &author)?;
        self.may_note(action, place.patient.id, facts.as_ref())?;
        Ok(standing)
    }

    /// What the policy can ask about a signed note; none where there is no such note.
    fn facts(&self, standing: &Standing, document: DocumentId) -> Result<Option<DocumentFacts>, WebError> {
        let heads = self.app.store.document_heads(&BTreeSet::from([document]))?;
        Ok(heads.get(&document).and_then(|head| standing.document(head)))
    }

    fn may_note(
        &self,
        action: Action,
        patient: PatientId,
        facts: Option<&DocumentFacts>,
    ) -> Result<(), WebError> {
        let Some(facts) = facts else {
            return Err(self.refuse_record(AuditSubtype::Read, patient, NO_NOTE));
        };
        let decision = self.actor()?.ask(action, Resource::Document(facts));
        self.held(action, patient, &decision)
    }

    /// Who may sign the note that is about to be written: who writes it, or a physician who is to be named.
    pub(crate) fn signer(&self, place: &NotePlace) -> Result<(Standing, Signer), WebError> {
        let standing = self.may_write(Action::Write, place)?;
        let actor = self.actor()?;
        let own = self.about_to_write(&standing, place, &actor.user().id)?;
        let may_sign = own.is_some_and(|facts| actor.ask(Action::Sign, Resource::Document(&facts)).allowed);
        if may_sign {
            return Ok((standing, Signer::Author));
        }
        let waits = place.addendum.as_ref().map(|document| document.document);
        let open = self.app.store.unconfirmed_of(place.patient.id)?;
        if let Some(open) = waits.and_then(|document| open.get(&document)) {
            // What is added to a note that was sent back goes to the same physician.
            let named = self.app.gate.user_named(&open.physician);
            return Ok((standing, Signer::Named(named.into_iter().collect())));
        }
        let mut physicians = Vec::new();
        if place.addendum.is_none() {
            for user in self.app.gate.active_users() {
                let facts = self.about_to_write(&standing, place, &user.id)?;
                let subject = Subject {
                    user: user.clone(),
                    second_factor: true,
                    emergencies: BTreeSet::new(),
                };
                let may = facts.is_some_and(|facts| {
                    let (action, resource) = (Action::Sign, Resource::Document(&facts));
                    let asked = Request {
                        subject: &subject,
                        action,
                        resource,
                    };
                    actor.policy().is_allowed(&asked).allowed
                });
                if may && user.id != actor.user().id {
                    physicians.push(user);
                }
            }
        }
        Ok((standing, Signer::Named(physicians)))
    }

    /// The note that is about to be written, as if `author` wrote it.
    fn about_to_write(
        &self,
        standing: &Standing,
        place: &NotePlace,
        author: &UserId,
    ) -> Result<Option<DocumentFacts>, WebError> {
        let author = author.clone();
        Ok(match &place.addendum {
            // Who adds to a note writes it, whoever wrote it first.
            Some(document) => {
                let facts = self.facts(standing, document.document)?;
                facts.map(|facts| DocumentFacts { author, ..facts })
            }
            None => standing.new_note(self.note_kind()?, author.as_str()),
        })
    }

    /// Whether who is signed in may confirm a note, or send it back: never by an emergency access.
    pub(crate) fn may_confirm(
        &self,
        patient: &PatientRecord,
        document: DocumentId,
    ) -> Result<bool, WebError> {
        let standing = Standing::of(&self.app.store, patient)?;
        let facts = self.facts(&standing, document)?;
        let actor = self.actor()?;
        Ok(facts.is_some_and(|facts| {
            !facts.signed
                && actor
                    .ask_without_emergency(Action::Confirm, Resource::Document(&facts))
                    .allowed
        }))
    }

    /// The kind of note that who is signed in writes.
    pub(crate) fn note_kind(&self) -> Result<&'static str, WebError> {
        Ok(crate::access::kind_of_role(self.actor()?.user().role.as_str()))
    }

    /// Holds to a decision; a refusal is told in the audit trail.
    fn held(&self, action: Action, patient: PatientId, decision: &Decision) -> Result<(), WebError> {
        if decision.allowed {
            return Ok(());
        }
        let why = format!("{} refused {}", action.as_str(), decision.rules.join(" "));
        Err(self.refuse_record(AuditSubtype::Read, patient, why.trim()))
    }

    /// Refuses something about a patient's record.
    pub(crate) fn refuse_record(&self, subtype: AuditSubtype, patient: PatientId, why: &str) -> WebError {
        let entry = self
            .actor()
            .and_then(|actor| Ok(audit::of_patient(actor, subtype, patient)?));
        match entry {
            Ok(entry) => self.refuse(entry, why, Some(patient)),
            Err(error) => error,
        }
    }

    /// Refuses what an entry tells of. The entry is durable before anybody is told; where it cannot be, that is the error.
    pub(crate) fn refuse(&self, entry: AuditEntry, why: &str, record: Option<PatientId>) -> WebError {
        match self.app.store.audit_read(&audit::refused(entry, why)) {
            Ok(_) => WebError::Denied(Refused { record }),
            Err(error) => error.into(),
        }
    }

    /// Leaves the entry that a patient's record is read; nothing of it may leave before that.
    pub(crate) fn reads(
        &self,
        patient: PatientId,
        document: Option<(DocumentId, Option<u32>)>,
    ) -> Result<(), WebError> {
        let mut entry = audit::of_patient(self.actor()?, AuditSubtype::Read, patient)?;
        if let Some((document, version)) = document {
            entry.entities.push(tsumugi_records::AuditEntity::Document {
                document,
                version,
                digest: None,
            });
        }
        self.app.store.audit_read(&entry)?;
        Ok(())
    }

    /// Which of a patient's notes may be used.
    pub(crate) fn notes(&self, standing: &Standing, of: &[StoredEvent]) -> Result<Notes, WebError> {
        let mut all: BTreeSet<DocumentId> = of.iter().filter_map(document_of).collect();
        // A note without a fact is in the timeline only.
        let patient = PatientId::new(standing.patient.id.get());
        all.extend(self.app.store.documents_of(patient)?);
        let heads = self.app.store.document_heads(&all)?;
        Ok(self.actor()?.notes(Action::Read, standing, &heads))
    }

    /// The events of a patient that may be used, and from which notes they come.
    pub(crate) fn events(&self, standing: &Standing) -> Result<(Vec<StoredEvent>, Notes), WebError> {
        let patient = PatientId::new(standing.patient.id.get());
        let mut events = self.app.store.current_events(patient)?;
        let notes = self.notes(standing, &events)?;
        events.retain(|event| notes.lets(&event.origin));
        Ok((events, notes))
    }

    /// The same for one patient.
    pub(crate) fn rows_of(&self, action: Action, patient: &PatientRecord) -> Result<Rows<'_>, WebError> {
        Ok(Rows {
            desk: self,
            filter: self.actor()?.filter(action),
            population: patient.population,
            facts: BTreeMap::from([(patient.id, self.app.store.access_facts(patient.id)?)]),
            heads: BTreeMap::new(),
        })
    }

    /// The rows of lists over a population that may be shown.
    pub(crate) fn rows(&self, action: Action, population: Population) -> Result<Rows<'_>, WebError> {
        Ok(Rows {
            desk: self,
            filter: self.actor()?.filter(action),
            population,
            facts: self.app.store.all_access_facts(population)?,
            heads: BTreeMap::new(),
        })
    }
}

fn document_of(event: &StoredEvent) -> Option<DocumentId> {
    match &event.origin {
        EventOrigin::Document { document, .. } => Some(*document),
        EventOrigin::Observation { .. } => None,
    }
}

impl Notes {
    /// Whether what stands there may be used: nobody has to confirm it first.
    pub(crate) fn lets(&self, origin: &EventOrigin) -> bool {
        match origin {
            EventOrigin::Document { document, .. } => {
                self.documents.contains(document) && !self.unconfirmed.contains(document)
            }
            EventOrigin::Observation { .. } => self.reports,
        }
    }

    /// Whether an entry of the timeline may be shown.
    pub(crate) fn lets_entry(&self, entry: &TimelineEntry) -> bool {
        match &entry.item {
            TimelineItem::Document(document) => self.documents.contains(&document.document),
            TimelineItem::Event(event) => self.lets(&event.origin),
            TimelineItem::Encounter(_) => true,
        }
    }
}

/// The filter of a list over a population: facts are read once.
pub(crate) struct Rows<'d> {
    desk: &'d Desk,
    filter: tsumugi_access::Filter<'d>,
    population: Population,
    facts: BTreeMap<PatientId, AccessFacts>,
    heads: BTreeMap<DocumentId, Option<DocumentHead>>,
}

impl Rows<'_> {
    fn standing(&self, patient: PatientId) -> Standing {
        let none = AccessFacts::default();
        facts_of(
            patient,
            self.population,
            self.facts.get(&patient).unwrap_or(&none),
        )
    }

    /// Whether a patient may be in the list.
    pub(crate) fn patient(&mut self, patient: PatientId) -> bool {
        let standing = self.standing(patient);
        self.filter.lets_patient(&standing.patient)
    }

    /// Whether nobody has confirmed a note that was asked about before.
    pub(crate) fn is_unconfirmed(&self, document: DocumentId) -> bool {
        let head = self.heads.get(&document).and_then(Option::as_ref);
        head.is_some_and(|head| head.is_unconfirmed)
    }

    /// Whether what a note, or another system, states of a patient may be in the list.
    pub(crate) fn document(
        &mut self,
        patient: PatientId,
        document: Option<DocumentId>,
    ) -> Result<bool, WebError> {
        let standing = self.standing(patient);
        let facts = match document {
            None => standing.report(),
            Some(document) => {
                if !self.heads.contains_key(&document) {
                    let found = self.desk.app.store.document_heads(&BTreeSet::from([document]))?;
                    self.heads.insert(document, found.into_values().next());
                }
                let head = self.heads.get(&document).and_then(Option::as_ref);
                head.and_then(|head| standing.document(head))
            }
        };
        Ok(facts.is_some_and(|facts| self.filter.lets_document(&facts)))
    }
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
pub(crate) mod tests;
