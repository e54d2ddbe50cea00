//! Text into the bytes that hospitals expect, without loss.

use super::{Charset, decode};
use encoding_rs::ISO_2022_JP;

/// Encodes a text: ASCII where that is enough, ISO-2022-JP where it comes back equal, else UTF-8.
///
/// SS-MIX2 asks for ISO-2022-JP, which lacks half-width kana and many kanji of names; a text that it would change is
/// written in UTF-8, which MSH-18 then names.
pub fn encode(text: &str) -> (Vec<u8>, Charset) {
    if text.is_ascii() {
        return (text.as_bytes().to_vec(), Charset::Ascii);
    }
    let (bytes, _, had_unknown) = ISO_2022_JP.encode(text);
    if !had_unknown {
        let back = decode(&bytes, Charset::Iso2022Jp);
        let is_equal = back.wrong_count == 0 && back.own_count == 0 && back.text == text;
        if is_equal {
            return (bytes.into_owned(), Charset::Iso2022Jp);
        }
    }
    (text.as_bytes().to_vec(), Charset::Utf8)
}
