//! Requests that fail by our fault (5xx) leave a line in the log with the id of the request, which the answer carries too.
//!
//! The line names the address as it was declared (`/patients/{id}`), never as it was asked: paths and queries tell of
//! patients.

use crate::log::{self, Cause, Name};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over, in characters.
const LONGEST_ID: usize = 64;

/// Why an answer is a failure; the page that draws it leaves this in the answer's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Why(pub(crate) Cause);

/// Logs failures.
pub(crate) async fn log_failures(request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(drawn);
    let method = Name::of_request(request.method().as_str());
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => Name::of_request(path.as_str()),
        None => Name::of_request("-"),
    };
    let mut response = next.run(request).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let status = response.status();
    if status.is_server_error() {
        let why = response.extensions().get::<Why>();
        let cause = why.map_or_else(|| Cause::of_words("-"), |Why(cause)| cause.clone());
        log::error(
            "a request failed",
            &[
                ("request", &Name::of_request(&id)),
                ("method", &method),
                ("route", &route),
                ("status", &status.as_u16()),
                ("cause", &cause),
            ],
        );
    }
    response
}

/// The id that the client gave, when it is one.
fn given(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ((1..=LONGEST_ID).contains(&id.len()) && id.chars().all(is_id)).then(|| id.to_owned())
}

/// A new id: 16 hexadecimal digits.
fn drawn() -> String {
    match getrandom::u64() {
        Ok(number) => format!("{number:016x}"),
        Err(_) => "-".to_owned(),
    }
}
