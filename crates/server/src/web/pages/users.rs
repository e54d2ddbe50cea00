//! The people who sign in: for administrators.

use crate::access::PeopleError;
use crate::audit;
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::Ui;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tsumugi_access::{AccountError, AccountView, CareTeamId, UserId};
use tsumugi_records::{AuditEntity, AuditEntry, AuditSubtype};

/// A person's particulars, as a form sends them.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Particulars {
    #[serde(default)]
    user: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    department: String,
    #[serde(default)]
    teams: String,
    #[serde(default)]
    version: u32,
    #[serde(default)]
    action: String,
}

/// Names in a field, parted by blanks or commas.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\u{3000}', '\u{3001}', '\n', '\r'])
        .filter(|name| !name.is_empty())
}

fn teams(text: &str) -> Result<BTreeSet<CareTeamId>, PeopleError> {
    Ok(names(text).map(CareTeamId::parse).collect::<Result<_, _>>()?)
}

/// The list.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        Ok(page(desk, &Particulars::default(), None, None))
    })
    .await
}

fn page(desk: &Desk, given: &Particulars, wrong: Option<&str>, link: Option<&(String, String)>) -> Response {
    let ui = desk.ui();
    let accounts = desk.app.gate.accounts();
    let body = html! {
        div.page-head { h1 { (ui.t("users.title")) " " span.count { (accounts.len()) } } }
        (mistake(wrong))
        @if let Some((user, address)) = link {
            div.notice role="status" {
                p { (ui.fill("users.link", &[("user", user)])) }
                p { code.secret { (address) } }
            }
        }
        table.grid.users {
            thead { tr {
                th scope="col" { (ui.t("users.name")) } th scope="col" { (ui.t("users.role")) }
                th scope="col" { (ui.t("users.department")) } th scope="col" { (ui.t("users.state")) }
                th scope="col" { span.hidden { (ui.t("patients.actions")) } }
            } }
            tbody { @for account in &accounts { (row(desk, &ui, account)) } }
        }
        section.card aria-labelledby="add" {
            h2 #add { (ui.t("users.add")) }
            form method="post" action="/users" { (fields(desk, &ui, given, true)) button.primary type="submit" { (ui.t("users.add-do")) } }
        }
    };
    let title = ui.t("users.title");
    shell(
        desk,
        &Shell {
            title,
            class: "list",
            script: None,
        },
        &body,
    )
}

fn fields(desk: &Desk, ui: &Ui<'_>, given: &Particulars, is_new: bool) -> Markup {
    let policy = desk.app.gate.policy_in_force();
    let roles = policy.roles().iter().filter(|role| role.as_str() != "setup");
    let text = |name: &str, label: &str, value: &str, needed: bool| {
        html! {
            label.field { span { (label) } input type="text" name=(name) value=(value) required[needed] maxlength="200" autocomplete="off" autocapitalize="off"; }
        }
    };
    html! {
        div.fields {
            @if is_new { (text("user", ui.t("users.user-new"), &given.user, true)) }
            (text("name", ui.t("users.name"), &given.name, true))
            label.field { span { (ui.t("users.role")) }
                select name="role" {
                    @for role in roles { option value=(role) selected[role.as_str() == given.role] { (ui.of("role", role.as_str())) } }
                }
            }
            (text("department", ui.t("users.department"), &given.department, true))
            (text("teams", ui.t("users.teams"), &given.teams, false))
        }
    }
}

fn row(desk: &Desk, ui: &Ui<'_>, account: &AccountView) -> Markup {
    let user = &account.user;
    let teams: Vec<&str> = user.care_teams.iter().map(CareTeamId::as_str).collect();
    let given = Particulars {
        user: user.id.to_string(),
        name: user.name.clone(),
        role: user.role.to_string(),
        department: user.department.to_string(),
        teams: teams.join(" "),
        ..Particulars::default()
    };
    let address = format!("/users/{}", user.id);
    let action = |value: &str, text: &str| {
        html! { button type="submit" name="action" value=(value) formnovalidate { (text) } }
    };
    html! {
        tr {
            td.who { strong { (user.name) } " " code { (user.id) } }
            td data-label=(ui.t("users.role")) { (ui.of("role", user.role.as_str())) }
            td data-label=(ui.t("users.department")) { (user.department) @if !teams.is_empty() { " (" (teams.join(", ")) ")" } }
            td data-label=(ui.t("users.state")) {
                @if !user.active { span.off { (ui.t("users.disabled")) } }
                @else if account.locked { span.off { (ui.t("users.locked")) } }
                @else if !account.has_password { (ui.t("users.no-password")) }
                @else if account.has_second_factor { (ui.t("users.two-factors")) }
                @else { (ui.t("users.one-factor")) }
            }
            td.actions {
                details {
                    summary { (ui.t("users.change")) }
                    form method="post" action=(address) {
                        input type="hidden" name="version" value=(account.version);
                        (fields(desk, ui, &given, false))
                        div.buttons {
                            button.primary type="submit" name="action" value="change" { (ui.t("users.change-do")) }
                            (action("link", ui.t("users.link-do")))
                            @if account.locked || account.failures > 0 { (action("unlock", ui.t("users.unlock"))) }
                            @if account.has_second_factor { (action("reset", ui.t("users.reset"))) }
                            @if user.active { (action("disable", ui.t("users.disable"))) } @else { (action("enable", ui.t("users.enable"))) }
                        }
                    }
                }
            }
        }
    }
}

