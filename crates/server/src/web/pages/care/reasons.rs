//! Why something was chosen: beside the fact of the note, and as a list that is searched.

use crate::care::reasons::{Reason, is_found, reason_of};
use crate::chart;
use crate::web::error::WebError;
use crate::web::page::{Shell, day, dummy_mark, shell};
use crate::web::pages::confirmations::mark;
use crate::web::pages::search::told;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_records::{AuditSubtype, CareEntry, CareTopic, DocumentId, PatientId, PatientRecord};

/// Most reasons that are looked through.
const MOST_LOOKED_THROUGH: u32 = 20_000;
/// Most that are shown.
const MOST_SHOWN: usize = 100;

/// The reasons of a note's newest signing, each with the concept of its fact. The caller has asked for the note.
pub(crate) fn of_document(
    desk: &Desk,
    patient: PatientId,
    document: DocumentId,
) -> Result<Vec<(CareEntry, Reason)>, WebError> {
    let all = desk.app.store.care_of(patient, CareTopic::Reason)?;
    let with = |entry: CareEntry| reason_of(&entry).map(|reason| (entry, reason));
    let of_note = all.into_iter().filter_map(with);
    Ok(of_note
        .filter(|(_, reason)| reason.document == document.get())
        .collect())
}

/// The reasons of one fact, beside it.
pub(crate) fn beside(desk: &Desk, reasons: &[(CareEntry, Reason)], concept: &str) -> Markup {
    html! {
        @for (entry, reason) in reasons.iter().filter(|(entry, _)| entry.subject == concept) { (one(desk, entry, reason)) }
    }
}

/// Reasons whose fact the note does not list any more, as after a correction.
pub(crate) fn others(desk: &Desk, reasons: &[(CareEntry, Reason)], concepts: &BTreeSet<&str>) -> Markup {
    let rest: Vec<_> = reasons
        .iter()
        .filter(|(entry, _)| !concepts.contains(entry.subject.as_str()))
        .collect();
    html! {
        @if !rest.is_empty() {
            section.reasons aria-labelledby="reasons" {
                h2 #reasons { (desk.ui().t("reasons.title")) }
                @for (entry, reason) in rest { p { strong { (reason.name) } } (one(desk, entry, reason)) }
            }
        }
    }
}

fn one(desk: &Desk, entry: &CareEntry, reason: &Reason) -> Markup {
    let ui = desk.ui();
    html! {
        div.reason {
            p { span.kind { (ui.t("reasons.why")) } " " q { (reason.words) } " "
                span.hint { (day(&ui, entry.stamp.at.civil().date())) " " (desk.person(&entry.stamp.author)) } }
            (on_screen(desk, reason))
        }
    }
}

/// What was on the screen when the reason was given.
fn on_screen(desk: &Desk, reason: &Reason) -> Markup {
    let ui = desk.ui();
    let shown = &reason.shown;
    let is_empty = shown.diseases.is_empty() && shown.steps.is_empty() && shown.alerts.is_empty();
    html! {
        @if !shown.on {
            p.hint { (ui.t("reasons.support-off")) }
        } @else if is_empty {
            p.hint { (ui.t("reasons.nothing-shown")) }
        } @else {
            details {
                summary { (ui.t("reasons.shown")) }
                @if !shown.diseases.is_empty() {
                    p { (ui.t("support.differential")) ": "
                        @for (index, (_, name, band)) in shown.diseases.iter().enumerate() {
                            @if index > 0 { ", " } (name) " (" (ui.get(band).unwrap_or(band)) ")"
                        }
                    }
                }
                @if !shown.steps.is_empty() {
                    p { (ui.t("support.next")) ": " (shown.steps.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")) }
                }
                @if !shown.alerts.is_empty() { ul { @for alert in &shown.alerts { li { (alert) } } } }
                p.edition { (ui.fill("support.edition", &[("edition", &shown.edition)])) }
            }
        }
    }
}

/// What is looked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    /// One patient only.
    patient: Option<i64>,
}

/// Lists the reasons that may be shown, the newest first.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit, Query(asked): Query<Asked>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let (found, more) = find(desk, &asked)?;
        let patients: BTreeSet<PatientId> = found.iter().map(|row| row.record.id).collect();
        told(desk, AuditSubtype::Search, &patients.into_iter().collect::<Vec<_>>())?;
        let body = html! {
            div.page-head { h1 { (ui.t("reasons.title")) } }
            p.hint { (ui.t("reasons.says")) }
            form.search-form method="get" action="/reasons" role="search" {
                @if let Some(patient) = asked.patient { input type="hidden" name="patient" value=(patient); }
                label.field { span { (ui.t("reasons.query")) } input type="search" name="q" value=(asked.q) maxlength="200"; }
                button.primary type="submit" { (ui.t("reasons.find")) }
            }
            @if found.is_empty() { p.empty { (ui.t("reasons.none")) } }
            ul.reason-list { @for row in &found { li {
                p {
                    (dummy_mark(&ui, row.record.population)) a href=(format!("/patients/{}", row.record.id)) { (row.record.details.name) } " "
                    strong { (row.reason.name) } " "
                    a href=(format!("/documents/{}?version={}", row.reason.document, row.reason.version)) { (ui.t("reasons.note")) }
                    @if row.is_unconfirmed { " " (mark(desk)) }
                }
                (one(desk, &row.entry, &row.reason))
            } } }
            @if more > 0 { p.hint { (ui.fill("topics.more", &[("count", &more.to_string())])) } }
        };
        let page = Shell {
            title: ui.t("reasons.title"),
            class: "list",
            script: None,
        };
        Ok(shell(desk, &page, &body))
    })
    .await
}

struct Row {
    record: PatientRecord,
    entry: CareEntry,
    reason: Reason,
    is_unconfirmed: bool,
}

/// What may be shown of what is found, and how many more there are.
fn find(desk: &Desk, asked: &Asked) -> Result<(Vec<Row>, usize), WebError> {
    let store = &desk.app.store;
    let population = match asked.patient {
        Some(patient) => store.patient(PatientId::new(patient))?.population,
        None => chart::population(store)?,
    };
    let entries = match asked.patient {
        Some(patient) => {
            let mut own = store.care_of(PatientId::new(patient), CareTopic::Reason)?;
            own.reverse();
            own
        }
        None => store.care_on(population, CareTopic::Reason, MOST_LOOKED_THROUGH)?,
    };
    let mut rows = desk.rows(Action::Search, population)?;
    let (mut found, mut more) = (Vec::new(), 0);
    for entry in entries {
        let Some(reason) = reason_of(&entry).filter(|reason| is_found(reason, &asked.q)) else {
            continue;
        };
        let document = DocumentId::new(reason.document);
        if !rows.patient(entry.patient) || !rows.document(entry.patient, Some(document))? {
            continue;
        }
        if found.len() == MOST_SHOWN {
            more += 1;
            continue;
        }
        found.push(Row {
            record: store.patient(entry.patient)?,
            is_unconfirmed: rows.is_unconfirmed(document),
            entry,
            reason,
        });
    }
    Ok((found, more))
}
