//! Text as a string search compares it: width, case, kana and accents do not matter.

use tsumugi_tables::to_hiragana;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Voicing marks of kana: they make another sound, where an accent does not.
const VOICING: [char; 2] = ['\u{3099}', '\u{309A}'];

/// Folds a text: compatibility forms, case, katakana to hiragana, accents off (but not the voicing of kana).
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let plain: String = text
        .nfkd()
        .filter(|mark| canonical_combining_class(*mark) == 0 || VOICING.contains(mark))
        .flat_map(char::to_lowercase)
        .nfc()
        .collect();
    to_hiragana(&plain)
}

/// The least text that is greater than all that begin with `prefix`; none where there is no greater one.
pub(crate) fn past(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The gap of halves of pairs holds no characters.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test names are Japanese")]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_name_fold_to_one() {
        for name in ["やまだ", "ヤマダ", "ﾔﾏﾀﾞ", "ヤマタ\u{3099}"] {
            assert_eq!(fold(name), "やまだ", "{name}");
        }
        assert_ne!(fold("ヤマタ"), fold("ヤマダ"));
        assert_eq!(fold("Müller"), "muller");
        assert_eq!(fold("ＣＲＰ"), "crp");
    }

    #[test]
    fn past_is_just_behind_the_prefix() {
        assert_eq!(past("やま").as_deref(), Some("やみ"));
        assert_eq!(past("\u{10FFFF}"), None);
        assert_eq!(past("a\u{10FFFF}").as_deref(), Some("b"));
    }
}
