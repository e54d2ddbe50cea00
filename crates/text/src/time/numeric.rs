//! Dates in digits: 2026/11/22, 2026-11-22, R6.5.1, 11/22.
//!
//! A month and a day with a slash look like a score (18/30), a grade (Levine 2/6), a fraction (1/3に縮小) or a pair of
//! values; what stands before and behind decides. The smaller the numbers, the more the neighbours must say.

use super::Found;
use super::calendar::{self, Parts, Written, era_years};
use super::kind::Kind;
use super::stretch::date as calendar_date;
use super::words::{Scan, is_dash};
use crate::rules::{Effect, Modifier, Term};
use crate::tokens::{CharClass, class};
use tsumugi_tables::TermKind;

/// Reads a date in digits at a number.
pub(super) fn date(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let start = scan.get(at)?.start;
    let before = start
        .checked_sub(1)
        .and_then(|place| scan.tokens.slice(place, start).first().copied());
    let is_inside =
        before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | ':' | '+' | '^'));
    if is_inside {
        return None;
    }
    let Some(written) = written(scan, at) else {
        return year_in_brackets(scan, at);
    };
    let fits = match written.parts {
        Parts {
            year: Some(_),
            day: Some(_),
            ..
        } => true,
        Parts { year: Some(_), .. } => stands_free(scan, at, written.end),
        Parts {
            month: Some(month),
            day: Some(day),
            ..
        } => is_date_here(scan, at, written.end, (month, day)),
        _ => false,
    };
    fits.then(|| calendar::dated(scan, at, written))
}

/// 「(2015、近医)」 「(2020~)」: a year alone, in brackets.
fn year_in_brackets(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let number = scan.number(at).filter(|number| number.digits == 4)?;
    let latest = scan.anchor.date.map_or(2100, |date| i32::from(date.year()));
    let year = number.exact().filter(|year| (1900..=latest).contains(year))?;
    let opens = at
        .checked_sub(1)
        .is_some_and(|index| scan.is_char(index, |c| c == '('));
    let closes = scan.is_char(number.end, |c| matches!(c, ')' | '\u{3001}' | '~'));
    let parts = Parts {
        year: Some(year),
        ..Parts::default()
    };
    (opens && closes).then(|| {
        calendar::dated(
            scan,
            at,
            Written {
                parts,
                end: number.end,
            },
        )
    })
}

/// Reads the digits of a date, without judging where they stand.
pub(super) fn written<'a>(scan: &Scan<'_, 'a>, at: usize) -> Option<Written<'a>> {
    let start = scan.get(at)?.start;
    let digits = Digits::read(scan, start)?;
    let index = |place: u32| scan.index_at(at, place);
    match digits {
        Digits {
            first: (year, 4),
            second: (month, _),
            third: Some((day, _)),
            end,
            ..
        } if is_year(year) => Some(Written {
            parts: full(year, month, day),
            end: index(end)?,
        }),
        Digits {
            first: (year, 4),
            second: (month, _),
            third: None,
            separator,
            end,
        } if is_year(year) => {
            let is_month = (1..=12).contains(&month) && separator != '-';
            let parts = Parts {
                year: Some(year),
                month: Some(month),
                ..Parts::default()
            };
            if is_month {
                Some(calendar::with_part(scan, parts, index(end)?))
            } else {
                None
            }
        }
        Digits {
            first: (month, 1..=2),
            second: (day, _),
            third: None,
            separator: '/',
            end,
        } => {
            const LEAP_YEAR: i32 = 2000;
            calendar_date(LEAP_YEAR, month, day)?;
            let parts = Parts {
                month: Some(month),
                day: Some(day),
                ..Parts::default()
            };
            Some(Written {
                parts,
                end: index(end)?,
            })
        }
        _ => None,
    }
}

