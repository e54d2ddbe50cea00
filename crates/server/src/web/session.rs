//! The cookie of a session, and pages that move on.

use crate::web::state::App;
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use maud::{DOCTYPE, html};

/// Longest description of a browser that is kept, in characters.
const LONGEST_CLIENT: usize = 200;

/// The name of the cookie: under TLS one that a browser takes from this host only.
fn name(app: &App) -> &'static str {
    if app.gate.setting.secure {
        "__Host-tsumugi_session"
    } else {
        "tsumugi_session"
    }
}

/// The token that a request shows.
pub(crate) fn token(app: &App, headers: &HeaderMap) -> Option<String> {
    cookie_of(name(app), headers)
}

/// The value of a cookie that a request shows, unless it is empty.
pub(crate) fn cookie_of(name: &str, headers: &HeaderMap) -> Option<String> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(given, value)| *given == name && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

/// The header that gives a browser its token; it ends with the browser.
pub(crate) fn cookie(app: &App, token: &str) -> String {
    let secure = if app.gate.setting.secure { "; Secure" } else { "" };
    format!("{}={token}; Path=/; HttpOnly; SameSite=Strict{secure}", name(app))
}

/// The header that takes it back.
pub(crate) fn no_cookie(app: &App) -> String {
    format!("{}; Max-Age=0", cookie(app, ""))
}

/// How a browser calls itself.
pub(crate) fn client(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    agent.unwrap_or("-").chars().take(LONGEST_CLIENT).collect()
}

/// A path of ours, or the first page: a link of another site must not send the visitor away.
pub(crate) fn local(next: &str) -> &str {
    let is_local =
        next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && next.is_ascii();
    if is_local && !next.chars().any(char::is_control) {
        next
    } else {
        "/"
    }
}

/// A page that moves on to an own address. A redirect would keep the foreign origin of the link that led here, and the
/// browser would not send the cookie.
pub(crate) fn moved_on(address: &str, cookie: Option<String>) -> Response {
    let address = local(address);
    let page = html! {
        (DOCTYPE)
        html {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(format!("0;url={address}"));
                title { "Tsumugi" }
            }
            body { a href=(address) { "Tsumugi" } }
        }
    };
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ];
    let cookie = cookie.map(|cookie| (header::SET_COOKIE, cookie));
    (headers, AppendHeaders(cookie), Html(page.into_string())).into_response()
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_own_pages_are_gone_on_to() {
        for (next, want) in [
            ("/patients/1", "/patients/1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(next), want);
        }
    }
}
