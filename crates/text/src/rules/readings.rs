//! Readings of ambiguous forms, and the words that decide between them.

use tsumugi_tables::TermKind;

/// One reading of an ambiguous form.
#[derive(Debug)]
pub(crate) struct OneReading {
    /// Form of the lexicon that means only this.
    pub(crate) form: u32,
    /// Words whose presence in the sentence decides for it.
    pub(crate) near: Vec<NearWord>,
}

/// A word that decides between readings.
#[derive(Debug)]
pub(crate) struct NearWord {
    pub(crate) chars: Box<[char]>,
    /// The kinds of its characters ([`kinds_of`]): a sentence that lacks one of them does not hold the word.
    pub(crate) kinds: u64,
}

/// Characters fall into 64 kinds; the kinds of these, as bits.
pub(crate) fn kinds_of(chars: &[char]) -> u64 {
    let kind = |c: char| 1 << ((c as u32).wrapping_mul(0x9E37_79B1) >> 26);
    chars.iter().fold(0, |all, c| all | kind(*c))
}

/// A row of the table of ambiguous forms: form, concept, words that decide.
pub(crate) type AmbiguousRow = (String, Option<(TermKind, u32)>, Vec<Box<[char]>>);
