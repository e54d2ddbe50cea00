//! The grammar of results: 「BT39.2」 「BP 128/76」 「AST/ALT 120/98」 「CRP 8.5mg/dL↑」 「尿蛋白(2+)」 「39度4分」 「WBC 22万」.

use crate::mention::Mention;
use crate::rules::{Term, UnitKind, mark};
use crate::tokens::{CharClass, TokenKind, Tokens, class};
use std::sync::Arc;
use tsumugi_clinical::{Comparator, Interpretation, Quantity, Tag};
use tsumugi_tables::TermKind;

/// Mentions read by a grammar, and the first token behind them. `links` are (item, value) by index in `mentions`.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) mentions: Vec<Mention>,
    pub(crate) links: Vec<(usize, usize)>,
    pub(crate) end: usize,
}

/// A value with the tokens it covers.
struct Value {
    quantity: Quantity,
    first: usize,
    end: usize,
}

/// Reads an item with its value, or a value that says by its unit what it is of (39.2℃).
pub(crate) fn parse(tokens: &Tokens<'_>, index: usize) -> Option<Parsed> {
    match test_key(tokens, index) {
        Some(_) => parse_items(tokens, index),
        None => parse_bare_value(tokens, index),
    }
}

fn test_key(tokens: &Tokens<'_>, index: usize) -> Option<(u32, bool)> {
    if !tokens.is(index, mark::TEST) {
        return None;
    }
    tokens.find(index, |term| match term {
        Term::Concept {
            kind: TermKind::Test,
            key,
            needs_value,
        } => Some((*key, *needs_value)),
        _ => None,
    })
}

/// One item or several joined by a slash, then as many values.
fn parse_items(tokens: &Tokens<'_>, index: usize) -> Option<Parsed> {
    let mut keys = vec![index];
    let mut at = index + 1;
    while tokens.is_char(at, is_joint) && test_key(tokens, at + 1).is_some() {
        keys.push(at + 1);
        at += 2;
    }
    let values = if keys.len() > 1 {
        values_of_many(tokens, at, keys.len())
    } else {
        values_of_one(tokens, at)
    };
    let values = values.filter(|values| keys.len() > 1 || is_believed(tokens, index, values));
    let Some(values) = values else {
        return match (keys.len(), test_key(tokens, index)) {
            (1, Some((_, true))) | (_, None) => None,
            (1, _) => Some(bare_item(tokens, index)),
            _ => values_of_one(tokens, index + 1)
                .is_none()
                .then(|| bare_item(tokens, index)),
        };
    };
    Some(assemble(tokens, &keys, values))
}

/// A one-letter item (P, T, K) is believed in its range only.
fn is_believed(tokens: &Tokens<'_>, index: usize, values: &[Value]) -> bool {
    let form = tokens
        .get(index)
        .map(|token| tokens.text(token))
        .unwrap_or_default();
    let number = values.first().and_then(|value| value.quantity.as_f64());
    match (tokens.rules.ranges.get(form.as_str()), number) {
        (Some((least, most)), Some(number)) => (*least..=*most).contains(&number),
        _ => true,
    }
}

fn bare_item(tokens: &Tokens<'_>, index: usize) -> Parsed {
    let mention = key_mention(tokens, index);
    Parsed {
        mentions: mention.into_iter().collect(),
        links: Vec::new(),
        end: index + 1,
    }
}

fn key_mention(tokens: &Tokens<'_>, index: usize) -> Option<Mention> {
    let token = tokens.get(index)?;
    let (key, _) = test_key(tokens, index)?;
    Some(Mention::new(token.start, token.end, Tag::TestKey).with_term(TermKind::Test, key))
}

