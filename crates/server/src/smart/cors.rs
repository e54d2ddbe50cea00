//! Pages of registered apps may ask what goes by a token alone (Fetch standard, CORS protocol). No cookie is sent there.

use crate::web::App;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Whether an address is one for apps, which looks at no cookie.
pub(crate) fn is_for_apps(path: &str) -> bool {
    let exact = [
        "/oauth/token",
        "/oauth/introspect",
        "/oauth/revoke",
        "/oauth/jwks",
    ];
    exact.contains(&path) || path.starts_with("/fhir/") || path.starts_with("/.well-known/")
}

/// Answers a browser that asks whether a page may ask.
pub(crate) fn preflight(app: &App, origin: Option<&HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    if allow(app, origin, headers) {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, accept",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Lets the page of a registered app read the answer; gives whether it is one.
pub(crate) fn allow(app: &App, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some((value, text)) = origin.and_then(|value| Some((value, value.to_str().ok()?))) else {
        return false;
    };
    let is_known = app.gate.with(|inner, _| {
        let mut addresses = inner
            .apps
            .list()
            .filter(|app| app.active)
            .flat_map(|app| app.redirects.iter());
        addresses.any(|address| origin_of(address) == Some(text))
    });
    if is_known {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value.clone());
    }
    is_known
}

/// Scheme, host and port of a web address.
pub(crate) fn origin_of(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    address.get(..scheme.len() + 3 + host.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_cut_from_addresses() {
        assert_eq!(
            origin_of("https://app.example:8443/done?x"),
            Some("https://app.example:8443")
        );
        assert_eq!(origin_of("http://127.0.0.1?x"), Some("http://127.0.0.1"));
        assert_eq!(origin_of("com.example.app:/done"), None);
    }
}
