//! What the model is told of a character, as hashes: characters around it, words of the tables, the run that holds it
//! with what stands beside it, numbers, institutions ahead, addresses.

use super::block::{Block, Cell, group, part};
use super::fold::Class;
use super::runs::{Run, spelled};
use super::words::mark;

/// Number of features of a character; 0 stands for one that says nothing.
pub const FEATURES: usize = 58;

/// Fills the features of the character at a place.
pub(crate) fn features(block: &Block, at: usize, out: &mut [u32; FEATURES]) {
    let mut sink = Sink { out, next: 0 };
    let near: [Cell; 7] = std::array::from_fn(|index| block.at(at, index.cast_signed() - 3));
    let [_, b2, b1, here, n1, n2, _] = near;
    characters(&near, &mut sink);
    words(&b1, &here, &n1, &mut sink);
    let run = block.runs.get(here.run as usize).copied().unwrap_or_default();
    of_run(block, at, &here, &run, &mut sink);
    numbers(&b2, &b1, &here, &n1, &n2, &run, &mut sink);
    institutions(&b1, &here, &run, &mut sink);
}

struct Sink<'o> {
    out: &'o mut [u32; FEATURES],
    next: usize,
}

impl Sink<'_> {
    fn add(&mut self, value: u64) {
        if let Some(place) = self.out.get_mut(self.next) {
            *place = hash(self.next as u64, value);
        }
        self.next += 1;
    }

    fn add_if(&mut self, condition: bool, value: u64) {
        if condition {
            self.add(value);
        } else {
            if let Some(place) = self.out.get_mut(self.next) {
                *place = 0;
            }
            self.next += 1;
        }
    }
}

