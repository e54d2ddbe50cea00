//! All that was saved of a note lately, refused texts of other tabs among it; and the end of a draft.

use crate::web::error::WebError;
use crate::web::notes::NoteLink;
use crate::web::page::{Shell, dummy_mark, moment, shell};
use crate::web::state::{App, Visit, answer};
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_records::Revision;

/// Shows the log of a draft.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(link): Query<NoteLink>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let place = desk.app.note_place(&link)?;
        desk.may_write(Action::Write, &place)?;
        desk.reads(place.patient.id, None)?;
        let log = desk.app.draft_log(&place, desk.author()?)?;
        let open = format!("/open?{}", link.query());
        let body = html! {
            section.card {
                h1 { (ui.t("drafts.log")) }
                p { (dummy_mark(&ui, place.patient.population)) (place.patient.details.name) " " (place.patient.details.number) }
                p.hint { (ui.t("drafts.says")) }
                @if log.is_empty() { p.empty { (ui.t("drafts.none")) } }
                ol.log {
                    @for save in log.iter().rev() {
                        li { details {
                            summary {
                                time { (moment(&ui, save.at.civil())) } " "
                                (ui.fill("drafts.length", &[("count", &save.text.chars().count().to_string())]))
                                @if save.refused { " " span.refused { (ui.t("drafts.refused")) } }
                            }
                            pre { (save.text) }
                        } }
                    }
                }
                div.buttons {
                    a.button.primary href=(open) { (ui.t("drafts.back")) }
                    @if let Some(newest) = log.iter().rev().find(|save| !save.refused) {
                        form method="post" action="/drafts" {
                            input type="hidden" name="patient" value=(link.patient);
                            input type="hidden" name="encounter" value=(link.encounter);
                            input type="hidden" name="addendum" value=(link.addendum.map(|id| id.to_string()).unwrap_or_default());
                            input type="hidden" name="base" value=(newest.revision);
                            details.danger {
                                summary { (ui.t("drafts.discard")) }
                                p { (ui.t("drafts.discard-says")) }
                                button type="submit" { (ui.t("drafts.discard-do")) }
                            }
                        }
                    }
                }
            }
        };
        Ok(shell(desk, &Shell { title: ui.t("drafts.log"), class: "plain", script: None }, &body))
    })
    .await
}

/// Which draft to throw away.
#[derive(Debug, Deserialize)]
pub(crate) struct Discarded {
    patient: String,
    #[serde(default)]
    encounter: String,
    #[serde(default)]
    addendum: String,
    base: i64,
}

/// Throws a draft away, if it still is what the visitor saw.
pub(crate) async fn discard(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(form): Form<Discarded>,
) -> Response {
    answer(app, visit, move |desk| {
        let link = NoteLink {
            patient: form.patient,
            encounter: form.encounter,
            addendum: form.addendum.parse().ok(),
        };
        let place = desk.app.note_place(&link)?;
        desk.may_write(Action::Write, &place)?;
        desk.discard_draft(&place, Revision::new(form.base))?;
        Ok::<_, WebError>(Redirect::to(&format!("/patients/{}", place.patient.id)).into_response())
    })
    .await
}
