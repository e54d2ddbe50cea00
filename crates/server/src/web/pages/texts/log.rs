//! What was accepted so far, and who decided what.

use super::fields;
use crate::audit;
use crate::library::digest_of;
use crate::web::error::WebError;
use crate::web::page::{day, moment};
use crate::web::state::Desk;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tsumugi_knowledge::{Accepted, Cell, Held, shape};
use tsumugi_records::{AuditEntity, AuditEntry, AuditSubtype, Decision, Population};

/// Topic of the decisions.
const TOPIC: &str = "knowledge-reading";
/// Decisions and statements that are listed.
const MOST: usize = 100;

/// What somebody decided of a statement.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    /// `accepted`, `corrected`, `rejected` or `retracted`.
    verdict: String,
    said: Accepted,
    /// Key of the proposal that it was decided of; empty where there was none.
    #[serde(default)]
    of: String,
    /// Its number in the log, where it stands there.
    #[serde(default)]
    number: Option<u64>,
}

/// Keeps a decision.
pub(super) fn note(
    desk: &Desk,
    verdict: &str,
    (source, said): (&str, &Accepted),
    of: &str,
    number: Option<u64>,
) -> Result<(), WebError> {
    let noted = Noted {
        verdict: verdict.to_owned(),
        said: said.clone(),
        of: of.to_owned(),
        number,
    };
    let body = serde_json::to_string(&noted).map_err(|error| WebError::Other(error.to_string()))?;
    let entry = entry(desk, &format!("{verdict} {source}"))?;
    desk.app.store.audited(entry).decide(Decision {
        topic: TOPIC.to_owned(),
        subject: source.to_owned(),
        body,
        stamp: desk.stamp()?,
    })?;
    Ok(())
}

/// The entry that a decision on knowledge leaves in the audit trail.
pub(super) fn entry(desk: &Desk, says: &str) -> Result<AuditEntry, WebError> {
    const LONGEST: usize = 300;
    let mut entry = audit::of(desk.actor()?, AuditSubtype::Update)?;
    let says: String = says.chars().take(LONGEST).collect();
    entry
        .entities
        .push(AuditEntity::Query(format!("knowledge: {says}")));
    Ok(entry)
}

/// What a statement is known by on the page: its words and its place in the text, whatever its source is called.
pub(super) fn key(said: &Accepted) -> String {
    let place = &said.place;
    let fields: Vec<String> = said
        .fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let words = format!(
        "{} {} {} {} {}",
        place.digest,
        place.start,
        place.end,
        said.kind,
        fields.join("\n")
    );
    digest_of(&words).chars().take(16).collect()
}

/// The rejected and corrected proposals by their key: verdict, who, and the day. What was accepted as it was proposed is
/// told by the knowledge itself.
pub(super) fn decided(desk: &Desk) -> Result<BTreeMap<String, (String, String, String)>, WebError> {
    let ui = desk.ui();
    let mut decided = BTreeMap::new();
    let mut of_number: BTreeMap<u64, String> = BTreeMap::new();
    for decision in desk.app.store.decisions(TOPIC, None)? {
        let Ok(noted) = serde_json::from_str::<Noted>(&decision.body) else {
            continue;
        };
        match noted.verdict.as_str() {
            "rejected" | "corrected" => {
                let on = day(&ui, decision.stamp.at.civil().date());
                if let Some(number) = noted.number {
                    of_number.insert(number, noted.of.clone());
                }
                decided.insert(noted.of, (noted.verdict, decision.stamp.author, on));
            }
            "retracted" => {
                let of = noted.number.and_then(|number| of_number.get(&number));
                of.and_then(|of| decided.remove(of));
            }
            _ => {
                decided.remove(&noted.of);
            }
        }
    }
    Ok(decided)
}

/// What a statement says, on one line.
pub(super) fn line(desk: &Desk, said: &Accepted) -> Markup {
    let ui = desk.ui();
    let columns = shape(&said.kind).map_or(&[][..], |shape| shape.columns);
    let value = |name: &str| said.fields.get(name).filter(|value| !value.is_empty());
    html! {
        span.kind { (ui.of("statement", &said.kind)) } " "
        @for column in columns {
            @if let Some(value) = value(column.name) {
                span.part title=(ui.of("column", column.name)) {
                    @match column.cell {
                        Cell::Concept | Cell::Concepts => {
                            @for (number, id) in value.split('|').enumerate() { @if number > 0 { " + " } b { (fields::name_of(desk, id)) } }
                        }
                        Cell::Word(_) => { span.label { (ui.of("column", column.name)) } " " (ui.of("cell", value)) }
                        Cell::Number | Cell::Text => { (value) }
                    }
                } " "
            }
        }
    }
}

/// The accepted statements, the newest first, and the decisions.
pub(super) fn draw(desk: &Desk) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let living = desk.app.advice.living(Population::Real);
    let texts = &living.texts;
    let accepted: Vec<(&u64, &Held)> = texts.accepted.iter().rev().take(MOST).collect();
    let refused: BTreeMap<u64, &str> = texts
        .refused
        .iter()
        .map(|refused| (refused.number, refused.message.as_str()))
        .collect();
    Ok(html! {
        section #accepted {
            h2 { (ui.t("read.log")) " " span.count { (texts.accepted.len()) } }
            @if accepted.is_empty() { p.empty { (ui.t("read.log-none")) } }
            @else { ul.statements { @for (number, held) in &accepted { (held_row(desk, **number, held, refused.get(number).copied())) } } }
        }
        (decisions(desk)?)
    })
}

fn held_row(desk: &Desk, number: u64, held: &Held, refused: Option<&str>) -> Markup {
    let ui = desk.ui();
    let place = &held.said.place;
    html! {
        li.statement id=(format!("statement-{number}")) {
            div.what {
                (line(desk, &held.said))
                q { (held.said.quote) }
                @if let Some(message) = refused { p.mistake { (ui.fill("read.unused", &[("message", message)])) } }
                p.hint {
                    (held.cited())
                    @if !place.organisation.is_empty() { ", " (place.organisation) }
                    @if !place.licence.is_empty() { ", " (place.licence) }
                    " \u{2013} " (ui.fill("read.by", &[("author", &held.by), ("day", &day(&ui, held.date))]))
                }
            }
            form method="post" action="/knowledge/retract" {
                input type="hidden" name="number" value=(number);
                button.quiet type="submit" { (ui.t("read.retract")) }
            }
        }
    }
}

fn decisions(desk: &Desk) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let decisions = desk.app.store.decisions(TOPIC, None)?;
    let noted: Vec<(&Decision, Noted)> = decisions
        .iter()
        .rev()
        .take(MOST)
        .filter_map(|decision| Some((decision, serde_json::from_str(&decision.body).ok()?)))
        .collect();
    Ok(html! {
        @if !noted.is_empty() {
            section {
                details {
                    summary { h2 { (ui.t("read.decisions")) " " span.count { (decisions.len()) } } }
                    ul.statements {
                        @for (decision, noted) in &noted {
                            li.statement {
                                div.what {
                                    span.verdict { (ui.of("verdict", &noted.verdict)) } " " (line(desk, &noted.said))
                                    p.hint { time { (moment(&ui, decision.stamp.at.civil())) } " " (decision.stamp.author) " \u{2013} " (decision.subject) }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// The words of a verdict that was given before.
pub(super) fn told(desk: &Desk, (verdict, author, on): &(String, String, String)) -> String {
    let ui = desk.ui();
    let verdict = ui.of("verdict", verdict);
    ui.fill(
        "read.decided",
        &[("verdict", &verdict), ("author", author), ("day", on)],
    )
}
