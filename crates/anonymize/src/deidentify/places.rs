//! Addresses: from a postcode, a prefecture or a municipality on, as far as the parts of an address go.

use super::block::{Cell, group, part};
use super::fold::Class;
use super::words::{Words, mark, sign};

/// Longest address, in characters.
const LONGEST: usize = 80;
/// Longest name of a district without a number behind it.
const LONGEST_DISTRICT: usize = 5;

/// Address chains: start, end, and whether a postcode or a house number says so.
pub(crate) fn chains(words: &Words, cells: &[Cell], chars: &[char]) -> Vec<(usize, usize, bool)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < cells.len() {
        let chain = postcode(words, cells, chars, at).or_else(|| place(words, cells, chars, at));
        match chain {
            Some((end, is_sure)) => {
                found.push((at, end, is_sure));
                at = end.max(at + 1);
            }
            None => at += 1,
        }
    }
    found
}

fn class(cells: &[Cell], at: usize) -> Class {
    cells.get(at).map_or(Class::None, |cell| cell.class)
}

fn digits(cells: &[Cell], at: usize) -> usize {
    let rest = cells.get(at..).unwrap_or(&[]);
    rest.iter().take_while(|cell| cell.class == Class::Digit).count()
}

fn postcode(words: &Words, cells: &[Cell], chars: &[char], at: usize) -> Option<(usize, bool)> {
    let mut start = at;
    let has_sign = words.is(chars.get(at), sign::POSTCODE);
    if has_sign {
        start += 1;
        while class(cells, start) == Class::Blank && start < at + 3 {
            start += 1;
        }
    } else {
        let begins = class(cells, at) == Class::Digit && (at == 0 || !class(cells, at - 1).is_ascii_word());
        if !begins {
            return None;
        }
    }
    let seven = digits(cells, start) == 7 && has_sign;
    let split =
        digits(cells, start) == 3 && class(cells, start + 3) == Class::Dash && digits(cells, start + 4) == 4;
    let end = if seven {
        start + 7
    } else if split {
        start + 8
    } else {
        return None;
    };
    let mut behind = end;
    while class(cells, behind) == Class::Blank && behind < end + 3 {
        behind += 1;
    }
    let follows = place(words, cells, chars, behind);
    match follows {
        Some((end, _)) => Some((end, true)),
        None => has_sign.then_some((end, true)),
    }
}

/// The length of the word of places that begins here, the longest chain of them.
fn head(cells: &[Cell], at: usize) -> usize {
    let mut end = at;
    while let Some(hit) = cells.get(end).and_then(|cell| cell.hits.get(group::PLACE)) {
        let is_first = matches!(hit.part, part::FIRST | part::ONLY);
        let is_whole = hit.marks & (mark::PREFECTURE | mark::MUNICIPALITY) != 0;
        if !is_first || !is_whole {
            break;
        }
        end += usize::from(hit.length);
    }
    end - at
}

fn place(words: &Words, cells: &[Cell], chars: &[char], at: usize) -> Option<(usize, bool)> {
    let head = head(cells, at);
    if head == 0 {
        return None;
    }
    let head_end = at + head;
    let stops = |at: usize| {
        let rest = chars.get(at..).unwrap_or(&[]);
        words.stops.iter().any(|stop| rest.starts_with(stop))
    };
    let (mut end, mut last_number, mut has_number) = (head_end, head_end, false);
    while end < cells.len() && end - at < LONGEST {
        if stops(end) {
            break;
        }
        let class = class(cells, end);
        let goes_on = match class {
            Class::Kanji | Class::Katakana | Class::Digit => true,
            Class::Upper | Class::Lower => has_number,
            Class::Dash => {
                class_is_digit(cells, end + 1) || has_number && self::class(cells, end + 1) == Class::Katakana
            }
            Class::Hiragana => {
                // A hiragana goes on between kanji, or before a number; a particle at the end of the address does not.
                let is_joiner = words.is(chars.get(end), sign::JOINER);
                let joins = is_joiner && class_is_digit(cells, end - 1) && class_is_digit(cells, end + 1);
                joins || !is_joiner && goes_on_behind_kana(cells, end)
            }
            Class::Blank => building_follows(cells, end + 1, has_number),
            _ => false,
        };
        if !goes_on {
            break;
        }
        end += 1;
        if class == Class::Digit {
            has_number = true;
            last_number = end;
        }
    }
    if has_number {
        // What stands behind the last number belongs to it while it is a word of addresses.
        let mut tail = last_number;
        while let Some(hit) = cells.get(tail).and_then(|cell| cell.hits.get(group::SITE)) {
            if hit.part == part::NONE || tail >= end {
                break;
            }
            tail += 1;
        }
        let is_latin = matches!(class(cells, tail), Class::Upper) && tail < end;
        return Some((if is_latin { tail + 1 } else { tail }, true));
    }
    let tail = end - head_end;
    Some((if tail <= LONGEST_DISTRICT { end } else { head_end }, false))
}

fn class_is_digit(cells: &[Cell], at: usize) -> bool {
    class(cells, at) == Class::Digit
}

fn goes_on_behind_kana(cells: &[Cell], at: usize) -> bool {
    const FARTHEST: usize = 6;
    let behind = cells.get(at + 1..).unwrap_or(&[]);
    let next = behind
        .iter()
        .take(FARTHEST)
        .find(|cell| cell.class != Class::Hiragana);
    next.is_some_and(|cell| matches!(cell.class, Class::Kanji | Class::Digit))
}

/// Whether a building or a number stands behind a blank of an address.
fn building_follows(cells: &[Cell], at: usize, has_number: bool) -> bool {
    const FARTHEST: usize = 14;
    let rest = cells.get(at..).unwrap_or(&[]);
    let word = rest.iter().take(FARTHEST).take_while(|cell| cell.class.is_word());
    let mut seen_site = false;
    for cell in word {
        let site = cell
            .hits
            .get(group::SITE)
            .is_some_and(|hit| hit.part != part::NONE);
        seen_site |= site;
        if cell.class == Class::Digit && (!has_number || seen_site) {
            return true;
        }
    }
    seen_site
}
