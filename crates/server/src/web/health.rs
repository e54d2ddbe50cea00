//! `GET /healthz`: whether the store can be read, for whoever watches the server. It says nothing else.

use crate::log::{self, Cause};
use crate::web::state::App;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// `ok` when the store can be read; else 503.
pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let read = tokio::task::spawn_blocking(move || app.store.check_readable()).await;
    let (status, text) = match read {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => {
            log::error("the store cannot be read", &[("cause", &Cause::of_store(&error))]);
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n")
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n"),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], text).into_response()
}
