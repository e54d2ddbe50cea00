//! One patient: the head, the timeline, the notes.

use crate::access::Notes;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, age_and_sex, moment, patient_bar, shell};
use crate::web::pages::consent::{amendments, person};
use crate::web::pages::{apps, care, emergency};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::summary;
use crate::web::timeline_rows::{Row, rows};
use crate::web::timeline_svg::{Window, draw};
use crate::web::topics;
use crate::web::ui_text::Ui;
use crate::web::view::Lens;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{Action, Resource};
use tsumugi_records::{CareTopic, DocumentVersion, PatientId, PatientRecord, Population, StoredEvent};

/// Ranges that can be chosen, the usual one first.
const RANGES: [&str; 6] = ["notes", "1m", "3m", "1y", "5y", "all"];

/// Most marks that are drawn into the page itself where nobody asks for a range; who has no scripts then chooses one.
const MOST_DRAWN: u64 = 3_000;
/// Days before the first note from which its beginnings are drawn.
const ONSET: i64 = 14;

/// What is shown of a patient.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    range: String,
    signed: Option<i64>,
    entered: Option<i64>,
}

/// Shows a patient.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(shown): Query<Shown>,
) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        page(desk, PatientId::new(id), &shown)
    })
    .await
}

fn page(desk: &Desk, id: PatientId, shown: &Shown) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let today = clock::today();
    // A record that was linked is read under the other.
    let id = app.store.read_under(id)?;
    let record = app.store.patient(id)?;
    let standing = desk.may(Action::Read, &record)?;
    // The entry is durable before anything of the record leaves.
    desk.reads(id, None)?;
    let events = app.store.standing_events(id)?;
    let readable = desk.notes(&standing, &events)?;
    let events: Vec<StoredEvent> = events
        .into_iter()
        .filter(|event| readable.lets(&event.origin))
        .collect();
    let wishes = care::entries(desk, (&record, &standing), CareTopic::Wish)?;
    let wished = care::wishes::banner(desk, &record, &standing, (&wishes, &events))?;
    let summary = summary(&ui, &app.coder, (&events, &wishes), today);
    let mut documents = app.store.newest_versions(id)?;
    let all = documents.len();
    documents.retain(|document| readable.documents.contains(&document.document));
    let has_all = documents.len() == all;
    let documents: Vec<&DocumentVersion> = documents.iter().collect();
    let drawn = drawn(desk, id, shown, &readable)?;
    let is_whole = has_all && drawn.is_whole;
    let range = RANGES
        .into_iter()
        .find(|range| *range == shown.range)
        .unwrap_or("notes");
    let actor = desk.actor()?;
    let may_change = [Action::Write, Action::Restrict]
        .into_iter()
        .any(|action| actor.ask(action, Resource::Patient(&standing.patient)).allowed);
    let conflicts = topics::conflicts(desk, id, &readable)?;
    let asked = amendments::open(desk, id, amendments::may_write(desk, &standing)?)?;
    let consent = person::card(desk, &record)?;
    let write = format!("/open?patient={}", escape(&record.details.number));
    let body = html! {
        (patient_bar(&ui, &record, &summary, today))
        (wished)
        (emergency::open_now(desk, id)?)
        @if shown.entered.is_some() { p.notice role="status" { (ui.t("confirm.entered")) } }
        @if shown.signed.is_some() { p.notice role="status" { (ui.t("patient.signed")) } }
        (head(&ui, id, (may_change, &write)))
        (apps::start_buttons(desk, id))
        (asked)
        @if !is_whole { p.notice { (ui.t("patient.not-whole")) } }
        div #lanes.lanes data-patient=(id) data-name=(named(&ui, &record, today)) {}
        noscript { (still(&ui, id, &drawn, &documents, range)) }
        (conflicts)
        (consent)
        section.notes aria-labelledby="notes" {
            h2 #notes { (ui.t("patient.notes")) " " span.count { (documents.len()) } }
            ol { @for document in documents.iter().rev() { (note(desk, document, readable.unconfirmed.contains(&document.document))) } }
        }
    };
    Ok(shell(
        desk,
        &Shell {
            title: &record.details.name,
            class: "patient",
            script: Some("timeline.js"),
        },
        &body,
    ))
}

/// The picture for who has no scripts.
struct Drawn {
    /// Its rows; none where there is too much to draw all of it without being asked.
    rows: Option<Vec<Row>>,
    /// Whether nothing had to be left out of it.
    is_whole: bool,
}

fn drawn(desk: &Desk, id: PatientId, shown: &Shown, readable: &Notes) -> Result<Drawn, WebError> {
    let app = &desk.app;
    if shown.range.is_empty() && app.store.mark_count(id)? > MOST_DRAWN {
        return Ok(Drawn {
            rows: None,
            is_whole: true,
        });
    }
    let mut entries = app.store.timeline(id, None, None)?;
    let all = entries.len();
    entries.retain(|entry| readable.lets_entry(entry));
    let lens = Lens {
        ui: desk.ui(),
        coder: &app.coder,
        rules: &app.rules,
    };
    Ok(Drawn {
        rows: Some(rows(lens, &entries)),
        is_whole: entries.len() == all,
    })
}

