//! The grammar of series: a load test and its values in time (「75gOGTT：空腹時 97、1時間 194、2時間 149」,
//! 「75gOGTT 97-194-149」). `lexicon/series.tsv` says which labels are which items.

use crate::mention::Mention;
use crate::quantity::Parsed;
use crate::rules::{Rules, SeriesLabel, Term, mark};
use crate::tokens::{Tokens, number_end};
use tsumugi_clinical::{Quantity, Tag};
use tsumugi_tables::TermKind;

/// Values of a series in the order of the table, when they stand without labels: before the load, then in time.
const UNLABELLED: usize = 3;

/// Reads a series at a token that opens one.
pub(crate) fn parse(rules: &Rules, tokens: &Tokens<'_>, index: usize) -> Option<Parsed> {
    let opener = tokens
        .get(index)
        .filter(|token| token.marks & mark::SERIES != 0)?;
    let labels = rules.series.get(tokens.text(opener).as_str())?;
    let mut parsed = Parsed::default();
    parsed.mentions.extend(tokens.find(index, |term| match term {
        Term::Concept {
            kind: TermKind::Exam,
            key,
            ..
        } => Some(Mention::new(opener.start, opener.end, Tag::TestName).with_term(TermKind::Exam, *key)),
        _ => None,
    }));
    let end = labelled(tokens, labels, opener.end, &mut parsed)
        .or_else(|| unlabelled(tokens, labels, opener.end, &mut parsed))?;
    parsed.end = tokens
        .list
        .iter()
        .position(|token| token.start >= end)
        .unwrap_or(tokens.list.len());
    Some(parsed)
}

/// 「空腹時 97、1時間 194」: as many labels with a number as follow one another; gives the end of the last.
fn labelled(tokens: &Tokens<'_>, labels: &[SeriesLabel], start: u32, parsed: &mut Parsed) -> Option<u32> {
    let mut end = None;
    let mut at = start;
    loop {
        at = skip(tokens, at);
        let rest = tokens.slice(at, tokens.chars.len() as u32);
        let Some(label) = labels
            .iter()
            .filter(|label| rest.starts_with(&label.form))
            .max_by_key(|label| label.form.len())
        else {
            return end;
        };
        let label_end = at + label.form.len() as u32;
        let number = skip(tokens, label_end);
        let Some(number_end) = number_end(tokens.chars, number as usize) else {
            return end;
        };
        add(tokens, label, (at, label_end), (number, number_end), parsed);
        end = Some(number_end);
        at = number_end;
    }
}

/// 「97-194-149」.
fn unlabelled(tokens: &Tokens<'_>, labels: &[SeriesLabel], start: u32, parsed: &mut Parsed) -> Option<u32> {
    let mut numbers = Vec::new();
    let mut at = skip(tokens, start);
    while let Some(end) = number_end(tokens.chars, at as usize) {
        numbers.push((at, end));
        let joined = tokens
            .slice(end, end + 1)
            .first()
            .is_some_and(|c| matches!(c, '-' | '/' | '\u{2192}' | '~'));
        at = if joined { end + 1 } else { break };
    }
    if numbers.len() != UNLABELLED {
        return None;
    }
    let mut items: Vec<&SeriesLabel> = Vec::new();
    for label in labels {
        if !items.iter().any(|known| known.test == label.test) {
            items.push(label);
        }
    }
    for (label, number) in items.into_iter().zip(&numbers) {
        add(tokens, label, *number, *number, parsed);
    }
    numbers.last().map(|(_, end)| *end)
}

fn add(
    tokens: &Tokens<'_>,
    label: &SeriesLabel,
    key_span: (u32, u32),
    value_span: (u32, u32),
    parsed: &mut Parsed,
) {
    let key = tokens
        .lexicon
        .get(&label.test)
        .iter()
        .find_map(|term| match term {
            Term::Concept {
                kind: TermKind::Test,
                key,
                ..
            } => Some(*key),
            _ => None,
        });
    let Some(key) = key else { return };
    let number: String = tokens
        .slice(value_span.0, value_span.1)
        .iter()
        .filter(|c| **c != ',')
        .collect();
    let mut item = Mention::new(key_span.0, key_span.1, Tag::TestKey).with_term(TermKind::Test, key);
    item.values = vec![Quantity {
        number: Some(number),
        ..Quantity::default()
    }];
    let place = parsed.mentions.len();
    parsed.mentions.push(item);
    if key_span != value_span {
        parsed.links.push((place, place + 1));
        parsed
            .mentions
            .push(Mention::new(value_span.0, value_span.1, Tag::TestValue));
    }
}

/// Blanks, marks and units between a label and its number, and between two pairs.
fn skip(tokens: &Tokens<'_>, mut at: u32) -> u32 {
    while let Some(c) = tokens.slice(at, at + 1).first() {
        let is_between = matches!(
            c,
            ' ' | ':' | '=' | '\u{3001}' | ',' | '(' | ')' | '/' | '\u{306F}'
        ) || c.is_ascii_alphabetic();
        if !is_between {
            break;
        }
        at += 1;
    }
    at
}
