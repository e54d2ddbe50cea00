//! The grammar of habits: 「20本/日×30年」 「喫煙：1日20本、40年間」 「ビール500mL/日」.
//!
//! The words for habits and wishes are concepts of the vocabulary; this grammar reads the amounts that belong to them.
//! `values` of the mention are: amount a day, then years.

use crate::mention::Mention;
use crate::quantity::Parsed;
use crate::rules::{Rules, Term, UnitKind, mark};
use crate::tokens::Tokens;
use std::sync::Arc;
use tsumugi_clinical::{Quantity, SectionKind, Tag};
use tsumugi_tables::TermKind;

/// Reads a habit, circumstance or wish at a token, or in a social history an amount that implies one.
pub(crate) fn parse(
    rules: &Rules,
    tokens: &Tokens<'_>,
    index: usize,
    section: Option<SectionKind>,
) -> Option<Parsed> {
    let token = tokens.get(index)?;
    if token.marks & mark::CIRCUMSTANCE == 0 {
        return bare_amount(rules, tokens, index, section);
    }
    let concept = tokens.find(index, |term| match term {
        Term::Concept {
            kind: TermKind::Circumstance,
            key,
            ..
        } => Some(*key),
        _ => None,
    });
    let Some(key) = concept else {
        return bare_amount(rules, tokens, index, section);
    };
    let mut mention =
        Mention::new(token.start, token.end, Tag::Pending).with_term(TermKind::Circumstance, key);
    let mut end = index + 1;
    if let Some(read) = amounts_near(tokens, index + 1) {
        mention.values = read.values;
        if let Some(last) = tokens.get(read.end - 1) {
            mention.span.end = last.end;
        }
        end = read.end;
    }
    Some(Parsed {
        mentions: vec![mention],
        links: Vec::new(),
        end,
    })
}

struct Amounts {
    values: Vec<Quantity>,
    end: usize,
    unit: Arc<str>,
}

/// 「20本/日×30年」 without a word for smoking: the unit says what it is.
fn bare_amount(
    rules: &Rules,
    tokens: &Tokens<'_>,
    index: usize,
    section: Option<SectionKind>,
) -> Option<Parsed> {
    let token = tokens.get(index)?;
    let read = amounts(tokens, index)?;
    let in_history = matches!(section, Some(SectionKind::Social));
    if read.values.len() < 2 && !in_history {
        return None;
    }
    let key = rules.habits.get(read.unit.as_ref()).copied()?;
    let last = tokens.get(read.end - 1)?;
    let mut mention =
        Mention::new(token.start, last.end, Tag::Pending).with_term(TermKind::Circumstance, key);
    mention.values = read.values;
    Some(Parsed {
        mentions: vec![mention],
        links: Vec::new(),
        end: read.end,
    })
}

/// The amount within a few tokens behind the word, over particles and 「1日」.
fn amounts_near(tokens: &Tokens<'_>, start: usize) -> Option<Amounts> {
    const FARTHEST: usize = 5;
    (start..start + FARTHEST).find_map(|at| {
        let blocked = (start..at).any(|between| tokens.is_char(between, |c| matches!(c, '\u{3002}' | '\n')));
        if blocked { None } else { amounts(tokens, at) }
    })
}

fn habit(tokens: &Tokens<'_>, at: usize, wanted: &str) -> Option<Arc<str>> {
    tokens.find(at, |term| match term {
        Term::Habit(word) if word.kind.as_ref() == wanted => Some(Arc::clone(&word.value)),
        _ => None,
    })
}

/// 「20本/日×30年」 「500mL/日」 「2合」 「20-30本/日 40年間」.
fn amounts(tokens: &Tokens<'_>, at: usize) -> Option<Amounts> {
    if !tokens.is_number(at) {
        return None;
    }
    let mut end = at + 1;
    let mut high = None;
    if tokens.is_char(end, |c| matches!(c, '-' | '~')) && tokens.is_number(end + 1) {
        high = tokens.number(end + 1);
        end += 2;
    }
    let of = habit(tokens, end, "unit").or_else(|| volume(tokens, end))?;
    let number = tokens.number(at)?;
    let unit = tokens.get(end).map(|token| tokens.text(token))?;
    end += 1;
    let per_day = tokens
        .find(end, |term| {
            matches!(term, Term::Usage(word) if word.kind.as_ref() == "per").then_some(())
        })
        .is_some();
    end += usize::from(per_day);
    let mut values = vec![Quantity {
        number: Some(number),
        high,
        unit: Some(unit.into()),
        ..Quantity::default()
    }];
    if let Some((years, after)) = years(tokens, end) {
        values.push(Quantity {
            number: Some(years),
            unit: Some("a".into()),
            ..Quantity::default()
        });
        end = after;
    }
    Some(Amounts {
        values,
        end,
        unit: of,
    })
}

/// Volumes are of drinks when they stand behind a drink.
fn volume(tokens: &Tokens<'_>, at: usize) -> Option<Arc<str>> {
    let is_volume = tokens.find(at, |term| match term {
        Term::Unit {
            ucum,
            kind: UnitKind::Dose,
        } if matches!(ucum.as_ref(), "mL" | "L") => Some(()),
        _ => None,
    });
    let before = at.checked_sub(2)?;
    let behind_drink = tokens.find(before, |term| {
        matches!(
            term,
            Term::Concept {
                kind: TermKind::Circumstance,
                ..
            }
        )
        .then_some(())
    });
    is_volume.and(behind_drink).map(|()| Arc::from(""))
}

fn years(tokens: &Tokens<'_>, at: usize) -> Option<(String, usize)> {
    const FARTHEST: usize = 3;
    (at..at + FARTHEST).find_map(|number_at| {
        let number = tokens.number(number_at)?;
        habit(tokens, number_at + 1, "years")?;
        Some((number, number_at + 2))
    })
}
