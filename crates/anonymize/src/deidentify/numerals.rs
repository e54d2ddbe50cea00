//! Dates, ages, numbers of telephones, addresses of mail and plates, read by small grammars at the places where they can
//! begin. A reading that can be nothing else is sure; whether another one counts is decided by what stands around it.

use super::fold::{Class, class_of};
use super::words::{Words, sign};

/// What a grammar has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Shape {
    /// Year, month and day that can be nothing else.
    Day,
    /// Year of two digits, month, day: `24.5.21`.
    ShortDay,
    /// Year and month that can be nothing else.
    Month,
    /// Year and month with a sign between: `2023.8`.
    ShortMonth,
    /// Month and day in words.
    MonthDay,
    /// `2/27`.
    SlashDay,
    /// `10-19`.
    DashDay,
    /// `2.5`.
    DotDay,
    /// Eight digits.
    Digits,
    /// A date with the month's English name.
    English,
    /// 90 or more with its sign.
    Age,
    /// 90 or more beside a sex.
    BareAge,
    /// A telephone number with its separators.
    Phone,
    /// Ten or eleven digits that begin with 0.
    BarePhone,
    /// An address of mail.
    Mail,
    /// A number plate.
    Plate,
}

impl Shape {
    /// Whether it can be nothing else.
    pub(crate) fn is_sure(self) -> bool {
        matches!(
            self,
            Self::Day
                | Self::Month
                | Self::MonthDay
                | Self::English
                | Self::Age
                | Self::Phone
                | Self::Mail
                | Self::Plate
        )
    }
}

/// A reading; offsets are characters of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numeral {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) shape: Shape,
}

/// Years that a note can name.
const YEARS: std::ops::RangeInclusive<u32> = 1868..=2100;
/// Ages that identify, and the greatest that is one.
const AGES: std::ops::RangeInclusive<u32> = 90..=125;
/// Longest word of a score, in characters.
const LONGEST_SCALE: usize = 8;
/// Longest mail address, as RFC 5321 has it.
const LONGEST_MAIL: usize = 254;

/// All readings, in their order; none overlaps another.
pub(crate) fn read(words: &Words, chars: &[char]) -> Vec<Numeral> {
    let text = Text { words, chars };
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let numeral = text.begins(at).then(|| text.numeral(at)).flatten();
        match numeral {
            Some(numeral) => {
                at = numeral.end.max(at + 1);
                found.push(numeral);
            }
            None => at += 1,
        }
    }
    found
}

#[derive(Clone, Copy)]
struct Text<'t> {
    words: &'t Words,
    chars: &'t [char],
}