fn assemble(tokens: &Tokens<'_>, keys: &[usize], values: Vec<Value>) -> Parsed {
    let mut parsed = Parsed::default();
    for index in keys {
        parsed.mentions.extend(key_mention(tokens, *index));
    }
    parsed.end = values.iter().map(|value| value.end).max().unwrap_or(0);
    if keys.len() == 1 {
        let span = values
            .first()
            .zip(values.last())
            .map(|(first, last)| (first.first, last.end));
        let quantities: Vec<Quantity> = values.into_iter().map(|value| value.quantity).collect();
        if let Some(item) = parsed.mentions.first_mut() {
            item.values = quantities;
        }
        parsed
            .mentions
            .extend(span.and_then(|(first, end)| value_mention(tokens, first, end)));
        parsed.links.push((0, 1));
    } else {
        for (item, value) in values.into_iter().enumerate() {
            if let Some(mention) = value_mention(tokens, value.first, value.end) {
                parsed.links.push((item, parsed.mentions.len()));
                parsed.mentions.push(mention);
            }
            if let Some(mention) = parsed.mentions.get_mut(item) {
                mention.values = vec![value.quantity];
            }
        }
    }
    parsed
}

fn value_mention(tokens: &Tokens<'_>, first: usize, end: usize) -> Option<Mention> {
    let start = tokens.get(first)?.start;
    let last = tokens.get(end.checked_sub(1)?)?.end;
    Some(Mention::new(start, last, Tag::TestValue))
}

fn is_joint(c: char) -> bool {
    matches!(c, '/' | '\u{30FB}' | ',' | '\u{3001}')
}

/// As many values as items, separated by the same kind of mark.
fn values_of_many(tokens: &Tokens<'_>, at: usize, wanted: usize) -> Option<Vec<Value>> {
    let mut at = skip_separators(tokens, at);
    let mut values: Vec<Value> = Vec::new();
    while values.len() < wanted {
        let value = value(tokens, at)?;
        at = value.end;
        values.push(value);
        if values.len() < wanted {
            at = tokens.skip_blanks(at);
            if !tokens.is_char(at, |c| is_joint(c) || c == '-') {
                return None;
            }
            at = tokens.skip_blanks(at + 1);
        }
    }
    let unit = values.last().and_then(|value| value.quantity.unit.clone());
    for value in &mut values {
        value.quantity.unit = value.quantity.unit.take().or_else(|| unit.clone());
    }
    Some(values)
}

/// The value of one item: a single one, a pair (128/76), or a trend (1.2→2.4→1.8).
fn values_of_one(tokens: &Tokens<'_>, at: usize) -> Option<Vec<Value>> {
    let at = skip_separators(tokens, at);
    let at = skip_date(tokens, at);
    let mut values = vec![value(tokens, at)?];
    loop {
        let end = values.last().map_or(at, |value| value.end);
        let joint = tokens.skip_blanks(end);
        let is_pair = tokens.is_char(joint, |c| c == '/') && values.len() == 1;
        let is_trend = tokens.is_char(joint, |c| c == '\u{2192}');
        if !(is_pair || is_trend) {
            break;
        }
        let Some(next) = value(tokens, tokens.skip_blanks(joint + 1)) else {
            break;
        };
        if is_pair && next.quantity.number.is_none() {
            break;
        }
        values.push(next);
    }
    let unit = values.last().and_then(|value| value.quantity.unit.clone());
    for value in &mut values {
        value.quantity.unit = value.quantity.unit.take().or_else(|| unit.clone());
    }
    Some(values)
}

/// 「INR 8/26 6.8」: a month and day before the value.
fn skip_date(tokens: &Tokens<'_>, at: usize) -> usize {
    let small = |index: usize, most: u32| {
        tokens
            .number(index)
            .and_then(|number| number.parse::<u32>().ok())
            .is_some_and(|number| (1..=most).contains(&number))
    };
    let is_date = small(at, 12) && tokens.is_char(at + 1, |c| c == '/') && small(at + 2, 31);
    let behind = tokens.skip_blanks(at + 3);
    if is_date && behind > at + 3 && tokens.is_number(behind) {
        behind
    } else {
        at
    }
}

/// Between an item and its value: blanks, colons, particles, 「値」.
fn skip_separators(tokens: &Tokens<'_>, mut at: usize) -> usize {
    let start = at;
    while at < start + 4 {
        let is_link = tokens.is_char(at, |c| {
            matches!(
                c,
                ' ' | ':' | '=' | '\u{306F}' | '\u{304C}' | '\u{3082}' | '\u{5024}'
            )
        });
        let is_comma_before_number =
            tokens.is_char(at, |c| c == '\u{3001}') && tokens.number(at + 1).is_some() && at > start;
        if !(is_link || is_comma_before_number) {
            break;
        }
        at += 1;
    }
    at
}

