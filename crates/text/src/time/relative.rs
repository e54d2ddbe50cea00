//! Times told from another day: 昨日, 先週の月曜, 昨年秋, 3日前, 2週間後, 翌日; the other day is the note's, or one named before.

use super::calendar::{self, Parts, Written};
use super::clock;
use super::count::Length;
use super::kind::{Kind, Unit};
use super::stretch::{Hours, Stretch, shift, shift_days};
use super::words::{Scan, Word};
use super::{Found, When, named_day};
use crate::rules::{Modifier, Term};
use jiff::civil::Date;
use tsumugi_clinical::{Precision, TimexType};

/// What a time is told from, judged by the word right before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// Nothing is named.
    Open,
    /// The visit that the note is of (来院3日前).
    Visit,
    /// Something else (手術の3日前).
    Event,
}

/// Reads a word that is told from the note's day or from one named before.
pub(super) fn word(scan: &Scan<'_, '_>, word: Word<'_>) -> Option<Found> {
    let today = scan.anchor.date;
    if let Some(amount) = word.amount(Kind::RelativeDay) {
        return relative_day(scan, word, amount, today);
    }
    if let Some(amount) = word.amount(Kind::NarrativeDay) {
        return relative_day(scan, word, amount, narrative_origin(scan, word.start));
    }
    if let Some(weeks) = word.amount(Kind::RelativeWeek) {
        return relative_week(scan, word, weeks.parse().ok()?, today);
    }
    if let Some(weeks) = word.amount(Kind::NarrativeWeek) {
        return relative_week(
            scan,
            word,
            weeks.parse().ok()?,
            narrative_origin(scan, word.start),
        );
    }
    if let Some(months) = word.amount(Kind::RelativeMonth) {
        return Some(relative_month(scan, word, months.parse().ok()?, today));
    }
    if let Some(months) = word.amount(Kind::NarrativeMonth) {
        return Some(relative_month(
            scan,
            word,
            months.parse().ok()?,
            narrative_origin(scan, word.start),
        ));
    }
    if let Some(years) = word.amount(Kind::RelativeYear) {
        return relative_year(scan, word, years, today);
    }
    if let Some(years) = word.amount(Kind::NarrativeYear) {
        return relative_year(scan, word, years, narrative_origin(scan, word.start));
    }
    if let Some(months) = word.amount(Kind::Season) {
        return Some(season(scan, word, months));
    }
    if let Some(number) = word.amount(Kind::Weekday) {
        return weekday(scan, word, number.parse().ok()?);
    }
    word.is(Kind::Now)
        .then(|| Found::new(word.start, word.end, TimexType::Time).within(today.map(Stretch::day)))
}

/// `-1`, or with hours `-1 18:00/28:59`.
fn relative_day(scan: &Scan<'_, '_>, word: Word<'_>, amount: &str, origin: Option<Date>) -> Option<Found> {
    let (days, hours) = amount
        .split_once(' ')
        .map_or((amount, None), |(days, hours)| (days, Some(hours)));
    let days: i32 = days.parse().ok()?;
    let day = origin.and_then(|origin| shift_days(origin, days));
    let place = |hours: Hours| day.and_then(|day| Stretch::hours(day, hours));
    if let Some(part) = hours.and_then(clock::hours_of) {
        let (hours, end) = clock::within_part(scan, part, word.end).unwrap_or((part, word.end));
        return Some(Found::new(word.start, end, TimexType::Time).within(place(hours)));
    }
    Some(match clock::behind(scan, word.end) {
        Some((hours, end)) => Found::new(word.start, end, TimexType::Time).within(place(hours)),
        None => Found::new(word.start, word.end, TimexType::Date).within(day.map(Stretch::day)),
    })
}

