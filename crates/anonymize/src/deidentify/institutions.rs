//! Institutions: a name before a word for one, the same in several parts, and the department behind it that is none.

use super::block::{Block, Hit, group, part};
use super::fold::Class;
use super::rules::{add, is_covered};
use super::words::{Words, mark};
use super::{Found, Kind};

fn is_institution(kind: Kind) -> bool {
    matches!(kind, Kind::Hospital | Kind::Org)
}

/// Whether a span is an institution with a word for one in it.
pub(crate) fn is_told(block: &Block, span: &Found) -> bool {
    is_institution(span.kind) && (span.start..span.end).any(|at| facility(block, at).part != part::NONE)
}

fn facility(block: &Block, at: usize) -> Hit {
    block
        .at(at, 0)
        .hits
        .get(group::FACILITY)
        .copied()
        .unwrap_or_default()
}

/// Where the words for institutions that begin here end, in a row.
fn row_end(block: &Block, start: usize) -> usize {
    let mut end = start;
    while matches!(facility(block, end).part, part::FIRST | part::ONLY) {
        end += usize::from(facility(block, end).length);
    }
    end
}

/// Joins the parts of one institution: side by side, or with a blank behind a legal form or a kind of institution; takes
/// the place before の in.
pub(crate) fn join(block: &Block, spans: &mut Vec<Found>) {
    spans.dedup_by(|next, span| {
        let are = is_institution(span.kind) && is_institution(next.kind);
        let gap = next.start - span.end.min(next.start);
        let is_kind = row_end(block, span.start) == span.end;
        let blank = gap == 1 && block.at(span.end, 0).class == Class::Blank;
        let is_one = are && (gap == 0 || blank && is_kind);
        if is_one {
            span.end = next.end;
            span.kind = next.kind;
        }
        is_one
    });
    let mut last_end = 0;
    for span in spans.iter_mut() {
        if is_institution(span.kind)
            && let Some(start) = place_before(block, span.start)
            && start >= last_end
        {
            span.start = start;
        }
        last_end = span.end;
    }
}

/// The place that names an institution with の between.
fn place_before(block: &Block, start: usize) -> Option<usize> {
    let joiner = start.checked_sub(1)?;
    let end = joiner;
    let is_joiner = block.at(joiner, 0).class == Class::Hiragana && block.at(joiner, 0).c == JOINER;
    if !is_joiner || block.at(end, -1).class != Class::Kanji {
        return None;
    }
    let mut at = end;
    while at > 0 && end - at < 5 && block.at(at, -1).class == Class::Kanji {
        at -= 1;
    }
    let first = block.at(at, 0);
    let is = |group: usize| first.hits.get(group).copied().unwrap_or_default();
    let names = is(group::PLACE).part == part::FIRST || is(group::NAME).part == part::FIRST;
    let other = is(group::KEPT).part != part::NONE
        || is(group::ANCHOR).part != part::NONE
        || is(group::FACILITY).part != part::NONE;
    (names && !other && end - at >= 2).then_some(at)
}

/// The particle that joins a place and an institution.
const JOINER: char = '\u{306e}';

/// Takes the name behind a word for an institution in: `ケアホームみなもと`, `デイサービス 桜の園`; and the kind that the last word
/// tells.
pub(crate) fn extend(words: &Words, block: &Block, spans: &mut [Found]) {
    let starts: Vec<usize> = spans.iter().map(|span| span.start).collect();
    for (index, span) in spans
        .iter_mut()
        .enumerate()
        .filter(|(_, span)| is_institution(span.kind))
    {
        let limit = starts.get(index + 1).copied().unwrap_or(usize::MAX);
        let only_kind = row_end(block, span.start) == span.end;
        if let Some(end) = name_behind(words, block, span.end, only_kind).filter(|end| *end <= limit) {
            span.end = end;
        }
        let told = (span.start..span.end)
            .rev()
            .map(|at| facility(block, at))
            .find(|hit| hit.part != part::NONE);
        if let Some(hit) = told {
            let is_hospital = hit.marks & (mark::HOSPITAL | mark::CLINIC) != 0;
            span.kind = if is_hospital { Kind::Hospital } else { Kind::Org };
        }
    }
}

