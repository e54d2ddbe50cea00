//! What became of cards: accepted suggestions, and why a physician did otherwise. Each is kept as a decision of that
//! physician, with what the card said.

use super::card::{OVERRIDE, REASONS};
use super::refusal::Refusal;
use super::request::{is_uuid, list, needed};
use super::{Call, Service};
use serde_json::{Map, Value, json};
use tsumugi_records::{Decision, Stamp};

/// Topic of the decisions on cards that a physician overrode.
const OVERRIDDEN: &str = "override";
/// Topic of the decisions on cards of which a physician took a suggestion.
const ACCEPTED: &str = "accepted";
/// Whose decision it is where the card is not remembered any more: the feedback itself names nobody.
const NOBODY: &str = "cds-hooks";
/// Most entries of one request.
const MOST: usize = 1_000;
/// Longest comment, in characters.
const LONGEST_COMMENT: usize = 4_000;

/// One entry, its form checked.
struct Entry<'v> {
    topic: &'static str,
    card: &'v str,
    when: &'v str,
    suggestions: Vec<&'v str>,
    reason: Option<Value>,
    comment: Option<&'v str>,
}

/// Keeps the entries of a request: all where all are well formed, else none. An entry that comes again is kept once.
pub(super) fn keep(call: Call<'_>, service: Service, body: &Value) -> Result<(), Refusal> {
    let entries = match body.get("feedback") {
        None | Some(Value::Null) => return Err(Refusal::missing("feedback")),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(Refusal::wrong("feedback", "is no array")),
    };
    if entries.len() > MOST {
        return Err(Refusal::too_long());
    }
    let mut checked = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        checked.push(read(entry, &format!("feedback[{index}]"))?);
    }
    for entry in checked {
        let decision = decision(call, service, &entry);
        let known = call
            .app
            .store
            .decisions(&decision.topic, Some(&decision.subject))?;
        if !known.iter().any(|known| known.body == decision.body) {
            call.app.store.decide(decision)?;
        }
    }
    Ok(())
}

fn read<'v>(entry: &'v Value, at: &str) -> Result<Entry<'v>, Refusal> {
    if !entry.is_object() {
        return Err(Refusal::wrong(at, "is no object"));
    }
    let before = format!("{at}.");
    let card = needed(entry, &before, "card")?;
    if !is_uuid(card) {
        return Err(Refusal::wrong(&format!("{at}.card"), "is no UUID"));
    }
    let topic = match needed(entry, &before, "outcome")? {
        "accepted" => ACCEPTED,
        "overridden" => OVERRIDDEN,
        _ => {
            return Err(Refusal::wrong(
                &format!("{at}.outcome"),
                "is neither accepted nor overridden",
            ));
        }
    };
    let when = needed(entry, &before, "outcomeTimestamp")?;
    if when.parse::<jiff::Timestamp>().is_err() {
        let detail = "is no time with its offset, as 2026-01-31T09:00:00Z";
        return Err(Refusal::wrong(&format!("{at}.outcomeTimestamp"), detail));
    }
    let suggestions = suggestions(entry, at)?;
    if topic == ACCEPTED && suggestions.is_empty() {
        return Err(Refusal::missing(&format!("{at}.acceptedSuggestions")));
    }
    let (reason, comment) = override_reason(entry, at)?;
    Ok(Entry {
        topic,
        card,
        when,
        suggestions,
        reason,
        comment,
    })
}

fn suggestions<'v>(entry: &'v Value, at: &str) -> Result<Vec<&'v str>, Refusal> {
    let field = format!("{at}.acceptedSuggestions");
    match entry.get("acceptedSuggestions") {
        None | Some(Value::Null | Value::Array(_)) => {}
        Some(_) => return Err(Refusal::wrong(&field, "is no array")),
    }
    let mut ids = Vec::new();
    for (index, suggestion) in list(entry, "acceptedSuggestions").iter().enumerate() {
        let id = needed(suggestion, &format!("{field}[{index}]."), "id")?;
        if !is_uuid(id) {
            return Err(Refusal::wrong(&format!("{field}[{index}].id"), "is no UUID"));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn override_reason<'v>(entry: &'v Value, at: &str) -> Result<(Option<Value>, Option<&'v str>), Refusal> {
    let field = format!("{at}.overrideReason");
    let given = match entry.get("overrideReason") {
        None | Some(Value::Null) => return Ok((None, None)),
        Some(given) if given.is_object() => given,
        Some(_) => return Err(Refusal::wrong(&field, "is no object")),
    };
    let comment = match given.get("userComment") {
        None | Some(Value::Null) => None,
        Some(Value::String(comment)) if comment.chars().count() > LONGEST_COMMENT => {
            return Err(Refusal::wrong(&format!("{field}.userComment"), "is too long"));
        }
        Some(Value::String(comment)) => Some(comment.trim()).filter(|comment| !comment.is_empty()),
        Some(_) => return Err(Refusal::wrong(&format!("{field}.userComment"), "is no text")),
    };
    let reason = match given.get("reason") {
        None | Some(Value::Null) => None,
        Some(reason) if reason.is_object() => Some(coding(reason, &format!("{field}.reason"))?),
        Some(_) => return Err(Refusal::wrong(&format!("{field}.reason"), "is no object")),
    };
    Ok((reason, comment))
}

/// The reason as a coding. One of our own system must be one that we offer; a client may add reasons of its own.
fn coding(reason: &Value, at: &str) -> Result<Value, Refusal> {
    let before = format!("{at}.");
    let code = needed(reason, &before, "code")?;
    let system = super::request::optional(reason, &before, "system")?;
    let display = super::request::optional(reason, &before, "display")?;
    if system == Some(OVERRIDE) && !REASONS.contains(&code) {
        return Err(Refusal::wrong(
            &format!("{at}.code"),
            "is no reason that the card offers",
        ));
    }
    Ok(json!({"system": system, "code": code, "display": display}))
}

fn decision(call: Call<'_>, service: Service, entry: &Entry<'_>) -> Decision {
    let shown = call.hooks.shown.card(entry.card);
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            body.insert(key.to_owned(), value);
        }
    };
    put("service", json!(service.id()));
    put("when", json!(entry.when));
    put("reason", json!(entry.reason));
    put("comment", json!(entry.comment));
    if !entry.suggestions.is_empty() {
        let named = entry.suggestions.iter().map(|id| {
            let own = shown.iter().flat_map(|card| &card.suggestions);
            let label = own
                .into_iter()
                .find(|(own, _)| own.eq_ignore_ascii_case(id))
                .map(|(_, label)| label);
            json!({"id": id, "label": label})
        });
        put("suggestions", json!(named.collect::<Vec<Value>>()));
    }
    let author = shown
        .as_ref()
        .map_or(NOBODY, |card| card.user.as_str())
        .to_owned();
    if let Some(card) = shown {
        put("patient", json!(card.patient));
        put("topic", json!(card.topic));
        put("indicator", json!(card.indicator));
        put("summary", json!(card.summary));
        put("about", json!(card.about));
        put("instance", json!(card.instance));
    }
    Decision {
        topic: entry.topic.to_owned(),
        subject: entry.card.to_ascii_lowercase(),
        body: Value::Object(body).to_string(),
        stamp: Stamp {
            author,
            at: call.now.clone(),
        },
    }
}