/// Reads a date that begins with the letter of its era: R6.5.1, H24/5.
pub(super) fn era_date(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let letter = scan.get(at)?;
    let before = letter
        .start
        .checked_sub(1)
        .and_then(|place| scan.tokens.slice(place, letter.start).first().copied());
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let (base, last) = era_years(scan.era_letter(at)?)?;
    let digits = Digits::read(scan, letter.end)?;
    let (count, month) = (digits.first.0, digits.second.0);
    let is_impossible = !(1..=last).contains(&count);
    let end = scan.index_at(at, digits.end)?;
    let parts = if let Some((day, _)) = digits.third {
        Parts {
            is_impossible,
            ..full(base + count, month, day)
        }
    } else {
        let year = base + count;
        let is_past = !is_impossible && scan.anchor.date.is_none_or(|date| year <= i32::from(date.year()));
        let fits = base >= FIRST_OF_SHORT_FORM && is_past && (1..=12).contains(&month);
        let ends = !matches!(behind(scan, end), Behind::Never) && !is_of_two_sides(scan, at, end);
        (fits && ends).then(|| Parts {
            year: Some(year),
            month: Some(month),
            ..Parts::default()
        })?
    };
    Some(calendar::dated(scan, at, Written { parts, end }))
}

/// 「R1.2 L1.0」: values of the right and the left side.
fn is_of_two_sides(scan: &Scan<'_, '_>, at: usize, end: usize) -> bool {
    const REACH: usize = 5;
    let is_left = |index: usize| scan.char_at(index) == Some('L');
    is_left(scan.skip_blank(end)) || (at.saturating_sub(REACH)..at).any(is_left)
}

/// Only the eras since Heisei are written short without a day (R7.9, H24/5).
const FIRST_OF_SHORT_FORM: i32 = 1988;

/// The bare last day of a range (6/8~14).
pub(super) fn bare_day<'a>(scan: &Scan<'_, 'a>, at: usize, from: i32) -> Option<Written<'a>> {
    let number = scan.number(at)?;
    let day = number.exact().filter(|day| (from + 1..=31).contains(day))?;
    let is_other =
        scan.word(number.end).is_some_and(|word| word.is(Kind::Unit)) || !ends_number(scan, number.end);
    let parts = Parts {
        day: Some(day),
        ..Parts::default()
    };
    (!is_other).then_some(Written {
        parts,
        end: number.end,
    })
}

fn full<'a>(year: i32, month: i32, day: i32) -> Parts<'a> {
    Parts {
        year: Some(year),
        month: Some(month),
        day: Some(day),
        ..Parts::default()
    }
}

fn is_year(year: i32) -> bool {
    (1868..=2100).contains(&year)
}

/// Two or three groups of digits with one separator; each group with its length.
struct Digits {
    first: (i32, usize),
    second: (i32, usize),
    third: Option<(i32, usize)>,
    separator: char,
    end: u32,
}

impl Digits {
    fn read(scan: &Scan<'_, '_>, start: u32) -> Option<Self> {
        const LONGEST: u32 = 10;
        let chars = scan
            .tokens
            .slice(start, (start + LONGEST + 1).min(scan.tokens.chars.len() as u32));
        let (first, length) = group(chars, 0, 4)?;
        let mut end = length;
        let separator = *chars.get(end).filter(|c| matches!(c, '/' | '-' | '.'))?;
        let (second, second_length) = group(chars, end + 1, 2)?;
        end += 1 + second_length;
        let third = chars
            .get(end)
            .filter(|c| **c == separator)
            .and_then(|_| group(chars, end + 1, 2));
        if let Some((_, third_length)) = third {
            end += 1 + third_length;
        }
        let is_cut = chars
            .get(end)
            .is_some_and(|c| c.is_ascii_digit() || *c == separator && separator != '-');
        let is_cut =
            is_cut || chars.get(end) == Some(&'.') && chars.get(end + 1).is_some_and(char::is_ascii_digit);
        if is_cut {
            return None;
        }
        Some(Self {
            first: (first, length),
            second: (second, second_length),
            third,
            separator,
            end: start + end as u32,
        })
    }
}

