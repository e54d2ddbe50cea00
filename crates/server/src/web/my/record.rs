//! The record in plain words, and requests to correct it.
//!
//! Shown is what was signed and confirmed, of the patient's own, asserted and not suspected, and stated at least
//! so many days ago as `data/consent/limits.tsv` says (`told-after`), so that nobody learns of a disease from a telephone.
//! Notes that are restricted are left out: a phone is not always looked at alone.

use super::{Phone, page, whose};
use crate::access::Standing;
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{day, moment};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::name;
use crate::web::ui_text::Ui;
use crate::web::view::{Lens, value_text};
use axum::extract::{Extension, Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Span;
use jiff::civil::DateTime;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use tsumugi_clinical::{Certainty, Event, EventKind, Experiencer, Phase, Polarity};
use tsumugi_records::{
    AmendmentOutcome, AmendmentRequest, AuditSubtype, DocumentId, EventOrigin, LONGEST_AMENDMENT,
    PatientRecord, StoredEvent,
};
use tsumugi_tables::{Source, Table};

/// The row `told-after` of `data/consent/limits.tsv`: days after which what was stated is shown; the physician tells it
/// first.
static TOLD_AFTER_DAYS: LazyLock<Option<i64>> = LazyLock::new(|| {
    let source = Source {
        path: "consent/limits.tsv",
        text: include_str!("../../../../../data/consent/limits.tsv"),
    };
    // Mistakes are a matter of the tests of the tables; without the row nothing is shown.
    let table = Table::parse(source, &mut Vec::new());
    let mut rows = table.rows().filter(|row| row.get("id") == "told-after");
    rows.find_map(|row| row.get("value").parse().ok())
});
/// Most entries of a group.
const MOST: usize = 100;

/// The groups, each with its events.
const GROUPS: [(&str, &[EventKind]); 5] = [
    ("diagnoses", &[EventKind::Condition]),
    ("drugs", &[EventKind::Medication]),
    ("results", &[EventKind::Measurement]),
    ("allergies", &[EventKind::Allergy]),
    ("care", &[EventKind::Procedure, EventKind::Immunization]),
];

/// An entry as it is shown.
struct Entry {
    name: String,
    plain: Option<String>,
    value: String,
    when: String,
}

/// Shows the record.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let patient = phone.reads(desk, AuditSubtype::Read)?;
        let events = events(desk, &patient)?;
        let asked = desk.app.store.amendments(patient.id)?;
        let days = TOLD_AFTER_DAYS.map_or_else(String::new, |days| days.to_string());
        let body = html! {
            h1 { (ui.t("mine.record")) }
            (whose(desk, &phone, &patient))
            p.says { (ui.fill("my-record.says", &[("days", &days)])) }
            @for (group, kinds) in GROUPS {
                @let entries = entries(desk, &events, kinds);
                section.card aria-labelledby=(group) {
                    h2 id=(group) { (ui.of("my-record", group)) }
                    @if entries.is_empty() { p.empty { (ui.t("my-record.none")) } }
                    ul.my-entries { @for entry in &entries { (shown(&ui, entry)) } }
                }
            }
            section.card aria-labelledby="asked" {
                h2 #asked { (ui.t("my-record.asked")) }
                @if asked.is_empty() { p.empty { (ui.t("my-record.none-asked")) } }
                ul.my-entries { @for one in &asked { (request(&ui, one)) } }
                p { a.button href="/my/correct" { (ui.t("my-record.correct-other")) } }
            }
        };
        Ok(page(desk, Some(&phone), ui.t("mine.record"), &body))
    })
    .await
}

fn shown(ui: &Ui<'_>, entry: &Entry) -> Markup {
    let about = format!("{} {} {}", entry.name, entry.value, entry.when);
    html! {
        li {
            time { (entry.when) }
            strong { (entry.name) } " " (entry.value)
            @if let Some(plain) = &entry.plain { p.says { (plain) } }
            p { a href=(format!("/my/correct?about={}", escape(about.trim()))) { (ui.t("my-record.correct")) span.hidden { " " (entry.name) } } }
        }
    }
}

fn request(ui: &Ui<'_>, one: &AmendmentRequest) -> Markup {
    html! {
        li {
            time { (moment(ui, one.stamp.at.civil())) }
            @if !one.about.is_empty() { p.says { (one.about) } }
            p { q { (one.words) } }
            @match &one.answer {
                None => p.says { (ui.t("my-record.waits")) },
                Some(answer) => p { strong { (ui.t(match answer.outcome {
                    AmendmentOutcome::Corrected => "amendment.corrected",
                    AmendmentOutcome::Kept => "amendment.kept",
                })) } " " (answer.words) },
            }
        }
    }
}

