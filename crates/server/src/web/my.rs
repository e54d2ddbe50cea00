//! The patient's own pages, on a phone: my choices, who looked, my record.
//!
//! **A session of its own.** A one-time code of a visit ([`crate::web::pages::consent`]) opens it. Its cookie has a name of
//! its own, goes to `/my` alone, and opens nothing else. Pages are shown for fifteen minutes; answers that waited in the
//! browser for a line are taken until the store's session ends (an hour). A member of staff who is signed in on the same
//! device is not the patient, and the other way round.
//!
//! **Nothing untold.** A page says so once its entry in the audit trail is durable ([`Phone::reads`]); an answer of a page
//! that left none is withheld by the door.
//!
//! | module | what |
//! |---|---|
//! | `enter` | the code, the session, leaving |
//! | `choices` | what the person allows, study by study; answers of forms and of the island |
//! | `sheet` | the names of items in forms, shared with the staff's pages |
//! | `looked` | who looked, and who used the data for what |
//! | `record` | the record in plain words, and requests to correct it |

mod choices;
mod enter;
mod looked;
mod record;
pub(crate) mod sheet;
#[cfg(test)]
mod tests;

use crate::access::Origin;
use crate::audit;
use crate::web::assets;
use crate::web::doors::{Ask, Doors};
use crate::web::error::WebError;
use crate::web::state::{App, Desk};
use crate::web::ui_text::Language;
use crate::web::{doors as entrance, session};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::ToSpan as _;
use jiff::civil::DateTime;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tsumugi_records::consent::{ConsentSession, Respondent, SESSION_MINUTES};
use tsumugi_records::{AuditEntry, AuditSubtype, PatientId, PatientRecord, Stamp, StoreError};

/// Minutes for which pages are shown.
const SHOWN_MINUTES: i64 = 15;

/// Sessions that were left, until they would have ended by themselves. A start of the server forgets them; the browser has
/// none of them any more.
static LEFT: Mutex<BTreeMap<[u8; 16], DateTime>> = Mutex::new(BTreeMap::new());

/// Beginning of the names under which patients stand in the audit trail and in what they write. No account has a colon in
/// its name.
const OWN: &str = "patient:";

/// The pages.
pub(crate) fn doors(doors: Doors) -> Doors {
    use Ask::{Nothing, Patient};
    doors
        .get("/my", Nothing, enter::ask)
        .post("/my/enter", Nothing, enter::enter)
        .post("/my/leave", Nothing, enter::leave)
        .get("/my/choices", Patient, choices::list)
        .get("/my/choices/{study}", Patient, choices::show)
        .post("/my/choices/{study}", Patient, choices::keep)
        .post("/my/api/choices/{study}", Patient, choices::take)
        .get("/my/receipts/{study}", Patient, choices::receipt)
        .get("/my/looked", Patient, looked::show)
        .get("/my/record", Patient, record::show)
        .get("/my/correct", Patient, record::ask)
        .post("/my/correct", Patient, record::keep)
}

/// Whether a name in the record is that of a patient; the number then.
pub(crate) fn is_own(author: &str) -> bool {
    author.starts_with(OWN)
}

/// The patient's session, at one request.
#[derive(Debug, Clone)]
pub(crate) struct Phone {
    /// The session.
    pub(crate) session: ConsentSession,
    origin: Origin,
    told: Arc<AtomicBool>,
}

impl Phone {
    /// Whose record.
    pub(crate) fn patient(&self) -> PatientId {
        self.session.patient
    }

    /// Who holds the phone, as it stands in the record.
    pub(crate) fn name(&self) -> String {
        name_of(&self.session)
    }

