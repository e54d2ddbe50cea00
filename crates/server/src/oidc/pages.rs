//! Leaving for the provider and coming back.

use super::provider::Refused;
use super::settings::{Oidc, Pending};
use crate::access::{PeopleError, SystemEntropy, Vouched};
use crate::audit;
use crate::log::{self, Cause};
use crate::web::{App, Desk, Visit, WebError, answer, card, escape, local, moved_on, session_cookie, whose};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::html;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tsumugi_access::{Claims, Entropy as _, FederationError};
use tsumugi_records::AuditSubtype;

/// The cookie that ties a sign-in to its browser. It comes back with a link of the provider, so it is no stricter.
const COOKIE: &str = "tsumugi_oidc";
/// Longest code and state that are looked at, in bytes.
const LONGEST: usize = 4096;

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the provider sends.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
    iss: Option<String>,
}

/// Sends the person to the provider.
pub(super) async fn leave(State(app): State<Arc<App>>, visit: Visit, Query(next): Query<Next>) -> Response {
    let Some(oidc) = &app.oidc else {
        return refused(app, visit, "oidc.none", None).await;
    };
    let (Some(state), Some(pending)) = (drawn(), begun(&app, &next.next)) else {
        return refused(app, visit, "oidc.away", None).await;
    };
    let to = match oidc.addresses().await {
        Ok(to) => to,
        Err(error) => return refused(app, visit, key(&error), Some(error.to_string())).await,
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&pending.verifier));
    let address = oidc.leave(&to, (&callback(&app), &state), &pending, &challenge);
    let secure = if app.gate.setting.secure { "; Secure" } else { "" };
    let browser = &pending.browser;
    let cookie = format!("{COOKIE}={browser}; Path=/oidc; Max-Age=600; HttpOnly; SameSite=Lax{secure}");
    oidc.begin(state, pending);
    let headers = AppendHeaders([
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ]);
    (headers, Redirect::to(&address)).into_response()
}

fn begun(app: &App, next: &str) -> Option<Pending> {
    Some(Pending {
        nonce: drawn()?,
        verifier: drawn()?,
        browser: drawn()?,
        next: local(next).to_owned(),
        since: app.gate.with(|_, now| now),
    })
}

/// 256 random bits as 43 letters.
fn drawn() -> Option<String> {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

fn callback(app: &App) -> String {
    let host = app.hosts.first().map_or("localhost", String::as_str);
    format!("{}{host}/oidc/callback", app.scheme())
}

/// The value of our cookie.
fn browser(headers: &HeaderMap) -> Option<&str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Takes what the provider sends; signs in whom it vouches for.
pub(super) async fn come_back(
    State(app): State<Arc<App>>,
    visit: Visit,
    headers: HeaderMap,
    Query(sent): Query<Sent>,
) -> Response {
    let Some(oidc) = &app.oidc else {
        return refused(app, visit, "oidc.none", None).await;
    };
    let now = app.gate.with(|_, now| now);
    let is_short = sent.code.len() <= LONGEST && sent.state.len() <= LONGEST;
    let pending = oidc.take(&sent.state, now).filter(|_| is_short);
    // A state that another browser began with would sign this one in as somebody else.
    let pending = pending.filter(|pending| browser(&headers) == Some(pending.browser.as_str()));
    let Some(pending) = pending else {
        return refused(app, visit, "oidc.state", Some("state".to_owned())).await;
    };
    if sent.iss.as_deref().is_some_and(|iss| iss != oidc.issuer) {
        return refused(
            app,
            visit,
            "oidc.token",
            Some("iss of the answer (RFC 9207)".to_owned()),
        )
        .await;
    }
    if !sent.error.is_empty() || sent.code.is_empty() {
        return refused(app, visit, "oidc.denied", Some("the provider refused".to_owned())).await;
    }
    let claims = oidc.redeem((&sent.code, &callback(&app)), &pending, now).await;
    let claims = match claims {
        Ok(claims) => claims,
        Err(error) => return refused(app, visit, key(&error), Some(error.to_string())).await,
    };
    answer(app, visit, move |desk| sign_in(desk, &claims, &pending.next)).await
}

fn vouched(oidc: &Oidc, claims: &Claims) -> Vouched {
    let amr = claims.texts("amr");
    Vouched {
        issuer: oidc.issuer.clone(),
        subject: claims.text("sub").unwrap_or_default().to_owned(),
        account: claims.text(&oidc.claim).unwrap_or_default().to_owned(),
        name: claims.text("name").map(str::to_owned),
        two_factors: oidc.trusts_second_factor && amr.contains(&"mfa"),
    }
}

fn sign_in(desk: &Desk, claims: &Claims, next: &str) -> Result<Response, WebError> {
    let (app, store) = (&desk.app, &desk.app.store);
    let oidc = app.oidc.as_ref().ok_or(WebError::NotFound)?;
    let who = vouched(oidc, claims);
    let signed = app
        .gate
        .federated(store, &who, oidc.newcomers.as_ref(), &desk.visit.client);
    match signed {
        Ok(signed) => {
            // The browser is another person's from now on.
            if let Some(token) = &desk.visit.token {
                let entry = audit::of_name(&whose(desk), AuditSubtype::Logout)?;
                app.gate
                    .sign_out(store, token, entry)
                    .map_err(|error| WebError::Other(error.to_string()))?;
            }
            let address = if signed.wants_second {
                format!("/second-factor?next={}", escape(next))
            } else {
                next.to_owned()
            };
            Ok(moved_on(
                &address,
                Some(session_cookie(app, &signed.token.reveal())),
            ))
        }
        Err(PeopleError::Store(error)) => Err(error.into()),
        Err(error) => {
            let key = match &error {
                PeopleError::Federation(FederationError::OtherPerson) => "oidc.other-person",
                PeopleError::NotByLink(_) => "oidc.administers",
                PeopleError::Role(_) => "oidc.role",
                _ => "oidc.no-account",
            };
            Ok(page(desk, key))
        }
    }
}

fn key(error: &Refused) -> &'static str {
    match error {
        Refused::Away(_) | Refused::Wrong(_) => "oidc.away",
        Refused::Token(_) | Refused::Claim(_) => "oidc.token",
    }
}

/// The page that says why nobody was let in, and what to do. `why` goes into the audit trail.
async fn refused(app: Arc<App>, visit: Visit, key: &'static str, why: Option<String>) -> Response {
    answer(app, visit, move |desk| {
        if let Some(why) = why {
            let entry = audit::of_name("unknown", AuditSubtype::Login)?;
            let why: String = format!("oidc: {why}").chars().take(500).collect();
            desk.app.store.audit_read(&audit::refused(entry, &why))?;
            let cause = Cause::of_words(if key == "oidc.away" {
                "the provider cannot be asked or says what it must not; the audit trail tells more"
            } else {
                "what came back is not believed; the audit trail tells more"
            });
            log::warn("a sign-in at the provider was refused", &[("cause", &cause)]);
        }
        Ok(page(desk, key))
    })
    .await
}

fn page(desk: &Desk, key: &'static str) -> Response {
    let ui = desk.ui();
    let body = html! {
        p.mistake role="alert" { (ui.get(key).unwrap_or(key)) }
        p {
            @if desk.app.oidc.is_some() { a.button href="/oidc/sign-in" { (ui.t("oidc.again")) } " " }
            a.button href="/sign-in" { (ui.t("sign-in.title")) }
        }
    };
    (StatusCode::FORBIDDEN, card(desk, ui.t("oidc.title"), &body)).into_response()
}
