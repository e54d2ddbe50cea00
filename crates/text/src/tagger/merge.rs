//! Brings together what the tagger says and what tables and grammars have read.
//!
//! The tagger decides where a name begins and ends and which tag it has; the tables decide what it is. A name that holds
//! a known one is that concept, or the nearest there is; what grammars have read whole (a value with its item, a dose, a
//! habit, an allergy) stays as it is.

use super::decode::Lattice;
use super::features::Infos;
use super::model::{Tagger, label_tag};
use crate::mention::Mention;
use crate::rules::{Effect, Term, mark};
use crate::sentence::{Draft, Item, tag_of};
use crate::tokens::{Token, Tokens};
use tsumugi_clinical::{Span, Tag};
use tsumugi_tables::TermKind;

/// Tags a sentence and changes the draft.
pub(crate) fn apply(
    tagger: &Tagger,
    tokens: &Tokens<'_>,
    infos: &mut Infos,
    lattice: &mut Lattice,
    draft: &mut Draft,
) {
    infos.fill(tokens, draft);
    tagger.label(infos, lattice);
    let said = entities(tokens, &lattice.labels);
    if agrees(draft, &said) {
        return;
    }
    merge(tokens, draft, &said);
}

/// Entities that a sequence of labels spells.
fn entities(tokens: &Tokens<'_>, labels: &[u8]) -> Vec<(Span, Tag)> {
    let mut found: Vec<(Span, Tag)> = Vec::new();
    let mut open = false;
    for (token, label) in tokens.list.iter().zip(labels) {
        match label_tag(*label) {
            None => open = false,
            Some((tag, begins)) => {
                match found
                    .last_mut()
                    .filter(|(_, last)| open && !begins && *last == tag)
                {
                    Some((span, _)) => span.end = token.end,
                    None => found.push((Span::new(token.start, token.end), tag)),
                }
                open = true;
            }
        }
    }
    for (span, tag) in &mut found {
        if matches!(tag, Tag::Feature | Tag::Change) {
            let text = tokens.slice(span.start, span.end);
            span.end -= tokens.rules.ending_of(text) as u32;
        }
    }
    found
}

fn agrees(draft: &Draft, said: &[(Span, Tag)]) -> bool {
    let mut read = draft
        .mentions
        .iter()
        .filter(|mention| mention.tag != Tag::Pending);
    said.iter().all(|(span, tag)| {
        read.next()
            .is_some_and(|mention| mention.span == *span && mention.tag == *tag)
    }) && read.next().is_none()
}

/// What becomes of a mention.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Stays under its old index.
    Kept(usize),
    Gone,
}

fn merge(tokens: &Tokens<'_>, draft: &mut Draft, said: &[(Span, Tag)]) {
    let old = std::mem::take(&mut draft.mentions);
    let mut used = vec![false; old.len()];
    let mut made: Vec<(Mention, Option<usize>)> = Vec::with_capacity(old.len().max(said.len()));
    for (span, tag) in said {
        let overlaps = |mention: &Mention| mention.span.overlaps(*span);
        let inside: Vec<usize> = (0..old.len())
            .filter(|index| old.get(*index).is_some_and(overlaps))
            .collect();
        let is_fixed = |index: &usize| {
            old.get(*index).is_some_and(|mention| {
                is_whole(mention)
                    || is_surer(mention, *span, *tag)
                    || swallows_allergy(&draft.items, mention, *span)
            })
        };
        if inside.iter().any(is_fixed) {
            continue;
        }
        let (mut mention, head) = name(tokens, &old, &inside, *span, *tag);
        if let Some(known) = head.and_then(|head| old.get(head)) {
            mention.assertion.removed = is_removed(&draft.items, known, *tag);
        }
        for index in inside {
            if let Some(used) = used.get_mut(index) {
                *used = true;
            }
        }
        made.push((mention, head));
    }
    for (index, mut mention) in old.into_iter().enumerate() {
        let is_free = used.get(index) == Some(&false);
        let is_normal = mention.kind() == Some(TermKind::Normal);
        let stays = is_whole(&mention) || is_free && (is_normal || stands_alone(&mention, &draft.items));
        if is_free && stays {
            // A normal finding that the annotation would pass over is a fact all the same.
            if is_normal {
                mention.tag = Tag::Pending;
            }
            made.push((mention, Some(index)));
        }
    }
    made.sort_by_key(|(mention, _)| mention.span.start);
    let fates = fates(&made, used.len());
    draft.mentions = made.into_iter().map(|(mention, _)| mention).collect();
    rebuild(draft, &fates);
}