impl Text<'_> {
    fn get(self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    fn before(self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|at| self.get(at))
    }

    fn class(self, at: usize) -> Class {
        self.get(at).map_or(Class::None, class_of)
    }

    fn is(self, at: usize, sign: u8) -> bool {
        self.words.is(self.chars.get(at), sign)
    }

    fn is_numeral(self, at: usize) -> bool {
        self.get(at)
            .is_some_and(|c| c.is_ascii_digit() || self.words.numerals.contains_key(&c))
    }

    /// Whether something can begin here: a digit, numeral or letter that goes on nothing, or a sign.
    fn begins(self, at: usize) -> bool {
        let Some(c) = self.get(at) else { return false };
        let before = self.before(at).map_or(Class::None, class_of);
        match class_of(c) {
            Class::Digit => before != Class::Digit,
            Class::Upper | Class::Lower => !before.is_ascii_word(),
            Class::Kanji => {
                self.words.numerals.contains_key(&c)
                    || self.words.eras.iter().any(|era| era.first() == Some(&c))
            }
            Class::Open => c == '(',
            _ => c == '+' || c == '\'',
        }
    }

    fn numeral(self, at: usize) -> Option<Numeral> {
        let start = at;
        let with = |(end, shape)| Numeral { start, end, shape };
        let class = self.class(at);
        if matches!(class, Class::Upper | Class::Lower | Class::Digit)
            && let Some(end) = self.mail(at)
        {
            return Some(with((end, Shape::Mail)));
        }
        let may_dial = matches!(self.get(at), Some('+' | '0' | '(')) || self.is_zero(at);
        if may_dial && let Some(found) = self.phone(at) {
            return Some(with(found));
        }
        if let Some(found) = self
            .english(at)
            .or_else(|| self.date(at))
            .or_else(|| self.age(at))
        {
            return Some(with(found));
        }
        self.plate(at).map(|(start, end)| Numeral {
            start,
            end,
            shape: Shape::Plate,
        })
    }

    fn is_zero(self, at: usize) -> bool {
        self.get(at).and_then(|c| self.words.numerals.get(&c)) == Some(&0)
    }

    /// A number of at most this many places, in digits or numerals: its value and its end. Digits behind it are none.
    fn number(self, at: usize, most: usize) -> Option<(u32, usize)> {
        if self.class(at) == Class::Digit {
            let mut value = 0u32;
            let mut end = at;
            while let Some(digit) = self.get(end).and_then(|c| c.to_digit(10)) {
                if end - at == most {
                    return None;
                }
                value = value * 10 + digit;
                end += 1;
            }
            return Some((value, end));
        }
        let (mut value, mut last, mut end) = (0u32, None, at);
        while let Some(numeral) = self.get(end).and_then(|c| self.words.numerals.get(&c)) {
            if end - at == most + 1 {
                return None;
            }
            match *numeral {
                unit if unit >= 10 => {
                    value += last.take().unwrap_or(1) * unit;
                }
                digit => last = Some(last.map_or(digit, |last: u32| last * 10 + digit)),
            }
            end += 1;
        }
        (end > at).then(|| (value + last.unwrap_or(0), end))
    }

    fn skip_blank(self, at: usize) -> usize {
        if self.class(at) == Class::Blank {
            at + 1
        } else {
            at
        }
    }

    fn era(self, at: usize) -> Option<usize> {
        let eras = self.words.eras.iter();
        let found = eras.filter(|era| self.chars.get(at..).is_some_and(|rest| rest.starts_with(era)));
        found.map(Vec::len).max().map(|length| at + length)
    }

    fn date(self, at: usize) -> Option<(usize, Shape)> {
        if let Some(behind) = self.era(at) {
            let mut year = self.skip_blank(behind);
            if self.get(year) == Some('.') {
                year += 1;
            }
            let (_, end) = self.year(year)?;
            return self.after_year(end, true, false);
        }
        if self.get(at) == Some('\'') {
            let (value, end) = self.number(at + 1, 2)?;
            return (value < 100).then(|| self.after_year(end, true, true)).flatten();
        }
        let before = self.before(at);
        let goes_on = matches!(before, Some('.' | '/')) && self.class(at.wrapping_sub(2)) == Class::Digit;
        if goes_on || before.map_or(Class::None, class_of).is_letter() {
            return None;
        }
        let (value, end) = self.number(at, 8)?;
        let length = end - at;
        match length {
            8 if self.class(at) == Class::Digit => {
                let (year, month, day) = (value / 10_000, value / 100 % 100, value % 100);
                let is_date = YEARS.contains(&year) && is_month(month) && is_day(day);
                (is_date && !self.class(end).is_letter() && self.get(end) != Some('-'))
                    .then_some((end, Shape::Digits))
            }
            4 if YEARS.contains(&value) => self.after_year(end, true, false),
            _ if self.is(end, sign::YEAR) && value < 100 => self.after_year(end, false, false),
            1..=3 => self.short(value, end),
            _ => None,
        }
    }

    fn year(self, at: usize) -> Option<(u32, usize)> {
        if self.is(at, sign::FIRST) {
            return Some((1, at + 1));
        }
        self.number(at, 4)
    }

    /// The month and day behind a year that ends here.
    fn after_year(self, at: usize, is_sure: bool, is_quoted: bool) -> Option<(usize, Shape)> {
        let in_words = self.is(at, sign::YEAR);
        let separator = self.get(at)?;
        let separates = matches!(separator, '.' | '/' | '-') || is_quoted && separator == ' ';
        if !in_words && !separates {
            return None;
        }
        let mut month_at = self.skip_blank(at + 1);
        if in_words && self.class(month_at) == Class::Blank {
            month_at += 1;
        }
        let (month, behind) = self.number(month_at, 2)?;
        if !is_month(month) {
            return None;
        }
        if self.is(behind, sign::MONTH) {
            if let Some(end) = self.day_in_words(behind + 1) {
                return Some((end, Shape::Day));
            }
            return is_sure.then_some((behind + 1, Shape::Month));
        }
        if in_words {
            return None;
        }
        let second = self.get(behind);
        let again = matches!(second, Some('.' | '/' | '-')) && (second == Some(separator) || is_quoted);
        if again
            && let Some((day, end)) = self.number(self.skip_blank(behind + 1), 2)
            && is_day(day)
            && self.goes_no_further(end)
        {
            return Some((end, if is_sure { Shape::Day } else { Shape::ShortDay }));
        }
        let is_month = self.goes_no_further(behind) && !again;
        is_month.then_some((behind, Shape::ShortMonth))
    }

    fn day_in_words(self, at: usize) -> Option<usize> {
        let at = self.skip_blank(at);
        let (day, end) = self.number(at, 2)?;
        (is_day(day) && self.is(end, sign::DAY)).then_some(end + 1)
    }

    /// A date without a year, or with one of two digits, that begins with this number.
    fn short(self, first: u32, end: usize) -> Option<(usize, Shape)> {
        if self.is(end, sign::MONTH) && is_month(first) {
            return self.day_in_words(end + 1).map(|end| (end, Shape::MonthDay));
        }
        let separator = self.get(end).filter(|c| matches!(c, '/' | '.' | '-'))?;
        let (second, behind) = self.number(end + 1, 2)?;
        if self.class(end + 1) != Class::Digit {
            return None;
        }
        if self.get(behind) == Some(separator) && is_month(second) && first < 100 {
            let third = self.number(behind + 1, 2).filter(|(day, _)| is_day(*day));
            if let Some((_, end)) = third.filter(|(_, end)| self.goes_no_further(*end)) {
                return Some((end, Shape::ShortDay));
            }
        }
        let is_date = is_month(first) && is_day(second) && self.goes_no_further(behind);
        let is_fraction = self.is_fraction(end, behind);
        (is_date && !is_fraction).then_some((
            behind,
            match separator {
                '/' => Shape::SlashDay,
                '-' => Shape::DashDay,
                _ => Shape::DotDay,
            },
        ))
    }

    /// Whether the words around two numbers say that they are a share: 1/3荷重, pN1a(1/22).
    fn is_fraction(self, middle: usize, end: usize) -> bool {
        let rest = self.chars.get(end..).unwrap_or(&[]);
        let mut start = middle;
        while self.before(start).is_some_and(|c| c.is_ascii_digit()) {
            start -= 1;
        }
        let is_argument = self.before(start) == Some('(')
            && start.checked_sub(2).is_some_and(|at| self.class(at).is_letter())
            && self.get(end) == Some(')');
        let mut left = start;
        while self
            .before(left)
            .is_some_and(|c| c == ' ' || self.words.sides.contains(&c))
        {
            left -= 1;
        }
        let before = self
            .chars
            .get(left.saturating_sub(LONGEST_SCALE)..left)
            .unwrap_or(&[]);
        is_argument
            || self.words.shares.iter().any(|word| rest.starts_with(word))
            || self.words.scales.iter().any(|word| before.ends_with(word))
    }

    /// Whether what ends here is no part of a longer number.
    fn goes_no_further(self, end: usize) -> bool {
        let joins = matches!(self.get(end), Some('/' | '.' | '-')) && self.class(end + 1) == Class::Digit;
        // A range of days goes on with a dash and another date.
        let is_range = self.get(end) == Some('-') && self.short_behind(end + 1);
        self.class(end) != Class::Digit && (!joins || is_range)
    }

    fn short_behind(self, at: usize) -> bool {
        let first = self.number(at, 4);
        first.is_some_and(|(_, end)| {
            matches!(self.get(end), Some('/' | '.')) && self.class(end + 1) == Class::Digit
        })
    }

    /// `May 8, 2024`, `Aug 2024`, `10.Jan.2025`, `8 May 2024`.
    fn english(self, at: usize) -> Option<(usize, Shape)> {
        let mut month_at = at;
        let mut has_day = false;
        if self.class(at) == Class::Digit {
            let (day, end) = self.number(at, 2)?;
            let end = if matches!(self.get(end), Some(' ' | '.' | '-' | '/')) {
                end + 1
            } else {
                end
            };
            has_day = is_day(day);
            month_at = end;
        }
        let months = self.words.months.iter();
        let (name, _) = months.into_iter().find(|(name, _)| {
            self.chars
                .get(month_at..)
                .is_some_and(|rest| rest.starts_with(name))
        })?;
        let mut end = month_at + name.len();
        if self.class(end).is_letter() {
            return None;
        }
        let separators = |mut at: usize| {
            while matches!(self.get(at), Some(' ' | '.' | ',' | '-' | '/')) && at < end + 2 {
                at += 1;
            }
            at
        };
        let number = self.number(separators(end), 4);
        match number {
            Some((year, year_end)) if YEARS.contains(&year) => Some((year_end, Shape::English)),
            Some((day, day_end)) if !has_day && is_day(day) => {
                end = day_end;
                let mut at = end;
                while matches!(self.get(at), Some(' ' | ',')) && at < end + 2 {
                    at += 1;
                }
                let year = self.number(at, 4).filter(|(year, _)| YEARS.contains(year));
                Some((year.map_or(end, |(_, end)| end), Shape::English))
            }
            _ => has_day.then_some((end, Shape::English)),
        }
    }

    fn age(self, at: usize) -> Option<(usize, Shape)> {
        let before = self.before(at);
        if before == Some('.') {
            return None;
        }
        let (value, end) = self.number(at, 3)?;
        if !AGES.contains(&value) {
            return None;
        }
        let decade = |at| self.get(at).is_some_and(|c| self.words.decades.contains(&c));
        if self.is(end, sign::AGE) {
            return (!decade(end + 1)).then_some((end + 1, Shape::Age));
        }
        let in_brackets = before == Some('(') && self.get(end) == Some(')');
        if in_brackets {
            return Some((end, Shape::BareAge));
        }
        let sex_before = before.is_some_and(|c| matches!(c, '/' | '(' | ' ' | ','))
            && at.checked_sub(2).is_some_and(|at| self.is(at, sign::SEX));
        let next = self.skip_blank(end);
        let sex_behind = (self.is(end, sign::SEX)
            || self.get(end) == Some('/') && self.is(next.max(end + 1), sign::SEX))
            && !self.class(end + 1).is_letter();
        (sex_before || sex_behind).then_some((end, Shape::BareAge))
    }

    /// A telephone number: 9 to 13 digits in at least two groups.
    fn phone(self, at: usize) -> Option<(usize, Shape)> {
        let is_international = self.get(at) == Some('+');
        let opens = self.get(at) == Some('(');
        let mut end = if is_international || opens { at + 1 } else { at };
        if opens && self.get(end) != Some('0') && !self.is_zero(end) {
            return None;
        }
        let (mut digits, mut groups, mut last) = (0, 0, end);
        while digits < 14 {
            let group = end;
            while self.is_numeral(end) && self.numeral_is_digit(end) {
                end += 1;
            }
            if end == group || opens && groups == 0 && self.get(end) != Some(')') {
                break;
            }
            digits += end - group;
            groups += 1;
            last = end;
            let separator = self.get(end);
            let joins = match separator {
                Some('-' | ')' | '(') => true,
                Some(' ') => is_international,
                Some(_) => self.is(end, sign::JOINER),
                None => false,
            };
            if !joins {
                break;
            }
            end += 1;
            if separator == Some(')') && self.get(end) == Some('-') {
                end += 1;
            }
        }
        let most = if is_international { 14 } else { 11 };
        if !(if is_international { 8 } else { 10 }..=most).contains(&digits) {
            return None;
        }
        let shape = if groups >= 3 || is_international {
            Shape::Phone
        } else {
            Shape::BarePhone
        };
        (groups != 2 || is_international).then_some((last, shape))
    }

    fn numeral_is_digit(self, at: usize) -> bool {
        self.get(at)
            .is_some_and(|c| self.words.numerals.get(&c).is_none_or(|value| *value < 10))
    }

    fn mail(self, at: usize) -> Option<usize> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%');
        let length = |at: usize| {
            let rest = self.chars.get(at..).unwrap_or(&[]).iter();
            rest.take(LONGEST_MAIL).take_while(|c| is_part(**c)).count()
        };
        let sign = at + length(at);
        if self.get(sign) != Some('@') || sign == at {
            return None;
        }
        let domain = self.chars.get(sign + 1..sign + 1 + length(sign + 1))?;
        let kept = domain.iter().rposition(char::is_ascii_alphanumeric)? + 1;
        let has_dot = domain.iter().take(kept).any(|c| *c == '.');
        has_dot.then_some(sign + 1 + kept)
    }

    /// `501 さ 38-26` with the place before it.
    fn plate(self, at: usize) -> Option<(usize, usize)> {
        let (_, end) = self.number(at, 3)?;
        let kana = self.skip_blank(end);
        if self.class(kana) != Class::Hiragana || end - at < 2 {
            return None;
        }
        let digits = self.skip_blank(kana + 1);
        let (_, middle) = self.number(digits, 2)?;
        if !matches!(self.get(middle), Some('-')) {
            return None;
        }
        let (_, end) = self.number(middle + 1, 2)?;
        let mut start = at;
        if self.before(start).map(class_of) == Some(Class::Blank) {
            start -= 1;
        }
        let blank = start;
        while start > 0 && blank - start < 4 && self.before(start).map(class_of) == Some(Class::Kanji) {
            start -= 1;
        }
        Some((if start == blank { at } else { start }, end))
    }
}

fn is_month(number: u32) -> bool {
    (1..=12).contains(&number)
}

fn is_day(number: u32) -> bool {
    (1..=31).contains(&number)
}
