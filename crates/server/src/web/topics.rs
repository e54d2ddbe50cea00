//! The timeline by topic, as data: `GET /patients/{id}/topics`; and the sources that disagree, for the patient's page.

use crate::access::Notes;
use crate::web::error::WebError;
use crate::web::page::moment;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::name;
use crate::web::view::{Lens, value_text};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use jiff::civil::DateTime;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::Polarity;
use tsumugi_records::{
    DocumentId, EventOrigin, PatientId, StoredEvent, Topic, TopicConflict, TopicQuery, TopicRow,
};

/// Stretches where nobody says: about the width of a screen.
const STRETCHES: u32 = 800;
/// Most stretches.
const MOST_STRETCHES: u32 = 8000;
/// Most conflicts that the patient's page lists.
const MOST_LISTED: usize = 10;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// First moment, civil time.
    #[serde(default)]
    from: String,
    /// Last moment.
    #[serde(default)]
    to: String,
    /// Topics, with commas between them; none means all.
    #[serde(default)]
    topic: String,
    /// Into how many stretches of time each row is thinned.
    stretches: Option<u32>,
}

/// Tells the rows.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Response {
    answer(app, visit, move |desk| {
        let record = desk
            .app
            .store
            .patient(desk.app.store.read_under(PatientId::new(id))?)?;
        let standing = desk.may(Action::Read, &record)?;
        let query = query(&asked)?;
        desk.reads(record.id, None)?;
        let readable = desk.notes(&standing, &[])?;
        Ok(Json(rows(desk, record.id, &query, &readable)?).into_response())
    })
    .await
}

fn query(asked: &Asked) -> Result<TopicQuery, WebError> {
    let time = |text: &str| -> Result<Option<DateTime>, WebError> {
        match text.trim() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| WebError::Bad("topics.bad-time")),
        }
    };
    let words = asked.topic.split(',').map(str::trim);
    let topics = words.filter(|word| !word.is_empty()).map(topic);
    Ok(TopicQuery {
        topics: topics.collect::<Result<_, _>>()?,
        from: time(&asked.from)?,
        to: time(&asked.to)?,
        stretches: asked.stretches.unwrap_or(STRETCHES).clamp(1, MOST_STRETCHES),
    })
}

fn topic(word: &str) -> Result<Topic, WebError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|_| WebError::Bad("topics.bad-topic"))
}

fn rows(
    desk: &Desk,
    patient: PatientId,
    query: &TopicQuery,
    readable: &Notes,
) -> Result<Vec<TopicRow>, WebError> {
    let lets = |document: Option<DocumentId>| match document {
        Some(document) => readable.documents.contains(&document) && !readable.unconfirmed.contains(&document),
        None => readable.reports,
    };
    Ok(desk.app.store.topics(patient, query, &lets)?)
}

/// The sources that disagree, the newest first, each with what both say and where.
pub(crate) fn conflicts(desk: &Desk, patient: PatientId, readable: &Notes) -> Result<Markup, WebError> {
    let query = TopicQuery {
        topics: Vec::new(),
        from: None,
        to: None,
        stretches: 1,
    };
    let rows = rows(desk, patient, &query, readable)?;
    let mut found: Vec<TopicConflict> = rows.into_iter().flat_map(|row| row.conflicts).collect();
    // A value and the state that was derived from it are on two rows, and one contradiction.
    let mut known = BTreeSet::new();
    found.retain(|conflict| {
        let mut events = conflict.events.clone();
        events.sort();
        known.insert(events)
    });
    found.sort_by_key(|conflict| std::cmp::Reverse(conflict.at));
    if found.is_empty() {
        return Ok(html! {});
    }
    let ui = desk.ui();
    let mut listed = Vec::new();
    for conflict in found.iter().take(MOST_LISTED) {
        let events = desk.app.store.events_by_id(&conflict.events)?;
        listed.push((conflict, events));
    }
    let more = (found.len() - listed.len()).to_string();
    Ok(html! {
        section.conflicts aria-labelledby="conflicts" {
            h2 #conflicts { (ui.t("topics.conflicts")) " " span.count { (found.len()) } }
            p.hint { (ui.t("topics.conflicts-say")) }
            ul { @for (conflict, events) in &listed {
                li { time { (moment(&ui, conflict.at)) } " " @for event in events { span.said { (said(desk, event)?) } " " } }
            } }
            @if more != "0" { p.hint { (ui.fill("topics.more", &[("count", &more)])) } }
        }
    })
}

/// What an event says, and who says it.
fn said(desk: &Desk, stored: &StoredEvent) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let lens = Lens {
        ui: desk.ui(),
        coder: &desk.app.coder,
        rules: &desk.app.rules,
    };
    let event = &stored.event;
    let value = event.value.as_ref().map(|value| value_text(&lens, value));
    let place = match &stored.origin {
        EventOrigin::Document { .. } => None,
        EventOrigin::Observation { observation, .. } => desk.app.store.received_place(*observation)?,
    };
    let absent = (event.polarity == Polarity::Absent).then_some(" (\u{2212})");
    Ok(html! {
        (name(&ui, &desk.app.coder, event)) (absent.unwrap_or_default()) @if let Some(value) = value { " " span.value { (value) } }
        " [" @match &stored.origin {
            EventOrigin::Document { document, .. } => a href=(format!("/documents/{document}?fact={}#lit", stored.number)) { (ui.t("lane.notes")) " " (document) },
            EventOrigin::Observation { source, .. } => { (source) @if let Some(place) = &place { " " (place.file) @if let Some(line) = place.line { ":" (line) } } },
        } "]"
    })
}

#[cfg(test)]
pub(crate) mod tests;
