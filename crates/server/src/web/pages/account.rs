//! One's own account: password, second factor, sessions.

use crate::access::PeopleError;
use crate::audit;
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::pages::sign_in::{card, field, mistake};
use crate::web::session::no_cookie;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::{Markup, PreEscaped, html};
use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tsumugi_access::{Enrolment, Timestamp, UserId};
use tsumugi_records::AuditSubtype;

/// How this system is called in the list of an authenticator.
const ISSUER: &str = "Tsumugi";

/// Shows the account.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| page(desk, None)).await
}

fn page(desk: &Desk, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let actor = desk.actor()?;
    let user = actor.user();
    let view = desk.app.gate.with(|inner, _| inner.accounts.view_of(&user.id));
    let body = html! {
        div.page-head { h1 { (ui.t("account.title")) } }
        (mistake(wrong))
        dl.particulars {
            div { dt { (ui.t("users.name")) } dd { (desk.person(user.id.as_str())) } }
            div { dt { (ui.t("users.user")) } dd { code { (user.id) } } }
            div { dt { (ui.t("users.role")) } dd { (ui.of("role", user.role.as_str())) } }
            div { dt { (ui.t("users.department")) } dd { (user.department) } }
        }
        @if let Some(view) = &view {
            section.card aria-labelledby="second" {
                h2 #second { (ui.t("second-factor.title")) }
                p {
                    @if view.has_second_factor { (ui.fill("second-factor.on", &[("count", &view.recovery_codes.to_string())])) }
                    @else { (ui.t("second-factor.off")) }
                }
                form method="post" action="/account/second-factor" {
                    (field("factor-present", ui.t("password.present"), "password", "off"))
                    button.primary[!view.has_second_factor] type="submit" { (if view.has_second_factor { ui.t("second-factor.replace") } else { ui.t("second-factor.begin") }) }
                }
            }
            section.card aria-labelledby="password-head" {
                h2 #password-head { (ui.t("password.change")) }
                p.hint { (ui.t("password.rules")) }
                form method="post" action="/account/password" {
                    (field("present", ui.t("password.present"), "password", "off"))
                    (field("password", ui.t("password.new"), "password", "new-password"))
                    (field("again", ui.t("password.again"), "password", "new-password"))
                    button type="submit" { (ui.t("password.set")) }
                }
            }
        }
        (sessions(desk, &user.id, &actor.session.handle))
        (crate::web::pages::apps::own(desk, &user.id))
    };
    let title = ui.t("account.title");
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

/// A time as it is shown.
pub(super) fn when(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.get())
        .map(|at| {
            at.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        })
        .unwrap_or_default()
}

