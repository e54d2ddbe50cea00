//! Codes, refresh tokens and assertions become access tokens (RFC 6749, clause 3.2; SMART App Launch 2.2).

use super::client::{Fields, Refusal, answered, authenticate, form, refused};
use super::{FHIR, SUPPORTED, base};
use crate::access::{Rows, SystemEntropy};
use crate::audit;
use crate::web::App;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tsumugi_access::{Client, GrantError, Level, Scopes, Special, Timestamp, Tokens};
use tsumugi_records::{AuditEntity, AuditSubtype};

/// Gives tokens.
pub(super) async fn give(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    answered(move || {
        let fields = form(&headers, &body)?;
        let client = authenticate(&app, &headers, &fields)?;
        let (tokens, is_first) = match fields.need("grant_type")? {
            "authorization_code" => (of_code(&app, &client, &fields), true),
            "refresh_token" => (of_refresh(&app, &client, &fields), false),
            "client_credentials" => (of_itself(&app, &client, &fields), false),
            _ => {
                let wanted = "authorization_code, refresh_token or client_credentials is wanted";
                return Err(Refusal::new("unsupported_grant_type", wanted));
            }
        };
        let tokens = tokens.or_else(|refusal| -> Result<Tokens, Refusal> {
            refused(&app, client.app.id.as_str(), refusal.description())?;
            Err(refusal)
        })?;
        // Whose account is no longer active gets nothing, whatever was granted.
        let user = &tokens.grant.user;
        let is_active = app
            .gate
            .with(|inner, _| inner.accounts.user(user).is_some_and(|user| user.active));
        if !is_active {
            return Err(GrantError::Invalid.into());
        }
        let mut entry = audit::of_app(client.app.id.as_str(), Some(user.as_str()), AuditSubtype::Login)?;
        entry.entities.push(AuditEntity::Query(tokens.scopes.to_string()));
        app.store.audit_read(&entry)?;
        Ok(axum::Json(answer(&app, &tokens, is_first)?).into_response())
    })
    .await
}

fn of_code(app: &App, client: &Client, fields: &Fields) -> Result<Tokens, Refusal> {
    let given = (
        fields.need("code")?,
        fields.need("redirect_uri")?,
        fields.need("code_verifier")?,
    );
    let rows = Rows::new(&app.store, None);
    let redeemed = app
        .gate
        .with(|inner, now| inner.grants.redeem(&rows, &mut SystemEntropy, client, given, now));
    Ok(redeemed?)
}

fn of_refresh(app: &App, client: &Client, fields: &Fields) -> Result<Tokens, Refusal> {
    let token = fields.need("refresh_token")?;
    let fewer = fields.get("scope").map(|text| Scopes::parse(text).0);
    let rows = Rows::new(&app.store, None);
    let refreshed = app.gate.with(|inner, now| {
        let sessions = &inner.sessions;
        let is_online = |handle: &str| sessions.is_there(handle, now);
        let given = (token, fewer.as_ref());
        inner
            .grants
            .refresh(&rows, &mut SystemEntropy, client, given, &is_online, now)
    });
    Ok(refreshed?)
}

/// An app that works under its own account, nobody being there.
fn of_itself(app: &App, client: &Client, fields: &Fields) -> Result<Tokens, Refusal> {
    if client.app.method() != "private_key_jwt" {
        let wanted = "client_credentials is for apps that sign (private_key_jwt)";
        return Err(Refusal::new("unauthorized_client", wanted));
    }
    let asked = Scopes::parse(fields.need("scope")?).0;
    let scopes = asked.and(&client.app.scopes).and(&SUPPORTED);
    let scopes = Scopes::parse(&only_system(&scopes)).0;
    let rows = Rows::new(&app.store, None);
    let given = app.gate.with(|inner, now| {
        inner
            .grants
            .for_backend(&rows, &mut SystemEntropy, client, scopes, now)
    });
    given.map_err(|error| match error {
        GrantError::Scope => Refusal::new(
            "invalid_scope",
            "none of these system/ scopes is one that the app was registered with",
        ),
        other => other.into(),
    })
}

fn only_system(scopes: &Scopes) -> String {
    let resources = scopes.without_level(Level::Patient).without_level(Level::User);
    let words = resources.words();
    let system: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| word.starts_with("system/"))
        .collect();
    system.join(" ")
}

fn answer(app: &App, tokens: &Tokens, is_first: bool) -> Result<Value, Refusal> {
    let grant = &tokens.grant;
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(tokens.access.reveal()));
    body.insert("token_type".to_owned(), json!("Bearer"));
    body.insert("expires_in".to_owned(), json!(tokens.holds.as_secs()));
    body.insert("scope".to_owned(), json!(tokens.scopes.to_string()));
    if let Some(refresh) = &tokens.refresh {
        body.insert("refresh_token".to_owned(), json!(refresh.reveal()));
    }
    if let Some(patient) = grant.patient {
        body.insert("patient".to_owned(), json!(patient.to_string()));
        body.insert("need_patient_banner".to_owned(), json!(true));
    }
    if let Some(encounter) = &grant.encounter {
        body.insert("encounter".to_owned(), json!(encounter));
    }
    if is_first && tokens.scopes.has(Special::OpenId) {
        let now = app.gate.with(|_, now| now);
        let token = app.keys.signing.sign(&claims(app, tokens, now));
        let token = token.ok_or_else(|| Refusal::from(GrantError::Full))?;
        body.insert("id_token".to_owned(), json!(token));
    }
    Ok(Value::Object(body))
}

/// The claims of an id token (OpenID Connect Core 1.0, clause 2; SMART's `fhirUser`).
fn claims(app: &App, tokens: &Tokens, now: Timestamp) -> Value {
    let grant = &tokens.grant;
    let mut claims = json!({
        "iss": base(app),
        "sub": grant.user.as_str(),
        "aud": grant.app.as_str(),
        "iat": now.get(),
        "exp": now.after(tokens.holds).get(),
    });
    if let Some(map) = claims.as_object_mut() {
        if let Some(nonce) = &grant.nonce {
            map.insert("nonce".to_owned(), json!(nonce));
        }
        if tokens.scopes.has(Special::FhirUser) {
            map.insert("fhirUser".to_owned(), json!(fhir_user(app, grant.user.as_str())));
        }
    }
    claims
}

/// The address of a person as a resource.
pub(super) fn fhir_user(app: &App, user: &str) -> String {
    format!("{}{FHIR}/Practitioner/{user}", base(app))
}