fn group(chars: &[char], start: usize, longest: usize) -> Option<(i32, usize)> {
    let length = chars
        .iter()
        .skip(start)
        .take_while(|c| c.is_ascii_digit())
        .count();
    let value = chars
        .iter()
        .skip(start)
        .take(length)
        .filter_map(|c| c.to_digit(10));
    let value = value.fold(0i32, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i32::try_from(digit).unwrap_or(0))
    });
    (1..=longest).contains(&length).then_some((value, length))
}

/// What stands before a slashed pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The beginning of the sentence.
    Start,
    /// A test item or an unknown word in Latin letters: more likely a score.
    Item,
    /// A word that dates: a time, a plan, a clinical context; or a value with the bracket of its date.
    Dating,
    /// An examination, a procedure, an opening bracket.
    Likely,
    /// A comma or a particle.
    Joint,
    /// Something else.
    Word,
}

/// What stands behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// から, まで, 頃, a weekday, a part of the day, a range.
    Frame,
    /// The end of the sentence.
    End,
    /// A blank, a comma, a bracket.
    Mark,
    /// A particle or another kana word.
    Kana,
    /// Another word.
    Word,
    /// A unit, a letter, a digit: no date.
    Never,
}

fn is_date_here(scan: &Scan<'_, '_>, at: usize, end: usize, (month, day): (i32, i32)) -> bool {
    let before = before(scan, at);
    let behind = behind(scan, end);
    let is_item = before == Before::Item;
    if behind == Behind::Never || is_item && is_after_test(scan, at) {
        return false;
    }
    if behind == Behind::Frame {
        return true;
    }
    // Scores are out of these, grades and fractions out of six and less.
    let may_be_score = matches!(day, 10 | 15 | 30);
    let may_be_fraction = month <= day && day <= 6;
    match before {
        Before::Item => false,
        Before::Start => behind != Behind::Kana || !may_be_fraction || happens_on(scan, end),
        Before::Dating => true,
        _ if may_be_fraction => false,
        Before::Likely => true,
        Before::Joint => behind != Behind::End,
        Before::Word if may_be_score => matches!(behind, Behind::Kana | Behind::Word),
        Before::Word => behind != Behind::End,
    }
}

/// 「1/3に受診」, not 「1/3に縮小」: に and something that is done.
fn happens_on(scan: &Scan<'_, '_>, end: usize) -> bool {
    let Some((_, next)) = scan.take(end, Kind::Particle) else {
        return false;
    };
    dates(scan, next) || matches!(scan.concept(next), Some(TermKind::Exam | TermKind::Procedure))
}

fn before(scan: &Scan<'_, '_>, at: usize) -> Before {
    let Some(previous) = at.checked_sub(1) else {
        return Before::Start;
    };
    let c = scan.char_at(previous).unwrap_or(' ');
    let is_bullet = previous == 0 && matches!(c, '\u{30FB}' | '#' | '*' | '-' | '\u{3011}' | '\u{2192}');
    if is_bullet {
        return Before::Start;
    }
    if c == '(' {
        let is_label = previous > 0 && is_latin_with_digit(scan, previous - 1);
        let is_of_value = previous > 0 && scan.digits(previous - 1).is_some();
        return match (is_label, is_of_value) {
            (true, _) => Before::Item,
            (_, true) => Before::Dating,
            _ => Before::Likely,
        };
    }
    if is_after_test(scan, at) {
        return Before::Item;
    }
    let word = if c == ' ' {
        previous.checked_sub(1)
    } else {
        Some(previous)
    };
    let Some(word) = word else { return Before::Start };
    if dates(scan, word) {
        return Before::Dating;
    }
    if matches!(scan.concept(word), Some(TermKind::Exam | TermKind::Procedure)) {
        return Before::Likely;
    }
    let last = last_char(scan, word).unwrap_or(' ');
    match class(last) {
        CharClass::Latin => Before::Item,
        CharClass::Hiragana => Before::Joint,
        CharClass::Mark | CharClass::Digit if c != ' ' || last == '\u{3001}' => Before::Joint,
        _ => Before::Word,
    }
}