/// One value: comparator, number or range, multiplier, unit, comparator behind, flag; or a qualitative word; or a grade.
fn value(tokens: &Tokens<'_>, at: usize) -> Option<Value> {
    qualitative(tokens, at)
        .or_else(|| numeric(tokens, at))
        .or_else(|| grade(tokens, at))
}

/// A value that fills the whole text, in brackets or not.
pub(crate) fn whole(tokens: &Tokens<'_>) -> Option<Quantity> {
    let first = tokens.skip_blanks(0);
    let is_bracketed = tokens.is_char(first, |c| c == '(');
    let start = if is_bracketed && value(tokens, first).is_none() {
        tokens.skip_blanks(first + 1)
    } else {
        first
    };
    let value = value(tokens, start)?;
    let mut end = tokens.skip_blanks(value.end);
    if start > first && tokens.is_char(end, |c| c == ')') {
        end = tokens.skip_blanks(end + 1);
    }
    tokens.get(end).is_none().then_some(value.quantity)
}

fn qualitative(tokens: &Tokens<'_>, at: usize) -> Option<Value> {
    let word = tokens.find(at, |term| match term {
        Term::Value(value) => Some(Arc::clone(value)),
        _ => None,
    })?;
    let mut quantity = Quantity::default();
    apply_word(&mut quantity, &word);
    Some(Value {
        quantity,
        first: at,
        end: at + 1,
    })
}

fn apply_word(quantity: &mut Quantity, word: &str) {
    let interpretation = match word {
        "high" => Some(Interpretation::High),
        "low" => Some(Interpretation::Low),
        "normal" => Some(Interpretation::Normal),
        "-" => Some(Interpretation::Negative),
        "+-" => None,
        _ if word.contains('+') => Some(Interpretation::Positive),
        _ => None,
    };
    quantity.interpretation = interpretation.or(quantity.interpretation);
    if quantity.number.is_none() {
        quantity.text = Some(word.to_owned());
    }
}

fn numeric(tokens: &Tokens<'_>, at: usize) -> Option<Value> {
    let (comparator, mut end) = leading_comparator(tokens, at);
    let mut quantity = Quantity {
        comparator,
        number: Some(tokens.number(end)?),
        ..Quantity::default()
    };
    end += 1;
    if is_of_time(tokens, end) {
        return None;
    }
    if let Some((high, after)) = upper_end(tokens, end) {
        quantity.high = Some(high);
        end = after;
    }
    end = multiplier(tokens, end, &mut quantity);
    let unit_at = tokens.skip_blanks(end);
    if let Some(unit) = measure_unit(tokens, unit_at) {
        quantity.unit = Some(unit);
        end = unit_at + 1;
        end = tenths_of_degree(tokens, end, &mut quantity);
    }
    end = trailing_words(tokens, end, &mut quantity);
    let (flag_end, _) = flag(tokens, end, &mut quantity);
    Some(Value {
        quantity,
        first: at,
        end: flag_end,
    })
}

/// Whether a unit of time stands behind a number: 「体重は1ヶ月で」 states no weight. Only words that grammars of time alone
/// know count; 分 and 秒 stand in units.
fn is_of_time(tokens: &Tokens<'_>, at: usize) -> bool {
    const BOUND: char = '_';
    const LONGEST: u32 = 3;
    let Some(token) = tokens.get(at) else { return false };
    if token.marks == mark::TIME {
        return true;
    }
    let most = (token.start + LONGEST).min(tokens.chars.len() as u32);
    let unread = tokens.slice(token.start, most).iter().copied();
    token.kind == TokenKind::Other
        && tokens
            .lexicon
            .prefixes(std::iter::once(BOUND).chain(unread))
            .any(|(_, form)| tokens.lexicon.marks(form) == mark::TIME)
}

