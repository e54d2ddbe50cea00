//! Emergency access: opened with a typed reason, for an hour at most, and reviewed by those who answer for privacy.

use crate::access::{Rows, Standing};
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::pages::account::when;
use crate::web::pages::sign_in::{card, mistake};
use crate::web::state::{App, Desk, Visit, answer};
use crate::{audit, log};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tsumugi_access::{Action, Decision, EmergencyAccess, EmergencyError, EmergencyId, Resource, Review};
use tsumugi_records::{AuditSubtype, PatientId, PatientRecord, Purpose, PurposeOfUse};

/// Minutes that may be chosen.
const MINUTES: [u64; 3] = [15, 30, 60];

/// Whose record.
#[derive(Debug, Deserialize)]
pub(crate) struct Whose {
    patient: i64,
}

/// Asks for the reason.
pub(crate) async fn ask(State(app): State<Arc<App>>, visit: Visit, Query(whose): Query<Whose>) -> Response {
    answer(app, visit, move |desk| {
        let record = desk.app.store.patient(PatientId::new(whose.patient))?;
        let standing = Standing::of(&desk.app.store, &record)?;
        let actor = desk.actor()?;
        let may = |action| actor.ask(action, Resource::Patient(&standing.patient)).allowed;
        if may(Action::Read) {
            return Ok(Redirect::to(&format!("/patients/{}", record.id)).into_response());
        }
        if !may(Action::BreakGlass) {
            let entry = audit::of_patient(actor, AuditSubtype::BreakGlass, record.id)?;
            return Err(desk.refuse(entry, "break-glass refused", None));
        }
        Ok(form(desk, &record, "", None))
    })
    .await
}

/// The number alone names the patient here: the name is part of the record.
fn form(desk: &Desk, record: &PatientRecord, reason: &str, wrong: Option<&str>) -> Response {
    let ui = desk.ui();
    let body = html! {
        (mistake(wrong))
        p { (ui.fill("emergency.says", &[("number", &record.details.number)])) }
        form method="post" action="/emergency" {
            input type="hidden" name="patient" value=(record.id);
            div.field {
                label for="reason" { (ui.t("emergency.reason")) }
                textarea #reason name="reason" rows="3" required minlength="10" maxlength="500" autofocus { (reason) }
            }
            fieldset.field {
                legend { (ui.t("emergency.minutes")) }
                @for minutes in MINUTES {
                    label.choice { input type="radio" name="minutes" value=(minutes) checked[minutes == 30]; (ui.fill("emergency.minutes-of", &[("count", &minutes.to_string())])) }
                }
            }
            div.buttons {
                button.primary type="submit" { (ui.t("emergency.do")) }
                a.button href="/" { (ui.t("form.cancel")) }
            }
        }
    };
    card(desk, ui.t("emergency.title"), &body)
}

/// What was typed.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    patient: i64,
    reason: String,
    #[serde(default)]
    minutes: u64,
}

