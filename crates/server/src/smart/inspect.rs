//! What a token is worth (RFC 7662), and taking one back (RFC 7009).

use super::base;
use super::client::{answered, authenticate, form};
use super::token::fhir_user;
use crate::access::Rows;
use crate::audit;
use crate::web::App;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use tsumugi_access::{AppId, Special};
use tsumugi_records::AuditSubtype;

/// Tells what a token is worth: an app about its own tokens, the hospital's system about all.
pub(super) async fn introspect(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    answered(move || {
        let fields = form(&headers, &body)?;
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let only = if app.keys.admits(given) {
            None
        } else {
            Some(authenticate(&app, &headers, &fields)?.app.id)
        };
        let token = fields.need("token")?;
        Ok(axum::Json(worth(&app, token, only.as_ref())).into_response())
    })
    .await
}

fn worth(app: &App, token: &str, only: Option<&AppId>) -> Value {
    let found = app.gate.with(|inner, now| {
        let access = inner.grants.look(token, now)?;
        let grant = &access.grant;
        let is_active = inner.apps.active(&grant.app).is_some()
            && inner.accounts.user(&grant.user).is_some_and(|user| user.active);
        (is_active && only.is_none_or(|only| *only == grant.app)).then_some(access)
    });
    let Some(access) = found else {
        return json!({"active": false});
    };
    let grant = &access.grant;
    let mut answer = json!({
        "active": true,
        "client_id": grant.app.as_str(),
        "scope": access.scopes.to_string(),
        "exp": access.expires.get(),
        "iss": base(app),
        "token_type": if access.is_access { "Bearer" } else { "refresh_token" },
    });
    if let Some(map) = answer.as_object_mut() {
        if grant.personal {
            map.insert("sub".to_owned(), json!(grant.user.as_str()));
        }
        if let Some(patient) = grant.patient {
            map.insert("patient".to_owned(), json!(patient.to_string()));
        }
        if let Some(encounter) = &grant.encounter {
            map.insert("encounter".to_owned(), json!(encounter));
        }
        if access.scopes.has(Special::FhirUser) {
            map.insert("fhirUser".to_owned(), json!(fhir_user(app, grant.user.as_str())));
        }
    }
    answer
}

/// Takes a token back. One that is none is as good as taken back (RFC 7009, clause 2.2).
pub(super) async fn revoke(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    answered(move || {
        let fields = form(&headers, &body)?;
        let client = authenticate(&app, &headers, &fields)?;
        let token = fields.need("token")?;
        let rows = Rows::new(&app.store, None);
        let id = &client.app.id;
        let ended = app
            .gate
            .with(|inner, now| inner.grants.revoke(&rows, id, token, now))?;
        if let Some(grant) = ended {
            let entry = audit::of_app(id.as_str(), Some(grant.user.as_str()), AuditSubtype::Logout)?;
            app.store.audit_read(&entry)?;
        }
        Ok(StatusCode::OK.into_response())
    })
    .await
}
