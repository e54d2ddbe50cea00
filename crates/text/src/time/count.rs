//! What is counted in time: lengths (3日間, 数時間), times told by a length (3日前, 2週後), frequencies (1日3回, 週2回).

use super::calendar;
use super::kind::{Kind, Unit};
use super::relative::{self, Reference};
use super::words::{Amount, Scan, Word, is_dash};
use super::{Found, When, named_day};
use crate::rules::{Modifier, Term};
use crate::tokens::{CharClass, class};
use tsumugi_clinical::TimexType;

/// A length of time; ranges have different ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) low: i32,
    pub(super) high: i32,
    pub(super) unit: Unit,
    /// Months beside the years (2年3か月, 2年半).
    pub(super) rest_months: i32,
    /// Days beside the weeks or months (28週3日).
    pub(super) rest_days: i32,
    /// 数 was written for the number.
    pub(super) is_few: bool,
    /// First token behind it.
    pub(super) end: usize,
}

/// Reads what begins with a number.
pub(super) fn counted(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let before = at.checked_sub(1).and_then(|index| scan.char_at(index));
    let is_inside = matches!(before, Some('/' | '.' | ':' | '^'));
    if is_inside {
        return None;
    }
    let number = scan.number(at)?;
    let times = scan.unit(number.end).filter(|(unit, _)| *unit == Unit::Times);
    if let Some((_, end)) = times {
        return frequency(scan, at, end);
    }
    let length = length(scan, at)?;
    let is_latin = scan.char_at(number.end).is_some_and(|c| c.is_ascii_alphabetic());
    let continues_name = is_latin && before.is_some_and(|c| class(c) == CharClass::Latin);
    if continues_name {
        return None;
    }
    // 「15年5月」 without its era: a date of no known year.
    let month_end = (length.unit == Unit::Year)
        .then(|| calendar::month_end(scan, length.end))
        .flatten();
    if let Some(end) = month_end {
        return Some(Found::new(at, end, TimexType::Date));
    }
    measured(scan, at, &length)
}

/// Reads a word that counts (数日, 三日, 半年) or says how often or how long (毎日, 長期間).
pub(super) fn word(scan: &Scan<'_, '_>, word: Word<'_>) -> Option<Found> {
    if word.is(Kind::Set) {
        let end = scan.skip(word.end, Kind::Weekday);
        let end = times(scan, scan.skip_blank(end)).unwrap_or(end);
        let is_dosage = scan.is_after_drug(word.start);
        return (!is_dosage).then(|| Found::new(word.start, end, TimexType::Set));
    }
    if word.is(Kind::Length) {
        return Some(Found::new(word.start, word.end, TimexType::Duration));
    }
    if word.is(Kind::Last) {
        let at = scan.skip_blank(word.end);
        let length = length(scan, at)?;
        return measured(scan, at, &length).map(|found| Found {
            start: word.start,
            ..found
        });
    }
    let (_, _, unit) = counted_by(word.amount(Kind::Count)?)?;
    match unit {
        Unit::Times => frequency(scan, word.start, word.end),
        _ => measured(scan, word.start, &length(scan, word.start)?),
    }
}

/// The amount of a counting word: `3 day`, `2-6 year`.
pub(super) fn counted_by(amount: &str) -> Option<(i32, i32, Unit)> {
    let (number, unit) = amount.split_once(' ')?;
    let (low, high) = number.split_once('-').unwrap_or((number, number));
    Some((low.parse().ok()?, high.parse().ok()?, Unit::parse(unit)?))
}

/// A length in digits or as a counting word, with a smaller unit behind it.
pub(super) fn length(scan: &Scan<'_, '_>, at: usize) -> Option<Length> {
    let mut length = simple_length(scan, at)?;
    if let Some((_, end)) = scan.take(length.end, Kind::Half) {
        let (months, days) = match length.unit {
            Unit::Year => (6, 0),
            Unit::Month => (0, 15),
            _ => (0, 0),
        };
        return Some(Length {
            rest_months: months,
            rest_days: days,
            end,
            ..length
        });
    }
    let next = scan.skip_blank(length.end);
    if let Some(end) = latin_rest(scan, length.unit, next) {
        return Some(Length { end, ..length });
    }
    if let Some(rest) =
        simple_length(scan, next).filter(|rest| rest.unit < length.unit && rest.unit.is_length())
    {
        match rest.unit {
            Unit::Month => length.rest_months = rest.low,
            Unit::Day => length.rest_days = rest.low,
            _ => {}
        }
        let belongs = matches!(
            (length.unit, rest.unit),
            (Unit::Year, Unit::Month)
                | (Unit::Month | Unit::Week, Unit::Day)
                | (Unit::Day, Unit::Hour)
                | (Unit::Hour, Unit::Minute)
        );
        if belongs {
            length.end = rest.end;
        } else {
            length.rest_months = 0;
            length.rest_days = 0;
        }
    }
    Some(length)
}

