//! A piece of a note with all that the tables and grammars say about its characters.

use super::fold::{Class, class_of, fold};
use super::numerals::{self, Numeral};
use super::places;
use super::runs::{self, Run};
use super::words::{Words, mark};
use rustc_hash::FxHashSet;
use tsumugi_tables::Match;

/// Groups of words that are cut independently of each other: at every place the longest word of the group counts.
pub(crate) mod group {
    pub(crate) const NAME: usize = 0;
    pub(crate) const PLACE: usize = 1;
    pub(crate) const FACILITY: usize = 2;
    pub(crate) const KEPT: usize = 3;
    pub(crate) const ANCHOR: usize = 4;
    pub(crate) const SITE: usize = 5;
    /// Number of groups.
    pub(crate) const ALL: usize = 6;
}

const MASKS: [u32; group::ALL] = [
    mark::NAME,
    mark::PLACE,
    mark::FACILITY | mark::NEEDS_NAME,
    mark::KEPT,
    mark::LEADING | mark::BEHIND,
    mark::BUILDING | mark::GEOGRAPHY,
];

/// Where in a word a character stands.
pub(crate) mod part {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const FIRST: u8 = 1;
    pub(crate) const INNER: u8 = 2;
    pub(crate) const LAST: u8 = 3;
    pub(crate) const ONLY: u8 = 4;
}

/// The word of a group that covers a character.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hit {
    /// What the word is.
    pub(crate) marks: u32,
    /// Which of its characters this one is.
    pub(crate) part: u8,
    /// Its length, in characters.
    pub(crate) length: u8,
}

/// The word for an institution that ends the words around a character.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// What it is.
    pub(crate) marks: u32,
    /// How many characters ahead.
    pub(crate) distance: u8,
    /// Whether a single hiragana stands between.
    pub(crate) particle: bool,
}

/// A character with what is known of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    pub(crate) c: char,
    pub(crate) class: Class,
    pub(crate) hits: [Hit; group::ALL],
    /// Marks of the longest words before a name that end right before this character.
    pub(crate) led_by: u32,
    /// Length of the longest word before a name that begins here, and its marks.
    pub(crate) leading: u8,
    pub(crate) leading_marks: u32,
    /// Length of the longest word behind a name that ends with this character.
    pub(crate) behind: u8,
    /// Marks of words behind a name, and of kinship, that begin here.
    pub(crate) begins: u32,
    pub(crate) ahead: Ahead,
    /// The run that holds the character.
    pub(crate) run: u32,
    /// Shape of the numeral that holds it, plus one.
    pub(crate) numeral: u8,
    pub(crate) numeral_part: u8,
    /// Whether an address chain holds it: 1 begins, 2 goes on; the upper bit when it is sure.
    pub(crate) address: u8,
}

/// A piece of a note; offsets are its characters.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) cells: Vec<Cell>,
    pub(crate) runs: Vec<Run>,
    pub(crate) numerals: Vec<Numeral>,
    pub(crate) matches: Vec<Match>,
    /// Address chains: start, end, whether they are sure.
    pub(crate) addresses: Vec<(usize, usize, bool)>,
    /// First character of the note's last line with words in it, when it lies in this block.
    pub(crate) last_line: usize,
    /// Whether the note begins with this block.
    pub(crate) is_first: bool,
}

impl Block {
    /// Reads a piece of a note.
    pub(crate) fn read(words: &Words, text: &[char], is_first: bool, is_last: bool) -> Self {
        let chars: Vec<char> = text.iter().map(|c| fold(*c)).collect();
        let mut block = Self {
            cells: chars
                .iter()
                .map(|c| Cell {
                    c: *c,
                    class: class_of(*c),
                    ..Cell::default()
                })
                .collect(),
            is_first,
            last_line: usize::MAX,
            ..Self::default()
        };
        if is_last {
            let last = block
                .cells
                .iter()
                .rposition(|cell| cell.class.is_word())
                .unwrap_or(0);
            let before = block
                .cells
                .iter()
                .take(last)
                .rposition(|cell| cell.class == Class::Line);
            block.last_line = before.map_or(0, |at| at + 1);
        }
        words.lexicon.find(&chars, &mut block.matches);
        block.keep_whole_latin_words();
        block.cut_groups();
        block.anchor();
        block.look_ahead();
        block.numerals = numerals::read(words, &chars);
        block.mark_numerals();
        block.addresses = places::chains(words, &block.cells, &chars);
        block.mark_addresses();
        block.runs = runs::cut(words, &mut block.cells);
        block
    }