/// Whether the word says that a date follows.
fn dates(scan: &Scan<'_, '_>, at: usize) -> bool {
    let says = |term: &Term| match term {
        Term::Cue { effect, .. } => *effect == Effect::Plan,
        Term::Modifier(modifier) => *modifier == Modifier::Context,
        Term::Time { .. } => true,
        _ => false,
    };
    scan.find(at, |term| says(term).then_some(())).is_some()
}

/// Whether a test item stands before, with blanks, a colon or particles between.
pub(super) fn is_after_test(scan: &Scan<'_, '_>, at: usize) -> bool {
    const REACH: usize = 3;
    let is_link = |index: usize| {
        let c = scan.char_at(index).unwrap_or('.');
        matches!(c, ' ' | ':' | '=' | '(') || class(c) == CharClass::Hiragana
    };
    let first = (0..=REACH)
        .map_while(|back| at.checked_sub(back + 1))
        .find(|index| !is_link(*index));
    first.is_some_and(|index| {
        let is_test = |term: &Term| {
            matches!(
                term,
                Term::Concept {
                    kind: TermKind::Test,
                    ..
                }
            )
        };
        scan.find(index, |term| is_test(term).then_some(())).is_some()
    })
}

/// The label of a stage (N1b) rather than a word.
fn is_latin_with_digit(scan: &Scan<'_, '_>, at: usize) -> bool {
    let is_latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
    let before = at.checked_sub(1).and_then(|index| last_char(scan, index));
    is_latin(last_char(scan, at)) && before.is_some_and(|c| c.is_ascii_digit())
}

fn last_char(scan: &Scan<'_, '_>, at: usize) -> Option<char> {
    scan.get(at)
        .and_then(|token| scan.chars_of(token).last().copied())
}

fn behind(scan: &Scan<'_, '_>, end: usize) -> Behind {
    let Some(c) = scan.char_at(end) else {
        return Behind::End;
    };
    if let Some(word) = scan.word(end) {
        let frames = [
            Kind::FrameSince,
            Kind::FrameSinceWithin,
            Kind::FrameUntil,
            Kind::Vague,
            Kind::Daypart,
            Kind::Weekday,
        ];
        if frames.into_iter().any(|kind| word.is(kind)) {
            return Behind::Frame;
        }
        if word.is(Kind::None) || word.is(Kind::Unit) && !word.is(Kind::Weekday) {
            return Behind::Never;
        }
    }
    if is_dash(c) {
        let is_range = written(scan, end + 1).is_some() || bare_day(scan, end + 1, 0).is_some();
        let is_open = c == '~' && scan.number(end + 1).is_none();
        return if is_range || is_open {
            Behind::Frame
        } else {
            Behind::Never
        };
    }
    let opens_weekday = c == '(' && scan.take(end + 1, Kind::Weekday).is_some();
    if opens_weekday {
        return Behind::Frame;
    }
    if !ends_number(scan, end) {
        return Behind::Never;
    }
    let is_planned = scan
        .find(end, |term| matches!(term, Term::Cue { .. }).then_some(()))
        .is_some();
    match class(c) {
        _ if is_planned => Behind::Word,
        CharClass::Hiragana => Behind::Kana,
        CharClass::Mark => Behind::Mark,
        _ => Behind::Word,
    }
}

/// Whether what stands behind a number is neither more of it nor a unit.
fn ends_number(scan: &Scan<'_, '_>, end: usize) -> bool {
    let Some(c) = scan.char_at(end) else { return true };
    let is_unit = scan
        .find(end, |term| matches!(term, Term::Unit { .. }).then_some(()))
        .is_some();
    !(is_unit || c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '%' | '^' | '\u{00D7}'))
}

/// 「2019.4」: no value and not part of a longer number.
fn stands_free(scan: &Scan<'_, '_>, at: usize, end: usize) -> bool {
    let before = before(scan, at);
    let is_dated = matches!(
        before,
        Before::Start | Before::Dating | Before::Likely | Before::Joint
    );
    let ends = matches!(
        behind(scan, end),
        Behind::Frame | Behind::Mark | Behind::Kana | Behind::Word
    );
    is_dated && ends || before == Before::Start && behind(scan, end) == Behind::End
}
