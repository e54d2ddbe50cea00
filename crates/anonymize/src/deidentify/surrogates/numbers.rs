//! Other digits and letters in the places of those that identify.

use super::Draw;

/// Another digit or letter of the same kind; everything else stays.
pub(super) fn other(c: char, original: &[char], index: usize, draw: Draw) -> char {
    let salt = 100 + index as u64;
    let turned = |first: u8, count: u8| {
        let step = 1 + draw.below(usize::from(count) - 1, original, salt) as u8;
        let place = (c as u8).wrapping_sub(first);
        char::from(first + (place + step) % count)
    };
    match c {
        '0'..='9' => turned(b'0', 10),
        'A'..='Z' => turned(b'A', 26),
        'a'..='z' => turned(b'a', 26),
        _ => c,
    }
}

/// A number that nobody can dial: its exchange begins with 0. The separators stay.
pub(super) fn phone(original: &[char], draw: Draw) -> String {
    let mut out = String::with_capacity(original.len());
    let mut group = 0;
    let mut begins = true;
    for (index, c) in original.iter().enumerate() {
        let is_digit = c.is_ascii_digit();
        if !is_digit {
            group += usize::from(!begins);
            begins = true;
            out.push(*c);
            continue;
        }
        let keeps = group == 0 && begins && *c == '0';
        let is_exchange = group == 1 && begins;
        begins = false;
        out.push(if keeps || is_exchange {
            '0'
        } else {
            other(*c, original, index, draw)
        });
    }
    if original.iter().any(char::is_ascii_digit) {
        return out;
    }
    // Digits in kanji are written in Latin ones.
    format!(
        "000-{:04}-{:04}",
        draw.below(1_000, original, 6),
        draw.below(10_000, original, 7)
    )
}

/// An address that is nobody's (RFC 2606).
pub(super) fn mail(original: &[char], draw: Draw) -> String {
    format!("user{:05}@example.com", draw.below(100_000, original, 8))
}
