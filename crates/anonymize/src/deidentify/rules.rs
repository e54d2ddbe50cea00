//! What stands beside what was found: days in a row of days, initials before an honorific, whole addresses, institutions
//! that the words around them name.

use super::block::{Block, group, part};
use super::combine::overlap;
use super::fold::Class;
use super::numerals::{Numeral, Shape};
use super::runs::spelled;
use super::words::{Words, mark};
use super::{Found, Kind, institutions};

/// Adds what the rules find where nothing was found; spans are in their order, and so they are left.
pub(crate) fn complete(words: &Words, block: &Block, spans: &mut Vec<Found>) {
    days(block, spans);
    initials(block, spans);
    names(block, spans);
    led(block, spans);
    beside(block, spans);
    addresses(block, spans);
    places(block, spans);
    institutions::find(block, spans);
    institutions::join(block, spans);
    institutions::extend(words, block, spans);
    institutions::cut(block, spans);
}

/// Takes away what cannot be what the model says: a date, an age or a mail address where no grammar reads one, a
/// telephone number of few digits, a person where a word of kinship stands.
pub(crate) fn check(block: &Block, spans: &mut Vec<Found>) {
    const FEWEST_DIGITS: usize = 6;
    for span in spans.iter_mut() {
        // What opens a bracket and does not close it ends before the bracket.
        let cells = block.cells.get(span.start..span.end).unwrap_or(&[]);
        let open = cells.iter().rposition(|cell| cell.class == Class::Open);
        let closes = cells
            .iter()
            .skip(open.unwrap_or(0))
            .any(|cell| cell.class == Class::Close);
        if let Some(open) = open.filter(|open| *open > 0 && !closes) {
            span.end = span.start + open;
        }
    }
    spans.retain(|span| {
        let cells = block.cells.get(span.start..span.end).unwrap_or(&[]);
        match span.kind {
            Kind::Date | Kind::Age | Kind::Email => cells.iter().any(|cell| cell.numeral != 0),
            Kind::Phone => cells.iter().filter(|cell| cell.class == Class::Digit).count() >= FEWEST_DIGITS,
            Kind::Person => {
                let first = block.at(span.start, 0);
                let word = usize::from(first.leading);
                !(first.leading_marks & mark::KIN != 0 && word > span.end - span.start)
            }
            _ => true,
        }
    });
}

/// Whether a span of the list overlaps this one; the list is sorted and disjoint.
pub(crate) fn is_covered(spans: &[Found], start: usize, end: usize) -> bool {
    let from = spans.partition_point(|span| span.end <= start);
    spans.get(from).is_some_and(|span| span.start < end)
}

pub(crate) fn add(spans: &mut Vec<Found>, mut found: Vec<Found>) {
    if !found.is_empty() {
        spans.append(&mut found);
        spans.sort_unstable();
    }
}

/// A figure beside a date is a date where only signs of a list or a range stand between; so is a figure that begins its
/// line where another line begins with a date.
fn days(block: &Block, spans: &mut Vec<Found>) {
    let is_day = |numeral: &Numeral| {
        matches!(
            numeral.shape,
            Shape::SlashDay | Shape::DashDay | Shape::DotDay | Shape::ShortDay | Shape::ShortMonth
        )
    };
    let begins_line = |at: usize| matches!(block.at(at, -1).class, Class::Line | Class::None);
    let is_date = |spans: &[Found], numeral: &Numeral| {
        let from = spans.partition_point(|span| span.end <= numeral.start);
        spans
            .get(from)
            .is_some_and(|span| span.kind == Kind::Date && span.start < numeral.end)
    };
    let numerals = &block.numerals;
    let opens = numerals
        .iter()
        .any(|numeral| begins_line(numeral.start) && is_date(spans, numeral));
    let mut found = Vec::new();
    let date = |numeral: &Numeral| Found {
        start: numeral.start,
        end: numeral.end,
        kind: Kind::Date,
    };
    for (index, numeral) in numerals.iter().enumerate() {
        if !is_day(numeral) || is_covered(spans, numeral.start, numeral.end) {
            continue;
        }
        let joins = |one: &Numeral, other: &Numeral| {
            const FARTHEST: usize = 2;
            let gap = block.cells.get(one.end..other.start).unwrap_or(&[]);
            let only_signs = gap
                .iter()
                .all(|cell| matches!(cell.class, Class::Comma | Class::Dash | Class::Dot | Class::Blank));
            !gap.is_empty() && gap.len() <= FARTHEST && only_signs
        };
        let before = index.checked_sub(1).and_then(|before| numerals.get(before));
        let is_after = before.is_some_and(|before| {
            joins(before, numeral) && (is_date(spans, before) || found.last() == Some(&date(before)))
        });
        let is_before = numerals
            .get(index + 1)
            .is_some_and(|next| joins(numeral, next) && is_date(spans, next) && next.shape == numeral.shape);
        let is_entry = opens && begins_line(numeral.start) && block.at(numeral.end, 0).class == Class::Blank;
        if is_after || is_before || is_entry {
            found.push(date(numeral));
        }
    }
    add(spans, found);
}

