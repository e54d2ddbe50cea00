//! The grammar of prescriptions: 「ノルバスク5mg 1錠 分1 朝食後 14日分」 「メトグルコ 500mg 2T2x」 「PSL 20mg→15mg」.
//!
//! Behind a drug, elements of dosage follow in any order; `lexicon/usage.tsv` says which words they are. Everything
//! that was read is one m-val; the parts fill the [`Dosage`].

use crate::mention::Mention;
use crate::quantity::Parsed;
use crate::rules::{Term, UnitKind, mark};
use crate::time::Kind;
use crate::tokens::{Tokens, spelled};
use std::sync::Arc;
use tsumugi_clinical::{Dosage, Quantity, Tag};
use tsumugi_tables::TermKind;

/// Reads a drug with what is written of its dosage.
pub(crate) fn parse(tokens: &Tokens<'_>, index: usize) -> Option<Parsed> {
    let token = tokens.get(index).filter(|token| token.marks & mark::DRUG != 0)?;
    let (kind, key) = tokens.find(index, |term| match term {
        Term::Concept {
            kind: kind @ (TermKind::Drug | TermKind::DrugClass),
            key,
            ..
        } => Some((*kind, *key)),
        _ => None,
    })?;
    let first_meaning_is_drug = matches!(
        tokens.terms(token).first(),
        Some(Term::Concept {
            kind: TermKind::Drug | TermKind::DrugClass,
            ..
        })
    );
    let (form, name_end, behind) = dosage_form(tokens, index);
    let mut drug = Mention::new(token.start, name_end, Tag::DrugName).with_term(kind, key);
    let Some(mut read) = dosage(tokens, behind) else {
        return first_meaning_is_drug.then(|| Parsed {
            mentions: vec![drug],
            links: Vec::new(),
            end: behind,
        });
    };
    read.dosage.route = read.dosage.route.or(form);
    let mut stretches = vec![(read.first, read.end, says_how_much(&read.dosage))];
    while let Some((how, more)) = further(tokens, read.end, &read.dosage) {
        stretches.push((more.first, more.end, true));
        read.end = more.end;
        read.dosage = joined(read.dosage, more.dosage, how);
    }
    drug.dosage = Some(Box::new(read.dosage));
    let mut parsed = Parsed {
        mentions: vec![drug],
        links: Vec::new(),
        end: read.end,
    };
    for (first, end, says_how_much) in stretches {
        let span = tokens.get(first).zip(tokens.get(end - 1));
        if let Some((first, last)) = span.filter(|_| says_how_much) {
            parsed.links.push((0, parsed.mentions.len()));
            parsed
                .mentions
                .push(Mention::new(first.start, last.end, Tag::DrugValue));
        }
    }
    Some(parsed)
}

/// How a later stretch of the same drug stands to what is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// 「朝に1錠、夕に2錠」 「4錠、週1回」: says more.
    Comma,
    /// 「2錠(10mg)」 「500mg(1日4000mgまで)」: explains.
    Bracket,
    /// 「20mgから15mg」: holds from now.
    Change,
}

/// A later stretch of the same drug, with what leads to it.
fn further(tokens: &Tokens<'_>, end: usize, known: &Dosage) -> Option<(Behind, Read)> {
    let from = tokens.get(end)?.start;
    let is_change = matches!(
        tokens.slice(from, from + 2),
        ['\u{304B}', '\u{3089}'] | ['\u{3088}', '\u{308A}']
    );
    let (how, next) = if is_change {
        let behind = |place: &usize| tokens.get(*place).is_some_and(|token| token.start == from + 2);
        (Behind::Change, (end..end + 3).find(behind)?)
    } else if tokens.is_char(end, |c| c == '(') {
        (Behind::Bracket, end + 1)
    } else {
        tokens
            .is_char(end, |c| matches!(c, '\u{3001}' | ','))
            .then_some((Behind::Comma, end + 1))?
    };
    let more = dosage(tokens, next)?;
    // 「80mg/m2、100mLの生食に溶解」 「20mg静注、5日間の発熱」: what belongs to another word.
    let is_anothers =
        tokens.is_char(more.end, |c| c == '\u{306E}') || is_volume(&more.dosage) && !is_volume(known);
    let says = more.dosage.strength.is_some()
        || more.dosage.amount.is_some()
        || how != Behind::Change && says_use(tokens, &more);
    (says && !(how == Behind::Comma && is_anothers)).then_some((how, more))
}