/// What a grammar has read whole.
fn is_whole(mention: &Mention) -> bool {
    mention.tag == Tag::Pending
        || mention.assertion.allergy
        || mention.dosage.is_some()
        || !mention.values.is_empty()
}

/// What the tables know is surer: a drug that is called a remedy with its verb (vaccination), a finding that a clock is
/// counted from (weeks of pregnancy).
fn is_surer(mention: &Mention, span: Span, tag: Tag) -> bool {
    let is_part = mention.span != span && span.contains(mention.span);
    // A site that the tables have joined to what stands behind it (the left knee of a replacement).
    let is_site_of = tag == Tag::Anatomy && mention.span != span && mention.span.contains(span);
    // What the grammar of prescriptions has read is a dose with its route and its days.
    let is_dose = mention.tag == Tag::DrugValue && mention.span.contains(span);
    match mention.kind() {
        None => is_dose && matches!(tag, Tag::DrugValue | Tag::Timex | Tag::TestValue),
        Some(TermKind::Procedure) if is_site_of => true,
        Some(TermKind::Procedure) => is_part && tag == Tag::Timex,
        Some(TermKind::Drug | TermKind::DrugClass) => is_part && tag != Tag::DrugName,
        Some(TermKind::Disease | TermKind::Finding) => is_part && tag == Tag::Timex,
        _ => false,
    }
}

/// Whether the words that make a drug an allergy would become part of its name (アレルギー欄にペニシリン).
fn swallows_allergy(items: &[Item], mention: &Mention, span: Span) -> bool {
    let is_drug = matches!(mention.kind(), Some(TermKind::Drug | TermKind::DrugClass));
    let is_before = |item: &Item| match item {
        Item::Cue {
            effect: Effect::Allergy,
            start,
            ..
        } => (span.start..mention.span.start).contains(start),
        _ => false,
    };
    is_drug && items.iter().any(is_before)
}

/// Whether a word that ends an act stands right behind what the tables know of its name.
fn is_removed(items: &[Item], known: &Mention, tag: Tag) -> bool {
    const FARTHEST: u32 = 1;
    let ends = |item: &Item| match item {
        Item::Cue {
            effect: Effect::Stop,
            start,
            ..
        } => (known.span.end..=known.span.end + FARTHEST).contains(start),
        _ => false,
    };
    tag == Tag::Remedy && known.kind() == Some(TermKind::Procedure) && items.iter().any(ends)
}

/// What the dictionary knows although the tagger passes over it: diseases, findings, drugs, examinations and items; acts
/// only where the words behind them say that they are planned, done or stopped, since many names of acts are ordinary
/// words.
fn stands_alone(mention: &Mention, items: &[Item]) -> bool {
    match mention.tag {
        Tag::DrugName | Tag::TestKey | Tag::TestValue | Tag::DrugValue => true,
        Tag::Disease | Tag::TestName => mention.term.is_some(),
        Tag::Remedy => {
            mention.term.is_some() && items.iter().any(|item| speaks_of_act(item, mention.span.end))
        }
        _ => false,
    }
}

