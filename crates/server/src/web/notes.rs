//! The life of a note: where it is written, the session that reads it, its draft, its signing.

use crate::access::Notes;
use crate::audit;
use crate::care::reasons::{self, Reason};
use crate::chart::{self, Signing};
use crate::log;
use crate::web::error::WebError;
use crate::web::permit::Signer;
use crate::web::state::{App, Desk};
use crate::web::{clock, page};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::StructuredNote;
use tsumugi_intake::{Answer, Correction, Session, Settled};
use tsumugi_records::{
    AuditEntity, AuditEntry, AuditSubtype, DocumentId, DocumentVersion, DraftKey, DraftRevision,
    EncounterDetails, EncounterId, Meaning, PatientRecord, Population, Revision, Stamp, StoreError, Target,
    VersionReason,
};

/// Longest note that the screens take, in bytes; the longest clinical notes are a hundredth of it.
pub(crate) const LONGEST_NOTE: usize = 1 << 20;

/// How a link names the note to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct NoteLink {
    /// Number of the patient, as the hospital knows it.
    #[serde(default)]
    pub(crate) patient: String,
    /// The hospital's own id of the visit.
    #[serde(default)]
    pub(crate) encounter: String,
    /// The signed note that is added to.
    #[serde(default)]
    pub(crate) addendum: Option<i64>,
}

impl NoteLink {
    /// The link as a query, with its values escaped.
    pub(crate) fn query(&self) -> String {
        let encounter =
            (!self.encounter.is_empty()).then(|| format!("&encounter={}", escape(&self.encounter)));
        let addendum = self.addendum.map(|addendum| format!("&addendum={addendum}"));
        format!(
            "patient={}{}{}",
            escape(&self.patient),
            encounter.unwrap_or_default(),
            addendum.unwrap_or_default()
        )
    }
}

