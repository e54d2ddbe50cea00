//! How a mention is meant, where words beside the cues decide: a classifier that knows what the rules have said and what
//! stands around.
//!
//! Four classifiers: certainty of findings, state of drugs, tests and acts, type of times, and whether what the rules
//! give to a relative is the relative's (the wife who has hypertension) or only told by one (the wife who noticed it).

use super::features::mix;
use super::model::{CLASSES, Tagger};
use crate::mention::{Assertion, Mention};
use crate::rules::{Discourse, Term, mark};
use crate::sentence::Draft;
use crate::tokens::{TokenKind, Tokens};
use tsumugi_clinical::{Certainty, Experiencer, Phase, Polarity, SectionKind, Tag, TimexType};
use tsumugi_tables::TermKind;

/// Classes of certainty, in the order of the classifier.
const POSITIVE: usize = 0;
const SUSPICIOUS: usize = 1;
const NEGATIVE: usize = 2;
const GENERAL: usize = 3;
/// Classes of state.
const EXECUTED: usize = 0;
const SCHEDULED: usize = 1;
const NEGATED: usize = 2;
const OTHER: usize = 3;
/// Types of time.
const TIMEX: [TimexType; 7] = [
    TimexType::Date,
    TimexType::Time,
    TimexType::Duration,
    TimexType::Set,
    TimexType::Age,
    TimexType::Med,
    TimexType::Misc,
];

/// The classifier of whose something is, and its class of the patient.
const WHOSE: usize = 3;
const PATIENT: usize = 0;
const FAMILY: usize = 1;
const SOMEBODY: usize = 2;
/// Number of classes of every classifier.
const NUMBERS: [usize; 4] = [4, 4, TIMEX.len(), 3];

/// The classifier that judges a mention.
pub(crate) fn classifier_of(mention: &Mention) -> Option<usize> {
    let assertion = &mention.assertion;
    // What is not to be given, and what is not tolerated, is settled by words that no others change.
    let is_denied_plan = assertion.polarity == Polarity::Absent && assertion.phase == Phase::Planned;
    // A denial in the name of a normal finding (no rales) denies nothing of it.
    let is_normal = mention.kind() == Some(TermKind::Normal);
    // Nor does it judge a drug that words say was given before.
    let is_past_drug = mention.tag == Tag::DrugName && assertion.phase == Phase::Past;
    if assertion.allergy || is_denied_plan || is_normal || is_past_drug {
        return None;
    }
    if mention.assertion.experiencer != Experiencer::Patient {
        return matches!(mention.tag, Tag::Disease | Tag::DrugName | Tag::Remedy).then_some(WHOSE);
    }
    match mention.tag {
        Tag::Disease => Some(0),
        Tag::DrugName | Tag::Remedy | Tag::TestName | Tag::Context => Some(1),
        Tag::Timex => Some(2),
        _ => None,
    }
}

/// Judges every mention of a sentence after the rules.
pub(crate) fn classify(
    tagger: &Tagger,
    tokens: &Tokens<'_>,
    draft: &mut Draft,
    section: Option<SectionKind>,
) {
    if tagger.classifiers.len() < NUMBERS.len() {
        return;
    }
    let view = View::new(tokens, draft, section);
    let judged: Vec<Option<(usize, usize)>> = draft
        .mentions
        .iter()
        .map(|mention| {
            let classifier = classifier_of(mention)?;
            let features = view.features(mention);
            let class = tagger.class(classifier, &features, class_now(mention))?;
            Some((classifier, class))
        })
        .collect();
    for (mention, judged) in draft.mentions.iter_mut().zip(judged) {
        match judged {
            Some((0, class)) => set_certainty(&mut mention.assertion, class),
            // What was carried out is the removal: the thing itself is no longer there.
            Some((1, EXECUTED)) if mention.assertion.removed => {
                set_state(&mut mention.assertion, mention.tag, EXECUTED);
                mention.assertion.phase = Phase::Stopped;
                mention.assertion.executed = true;
            }
            Some((1, class)) => set_state(&mut mention.assertion, mention.tag, class),
            Some((WHOSE, PATIENT)) => {
                mention.assertion.experiencer = Experiencer::Patient;
                mention.assertion.relative = None;
            }
            Some((WHOSE, _)) => {}
            Some((_, class)) => mention.timex = TIMEX.get(class).copied().or(mention.timex),
            None => {}
        }
    }
}

/// By how much, in units of the weights, a class must be ahead of what the rules say: of what they say by default, of
/// what a cue has told them, and of whom a word has named.
const AHEAD_OF_DEFAULT: i32 = 100;
const AHEAD_OF_CUE: i32 = 240;
const AHEAD_OF_PERSON: i32 = 340;
const AHEAD_OF_SECTION: i32 = 60;

