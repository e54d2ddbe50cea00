//! Cells of a CSV line, and times as makers write them.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// How far Japan is ahead of universal time.
const AHEAD: SignedDuration = SignedDuration::from_hours(9);

/// Which comes first where a date is written with two digits at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// Year, month, day; two digits first is no date.
    #[default]
    Year,
    /// Month, day, year.
    Month,
    /// Day, month, year.
    Day,
}

/// The cells of a line; `None` where a quotation mark is not closed.
pub(super) fn split(line: &str, separator: char) -> Option<Vec<String>> {
    if !line.contains('"') {
        return Some(line.split(separator).map(|cell| cell.trim().to_owned()).collect());
    }
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut is_quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            c => cell.push(c),
        }
    }
    cells.push(cell.trim().to_owned());
    (!is_quoted).then_some(cells)
}

/// A moment, civil time of Japan: `2026-04-01T07:30:00`, `2026/4/1 7:30`, `04-01-2026 07:30 AM` (by the order), a date
/// alone at 00:00. `Z` is nine hours behind Japan; an offset other than none, `Z` or `+09:00` is refused: whose time it is
/// would be a guess.
pub(super) fn moment(text: &str, order: Order) -> Option<DateTime> {
    let text = text.trim();
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    let of_japan = ["+09:00", "+0900"]
        .iter()
        .find_map(|offset| text.strip_suffix(offset));
    let universal = text.strip_suffix(['Z', 'z']);
    let text = of_japan.or(universal).unwrap_or(text);
    let (date_text, rest) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let date = date(date_text, order)?;
    let rest = rest.trim();
    if rest.is_empty() {
        // A date has no offset.
        return universal.is_none().then(|| date.to_datetime(Time::midnight()));
    }
    let read = date.to_datetime(clock(rest)?);
    if universal.is_some() {
        return read.checked_add(AHEAD).ok();
    }
    Some(read)
}

fn date(text: &str, order: Order) -> Option<Date> {
    if let Some(date) = crate::made::day(text) {
        return Some(date);
    }
    let mut parts = text.split(['/', '-', '.']);
    let (one, two, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || one.len() > 2 {
        return None;
    }
    let (month, day) = match order {
        Order::Month => (one, two),
        Order::Day => (two, one),
        Order::Year => return None,
    };
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn clock(text: &str) -> Option<Time> {
    let upper = text.to_ascii_uppercase();
    let (digits, half) = if let Some(digits) = upper.strip_suffix("AM") {
        (digits, Some(0))
    } else if let Some(digits) = upper.strip_suffix("PM") {
        (digits, Some(12))
    } else {
        (upper.as_str(), None)
    };
    let mut parts = digits.trim().split(':');
    let mut hour = two_digits(parts.next()?)?;
    let minute = two_digits(parts.next()?)?;
    let second = match parts
        .next()
        .map(|second| second.split_once('.').unwrap_or((second, "")))
    {
        // Fractions of seconds say nothing here; anything but digits in them does.
        Some((second, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => two_digits(second)?,
        Some(_) => return None,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + half;
    }
    Time::new(hour, minute, second, 0).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    let is_right = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_right.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_makers_write_them() {
        for (text, order, wanted) in [
            ("2026-04-01T07:30:05", Order::Year, Some("2026-04-01T07:30:05")),
            ("2026/4/1 7:30", Order::Year, Some("2026-04-01T07:30:00")),
            ("20260401 07:30", Order::Year, Some("2026-04-01T07:30:00")),
            ("2026-04-01", Order::Year, Some("2026-04-01T00:00:00")),
            ("04-01-2026 12:05 AM", Order::Month, Some("2026-04-01T00:05:00")),
            ("04-01-2026 12:05 PM", Order::Month, Some("2026-04-01T12:05:00")),
            ("04-01-2026 12:05", Order::Day, Some("2026-01-04T12:05:00")),
            (
                "2026-04-01T07:30:05+09:00",
                Order::Year,
                Some("2026-04-01T07:30:05"),
            ),
            (
                "2026-04-01T07:30:05.000",
                Order::Year,
                Some("2026-04-01T07:30:05"),
            ),
            (
                "2026-04-01T07:30:05.000+0900",
                Order::Year,
                Some("2026-04-01T07:30:05"),
            ),
            // Universal time is nine hours behind Japan.
            (
                "2026-04-01T07:30:05.000Z",
                Order::Year,
                Some("2026-04-01T16:30:05"),
            ),
            ("2026-04-01T20:30:05Z", Order::Year, Some("2026-04-02T05:30:05")),
            ("2026-04-01T07:30:05.000-0500", Order::Year, None),
            ("2026-04-01T07:30:05.000+0530", Order::Year, None),
            ("2026-04-01T07:30:05.000 JST", Order::Year, None),
            ("2026-04-01T07:30:05-0500", Order::Year, None),
            ("2026-04-01Z", Order::Year, None),
            ("04-01-2026 12:05", Order::Year, None),
            ("2026-04-01T07:30:05-05:00", Order::Year, None),
            ("2026-13-01 00:00", Order::Year, None),
            ("2026-04-01 25:00", Order::Year, None),
            ("yesterday", Order::Year, None),
        ] {
            let read = moment(text, order).map(|time| time.to_string());
            assert_eq!(read.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn quoted_cells_hold_the_separator() {
        assert_eq!(split("a,\"b,\"\"c\"\"\", d", ',').unwrap(), ["a", "b,\"c\"", "d"]);
        assert_eq!(split("a,\"b", ','), None);
    }
}