fn simple_length(scan: &Scan<'_, '_>, at: usize) -> Option<Length> {
    let of = |low, high, unit, end, is_few| Length {
        low,
        high,
        unit,
        rest_months: 0,
        rest_days: 0,
        is_few,
        end,
    };
    if let Some((amount, end)) = scan.take(at, Kind::Count) {
        let (low, high, unit) = counted_by(amount)?;
        return unit.is_length().then(|| of(low, high, unit, end, high > low));
    }
    let number = scan.number(at)?;
    if let Some((low, high, unit, end)) = some_more(scan, &number).filter(|found| found.2.is_length()) {
        return Some(of(low, high, unit, end, true));
    }
    let (unit, end) = scan.unit(number.end).or_else(|| loose_unit(scan, number.end))?;
    let first = unit
        .is_length()
        .then(|| of(number.low, number.high, unit, end, false))?;
    let second = scan.is_char(end, is_dash).then(|| scan.number(end + 1)).flatten();
    let range = second.and_then(|number| {
        let (second_unit, end) = scan.unit(number.end)?;
        (second_unit == unit && number.high > first.low).then_some(Length {
            high: number.high,
            end,
            ..first
        })
    });
    Some(range.unwrap_or(first))
}

/// End of the smaller unit of 28w3d and 2h30m.
fn latin_rest(scan: &Scan<'_, '_>, unit: Unit, at: usize) -> Option<usize> {
    let number = scan.number(at)?;
    let (rest, end) = scan.take(number.end, Kind::LooseUnit)?;
    matches!((unit, rest), (Unit::Week, "day") | (Unit::Hour, "month")).then_some(end)
}

/// End of a length of pregnancy, weeks and days: 28週3日, 28w3d.
pub(super) fn gestation_end(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    let weeks = simple_length(scan, at).filter(|length| length.unit == Unit::Week)?;
    let days = latin_rest(scan, Unit::Week, weeks.end);
    days.or_else(|| {
        simple_length(scan, weeks.end)
            .filter(|rest| rest.unit == Unit::Day)
            .map(|rest| rest.end)
    })
}

/// 「10数年」: ten and some years.
fn some_more(scan: &Scan<'_, '_>, number: &Amount) -> Option<(i32, i32, Unit, usize)> {
    let tens = number.exact().filter(|tens| *tens > 0 && tens % 10 == 0)?;
    let (amount, end) = scan.take(number.end, Kind::Count)?;
    let (low, high, unit) = counted_by(amount)?;
    (high > low).then_some((tens + 1, tens + 9, unit, end))
}

/// Single capitals (3M後, 2W前) are units only with 前, 後 or 目 behind them.
fn loose_unit(scan: &Scan<'_, '_>, at: usize) -> Option<(Unit, usize)> {
    let (unit, end) = scan.take(at, Kind::LooseUnit)?;
    let tail = scan.word(end)?;
    let is_told = [Kind::Ago, Kind::Later, Kind::OrdinalTail]
        .into_iter()
        .any(|kind| tail.is(kind));
    is_told.then_some((Unit::parse(unit)?, end))
}

/// 「3回/日」 「週2回」 「日に数回」; 「嘔吐3回」 is no frequency.
fn frequency(scan: &Scan<'_, '_>, at: usize, end: usize) -> Option<Found> {
    if scan.is_after_drug(at) {
        return None;
    }
    let is_slash = scan.is_char(end, |c| c == '/');
    if is_slash && let Some((unit, end)) = scan.unit(end + 1) {
        return is_period(unit).then(|| Found::new(at, end, TimexType::Set));
    }
    let before = at.checked_sub(1)?;
    let particle = scan.word(before).is_some_and(|word| word.is(Kind::Particle));
    let place = if particle { before.checked_sub(1)? } else { before };
    let (unit, unit_end) = scan.take(place, Kind::Unit)?;
    let follows_number = place
        .checked_sub(1)
        .is_some_and(|index| scan.digits(index).is_some());
    let is_whole = unit_end == place + 1 && !follows_number && is_period(Unit::parse(unit)?);
    is_whole.then(|| Found::new(place, end, TimexType::Set))
}

fn is_period(unit: Unit) -> bool {
    matches!(
        unit,
        Unit::Day | Unit::Week | Unit::Month | Unit::MonthName | Unit::Year
    )
}

/// End of 「3回」 or 「数回」 at a token.
fn times(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    if let Some((amount, end)) = scan.take(at, Kind::Count) {
        return counted_by(amount)
            .filter(|(_, _, unit)| *unit == Unit::Times)
            .map(|_| end);
    }
    let number = scan.number(at)?;
    scan.unit(number.end)
        .filter(|(unit, _)| *unit == Unit::Times)
        .map(|(_, end)| end)
}

