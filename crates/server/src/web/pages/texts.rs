//! Texts to knowledge: a guideline, an abstract or a package insert is pasted or chosen; what it seems to state stands
//! beside it, the most uncertain first, and each is accepted, corrected or rejected by one key. What is accepted is used
//! from then on; who decided what is kept, and what was accepted can be taken back.

mod decide;
mod draw;
mod fields;
mod log;

use crate::advice::{Living, NewStatement};
use crate::proposals::{KINDS, Proposal, Standing, guess, propose, standing, text_of};
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::state::{App, Desk, Visit, answer};
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_records::Population;

/// The form as it was sent.
type Sent = crate::web::Fields;

/// A text as it was given, with what is said of it.
#[derive(Debug, Clone, Default)]
struct Given {
    text: String,
    /// One of [`KINDS`]; empty where it is to be guessed.
    kind: String,
    /// Concept of the drug of an insert that does not name it.
    subject: String,
    title: String,
    source: String,
    organisation: String,
    edition: String,
    licence: String,
}

impl Given {
    fn of(desk: &Desk, sent: &Sent) -> Self {
        let field = |name: &str| sent.get(name).map_or("", |value| value.trim()).to_owned();
        let kind = field("kind");
        Self {
            text: sent.get("text").cloned().unwrap_or_default(),
            kind: if KINDS.contains(&kind.as_str()) {
                kind
            } else {
                String::new()
            },
            subject: fields::concept(desk, &field("names-subject"), &field("ids-subject"))
                .unwrap_or_default(),
            title: field("title"),
            source: field("source"),
            organisation: field("organisation"),
            edition: field("edition"),
            licence: field("licence"),
        }
    }

    /// Id of the source: as given, else title and edition.
    fn source_id(&self) -> String {
        if !self.source.is_empty() {
            return self.source.clone();
        }
        [self.title.as_str(), self.edition.as_str()]
            .join(" ")
            .trim()
            .to_owned()
    }
}

/// A proposal with how it stands to what is known and decided.
struct Row {
    /// Its place among the proposals of the text.
    index: usize,
    proposal: Proposal,
    standing: Standing,
    /// What was decided of it before: the word of the verdict, who, and the day.
    decided: Option<(String, String, String)>,
    /// Why it could not be accepted just now.
    refused: Option<String>,
}

impl Row {
    /// Whether somebody is still to look at it.
    fn is_open(&self) -> bool {
        self.decided.is_none() && !matches!(self.standing, Standing::Known { .. })
    }
}

/// The empty form, and what was accepted so far.
pub(crate) async fn ask(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        form(desk, &Given::default(), None)
    })
    .await
}

/// Reads a text, and keeps what was decided of it.
pub(crate) async fn read(State(app): State<Arc<App>>, visit: Visit, Form(sent): Form<Sent>) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        let mut given = Given::of(desk, &sent);
        match text_of(&desk.app.reading_rules, &given.text) {
            Err(error) => {
                let says = desk.ui().fill("read.bad-xml", &[("error", &error)]);
                return form(desk, &given, Some(&says));
            }
            Ok(text) => given.text = text,
        }
        if given.text.trim().is_empty() {
            return form(desk, &given, Some(desk.ui().t("read.empty")));
        }
        if given.kind.is_empty() {
            guess(&desk.app.reading_rules, &given.text).clone_into(&mut given.kind);
        }
        let outcome = if sent.contains_key("keep") {
            decide::keep(desk, &given, &sent)?
        } else {
            decide::Outcome::default()
        };
        let rows = rows(desk, &given, &outcome)?;
        let body = draw::reading(desk, &given, &rows, &outcome);
        Ok(page(desk, &body))
    })
    .await
}

/// A number of the log.
#[derive(Debug, Deserialize)]
pub(crate) struct Numbered {
    number: u64,
}

/// Takes back an accepted statement.
pub(crate) async fn retract(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(numbered): Form<Numbered>,
) -> Response {
    answer(app, visit, move |desk| {
        let author = desk.author()?.to_owned();
        let advice = &desk.app.advice;
        let entry = log::entry(desk, &format!("retract {}", numbered.number))?;
        let store = desk.app.store.audited(entry);
        let held = advice.retract(&store, &author, numbered.number)?;
        let held = held.ok_or(WebError::NotFound)?;
        let number = Some(numbered.number);
        log::note(desk, "retracted", (&held.source, &held.said), "", number)?;
        Ok(Redirect::to("/knowledge/read#accepted").into_response())
    })
    .await
}

fn page(desk: &Desk, body: &Markup) -> Response {
    let title = desk.ui().t("read.title");
    let page = Shell {
        title,
        class: "read",
        script: Some("read.js"),
    };
    shell(desk, &page, body)
}

fn form(desk: &Desk, given: &Given, mistake: Option<&str>) -> Result<Response, WebError> {
    let body = html! {
        (draw::form(desk, given, mistake))
        (log::draw(desk)?)
    };
    Ok(page(desk, &body))
}

/// The state that texts are held against: that of real patients.
fn living(desk: &Desk) -> Arc<Living> {
    desk.app.advice.living(Population::Real)
}

/// What the text seems to state, in its order.
fn proposals(desk: &Desk, given: &Given) -> Vec<Proposal> {
    let subject = Some(given.subject.as_str()).filter(|subject| !subject.is_empty());
    let app = &desk.app;
    propose(
        &app.advice,
        &living(desk),
        &app.reading_rules,
        &given.kind,
        subject,
        &given.text,
    )
}

/// The proposals as they are shown: open ones first, the most uncertain at the top.
fn rows(desk: &Desk, given: &Given, outcome: &decide::Outcome) -> Result<Vec<Row>, WebError> {
    let living = living(desk);
    let decided = log::decided(desk)?;
    let rows = proposals(desk, given).into_iter().enumerate();
    let mut rows: Vec<Row> = rows
        .map(|(index, proposal)| Row {
            index,
            standing: standing(&desk.app.advice, &living, &proposal.said),
            decided: decided.get(&log::key(&proposal.said)).cloned(),
            refused: outcome.refused.get(&index).cloned(),
            proposal,
        })
        .collect();
    rows.sort_by(|a, b| {
        let rank = |row: &Row| (row.refused.is_none(), !row.is_open());
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.proposal.sure.total_cmp(&b.proposal.sure))
            .then_with(|| a.index.cmp(&b.index))
    });
    Ok(rows)
}

/// A proposal as it would be accepted from this text.
fn statement(given: &Given, proposal: &Proposal) -> NewStatement {
    let mut said = proposal.said.clone();
    said.place.title = given.title.as_str().into();
    said.place.organisation = given.organisation.as_str().into();
    said.place.edition = given.edition.as_str().into();
    said.place.licence = given.licence.as_str().into();
    NewStatement {
        source: given.source_id().into(),
        said,
    }
}
