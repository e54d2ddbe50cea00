//! Why a FHIR request gets nothing: an OperationOutcome with its status.

use crate::web::WebError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tsumugi_fhirstore::{FindError, IndexError, QueryError, Why};
use tsumugi_records::StoreError;

/// Why a FHIR request gets nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The scopes of the token do not reach.
    Scope,
    /// The search cannot be read.
    Query(QueryError),
    /// There is no such type here.
    Kind(String),
    /// The resource was deleted.
    Gone,
    /// Another form than JSON is asked for.
    Form,
    /// Status, code and what is wrong.
    Told(StatusCode, &'static str, String),
    /// The index is being made.
    NotReady,
    /// As pages are refused.
    Web(WebError),
}

impl<E: Into<WebError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Web(error.into())
    }
}

/// A search that found nothing to search in.
pub(super) fn of_find(error: FindError) -> Refusal {
    match error {
        FindError::Query(error) => Refusal::Query(error),
        FindError::Index(error) => of_index(error),
    }
}

/// The index could not answer.
pub(super) fn of_index(error: IndexError) -> Refusal {
    match error {
        IndexError::Kind(kind) => Refusal::Kind(kind),
        IndexError::Stale => Refusal::NotReady,
        IndexError::Database(error) => Refusal::Web(StoreError::from(error).into()),
        error @ IndexError::Body { .. } => Refusal::Web(WebError::Other(error.to_string())),
    }
}

impl Refusal {
    /// The answer.
    pub(crate) fn into_outcome(self) -> Response {
        match self {
            Self::Scope => {
                let text = "the scopes of the token do not reach this";
                outcome(StatusCode::FORBIDDEN, "forbidden", text)
            }
            Self::Query(error) => {
                let code = match error.why {
                    Why::Invalid => "invalid",
                    Why::NotSupported => "not-supported",
                    Why::TooCostly => "too-costly",
                };
                outcome(StatusCode::BAD_REQUEST, code, &error.text)
            }
            Self::Kind(kind) => {
                let text = format!(
                    "{kind}: no type of resource that is kept here; /fhir/R4/metadata lists those that are"
                );
                outcome(StatusCode::NOT_FOUND, "not-supported", &text)
            }
            Self::Gone => {
                let text = "the resource was deleted; its history is at _history";
                outcome(StatusCode::GONE, "deleted", text)
            }
            Self::Form => {
                let text = "only application/fhir+json is given; leave _format out or ask for json";
                outcome(StatusCode::NOT_ACCEPTABLE, "not-supported", text)
            }
            Self::Told(status, code, text) => outcome(status, code, &text),
            Self::NotReady => {
                let text = "resources are being indexed; ask again in some seconds";
                let mut response = outcome(StatusCode::SERVICE_UNAVAILABLE, "transient", text);
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                response
            }
            Self::Web(WebError::Denied(_)) => {
                let text = "the rules of access do not let the person behind the token read this";
                outcome(StatusCode::FORBIDDEN, "forbidden", text)
            }
            Self::Web(WebError::NotFound | WebError::Store(StoreError::NotFound { .. })) => {
                outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource")
            }
            Self::Web(error) => {
                let text = "the server failed; the log tells why";
                let mut response = outcome(StatusCode::INTERNAL_SERVER_ERROR, "exception", text);
                if let Some(cause) = error.fault() {
                    response.extensions_mut().insert(crate::web::Why(cause));
                }
                response
            }
        }
    }
}

/// An OperationOutcome.
pub(crate) fn outcome(status: StatusCode, code: &str, text: &str) -> Response {
    let body = json!({
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": text}],
    });
    resource(status, body.to_string())
}

/// A resource as an answer.
pub(crate) fn resource(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/fhir+json; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