/// Capitals with or without stops right before an honorific are a person: `K.S.さん`, `Y氏`.
fn initials(block: &Block, spans: &mut Vec<Found>) {
    const MOST: usize = 6;
    let mut found = Vec::new();
    for (at, cell) in block.cells.iter().enumerate() {
        if cell.class != Class::Upper || block.at(at, -1).class.is_ascii_word() || block.at(at, -1).c == '.' {
            continue;
        }
        let mut end = at + 1;
        while end - at < MOST
            && (block.at(end, 0).c == '.'
                || block.at(end, 0).class == Class::Upper && block.at(end, -1).c == '.')
        {
            end += 1;
        }
        let behind = block.at(end, 0);
        let is_title = behind.begins & mark::BEHIND != 0 && !behind.class.is_ascii_word();
        if is_title && !is_covered(spans, at, end) {
            found.push(Found {
                start: at,
                end,
                kind: Kind::Person,
            });
        }
    }
    add(spans, found);
}

/// Whether a place lies in a term that stays.
fn is_kept(block: &Block, start: usize, end: usize) -> bool {
    let hit = block
        .at(start, 0)
        .hits
        .get(group::KEPT)
        .copied()
        .unwrap_or_default();
    hit.part != part::NONE && usize::from(hit.length) > end - start
}

/// Surname and given name of the tables beside each other are a person, and so is a surname right before a title; two
/// names with a blank between are one.
fn names(block: &Block, spans: &mut Vec<Found>) {
    let mut found: Vec<Found> = Vec::new();
    for (index, run) in block.runs.iter().enumerate() {
        if !spelled::is_name(run.parse) {
            continue;
        }
        let (start, end) = run.name;
        let first = block.at(start, 0);
        if first.leading_marks & mark::KIN != 0 && usize::from(first.leading) > end - start {
            continue;
        }
        let is_kanji = matches!(run.parse, spelled::SURNAME | spelled::SURNAME_WORD);
        let before = block.at(start, -1);
        let begins = !before.class.is_word() || start > run.start || block.at(start, 0).led_by != 0;
        let blank = block.runs.get(index + 1).copied().unwrap_or_default();
        let next = block.runs.get(index + 2).copied().unwrap_or_default();
        let given = match run.parse {
            spelled::SURNAME | spelled::SURNAME_WORD => {
                matches!(next.parse, spelled::GIVEN | spelled::KANA_GIVEN)
            }
            spelled::KANA_SURNAME => next.parse == spelled::KANA_GIVEN && next.class == run.class,
            _ => false,
        };
        let is_pair = given
            && begins
            && blank.class == Class::Blank
            && blank.end - blank.start == 1
            && end == run.end
            && next.name.0 == next.start
            && (next.name.1 < next.end
                || !block.at(next.end, 0).class.is_word()
                || next.class == Class::Kanji && block.at(next.end, 0).class != Class::Kanji);
        if is_pair {
            found.push(Found {
                start,
                end: next.name.1,
                kind: Kind::Person,
            });
        } else if is_kanji
            && begins
            && run.right & mark::BEHIND != 0
            && run.right_gap == 0
            && !is_kept(block, start, end)
        {
            found.push(Found {
                start,
                end,
                kind: Kind::Person,
            });
        }
    }
    found.retain(|new| {
        !spans.iter().any(|span| {
            overlap(span, new)
                && (span.kind != Kind::Person || span.start <= new.start && new.end <= span.end)
        })
    });
    spans.retain(|span| !found.iter().any(|new| overlap(span, new)));
    add(spans, found);
    foreign(block, spans);
    join_names(block, spans);
}

