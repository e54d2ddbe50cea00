//! Reads one sentence: tokens → grammars → mentions and cues in order → compounds → assertion.

use crate::dose;
use crate::habits;
use crate::mention::{Link, Mention};
use crate::quantity::{self, Parsed};
use crate::resolve::{self, Scope};
use crate::rules::{Effect, Modifier, Reach, Rules, Term, mark};
use crate::series;
use crate::tagger::{self, Tagger};
use crate::time::{self, Anchor};
use crate::tokens::{CharClass, Scratch, Token, Tokens, class};
use crate::{compounds, reader::SentenceReading};
use crate::{grouping, unread};
use std::sync::Arc;
use tsumugi_clinical::{Polarity, SectionKind, Tag};
use tsumugi_tables::{Lexicon, TermKind};

/// What a sentence is read with.
#[derive(Clone, Copy)]
pub(crate) struct SentenceContext<'a> {
    pub(crate) lexicon: &'a Lexicon<Term>,
    pub(crate) rules: &'a Rules,
    pub(crate) section: Option<SectionKind>,
    /// The row of `denied_headings` of the heading right before it.
    pub(crate) heading: Option<u32>,
    pub(crate) anchor: Anchor,
    pub(crate) tagger: Option<&'a Tagger>,
}

/// What stands in a sentence, in order: mentions by index, and words that say how mentions are meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Mention(usize),
    Cue {
        effect: Effect,
        reach: Reach,
        start: u32,
        end: u32,
    },
    Relative {
        who: Arc<str>,
        start: u32,
        end: u32,
    },
}

/// A sentence while it is read.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) mentions: Vec<Mention>,
    pub(crate) links: Vec<Link>,
    pub(crate) items: Vec<Item>,
    pub(crate) doubts: Vec<(tsumugi_clinical::Span, &'static str)>,
}

/// Reads a sentence; spans are characters of the sentence.
pub(crate) fn read(context: &SentenceContext<'_>, chars: &[char], scratch: &mut Scratch) -> SentenceReading {
    let (mut tokens, mut draft) = known(context, chars, scratch);
    if let Some(tagger) = context.tagger {
        let Scratch { infos, lattice, .. } = scratch;
        tagger::apply(tagger, &tokens, infos, lattice, &mut draft);
    }
    resolve::resolve(
        &Scope::of(context, &tokens.discourse),
        chars,
        &tokens.stagings,
        &mut draft,
    );
    if let Some(tagger) = context.tagger {
        tagger::classify(tagger, &tokens, &mut draft, context.section);
    }
    let stagings = std::mem::take(&mut tokens.stagings);
    let mut unread = unread::find(context.rules, &tokens, &mut draft);
    unread.retain(|span| !stagings.iter().any(|staging| staging.span.contains(*span)));
    let groups = grouping::group(context.rules, chars, &mut draft.mentions);
    tokens.give_back(scratch);
    draft.items.clear();
    scratch.items = draft.items;
    SentenceReading {
        groups,
        mentions: draft.mentions,
        links: draft.links,
        unread,
        doubts: draft.doubts,
        stagings,
    }
}

/// The mentions of a sentence as the classifiers see them.
pub(crate) fn class_instances(
    context: &SentenceContext<'_>,
    chars: &[char],
    scratch: &mut Scratch,
) -> Vec<tagger::ClassInstance> {
    let (tokens, mut draft) = known(context, chars, scratch);
    if let Some(tagger) = context.tagger {
        let Scratch { infos, lattice, .. } = scratch;
        tagger::apply(tagger, &tokens, infos, lattice, &mut draft);
    }
    resolve::resolve(
        &Scope::of(context, &tokens.discourse),
        chars,
        &tokens.stagings,
        &mut draft,
    );
    tagger::class_instances(&tokens, &draft, context.section)
}

/// What tables and grammars read of a sentence, before it is judged how it is meant.
pub(crate) fn known<'a>(
    context: &SentenceContext<'a>,
    chars: &'a [char],
    scratch: &mut Scratch,
) -> (Tokens<'a>, Draft) {
    let tokens = Tokens::cut(context.lexicon, context.rules, chars, scratch);
    let mut draft = collect(context, &tokens, std::mem::take(&mut scratch.items));
    deny_section(context, chars, &mut draft);
    compounds::join(context.rules, &tokens, &mut draft, &mut scratch.joined);
    (tokens, draft)
}

/// 「アレルギー：なし」: a section that holds nothing but a denial states what its table row says.
fn deny_section(context: &SentenceContext<'_>, chars: &[char], draft: &mut Draft) {
    let only_denies = matches!(
        draft.items.as_slice(),
        [Item::Cue {
            effect: Effect::Negate,
            ..
        }]
    );
    if !only_denies || deny_heading(context, chars, draft) {
        return;
    }
    let denied = context
        .rules
        .denied_sections
        .iter()
        .find(|(section, _)| Some(*section) == context.section);
    let key = denied.and_then(|(_, name)| context.rules.habits.get(name.as_ref()));
    if let Some(key) = key {
        draft.items.clear();
        let mention = Mention::new(0, chars.len() as u32, Tag::Pending);
        draft.push(mention.with_term(TermKind::Circumstance, *key));
    }
}

