//! Joins what stands together: side + site, site + finding, modifier + head, disease + disease, unknown word + head.
//!
//! Japanese puts the head last, so that the last concept of a compound is what it is, and what stands before narrows it.

use crate::mention::{Mention, TermRef};
use crate::rules::{Effect, Modifier, Reach, Rules, Term};
use crate::sentence::{Draft, Item};
use crate::tokens::{CharClass, Token, TokenKind, Tokens, class};
use tsumugi_clinical::{Laterality, RelationType, Tag};
use tsumugi_tables::TermKind;

/// Joins compounds in place.
pub(crate) fn join(rules: &Rules, tokens: &Tokens<'_>, draft: &mut Draft, room: &mut Vec<Item>) {
    let mut joined = Joined {
        mentions: Vec::with_capacity(draft.mentions.len()),
        items: std::mem::take(room),
        has_links: !draft.links.is_empty(),
        ..Joined::default()
    };
    let mut items = std::mem::take(&mut draft.items);
    // Items name the mentions in their order.
    let mut mentions = std::mem::take(&mut draft.mentions).into_iter().enumerate();
    for item in items.drain(..) {
        match item {
            Item::Mention(index) => {
                if let Some((_, mention)) = mentions.find(|(place, _)| *place == index) {
                    joined.add(rules, tokens, index, mention);
                }
            }
            Item::Cue {
                effect: Effect::Allergy,
                reach: Reach::All | Reach::Last,
                start,
                end,
            } => joined.allergy(start, end),
            other => joined.items.push(other),
        }
    }
    for link in &mut draft.links {
        link.from = joined.place_of(link.from);
        link.to = joined.place_of(link.to);
    }
    draft.links.append(&mut joined.links);
    draft.mentions = joined.mentions;
    draft.items = joined.items;
    *room = items;
}

#[derive(Default)]
struct Joined {
    mentions: Vec<Mention>,
    items: Vec<Item>,
    links: Vec<crate::mention::Link>,
    /// Old and new places of mentions; kept when links name them.
    places: Vec<(u32, u32)>,
    has_links: bool,
}

impl Joined {
    fn place_of(&self, old: u32) -> u32 {
        self.places
            .iter()
            .find(|(from, _)| *from == old)
            .map_or(old, |(_, to)| *to)
    }

    /// End of the last mention; nothing before it can be part of the next.
    fn end(&self) -> u32 {
        self.mentions.last().map_or(0, |mention| mention.span.end)
    }

    fn add(&mut self, rules: &Rules, tokens: &Tokens<'_>, old: usize, mut mention: Mention) {
        if is_body_term(&mention) {
            widen_left(rules, tokens, self.end(), &mut mention);
            while self.absorb_previous(&mut mention) {}
            widen_left(rules, tokens, self.end(), &mut mention);
            widen_right(tokens, &mut mention);
        }
        if self.has_links {
            self.places.push((old as u32, self.mentions.len() as u32));
        }
        self.items.push(Item::Mention(self.mentions.len()));
        self.mentions.push(mention);
    }

    /// 「卵アレルギー」: the allergen and the word are one finding.
    fn allergy(&mut self, start: u32, end: u32) {
        let last = self
            .mentions
            .last_mut()
            .filter(|mention| mention.span.end == start);
        if let Some(mention) = last.filter(|mention| matches!(mention.tag, Tag::DrugName | Tag::Pending)) {
            mention.span.end = end;
            mention.tag = Tag::Disease;
            mention.assertion.allergy = true;
        } else {
            self.items.push(Item::Cue {
                effect: Effect::Allergy,
                reach: Reach::Last,
                start,
                end,
            });
        }
    }

    /// Takes the mention right before into this one, when the two are one name.
    fn absorb_previous(&mut self, mention: &mut Mention) -> bool {
        let Some(Item::Mention(last)) = self.items.last() else {
            return false;
        };
        let Some(before) = self.mentions.get(*last) else {
            return false;
        };
        if *last + 1 != self.mentions.len() || before.span.end != mention.span.start {
            return false;
        }
        let is_finding = |kind: Option<TermKind>| matches!(kind, Some(TermKind::Disease | TermKind::Finding));
        match before.kind() {
            Some(TermKind::Site) if is_finding(mention.kind()) => {
                mention.site = mention.site.or(before.term);
                mention.laterality = mention.laterality.or(before.laterality);
            }
            Some(TermKind::Site) if mention.kind() == Some(TermKind::Site) => {
                mention.laterality = mention.laterality.or(before.laterality);
            }
            kind if is_finding(kind) && mention.kind() == Some(TermKind::Disease) => {
                mention.site = mention.site.or(before.site);
                mention.laterality = mention.laterality.or(before.laterality);
                mention.nearest = true;
            }
            Some(TermKind::Site) if mention.kind() == Some(TermKind::Procedure) => {
                mention.site = mention.site.or(before.term);
                mention.laterality = mention.laterality.or(before.laterality);
            }
            _ => return false,
        }
        mention.span.start = before.span.start;
        self.items.pop();
        self.mentions.pop();
        true
    }
}

fn is_body_term(mention: &Mention) -> bool {
    matches!(
        mention.kind(),
        Some(TermKind::Disease | TermKind::Finding | TermKind::Site | TermKind::Procedure)
    )
}

