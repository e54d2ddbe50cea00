//! Who writes, and how the pages look: asked once, kept in cookies.

use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::state::{App, Theme, Visit, answer, cookie, hex};
use crate::web::ui_text::Language;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;

/// Longest name.
const LONGEST_NAME: usize = 100;

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

/// Asks for the author's name.
pub(crate) async fn ask(State(app): State<Arc<App>>, visit: Visit, Query(next): Query<Next>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let body = html! {
            section.card.narrow.welcome {
                p.mark aria-hidden="true" { (ui.t("app.mark")) }
                h1 { (ui.t("welcome.title")) }
                p { (ui.t("welcome.says")) }
                form method="post" action="/author" {
                    input type="hidden" name="next" value=(local(&next.next));
                    label for="author" { (ui.t("welcome.name")) }
                    input #author type="text" name="author" value=(desk.known_author().unwrap_or_default()) required
                        maxlength=(LONGEST_NAME) autocomplete="name" autofocus;
                    p.hint { (ui.t("welcome.hint")) }
                    button.primary type="submit" { (ui.t("welcome.begin")) }
                }
            }
        };
        Ok(shell(desk, &Shell { title: ui.t("welcome.title"), class: "plain", script: None }, &body))
    })
    .await
}

/// A name.
#[derive(Debug, Deserialize)]
pub(crate) struct Author {
    author: String,
    #[serde(default)]
    next: String,
}

/// Keeps the author's name.
pub(crate) async fn keep(State(app): State<Arc<App>>, visit: Visit, Form(form): Form<Author>) -> Response {
    answer(app, visit, move |_| {
        // Control characters separate parts of a draft's key and have no place in a name.
        let name: String = form
            .author
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_NAME)
            .collect();
        if name.is_empty() {
            return Err(WebError::Bad("error.name"));
        }
        let headers = AppendHeaders([(header::SET_COOKIE, cookie("author", &hex(&name)))]);
        Ok((headers, Redirect::to(local(&form.next))).into_response())
    })
    .await
}

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

/// A path of ours, or the first page: a link of another site must not send the visitor away.
fn local(next: &str) -> &str {
    let is_local =
        next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && next.is_ascii();
    if is_local && !next.chars().any(char::is_control) {
        next
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_own_pages_follow_a_choice() {
        for (next, want) in [
            ("/patients/1", "/patients/1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(next), want);
        }
    }
}
