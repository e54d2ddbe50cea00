//! The note screen: the last note beside, the text in the middle, what was understood on the right.
//!
//! The page works as a form; where scripts run, the editor takes the text over and the server answers every key press.

use crate::access::Notes;
use crate::advice::Switches;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::notes::{NoteLink, NotePlace, ToSign, conflict, escape, today};
use crate::web::page::{Shell, moment, patient_bar, shell};
use crate::web::pages::{care, facts};
use crate::web::permit::Signer;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::summary;
use crate::web::support;
use crate::web::ui_text::Ui;
use crate::web::view::{Lens, NoteView, feedback_view};
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::{Action, User};
use tsumugi_records::{CareTopic, DocumentVersion, DraftRevision, Revision, TimelineItem};

/// Opens a note, as a page of ours or a hospital's record links to it.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(link): Query<NoteLink>,
) -> Response {
    answer(app, visit, move |desk| {
        let author = desk.author()?;
        let place = match desk.app.note_place(&link) {
            Ok(place) => place,
            Err(WebError::NotFound) if link.addendum.is_none() && !link.patient.trim().is_empty() => {
                return Ok(unknown(desk, &link));
            }
            Err(error) => return Err(error),
        };
        desk.may_write(Action::Write, &place)?;
        desk.reads(place.patient.id, None)?;
        let draft = desk.app.draft(&place, author)?;
        screen(desk, &place, draft.as_ref(), None)
    })
    .await
}

/// A form that was sent without scripts.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    patient: String,
    #[serde(default)]
    encounter: String,
    #[serde(default)]
    addendum: String,
    #[serde(default)]
    base: String,
    text: String,
    #[serde(default)]
    physician: String,
    #[serde(default)]
    action: String,
}

/// Saves or signs what a form sent.
pub(crate) async fn post(State(app): State<Arc<App>>, visit: Visit, Form(sent): Form<Sent>) -> Response {
    answer(app, visit, move |desk| {
        let link = NoteLink {
            patient: sent.patient.clone(),
            encounter: sent.encounter.clone(),
            addendum: sent.addendum.parse().ok(),
        };
        let place = desk.app.note_place(&link)?;
        desk.may_write(Action::Write, &place)?;
        let base = sent.base.parse().ok().map(Revision::new);
        // Forms send line ends as CR LF, whatever was typed.
        let text = sent.text.replace("\r\n", "\n");
        let done = if sent.action == "sign" {
            let given = ToSign {
                text: &text,
                base,
                answers: &[],
                physician: &sent.physician,
                reasons: &BTreeMap::new(),
            };
            desk.app.sign_note(desk, &place, &given)
        } else {
            desk.save_draft(&place, &desk.stamp()?, base, &text)
                .map(|_| format!("/open?{}", link.query()))
        };
        match done {
            Ok(address) => Ok(Redirect::to(&address).into_response()),
            Err(error) => match conflict(&error) {
                Some(against) => {
                    // The page shows the last note and the facts, as when it is opened.
                    desk.reads(place.patient.id, None)?;
                    let mut page = screen(desk, &place, against.current, Some(&text))?;
                    *page.status_mut() = StatusCode::CONFLICT;
                    Ok(page)
                }
                None => Err(error),
            },
        }
    })
    .await
}

fn unknown(desk: &Desk, link: &NoteLink) -> Response {
    let ui = desk.ui();
    let body = html! {
        section.card.narrow {
            h1 { (ui.t("open.unknown")) }
            p { (ui.fill("open.unknown-says", &[("number", &link.patient)])) }
            div.buttons {
                @if desk.actor().is_ok_and(|actor| actor.may(Action::Register)) {
                    a.button.primary href=(format!("/patients/new?number={}", escape(&link.patient))) { (ui.t("open.create")) }
                }
                a.button href="/" { (ui.t("error.back")) }
            }
        }
    };
    (
        StatusCode::NOT_FOUND,
        shell(
            desk,
            &Shell {
                title: ui.t("open.unknown"),
                class: "plain",
                script: None,
            },
            &body,
        ),
    )
        .into_response()
}

