//! Units of text: what is typed and converted at once, about a 文節.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unit {
    /// As written; `\n` alone is a line break.
    pub surface: String,
    /// Reading in hiragana, where it is known; kana and ASCII read themselves.
    pub reading: String,
    /// Concept that it names.
    pub concept: Option<Arc<str>>,
}

impl Unit {
    /// A line break.
    pub fn line_break() -> Self {
        Self {
            surface: "\n".to_owned(),
            reading: String::new(),
            concept: None,
        }
    }
}

/// What a character is, for where a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Hiragana,
    Katakana,
    Other,
    Latin,
    Mark,
    Break,
}

fn script(c: char) -> Script {
    match c {
        '\n' | '\r' => Script::Break,
        '\u{3041}'..='\u{309F}' => Script::Hiragana,
        '\u{30A1}'..='\u{30FF}' => Script::Katakana,
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '%' | '+' | '-') => Script::Latin,
        c if c.is_alphanumeric() => Script::Other,
        _ => Script::Mark,
    }
}

/// Cuts a text into units: before what follows hiragana or a mark, and where Latin letters or numbers begin or end.
/// `concepts` gives the names that are known of it: first and last character behind, concept; a cut never falls inside.
pub fn units(text: &str, concepts: &[(u32, u32, Arc<str>)]) -> Vec<Unit> {
    let mut found: Vec<Unit> = Vec::new();
    let mut open = Unit::default();
    let mut before: Option<Script> = None;
    let mut names = concepts.iter().peekable();
    for (at, c) in (0u32..).zip(text.chars()) {
        while names.next_if(|(_, end, _)| *end <= at).is_some() {}
        let inside = names.peek().filter(|(start, end, _)| *start <= at && at < *end);
        let is_within = inside.is_some_and(|(start, ..)| *start < at);
        let now = script(c);
        let is_cut = before.is_some_and(|before| cuts(before, now)) && !is_within;
        if (is_cut || now == Script::Break) && !open.surface.is_empty() {
            found.push(std::mem::take(&mut open));
        }
        if now == Script::Break {
            found.push(Unit::line_break());
            before = None;
            continue;
        }
        open.surface.push(c);
        if open.concept.is_none() {
            open.concept = inside.map(|(_, _, concept)| Arc::clone(concept));
        }
        before = Some(now);
    }
    if !open.surface.is_empty() {
        found.push(open);
    }
    found
}

fn cuts(before: Script, now: Script) -> bool {
    match (before, now) {
        (_, Script::Mark | Script::Hiragana) => false,
        (before, now) => before != now,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "notes are Japanese")]

    use super::*;

    fn check(text: &str, names: &[(u32, u32, &str)], wanted: &[&str]) {
        let names: Vec<(u32, u32, Arc<str>)> =
            names.iter().map(|(a, b, c)| (*a, *b, Arc::from(*c))).collect();
        let cut = units(text, &names);
        let surfaces: Vec<&str> = cut.iter().map(|unit| unit.surface.as_str()).collect();
        assert_eq!(surfaces, wanted);
    }

    #[test]
    fn a_text_is_cut_where_one_converts() {
        check(
            "昨日からの発熱と右季肋部痛。",
            &[],
            &["昨日からの", "発熱と", "右季肋部痛。"],
        );
        check("BT39.2、嘔気なし\nP)", &[], &["BT39.2、", "嘔気なし", "\n", "P)"]);
    }

    #[test]
    fn a_name_is_not_cut() {
        check("III度房室ブロックで", &[(0, 9, "x")], &["III度房室ブロックで"]);
        let cut = units("III度房室ブロックで", &[(0, 9, Arc::from("x"))]);
        assert_eq!(cut.first().unwrap().concept.as_deref(), Some("x"));
    }
}
