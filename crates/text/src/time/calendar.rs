//! Dates in words: 2026年11月22日, 令和6年5月, 11月下旬, 22日, and what the calendar makes of them.

use super::clock;
use super::kind::{Kind, Unit};
use super::stretch::{Stretch, date as calendar_date, shift_days};
use super::words::{Scan, is_dash};
use super::{Found, When};
use jiff::civil::Date;
use tsumugi_clinical::{Precision, TimexType};

/// What of a date is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts<'a> {
    pub(super) year: Option<i32>,
    pub(super) month: Option<i32>,
    pub(super) day: Option<i32>,
    /// The last month of a range (3-5月).
    pub(super) last_month: Option<i32>,
    /// The last day of a range (15~17日).
    pub(super) last_day: Option<i32>,
    /// Part of the month or year (上旬, 末, 春), as the table says it.
    pub(super) part: Option<&'a str>,
    /// A fiscal year, from April to March.
    pub(super) is_fiscal: bool,
    /// A year of an era that the era does not have.
    pub(super) is_impossible: bool,
}

/// A date as written, and the first token behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) end: usize,
}

/// Reads a date in words, with its time of day and its end, when it is a range.
pub(super) fn date(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let written = written(scan, at)?;
    Some(dated(scan, at, written))
}

/// Makes the expression of a date: weekday, range and time of day belong to it.
pub(super) fn dated<'a>(scan: &Scan<'_, 'a>, start: usize, written: Written<'a>) -> Found {
    let mut end = weekday_end(scan, written.end);
    let planned = scan.is_planned(start, end);
    let mut stretch = resolve(scan.anchor.date, &written.parts, planned);
    let mut is_impossible = stretch.is_err();
    if let Some(last) = range_end(scan, &written.parts, end) {
        let until = resolve(scan.anchor.date, &last.parts, planned);
        end = weekday_end(scan, last.end);
        is_impossible |= until.is_err();
        stretch = match (stretch, until) {
            (Ok(Some(first)), Ok(Some(last))) => Ok(Some(first.through(last))),
            (first, _) => first,
        };
    }
    let found = Found {
        is_impossible,
        ..Found::new(start, end, TimexType::Date)
    };
    let day = stretch.ok().flatten();
    match day.and_then(|stretch| stretch.single_day()) {
        Some(day) => clock::on_day(scan, day, end).map_or(found.within(Some(Stretch::day(day))), |timed| {
            Found { start, ..timed }
        }),
        None if written.parts.day.is_some() && !is_impossible => clock::behind(scan, end)
            .map_or(found.within(day), |(_, end)| {
                Found::new(start, end, TimexType::Time)
            }),
        None => found.within(day),
    }
}

fn written<'a>(scan: &Scan<'_, 'a>, at: usize) -> Option<Written<'a>> {
    match year(scan, at) {
        Some((parts, end)) => Some(behind_year(scan, parts, gloss_end(scan, end))),
        None => month_and_day(scan, Parts::default(), at),
    }
}

/// End of the same year in the other calendar, in brackets: 令和6年(2024年).
fn gloss_end(scan: &Scan<'_, '_>, at: usize) -> usize {
    let opens = scan.is_char(at, |c| c == '(');
    let other = if opens { year(scan, at + 1) } else { None };
    let closed = other.filter(|(_, end)| scan.is_char(*end, |c| c == ')'));
    closed.map_or(at, |(_, end)| end + 1)
}

/// What stands behind a year: a month with its day, a part of the year, or nothing.
pub(super) fn behind_year<'a>(scan: &Scan<'_, 'a>, parts: Parts<'a>, end: usize) -> Written<'a> {
    let next = scan.skip_blank(scan.skip(end, Kind::Of));
    month_and_day(scan, parts, next).unwrap_or_else(|| match scan.take(end, Kind::Fiscal) {
        Some((_, end)) => Written {
            parts: Parts {
                is_fiscal: true,
                ..parts
            },
            end,
        },
        None => with_part(scan, parts, end),
    })
}

