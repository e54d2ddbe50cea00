//! What is typed at the caret, and what stands before it.

use std::sync::Arc;
use tsumugi_prediction::{Unit, units};

/// Characters before the caret that are looked at.
const WINDOW: usize = 300;
/// Units before the caret that matter.
const BEFORE: usize = 3;
/// Longest romaji behind a trigger.
const LONGEST_ROMAJI: usize = 24;

/// A place of the text at which something may be offered.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Spot {
    /// First character that an offer replaces; the caret where nothing is typed.
    pub(crate) start: usize,
    /// What is typed of the next; empty where nothing is.
    pub(crate) typed: String,
    /// The units before, newest last.
    pub(crate) before: Vec<Unit>,
    /// A whole name before the caret that may be the beginning of a longer one, with its first character.
    pub(crate) longer: Option<(usize, String)>,
    /// The key of a snippet as it is typed, with its trigger.
    pub(crate) trigger: Option<String>,
    /// Nothing can be offered: a number is being typed.
    pub(crate) is_number: bool,
}

/// Looks at a caret, counted in characters. `names` are those of the text.
pub(crate) fn spot(text: &str, caret: usize, names: &[(u32, u32, Arc<str>)]) -> Spot {
    let caret = caret.min(text.chars().count());
    let first = caret.saturating_sub(WINDOW);
    let window: Vec<char> = text.chars().skip(first).take(caret - first).collect();
    if let Some(spot) = triggered(&window, first, names) {
        return spot;
    }
    let found = units_of(&window, first, names);
    let Some(open) = found.last().filter(|open| ends_open(open)) else {
        return Spot {
            start: caret,
            before: newest(&found),
            ..Spot::default()
        };
    };
    let rest = found.split_last().map_or(&[][..], |(_, rest)| rest);
    let length = open.surface.chars().count();
    let name = names.iter().find(|(_, end, _)| *end as usize == caret);
    if let Some((start, ..)) = name.filter(|(start, ..)| *start as usize >= first) {
        let typed: String = window.iter().skip(*start as usize - first).collect();
        return Spot {
            start: caret,
            before: newest(&found),
            longer: Some((*start as usize, typed)),
            ..Spot::default()
        };
    }
    let ends_in_kana = open.surface.ends_with(is_hiragana);
    if ends_in_kana && !open.surface.chars().all(is_hiragana) {
        // Behind a particle the next begins.
        return Spot {
            start: caret,
            before: newest(&found),
            ..Spot::default()
        };
    }
    Spot {
        start: caret - length,
        typed: open.surface.clone(),
        before: newest(rest),
        is_number: open
            .surface
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '/' | '%' | '+' | '-')),
        ..Spot::default()
    }
}

/// Romaji behind `;` or `/`, which call for names and snippets while the input method is off.
fn triggered(window: &[char], first: usize, names: &[(u32, u32, Arc<str>)]) -> Option<Spot> {
    let is_romaji = |c: &&char| c.is_ascii_alphanumeric() || matches!(**c, '-' | '\'');
    let letters = window
        .iter()
        .rev()
        .take(LONGEST_ROMAJI)
        .take_while(is_romaji)
        .count();
    let at = window.len().checked_sub(letters + 1)?;
    let (before, typed) = window.split_at_checked(at)?;
    let (trigger, romaji) = typed.split_first()?;
    let is_trigger = match trigger {
        ';' => true,
        // 128/76 and mg/dL are no calls; a slash alone is a slash.
        '/' => {
            before.last().is_none_or(|c| !c.is_ascii_alphanumeric())
                && romaji.first().is_some_and(char::is_ascii_lowercase)
        }
        _ => false,
    };
    if !is_trigger {
        return None;
    }
    let romaji: String = romaji.iter().collect();
    Some(Spot {
        start: first + at,
        trigger: Some(format!(";{romaji}")),
        typed: romaji,
        before: newest(&units_of(before, first, names)),
        ..Spot::default()
    })
}

