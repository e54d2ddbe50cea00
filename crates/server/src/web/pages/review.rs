//! Review of many reports: the most uncertain first, the text on the left and its facts on the right, each accepted or
//! corrected by one key. Who decided what is kept, and how far reviewers agree is told.

mod queue;
mod tally;

use crate::audit;
use crate::web::Fields;
use crate::web::error::WebError;
use crate::web::page::{Shell, moment, shell};
use crate::web::pages::facts;
use crate::web::reading::entities_of;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::view::{self, FactView};
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::{Certainty, ConceptId, Event, Experiencer, Phase, StructuredNote};
use tsumugi_intake::candidates;
use tsumugi_records::{
    AuditEntity, AuditSubtype, Correction, Decision, DocumentId, DocumentVersion, Population,
};

/// Topic of the decisions.
const REVIEW: &str = "review";
/// Concepts offered in place of a wrong one: as many as there are digits.
const MOST_CANDIDATES: usize = 5;
/// Reports that the queue lists.
const MOST_REPORTS: usize = 100;

/// What a reviewer said of a report.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reviewed {
    document: i64,
    version: u32,
    facts: Vec<Judged>,
    /// Seconds from the page's coming to its sending.
    #[serde(default)]
    seconds: f64,
}

/// What a reviewer said of a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Judged {
    fact: String,
    /// `right`, `wrong`, or the concept that is meant.
    verdict: String,
}

/// The queue, with what has been decided so far.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let author = desk.author()?.to_owned();
        let ui = desk.ui();
        let reviews = reviews(desk)?;
        let open = open_reports(desk, &reviews, &author)?;
        let tally = tally::of(&reviews);
        let next = open.first().map(|(id, _)| format!("/review/{id}"));
        let body = html! {
            div.page-head {
                h1 { (ui.t("review.title")) }
                @if let Some(next) = next { a.button.primary href=(next) { (ui.t("review.start")) } }
            }
            p { (ui.t("review.says")) }
            (tally::draw(&ui, &tally))
            section {
                h2 { (ui.t("review.queue")) }
                ul.hits {
                    @for (id, doubt) in open.iter().take(MOST_REPORTS) {
                        li { a href=(format!("/review/{id}")) { (ui.t("review.report")) " " (id) } " " span.hint { (ui.t("review.doubt")) " " (format!("{doubt:.1}")) } }
                    }
                }
                @if open.is_empty() { p { (ui.t("review.done")) } }
            }
            (queue::draw(desk)?)
        };
        Ok(page(desk, ui.t("review.title"), &body, None))
    })
    .await
}

/// One report.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| {
        let document = readable(desk, id)?;
        desk.reads(
            document.patient,
            Some((document.document, Some(document.version))),
        )?;
        report(desk, &document)
    })
    .await
}

/// The verdicts of a page.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let author = desk.author()?.to_owned();
        let document = judgeable(desk, id)?;
        let note = desk.app.reading(&document)?;
        let reviewed = read(&document, &note, &fields);
        teach(desk, &document, &note, &reviewed)?;
        let mut entry = audit::of_patient(desk.actor()?, AuditSubtype::Update, document.patient)?;
        entry.entities.push(AuditEntity::Document {
            document: document.document,
            version: Some(document.version),
            digest: None,
        });
        let says = format!("review: {} verdicts", reviewed.facts.len());
        entry.entities.push(AuditEntity::Query(says));
        desk.app.store.audited(entry).decide(Decision {
            topic: REVIEW.to_owned(),
            subject: format!("{id}"),
            body: json!(reviewed).to_string(),
            stamp: desk.stamp()?,
        })?;
        let reviews = reviews(desk)?;
        let next = open_reports(desk, &reviews, &author)?.first().map(|(id, _)| *id);
        let address = next.map_or("/review".to_owned(), |next| format!("/review/{next}"));
        Ok(Redirect::to(&address).into_response())
    })
    .await
}

/// A report that who is signed in may read.
fn readable(desk: &Desk, id: i64) -> Result<DocumentVersion, WebError> {
    let document = desk.app.store.document(DocumentId::new(id))?;
    let record = desk.app.store.patient(document.patient)?;
    desk.may_document(Action::Read, &record, &document)?;
    Ok(document)
}