fn month_and_day<'a>(scan: &Scan<'_, 'a>, parts: Parts<'a>, at: usize) -> Option<Written<'a>> {
    let (month, last_month, end) = month(scan, at)?;
    let parts = Parts {
        month: Some(month),
        last_month,
        ..parts
    };
    Some(match day_behind(scan, scan.skip_blank(end)) {
        Some((day, last_day, end)) => Written {
            parts: Parts {
                day: Some(day),
                last_day,
                ..parts
            },
            end,
        },
        None => with_part(scan, parts, end),
    })
}

/// End of a month and its day behind a year of no known era.
pub(super) fn month_end(scan: &Scan<'_, '_>, at: usize) -> Option<usize> {
    month_and_day(scan, Parts::default(), at).map(|written| written.end)
}

/// 上旬, 末, 春 behind a month or year.
pub(super) fn with_part<'a>(scan: &Scan<'_, 'a>, parts: Parts<'a>, end: usize) -> Written<'a> {
    let of = scan.skip(end, Kind::Of);
    let part = scan
        .take(of, Kind::Part)
        .or_else(|| scan.take(of, Kind::Season).filter(|_| parts.month.is_none()));
    match part {
        Some((part, end)) => Written {
            parts: Parts {
                part: Some(part),
                ..parts
            },
            end,
        },
        None => Written { parts, end },
    }
}

fn year<'a>(scan: &Scan<'_, 'a>, at: usize) -> Option<(Parts<'a>, usize)> {
    const FIRST_YEAR: i32 = 1868;
    const LAST_YEAR: i32 = 2100;
    let era = scan
        .take(at, Kind::Era)
        .or_else(|| scan.era_letter(at).map(|amount| (amount, at + 1)));
    if let Some((amount, next)) = era {
        let (base, last) = era_years(amount)?;
        let next = scan.skip_blank(next);
        let (count, next) = match scan.take(next, Kind::First) {
            Some((_, next)) => (1, next),
            None => scan
                .number(next)
                .and_then(|number| Some((number.exact()?, number.end)))?,
        };
        let end = unit_end(scan, next, Unit::Year)?;
        let parts = Parts {
            year: Some(base + count),
            is_impossible: !(1..=last).contains(&count),
            ..Parts::default()
        };
        return Some((parts, end));
    }
    let at = scan.skip(at, Kind::WesternYear);
    let number = scan.number(at).filter(|number| number.digits == 4)?;
    let year = number
        .exact()
        .filter(|year| (FIRST_YEAR..=LAST_YEAR).contains(year))?;
    let end = unit_end(scan, number.end, Unit::Year)?;
    Some((
        Parts {
            year: Some(year),
            ..Parts::default()
        },
        end,
    ))
}

/// Year before the first of an era, and its last year: `2018/99`.
pub(super) fn era_years(amount: &str) -> Option<(i32, i32)> {
    let (base, last) = amount.split_once('/')?;
    Some((base.parse().ok()?, last.parse().ok()?))
}

/// End of this unit behind a number, one blank between allowed; 年 also in 年生, where it is no class of a school.
fn unit_end(scan: &Scan<'_, '_>, at: usize, wanted: Unit) -> Option<usize> {
    if let Some((unit, end)) = scan.unit(at) {
        return (unit == wanted).then_some(end);
    }
    let word = scan.word(at)?;
    let opens_other_word = wanted == Unit::Year && word.amount(Kind::None) == Some("year");
    opens_other_word.then_some(at + 1)
}

fn month(scan: &Scan<'_, '_>, at: usize) -> Option<(i32, Option<i32>, usize)> {
    let number = scan
        .number(at)
        .filter(|number| number.digits <= 2 && !number.is_decimal)?;
    let end = unit_end(scan, number.end, Unit::MonthName)?;
    Some((number.low, (number.high > number.low).then_some(number.high), end))
}

/// The day of a month (22日) that is no length (3日間) and no ordinal (3日目).
pub(super) fn day_behind(scan: &Scan<'_, '_>, at: usize) -> Option<(i32, Option<i32>, usize)> {
    let number = scan
        .number(at)
        .filter(|number| number.digits <= 2 && !number.is_decimal)?;
    let end = unit_end(scan, number.end, Unit::Day)?;
    let is_length = scan
        .word(end)
        .is_some_and(|word| word.is(Kind::Span) || word.is(Kind::OrdinalTail));
    (!is_length).then_some((number.low, (number.high > number.low).then_some(number.high), end))
}

