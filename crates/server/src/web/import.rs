//! `POST /import/{standard}`: what the hospital's system sends over HTTP, a source in a body. The answer is the report that
//! the command line prints; when it comes, everything that was accepted is durable.

use crate::import::readers;
use crate::import::{Engine, Importer, Setting, site};
use crate::log::{self, Cause};
use crate::web::doors::{Ask, Doors};
use crate::web::state::App;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use tsumugi_records::Population;

/// Longest body; larger sources go through the command line or a watched folder.
const LONGEST: usize = 16 << 20;

/// Adds the door.
pub(super) fn doors(doors: Doors) -> Doors {
    let route = post(take).layer(DefaultBodyLimit::max(LONGEST));
    doors.door("POST", "/import/{standard}", Ask::Service, route)
}

/// What the address may say beside the standard.
#[derive(Debug, Clone, Deserialize)]
struct Asked {
    /// Name of the source, for places in the report.
    file: Option<String>,
    /// Number of the patient, for sources that do not say whose they are.
    patient: Option<String>,
    /// Takes the persons in as dummies.
    #[serde(default)]
    dummy: bool,
}

async fn take(
    State(app): State<Arc<App>>,
    Path(standard): Path<String>,
    Query(asked): Query<Asked>,
    peer: Option<Extension<SocketAddr>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if !app.keys.admits(given) {
        // Other services may be tried out without a token in the first run; nothing is written into records that way.
        let told = [(header::WWW_AUTHENTICATE, "Bearer")];
        let words = "a token is wanted: Authorization: Bearer ...\n";
        return (StatusCode::UNAUTHORIZED, told, words).into_response();
    }
    let address = peer.map(|Extension(peer)| peer.ip().to_string());
    let done = tokio::task::spawn_blocking(move || import(&app, &standard, asked, address, &body)).await;
    done.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn import(app: &App, standard: &str, asked: Asked, address: Option<String>, body: &[u8]) -> Response {
    let Some(standard) = readers::named(standard) else {
        let known = readers::STANDARDS.map(|(word, _)| word).join(", ");
        return (
            StatusCode::NOT_FOUND,
            format!("no such standard; one of {known}\n"),
        )
            .into_response();
    };
    let read = readers::of(standard);
    let stating = readers::stating();
    let engine = Engine {
        store: &app.store,
        coder: &app.coder,
        advice: &app.advice,
        stating: &*stating,
    };
    let facility = match site::facility(&app.store, None, "service") {
        Ok(facility) => facility,
        Err(error) => return failed(&error),
    };
    let population = if asked.dummy {
        Population::Dummy
    } else {
        Population::Real
    };
    let setting = Setting {
        standard,
        population,
        facility,
        way: "http",
        author: "service".to_owned(),
        address,
        patient: asked.patient,
        clock: None,
        replay_of: None,
    };
    let mut importer = Importer::new(engine, setting, None);
    let file = asked.file.unwrap_or_else(|| "body".to_owned());
    let read = importer.read(&read, &file, &mut std::io::Cursor::new(body));
    match read.and_then(|_| importer.finish()) {
        Ok(report) if report.rejected == 0 => axum::Json(report).into_response(),
        Ok(report) => (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(report)).into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> Response {
    log::error(
        "what was sent could not be taken in",
        &[("cause", &Cause::of(error))],
    );
    let words = "the store could not take it in; nothing of the last batch is kept: send it again\n";
    (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
}

#[cfg(test)]
mod tests;