/// Whether a cue right behind says what becomes of an act.
fn speaks_of_act(item: &Item, end: u32) -> bool {
    const FARTHEST: u32 = 4;
    let Item::Cue { effect, start, .. } = item else {
        return false;
    };
    let speaks = matches!(
        effect,
        Effect::Plan
            | Effect::PastAct
            | Effect::Operated
            | Effect::Stop
            | Effect::Avoid
            | Effect::Withhold
            | Effect::Undone
            | Effect::Execute
    );
    speaks && (end..=end + FARTHEST).contains(start)
}

/// The mention of a name: the last known name inside gives the concept, a site before it the place. What the tables know
/// under exactly this name stays what it is, whatever the tagger would call it.
fn name(
    tokens: &Tokens<'_>,
    old: &[Mention],
    inside: &[usize],
    span: Span,
    tag: Tag,
) -> (Mention, Option<usize>) {
    let of = |index: &usize| old.get(*index);
    let exact = inside
        .iter()
        .copied()
        .find(|index| of(index).is_some_and(|mention| mention.span == span && mention.term.is_some()));
    if let Some((index, mention)) = exact.and_then(|index| Some((index, of(&index)?))) {
        let mut mention = mention.clone();
        if may_be(&mention, tag) {
            mention.tag = tag;
        }
        return (mention, Some(index));
    }
    let last = |wanted: &dyn Fn(&Mention) -> bool| {
        inside
            .iter()
            .rev()
            .copied()
            .find(|index| of(index).is_some_and(wanted))
    };
    let head = last(&|mention| fits(mention, tag))
        .or_else(|| last(&|mention| mention.term.is_some() && may_be(mention, tag)));
    let Some((head, mut mention)) = head.and_then(|head| Some((head, of(&head)?.clone()))) else {
        return (unknown(tokens, span, tag), None);
    };
    if mention.span != span {
        mention.nearest |=
            tag == Tag::Disease && mention.span.start > span.start && !is_site_before(old, inside, head);
        let site = inside
            .iter()
            .filter_map(|index| old.get(*index))
            .find(|other| other.kind() == Some(TermKind::Site));
        if let Some(site) = site.filter(|site| site.span.start < mention.span.start && tag == Tag::Disease) {
            mention.site = mention.site.or(site.term);
            mention.laterality = mention.laterality.or(site.laterality);
        }
    }
    mention.span = span;
    mention.tag = tag;
    (mention, Some(head))
}

/// Whether a concept may stand under a tag that is not its own: an operation is a context, an examination a remedy, a
/// finding a change; a drug is none of them.
fn may_be(mention: &Mention, tag: Tag) -> bool {
    match mention.kind() {
        Some(TermKind::Disease | TermKind::Finding) => {
            matches!(tag, Tag::Disease | Tag::Change | Tag::Feature)
        }
        Some(TermKind::Normal) => matches!(tag, Tag::Disease | Tag::Feature | Tag::TestValue),
        Some(TermKind::Drug | TermKind::DrugClass) => tag == Tag::DrugName,
        Some(TermKind::Test) => matches!(tag, Tag::TestKey | Tag::TestName),
        Some(TermKind::Exam) => matches!(tag, Tag::TestName | Tag::TestKey | Tag::Remedy | Tag::Context),
        Some(TermKind::Procedure) => {
            matches!(tag, Tag::Remedy | Tag::TestName | Tag::Context | Tag::DrugName)
        }
        Some(TermKind::Site) => tag == Tag::Anatomy,
        Some(TermKind::Allergen | TermKind::Circumstance) => false,
        None => mention.tag == tag,
    }
}

fn is_site_before(old: &[Mention], inside: &[usize], head: usize) -> bool {
    inside.iter().filter(|index| **index < head).all(|index| {
        old.get(*index)
            .is_some_and(|other| other.kind() == Some(TermKind::Site))
    }) && inside.len() > 1
}