/// Mixes the number of a feature with its value; never 0.
fn hash(number: u64, value: u64) -> u32 {
    let mixed = (value ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((mixed >> 32) as u32).max(1)
}

/// Digits are alike to the model, and so are blanks.
fn letter(cell: &Cell) -> u64 {
    match cell.class {
        Class::Digit => u64::from(b'0'),
        Class::Blank => u64::from(b' '),
        _ => u64::from(cell.c as u32),
    }
}

fn pack(parts: &[u64]) -> u64 {
    parts.iter().fold(0xCBF2_9CE4_8422_2325, |all: u64, part| {
        (all.rotate_left(21) ^ part).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

fn characters(near: &[Cell; 7], sink: &mut Sink<'_>) {
    sink.add(1);
    let letters: [u64; 7] = std::array::from_fn(|index| near.get(index).map_or(0, letter));
    let classes: [u64; 7] = std::array::from_fn(|index| near.get(index).map_or(0, |cell| cell.class as u64));
    for value in letters {
        sink.add(value);
    }
    let [l3, l2, l1, l0, r1, r2, r3] = letters;
    sink.add(pack(&[l2, l1]));
    sink.add(pack(&[l1, l0]));
    sink.add(pack(&[l0, r1]));
    sink.add(pack(&[r1, r2]));
    sink.add(pack(&[l1, l0, r1]));
    sink.add(pack(&[l3, l2, l1]));
    sink.add(pack(&[r1, r2, r3]));
    let [c3, c2, c1, c0, d1, d2, d3] = classes;
    sink.add(pack(&[c2, c1, c0, d1, d2]));
    sink.add(pack(&[c3, c2, c1, c0]));
    sink.add(pack(&[c0, d1, d2, d3]));
}

fn hit(cell: &Cell, group: usize) -> (u64, bool) {
    let hit = cell.hits.get(group).copied().unwrap_or_default();
    let value = u64::from(hit.marks) << 8 | u64::from(hit.part) << 4 | u64::from(hit.length.min(4));
    (value, hit.part != part::NONE)
}

fn words(b1: &Cell, here: &Cell, n1: &Cell, sink: &mut Sink<'_>) {
    for group in 0..group::ALL {
        let (value, is_hit) = hit(here, group);
        sink.add_if(is_hit, value);
    }
    for group in [group::NAME, group::FACILITY, group::KEPT, group::ANCHOR] {
        let (value, is_hit) = hit(b1, group);
        sink.add_if(is_hit, value);
        let (value, is_hit) = hit(n1, group);
        sink.add_if(is_hit, value);
    }
    let (name, is_name) = hit(here, group::NAME);
    let (kept, is_kept) = hit(here, group::KEPT);
    sink.add_if(is_name || is_kept, pack(&[name, kept, here.class as u64]));
    sink.add_if(is_name, pack(&[name, b1.class as u64, n1.class as u64]));
    sink.add_if(here.led_by != 0, pack(&[u64::from(here.led_by), name]));
    sink.add_if(here.begins != 0, pack(&[u64::from(here.begins), b1.class as u64]));
    let (place, is_place) = hit(b1, group::PLACE);
    sink.add_if(is_place, pack(&[place, here.class as u64]));
}

/// Where in its run a character stands, as far as the words before and behind the name leave it.
fn part_of(run: &Run, at: usize) -> u64 {
    let (start, end) = run.name;
    match at {
        _ if at < start => 5,
        _ if at >= end => 6,
        _ if start + 1 == end => 4,
        _ if at == start => 1,
        _ if at + 1 == end => 3,
        _ => 2,
    }
}

fn of_run(block: &Block, at: usize, here: &Cell, run: &Run, sink: &mut Sink<'_>) {
    let part = part_of(run, at);
    let parse = u64::from(run.parse);
    let length = (run.name.1.saturating_sub(run.name.0)).min(7) as u64;
    let (left, right) = (
        u64::from(run.left) << 4 | u64::from(run.left_gap),
        u64::from(run.right) << 4 | u64::from(run.right_gap),
    );
    let is_word = here.class.is_word();
    sink.add_if(is_word, pack(&[parse, part, length]));
    sink.add_if(is_word, pack(&[left, part, parse]));
    sink.add_if(is_word, pack(&[right, part, parse]));
    sink.add_if(is_word, pack(&[left, part, here.class as u64]));
    sink.add_if(is_word, pack(&[right, part, here.class as u64]));
    let is_name = u64::from(spelled::is_name(run.parse));
    sink.add_if(is_word, pack(&[left, right, part, is_name]));
    // Beside: the run before with what led to it, over one sign.
    let gap = run
        .start
        .checked_sub(1)
        .and_then(|at| block.cells.get(at))
        .copied()
        .unwrap_or_default();
    let before = run.start.checked_sub(2).and_then(|at| block.cells.get(at));
    let before = before
        .and_then(|cell| block.runs.get(cell.run as usize))
        .copied()
        .unwrap_or_default();
    sink.add_if(
        is_word && !gap.class.is_word(),
        pack(&[u64::from(before.parse), gap.class as u64, parse, part]),
    );
    sink.add_if(
        is_word && !gap.class.is_word(),
        pack(&[u64::from(before.left), gap.class as u64, is_name, part]),
    );
    let behind = block.cells.get(run.end).copied().unwrap_or_default();
    let next = block
        .runs
        .get(block.at(run.end, 1).run as usize)
        .copied()
        .unwrap_or_default();
    sink.add_if(
        is_word,
        pack(&[gap.class as u64, behind.class as u64, parse, part]),
    );
    sink.add_if(
        is_word && !behind.class.is_word(),
        pack(&[u64::from(next.parse), behind.class as u64, parse, part]),
    );
    sink.add_if(run.is_known, pack(&[part, length]));
    sink.add_if(is_word, pack(&[letter(&gap), parse, part]));
    sink.add_if(is_word, pack(&[letter(&behind), parse, part]));
    let is_first_line = block.is_first && run.start < 60;
    let is_last_line = run.start >= block.last_line;
    let begins_line = matches!(gap.class, Class::Line | Class::None);
    let line = u64::from(is_first_line) | u64::from(is_last_line) << 1 | u64::from(begins_line) << 2;
    sink.add_if(
        is_word && line != 0,
        pack(&[line, parse, part, behind.class as u64]),
    );
}

fn numbers(b2: &Cell, b1: &Cell, here: &Cell, n1: &Cell, n2: &Cell, run: &Run, sink: &mut Sink<'_>) {
    let shape = u64::from(here.numeral);
    let has = shape != 0;
    let part = u64::from(here.numeral_part);
    sink.add_if(has, pack(&[shape, part]));
    sink.add_if(has, pack(&[shape, part, letter(b1), letter(n1)]));
    sink.add_if(has, pack(&[shape, u64::from(run.left), u64::from(run.left_gap)]));
    let figure = u64::from(run.figure);
    sink.add_if(figure != 0, pack(&[figure, u64::from(run.left)]));
    sink.add_if(figure != 0, pack(&[figure, letter(b1), letter(here), letter(n1)]));
    sink.add_if(
        figure != 0,
        pack(&[
            figure >> 4,
            b2.class as u64,
            b1.class as u64,
            n1.class as u64,
            n2.class as u64,
        ]),
    );
}

fn institutions(b1: &Cell, here: &Cell, run: &Run, sink: &mut Sink<'_>) {
    const BUCKETS: [u8; 6] = [1, 2, 3, 5, 8, 13];
    let ahead = here.ahead;
    let distance = BUCKETS.iter().filter(|limit| ahead.distance >= **limit).count() as u64;
    let marks = u64::from(ahead.marks);
    let kind = u64::from(ahead.marks & mark::NEEDS_NAME) | u64::from(ahead.particle);
    let has = ahead.marks != 0;
    sink.add_if(has, pack(&[marks, distance, u64::from(ahead.particle)]));
    sink.add_if(has, pack(&[kind, distance, b1.class as u64, here.class as u64]));
    sink.add_if(has, pack(&[kind, letter(b1), here.class as u64]));
    sink.add_if(has, pack(&[kind, u64::from(run.left), u64::from(run.parse)]));
    sink.add_if(
        here.address != 0,
        pack(&[u64::from(here.address), here.class as u64, u64::from(has)]),
    );
}
