//! The programs of others: registered by administrators, started from a patient's page, taken back by who let them in.

use crate::access::{PeopleError, Rows, SystemEntropy};
use crate::audit;
use crate::smart::registration::{Typed, new_app};
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, shell};
use crate::web::pages::account::when;
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{Action, AppError, AppId, UserId};
use tsumugi_records::{AuditEntity, AuditEntry, AuditSubtype, PatientId};

/// The list.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        Ok(page(desk, &Entered::default(), None, None))
    })
    .await
}

/// An app as a form sends it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Entered {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    redirects: String,
    #[serde(default)]
    launch: String,
    #[serde(default)]
    scopes: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    jwks: String,
}

impl Entered {
    fn typed(&self) -> Typed {
        Typed {
            id: self.id.clone(),
            name: self.name.clone(),
            redirects: self.redirects.clone(),
            launch: self.launch.clone(),
            scopes: self.scopes.clone(),
            kind: self.kind.clone(),
            account: self.account.clone(),
        }
    }
}

fn page(desk: &Desk, given: &Entered, wrong: Option<&str>, secret: Option<&(String, String)>) -> Response {
    let ui = desk.ui();
    let apps: Vec<tsumugi_access::App> = desk
        .app
        .gate
        .with(|inner, _| inner.apps.list().cloned().collect());
    let body = html! {
        div.page-head { h1 { (ui.t("apps.title")) " " span.count { (apps.len()) } } }
        p.hint { (ui.t("apps.says")) }
        (mistake(wrong))
        @if let Some((id, secret)) = secret {
            div.notice role="status" { p { (ui.fill("apps.secret", &[("app", id)])) } p { code.secret { (secret) } } }
        }
        table.grid.apps {
            thead { tr {
                th scope="col" { (ui.t("apps.name")) } th scope="col" { (ui.t("apps.kind")) } th scope="col" { (ui.t("apps.scopes")) }
                th scope="col" { (ui.t("apps.redirects")) } th scope="col" { span.hidden { (ui.t("patients.actions")) } }
            } }
            tbody { @for app in &apps { (row(desk, app)) } }
        }
        section.card aria-labelledby="add" {
            h2 #add { (ui.t("apps.add")) }
            form method="post" action="/apps" { (fields(desk, given)) button.primary type="submit" { (ui.t("apps.add-do")) } }
        }
    };
    let title = ui.t("apps.title");
    let page = Shell {
        title,
        class: "list",
        script: None,
    };
    shell(desk, &page, &body)
}

fn row(desk: &Desk, app: &tsumugi_access::App) -> Markup {
    let ui = desk.ui();
    let (action, text) = if app.active {
        ("disable", ui.t("apps.disable"))
    } else {
        ("enable", ui.t("apps.enable"))
    };
    html! {
        tr {
            td.who { strong { (app.name) } " " code { (app.id) } @if !app.active { " " span.off { (ui.t("users.disabled")) } } }
            td data-label=(ui.t("apps.kind")) { (ui.of("apps.method", app.method())) @if let Some(account) = &app.account { " " code { (account) } } }
            td data-label=(ui.t("apps.scopes")) { (app.scopes) }
            td data-label=(ui.t("apps.redirects")) { (app.redirects.join(" ")) }
            td.actions { form method="post" action=(format!("/apps/{}", app.id)) { button type="submit" name="action" value=(action) { (text) } } }
        }
    }
}

