//! The one form in which what is typed and what is kept are compared: NFKC, small letters, hiragana, no blanks.

use tsumugi_tables::to_hiragana;
use unicode_normalization::UnicodeNormalization;

/// Longest thing typed that is looked up, in characters.
const LONGEST: usize = 40;

/// Folds a text; of a long one the beginning.
pub(crate) fn fold(text: &str) -> String {
    let small: String = text
        .nfkc()
        .take(LONGEST)
        .flat_map(char::to_lowercase)
        .filter(|c| !c.is_whitespace())
        .collect();
    to_hiragana(&small)
}

/// Whether a text holds Latin letters, as romaji does.
pub(crate) fn has_letters(folded: &str) -> bool {
    folded.chars().any(|c| c.is_ascii_lowercase())
}
