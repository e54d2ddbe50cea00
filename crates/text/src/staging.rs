//! Stages, grades, classes and types of diseases as they are written: 「cT2aN1M0」 「Stage IIB」 「Ⅳ期」 「II度熱傷」 「G4A2」.
//!
//! The forms of `lexicon/staging.tsv` are entries of the one lexicon, so that a sentence without any costs nothing. They
//! take no part in the cover of the sentence: what else is read of it stays as it is. Which disease a staging belongs to
//! is not decided here, because one writing (「II度」) serves many diseases and only the hierarchy knows which.

mod table;
mod values;

pub use self::table::StagingRow;
pub(crate) use self::table::StagingWords;
use self::values::Values;
use crate::rules::{Term, mark};
use crate::tokens::{CharClass, TokenKind, Tokens, class};
use std::sync::Arc;
use tsumugi_clinical::Span;
use tsumugi_tables::Match;

/// What a form of the table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StagingForm {
    /// A value of this row stands behind it.
    Before(u32),
    /// A value of this row, of several parts, begins here.
    Begins(u32),
    /// It says its value itself.
    Whole { row: u32, value: Arc<str> },
    /// Words that only look like a staging.
    Never,
}

/// A staging in the note, with everything that its writing may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staging {
    /// Where. Characters of the original note.
    pub span: Span,
    /// Index of the sentence.
    pub sentence: u32,
    /// Its readings; one of them holds, that of the disease it belongs to.
    pub readings: Vec<StagingReading>,
}

impl Staging {
    /// Whether it is made of several parts.
    pub(crate) fn has_parts(&self) -> bool {
        self.readings.iter().any(|reading| reading.parts.len() > 1)
    }
}

/// One reading of a staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagingReading {
    /// Index of the row of the table.
    pub row: u32,
    /// Value in the one form that all ways of writing it share.
    pub value: Arc<str>,
    /// Parts of the value by name; empty where it has none.
    pub parts: Vec<(Arc<str>, Arc<str>)>,
}

/// A value read from the text.
struct Read {
    end: u32,
    value: Arc<str>,
    parts: Vec<(Arc<str>, Arc<str>)>,
}

/// Finds the stagings of a sentence among the matches of the table's forms; spans are characters of the sentence.
pub(crate) fn find(tokens: &Tokens<'_>, matches: &[Match]) -> Vec<Staging> {
    let mut found: Vec<Staging> = Vec::new();
    let mut never: Vec<Span> = Vec::new();
    for form in matches {
        let readings = readings(tokens, form);
        if tokens
            .lexicon
            .terms(form.form)
            .iter()
            .any(|term| matches!(term, Term::Staging(StagingForm::Never)))
        {
            never.push(Span::new(form.start, form.end));
        }
        let Some(end) = readings.iter().map(|read| read.1.end).max() else {
            continue;
        };
        let longest = readings.into_iter().filter(|(_, read)| read.end == end);
        found.push(Staging {
            span: Span::new(form.start, end),
            sentence: 0,
            readings: longest.map(|(row, read)| reading(row, read)).collect(),
        });
    }
    found.retain(|staging| !never.iter().any(|span| span.overlaps(staging.span)));
    without_overlaps(found)
}

fn reading(row: u32, read: Read) -> StagingReading {
    StagingReading {
        row,
        value: read.value,
        parts: read.parts,
    }
}

/// Of stagings that overlap the first and longest; those that end with it are further readings of it (第IV期, IV期).
fn without_overlaps(mut found: Vec<Staging>) -> Vec<Staging> {
    found.sort_by_key(|staging| (staging.span.start, u32::MAX - staging.span.end));
    let mut kept: Vec<Staging> = Vec::with_capacity(found.len());
    for staging in found {
        match kept.last_mut().filter(|last| last.span.overlaps(staging.span)) {
            None => kept.push(staging),
            Some(last) if last.span.end == staging.span.end => last.readings.extend(staging.readings),
            Some(_) => {}
        }
    }
    kept
}

