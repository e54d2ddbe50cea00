//! A person agrees that an app gets what it asks for, or does not.

use super::asked::{Asked, Fault};
use super::consent;
use crate::access::{Rows, Standing, SystemEntropy};
use crate::audit;
use crate::web::{App, Desk, Visit, WebError, answer};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;
use tsumugi_access::{Action, Consent, GrantError, Resource};
use tsumugi_records::{AuditEntity, AuditSubtype, PatientId};

/// Where the form of a page may lead, besides our own addresses.
#[derive(Debug, Clone)]
pub(super) struct Leads(pub(super) String);

/// Shows what an app asks for.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let response = answer(app, visit, move |desk| {
        let search = value(&pairs, "q").unwrap_or_default().to_owned();
        match read(desk, pairs)? {
            Ok(asked) => consent::page(desk, &asked, &search, None),
            Err(fault) => Ok(told(desk, fault)),
        }
    });
    let_lead(response.await)
}

/// Takes the person's decision.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let response = answer(app, visit, move |desk| {
        let is_allowed = value(&pairs, "decision") == Some("allow");
        let patient = value(&pairs, "patient").and_then(|number| number.parse().ok());
        let patient = patient.map(PatientId::new);
        let asked = match read(desk, pairs)? {
            Ok(asked) => asked,
            Err(fault) => return Ok(told(desk, fault)),
        };
        if !is_allowed {
            let refused = [
                ("error", "access_denied"),
                ("error_description", "the person did not agree"),
            ];
            return Ok(Redirect::to(&asked.back(&desk.app, &refused)).into_response());
        }
        let launched = asked
            .launch
            .as_ref()
            .map(|(_, launch)| PatientId::new(launch.patient.get()));
        let patient = launched.or(patient.filter(|_| asked.picks));
        if asked.picks && patient.is_none() {
            return consent::page(desk, &asked, "", Some("smart.choose"));
        }
        grant(desk, &asked, patient)
    });
    let_lead(response.await)
}

fn value<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let found = pairs.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| value.as_str())
}

fn read(desk: &Desk, pairs: Vec<(String, String)>) -> Result<Result<Asked, Fault>, WebError> {
    let actor = desk.actor()?;
    // Whatever tells of a patient below asks about that patient.
    actor.tells_of_no_record();
    if actor.session.first_run {
        return Ok(Err(Fault::Here("smart.first-run")));
    }
    Ok(Asked::read(&desk.app, &actor.user().id, pairs))
}

fn told(desk: &Desk, fault: Fault) -> Response {
    match fault {
        Fault::Here(key) => consent::refused(desk, key),
        Fault::Back(address) => Redirect::to(&address).into_response(),
    }
}

/// Keeps what was agreed to, and sends the code. About the patient the policy is asked without an emergency access, which
/// the grant would outlast.
fn grant(desk: &Desk, asked: &Asked, patient: Option<PatientId>) -> Result<Response, WebError> {
    let (actor, store) = (desk.actor()?, &desk.app.store);
    let app = &asked.app;
    let what = format!("app {}: {}", app.id, asked.scopes);
    let mut entry = audit::of(actor, AuditSubtype::PolicyChange)?;
    if let Some(patient) = patient {
        let record = store.patient(patient)?;
        let standing = Standing::of(store, &record)?;
        let asked = Resource::Patient(&standing.patient);
        if !actor.ask_without_emergency(Action::Read, asked).allowed {
            return Err(desk.refuse(audit::about(entry, patient), &what, Some(patient)));
        }
        entry = audit::about(entry, patient);
    }
    entry.entities.push(AuditEntity::Query(what));
    let consent = Consent {
        app: app.id.clone(),
        user: actor.user().id.clone(),
        second_factor: actor.session.second_factor,
        session: actor.session.handle.clone(),
        scopes: asked.scopes.clone(),
        patient: patient.map(|patient| tsumugi_access::PatientId::new(patient.get())),
        encounter: asked
            .launch
            .as_ref()
            .and_then(|(_, launch)| launch.encounter.clone()),
        redirect: asked.redirect.clone(),
        challenge: asked.challenge.clone(),
        nonce: asked.nonce.clone(),
    };
    let rows = Rows::new(store, Some(entry));
    let code = desk.app.gate.with(|inner, now| {
        if let Some((token, _)) = &asked.launch {
            inner
                .grants
                .take_launch(&rows, token, &app.id, &actor.user().id, now)?;
        }
        inner.grants.authorize(&rows, &mut SystemEntropy, consent, now)
    });
    match code {
        Ok(code) => {
            let address = asked.back(&desk.app, &[("code", &code.reveal())]);
            Ok(Redirect::to(&address).into_response())
        }
        // The launch was used in another window meanwhile.
        Err(GrantError::Invalid) => Ok(consent::refused(desk, "smart.launched")),
        Err(error) => Err(WebError::Other(error.to_string())),
    }
}

/// Lets the form of a page lead to the app, which the page names: a browser holds the answer to a form against the policy.
fn let_lead(mut response: Response) -> Response {
    let Some(Leads(address)) = response.extensions().get::<Leads>().cloned() else {
        return response;
    };
    let headers = response.headers_mut();
    let policy = headers
        .get(header::CONTENT_SECURITY_POLICY)
        .and_then(|policy| policy.to_str().ok());
    let policy =
        policy.map(|policy| policy.replace("form-action 'self'", &format!("form-action 'self' {address}")));
    if let Some(policy) = policy.and_then(|policy| HeaderValue::from_str(&policy).ok()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