/// Takes what only closes a name (像, 発作, 状態) into the span of a finding.
fn widen_right(tokens: &Tokens<'_>, mention: &mut Mention) {
    if !matches!(mention.kind(), Some(TermKind::Disease | TermKind::Finding)) {
        return;
    }
    let next = tokens
        .list
        .iter()
        .position(|token| token.start == mention.span.end);
    let end = next.and_then(|index| {
        let token = tokens.get(index)?;
        tokens.find(index, |term| {
            matches!(term, Term::Modifier(Modifier::Suffix)).then_some(token.end)
        })
    });
    mention.span.end = end.unwrap_or(mention.span.end);
    // 「急性中耳炎(右)」: the side in brackets behind the name.
    let behind = tokens
        .list
        .iter()
        .position(|token| token.start == mention.span.end);
    let side = behind.and_then(|index| side_before(tokens, index));
    let is_bracketed = tokens.slice(mention.span.end, mention.span.end + 1).first() == Some(&'(');
    mention.laterality = mention
        .laterality
        .or(side.filter(|_| is_bracketed).map(|(side, _)| side));
}

/// Takes sides, prefixes (急性, 多発) and unknown kanji or katakana right before a head into its span.
fn widen_left(rules: &Rules, tokens: &Tokens<'_>, floor: u32, mention: &mut Mention) {
    loop {
        let Some(index) = tokens
            .list
            .iter()
            .position(|token| token.end == mention.span.start)
        else {
            return;
        };
        let Some(token) = tokens.get(index).filter(|token| token.start >= floor) else {
            return;
        };
        if let Some((side, start)) = side_before(tokens, index) {
            if mention.laterality.is_none() {
                mention.laterality = Some(side);
            }
            mention.span.start = start;
            continue;
        }
        let is_prefix = tokens
            .find(index, |term| {
                matches!(term, Term::Modifier(Modifier::Prefix)).then_some(())
            })
            .is_some();
        if is_prefix && token.end == mention.span.start {
            mention.span.start = token.start;
            continue;
        }
        if matches!(mention.kind(), Some(TermKind::Disease | TermKind::Finding))
            && let Some(start) = unknown_word_before(rules, tokens, floor, index)
        {
            mention.span.start = start;
            mention.nearest = true;
            continue;
        }
        return;
    }
}

fn side_before(tokens: &Tokens<'_>, index: usize) -> Option<(Laterality, u32)> {
    let token = tokens.get(index)?;
    tokens.find(index, |term| match term {
        Term::Modifier(Modifier::Side(side)) => Some((*side, token.start)),
        _ => None,
    })
}

/// Start of the run of unread kanji, katakana or Latin letters that ends with the token at `index`; none when longer
/// than a word is.
fn unknown_word_before(_rules: &Rules, tokens: &Tokens<'_>, floor: u32, index: usize) -> Option<u32> {
    const LONGEST: u32 = 8;
    let is_unknown = |index: usize| {
        let unread = |token: &Token| token.kind == TokenKind::Other && token.start >= floor;
        tokens.get(index).filter(unread).is_some_and(|token| {
            let c = tokens
                .slice(token.start, token.end)
                .first()
                .copied()
                .unwrap_or(' ');
            matches!(class(c), CharClass::Kanji | CharClass::Katakana)
        })
    };
    if !is_unknown(index) {
        return None;
    }
    let mut first = index;
    while first > 0 && is_unknown(first - 1) {
        first -= 1;
    }
    let (start, end) = (tokens.get(first)?.start, tokens.get(index)?.end);
    (end - start <= LONGEST).then_some(start)
}

/// Adds the relations that follow from the phrase: finding → site (region), finding → feature, finding → change.
pub(crate) fn relate(chars: &[char], draft: &mut Draft) {
    let mut site: Option<(u32, TermRef, Option<Laterality>)> = None;
    let mut feature: Option<u32> = None;
    let mut finding: Option<u32> = None;
    let links = &mut draft.links;
    let mut relate = |from, to, kind| links.push(crate::mention::Link { from, to, kind });
    let mut previous_end = 0;
    for item in &draft.items {
        let Item::Mention(index) = *item else { continue };
        let Some(mention) = draft.mentions.get_mut(index) else {
            continue;
        };
        let gap = chars
            .get(previous_end as usize..mention.span.start as usize)
            .unwrap_or(&[]);
        let is_cut = gap.iter().any(|c| matches!(c, '(' | ')' | ';' | ':' | '/'));
        if is_cut || (gap.contains(&'\u{3001}') && !gap_is_light(gap)) {
            site = None;
            finding = None;
            feature = None;
        }
        previous_end = mention.span.end;
        let me = index as u32;
        match mention.tag {
            Tag::Anatomy => {
                if let Some(term) = mention.term {
                    site = Some((me, term, mention.laterality));
                }
            }
            Tag::Feature => feature = Some(me),
            Tag::Change => {
                if let Some(finding) = finding {
                    relate(finding, me, RelationType::Change);
                }
            }
            Tag::Disease => {
                if let Some((at, term, side)) = site.filter(|_| mention.site.is_none()) {
                    mention.site = Some(term);
                    mention.laterality = mention.laterality.or(side);
                    relate(me, at, RelationType::Region);
                }
                if let Some(feature) = feature.take() {
                    relate(me, feature, RelationType::Feature);
                }
                finding = Some(me);
            }
            _ => {}
        }
    }
}

/// A gap without a predicate: marks and at most a particle or two.
fn gap_is_light(gap: &[char]) -> bool {
    gap.iter()
        .filter(|c| matches!(class(**c), CharClass::Hiragana | CharClass::Kanji))
        .count()
        <= 1
}