/// What a length means by the words around it.
fn measured(scan: &Scan<'_, '_>, at: usize, length: &Length) -> Option<Found> {
    let about = [Kind::About, Kind::Total, Kind::Last]
        .into_iter()
        .find_map(|kind| scan.prefix(at, kind));
    let start = about
        .filter(|word| !word.is(Kind::Total))
        .map_or(at, |word| word.start);
    let every = scan.take(length.end, Kind::Every).map(|(_, end)| end);
    let often = times(scan, scan.skip_blank(scan.skip(length.end, Kind::Particle)))
        .filter(|_| length.unit >= Unit::Hour);
    if let Some(end) = every.or(often) {
        let is_dosage = scan.is_after_drug(at);
        return (!is_dosage).then(|| Found::new(start, end, TimexType::Set));
    }
    if let Some(found) = told(scan, start, at, length) {
        return Some(found);
    }
    let is_recent = about.is_some_and(|word| word.is(Kind::Last)) || is_last_word(scan, at);
    if !is_recent && about.is_none() && is_day_name(scan, at, length) {
        return day_name(scan, start, at, length);
    }
    let end = length_end(scan, length.end);
    if !is_recent && (scan.is_after_drug(at) || is_no_length(scan, at, length) || is_per_day(scan, length)) {
        return None;
    }
    let kind = if is_after_event(scan, at) {
        TimexType::Med
    } else {
        TimexType::Duration
    };
    let found = Found::new(start, end, kind);
    let recent = scan
        .anchor
        .date
        .filter(|_| is_recent)
        .and_then(|today| relative::recent(today, length));
    Some(recent.map_or(found, |when| found.when(when)))
}

/// Whether a length counts on from an event named right before it (産後|10週, where 産後 is a concept of its own).
fn is_after_event(scan: &Scan<'_, '_>, at: usize) -> bool {
    let before = scan.word_before(at);
    before.is_some_and(|word| word.is(Kind::After) || word.is(Kind::Event))
}

/// 「3日前」 「2週間ほど前」 「10年来」 「3日後」 「3日目」.
fn told(scan: &Scan<'_, '_>, start: usize, at: usize, length: &Length) -> Option<Found> {
    let kind = if length.unit < Unit::Day {
        TimexType::Time
    } else {
        TimexType::Date
    };
    let ago = |day| relative::ago(day, length);
    let tail = scan.word(approximate_end(scan, scan.skip(length.end, Kind::Span)))?;
    let found = Found::new(start, tail.end, kind);
    if tail.is(Kind::SinceAgo) {
        let when = scan.anchor.date.and_then(ago).map_or(When::Unknown, When::Since);
        return Some(
            Found {
                kind: TimexType::Duration,
                ..found
            }
            .when(when),
        );
    }
    if tail.is(Kind::Ago) {
        let is_event = relative::reference(scan, at) == Reference::Event;
        let when = scan.anchor.date.filter(|_| !is_event).and_then(ago);
        return Some(found.within(when));
    }
    if tail.is(Kind::Later) {
        return Some(found.within(later(scan, at, tail.end, length)));
    }
    tail.is(Kind::OrdinalTail).then_some(Found {
        kind: TimexType::Med,
        ..found
    })
}

/// 「3日後」 is told from a day named before, or from today when it is a plan.
fn later(scan: &Scan<'_, '_>, at: usize, end: usize, length: &Length) -> Option<super::Stretch> {
    if relative::reference(scan, at) == Reference::Event {
        return None;
    }
    let named = named_day(scan, at).map(|named| named.day);
    let planned = scan.anchor.date.filter(|_| scan.is_planned(at, end));
    named.or(planned).and_then(|from| relative::later(from, length))
}

fn approximate_end(scan: &Scan<'_, '_>, mut at: usize) -> usize {
    const MOST: usize = 2;
    for _ in 0..MOST {
        at = scan.skip(at, Kind::Approximate);
    }
    at
}

/// End of a length with 間, ほど, 以上, 以内 behind it.
fn length_end(scan: &Scan<'_, '_>, at: usize) -> usize {
    approximate_end(scan, scan.skip(at, Kind::Span))
}

/// 「最近1週間」 with the word as a token of its own.
fn is_last_word(scan: &Scan<'_, '_>, at: usize) -> bool {
    let before = at.checked_sub(1).map(|index| {
        if scan.is_char(index, |c| c == ' ') {
            index.saturating_sub(1)
        } else {
            index
        }
    });
    before
        .and_then(|index| scan.word(index))
        .is_some_and(|word| word.is(Kind::Last))
}

