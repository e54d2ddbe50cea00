//! The whole engine: tables → vocabulary, reader and rules; a note → entities, events, questions.

use crate::code::code;
use crate::derive::Derivations;
use crate::entities::entities;
use crate::equivalents::Equivalents;
use crate::fact::fact_key;
use crate::imported::Imports;
use crate::person::Persons;
use crate::record::Record;
use crate::refine::Refinement;
use crate::staging::{Refinements, Stagings};
use std::sync::Arc;
use tsumugi_clinical::{
    Because, Certainty, CorpusCertainty, Diagnostic, Entity, Event, EventKind, Experiencer, FactKey, Note,
    Patient, Phase, Polarity, StructuredNote,
};
use tsumugi_tables::{Mistake, Source, TermKind};
use tsumugi_terminology::{
    Masters, Vocabulary, VocabularyError, edition, embedded_tagger, engine_files, sources_of,
};
use tsumugi_text::{ModelError, ReadCache, ReadContext, Reader, ReaderError, Reading, Tagger};

/// Why the engine cannot be built from its tables.
#[derive(Debug, thiserror::Error)]
pub enum CoderError {
    /// The vocabulary.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The grammar.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The weights of the tagger.
    #[error(transparent)]
    Tagger(#[from] ModelError),
    /// The rules of coding.
    #[error("{} mistakes in the rules of coding; the first: {first}", .count)]
    Rules {
        /// How many.
        count: usize,
        /// The first one, with its place.
        first: Mistake,
    },
}

/// The engine. Building it takes a fraction of a second; after that it is pure and total.
#[derive(Debug)]
pub struct Coder {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) reader: Reader,
    pub(crate) derivations: Derivations,
    pub(crate) equivalents: Equivalents,
    pub(crate) refinement: Refinement,
    pub(crate) stagings: Stagings,
    pub(crate) staged: Refinements,
    pub(crate) imports: Imports,
    persons: Persons,
    edition: String,
}

impl Coder {
    /// Builds the engine from the embedded tables and the embedded tagger.
    pub fn embedded() -> Result<Self, CoderError> {
        Self::with_masters(&Masters::default())
    }

    /// Builds the engine from the embedded tables, the embedded tagger and the masters of a site.
    pub fn with_masters(masters: &Masters) -> Result<Self, CoderError> {
        let files = engine_files();
        let weights = embedded_tagger();
        let weights = weights.as_deref();
        // What does not wait for the tables is done beside them.
        std::thread::scope(|scope| {
            let beside = scope.spawn(|| (weights.map(Tagger::load).transpose(), edition(&files, weights)));
            let coder = Self::of(&sources_of(&files), masters)?;
            let (tagger, edition) = beside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(Self {
                edition: edition + &masters.edition(),
                ..coder.with_tagger(tagger?)
            })
        })
    }

    /// Builds the engine from the embedded tables: tables and rules read alone.
    pub fn without_tagger() -> Result<Self, CoderError> {
        let files = engine_files();
        let mut coder = Self::new(&sources_of(&files))?;
        coder.edition = edition(&files, None);
        Ok(coder)
    }

    /// The same engine with another tagger.
    #[must_use]
    pub fn with_tagger(self, tagger: Option<Tagger>) -> Self {
        Self {
            reader: self.reader.with_tagger(tagger),
            ..self
        }
    }