/// Where a name of kana ends that begins right here, without the particle at its end.
fn name_behind(words: &Words, block: &Block, start: usize, only_kind: bool) -> Option<usize> {
    const FEWEST: usize = 2;
    const MOST: usize = 8;
    let first = block.at(start, 0);
    let run = block.runs.get(first.run as usize).copied().unwrap_or_default();
    if !only_kind || run.start != start || !matches!(first.class, Class::Hiragana | Class::Katakana) {
        return None;
    }
    let is_particle = |at: usize| words.particles.contains(&block.at(at, 0).c);
    let mut end = run.end;
    if first.class == Class::Hiragana {
        if is_particle(start) {
            return None;
        }
        if is_particle(end - 1) && end - start > FEWEST {
            end -= 1;
        }
    }
    let kept = first
        .hits
        .get(group::KEPT)
        .is_some_and(|hit| hit.part != part::NONE);
    let known = first.leading > 0 || first.begins != 0 || kept;
    (!known && (FEWEST..=MOST).contains(&(end - start))).then_some(end)
}

/// Takes common words and words that lead to a name off the front of an institution.
fn without_leading(block: &Block, span: &mut Found) {
    const SHORTEST: usize = 3;
    for _ in 0..3 {
        let first = block.at(span.start, 0);
        let kept = first.hits.get(group::KEPT).copied().unwrap_or_default();
        let common = if kept.marks & mark::COMMON != 0 && kept.part == part::FIRST {
            usize::from(kept.length)
        } else {
            0
        };
        let leads = first.leading_marks & (mark::KIN | mark::LABEL_FACILITY) != 0;
        let leading = if leads { usize::from(first.leading) } else { 0 };
        let cut = common.max(leading);
        let word = facility(block, span.start);
        let own = if word.part == part::FIRST {
            usize::from(word.length)
        } else {
            0
        };
        if cut < 2 || own >= cut || span.end - span.start < cut + SHORTEST {
            return;
        }
        // A common word right before a kind of institution that wants a name is that name (港町クリニック).
        let rest = facility(block, span.start + cut);
        let is_name = rest.marks & mark::NEEDS_NAME != 0 && row_end(block, span.start + cut) == span.end;
        if leading == 0 && is_name {
            return;
        }
        span.start += cut;
        while matches!(block.at(span.start, 0).class, Class::Blank) || block.at(span.start, 0).c == JOINER {
            span.start += 1;
        }
    }
}

/// Cuts a department off behind the name of a hospital, and drops kinds of institutions without any name.
pub(crate) fn cut(block: &Block, spans: &mut Vec<Found>) {
    for span in spans.iter_mut().filter(|span| is_institution(span.kind)) {
        without_leading(block, span);
        let leading = (span.start..span.end)
            .take_while(|at| block.at(*at, 0).class == Class::Hiragana)
            .count();
        let first = span.start + leading;
        if leading > 0
            && block.at(first, -1).c == JOINER
            && first < span.end
            && (leading == 1 || block.at(span.start, -1).class == Class::Hiragana)
        {
            span.start = first;
        }
        let mut at = span.start;
        let mut named_end = None;
        while at < span.end {
            let hit = facility(block, at);
            if !matches!(hit.part, part::FIRST | part::ONLY) {
                at += 1;
                continue;
            }
            let end = at + usize::from(hit.length);
            let is_department = hit.marks & mark::CLINIC != 0 && hit.marks & mark::NEEDS_NAME != 0;
            if !is_department && hit.marks & (mark::HOSPITAL | mark::CLINIC) != 0 {
                named_end = Some(end);
            }
            at = end;
        }
        let tail = named_end.filter(|end| *end < span.end);
        if let Some(end) = tail {
            let behind = (end..span.end).any(|at| facility(block, at).marks & mark::CLINIC != 0);
            if behind && row_end(block, span.end.saturating_sub(1)) <= span.end {
                span.end = end;
            }
        }
    }
    spans.retain(|span| {
        let only_kind = is_institution(span.kind) && row_end(block, span.start) == span.end;
        let last = facility(block, span.end.saturating_sub(1));
        let is_unnamed = last.marks & mark::NEEDS_NAME != 0 || last.marks & mark::HOSPITAL == 0;
        !(only_kind && is_unnamed)
    });
}

/// Longest name before a word for an institution.
const LONGEST_NAME: usize = 14;

