//! Times of day: 9時, 14:30, 午後3時, 朝5時頃, 夕方, 9時~17時, alone or behind a date.

use super::kind::{Kind, Unit};
use super::numeric::is_after_test;
use super::stretch::{Hours, MINUTES_OF_DAY, Stretch};
use super::words::{Amount, Scan, Word, is_dash};
use super::{Found, When, named_day};
use crate::rules::{Modifier, Term, UnitKind};
use crate::tokens::{CharClass, class};
use jiff::civil::Date;
use tsumugi_clinical::{Precision, TimexType};
use tsumugi_tables::TermKind;

/// A time of day as written.
#[derive(Debug, Clone, Copy)]
struct Read {
    /// None for a time that no clock has (25時).
    hours: Option<Hours>,
    /// Whether a clock was read, not only a part of the day.
    is_clock: bool,
    end: usize,
}

/// Reads a time of day that follows no date: of the day the sentence named, else of the note's day.
pub(super) fn alone(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let read = read(scan, at)?;
    if !(read.is_clock || part_stands_alone(scan, at)) || read.is_clock && is_ratio(scan, at, read.end) {
        return None;
    }
    let mut found = Found::new(at, read.end, TimexType::Time);
    let Some(hours) = read.hours else {
        return Some(Found {
            is_impossible: true,
            ..found
        });
    };
    let named = named_day(scan, at);
    let day = if read.is_clock {
        named
            .filter(|named| !named.goes_on)
            .map(|named| named.day)
            .or(scan.anchor.date)
    } else {
        named.map(|named| named.day)
    };
    found.when = day
        .and_then(|day| Stretch::hours(day, hours))
        .map_or(When::Unknown, When::Within);
    Some(found)
}

/// Reads a time of day behind a date, blank or の between.
pub(super) fn on_day(scan: &Scan<'_, '_>, day: Date, end: usize) -> Option<Found> {
    let (hours, end) = behind(scan, end)?;
    Some(Found::new(end, end, TimexType::Time).within(Stretch::hours(day, hours)))
}

/// The time of day behind a date, and its end.
pub(super) fn behind(scan: &Scan<'_, '_>, end: usize) -> Option<(Hours, usize)> {
    let at = scan.skip_blank(scan.skip(end, Kind::Of));
    let meal = scan
        .take(at, Kind::Meal)
        .and_then(|(amount, end)| Some((hours_of(amount)?, end)));
    meal.or_else(|| read(scan, at).and_then(|read| Some((read.hours?, read.end))))
}

/// Hours of the table: `05:00/10:59`, beyond midnight `18:00/28:59`.
pub(super) fn hours_of(amount: &str) -> Option<Hours> {
    let minutes = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        Some(hour.parse::<i32>().ok()? * 60 + minute.parse::<i32>().ok()?)
    };
    let (from, to) = amount.split_once('/')?;
    Some(Hours {
        from: minutes(from)?,
        to: minutes(to)?,
        precision: Precision::Hour,
    })
}

/// Reads a meal as the time of an event (夕食後から腹痛); inside a prescription it is usage, before a finding its prefix.
pub(super) fn meal(scan: &Scan<'_, '_>, word: &Word<'_>) -> Option<Found> {
    let amount = word.amount(Kind::Meal)?;
    let next = scan.skip_blank(word.end);
    let is_measured = scan.digits(next).is_some() || scan.concept(word.end).is_some();
    let joins = scan
        .char_at(word.end)
        .is_some_and(|c| matches!(class(c), CharClass::Kanji | CharClass::Latin) || c == '\u{30FB}');
    if is_measured || joins || is_prescription(scan, word.start) {
        return None;
    }
    let day = named_day(scan, word.start).map(|named| named.day);
    let stretch = day
        .zip(hours_of(amount))
        .and_then(|(day, hours)| Stretch::hours(day, hours));
    Some(Found::new(word.start, word.end, TimexType::Time).within(stretch))
}

