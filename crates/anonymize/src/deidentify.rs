//! De-identification of Japanese clinical text: what in it leads to a person, and the text without it.
//!
//! Tables and small grammars say what every character may be ([`words`], [`numerals`], [`places`], [`runs`]); a linear-chain model
//! over characters, learned from our own dummy notes, decides ([`model`]); what can be read in one way only is
//! found whatever the model says, what is known of the patient is found everywhere, a name found once is looked for in
//! the whole note, and a medical term that holds a name stays ([`combine`]). What remains unsure is listed for a person.

mod block;
mod combine;
mod features;
mod fold;
mod institutions;
mod known;
mod model;
mod numerals;
mod places;
mod rare;
mod rules;
mod runs;
mod surrogates;
mod words;

pub use features::FEATURES;
pub use model::{LABELS, Model, ModelError, ModelParts};
pub use surrogates::{DateStyle, Replacement, Rewriter, Style};
pub use words::WordsError;

use block::Block;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use tsumugi_tables::Source;
use words::Words;

/// What leads to a person, by the kinds of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A name of a person, or a part of one.
    Person,
    /// An age of 90 or more.
    Age,
    /// Month and day, or year and month.
    Date,
    /// An address or a place.
    Location,
    /// A named hospital or clinic.
    Hospital,
    /// Another named institution.
    Org,
    /// A telephone or fax number.
    Phone,
    /// A mail address.
    Email,
    /// A number that stands for a person or a thing of theirs.
    Id,
}

impl Kind {
    /// All kinds, in the order of the labels.
    pub const ALL: [Self; 9] = [
        Self::Person,
        Self::Age,
        Self::Date,
        Self::Location,
        Self::Hospital,
        Self::Org,
        Self::Phone,
        Self::Email,
        Self::Id,
    ];

    /// The word of the contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Age => "AGE",
            Self::Date => "DATE",
            Self::Location => "LOCATION",
            Self::Hospital => "HOSPITAL",
            Self::Org => "ORG",
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
            Self::Id => "ID",
        }
    }

    /// The kind of a word of the contract.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The labels that begin and continue a span of this kind.
    pub fn labels(self) -> (u8, u8) {
        let place = Self::ALL.iter().position(|kind| *kind == self).unwrap_or(0) as u8;
        (1 + 2 * place, 2 + 2 * place)
    }

    /// The kind of a label, and whether the label begins a span.
    fn of_label(label: u8) -> Option<(Self, bool)> {
        let place = label.checked_sub(1)?;
        Self::ALL
            .get(place as usize / 2)
            .map(|kind| (*kind, place % 2 == 0))
    }
}

/// A span of the text that leads to a person; Unicode scalar offsets, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
}

/// Why a person should look at a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It may identify; it was left as it is.
    Possible(Kind),
    /// It was replaced, and may be no such thing.
    Doubtful(Kind),
    /// A fact so rare that it may lead to one person (特異な記述).
    Rare,
}

impl Reason {
    /// The reason in a word or two: `possible-person`, `doubtful-date`, `rare`.
    pub fn word(self) -> String {
        match self {
            Self::Possible(kind) => format!("possible-{}", kind.word().to_lowercase()),
            Self::Doubtful(kind) => format!("doubtful-{}", kind.word().to_lowercase()),
            Self::Rare => "rare".to_owned(),
        }
    }
}

/// A span that a person should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// Why.
    pub reason: Reason,
}

/// What is known of the patient beforehand; all of it is found wherever it stands.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names of the patient, relatives, staff: a blank parts surname and given name.
    pub names: Vec<String>,
    /// Year, month, day of birth.
    pub birth_date: Option<(u32, u32, u32)>,
    /// Addresses.
    pub addresses: Vec<String>,
    /// Numbers.
    pub ids: Vec<String>,
}

/// What was found: spans in their order, none overlapping another, and what is left to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What identifies.
    pub spans: Vec<Found>,
    /// What a person should look at.
    pub review: Vec<Doubt>,
}

/// A line of a note to learn from.
#[derive(Debug)]
pub struct Instance {
    /// Place of its first character in the note.
    pub start: usize,
    /// Features of each character.
    pub features: Vec<[u32; FEATURES]>,
}

/// Longest piece that is read at once, in characters: bounds the memory for a note of any length.
const BLOCK: usize = 8_192;
/// Names that are kept of one note.
const MOST_NAMES: usize = 20_000;

