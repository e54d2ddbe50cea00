//! What people state about a patient beside notes, on the staff's screens.
//!
//! | module | what |
//! |---|---|
//! | `genes` | results about genes: typed, or read from a VCF |
//! | `harms` | harm that drugs may have done: one patient, the site; CSV, FHIR AdverseEvent |
//! | `phenotypes` | which diseases: stated, and by published criteria |
//! | `reasons` | why something was chosen: beside its fact, as a list that is searched |
//! | `wishes` | the banner of wishes of care, their page, entering and confirming; FHIR Consent |

pub(crate) mod genes;
pub(crate) mod harms;
pub(crate) mod phenotypes;
pub(crate) mod reasons;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod wishes;

use crate::access::Standing;
use crate::audit;
use crate::web::clock;
use crate::web::doors::{Ask, Doors};
use crate::web::error::WebError;
use crate::web::state::Desk;
use crate::web::summary::{Summary, summary};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tsumugi_access::{Action, Resource};
use tsumugi_records::{
    AuditSubtype, CareEntry, CareTopic, NewCareEntry, PatientId, PatientRecord, StoredEvent,
};

/// The pages.
pub(crate) fn doors(doors: Doors) -> Doors {
    use Ask::Records;
    doors
        .get("/reasons", Records(&[Action::Search]), reasons::list)
        .get("/harms", Records(&[Action::Search]), harms::list)
        .get("/harms.csv", Records(&[Action::Export]), harms::csv)
        .get("/harms/fhir", Records(&[Action::Export]), harms::site_fhir)
        .get("/patients/{id}/genes", Records(&[Action::Read]), genes::show)
        .post(
            "/patients/{id}/genes",
            Records(&[Action::Read, Action::Write]),
            genes::keep,
        )
        .get("/patients/{id}/harms", Records(&[Action::Read]), harms::show)
        .post(
            "/patients/{id}/harms",
            Records(&[Action::Read, Action::Sign]),
            harms::keep,
        )
        .get(
            "/patients/{id}/harms/fhir",
            Records(&[Action::Export]),
            harms::fhir,
        )
        .get(
            "/patients/{id}/phenotypes",
            Records(&[Action::Read]),
            phenotypes::show,
        )
        .get("/patients/{id}/wishes", Records(&[Action::Read]), wishes::show)
        .post(
            "/patients/{id}/wishes",
            Records(&[Action::Read, Action::Write]),
            wishes::keep,
        )
        .get(
            "/patients/{id}/wishes/fhir",
            Records(&[Action::Export]),
            wishes::fhir,
        )
}

/// The record behind an address, where something may be done with it.
fn opened(desk: &Desk, id: i64, action: Action) -> Result<(PatientRecord, Standing), WebError> {
    let store = &desk.app.store;
    // A record that was linked is read under the other.
    let record = store.patient(store.read_under(PatientId::new(id))?)?;
    let standing = desk.may(action, &record)?;
    if !may_read(desk, &standing)? {
        return Err(desk.refuse_record(AuditSubtype::Read, record.id, "entries beside notes refused"));
    }
    Ok((record, standing))
}

/// The entries of a patient on a topic that who is signed in may read: who reads what other systems report reads them, and
/// who has the particulars alone does not.
pub(crate) fn entries(
    desk: &Desk,
    (record, standing): (&PatientRecord, &Standing),
    topic: CareTopic,
) -> Result<Vec<CareEntry>, WebError> {
    if !may_read(desk, standing)? {
        return Ok(Vec::new());
    }
    Ok(desk.app.store.care_of(record.id, topic)?)
}

/// The head of a patient's screens, with the wishes that who is signed in may read.
pub(crate) fn head(
    desk: &Desk,
    about: (&PatientRecord, &Standing),
    events: &[StoredEvent],
) -> Result<Summary, WebError> {
    let wishes = entries(desk, about, CareTopic::Wish)?;
    Ok(summary(
        &desk.ui(),
        &desk.app.coder,
        (events, &wishes),
        clock::today(),
    ))
}

fn may_read(desk: &Desk, standing: &Standing) -> Result<bool, WebError> {
    let actor = desk.actor()?;
    let report = standing.report();
    Ok(report.is_some_and(|report| actor.ask(Action::Read, Resource::Document(&report)).allowed))
}

/// Whether who is signed in answers as a physician there: may sign a progress note of the patient. What is settled outlasts
/// an emergency access, which is not asked for.
pub(crate) fn may_settle(desk: &Desk, standing: &Standing) -> Result<bool, WebError> {
    let actor = desk.actor()?;
    let note = standing.new_note("progress", actor.user().id.as_str());
    Ok(note.is_some_and(|note| {
        actor
            .ask_without_emergency(Action::Sign, Resource::Document(&note))
            .allowed
    }))
}

/// Whether who is signed in may enter something for a physician to confirm: may write a progress or a nursing note there.
pub(crate) fn may_enter(desk: &Desk, standing: &Standing) -> Result<bool, WebError> {
    may_write_kinds(desk, standing, &["progress", "nursing"])
}

/// Whether who is signed in may write a note of one of these kinds there.
fn may_write_kinds(desk: &Desk, standing: &Standing, kinds: &[&str]) -> Result<bool, WebError> {
    let actor = desk.actor()?;
    let may = |kind: &&str| {
        let note = standing.new_note(kind, actor.user().id.as_str());
        note.is_some_and(|note| actor.ask(Action::Write, Resource::Document(&note)).allowed)
    };
    Ok(kinds.iter().any(may))
}

/// Adds entries about a patient, with their entry in the audit trail.
fn add(desk: &Desk, record: &PatientRecord, entries: Vec<NewCareEntry>) -> Result<(), WebError> {
    let entry = audit::of_patient(desk.actor()?, AuditSubtype::Create, record.id)?;
    desk.app.store.audited(entry).add_care(entries)?;
    Ok(())
}

/// A FHIR document that is taken out of a record.
fn fhir_file(name: &str, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/fhir+json".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.json\""),
        ),
    ];
    (headers, body.to_string()).into_response()
}
