//! Runs of one script, what they spell as a whole, and what stands before and behind them.

use super::block::{Cell, group, part};
use super::fold::Class;
use super::words::{Words, mark};

/// What a run spells as a whole.
pub(crate) mod spelled {
    pub(crate) const NOTHING: u8 = 0;
    pub(crate) const SURNAME: u8 = 1;
    pub(crate) const SURNAME_WORD: u8 = 2;
    pub(crate) const GIVEN: u8 = 3;
    pub(crate) const BOTH: u8 = 4;
    pub(crate) const KANA_SURNAME: u8 = 5;
    pub(crate) const KANA_GIVEN: u8 = 6;
    pub(crate) const KANA_BOTH: u8 = 7;
    pub(crate) const ROMAN: u8 = 8;
    pub(crate) const PLACE: u8 = 9;
    pub(crate) const KEPT: u8 = 10;
    pub(crate) const FACILITY: u8 = 11;
    pub(crate) const ANCHOR: u8 = 12;

    /// Whether it is a name of a person, or a part of one.
    pub(crate) fn is_name(parse: u8) -> bool {
        (SURNAME..=ROMAN).contains(&parse)
    }
}

/// A run of one script.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: Class,
    /// What is left without the words before and behind a name.
    pub(crate) name: (usize, usize),
    /// What that spells.
    pub(crate) parse: u8,
    /// Marks of the word before it, and what stands between.
    pub(crate) left: u32,
    pub(crate) left_gap: u8,
    /// Marks of the word behind it, and what stands between.
    pub(crate) right: u32,
    pub(crate) right_gap: u8,
    /// Digits and other signs of a run with digits, coarsely.
    pub(crate) figure: u8,
    /// Whether the note surely names a person so.
    pub(crate) is_known: bool,
}

/// Longest run that is tried as a name.
const LONGEST_NAME: usize = 12;
/// Longest surname in kanji.
const LONGEST_SURNAME: usize = 5;

