//! Folding of what is written to one form, with a map back to every original character.
//!
//! Width, half-width kana, brackets, dashes, units (㎎) and variants of characters are folded; nothing is reordered,
//! so that every span of the folded text is a span of the original. A line break inside a word is taken out when the
//! lexicon knows the word and neither half (`Reader` decides; see [`NormalizedText::without`]).

use rustc_hash::FxHashMap;
use tsumugi_clinical::Span;
use tsumugi_tables::{Mistake, Source, Table};
use unicode_normalization::UnicodeNormalization;

/// Folds characters; built once from `lexicon/folding.tsv`.
#[derive(Debug, Clone, Default)]
pub struct Folding {
    table: FxHashMap<char, Box<[char]>>,
}

/// The folded text with, for every character, where it stands in the original.
#[derive(Debug, Clone, Default)]
pub struct NormalizedText {
    chars: Vec<char>,
    origin: Vec<Span>,
}

impl Folding {
    /// Reads the table.
    pub fn new(source: Source<'_>, mistakes: &mut Vec<Mistake>) -> Self {
        let table = Table::parse(source, mistakes);
        let mut folding = Self::default();
        for row in table.rows() {
            let mut from = row.get("from").chars();
            match (from.next(), from.next()) {
                (Some(c), None) => {
                    folding.table.insert(c, row.get("to").chars().collect());
                }
                _ => mistakes.push(Mistake::new(source.path, row.line, "from must be one character")),
            }
        }
        folding
    }

    /// Folds a text.
    pub fn fold(&self, text: &str) -> NormalizedText {
        let original: Vec<char> = text.chars().collect();
        let mut out = NormalizedText {
            chars: Vec::with_capacity(original.len()),
            origin: Vec::with_capacity(original.len()),
        };
        let mut index = 0;
        while let Some(&c) = original.get(index) {
            let next = original.get(index + 1).copied();
            let width = self.fold_char(c, next, &mut out, index as u32);
            index += width;
        }
        mend_marks(&mut out.chars);
        out
    }

    /// Folds a text and forgets where it came from; for forms of the lexicon.
    pub fn fold_form(&self, text: &str) -> String {
        let stays = |c: char| match c {
            '.' | ',' | '-' => false,
            ' '..='~' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FC}' => true,
            _ => is_plain_kanji(c) && !self.table.contains_key(&c),
        };
        if text.chars().all(stays) {
            return text.to_owned();
        }
        self.fold(text).chars.into_iter().collect()
    }

    /// Folds one character (two, when a half-width kana carries a voicing mark); gives how many were read.
    fn fold_char(&self, c: char, next: Option<char>, out: &mut NormalizedText, index: u32) -> usize {
        let one = Span::new(index, index + 1);
        match c {
            '\r' if next == Some('\n') => {
                out.push('\n', Span::new(index, index + 2));
                return 2;
            }
            '\r' => out.push('\n', one),
            '\n' | ' '..='~' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FC}' => out.push(c, one),
            '\u{FF66}'..='\u{FF9D}' if matches!(next, Some('\u{FF9E}' | '\u{FF9F}')) => {
                let pair: String = [Some(c), next].into_iter().flatten().collect();
                let span = Span::new(index, index + 2);
                pair.nfkc().for_each(|folded| out.push(folded, span));
                return 2;
            }
            _ => match self.table.get(&c) {
                Some(to) => to.iter().for_each(|folded| out.push(*folded, one)),
                None if c.is_control() => out.push(' ', one),
                None if is_plain_kanji(c) => out.push(c, one),
                None => c.nfkc().for_each(|folded| match self.table.get(&folded) {
                    Some(to) => to.iter().for_each(|folded| out.push(*folded, one)),
                    None => out.push(folded, one),
                }),
            },
        }
        1
    }
}

/// The CJK unified ideographs; compatibility forms go through NFKC.
fn is_plain_kanji(c: char) -> bool {
    ('\u{4E00}'..='\u{9FFF}').contains(&c)
}

/// Punctuation whose meaning hangs on its neighbours: `.` and `,` stay between digits and are sentence marks elsewhere;
/// a minus between katakana is a long mark.
fn mend_marks(chars: &mut [char]) {
    let is_katakana = |c: Option<&char>| c.is_some_and(|c| ('\u{30A1}'..='\u{30FC}').contains(c));
    let is_digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let is_ascii_word = |c: Option<&char>| c.is_some_and(char::is_ascii_alphanumeric);
    for index in 0..chars.len() {
        let (before, after) = (
            index.checked_sub(1).and_then(|i| chars.get(i)),
            chars.get(index + 1),
        );
        let mended = match chars.get(index) {
            Some('.') if is_digit(before) && is_digit(after) => continue,
            Some('.') if !is_ascii_word(before) || after.is_some_and(|c| *c == '\n' || !c.is_ascii()) => {
                if is_ascii_word(before) && !is_digit(before) {
                    continue;
                }
                IDEOGRAPHIC_STOP
            }
            Some(',') if is_digit(before) && is_digit(after) => continue,
            Some(',') => IDEOGRAPHIC_COMMA,
            Some('-') if is_katakana(before) && is_katakana(after) => LONG_MARK,
            _ => continue,
        };
        if let Some(place) = chars.get_mut(index) {
            *place = mended;
        }
    }
}

pub(crate) const IDEOGRAPHIC_STOP: char = '\u{3002}';
pub(crate) const IDEOGRAPHIC_COMMA: char = '\u{3001}';
const LONG_MARK: char = '\u{30FC}';

impl NormalizedText {
    fn push(&mut self, c: char, origin: Span) {
        self.chars.push(c);
        self.origin.push(origin);
    }

    /// The folded characters.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The span of the original that a span of the folded text came from.
    pub fn original(&self, folded: Span) -> Span {
        let first = self.origin.get(folded.start as usize);
        let last = folded
            .end
            .checked_sub(1)
            .and_then(|last| self.origin.get(last as usize));
        match (first, last) {
            (Some(first), Some(last)) if !folded.is_empty() => first.hull(*last),
            (Some(first), _) => Span::new(first.start, first.start),
            _ => Span::new(self.len_original(), self.len_original()),
        }
    }

    /// The text without the characters at these places (ascending); the map stays true.
    #[must_use]
    pub fn without(&self, places: &[u32]) -> Self {
        let kept = |index: &usize| places.binary_search(&(*index as u32)).is_err();
        let indices: Vec<usize> = (0..self.chars.len()).filter(kept).collect();
        Self {
            chars: indices
                .iter()
                .filter_map(|index| self.chars.get(*index))
                .copied()
                .collect(),
            origin: indices
                .iter()
                .filter_map(|index| self.origin.get(*index))
                .copied()
                .collect(),
        }
    }

    fn len_original(&self) -> u32 {
        self.origin.last().map_or(0, |span| span.end)
    }
}
