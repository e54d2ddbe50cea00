//! Words and numbers of time at a place of the sentence.
//!
//! The table holds free words, which are tokens like any other form, and bound words: `_X` stands behind something,
//! `X_` before something. A bound word is no token of its own, so that a single 前 or 日 in the table does not change
//! how the rest of the sentence is cut; it is looked up only next to a number or another word of time.

use super::Anchor;
use super::kind::{Kind, Unit};
use crate::rules::{Term, mark};
use crate::tokens::{Token, TokenKind, Tokens};
use jiff::civil::Date;
use tsumugi_tables::TermKind;

/// A sentence on which the grammar of time works.
#[derive(Clone, Copy)]
pub(super) struct Scan<'t, 'a> {
    pub(super) tokens: &'t Tokens<'a>,
    /// The tokens as this grammar sees them ([`cells`]); every index of the grammar is one into these.
    pub(super) cells: &'t [Token],
    pub(super) anchor: Anchor,
    /// Whether this reading only looks for the day that 翌日 refers to.
    pub(super) nested: bool,
    /// The last day the sentence named before, when `nested`.
    pub(super) named: Option<NamedDay>,
}

/// A day that the sentence named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamedDay {
    pub(super) day: Date,
    /// Something began on it and goes on, so that later clock times are not of that day.
    pub(super) goes_on: bool,
}

/// A word of the table where it stands; `start..end` are tokens.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    terms: &'a [Term],
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> Word<'a> {
    /// The amount of the word, if it is of this kind.
    pub(super) fn amount(&self, wanted: Kind) -> Option<&'a str> {
        self.terms.iter().find_map(|term| match term {
            Term::Time { kind, amount } if *kind == wanted => Some(amount.as_ref()),
            _ => None,
        })
    }

    /// Whether the word is of this kind.
    pub(super) fn is(&self, wanted: Kind) -> bool {
        self.amount(wanted).is_some()
    }
}

/// A number with its upper end (the same, when it is no range).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) low: i32,
    pub(super) high: i32,
    /// Digits before the decimal point.
    pub(super) digits: usize,
    pub(super) is_decimal: bool,
    /// First token behind it.
    pub(super) end: usize,
}

impl Amount {
    /// The number, when it is one whole number.
    pub(super) fn exact(&self) -> Option<i32> {
        (self.low == self.high && !self.is_decimal).then_some(self.low)
    }
}

/// Cells around a token, and the first cell of it that may begin an expression: words that only prescriptions, habits
/// and cues know (1日, 日間, 週2回, 数年前に) are cut into numbers and characters, so that 22日 is a date whatever a
/// prescription calls it. None when there is nothing to cut.
pub(super) fn cells(tokens: &Tokens<'_>, index: usize) -> Option<(Vec<Token>, usize)> {
    const BEFORE: usize = 60;
    const BEHIND: usize = 30;
    const NEAR_BEFORE: usize = 2;
    const NEAR_BEHIND: usize = 12;
    let first = index.saturating_sub(BEFORE);
    let window = tokens.list.get(first..(index + BEHIND).min(tokens.list.len()))?;
    let near = index.saturating_sub(NEAR_BEFORE)..index + NEAR_BEHIND;
    let is_whole = |(place, token): (usize, &Token)| {
        !(is_usage(*token) || near.contains(&(first + place)) && is_cue_of_time(tokens, *token))
    };
    if window.iter().enumerate().all(is_whole) {
        return None;
    }
    let mut cells = Vec::with_capacity(window.len() * 2);
    for (place, token) in window.iter().enumerate() {
        if is_whole((place, token)) {
            cells.push(*token);
        } else {
            cut(tokens, *token, &mut cells);
        }
    }
    let start = tokens.get(index)?;
    let begins_with_word = !is_usage(start) && !starts_with_digit(tokens, start);
    let is_start = |cell: &Token| begins_with_word || cell.kind == TokenKind::Number;
    let at = cells
        .iter()
        .position(|cell| cell.start >= start.start && is_start(cell))?;
    Some((cells, at))
}