/// Cuts the text into runs; every cell gets the number of its run.
pub(crate) fn cut(words: &Words, cells: &mut [Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut start = 0;
    while let Some(first) = cells.get(start) {
        let family = family_of(first.class);
        let rest = cells.get(start..).unwrap_or(&[]);
        let length = if family == Class::None {
            1
        } else {
            rest.iter()
                .take_while(|cell| goes_on(family, cell))
                .count()
                .max(1)
        };
        let end = start + length;
        let mut run = Run {
            start,
            end,
            class: first.class,
            name: (start, end),
            ..Run::default()
        };
        name(words, cells, &mut run);
        around(cells, &mut run);
        let number = runs.len() as u32;
        for cell in cells.get_mut(start..end).unwrap_or(&mut []) {
            cell.run = number;
        }
        runs.push(run);
        start = end;
    }
    runs
}

/// The script a run is made of; none for what stands alone.
fn family_of(class: Class) -> Class {
    match class {
        Class::Digit | Class::Upper | Class::Lower => Class::Digit,
        Class::Kanji | Class::Hiragana | Class::Katakana => class,
        _ => Class::None,
    }
}

fn goes_on(family: Class, cell: &Cell) -> bool {
    family_of(cell.class) == family || family == Class::Digit && cell.c == '-'
}

fn name(words: &Words, cells: &[Cell], run: &mut Run) {
    let length = run.end - run.start;
    if run.class == Class::Digit || family_of(run.class) == Class::Digit {
        run.figure = figure(cells.get(run.start..run.end).unwrap_or(&[]));
    }
    if length > LONGEST_NAME + 8 || family_of(run.class) == Class::None {
        return;
    }
    let leading = cells
        .get(run.start)
        .map_or(0, |cell| usize::from(cell.leading))
        .min(length);
    let behind = cells
        .get(run.end.wrapping_sub(1))
        .map_or(0, |cell| usize::from(cell.behind))
        .min(length);
    let facility = cells
        .get(run.start)
        .and_then(|cell| cell.hits.get(group::FACILITY))
        .filter(|hit| hit.part == part::FIRST)
        .map_or(0, |hit| usize::from(hit.length))
        .min(length);
    let tries = [
        (0, 0),
        (leading, 0),
        (0, behind),
        (leading, behind),
        (facility, behind),
    ];
    for (index, (cut_before, cut_behind)) in tries.into_iter().enumerate() {
        let is_bare_facility = index == 4 && (facility == 0 || behind == 0);
        if cut_before + cut_behind >= length || index > 0 && cut_before + cut_behind == 0 || is_bare_facility
        {
            continue;
        }
        let (start, end) = (run.start + cut_before, run.end - cut_behind);
        let parse = spell(words, cells.get(start..end).unwrap_or(&[]), run.class);
        if parse != spelled::NOTHING {
            run.name = (start, end);
            run.parse = parse;
            return;
        }
    }
    let first = cells.get(run.start).copied().unwrap_or_default();
    let whole = |place: usize| {
        first.hits.get(place).is_some_and(|hit| {
            usize::from(hit.length) == length && matches!(hit.part, part::FIRST | part::ONLY)
        })
    };
    run.parse = if whole(group::ANCHOR) {
        spelled::ANCHOR
    } else if whole(group::FACILITY) {
        spelled::FACILITY
    } else if whole(group::KEPT) {
        spelled::KEPT
    } else if whole(group::PLACE) {
        spelled::PLACE
    } else {
        spelled::NOTHING
    };
    if run.parse == spelled::NOTHING && leading + behind < length {
        run.name = (run.start + leading, run.end - behind);
    }
}

fn spell(words: &Words, cells: &[Cell], class: Class) -> u8 {
    if cells.is_empty() || cells.len() > LONGEST_NAME {
        return spelled::NOTHING;
    }
    let marks = |cells: &[Cell]| {
        let form = words.lexicon.form_of(cells.iter().map(|cell| cell.c));
        form.map_or(0, |form| words.lexicon.marks(form))
    };
    let whole = marks(cells);
    if class == Class::Kanji {
        if whole & mark::SURNAME_WORD != 0 {
            return spelled::SURNAME_WORD;
        }
        if whole & mark::SURNAME != 0 {
            return spelled::SURNAME;
        }
        if whole & mark::GIVEN != 0 {
            return spelled::GIVEN;
        }
        return both(cells, marks, mark::SURNAME, mark::GIVEN, spelled::BOTH);
    }
    if whole & mark::ROMAN != 0 && class != Class::Hiragana {
        return spelled::ROMAN;
    }
    if whole & mark::SURNAME_KANA != 0 {
        return spelled::KANA_SURNAME;
    }
    if whole & (mark::GIVEN_KANA | mark::GIVEN) != 0 {
        return spelled::KANA_GIVEN;
    }
    if family_of(class) == Class::Digit {
        return spelled::NOTHING;
    }
    both(
        cells,
        marks,
        mark::SURNAME_KANA,
        mark::GIVEN_KANA,
        spelled::KANA_BOTH,
    )
}

fn both(cells: &[Cell], marks: impl Fn(&[Cell]) -> u32, surname: u32, given: u32, parse: u8) -> u8 {
    let longest = LONGEST_SURNAME.min(cells.len().saturating_sub(1));
    for length in (1..=longest).rev() {
        if let Some((head, tail)) = cells.split_at_checked(length)
            && marks(head) & surname != 0
            && marks(tail) & given != 0
        {
            return parse;
        }
    }
    spelled::NOTHING
}

/// Digits, letters and dashes of a run, coarsely: buckets of each.
fn figure(cells: &[Cell]) -> u8 {
    let count = |class: fn(&Cell) -> bool| cells.iter().filter(|cell| class(cell)).count();
    let digits = count(|cell| cell.class == Class::Digit).min(12) as u8;
    let letters = count(|cell| cell.class.is_letter()).min(3) as u8;
    let dashes = count(|cell| cell.c == '-').min(3) as u8;
    digits << 4 | letters << 2 | dashes
}

/// What stands between a run and the word beside it.
fn gap_of(class: Class) -> u8 {
    match class {
        Class::Blank => 1,
        Class::Colon => 2,
        Class::Open => 3,
        Class::Close => 4,
        Class::Slash | Class::Dot | Class::Comma => 5,
        Class::Line => 6,
        _ => 7,
    }
}

fn around(cells: &[Cell], run: &mut Run) {
    const FARTHEST: usize = 3;
    let (start, end) = run.name;
    let mut gap = 0;
    for distance in 0..=FARTHEST {
        let Some(at) = start.checked_sub(distance) else {
            break;
        };
        let Some(cell) = cells.get(at) else { break };
        if cell.led_by != 0 {
            run.left = cell.led_by;
            break;
        }
        let before = at
            .checked_sub(1)
            .and_then(|at| cells.get(at))
            .map_or(Class::None, |cell| cell.class);
        if before.is_word() || before == Class::None {
            break;
        }
        gap = gap.max(gap_of(before));
        if before == Class::Line {
            break;
        }
    }
    run.left_gap = gap;
    let mut gap = 0;
    for distance in 0..=FARTHEST {
        let Some(cell) = cells.get(end + distance) else {
            break;
        };
        if cell.begins != 0 {
            run.right = cell.begins;
            break;
        }
        if let Some(hit) = cell
            .hits
            .get(group::FACILITY)
            .filter(|hit| hit.part != part::NONE && distance == 0)
        {
            run.right = hit.marks;
            break;
        }
        if cell.class.is_word() {
            break;
        }
        gap = gap.max(gap_of(cell.class));
        if cell.class == Class::Line {
            break;
        }
    }
    run.right_gap = gap;
}