/// A report on which who is signed in may give verdicts: they outlast an emergency access.
fn judgeable(desk: &Desk, id: i64) -> Result<DocumentVersion, WebError> {
    let document = readable(desk, id)?;
    let record = desk.app.store.patient(document.patient)?;
    desk.may_lastingly(Action::Read, &record, document.document)?;
    Ok(document)
}

fn page(desk: &Desk, title: &str, body: &Markup, script: Option<&'static str>) -> Response {
    shell(
        desk,
        &Shell {
            title,
            class: "review",
            script,
        },
        body,
    )
}

/// All reviews with their reviewers, in order.
fn reviews(desk: &Desk) -> Result<Vec<(String, Reviewed)>, WebError> {
    let decisions = desk.app.store.decisions(REVIEW, None)?;
    let read = |decision: &Decision| serde_json::from_str(&decision.body).ok();
    Ok(decisions
        .iter()
        .filter_map(|decision| Some((decision.stamp.author.clone(), read(decision)?)))
        .collect())
}

/// Reports that the author has not reviewed yet, the most uncertain first.
fn open_reports(
    desk: &Desk,
    reviews: &[(String, Reviewed)],
    author: &str,
) -> Result<Vec<(i64, f64)>, WebError> {
    let mut open = Vec::new();
    let mut rows = [
        desk.rows(Action::Read, Population::Real)?,
        desk.rows(Action::Read, Population::Dummy)?,
    ];
    let [real, dummies] = &mut rows;
    for id in desk.app.store.newest_documents()? {
        let is_done = reviews
            .iter()
            .any(|(who, reviewed)| who == author && reviewed.document == id.get());
        if is_done {
            continue;
        }
        let document = desk.app.store.document(id)?;
        let population = desk.app.store.patient(document.patient)?.population;
        let rows = match population {
            Population::Real => &mut *real,
            Population::Dummy => &mut *dummies,
        };
        if !rows.document(document.patient, Some(id))? {
            continue;
        }
        let note = desk.app.reading(&document)?;
        if !note.events.is_empty() {
            open.push((id.get(), doubt_of_note(desk, &document.text, &note)));
        }
        if open.len() >= 4 * MOST_REPORTS {
            break;
        }
    }
    open.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(open)
}

/// How doubtful a report is: that of its most doubtful facts.
fn doubt_of_note(desk: &Desk, text: &str, note: &StructuredNote) -> f64 {
    let mut doubts: Vec<f64> = note
        .events
        .iter()
        .map(|event| doubt(desk, text, note, event))
        .collect();
    doubts.sort_by(|a, b| b.total_cmp(a));
    doubts.iter().take(5).sum()
}

/// How doubtful a fact is: words that are no name of the concept, short Latin names, suspicion, other persons, other times.
fn doubt(desk: &Desk, text: &str, note: &StructuredNote, event: &Event) -> f64 {
    const SHORT: usize = 3;
    let vocabulary = desk.app.coder.vocabulary();
    let words: String = entities_of(note, event)
        .iter()
        .flat_map(|entity| {
            let span = entity.span;
            text.chars().skip(span.start as usize).take(span.len() as usize)
        })
        .collect();
    let concept = vocabulary.concept(event.concept.as_str());
    let is_name = concept.is_some_and(|concept| {
        words.contains(concept.name.as_ref())
            || concept
                .synonyms
                .iter()
                .any(|(name, _)| words.contains(name.as_ref()))
    });
    let is_short = words.is_ascii() && words.len() <= SHORT;
    let mut doubt = 0.2;
    doubt += if is_name { 0.0 } else { 1.0 };
    doubt += if is_short { 0.8 } else { 0.0 };
    doubt += if event.certainty == Certainty::Asserted {
        0.0
    } else {
        0.6
    };
    doubt += if event.experiencer == Experiencer::Patient {
        0.0
    } else {
        0.5
    };
    doubt += if event.phase == Phase::Current { 0.0 } else { 0.3 };
    doubt
}

