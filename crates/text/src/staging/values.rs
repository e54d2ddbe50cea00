//! The values of a staging: a small pattern language, written out once when the table is read.
//!
//! | piece | is written | stands in the value as |
//! |---|---|---|
//! | `{I-IV}` | IV, iv, 4 | IV |
//! | `{1-5}` | 4, IV | 4 |
//! | `{A-C}`, `{a-c}` | either case | the case of the pattern |
//! | `[abX]` | one of these | the same |
//! | `^G` | nothing | G |
//! | `_` | a blank, or nothing | nothing |
//! | any other character | itself | itself |
//!
//! `?` behind a piece makes it optional, `|` separates patterns, and `value<one,other` lists what is written for a value.
//! `2 of r:…; p*:…; T*:…` is a value of parts, of which as many as the number says, of those with `*`, must be there.

use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What may be written for the values of a row.
#[derive(Debug, Default)]
pub(crate) struct Values {
    written: FxHashMap<Box<[char]>, Arc<str>>,
    longest: usize,
    parts: Vec<Part>,
    least: u32,
}

/// A part of a value.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: Arc<str>,
    /// Whether it counts towards the least number of parts.
    pub(super) counts: bool,
    /// Whether it may be repeated before later parts.
    pub(super) is_prefix: bool,
    pub(super) values: Values,
}

/// A written form and its value; with numerals in kanji or not.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) value: String,
}

impl Values {
    /// Reads a cell; `fold` folds what is written as the text is folded.
    pub(super) fn parse(cell: &str, fold: &impl Fn(&str) -> String) -> Result<Self, String> {
        let Some((least, parts)) = cell.split_once(" of ") else {
            let mut values = Self::default();
            for written in expand(cell, &[])? {
                values.insert(&fold(&written.text), &written.value);
            }
            return Ok(values);
        };
        let mut values = Self {
            least: least
                .trim()
                .parse()
                .map_err(|_| format!("no number \"{least}\""))?,
            ..Self::default()
        };
        for part in parts.split(';').map(str::trim) {
            let (name, cell) = part
                .split_once(':')
                .ok_or_else(|| format!("no name in \"{part}\""))?;
            let bare = name.trim_end_matches('*');
            values.parts.push(Part {
                name: bare.into(),
                counts: name.ends_with('*'),
                is_prefix: bare.chars().all(|c| c.is_ascii_lowercase()),
                values: Self::parse(cell, fold)?,
            });
        }
        Ok(values)
    }

    fn insert(&mut self, written: &str, value: &str) {
        let written: Box<[char]> = written.chars().collect();
        self.longest = self.longest.max(written.len());
        self.written.entry(written).or_insert_with(|| value.into());
    }

    /// Whether a value is made of parts.
    pub(super) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The parts in their order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How many parts must be there.
    pub(super) fn least(&self) -> u32 {
        self.least
    }

    /// The longest written value that the text begins with, and its length in characters.
    pub(super) fn longest(&self, text: &[char]) -> Option<(u32, &Arc<str>)> {
        (1..=self.longest.min(text.len())).rev().find_map(|length| {
            let value = self.written.get(text.get(..length)?)?;
            Some((length as u32, value))
        })
    }
}

/// Everything that a cell stands for; with numerals in kanji too, where some are given.
pub(super) fn expand(cell: &str, numerals: &[&str]) -> Result<Vec<Written>, String> {
    let mut all = Vec::new();
    for pattern in cell.split('|').filter(|pattern| !pattern.is_empty()) {
        if let Some((value, written)) = pattern.split_once('<') {
            all.extend(written.split(',').map(|text| Written {
                text: text.to_owned(),
                value: value.to_owned(),
            }));
            continue;
        }
        all.extend(expand_pattern(pattern, numerals)?);
    }
    Ok(all)
}

