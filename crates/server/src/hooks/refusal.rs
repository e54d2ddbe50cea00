//! Why a call is refused: the status, and an outcome that names the field.

use crate::log;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tsumugi_records::StoreError;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub(crate) struct Refusal {
    status: StatusCode,
    /// Code of the kind of issue, FHIR `issue-type`.
    kind: &'static str,
    /// Path of the field; empty where it is about the whole.
    field: String,
    detail: String,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, field: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            field: field.to_owned(),
            detail: detail.into(),
        }
    }

    /// A field that must be there is not.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "required", field, "is missing")
    }

    /// A field holds what it cannot hold.
    pub(crate) fn wrong(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "value", field, detail)
    }

    /// The body is no JSON.
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "structure",
            "",
            format!("the body is no JSON: {error}"),
        )
    }

    /// No service has this id.
    pub(crate) fn unknown_service(id: &str) -> Self {
        let id: String = id.chars().take(80).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "",
            format!("there is no service \"{id}\""),
        )
    }

    /// Neither the prefetch nor the store knows the patient.
    pub(crate) fn unknown_patient() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "not-found",
            "prefetch.patient",
            "the patient is neither in the prefetch nor in the record here",
        )
    }

    /// The body is longer than is read, or holds more than is read.
    pub(crate) fn too_long() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-long",
            "",
            "the request is too large",
        )
    }

    /// The body did not come whole.
    pub(crate) fn broken_off(status: StatusCode, detail: String) -> Self {
        Self::new(status, "incomplete", "", detail)
    }

    /// The body is of another type.
    pub(crate) fn not_json_type() -> Self {
        let detail = "the body must be application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", "", detail)
    }

    /// The address has no such method.
    pub(crate) fn other_method(allowed: &str) -> Self {
        let detail = format!("this address takes {allowed}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", "", detail)
    }

    /// A mistake of this program, told without its inside.
    pub(crate) fn failed() -> Self {
        let detail = "the service failed; see its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", "", detail)
    }

    /// Status and body, an `OperationOutcome` of FHIR R4.
    pub(crate) fn answer(&self) -> (StatusCode, Value) {
        let diagnostics = if self.field.is_empty() {
            self.detail.clone()
        } else {
            self.to_string()
        };
        let mut issue = json!({"severity": "error", "code": self.kind, "diagnostics": diagnostics});
        if !self.field.is_empty()
            && let Some(fields) = issue.as_object_mut()
        {
            fields.insert("expression".to_owned(), json!([self.field]));
        }
        (
            self.status,
            json!({"resourceType": "OperationOutcome", "issue": [issue]}),
        )
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let cause = log::Cause::of_store(&error);
        log::error("the store does not answer the hooks", &[("cause", &cause)]);
        match error {
            StoreError::Locked { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "lock-error",
                "",
                "the record is locked; try again",
            ),
            StoreError::Full { .. } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "no-store",
                "",
                "the disk is full",
            ),
            _ => Self::failed(),
        }
    }
}
