//! Which diseases the patient has, as notes state them and as published criteria say of the whole record: certain or
//! suspected, by which items, and since when.

use super::{head, opened};
use crate::chart;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, day, patient_bar, shell};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::name;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::civil::Date;
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_cds::criteria::{Evaluation, Truth, evaluate};
use tsumugi_cds::{Patient, Place};
use tsumugi_clinical::{Certainty, EventKind, Experiencer, Phase, Polarity};
use tsumugi_knowledge::CriterionKind;
use tsumugi_records::{EventOrigin, StoredEvent};

/// Things that are missing, of one set.
const MISSING: usize = 5;

/// A disease as notes state it.
struct Stated<'e> {
    /// Whether the note that stated it last is sure.
    is_certain: bool,
    first: Date,
    last: &'e StoredEvent,
}

/// Shows the diseases of a patient.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| page(desk, id)).await
}

fn page(desk: &Desk, id: i64) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let (record, standing) = opened(desk, id, Action::Read)?;
    desk.reads(record.id, None)?;
    let (events, notes) = desk.events(&standing)?;
    let summary = head(desk, (&record, &standing), &events)?;
    let whole = chart::record_within(&app.store, &record, None, &|origin| notes.lets(origin))?;
    let patient = app.advice.patient(&whole, None);
    let mut found = evaluate(&app.advice.criteria, app.coder.vocabulary(), &patient);
    found.retain(|one| {
        let set = app.advice.criteria.criterion(&one.criterion);
        let is_diagnosis = set.is_some_and(|set| set.kind == CriterionKind::Diagnosis);
        is_diagnosis && one.applies == Truth::True && since(&patient, one).is_some()
    });
    found.sort_by_key(|one| one.decided().is_none());
    let stated = stated(&events);
    let body = html! {
        (patient_bar(&ui, &record, &summary, clock::today()))
        div.page-head {
            h1 { (ui.t("phenotypes.title")) }
            a.button href=(format!("/patients/{}", record.id)) { (ui.t("previous.timeline")) }
        }
        section aria-labelledby="stated" {
            h2 #stated { (ui.t("phenotypes.stated")) " " span.count { (stated.len()) } }
            @if stated.is_empty() { p.empty { (ui.t("phenotypes.none-stated")) } } @else {
                table.grid {
                    thead { tr { @for key in ["disease", "standing", "first", "last"] { th scope="col" { (ui.of("phenotypes", key)) } } } }
                    tbody { @for one in &stated { tr {
                        th scope="row" { (name(&ui, &app.coder, &one.last.event)) }
                        td { (ui.t(if one.is_certain { "phenotypes.certain" } else { "phenotypes.suspected" })) }
                        td { (day(&ui, one.first)) }
                        td { (last(desk, one.last)) }
                    } } }
                }
            }
        }
        section aria-labelledby="criteria" {
            h2 #criteria { (ui.t("phenotypes.criteria")) " " span.count { (found.len()) } }
            p.hint { (ui.t("phenotypes.says")) }
            @if found.is_empty() { p.empty { (ui.t("phenotypes.none")) } }
            ul.harms { @for one in &found { li.harm { (criterion(desk, &patient, one)) } } }
        }
    };
    let title = format!("{} {}", record.details.name, ui.t("phenotypes.title"));
    let page = Shell {
        title: &title,
        class: "list",
        script: None,
    };
    Ok(shell(desk, &page, &body))
}

/// The diseases that notes state of the patient, the newest first; what was denied last is none.
fn stated(events: &[StoredEvent]) -> Vec<Stated<'_>> {
    let mut found: BTreeMap<&str, (Stated<'_>, bool)> = BTreeMap::new();
    let own = events.iter().filter(|stored| {
        let event = &stored.event;
        event.kind == EventKind::Condition
            && event.experiencer == Experiencer::Patient
            && event.certainty != Certainty::General
            && event.phase != Phase::Planned
            && stored.settled_by.is_none()
            && !event.is_claimed_state()
    });
    for stored in own {
        let event = &stored.event;
        let holds = event.polarity == Polarity::Present && !event.resolved;
        let at = stored.at.date();
        let is_certain = event.certainty == Certainty::Asserted;
        let (one, still) = found.entry(event.concept.as_str()).or_insert((
            Stated {
                is_certain,
                first: at,
                last: stored,
            },
            holds,
        ));
        one.first = one.first.min(at);
        if (stored.at, stored.id) >= (one.last.at, one.last.id) {
            (one.last, one.is_certain, *still) = (stored, is_certain, holds);
        }
    }
    let still = found.into_values().filter(|(_, still)| *still);
    let mut list: Vec<Stated<'_>> = still.map(|(one, _)| one).collect();
    list.sort_by_key(|one| std::cmp::Reverse((one.last.at, one.last.id)));
    list
}

fn last(desk: &Desk, stored: &StoredEvent) -> Markup {
    let words = day(&desk.ui(), stored.at.date());
    match &stored.origin {
        EventOrigin::Document { document, .. } => {
            html! { a href=(format!("/documents/{document}?fact={}#lit", stored.number)) { (words) } }
        }
        EventOrigin::Observation { source, .. } => html! { (words) " " span.hint { (source) } },
    }
}

/// A set: its result, the items that are met with where and when the record says so, and what is missing.
fn criterion(desk: &Desk, patient: &Patient, one: &Evaluation) -> Markup {
    let ui = desk.ui();
    let Some(set) = desk.app.advice.criteria.criterion(&one.criterion) else {
        return html! {};
    };
    let outcomes: Vec<&str> = one
        .outcomes
        .iter()
        .filter_map(|index| set.outcomes.get(*index as usize))
        .map(|outcome| outcome.name.as_ref())
        .collect();
    let missing: Vec<&str> = one
        .missing
        .iter()
        .take(MISSING)
        .map(|missing| missing.name.as_ref())
        .collect();
    let met = one.items.iter().filter(|item| item.met == Truth::True);
    let certain = if one.decided().is_some() {
        "phenotypes.decided"
    } else {
        "phenotypes.open"
    };
    html! {
        p {
            strong { (outcomes.join(" / ")) } " " span.state { (ui.get(certain).unwrap_or(certain)) }
            @if let Some(since) = since(patient, one) { " " (ui.t("phenotypes.since")) " " time { (day(&ui, since)) } }
        }
        p.hint { (set.name) " " (set.source) " " (set.edition) " \u{2013} " (ui.of("status", set.status.word())) }
        ul { @for item in met {
            li {
                (set.items.iter().find(|own| own.id == item.item).map_or("", |own| own.name.as_ref()))
                @for place in &item.places { " " (link(desk, patient, place)) }
            }
        } }
        @if !missing.is_empty() { p { (ui.t("support.missing")) " " (missing.join(", ")) } }
    }
}

/// The newest day on which the record says something that the result rests on.
fn since(patient: &Patient, one: &Evaluation) -> Option<Date> {
    let met = one.items.iter().filter(|item| item.met == Truth::True);
    let places = met.flat_map(|item| &item.places).chain(&one.value_places);
    places
        .filter_map(|place| patient.notes.get(&place.note).copied())
        .max()
}

fn link(desk: &Desk, patient: &Patient, place: &Place) -> Markup {
    let on = patient.notes.get(&place.note).map(|on| day(&desk.ui(), *on));
    let words = on.unwrap_or_default();
    html! {
        @if let Ok(document) = place.note.parse::<i64>() {
            a href=(format!("/documents/{document}?fact={}#lit", place.event)) { (words) }
        } @else {
            span.hint { (words) }
        }
    }
}
