//! The first run: the one-time link that the start prints, and the first administrator, who ends it.

use crate::web::error::WebError;
use crate::web::pages::sign_in::{card, field, go_on, mistake};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::Ui;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The token of the link.
#[derive(Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    token: String,
}

/// What stands above the list of patients in the first run.
pub(super) fn invitation(ui: &Ui<'_>) -> Markup {
    html! {
        p.notice.first-run {
            (ui.t("first-run.says")) " "
            a href="/first-run/administrator" { (ui.t("first-run.administrator")) }
        }
    }
}

/// Shows a button: programs that look at links in advance must not use it up.
pub(crate) async fn ask(State(app): State<Arc<App>>, visit: Visit, Query(link): Query<Link>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let is_first_run = desk.app.gate.installation(&desk.app.store)?.is_first_run();
        let body = html! {
            @if is_first_run {
                p { (ui.t("first-run.welcome")) }
                form method="post" action="/first-run" {
                    input type="hidden" name="token" value=(link.token);
                    button.primary type="submit" autofocus { (ui.t("first-run.begin")) }
                }
            } @else {
                p.mistake role="alert" { (ui.t("first-run.over")) }
                p { a.button href="/sign-in" { (ui.t("sign-in.title")) } }
            }
        };
        Ok::<_, WebError>(card(desk, ui.t("first-run.title"), &body))
    })
    .await
}

/// Signs in who opened the link.
pub(crate) async fn enter(State(app): State<Arc<App>>, visit: Visit, Form(link): Form<Link>) -> Response {
    answer(app, visit, move |desk| {
        let Desk { app, visit, .. } = desk;
        let opened = app
            .gate
            .redeem_first_run(&app.store, &link.token, &visit.client)
            .map_err(|error| WebError::Other(error.to_string()))?;
        let ui = desk.ui();
        if let Some(token) = opened {
            return Ok(go_on(desk, &token.reveal(), "/"));
        }
        let body = html! { p.mistake role="alert" { (ui.t("link.gone")) } p { (ui.t("first-run.again")) } };
        Ok((StatusCode::GONE, card(desk, ui.t("first-run.title"), &body)).into_response())
    })
    .await
}

/// The first administrator.
#[derive(Default, Deserialize)]
pub(crate) struct First {
    #[serde(default)]
    user: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

/// Asks for the first administrator.
pub(crate) async fn administrator(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| Ok(form(desk, &First::default(), None))).await
}

fn form(desk: &Desk, given: &First, wrong: Option<&str>) -> Response {
    let ui = desk.ui();
    let text = |name: &'static str, label: &str, value: &str| {
        html! {
            div.field {
                label for=(name) { (label) }
                input id=(name) type="text" name=(name) value=(value) required maxlength="64" autocomplete="off" autocapitalize="off";
            }
        }
    };
    let body = html! {
        (mistake(wrong))
        p { (ui.t("first-run.administrator-says")) }
        form method="post" action="/first-run/administrator" {
            (text("user", ui.t("users.user-new"), &given.user))
            (text("name", ui.t("users.name"), &given.name))
            p.hint { (ui.t("password.rules")) }
            (field("password", ui.t("password.new"), "password", "new-password"))
            (field("again", ui.t("password.again"), "password", "new-password"))
            button.primary type="submit" { (ui.t("first-run.create")) }
        }
    };
    card(desk, ui.t("first-run.administrator"), &body)
}

/// Creates the first administrator and signs that person in; the first run is over.
pub(crate) async fn create(State(app): State<Arc<App>>, visit: Visit, Form(given): Form<First>) -> Response {
    answer(app, visit, move |desk| {
        const DEPARTMENT: &str = "administration";
        let ui = desk.ui();
        let Desk { app, visit, .. } = desk;
        if given.password != given.again {
            return Ok(form(desk, &given, Some(ui.t("password.differ"))));
        }
        if !app.gate.installation(&app.store)?.is_first_run() {
            return Ok(Redirect::to("/sign-in").into_response());
        }
        let user = app.gate.user(
            (&given.user, &given.name),
            ("administrator", DEPARTMENT),
            BTreeSet::new(),
        );
        let created = user.and_then(|user| app.gate.first_administrator(&app.store, user, &given.password));
        if let Err(error) = created {
            return Ok(form(desk, &given, Some(&desk.reason(&error)?)));
        }
        match app.gate.sign_in(
            &app.store,
            (&given.user, &given.password),
            (&visit.client, &visit.group()),
        ) {
            Ok(signed) => Ok(go_on(desk, &signed.token.reveal(), "/account")),
            Err(error) => Err(WebError::Other(error.to_string())),
        }
    })
    .await
}
