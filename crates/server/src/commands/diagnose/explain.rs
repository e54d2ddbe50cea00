//! The answers of `diagnose` for people: a disease a line with its probability, its strongest reasons below it.

use super::super::line::{BadLine, Line, answer_lines_as};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Reasons that are shown of a disease.
const REASONS: usize = 6;

/// Answers every line of standard input in words.
pub(super) fn lines(
    answer: impl FnMut(Line) -> anyhow::Result<Result<Value, BadLine>>,
) -> anyhow::Result<ExitCode> {
    answer_lines_as(answer, in_words)
}

fn in_words(answer: &Value) -> String {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let mut words = format!("== {}\n", text(answer, "id"));
    // Writing to a string does not fail.
    for (place, entry) in (1..).zip(list(answer, "ranked")) {
        let probability = entry["probability"].as_f64().unwrap_or(0.0) * 100.0;
        let name = text(&entry["disease"], "name");
        let _ = writeln!(words, "{place:>3}. {name}  {probability:.0} %");
        let mut reasons: Vec<&Value> = list(entry, "because").iter().collect();
        let weight = |reason: &Value| reason["weight"].as_f64().unwrap_or(0.0);
        reasons.sort_by(|a, b| weight(b).abs().total_cmp(&weight(a).abs()));
        for reason in reasons.into_iter().take(REASONS) {
            let denied = if text(reason, "polarity") == "absent" {
                "(-) "
            } else {
                ""
            };
            let what = match reason["finding"].as_str() {
                Some(finding) => finding.to_owned(),
                None => text(reason, "match"),
            };
            let sources: Vec<&str> = list(reason, "sources").iter().filter_map(Value::as_str).collect();
            let _ = writeln!(
                words,
                "     {:>+5.1}  {denied}{what}  {}",
                weight(reason),
                sources.join("; ")
            );
        }
    }
    for step in list(answer, "ask_next") {
        let what = step["test"]
            .as_str()
            .or(step["finding"].as_str())
            .unwrap_or_default();
        let _ = writeln!(words, "  ?  {what}");
    }
    words
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
