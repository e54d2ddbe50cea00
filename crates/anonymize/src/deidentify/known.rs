//! What is known of the patient beforehand, found wherever it stands.

use super::block::Block;
use super::combine::overlap;
use super::fold::{Class, class_of, fold};
use super::numerals::Shape;
use super::{Found, Kind, Known};

/// What to look for, folded.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    needles: Vec<(Vec<char>, Kind)>,
    birth_date: Option<(u32, u32, u32)>,
}

/// Most things that are looked for, and the longest of them.
const MOST: usize = 512;
const LONGEST: usize = 200;

impl Needles {
    /// Names with their parts, addresses, numbers.
    pub(crate) fn new(known: &Known) -> Self {
        let folded = |text: &str| -> Vec<char> { text.trim().chars().map(fold).take(LONGEST).collect() };
        let mut needles = Vec::new();
        for name in &known.names {
            let name = folded(name);
            let parts: Vec<&[char]> = name
                .split(|c| class_of(*c) == Class::Blank)
                .filter(|part| !part.is_empty())
                .collect();
            needles.push((parts.concat(), Kind::Person));
            needles.push((parts.join(&' '), Kind::Person));
            needles.extend(parts.into_iter().map(|part| (part.to_vec(), Kind::Person)));
        }
        needles.extend(known.addresses.iter().map(|text| (folded(text), Kind::Location)));
        needles.extend(known.ids.iter().map(|text| (folded(text), Kind::Id)));
        needles.retain(|(needle, _)| !needle.is_empty());
        needles.sort_by(|(one, a), (other, b)| {
            other
                .len()
                .cmp(&one.len())
                .then_with(|| (one, a).cmp(&(other, b)))
        });
        needles.dedup();
        needles.truncate(MOST);
        Self {
            needles,
            birth_date: known.birth_date,
        }
    }

    /// Adds what stands in a block; it takes the place of what the model has said there.
    pub(crate) fn find(&self, block: &Block, spans: &mut Vec<Found>) {
        let mut found: Vec<Found> = Vec::new();
        if !self.needles.is_empty() {
            let mut at = 0;
            while at < block.cells.len() {
                let length = self.at(block, at, &mut found);
                at += length.max(1);
            }
        }
        if let Some(birth) = self.birth_date {
            let days = block
                .numerals
                .iter()
                .filter(|numeral| is_birth(block, numeral.start, numeral.end, numeral.shape, birth));
            found.extend(days.map(|numeral| Found {
                start: numeral.start,
                end: numeral.end,
                kind: Kind::Date,
            }));
        }
        if found.is_empty() {
            return;
        }
        // A span of the model that holds a known one and more of the same kind is better than the known one.
        found.retain(|new| {
            !spans
                .iter()
                .any(|span| span.kind == new.kind && span.start <= new.start && new.end <= span.end)
        });
        spans.retain(|span| !found.iter().any(|new| overlap(span, new)));
        spans.append(&mut found);
        spans.sort_unstable();
    }

    fn at(&self, block: &Block, at: usize, found: &mut Vec<Found>) -> usize {
        let rest = block.cells.get(at..).unwrap_or(&[]);
        for (needle, kind) in &self.needles {
            let is_here = rest.len() >= needle.len() && rest.iter().zip(needle).all(|(cell, c)| cell.c == *c);
            if is_here && is_whole(block, at, at + needle.len(), *kind) {
                found.push(Found {
                    start: at,
                    end: at + needle.len(),
                    kind: *kind,
                });
                return needle.len();
            }
        }
        0
    }
}

/// A name of one character counts only where its script does not go on, or goes on with a title; a number only where no
/// digit or letter goes on.
fn is_whole(block: &Block, start: usize, end: usize, kind: Kind) -> bool {
    let (before, behind) = (block.at(start, -1), block.at(end, 0));
    let (first, last) = (block.at(start, 0), block.at(end, -1));
    if first.class.is_ascii_word() && before.class.is_ascii_word()
        || last.class.is_ascii_word() && behind.class.is_ascii_word()
    {
        return false;
    }
    if kind != Kind::Person || end - start > 1 {
        return true;
    }
    let ends = behind.class != first.class || behind.begins != 0;
    ends && (before.class != first.class || first.led_by != 0)
}

fn is_birth(
    block: &Block,
    start: usize,
    end: usize,
    shape: Shape,
    (year, month, day): (u32, u32, u32),
) -> bool {
    let text: String = block.chars(start, end).collect();
    match shape {
        Shape::Digits => text == format!("{year:04}{month:02}{day:02}"),
        Shape::ShortDay => {
            let parts: Vec<u32> = text
                .split(['.', '/', '-'])
                .filter_map(|part| part.trim().parse().ok())
                .collect();
            parts == [year % 100, month, day]
        }
        _ => false,
    }
}