fn leading_comparator(tokens: &Tokens<'_>, at: usize) -> (Option<Comparator>, usize) {
    let is = |index: usize, sign: char| tokens.is_char(index, |c| c == sign);
    let next_is_equal = is(at + 1, '=');
    let found = if is(at, '<') {
        if next_is_equal {
            (Comparator::AtMost, 2)
        } else {
            (Comparator::Less, 1)
        }
    } else if is(at, '>') {
        if next_is_equal {
            (Comparator::AtLeast, 2)
        } else {
            (Comparator::More, 1)
        }
    } else {
        // The signs of at most and at least are forms of the table of values.
        let sign = tokens.find(at, |term| match term {
            Term::Value(value) => Comparator::parse_sign(value),
            _ => None,
        });
        match sign {
            Some(sign) => (sign, 1),
            None => return (None, at),
        }
    };
    let number = tokens.skip_blanks(at + found.1);
    if tokens.is_number(number) {
        (Some(found.0), number)
    } else {
        (None, at)
    }
}

/// 「38-39」 「38~39」: the upper end of a range.
fn upper_end(tokens: &Tokens<'_>, at: usize) -> Option<(String, usize)> {
    let is_dash = tokens.is_char(at, |c| matches!(c, '-' | '~'));
    if !is_dash {
        return None;
    }
    tokens.number(at + 1).map(|high| (high, at + 2))
}

/// 「22万」: the number is multiplied at once, so that 22万 and 220,000 are the same.
fn multiplier(tokens: &Tokens<'_>, at: usize, quantity: &mut Quantity) -> usize {
    let factor = tokens.find(at, |term| match term {
        Term::Unit {
            ucum,
            kind: UnitKind::Multiplier,
        } => ucum.parse::<u32>().ok(),
        _ => None,
    });
    let Some(factor) = factor else { return at };
    for number in [&mut quantity.number, &mut quantity.high].into_iter().flatten() {
        *number = multiply(number, factor);
    }
    at + 1
}

/// Multiplies decimal text by a power of ten, exactly.
fn multiply(number: &str, factor: u32) -> String {
    let zeros = factor.checked_ilog10().unwrap_or(0) as usize;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let moved: String = fraction
        .chars()
        .chain("0".repeat(zeros).chars())
        .take(zeros)
        .collect();
    let rest: String = fraction.chars().skip(zeros).collect();
    let digits = format!("{whole}{moved}");
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    if rest.is_empty() {
        digits.to_owned()
    } else {
        format!("{digits}.{rest}")
    }
}

fn measure_unit(tokens: &Tokens<'_>, at: usize) -> Option<Arc<str>> {
    tokens.find(at, |term| match term {
        Term::Unit {
            ucum,
            kind: UnitKind::Measure | UnitKind::Dose | UnitKind::Length,
        } => Some(Arc::clone(ucum)),
        _ => None,
    })
}

/// 「39度4分」 is 39.4.
fn tenths_of_degree(tokens: &Tokens<'_>, at: usize, quantity: &mut Quantity) -> usize {
    let is_temperature = quantity.unit.as_deref() == Some("Cel");
    let tenths = tokens.number(at).filter(|digits| digits.len() == 1);
    let has_minute = tokens
        .get(at + 1)
        .is_some_and(|token| tokens.text(token) == "\u{5206}");
    match (is_temperature && has_minute, tenths, &mut quantity.number) {
        (true, Some(tenths), Some(number)) if !number.contains('.') => {
            *number = format!("{number}.{tenths}");
            at + 2
        }
        _ => at,
    }
}

/// Comparators behind the unit (以上, 未満, 台) are values of the table with a sign.
fn trailing_words(tokens: &Tokens<'_>, at: usize, quantity: &mut Quantity) -> usize {
    let sign = tokens.find(at, |term| match term {
        Term::Value(value) => Comparator::parse_sign(value),
        _ => None,
    });
    match sign {
        Some(comparator) => {
            quantity.comparator = Some(comparator);
            at + 1
        }
        None => at,
    }
}

trait ParseSign: Sized {
    fn parse_sign(text: &str) -> Option<Self>;
}

impl ParseSign for Comparator {
    fn parse_sign(text: &str) -> Option<Self> {
        Some(match text {
            ">=" => Self::AtLeast,
            "<=" => Self::AtMost,
            "<" => Self::Less,
            ">" => Self::More,
            _ => return None,
        })
    }
}

