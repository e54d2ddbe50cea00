//! The decision: labels of the model, what grammars read surely, what is known, what must stay, and the same name
//! elsewhere in the note.

use super::block::{Block, group, part};
use super::features::features;
use super::fold::{Class, class_of, fold};
use super::known::Needles;
use super::model::Scores;
use super::numerals::{Numeral, Shape};
use super::rules;
use super::runs::spelled;
use super::words::{Words, mark};
use super::{Deidentifier, Doubt, FEATURES, Findings, Found, Kind, REACH, Reason};
use rustc_hash::{FxHashMap, FxHashSet};

/// Longest line that is labelled at once, in characters.
const LONGEST_LINE: usize = 1_024;

/// The lines of a block, longer ones in parts.
pub(crate) fn lines(block: &Block) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, cell) in block.cells.iter().enumerate() {
        let is_long = at - start >= LONGEST_LINE && !cell.class.is_word() || at - start >= 2 * LONGEST_LINE;
        if cell.class == Class::Line || is_long {
            if at > start {
                lines.push((start, at));
            }
            start = if cell.class == Class::Line { at + 1 } else { at };
        }
    }
    if start < block.cells.len() {
        lines.push((start, block.cells.len()));
    }
    lines
}

/// Names that the note surely gives a person: whole names, names with an honorific, names behind a label.
pub(crate) fn sure_names(words: &Words, block: &Block, names: &mut FxHashSet<String>) {
    const COLON: u8 = 2;
    for run in &block.runs {
        if !spelled::is_name(run.parse) || run.class == Class::Hiragana && run.name.1 - run.name.0 < 3 {
            continue;
        }
        let honoured = run.right & mark::BEHIND != 0 && run.right_gap == 0;
        let labels = mark::LABEL_PATIENT | mark::LABEL_STAFF | mark::BEFORE;
        let labelled = run.left & labels != 0 && run.left_gap == COLON;
        let is_whole = run.parse == spelled::BOTH;
        if honoured || labelled || is_whole {
            let name: String = block.chars(run.name.0, run.name.1).collect();
            if is_whole {
                names.extend(halves(words, &name));
            }
            names.insert(name);
        }
    }
    for (surname, rest) in block
        .runs
        .iter()
        .zip(block.runs.get(1..).unwrap_or(&[]).windows(2))
    {
        let [blank, given] = rest else { continue };
        let is_pair = matches!(surname.parse, spelled::SURNAME | spelled::SURNAME_WORD)
            && blank.class == Class::Blank
            && given.parse == spelled::GIVEN
            && surname.name.1 == surname.end
            && given.name.0 == given.start;
        if is_pair {
            names.insert(block.chars(surname.name.0, surname.name.1).collect());
            names.insert(block.chars(given.name.0, given.name.1).collect());
        }
    }
}

/// A whole name cut into surname and given name, where the tables know both.
fn halves(words: &Words, name: &str) -> Vec<String> {
    let mut places: Vec<usize> = name.char_indices().skip(1).map(|(at, _)| at).collect();
    places.reverse();
    let cut = places.into_iter().find_map(|at| {
        let (surname, given) = name.split_at_checked(at)?;
        let marks = |form: &str| {
            words
                .lexicon
                .form_of(form.chars())
                .map_or(0, |form| words.lexicon.marks(form))
        };
        (marks(surname) & mark::SURNAME != 0 && marks(given) & mark::GIVEN != 0)
            .then(|| vec![surname.to_owned(), given.to_owned()])
    });
    cut.unwrap_or_default()
}

/// What a block holds; offsets are those of the block.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    spans: Vec<Found>,
    review: Vec<Doubt>,
    /// Places where a name must not be found: terms that stay.
    kept: Vec<(usize, usize)>,
}