fn expand_pattern(pattern: &str, numerals: &[&str]) -> Result<Vec<Written>, String> {
    let mut all = vec![Written {
        text: String::new(),
        value: String::new(),
    }];
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let (choices, after) = piece(first, rest, numerals)?;
        let (is_optional, after) = match after.strip_prefix('?') {
            Some(after) => (true, after),
            None => (false, after),
        };
        rest = after;
        let mut longer = Vec::with_capacity(all.len() * (choices.len() + 1));
        for stem in all {
            for (text, value) in &choices {
                longer.push(Written {
                    text: format!("{}{text}", stem.text),
                    value: format!("{}{value}", stem.value),
                });
            }
            if is_optional {
                longer.push(stem);
            }
        }
        all = longer;
    }
    Ok(all)
}

/// What is written, and what it stands for.
type Choice = (String, String);

/// The choices of the piece that a pattern begins with, and what follows it.
fn piece<'a>(first: char, pattern: &'a str, numerals: &[&str]) -> Result<(Vec<Choice>, &'a str), String> {
    let unclosed = || format!("unclosed piece in \"{pattern}\"");
    match first {
        '{' => {
            let (range, after) = pattern
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'))
                .ok_or_else(unclosed)?;
            let choices = range_choices(range, numerals).ok_or_else(|| format!("no range \"{range}\""))?;
            Ok((choices, after))
        }
        '[' => {
            let (set, after) = pattern
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
                .ok_or_else(unclosed)?;
            Ok((
                set.chars().map(|c| (c.to_string(), c.to_string())).collect(),
                after,
            ))
        }
        '_' => {
            let blank = ["", " "].map(|written| (written.to_owned(), String::new()));
            Ok((blank.into(), pattern.get(1..).unwrap_or_default()))
        }
        '^' => {
            let mut rest = pattern.chars();
            rest.next();
            let silent = rest.next().ok_or_else(unclosed)?;
            Ok((vec![(String::new(), silent.to_string())], rest.as_str()))
        }
        c => {
            let mut rest = pattern.chars();
            rest.next();
            Ok((vec![(c.to_string(), c.to_string())], rest.as_str()))
        }
    }
}

const ROMAN: [&str; 10] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"];

fn range_choices(range: &str, numerals: &[&str]) -> Option<Vec<Choice>> {
    let (first, last) = range.split_once('-')?;
    let roman = |text: &str| ROMAN.iter().position(|numeral| *numeral == text);
    if let (Some(first), Some(last)) = (roman(first), roman(last)) {
        return Some(numbers(first, last, numerals, |index| {
            ROMAN.get(index).map(ToString::to_string)
        }));
    }
    if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
        let (first, last) = (first.checked_sub(1)?, last.checked_sub(1)?);
        return Some(numbers(first, last, numerals, |index| {
            Some((index + 1).to_string())
        }));
    }
    let (first, last) = (first.chars().next()?, last.chars().next()?);
    let choices = (first..=last).flat_map(|letter| {
        let other = if letter.is_ascii_uppercase() {
            letter.to_ascii_lowercase()
        } else {
            letter.to_ascii_uppercase()
        };
        [letter, other].map(|written| (written.to_string(), letter.to_string()))
    });
    Some(choices.collect())
}

/// Numbers from `first` to `last`, counted from 0, in all numerals.
fn numbers(
    first: usize,
    last: usize,
    numerals: &[&str],
    value: impl Fn(usize) -> Option<String>,
) -> Vec<Choice> {
    let mut choices = Vec::new();
    for index in first..=last {
        let (Some(roman), Some(value)) = (ROMAN.get(index), value(index)) else {
            continue;
        };
        let lower = (roman.len() > 1).then(|| roman.to_ascii_lowercase());
        let kanji = numerals.get(index).map(ToString::to_string);
        let written = [
            Some((*roman).to_owned()),
            lower,
            Some((index + 1).to_string()),
            kanji,
        ];
        choices.extend(written.into_iter().flatten().map(|text| (text, value.clone())));
    }
    choices
}