/// A word for an institution with a name before it, where nothing was found.
pub(crate) fn find(block: &Block, spans: &mut Vec<Found>) {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < block.cells.len() {
        let hit = facility(block, at);
        if !matches!(hit.part, part::FIRST | part::ONLY) {
            at += 1;
            continue;
        }
        let (start, mut end) = (at, at + usize::from(hit.length));
        let mut marks = hit.marks;
        // Words for institutions in a row make one.
        while let Some(next) = block.at(end, 0).hits.get(group::FACILITY)
            && matches!(next.part, part::FIRST | part::ONLY)
        {
            marks = next.marks;
            end += usize::from(next.length);
        }
        at = end;
        if is_covered(spans, start, end) || is_covered(&found, start, end) || end - start < 2 {
            continue;
        }
        const SHORT: usize = 3;
        let is_short_form =
            marks & mark::HOSPITAL != 0 && marks & mark::NEEDS_NAME == 0 && end - start <= SHORT;
        let Some(name) = named(block, start).or_else(|| is_short_form.then_some(start)) else {
            continue;
        };
        if is_covered(spans, name, end) || goes_on(block, end) {
            continue;
        }
        let kind = if marks & (mark::HOSPITAL | mark::CLINIC) != 0 {
            Kind::Hospital
        } else {
            Kind::Org
        };
        found.push(Found {
            start: name,
            end,
            kind,
        });
    }
    add(spans, found);
}

/// Whether the word for an institution is a part of a longer word of its script.
fn goes_on(block: &Block, end: usize) -> bool {
    let (last, next) = (block.at(end, -1), block.at(end, 0));
    next.class == last.class && next.class == Class::Katakana
}

/// Where the name before a word for an institution begins, if a name stands there: word by word to the left up to a sign,
/// a particle, or a word that leads to a name; it must hold a name of a person or a place, or kana that no table of
/// words knows.
fn named(block: &Block, start: usize) -> Option<usize> {
    if block.at(start, 0).class == Class::Upper {
        return latin_name(block, start);
    }
    let mut at = start;
    let mut telling = false;
    while at > 0 && start - at < LONGEST_NAME {
        let cell = block.at(at, -1);
        let is_lone = cell.class == Class::Hiragana
            && block.at(at, -2).class != Class::Hiragana
            && block.at(at, 0).class != Class::Hiragana;
        let is_joiner = cell.c == JOINER;
        if is_joiner || !matches!(cell.class, Class::Kanji | Class::Katakana | Class::Hiragana) || is_lone {
            break;
        }
        if block.at(at, 0).led_by != 0 && at < start {
            break;
        }
        at -= 1;
        let here = block.at(at, 0);
        let is = |group: usize| here.hits.get(group).is_some_and(|hit| hit.part != part::NONE);
        telling |= (is(group::PLACE) || is(group::NAME)) && !is(group::KEPT);
        telling |= here.class == Class::Katakana && !is(group::KEPT) && !is(group::FACILITY);
    }
    // A name in hiragana: as far as a table knows it, else the run without the particle before it.
    if block.at(start, -1).class == Class::Hiragana {
        let hit = block
            .at(start, -1)
            .hits
            .get(group::NAME)
            .copied()
            .unwrap_or_default();
        let length = usize::from(hit.length);
        if hit.part == part::LAST && length >= 2 {
            return Some(start - length);
        }
    }
    let first = block.at(at, 0);
    let is_word = |group: usize| {
        first
            .hits
            .get(group)
            .is_some_and(|hit| hit.part != part::NONE && hit.marks != 0)
    };
    let begins_name = is_word(group::NAME) || is_word(group::PLACE) || first.class == Class::Katakana;
    (at < start && telling && begins_name && first.class != Class::Hiragana).then_some(at)
}

/// Capitalised words before an English word for an institution.
fn latin_name(block: &Block, start: usize) -> Option<usize> {
    const MOST_WORDS: usize = 3;
    let mut at = start;
    for _ in 0..MOST_WORDS {
        if block.at(at, -1).class != Class::Blank {
            break;
        }
        let run = block
            .runs
            .get(block.at(at, -2).run as usize)
            .copied()
            .unwrap_or_default();
        let is_capital =
            block.at(run.start, 0).class == Class::Upper && block.at(run.start, 1).class == Class::Lower;
        if run.end + 1 != at || !is_capital {
            break;
        }
        at = run.start;
    }
    (at < start).then_some(at)
}