/// A week from Monday to Sunday, or a day or the end of it.
fn relative_week(scan: &Scan<'_, '_>, word: Word<'_>, weeks: i32, origin: Option<Date>) -> Option<Found> {
    let monday = origin.and_then(|origin| {
        let since_monday = i32::from(origin.weekday().to_monday_zero_offset());
        shift_days(origin, weeks * 7 - since_monday)
    });
    let next = scan.skip(word.end, Kind::Of);
    if let Some((number, end)) = scan.take(next, Kind::Weekday) {
        let offset: i32 = number.parse().ok()?;
        let day = monday.and_then(|monday| shift_days(monday, offset - 1));
        let found = Found::new(word.start, end, TimexType::Date).within(day.map(Stretch::day));
        let timed = day.and_then(|day| clock::on_day(scan, day, end));
        return Some(timed.map_or(found, |timed| Found {
            start: word.start,
            ..timed
        }));
    }
    let found = Found::new(word.start, word.end, TimexType::Date);
    let part = scan
        .take(next, Kind::Part)
        .and_then(|(part, end)| Some((part_of_week(part)?, end)));
    if let Some(((first, last), end)) = part {
        let days = monday.and_then(|monday| {
            let (first, last) = (shift_days(monday, first)?, shift_days(monday, last)?);
            Some(Stretch::days(first, last, Precision::Day))
        });
        return Some(Found { end, ..found }.within(days));
    }
    Some(found.within(monday.and_then(Stretch::week)))
}

/// Days after Monday of 週末 and 週初め.
fn part_of_week(part: &str) -> Option<(i32, i32)> {
    match part {
        "end" => Some((5, 6)),
        "begin" => Some((0, 1)),
        _ => None,
    }
}

fn relative_month(scan: &Scan<'_, '_>, word: Word<'_>, months: i32, origin: Option<Date>) -> Found {
    let first = origin.and_then(|origin| shift(origin.first_of_month(), months, Unit::Month));
    let mut parts = Parts {
        year: first.map(|first| i32::from(first.year())),
        month: first.map(|first| i32::from(first.month())),
        ..Parts::default()
    };
    let written = match calendar::day_behind(scan, scan.skip(word.end, Kind::Of)) {
        Some((day, last_day, end)) => {
            parts.day = Some(day);
            parts.last_day = last_day;
            Written { parts, end }
        }
        None => calendar::with_part(scan, parts, word.end),
    };
    let is_known = first.is_some();
    let written = if is_known {
        written
    } else {
        Written {
            parts: Parts::default(),
            ..written
        }
    };
    calendar::dated(scan, word.start, written)
}

/// A year by its distance (`-1`), with its season where the word names one (`-1 09-11`); `?` is a year that a report hides.
fn relative_year<'a>(
    scan: &Scan<'_, 'a>,
    word: Word<'_>,
    amount: &'a str,
    origin: Option<Date>,
) -> Option<Found> {
    let (years, season) = amount
        .split_once(' ')
        .map_or((amount, None), |(years, season)| (years, Some(season)));
    let years: Option<i32> = if years == "?" {
        None
    } else {
        Some(years.parse().ok()?)
    };
    let parts = Parts {
        year: origin
            .zip(years)
            .map(|(origin, years)| i32::from(origin.year()) + years),
        part: season,
        ..Parts::default()
    };
    let written = match season {
        Some(_) => Written { parts, end: word.end },
        None => calendar::behind_year(scan, parts, word.end),
    };
    let is_known = parts.year.is_some();
    let written = if is_known {
        written
    } else {
        Written {
            parts: Parts::default(),
            ..written
        }
    };
    Some(calendar::dated(scan, word.start, written))
}

/// The latest such season that has begun.
fn season<'a>(scan: &Scan<'_, 'a>, word: Word<'_>, months: &'a str) -> Found {
    let stretch = scan.anchor.date.and_then(|today| {
        let of = |year: i32| {
            let parts = Parts {
                year: Some(year),
                part: Some(months),
                ..Parts::default()
            };
            calendar::resolve(None, &parts, false).ok().flatten()
        };
        let year = i32::from(today.year());
        of(year)
            .filter(|stretch| stretch.from.date() <= today)
            .or_else(|| of(year - 1))
    });
    let vague = stretch.map(|stretch| Stretch {
        precision: Precision::Vague,
        ..stretch
    });
    Found::new(word.start, word.end, TimexType::Date).within(vague)
}

/// The latest such weekday; of a plan, the next.
fn weekday(scan: &Scan<'_, '_>, word: Word<'_>, number: i32) -> Option<Found> {
    let follows_frequency = word.start.checked_sub(1).is_some_and(|index| {
        scan.word(index)
            .is_some_and(|word| word.is(Kind::Set) || word.is(Kind::Unit) || word.is(Kind::Weekday))
    });
    if scan.is_after_drug(word.start) || follows_frequency {
        return None;
    }
    let planned = scan.is_planned(word.start, word.end);
    let day = scan.anchor.date.and_then(|today| {
        let back = (i32::from(today.weekday().to_monday_one_offset()) - number).rem_euclid(7);
        shift_days(today, if planned { (7 - back) % 7 } else { -back })
    });
    let found = Found::new(word.start, word.end, TimexType::Date).within(day.map(Stretch::day));
    let timed = day.and_then(|day| clock::on_day(scan, day, word.end));
    Some(timed.map_or(found, |timed| Found {
        start: word.start,
        ..timed
    }))
}

