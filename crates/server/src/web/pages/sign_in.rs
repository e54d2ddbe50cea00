//! Signing in and out, the second factor, the lock, and setting a password through a link.

use crate::access::PeopleError;
use crate::audit;
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::session::{cookie, local, no_cookie};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::Ui;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{AccountError, PasswordRefused, SessionError, SignInError, Timestamp};
use tsumugi_records::AuditSubtype;

/// Longest field of these forms, in characters; a password may have 128.
const LONGEST_FIELD: usize = 200;

/// Where to go on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

/// A name and a password.
#[derive(Deserialize)]
pub(crate) struct Given {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// A code.
#[derive(Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// A field of a form.
pub(super) fn field(
    name: &'static str,
    label: &str,
    kind: &'static str,
    autocomplete: &'static str,
) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) type=(kind) name=(name) required maxlength=(LONGEST_FIELD) autocomplete=(autocomplete)
                autocapitalize="off" spellcheck="false" autofocus[matches!(autocomplete, "username" | "one-time-code" | "current-password")];
        }
    }
}

/// A page with one card.
pub(crate) fn card(desk: &Desk, title: &str, body: &Markup) -> Response {
    let body = html! { section.card.narrow.sign-in { h1 { (title) } (body) } };
    let page = Shell {
        title,
        class: "plain",
        script: None,
    };
    shell(desk, &page, &body)
}

/// What went wrong.
pub(crate) fn mistake(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p.mistake role="alert" { (text) } } }
}

/// The reason in the visitor's language. What of a name, password or code is wrong is never told.
pub(super) fn reason(ui: &Ui<'_>, error: &PeopleError, now: Timestamp) -> Result<String, WebError> {
    Ok(match error {
        PeopleError::SignIn(SignInError::Wrong) => ui.t("sign-in.wrong").to_owned(),
        PeopleError::SignIn(SignInError::Wait { until }) => {
            let seconds = until.since(now).as_secs().max(1).to_string();
            ui.fill("sign-in.wait", &[("seconds", &seconds)])
        }
        PeopleError::SignIn(SignInError::Locked) => ui.t("sign-in.locked").to_owned(),
        PeopleError::Password(refused) => match refused {
            PasswordRefused::TooShort { wanted, .. } => {
                ui.fill("password.short", &[("count", &wanted.to_string())])
            }
            PasswordRefused::TooLong => ui.t("password.long").to_owned(),
            PasswordRefused::NotMixed => ui.t("password.mixed").to_owned(),
            _ => ui.t("password.common").to_owned(),
        },
        PeopleError::Account(AccountError::CodeWrong(_)) => ui.t("second-factor.wrong").to_owned(),
        PeopleError::Account(AccountError::Taken(_)) => ui.t("users.taken").to_owned(),
        PeopleError::Account(AccountError::Stale { .. }) => ui.t("users.stale").to_owned(),
        PeopleError::Account(AccountError::LastAdministrator(_)) => ui.t("users.last").to_owned(),
        PeopleError::Account(AccountError::Name(_)) | PeopleError::Name(_) | PeopleError::Role(_) => {
            format!("{} ({error})", ui.t("error.invalid"))
        }
        PeopleError::Link(_) => ui.t("link.gone").to_owned(),
        PeopleError::App(_) => format!("{} ({error})", ui.t("error.invalid")),
        PeopleError::Federation(_) => ui.t("oidc.other-person").to_owned(),
        PeopleError::Busy => ui.t("sign-in.busy").to_owned(),
        PeopleError::NotByLink(_) => ui.t("launch.administers").to_owned(),
        PeopleError::Store(error) => return Err(WebError::Store(error.clone())),
        other => return Err(WebError::Other(other.to_string())),
    })
}

impl Desk {
    /// The reason in the visitor's language.
    pub(crate) fn reason(&self, error: &PeopleError) -> Result<String, WebError> {
        reason(&self.ui(), error, self.app.gate.with(|_, now| now))
    }

    /// The token that the request shows.
    fn token(&self) -> &str {
        self.visit.token.as_deref().unwrap_or_default()
    }
}

/// Goes on with a new token.
pub(super) fn go_on(desk: &Desk, token: &str, address: &str) -> Response {
    let headers = AppendHeaders([(header::SET_COOKIE, cookie(&desk.app, token))]);
    (headers, Redirect::to(address)).into_response()
}

/// Asks for name and password.
pub(crate) async fn ask(State(app): State<Arc<App>>, visit: Visit, Query(next): Query<Next>) -> Response {
    answer(app, visit, move |desk| form(desk, "", &next.next, None)).await
}

