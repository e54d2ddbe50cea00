//! Studies: the list, a study's page, and new versions, each shown with what changes before it is kept.

mod form;

use crate::audit;
use crate::web::Fields;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::my::sheet;
use crate::web::page::{Shell, day, dummy_mark, moment, shell};
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_access::{Action, Resource};
use tsumugi_records::consent::{KNOWLEDGE_STUDY, StudyRecord, StudyText};
use tsumugi_records::{AuditSubtype, Population, StoreError};

fn frame(desk: &Desk, title: &str, body: &Markup) -> Response {
    let page = Shell {
        title,
        class: "list",
        script: None,
    };
    shell(desk, &page, body)
}

/// Whether who is signed in may enter studies: looking is not asking for the page's own sake.
fn may_manage(desk: &Desk) -> Result<bool, WebError> {
    let actor = desk.actor()?;
    let request = tsumugi_access::Request {
        subject: actor.subject(),
        action: Action::ManageStudies,
        resource: Resource::System,
    };
    Ok(actor.policy().is_allowed(&request).allowed)
}

/// Lists the studies.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| list_page(desk, None, None)).await
}

fn list_page(desk: &Desk, typed: Option<&Fields>, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let store = &desk.app.store;
    let mut all = store.studies(Population::Real)?;
    if !all.iter().any(|one| one.study.id == KNOWLEDGE_STUDY) {
        all.push(store.study(KNOWLEDGE_STUDY)?);
    }
    all.extend(store.studies(Population::Dummy)?);
    let body = html! {
        div.page-head { h1 { (ui.t("studies.title")) } }
        (mistake(wrong))
        p.hint { (ui.t("studies.says")) }
        table.grid {
            thead { tr {
                th scope="col" { (ui.t("studies.study")) } th scope="col" { (ui.t("study.purpose")) }
                th scope="col" { (ui.t("study.basis")) } th scope="col" { (ui.t("study.approval")) } th scope="col" { (ui.t("study.ends")) }
            } }
            tbody { @for record in &all { (line(desk, record)) } }
        }
        @if may_manage(desk)? {
            details.card open[typed.is_some()] {
                summary { (ui.t("studies.add")) }
                (form::draw(&ui, "/studies", &typed.cloned().unwrap_or_else(form::blank), None))
            }
        }
    };
    Ok(frame(desk, ui.t("studies.title"), &body))
}

fn line(desk: &Desk, record: &StudyRecord) -> Markup {
    let ui = desk.ui();
    let study = &record.study;
    let today = crate::web::clock::today();
    html! {
        tr {
            td.who data-label=(ui.t("studies.study")) { a href=(format!("/studies/{}", study.id)) { (study.title) } (dummy_mark(&ui, study.population)) }
            td data-label=(ui.t("study.purpose")) { (ui.of("consent-purpose", sheet::purpose_word(study.purpose))) }
            td data-label=(ui.t("study.basis")) { (ui.of("consent-basis", study.basis.id())) }
            td data-label=(ui.t("study.approval")) {
                @match &study.approval {
                    Some(approval) if approval.until < today => span.off { (ui.fill("study.until", &[("when", &day(&ui, approval.until))])) },
                    Some(approval) => { (ui.fill("study.until", &[("when", &day(&ui, approval.until))])) }
                    None if study.purpose.needs_approval() => span.off { (ui.t("study.no-approval")) },
                    None => { "\u{2013}" }
                }
            }
            td data-label=(ui.t("study.ends")) { @if let Some(ends) = study.ends_at { span.off[ends < today] { (day(&ui, ends)) } } }
        }
    }
}

/// Shows a study.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<String>) -> Response {
    answer(app, visit, move |desk| {
        let record = desk.app.store.study(&id)?;
        study_page(desk, &record, &Shown::default())
    })
    .await
}

/// What a study's page shows beside the study.
#[derive(Default)]
struct Shown<'s> {
    /// The form as it was sent.
    typed: Option<&'s Fields>,
    /// The text that would be kept.
    next: Option<StudyText>,
    /// What is wrong.
    wrong: Option<&'s str>,
}

fn study_page(desk: &Desk, record: &StudyRecord, shown: &Shown<'_>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let study = &record.study;
    let versions = desk.app.store.study_versions(&study.id)?;
    let kinds: Vec<String> = study
        .kinds
        .iter()
        .map(|kind| sheet::kind_name(&ui, kind))
        .collect();
    let action = format!("/studies/{}", study.id);
    let own = form::of(record);
    let body = html! {
        div.page-head { h1 { (study.title) (dummy_mark(&ui, study.population)) } a.button href="/studies" { (ui.t("studies.title")) } }
        (mistake(shown.wrong))
        section.card.study {
            (sheet::told(&ui, record))
            p { (ui.t("study.purpose")) ": " (ui.of("consent-purpose", sheet::purpose_word(study.purpose))) }
            p { (ui.t("study.kinds")) ": " (kinds.join(ui.t("looked.comma"))) }
            p.hint { (ui.t("study.text-version")) ": " code { (record.text_hash) } }
        }
        @if let Some(next) = &shown.next { (difference(desk, record, next)) }
        section.card aria-labelledby="versions" {
            h2 #versions { (ui.t("study.versions")) }
            @if versions.is_empty() { p.empty { (ui.t("study.built-in")) } }
            ol { @for one in versions.iter().rev() { (version(desk, one)) } }
        }
        @if may_manage(desk)? {
            details.card.study open[shown.typed.is_some()] {
                summary { (ui.t("study.change")) }
                (form::draw(&ui, &action, shown.typed.unwrap_or(&own), Some(record.version)))
            }
        }
    };
    Ok(frame(desk, &study.title, &body))
}