fn sessions(desk: &Desk, user: &UserId, own: &str) -> Markup {
    let ui = desk.ui();
    let list = desk
        .app
        .gate
        .with(|inner, now| inner.sessions.list(Some(user), now));
    html! {
        section aria-labelledby="sessions" {
            h2 #sessions { (ui.t("sessions.title")) " " span.count { (list.len()) } }
            table.grid.sessions {
                thead { tr { th scope="col" { (ui.t("sessions.browser")) } th scope="col" { (ui.t("sessions.opened")) } th scope="col" { (ui.t("sessions.seen")) } th scope="col" { span.hidden { (ui.t("patients.actions")) } } } }
                tbody {
                    @for session in &list {
                        tr {
                            td data-label=(ui.t("sessions.browser")) { (session.client) @if session.locked { " " span.hint { (ui.t("sessions.locked")) } } }
                            td data-label=(ui.t("sessions.opened")) { time { (when(session.opened)) } }
                            td data-label=(ui.t("sessions.seen")) { time { (when(session.seen)) } }
                            td.actions {
                                @if session.handle == own { (ui.t("sessions.this")) } @else {
                                    form method="post" action="/account/sessions" {
                                        button type="submit" name="handle" value=(session.handle) { (ui.t("sessions.end")) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A change of the password.
#[derive(Deserialize)]
pub(crate) struct Change {
    present: String,
    password: String,
    again: String,
}

/// Changes the password.
pub(crate) async fn password(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<Change>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        if given.password != given.again {
            return page(desk, Some(ui.t("password.differ")));
        }
        let actor = desk.actor()?;
        let changed = desk.app.gate.change_password(
            &desk.app.store,
            (&actor.user().id, &actor.session.handle),
            (&given.present, &given.password),
            &desk.visit.group(),
        );
        match changed {
            Ok(()) => Ok(Redirect::to("/account").into_response()),
            Err(error) => {
                let why = desk.reason(&error)?;
                let answer = page(desk, Some(&why))?;
                Ok((StatusCode::BAD_REQUEST, answer).into_response())
            }
        }
    })
    .await
}

/// The present password, given once more.
#[derive(Deserialize)]
pub(crate) struct Again {
    #[serde(default, rename = "factor-present")]
    present: String,
}

/// Begins to enrol a device, the password given once more.
pub(crate) async fn enrol(State(app): State<Arc<App>>, visit: Visit, Form(again): Form<Again>) -> Response {
    answer(app, visit, move |desk| {
        let id = &desk.actor()?.user().id;
        let begun = desk.app.gate.enrol(
            &desk.app.store,
            (id, &again.present),
            (ISSUER, &desk.visit.group()),
        );
        let enrolment = match begun {
            Ok(enrolment) => enrolment,
            Err(error) => {
                let why = desk.reason(&error)?;
                let answer = page(desk, Some(&why))?;
                return Ok((StatusCode::BAD_REQUEST, answer).into_response());
            }
        };
        let ui = desk.ui();
        let body = html! {
            p { (ui.t("second-factor.scan")) }
            (code_of(&enrolment))
            p { (ui.t("second-factor.type")) " " code.secret { (grouped(&enrolment.secret)) } }
            form method="post" action="/account/second-factor/confirm" {
                (field("code", ui.t("second-factor.first-code"), "text", "one-time-code"))
                button.primary type="submit" { (ui.t("second-factor.confirm")) }
            }
            p.hint { (ui.t("second-factor.wrong-says")) }
        };
        Ok(card(desk, ui.t("second-factor.title"), &body).into_response())
    })
    .await
}

fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

/// The code for the device's camera, drawn here.
fn code_of(enrolment: &Enrolment) -> Markup {
    drawn(&enrolment.uri)
}

/// A QR code: dark on light in every colour scheme, with the margin it needs; nothing where the text is too long for one.
pub(crate) fn drawn(text: &str) -> Markup {
    const MARGIN: usize = 4;
    let Ok(code) = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M) else {
        return html! {};
    };
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            // Writing to a string does not fail.
            let _ = write!(
                path,
                "M{} {}h1v1h-1z",
                index % width + MARGIN,
                index / width + MARGIN
            );
        }
    }
    let side = width + 2 * MARGIN;
    let drawing = format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"QR\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    );
    html! { (PreEscaped(drawing)) }
}

/// The first code of a device.
#[derive(Deserialize)]
pub(crate) struct FirstCode {
    code: String,
}

/// Confirms a device and shows the recovery codes, once; everybody signed in under the name signs in again, with both.
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<FirstCode>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let id = &desk.actor()?.user().id;
        match desk.app.gate.confirm(&desk.app.store, id, &given.code) {
            Ok(codes) => {
                let body = html! {
                    p { (ui.t("second-factor.codes-say")) }
                    ul.recovery { @for code in codes.reveal() { li { code { (code) } } } }
                    p { a.button.primary href="/sign-in?next=/account" { (ui.t("second-factor.codes-kept")) } }
                };
                let headers = AppendHeaders([(header::SET_COOKIE, no_cookie(&desk.app))]);
                Ok((headers, card(desk, ui.t("second-factor.codes"), &body)).into_response())
            }
            Err(error @ PeopleError::Account(_)) => {
                let why = desk.reason(&error)?;
                let again = html! {
                    (mistake(Some(&why)))
                    form method="post" action="/account/second-factor/confirm" {
                        (field("code", ui.t("second-factor.first-code"), "text", "one-time-code"))
                        button.primary type="submit" { (ui.t("second-factor.confirm")) }
                    }
                    p { a.button href="/account" { (ui.t("second-factor.again")) } }
                };
                Ok((StatusCode::BAD_REQUEST, card(desk, ui.t("second-factor.title"), &again)).into_response())
            }
            Err(error) => Err(WebError::Other(error.to_string())),
        }
    })
    .await
}

/// Which session to end.
#[derive(Deserialize)]
pub(crate) struct Ended {
    handle: String,
}

/// Ends another session of one's own.
pub(crate) async fn revoke(State(app): State<Arc<App>>, visit: Visit, Form(ended): Form<Ended>) -> Response {
    answer(app, visit, move |desk| {
        let actor = desk.actor()?;
        let entry = audit::of(actor, AuditSubtype::Logout)?;
        let rows = crate::access::Rows::new(&desk.app.store, Some(entry));
        let id = &actor.user().id;
        desk.app
            .gate
            .with(|inner, _| inner.sessions.revoke(&rows, id, &ended.handle))
            .map_err(|error| WebError::Other(error.to_string()))?;
        Ok(Redirect::to("/account").into_response())
    })
    .await
}
