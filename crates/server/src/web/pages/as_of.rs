//! The record exactly as it stood at a past time, and single versions of notes, for the screen and for paper (A4).
//!
//! Who may see it is decided by the rules and restrictions of now; what is shown is what was there then. On paper each page
//! repeats whose record it is, by the head and foot of a table, and numbers itself.

use crate::web::clock;
use crate::web::diff::{Line, lines};
use crate::web::error::WebError;
use crate::web::page::{Shell, day, dummy_mark, moment, shell};
use crate::web::pages::confirmations::mark;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::civil::DateTime;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_records::{
    AuditEntity, AuditSubtype, ConfirmationRecord, ConfirmationStep, DocumentAsOf, DocumentId,
    DocumentVersion, PatientDetails, PatientId, PatientRecord, RecordAsOf,
};

/// At what time.
#[derive(Debug, Deserialize)]
pub(crate) struct When {
    #[serde(default)]
    at: String,
}

/// Shows the record as it stood.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(when): Query<When>,
) -> Response {
    answer(app, visit, move |desk| {
        let record = desk.app.store.patient(PatientId::new(id))?;
        let standing = desk.may(Action::Read, &record)?;
        let at = match when.at.trim() {
            "" => crate::chart::now(),
            text => text.parse().map_err(|_| WebError::Bad("as-of.bad-time"))?,
        };
        let mut entry = crate::audit::of_patient(desk.actor()?, AuditSubtype::Read, record.id)?;
        entry.entities.push(AuditEntity::Query(format!("as of {at}")));
        desk.app.store.audit_read(&entry)?;
        let mut was = desk.app.store.record_as_of(record.id, at)?;
        let readable = desk.notes(&standing, &[])?;
        let all = was.documents.len();
        was.documents
            .retain(|one| readable.documents.contains(&one.version.document));
        let is_whole = was.documents.len() == all;
        Ok(page(desk, &record, at, (&was, is_whole)))
    })
    .await
}

fn page(desk: &Desk, record: &PatientRecord, at: DateTime, (was, is_whole): (&RecordAsOf, bool)) -> Response {
    let ui = desk.ui();
    let id = record.id;
    let body = html! {
        div.page-head {
            h1 { (ui.t("as-of.title")) }
            a.button href=(format!("/patients/{id}")) { (ui.t("previous.timeline")) }
            form.find method="get" action=(format!("/patients/{id}/as-of")) {
                label.hidden for="at" { (ui.t("as-of.at")) }
                input #at type="datetime-local" name="at" step="1" value=(at.strftime("%Y-%m-%dT%H:%M:%S")) required;
                button type="submit" { (ui.t("as-of.go")) }
            }
        }
        p.hint { (ui.t("as-of.says")) }
        @if !is_whole { p.notice { (ui.t("patient.not-whole")) } }
        @match &was.patient {
            None => p.empty { (ui.t("as-of.not-yet")) },
            Some(patient) => (sheet(desk, (record, &patient.details), &ui.fill("as-of.stood", &[("when", &moment(&ui, at))]), &html! {
                (particulars(desk, &patient.details))
                h2 { (ui.t("patient.notes")) " " span.count { (was.documents.len()) } }
                @if was.documents.is_empty() { p.empty { (ui.t("as-of.no-notes")) } }
                @for document in &was.documents { (note(desk, document)) }
            })),
        }
    };
    let title = format!("{} {}", record.details.name, ui.t("as-of.title"));
    let page = Shell {
        title: &title,
        class: "as-of",
        script: None,
    };
    shell(desk, &page, &body)
}

/// What repeats on every page of paper: whose record it is, what the sheet shows, and who printed it when.
fn sheet(
    desk: &Desk,
    (record, details): (&PatientRecord, &PatientDetails),
    what: &str,
    body: &Markup,
) -> Markup {
    let ui = desk.ui();
    let who = desk
        .author()
        .map(|author| desk.person(author))
        .unwrap_or_default();
    let printed = ui.fill(
        "as-of.printed",
        &[("who", &who), ("when", &moment(&ui, crate::chart::now()))],
    );
    html! {
        table.sheet {
            thead { tr { td {
                div.sheet-head {
                    strong { (details.name) } " " (dummy_mark(&ui, record.population))
                    span.number { (ui.t("patient.number")) " " (details.number) } " " span.what { (what) }
                }
            } } }
            tfoot { tr { td { div.sheet-foot { (printed) } } } }
            tbody { tr { td { (body) } } }
        }
    }
}