/// Decides about a block.
pub(crate) fn decide(deidentifier: &Deidentifier, block: &Block, known: &Needles) -> Decided {
    let mut decided = Decided {
        kept: kept(block),
        ..Decided::default()
    };
    let mut lax = Vec::new();
    let mut strict = Vec::new();
    if let Some(model) = &deidentifier.model {
        let mut emissions: Vec<Scores> = Vec::new();
        let mut labels = Vec::new();
        let mut filled = [0; FEATURES];
        for (from, to) in lines(block) {
            emissions.clear();
            for at in from..to {
                features(block, at, &mut filled);
                emissions.push(model.emission(&filled));
            }
            for (outside, spans) in [
                (deidentifier.outside, &mut decided.spans),
                (deidentifier.outside + REACH, &mut lax),
                (deidentifier.outside - REACH, &mut strict),
            ] {
                model.decode(&emissions, outside, &mut labels);
                spans_of(&labels, from, spans);
            }
        }
    }
    trim(block, &mut decided.spans);
    rules::check(block, &mut decided.spans);
    force(block, &mut decided.spans);
    decided.spans.sort_unstable();
    rules::complete(&deidentifier.words, block, &mut decided.spans);
    veto(&mut decided);
    known.find(block, &mut decided.spans);
    decided.spans.sort_unstable();
    doubts(&mut decided, &lax, &strict);
    decided
}

fn spans_of(labels: &[u8], start: usize, spans: &mut Vec<Found>) {
    let mut open: Option<Found> = None;
    for (at, label) in (start..).zip(labels) {
        match (Kind::of_label(*label), &mut open) {
            (Some((kind, false)), Some(found)) if found.kind == kind => found.end = at + 1,
            (Some((kind, _)), _) => {
                spans.extend(open.take());
                open = Some(Found {
                    start: at,
                    end: at + 1,
                    kind,
                });
            }
            (None, _) => spans.extend(open.take()),
        }
    }
    spans.extend(open);
}

/// Takes blanks and marks off the ends of spans.
fn trim(block: &Block, spans: &mut Vec<Found>) {
    let is_open = |at: usize| {
        let class = block.at(at, 0).class;
        matches!(
            class,
            Class::Blank
                | Class::Comma
                | Class::Colon
                | Class::Slash
                | Class::Close
                | Class::Stop
                | Class::Line
                | Class::Dash
        )
    };
    for span in spans.iter_mut() {
        while span.start < span.end && is_open(span.start) {
            span.start += 1;
        }
        let is_initial =
            |end: usize| block.at(end - 1, 0).c == '.' && block.at(end, -2).class == Class::Upper;
        while span.end > span.start
            && is_open(span.end - 1)
            && block.at(span.end - 1, 0).c != ')'
            && !is_initial(span.end)
        {
            span.end -= 1;
        }
    }
    spans.retain(|span| span.start < span.end);
}

/// Terms with a name in them that must stay, and medical terms that are longer than a name.
fn kept(block: &Block) -> Vec<(usize, usize)> {
    let mut kept = Vec::new();
    for (at, cell) in block.cells.iter().enumerate() {
        let Some(hit) = cell.hits.get(group::KEPT) else {
            continue;
        };
        let begins = matches!(hit.part, part::FIRST | part::ONLY);
        if begins && (hit.length >= 3 || hit.marks & mark::EPONYM != 0) {
            kept.push((at, at + usize::from(hit.length)));
        }
    }
    kept
}

/// A name of a person or a place inside of a term that must stay is none.
fn veto(decided: &mut Decided) {
    let Decided { spans, kept, .. } = decided;
    spans.retain(|span| {
        let can_be_part = matches!(
            span.kind,
            Kind::Person | Kind::Location | Kind::Hospital | Kind::Org
        );
        let inside = |(start, end): &(usize, usize)| {
            *start <= span.start && span.end <= *end && span.end - span.start < end - start
        };
        let next = kept.partition_point(|(start, _)| *start <= span.start);
        !can_be_part
            || !kept
                .get(next.saturating_sub(2)..next)
                .unwrap_or(&[])
                .iter()
                .any(inside)
    });
}

