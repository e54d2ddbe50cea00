//! The place in the source: `GET /patients/{id}/events/{event}` leads to the words of the note, or shows what another
//! system sent.

use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, moment, patient_bar, shell};
use crate::web::pages::care;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::name;
use crate::web::view::{Lens, value_text};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::Polarity;
use tsumugi_records::{EventId, EventOrigin, ObservationId, PatientId, ReceivedRecord, StoredEvent};

/// Most characters of a statement that are shown.
const MOST: usize = 20_000;

/// Leads to a note, or shows a statement.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path((id, event)): Path<(i64, i64)>,
) -> Response {
    answer(app, visit, move |desk| {
        page(desk, PatientId::new(id), EventId::new(event))
    })
    .await
}

pub(super) fn page(desk: &Desk, id: PatientId, event: EventId) -> Result<Response, WebError> {
    let store = &desk.app.store;
    let id = store.read_under(id)?;
    let record = store.patient(id)?;
    let standing = desk.may(Action::Read, &record)?;
    desk.reads(id, None)?;
    let stored = store.event(event)?;
    let is_of = store.read_under(stored.patient)? == id;
    let readable = desk.notes(&standing, std::slice::from_ref(&stored))?;
    if !is_of || !readable.lets(&stored.origin) {
        return Err(WebError::NotFound);
    }
    let observation = match stored.origin {
        EventOrigin::Document { document, .. } => {
            let place = format!("/documents/{document}?fact={}#lit", stored.number);
            return Ok(Redirect::to(&place).into_response());
        }
        EventOrigin::Observation { observation, .. } => observation,
    };
    let ui = desk.ui();
    let events: Vec<StoredEvent> = store
        .standing_events(id)?
        .into_iter()
        .filter(|event| readable.lets(&event.origin))
        .collect();
    let today = clock::today();
    let summary = care::head(desk, (&record, &standing), &events)?;
    let title = format!(
        "{} {}",
        record.details.name,
        name(&ui, &desk.app.coder, &stored.event)
    );
    let body = html! {
        (patient_bar(&ui, &record, &summary, today))
        div.page-head {
            h1 { (ui.t("source.title")) }
            a.button href=(format!("/patients/{id}")) { (ui.t("previous.timeline")) }
        }
        (statement(desk, &stored, observation)?)
    };
    let page = Shell {
        title: &title,
        class: "list",
        script: Some("page.js"),
    };
    Ok(shell(desk, &page, &body))
}

/// What is said, who says it, and what came.
fn statement(desk: &Desk, stored: &StoredEvent, observation: ObservationId) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let lens = Lens {
        ui: desk.ui(),
        coder: &desk.app.coder,
        rules: &desk.app.rules,
    };
    let event = &stored.event;
    let value = event.value.as_ref().map(|value| value_text(&lens, value));
    let absent = (event.polarity == Polarity::Absent).then_some(" (\u{2212})");
    let kept = desk.app.store.received_statement(observation)?;
    let EventOrigin::Observation { source, .. } = &stored.origin else {
        return Err(WebError::NotFound);
    };
    let time = event
        .time
        .as_ref()
        .and_then(|time| time.from.or(time.to))
        .unwrap_or(stored.at);
    let number = event
        .value
        .as_ref()
        .and_then(|value| value.number.clone().or_else(|| value.text.clone()));
    Ok(html! {
        section.source-statement {
            p.said { strong { (name(&ui, &desk.app.coder, event)) (absent.unwrap_or_default()) }
                @if let Some(value) = value { " " span.value { (value) } }
                @if let Some(dosage) = &event.dosage { " " (dosage.text) } }
            dl.particulars {
                div { dt { (ui.t("source.when")) } dd { time { (moment(&ui, time)) } } }
                div { dt { (ui.t("source.system")) } dd { (ui.of("source", source)) } }
                @if let Some(kept) = &kept { (particulars(desk, kept)) }
            }
            @match &kept {
                Some(kept) => (original(desk, kept, number.as_deref())?),
                None => p.empty { (ui.t("source.not-kept")) },
            }
        }
    })
}

fn particulars(desk: &Desk, kept: &ReceivedRecord) -> Markup {
    let ui = desk.ui();
    let place = &kept.place;
    html! {
        div { dt { (ui.t("source.file")) } dd { (place.file) @if let Some(line) = place.line { ":" (line) } @if let Some(field) = &place.field { " " (field) } } }
        @if !kept.issuer.is_empty() { div { dt { (ui.t("source.issuer")) } dd { (kept.issuer) } } }
        div { dt { (ui.t("source.version")) } dd { (kept.version) @if !kept.counts { " " span.off { (ui.t("source.replaced")) } } } }
        div { dt { (ui.t("source.received")) } dd { (moment(&ui, kept.stamp.at.civil())) } }
    }
}

/// What came, as text, with the value marked where it stands.
fn original(desk: &Desk, kept: &ReceivedRecord, value: Option<&str>) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let bytes = desk.app.store.received_bytes(kept.observation)?;
    let text = readable_text(&bytes, &kept.charset);
    let shown: String = text.chars().take(MOST).collect();
    let left = text.chars().count() - shown.chars().count();
    Ok(html! {
        h2 { (ui.t("source.original")) }
        pre.source-text tabindex="0" { (marked(&shown, value)) }
        @if left > 0 { p.hint { (ui.fill("source.left", &[("count", &left.to_string())])) } }
    })
}

/// The bytes as people read them: JSON with a line a member, segments of HL7 with a line each.
fn readable_text(bytes: &[u8], charset: &str) -> String {
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) {
        return serde_json::to_string_pretty(&json).unwrap_or_default();
    }
    let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    let (text, _, _) = encoding.decode(bytes);
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The text with the first place where the value stands by itself.
fn marked(text: &str, value: Option<&str>) -> Markup {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let place = value.filter(|value| !value.is_empty()).and_then(|value| {
        text.match_indices(value).find_map(|(at, found)| {
            let (before, behind) = (text.get(..at)?, text.get(at + found.len()..)?);
            let is_alone = !before.ends_with(is_part) && !behind.starts_with(is_part);
            is_alone.then_some((before, found, behind))
        })
    });
    html! {
        @match place {
            Some((before, found, behind)) => { (before) mark #lit.lit { (found) } (behind) },
            None => (text),
        }
    }
}
