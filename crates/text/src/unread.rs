//! Finds phrases that look clinical and that no table knows, by the shape of their last characters (炎, 症, 痛 …).
//!
//! A phrase whose ending says that it is a finding becomes a mention without a concept, so that it is marked in its
//! place; all are reported as unread, so that the writer can settle them.

use crate::mention::Mention;
use crate::rules::{HeadKind, Rules};
use crate::sentence::{Draft, Item};
use crate::tokens::{CharClass, TokenKind, Tokens, class};
use tsumugi_clinical::{Span, Tag};

/// Unread phrases of a sentence; spans are characters of the sentence.
pub(crate) fn find(rules: &Rules, tokens: &Tokens<'_>, draft: &mut Draft) -> Vec<Span> {
    let mut unread = Vec::new();
    for run in unknown_runs(tokens, &draft.mentions) {
        let covered = draft.mentions.iter().any(|mention| mention.span.overlaps(run));
        if covered {
            continue;
        }
        match head_of(rules, tokens.slice(run.start, run.end)) {
            Some(HeadKind::Finding) => {
                unread.push(run);
                insert_in_order(draft, Mention::new(run.start, run.end, Tag::Disease));
            }
            Some(HeadKind::Clinical) => unread.push(run),
            None => {}
        }
    }
    for mention in draft.mentions.iter().filter(|mention| mention.nearest) {
        unread.push(mention.span);
    }
    unread.sort_unstable();
    unread
}

/// What the ending of a word says; a word is longer than its ending.
fn head_of(rules: &Rules, word: &[char]) -> Option<HeadKind> {
    let endings = rules.heads.get(word.last()?)?;
    let fits = |form: &[char]| word.len() > form.len() && word.ends_with(form);
    endings.iter().find(|(form, _)| fits(form)).map(|(_, kind)| *kind)
}

/// Stretches of kanji, katakana and Latin letters that no form covers and no grammar has read (日 and 前 of 3日前).
fn unknown_runs(tokens: &Tokens<'_>, mentions: &[Mention]) -> Vec<Span> {
    let mut runs: Vec<Span> = Vec::new();
    let is_read = |span: Span| {
        mentions
            .iter()
            .any(|mention| mention.tag == Tag::Timex && mention.span.overlaps(span))
    };
    for token in &tokens.list {
        let c = tokens
            .slice(token.start, token.end)
            .first()
            .copied()
            .unwrap_or(' ');
        let wordlike = matches!(
            class(c),
            CharClass::Kanji | CharClass::Katakana | CharClass::Latin
        );
        if token.kind != TokenKind::Other || !wordlike || is_read(Span::new(token.start, token.end)) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == token.start => run.end = token.end,
            _ => runs.push(Span::new(token.start, token.end)),
        }
    }
    runs
}

/// Puts a mention where it stands in the text; indices of items and links move along.
fn insert_in_order(draft: &mut Draft, mut mention: Mention) {
    let place = draft
        .mentions
        .iter()
        .position(|other| other.span.start > mention.span.start);
    let place = place.unwrap_or(draft.mentions.len());
    let neighbour = place.checked_sub(1).and_then(|before| draft.mentions.get(before));
    mention.section = neighbour
        .or(draft.mentions.get(place))
        .and_then(|other| other.section);
    draft.mentions.insert(place, mention);
    let moved = |index: u32| if index as usize >= place { index + 1 } else { index };
    for link in &mut draft.links {
        link.from = moved(link.from);
        link.to = moved(link.to);
    }
    for item in &mut draft.items {
        if let Item::Mention(index) = item {
            *index = moved(*index as u32) as usize;
        }
    }
}
