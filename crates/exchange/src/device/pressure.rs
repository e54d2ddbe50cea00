//! Means of home blood pressure, morning and evening.
//!
//! 日本高血圧学会 高血圧治療ガイドライン (JSH2019, chapter 2): two readings an occasion and their mean, morning and evening
//! apart, over seven days, at least five. What counts as morning is "within an hour of getting up" there; the hours here are
//! ours and can be given.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use std::collections::BTreeMap;

/// Readings of an occasion that count: the first two.
const READINGS: usize = 2;
/// Days that are looked at.
const DAYS: i64 = 7;
/// Fewest days that make a mean.
const ENOUGH: usize = 5;

/// A reading in mmHg.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// When, civil time of Japan.
    pub at: DateTime,
    /// Systolic, mmHg.
    pub systolic: f64,
    /// Diastolic, mmHg.
    pub diastolic: f64,
}

/// Hours of the day (0-24; an evening may go on into the next day: 17-26), each `from..to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Morning.
    pub morning: (i8, i8),
    /// Evening.
    pub evening: (i8, i8),
}

impl Default for Hours {
    fn default() -> Self {
        Self {
            morning: (4, 12),
            evening: (17, 26),
        }
    }
}

/// The mean of the days' means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// Systolic, mmHg.
    pub systolic: f64,
    /// Diastolic, mmHg.
    pub diastolic: f64,
    /// Days with readings, of seven.
    pub days: usize,
    /// Whether these are enough for a mean (five).
    pub is_enough: bool,
}

/// Morning and evening.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Home {
    /// Morning; `None` without readings.
    pub morning: Option<Mean>,
    /// Evening; `None` without readings.
    pub evening: Option<Mean>,
}

/// Sums up the seven days that end with `until`.
pub fn summary(readings: &[Reading], until: Date, hours: Hours) -> Home {
    let mut sorted: Vec<&Reading> = readings
        .iter()
        .filter(|reading| reading.systolic.is_finite() && reading.diastolic.is_finite())
        .collect();
    sorted.sort_by_key(|reading| reading.at);
    let mut morning: BTreeMap<Date, Vec<&Reading>> = BTreeMap::new();
    let mut evening: BTreeMap<Date, Vec<&Reading>> = BTreeMap::new();
    let Ok(from) = until.checked_sub((DAYS - 1).days()) else {
        return Home::default();
    };
    for reading in sorted {
        let Some((day, is_morning)) = occasion(reading.at, hours) else {
            continue;
        };
        if (from..=until).contains(&day) {
            let side = if is_morning { &mut morning } else { &mut evening };
            side.entry(day).or_default().push(reading);
        }
    }
    Home {
        morning: mean(&morning),
        evening: mean(&evening),
    }
}

/// The day of an occasion, and whether it is the morning's.
fn occasion(at: DateTime, hours: Hours) -> Option<(Date, bool)> {
    let is_within = |(from, to): (i8, i8), hour: i8| (from..to).contains(&hour);
    let hour = at.hour();
    if is_within(hours.morning, hour) {
        return Some((at.date(), true));
    }
    if is_within(hours.evening, hour) {
        return Some((at.date(), false));
    }
    // Behind midnight it is still the evening before.
    let before = at.date().yesterday().ok()?;
    is_within(hours.evening, hour + 24).then_some((before, false))
}

fn mean(days: &BTreeMap<Date, Vec<&Reading>>) -> Option<Mean> {
    let mut sums = (0.0, 0.0);
    for readings in days.values() {
        let first: Vec<&&Reading> = readings.iter().take(READINGS).collect();
        let count = first.len() as f64;
        sums.0 += first.iter().map(|reading| reading.systolic).sum::<f64>() / count;
        sums.1 += first.iter().map(|reading| reading.diastolic).sum::<f64>() / count;
    }
    let count = days.len();
    (count > 0).then(|| Mean {
        systolic: sums.0 / count as f64,
        diastolic: sums.1 / count as f64,
        days: count,
        is_enough: count >= ENOUGH,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(day: i8, hour: i8, minute: i8, systolic: f64, diastolic: f64) -> Reading {
        Reading {
            at: date(2026, 4, day).at(hour, minute, 0, 0),
            systolic,
            diastolic,
        }
    }

    #[test]
    fn first_two_readings_of_each_morning_over_five_days() {
        // Mornings: (140+136)/2 = 138, 130, 132, 134, 141 -> 675 / 5 = 135; third reading of the first day is left out.
        // Diastolic: (88+84)/2 = 86, 80, 82, 84, 88 -> 420 / 5 = 84.
        let readings = [
            at(2, 7, 2, 136.0, 84.0),
            at(2, 7, 0, 140.0, 88.0),
            at(2, 7, 5, 100.0, 50.0),
            at(3, 7, 0, 130.0, 80.0),
            at(4, 11, 59, 132.0, 82.0),
            at(5, 4, 0, 134.0, 84.0),
            at(8, 7, 0, 141.0, 88.0),
            // Of eight days before, of noon, and not a number.
            at(1, 7, 0, 200.0, 120.0),
            at(3, 12, 30, 190.0, 110.0),
            at(4, 7, 0, f64::NAN, 80.0),
        ];
        let got = summary(&readings, date(2026, 4, 8), Hours::default());
        let morning = got.morning.unwrap();
        assert_eq!(
            (
                morning.systolic,
                morning.diastolic,
                morning.days,
                morning.is_enough
            ),
            (135.0, 84.0, 5, true)
        );
        assert_eq!(got.evening, None);
    }

    #[test]
    fn behind_midnight_is_the_evening_before() {
        let readings = [
            at(5, 22, 0, 120.0, 70.0),
            at(6, 1, 30, 130.0, 80.0),
            at(9, 1, 30, 150.0, 90.0),
        ];
        let got = summary(&readings, date(2026, 4, 8), Hours::default());
        let evening = got.evening.unwrap();
        // Day 5: (120+130)/2 = 125; day 8: 150 -> 137.5.
        assert_eq!(
            (evening.systolic, evening.days, evening.is_enough),
            (137.5, 2, false)
        );
        assert_eq!((evening.diastolic,), (82.5,));
    }
}
