//! Launch links: the hospital's own record opens a patient here, once, signed and for some minutes.

use crate::access::{Rows, SystemEntropy};
use crate::audit;
use crate::web::error::WebError;
use crate::web::notes::{NoteLink, escape};
use crate::web::pages::sign_in::{card, whose};
use crate::web::session::{cookie, moved_on};
use crate::web::state::{App, Desk, Visit, answer};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tsumugi_access::{Activity, Entropy as _, Launch, LaunchError, LaunchKey, Timestamp, UserId};
use tsumugi_records::AuditSubtype;

/// How long a link holds when nobody says.
pub(crate) const USUAL: Duration = Duration::from_secs(2 * 60);

/// A launch link as it comes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Linked {
    #[serde(default)]
    patient: String,
    encounter: Option<String>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    expires: i64,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    signature: String,
}

/// Signs a new link; gives its path and query.
pub(crate) fn signed(
    key: &LaunchKey,
    (patient, encounter, user): (&str, Option<&str>, &str),
    expires: Timestamp,
) -> Result<String, tsumugi_access::EntropyError> {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes)?;
    let launch = Launch {
        patient: patient.to_owned(),
        encounter: encounter.map(str::to_owned),
        user: user.to_owned(),
        expires,
        nonce: bytes.iter().fold(String::new(), |mut digits, byte| {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        }),
    };
    let visit = encounter
        .map(|id| format!("&encounter={}", escape(id)))
        .unwrap_or_default();
    Ok(format!(
        "/open?patient={}{visit}&user={}&expires={}&nonce={}&signature={}",
        escape(patient),
        escape(user),
        launch.expires,
        launch.nonce,
        launch.sign(key)
    ))
}

/// Opens a link: signs in whom it names, where that person is not signed in already, and goes on to the note.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    visit: Visit,
    headers: HeaderMap,
    Query(linked): Query<Linked>,
) -> Response {
    // The cookie comes with what our own pages open only, so that the link is opened once more, from here.
    let from_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    if from_elsewhere {
        return moved_on(&visit.here, None);
    }
    answer(app, visit, move |desk| launch(desk, &linked)).await
}

fn launch(desk: &Desk, linked: &Linked) -> Result<Response, WebError> {
    let (app, store) = (&desk.app, &desk.app.store);
    let launch = Launch {
        patient: linked.patient.clone(),
        encounter: linked.encounter.clone(),
        user: linked.user.clone(),
        expires: Timestamp::new(linked.expires),
        nonce: linked.nonce.clone(),
    };
    let rows = Rows::new(store, None);
    let keys = std::slice::from_ref(&app.keys.launch);
    let opened = app
        .gate
        .with(|inner, now| inner.launches.open(&rows, keys, &launch, &linked.signature, now));
    if let Err(error) = opened {
        return refused(desk, &error);
    }
    let Ok(user) = UserId::parse(&launch.user) else {
        return refused(desk, &LaunchError::Malformed("user"));
    };
    let link = NoteLink {
        patient: launch.patient,
        encounter: launch.encounter.unwrap_or_default(),
        addendum: None,
    };
    let address = format!("/open?{}", link.query());
    let token = desk.visit.token.as_deref().unwrap_or_default();
    let origin = crate::access::Origin::default();
    let present = app.gate.resolve(store, token, Activity::Person, &origin);
    if present.is_ok_and(|actor| actor.user().id == user) {
        return Ok(Redirect::to(&address).into_response());
    }
    match app.gate.vouch(store, &user, &desk.visit.client) {
        Ok(signed) => {
            // The browser is another person's from now on.
            if desk.visit.token.is_some() {
                let entry = audit::of_name(&whose(desk), AuditSubtype::Logout)?;
                app.gate
                    .sign_out(store, token, entry)
                    .map_err(|error| WebError::Other(error.to_string()))?;
            }
            let address = if signed.wants_second {
                format!("/second-factor?next={}", escape(&address))
            } else {
                address
            };
            Ok(moved_on(&address, Some(cookie(app, &signed.token.reveal()))))
        }
        Err(error) => {
            let why = desk.reason(&error)?;
            let ui = desk.ui();
            let body = html! { p.mistake role="alert" { (why) } };
            Ok((StatusCode::FORBIDDEN, card(desk, ui.t("launch.title"), &body)).into_response())
        }
    }
}

fn refused(desk: &Desk, error: &LaunchError) -> Result<Response, WebError> {
    let ui = desk.ui();
    if let LaunchError::Storage(error) = error {
        return Err(WebError::Other(error.to_string()));
    }
    let key = match error {
        LaunchError::Expired => "launch.expired",
        LaunchError::Replayed => "launch.replayed",
        LaunchError::TooFar => "launch.too-far",
        _ => "launch.forged",
    };
    let entry = audit::of_name("unknown", AuditSubtype::Login)?;
    desk.app
        .store
        .audit_read(&audit::refused(entry, &error.to_string()))?;
    let body = html! {
        p.mistake role="alert" { (ui.get(key).unwrap_or(key)) }
        p { a.button href="/sign-in" { (ui.t("sign-in.title")) } }
    };
    Ok((StatusCode::FORBIDDEN, card(desk, ui.t("launch.title"), &body)).into_response())
}

/// What the hospital's record asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    patient: String,
    encounter: Option<String>,
    user: String,
}

/// Gives the hospital's record a link.
pub(crate) async fn offer(State(app): State<Arc<App>>, visit: Visit, Json(wanted): Json<Wanted>) -> Response {
    answer(app, visit, move |desk| {
        let now = desk.app.gate.with(|_, now| now);
        let link = signed(
            &desk.app.keys.launch,
            (&wanted.patient, wanted.encounter.as_deref(), &wanted.user),
            now.after(USUAL),
        )
        .map_err(|error| WebError::Other(error.to_string()))?;
        let host = desk.app.hosts.first().map_or("", String::as_str);
        let entry = audit::of_name("service", AuditSubtype::Login)?;
        desk.app.store.audit_read(&entry)?;
        Ok(Json(json!({
            "url": format!("{}{host}{link}", desk.app.scheme()),
            "expires": now.after(USUAL).get(),
        })))
    })
    .await
}
