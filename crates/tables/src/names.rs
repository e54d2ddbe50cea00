//! Names with their kana readings: `name=reading|name|…`.

/// A name and how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The name as written in notes, NFKC form.
    pub surface: &'a str,
    /// Reading in hiragana; empty when the name is only kana or ASCII, which read themselves.
    pub reading: &'a str,
}

/// Splits a cell of names.
pub fn parse_names(cell: &str) -> impl Iterator<Item = Name<'_>> {
    cell.split('|').filter(|part| !part.is_empty()).map(|part| {
        let (surface, reading) = part.split_once('=').unwrap_or((part, ""));
        Name { surface, reading }
    })
}

const HIRAGANA: std::ops::RangeInclusive<char> = '\u{3041}'..='\u{3096}';
const KATAKANA: std::ops::RangeInclusive<char> = '\u{30A1}'..='\u{30FA}';
const LONG_MARK: char = '\u{30FC}';
const MIDDLE_DOT: char = '\u{30FB}';

/// Whether the text is a reading: hiragana, the long mark and the middle dot only.
pub fn is_reading(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| HIRAGANA.contains(&c) || c == LONG_MARK || c == MIDDLE_DOT)
}

/// Whether a name reads itself: only ASCII and kana.
pub fn is_ascii_or_kana(text: &str) -> bool {
    let reads_itself = |c: char| {
        (' '..='~').contains(&c)
            || HIRAGANA.contains(&c)
            || KATAKANA.contains(&c)
            || c == LONG_MARK
            || c == MIDDLE_DOT
    };
    text.chars().all(reads_itself)
}

/// Writes hiragana as katakana.
pub fn to_katakana(text: &str) -> String {
    let write = |c: char| match c {
        '\u{3041}'..='\u{3096}' => char::from_u32(c as u32 + 0x60).unwrap_or(c),
        _ => c,
    };
    text.chars().map(write).collect()
}

/// Folds katakana to hiragana, so that both find the same names.
pub fn to_hiragana(text: &str) -> String {
    let fold = |c: char| match c {
        '\u{30A1}'..='\u{30F6}' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        _ => c,
    };
    text.chars().map(fold).collect()
}
