//! The clocks of a hospital: 第5病日, 入院3日目, 術後1か月, POD3, day 8, 2コース目, 28週3日. They count from an event whose day
//! the note rarely says, so that they have no interval; only what is told from the visit itself does (来院2週間前).

use super::Found;
use super::count::{self, Length};
use super::kind::{Kind, Unit};
use super::relative;
use super::words::{Scan, Word};
use crate::rules::{Modifier, Term};
use crate::tokens::{CharClass, class};
use tsumugi_clinical::TimexType;

/// Reads a clock that begins with a number: 5病日, 22POD, 2コース目, 28週3日, 第3日.
pub(super) fn numbered(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let number = scan
        .number(at)
        .filter(|number| !number.is_decimal && number.digits <= 3)?;
    let ordinal = scan.prefix(at, Kind::Ordinal);
    let start = ordinal.map_or(at, |word| word.start);
    let clock = |end: usize| Some(Found::new(start, end, TimexType::Med));
    if let Some((_, end)) = scan.take(number.end, Kind::SickDay) {
        return clock(scan.skip(end, Kind::OrdinalTail));
    }
    if let Some(label) = scan.prefix(at, Kind::Label) {
        let found = Found::new(label.start, number.end, TimexType::Med);
        return if ends_label(scan, number.end) {
            Some(found)
        } else {
            None
        };
    }
    let label = scan
        .take(number.end, Kind::Label)
        .filter(|(strictness, _)| *strictness == "any");
    if let Some((_, end)) = label {
        return if ends_label(scan, end) { clock(end) } else { None };
    }
    let (unit, end) = scan.unit(number.end)?;
    match unit {
        Unit::Course => clock(scan.skip(end, Kind::OrdinalTail)),
        Unit::Day | Unit::Week | Unit::Month | Unit::Year if ordinal.is_some() => {
            clock(scan.skip(end, Kind::OrdinalTail))
        }
        Unit::Week => clock(count::gestation_end(scan, at)?),
        _ => None,
    }
}

/// Reads a clock that begins with a word: an event, a label, a stage.
pub(super) fn word(scan: &Scan<'_, '_>, word: Word<'_>) -> Option<Found> {
    if word.is(Kind::Label) {
        return label(scan, &word);
    }
    // A name of the vocabulary (手術, 妊娠) is a fact of its own; what counts on from it is read behind it.
    let is_context = scan.find(word.start, |term| {
        matches!(term, Term::Modifier(Modifier::Context)).then_some(())
    });
    if scan.concept(word.start).is_some() && is_context.is_none() {
        return None;
    }
    let counted = after_event(scan, &word).or_else(|| told_from_event(scan, &word));
    if counted.is_some() {
        return counted;
    }
    let stage = word.amount(Kind::Stage)?;
    let kind = if stage == "date" {
        TimexType::Date
    } else {
        TimexType::Med
    };
    (!opens_compound(scan, &word)).then(|| Found::new(word.start, word.end, kind))
}

/// 「術後3日目」 「入院後第2週」 「術後5病日」 「食後2時間」.
fn after_event(scan: &Scan<'_, '_>, word: &Word<'_>) -> Option<Found> {
    let event = word
        .is(Kind::Event)
        .then(|| scan.take(word.end, Kind::Later).map(|(_, end)| end))
        .flatten();
    let next = if word.is(Kind::After) { word.end } else { event? };
    let end = counted_end(scan, next)?;
    Some(Found::new(word.start, end, TimexType::Med))
}

/// End of a count behind 術後: [第]3日[目], 3病日, 3POD.
fn counted_end(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    let at = scan.skip_blank(at);
    let at = scan.prefix_from(at, Kind::Ordinal).map_or(at, |word| word.end);
    if let Some(number) = scan.number(at)
        && let Some((_, end)) = scan
            .take(number.end, Kind::SickDay)
            .or_else(|| scan.take(number.end, Kind::Label))
    {
        return Some(scan.skip(end, Kind::OrdinalTail));
    }
    let length = count::length(scan, at)?;
    let end = scan.skip(length.end, Kind::Span);
    let tail = [Kind::OrdinalTail, Kind::Later, Kind::Approximate]
        .into_iter()
        .find_map(|kind| scan.take(end, kind));
    Some(tail.map_or(end, |(_, end)| end))
}