/// Whether a stretch without an amount says how a drug is taken: 「1日3回」, 「朝食後」, 「5日分」; a time of the day alone
/// (、朝から) and a number of times (、2回嘔吐) may speak of anything.
fn says_use(tokens: &Tokens<'_>, more: &Read) -> bool {
    match usage(tokens, more.first) {
        Some((kind, _)) if kind.as_ref() == "divide" => true,
        Some((kind, _)) if kind.as_ref() == "timing" => {
            !(is_daypart(tokens, more.first) && more.end == more.first + 1)
        }
        Some(_) => false,
        None => more.dosage.days.is_some(),
    }
}

fn is_volume(dosage: &Dosage) -> bool {
    let unit = dosage
        .strength
        .as_ref()
        .and_then(|strength| strength.unit.as_deref());
    unit.is_some_and(|unit| matches!(unit, "L" | "mL" | "dL"))
}

/// What two stretches say together.
fn joined(known: Dosage, mut more: Dosage, how: Behind) -> Dosage {
    if how == Behind::Bracket && (known.strength.is_some() || known.amount.is_some()) {
        (more.strength, more.amount) = (None, None);
    }
    // 「朝4錠、夕2錠」 are six a day; otherwise the later amount is the one that holds.
    let each = known.timing.is_some() && more.timing.is_some() && how == Behind::Comma;
    let together = |known: Option<Quantity>, more: Option<Quantity>| match (&known, &more) {
        (Some(one), Some(other)) if each => sum(one, other).or(more),
        (_, Some(_)) => more,
        _ => known,
    };
    let timing = match (known.timing, more.timing) {
        (Some(known), Some(more)) => Some(format!("{known} {more}")),
        (known, more) => known.or(more),
    };
    Dosage {
        text: format!("{} {}", known.text, more.text),
        strength: more.strength.or(known.strength),
        amount: together(known.amount, more.amount),
        times_per_day: more.times_per_day.or(known.times_per_day),
        timing,
        as_needed: known.as_needed || more.as_needed,
        days: more.days.or(known.days),
        route: more.route.or(known.route),
    }
}

/// The sum of two amounts in the same unit.
fn sum(one: &Quantity, other: &Quantity) -> Option<Quantity> {
    let (left, right) = (one.number.as_deref()?, other.number.as_deref()?);
    let total = left.parse::<f64>().ok()? + right.parse::<f64>().ok()?;
    // As many digits as were written: 0.1 and 0.2 are 0.3.
    let digits = |number: &str| number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let total = format!("{total:.*}", digits(left).max(digits(right)));
    (one.unit == other.unit).then(|| quantity(&total, one.unit.clone()))
}

/// A dosage form stuck to the name (the tablets, the ointment) is part of the name: its route, the end of the name and
/// the first token behind it.
fn dosage_form(tokens: &Tokens<'_>, index: usize) -> (Option<String>, u32, usize) {
    let (mut route, mut at) = (None, index + 1);
    let mut end = tokens.get(index).map_or(0, |token| token.end);
    while let Some(token) = tokens.get(at).filter(|token| token.start == end) {
        let form = usage(tokens, at).filter(|(kind, _)| kind.as_ref() == "form");
        let Some((_, value)) = form else { break };
        if route.is_none() && !value.is_empty() {
            route = Some(value.to_string());
        }
        end = token.end;
        at += 1;
    }
    (route, end, at)
}

struct Read {
    dosage: Dosage,
    first: usize,
    end: usize,
}

