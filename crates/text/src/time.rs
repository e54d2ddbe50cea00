//! The grammar of time: dates, times of day, lengths, frequencies, ages of life and the clocks of a hospital.
//!
//! An expression is read at a token, with the note's date as anchor. What cannot be resolved stays an expression
//! without an interval; what cannot be a date (2月30日) is one, with a doubt. A word that only looks like time (39度4分,
//! 20本/日, 18/30) is left to the other grammars: a number is time only by its unit or by where it stands.

mod calendar;
mod clock;
mod count;
mod course;
mod kind;
mod life;
mod numeric;
mod relative;
mod stretch;
mod words;

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests;

use crate::mention::Mention;
use crate::rules::mark;
use crate::tokens::{Token, TokenKind, Tokens};
use jiff::civil::Date;
pub(crate) use kind::Kind;
use stretch::Stretch;
use tsumugi_clinical::{ClinicalTime, Precision, Span, Tag, TimeFrame, TimexType};
use words::{NamedDay, Scan};

/// What times are anchored to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Anchor {
    pub(crate) date: Option<Date>,
    pub(crate) birth: Option<Date>,
}

/// A time expression, read.
pub(crate) struct TimeParse {
    pub(crate) mention: Mention,
    pub(crate) end: usize,
    pub(crate) doubt: Option<(Span, &'static str)>,
}

/// Code of the doubt about a date that is none.
const IMPOSSIBLE_DATE: &str = "impossible-date";

/// Reads a time expression at a token.
pub(crate) fn parse(tokens: &Tokens<'_>, anchor: &Anchor, index: usize) -> Option<TimeParse> {
    if !may_start(tokens, index) {
        return None;
    }
    let (split, at);
    let cells = if let Some(found) = words::cells(tokens, index) {
        (split, at) = found;
        split.as_slice()
    } else {
        at = index;
        tokens.list.as_slice()
    };
    let scan = Scan {
        tokens,
        cells,
        anchor: *anchor,
        nested: false,
        named: None,
    };
    let found = expression(&scan, at)?;
    let suffix = suffix(&scan, &found);
    let start = scan.get(found.start)?.start;
    let end = scan.get(suffix.end.checked_sub(1)?)?.end;
    let mut mention = Mention::new(start, end, Tag::Timex);
    mention.timex = Some(found.kind);
    mention.time = clinical_time(&found.when, &suffix);
    let doubt = found.is_impossible.then_some((mention.span, IMPOSSIBLE_DATE));
    let behind = tokens
        .list
        .iter()
        .skip(index)
        .take_while(|token| token.start < end)
        .count();
    Some(TimeParse {
        mention,
        end: index + behind,
        doubt,
    })
}

/// An expression in tokens, before the words behind it say how it lies to what it dates.
#[derive(Debug, Clone, Copy)]
struct Found {
    start: usize,
    end: usize,
    kind: TimexType,
    when: When,
    is_impossible: bool,
}

/// What an expression denotes.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Not resolved: what it refers to is not known.
    Unknown,
    /// An age of life or the like that no calendar holds.
    Vague,
    /// Within a stretch.
    Within(Stretch),
    /// Begun in a stretch and going on (10年来).
    Since(Stretch),
}

impl Found {
    fn new(start: usize, end: usize, kind: TimexType) -> Self {
        Self {
            start,
            end,
            kind,
            when: When::Unknown,
            is_impossible: false,
        }
    }

    fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    fn within(self, stretch: Option<Stretch>) -> Self {
        self.when(stretch.map_or(When::Unknown, When::Within))
    }
}

/// Words behind an expression.
struct Suffix {
    end: usize,
    frame: TimeFrame,
    is_vague: bool,
}

/// Only numbers, words of time and a letter before digits (R6.5.1) can begin an expression.
fn may_start(tokens: &Tokens<'_>, index: usize) -> bool {
    tokens
        .get(index)
        .is_some_and(|token| cell_may_start(tokens, token) || words::holds_time(tokens, token))
}

fn cell_may_start(tokens: &Tokens<'_>, cell: Token) -> bool {
    match cell.kind {
        TokenKind::Number => true,
        TokenKind::Form(_) => cell.marks & mark::TIME != 0 || is_letter(tokens, cell),
        TokenKind::Other => is_letter(tokens, cell),
    }
}

fn is_letter(tokens: &Tokens<'_>, token: Token) -> bool {
    let is_capital = matches!(tokens.slice(token.start, token.end), [c] if c.is_ascii_uppercase());
    is_capital
        && tokens
            .slice(token.end, token.end + 1)
            .first()
            .is_some_and(|c| !c.is_ascii() || c.is_ascii_digit())
}

