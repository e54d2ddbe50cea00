//! `knowledge accepted`: what people have accepted from texts, and what of it cannot be used.

use super::super::say;
use super::super::store::Place;
use crate::advice::Advice;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_knowledge::{Assertion, Held, Statement};
use tsumugi_records::Population;

/// A line a statement that is held: its number, what it says, from where, who accepted it and when.
pub(super) fn list(place: &Place) -> anyhow::Result<ExitCode> {
    let store = place.open_reading()?;
    let advice = Advice::open(Arc::new(place.engine()?), &store)?;
    let living = advice.living(Population::Real);
    for (number, held) in &living.texts.accepted {
        let refused = living
            .texts
            .refused
            .iter()
            .find(|refused| refused.number == *number);
        let mut line = value(*number, held);
        if let (Some(fields), Some(refused)) = (line.as_object_mut(), refused) {
            fields.insert("unused".to_owned(), json!(refused.message));
        }
        say(&line.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn value(number: u64, held: &Held) -> Value {
    let said = &held.said;
    json!({
        "number": number, "kind": said.kind, "fields": said.fields, "quote": said.quote, "place": said.place,
        "source": held.source, "by": held.by, "date": held.date,
    })
}

/// The number of a statement accepted from a text that is still held.
pub(super) fn numbered(held: &[&Assertion], word: &str) -> Option<u64> {
    let number: u64 = word.parse().ok()?;
    let is_it = |entry: &&&Assertion| {
        entry.id == number && matches!(entry.said, Statement::Accepted(_) | Statement::Cause(_))
    };
    held.iter().find(is_it).map(|entry| entry.id)
}