/// The day that 翌日 and the like are told from.
fn narrative_origin(scan: &Scan<'_, '_>, at: usize) -> Option<Date> {
    match reference(scan, at) {
        Reference::Open => named_day(scan, at).map(|named| named.day),
        Reference::Visit => scan.anchor.date,
        Reference::Event => None,
    }
}

/// What the word right before, の between or not, makes of a time behind it.
pub(super) fn reference(scan: &Scan<'_, '_>, at: usize) -> Reference {
    let Some(mut previous) = at.checked_sub(1) else {
        return Reference::Open;
    };
    let of = scan.word(previous).is_some_and(|word| word.is(Kind::Of));
    if of {
        let Some(before) = previous.checked_sub(1) else {
            return Reference::Open;
        };
        previous = before;
    }
    if let Some(event) = scan.word(previous).and_then(|word| word.amount(Kind::Event)) {
        return if event == "visit" {
            Reference::Visit
        } else {
            Reference::Event
        };
    }
    let is_context = scan.find(previous, |term| {
        matches!(term, Term::Modifier(Modifier::Context)).then_some(())
    });
    if of || is_context.is_some() || scan.concept(previous).is_some() {
        return Reference::Event;
    }
    Reference::Open
}

/// The stretch that lies a length before a day: days to the day, weeks to the week, months and years by the calendar.
pub(super) fn ago(today: Date, length: &Length) -> Option<Stretch> {
    const SURELY_TODAY: i32 = 6;
    const HOURS: i32 = 24;
    let back = |count: i32| shift(today, -count, length.unit);
    let stretch = match length.unit {
        _ if length.rest_days > 0 || length.rest_months > 0 => {
            let day = shift(back(length.low)?, -length.rest_months, Unit::Month)?;
            let day = shift_days(day, -length.rest_days)?;
            if length.rest_months > 0 {
                Stretch::months(day, day)
            } else {
                Stretch::day(day)
            }
        }
        Unit::Hour if length.high > SURELY_TODAY => {
            let (low, high) = (length.low / HOURS, (length.high + HOURS - 1) / HOURS);
            Stretch::days(
                shift_days(today, -high)?,
                shift_days(today, -low)?,
                Precision::Day,
            )
        }
        Unit::Day => Stretch::days(back(length.high)?, back(length.low)?, Precision::Day),
        Unit::Week => Stretch::days(
            back(length.high)?,
            shift_days(back(length.low)?, 6)?,
            Precision::Week,
        ),
        Unit::Month => Stretch::months(back(length.high)?, back(length.low)?),
        Unit::Year => {
            let year = i32::from(today.year());
            Stretch::years(year - length.high, year - length.low)?
        }
        _ => Stretch::day(today),
    };
    Some(if length.is_few {
        Stretch {
            precision: Precision::Vague,
            ..stretch
        }
    } else {
        stretch
    })
}

/// The stretch that lies a length behind a day.
pub(super) fn later(from: Date, length: &Length) -> Option<Stretch> {
    let on = |count: i32| shift(from, count, length.unit);
    let stretch = match length.unit {
        Unit::Day => Stretch::days(on(length.low)?, on(length.high)?, Precision::Day),
        Unit::Week => Stretch::days(on(length.low)?, shift_days(on(length.high)?, 6)?, Precision::Week),
        Unit::Month => Stretch::months(on(length.low)?, on(length.high)?),
        Unit::Year => {
            let year = i32::from(from.year());
            Stretch::years(year + length.low, year + length.high)?
        }
        _ => Stretch::day(from),
    };
    Some(if length.is_few {
        Stretch {
            precision: Precision::Vague,
            ..stretch
        }
    } else {
        stretch
    })
}

/// The stretch of a length that ends with the note's day (ここ数日, 最近1か月), going on.
pub(super) fn recent(today: Date, length: &Length) -> Option<When> {
    let first = shift(today, -length.high, length.unit)?;
    let precision = if length.is_few {
        Precision::Vague
    } else {
        ago(today, length)?.precision
    };
    Some(When::Since(Stretch::days(first, today, precision)))
}
