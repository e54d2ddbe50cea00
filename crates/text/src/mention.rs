//! What the reader finds in a note: mentions with their assertion, and the relations between them.

use crate::staging::Staging;
use std::sync::Arc;
use tsumugi_clinical::{
    Certainty, ClinicalTime, Dosage, Experiencer, Laterality, Phase, Polarity, Quantity, RelationType,
    SectionKind, Span, Tag, TimexType,
};
use tsumugi_tables::TermKind;

/// A concept of the vocabulary that a mention names, by the vocabulary's own index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermRef {
    /// Kind of the term.
    pub kind: TermKind,
    /// Index in the vocabulary.
    pub key: u32,
}

/// How a mention is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assertion {
    /// Present or denied.
    pub polarity: Polarity,
    /// Stated, suspected or general.
    pub certainty: Certainty,
    /// Whose.
    pub experiencer: Experiencer,
    /// Which relative.
    pub relative: Option<Arc<str>>,
    /// Current, past, planned or stopped.
    pub phase: Phase,
    /// Words of cure or removal stand behind it.
    pub resolved: bool,
    /// It is said to be done or being taken (drugs, procedures, tests).
    pub executed: bool,
    /// A word of its removal closes its name or stands right behind (「尿道カテーテル抜去」): what is done ends it.
    pub removed: bool,
    /// It is named as something the person does not tolerate.
    pub allergy: bool,
    /// It is not to be given at all, and not only not now (drugs).
    pub forbidden: bool,
    /// It is only an occasion for something else (「疼痛時」 before a drug).
    pub occasion: bool,
}

/// A stretch of the note that means something. Spans are characters of the original note.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// Where.
    pub span: Span,
    /// What, in the tag set of the annotation.
    pub tag: Tag,
    /// The concept, when the vocabulary has one.
    pub term: Option<TermRef>,
    /// Whether the concept is only the head of a longer name (外傷性＋腹壁ヘルニア).
    pub nearest: bool,
    /// Values, of test items: one, or several in the order written (systolic/diastolic; a trend with `→`).
    pub values: Vec<Quantity>,
    /// Dosage, of drugs.
    pub dosage: Option<Box<Dosage>>,
    /// The interval, of time expressions; the time that applies, of all others.
    pub time: Option<ClinicalTime>,
    /// Type, of time expressions.
    pub timex: Option<TimexType>,
    /// Side.
    pub laterality: Option<Laterality>,
    /// The site it was found at.
    pub site: Option<TermRef>,
    /// Coordinated phrase.
    pub group: Option<u32>,
    /// Section it stands in.
    pub section: Option<SectionKind>,
    /// Index of the sentence.
    pub sentence: u32,
    /// How it is meant.
    pub assertion: Assertion,
}

impl Mention {
    pub(crate) fn new(start: u32, end: u32, tag: Tag) -> Self {
        Self {
            span: Span::new(start, end),
            tag,
            term: None,
            nearest: false,
            values: Vec::new(),
            dosage: None,
            time: None,
            timex: None,
            laterality: None,
            site: None,
            group: None,
            section: None,
            sentence: 0,
            assertion: Assertion::default(),
        }
    }

    pub(crate) fn with_term(mut self, kind: TermKind, key: u32) -> Self {
        self.term = Some(TermRef { kind, key });
        self
    }

    /// Kind of the named concept.
    pub fn kind(&self) -> Option<TermKind> {
        self.term.map(|term| term.kind)
    }
}

/// A relation between two mentions, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// From this mention.
    pub from: u32,
    /// To this one.
    pub to: u32,
    /// What it says.
    pub kind: RelationType,
}

/// A note, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Mentions in the order of the text; they do not overlap.
    pub mentions: Vec<Mention>,
    /// Relations.
    pub links: Vec<Link>,
    /// Phrases that look clinical and were not understood; they may coincide with a mention that has no concept.
    pub unread: Vec<Span>,
    /// Stages, grades, classes and types as they are written, in the order of the text.
    pub stagings: Vec<Staging>,
    /// Doubts about the input, by code: impossible dates and values.
    pub doubts: Vec<(Span, &'static str)>,
}
