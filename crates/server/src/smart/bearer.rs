//! Who stands behind the token of a request (RFC 6750).

use crate::fhir_api::outcome::outcome;
use crate::web::{App, origin};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::sync::Arc;

/// Finds out who stands behind a request, and leaves that with it; gives the refusal where nobody does.
pub(crate) fn admit(app: &Arc<App>, request: &mut Request) -> Option<Response> {
    let given = request.headers().get(header::AUTHORIZATION);
    let token = given
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| token.trim().to_owned());
    let Some(token) = token else {
        return Some(refusal("Bearer", "a token is wanted: Authorization: Bearer ..."));
    };
    let origin = origin(app, request);
    let Some((bearer, actor)) = app.gate.bearer(&token, &origin) else {
        let scheme = "Bearer error=\"invalid_token\"";
        return Some(refusal(
            scheme,
            "the token is not known, over, or taken back; fetch a new one",
        ));
    };
    request.extensions_mut().insert(bearer);
    request.extensions_mut().insert(actor);
    None
}

fn refusal(scheme: &'static str, text: &str) -> Response {
    let mut response = outcome(StatusCode::UNAUTHORIZED, "login", text);
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    response
}