/// Escapes a value for a query.
pub(crate) fn escape(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| {
            if keep(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// A note that is being written: whose, in which visit, and as an addition to what.
#[derive(Debug, Clone)]
pub(crate) struct NotePlace {
    /// How a link names it.
    pub(crate) link: NoteLink,
    /// Whose.
    pub(crate) patient: PatientRecord,
    /// The signed note that is added to.
    pub(crate) addendum: Option<DocumentVersion>,
}

impl App {
    /// The patient with a number: a real one if there is, else a dummy.
    pub(crate) fn patient_numbered(&self, number: &str) -> Result<PatientRecord, WebError> {
        for population in [Population::Real, Population::Dummy] {
            if let Some(id) = self.store.find_patient(population, number)? {
                return Ok(self.store.patient(id)?);
            }
        }
        Err(WebError::NotFound)
    }

    /// Finds what a link names.
    pub(crate) fn note_place(&self, link: &NoteLink) -> Result<NotePlace, WebError> {
        let patient = self.patient_numbered(&link.patient)?;
        let addendum = match link.addendum {
            Some(id) => Some(self.store.document(DocumentId::new(id))?),
            None => None,
        };
        if addendum
            .as_ref()
            .is_some_and(|document| document.patient != patient.id)
        {
            return Err(WebError::NotFound);
        }
        Ok(NotePlace {
            link: link.clone(),
            patient,
            addendum,
        })
    }

    /// The visit a link names, when it is known already.
    fn known_encounter(&self, place: &NotePlace) -> Result<Option<EncounterId>, WebError> {
        if place.link.encounter.is_empty() {
            return Ok(None);
        }
        let all = self.store.encounters(place.patient.id)?;
        let same = all
            .iter()
            .find(|record| record.external.as_deref() == Some(place.link.encounter.as_str()));
        Ok(same.map(|record| record.id))
    }

    /// The visit a link names; it is made when something is first written in it, not when the link is followed.
    fn encounter(&self, place: &NotePlace, stamp: &Stamp) -> Result<Option<EncounterId>, WebError> {
        if place.link.encounter.is_empty() {
            return Ok(None);
        }
        let details = EncounterDetails {
            kind: "AMB".to_owned(),
            start: stamp.at.clone(),
            end: None,
        };
        let external = Some(place.link.encounter.clone());
        Ok(Some(self.store.create_encounter(
            place.patient.id,
            external,
            details,
            stamp.clone(),
        )?))
    }

    /// What is saved of a note, if anything is.
    pub(crate) fn draft(&self, place: &NotePlace, author: &str) -> Result<Option<DraftRevision>, WebError> {
        match (self.known_encounter(place)?, place.link.encounter.is_empty()) {
            (None, false) => Ok(None),
            (encounter, _) => Ok(self.store.draft(&draft_key(place, encounter, author))?),
        }
    }

    /// All that was saved of a note lately, oldest first.
    pub(crate) fn draft_log(&self, place: &NotePlace, author: &str) -> Result<Vec<DraftRevision>, WebError> {
        match (self.known_encounter(place)?, place.link.encounter.is_empty()) {
            (None, false) => Ok(Vec::new()),
            (encounter, _) => Ok(self.store.draft_log(&draft_key(place, encounter, author))?),
        }
    }

    /// A session that reads a note of this patient, with all that the author has taught.
    pub(crate) fn session(
        &self,
        patient: &PatientRecord,
        author: &str,
        date: Date,
        (without, notes): (Option<DocumentId>, &Notes),
    ) -> Result<Session, WebError> {
        let record = chart::record_within(&self.store, patient, without, &|origin| notes.lets(origin))?;
        let mut session = Session::new(
            Arc::clone(&self.coder),
            record,
            chart::engine_patient(patient),
            Some(date),
        );
        for correction in self.store.corrections(Some(author))? {
            let (Some(wrong), right) = (correction.wrong, correction.right) else {
                continue;
            };
            let right = right.map(|right| right.to_string()).unwrap_or_default();
            session.correct(Correction {
                surface: correction.surface,
                wrong: wrong.to_string(),
                right,
            });
        }
        for phrase in self.store.settled_phrases(Some(author))? {
            let concept = match phrase.meaning {
                Meaning::Concept(concept) => concept.to_string(),
                Meaning::Ignore => String::new(),
            };
            session.settle(Settled {
                surface: phrase.surface,
                concept,
            });
        }
        Ok(session)
    }

    /// Signs a note, or enters it on behalf of the physician who is named: document, resources, events and the end of its
    /// draft in one transaction. Gives the address of the page that tells so.
    pub(crate) fn sign_note(
        &self,
        desk: &Desk,
        place: &NotePlace,
        given: &ToSign<'_>,
    ) -> Result<String, WebError> {
        let ToSign { text, base, .. } = *given;
        if text.trim().is_empty() {
            return Err(WebError::Bad("error.empty"));
        }
        let (standing, signer) = desk.signer(place)?;
        let on_behalf_of = named(desk, place, &signer, given.physician)?;
        let (_, notes) = desk.events(&standing)?;
        let stamp = desk.stamp()?;
        let encounter = self.encounter(place, &stamp)?;
        let key = draft_key(place, encounter, &stamp.author);
        let revision = desk.saved(place, (&stamp, &key), base, text)?;
        let whole = match &place.addendum {
            Some(document) => with_addendum(desk, document, text, &stamp),
            None => text.to_owned(),
        };
        let structured = self.read_whole(place, &stamp, &notes, (&whole, given.answers))?;
        let target = match &place.addendum {
            None => chart::new_note(place.patient.id, encounter, desk.note_kind()?),
            Some(document) => Target::Version {
                document: document.document,
                expected: document.version,
                reason: VersionReason::Addendum,
            },
        };
        let author = stamp.author.clone();
        let signing = Signing {
            target,
            author: stamp.author,
            text: whole,
            written_at: stamp.at.civil(),
            signed_at: stamp.at.civil(),
            // A revision never comes twice, so a signature that is sent again is kept once.
            key: Some(format!("draft/{revision}")),
            draft: Some((key, Some(revision))),
            structured: Some(structured.clone()),
            name: Some(desk.person(on_behalf_of.as_deref().unwrap_or(&author))),
            entry: Some(signing_entry(desk, place, on_behalf_of.as_deref())?),
            on_behalf_of,
        };
        let is_signed = signing.on_behalf_of.is_none();
        let said = desk.stamp()?;
        let of = |(concept, reason): (&String, &Reason)| {
            reasons::entry(place.patient.id, concept, reason, said.clone())
        };
        let beside = given.reasons.iter().map(of).collect();
        let receipt = chart::sign_with(&self.coder, &self.store, &place.patient, signing, beside)?;
        if is_signed {
            self.teach(&place.patient, &author, receipt.document, &structured);
            if place.addendum.is_none() {
                self.habits(&place.patient, &author, text, &structured);
            }
        }
        let word = if is_signed { "signed" } else { "entered" };
        Ok(format!(
            "/patients/{}?{word}={}",
            place.patient.id, receipt.document
        ))
    }

    /// Lets prediction learn a note that was signed.
    pub(crate) fn habits(&self, patient: &PatientRecord, author: &str, text: &str, note: &StructuredNote) {
        let whose = (patient.population, patient.id, author);
        self.assist.observe(self.coder.vocabulary(), whose, text, note);
    }

    /// The whole note as it is understood, with the answers of its writer.
    fn read_whole(
        &self,
        place: &NotePlace,
        stamp: &Stamp,
        notes: &Notes,
        (whole, answers): (&str, &[Answer]),
    ) -> Result<StructuredNote, WebError> {
        let without = place.addendum.as_ref().map(|document| document.document);
        let date = stamp.at.civil().date();
        let mut session = self.session(&place.patient, &stamp.author, date, (without, notes))?;
        for answer in answers {
            session.answer(answer.clone());
        }
        Ok(session.edit(0, whole).note)
    }

    /// Lets the knowledge learn the case of a note that was signed. The note is kept whether that works or not.
    pub(crate) fn teach(
        &self,
        patient: &PatientRecord,
        author: &str,
        document: DocumentId,
        note: &StructuredNote,
    ) {
        let learned = self.advice.teach(&self.store, author, patient, document, note);
        if let Err(error) = learned {
            let document = document.get();
            log::error(
                "the case of a signed note was not learned",
                &[("document", &document), ("cause", &log::Cause::of(&error))],
            );
        }
    }
}

impl Desk {
    /// Saves what was typed. The trail is told when a draft is begun, or a save refused, not of every save in between.
    pub(crate) fn save_draft(
        &self,
        place: &NotePlace,
        stamp: &Stamp,
        base: Option<Revision>,
        text: &str,
    ) -> Result<Revision, WebError> {
        if text.len() > LONGEST_NOTE {
            return Err(WebError::Bad("error.too-long"));
        }
        let app = &self.app;
        let key = draft_key(place, app.encounter(place, stamp)?, &stamp.author);
        let saved = if base.is_none() {
            let entry = self.draft_entry(AuditSubtype::Create, place)?;
            app.store.audited(entry).save_draft(&key, base, text, &stamp.at)
        } else {
            app.store.save_draft(&key, base, text, &stamp.at)
        };
        Ok(saved?)
    }

    /// Throws a draft away, if `base` is still what is saved.
    pub(crate) fn discard_draft(&self, place: &NotePlace, base: Revision) -> Result<(), WebError> {
        let key = draft_key(place, self.app.known_encounter(place)?, self.author()?);
        let entry = self.draft_entry(AuditSubtype::Delete, place)?;
        Ok(self.app.store.audited(entry).discard_draft(&key, Some(base))?)
    }

    fn draft_entry(&self, subtype: AuditSubtype, place: &NotePlace) -> Result<AuditEntry, WebError> {
        let mut entry = audit::of_patient(self.actor()?, subtype, place.patient.id)?;
        entry.entities.push(AuditEntity::Query("draft".to_owned()));
        Ok(entry)
    }

    /// The revision of a draft that holds `text`; it is saved first where it does not.
    fn saved(
        &self,
        place: &NotePlace,
        (stamp, key): (&Stamp, &DraftKey),
        base: Option<Revision>,
        text: &str,
    ) -> Result<Revision, WebError> {
        let saved = self
            .app
            .store
            .draft(key)?
            .filter(|draft| Some(draft.revision) == base && draft.text == text);
        match saved {
            Some(draft) => Ok(draft.revision),
            None => self.save_draft(place, stamp, base, text),
        }
    }
}

/// A note that is to be signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToSign<'a> {
    /// Its text.
    pub(crate) text: &'a str,
    /// The save that it was made from.
    pub(crate) base: Option<Revision>,
    /// What the writer answered.
    pub(crate) answers: &'a [Answer],
    /// The account of the physician on whose behalf it is entered; empty where the writer signs.
    pub(crate) physician: &'a str,
    /// Why something of it was chosen, by its concept.
    pub(crate) reasons: &'a BTreeMap<String, Reason>,
}

/// The physician on whose behalf a note is entered; none where its writer signs.
fn named(
    desk: &Desk,
    place: &NotePlace,
    signer: &Signer,
    physician: &str,
) -> Result<Option<String>, WebError> {
    match signer {
        Signer::Author => Ok(None),
        Signer::Named(physicians) => {
            if physicians.is_empty() {
                // Nobody could answer for it, so the refusal is that of signing.
                desk.may_write(Action::Sign, place)?;
            }
            let found = physicians.iter().find(|user| user.id.as_str() == physician);
            let found = found.ok_or(WebError::Bad("error.physician"))?;
            Ok(Some(found.id.to_string()))
        }
    }
}

fn signing_entry(desk: &Desk, place: &NotePlace, on_behalf_of: Option<&str>) -> Result<AuditEntry, WebError> {
    let actor = desk.actor()?;
    let Some(physician) = on_behalf_of else {
        return Ok(audit::of_patient(actor, AuditSubtype::Sign, place.patient.id)?);
    };
    let mut entry = audit::of_patient(actor, AuditSubtype::Create, place.patient.id)?;
    entry.agent.on_behalf_of = Some(physician.to_owned());
    let says = format!("entered on behalf of {physician}, not confirmed");
    entry.entities.push(AuditEntity::Query(says));
    Ok(entry)
}

/// The whole note as it reads with the addition, which names who added it and when.
fn with_addendum(desk: &Desk, document: &DocumentVersion, text: &str, stamp: &Stamp) -> String {
    let ui = desk.ui();
    let when = page::moment(&ui, stamp.at.civil());
    let head = ui.fill(
        "addendum.head",
        &[("when", &when), ("author", &desk.person(&stamp.author))],
    );
    format!("{}\n\n{head}\n{text}", document.text.trim_end())
}

/// Which draft a note is. An addition has a draft of its own, beside the one of a new note in the same visit.
fn draft_key(place: &NotePlace, encounter: Option<EncounterId>, author: &str) -> DraftKey {
    let author = match &place.addendum {
        Some(document) => format!("{author}\u{1f}addendum/{}", document.document),
        None => author.to_owned(),
    };
    DraftKey {
        patient: place.patient.id,
        encounter,
        author,
    }
}

/// What stands against a text that could not be saved.
#[derive(Debug)]
pub(crate) struct Conflict<'a> {
    /// The text that is saved now; none when the draft was signed or discarded.
    pub(crate) current: Option<&'a DraftRevision>,
}

/// What stands against a draft, when that is why something failed.
pub(crate) fn conflict(error: &WebError) -> Option<Conflict<'_>> {
    match error {
        WebError::Store(StoreError::DraftConflict { current, .. }) => Some(Conflict {
            current: current.as_deref(),
        }),
        _ => None,
    }
}

/// Today, as notes are dated.
pub(crate) fn today() -> Date {
    clock::today()
}