fn form(desk: &Desk, user: &str, next: &str, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let installation = desk.app.gate.installation(&desk.app.store)?;
    let body = html! {
        (mistake(wrong))
        @if installation.accounts == 0 {
            p.notice { (if installation.is_first_run() { ui.t("sign-in.first-run") } else { ui.t("sign-in.no-account") }) }
        }
        form method="post" action="/sign-in" {
            input type="hidden" name="next" value=(local(next));
            div.field {
                label for="user" { (ui.t("sign-in.user")) }
                input #user type="text" name="user" value=(user) required maxlength="64" autocomplete="username"
                    autocapitalize="off" spellcheck="false" autofocus[user.is_empty()];
            }
            (field("password", ui.t("sign-in.password"), "password", "current-password"))
            button.primary type="submit" { (ui.t("sign-in.do")) }
        }
        @if desk.app.oidc.is_some() {
            p { a.button href=(format!("/oidc/sign-in?next={}", crate::web::notes::escape(local(next)))) { (ui.t("oidc.do")) } }
        }
        p.hint { (ui.t("sign-in.forgotten")) }
    };
    Ok(card(desk, ui.t("sign-in.title"), &body))
}

/// Takes name and password.
pub(crate) async fn enter(State(app): State<Arc<App>>, visit: Visit, Form(given): Form<Given>) -> Response {
    answer(app, visit, move |desk| {
        let Desk { app, visit, .. } = desk;
        let signed = app.gate.sign_in(
            &app.store,
            (given.user.trim(), &given.password),
            (&visit.client, &visit.group()),
        );
        match signed {
            Ok(signed) => {
                let next = local(&given.next);
                let address = if signed.wants_second {
                    format!("/second-factor?next={}", crate::web::notes::escape(next))
                } else {
                    next.to_owned()
                };
                Ok(go_on(desk, &signed.token.reveal(), &address))
            }
            Err(error) => {
                let why = desk.reason(&error)?;
                let page = form(desk, given.user.trim(), &given.next, Some(&why))?;
                Ok((StatusCode::UNAUTHORIZED, page).into_response())
            }
        }
    })
    .await
}

/// Asks for the second factor.
pub(crate) async fn ask_second(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(next): Query<Next>,
) -> Response {
    answer(app, visit, move |desk| Ok(second_form(desk, &next.next, None))).await
}

fn second_form(desk: &Desk, next: &str, wrong: Option<&str>) -> Response {
    let ui = desk.ui();
    let body = html! {
        (mistake(wrong))
        p { (ui.t("second-factor.says")) }
        form method="post" action="/second-factor" {
            input type="hidden" name="next" value=(local(next));
            (field("code", ui.t("second-factor.code"), "text", "one-time-code"))
            button.primary type="submit" { (ui.t("sign-in.do")) }
        }
        p.hint { (ui.t("second-factor.lost")) }
    };
    card(desk, ui.t("second-factor.title"), &body)
}

/// Takes the second factor.
pub(crate) async fn second(State(app): State<Arc<App>>, visit: Visit, Form(given): Form<Code>) -> Response {
    answer(app, visit, move |desk| {
        match desk
            .app
            .gate
            .second_factor(&desk.app.store, desk.token(), (&given.code, &desk.visit.group()))
        {
            Ok((token, None)) => Ok(go_on(desk, &token.reveal(), local(&given.next))),
            // Who used a recovery code is told how many are left.
            Ok((token, Some(_))) => Ok(go_on(desk, &token.reveal(), "/account")),
            Err(PeopleError::Session(_)) => Ok(Redirect::to("/sign-in").into_response()),
            Err(error) => {
                let why = desk.reason(&error)?;
                let page = second_form(desk, &given.next, Some(&why));
                Ok((StatusCode::UNAUTHORIZED, page).into_response())
            }
        }
    })
    .await
}

/// Locks the session.
pub(crate) async fn lock(State(app): State<Arc<App>>, visit: Visit, Form(next): Form<Next>) -> Response {
    answer(app, visit, move |desk| {
        let rows = crate::access::Rows::new(&desk.app.store, None);
        let token = desk.token().to_owned();
        // Without a session there is nothing to lock, and the page says so.
        let _ = desk
            .app
            .gate
            .with(|inner, now| inner.sessions.lock(&rows, &token, now));
        let address = format!("/lock?next={}", crate::web::notes::escape(local(&next.next)));
        Ok(Redirect::to(&address).into_response())
    })
    .await
}

/// Asks for the password of a locked session; a page that moved here by itself goes back when it is not locked.
pub(crate) async fn locked(State(app): State<Arc<App>>, visit: Visit, Query(next): Query<Next>) -> Response {
    answer(app, visit, move |desk| Ok(lock_form(desk, &next.next, None))).await
}

fn lock_form(desk: &Desk, next: &str, wrong: Option<&str>) -> Response {
    let ui = desk.ui();
    let (app, token) = (&desk.app, desk.token());
    let origin = crate::access::Origin::default();
    let resolved = app
        .gate
        .resolve(&app.store, token, tsumugi_access::Activity::Page, &origin);
    let user = match resolved {
        Ok(_) => return Redirect::to(local(next)).into_response(),
        Err(SessionError::Locked { user }) => user,
        Err(SessionError::SecondFactorWanted { .. }) => {
            return Redirect::to("/second-factor").into_response();
        }
        Err(_) => {
            let address = format!("/sign-in?next={}", crate::web::notes::escape(local(next)));
            return Redirect::to(&address).into_response();
        }
    };
    let is_first_run = user.as_str() == "setup";
    let body = html! {
        (mistake(wrong))
        p { (ui.fill("lock.says", &[("name", &desk.person(user.as_str()))])) }
        @if is_first_run { p.notice { (ui.t("lock.first-run")) } } @else {
            form method="post" action="/unlock" {
                input type="hidden" name="next" value=(local(next));
                (field("password", ui.t("sign-in.password"), "password", "current-password"))
                button.primary type="submit" { (ui.t("lock.open")) }
            }
        }
        form method="post" action="/sign-out" { button.quiet type="submit" { (ui.t("lock.other")) } }
    };
    card(desk, ui.t("lock.title"), &body)
}