fn fields(desk: &Desk, given: &Entered) -> Markup {
    let ui = desk.ui();
    let text = |name: &str, value: &str, needed: bool| {
        let label = ui.of("apps.field", name);
        html! {
            label.field { span { (label) } input type="text" name=(name) value=(value) required[needed] maxlength="4000" autocomplete="off" autocapitalize="off" spellcheck="false"; }
        }
    };
    let kinds = ["public", "secret", "keys"];
    html! {
        div.fields {
            (text("id", &given.id, true))
            (text("name", &given.name, true))
            (text("redirects", &given.redirects, false))
            (text("launch", &given.launch, false))
            (text("scopes", &given.scopes, true))
            label.field { span { (ui.t("apps.kind")) }
                select name="kind" { @for kind in kinds { option value=(kind) selected[kind == given.kind] { (ui.of("apps.kind-of", kind)) } } }
            }
            label.field { span { (ui.t("apps.field.jwks")) } textarea name="jwks" rows="4" spellcheck="false" { "\n" (given.jwks) } }
            (text("account", &given.account, false))
        }
    }
}

fn entry(desk: &Desk, what: String) -> Result<AuditEntry, WebError> {
    let mut entry = audit::of(desk.actor()?, AuditSubtype::AccountChange)?;
    entry.entities.push(AuditEntity::Query(what));
    Ok(entry)
}

/// Registers an app; its secret is shown once.
pub(crate) async fn add(State(app): State<Arc<App>>, visit: Visit, Form(given): Form<Entered>) -> Response {
    answer(app, visit, move |desk| {
        let Desk { app, .. } = desk;
        let id: String = given.id.trim().chars().take(64).collect();
        let entry = entry(desk, format!("add app {id}"))?;
        let registered = new_app(&given.typed(), &given.jwks)
            .and_then(|new| app.gate.register_app(&app.store, new, entry));
        Ok(match registered {
            Ok(None) => Redirect::to("/apps").into_response(),
            Ok(Some(secret)) => page(desk, &Entered::default(), None, Some(&(id, secret.reveal()))),
            Err(error) => {
                let why = desk.reason(&error)?;
                (StatusCode::BAD_REQUEST, page(desk, &given, Some(&why), None)).into_response()
            }
        })
    })
    .await
}

/// What is done with an app.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    #[serde(default)]
    action: String,
}

/// Shuts an app out or lets it in again.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Form(change): Form<Change>,
) -> Response {
    answer(app, visit, move |desk| {
        let Desk { app, .. } = desk;
        let id = AppId::parse(&id).map_err(|_| WebError::NotFound)?;
        let active = match change.action.as_str() {
            "enable" => true,
            "disable" => false,
            _ => return Err(WebError::Bad("error.invalid")),
        };
        let entry = entry(desk, format!("{} app {id}", change.action))?;
        match app.gate.switch_app(&app.store, (&id, active), entry) {
            Ok(()) => Ok(Redirect::to("/apps").into_response()),
            Err(PeopleError::App(AppError::NotFound(_))) => Err(WebError::NotFound),
            Err(error) => Err(WebError::Other(error.to_string())),
        }
    })
    .await
}

/// The buttons that start apps with a patient.
pub(super) fn start_buttons(desk: &Desk, patient: PatientId) -> Markup {
    let ui = desk.ui();
    let apps: Vec<(AppId, String)> = desk.app.gate.with(|inner, _| {
        let starting = inner.apps.list().filter(|app| app.active && app.launch.is_some());
        starting.map(|app| (app.id.clone(), app.name.clone())).collect()
    });
    let is_first_run = desk.actor().is_ok_and(|actor| actor.session.first_run);
    html! {
        @if !apps.is_empty() && !is_first_run {
            nav.apps aria-label=(ui.t("apps.title")) {
                @for (id, name) in &apps {
                    form method="post" action=(format!("/apps/{id}/launch")) {
                        input type="hidden" name="patient" value=(patient);
                        button type="submit" { (ui.fill("apps.start", &[("app", name)])) }
                    }
                }
            }
        }
    }
}

/// With which patient an app is started.
#[derive(Debug, Deserialize)]
pub(crate) struct With {
    patient: i64,
    encounter: Option<String>,
}

