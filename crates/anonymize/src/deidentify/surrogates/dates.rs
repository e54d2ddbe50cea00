//! Dates moved by days, or told as days of illness, each in its own notation.

use super::super::fold::{Class, class_of, fold};
use super::super::{Findings, Kind};
use super::{DateStyle, Draw};
use rustc_hash::FxHashMap;

/// How a date is written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// In its notation.
    Text(String),
    /// The day of illness; the first is 1, the day before it 0.
    SickDay(i64),
    /// Months from the first day of illness.
    SickMonth(i64),
}

/// Signs of dates.
#[derive(Debug, Default)]
pub(super) struct Notation {
    /// Eras with the year before their first, those in kanji and those in letters.
    eras: Vec<(Vec<char>, i64)>,
    numerals: FxHashMap<char, i64>,
    months: Vec<(Vec<char>, i64)>,
    first: Vec<char>,
}

/// A number in a date: where it stands, and its value.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    value: i64,
}

/// A date as it is written.
#[derive(Debug, Clone, Default)]
struct Read {
    chars: Vec<char>,
    era: Option<(usize, usize, i64)>,
    year: Option<Part>,
    month: Option<Part>,
    day: Option<Part>,
    month_is_word: bool,
}

/// A year for dates that tell none, where the note tells none before.
const SOME_YEAR: i64 = 2023;
/// A day for dates that tell only the month.
const SOME_DAY: i64 = 15;
/// Dates are moved by so many days at least, so that few of a note become another of the same note.
const NEAREST: i64 = 30;
/// And at most.
const FARTHEST: i64 = 365;
/// A date that lies more days before the last one is no day of this illness.
const ONE_ILLNESS: i64 = 550;

impl Notation {
    /// Reads the rows of `notation.tsv`: word, kind, value.
    pub(super) fn new(rows: &[Vec<String>]) -> Self {
        let mut notation = Self::default();
        for row in rows {
            let [word, kind, value] = row.as_slice() else {
                continue;
            };
            let chars: Vec<char> = word.chars().collect();
            let value = value.parse().unwrap_or(0);
            match kind.as_str() {
                "era" if value > 0 => notation.eras.push((chars, value - 1)),
                "numeral" => notation.numerals.extend(chars.first().map(|c| (*c, value))),
                "month-name" => notation.months.push((chars, value)),
                "first" => notation.first.extend(chars),
                _ => {}
            }
        }
        notation
            .months
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        notation
    }

    /// Every date of a note in its new form, in their order; none where it cannot be read.
    pub(super) fn of_note(
        &self,
        chars: &[char],
        findings: &Findings,
        style: DateStyle,
        draw: Draw,
    ) -> Vec<Option<Written>> {
        let dates = findings.spans.iter().filter(|found| found.kind == Kind::Date);
        let mut year = SOME_YEAR;
        let mut last_month = None;
        let read: Vec<Option<(Read, i64)>> = dates
            .map(|found| {
                let text = chars.get(found.start..found.end).unwrap_or(&[]);
                let read = self.read(text)?;
                if let Some(said) = read.western() {
                    year = said;
                } else if let (Some(last), Some(month)) = (last_month, read.month) {
                    // Months run on; from December to January a year has passed.
                    year += i64::from(last - month.value >= 9);
                }
                last_month = read.month.map(|month: Part| month.value);
                let serial = serial(
                    year,
                    read.month?.value,
                    read.day.map_or(SOME_DAY, |day| day.value),
                );
                Some((read, serial))
            })
            .collect();
        let reach = usize::try_from(FARTHEST - NEAREST + 1).unwrap_or(1);
        let shift = NEAREST + draw.below(reach, &[], 10).cast_signed() as i64;
        let last = read
            .iter()
            .flatten()
            .map(|(_, serial)| *serial)
            .max()
            .unwrap_or(0);
        let of_illness = read
            .iter()
            .flatten()
            .filter(|(read, serial)| read.day.is_some() && last - serial < ONE_ILLNESS);
        let first = of_illness.map(|(_, serial)| *serial).min().unwrap_or(last);
        read.into_iter()
            .map(|date| {
                let (read, serial) = date?;
                Some(match style {
                    DateStyle::Shift => Written::Text(self.write(&read, serial - shift)),
                    DateStyle::SickDay if read.day.is_some() => Written::SickDay(serial - first + 1),
                    DateStyle::SickDay => Written::SickMonth((serial - first) / 30),
                })
            })
            .collect()
    }

    fn number(&self, chars: &[char], at: usize) -> Option<Part> {
        let (mut value, mut end, mut last) = (0i64, at, None::<i64>);
        while let Some(c) = chars.get(end) {
            let digit = c
                .to_digit(10)
                .map(i64::from)
                .or_else(|| self.numerals.get(c).copied());
            let Some(digit) = digit else { break };
            if digit >= 10 {
                value += last.take().unwrap_or(1) * digit;
            } else {
                last = Some(last.unwrap_or(0).saturating_mul(10).saturating_add(digit));
            }
            end += 1;
        }
        let value = value.saturating_add(last.unwrap_or(0));
        (end > at && end - at <= 8).then_some(Part {
            start: at,
            end,
            value,
        })
    }