/// 「来院2週間前」 「入院3日目」 「入院前日」 「発症から2日」.
fn told_from_event(scan: &Scan<'_, '_>, word: &Word<'_>) -> Option<Found> {
    let event = word.amount(Kind::Event)?;
    let of = scan.skip(word.end, Kind::Of);
    let neighbour = scan.word(of).filter(|word| word.is(Kind::NarrativeDay));
    if let Some(neighbour) = neighbour {
        return relative::word(scan, neighbour).map(|found| Found {
            start: word.start,
            ..found
        });
    }
    let at = scan.skip_blank(of);
    let at = scan.prefix_from(at, Kind::Ordinal).map_or(at, |word| word.end);
    if let Some(number) = scan.number(at)
        && let Some((_, end)) = scan.take(number.end, Kind::SickDay)
    {
        return Some(Found::new(word.start, end, TimexType::Med));
    }
    let length = count::length(scan, at)?;
    let tail = scan.word(scan.skip(length.end, Kind::Span))?;
    if tail.is(Kind::Ago) {
        let found = Found::new(word.start, tail.end, ago_type(&length));
        let today = scan.anchor.date.filter(|_| event == "visit");
        return Some(found.within(today.and_then(|today| relative::ago(today, &length))));
    }
    let counts_on = tail.is(Kind::OrdinalTail) || tail.is(Kind::Later);
    counts_on.then(|| Found::new(word.start, tail.end, TimexType::Med))
}

fn ago_type(length: &Length) -> TimexType {
    if length.unit < Unit::Day {
        TimexType::Time
    } else {
        TimexType::Date
    }
}

/// 「POD3」 「POD#3」 「day 8」 「HD3」. A strict label (HD is also dialysis) wants its number close and nothing behind it.
fn label(scan: &Scan<'_, '_>, word: &Word<'_>) -> Option<Found> {
    let is_strict = word.amount(Kind::Label)? == "strict";
    let before = word.start.checked_sub(1).and_then(|index| scan.char_at(index));
    if before.is_some_and(|c| matches!(c, '/' | '-') || c.is_ascii_alphabetic()) {
        return None;
    }
    let is_joint = |c: char| matches!(c, ' ' | '#' | ':' | '.');
    let next = if !is_strict && scan.is_char(word.end, is_joint) {
        word.end + 1
    } else {
        word.end
    };
    let number = scan
        .number(next)
        .filter(|number| !number.is_decimal && number.digits <= 3)?;
    let range = scan
        .is_char(number.end, super::words::is_dash)
        .then(|| scan.number(number.end + 1))
        .flatten();
    let end = range
        .filter(|last| last.low > number.high)
        .map_or(number.end, |last| last.end);
    let end = if is_strict { end } else { sick_day_end(scan, end) };
    let is_counted = is_strict
        && scan
            .word(end)
            .is_some_and(|word| word.is(Kind::Unit) || word.is(Kind::None));
    (!is_counted && ends_label(scan, end)).then(|| Found::new(word.start, end, TimexType::Med))
}

/// 「POD3日目」.
fn sick_day_end(scan: &Scan<'_, '_>, at: usize) -> usize {
    match scan.unit(at) {
        Some((Unit::Day, end)) => scan.skip(end, Kind::OrdinalTail),
        _ => at,
    }
}

/// Whether neither a letter, a slash nor a unit goes on behind a label.
fn ends_label(scan: &Scan<'_, '_>, end: usize) -> bool {
    let is_unit = scan
        .find(end, |term| matches!(term, Term::Unit { .. }).then_some(()))
        .is_some();
    let goes_on = scan
        .char_at(end)
        .is_some_and(|c| matches!(c, '/' | '%' | '.' | ':') || c.is_ascii_alphanumeric());
    !(is_unit || goes_on)
}

/// 「術後出血」: a stage that opens the name of a finding is not read; 「術後、」 and 「入院時体温」 are.
fn opens_compound(scan: &Scan<'_, '_>, word: &Word<'_>) -> bool {
    let is_prefix = scan.find(word.start, |term| {
        matches!(term, Term::Modifier(Modifier::Prefix)).then_some(())
    });
    let next = scan
        .char_at(word.end)
        .is_some_and(|c| matches!(class(c), CharClass::Kanji | CharClass::Katakana));
    is_prefix.is_some() && (next || scan.concept(word.end).is_some())
}