/// By how much being outside is made dearer, in units of weights: chosen by cross-validation on the build notes.
const OUTSIDE: i32 = 14;
/// What is found only when it is made so much dearer is left to a person, and what is lost when it is made cheaper is
/// marked as doubtful.
const REACH: i32 = 30;

/// Finds what identifies.
#[derive(Debug)]
pub struct Deidentifier {
    words: Words,
    rare: rare::Cues,
    model: Option<Model>,
    outside: i32,
}

impl Deidentifier {
    /// Compiles the tables below `deidentification/` with medical terms that are to stay, and takes the weights.
    pub fn new<'t>(
        sources: &[Source<'_>],
        terms: impl Iterator<Item = Cow<'t, str>>,
        model: Option<Model>,
    ) -> Result<Self, WordsError> {
        Ok(Self {
            words: Words::new(sources, terms)?,
            rare: rare::Cues::new(sources)?,
            model,
            outside: OUTSIDE,
        })
    }

    /// The same with other weights.
    #[must_use]
    pub fn with_model(mut self, model: Option<Model>) -> Self {
        self.model = model;
        self
    }

    /// The same with another price of being outside.
    #[must_use]
    pub fn with_outside(mut self, outside: i32) -> Self {
        self.outside = outside;
        self
    }

    /// What identifies in a text.
    pub fn find(&self, text: &str, known: &Known) -> Findings {
        let chars: Vec<char> = text.chars().collect();
        let known = known::Needles::new(known);
        let mut drafts = combine::Drafts::default();
        self.each_block(&chars, |start, block| {
            let found = combine::decide(self, &block, &known);
            drafts.add(start, found);
        });
        drafts.propagate(&self.words, &chars);
        self.rare.find(&chars, &mut drafts);
        drafts.finish(&chars)
    }

    /// The lines of a text with their features, to learn from.
    pub fn instances(&self, text: &str) -> Vec<Instance> {
        let chars: Vec<char> = text.chars().collect();
        let mut out = Vec::new();
        self.each_block(&chars, |start, block| {
            for (from, to) in combine::lines(&block) {
                let features = (from..to)
                    .map(|at| {
                        let mut features = [0; FEATURES];
                        features::features(&block, at, &mut features);
                        features
                    })
                    .collect();
                out.push(Instance {
                    start: start + from,
                    features,
                });
            }
        });
        out
    }

    /// Places of figures that may be a date, an age or a number, or none of them.
    pub fn unsure_places(&self, text: &str) -> Vec<usize> {
        let chars: Vec<char> = text.chars().map(fold::fold).collect();
        let numerals = numerals::read(&self.words, &chars);
        let unsure = numerals.iter().filter(|numeral| !numeral.shape.is_sure());
        unsure.map(|numeral| numeral.start).collect()
    }

    /// Reads a note piece by piece, twice where it has several pieces: the names that are sure are collected first.
    fn each_block(&self, chars: &[char], mut each: impl FnMut(usize, Block)) {
        let pieces = pieces(chars);
        let last = pieces.len().saturating_sub(1);
        let read = |index: usize, (start, end): (usize, usize)| {
            let piece = chars.get(start..end).unwrap_or(&[]);
            Block::read(&self.words, piece, index == 0, index == last)
        };
        let mut names = FxHashSet::default();
        if let [only] = pieces.as_slice() {
            let mut block = read(0, *only);
            combine::sure_names(&self.words, &block, &mut names);
            block.know(&names);
            return each(only.0, block);
        }
        for (index, piece) in pieces.iter().enumerate() {
            if names.len() < MOST_NAMES {
                combine::sure_names(&self.words, &read(index, *piece), &mut names);
            }
        }
        for (index, piece) in pieces.iter().enumerate() {
            let mut block = read(index, *piece);
            block.know(&names);
            each(piece.0, block);
        }
    }
}

/// Cuts a text into pieces, at the ends of lines where there are any, else at blanks and full stops.
fn pieces(chars: &[char]) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while chars.len() - start > BLOCK {
        let window = chars.get(start..start + BLOCK).unwrap_or(&[]);
        let line = window.iter().rposition(|c| *c == '\n');
        let stop = || {
            window
                .iter()
                .rposition(|c| fold::class_of(fold::fold(*c)) == fold::Class::Stop || c.is_whitespace())
        };
        let end = line.or_else(stop).map_or(start + BLOCK, |at| start + at + 1);
        pieces.push((start, end));
        start = end;
    }
    if start < chars.len() {
        pieces.push((start, chars.len()));
    }
    pieces
}