/// 「39度4分」, 「3分の1」: minutes that are none.
fn is_no_length(scan: &Scan<'_, '_>, at: usize, length: &Length) -> bool {
    let before = at.checked_sub(1);
    let is_degree = |term: &Term| matches!(term, Term::Unit { ucum, .. } if ucum.as_ref() == "Cel");
    let after_degree =
        before.is_some_and(|index| scan.find(index, |term| is_degree(term).then_some(())).is_some());
    let of = scan.skip(length.end, Kind::Of);
    let is_fraction = of > length.end && scan.digits(of).is_some();
    length.unit == Unit::Minute && (after_degree || is_fraction)
}

/// Whether a bare count of days may be a day of the month: one written in digits, up to 31, with no word of length
/// around it, and where a date may stand.
fn is_day_name(scan: &Scan<'_, '_>, at: usize, length: &Length) -> bool {
    let number = scan
        .number(at)
        .filter(|number| !number.is_decimal && number.digits <= 2);
    let is_day = length.unit == Unit::Day
        && (1..=31).contains(&length.low)
        && length.high <= 31
        && length.rest_days == 0;
    let before = scan.word_before(at);
    let after_event = [Kind::Later, Kind::Event, Kind::After];
    let told_from = before.is_some_and(|word| after_event.into_iter().any(|kind| word.is(kind)));
    number.is_some() && is_day && !told_from && dates_day(scan, at, length)
}

/// What stands around 「22日」: a particle, a part of the day or a weekday behind it makes it a date anywhere; at the
/// beginning of a clause a blank, a comma or something that happens does, too (22日退院, but 絶食4日).
fn dates_day(scan: &Scan<'_, '_>, at: usize, length: &Length) -> bool {
    const LONGEST_BARE_COUNT: i32 = 14;
    let end = length.end;
    let behind = scan.word(end);
    let is = |kinds: &[Kind]| behind.is_some_and(|word| kinds.iter().any(|kind| word.is(*kind)));
    if is(&[Kind::Span, Kind::Approximate, Kind::Lasting, Kind::Half]) {
        return false;
    }
    let opens_weekday = scan.is_char(end, |c| c == '(') && scan.take(end + 1, Kind::Weekday).is_some();
    let frames = [
        Kind::FrameSince,
        Kind::FrameSinceWithin,
        Kind::FrameUntil,
        Kind::Vague,
        Kind::Daypart,
        Kind::Weekday,
    ];
    if is(&frames)
        || is(&[Kind::Particle])
        || opens_weekday
        || opens_clock(scan, end)
        || scan.is_char(end, is_dash)
    {
        return true;
    }
    let before = at.checked_sub(1).and_then(|index| scan.char_at(index));
    // 「発症から3日」: what follows から is a length, unless a frame (20日まで) has said otherwise.
    let told_from = scan.word_before(at).is_some_and(|word| word.is(Kind::FrameSince));
    let opens_clause = !told_from
        && before
            .is_none_or(|c| matches!(class(c), CharClass::Mark | CharClass::Hiragana) && c != '\u{00D7}');
    let next = scan.char_at(end);
    let ends = next.is_none_or(|c| matches!(c, ' ' | '\u{3001}' | ')' | '\u{306F}' | '\u{3082}' | ':'));
    let happens = scan.concept(end).is_some()
        || scan
            .find(end, |term| {
                matches!(term, Term::Modifier(Modifier::Context)).then_some(())
            })
            .is_some();
    let is_long = length.low > LONGEST_BARE_COUNT;
    opens_clause && (ends || happens || is_long || is(&[Kind::Of, Kind::Meal, Kind::Event]))
}

/// The day of the month; 「1日」 is one only where nothing is counted by it (1日1000mL, 1日量).
fn day_name(scan: &Scan<'_, '_>, start: usize, at: usize, length: &Length) -> Option<Found> {
    let close = scan.skip(length.end, Kind::Particle);
    let counts = scan.digits(close).is_some() && !opens_clock(scan, close);
    if counts || scan.is_after_drug(at) {
        return None;
    }
    Some(calendar::day_of_month(
        scan,
        start,
        (length.low, length.high),
        length.end,
    ))
}

/// 「1日尿量」 「1日量」: by the day, no length.
fn is_per_day(scan: &Scan<'_, '_>, length: &Length) -> bool {
    let behind = scan.char_at(length.end);
    let is_compound = behind.is_some_and(|c| {
        matches!(
            class(c),
            CharClass::Kanji | CharClass::Katakana | CharClass::Latin | CharClass::Digit
        )
    });
    let is_one_day = length.unit == Unit::Day && length.low == 1 && length.high == 1;
    is_one_day && is_compound && scan.word(length.end).is_none()
}

fn opens_clock(scan: &Scan<'_, '_>, at: usize) -> bool {
    scan.number(at)
        .and_then(|number| scan.unit(number.end))
        .is_some_and(|(unit, _)| unit == Unit::Clock)
}