/// Whether a token that is neither a number nor a word of time holds one: 1日, 週2回, 数年前に.
pub(super) fn holds_time(tokens: &Tokens<'_>, token: Token) -> bool {
    let has_digit = tokens
        .slice(token.start, token.end)
        .iter()
        .any(char::is_ascii_digit);
    has_digit && (is_usage(token) || is_cue_of_time(tokens, token)) || begins_with_time(tokens, token)
}

/// Whether only prescriptions and habits know the word.
fn is_usage(token: Token) -> bool {
    means_only(token, mark::USAGE | mark::HABIT)
}

fn means_only(token: Token, wanted: u32) -> bool {
    let marks = token.marks;
    marks != 0 && marks & !wanted == 0
}

/// Whether a cue, but no plan, begins like time: 20代, 後の, 数年前に.
fn is_cue_of_time(tokens: &Tokens<'_>, token: Token) -> bool {
    let leans = |c: &char| is_time(tokens.lexicon.spelled([BOUND, *c]));
    is_cue(token)
        && may_begin_time(tokens, token)
        && (starts_with_digit(tokens, token)
            || tokens
                .slice(token.start, token.start + 1)
                .first()
                .is_some_and(leans)
            || begins_with_time(tokens, token))
}

fn is_cue(token: Token) -> bool {
    means_only(token, mark::CUE | mark::USAGE | mark::HABIT)
}

/// Whether a free word of time is the beginning of a cue (若い頃に).
fn begins_with_time(tokens: &Tokens<'_>, token: Token) -> bool {
    const LEAST: usize = 2;
    let text = tokens.slice(token.start, token.end);
    let is_proper = |(length, form): (usize, u32)| {
        (LEAST..text.len()).contains(&length) && tokens.lexicon.marks(form) & mark::TIME != 0
    };
    is_cue(token)
        && may_begin_time(tokens, token)
        && tokens.lexicon.prefixes(text.iter().copied()).any(is_proper)
}

/// Whether the first character can begin a word of time; most words are out by this alone.
fn may_begin_time(tokens: &Tokens<'_>, token: Token) -> bool {
    let first = tokens.slice(token.start, token.end).first();
    first.is_some_and(|c| c.is_ascii_digit() || tokens.rules.time_starts.contains(c))
}

fn starts_with_digit(tokens: &Tokens<'_>, token: Token) -> bool {
    tokens
        .slice(token.start, token.end)
        .first()
        .is_some_and(char::is_ascii_digit)
}

fn is_time(terms: &[Term]) -> bool {
    terms.iter().any(|term| matches!(term, Term::Time { .. }))
}

fn cut(tokens: &Tokens<'_>, token: Token, cells: &mut Vec<Token>) {
    let mut at = token.start;
    while at < token.end {
        let is_digit = |place: u32| {
            tokens
                .slice(place, place + 1)
                .first()
                .is_some_and(char::is_ascii_digit)
        };
        let mut end = at + 1;
        while is_digit(at) && end < token.end && is_digit(end) {
            end += 1;
        }
        let kind = if is_digit(at) {
            TokenKind::Number
        } else {
            TokenKind::Other
        };
        cells.push(Token {
            start: at,
            end,
            kind,
            marks: 0,
        });
        at = end;
    }
}

/// Characters of the longest bound word that is looked for.
const LONGEST_BOUND: usize = 5;
const BOUND: char = '_';