/// Opens an emergency access.
pub(crate) async fn open(State(app): State<Arc<App>>, visit: Visit, Form(wish): Form<Wish>) -> Response {
    answer(app, visit, move |desk| {
        let record = desk.app.store.patient(PatientId::new(wish.patient))?;
        let standing = Standing::of(&desk.app.store, &record)?;
        let actor = desk.actor()?;
        // The policy is asked where the access is opened too; here so that a refusal is told.
        let decision = actor.ask(Action::BreakGlass, Resource::Patient(&standing.patient));
        let mut entry = audit::of_patient(actor, AuditSubtype::BreakGlass, record.id)?;
        let typed: String = wish.reason.trim().chars().take(500).collect();
        entry.purpose = Some(Purpose {
            code: PurposeOfUse::BreakTheGlass,
            reason: Some(typed.clone()).filter(|typed| !typed.is_empty()),
        });
        if !decision.allowed {
            return Err(desk.refuse(entry, &refusal(&decision), None));
        }
        let rows = Rows::new(&desk.app.store, Some(entry));
        let lasts = Duration::from_secs(wish.minutes.saturating_mul(60));
        let opened = desk.app.gate.with(|inner, now| {
            let policy = inner.policies.in_force();
            inner.emergencies.open(
                &rows,
                &policy,
                actor.subject(),
                &standing.patient,
                (&wish.reason, lasts),
                now,
            )
        });
        let ui = desk.ui();
        match opened {
            Ok(access) => {
                log::warn(
                    "an emergency access was opened",
                    &[
                        ("access", &u64::from(access.id.get())),
                        ("account", &log::Name::of_account(access.user.as_str())),
                    ],
                );
                Ok(Redirect::to(&format!("/patients/{}", record.id)).into_response())
            }
            Err(EmergencyError::Reason) => {
                let page = form(desk, &record, &typed, Some(ui.t("emergency.reason-wanted")));
                Ok((StatusCode::BAD_REQUEST, page).into_response())
            }
            Err(EmergencyError::TooLong) => {
                let page = form(desk, &record, &typed, Some(ui.t("emergency.too-long")));
                Ok((StatusCode::BAD_REQUEST, page).into_response())
            }
            // The rules were changed in between.
            Err(EmergencyError::NotAllowed(decision)) => {
                let entry = audit::of_patient(actor, AuditSubtype::BreakGlass, record.id)?;
                Err(desk.refuse(entry, &refusal(&decision), None))
            }
            Err(error) => Err(WebError::Other(error.to_string())),
        }
    })
    .await
}

/// Why nothing was opened. Where no rule speaks of it there is none to name.
fn refusal(decision: &Decision) -> String {
    format!("break-glass refused {}", decision.rules.join(" "))
        .trim()
        .to_owned()
}

/// The open access of who is signed in, above the record that it opens.
pub(super) fn open_now(desk: &Desk, patient: PatientId) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let user = &desk.actor()?.user().id;
    let number = tsumugi_access::PatientId::new(patient.get());
    let (list, now) = desk.app.gate.with(|inner, now| (inner.emergencies.list(), now));
    let mut open = list.into_iter().filter(|access| {
        access.user == *user && access.patient == number && access.closed.is_none() && now < access.ends
    });
    Ok(html! {
        @if let Some(access) = open.next() {
            div.notice.emergency role="status" {
                p { (ui.fill("emergency.open-until", &[("when", &when(access.ends))])) }
                form method="post" action="/emergency/close" { button type="submit" name="id" value=(access.id.get()) { (ui.t("emergency.close")) } }
            }
        }
    })
}

/// Which access.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    id: u32,
}

/// Ends an access before its time.
pub(crate) async fn close(State(app): State<Arc<App>>, visit: Visit, Form(which): Form<Which>) -> Response {
    answer(app, visit, move |desk| {
        let actor = desk.actor()?;
        let entry = audit::of(actor, AuditSubtype::BreakGlassEnd)?;
        let rows = Rows::new(&desk.app.store, Some(entry));
        let id = EmergencyId::new(which.id);
        let user = &actor.user().id;
        let closed = desk
            .app
            .gate
            .with(|inner, now| inner.emergencies.close(&rows, user, id, now));
        match closed {
            Ok(_) => Ok(Redirect::to("/").into_response()),
            Err(EmergencyError::NotFound) => Err(WebError::NotFound),
            Err(error) => Err(WebError::Other(error.to_string())),
        }
    })
    .await
}

/// The list for those who review.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| page(desk, None)).await
}

