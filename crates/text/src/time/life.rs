//! Ages of life: 65歳, 3歳6か月, 40代, 20歳時, 生後10か月, 幼少時. With the date of birth they are stretches of the calendar.

use super::count;
use super::kind::{Kind, Unit};
use super::stretch::{Stretch, shift, shift_days};
use super::words::{Scan, Word};
use super::{Found, When};
use jiff::civil::Date;
use tsumugi_clinical::{Precision, TimexType};

/// An age with its last year, when it is a range or a decade.
#[derive(Debug, Clone, Copy)]
struct Age {
    low: i32,
    high: i32,
    months: i32,
    is_decade: bool,
}

/// Reads an age that begins with a number.
pub(super) fn age(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let number = scan
        .number(at)
        .filter(|number| !number.is_decimal && number.digits <= 4)?;
    let (unit, end) = scan.unit(number.end)?;
    let age = match unit {
        Unit::Age => Age {
            low: number.low,
            high: number.high,
            months: 0,
            is_decade: false,
        },
        Unit::Decade if is_decade(number.low) => decade(number.low),
        Unit::CalendarDecade => return calendar_decade(scan, at, number.low, end),
        _ => return None,
    };
    aged(scan, at, age, end)
}

/// Reads a word of an age of life, or the clock of a child (生後3か月, 日齢3).
pub(super) fn word(scan: &Scan<'_, '_>, word: Word<'_>) -> Option<Found> {
    if let Some(years) = word.amount(Kind::Life) {
        return Some(stage_of_life(scan, &word, years));
    }
    if let Some(amount) = word.amount(Kind::Past) {
        return past(scan, &word, amount);
    }
    if let Some((low, high, unit)) = word.amount(Kind::Count).and_then(count::counted_by) {
        return match unit {
            Unit::Decade => aged(scan, word.start, decade(low), word.end),
            Unit::Age => aged(
                scan,
                word.start,
                Age {
                    low,
                    high,
                    months: 0,
                    is_decade: false,
                },
                word.end,
            ),
            _ => None,
        };
    }
    life_clock(scan, &word)
}

fn is_decade(number: i32) -> bool {
    (10..=100).contains(&number) && number % 10 == 0
}

fn decade(number: i32) -> Age {
    Age {
        low: number,
        high: number + 9,
        months: 0,
        is_decade: true,
    }
}

fn aged(scan: &Scan<'_, '_>, start: usize, age: Age, end: usize) -> Option<Found> {
    const OLDEST: i32 = 130;
    if age.low > OLDEST || is_of_item(scan, start) {
        return None;
    }
    let (age, end) = with_months(scan, age, end);
    let tail = scan.take(end, Kind::AgeTail).map(|(_, end)| end);
    let decade_tail = scan
        .unit(end)
        .filter(|(unit, _)| *unit == Unit::Decade && is_decade(age.low));
    let (age, end) = match decade_tail {
        Some((_, end)) => (decade(age.low), end),
        None => (age, tail.unwrap_or(end)),
    };
    let end = if age.is_decade {
        scan.skip(end, Kind::Part)
    } else {
        end
    };
    // 「65歳以上」 is a bound, no time of a life.
    if let Some(bound) = scan
        .word(end)
        .filter(|word| word.is(Kind::Approximate) && !word.is(Kind::Vague))
    {
        return Some(Found::new(start, bound.end, TimexType::Age));
    }
    let found = Found::new(start, end, TimexType::Age);
    if tail.is_none() && is_person(scan, end) {
        return Some(found);
    }
    if scan.is_of_relative(start) {
        return Some(found.when(When::Vague));
    }
    let Some(stretch) = scan.anchor.birth.and_then(|birth| stretch_of(birth, age)) else {
        return Some(found.when(When::Vague));
    };
    let today = scan.anchor.date;
    let is_ahead = today.is_some_and(|today| stretch.from.date() > today);
    let is_present = tail.is_none() && today.is_some_and(|today| stretch.to.date() >= today);
    Some(if is_ahead || is_present {
        found
    } else {
        found.when(When::Within(stretch))
    })
}

/// 「3歳6か月」 「1歳半」 「4y4m」.
fn with_months(scan: &Scan<'_, '_>, age: Age, end: usize) -> (Age, usize) {
    if let Some((_, end)) = scan.take(end, Kind::Half) {
        return (Age { months: 6, ..age }, end);
    }
    let months = scan.number(end).and_then(|number| {
        let months = scan
            .take(number.end, Kind::LooseUnit)
            .or_else(|| scan.take(number.end, Kind::Unit));
        months
            .filter(|(unit, _)| *unit == "month")
            .map(|(_, end)| (number.low, end))
    });
    months.map_or((age, end), |(months, end)| (Age { months, ..age }, end))
}