/// 「(日)」 「日曜日」 behind a date.
fn weekday_end(scan: &Scan<'_, '_>, at: usize) -> usize {
    if !scan.is_char(at, |c| c == '(') {
        return scan.skip(at, Kind::Weekday);
    }
    let inside = scan.skip(at + 1, Kind::Weekday);
    let closes = inside > at + 1 && scan.is_char(inside, |c| c == ')');
    if closes { inside + 1 } else { at }
}

/// The other end of a range, with what it leaves out taken from the first: 11/20~22, 3月1日-5日.
fn range_end<'a>(scan: &Scan<'_, 'a>, first: &Parts<'a>, at: usize) -> Option<Written<'a>> {
    if !scan.is_char(at, is_dash) {
        return None;
    }
    let next = at + 1;
    let last = super::numeric::written(scan, next)
        .or_else(|| written(scan, next))
        .or_else(|| day_behind(scan, next).map(|(day, _, end)| day_only(day, end)))
        .or_else(|| {
            first
                .day
                .and_then(|from| super::numeric::bare_day(scan, next, from))
        })?;
    let month = last.parts.month.or(first.month);
    let crosses_year = last.parts.year.is_none() && month < first.month;
    let year = last
        .parts
        .year
        .or(first.year.map(|year| year + i32::from(crosses_year)));
    Some(Written {
        parts: Parts {
            year,
            month,
            ..last.parts
        },
        ..last
    })
}

fn day_only<'a>(day: i32, end: usize) -> Written<'a> {
    Written {
        parts: Parts {
            day: Some(day),
            ..Parts::default()
        },
        end,
    }
}

/// That a date is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Impossible;

/// The stretch of a date; what it leaves out is taken from the note's date. None where that is not known.
pub(super) fn resolve(
    today: Option<Date>,
    parts: &Parts<'_>,
    planned: bool,
) -> Result<Option<Stretch>, Impossible> {
    check(parts)?;
    let stretch = match (parts.year, parts.month, parts.day) {
        (Some(year), None, _) => whole_year(year, parts),
        (year, Some(month), day) => {
            let year = year.or_else(|| infer_year(today?, month, day, planned));
            year.and_then(|year| within_year(year, month, parts))
        }
        (None, None, Some(day)) => today.and_then(|today| infer_month(today, day, parts.last_day, planned)),
        (None, None, None) => None,
    };
    Ok(stretch)
}

fn check(parts: &Parts<'_>) -> Result<(), Impossible> {
    const LEAP_YEAR: i32 = 2000;
    let year = parts.year.unwrap_or(LEAP_YEAR);
    let is_day = |month: i32, day: Option<i32>| calendar_date(year, month, day.unwrap_or(1)).is_some();
    let months = [parts.month, parts.last_month];
    let has_wrong_month = months.into_iter().flatten().any(|month| !is_day(month, None));
    let month = parts.month.unwrap_or(1);
    let has_wrong_day = [parts.day, parts.last_day]
        .into_iter()
        .flatten()
        .any(|day| !is_day(month, Some(day)));
    if parts.is_impossible || has_wrong_month || has_wrong_day {
        Err(Impossible)
    } else {
        Ok(())
    }
}

/// The latest such date that is not after tomorrow; of a plan, the nearest.
fn infer_year(today: Date, month: i32, day: Option<i32>, planned: bool) -> Option<i32> {
    const LEAP_CYCLE: i32 = 8;
    let this_year = i32::from(today.year());
    let on = |year: i32| calendar_date(year, month, day.unwrap_or(1));
    if planned {
        let years = [this_year, this_year + 1, this_year - 1];
        let away = |year: i32| on(year).map(|date| (date - today).get_days().abs());
        return years
            .into_iter()
            .filter(|year| on(*year).is_some())
            .min_by_key(|year| away(*year));
    }
    let latest = shift_days(today, 1)?;
    (0..=LEAP_CYCLE)
        .map(|back| this_year - back)
        .find(|year| on(*year).is_some_and(|date| date <= latest))
}