/// Draws the screen. `refused` is a text that could not be saved because `saved` stands there now.
fn screen(
    desk: &Desk,
    place: &NotePlace,
    saved: Option<&DraftRevision>,
    refused: Option<&str>,
) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let text = refused
        .or(saved.map(|draft| draft.text.as_str()))
        .unwrap_or_default();
    let base = saved.map(|draft| draft.revision.to_string()).unwrap_or_default();
    let (standing, signer) = desk.signer(place)?;
    let (events, notes) = desk.events(&standing)?;
    let wishes = care::entries(desk, (&place.patient, &standing), CareTopic::Wish)?;
    let wished = care::wishes::banner(desk, &place.patient, &standing, (&wishes, &events))?;
    let summary = summary(&ui, &app.coder, (&events, &wishes), clock::today());
    let view = view(desk, place, text, &notes)?;
    let addendum = place.link.addendum.map(|id| id.to_string()).unwrap_or_default();
    let body = html! {
        (patient_bar(&ui, &place.patient, &summary, clock::today()))
        (wished)
        div #note.note-screen data-patient=(place.link.patient) data-encounter=(place.link.encounter) data-addendum=(addendum) data-base=(base) {
            (previous(desk, place, &notes)?)
            section #editor.editor aria-label=(ui.t("note.text")) {
                @if refused.is_some() { (both(&ui, saved)) }
                form method="post" action="/notes" {
                    input type="hidden" name="patient" value=(place.link.patient);
                    input type="hidden" name="encounter" value=(place.link.encounter);
                    input type="hidden" name="addendum" value=(addendum);
                    input type="hidden" name="base" value=(base);
                    (bar(&ui, place, &signer))
                    div #conflict hidden {}
                    div.paper {
                        textarea #text name="text" rows="18" spellcheck="false" aria-label=(ui.t("note.text")) placeholder=(ui.t("note.placeholder")) { (text) }
                    }
                    (foot(&ui, &place.link))
                }
                (support::frame(&ui, &Switches::of(&app.store, desk.author()?, place.patient.population)?))
            }
            aside.side {
                section #open-items aria-labelledby="open-head" tabindex="-1" hidden[view.phrases.is_empty() && view.questions.is_empty()] {
                    h2 #open-head { (ui.t("open-items.title")) }
                    div #open-list {
                        ul.phrases { @for phrase in &view.phrases { li.phrase { q { (phrase.text) } } } }
                        ul.questions { @for remark in &view.remarks { li { (remark) } } }
                    }
                }
                section #facts aria-labelledby="facts-head" tabindex="-1" {
                    h2 #facts-head { (ui.t("facts.title")) " " span.count #facts-count { (view.facts.len()) } kbd { "F6" } }
                    div #facts-list { (facts::list(&ui, &view.facts, None)) }
                }
                section #missing aria-labelledby="missing-head" tabindex="-1" hidden {
                    h2 #missing-head { (ui.t("input.missing")) }
                    ol #missing-list {}
                    p.hint { (ui.t("input.missing-says")) }
                }
            }
            div #live.hidden role="status" aria-live="polite" {}
        }
    };
    let title = format!("{} {}", place.patient.details.name, ui.t("note.title"));
    Ok(shell(
        desk,
        &Shell {
            title: &title,
            class: "note",
            script: Some("note.js"),
        },
        &body,
    ))
}

fn view(desk: &Desk, place: &NotePlace, text: &str, notes: &Notes) -> Result<NoteView, WebError> {
    let app = &desk.app;
    let mut session = app.session(&place.patient, desk.author()?, today(), (None, notes))?;
    let lens = Lens {
        ui: desk.ui(),
        coder: &app.coder,
        rules: &app.rules,
    };
    Ok(feedback_view(lens, text, session.edit(0, text)))
}

fn bar(ui: &Ui<'_>, place: &NotePlace, signer: &Signer) -> Markup {
    let sign = match signer {
        Signer::Author => ui.t("note.sign"),
        Signer::Named(_) => ui.t("note.enter"),
    };
    html! {
        div.note-bar {
            h1 {
                @match &place.addendum {
                    Some(document) => (ui.fill("note.addendum-to", &[("when", &moment(ui, document.written_at.civil()))])),
                    None => (ui.t("note.title")),
                }
            }
            @if !place.link.encounter.is_empty() { span.visit { (ui.t("note.visit")) " " (place.link.encounter) } }
            output #saved.saved data-state="idle" { }
            div.buttons {
                button.scripted #copy type="button" title="Ctrl+Shift+C" { (ui.t("note.copy")) }
                button.unscripted type="submit" name="action" value="save" { (ui.t("note.save")) }
                @if let Signer::Named(physicians) = signer { (physician(ui, physicians)) }
                button.primary #sign type="submit" name="action" value="sign" { (sign) " " kbd { "Ctrl+S" } }
            }
        }
    }
}