/// A surname and a given name that were found apart, with a blank between, are one name.
fn join_names(block: &Block, spans: &mut Vec<Found>) {
    spans.dedup_by(|next, span| {
        let parse = |at: usize| {
            block
                .runs
                .get(block.at(at, 0).run as usize)
                .map_or(0, |run| run.parse)
        };
        let is_one = span.kind == Kind::Person
            && next.kind == Kind::Person
            && next.start == span.end + 1
            && block.at(span.end, 0).class == Class::Blank
            && matches!(
                parse(span.start),
                spelled::SURNAME | spelled::SURNAME_WORD | spelled::KANA_SURNAME | spelled::ROMAN
            )
            && matches!(
                parse(next.start),
                spelled::GIVEN | spelled::KANA_GIVEN | spelled::ROMAN | spelled::SURNAME_WORD
            )
            && block.at(next.end, 0).begins & mark::BEHIND == 0;
        if is_one {
            span.end = next.end;
        }
        is_one
    });
}

/// Whether a run is a name as a whole, with no more of its word before or behind it.
fn is_whole_name(block: &Block, index: usize) -> bool {
    let run = block.runs.get(index).copied().unwrap_or_default();
    let is_kanji = matches!(
        run.parse,
        spelled::SURNAME | spelled::SURNAME_WORD | spelled::BOTH
    );
    is_kanji
        && run.name == (run.start, run.end)
        && !is_kept(block, run.start, run.end)
        && block.at(run.start, 0).ahead.distance != 1
}

/// A name behind a role or a label and a sign; one that speaks at the head of a line; one that signs the note.
fn led(block: &Block, spans: &mut Vec<Found>) {
    let mut found = Vec::new();
    for (index, run) in block.runs.iter().enumerate() {
        if !is_whole_name(block, index) || is_covered(spans, run.start, run.end) {
            continue;
        }
        let (before, behind) = (block.at(run.start, -1).class, block.at(run.end, 0).class);
        let is_role = run.left & (mark::BEFORE | mark::LABEL_STAFF | mark::LABEL_PATIENT) != 0
            && matches!(run.left_gap, 1..=2);
        let is_word = run.parse == spelled::SURNAME_WORD;
        let adjoins = run.left & (mark::BEFORE | mark::LABEL_STAFF) != 0 && run.left_gap == 0 && !is_word;
        let ends = !behind.is_word() || behind == Class::Hiragana && !is_word;
        let speaks = matches!(before, Class::Line | Class::None) && behind == Class::Colon;
        let signs = run.start >= block.last_line
            && !before.is_word()
            && before != Class::Comma
            && matches!(behind, Class::Line | Class::None);
        if ends && (is_role || adjoins) || speaks || signs {
            found.push(Found {
                start: run.start,
                end: run.end,
                kind: Kind::Person,
            });
        }
    }
    add(spans, found);
}

/// A name beside a person with one sign of a list between.
fn beside(block: &Block, spans: &mut Vec<Found>) {
    let is_person = |spans: &[Found], at: usize| {
        let from = spans.partition_point(|span| span.end <= at);
        spans
            .get(from)
            .is_some_and(|span| span.start <= at && span.kind == Kind::Person)
    };
    let joins = |at: usize| {
        matches!(
            block.at(at, 0).class,
            Class::Dot | Class::Slash | Class::Comma | Class::Dash
        )
    };
    let mut found: Vec<Found> = Vec::new();
    for (index, run) in block.runs.iter().enumerate() {
        let is_free = is_whole_name(block, index) && !is_covered(spans, run.start, run.end);
        if !is_free
            || run.start < 2
            || block.at(run.end, 0).class.is_word() && block.at(run.end, 0).begins == 0
        {
            continue;
        }
        let last = found.last().is_some_and(|last| last.end + 1 == run.start);
        let after = joins(run.start - 1) && (last || is_person(spans, run.start - 2));
        let before = joins(run.end) && is_person(spans, run.end + 1) && block.at(run.start, -1).led_by == 0;
        let leads = joins(run.end) && before && block.at(run.end, 0).class != Class::Comma;
        if after || leads {
            found.push(Found {
                start: run.start,
                end: run.end,
                kind: Kind::Person,
            });
        }
    }
    add(spans, found);
}

