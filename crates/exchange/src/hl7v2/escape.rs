//! Escape sequences of HL7 v2 (chapter 2.7): separators, line breaks, hexadecimal data.

use super::syntax::Delimiters;
use encoding_rs::SHIFT_JIS;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Most blank lines that one sequence may ask for.
const MOST_BLANK_LINES: usize = 100;

/// The text that was meant. A sequence that nobody knows, or that does not end, stays as it is written.
pub(crate) fn unescape<'t>(text: &'t str, delimiters: &Delimiters) -> Cow<'t, str> {
    let escape = delimiters.escape;
    if !text.contains(escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(escape) {
        out.push_str(before);
        let Some((name, after)) = behind.split_once(escape) else {
            out.push(escape);
            out.push_str(behind);
            return Cow::Owned(out);
        };
        if meaning(name, delimiters, &mut out) {
            rest = after;
        } else {
            // The second mark may begin a sequence of its own.
            out.push(escape);
            out.push_str(name);
            rest = behind.get(name.len()..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether a text holds a sequence that [`unescape`] leaves as it is.
pub(crate) fn has_unknown(text: &str, delimiters: &Delimiters) -> bool {
    let escape = delimiters.escape;
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once(escape) {
        let Some((name, after)) = behind.split_once(escape) else {
            return true;
        };
        if !meaning(name, delimiters, &mut String::new()) {
            return true;
        }
        rest = after;
    }
    false
}

/// The text in which separators and line breaks are escaped, for one component of the usual delimiters.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '\n' => out.push_str("\\.br\\"),
            '\r' => out.push_str("\\X0D\\"),
            '\u{0}'..='\u{1F}' | '\u{7F}' => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\X{:02X}\\", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out
}

/// Writes what a sequence means; `false` when nobody knows it.
fn meaning(name: &str, delimiters: &Delimiters, out: &mut String) -> bool {
    match name {
        "F" => out.push(delimiters.field),
        "S" => out.push(delimiters.component),
        "T" => out.push(delimiters.subcomponent),
        "R" => out.push(delimiters.repetition),
        "E" => out.push(delimiters.escape),
        // Highlighting says nothing.
        "H" | "N" => {}
        ".br" | ".ce" => out.push('\n'),
        ".fi" | ".nf" => {}
        _ => return longer(name, out),
    }
    true
}

fn longer(name: &str, out: &mut String) -> bool {
    let is_hex = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if let Some(lines) = name.strip_prefix(".sp") {
        let Ok(lines) = (if lines.is_empty() {
            "1"
        } else {
            lines.trim_start_matches('+')
        })
        .parse::<usize>() else {
            return false;
        };
        out.extend(std::iter::repeat_n('\n', lines.min(MOST_BLANK_LINES)));
        return true;
    }
    if [".in", ".ti", ".sk"]
        .iter()
        .any(|layout| name.starts_with(layout))
        && name.len() <= 8
    {
        out.push(' ');
        return true;
    }
    if let Some(digits) = name
        .strip_prefix('X')
        .filter(|digits| is_hex(digits) && digits.len() % 2 == 0)
    {
        let bytes: Vec<u8> = digits
            .as_bytes()
            .chunks_exact(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        match std::str::from_utf8(&bytes) {
            Ok(text) => out.push_str(text),
            Err(_) => out.push_str(&SHIFT_JIS.decode_without_bom_handling(&bytes).0),
        }
        return true;
    }
    // Switches of the character set were followed when the bytes were decoded; others come from the site.
    name.strip_prefix(['C', 'M']).is_some_and(is_hex) || (name.starts_with('Z') && name.len() <= 32)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "the texts are Japanese")]

    use super::*;

    #[test]
    fn sequences() {
        let delimiters = Delimiters::default();
        for (written, meant) in [
            ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
            ("一\\.br\\二\\.sp2\\三", "一\n二\n\n三"),
            ("\\H\\強\\N\\調", "強調"),
            ("\\X0D0A\\", "\r\n"),
            ("\\XE68AB3\\\\X8AB3\\", "抳患"),
            ("\\Q\\|", "\\Q\\|"),
            ("a\\b", "a\\b"),
            ("C:\\temp\\F\\x", "C:\\temp|x"),
        ] {
            assert_eq!(unescape(written, &delimiters), meant, "{written}");
        }
    }

    #[test]
    fn what_is_escaped_comes_back() {
        let text = "a|b^c&d~e\\f\r\n\tg\u{7F}一";
        assert_eq!(unescape(&escape(text), &Delimiters::default()), text);
        assert!(!has_unknown(&escape(text), &Delimiters::default()));
    }
}
