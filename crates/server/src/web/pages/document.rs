//! A signed note: its text with the places of its facts, its versions, and a way to add to it.

use crate::web::clock;
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, moment, patient_bar, shell};
use crate::web::pages::care;
use crate::web::pages::{as_of, confirmations, facts};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::view;
use crate::write_back;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_records::{DeliveryOutcome, DeliveryRecord, DocumentId, DocumentVersion};

/// What is shown of a note.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    fact: Option<usize>,
    version: Option<u32>,
}

/// Which record is the original, and what became of the note there.
fn went_back(desk: &Desk, id: DocumentId) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let original = write_back::original(&desk.app.store)?;
    let mut last: BTreeMap<String, DeliveryRecord> = BTreeMap::new();
    for one in desk.app.store.deliveries(id)? {
        last.insert(one.target.clone(), one);
    }
    Ok(html! {
        @if let Some(original) = original { p.edition { (ui.t("write-back.original")) " " (ui.of("write-back.original", original.word())) } }
        @for one in last.values() {
            @let word = match one.outcome {
                DeliveryOutcome::Delivered => "delivered",
                DeliveryOutcome::Refused => "refused",
                DeliveryOutcome::Failed => "failed",
            };
            p.edition.mistake[one.outcome == DeliveryOutcome::Refused] {
                (ui.of("write-back", word)) " " time { (moment(&ui, one.stamp.at.civil())) }
                @if one.outcome != DeliveryOutcome::Delivered { " " (one.answer) }
            }
        }
    })
}

/// Shows a signed note.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(shown): Query<Shown>,
) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        page(desk, DocumentId::new(id), &shown)
    })
    .await
}

fn page(desk: &Desk, id: DocumentId, shown: &Shown) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let versions = app.store.document_versions(id)?;
    let wanted = |version: &&DocumentVersion| {
        shown
            .version
            .map_or(version.is_newest, |number| version.version == number)
    };
    let document = versions.iter().find(wanted).ok_or(WebError::NotFound)?;
    let record = app.store.patient(document.patient)?;
    let standing = desk.may_document(Action::Read, &record, document)?;
    desk.reads(record.id, Some((id, Some(document.version))))?;
    let (events, _) = desk.events(&standing)?;
    let summary = care::head(desk, (&record, &standing), &events)?;
    let note = app.reading(document)?;
    let lens = view::Lens {
        ui,
        coder: &app.coder,
        rules: &app.rules,
    };
    let list = view::facts(lens, &document.text, &note);
    let marks = view::marks(&note, &list, &[]);
    let reasons = care::reasons::of_document(desk, record.id, id)?;
    let is_unconfirmed = app.store.unconfirmed_of(record.id)?.contains_key(&id);
    let addendum = format!("/open?patient={}&addendum={id}", escape(&record.details.number));
    let body = html! {
        (patient_bar(&ui, &record, &summary, clock::today()))
        div.document-screen {
            article.paper-page {
                header.note-bar {
                    h1 { (ui.of("note", &document.kind)) }
                    p.note-head {
                        time { (moment(&ui, document.written_at.civil())) }
                        span.who { (desk.person(&document.author)) }
                        @if is_unconfirmed { (confirmations::mark(desk)) } @else { span.signed-mark { (ui.t("document.signed")) } }
                    }
                    div.buttons {
                        button.scripted type="button" data-copy="note-text" data-done=(ui.t("note.copied")) { (ui.t("note.copy")) }
                        a.button href=(format!("/documents/{id}/print?version={}", document.version)) { (ui.t("as-of.print-one")) }
                        @if !is_unconfirmed { a.button href=(addendum) { (ui.t("document.add")) } }
                    }
                }
                (confirmations::banner(desk, &record, id, document.version)?)
                @if !document.is_newest { p.notice { (ui.t("document.old-version")) } }
                div #note-text.note-text { (facts::marked(&document.text, &marks, &list, shown.fact)) }
                (as_of::differences(desk, &versions, document))
                (history(desk, &versions, document))
            }
            aside.side {
                section #facts aria-labelledby="facts-head" {
                    h2 #facts-head { (ui.t("facts.title")) " " span.count { (list.len()) } }
                    (facts::list_with(&ui, &list, shown.fact, &|fact| care::reasons::beside(desk, &reasons, &fact.concept)))
                }
                (care::reasons::others(desk, &reasons, &list.iter().map(|fact| fact.concept.as_str()).collect()))
                (went_back(desk, id)?)
                p.edition { (ui.t("document.edition")) " " code { (document.edition) } }
            }
        }
    };
    let written = moment(&ui, document.written_at.civil());
    let title = format!("{} {written}", record.details.name);
    Ok(shell(
        desk,
        &Shell {
            title: &title,
            class: "document",
            script: Some("page.js"),
        },
        &body,
    ))
}

fn history(desk: &Desk, versions: &[DocumentVersion], shown: &DocumentVersion) -> Markup {
    let ui = desk.ui();
    html! {
        @if versions.len() > 1 {
            section.versions aria-labelledby="versions" {
                h2 #versions { (ui.t("document.versions")) }
                ol {
                    @for version in versions {
                        @let reason = match version.reason {
                            tsumugi_records::VersionReason::Original => ui.t("reason.original"),
                            tsumugi_records::VersionReason::Addendum => ui.t("reason.addendum"),
                            tsumugi_records::VersionReason::Correction => ui.t("reason.correction"),
                        };
                        li {
                            a href=(format!("/documents/{}?version={}", version.document, version.version))
                                aria-current=[(version.version == shown.version).then_some("true")] {
                                (version.version) " " (reason) " " (moment(&ui, version.signed_at.civil())) " " (desk.person(&version.author))
                            }
                        }
                    }
                }
            }
        }
    }
}
