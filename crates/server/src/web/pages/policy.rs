//! The rules of access: read, checked with the line of each mistake, and replaced; the old ones stay until the new are whole.

use crate::access::{Rows, speaks_against};
use crate::audit;
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::pages::account::when;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{Policy, PolicyEditError, PolicyText, PolicyVersion};
use tsumugi_records::{AuditEntity, AuditSubtype};

/// An edit.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Edit {
    version: u32,
    rules: String,
    schema: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    action: String,
}

/// Shows the rules in force.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let newest = desk.app.gate.with(|inner, _| inner.policies.newest().clone());
        Ok(page(desk, newest.version, &newest.text, &[], ""))
    })
    .await
}

fn page(desk: &Desk, version: u32, text: &PolicyText, mistakes: &[String], says: &str) -> Response {
    let ui = desk.ui();
    let history: Vec<PolicyVersion> = desk
        .app
        .gate
        .with(|inner, _| inner.policies.history().cloned().collect());
    let body = html! {
        div.page-head { h1 { (ui.t("policy.title")) } p.hint { (ui.fill("policy.version", &[("version", &version.to_string())])) } }
        @if !says.is_empty() { p.notice role="status" { (says) } }
        @if !mistakes.is_empty() {
            div.mistake role="alert" { p { (ui.t("policy.mistakes")) } ul { @for mistake in mistakes { li { code { (mistake) } } } } }
        }
        form.policy method="post" action="/policy" {
            input type="hidden" name="version" value=(version);
            label for="rules" { (ui.t("policy.rules")) }
            textarea #rules name="rules" rows="30" spellcheck="false" { "\n" (text.rules) }
            details { summary { (ui.t("policy.schema")) }
                textarea name="schema" rows="20" spellcheck="false" aria-label=(ui.t("policy.schema")) { "\n" (text.schema) }
            }
            label.field { span { (ui.t("policy.reason")) } input type="text" name="reason" maxlength="500" autocomplete="off"; }
            div.buttons {
                button type="submit" name="action" value="check" { (ui.t("policy.check")) }
                button.primary type="submit" name="action" value="set" { (ui.t("policy.set")) }
            }
        }
        @if !history.is_empty() {
            section { h2 { (ui.t("policy.history")) }
                ol.log { @for version in history.iter().rev() { li {
                    (version.version) " " time { (when(version.at)) } " " (version.author.as_ref().map(ToString::to_string).unwrap_or_default()) " " (version.reason)
                } } }
            }
        }
    };
    let title = ui.t("policy.title");
    shell(
        desk,
        &Shell {
            title,
            class: "plain",
            script: None,
        },
        &body,
    )
}

/// Checks or replaces the rules.
pub(crate) async fn keep(State(app): State<Arc<App>>, visit: Visit, Form(edit): Form<Edit>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        // Forms send line ends as CR LF; the lines of mistakes are counted as typed.
        let text = PolicyText {
            schema: edit.schema.replace("\r\n", "\n"),
            rules: edit.rules.replace("\r\n", "\n"),
        };
        if edit.action == "check" {
            return Ok(match Policy::read(&text) {
                Ok(_) => page(desk, edit.version, &text, &[], ui.t("policy.right")),
                Err(error) => page(desk, edit.version, &text, &lines(&error.to_string()), ""),
            });
        }
        if edit.reason.trim().is_empty() {
            return Ok(page(
                desk,
                edit.version,
                &text,
                &[ui.t("policy.why").to_owned()],
                "",
            ));
        }
        match replace(desk, &edit, text.clone())? {
            Ok(_) => Ok(Redirect::to("/policy").into_response()),
            Err(PolicyEditError::Storage(error)) => Err(WebError::Other(error.to_string())),
            Err(error) => {
                let stale = matches!(error, PolicyEditError::Stale { .. });
                let mut mistakes = lines(&error.to_string());
                if stale {
                    mistakes.insert(0, ui.t("policy.stale").to_owned());
                }
                let page = page(desk, edit.version, &text, &mistakes, "");
                Ok((StatusCode::CONFLICT, page).into_response())
            }
        }
    })
    .await
}

fn replace(desk: &Desk, edit: &Edit, text: PolicyText) -> Result<Result<u32, PolicyEditError>, WebError> {
    let actor = desk.actor()?;
    let mut entry = audit::of(actor, AuditSubtype::PolicyChange)?;
    entry
        .entities
        .push(AuditEntity::Query(edit.reason.trim().to_owned()));
    let (store, gate) = (&desk.app.store, &desk.app.gate);
    let rows = Rows::new(store, Some(entry.clone()));
    let replaced = match speaks_against(store, gate, &text)? {
        Some(error) => Err(error),
        None => gate.with(|inner, now| {
            let edited = (text, edit.reason.trim());
            inner
                .policies
                .replace(&rows, actor.subject(), edit.version, edited, now)
        }),
    };
    if let Err(error) = &replaced {
        let why = error.to_string().chars().take(1000).collect::<String>();
        desk.app.store.audit_read(&audit::refused(entry, &why))?;
    }
    Ok(replaced)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