fn report(desk: &Desk, document: &DocumentVersion) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let note = app.reading(document)?;
    let lens = view::Lens {
        ui,
        coder: &app.coder,
        rules: &app.rules,
    };
    let list = view::facts(lens, &document.text, &note);
    let marks = view::marks(&note, &list, &[]);
    let mut order: Vec<(usize, f64)> = note
        .events
        .iter()
        .enumerate()
        .map(|(index, event)| (index, doubt(desk, &document.text, &note, event)))
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let title = format!("{} {}", ui.t("review.report"), document.document);
    let body = html! {
        div.page-head {
            h1 { (title) } p.note-head { time { (moment(&ui, document.written_at.civil())) } span.who { (desk.person(&document.author)) } }
        }
        div.document-screen {
            article.paper-page { div #note-text.note-text { (facts::marked(&document.text, &marks, &list, None)) } }
            aside.side {
                form #review method="post" action=(format!("/review/{}", document.document)) {
                    input type="hidden" name="seconds" value="0";
                    p.hint { (ui.t("review.keys")) }
                    ol.review-facts {
                        @for (index, _) in &order {
                            @if let Some(fact) = list.get(*index) { (fact_row(desk, *index, fact)) }
                        }
                    }
                    div.buttons { button.primary type="submit" { (ui.t("review.send")) " " kbd { "Ctrl+Enter" } } a.button href="/review" { (ui.t("review.back")) } }
                }
            }
        }
    };
    Ok(page(desk, &title, &body, Some("review.js")))
}

fn fact_row(desk: &Desk, index: usize, fact: &FactView) -> Markup {
    let ui = desk.ui();
    let others = candidates(
        &desk.app.coder,
        &fact.surface,
        Some(&fact.concept),
        MOST_CANDIDATES,
    );
    let field = format!("fact-{index}");
    html! {
        li.review-fact tabindex="0" data-places=(places(fact)) {
            div.what {
                @if fact.absent { span.sign { (ui.t("fact.absent")) } }
                b { (fact.name) } " " span.value { (fact.value) } " " span.fact-code { (fact.code) }
                @for remark in &fact.remarks { " " span.remark { (remark) } }
                @if !fact.surface.is_empty() { " " q { (fact.surface) } }
            }
            div.verdicts {
                label { input type="radio" name=(field) value="right" required; kbd { "A" } (ui.t("review.right")) }
                label { input type="radio" name=(field) value="wrong"; kbd { "X" } (ui.t("review.wrong")) }
                @for (number, other) in (1..).zip(&others) {
                    label { input type="radio" name=(field) value=(other.concept); kbd { (number) } (other.name) }
                }
            }
        }
    }
}

fn places(fact: &FactView) -> String {
    let places: Vec<String> = fact
        .places
        .iter()
        .map(|place| format!("{}-{}", place.start, place.end))
        .collect();
    places.join(" ")
}

fn read(document: &DocumentVersion, note: &StructuredNote, fields: &BTreeMap<String, String>) -> Reviewed {
    let facts = note.events.iter().enumerate().filter_map(|(index, event)| {
        Some(Judged {
            fact: event.fact.to_string(),
            verdict: fields.get(&format!("fact-{index}"))?.clone(),
        })
    });
    Reviewed {
        document: document.document.get(),
        version: document.version,
        facts: facts.collect(),
        seconds: fields
            .get("seconds")
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(0.0),
    }
}

/// A corrected code is remembered as the reviewer's, as on the note screen.
fn teach(
    desk: &Desk,
    document: &DocumentVersion,
    note: &StructuredNote,
    reviewed: &Reviewed,
) -> Result<(), WebError> {
    let ui = desk.ui();
    let lens = view::Lens {
        ui,
        coder: &desk.app.coder,
        rules: &desk.app.rules,
    };
    let facts = view::facts(lens, &document.text, note);
    for (event, fact) in note.events.iter().zip(&facts) {
        let key = event.fact.to_string();
        let Some(judged) = reviewed.facts.iter().find(|judged| judged.fact == key) else {
            continue;
        };
        // That a fact is wrong may lie in its negation, its time or whose it is: only another meaning is taught.
        if matches!(judged.verdict.as_str(), "right" | "wrong") || fact.surface.is_empty() {
            continue;
        }
        let right = Some(ConceptId::new(judged.verdict.as_str()));
        desk.app.store.remember_correction(Correction {
            surface: fact.surface.clone(),
            wrong: Some(event.concept.clone()),
            right,
            stamp: desk.stamp()?,
        })?;
    }
    Ok(())
}