fn units_of(window: &[char], first: usize, names: &[(u32, u32, Arc<str>)]) -> Vec<Unit> {
    let end = first + window.len();
    let inside = names
        .iter()
        .filter(|(start, stop, _)| *start as usize >= first && *stop as usize <= end);
    let shift = first as u32;
    let own: Vec<(u32, u32, Arc<str>)> = inside
        .map(|(start, stop, concept)| (start - shift, stop - shift, Arc::clone(concept)))
        .collect();
    let text: String = window.iter().collect();
    let mut found = units(&text, &own);
    // Kana behind a mark begin something new.
    if let Some(open) = found.pop() {
        let behind = open.surface.char_indices().rfind(|(_, c)| !c.is_alphanumeric());
        let cut = behind.map(|(at, c)| open.surface.split_at(at + c.len_utf8()));
        match cut.filter(|(_, tail)| tail.starts_with(is_hiragana)) {
            Some((head, tail)) => {
                let tail = Unit {
                    surface: tail.to_owned(),
                    ..Unit::default()
                };
                found.push(Unit {
                    surface: head.to_owned(),
                    ..open.clone()
                });
                found.push(tail);
            }
            None => found.push(open),
        }
    }
    found
}

fn is_hiragana(c: char) -> bool {
    ('\u{3041}'..='\u{309F}').contains(&c)
}

/// Whether a unit may still go on: it ends in a letter or a number.
fn ends_open(unit: &Unit) -> bool {
    unit.surface
        .chars()
        .next_back()
        .is_some_and(char::is_alphanumeric)
}

fn newest(units: &[Unit]) -> Vec<Unit> {
    units
        .iter()
        .skip(units.len().saturating_sub(BEFORE))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "notes are Japanese")]

    use super::*;

    #[track_caller]
    fn check(text: &str, names: &[(u32, u32, &str)], (typed, start): (&str, usize)) -> Spot {
        let names: Vec<(u32, u32, Arc<str>)> =
            names.iter().map(|(a, b, c)| (*a, *b, Arc::from(*c))).collect();
        let spot = spot(text, text.chars().count(), &names);
        assert_eq!((spot.typed.as_str(), spot.start), (typed, start), "{text}");
        spot
    }

    #[test]
    fn what_is_typed_is_the_open_unit() {
        check("昨日から発", &[], ("発", 4));
        check("昨日からはつ", &[], ("", 6));
        check("発熱。はつ", &[(0, 2, "fever")], ("はつ", 3));
        check("発熱と", &[(0, 2, "fever")], ("", 3));
        assert!(check("体温39.2", &[], ("39.2", 2)).is_number);
        assert!(!check("SpO2", &[], ("SpO2", 0)).is_number);
    }

    #[test]
    fn behind_a_whole_name_the_next_is_offered_and_longer_names() {
        let spot = check("昨日から発熱", &[(4, 6, "fever")], ("", 6));
        assert_eq!(spot.longer, Some((4, "発熱".to_owned())));
        assert_eq!(spot.before.last().unwrap().concept.as_deref(), Some("fever"));
    }

    #[test]
    fn a_trigger_calls_and_a_fraction_does_not() {
        let spot = check("発熱。;hatu", &[], ("hatu", 3));
        assert_eq!(spot.trigger.as_deref(), Some(";hatu"));
        assert_eq!(check("/hatu", &[], ("hatu", 0)).trigger.as_deref(), Some(";hatu"));
        assert_eq!(check(";", &[], ("", 0)).trigger.as_deref(), Some(";"));
        for text in ["BP 128/76", "CRP mg/dL", "右/"] {
            assert_eq!(spot_of(text).trigger, None, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_looked_at_in_part_and_a_caret_behind_its_end_is_its_end() {
        let text = "痛".repeat(100_000);
        let spot = spot(&text, usize::MAX, &[]);
        assert!(spot.start <= 100_000);
        assert!(spot.typed.chars().count() <= WINDOW);
    }

    fn spot_of(text: &str) -> Spot {
        spot(text, text.chars().count(), &[])
    }
}
