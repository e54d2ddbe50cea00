//! The regular expressions of R4 and of profiles, for an engine whose time is linear.
//!
//! R4 means ASCII by `\s`, `\d` and `\w` (a name may hold a full-width blank, a number no full-width digit); the engine
//! would take them as Unicode. They are written out before they are compiled.

use regex::{Regex, RegexBuilder};

/// Largest compiled expression, in bytes.
const LARGEST: usize = 1 << 20;

/// An expression that a part of the text must match.
pub(crate) fn partly(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&as_ascii(pattern)).size_limit(LARGEST).build()
}

/// An expression that the whole text must match.
pub(crate) fn wholly(pattern: &str) -> Result<Regex, regex::Error> {
    partly(&format!("^(?:{pattern})$"))
}

/// The expression with the short classes written out. The engine knows classes in classes, so one form does inside and
/// outside of brackets.
fn as_ascii(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('s') => out.push_str("[ \\t\\r\\n\\x0B\\x0C]"),
            Some('S') => out.push_str("[^ \\t\\r\\n\\x0B\\x0C]"),
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "full-width characters are the case")]
mod tests {
    use super::*;

    #[test]
    fn short_classes_are_ascii() {
        let is = |pattern: &str, text: &str| wholly(pattern).unwrap().is_match(text);
        assert!(is("[ \\r\\n\\t\\S]+", "山田\u{3000}太郎"));
        assert!(!is("\\d{2}", "１２"));
        assert!(is("\\d{2}", "12"));
        assert!(!is("[^\\s]+(\\s[^\\s]+)*", " a"));
        assert!(is("[^\\s]+(\\s[^\\s]+)*", "a b"));
        assert!(is("[a\\-b\\[\\]]+", "a-[]b"));
    }

    #[test]
    fn a_monster_is_refused() {
        assert!(partly("(((a{1000}){1000}){1000})").is_err());
    }
}