/// Whether drugs, their usage or counts of tablets stand around a token.
fn is_prescription(scan: &Scan<'_, '_>, at: usize) -> bool {
    const REACH: usize = 20;
    (at.saturating_sub(REACH)..at + REACH)
        .filter(|index| *index != at)
        .any(|index| {
            let prescribes = |term: &Term| {
                matches!(
                    term,
                    Term::Unit {
                        kind: UnitKind::Count,
                        ..
                    } | Term::Concept {
                        kind: TermKind::Drug | TermKind::DrugClass,
                        ..
                    }
                )
            };
            scan.find(index, |term| prescribes(term).then_some(())).is_some()
        })
        || scan.is_after_drug(at)
}

/// A clock behind words that already name a part of a day (今朝5時, 昨夜8時), in that part.
pub(super) fn within_part(scan: &Scan<'_, '_>, part: Hours, end: usize) -> Option<(Hours, usize)> {
    let at = scan.skip_blank(scan.skip(end, Kind::Of));
    let (hours, end) = clock(scan, at)?;
    Some((shifted(hours?, part), end))
}

fn read(scan: &Scan<'_, '_>, at: usize) -> Option<Read> {
    let part = scan
        .word(at)
        .and_then(|word| Some((hours_of(word.amount(Kind::Daypart)?)?, word)));
    let Some((part, word)) = part else {
        let (hours, end) = clock(scan, at)?;
        let (hours, end) = clock_range(scan, hours, end);
        return Some(Read {
            hours,
            is_clock: true,
            end,
        });
    };
    let next = scan.skip_blank(scan.skip(word.end, Kind::Of));
    if let Some((hours, end)) = clock(scan, next) {
        let (hours, end) = clock_range(scan, hours.map(|hours| shifted(hours, part)), end);
        return Some(Read {
            hours,
            is_clock: true,
            end,
        });
    }
    let counts_a_dose = scan.digits(word.end).is_some();
    (!counts_a_dose && ends_word(scan, &word)).then_some(Read {
        hours: Some(part),
        is_clock: false,
        end: word.end,
    })
}

/// The hours of a clock, moved to the afternoon where the part of the day says so (夜8時).
fn shifted(hours: Hours, part: Hours) -> Hours {
    const HALF_DAY: i32 = MINUTES_OF_DAY / 2;
    let fits = |minute: i32| (part.from..=part.to + 1).contains(&minute);
    if fits(hours.from) || !fits(hours.from + HALF_DAY) {
        return hours;
    }
    Hours {
        from: hours.from + HALF_DAY,
        to: hours.to + HALF_DAY,
        ..hours
    }
}

/// One-character words (朝, 夜) open other words (朝食, 夜勤); those with a kanji behind them are left, unless it is a name.
fn ends_word(scan: &Scan<'_, '_>, word: &Word<'_>) -> bool {
    let is_short = word.end == word.start + 1
        && scan
            .get(word.start)
            .is_some_and(|token| scan.chars_of(token).len() == 1);
    let kanji_behind = scan
        .char_at(word.end)
        .is_some_and(|c| class(c) == CharClass::Kanji);
    !(is_short && kanji_behind)
        || scan.concept(word.end).is_some()
        || scan.word(word.end).is_some_and(|w| !w.is(Kind::None))
}

/// 「14時」 「14時30分」 「9時半」 「14:30」: its hours (none when impossible) and its end.
fn clock(scan: &Scan<'_, '_>, at: usize) -> Option<(Option<Hours>, usize)> {
    let number = scan
        .number(at)
        .filter(|number| number.digits <= 2 && !number.is_decimal)?;
    digital(scan, at, &number).or_else(|| spoken(scan, &number))
}

