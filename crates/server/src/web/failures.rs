//! Requests that fail by our fault (5xx) leave a line in the log with the id of the request, which the answer carries too.
//!
//! The line names the address as it was declared (`/patients/{id}`), never as it was asked: paths and queries tell of
//! patients.

use crate::log::{self, Cause, Name};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

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
        // A client can be slow on purpose, and as often as it likes: what it makes us write has a bound.
        let Some(untold) = (status != StatusCode::GATEWAY_TIMEOUT)
            .then_some(0)
            .or_else(|| lock(&SLOW).tell(minutes()))
        else {
            return response;
        };
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
                ("untold", &untold),
            ],
        );
    }
    response
}

/// Requests that took too long and are told in a minute; the others are counted.
const TOLD_A_MINUTE: u32 = 10;

static SLOW: Mutex<Slow> = Mutex::new(Slow {
    minute: 0,
    told: 0,
    untold: 0,
});

/// What was told of requests that took too long.
#[derive(Debug, Default)]
struct Slow {
    minute: u64,
    told: u32,
    untold: u32,
}

impl Slow {
    /// Counts one; how many were left untold since the last line, where this one is told.
    fn tell(&mut self, minute: u64) -> Option<u32> {
        if minute != self.minute {
            (self.minute, self.told) = (minute, 0);
        }
        if self.told == TOLD_A_MINUTE {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

fn lock(slow: &Mutex<Slow>) -> MutexGuard<'_, Slow> {
    slow.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Minutes since the first request that took too long.
fn minutes() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_secs() / 60
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

#[cfg(test)]
mod tests {
    use super::{Slow, TOLD_A_MINUTE};

    #[test]
    fn slow_requests_are_told_to_a_bound_and_the_rest_is_counted() {
        let mut slow = Slow::default();
        let told = (0..1_000).filter(|_| slow.tell(0).is_some()).count();
        assert_eq!(told, TOLD_A_MINUTE as usize);
        assert_eq!(slow.tell(1), Some(1_000 - TOLD_A_MINUTE));
        assert_eq!(slow.tell(1), Some(0));
    }
}
