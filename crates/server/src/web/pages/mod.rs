//! The pages, one module each.

pub(crate) mod document;
pub(crate) mod drafts;
mod facts;
pub(crate) mod knowledge;
pub(crate) mod note;
pub(crate) mod patient;
pub(crate) mod patients;
pub(crate) mod review;
pub(crate) mod search;
mod search_query;
pub(crate) mod terms;
pub(crate) mod texts;
pub(crate) mod welcome;

use crate::web::error::WebError;
use crate::web::state::{App, Visit, answer};
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// What is not there.
pub(crate) async fn missing(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer::<(), _>(app, visit, |_| Err(WebError::NotFound)).await
}