fn infer_month(today: Date, day: i32, last_day: Option<i32>, planned: bool) -> Option<Stretch> {
    let latest = shift_days(today, 1)?;
    let on = |months: i32| {
        let first = super::stretch::shift(today.first_of_month(), months, Unit::Month)?;
        calendar_date(i32::from(first.year()), i32::from(first.month()), day)
    };
    let first = if planned {
        [0, 1, -1]
            .into_iter()
            .filter_map(on)
            .min_by_key(|date| (*date - today).get_days().abs())
    } else {
        [0, -1, -2]
            .into_iter()
            .filter_map(on)
            .find(|date| *date <= latest)
    }?;
    let last = last_day.and_then(|day| calendar_date(i32::from(first.year()), i32::from(first.month()), day));
    Some(Stretch::days(first, last.unwrap_or(first), Precision::Day))
}

fn whole_year(year: i32, parts: &Parts<'_>) -> Option<Stretch> {
    if parts.is_fiscal {
        return Some(Stretch::days(
            calendar_date(year, 4, 1)?,
            calendar_date(year + 1, 3, 31)?,
            Precision::Year,
        ));
    }
    let Some(part) = parts.part else {
        return Stretch::years(year, year);
    };
    let (first, last) = months_of(part.trim_start_matches(VAGUE))?;
    let next_year = year + i32::from(last < first);
    let stretch = Stretch::months(calendar_date(year, first, 1)?, calendar_date(next_year, last, 1)?);
    Some(if part.starts_with(VAGUE) {
        Stretch {
            precision: Precision::Vague,
            ..stretch
        }
    } else {
        stretch
    })
}

/// Before the months of a season that is only meant roughly (`~09-11`, 秋頃).
const VAGUE: char = '~';

/// Months of a part of a year: named (`early`), or as the table gives them (`03-05`).
fn months_of(part: &str) -> Option<(i32, i32)> {
    Some(match part {
        "early" | "begin" => (1, 3),
        "mid" => (5, 8),
        "late" | "end" => (10, 12),
        "first-half" => (1, 6),
        "second-half" => (7, 12),
        season => {
            let (first, last) = season.split_once('-')?;
            (first.parse().ok()?, last.parse().ok()?)
        }
    })
}

fn within_year(year: i32, month: i32, parts: &Parts<'_>) -> Option<Stretch> {
    let first = calendar_date(year, month, parts.day.unwrap_or(1))?;
    if parts.day.is_some() {
        let last = parts
            .last_day
            .and_then(|day| calendar_date(year, month, day))
            .unwrap_or(first);
        return Some(Stretch::days(first, last, Precision::Day));
    }
    if let Some(last) = parts.last_month {
        return Some(Stretch::months(first, calendar_date(year, last, 1)?));
    }
    let Some(part) = parts.part else {
        return Some(Stretch::months(first, first));
    };
    let end_of_month = i32::from(first.days_in_month());
    let (from, to) = match part {
        "early" | "begin" => (1, 10),
        "mid" => (11, 20),
        "late" => (21, end_of_month),
        "end" => (end_of_month - 6, end_of_month),
        "first-half" => (1, 15),
        "second-half" => (16, end_of_month),
        _ => return Some(Stretch::months(first, first)),
    };
    Some(Stretch::days(
        calendar_date(year, month, from)?,
        calendar_date(year, month, to)?,
        Precision::Week,
    ))
}

/// A day of the month without its month (22日), with its time of day.
pub(super) fn day_of_month(scan: &Scan<'_, '_>, start: usize, day: (i32, i32), end: usize) -> Found {
    let last_day = (day.1 > day.0).then_some(day.1);
    let parts = Parts {
        day: Some(day.0),
        last_day,
        ..Parts::default()
    };
    let found = dated(scan, start, Written { parts, end });
    if found.is_impossible {
        Found {
            is_impossible: false,
            ..found.when(When::Unknown)
        }
    } else {
        found
    }
}
