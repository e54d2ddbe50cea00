//! An authorization request, read and checked (RFC 6749, clause 4.1.1; RFC 7636; SMART App Launch 2.2).
//!
//! A request whose app or address is not known is told on a page here; all other mistakes go back to the app.

use super::client::Fields;
use super::{FHIR, SUPPORTED, base, everywhere};
use crate::web::{App, escape};
use std::fmt::Write as _;
use tsumugi_access::{AppId, Challenge, LaunchContext, Level, Scopes, Special, UserId};

/// Longest state and nonce, in bytes.
const LONGEST_STATE: usize = 2000;

/// A request that may be agreed to.
#[derive(Debug)]
pub(super) struct Asked {
    /// Which app.
    pub(super) app: tsumugi_access::App,
    /// Where the answer goes.
    pub(super) redirect: String,
    /// What can be granted of what is asked for.
    pub(super) scopes: Scopes,
    /// The launch from a patient's page, and the text that names it.
    pub(super) launch: Option<(String, LaunchContext)>,
    /// Whether the person chooses a patient.
    pub(super) picks: bool,
    /// What the app wants to see again in the answer.
    pub(super) state: String,
    /// What the app must know to redeem the code.
    pub(super) challenge: Challenge,
    /// What the app wants to see again in the id token.
    pub(super) nonce: Option<String>,
    /// The request as it came, for the form that carries it on.
    pub(super) pairs: Vec<(String, String)>,
}

/// Why a request cannot be agreed to.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not known where to send the answer; the key of the text that says so.
    Here(&'static str),
    /// The address to which the app is told.
    Back(String),
}

/// The fields of a request; others are left out.
const FIELDS: [&str; 10] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "launch",
    "scope",
    "state",
    "aud",
    "code_challenge",
    "code_challenge_method",
    "nonce",
];

const UNKNOWN_LAUNCH: &str = "launch: not known, over, of another person, or without the scope launch; start the app again from the patient's page";

impl Asked {
    /// Reads a request of `user`'s browser.
    pub(super) fn read(app: &App, user: &UserId, pairs: Vec<(String, String)>) -> Result<Self, Fault> {
        let own = pairs
            .into_iter()
            .filter(|(name, _)| FIELDS.contains(&name.as_str()));
        let pairs: Vec<(String, String)> = own.collect();
        let fields = Fields::of(pairs.clone()).map_err(|_| Fault::Here("smart.repeated"))?;
        let id = fields.get("client_id").and_then(|id| AppId::parse(id).ok());
        let registered = id.and_then(|id| app.gate.with(|inner, _| inner.apps.active(&id).cloned()));
        let registered = registered.ok_or(Fault::Here("smart.unknown-app"))?;
        let redirect = fields.get("redirect_uri").unwrap_or_default();
        if !registered.redirects.iter().any(|own| own == redirect) {
            return Err(Fault::Here("smart.redirect"));
        }
        let state = fields.get("state").unwrap_or_default();
        let back = |error: &str, description: &str| {
            let state = Some(state).filter(|state| state.len() <= LONGEST_STATE);
            let told = [("error", error), ("error_description", description)];
            Fault::Back(address(app, redirect, &told, state.unwrap_or_default()))
        };
        let wrong = |description: &str| back("invalid_request", description);
        if fields.get("response_type") != Some("code") {
            return Err(back("unsupported_response_type", "response_type: code is wanted"));
        }
        let nonce = fields.get("nonce").map(str::to_owned);
        let is_short = |text: &str| text.len() <= LONGEST_STATE;
        if state.is_empty() || !is_short(state) || !nonce.as_deref().is_none_or(is_short) {
            return Err(wrong(
                "state is missing, or state or nonce is longer than 2000 bytes",
            ));
        }
        let challenge = fields.get("code_challenge").and_then(Challenge::parse);
        let challenge = challenge.filter(|_| fields.get("code_challenge_method") == Some("S256"));
        let challenge =
            challenge.ok_or_else(|| wrong("code_challenge with code_challenge_method=S256 is wanted"))?;
        let aud = fields.get("aud").unwrap_or_default().trim_end_matches('/');
        if !everywhere(app, FHIR).iter().any(|own| own == aud) {
            let wanted = format!("aud: {}{FHIR} is wanted", base(app));
            return Err(wrong(&wanted));
        }
        let (asked, _) = Scopes::parse(fields.get("scope").unwrap_or_default());
        let scopes = offered(&asked, &registered);
        let launch = fields.get("launch").map(|token| {
            let found = launched(app, user, &registered, token).filter(|_| scopes.has(Special::Launch));
            found.ok_or_else(|| wrong(UNKNOWN_LAUNCH))
        });
        let launch = launch.transpose()?;
        let scopes = if launch.is_some() {
            scopes
        } else {
            scopes.without(Special::Launch)
        };
        if !opens_something(&scopes) {
            let none =
                "none of these scopes is one that the app was registered with and that is offered here";
            return Err(back("invalid_scope", none));
        }
        let picks =
            launch.is_none() && (scopes.has(Special::LaunchPatient) || scopes.has_level(Level::Patient));
        Ok(Self {
            redirect: redirect.to_owned(),
            state: state.to_owned(),
            app: registered,
            scopes,
            launch,
            picks,
            challenge,
            nonce,
            pairs,
        })
    }

    /// The address at which the app is told something.
    pub(super) fn back(&self, app: &App, told: &[(&str, &str)]) -> String {
        address(app, &self.redirect, told, &self.state)
    }
}

/// What can be granted of what is asked for: no person can let an app act for the system.
fn offered(asked: &Scopes, app: &tsumugi_access::App) -> Scopes {
    asked
        .and(&app.scopes)
        .and(&SUPPORTED)
        .without_level(Level::System)
}

/// Whether scopes let an app know anything at all.
fn opens_something(scopes: &Scopes) -> bool {
    scopes.has_level(Level::Patient)
        || scopes.has_level(Level::User)
        || scopes.has(Special::OpenId)
        || scopes.has(Special::LaunchPatient)
}

/// The launch that a text names, with that text.
fn launched(
    app: &App,
    user: &UserId,
    registered: &tsumugi_access::App,
    token: &str,
) -> Option<(String, LaunchContext)> {
    let found = app
        .gate
        .with(|inner, now| inner.grants.launch(token, &registered.id, user, now).cloned());
    found.map(|found| (token.to_owned(), found))
}

/// An address of the app with fields behind it; who answers is told too (RFC 9207).
fn address(app: &App, redirect: &str, told: &[(&str, &str)], state: &str) -> String {
    let mut address = redirect.to_owned();
    let mut sign = if redirect.contains('?') { '&' } else { '?' };
    let issuer = base(app);
    let rest = [("state", state), ("iss", issuer.as_str())];
    for (name, value) in told.iter().chain(&rest).filter(|(_, value)| !value.is_empty()) {
        // Writing to a string does not fail.
        let _ = write!(address, "{sign}{name}={}", escape(value));
        sign = '&';
    }
    address
}