/// What the grammars read surely is found whatever the model says.
fn force(block: &Block, spans: &mut Vec<Found>) {
    let mut sure: Vec<Found> = Vec::new();
    let is_phone = |numeral: &Numeral| {
        const MOBILE: usize = 11;
        let run = block.runs.get(block.at(numeral.start, 0).run as usize);
        let is_labelled =
            run.is_some_and(|run| run.left & mark::LABEL_PHONE != 0 && run.left & mark::LABEL_ID == 0);
        let is_mobile = numeral.end - numeral.start == MOBILE && block.at(numeral.start, 2).c == '0';
        numeral.shape == Shape::BarePhone && (is_labelled || is_mobile)
    };
    for numeral in block
        .numerals
        .iter()
        .filter(|numeral| numeral.shape.is_sure() || is_phone(numeral))
    {
        let run = block.runs.get(block.at(numeral.start, 0).run as usize);
        let left = run.map_or(0, |run| run.left);
        let is_number = left & mark::LABEL_ID != 0 && left & mark::LABEL_PHONE == 0;
        let kind = match numeral.shape {
            Shape::Phone if is_number => Kind::Id,
            Shape::Age => Kind::Age,
            Shape::Phone | Shape::BarePhone => Kind::Phone,
            Shape::Mail => Kind::Email,
            Shape::Plate => Kind::Id,
            _ => Kind::Date,
        };
        sure.push(Found {
            start: numeral.start,
            end: numeral.end,
            kind,
        });
    }
    // A number with a label that says what it is, is that.
    let is_labelled = |span: &Found| {
        let run = block.runs.get(block.at(span.start, 0).run as usize);
        run.is_some_and(|run| run.left & mark::LABEL_ID != 0)
    };
    sure.retain(|sure| {
        let mut ids = spans.iter().filter(|span| span.kind == Kind::Id);
        !ids.any(|span| span.start <= sure.start && sure.end <= span.end && is_labelled(span))
    });
    spans.retain(|span| !sure.iter().any(|sure| overlap(span, sure)));
    spans.append(&mut sure);
}

pub(crate) fn overlap(one: &Found, other: &Found) -> bool {
    one.start < other.end && other.start < one.end
}

fn doubts(decided: &mut Decided, lax: &[Found], strict: &[Found]) {
    let misses = |list: &[Found], span: &Found| !list.iter().any(|other| overlap(other, span));
    let near = |list: &[Found], span: &Found| {
        let from = list.partition_point(|other| other.end <= span.start);
        list.get(from).is_some_and(|other| overlap(other, span))
    };
    for span in lax.iter().filter(|span| !near(&decided.spans, span)) {
        decided.review.push(Doubt {
            start: span.start,
            end: span.end,
            reason: Reason::Possible(span.kind),
        });
    }
    let by_model = |kind| !matches!(kind, Kind::Date | Kind::Age | Kind::Phone | Kind::Email);
    for span in decided.spans.iter().filter(|span| by_model(span.kind)) {
        if !near(strict, span) && misses(strict, span) {
            decided.review.push(Doubt {
                start: span.start,
                end: span.end,
                reason: Reason::Doubtful(span.kind),
            });
        }
    }
}

/// What was decided in all blocks; offsets are those of the note.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(crate) spans: Vec<Found>,
    pub(crate) review: Vec<Doubt>,
    kept: Vec<(usize, usize)>,
}

impl Drafts {
    /// Adds what a block holds that begins at this character of the note.
    pub(crate) fn add(&mut self, start: usize, decided: Decided) {
        self.spans.extend(decided.spans.into_iter().map(|span| Found {
            start: span.start + start,
            end: span.end + start,
            ..span
        }));
        self.review.extend(decided.review.into_iter().map(|doubt| Doubt {
            start: doubt.start + start,
            end: doubt.end + start,
            ..doubt
        }));
        let kept = decided.kept.into_iter();
        self.kept
            .extend(kept.map(|(from, to)| (from + start, to + start)));
    }