fn version(desk: &Desk, one: &StudyRecord) -> Markup {
    let ui = desk.ui();
    let hash: String = one.text_hash.as_str().chars().take(12).collect();
    html! {
        li {
            (ui.fill("study.version", &[("number", &one.version.to_string())])) " " code { (hash) }
            @if let Some(stamp) = &one.stamp { " " time { (moment(&ui, stamp.at.civil())) } " " (desk.person(&stamp.author)) }
        }
    }
}

/// What changes in the text that people read.
fn difference(desk: &Desk, record: &StudyRecord, next: &StudyText) -> Markup {
    let ui = desk.ui();
    let is_same = next.hash() == record.text_hash;
    let parts = [
        ("study.one-line", &record.text.one_line, &next.one_line),
        ("study.one-page", &record.text.one_page, &next.one_page),
        ("study.full-text", &record.text.full, &next.full),
    ];
    html! {
        section.card aria-labelledby="difference" {
            h2 #difference { (ui.t("study.difference")) }
            p { (ui.t(if is_same { "study.text-same" } else { "study.text-new" })) }
            @for (key, before, after) in parts {
                @if before != after {
                    h3 { (ui.get(key).unwrap_or(key)) }
                    div.diff { @for line in diff::lines(before, after) { @match line {
                        diff::Line::Same(text) => { (text) "\n" }
                        diff::Line::Gone(text) => { del { "\u{2212} " (text) } "\n" }
                        diff::Line::New(text) => { ins { "+ " (text) } "\n" }
                    } } }
                }
            }
        }
    }
}

/// Keeps a study; gives it, or what is wrong in words.
fn save(desk: &Desk, fields: &Fields, expected: u32) -> Result<Result<StudyRecord, String>, WebError> {
    let ui = desk.ui();
    let (study, text) = match form::read(fields) {
        Ok(read) => read,
        Err(key) => return Ok(Err(ui.of("study-field", key))),
    };
    let entry = audit::of(desk.actor()?, AuditSubtype::PolicyChange)?;
    let saved = desk
        .app
        .store
        .audited(entry)
        .save_study(study, text, expected, desk.stamp()?);
    match saved {
        Ok(record) => Ok(Ok(record)),
        Err(error @ (StoreError::Invalid { .. } | StoreError::Conflict { .. })) => {
            Ok(Err(WebError::Store(error).sentence(desk)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Adds a study.
pub(crate) async fn add(State(app): State<Arc<App>>, visit: Visit, Form(fields): Form<Fields>) -> Response {
    answer(app, visit, move |desk| match save(desk, &fields, 0)? {
        Ok(record) => Ok(Redirect::to(&format!("/studies/{}", record.study.id)).into_response()),
        Err(wrong) => {
            let page = list_page(desk, Some(&fields), Some(&wrong))?;
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
    })
    .await
}

/// Shows what would change, or keeps a new version.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let record = desk.app.store.study(&id)?;
        let read = form::read(&fields);
        let is_other = read.as_ref().is_ok_and(|(study, _)| study.id != id);
        if is_other {
            return Err(WebError::Bad("error.invalid"));
        }
        let mut shown = Shown {
            typed: Some(&fields),
            ..Shown::default()
        };
        if fields.get("act").is_some_and(|act| act == "preview")
            && let Ok((_, text)) = read
        {
            shown.next = Some(text);
            return study_page(desk, &record, &shown);
        }
        let seen = fields.get("version").and_then(|seen| seen.parse().ok());
        let seen = seen.ok_or(WebError::Bad("error.invalid"))?;
        if record.version != seen {
            shown.wrong = Some(ui.t("study.stale"));
            let page = study_page(desk, &record, &shown)?;
            return Ok((StatusCode::CONFLICT, page).into_response());
        }
        match save(desk, &fields, seen)? {
            Ok(_) => Ok(Redirect::to(&format!("/studies/{id}")).into_response()),
            Err(wrong) => {
                shown.wrong = Some(&wrong);
                let page = study_page(desk, &record, &shown)?;
                Ok((StatusCode::BAD_REQUEST, page).into_response())
            }
        }
    })
    .await
}
