//! How the pages look: kept in cookies.

use crate::web::error::WebError;
use crate::web::session::local;
use crate::web::state::{App, Theme, Visit, answer, cookie};
use crate::web::ui_text::Language;
use axum::Form;
use axum::extract::State;
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

/// A choice of language or colours.
#[derive(Debug, Deserialize)]
pub(crate) struct Preference {
    name: String,
    value: String,
    #[serde(default)]
    next: String,
}

/// Keeps a choice.
pub(crate) async fn prefer(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(form): Form<Preference>,
) -> Response {
    answer(app, visit, move |_| {
        let value = match form.name.as_str() {
            "language" => cookie("language", Language::of(&form.value).tag()),
            "theme" => cookie("theme", Theme::of(&form.value).word()),
            _ => return Err(WebError::Bad("error.invalid")),
        };
        Ok((
            AppendHeaders([(header::SET_COOKIE, value)]),
            Redirect::to(local(&form.next)),
        )
            .into_response())
    })
    .await
}
