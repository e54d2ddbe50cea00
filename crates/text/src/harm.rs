//! A drug and the reaction that it caused: 「スガマデクス投与1分後に心停止」 tells an intolerance, though no word for allergy stands
//! there.
//!
//! The two must be joined by words of giving and of cause or sequence alone (`lexicon/harm.tsv`), with nothing but times,
//! doses, values and other symptoms between them; which findings are such reactions says `lexicon/reactions.tsv`.

use crate::mention::Mention;
use crate::rules::Rules;
use tsumugi_clinical::{Certainty, Experiencer, Phase, Polarity, Tag};

/// What a word between a drug and its reaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HarmWord {
    /// Of giving.
    Act,
    /// Of cause or sequence.
    Link,
}

/// Stands for a time, a dose, a value or a number.
const AMOUNT: char = '0';

/// Marks the drugs of a sentence that have done harm as not tolerated.
pub(crate) fn mark(rules: &Rules, chars: &[char], mentions: &mut [Mention]) {
    let mut harmful: Vec<usize> = Vec::new();
    for (place, reaction) in mentions.iter().enumerate() {
        if !is_reaction(rules, reaction) {
            continue;
        }
        let before = mentions.get(..place).unwrap_or(&[]);
        let drug = before.iter().rposition(|mention| mention.tag == Tag::DrugName);
        let drug = drug.filter(|drug| {
            let between = before.get(drug + 1..).unwrap_or(&[]);
            before.get(*drug).is_some_and(is_given)
                && between.iter().all(|mention| may_stand_between(mention.tag))
                && before.get(*drug).is_some_and(|drug| {
                    is_joined(rules, &gap(chars, drug.span.end, reaction.span.start, between))
                })
        });
        harmful.extend(drug);
    }
    for drug in harmful {
        if let Some(mention) = mentions.get_mut(drug) {
            mention.assertion.allergy = true;
        }
    }
}

fn is_reaction(rules: &Rules, mention: &Mention) -> bool {
    let assertion = &mention.assertion;
    mention
        .term
        .is_some_and(|term| rules.reactions.contains(&term.key))
        && assertion.polarity == Polarity::Present
        && assertion.certainty == Certainty::Asserted
        && assertion.experiencer == Experiencer::Patient
}

fn is_given(drug: &Mention) -> bool {
    let assertion = &drug.assertion;
    assertion.experiencer == Experiencer::Patient
        && assertion.certainty == Certainty::Asserted
        && (assertion.phase != Phase::Planned || assertion.polarity == Polarity::Absent)
}

fn may_stand_between(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Timex | Tag::DrugValue | Tag::TestKey | Tag::TestValue | Tag::Disease | Tag::Feature
    )
}

/// The text between two places, with amounts as `0`, and without other symptoms, brackets and what separates.
fn gap(chars: &[char], from: u32, to: u32, between: &[Mention]) -> Vec<char> {
    let mut gap: Vec<char> = Vec::new();
    let mut depth = 0;
    for at in from..to {
        let Some(c) = chars.get(at as usize) else { break };
        let inside = between
            .iter()
            .find(|mention| mention.span.start <= at && at < mention.span.end);
        match (c, inside) {
            ('(', _) => depth += 1,
            (')', _) => depth = (depth - 1).max(0),
            _ if depth > 0 => {}
            (_, Some(mention)) if matches!(mention.tag, Tag::Disease | Tag::Feature) => {}
            (_, Some(_)) => amount(&mut gap),
            (c, None) if c.is_ascii_digit() => amount(&mut gap),
            ('\u{3001}' | '\u{30FB}' | ',' | '.' | '/' | ' ', None) => {}
            (c, None) => gap.push(*c),
        }
    }
    gap
}

fn amount(gap: &mut Vec<char>) {
    if gap.last() != Some(&AMOUNT) {
        gap.push(AMOUNT);
    }
}

/// Whether a gap is nothing but words of the table, at least one of them of cause or sequence.
fn is_joined(rules: &Rules, gap: &[char]) -> bool {
    let mut rest = gap;
    let mut links = false;
    while !rest.is_empty() {
        let longest = rules
            .harm_words
            .iter()
            .filter(|(form, _)| rest.starts_with(form))
            .max_by_key(|(form, _)| form.len());
        let Some((form, word)) = longest else { return false };
        links |= *word == HarmWord::Link;
        rest = rest.get(form.len()..).unwrap_or(&[]);
    }
    links
}