/// Starts an app with a patient (EHR launch): its address is opened with a text that names this launch.
pub(crate) async fn launch(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Form(with): Form<With>,
) -> Response {
    answer(app, visit, move |desk| {
        let Desk { app, .. } = desk;
        let record = app.store.patient(PatientId::new(with.patient))?;
        desk.may(Action::Read, &record)?;
        let actor = desk.actor()?;
        let id = AppId::parse(&id).map_err(|_| WebError::NotFound)?;
        let found = app
            .gate
            .with(|inner, _| inner.apps.active(&id).and_then(|app| app.launch.clone()));
        let address = found
            .filter(|_| !actor.session.first_run)
            .ok_or(WebError::NotFound)?;
        let encounter = with
            .encounter
            .as_deref()
            .filter(|id| !id.is_empty() && id.len() <= 256);
        let mut entry = audit::of_patient(actor, AuditSubtype::Read, record.id)?;
        entry
            .entities
            .push(AuditEntity::Query(format!("launch app {id}")));
        let rows = Rows::new(&app.store, Some(entry));
        let patient = tsumugi_access::PatientId::new(record.id.get());
        let (user, context) = (&actor.user().id, (patient, encounter));
        let offered = app.gate.with(|inner, now| {
            inner
                .grants
                .offer_launch(&rows, &mut SystemEntropy, (&id, user), context, now)
        });
        let token = offered.map_err(|error| WebError::Other(error.to_string()))?;
        let host = app.hosts.first().map_or("", String::as_str);
        let issuer = format!("{}{host}/fhir/R4", app.scheme());
        let sign = if address.contains('?') { '&' } else { '?' };
        let address = format!("{address}{sign}iss={}&launch={}", escape(&issuer), token.reveal());
        Ok(led_away(&address))
    })
    .await
}

/// A page that leads to a registered address of an app: a form of ours may not lead there by itself.
fn led_away(address: &str) -> Response {
    let page = html! {
        (DOCTYPE)
        html {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(format!("0;url={address}"));
                title { "Tsumugi" }
            }
            body { a href=(address) { (address.split('?').next().unwrap_or_default()) } }
        }
    };
    Html(page.into_string()).into_response()
}

/// The apps that somebody lets in now.
pub(super) fn own(desk: &Desk, user: &UserId) -> Markup {
    let ui = desk.ui();
    let grants = desk.app.gate.with(|inner, now| inner.grants.of_person(user, now));
    html! {
        @if !grants.is_empty() {
            section aria-labelledby="apps" {
                h2 #apps { (ui.t("apps.own")) " " span.count { (grants.len()) } }
                table.grid.apps { tbody {
                    @for (handle, grant) in &grants {
                        tr {
                            td.who { code { (grant.app) } }
                            td data-label=(ui.t("apps.scopes")) { (grant.scopes) }
                            td data-label=(ui.t("sessions.opened")) { time { (when(grant.since)) } }
                            td.actions { form method="post" action="/account/apps" { button type="submit" name="handle" value=(handle) { (ui.t("apps.withdraw")) } } }
                        }
                    }
                } }
            }
        }
    }
}

/// Which grant is taken back.
#[derive(Debug, Deserialize)]
pub(crate) struct Handle {
    #[serde(default)]
    handle: String,
}

/// Takes a grant back: all its tokens end.
pub(crate) async fn withdraw(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<Handle>,
) -> Response {
    answer(app, visit, move |desk| {
        let actor = desk.actor()?;
        let mut entry = audit::of(actor, AuditSubtype::PolicyChange)?;
        entry.entities.push(AuditEntity::Query("withdraw app".to_owned()));
        let rows = Rows::new(&desk.app.store, Some(entry));
        let user = &actor.user().id;
        let ended = desk
            .app
            .gate
            .with(|inner, _| inner.grants.withdraw(&rows, user, &given.handle));
        ended.map_err(|error| WebError::Other(error.to_string()))?;
        Ok(Redirect::to("/account").into_response())
    })
    .await
}