/// Asks on whose behalf the note is entered.
fn physician(ui: &Ui<'_>, physicians: &[User]) -> Markup {
    html! {
        label.physician for="physician" { (ui.t("note.physician")) }
        select #physician name="physician" {
            @if physicians.len() != 1 { option value="" { (ui.t("note.physician-choose")) } }
            @for user in physicians { option value=(user.id) { (user.name) " (" (user.department) ")" } }
        }
    }
}

fn foot(ui: &Ui<'_>, link: &NoteLink) -> Markup {
    html! {
        div.note-foot {
            details.keys {
                summary { (ui.t("keys.title")) }
                dl {
                    @for (key, text) in [
                        ("Tab", ui.t("keys.take")),
                        ("\u{2193} \u{2191}", ui.t("keys.caret")),
                        ("Ctrl+Space", ui.t("keys.offer")),
                        ("; /", ui.t("keys.romaji")),
                        ("Alt+1\u{2013}5", ui.t("keys.missing")),
                        ("Alt+1\u{2013}5", ui.t("keys.settle")),
                        ("Alt+Y", ui.t("keys.keep")),
                        ("Alt+N", ui.t("keys.ignore")),
                        ("Alt+Shift+1\u{2013}5", ui.t("keys.answer")),
                        ("Alt+Enter", ui.t("keys.correct")),
                        ("Alt+R", ui.t("keys.reason")),
                        ("F6", ui.t("keys.regions")),
                        ("Ctrl+S", ui.t("keys.sign")),
                        ("Ctrl+Shift+C", ui.t("keys.copy")),
                    ] { div { dt { kbd { (key) } } dd { (text) } } }
                }
            }
            a href=(format!("/drafts?{}", link.query())) { (ui.t("drafts.log")) }
        }
    }
}

/// Two texts of one note, where scripts do not show them.
fn both(ui: &Ui<'_>, saved: Option<&DraftRevision>) -> Markup {
    html! {
        div.conflict role="alert" {
            p { strong { (ui.t("conflict.title")) } " " (ui.t("conflict.form")) }
            pre { (saved.map(|draft| draft.text.as_str()).unwrap_or_default()) }
        }
    }
}

/// The last note beside, or the one that is added to: to be read, never copied.
fn previous(desk: &Desk, place: &NotePlace, notes: &Notes) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let shown = match &place.addendum {
        Some(document) => Some(document.clone()),
        None => last_note(desk, place, notes)?,
    };
    Ok(html! {
        aside #previous.previous aria-labelledby="previous-head" tabindex="-1" {
            h2 #previous-head { @if place.addendum.is_some() { (ui.t("previous.signed")) } @else { (ui.t("previous.title")) } }
            @match &shown {
                Some(document) => {
                    p.note-head {
                        time { (moment(&ui, document.written_at.civil())) }
                        span.kind { (ui.of("note", &document.kind)) }
                        span.who { (desk.person(&document.author)) }
                        @if notes.unconfirmed.contains(&document.document) { (crate::web::pages::confirmations::mark(desk)) }
                    }
                    div.note-text { (marked(desk, document)?) }
                    p { a href=(format!("/documents/{}", document.document)) { (ui.t("previous.open")) } }
                }
                None => p.empty { (ui.t("previous.none")) },
            }
            p { a href=(format!("/patients/{}", place.patient.id)) { (ui.t("previous.timeline")) } }
        }
    })
}

fn last_note(desk: &Desk, place: &NotePlace, notes: &Notes) -> Result<Option<DocumentVersion>, WebError> {
    let entries = desk.app.store.timeline(place.patient.id, None, None)?;
    let last = entries
        .into_iter()
        .rev()
        .filter(|entry| notes.lets_entry(entry))
        .find_map(|entry| match entry.item {
            TimelineItem::Document(document) => Some(document),
            _ => None,
        });
    Ok(last)
}

fn marked(desk: &Desk, document: &DocumentVersion) -> Result<Markup, WebError> {
    let app = &desk.app;
    let note = app.reading(document)?;
    let lens = Lens {
        ui: desk.ui(),
        coder: &app.coder,
        rules: &app.rules,
    };
    let list = crate::web::view::facts(lens, &document.text, &note);
    let marks = crate::web::view::marks(&note, &list, &[]);
    Ok(facts::marked(&document.text, &marks, &list, None))
}