impl<'a> Scan<'_, 'a> {
    /// The word of time at a token: a token of its own, or the longest bound word that unread characters spell.
    pub(super) fn word(&self, at: usize) -> Option<Word<'a>> {
        let token = self.get(at)?;
        match token.kind {
            TokenKind::Number => None,
            TokenKind::Form(_) => {
                let terms = if token.marks & mark::TIME != 0 {
                    self.tokens.terms(token)
                } else {
                    let key = std::iter::once(BOUND).chain(self.chars_of(token).iter().copied());
                    Some(self.tokens.lexicon.spelled(key)).filter(|terms| is_time(terms))?
                };
                Some(Word {
                    terms,
                    start: at,
                    end: at + 1,
                })
            }
            TokenKind::Other => self.bound(at),
        }
    }

    fn bound(&self, at: usize) -> Option<Word<'a>> {
        let lexicon = self.tokens.lexicon;
        let unread = (at..at + LONGEST_BOUND).map_while(|index| self.unread_char(index));
        let mut longest = None;
        for (length, form) in lexicon.prefixes(std::iter::once(BOUND).chain(unread.clone())) {
            let length = length - 1;
            if length > 0 && !self.cuts_latin_word(at + length) {
                longest = Some((length, form));
            }
        }
        if self.is_cut(at) {
            // A cut token may hold a free word of time, too; the longer of the two stands.
            for (length, form) in lexicon.prefixes(unread) {
                let is_longer = longest.is_none_or(|(known, _)| length > known);
                let is_time = lexicon.marks(form) & mark::TIME != 0;
                if is_longer && is_time && !self.cuts_latin_word(at + length) {
                    longest = Some((length, form));
                }
            }
        }
        longest.map(|(length, form)| Word {
            terms: lexicon.terms(form),
            start: at,
            end: at + length,
        })
    }

    /// Whether letters stand on both sides of the seam before a cell.
    fn cuts_latin_word(&self, at: usize) -> bool {
        let is_letter = |index: usize| self.char_at(index).is_some_and(|c| c.is_ascii_alphabetic());
        at.checked_sub(1).is_some_and(is_letter) && is_letter(at)
    }

    /// Whether the cell is part of a token that was cut.
    fn is_cut(&self, at: usize) -> bool {
        let Some(place) = self.get(at).map(|cell| cell.start) else {
            return false;
        };
        let token = self.tokens.list.partition_point(|token| token.end <= place);
        self.tokens
            .get(token)
            .is_some_and(|token| matches!(token.kind, TokenKind::Form(_)))
    }

    /// The word of time that ends right before a token.
    pub(super) fn word_before(&self, at: usize) -> Option<Word<'a>> {
        (1..LONGEST_BOUND.min(at + 1))
            .rev()
            .find_map(|length| self.word(at - length).filter(|word| word.end == at))
    }

    /// The bound word of a kind that ends right before a token (約, 第, ここ).
    pub(super) fn prefix(&self, at: usize, kind: Kind) -> Option<Word<'a>> {
        (1..LONGEST_BOUND.min(at + 1)).rev().find_map(|length| {
            let start = at - length;
            let unread = (start..at).map_while(|index| self.unread_char(index));
            if unread.clone().count() != length {
                return None;
            }
            let word = Word {
                terms: self.tokens.lexicon.spelled(unread.chain(std::iter::once(BOUND))),
                start,
                end: at,
            };
            word.is(kind).then_some(word)
        })
    }

    /// The bound word of a kind whose unread characters begin at a token (第 in 術後第3日).
    pub(super) fn prefix_from(&self, at: usize, kind: Kind) -> Option<Word<'a>> {
        (1..LONGEST_BOUND).find_map(|length| self.prefix(at + length, kind).filter(|word| word.start == at))
    }

    /// The era that a single letter before digits stands for (R6.5.1).
    pub(super) fn era_letter(&self, at: usize) -> Option<&'a str> {
        let token = self.get(at)?;
        let [letter] = self.chars_of(token) else {
            return None;
        };
        Word {
            terms: self.tokens.lexicon.spelled([*letter, BOUND]),
            start: at,
            end: at + 1,
        }
        .amount(Kind::Era)
    }

    /// The amount of the word at a token, if it is of this kind, and the first token behind it.
    pub(super) fn take(&self, at: usize, kind: Kind) -> Option<(&'a str, usize)> {
        let word = self.word(at)?;
        word.amount(kind).map(|amount| (amount, word.end))
    }

    /// The first token behind a word of this kind, or the token itself when none stands there.
    pub(super) fn skip(&self, at: usize, kind: Kind) -> usize {
        self.take(at, kind).map_or(at, |(_, end)| end)
    }

    /// The cell at an index.
    pub(super) fn get(&self, at: usize) -> Option<Token> {
        self.cells.get(at).copied()
    }

    /// The first meaning of the cell that `pick` accepts.
    pub(super) fn find<T>(&self, at: usize, pick: impl FnMut(&'a Term) -> Option<T>) -> Option<T> {
        self.get(at)
            .and_then(|cell| self.tokens.terms(cell).iter().find_map(pick))
    }

    /// Whether the cell means something of the kinds of these marks.
    pub(super) fn is(&self, at: usize, marks: u32) -> bool {
        self.get(at).is_some_and(|cell| cell.marks & marks != 0)
    }

    /// Whether the cell is exactly this character, unread.
    pub(super) fn is_char(&self, at: usize, wanted: impl Fn(char) -> bool) -> bool {
        self.unread_char(at).is_some_and(wanted)
    }

    /// The decimal digits of a number, without commas.
    pub(super) fn digits(&self, at: usize) -> Option<String> {
        let cell = self.get(at).filter(|cell| cell.kind == TokenKind::Number)?;
        Some(self.chars_of(cell).iter().filter(|c| **c != ',').collect())
    }

    /// Skips at most one blank.
    pub(super) fn skip_blank(&self, at: usize) -> usize {
        if self.is_char(at, |c| c == ' ') {
            at + 1
        } else {
            at
        }
    }

    /// The unit behind a number, and the first token behind it; one blank may stand between.
    pub(super) fn unit(&self, at: usize) -> Option<(Unit, usize)> {
        let close = self.skip_blank(at);
        let word = self.word(close)?;
        let unit = Unit::parse(word.amount(Kind::Unit)?)?;
        if close == at {
            return Some((unit, word.end));
        }
        let is_letter = word.end == close + 1 && self.char_at(close).is_some_and(|c| c.is_ascii());
        let opens_frequency =
            self.digits(word.end).is_some() && !matches!(unit, Unit::Year | Unit::MonthName);
        let lists_weekdays =
            word.is(Kind::Weekday) && self.word(word.end).is_some_and(|next| next.is(Kind::Weekday));
        (!(is_letter || opens_frequency || lists_weekdays)).then_some((unit, word.end))
    }

    /// The number at a token; a range (2,3 · 2~3 · 5-6) only where a unit stands behind it.
    pub(super) fn number(&self, at: usize) -> Option<Amount> {
        let first = self.single(at)?;
        let is_comma = self.is_char(first.end, |c| matches!(c, ',' | '\u{3001}' | '\u{30FB}'));
        let is_dash = self.is_char(first.end, is_dash);
        if !(is_comma || is_dash) {
            return Some(first);
        }
        let next = if is_comma {
            self.skip_blank(first.end + 1)
        } else {
            first.end + 1
        };
        let range = self.single(next).filter(|second| {
            let ascends = if is_comma {
                second.low == first.low + 1
            } else {
                second.low > first.low
            };
            ascends
                && (self
                    .word(self.skip_blank(second.end))
                    .is_some_and(|word| word.is(Kind::Unit)))
        });
        Some(range.map_or(first, |second| Amount {
            high: second.high,
            end: second.end,
            ..first
        }))
    }

    fn single(&self, at: usize) -> Option<Amount> {
        const LARGEST: i32 = 9999;
        let cell = self.get(at).filter(|cell| cell.kind == TokenKind::Number)?;
        let mut whole = self.chars_of(cell).iter().filter(|c| **c != ',');
        let (mut low, mut digits, mut is_decimal) = (0i32, 0, false);
        for c in whole.by_ref() {
            let Some(digit) = c.to_digit(10) else {
                is_decimal = true;
                break;
            };
            digits += 1;
            low = low.checked_mul(10)?.checked_add(digit.cast_signed())?;
        }
        let has_rest = whole.any(|c| *c != '0');
        let high = low + i32::from(has_rest);
        (low < LARGEST || low == LARGEST && !has_rest).then_some(Amount {
            low,
            high,
            digits,
            is_decimal,
            end: at + 1,
        })
    }

    pub(super) fn chars_of(&self, token: Token) -> &'a [char] {
        self.tokens.slice(token.start, token.end)
    }

    /// First character of a token.
    pub(super) fn char_at(&self, at: usize) -> Option<char> {
        self.get(at)
            .and_then(|token| self.chars_of(token).first().copied())
    }

    fn unread_char(&self, at: usize) -> Option<char> {
        let token = self.get(at).filter(|token| token.kind == TokenKind::Other)?;
        self.chars_of(token).first().copied()
    }

    /// Index of the token that starts at a character; none inside a token.
    pub(super) fn index_at(&self, from: usize, place: u32) -> Option<usize> {
        let mut index = from;
        while let Some(token) = self.get(index).filter(|token| token.start < place) {
            if token.end > place {
                return None;
            }
            index += 1;
        }
        Some(index)
    }

    /// Whether the token names a concept of the vocabulary.
    pub(super) fn concept(&self, at: usize) -> Option<TermKind> {
        self.find(at, |term| match term {
            Term::Concept {
                kind,
                needs_value: false,
                ..
            } => Some(*kind),
            _ => None,
        })
    }

    /// Whether a drug or a word of usage stands before this token in its clause: then counts of days are its dosage.
    pub(super) fn is_after_drug(&self, at: usize) -> bool {
        const REACH: usize = 16;
        (at.saturating_sub(REACH)..at)
            .rev()
            .take_while(|index| !self.ends_clause(*index))
            .any(|index| matches!(self.concept(index), Some(TermKind::Drug | TermKind::DrugClass)))
            || self.is_after_usage(at)
    }

    /// Whether 分3, bid or 頓用 stands before; 1日3回 and words of timing are said of symptoms, too.
    fn is_after_usage(&self, at: usize) -> bool {
        const REACH: usize = 12;
        let place = self.get(at).map_or(0, |cell| cell.start);
        let before = self.tokens.list.partition_point(|token| token.end <= place);
        (before.saturating_sub(REACH)..before).any(|index| {
            let starts_with_digit = self
                .tokens
                .get(index)
                .is_some_and(|token| self.chars_of(token).first().is_some_and(char::is_ascii_digit));
            self.tokens
                .find(index, |term| is_regimen(term).then_some(()))
                .is_some()
                && !starts_with_digit
        })
    }

    fn ends_clause(&self, at: usize) -> bool {
        let is_comma = self.is_char(at, |c| c == '\u{3001}');
        is_comma || self.is(at, mark::CUE | mark::PLAN)
    }

    /// Whether the words around say that something is planned.
    pub(super) fn is_planned(&self, start: usize, end: usize) -> bool {
        const BEFORE: usize = 4;
        const BEHIND: usize = 14;
        (start.saturating_sub(BEFORE)..start)
            .chain(end..end + BEHIND)
            .any(|index| {
                let plans = |term: &Term| matches!(term, Term::Time { kind: Kind::Plan, .. });
                self.is(index, mark::PLAN)
                    || self.is(index, mark::TIME)
                        && self.find(index, |term| plans(term).then_some(())).is_some()
            })
    }

    /// Whether a relative is named before: then an age is not the patient's.
    pub(super) fn is_of_relative(&self, at: usize) -> bool {
        const REACH: usize = 40;
        (at.saturating_sub(REACH)..at).any(|index| self.is(index, mark::RELATIVE))
    }
}

/// Words that only a prescription says.
pub(super) fn is_regimen(term: &Term) -> bool {
    matches!(term, Term::Usage(word) if matches!(word.kind.as_ref(), "divide" | "prn"))
}

/// Marks between the ends of a range.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '~')
}
