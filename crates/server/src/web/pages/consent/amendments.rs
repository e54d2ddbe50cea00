//! What patients ask to have corrected: tasks on the patient's page, for who may write there.

use crate::audit;
use crate::web::error::WebError;
use crate::web::page::moment;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{Action, Resource};
use tsumugi_records::{
    AmendmentId, AmendmentOutcome, AmendmentRequest, AuditSubtype, LONGEST_AMENDMENT, PatientId,
};

/// The requests of a patient that wait; with the means to answer for who may write in the record.
pub(crate) fn open(desk: &Desk, id: PatientId, may_write: bool) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let mut waiting = desk.app.store.amendments(id)?;
    waiting.retain(|one| one.answer.is_none());
    Ok(html! {
        @if !waiting.is_empty() {
            section.amendments aria-labelledby="amendments" {
                h2 #amendments { (ui.t("amendment.title")) " " span.count { (waiting.len()) } }
                p.hint { (ui.t("amendment.says")) }
                ul { @for one in waiting.iter().rev() { (row(desk, id, one, may_write)) } }
            }
        }
    })
}

fn row(desk: &Desk, id: PatientId, one: &AmendmentRequest, may_write: bool) -> Markup {
    let ui = desk.ui();
    html! {
        li {
            time { (moment(&ui, one.stamp.at.civil())) } " " (desk.person(&one.stamp.author))
            @if !one.about.is_empty() { " " span.hint { (ui.t("my-record.about")) " " (one.about) } }
            p { q { (one.words) } }
            @if may_write {
                form method="post" action=(format!("/patients/{id}/amendments")) {
                    input type="hidden" name="id" value=(one.id);
                    label.field { span { (ui.t("amendment.answer")) } input type="text" name="words" required maxlength=(LONGEST_AMENDMENT) autocomplete="off"; }
                    div.buttons {
                        button type="submit" name="outcome" value="corrected" { (ui.t("amendment.corrected")) }
                        button type="submit" name="outcome" value="kept" { (ui.t("amendment.kept")) }
                    }
                }
            }
        }
    }
}

/// What became of a request.
#[derive(Debug, Deserialize)]
pub(crate) struct Settled {
    id: i64,
    outcome: String,
    words: String,
}

/// Answers a request.
pub(crate) async fn settle(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(settled): Form<Settled>,
) -> Response {
    answer(app, visit, move |desk| {
        let store = &desk.app.store;
        let record = store.patient(store.read_under(PatientId::new(id))?)?;
        desk.may(Action::Write, &record)?;
        let outcome = match settled.outcome.as_str() {
            "corrected" => AmendmentOutcome::Corrected,
            "kept" => AmendmentOutcome::Kept,
            _ => return Err(WebError::Bad("error.invalid")),
        };
        let entry = audit::of_patient(desk.actor()?, AuditSubtype::Update, record.id)?;
        let answered = (outcome, settled.words.as_str());
        store
            .audited(entry)
            .answer_amendment(record.id, AmendmentId(settled.id), answered, desk.stamp()?)?;
        Ok(Redirect::to(&format!("/patients/{}", record.id)).into_response())
    })
    .await
}

/// Whether who is signed in may write in a record: looking is not asking for the page's own sake.
pub(crate) fn may_write(desk: &Desk, standing: &crate::access::Standing) -> Result<bool, WebError> {
    let actor = desk.actor()?;
    Ok(actor
        .ask(Action::Write, Resource::Patient(&standing.patient))
        .allowed)
}