/// What a match means, by row.
fn readings(tokens: &Tokens<'_>, form: &Match) -> Vec<(u32, Read)> {
    if !begins_a_word(tokens, form.start) {
        return Vec::new();
    }
    let terms = tokens.lexicon.terms(form.form).iter();
    let read = |term: &Term| match term {
        Term::Staging(StagingForm::Before(row)) => {
            Some((*row, behind_anchor(tokens, values_of(tokens, *row)?, form)?))
        }
        Term::Staging(StagingForm::Begins(row)) => {
            Some((*row, parts(tokens, values_of(tokens, *row)?, form.start)?))
        }
        Term::Staging(StagingForm::Whole { row, value }) => {
            let read = Read {
                end: form.end,
                value: Arc::clone(value),
                parts: Vec::new(),
            };
            ends_a_word(tokens, form.end).then_some((*row, read))
        }
        _ => None,
    };
    terms.filter_map(read).collect()
}

fn values_of<'a>(tokens: &Tokens<'a>, row: u32) -> Option<&'a Values> {
    tokens.rules.staging.values.get(row as usize)
}

/// The value behind a word that announces one (Stage, Garden分類): words between the two are stepped over.
fn behind_anchor(tokens: &Tokens<'_>, values: &Values, form: &Match) -> Option<Read> {
    const MOST_BETWEEN: usize = 5;
    let words = &tokens.rules.staging;
    if is_inside_other_test(tokens, form) {
        return None;
    }
    let mut at = form.end;
    for _ in 0..MOST_BETWEEN {
        if let Some(read) = value_at(tokens, values, at) {
            return (at > form.end || !is_abbreviation(tokens, form, read.end)).then_some(read);
        }
        at += longest_of(&words.between, rest(tokens, at))?;
    }
    value_at(tokens, values, at)
}

/// A letter glued to a few capitals makes another abbreviation of them (LAD, HBV): only a word behind it (LA分類B, B度)
/// makes it a value.
fn is_abbreviation(tokens: &Tokens<'_>, form: &Match, end: u32) -> bool {
    const LONGEST: usize = 3;
    let anchor = tokens.slice(form.start, form.end);
    let is_short = anchor.len() <= LONGEST && anchor.iter().all(char::is_ascii_uppercase);
    is_short && matches!(tokens.slice(form.end, end), [letter] if letter.is_ascii_alphabetic())
}

fn value_at(tokens: &Tokens<'_>, values: &Values, at: u32) -> Option<Read> {
    if values.has_parts() {
        return parts(tokens, values, at);
    }
    let (length, first) = values.longest(rest(tokens, at))?;
    let (mut end, mut value) = (at + length, Arc::clone(first));
    if let Some((length, last)) = second_of_range(values, rest(tokens, end)) {
        end += length;
        value = format!("{value}-{last}").into();
    }
    let closing = longest_of(&tokens.rules.staging.behind, rest(tokens, end));
    let end = end + closing.unwrap_or(0);
    let stands = closing.is_some() || !goes_on(tokens, end);
    (stands && ends_a_word(tokens, end)).then_some(Read {
        end,
        value,
        parts: Vec::new(),
    })
}

/// 「II-III」 「IIIA/B」 is a range of the same row's values.
fn second_of_range<'a>(values: &'a Values, rest: &[char]) -> Option<(u32, &'a Arc<str>)> {
    let (joint, rest) = rest.split_first()?;
    let (length, value) = values
        .longest(rest)
        .filter(|_| matches!(joint, '-' | '~' | '/'))?;
    Some((length + 1, value))
}

/// The parts of a value in their order, with marks between them; as many as the row asks for must be there.
fn parts(tokens: &Tokens<'_>, values: &Values, start: u32) -> Option<Read> {
    let mut read = Read {
        end: start,
        value: Arc::from(""),
        parts: Vec::new(),
    };
    let (mut whole, mut counted) = (String::new(), 0);
    let mut prefix: &[char] = &[];
    for part in values.parts() {
        let mut at = read.end;
        if !whole.is_empty() {
            at += remark(rest(tokens, at));
            let is_joint = |c: &&char| matches!(c, ' ' | ',' | '/' | '-' | '\u{3001}');
            at += rest(tokens, at).iter().take_while(is_joint).count() as u32;
        }
        // 「pT3pN1」: the prefix of the first part, once more.
        if !prefix.is_empty() && rest(tokens, at).starts_with(prefix) {
            at += prefix.len() as u32;
        }
        let Some((length, value)) = part.values.longest(rest(tokens, at)) else {
            continue;
        };
        if part.is_prefix {
            prefix = tokens.slice(at, at + length);
        }
        read.end = at + length;
        counted += u32::from(part.counts);
        whole.push_str(value);
        let bare = value.strip_prefix(part.name.as_ref()).unwrap_or(value);
        read.parts.push((Arc::clone(&part.name), Arc::from(bare)));
    }
    read.value = whole.into();
    (counted >= values.least() && !goes_on(tokens, read.end) && ends_a_word(tokens, read.end)).then_some(read)
}