/// As many elements of dosage as follow one another.
fn dosage(tokens: &Tokens<'_>, start: usize) -> Option<Read> {
    const MOST_ELEMENTS: usize = 24;
    let mut dosage = Dosage::default();
    let mut first = None;
    let mut end = start;
    if let Some((from, after)) = bare_strength(tokens, start, &mut dosage) {
        first = Some(from);
        end = after;
    }
    // What introduces an amount (計, 約) and the verb behind it (内服) do not end a stretch.
    let mut said = end;
    let mut brackets = 0;
    for _ in 0..MOST_ELEMENTS {
        let at = skip_separators(tokens, end, first.is_none());
        let opened = first.is_some() && (end..at).any(|place| tokens.is_char(place, |c| c == '('));
        if opened && begins_amount(tokens, at) {
            break;
        }
        brackets += usize::from(opened);
        let is_within = usage(tokens, at).is_some_and(|(kind, _)| matches!(kind.as_ref(), "each" | "taken"));
        let after = element(tokens, at, &mut dosage)
            .or_else(|| first.and_then(|_| occasion(tokens, at, &mut dosage)));
        let Some(after) = after else {
            break;
        };
        // 「アスピリンは朝から中止」 tells when it was ended, not when it is taken.
        let is_topic = first.is_none() && tokens.is_char(at.wrapping_sub(1), |c| c == '\u{306F}');
        if is_topic && after == at + 1 && is_daypart(tokens, at) && !tokens.is_number(after) {
            break;
        }
        first = first.or(Some(at));
        end = over_particle(tokens, at, after);
        said = if is_within { said } else { after };
    }
    let first = first?;
    end = said;
    if end <= first {
        return None;
    }
    if brackets > 0 && tokens.is_char(end, |c| c == ')') {
        end += 1;
    }
    let text = tokens.get(first).zip(tokens.get(end.checked_sub(1)?));
    if let Some((from, to)) = text {
        dosage.text = spelled(tokens.slice(from.start, to.end));
    }
    is_dosage(&dosage).then_some(Read { dosage, first, end })
}

/// The strength of a tablet without its unit, right behind the name: in brackets (`(20)`) or before a count
/// (`0.25 1T`). Gives its first token and the token behind it.
fn bare_strength(tokens: &Tokens<'_>, start: usize, dosage: &mut Dosage) -> Option<(usize, usize)> {
    let from = tokens.skip_blanks(start);
    let (number, after) = if tokens.is_char(from, |c| c == '(') {
        let closes = tokens.is_char(from + 2, |c| c == ')');
        (tokens.number(from + 1).filter(|_| closes)?, from + 3)
    } else {
        let next = tokens.skip_blanks(from + 1);
        let is_count = |term: &Term| {
            matches!(
                term,
                Term::Unit {
                    kind: UnitKind::Count,
                    ..
                }
            )
        };
        let counts = next > from + 1
            && tokens.is_number(next)
            && tokens
                .find(next + 1, |term| is_count(term).then_some(()))
                .is_some();
        (tokens.number(from).filter(|_| counts)?, from + 1)
    };
    dosage.strength = Some(quantity(&number, None));
    Some((from, after))
}

fn is_daypart(tokens: &Tokens<'_>, at: usize) -> bool {
    let daypart = |term: &Term| {
        matches!(
            term,
            Term::Time {
                kind: Kind::Daypart,
                ..
            }
        )
    };
    tokens.find(at, |term| daypart(term).then_some(())).is_some()
}

/// Whether an amount stands here, with what introduces it: 「1日4000mg」.
fn begins_amount(tokens: &Tokens<'_>, at: usize) -> bool {
    let introduces = |at: usize| usage(tokens, at).is_some_and(|(kind, _)| kind.as_ref() == "each");
    let number = (at..at + 3).find(|place| !introduces(*place)).unwrap_or(at);
    amount(tokens, number, &mut Dosage::default()).is_some_and(|after| after > number + 1)
}

/// Behind an amount what it is taken for: 「1錠 頭痛時」 「3錠 眠れないとき」.
fn occasion(tokens: &Tokens<'_>, at: usize, dosage: &mut Dosage) -> Option<usize> {
    let is_complaint = |term: &Term| {
        matches!(
            term,
            Term::Concept {
                kind: TermKind::Finding | TermKind::Disease,
                ..
            }
        )
    };
    tokens.find(at, |term| is_complaint(term).then_some(()))?;
    let from = tokens.get(at + 1)?;
    let when = |length: usize| {
        let last = tokens.get(at + length)?;
        let is_when = matches!(
            tokens.slice(from.start, last.end),
            ['\u{6642}'] | ['\u{3068}', '\u{304D}']
        );
        is_when.then_some(at + length + 1)
    };
    let end = when(1).or_else(|| when(2))?;
    dosage.as_needed = true;
    Some(end)
}