/// 「血圧は90代」: a decade behind a test item is a value.
fn is_of_item(scan: &Scan<'_, '_>, at: usize) -> bool {
    super::numeric::is_after_test(scan, at)
}

/// Whether the age describes the person (65歳男性, 72歳の女性).
fn is_person(scan: &Scan<'_, '_>, end: usize) -> bool {
    let is_gap = |c: char| matches!(c, ' ' | '\u{3001}');
    let next = if scan.is_char(end, is_gap) {
        end + 1
    } else {
        scan.skip(end, Kind::Of)
    };
    scan.take(next, Kind::Person).is_some()
}

/// From the birthday of the first to the eve of the birthday behind the last.
fn stretch_of(birth: Date, age: Age) -> Option<Stretch> {
    let months = |years: i32| shift(shift(birth, years, Unit::Year)?, age.months, Unit::Month);
    let next = if age.months > 0 {
        shift(months(age.high)?, 1, Unit::Month)?
    } else {
        months(age.high + 1)?
    };
    let precision = match age {
        Age { is_decade: true, .. } => Precision::Vague,
        Age { months: 1.., .. } => Precision::Month,
        _ => Precision::Year,
    };
    Some(Stretch::days(months(age.low)?, shift_days(next, -1)?, precision))
}

/// 「1990年代」.
fn calendar_decade(scan: &Scan<'_, '_>, start: usize, year: i32, end: usize) -> Option<Found> {
    let is_decade = (1860..=2100).contains(&year) && year % 10 == 0;
    let stretch = Stretch::years(year, year + 9).map(|stretch| Stretch {
        precision: Precision::Vague,
        ..stretch
    });
    let tail = scan.take(end, Kind::Part).map_or(end, |(_, end)| end);
    is_decade.then(|| Found::new(start, tail, TimexType::Date).within(stretch))
}

/// 「幼少時」: the years of life that the table gives (`0-6`).
fn stage_of_life(scan: &Scan<'_, '_>, word: &Word<'_>, years: &str) -> Found {
    let bounds = years
        .split_once('-')
        .and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    let stretch = bounds.zip(scan.anchor.birth).and_then(|((low, high), birth)| {
        let age = Age {
            low,
            high,
            months: 0,
            is_decade: true,
        };
        stretch_of(birth, age)
    });
    let found = Found::new(word.start, word.end, TimexType::Age);
    let is_of_relative = scan.is_of_relative(word.start);
    found.when(
        stretch
            .filter(|_| !is_of_relative)
            .map_or(When::Vague, When::Within),
    )
}

/// 「以前」 「先日」: vague, or days before the note as the table gives them (`-30/-1`).
fn past(scan: &Scan<'_, '_>, word: &Word<'_>, amount: &str) -> Option<Found> {
    let counts = word.is(Kind::Last) && count::length(scan, scan.skip_blank(word.end)).is_some();
    if counts {
        return None;
    }
    let days = amount
        .split_once('/')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let stretch = days.zip(scan.anchor.date).and_then(|((from, to), today)| {
        Some(Stretch::days(
            shift_days(today, from)?,
            shift_days(today, to)?,
            Precision::Vague,
        ))
    });
    Some(Found::new(word.start, word.end, TimexType::Date).when(stretch.map_or(When::Vague, When::Within)))
}

/// 「生後3か月」 「日齢3」 「月齢8」: told from the birth.
fn life_clock(scan: &Scan<'_, '_>, word: &Word<'_>) -> Option<Found> {
    let unit = word.amount(Kind::LifeClock)?;
    let next = scan.skip_blank(word.end);
    let (low, high, unit, end) = if let Some(unit) = Unit::parse(unit) {
        let number = scan.number(next)?;
        (number.low, number.high, unit, number.end)
    } else {
        let length = count::length(scan, next)?;
        (length.low, length.high, length.unit, length.end)
    };
    let end = scan.skip(end, Kind::OrdinalTail);
    let end = scan.take(end, Kind::AgeTail).map_or(end, |(_, end)| end);
    let stretch = scan.anchor.birth.and_then(|birth| {
        let (first, next) = (shift(birth, low, unit)?, shift(birth, high + 1, unit)?);
        let precision = match unit {
            Unit::Week => Precision::Week,
            Unit::Month => Precision::Month,
            Unit::Year => Precision::Year,
            _ => Precision::Day,
        };
        Some(Stretch::days(first, shift_days(next, -1)?.max(first), precision))
    });
    Some(Found::new(word.start, end, TimexType::Age).when(stretch.map_or(When::Vague, When::Within)))
}