    /// Who holds the phone, now.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            author: self.name(),
            at: crate::web::clock::now(),
        }
    }

    /// An entry about what the person does with the own record.
    pub(crate) fn entry(&self, subtype: AuditSubtype) -> Result<AuditEntry, StoreError> {
        let mut entry = entry_of(&self.session, subtype)?;
        entry.address.clone_from(&self.origin.address);
        entry.request.clone_from(&self.origin.request);
        Ok(entry)
    }

    /// Leaves the entry that the person read the own record; nothing of it may leave before that.
    pub(crate) fn reads(&self, desk: &Desk, subtype: AuditSubtype) -> Result<PatientRecord, WebError> {
        let store = &desk.app.store;
        // A record that was linked is read under the other.
        let record = store.patient(store.read_under(self.patient())?)?;
        store.audit_read(&self.entry(subtype)?)?;
        self.is_told();
        Ok(record)
    }

    /// Says that what this request did stands in the audit trail.
    pub(crate) fn is_told(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    /// A mark of the person for the browser: the same on every visit, and nothing can be read from it.
    fn mark(&self) -> String {
        let digest = Sha256::digest(format!("tsumugi my {}", self.name()));
        digest.iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Who holds the phone in a session, as it stands in the record.
fn name_of(session: &ConsentSession) -> String {
    match &session.respondent {
        Respondent::Own => format!("{OWN}{}", session.patient),
        Respondent::Guardian(guardian) => format!("{OWN}{}:{guardian}", session.patient),
    }
}

/// An entry about what the person does with the own record.
fn entry_of(session: &ConsentSession, subtype: AuditSubtype) -> Result<AuditEntry, StoreError> {
    let mut entry = audit::entry(subtype, &name_of(session), session.patient)?;
    entry.agent.role = Some("patient".to_owned());
    Ok(entry)
}

/// Lets the patient in, or sends to where a code is asked for.
pub(crate) async fn let_in(app: &Arc<App>, mut request: Request, next: Next) -> Response {
    if let Some(bounce) = entrance::bounced(&request) {
        return bounce;
    }
    let Some(token) = token(app, request.headers()) else {
        return turned_away(&request, "none");
    };
    let shared = Arc::clone(app);
    let is_late = request.uri().path().starts_with("/my/api/");
    let found = tokio::task::spawn_blocking(move || {
        let found = shared.store.consent_session(token, &crate::web::clock::now())?;
        Ok::<_, StoreError>(found.filter(|session| is_open(token, session, is_late)))
    });
    let session = match found.await {
        Ok(Ok(Some(session))) => session,
        Ok(Ok(None)) => return turned_away(&request, "ended"),
        Ok(Err(error)) => {
            let cause = crate::log::Cause::of_store(&error);
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response.extensions_mut().insert(crate::web::Why(cause));
            return response;
        }
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let phone = Phone {
        session,
        origin: entrance::origin(app, &request),
        told: Arc::default(),
    };
    entrance::recognise(&request);
    request.extensions_mut().insert(phone.clone());
    let response = next.run(request).await;
    if response.status().as_u16() < 400 && !phone.told.load(Ordering::Relaxed) {
        crate::log::error(
            "a page of a patient left no entry in the audit trail; the answer was withheld",
            &[],
        );
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    response
}

/// Whether a session that the store knows still opens something.
fn is_open(token: [u8; 16], session: &ConsentSession, is_late: bool) -> bool {
    let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    if left.contains_key(&token) {
        return false;
    }
    let until = session
        .ends
        .checked_sub((SESSION_MINUTES - SHOWN_MINUTES).minutes());
    is_late || until.is_ok_and(|until| crate::web::clock::civil_now() < until)
}

/// Ends a session before its time.
fn end(token: [u8; 16], session: &ConsentSession) {
    let now = crate::web::clock::civil_now();
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain(|_, ends| *ends > now);
    left.insert(token, session.ends);
}

fn turned_away(request: &Request, why: &str) -> Response {
    if request.uri().path().starts_with("/my/api/") {
        return (StatusCode::UNAUTHORIZED, "no session, or one that has ended\n").into_response();
    }
    Redirect::to(&format!("/my?why={why}")).into_response()
}

/// The name of the cookie: under TLS one that a browser takes from a secure page only.
fn cookie_name(app: &App) -> &'static str {
    if app.gate.setting.secure {
        "__Secure-tsumugi_my"
    } else {
        "tsumugi_my"
    }
}

/// The token that a request shows: 32 hexadecimal digits.
fn token(app: &App, headers: &HeaderMap) -> Option<[u8; 16]> {
    let text = session::cookie_of(cookie_name(app), headers)?;
    let number = u128::from_str_radix(&text, 16)
        .ok()
        .filter(|_| text.len() == 32)?;
    Some(number.to_be_bytes())
}

/// The header that gives a browser its token, or takes it back.
fn cookie(app: &App, token: Option<[u8; 16]>) -> String {
    let secure = if app.gate.setting.secure { "; Secure" } else { "" };
    let (token, age) = token.map_or((String::new(), 0), |token| {
        (
            format!("{:032x}", u128::from_be_bytes(token)),
            SESSION_MINUTES * 60,
        )
    });
    format!(
        "{}={token}; Path=/my; Max-Age={age}; HttpOnly; SameSite=Strict{secure}",
        cookie_name(app)
    )
}

/// The frame of the patient's pages: no way to anything of the staff's.
fn page(desk: &Desk, phone: Option<&Phone>, title: &str, body: &Markup) -> Response {
    let ui = desk.ui();
    let here = desk.visit.here.as_str();
    // What a form sent is not asked for again by a switch of the language.
    let here = if here.starts_with("/my/enter") {
        "/my"
    } else {
        here
    };
    let (language, other) = match ui.language {
        Language::Japanese => ("en", ui.t("nav.english")),
        Language::English => ("ja", ui.t("nav.japanese")),
    };
    let texts = ui.below("my.").to_string().replace('<', "\\u003c");
    let ends = format!("{};url=/my?why=ended", SHOWN_MINUTES * 60);
    let document = html! {
        (DOCTYPE)
        html lang=(ui.language.tag()) data-theme=(desk.visit.theme.word()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if phone.is_some() { noscript { meta http-equiv="refresh" content=(ends); } }
                title { (title) }
                link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::address("style.css"));
                @if phone.is_some() { script type="module" src=(assets::address("my.js")) {} }
            }
            body.my {
                a.skip href="#main" { (ui.t("app.skip")) }
                header.top {
                    span.brand { span.mark { (ui.t("app.mark")) } }
                    div.tools {
                        form method="post" action="/preferences" {
                            input type="hidden" name="next" value=(here);
                            input type="hidden" name="name" value="language";
                            button.quiet type="submit" name="value" value=(language) { (other) }
                        }
                        @if phone.is_some() { form method="post" action="/my/leave" data-leaves="1" { button.quiet type="submit" { (ui.t("mine.leave")) } } }
                    }
                }
                main #main tabindex="-1" {
                    @if let Some(phone) = phone {
                        (tabs(desk))
                        div #my-state role="status" aria-live="polite" data-person=(phone.mark()) {}
                    }
                    (body)
                }
                @if phone.is_some() { script type="application/json" id="texts" { (PreEscaped(texts)) } }
            }
        }
    };
    (
        [(header::CACHE_CONTROL, "no-store")],
        Html(document.into_string()),
    )
        .into_response()
}

fn tabs(desk: &Desk) -> Markup {
    let ui = desk.ui();
    let here = desk.visit.here.as_str();
    let current = |path: &str| here.starts_with(path).then_some("page");
    html! {
        nav.my-nav aria-label=(ui.t("app.nav")) {
            @for (path, text) in [
                ("/my/choices", ui.t("mine.choices")),
                ("/my/looked", ui.t("mine.looked")),
                ("/my/record", ui.t("mine.record")),
            ] { a href=(path) aria-current=[current(path)] { (text) } }
        }
    }
}

/// Whose pages these are, and who holds the phone.
fn whose(desk: &Desk, phone: &Phone, record: &PatientRecord) -> Markup {
    let ui = desk.ui();
    let name = [("name", record.details.name.as_str())];
    html! {
        p.says {
            @match phone.session.respondent {
                Respondent::Own => { (ui.fill("mine.of", &name)) }
                Respondent::Guardian(_) => { (ui.fill("mine.for", &name)) }
            }
            (crate::web::dummy_mark(&ui, record.population))
        }
    }
}