/// The head of the page: what else there is of the person.
fn head(ui: &Ui<'_>, id: PatientId, (may_change, write): (bool, &str)) -> Markup {
    html! {
        div.page-head {
            h1 { (ui.t("timeline.title")) }
            a.button href=(format!("/patients/{id}/medications")) { (ui.t("medications.title")) }
            a.button href=(format!("/patients/{id}/phenotypes")) { (ui.t("phenotypes.title")) }
            a.button href=(format!("/patients/{id}/genes")) { (ui.t("genes.title")) }
            a.button href=(format!("/reasons?patient={id}")) { (ui.t("reasons.title")) }
            a.button href=(format!("/patients/{id}/harms")) { (ui.t("harms.title")) }
            a.button href=(format!("/patients/{id}/wishes")) { (ui.t("wishes.title")) }
            a.button href=(format!("/patients/{id}/as-of")) { (ui.t("as-of.title")) }
            a.button href=(format!("/patients/{id}/who")) { (ui.t("who.title")) }
            @if may_change { a.button href=(format!("/patients/{id}/access")) { (ui.t("standing.title")) } }
            a.button.primary href=(write) { (ui.t("patients.write")) }
        }
    }
}

/// Who it is, as a printed sheet says it.
fn named(ui: &Ui<'_>, record: &PatientRecord, today: Date) -> String {
    let details = &record.details;
    let mark = match record.population {
        Population::Dummy => format!(" {}", ui.t("dummy.mark")),
        Population::Real => String::new(),
    };
    format!(
        "{} {} {}{mark}",
        details.name,
        details.number,
        age_and_sex(ui, record, today)
    )
}

/// The picture without scripts, and the ranges of time to choose from.
fn still(ui: &Ui<'_>, id: PatientId, drawn: &Drawn, documents: &[&DocumentVersion], range: &str) -> Markup {
    let rows = drawn.rows.as_deref();
    let found = rows.and_then(|rows| window(rows, documents, range).map(|window| draw(ui, rows, window)));
    html! {
        nav.ranges aria-label=(ui.t("timeline.range")) {
            @for choice in RANGES {
                a href=(format!("/patients/{id}?range={choice}")) aria-current=[(choice == range).then_some("true")] { (ui.of("range", choice)) }
            }
        }
        @match found {
            Some(picture) => div.timeline-scroll tabindex="0" role="region" aria-label=(ui.t("timeline.says")) { (picture) },
            None if rows.is_none() => p.empty { (ui.t("timeline.too-many")) },
            None => p.empty { (ui.t("timeline.empty")) },
        }
    }
}

fn note(desk: &Desk, document: &DocumentVersion, is_unconfirmed: bool) -> Markup {
    const LENGTH: usize = 120;
    let ui = desk.ui();
    let start: String = document
        .text
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .take(LENGTH)
        .collect();
    html! {
        li {
            a href=(format!("/documents/{}", document.document)) {
                span.note-head {
                    time { (moment(&ui, document.written_at.civil())) }
                    span.kind { (ui.of("note", &document.kind)) }
                    span.who { (desk.person(&document.author)) }
                    @if is_unconfirmed { (crate::web::pages::confirmations::mark(desk)) }
                    @if document.version > 1 { span.version { (ui.t("document.has-addendum")) } }
                }
                span.start { (start) }
            }
        }
    }
}

/// The stretch of time to draw: back from the last thing on record, or from the first note to the last.
fn window(rows: &[Row], documents: &[&DocumentVersion], range: &str) -> Option<Window> {
    let marks = || rows.iter().flat_map(|row| &row.marks);
    let first = marks().map(|mark| mark.from).min()?;
    let last = marks()
        .map(|mark| mark.to.unwrap_or(mark.from).max(mark.from))
        .max()?;
    let written = |document: &&DocumentVersion| document.written_at.civil();
    let first_note = documents.iter().map(written).min().unwrap_or(first);
    // What brought the patient began some days before the first note.
    let onset = first_note.checked_sub(ONSET.days()).unwrap_or(first_note);
    let begun = marks()
        .map(|mark| mark.from)
        .filter(|from| *from >= onset)
        .min()
        .unwrap_or(first_note)
        .min(first_note);
    let last_note = documents.iter().map(written).max().unwrap_or(last);
    let back = |span: jiff::Span| last.checked_sub(span).unwrap_or(first);
    let (from, to) = match range {
        "1m" => (back(1.month()), last),
        "3m" => (back(3.months()), last),
        "1y" => (back(1.year()), last),
        "5y" => (back(5.years()), last),
        "all" => (first, last),
        _ => (begun, last_note),
    };
    Some(padded(from, to.max(from)))
}

/// Room at both ends, at least a day and a half.
fn padded(from: DateTime, to: DateTime) -> Window {
    const LEAST: f64 = 36.0 * 3600.0;
    let whole = from.duration_until(to).as_secs_f64();
    let room = jiff::SignedDuration::try_from_secs_f64((whole * 0.04).max(LEAST)).unwrap_or_default();
    Window {
        from: from.checked_sub(room).unwrap_or(from),
        to: to.checked_add(room).unwrap_or(to),
    }
}