fn spoken(scan: &Scan<'_, '_>, number: &Amount) -> Option<(Option<Hours>, usize)> {
    const LAST_HOUR: i32 = 24;
    let (unit, end) = scan.unit(number.end)?;
    if unit != Unit::Clock {
        return None;
    }
    if number.high > LAST_HOUR {
        return Some((None, end));
    }
    if number.high > number.low {
        let hours = Hours {
            from: number.low * 60,
            to: number.high * 60 + 59,
            precision: Precision::Hour,
        };
        return Some((Some(hours), end));
    }
    let hour = number.low * 60;
    if let Some((_, end)) = scan.take(end, Kind::Half) {
        return Some((Some(minute(hour + 30)), end));
    }
    let minutes = scan.number(scan.skip_blank(end)).and_then(|number| {
        let (unit, end) = scan.unit(number.end)?;
        (unit == Unit::Minute).then_some((number.exact()?, end))
    });
    Some(match minutes {
        Some((minutes, end)) if minutes < 60 && hour + minutes <= MINUTES_OF_DAY => {
            (Some(minute(hour + minutes)), end)
        }
        Some((_, end)) => (None, end),
        None => (
            Some(Hours {
                from: hour,
                to: hour + 59,
                precision: Precision::Hour,
            }),
            end,
        ),
    })
}

fn digital(scan: &Scan<'_, '_>, at: usize, hour: &Amount) -> Option<(Option<Hours>, usize)> {
    let is_colon = scan.is_char(at + 1, |c| c == ':');
    let minutes = scan.digits(at + 2).filter(|text| is_colon && text.len() == 2)?;
    let minutes: i32 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    let time = hour.low * 60 + minutes;
    let has_seconds = scan.is_char(at + 3, |c| c == ':') && scan.digits(at + 4).is_some();
    let end = if has_seconds { at + 5 } else { at + 3 };
    let is_cut = scan
        .char_at(end)
        .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '%' | '.'));
    (time <= MINUTES_OF_DAY && !is_cut).then_some((Some(minute(time)), end))
}

fn minute(minute: i32) -> Hours {
    Hours {
        from: minute,
        to: minute,
        precision: Precision::Minute,
    }
}

/// 「9時~17時」: to the end of the second.
fn clock_range(scan: &Scan<'_, '_>, first: Option<Hours>, end: usize) -> (Option<Hours>, usize) {
    let is_range = scan.is_char(end, is_dash);
    let last = if is_range { clock(scan, end + 1) } else { None };
    match (first, last) {
        (Some(first), Some((Some(last), end))) if last.from > first.from => {
            (Some(Hours { to: last.to, ..first }), end)
        }
        _ => (first, end),
    }
}

/// 「抗核抗体 1:40」 is a titre, 「1:2」 a ratio.
fn is_ratio(scan: &Scan<'_, '_>, at: usize, end: usize) -> bool {
    let is_digital = scan.is_char(at + 1, |c| c == ':');
    if !is_digital {
        return false;
    }
    let before = at.checked_sub(1).and_then(|index| scan.char_at(index));
    let is_inside =
        before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '/' | '-' | '<'));
    let starts_with_one = scan.digits(at).is_some_and(|hour| hour == "1");
    let is_dilution = starts_with_one && matches!(scan.digits(at + 2).as_deref(), Some("10" | "20" | "40"));
    let frames = [Kind::FrameSince, Kind::FrameUntil, Kind::Vague];
    let is_framed = scan
        .word(end)
        .is_some_and(|word| frames.into_iter().any(|kind| word.is(kind)));
    is_inside || is_after_test(scan, at) || is_dilution && at > 0 && !is_framed
}

/// A part of the day on its own: not inside a prescription, not the opening of a compound (夜間せん妄).
fn part_stands_alone(scan: &Scan<'_, '_>, at: usize) -> bool {
    let is_prefix = scan.find(at, |term| {
        matches!(term, Term::Modifier(Modifier::Prefix)).then_some(())
    });
    let opens_compound = is_prefix.is_some() && scan.concept(at + 1).is_some();
    let enumerates = scan.is_char(at + 1, |c| c == '\u{30FB}');
    let next = scan.skip_blank(at + 1);
    let is_timing = |term: &Term| matches!(term, Term::Usage(word) if word.kind.as_ref() == "timing");
    let lists_usage = scan.find(next, |term| is_timing(term).then_some(())).is_some();
    !(opens_compound || enumerates || lists_usage || scan.is_after_drug(at))
}
