//! Writes FHIR resources as JSON bytes: elements in the order they are written, decimals with the digits of the source.

use crate::incoming::Resource;
use jiff::civil::{Date, DateTime};
use std::borrow::Cow;

/// Offset of Japan, which has no summer time.
const OFFSET: &str = "+09:00";

/// A code of a system with its words; empty parts are left out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Coding<'a> {
    pub(crate) system: &'a str,
    pub(crate) code: &'a str,
    pub(crate) display: &'a str,
}

/// A resource being written.
pub(crate) struct Json {
    kind: &'static str,
    out: Vec<u8>,
    first: bool,
}

impl Json {
    pub(crate) fn resource(kind: &'static str) -> Self {
        let mut json = Self {
            kind,
            out: Vec::with_capacity(512),
            first: true,
        };
        json.out.push(b'{');
        json.text("resourceType", kind);
        json
    }

    pub(crate) fn finish(mut self) -> Resource {
        self.out.push(b'}');
        Resource {
            kind: self.kind.to_owned(),
            json: self.out,
        }
    }

    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Begins an object; in a list without a key.
    pub(crate) fn open(&mut self, key: &str) {
        if key.is_empty() {
            self.comma();
        } else {
            self.key(key);
        }
        self.out.push(b'{');
        self.first = true;
    }

    pub(crate) fn close(&mut self) {
        self.out.push(b'}');
        self.first = false;
    }

    pub(crate) fn list(&mut self, key: &str) {
        self.key(key);
        self.out.push(b'[');
        self.first = true;
    }

    pub(crate) fn end(&mut self) {
        self.out.push(b']');
        self.first = false;
    }

    /// A string; nothing where it is empty.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.key(key);
            self.string(value);
        }
    }

    /// A string of a list.
    pub(crate) fn element(&mut self, value: &str) {
        self.comma();
        self.string(value);
    }

    fn string(&mut self, value: &str) {
        self.out.push(b'"');
        for byte in value.bytes() {
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                // FHIR allows no other control characters.
                0..=0x1F => self.out.push(b' '),
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }

    /// A number with the digits of the source; nothing where it is none.
    pub(crate) fn number(&mut self, key: &str, value: &str) {
        if let Some(number) = decimal(value) {
            self.key(key);
            self.out.extend_from_slice(number.as_bytes());
        }
    }

    /// A codeable concept, with a key or as a part of a list.
    pub(crate) fn concept(&mut self, key: &str, codings: &[Coding<'_>], text: &str) {
        self.open(key);
        self.concept_parts(codings, text);
        self.close();
    }

    /// The parts of a codeable concept, for one that has extensions too.
    pub(crate) fn concept_parts(&mut self, codings: &[Coding<'_>], text: &str) {
        if codings.iter().any(|coding| !coding.code.is_empty()) {
            self.list("coding");
            for coding in codings.iter().filter(|coding| !coding.code.is_empty()) {
                self.open("");
                self.text("system", coding.system);
                self.text("code", coding.code);
                self.text("display", coding.display);
                self.close();
            }
            self.end();
        }
        self.text("text", text);
    }

    /// A quantity; nothing where the value is no number.
    pub(crate) fn quantity(&mut self, key: &str, value: &str, unit: &str, ucum: &str) {
        if decimal(value).is_none() {
            return;
        }
        self.open(key);
        self.number("value", value);
        self.text("unit", unit);
        if !ucum.is_empty() {
            self.text("system", crate::fhir::systems::UCUM);
            self.text("code", ucum);
        }
        self.close();
    }

    /// Notes, where there are any.
    pub(crate) fn notes(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.list("note");
        for note in notes {
            self.open("");
            self.text("text", note);
            self.close();
        }
        self.end();
    }
}

/// A number as JSON writes it, with the digits of the source; `None` where the text is no number. Leading zeros and signs
/// without meaning go, full-width digits become plain ones.
pub(crate) fn decimal(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    let plain: Cow<'_, str> = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(
            text.chars()
                .map(|c| match c {
                    '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
                    '\u{2212}' => '-',
                    other => other,
                })
                .collect(),
        )
    };
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (whole, part) = match digits.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (digits, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole)
        || !part.is_none_or(all_digits)
        || (whole.is_empty() && part.is_none_or(str::is_empty))
        || digits.len() > 40
    {
        return None;
    }
    let short = whole.trim_start_matches('0');
    let short = if short.is_empty() { "0" } else { short };
    let part = part.filter(|part| !part.is_empty());
    let is_same = short.len() == whole.len()
        && plain.len() == usize::from(negative) + whole.len() + part.map_or(0, |part| part.len() + 1);
    if is_same {
        return Some(plain);
    }
    let sign = if negative { "-" } else { "" };
    Some(Cow::Owned(match part {
        Some(part) => format!("{sign}{short}.{part}"),
        None => format!("{sign}{short}"),
    }))
}

