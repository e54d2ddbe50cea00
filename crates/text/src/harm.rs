//! A drug and the reaction that it caused: 「スガマデクス投与1分後に心停止」 tells an intolerance, though no word for allergy stands
//! there.
//!
//! The two must be joined by words of giving and of cause or sequence alone (`lexicon/harm.tsv`), with nothing but times,
//! doses, values and other symptoms between them; which findings are such reactions says `lexicon/reactions.tsv`, and of
//! which drugs they are not: what treats the reaction, and what is meant to bring it about. That a reaction went away acquits no
//! other drug: 「アモキシシリンによる薬疹は軽快」 stays amoxicillin's.

use crate::mention::Mention;
use crate::rules::Rules;
use crate::tokens::{CharClass, class};
use rustc_hash::FxHashSet;
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
        let Some(not_of) = reaction_of(rules, reaction) else {
            continue;
        };
        let before = mentions.get(..place).unwrap_or(&[]);
        let drug = before.iter().rposition(|mention| mention.tag == Tag::DrugName);
        let drug = drug.filter(|drug| {
            let between = before.get(drug + 1..).unwrap_or(&[]);
            before
                .get(*drug)
                .is_some_and(|drug| is_given(drug) && !is_one_of(drug, not_of))
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

/// The drugs whose harm it is not, where a mention is a grave reaction of the patient.
fn reaction_of<'r>(rules: &'r Rules, mention: &Mention) -> Option<&'r FxHashSet<u32>> {
    let assertion = &mention.assertion;
    let is_told = assertion.polarity == Polarity::Present
        && assertion.certainty == Certainty::Asserted
        && assertion.experiencer == Experiencer::Patient;
    let term = mention.term.filter(|_| is_told)?;
    rules.reactions.get(&term.key)
}

pub(crate) fn is_one_of(drug: &Mention, drugs: &FxHashSet<u32>) -> bool {
    drug.term.is_some_and(|term| drugs.contains(&term.key))
}

/// Whether words of recovery stand right behind a reaction, over a particle.
pub(crate) fn recovers(rules: &Rules, chars: &[char], end: u32) -> bool {
    const PARTICLES: usize = 2;
    let rest = chars.get(end as usize..).unwrap_or(&[]);
    let particles = rest
        .iter()
        .take(PARTICLES)
        .take_while(|c| class(**c) == CharClass::Hiragana);
    (0..=particles.count()).any(|skipped| {
        let behind = rest.get(skipped..).unwrap_or(&[]);
        rules.recoveries.iter().any(|form| behind.starts_with(form))
    })
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