/// Unlocks the session.
pub(crate) async fn unlock(State(app): State<Arc<App>>, visit: Visit, Form(given): Form<Given>) -> Response {
    answer(app, visit, move |desk| {
        match desk.app.gate.unlock_session(
            &desk.app.store,
            desk.token(),
            (&given.password, &desk.visit.group()),
        ) {
            Ok(()) => Ok(Redirect::to(local(&given.next)).into_response()),
            Err(PeopleError::Session(SessionError::SecondFactorWanted { .. })) => {
                Ok(Redirect::to("/second-factor").into_response())
            }
            Err(PeopleError::Session(_)) => Ok(Redirect::to("/sign-in").into_response()),
            Err(error) => {
                let why = desk.reason(&error)?;
                Ok((StatusCode::UNAUTHORIZED, lock_form(desk, &given.next, Some(&why))).into_response())
            }
        }
    })
    .await
}

/// Unlocks the session for the editor, which keeps its text meanwhile.
pub(crate) async fn unlock_script(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<Given>,
) -> Response {
    answer(app, visit, move |desk| {
        match desk.app.gate.unlock_session(
            &desk.app.store,
            desk.token(),
            (&given.password, &desk.visit.group()),
        ) {
            Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
            Err(PeopleError::Session(_)) => Ok(StatusCode::GONE.into_response()),
            Err(error) => Ok((StatusCode::UNAUTHORIZED, desk.reason(&error)?).into_response()),
        }
    })
    .await
}

/// Whose session the request shows.
pub(crate) fn whose(desk: &Desk) -> String {
    let (app, origin) = (&desk.app, crate::access::Origin::default());
    let page = tsumugi_access::Activity::Page;
    match app.gate.resolve(&app.store, desk.token(), page, &origin) {
        Ok(actor) => actor.user().id.to_string(),
        Err(SessionError::Locked { user } | SessionError::SecondFactorWanted { user }) => user.to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

/// Signs out.
pub(crate) async fn leave(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let (app, token) = (&desk.app, desk.token());
        let entry = audit::of_name(&whose(desk), AuditSubtype::Logout)?;
        app.gate
            .sign_out(&app.store, token, entry)
            .map_err(|error| WebError::Other(error.to_string()))?;
        let headers = AppendHeaders([(header::SET_COOKIE, no_cookie(app))]);
        Ok((headers, Redirect::to("/sign-in")).into_response())
    })
    .await
}

/// A link with which a password is set.
#[derive(Deserialize)]
pub(crate) struct SetPassword {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

/// Asks for a new password; the link stays good until one is accepted.
pub(crate) async fn ask_password(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(link): Query<SetPassword>,
) -> Response {
    answer(app, visit, move |desk| Ok(password_form(desk, &link.token, None))).await
}

fn password_form(desk: &Desk, token: &str, wrong: Option<&str>) -> Response {
    let ui = desk.ui();
    let Some(user) = desk.app.gate.sets_password_of(token) else {
        let page = card(
            desk,
            ui.t("password.title"),
            &html! { p.mistake role="alert" { (ui.t("link.gone")) } },
        );
        return (StatusCode::GONE, page).into_response();
    };
    let body = html! {
        (mistake(wrong))
        p { (ui.fill("password.of", &[("name", &desk.person(user.as_str())), ("user", user.as_str())])) }
        p.hint { (ui.t("password.rules")) }
        form method="post" action="/set-password" {
            input type="hidden" name="token" value=(token);
            (field("password", ui.t("password.new"), "password", "new-password"))
            (field("again", ui.t("password.again"), "password", "new-password"))
            button.primary type="submit" { (ui.t("password.set")) }
        }
    };
    card(desk, ui.t("password.title"), &body)
}

/// Sets a password.
pub(crate) async fn set_password(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<SetPassword>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        if given.password != given.again {
            let page = password_form(desk, &given.token, Some(ui.t("password.differ")));
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
        let set = desk
            .app
            .gate
            .set_password_by_link(&desk.app.store, &given.token, &given.password);
        match set {
            Ok(_) => Ok(Redirect::to("/sign-in").into_response()),
            Err(error) => {
                let why = desk.reason(&error)?;
                let page = password_form(desk, &given.token, Some(&why));
                Ok((StatusCode::BAD_REQUEST, page).into_response())
            }
        }
    })
    .await
}
