//! What can go wrong on a page, and what the page then says.

use crate::log::Cause;
use crate::web::failures::Why;
use crate::web::page::{Shell, shell};
use crate::web::permit::Refused;
use crate::web::state::Desk;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;
use tsumugi_records::StoreError;

/// Why a page could not be given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// Nobody is signed in; a mistake of this program, since the doors see to that.
    #[error("nobody is signed in")]
    NoActor,
    /// The policy does not allow it; the audit trail tells of it.
    #[error("the policy does not allow it")]
    Denied(Refused),
    /// There is no such patient, note or page.
    #[error("not found")]
    NotFound,
    /// A field of a form holds what it cannot hold; the key of the text that says so.
    #[error("bad input: {0}")]
    Bad(&'static str),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything else; a mistake of this program.
    #[error("{0}")]
    Other(String),
}

impl From<anyhow::Error> for WebError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => Self::Store(error),
            Err(error) => Self::Other(format!("{error:#}")),
        }
    }
}

impl WebError {
    /// Status and key of the text that explains it.
    fn says(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoActor => (StatusCode::UNAUTHORIZED, "error.signed-out"),
            Self::Denied(_) => (StatusCode::FORBIDDEN, "error.denied"),
            Self::NotFound | Self::Store(StoreError::NotFound { .. }) => {
                (StatusCode::NOT_FOUND, "error.not-found")
            }
            Self::Bad(key) => (StatusCode::BAD_REQUEST, key),
            Self::Other(_) => (StatusCode::INTERNAL_SERVER_ERROR, "error.store"),
            Self::Store(error) => match error {
                StoreError::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "error.full"),
                StoreError::Locked { .. } => (StatusCode::SERVICE_UNAVAILABLE, "error.locked"),
                StoreError::Damaged { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "error.damaged"),
                StoreError::Conflict { .. } | StoreError::DraftConflict { .. } => {
                    (StatusCode::CONFLICT, "error.conflict")
                }
                StoreError::Invalid { .. } => (StatusCode::BAD_REQUEST, "error.invalid"),
                _ => (StatusCode::INTERNAL_SERVER_ERROR, "error.store"),
            },
        }
    }

    /// Why it is our fault, for the log; none when it is not.
    pub(crate) fn fault(&self) -> Option<Cause> {
        let (status, _) = self.says();
        status.is_server_error().then(|| match self {
            Self::Store(error) => Cause::of_store(error),
            _ => Cause::of_words("a mistake of the program"),
        })
    }

    /// What it says in the visitor's language, with the store's own words behind it.
    pub(crate) fn sentence(&self, desk: &Desk) -> String {
        let (_, key) = self.says();
        let text = desk.ui().get(key).unwrap_or(key).to_owned();
        match self {
            Self::Store(StoreError::NotFound { .. }) => text,
            Self::Store(error) => format!("{text} ({error})"),
            Self::Other(error) => format!("{text} ({error})"),
            _ => text,
        }
    }
}

/// The page that says what went wrong, and what can be done.
pub(crate) fn page(desk: &Desk, error: &WebError) -> Response {
    let (status, _) = error.says();
    let ui = desk.ui();
    let body = html! {
        section.card.narrow {
            h1 { (ui.t("error.title")) }
            p role="alert" { (error.sentence(desk)) }
            div.buttons {
                a.button href="/" { (ui.t("error.back")) }
                @if let WebError::Denied(refused) = error {
                    @if let Some(patient) = refused.record() {
                        a.button href=(format!("/emergency?patient={patient}")) { (ui.t("emergency.open")) }
                    } @else { a.button href="/account" { (ui.t("account.title")) } }
                }
            }
        }
    };
    let title = ui.t("error.title");
    let mut response = (
        status,
        shell(
            desk,
            &Shell {
                title,
                class: "plain",
                script: None,
            },
            &body,
        ),
    )
        .into_response();
    if let Some(cause) = error.fault() {
        response.extensions_mut().insert(Why(cause));
    }
    response
}
