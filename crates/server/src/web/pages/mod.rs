//! The pages, one module each.

pub(crate) mod account;
pub(crate) mod apps;
pub(crate) mod as_of;
pub(crate) mod care;
pub(crate) mod confirmations;
pub(crate) mod consent;
pub(crate) mod document;
pub(crate) mod drafts;
pub(crate) mod emergency;
mod facts;
pub(crate) mod first_run;
pub(crate) mod knowledge;
pub(crate) mod launch;
pub(crate) mod medications;
pub(crate) mod note;
pub(crate) mod patient;
pub(crate) mod patients;
pub(crate) mod policy;
pub(crate) mod preferences;
pub(crate) mod review;
pub(crate) mod search;
mod search_query;
pub(crate) mod sign_in;
pub(crate) mod standing;
pub(crate) mod terms;
pub(crate) mod texts;
pub(crate) mod users;
pub(crate) mod who;

use crate::web::error::WebError;
use crate::web::state::{App, Visit, answer};
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// What is not there.
pub(crate) async fn missing(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer::<(), _>(app, visit, |_| Err(WebError::NotFound)).await
}