    /// Looks for the names that were found once in the rest of the note.
    pub(crate) fn propagate(&mut self, words: &Words, chars: &[char]) {
        const MOST: usize = 10_000;
        let folded = |span: &Found| -> Vec<char> {
            let chars = chars.get(span.start..span.end).unwrap_or(&[]);
            chars.iter().map(|c| fold(*c)).collect()
        };
        let mut names: FxHashSet<Vec<char>> = FxHashSet::default();
        for span in self.spans.iter().filter(|span| span.kind == Kind::Person) {
            if names.len() >= MOST {
                break;
            }
            let name = folded(span);
            for piece in name.split(|c| class_of(*c) == Class::Blank) {
                let whole: String = piece.iter().collect();
                names.extend(
                    halves(words, &whole)
                        .into_iter()
                        .map(|half| half.chars().collect()),
                );
                names.insert(piece.to_vec());
            }
        }
        names.retain(|name| may_spread(words, name));
        if names.is_empty() {
            return;
        }
        let mut by_head: FxHashMap<(char, char), Vec<Vec<char>>> = FxHashMap::default();
        // The longest name first, and the same order in every run.
        let mut names: Vec<Vec<char>> = names.into_iter().collect();
        names.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        for name in names {
            if let [one, two, ..] = name.as_slice() {
                by_head.entry((*one, *two)).or_default().push(name);
            }
        }
        let mut found = Vec::new();
        let mut at = 0;
        let mut covered = self.spans.iter().peekable();
        while at + 1 < chars.len() {
            while covered.next_if(|span| span.end <= at).is_some() {}
            if let Some(span) = covered.peek().filter(|span| span.start <= at) {
                at = span.end;
                continue;
            }
            let limit = covered.peek().map_or(chars.len(), |span| span.start);
            let length = self.spread_at(&by_head, chars, at, limit);
            if length > 0 {
                found.push(Found {
                    start: at,
                    end: at + length,
                    kind: Kind::Person,
                });
            }
            at += length.max(1);
        }
        self.review.retain(|doubt| {
            !found
                .iter()
                .any(|span| doubt.start < span.end && span.start < doubt.end)
        });
        self.spans.extend(found);
        self.spans.sort_unstable();
    }

    /// Length of the name that stands here, 0 for none: it ends before `limit`, is inside of no term that stays, and
    /// cuts no word of its own script on both sides.
    fn spread_at(
        &self,
        by_head: &FxHashMap<(char, char), Vec<Vec<char>>>,
        chars: &[char],
        at: usize,
        limit: usize,
    ) -> usize {
        let get = |at: usize| chars.get(at).map(|c| fold(*c));
        let Some(list) = get(at).zip(get(at + 1)).and_then(|head| by_head.get(&head)) else {
            return 0;
        };
        for name in list {
            let end = at + name.len();
            let is_same = end <= limit && (at..end).zip(name).all(|(at, c)| get(at) == Some(*c));
            if !is_same {
                continue;
            }
            let class = |at: Option<usize>| at.and_then(get).map_or(Class::None, class_of);
            let (first, last) = (class(Some(at)), class(Some(end - 1)));
            let cut_before = class(at.checked_sub(1)) == first;
            let cut_behind = class(Some(end)) == last;
            let is_cut = if first == Class::Kanji {
                cut_before && cut_behind
            } else {
                cut_before || cut_behind
            };
            let next = self.kept.partition_point(|(start, _)| *start <= at);
            let near = self.kept.get(next.saturating_sub(2)..next).unwrap_or(&[]);
            let stays = near
                .iter()
                .any(|(start, kept_end)| *start <= at && end <= *kept_end);
            if !is_cut && !stays {
                return name.len();
            }
        }
        0
    }

    /// Sorted, disjoint, inside of the text.
    pub(crate) fn finish(mut self, chars: &[char]) -> Findings {
        self.spans.sort_unstable();
        let mut spans: Vec<Found> = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            let end = span.end.min(chars.len());
            let start = span.start.max(spans.last().map_or(0, |last| last.end));
            if start < end {
                spans.push(Found { start, end, ..span });
            }
        }
        self.review
            .retain(|doubt| doubt.start < doubt.end && doubt.end <= chars.len());
        self.review.sort_unstable();
        self.review.dedup();
        Findings {
            spans,
            review: self.review,
        }
    }
}

/// Whether a name is so much of a name that it may be found wherever it stands: two characters or more, no common or
/// medical word, no place.
fn may_spread(words: &Words, name: &[char]) -> bool {
    let class = name.first().map_or(Class::None, |c| class_of(*c));
    let least = if class == Class::Kanji { 2 } else { 3 };
    if name.len() < least
        || !name
            .iter()
            .all(|c| class_of(*c) == class || class.is_letter() && class_of(*c).is_letter())
    {
        return false;
    }
    let form = words.lexicon.form_of(name.iter().copied());
    let marks = form.map_or(0, |form| words.lexicon.marks(form));
    let is_word =
        marks & (mark::KEPT | mark::SURNAME_WORD | mark::PLACE | mark::FACILITY | mark::LEADING) != 0;
    !is_word && (marks & mark::NAME != 0 || name.len() >= 3)
}