fn particulars(desk: &Desk, details: &PatientDetails) -> Markup {
    let ui = desk.ui();
    let sex = match details.sex {
        tsumugi_clinical::Sex::Male => ui.t("sex.male"),
        tsumugi_clinical::Sex::Female => ui.t("sex.female"),
        tsumugi_clinical::Sex::Unknown => ui.t("sex.unknown"),
    };
    let birth = details
        .birth_date
        .map(|birth| day(&ui, birth))
        .unwrap_or_default();
    html! {
        dl.particulars {
            div { dt { (ui.t("patient.name")) } dd { (details.name) " " (details.kana) } }
            div { dt { (ui.t("patient.number")) } dd { (details.number) } }
            div { dt { (ui.t("patient.sex")) } dd { (sex) } }
            div { dt { (ui.t("patient.birth")) } dd { (birth) } }
        }
    }
}

/// Version, who and when, of a note.
fn head(desk: &Desk, version: &DocumentVersion, step: Option<&ConfirmationRecord>) -> Markup {
    let ui = desk.ui();
    html! {
        p.note-head {
            time { (moment(&ui, version.written_at.civil())) } " "
            span.kind { (ui.of("note", &version.kind)) } " "
            span.version { (ui.fill("as-of.version", &[("number", &version.version.to_string())])) } " "
            span.who { (desk.person(&version.author)) } " "
            span.signed-mark { (ui.fill("as-of.signed", &[("when", &moment(&ui, version.signed_at.civil()))])) }
            @if let Some(step) = step {
                " "
                @if step.step == ConfirmationStep::Confirmed {
                    span { (ui.fill("as-of.confirmed", &[("who", &desk.person(&step.stamp.author)), ("when", &moment(&ui, step.stamp.at.civil()))])) }
                } @else { (mark(desk)) " " span { (ui.fill("as-of.answers", &[("who", &desk.person(&step.physician))])) } }
            }
        }
    }
}

fn note(desk: &Desk, document: &DocumentAsOf) -> Markup {
    let ui = desk.ui();
    let version = &document.version;
    html! {
        article.sheet-note {
            (head(desk, version, document.step.as_ref()))
            pre.note-text { (version.text) }
            p.links {
                a href=(format!("/documents/{}/print?version={}", version.document, version.version)) { (ui.t("as-of.print-one")) }
                @if !version.is_newest { " " a href=(format!("/documents/{}", version.document)) { (ui.t("as-of.changed-since")) } }
            }
        }
    }
}

/// Which version.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    version: Option<u32>,
}

/// One version of a note for paper.
pub(crate) async fn print(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(which): Query<Which>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let id = DocumentId::new(id);
        let versions = desk.app.store.document_versions(id)?;
        let wanted = |version: &&DocumentVersion| {
            which
                .version
                .map_or(version.is_newest, |number| version.version == number)
        };
        let version = versions.iter().find(wanted).ok_or(WebError::NotFound)?;
        let record = desk.app.store.patient(version.patient)?;
        desk.may_document(Action::Read, &record, version)?;
        desk.reads(record.id, Some((id, Some(version.version))))?;
        let steps = desk.app.store.confirmations(id)?;
        let step = steps.iter().rev().find(|step| step.version == version.version);
        let what = ui.of("note", &version.kind);
        let body = html! {
            div.page-head { h1 { (ui.t("as-of.print-one")) } a.button href=(format!("/documents/{id}?version={}", version.version)) { (ui.t("as-of.back")) } }
            (sheet(desk, (&record, &record.details), &what, &html! {
                (head(desk, version, step))
                @if !version.is_newest { p.notice { (ui.t("document.old-version")) } }
                pre.note-text { (version.text) }
                p.edition { "SHA-256 " code { (version.sha256) } }
            }))
        };
        let title = format!("{} {}", record.details.name, day(&ui, clock::today()));
        let page = Shell {
            title: &title,
            class: "as-of",
            script: None,
        };
        Ok(shell(desk, &page, &body))
    })
    .await
}

/// What changed from the version before to this one.
pub(super) fn differences(desk: &Desk, versions: &[DocumentVersion], shown: &DocumentVersion) -> Markup {
    let ui = desk.ui();
    let before = versions
        .iter()
        .find(|version| version.version + 1 == shown.version);
    html! {
        @if let Some(before) = before {
            details.differences {
                summary { (ui.fill("as-of.differences", &[("from", &before.version.to_string()), ("to", &shown.version.to_string())])) }
                pre.diff {
                    @for line in lines(&before.text, &shown.text) {
                        @match line {
                            Line::Same(text) => span.same { "  " (text) "\n" },
                            Line::Gone(text) => del { "- " (text) "\n" },
                            Line::New(text) => ins { "+ " (text) "\n" },
                        }
                    }
                }
            }
        }
    }
}