    /// The cell at an offset from a place.
    pub(crate) fn at(&self, place: usize, offset: isize) -> Cell {
        place
            .checked_add_signed(offset)
            .and_then(|at| self.cells.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// The folded characters of a span.
    pub(crate) fn chars(&self, start: usize, end: usize) -> impl Iterator<Item = char> + '_ {
        let cells = self.cells.get(start..end).unwrap_or(&[]);
        cells.iter().map(|cell| cell.c)
    }

    /// Tells every run whether its name is known in the note.
    pub(crate) fn know(&mut self, names: &FxHashSet<String>) {
        if names.is_empty() {
            return;
        }
        for run in &mut self.runs {
            let cells = self.cells.get(run.name.0..run.name.1).unwrap_or(&[]);
            if run.parse != 0 || cells.len() > 1 {
                let name: String = cells.iter().map(|cell| cell.c).collect();
                run.is_known = names.contains(&name);
            }
        }
    }

    /// A Latin word of a table is found only where letters do not go on.
    fn keep_whole_latin_words(&mut self) {
        let cells = &self.cells;
        let is_letter = |at: Option<usize>| {
            at.and_then(|at| cells.get(at))
                .is_some_and(|cell| cell.class.is_letter())
        };
        self.matches.retain(|found| {
            let (start, end) = (found.start as usize, found.end as usize);
            let cut_before = is_letter(Some(start)) && is_letter(start.checked_sub(1));
            let cut_behind = is_letter(end.checked_sub(1)) && is_letter(Some(end));
            !cut_before && !cut_behind
        });
    }

    fn cut_groups(&mut self) {
        for (group, mask) in MASKS.into_iter().enumerate() {
            let mut free_from = 0;
            let mut place = 0;
            while let Some(found) = self.matches.get(place) {
                let here = self.matches.get(place..).unwrap_or(&[]);
                let same = here.iter().take_while(|other| other.start == found.start);
                let (mut count, mut longest) = (0, None);
                for other in same {
                    count += 1;
                    if other.marks & mask != 0 {
                        longest = Some(*other);
                    }
                }
                place += count;
                if let Some(longest) = longest.filter(|longest| longest.start >= free_from) {
                    free_from = longest.end;
                    self.cover(group, longest, mask);
                }
            }
        }
    }

    fn cover(&mut self, group: usize, found: Match, mask: u32) {
        let (start, end) = (found.start as usize, found.end as usize);
        let length = end - start;
        let cells = self.cells.get_mut(start..end).unwrap_or(&mut []);
        for (index, cell) in cells.iter_mut().enumerate() {
            let part = match (index, length) {
                (_, 1) => part::ONLY,
                (0, _) => part::FIRST,
                _ if index + 1 == length => part::LAST,
                _ => part::INNER,
            };
            if let Some(hit) = cell.hits.get_mut(group) {
                *hit = Hit {
                    marks: found.marks & mask,
                    part,
                    length: length.min(usize::from(u8::MAX)) as u8,
                };
            }
        }
    }

    fn anchor(&mut self) {
        let mut ends: Vec<u8> = vec![0; self.cells.len() + 1];
        for found in &self.matches {
            let (start, end) = (found.start as usize, found.end as usize);
            let length = (end - start).min(usize::from(u8::MAX)) as u8;
            if found.marks & mark::LEADING != 0 {
                if let Some(cell) = self.cells.get_mut(start)
                    && cell.leading < length
                {
                    cell.leading = length;
                    cell.leading_marks = found.marks & mark::LEADING;
                }
                if let (Some(cell), Some(longest)) = (self.cells.get_mut(end), ends.get_mut(end))
                    && *longest < length
                {
                    *longest = length;
                    cell.led_by = found.marks & mark::LEADING;
                }
            }
            if found.marks & mark::BEHIND != 0
                && let Some(cell) = self.cells.get_mut(end.wrapping_sub(1))
            {
                cell.behind = cell.behind.max(length);
            }
            if found.marks & (mark::BEHIND | mark::KIN) != 0
                && let Some(cell) = self.cells.get_mut(start)
            {
                cell.begins |= found.marks & (mark::BEHIND | mark::KIN);
            }
        }
    }

    /// Tells the characters before a word for an institution that it comes.
    fn look_ahead(&mut self) {
        const FARTHEST: usize = 24;
        let starts: Vec<(usize, u32)> = self
            .cells
            .iter()
            .enumerate()
            .filter_map(|(at, cell)| {
                let hit = cell.hits.get(group::FACILITY)?;
                matches!(hit.part, part::FIRST | part::ONLY).then_some((at, hit.marks))
            })
            .collect();
        for (start, marks) in starts {
            let mut particle = false;
            let mut blanks = 0;
            for distance in 1..=FARTHEST {
                let Some(at) = start.checked_sub(distance) else {
                    break;
                };
                let class = self.at(at, 0).class;
                blanks += usize::from(class == Class::Blank);
                let goes_on = class.is_word() || class == Class::Dot || class == Class::Blank && blanks == 1;
                if !goes_on {
                    break;
                }
                let is_lone = class == Class::Hiragana
                    && self.at(at, -1).class != Class::Hiragana
                    && self.at(at, 1).class != Class::Hiragana;
                if let Some(cell) = self.cells.get_mut(at) {
                    cell.ahead = Ahead {
                        marks,
                        distance: distance as u8,
                        particle,
                    };
                }
                particle |= is_lone;
            }
        }
    }

    fn mark_numerals(&mut self) {
        for numeral in &self.numerals {
            let cells = self.cells.get_mut(numeral.start..numeral.end).unwrap_or(&mut []);
            let length = cells.len();
            for (index, cell) in cells.iter_mut().enumerate() {
                cell.numeral = numeral.shape as u8 + 1;
                cell.numeral_part = match index {
                    0 => part::FIRST,
                    _ if index + 1 == length => part::LAST,
                    _ => part::INNER,
                };
            }
        }
    }

    fn mark_addresses(&mut self) {
        const SURE: u8 = 0x80;
        for (start, end, is_sure) in &self.addresses {
            let cells = self.cells.get_mut(*start..*end).unwrap_or(&mut []);
            for (index, cell) in cells.iter_mut().enumerate() {
                cell.address = if index == 0 { 1 } else { 2 };
                if *is_sure {
                    cell.address |= SURE;
                }
            }
        }
    }
}