/// Behind a time of the day its particle: 「朝に1錠」 「週に1回」.
fn over_particle(tokens: &Tokens<'_>, at: usize, after: usize) -> usize {
    let is_timing = usage(tokens, at).is_some_and(|(kind, _)| kind.as_ref() == "timing");
    let goes_on = || {
        tokens.is_number(after + 1)
            || usage(tokens, after + 1).is_some_and(|(kind, _)| kind.as_ref() == "count")
    };
    let is_particle = tokens.is_char(after, |c| matches!(c, '\u{306B}' | '\u{306F}'));
    if is_timing && is_particle && goes_on() {
        after + 1
    } else {
        after
    }
}

/// A dosage form alone (錠) is part of the drug's name, and says nothing of the dose.
fn is_dosage(dosage: &Dosage) -> bool {
    dosage.strength.is_some()
        || dosage.amount.is_some()
        || dosage.times_per_day.is_some()
        || dosage.timing.is_some()
        || dosage.as_needed
        || dosage.days.is_some()
        || dosage.route.is_some()
}

/// A route alone (by mouth) is how a drug is taken and no dose; it has no mark of its own.
fn says_how_much(dosage: &Dosage) -> bool {
    dosage.strength.is_some()
        || dosage.amount.is_some()
        || dosage.times_per_day.is_some()
        || dosage.timing.is_some()
        || dosage.days.is_some()
}

fn skip_separators(tokens: &Tokens<'_>, at: usize, is_first: bool) -> usize {
    let is_separator = |index: usize| {
        tokens.is_char(index, |c| {
            matches!(
                c,
                ' ' | '(' | ')' | ':' | '*' | '[' | ']' | '\u{300C}' | '\u{300D}'
            ) || (!is_first && matches!(c, '\u{2192}' | '\u{30FB}' | '/'))
                || (is_first && matches!(c, '\u{3092}' | '\u{306F}'))
        })
    };
    let mut end = at;
    while end < at + 3 && is_separator(end) {
        end += 1;
    }
    end
}

/// One element at `at`; gives the token behind it.
fn element(tokens: &Tokens<'_>, at: usize, dosage: &mut Dosage) -> Option<usize> {
    scheme(tokens, at, dosage)
        .or_else(|| amount(tokens, at, dosage))
        .or_else(|| usage_word(tokens, at, dosage))
}

fn usage(tokens: &Tokens<'_>, at: usize) -> Option<(Arc<str>, Arc<str>)> {
    tokens.find(at, |term| match term {
        Term::Usage(word) => Some((Arc::clone(&word.kind), Arc::clone(&word.value))),
        _ => None,
    })
}

fn usage_word(tokens: &Tokens<'_>, at: usize, dosage: &mut Dosage) -> Option<usize> {
    let (kind, value) = usage(tokens, at)?;
    match kind.as_ref() {
        "form" | "route" | "taken" => {
            if dosage.route.is_none() || kind.as_ref() == "route" {
                dosage.route = (!value.is_empty()).then(|| value.to_string());
            }
        }
        "divide" => dosage.times_per_day = value.parse().ok(),
        "timing" => {
            let known = dosage
                .timing
                .take()
                .map_or_else(String::new, |known| format!("{known} "));
            dosage.timing = Some(format!("{known}{value}"));
        }
        "prn" => dosage.as_needed = true,
        "count" => {
            let (number, unit) = value.split_once(' ')?;
            dosage.amount = Some(quantity(number, Some(unit.into())));
        }
        "per" | "each" | "course" => {}
        _ => return None,
    }
    Some(at + 1)
}

fn quantity(number: &str, unit: Option<Arc<str>>) -> Quantity {
    Quantity {
        number: Some(number.to_owned()),
        unit,
        ..Quantity::default()
    }
}