/// The events that are shown, each concept's newest first.
fn events(desk: &Desk, patient: &PatientRecord) -> Result<Vec<StoredEvent>, WebError> {
    let store = &desk.app.store;
    let standing = Standing::of(store, patient)?;
    let mut events = store.current_events(patient.id)?;
    let days = TOLD_AFTER_DAYS.and_then(|days| Span::new().try_days(days).ok());
    let told = days.and_then(|days| crate::web::clock::civil_now().checked_sub(days).ok());
    let told = told.unwrap_or(DateTime::MIN);
    let unconfirmed = store.unconfirmed_of(patient.id)?;
    let all: BTreeSet<DocumentId> = events.iter().filter_map(document).collect();
    let heads = store.document_heads(&all)?;
    let is_restricted = |id: &DocumentId| {
        let facts = heads.get(id).and_then(|head| standing.document(head));
        facts.is_none_or(|facts| !facts.labels.is_empty())
    };
    let hidden: BTreeSet<DocumentId> = all
        .into_iter()
        .filter(|id| unconfirmed.contains_key(id) || is_restricted(id))
        .collect();
    events.retain(|stored| {
        let event = &stored.event;
        stored.at <= told
            && stored.settled_by.is_none()
            && document(stored).is_none_or(|id| !hidden.contains(&id))
            && event.experiencer == Experiencer::Patient
            && event.certainty == Certainty::Asserted
            && event.polarity == Polarity::Present
            && event.phase != Phase::Planned
            && !event.is_claimed_state()
    });
    events.sort_by_key(|stored| std::cmp::Reverse((stored.at, stored.id)));
    Ok(events)
}

fn document(stored: &StoredEvent) -> Option<DocumentId> {
    match &stored.origin {
        EventOrigin::Document { document, .. } => Some(*document),
        EventOrigin::Observation { .. } => None,
    }
}

fn entries(desk: &Desk, events: &[StoredEvent], kinds: &[EventKind]) -> Vec<Entry> {
    let ui = desk.ui();
    let app = &desk.app;
    let lens = Lens {
        ui,
        coder: &app.coder,
        rules: &app.rules,
    };
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut list = Vec::new();
    for stored in events.iter().filter(|stored| kinds.contains(&stored.event.kind)) {
        if !seen.insert(stored.event.concept.as_str()) {
            continue;
        }
        list.push(Entry {
            name: name(&ui, &app.coder, &stored.event),
            plain: ui
                .get(&format!("plain.{}", stored.event.concept.as_str()))
                .map(str::to_owned),
            value: value(&lens, &stored.event),
            when: day(&ui, stored.at.date()),
        });
        if list.len() >= MOST {
            break;
        }
    }
    list
}

fn value(lens: &Lens<'_>, event: &Event) -> String {
    event
        .value
        .as_ref()
        .map(|value| value_text(lens, value))
        .unwrap_or_default()
}

/// What of the record a request is about.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct About {
    #[serde(default)]
    about: String,
}

/// Asks what is wrong.
pub(crate) async fn ask(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Query(about): Query<About>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let patient = phone.reads(desk, AuditSubtype::Read)?;
        let about: String = about.about.chars().take(LONGEST_AMENDMENT).collect();
        let key = desk.app.request_id();
        let body = html! {
            h1 { (ui.t("my-record.ask")) }
            (whose(desk, &phone, &patient))
            form.card method="post" action="/my/correct" {
                input type="hidden" name="key" value=(key);
                input type="hidden" name="about" value=(about);
                @if !about.is_empty() { p { (ui.t("my-record.about")) " " strong { (about) } } }
                div.field {
                    label for="words" { (ui.t("my-record.words")) }
                    textarea #words name="words" rows="5" required maxlength=(LONGEST_AMENDMENT) {}
                }
                p.hint { (ui.t("my-record.ask-says")) }
                div.buttons { button.primary type="submit" { (ui.t("my-record.send")) } a.button href="/my/record" { (ui.t("my-record.back")) } }
            }
        };
        Ok(page(desk, Some(&phone), ui.t("my-record.ask"), &body))
    })
    .await
}

/// A request to correct something.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    about: String,
    words: String,
    key: String,
}

/// Takes a request in: it waits on the patient's page of the staff.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Form(wish): Form<Wish>,
) -> Response {
    answer(app, visit, move |desk| {
        let key: String = wish.key.chars().take(64).collect();
        let store = desk.app.store.audited(phone.entry(AuditSubtype::Create)?);
        store.request_amendment(phone.patient(), (&wish.about, &wish.words), &key, phone.stamp())?;
        phone.is_told();
        Ok(Redirect::to("/my/record#asked").into_response())
    })
    .await
}
