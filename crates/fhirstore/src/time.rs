//! Dates and times of FHIR as ranges of milliseconds: a date stands for all of its day.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A time without a zone is Japan's: nine hours before UTC.
const JAPAN_MINUTES: i64 = 9 * 60;

/// An open beginning.
pub(crate) const LEAST: i64 = i64::MIN;

/// An open end.
pub(crate) const GREATEST: i64 = i64::MAX;

/// The half-open range of milliseconds after 1970 (UTC) that a FHIR `date`, `dateTime` or `instant` stands for; none for what
/// is no date. Minutes without seconds are read, as searches have them.
pub(crate) fn range(text: &str) -> Option<(i64, i64)> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|part| digits(part, 2));
    let day = parts.next().map(|part| digits(part, 2));
    if parts.next().is_some() || year == 0 {
        return None;
    }
    let zone = JAPAN_MINUTES * 60_000;
    let (from, to) = match (month, day) {
        (None, _) => (days(year, 1, 1), days(year + 1, 1, 1)),
        (Some(month), None) => {
            let month = month.filter(|month| (1..=12).contains(month))?;
            let (next_year, next_month) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            (days(year, month, 1), days(next_year, next_month, 1))
        }
        (Some(month), Some(day)) => {
            let (month, day) = (month?, day?);
            if !(1..=12).contains(&month) || !(1..=length(year, month)).contains(&day) {
                return None;
            }
            let date = days(year, month, day);
            if let Some(time) = time {
                return clock(time).map(|(from, to)| (date * DAY + from, date * DAY + to));
            }
            (date, date + 1)
        }
    };
    time.is_none().then_some((from * DAY - zone, to * DAY - zone))
}

/// The first millisecond of a date or time as the record keeps them, a zone in brackets behind it or not.
pub fn millis(text: &str) -> Option<i64> {
    let plain = text.split_once('[').map_or(text, |(plain, _)| plain);
    range(plain).map(|(from, _)| from)
}

/// A moment as an `instant` in UTC.
pub fn instant(at: i64) -> String {
    let (date, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, day) = civil(date);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, thousandth) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandth:03}Z")
}

/// A time of day with its zone, as milliseconds from midnight UTC of its date.
fn clock(text: &str) -> Option<(i64, i64)> {
    let zone_at = text.find(['Z', '+', '-']);
    let (time, zone) = match zone_at {
        Some(at) => text.split_at_checked(at)?,
        None => (text, ""),
    };
    let zone = match zone {
        "" => JAPAN_MINUTES,
        "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
            if hours > 14 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    let mut parts = time.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (start, width) = match parts.next() {
        None => (0, 60_000),
        Some(seconds) => fraction(seconds)?,
    };
    if parts.next().is_some() || hour > 23 || minute > 59 {
        return None;
    }
    let from = (hour * 60 + minute - zone) * 60_000 + start;
    Some((from, from + width))
}

/// Seconds with a fraction: milliseconds, and how wide they stand.
fn fraction(text: &str) -> Option<(i64, i64)> {
    let (seconds, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = digits(seconds, 2).filter(|seconds| *seconds <= 60)? * 1000;
    if !part.bytes().all(|byte| byte.is_ascii_digit()) || (part.is_empty() && text.contains('.')) {
        return None;
    }
    let padded: String = part.chars().chain("000".chars()).take(3).collect();
    let width = match part.len() {
        0 => 1000,
        1 => 100,
        2 => 10,
        _ => 1,
    };
    Some((whole + padded.parse::<i64>().ok()?, width))
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days after 1970-01-01 of a civil date (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (years + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_as_wide_as_what_is_written() {
        let day = range("2026-11-29").unwrap();
        assert_eq!(instant(day.0), "2026-11-28T15:00:00.000Z");
        assert_eq!(day.1 - day.0, DAY);
        assert_eq!(range("2026-11-29T00:00+09:00").unwrap().0, day.0);
        assert_eq!(range("2026-11-29T00:00").unwrap(), (day.0, day.0 + 60_000));
        assert_eq!(range("2024").unwrap().1 - range("2024").unwrap().0, 366 * DAY);
        assert_eq!(range("2024-12").unwrap().1, range("2025").unwrap().0);
        assert_eq!(range("1970-01-01T00:00:00.5Z").unwrap(), (500, 600));
        assert_eq!(range("1969-12-31T23:59:59Z").unwrap(), (-1000, 0));
        for wrong in [
            "",
            "2026-13",
            "2026-02-29",
            "2026-1-1",
            "2026-11-29T25:00Z",
            "2026-11T10:00Z",
            "0000",
            "2026-11-29T10",
            "2026-11-29T10:00:00.Z",
            "x",
        ] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_instant_is_read_back() {
        for at in [0, -1, 1_795_000_000_123, -62_000_000_000_000] {
            assert_eq!(range(&instant(at)), Some((at, at + 1)));
        }
    }
}