/// 「食物アレルギー：なし」: where a heading names what a lone denial denies, that is denied, and nothing wider.
fn deny_heading(context: &SentenceContext<'_>, chars: &[char], draft: &mut Draft) -> bool {
    let row = context
        .heading
        .and_then(|row| context.rules.denied_headings.get(row as usize));
    let Some((_, name)) = row else {
        return false;
    };
    let named = context.lexicon.get(name).iter().find_map(|term| match term {
        Term::Concept { kind, key, .. } => Some((*kind, *key)),
        _ => None,
    });
    let Some((kind, key)) = named else {
        return false;
    };
    draft.items.clear();
    let mut mention = Mention::new(0, chars.len() as u32, Tag::Pending).with_term(kind, key);
    mention.assertion.polarity = Polarity::Absent;
    draft.push(mention);
    true
}

fn collect(context: &SentenceContext<'_>, tokens: &Tokens<'_>, items: Vec<Item>) -> Draft {
    let mut draft = Draft {
        mentions: Vec::with_capacity(tokens.list.len() / 2),
        items,
        ..Draft::default()
    };
    let mut index = 0;
    while index < tokens.list.len() {
        let read =
            bare_sign(tokens, index, &mut draft).or_else(|| grammar(context, tokens, index, &mut draft));
        let end = read.unwrap_or_else(|| {
            plain(tokens, index, &mut draft);
            index + 1
        });
        index = end.max(index + 1);
    }
    draft
}

/// Tries the grammars in the order of how much context they demand.
fn grammar(
    context: &SentenceContext<'_>,
    tokens: &Tokens<'_>,
    index: usize,
    draft: &mut Draft,
) -> Option<usize> {
    if let Some(parsed) = series::parse(context.rules, tokens, index) {
        let end = parsed.end;
        draft.add_parsed(parsed);
        return Some(end);
    }
    if let Some(read) = time::parse(tokens, &context.anchor, index) {
        if let Some((span, doubt)) = read.doubt {
            draft.doubts.push((span, doubt));
        }
        let end = read.end;
        draft.add_parsed(Parsed {
            mentions: vec![read.mention],
            links: Vec::new(),
            end,
        });
        add_cues(tokens, index, draft);
        return Some(end);
    }
    let parsed = quantity::parse(tokens, index)
        .or_else(|| dose::parse(tokens, index))
        .or_else(|| habits::parse(context.rules, tokens, index, context.section))?;
    let end = parsed.end;
    if let Some(token) = tokens.get(index)
        && parsed.mentions.first().and_then(Mention::kind) == Some(TermKind::Circumstance)
    {
        share_denial(tokens, token, TermKind::Circumstance, draft);
    }
    draft.add_parsed(parsed);
    Some(end)
}

/// 「浮腫－」 「発汗+ 」: a bare sign behind a finding settles it, when no digit or letter follows.
fn bare_sign(tokens: &Tokens<'_>, index: usize, draft: &mut Draft) -> Option<usize> {
    let token = tokens.get(index)?;
    let [sign] = tokens.slice(token.start, token.end) else {
        return None;
    };
    let effect = match sign {
        '-' | '\u{30FC}' => Effect::Negate,
        '+' | '\u{00B1}' => Effect::Affirm,
        _ => return None,
    };
    let mention = draft
        .mentions
        .last()
        .filter(|mention| mention.tag == Tag::Disease)?;
    let gap = tokens.slice(mention.span.end, token.start);
    let is_behind = mention.span.end <= token.start && gap.len() <= 1 && gap.iter().all(|c| *c == ' ');
    let next = tokens.slice(token.end, token.end + 1).first();
    let stands_alone = next.is_none_or(|c| matches!(class(*c), CharClass::Mark) && *c != '-');
    // Behind a blank a minus that more words follow is a dash.
    let is_dash = !gap.is_empty() && *sign == '-' && next == Some(&' ');
    if !is_behind || !stands_alone || is_dash {
        return None;
    }
    draft.items.push(Item::Cue {
        effect,
        reach: Reach::Last,
        start: mention.span.end,
        end: token.end,
    });
    Some(index + 1)
}