    /// Builds the engine from tables.
    pub fn new(sources: &[Source<'_>]) -> Result<Self, CoderError> {
        Self::of(sources, &Masters::default())
    }

    fn of(sources: &[Source<'_>], masters: &Masters) -> Result<Self, CoderError> {
        let vocabulary = Vocabulary::with_masters(sources, masters)?;
        let concept_of = |id: &str| {
            let key = vocabulary.key(id)?;
            Some((vocabulary.get(key)?.kind, key))
        };
        let reader = Reader::new(sources, vocabulary.designations(), concept_of, |key| {
            vocabulary.descendants(key)
        })?;
        let mut mistakes = Vec::new();
        let derivations = Derivations::new(sources, &vocabulary, &mut mistakes);
        let equivalents = Equivalents::new(sources, &vocabulary, &mut mistakes);
        let refinement = Refinement::new(sources, &vocabulary, &mut mistakes);
        let persons = Persons::new(sources, &mut mistakes);
        let stagings = Stagings::new(&reader, &vocabulary, &mut mistakes);
        let staged = Refinements::new(sources, &vocabulary, &mut mistakes);
        let imports = Imports::new(sources, &vocabulary, &mut mistakes);
        match mistakes.first() {
            Some(first) => Err(CoderError::Rules {
                count: mistakes.len(),
                first: first.clone(),
            }),
            None => Ok(Self {
                vocabulary,
                reader,
                derivations,
                equivalents,
                refinement,
                stagings,
                staged,
                imports,
                persons,
                edition: String::new(),
            }),
        }
    }

    /// The edition of the tables, with that of the site's masters behind a `+`: the same edition gives the same output
    /// for the same input.
    pub fn edition(&self) -> &str {
        &self.edition
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Sex and age as the head of a note says them; what is not said stays open.
    pub fn person(&self, text: &str) -> Patient {
        self.persons.read(text)
    }

    /// The reader.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Structures one note on its own.
    pub fn structure(&self, note: &Note) -> StructuredNote {
        let reading = self.reader.read(&read_context(note), &note.text);
        self.code_reading(&Record::default(), note, &reading)
    }

    /// Structures the next note of a record, which learns it: what it says may settle what an earlier note left open.
    pub fn structure_in(&self, record: &mut Record, note: &Note) -> StructuredNote {
        let reading = self.reader.read(&read_context(note), &note.text);
        let structured = self.code_reading(record, note, &reading);
        record.learn(note, &structured);
        structured
    }

    /// Structures a note that is being written; the record is only read, the cache keeps unchanged sentences.
    pub fn structure_cached(&self, cache: &mut ReadCache, record: &Record, note: &Note) -> StructuredNote {
        let reading = self.reader.read_cached(cache, &read_context(note), &note.text);
        self.code_reading(record, note, &reading)
    }

    /// Replaces the concept of an event, as the writer has corrected it; the fact is composed anew.
    pub fn recode(&self, event: &mut Event, concept: &str) -> bool {
        let Some(right) = self.vocabulary.concept(concept) else {
            return false;
        };
        event.concept = right.id.clone();
        event.name = Arc::clone(&right.name);
        event.codes = Arc::clone(&right.codes);
        event.kind = kind_of(right.kind, event.kind);
        if right.site.is_some() {
            event.site = None;
        }
        event.fact = fact_key(event);
        true
    }

    /// An event for a phrase that the writer has settled: the entity named by `entity`, meant as its annotation says.
    pub fn settle(&self, entity: u32, annotation: &Entity, concept: &str) -> Option<Event> {
        let known = self.vocabulary.concept(concept)?;
        let mut event = Event {
            fact: FactKey::new(""),
            concept: known.id.clone(),
            name: Arc::clone(&known.name),
            kind: kind_of(known.kind, EventKind::Finding),
            codes: Arc::clone(&known.codes),
            polarity: match annotation.certainty {
                Some(CorpusCertainty::Negative) => Polarity::Absent,
                _ => Polarity::Present,
            },
            certainty: match annotation.certainty {
                Some(CorpusCertainty::Suspicious) => Certainty::Suspected,
                Some(CorpusCertainty::General) if annotation.experiencer.is_none() => Certainty::General,
                _ => Certainty::Asserted,
            },
            experiencer: match annotation.experiencer.as_deref() {
                Some("family") => Experiencer::Family,
                Some(_) => Experiencer::Other,
                None => Experiencer::Patient,
            },
            relative: None,
            phase: Phase::Current,
            resolved: false,
            site: None,
            modifiers: Vec::new(),
            laterality: None,
            value: None,
            dosage: None,
            time: None,
            measured: None,
            item: None,
            evidence: None,
            because: vec![Because::Entity { entity }],
            supersedes: None,
        };
        event.fact = fact_key(&event);
        Some(event)
    }

    fn code_reading(&self, record: &Record, note: &Note, reading: &Reading) -> StructuredNote {
        let (entities, relations, index) = entities(&note.text, reading);
        let (events, unattached) = code(self, note, reading, &index);
        let diagnostics = reading.doubts.iter().map(|(span, doubt)| Diagnostic {
            span: *span,
            code: (*doubt).to_owned(),
            text: note
                .text
                .chars()
                .take(span.end as usize)
                .skip(span.start as usize)
                .collect(),
        });
        let mut structured = StructuredNote {
            id: note.id.clone(),
            entities,
            relations,
            events,
            questions: Vec::new(),
            unread: reading.unread.clone(),
            unattached,
            diagnostics: diagnostics.collect(),
        };
        self.refinement
            .refine(&self.vocabulary, record, note, &mut structured);
        structured
    }
}

/// What the reader is told of a note beside its text.
pub fn read_context(note: &Note) -> ReadContext {
    let birth = note.patient.as_ref().and_then(|patient| patient.birth_date);
    ReadContext {
        date: note.date,
        birth,
    }
}

/// Kind of an event of a concept; `usual` where the concept leaves it open.
fn kind_of(kind: TermKind, usual: EventKind) -> EventKind {
    match kind {
        TermKind::Disease => EventKind::Condition,
        TermKind::Finding | TermKind::Normal => EventKind::Finding,
        TermKind::Drug | TermKind::DrugClass if usual == EventKind::Allergy => EventKind::Allergy,
        TermKind::Drug | TermKind::DrugClass => EventKind::Medication,
        TermKind::Test => EventKind::Measurement,
        TermKind::Exam => EventKind::Examination,
        TermKind::Procedure => EventKind::Procedure,
        TermKind::Allergen => EventKind::Allergy,
        TermKind::Circumstance => EventKind::Lifestyle,
        TermKind::Site => usual,
    }
}
