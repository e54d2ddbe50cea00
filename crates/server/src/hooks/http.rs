//! The addresses of the services. The guard of the pages stands before them, and the door asks for the token of the
//! hospital's system; while there are only dummies and no account, they are there without one for trying out.

use super::refusal::Refusal;
use super::{Call, Hooks, discovery, feedback, respond};
use crate::web::{App, Ask, Doors, Language, clock};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::sync::Arc;

/// Seconds for which a browser may keep the answer to a preflight.
const PREFLIGHT_AGE: &str = "600";

/// Adds the doors of the services, with what they keep between requests.
pub(crate) fn doors(doors: Doors) -> Doors {
    let hooks = Arc::new(Hooks::default());
    let (calls, reports) = (Arc::clone(&hooks), Arc::clone(&hooks));
    let discover = get(move |State(app): State<Arc<App>>, headers: HeaderMap| {
        let hooks = Arc::clone(&hooks);
        async move { work(app, headers, move |call| (StatusCode::OK, discovery(call)), hooks).await }
    });
    let call = post(
        move |State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap, body: Body| {
            let hooks = Arc::clone(&calls);
            async move {
                take(
                    app,
                    headers,
                    body,
                    move |call, body| respond(call, &id, body),
                    hooks,
                )
                .await
            }
        },
    );
    let report = post(
        move |State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap, body: Body| {
            let hooks = Arc::clone(&reports);
            async move {
                take(
                    app,
                    headers,
                    body,
                    move |call, body| feedback(call, &id, body),
                    hooks,
                )
                .await
            }
        },
    );
    doors
        .door(
            "GET",
            "/cds-services",
            Ask::Service,
            discover
                .options(preflight)
                .fallback(async || other_method("GET, HEAD, OPTIONS")),
        )
        .door(
            "POST",
            "/cds-services/{id}",
            Ask::Service,
            call.options(preflight)
                .fallback(async || other_method("POST, OPTIONS")),
        )
        .door(
            "POST",
            "/cds-services/{id}/feedback",
            Ask::Service,
            report
                .options(preflight)
                .fallback(async || other_method("POST, OPTIONS")),
        )
}

type Body = Result<Bytes, BytesRejection>;
type Answer = (StatusCode, Value);

/// Answers a request with a body.
async fn take<F>(app: Arc<App>, headers: HeaderMap, body: Body, answer: F, hooks: Arc<Hooks>) -> Response
where
    F: FnOnce(Call<'_>, &[u8]) -> Answer + Send + 'static,
{
    if !is_json(&headers) {
        return told(&app, &headers, Refusal::not_json_type().answer());
    }
    match body {
        Ok(body) => work(app, headers, move |call| answer(call, &body), hooks).await,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            told(&app, &headers, Refusal::too_long().answer())
        }
        Err(rejection) => {
            let refusal = Refusal::broken_off(rejection.status(), rejection.body_text());
            told(&app, &headers, refusal.answer())
        }
    }
}

/// Answers beside the asynchronous threads, since the store waits for its disk.
async fn work<F>(app: Arc<App>, headers: HeaderMap, answer: F, hooks: Arc<Hooks>) -> Response
where
    F: FnOnce(Call<'_>) -> Answer + Send + 'static,
{
    let language = language(&headers);
    let shared = Arc::clone(&app);
    let done = tokio::task::spawn_blocking(move || {
        answer(Call {
            app: &shared,
            hooks: &hooks,
            language,
            now: &clock::now(),
        })
    });
    let answer = done.await.unwrap_or_else(|_| {
        // The place where it panicked is in the log already.
        Refusal::failed().answer()
    });
    told(&app, &headers, answer)
}

fn told(app: &App, headers: &HeaderMap, (status, body): Answer) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    allow_origin(app, headers, answer);
    response
}

/// A browser asks before it sends JSON to another origin: only our own names on this machine may.
async fn preflight(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    if allow_origin(&app, &headers, answer) {
        let fields = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type, accept-language",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
        ];
        for (name, value) in fields {
            answer.insert::<HeaderName>(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Lets the page of an origin read the answer, where the origin is this server under one of its names.
fn allow_origin(app: &App, headers: &HeaderMap, answer: &mut HeaderMap) -> bool {
    answer.insert(header::VARY, HeaderValue::from_static("origin, accept-language"));
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let host = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix(app.scheme()));
    let is_own = host.is_some_and(|host| app.hosts.iter().any(|own| own.eq_ignore_ascii_case(host)));
    if is_own {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    is_own
}

fn other_method(allowed: &'static str) -> Response {
    let (status, body) = Refusal::other_method(allowed).answer();
    let mut response = (status, axum::Json(body)).into_response();
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// The first language that is asked for; Japanese where none is.
fn language(headers: &HeaderMap) -> Language {
    let asked = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|asked| asked.to_str().ok());
    let first = asked
        .and_then(|asked| asked.split([',', ';', '-']).next())
        .map(str::trim);
    Language::of(first.unwrap_or_default())
}