/// A moment with the Japanese offset.
pub(crate) fn moment(time: DateTime) -> String {
    format!("{}{OFFSET}", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// A month.
pub(crate) fn year_month(date: Date) -> String {
    format!("{:04}-{:02}", date.year(), date.month())
}

/// First years of the eras, by number (claims) and letter (手帳); the first year of an era is its year 1.
const ERAS: [(char, char, i16); 5] = [
    ('1', 'M', 1867),
    ('2', 'T', 1911),
    ('3', 'S', 1925),
    ('4', 'H', 1988),
    ('5', 'R', 2018),
];

/// A day: `YYYYMMDD`, `GYYMMDD` with the era as number or letter, or with `/`, `-` or `.` between.
pub(crate) fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    if !text.is_ascii() {
        return None;
    }
    if text.contains(['/', '-', '.']) {
        let mut parts = text.split(['/', '-', '.']);
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if year.len() != 4 || parts.next().is_some() {
            return None;
        }
        return Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok();
    }
    match text.len() {
        8 => date(text.get(..4)?.parse().ok()?, text.get(4..6)?, text.get(6..)?),
        7 => date(era_year(text.get(..3)?)?, text.get(3..5)?, text.get(5..)?),
        _ => None,
    }
}

/// A month, as its first day: `YYYYMM` or `GYYMM`.
pub(crate) fn month(text: &str) -> Option<Date> {
    let text = text.trim();
    match text.len() {
        6 if text.is_ascii() => date(text.get(..4)?.parse().ok()?, text.get(4..)?, "01"),
        5 if text.is_ascii() => date(era_year(text.get(..3)?)?, text.get(3..)?, "01"),
        _ => None,
    }
}

fn date(year: i16, month: &str, day: &str) -> Option<Date> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(1868..=2200).contains(&year) || !digits(month) || !digits(day) {
        return None;
    }
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

fn era_year(text: &str) -> Option<i16> {
    let mut chars = text.chars();
    let era = chars.next()?.to_ascii_uppercase();
    let base = ERAS
        .iter()
        .find(|(number, letter, _)| *number == era || *letter == era)?
        .2;
    let year: i16 = chars.as_str().parse().ok()?;
    (1..=64).contains(&year).then_some(base + year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        for (text, wanted) in [
            ("39.20", Some("39.20")),
            ("007", Some("7")),
            ("0", Some("0")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("-0.50", Some("-0.50")),
            ("+3", Some("3")),
            ("\u{FF11}\u{FF0E}\u{FF15}", Some("1.5")),
            ("", None),
            (".", None),
            ("NaN", None),
            ("1e3", None),
            ("1,000", None),
        ] {
            assert_eq!(decimal(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn days_and_months_of_every_calendar() {
        for (text, wanted) in [
            ("20200410", Some("2020-04-10")),
            ("4280411", Some("2016-04-11")),
            ("5020410", Some("2020-04-10")),
            ("S330303", Some("1958-03-03")),
            ("r010501", Some("2019-05-01")),
            ("2026/4/1", Some("2026-04-01")),
            ("00000000", None),
            ("20260230", None),
            ("9010101", None),
            ("", None),
        ] {
            assert_eq!(
                day(text).map(|date| date.to_string()).as_deref(),
                wanted,
                "{text}"
            );
        }
        assert_eq!(month("202604"), month("50804"));
        assert_eq!(month("20264"), None);
    }

    #[test]
    fn strings_are_escaped_and_empty_ones_left_out() {
        let mut json = Json::resource("Basic");
        json.text("a", "x\"\\\n\u{1}\u{3042}");
        json.text("b", "");
        json.number("c", "01.50");
        json.list("d");
        json.open("");
        json.close();
        json.element("e");
        json.end();
        let made = json.finish();
        let value: serde_json::Value = serde_json::from_slice(&made.json).unwrap();
        assert_eq!(value["a"], "x\"\\\n \u{3042}");
        assert!(value.get("b").is_none());
        assert!(String::from_utf8(made.json).unwrap().contains("\"c\":1.50"));
    }
}
