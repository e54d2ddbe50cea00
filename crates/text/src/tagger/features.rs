//! What the tagger sees of a token: the word and its neighbours, what the tables say it is, and what the grammars have
//! read it as.

use super::model::tag_labels;
use crate::rules::{Term, mark};
use crate::sentence::Draft;
use crate::tokens::{CharClass, Token, TokenKind, Tokens, class};

/// Features of a token.
pub const FEATURES: usize = 22;

/// What is known of a token before its neighbours are looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Info {
    /// Hash of its characters; numbers by their number of digits.
    word: u32,
    /// What the tables say it is.
    category: u32,
    /// Label that the grammars' reading would give it.
    read: u32,
    /// Scripts of its ends and its length.
    shape: u32,
    first: u32,
    last: u32,
}

/// A sentence as the tagger sees it, with borders of two tokens.
#[derive(Debug, Default)]
pub(crate) struct Infos {
    list: Vec<Info>,
}

const BORDER: usize = 2;

impl Infos {
    /// Looks at the tokens of a sentence and at what was read of them.
    pub(crate) fn fill(&mut self, tokens: &Tokens<'_>, draft: &Draft) {
        let outside = Info {
            word: 1,
            category: 1,
            shape: 1,
            ..Info::default()
        };
        self.list.clear();
        self.list.extend([outside; BORDER]);
        self.list
            .extend(tokens.list.iter().map(|token| info(tokens, *token)));
        self.list.extend([outside; BORDER]);
        for mention in &draft.mentions {
            let labels = tag_labels(mention.tag);
            let first = tokens
                .list
                .partition_point(|token| token.end <= mention.span.start);
            let inside = tokens
                .list
                .iter()
                .skip(first)
                .take_while(|token| token.start < mention.span.end);
            for (place, _) in inside.enumerate() {
                let label = match labels {
                    Some((begin, _)) if place == 0 => u32::from(begin),
                    Some((_, inside)) => u32::from(inside),
                    None => PENDING,
                };
                // Whether the concept is known counts as much as the tag.
                let known = u32::from(mention.term.is_some()) << 6 | u32::from(mention.nearest) << 7;
                if let Some(info) = self.list.get_mut(first + place + BORDER) {
                    info.read = label | known;
                }
            }
        }
    }

    /// Number of tokens.
    pub(crate) fn len(&self) -> usize {
        self.list.len().saturating_sub(2 * BORDER)
    }

    /// The hashes of the features of a token.
    pub(crate) fn features(&self, at: usize) -> [u32; FEATURES] {
        let Some([first, before, this, next, last]) = self
            .list
            .get(at..at + 2 * BORDER + 1)
            .and_then(|window| <&[Info; 5]>::try_from(window).ok())
        else {
            return [0; FEATURES];
        };
        [
            BIAS,
            mix(1, [this.word]),
            mix(2, [before.word]),
            mix(3, [next.word]),
            mix(4, [first.word]),
            mix(5, [last.word]),
            mix(6, [before.word, this.word]),
            mix(7, [this.word, next.word]),
            mix(8, [first.word, before.word]),
            mix(9, [next.word, last.word]),
            mix(10, [before.word, this.word, next.word]),
            mix(11, [this.read]),
            mix(12, [before.read, this.read, next.read]),
            mix(13, [this.read, this.word]),
            mix(14, [this.category]),
            mix(15, [before.category, this.category]),
            mix(16, [this.category, next.category]),
            mix(17, [before.category, this.category, next.category]),
            mix(18, [first.category, before.category, this.category]),
            mix(19, [this.category, next.category, last.category]),
            mix(20, [before.shape, this.shape, next.shape]),
            mix(21, [this.first, before.last]),
        ]
    }
}

/// The feature that every token has: template 0 without a value.
pub(crate) const BIAS: u32 = end(MIX);
/// Read as something that has no label.
const PENDING: u32 = 31;

fn info(tokens: &Tokens<'_>, token: Token) -> Info {
    let text = tokens.slice(token.start, token.end);
    let ends = (text.first().copied(), text.last().copied());
    let (Some(first), Some(last)) = ends else {
        return Info::default();
    };
    let word = if token.kind == TokenKind::Number {
        2 + text.len().min(6) as u32
    } else {
        mix_chars(text)
    };
    let length = text.len().min(7) as u32;
    Info {
        word,
        category: category(tokens, token),
        read: 0,
        shape: class(first) as u32 | (class(last) as u32) << 3 | length << 6,
        first: u32::from(first),
        last: u32::from(last),
    }
}

/// What the tables say a token is, as far as one number can.
pub(crate) fn category(tokens: &Tokens<'_>, token: Token) -> u32 {
    let first = tokens
        .slice(token.start, token.end)
        .first()
        .copied()
        .unwrap_or(' ');
    match token.kind {
        TokenKind::Number => 2,
        TokenKind::Other => match class(first) {
            CharClass::Mark => 16 + u32::from(first),
            script => 3 + script as u32,
        },
        TokenKind::Form(form) => tokens.rules.categories.get(form as usize).copied().unwrap_or(0),
    }
}

/// What the tables say a form is: the kinds of its meanings, and the first one more closely.
pub(crate) fn category_of(marks: u32, terms: &[Term]) -> u32 {
    let detail = terms.iter().find_map(|term| match term {
        Term::Concept { kind, .. } => Some(*kind as u32 + 1),
        Term::Modifier(modifier) => Some(modifier.number() + 32),
        Term::Time { kind, .. } => Some(*kind as u32 + 64),
        Term::Unit { kind, .. } => Some(*kind as u32 + 160),
        Term::Cue { effect, .. } => Some(*effect as u32 + 192),
        _ => None,
    });
    // A staging takes no part in the cover.
    mix(100, [marks & !mark::STAGING, detail.unwrap_or(0)])
}

const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix_chars(text: &[char]) -> u32 {
    let mut state = 0x5151_u64;
    for c in text {
        state = (state.rotate_left(7) ^ u64::from(*c)).wrapping_mul(MIX);
    }
    (state >> 32) as u32 | 8
}

/// Factors of the values of a feature: odd, and without a common pattern.
const FACTORS: [u64; 4] = [
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

/// Hash of a feature: its template and what it holds.
pub(crate) fn mix<const N: usize>(template: u32, values: [u32; N]) -> u32 {
    let mut state = u64::from(template + 1).wrapping_mul(MIX);
    for (value, factor) in values.into_iter().zip(FACTORS) {
        state = state.wrapping_add(u64::from(value).wrapping_mul(factor));
    }
    end(state)
}

const fn end(state: u64) -> u32 {
    ((state ^ state >> 31).wrapping_mul(MIX) >> 32) as u32
}