/// A token on its own: a mention, a cue, a relative, or nothing.
fn plain(tokens: &Tokens<'_>, index: usize, draft: &mut Draft) {
    let Some(token) = tokens.get(index) else { return };
    const SAYS: u32 = mark::CONCEPT | mark::CUE | mark::PLAN | mark::RELATIVE | mark::MODIFIER;
    if token.marks & SAYS == 0 {
        return;
    }
    let concept = tokens.find(index, |term| match term {
        Term::Concept {
            kind,
            key,
            needs_value: false,
        } => Some((*kind, *key)),
        _ => None,
    });
    let cue_first = is_cue_here(tokens, index, draft);
    if let Some((kind, key)) = concept.filter(|_| !cue_first) {
        share_denial(tokens, token, kind, draft);
        draft.push(Mention::new(token.start, token.end, tag_of(kind)).with_term(kind, key));
        add_cues(tokens, index, draft);
        return;
    }
    add_cues(tokens, index, draft);
    let relative = tokens.find(index, |term| match term {
        Term::Relative(who) => Some(Arc::clone(who)),
        _ => None,
    });
    if let Some(who) = relative {
        draft.items.push(Item::Relative {
            who,
            start: token.start,
            end: token.end,
        });
        return;
    }
    let modifier = tokens.find(index, |term| match term {
        Term::Modifier(modifier) => Some(*modifier),
        _ => None,
    });
    match modifier {
        Some(Modifier::Feature) => draft.push(Mention::new(token.start, token.end, Tag::Feature)),
        Some(Modifier::Change) => draft.push(Mention::new(token.start, token.end, Tag::Change)),
        Some(Modifier::Context) => draft.push(Mention::new(token.start, token.end, Tag::Context)),
        _ => {}
    }
}

/// 「体重減少、便通異常なし」: a name that denies itself denies what is enumerated before it. The cue has no width: it stands before
/// the name, and says nothing of it.
fn share_denial(tokens: &Tokens<'_>, token: Token, kind: TermKind, draft: &mut Draft) {
    if !matches!(kind, TermKind::Normal | TermKind::Circumstance) {
        return;
    }
    let Some(before) = draft.mentions.last().filter(|mention| mention.values.is_empty()) else {
        return;
    };
    let name = tokens.slice(token.start, token.end);
    let gap = tokens.slice(before.span.end.min(token.start), token.start);
    let enumerates = !gap.iter().all(|c| c.is_whitespace()) && tokens.rules.enumerates(gap) == Some(true);
    let text = tokens.slice(before.span.start, before.span.end);
    if enumerates
        && tokens
            .rules
            .shared_denials
            .shares((text, before.kind()), (name, Some(kind)))
        && ends_in_denial(tokens, name)
        && !ends_in_denial(tokens, text)
    {
        draft.items.push(Item::Cue {
            effect: Effect::Negate,
            reach: Reach::All,
            start: token.start,
            end: token.start,
        });
    }
}

fn ends_in_denial(tokens: &Tokens<'_>, name: &[char]) -> bool {
    let denies = |term: &Term| {
        matches!(
            term,
            Term::Cue {
                effect: Effect::Negate,
                reach: Reach::All,
            }
        )
    };
    (1..name.len()).any(|start| {
        let ending = name.get(start..).unwrap_or(&[]);
        let form = tokens.lexicon.form_of(ending.iter().copied());
        form.is_some_and(|form| tokens.lexicon.terms(form).iter().any(denies))
    })
}

/// A form that is both a concept and a cue (投与, 留置) is a cue right behind a mention.
fn is_cue_here(tokens: &Tokens<'_>, index: usize, draft: &Draft) -> bool {
    let has_cue = tokens.is(index, mark::CUE | mark::PLAN);
    let behind_mention = draft
        .mentions
        .last()
        .zip(tokens.get(index))
        .is_some_and(|(mention, token)| {
            token.start - mention.span.end.min(token.start) <= 1
                && matches!(
                    mention.tag,
                    Tag::DrugName | Tag::DrugValue | Tag::Remedy | Tag::Disease | Tag::Pending
                )
        });
    has_cue && behind_mention
}

fn add_cues(tokens: &Tokens<'_>, index: usize, draft: &mut Draft) {
    let Some(token) = tokens.get(index) else { return };
    if token.marks & (mark::CUE | mark::PLAN) == 0 {
        return;
    }
    for term in tokens.terms(token) {
        if let Term::Cue { effect, reach } = term {
            draft.items.push(Item::Cue {
                effect: *effect,
                reach: *reach,
                start: token.start,
                end: token.end,
            });
        }
    }
}

pub(crate) fn tag_of(kind: TermKind) -> Tag {
    match kind {
        TermKind::Disease | TermKind::Finding => Tag::Disease,
        TermKind::Normal => Tag::Feature,
        TermKind::Drug | TermKind::DrugClass => Tag::DrugName,
        TermKind::Test => Tag::TestKey,
        TermKind::Exam => Tag::TestName,
        TermKind::Procedure => Tag::Remedy,
        TermKind::Site => Tag::Anatomy,
        TermKind::Allergen | TermKind::Circumstance => Tag::Pending,
    }
}

impl Draft {
    pub(crate) fn push(&mut self, mention: Mention) {
        self.items.push(Item::Mention(self.mentions.len()));
        self.mentions.push(mention);
    }

    fn add_parsed(&mut self, parsed: Parsed) {
        let base = self.mentions.len();
        for (from, to) in parsed.links {
            self.links.push(Link {
                from: (base + from) as u32,
                to: (base + to) as u32,
                kind: tsumugi_clinical::RelationType::Value,
            });
        }
        for mention in parsed.mentions {
            self.push(mention);
        }
    }
}