impl Tagger {
    fn class(&self, classifier: usize, features: &[u32], rule: usize) -> Option<usize> {
        let weights = self.classifiers.get(classifier)?;
        let mut sum = [0i32; CLASSES];
        for hash in features {
            for (total, weight) in sum.iter_mut().zip(weights.row(weights.place(*hash))) {
                *total += i32::from(*weight);
            }
        }
        let classes = NUMBERS.get(classifier).copied()?;
        let best = (0..classes).rev().max_by_key(|class| sum.get(*class).copied())?;
        let ahead = sum.get(best)? - sum.get(rule)?;
        let needed = match (classifier, rule) {
            (2, _) => 0,
            (WHOSE, _) => AHEAD_OF_PERSON,
            // What is only planned has not been given: no other words make it so.
            (1, SCHEDULED) => i32::MAX,
            (_, 0) => AHEAD_OF_DEFAULT,
            // That all of a section is general is no more than a default, too.
            (0, GENERAL) => AHEAD_OF_SECTION,
            _ => AHEAD_OF_CUE,
        };
        Some(if ahead >= needed { best } else { rule })
    }
}

/// The class that the rules have come to.
pub(crate) fn class_now(mention: &Mention) -> usize {
    let assertion = &mention.assertion;
    match (assertion.experiencer, mention.tag) {
        (Experiencer::Family, Tag::Disease | Tag::DrugName | Tag::Remedy) => return FAMILY,
        (Experiencer::Other, Tag::Disease | Tag::DrugName | Tag::Remedy) => return SOMEBODY,
        _ => {}
    }
    match mention.tag {
        Tag::Disease => certainty_now(assertion),
        Tag::Timex => TIMEX
            .iter()
            .position(|kind| Some(*kind) == mention.timex)
            .unwrap_or(0),
        _ => state_now(assertion),
    }
}

fn certainty_now(assertion: &Assertion) -> usize {
    let is_gone = assertion.resolved && assertion.phase == Phase::Past;
    if assertion.certainty == Certainty::General {
        GENERAL
    } else if assertion.polarity == Polarity::Absent || is_gone {
        NEGATIVE
    } else if assertion.certainty == Certainty::Suspected {
        SUSPICIOUS
    } else {
        POSITIVE
    }
}

fn state_now(assertion: &Assertion) -> usize {
    if assertion.certainty == Certainty::General {
        OTHER
    } else if assertion.polarity == Polarity::Absent || assertion.phase == Phase::Stopped {
        NEGATED
    } else if assertion.phase == Phase::Planned {
        SCHEDULED
    } else {
        EXECUTED
    }
}

fn set_certainty(assertion: &mut Assertion, class: usize) {
    if class == certainty_now(assertion) {
        return;
    }
    assertion.polarity = Polarity::Present;
    assertion.certainty = Certainty::Asserted;
    match class {
        SUSPICIOUS => assertion.certainty = Certainty::Suspected,
        NEGATIVE if assertion.phase == Phase::Past => assertion.resolved = true,
        NEGATIVE => assertion.polarity = Polarity::Absent,
        GENERAL => assertion.certainty = Certainty::General,
        _ => assertion.resolved = false,
    }
}

fn set_state(assertion: &mut Assertion, tag: Tag, class: usize) {
    if class == state_now(assertion) {
        return;
    }
    assertion.polarity = Polarity::Present;
    assertion.certainty = Certainty::Asserted;
    if matches!(assertion.phase, Phase::Planned | Phase::Stopped) {
        assertion.phase = Phase::Current;
    }
    match class {
        SCHEDULED => assertion.phase = Phase::Planned,
        NEGATED if tag == Tag::DrugName => assertion.phase = Phase::Stopped,
        NEGATED => assertion.polarity = Polarity::Absent,
        OTHER => assertion.certainty = Certainty::General,
        _ => {}
    }
}

/// A sentence as the classifiers see it.
pub(crate) struct View<'t, 'a> {
    tokens: &'t Tokens<'a>,
    words: Vec<u32>,
    section: u32,
    /// What phrases of discourse say of the sentence.
    discourse: u32,
    /// Whether each token lies in a mention.
    is_mention: Vec<bool>,
}