/// A number with what makes it a dose: a unit, a count, a supply, or 「2T2x」.
fn amount(tokens: &Tokens<'_>, at: usize, dosage: &mut Dosage) -> Option<usize> {
    let number = tokens.number(at)?;
    let mut end = at + 1;
    let mut high = None;
    if tokens.is_char(end, |c| matches!(c, '-' | '~'))
        && let Some(upper) = tokens.number(end + 1)
    {
        high = Some(upper);
        end += 2;
    }
    let behind = tokens.skip_blanks(end);
    if let Some((kind, _)) = usage(tokens, behind) {
        if kind.as_ref() == "supply" {
            dosage.days = number.parse().ok();
            return Some(behind + 1);
        }
        if kind.as_ref() == "times" {
            dosage.times_per_day = dosage.times_per_day.or_else(|| number.parse().ok());
            return Some(behind + 1);
        }
    }
    let (ucum, kind) = tokens.find(behind, |term| match term {
        Term::Unit { ucum, kind } if *kind != UnitKind::Multiplier => Some((Arc::clone(ucum), *kind)),
        _ => None,
    })?;
    let mut value = quantity(&number, Some(Arc::clone(&ucum)));
    value.high = high;
    end = behind + 1;
    match kind {
        UnitKind::Count => {
            dosage.amount = Some(value);
            end = times_behind_count(tokens, end, dosage);
        }
        // A later strength replaces the earlier: 「20mg→15mg」 is 15 mg now.
        UnitKind::Dose | UnitKind::Measure | UnitKind::Length => {
            if kind != UnitKind::Dose
                && !ucum.ends_with("/d")
                && !ucum.contains("min")
                && ucum.as_ref() != "%"
                && ucum.as_ref() != "L/min"
            {
                return None;
            }
            dosage.strength = Some(value);
            end = over_time(tokens, end);
        }
        UnitKind::Multiplier => return None,
    }
    Some(end)
}

/// The time in which an amount is given: 「1g/30min」 「500mL/2時間」.
fn over_time(tokens: &Tokens<'_>, at: usize) -> usize {
    let is_time = |index| {
        tokens
            .find(index, |term| match term {
                Term::Time { kind: Kind::Unit, .. } => Some(()),
                Term::Unit { ucum, .. } if matches!(ucum.as_ref(), "min" | "h") => Some(()),
                _ => None,
            })
            .is_some()
    };
    if tokens.is_char(at, |c| c == '/') && tokens.is_number(at + 1) && is_time(at + 2) {
        at + 3
    } else {
        at
    }
}

/// 「2T2x」 「3錠 3×」: the number behind the count says into how many doses.
fn times_behind_count(tokens: &Tokens<'_>, at: usize, dosage: &mut Dosage) -> usize {
    let number = tokens.skip_blanks(at);
    let Some(times) = tokens.number(number).and_then(|times| times.parse::<u32>().ok()) else {
        return at;
    };
    let has_cross = tokens.is_char(number + 1, |c| matches!(c, 'x' | '\u{00D7}' | 'X'));
    if !has_cross || !(1..=8).contains(&times) {
        return at;
    }
    dosage.times_per_day = Some(times);
    number + 2
}

/// 「6-4-6-0」: units before breakfast, lunch, supper and sleep.
fn scheme(tokens: &Tokens<'_>, at: usize, dosage: &mut Dosage) -> Option<usize> {
    // Each number may have its time of the day before it: 「朝6-昼6-夕4」.
    let part = |at: usize| {
        let at = at + usize::from(is_daypart(tokens, at));
        Some((tokens.number(at)?, at + 1))
    };
    let (first, mut end) = part(at)?;
    let mut parts = vec![first];
    while tokens.is_char(end, |c| matches!(c, '-' | '\u{30FC}')) {
        let Some((next, after)) = part(end + 1) else { break };
        parts.push(next);
        end = after;
    }
    if !(3..=4).contains(&parts.len()) {
        return None;
    }
    let total: f64 = parts.iter().filter_map(|part| part.parse::<f64>().ok()).sum();
    dosage.amount = Some(quantity(&total.to_string(), Some("[IU]".into())));
    dosage.timing = Some(parts.join("-"));
    dosage.times_per_day = Some(parts.iter().filter(|part| part.as_str() != "0").count() as u32);
    let has_unit = tokens.find(end, |term| match term {
        Term::Unit { ucum, .. } if ucum.as_ref() == "[IU]" => Some(()),
        _ => None,
    });
    Some(end + usize::from(has_unit.is_some()))
}
