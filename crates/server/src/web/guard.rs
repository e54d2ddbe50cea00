//! What stands before every answer: only this server's own pages may ask, and what is sent cannot run foreign code.
//!
//! `Host` must name this server (a page of another site that points its own name at this machine is refused), and whatever
//! changes something must come from a page of ours (`Origin`, `Sec-Fetch-Site`). Who asks is the doors' affair
//! ([`crate::web::doors`]).

use crate::smart::cors;
use crate::web::state::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Headers of every answer beside the policy of the page itself.
pub(crate) const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The policy of a page: own scripts and styles only; the editor's own style sheet carries the nonce.
pub(crate) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Refuses what does not come from this server's own pages.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_own_host(&app, headers) {
        return (StatusCode::MISDIRECTED_REQUEST, "wrong host\n").into_response();
    }
    // What goes by a token alone may be asked by the pages of registered apps, and looks at no cookie.
    let for_apps = cors::is_for_apps(request.uri().path());
    let origin = headers.get(header::ORIGIN).cloned();
    if for_apps && *request.method() == Method::OPTIONS {
        return cors::preflight(&app, origin.as_ref());
    }
    let is_upgrade = headers.contains_key(header::UPGRADE);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if (changes || is_upgrade) && !for_apps && !is_own_origin(&app, headers) {
        return (StatusCode::FORBIDDEN, "foreign origin\n").into_response();
    }
    if is_encoded(headers) {
        return (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            [(header::ACCEPT_ENCODING, "identity")],
            "a body must come as it is, without Content-Encoding\n",
        )
            .into_response();
    }
    let mut request = request;
    request.extensions_mut().insert(Arc::clone(&app));
    let secure = app.gate.setting.secure;
    let mut response = next.run(request).await;
    if secure {
        // A year: who came once by TLS does not come without again.
        let always = axum::http::HeaderValue::from_static("max-age=31536000");
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, always);
    }
    if for_apps {
        cors::allow(&app, origin.as_ref(), response.headers_mut());
    }
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}

/// No body is decompressed here: what is small on the way and huge once read is refused.
fn is_encoded(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut words = encodings.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    words.any(|word| !word.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

fn is_own_host(app: &App, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| app.hosts.iter().any(|own| own.eq_ignore_ascii_case(host)))
}

/// A browser names the origin on every request that changes something; without one the request is no browser's, unless
/// the fetch metadata say that it came from elsewhere.
fn is_own_origin(app: &App, headers: &HeaderMap) -> bool {
    match headers.get(header::ORIGIN) {
        Some(origin) => origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix(app.scheme()))
            .is_some_and(|origin| app.hosts.iter().any(|own| own.eq_ignore_ascii_case(origin))),
        None => headers
            .get("sec-fetch-site")
            .is_none_or(|site| site == "same-origin"),
    }
}