impl<'t, 'a> View<'t, 'a> {
    pub(crate) fn new(tokens: &'t Tokens<'a>, draft: &Draft, section: Option<SectionKind>) -> Self {
        let discourse = tokens.discourse.iter().fold(0, |known, kind| {
            known
                | match kind {
                    Discourse::Case => 1,
                    Discourse::Literature => 2,
                }
        });
        let words = tokens
            .list
            .iter()
            .map(|token| match token.kind {
                TokenKind::Number => 7,
                _ => word(tokens.slice(token.start, token.end)),
            })
            .collect();
        let mut is_mention = vec![false; tokens.list.len()];
        for mention in &draft.mentions {
            let first = tokens
                .list
                .partition_point(|token| token.end <= mention.span.start);
            let places = tokens.list.iter().zip(&mut is_mention).skip(first);
            for (_, place) in places.take_while(|(token, _)| token.start < mention.span.end) {
                *place = true;
            }
        }
        Self {
            tokens,
            words,
            section: section.map_or(0, |section| section as u32 + 1),
            discourse,
            is_mention,
        }
    }

    fn word(&self, at: Option<usize>) -> u32 {
        at.and_then(|at| self.words.get(at)).copied().unwrap_or(1)
    }

    /// What the tables say of a token, as the tagger sees it.
    fn category(&self, at: Option<usize>) -> u32 {
        let token = at.and_then(|at| self.tokens.list.get(at));
        token.map_or(1, |token| super::features::category(self.tokens, *token))
    }

    /// Hashes of the features of a mention.
    pub(crate) fn features(&self, mention: &Mention) -> Vec<u32> {
        const NEAR: usize = 5;
        let list = &self.tokens.list;
        let first = list.partition_point(|token| token.end <= mention.span.start);
        let behind = list.partition_point(|token| token.start < mention.span.end);
        let rule = class_now(mention) as u32;
        let tag = mention.tag as u32;
        let phase = mention.assertion.phase as u32;
        let name = word(self.tokens.slice(mention.span.start, mention.span.end));
        let next = |step: usize| self.word(Some(behind + step));
        let before = |step: usize| self.word(first.checked_sub(step));
        let mut out = vec![
            mix(40, []),
            mix(41, [rule, tag]),
            mix(42, [rule, tag, self.section]),
            mix(43, [tag, self.section, self.discourse]),
            mix(44, [rule, self.discourse, phase]),
            mix(45, [name]),
            mix(46, [name, rule]),
            mix(47, [tag, next(0)]),
            mix(48, [tag, next(0), next(1)]),
            mix(49, [tag, next(0), next(1), next(2)]),
            mix(50, [tag, before(1)]),
            mix(51, [tag, before(2), before(1)]),
            mix(52, [tag, before(1), next(0)]),
            mix(
                53,
                [
                    tag,
                    self.word(self.words.len().checked_sub(1)),
                    self.word(self.words.len().checked_sub(2)),
                ],
            ),
            mix(54, [rule, next(0)]),
            mix(55, [rule, before(1)]),
        ];
        let kind = |at: usize| self.category(Some(at));
        out.push(mix(63, [tag, kind(behind)]));
        out.push(mix(64, [tag, kind(behind), kind(behind + 1)]));
        out.push(mix(65, [tag, rule, kind(behind), self.section]));
        out.push(mix(66, [tag, self.category(first.checked_sub(1)), kind(behind)]));
        for step in 0..NEAR {
            out.push(mix(56, [tag, next(step)]));
            out.push(mix(57, [tag, before(step + 1)]));
        }
        // The predicate: what stands behind the enumeration that the mention is part of.
        let predicate = (behind..list.len()).find(|at| self.is_predicate(*at));
        let reach = predicate.map_or(9, |at| (at - behind).min(8) as u32 / 2);
        let said = self.word(predicate);
        out.push(mix(58, [tag, said]));
        out.push(mix(59, [tag, said, reach]));
        out.push(mix(60, [rule, said, self.word(predicate.map(|at| at + 1))]));
        for at in behind..list.len().min(behind + 24) {
            if self.is_predicate(at) {
                out.push(mix(61, [tag, self.word(Some(at))]));
            }
        }
        for at in 0..first {
            if self
                .tokens
                .is(at, mark::CUE | mark::PLAN | mark::RELATIVE | mark::DISCOURSE)
            {
                out.push(mix(62, [tag, self.word(Some(at))]));
            }
        }
        out
    }

    /// Cues and verbs; not what names something.
    fn is_predicate(&self, at: usize) -> bool {
        let is_name = self.is_mention.get(at).copied().unwrap_or(false);
        !is_name
            && (self.tokens.is(at, mark::CUE | mark::PLAN | mark::DISCOURSE)
                || self
                    .tokens
                    .find(at, |term| matches!(term, Term::Modifier(_)).then_some(()))
                    .is_some())
    }
}

fn word(text: &[char]) -> u32 {
    text.iter().fold(0x51_u32, |state, c| {
        (state.rotate_left(5) ^ u32::from(*c)).wrapping_mul(0x9E37_79B1)
    }) | 16
}