    fn read(&self, text: &[char]) -> Option<Read> {
        let chars: Vec<char> = text.iter().map(|c| fold(*c)).collect();
        let mut read = Read {
            chars,
            ..Read::default()
        };
        let eras = self.eras.iter().filter(|(era, _)| read.chars.starts_with(era));
        if let Some((era, before)) = eras.max_by_key(|(era, _)| era.len()) {
            read.era = Some((0, era.len(), *before));
        }
        let mut parts = Vec::new();
        let mut at = read.era.map_or(0, |(_, end, _)| end);
        while at < read.chars.len() {
            if let Some(part) = self.number(&read.chars, at) {
                at = part.end;
                parts.push(part);
                continue;
            }
            let rest = read.chars.get(at..).unwrap_or(&[]);
            if let Some((name, value)) = self.months.iter().find(|(name, _)| rest.starts_with(name)) {
                read.month = Some(Part {
                    start: at,
                    end: at + name.len(),
                    value: *value,
                });
                read.month_is_word = true;
                at += name.len();
                continue;
            }
            if self.first.contains(rest.first()?) && read.era.is_some() {
                parts.push(Part {
                    start: at,
                    end: at + 1,
                    value: 1,
                });
            }
            at += 1;
        }
        assign(&mut read, &parts)?;
        let month = read.month?.value;
        let day = read.day.map_or(1, |day| day.value);
        ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(read)
    }

    /// The date on another day, in the notation of the first.
    fn write(&self, read: &Read, serial: i64) -> String {
        let (year, month, day) = civil(serial);
        let mut out = String::new();
        let mut changes: Vec<(usize, usize, String)> = Vec::new();
        if let Some(part) = read.year {
            let written = match read.era {
                Some((start, end, _)) => {
                    let is_letter = end - start == 1;
                    let same_style = self.eras.iter().filter(|(era, _)| (era.len() == 1) == is_letter);
                    let era = same_style
                        .filter(|(_, before)| *before < year)
                        .max_by_key(|(_, before)| *before);
                    let Some((era, before)) = era else {
                        return String::new();
                    };
                    changes.push((start, end, era.iter().collect()));
                    year - before
                }
                None if part.value < 100 => year % 100,
                None => year,
            };
            changes.push((part.start, part.end, padded(read, part, written)));
        }
        if let Some(part) = read.month {
            let text = if read.month_is_word {
                let length = part.end - part.start;
                let names = self.months.iter().filter(|(_, value)| *value == month);
                let name = names.min_by_key(|(name, _)| name.len().abs_diff(length.min(4)));
                name.map_or_else(String::new, |(name, _)| name.iter().collect())
            } else {
                padded(read, part, month)
            };
            changes.push((part.start, part.end, text));
        }
        if let Some(part) = read.day {
            changes.push((part.start, part.end, padded(read, part, day)));
        }
        changes.sort_by_key(|(start, _, _)| *start);
        let mut from = 0;
        for (start, end, text) in changes {
            out.extend(read.chars.get(from..start).unwrap_or(&[]));
            out.push_str(&text);
            from = end;
        }
        out.extend(read.chars.get(from..).unwrap_or(&[]));
        out
    }
}

/// Which of the numbers is the year, the month, the day.
fn assign(read: &mut Read, parts: &[Part]) -> Option<()> {
    const FIRST_YEAR: i64 = 1000;
    if read.month_is_word {
        for part in parts {
            if part.value >= FIRST_YEAR {
                read.year = Some(*part);
            } else {
                read.day = Some(*part);
            }
        }
        return Some(());
    }
    match parts {
        [only] if only.end - only.start == 8 => {
            let part = |from: usize, to: usize, value| Part {
                start: only.start + from,
                end: only.start + to,
                value,
            };
            read.year = Some(part(0, 4, only.value / 10_000));
            read.month = Some(part(4, 6, only.value / 100 % 100));
            read.day = Some(part(6, 8, only.value % 100));
        }
        [year, month, day] => {
            (read.year, read.month, read.day) = (Some(*year), Some(*month), Some(*day));
        }
        [year, month] if read.era.is_some() || year.value >= FIRST_YEAR || year.value > 12 => {
            (read.year, read.month) = (Some(*year), Some(*month));
        }
        [month, day] => (read.month, read.day) = (Some(*month), Some(*day)),
        _ => return None,
    }
    Some(())
}

impl Read {
    fn western(&self) -> Option<i64> {
        const CENTURY: i64 = 2000;
        let year = self.year?.value;
        Some(match self.era {
            Some((_, _, before)) => before + year,
            None if year < 100 => CENTURY + year,
            None => year,
        })
    }
}

/// A number with zeros before it where the original had one.
fn padded(read: &Read, part: Part, value: i64) -> String {
    let has_zero = read.chars.get(part.start) == Some(&'0') || part.end - part.start > 2;
    let is_digit = read
        .chars
        .get(part.start)
        .is_some_and(|c| class_of(*c) == Class::Digit);
    if has_zero && is_digit {
        format!("{value:0width$}", width = part.end - part.start)
    } else {
        value.to_string()
    }
}

/// Days since 1970-01-01 of a day of the Gregorian calendar (the usual reckoning with years from March on).
fn serial(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The day of the Gregorian calendar.
fn civil(serial: i64) -> (i64, i64, i64) {
    let shifted = serial + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_goes_there_and_back() {
        for day in (-40_000..40_000).step_by(17) {
            let (year, month, of_month) = civil(day);
            assert_eq!(serial(year, month, of_month), day);
        }
        assert_eq!(serial(1970, 1, 1), 0);
        assert_eq!(civil(serial(2024, 2, 28) + 1), (2024, 2, 29));
    }
}