/// A foreign name goes on: katakana behind a middle dot, a capitalised word behind a blank.
fn foreign(block: &Block, spans: &mut [Found]) {
    let starts: Vec<usize> = spans.iter().map(|span| span.start).collect();
    for (index, span) in spans
        .iter_mut()
        .enumerate()
        .filter(|(_, span)| span.kind == Kind::Person)
    {
        let limit = starts.get(index + 1).copied().unwrap_or(usize::MAX);
        let joint = block.at(span.end, 0);
        let last = block.at(span.end, -1);
        let next = block
            .runs
            .get(block.at(span.end, 1).run as usize)
            .copied()
            .unwrap_or_default();
        let first = block.at(span.end, 1);
        let kana =
            joint.class == Class::Dot && last.class == Class::Katakana && first.class == Class::Katakana;
        let latin = joint.class == Class::Blank
            && last.class == Class::Lower
            && first.class == Class::Upper
            && block.at(span.end, 2).class == Class::Lower
            && next.parse != spelled::ANCHOR
            && next.parse != spelled::KEPT
            && next.parse != spelled::FACILITY;
        if (kana || latin) && next.end <= limit && next.end > span.end {
            span.end = next.end;
        }
    }
}

/// Municipalities that nothing else holds; places with a word such as 駅 behind them; buildings with a number.
fn places(block: &Block, spans: &mut Vec<Found>) {
    let mut found: Vec<Found> = Vec::new();
    for (start, end, _) in &block.addresses {
        for span in spans
            .iter_mut()
            .filter(|span| span.start <= *start && *start < span.end)
        {
            let is_no_institution =
                matches!(span.kind, Kind::Hospital | Kind::Org) && !institutions::is_told(block, span);
            let is_led = span.kind == Kind::Location && block.at(*start, 0).led_by != 0 && *end <= span.end;
            if is_no_institution || is_led {
                span.start = *start;
                span.kind = Kind::Location;
                if is_no_institution {
                    span.end = (*end).min(span.end);
                }
            }
        }
        let of_institution = block.at(*start, 0).ahead.marks != 0 && !block.at(*start, 0).ahead.particle;
        if !of_institution && !is_covered(spans, *start, *end) && !is_kept(block, *start, *end) {
            found.push(Found {
                start: *start,
                end: *end,
                kind: Kind::Location,
            });
        }
    }
    for (at, cell) in block.cells.iter().enumerate() {
        let Some(site) = cell.hits.get(group::SITE) else {
            continue;
        };
        if !matches!(site.part, part::FIRST | part::ONLY) {
            continue;
        }
        let place = block
            .at(at, -1)
            .hits
            .get(group::PLACE)
            .copied()
            .unwrap_or_default();
        let is_end = matches!(place.part, part::LAST | part::ONLY);
        let end = at + usize::from(site.length);
        if is_end && site.marks & mark::GEOGRAPHY != 0 {
            let start = at - usize::from(place.length);
            if !is_covered(spans, start, end)
                && !is_covered(&found, start, end)
                && !is_kept(block, start, end)
                && block.at(start, -1).class != Class::Kanji
            {
                found.push(Found {
                    start,
                    end,
                    kind: Kind::Location,
                });
            }
        }
    }
    found.sort_unstable();
    add(spans, found);
}

/// An address with a postcode or a house number is one span, whatever parts of it were found.
fn addresses(block: &Block, spans: &mut Vec<Found>) {
    let mut found = Vec::new();
    for (start, end, is_sure) in &block.addresses {
        let of_institution = block.at(*end, 0).ahead.marks != 0 && block.at(*end, 0).ahead.distance < 3;
        if !is_sure || of_institution {
            continue;
        }
        let mut whole = Found {
            start: *start,
            end: *end,
            kind: Kind::Location,
        };
        let is_other = |span: &Found| {
            overlap(span, &whole)
                && (matches!(span.kind, Kind::Id | Kind::Phone) || institutions::is_told(block, span))
        };
        if spans.iter().any(is_other) {
            continue;
        }
        let chain = whole;
        for span in spans
            .iter()
            .filter(|span| overlap(span, &chain) && span.kind == Kind::Location)
        {
            // The model sees names of buildings that no table holds.
            whole.end = whole.end.max(span.end);
            whole.start = whole.start.min(span.start);
        }
        found.push(whole);
    }
    spans.retain(|span| !found.iter().any(|whole| overlap(span, whole)));
    add(spans, found);
}