fn expression(scan: &Scan<'_, '_>, at: usize) -> Option<Found> {
    let token = scan.get(at)?;
    if token.kind == TokenKind::Number {
        if !may_go_on(scan, at) {
            return None;
        }
        return numeric::date(scan, at)
            .or_else(|| clock::alone(scan, at))
            .or_else(|| calendar::date(scan, at))
            .or_else(|| course::numbered(scan, at))
            .or_else(|| life::age(scan, at))
            .or_else(|| count::counted(scan, at));
    }
    if is_letter(scan.tokens, token) {
        return calendar::date(scan, at).or_else(|| numeric::era_date(scan, at));
    }
    let word = scan.word(at)?;
    if word.is(Kind::None) {
        return None;
    }
    relative::word(scan, word)
        .or_else(|| calendar::date(scan, at))
        .or_else(|| clock::alone(scan, at))
        .or_else(|| course::word(scan, word))
        .or_else(|| life::word(scan, word))
        .or_else(|| count::word(scan, word))
        .or_else(|| clock::meal(scan, &word))
}

/// Whether anything around a number can make it time; most numbers are values, and this is their way out.
fn may_go_on(scan: &Scan<'_, '_>, at: usize) -> bool {
    let Some(digits) = scan.digits(at) else {
        return false;
    };
    let is_year = digits.len() == 4 || digits.contains('.');
    let is_mark = |c: char| matches!(c, '/' | '-' | '.' | ':' | '~' | ',' | '\u{3001}' | '\u{30FB}');
    let is_label = at
        .checked_sub(1)
        .and_then(|index| scan.char_at(index))
        .is_some_and(|c| c.is_ascii_alphabetic());
    let is_joined = scan.char_at(at + 1).is_some_and(is_mark);
    is_year || is_label || is_joined || scan.word(scan.skip_blank(at + 1)).is_some()
}

/// Vague words belong to the expression (10月頃); the particles that frame it (から, まで) do not.
fn suffix(scan: &Scan<'_, '_>, found: &Found) -> Suffix {
    let mut suffix = Suffix {
        end: found.end,
        frame: TimeFrame::Within,
        is_vague: false,
    };
    if matches!(found.kind, TimexType::Duration | TimexType::Set) {
        return suffix;
    }
    if let Some((_, end)) = scan.take(suffix.end, Kind::Vague) {
        suffix.end = end;
        suffix.is_vague = true;
    }
    let Some(word) = scan.word(suffix.end) else {
        let goes_on = scan.is_char(suffix.end, |c| c == '~') && scan.number(suffix.end + 1).is_none();
        if goes_on {
            suffix.frame = TimeFrame::Since;
        }
        return suffix;
    };
    if word.is(Kind::FrameSinceWithin) {
        suffix = Suffix {
            end: word.end,
            frame: TimeFrame::Since,
            is_vague: true,
        };
    } else if word.is(Kind::FrameUntilWithin) {
        suffix = Suffix {
            end: word.end,
            frame: TimeFrame::Until,
            is_vague: true,
        };
    } else if word.is(Kind::FrameSince) {
        suffix.frame = TimeFrame::Since;
    } else if word.is(Kind::FrameUntil) {
        suffix.frame = TimeFrame::Until;
    }
    suffix
}

fn clinical_time(when: &When, suffix: &Suffix) -> Option<ClinicalTime> {
    let (stretch, frame) = match when {
        When::Unknown => return None,
        When::Vague => (None, suffix.frame),
        When::Within(stretch) => (Some(stretch), suffix.frame),
        When::Since(stretch) => (Some(stretch), TimeFrame::Since),
    };
    let precision = stretch
        .filter(|_| !suffix.is_vague)
        .map_or(Precision::Vague, |stretch| stretch.precision);
    let goes_on = frame == TimeFrame::Since;
    Some(ClinicalTime {
        from: stretch.map(|stretch| stretch.from),
        to: stretch.filter(|_| !goes_on).map(|stretch| stretch.to),
        precision,
        frame,
        text: String::new(),
    })
}

/// The last day that the sentence names before a token, for 翌日, 同日 and times of day.
fn named_day(scan: &Scan<'_, '_>, at: usize) -> Option<NamedDay> {
    const REACH: usize = 60;
    if scan.nested {
        return scan.named;
    }
    let mut inner = Scan {
        nested: true,
        ..*scan
    };
    let mut index = at.saturating_sub(REACH);
    while index < at {
        let may_start = scan
            .get(index)
            .is_some_and(|cell| cell_may_start(scan.tokens, cell));
        let found = if may_start {
            expression(&inner, index)
        } else {
            None
        };
        let Some(found) = found.filter(|found| found.end <= at) else {
            index += 1;
            continue;
        };
        let suffix = suffix(&inner, &found);
        if let When::Within(stretch) = found.when
            && let Some(day) = stretch.single_day()
        {
            inner.named = Some(NamedDay {
                day,
                goes_on: suffix.frame == TimeFrame::Since,
            });
        }
        index = suffix.end.max(index + 1);
    }
    inner.named
}