fn page(desk: &Desk, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let all = desk.app.gate.with(|inner, _| inner.emergencies.list());
    let (reviewed, waiting): (Vec<_>, Vec<_>) = all.into_iter().partition(|access| access.review.is_some());
    let entry = audit::of(desk.actor()?, AuditSubtype::AuditRead)?;
    desk.app.store.audit_read(&entry)?;
    let mut rows = Vec::new();
    for access in waiting.iter().rev() {
        rows.push(row(desk, access)?);
    }
    let mut done = Vec::new();
    for access in reviewed.iter().rev() {
        done.push(row(desk, access)?);
    }
    let body = html! {
        div.page-head { h1 { (ui.t("emergencies.title")) } }
        (mistake(wrong))
        section aria-labelledby="waiting" {
            h2 #waiting { (ui.t("emergencies.waiting")) " " span.count { (rows.len()) } }
            @if rows.is_empty() { p.empty { (ui.t("emergencies.none")) } }
            ul.emergencies { @for row in &rows { (row) } }
        }
        @if !done.is_empty() {
            section aria-labelledby="done" { h2 #done { (ui.t("emergencies.done")) " " span.count { (done.len()) } } ul.emergencies { @for row in &done { (row) } } }
        }
    };
    let title = ui.t("emergencies.title");
    Ok(shell(
        desk,
        &Shell {
            title,
            class: "plain",
            script: None,
        },
        &body,
    ))
}

fn row(desk: &Desk, access: &EmergencyAccess) -> Result<Markup, WebError> {
    let ui = desk.ui();
    // A dummy may have been taken out since.
    let number = match desk.app.store.patient(PatientId::new(access.patient.get())) {
        Ok(record) => record.details.number,
        Err(tsumugi_records::StoreError::NotFound { .. }) => access.patient.to_string(),
        Err(error) => return Err(error.into()),
    };
    Ok(html! {
        li.card {
            p { strong { (desk.person(access.user.as_str())) } " " code { (access.user) } " \u{2192} " (ui.t("patient.number")) " "
                a href=(format!("/patients/{}/who", access.patient)) { (number) } }
            p { time { (when(access.opened)) } " \u{2013} " time { (when(access.closed.unwrap_or(access.ends))) } }
            p { q { (access.reason) } }
            @match &access.review {
                Some(review) => p.hint {
                    (if review.justified { ui.t("emergencies.justified") } else { ui.t("emergencies.unjustified") }) " "
                    (desk.person(review.reviewer.as_str())) " " time { (when(review.at)) } " " (review.note)
                },
                None => form method="post" action="/emergencies" {
                    input type="hidden" name="id" value=(access.id.get());
                    label.field { span { (ui.t("emergencies.note")) } input type="text" name="note" maxlength="500" autocomplete="off"; }
                    div.buttons {
                        button.primary type="submit" name="verdict" value="justified" { (ui.t("emergencies.justified")) }
                        button type="submit" name="verdict" value="unjustified" { (ui.t("emergencies.unjustified")) }
                    }
                },
            }
        }
    })
}

/// What a reviewer says.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    id: u32,
    verdict: String,
    #[serde(default)]
    note: String,
}

/// Keeps a review.
pub(crate) async fn review(State(app): State<Arc<App>>, visit: Visit, Form(said): Form<Said>) -> Response {
    answer(app, visit, move |desk| {
        let actor = desk.actor()?;
        let entry = audit::of(actor, AuditSubtype::Update)?;
        let rows = Rows::new(&desk.app.store, Some(entry));
        let kept = desk.app.gate.with(|inner, now| {
            let review = Review {
                reviewer: actor.user().id.clone(),
                at: now,
                justified: said.verdict == "justified",
                note: said.note.trim().chars().take(500).collect(),
            };
            inner.emergencies.review(&rows, EmergencyId::new(said.id), review)
        });
        let ui = desk.ui();
        match kept {
            Ok(()) => Ok(Redirect::to("/emergencies").into_response()),
            Err(EmergencyError::OwnReview) => page(desk, Some(ui.t("emergencies.own"))),
            Err(EmergencyError::Reviewed) => page(desk, Some(ui.t("emergencies.reviewed"))),
            Err(EmergencyError::NotFound) => Err(WebError::NotFound),
            Err(error) => Err(WebError::Other(error.to_string())),
        }
    })
    .await
}