/// An entry about an account.
fn entry(desk: &Desk, action: &str, user: &str) -> Result<AuditEntry, WebError> {
    let mut entry = audit::of(desk.actor()?, AuditSubtype::AccountChange)?;
    entry
        .entities
        .push(AuditEntity::Query(format!("{action} {user}")));
    Ok(entry)
}

fn link_of(desk: &Desk, token: &tsumugi_access::Token) -> String {
    let host = desk.app.hosts.first().map_or("", String::as_str);
    format!(
        "{}{host}/set-password?token={}",
        desk.app.scheme(),
        token.reveal()
    )
}

/// Adds a person; the link with which that person sets a password is shown once.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<Particulars>,
) -> Response {
    answer(app, visit, move |desk| {
        let Desk { app, .. } = desk;
        let entry = entry(
            desk,
            "add",
            &given.user.trim().chars().take(64).collect::<String>(),
        )?;
        let user = teams(&given.teams).and_then(|teams| {
            app.gate.user(
                (given.user.trim(), &given.name),
                (&given.role, given.department.trim()),
                teams,
            )
        });
        let added = user.and_then(|user| {
            let id = user.id.to_string();
            app.gate.add(&app.store, user, entry).map(|token| (id, token))
        });
        Ok(match added {
            Ok((id, token)) => page(
                desk,
                &Particulars::default(),
                None,
                Some(&(id, link_of(desk, &token))),
            ),
            Err(error) => {
                let why = desk.reason(&error)?;
                (StatusCode::BAD_REQUEST, page(desk, &given, Some(&why), None)).into_response()
            }
        })
    })
    .await
}

/// Changes a person, or lets one in again.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Form(given): Form<Particulars>,
) -> Response {
    answer(app, visit, move |desk| match act(desk, &id, &given) {
        Ok(None) => Ok(Redirect::to("/users").into_response()),
        Ok(Some(link)) => Ok(page(desk, &Particulars::default(), None, Some(&(id, link)))),
        Err(error) => {
            let why = desk.reason(&error)?;
            let page = page(desk, &Particulars::default(), Some(&why), None);
            Ok((StatusCode::CONFLICT, page).into_response())
        }
    })
    .await
}

/// Gives a link, where one is to be handed over.
fn act(desk: &Desk, id: &str, given: &Particulars) -> Result<Option<String>, PeopleError> {
    let Desk { app, .. } = desk;
    let (gate, store) = (&app.gate, &app.store);
    let id = UserId::parse(id)?;
    let entry = entry(desk, &given.action, id.as_str()).map_err(|error| match error {
        WebError::Store(error) => PeopleError::Store(error),
        other => PeopleError::Role(other.to_string()),
    })?;
    match given.action.as_str() {
        "unlock" => gate.unlock(store, &id, entry).map(|()| None),
        "link" => gate
            .offer_password(store, &id, entry)
            .map(|token| Some(link_of(desk, &token))),
        "reset" => {
            let needs_password = gate.reset_second_factor(store, &id, entry.clone())?;
            if !needs_password {
                return Ok(None);
            }
            let token = gate.offer_password(store, &id, entry)?;
            Ok(Some(link_of(desk, &token)))
        }
        // What else stands in the form is not saved with it.
        action @ ("disable" | "enable") => {
            let present = gate.with(|inner, _| inner.accounts.user(&id).cloned());
            let mut user = present.ok_or_else(|| AccountError::NotFound(id.clone()))?;
            user.active = action == "enable";
            gate.change(store, given.version, user, entry).map(|()| None)
        }
        _ => {
            let mut user = gate.user(
                (id.as_str(), &given.name),
                (&given.role, given.department.trim()),
                teams(&given.teams)?,
            )?;
            let present = gate.with(|inner, _| inner.accounts.user(&id).map(|user| user.active));
            user.active = present.unwrap_or(true);
            gate.change(store, given.version, user, entry).map(|()| None)
        }
    }
}