/// A flag behind the number: ↑, H, (L), 高値. A reference interval between the two is stepped over.
fn flag(tokens: &Tokens<'_>, at: usize, quantity: &mut Quantity) -> (usize, bool) {
    let start = tokens.skip_blanks(at);
    let word = flag_word(tokens, start).or_else(|| {
        let after_interval = reference_interval_end(tokens, start)?;
        flag_word(tokens, tokens.skip_blanks(after_interval))
    });
    match word {
        Some((word, end)) => {
            apply_word(quantity, &word);
            (end, true)
        }
        None => (at, false),
    }
}

fn flag_word(tokens: &Tokens<'_>, at: usize) -> Option<(Arc<str>, usize)> {
    let word = |index: usize| {
        tokens.find(index, |term| match term {
            Term::Value(value) if matches!(value.as_ref(), "high" | "low" | "normal") => {
                Some(Arc::clone(value))
            }
            _ => None,
        })
    };
    if let Some(value) = word(at) {
        return Some((value, at + 1));
    }
    let letter = |index: usize| {
        let text = tokens.get(index).map(|token| tokens.text(token));
        match text.as_deref() {
            Some("H" | "HH") => Some(Arc::from("high")),
            Some("L" | "LL") => Some(Arc::from("low")),
            _ => None,
        }
    };
    let bracketed = tokens.is_char(at, |c| c == '(');
    let inside = if bracketed { at + 1 } else { at };
    let value = letter(inside)?;
    if bracketed {
        return tokens
            .is_char(inside + 1, |c| c == ')')
            .then_some((value, inside + 2));
    }
    let next = tokens
        .get(inside + 1)
        .map(|token| tokens.slice(token.start, token.end).first().copied());
    let stands_alone = next.flatten().is_none_or(|c| matches!(class(c), CharClass::Mark));
    stands_alone.then_some((value, inside + 1))
}

fn reference_interval_end(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    let open = tokens.is_char(at, |c| c == '(');
    let first = if open { at + 1 } else { at };
    tokens.number(first)?;
    tokens
        .is_char(first + 1, |c| matches!(c, '-' | '~'))
        .then_some(())?;
    tokens.number(first + 2)?;
    let end = first + 3;
    if open {
        tokens.is_char(end, |c| c == ')').then_some(end + 1)
    } else {
        Some(end)
    }
}

/// Grades and coma scales: III, II-20, B, E4V5M6.
fn grade(tokens: &Tokens<'_>, at: usize) -> Option<Value> {
    let mut end = at;
    let mut text = String::new();
    while let Some(token) = tokens
        .get(end)
        .filter(|token| end == at || token.kind != TokenKind::Form(u32::MAX))
    {
        let piece = tokens.text(token);
        let belongs = piece
            .chars()
            .all(|c| matches!(c, 'I' | 'V' | 'E' | 'M' | 'A'..='D' | '-' | '/' | '0'..='9' | 'a'..='c'));
        if !belongs {
            break;
        }
        text.push_str(&piece);
        end += 1;
    }
    let starts_right = text
        .chars()
        .next()
        .is_some_and(|c| matches!(c, 'I' | 'V' | 'E' | 'A'..='D'));
    let next_is_letter = tokens
        .get(end)
        .and_then(|token| tokens.slice(token.start, token.end).first().copied())
        .is_some_and(|c| class(c) == CharClass::Latin);
    if !starts_right || next_is_letter || text.len() > 8 {
        return None;
    }
    let quantity = Quantity {
        text: Some(text),
        ..Quantity::default()
    };
    Some(Value {
        quantity,
        first: at,
        end,
    })
}

/// A value whose unit says what it is of: 39.2℃, 39度台の熱. The unit's own item is found by the reader.
fn parse_bare_value(tokens: &Tokens<'_>, index: usize) -> Option<Parsed> {
    let may_start = tokens.is_number(index) || tokens.is_number(index + 1) || tokens.is_number(index + 2);
    if !may_start {
        return None;
    }
    let read = numeric(tokens, index)?;
    let is_temperature = read.quantity.unit.as_deref() == Some("Cel")
        && read
            .quantity
            .as_f64()
            .is_some_and(|value| (33.0..=43.5).contains(&value));
    if !is_temperature {
        return None;
    }
    let mut mention = value_mention(tokens, read.first, read.end)?;
    mention.values = vec![read.quantity];
    Some(Parsed {
        mentions: vec![mention],
        links: Vec::new(),
        end: read.end,
    })
}
