//! JIS with escape sequences. A run of each set is turned into EUC-JP, which `encoding_rs` decodes.
//!
//! Beyond RFC 1468 it accepts what hospitals write: JIS X 0201 kana (`ESC ( I`, SO/SI, and 8-bit), JIS X 0212, HL7's own
//! `\C2842\` and `\M2442\`, and a line that ends without going back to ASCII. JIS X 0201 Roman is read as ASCII, since its
//! yen sign and overline stand at the escape and repetition characters of HL7.

use super::{Decoded, run};
use encoding_rs::EUC_JP;

const ESCAPE: u8 = 0x1B;
const SHIFT_OUT: u8 = 0x0E;
const SHIFT_IN: u8 = 0x0F;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Ascii,
    Kana,
    Kanji,
    Supplement,
}

/// Decodes bytes into the text.
pub(super) fn decode(bytes: &[u8], decoded: &mut Decoded) {
    let mut set = Set::Ascii;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((next, length)) = designation(rest, set) {
            set = next;
            at += length;
            continue;
        }
        match rest.first().copied().unwrap_or_default() {
            ESCAPE => {
                decoded.wrong_at(at);
                at += 1;
                continue;
            }
            SHIFT_OUT => {
                set = Set::Kana;
                at += 1;
                continue;
            }
            SHIFT_IN => {
                set = Set::Ascii;
                at += 1;
                continue;
            }
            b'\r' | b'\n' if set != Set::Ascii => {
                decoded.unclosed_count += 1;
                set = Set::Ascii;
            }
            _ => {}
        }
        let length = stretch(rest, set);
        let stretch = rest.get(..length).unwrap_or(rest);
        match set {
            Set::Ascii => ascii(stretch, at, decoded),
            Set::Kana => kana(stretch, at, decoded),
            Set::Kanji => pairs(stretch, at, None, decoded),
            Set::Supplement => pairs(stretch, at, Some(0x8F), decoded),
        }
        at += length.max(1);
    }
}

/// The set that a sequence at the beginning designates, and the sequence's length.
fn designation(rest: &[u8], set: Set) -> Option<(Set, usize)> {
    Some(match rest {
        [ESCAPE, b'(', b'B' | b'J' | b'H', ..] => (Set::Ascii, 3),
        [ESCAPE, b'(' | b')', b'I', ..] => (Set::Kana, 3),
        [ESCAPE, b')', b'B' | b'J', ..] => (set, 3),
        [ESCAPE, b'$', b'@' | b'B', ..] => (Set::Kanji, 3),
        [ESCAPE, b'$', b'(', b'@' | b'B' | b'O' | b'Q' | b'P', ..] => (Set::Kanji, 4),
        [ESCAPE, b'$', b'(', b'D', ..] => (Set::Supplement, 4),
        [ESCAPE, b'&', b'@', ..] => (set, 3),
        [b'\\', b'C', b'2', b'8', b'4', b'2' | b'A' | b'a', b'\\', ..] => (Set::Ascii, 7),
        [b'\\', b'C', b'2', b'9' | b'8', b'4', b'9', b'\\', ..] => (Set::Kana, 7),
        [b'\\', b'M', b'2', b'4', b'4', b'0' | b'2', b'\\', ..] => (Set::Kanji, 7),
        [b'\\', b'M', b'2', b'4', b'2', b'8', b'4', b'4', b'\\', ..] => (Set::Supplement, 9),
        _ => return None,
    })
}

/// Length of the stretch in one set: up to the next control character, or in ASCII the next `\` behind the first byte.
fn stretch(rest: &[u8], set: Set) -> usize {
    let ends = |(at, byte): (usize, &u8)| {
        let is_hl7_escape = *byte == b'\\'
            && match set {
                Set::Ascii | Set::Kana => true,
                // Inside double bytes only a whole sequence on the border of a character counts.
                Set::Kanji | Set::Supplement => {
                    at % 2 == 0
                        && rest
                            .get(at..)
                            .is_some_and(|rest| designation(rest, set).is_some())
                }
            };
        let is_control = matches!(*byte, ESCAPE | SHIFT_OUT | SHIFT_IN)
            || (set != Set::Ascii && matches!(*byte, b'\r' | b'\n'));
        is_control || is_hl7_escape
    };
    rest.iter()
        .enumerate()
        .skip(1)
        .position(|(at, byte)| ends((at, byte)))
        .map_or(rest.len(), |at| at + 1)
}

/// ASCII; eight-bit bytes are UTF-8 or half-width kana, or wrong.
fn ascii(bytes: &[u8], from: usize, decoded: &mut Decoded) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        decoded.text.push_str(text);
        return;
    }
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            0x00..=0x7F => decoded.text.push(char::from(*byte)),
            _ => half_width(*byte, from + index, decoded),
        }
    }
}

fn kana(bytes: &[u8], from: usize, decoded: &mut Decoded) {
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            0x21..=0x5F => half_width(*byte | 0x80, from + index, decoded),
            0x00..=0x7F => decoded.text.push(char::from(*byte)),
            _ => half_width(*byte, from + index, decoded),
        }
    }
}

fn half_width(byte: u8, at: usize, decoded: &mut Decoded) {
    let letter = byte
        .checked_sub(0xA1)
        .filter(|index| *index <= 0xDF - 0xA1)
        .and_then(|index| char::from_u32(0xFF61 + u32::from(index)));
    match letter {
        Some(letter) => decoded.text.push(letter),
        None => decoded.wrong_at(at),
    }
}

/// Double bytes, as EUC-JP; blanks and other bytes between the characters stand for themselves.
fn pairs(bytes: &[u8], from: usize, prefix: Option<u8>, decoded: &mut Decoded) {
    let mut euc = Vec::with_capacity(bytes.len() + bytes.len() / 2);
    let mut start = from;
    let mut rest = bytes;
    let mut at = from;
    let scale = if prefix.is_some() { (2, 3) } else { (1, 1) };
    loop {
        match rest {
            [first @ 0x21..=0x7E, second @ 0x21..=0x7E, behind @ ..] => {
                euc.extend(prefix);
                euc.extend([first | 0x80, second | 0x80]);
                rest = behind;
                at += 2;
            }
            [] => break,
            [other, behind @ ..] => {
                run(&euc, EUC_JP, start, scale, decoded);
                euc.clear();
                match other {
                    b' ' | b'\t' => decoded.text.push(char::from(*other)),
                    _ => decoded.wrong_at(at),
                }
                rest = behind;
                at += 1;
                start = at;
            }
        }
    }
    run(&euc, EUC_JP, start, scale, decoded);
}
