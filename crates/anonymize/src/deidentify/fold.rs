//! One character for one character: widths and dashes are made alike, so that offsets stay those of the note.

use unicode_normalization::UnicodeNormalization as _;

/// What a character is to the reader of names and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub(crate) enum Class {
    /// Beyond the text.
    #[default]
    None,
    /// Chinese characters and their marks of repetition.
    Kanji,
    /// Hiragana.
    Hiragana,
    /// Katakana and the long mark.
    Katakana,
    /// Digits.
    Digit,
    /// Latin capitals.
    Upper,
    /// Latin small letters.
    Lower,
    /// Blanks.
    Blank,
    /// Ends of lines.
    Line,
    /// Opening brackets and quotes.
    Open,
    /// Closing ones.
    Close,
    /// Colons and equals signs.
    Colon,
    /// Commas.
    Comma,
    /// Full stops.
    Stop,
    /// Slashes.
    Slash,
    /// Hyphens, dashes, waves, arrows.
    Dash,
    /// Middle dots.
    Dot,
    /// Everything else.
    Other,
}

impl Class {
    /// Whether a name or a number can hold it.
    pub(crate) fn is_word(self) -> bool {
        matches!(
            self,
            Self::Kanji | Self::Hiragana | Self::Katakana | Self::Digit | Self::Upper | Self::Lower
        )
    }

    /// Whether it is a Latin letter or a digit.
    pub(crate) fn is_ascii_word(self) -> bool {
        matches!(self, Self::Digit | Self::Upper | Self::Lower)
    }

    /// Whether it is a Latin letter.
    pub(crate) fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower)
    }
}

/// Offset of the full-width forms of ASCII.
const FULL_WIDTH: u32 = 0xFEE0;

/// The character in the width in which the tables are written. A half-width voicing mark becomes the combining one.
pub(crate) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    match c {
        '\u{3000}' | '\u{a0}' | '\u{2002}'..='\u{200a}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - FULL_WIDTH).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff70}' if c != '\u{ff70}' => '-',
        '\u{301c}' => '~',
        '\u{ff9e}' => '\u{3099}',
        '\u{ff9f}' => '\u{309a}',
        '\u{ff61}'..='\u{ff9d}' => std::iter::once(c).nfkc().next().unwrap_or(c),
        _ => c,
    }
}

/// What a folded character is.
pub(crate) fn class_of(c: char) -> Class {
    match c {
        '0'..='9' => Class::Digit,
        'A'..='Z' => Class::Upper,
        'a'..='z' => Class::Lower,
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => Class::Line,
        ' ' | '\t' => Class::Blank,
        '(' | '[' | '{' | '<' | '"' | '\u{300c}' | '\u{300e}' | '\u{3010}' | '\u{3014}' | '\u{3008}'
        | '\u{300a}' | '\u{201c}' => Class::Open,
        ')' | ']' | '}' | '>' | '\u{300d}' | '\u{300f}' | '\u{3011}' | '\u{3015}' | '\u{3009}'
        | '\u{300b}' | '\u{201d}' => Class::Close,
        ':' | '=' => Class::Colon,
        ',' | '\u{3001}' | ';' => Class::Comma,
        '.' | '\u{3002}' | '!' | '?' => Class::Stop,
        '/' | '\u{ff0f}' | '|' => Class::Slash,
        '-' | '~' | '\u{2190}'..='\u{21ff}' => Class::Dash,
        '\u{30fb}' | '\u{b7}' | '\u{2022}' => Class::Dot,
        '\u{3041}'..='\u{309f}' if c != '\u{3099}' && c != '\u{309a}' => Class::Hiragana,
        '\u{30a0}'..='\u{30ff}' | '\u{3099}' | '\u{309a}' => Class::Katakana,
        '\u{3005}'..='\u{3007}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2ffff}' => Class::Kanji,
        _ => Class::Other,
    }
}

/// A word of a table, character by character as [`fold`] leaves a text.
pub(crate) fn fold_word(word: &str) -> String {
    word.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

    use super::*;

    #[test]
    fn widths_are_made_alike_and_no_character_is_lost() {
        let folded: String = "Ａ９　ｲｽﾞﾐ−ー".chars().map(fold).collect();
        assert_eq!(folded, "A9 イス\u{3099}ミ-ー");
        assert_eq!(class_of('々'), Class::Kanji);
        assert_eq!(class_of('〇'), Class::Kanji);
        assert_eq!(class_of('ー'), Class::Katakana);
    }
}
