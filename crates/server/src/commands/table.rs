//! A structured note as a table for people.

use std::fmt::Write as _;
use tsumugi_clinical::{Certainty, Event, Experiencer, Note, Phase, Polarity, StructuredNote};

/// Writes the facts of a note, one a line, with their place in the text.
pub(crate) fn table(note: &Note, structured: &StructuredNote) -> String {
    let mut out = format!("== {}\n", structured.id);
    for event in &structured.events {
        let _ = writeln!(out, "{}", row(structured, event));
    }
    let chars: Vec<char> = note.text.chars().collect();
    for span in &structured.unread {
        let text: String = chars
            .get(span.start as usize..span.end as usize)
            .unwrap_or(&[])
            .iter()
            .collect();
        let _ = writeln!(out, "?  {text}");
    }
    for modifier in &structured.unattached {
        let _ = writeln!(out, "?  {} {}, of which disease?", modifier.name, modifier.value);
    }
    for question in &structured.questions {
        let _ = writeln!(out, "?? {} [{}]", question.ask, question.options.join(" / "));
    }
    out
}

fn row(structured: &StructuredNote, event: &Event) -> String {
    let mut out = String::new();
    out.push_str(if event.polarity == Polarity::Absent {
        "-  "
    } else {
        "+  "
    });
    out.push_str(&event.name);
    if let Some(site) = &event.site {
        let _ = write!(out, " @{}", site.name);
    }
    if let Some(side) = event.laterality {
        let _ = write!(out, " {side:?}");
    }
    for modifier in &event.modifiers {
        let _ = write!(out, " [{} {}]", modifier.name, modifier.value);
    }
    if let Some(value) = &event.value {
        let number = value.number.as_deref().or(value.text.as_deref()).unwrap_or("");
        let _ = write!(out, " {number} {}", value.unit.as_deref().unwrap_or(""));
        if let Some(interpretation) = value.interpretation {
            let _ = write!(out, " {interpretation:?}");
        }
    }
    if event.certainty != Certainty::Asserted {
        let _ = write!(out, " [{:?}]", event.certainty);
    }
    if event.experiencer != Experiencer::Patient {
        let _ = write!(
            out,
            " [{:?} {}]",
            event.experiencer,
            event.relative.as_deref().unwrap_or("")
        );
    }
    if event.phase != Phase::Current {
        let _ = write!(out, " [{:?}]", event.phase);
    }
    if let Some(time) = &event.time {
        let show =
            |at: Option<jiff::civil::DateTime>| at.map_or_else(|| "?".to_owned(), |at| at.date().to_string());
        let _ = write!(out, " ({}..{})", show(time.from), show(time.to));
    }
    if let Some(dosage) = &event.dosage {
        let _ = write!(out, " {{{}}}", dosage.text);
    }
    let codes: Vec<&str> = event
        .codes
        .iter()
        .skip(1)
        .map(|code| code.code.as_ref())
        .collect();
    let places: Vec<&str> = event
        .because
        .iter()
        .filter_map(|reason| match reason {
            tsumugi_clinical::Because::Entity { entity } => structured.entities.get(*entity as usize),
            _ => None,
        })
        .map(|entity| entity.text.as_str())
        .collect();
    let _ = write!(
        out,
        "  {}  <- {}  [{}]",
        codes.join(" "),
        places.join(" | "),
        event.fact
    );
    out
}