/// Whether a mention can be what a name of this tag means.
fn fits(mention: &Mention, tag: Tag) -> bool {
    let kind = mention.kind();
    match tag {
        Tag::Disease => {
            matches!(
                kind,
                Some(TermKind::Disease | TermKind::Finding | TermKind::Normal)
            ) || mention.tag == tag
        }
        Tag::DrugName => matches!(kind, Some(TermKind::Drug | TermKind::DrugClass)),
        Tag::TestName | Tag::TestKey | Tag::Remedy | Tag::Context => {
            matches!(kind, Some(TermKind::Exam | TermKind::Test | TermKind::Procedure)) || mention.tag == tag
        }
        Tag::Anatomy => kind == Some(TermKind::Site),
        _ => mention.tag == tag,
    }
}

/// A name that no mention was read of: a form inside it may still be known, the last one first.
fn unknown(tokens: &Tokens<'_>, span: Span, tag: Tag) -> Mention {
    let mut mention = Mention::new(span.start, span.end, tag);
    if tag == Tag::Context {
        return mention;
    }
    let inside = tokens
        .list
        .iter()
        .rev()
        .filter(|token| token.start >= span.start && token.end <= span.end);
    let may_be_cue = |token: &Token| token.marks & (mark::CUE | mark::PLAN) != 0;
    for token in inside.filter(|token| tag != Tag::Remedy || !may_be_cue(token)) {
        let concept = tokens.terms(*token).iter().find_map(|term| match term {
            Term::Concept { kind, key, .. } if tag_of(*kind) == tag => Some((*kind, *key)),
            _ => None,
        });
        if let Some((kind, key)) = concept {
            mention.nearest = token.start > span.start || token.end < span.end;
            return mention.with_term(kind, key);
        }
    }
    mention
}

/// Names that hold a word which would say something of them (no appetite); a change is a cue itself (cure, vanishing),
/// and the word that closes the name of an act says what becomes of it (removal of a catheter).
fn holds_cue(mention: &Mention, cue: Span) -> bool {
    let closes = cue.end == mention.span.end;
    mention.span.overlaps(cue)
        && match mention.tag {
            Tag::Disease | Tag::DrugName | Tag::TestName => true,
            Tag::Remedy => !closes,
            _ => false,
        }
}

/// For every old mention, where it is now.
fn fates(made: &[(Mention, Option<usize>)], count: usize) -> Vec<Fate> {
    let mut fates = vec![Fate::Gone; count];
    for (place, (_, from)) in made.iter().enumerate() {
        if let Some(fate) = from.and_then(|from| fates.get_mut(from)) {
            *fate = Fate::Kept(place);
        }
    }
    fates
}

/// Items and links of the new mentions; cues inside a name belong to it and say nothing of it.
fn rebuild(draft: &mut Draft, fates: &[Fate]) {
    let cues = std::mem::take(&mut draft.items)
        .into_iter()
        .filter(|item| match item {
            Item::Mention(_) => false,
            Item::Cue { start, end, .. } | Item::Relative { start, end, .. } => {
                let cue = Span::new(*start, *end);
                !draft.mentions.iter().any(|mention| holds_cue(mention, cue))
            }
        });
    let mut items: Vec<(u32, u8, Item)> = cues
        .map(|item| match &item {
            // A denial that the next name shares stands before that name.
            Item::Cue { start, end, .. } if start == end => (*start, 0, item),
            Item::Cue { start, .. } | Item::Relative { start, .. } => (*start, 2, item),
            Item::Mention(_) => (0, 1, item),
        })
        .collect();
    items.extend(
        draft
            .mentions
            .iter()
            .enumerate()
            .map(|(index, mention)| (mention.span.start, 1, Item::Mention(index))),
    );
    items.sort_by_key(|(start, rank, _)| (*start, *rank));
    draft.items = items.into_iter().map(|(_, _, item)| item).collect();
    let now = |index: u32| match fates.get(index as usize) {
        Some(Fate::Kept(place)) => Some(*place as u32),
        _ => None,
    };
    draft
        .links
        .retain_mut(|link| match (now(link.from), now(link.to)) {
            (Some(from), Some(to)) => {
                (link.from, link.to) = (from, to);
                true
            }
            _ => false,
        });
}