/// Length of a remark in brackets between two parts (the SS of pT3(SS)N1).
fn remark(text: &[char]) -> u32 {
    const LONGEST: usize = 8;
    let inside = text.first().filter(|c| **c == '(').and_then(|_| {
        let close = text.iter().take(LONGEST).position(|c| *c == ')')?;
        Some(close as u32 + 1)
    });
    inside.unwrap_or(0)
}

/// The text from here on.
fn rest<'a>(tokens: &Tokens<'a>, at: u32) -> &'a [char] {
    tokens.chars.get(at as usize..).unwrap_or(&[])
}

/// Length of the longest of these words that the text begins with.
fn longest_of(words: &[Box<[char]>], text: &[char]) -> Option<u32> {
    let fits = words.iter().filter(|word| text.starts_with(word));
    fits.map(|word| word.len() as u32).max()
}

/// Whether a word may begin here: not in the middle of letters, digits or katakana, unless a name of the vocabulary ends
/// here or holds the place (CKDG4).
fn begins_a_word(tokens: &Tokens<'_>, start: u32) -> bool {
    let Some(before) = start
        .checked_sub(1)
        .and_then(|at| tokens.chars.get(at as usize).copied())
    else {
        return true;
    };
    let first = tokens
        .chars
        .get(start as usize)
        .copied()
        .map_or(CharClass::Mark, class);
    let is_latin = |kind: CharClass| matches!(kind, CharClass::Latin | CharClass::Digit);
    let goes_on = match (class(before), first) {
        (CharClass::Katakana, CharClass::Katakana) => true,
        (before, first) => is_latin(before) && is_latin(first),
    };
    // 「1-2期」 「39.3度」: the end of a longer number.
    let is_number_joint = matches!(before, '.' | '-' | '/' | '~') && is_latin(first);
    let digit_before = start.checked_sub(2).and_then(|at| tokens.chars.get(at as usize));
    if is_number_joint && digit_before.is_some_and(|c| is_latin(class(*c))) {
        return false;
    }
    !goes_on || name_holds(tokens, start)
}

fn name_holds(tokens: &Tokens<'_>, at: u32) -> bool {
    let index = tokens.list.partition_point(|token| token.end < at);
    tokens
        .get(index)
        .is_some_and(|token| token.start < at && token.marks & mark::CONCEPT != 0)
}

/// Whether the word that announces a value is only a part of a test's name, which is another one (Brunnstrom stage).
fn is_inside_other_test(tokens: &Tokens<'_>, form: &Match) -> bool {
    let index = tokens.list.partition_point(|token| token.end <= form.start);
    tokens.get(index).is_some_and(|token| {
        token.marks & mark::TEST != 0
            && (token.start < form.start || token.end > form.end)
            && !matches!(token.kind, TokenKind::Form(covering) if covering == form.form)
    })
}

/// Whether letters, digits or a unit go on behind a value: then it was none.
fn goes_on(tokens: &Tokens<'_>, end: u32) -> bool {
    let (next, after) = (tokens.chars.get(end as usize), tokens.chars.get(end as usize + 1));
    let is_latin =
        |c: Option<&char>| c.is_some_and(|c| matches!(class(*c), CharClass::Latin | CharClass::Digit));
    let is_joint = next.is_some_and(|c| matches!(c, '.' | '/'));
    if is_latin(next) || (is_joint && is_latin(after)) || next == Some(&'%') {
        return true;
    }
    let last_is_digit = end
        .checked_sub(1)
        .and_then(|at| tokens.chars.get(at as usize))
        .is_some_and(char::is_ascii_digit);
    let index = tokens.list.partition_point(|token| token.start < end);
    last_is_digit
        && tokens
            .get(index)
            .is_some_and(|token| token.start == end && token.marks & (mark::UNIT | mark::TIME) != 0)
}

/// Whether nothing follows that makes another word of it (I期的手術, 2度目).
fn ends_a_word(tokens: &Tokens<'_>, end: u32) -> bool {
    longest_of(&tokens.rules.staging.never_behind, rest(tokens, end)).is_none()
}
