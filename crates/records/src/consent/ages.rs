//! Ages at which a person is asked again: `data/consent/ages.tsv`.

use jiff::civil::Date;
use std::sync::LazyLock;
use tsumugi_tables::{Source, Table};

const TABLE: &str = include_str!("../../../../data/consent/ages.tsv");

static THRESHOLDS: LazyLock<Vec<Threshold>> = LazyLock::new(read);

/// An age at which answers from before stop to allow anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Age in full years.
    pub years: i16,
    /// Whether a guardian's yes stops.
    pub stops_guardian: bool,
    /// Whether the person's own yes stops.
    pub stops_own: bool,
    /// Whether a person's own yes counts from this age on: below the least such age it allows nothing alone.
    pub is_own_from: bool,
}

/// The ages, in order.
pub fn thresholds() -> &'static [Threshold] {
    &THRESHOLDS
}

/// Least age, in full years, from which a person's own yes counts.
pub(crate) fn own_from() -> i16 {
    let own = THRESHOLDS.iter().filter(|age| age.is_own_from);
    own.map(|age| age.years).min().unwrap_or(0)
}

/// Age in full years on a day. A birthday on 29 February is on 1 March of other years.
pub(crate) fn age_on(birth: Date, day: Date) -> i16 {
    let had_birthday = (day.month(), day.day()) >= (birth.month(), birth.day());
    day.year() - birth.year() - i16::from(!had_birthday)
}

/// The age that lies between an answer and now, at which it stopped to allow anything.
pub(crate) fn passed(birth: Date, answered: Date, now: Date, by_guardian: bool) -> Option<i16> {
    let (then, today) = (age_on(birth, answered), age_on(birth, now));
    let mut ages = THRESHOLDS.iter();
    let between = |age: &&Threshold| {
        let stops = if by_guardian {
            age.stops_guardian
        } else {
            age.stops_own
        };
        stops && then < age.years && age.years <= today
    };
    ages.find(between).map(|age| age.years)
}

/// The next day, after `today`, on which a person comes of one of the ages.
pub(crate) fn next(birth: Date, today: Date) -> Option<Date> {
    let days = THRESHOLDS.iter().filter_map(|age| birthday(birth, age.years));
    days.filter(|day| *day > today).min()
}

/// The day on which a person has an age.
fn birthday(birth: Date, years: i16) -> Option<Date> {
    let year = birth.year().checked_add(years)?;
    let same = Date::new(year, birth.month(), birth.day());
    // Who was born on 29 February has the birthday on 1 March of other years.
    same.or_else(|_| Date::new(year, 3, 1)).ok()
}

fn read() -> Vec<Threshold> {
    let source = Source {
        path: "consent/ages.tsv",
        text: TABLE,
    };
    // Mistakes are a matter of the tests of the tables.
    let table = Table::parse(source, &mut Vec::new());
    let rows = table.rows().filter_map(|row| {
        let stops = |who: &str| row.list("stops").any(|stopped| stopped == who);
        Some(Threshold {
            years: row.get("years").parse().ok()?,
            stops_guardian: stops("guardian"),
            stops_own: stops("own"),
            is_own_from: row.get("own") == "counts",
        })
    });
    let mut ages: Vec<Threshold> = rows.collect();
    ages.sort_by_key(|age| age.years);
    ages
}
