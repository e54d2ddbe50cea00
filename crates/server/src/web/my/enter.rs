//! The one-time code, and the session that it opens.

use super::{cookie, page};
use crate::audit;
use crate::web::error::WebError;
use crate::web::page::moment;
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_records::AuditSubtype;
use tsumugi_records::consent::{CodeRefusal, Redeemed};

/// Longest code that is looked at, in characters.
const LONGEST_CODE: usize = 64;

/// What the link says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    code: String,
    #[serde(default)]
    why: String,
}

/// Asks for the code. Opening the link uses nothing up: what looks ahead of people at links must not take their code.
pub(crate) async fn ask(State(app): State<Arc<App>>, visit: Visit, Query(link): Query<Link>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let says = (link.why == "ended").then(|| ui.t("mine.ended"));
        Ok(form(desk, &link.code, says))
    })
    .await
}

fn form(desk: &Desk, code: &str, wrong: Option<&str>) -> Response {
    let ui = desk.ui();
    let code: String = code.chars().take(LONGEST_CODE).collect();
    let body = html! {
        section.card {
            h1 { (ui.t("mine.title")) }
            p { (ui.t("mine.says")) }
            (mistake(wrong))
            form method="post" action="/my/enter" {
                @if code.is_empty() {
                    div.field {
                        label for="code" { (ui.t("mine.code")) }
                        input.code-field #code type="text" name="code" required maxlength=(LONGEST_CODE) autocomplete="one-time-code"
                            autocapitalize="characters" spellcheck="false" autofocus;
                    }
                } @else { input type="hidden" name="code" value=(code); }
                div.buttons { button.primary type="submit" { (ui.t("mine.begin")) } }
            }
            p.hint { (ui.t("mine.hint")) }
        }
    };
    page(desk, None, ui.t("mine.title"), &body)
}

/// A code that was typed, or came with the link.
#[derive(Debug, Deserialize)]
pub(crate) struct Given {
    #[serde(default)]
    code: String,
}

/// Takes the code.
pub(crate) async fn enter(State(app): State<Arc<App>>, visit: Visit, Form(given): Form<Given>) -> Response {
    answer(app, visit, move |desk| {
        let code: String = given.code.trim().chars().take(LONGEST_CODE).collect();
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| WebError::Other(error.to_string()))?;
        let address = desk.visit.address.map(|address| address.to_string());
        let mut entry = audit::of_name("patient", AuditSubtype::Login)?;
        entry.address.clone_from(&address);
        let source = address.unwrap_or_else(|| "-".to_owned());
        let store = desk.app.store.audited(entry);
        match store.redeem_code(&code, &source, token, crate::web::clock::now())? {
            Redeemed::Opened(_) => {
                let headers = AppendHeaders([(header::SET_COOKIE, cookie(&desk.app, Some(token)))]);
                Ok((headers, Redirect::to("/my/choices")).into_response())
            }
            Redeemed::Refused(refusal) => Ok(refused(desk, &refusal)),
        }
    })
    .await
}

/// Tells plainly why a code opens nothing.
fn refused(desk: &Desk, refusal: &CodeRefusal) -> Response {
    let ui = desk.ui();
    let (status, at) = match refusal {
        CodeRefusal::Used(at) | CodeRefusal::Expired(at) => (StatusCode::GONE, Some(*at)),
        CodeRefusal::TooManyTries(at) => (StatusCode::TOO_MANY_REQUESTS, Some(*at)),
        _ => (StatusCode::UNAUTHORIZED, None),
    };
    let when = at.map(|at| moment(&ui, at)).unwrap_or_default();
    let says = ui.fill(&format!("code-refusal.{}", refusal.key()), &[("when", &when)]);
    (status, form(desk, "", Some(&says))).into_response()
}

/// Ends the session on this device.
pub(crate) async fn leave(State(app): State<Arc<App>>, visit: Visit, headers: HeaderMap) -> Response {
    answer(app, visit, move |desk| {
        let store = &desk.app.store;
        if let Some(token) = super::token(&desk.app, &headers)
            && let Some(session) = store.consent_session(token, &crate::web::clock::now())?
        {
            super::end(token, &session);
            store.audit_read(&super::entry_of(&session, AuditSubtype::Logout)?)?;
        }
        let headers = AppendHeaders([(header::SET_COOKIE, cookie(&desk.app, None))]);
        Ok((headers, Redirect::to("/my")).into_response())
    })
    .await
}
