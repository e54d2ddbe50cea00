//! The reader of notes: compiled once from the tables and a vocabulary's designations, then pure.

use crate::mention::{Mention, Reading};
use crate::normalize::NormalizedText;
use crate::quantity;
use crate::rules::{AmbiguousRow, Loader, NearWord, OneReading, Rules, Term, UnitKind, kinds_of, mark};
use crate::segment::{Place, Sentence, segment};
use crate::sentence::{self, SentenceContext};
use crate::staging::{Staging, StagingRow};
use crate::tagger::{self, ClassInstance, Instance, Tagger};
use crate::time::Anchor;
use crate::tokens::{Scratch, Tokens};
use jiff::civil::Date;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tsumugi_clinical::{Quantity, Span};
use tsumugi_tables::{Designation, Lexicon, LexiconError, Mistake, Source, TermKind};

/// Why a reader cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// A table of the grammar has mistakes.
    #[error("{} mistakes in the tables of the grammar; the first: {first}", .count)]
    Tables {
        /// How many.
        count: usize,
        /// The first one, with its place.
        first: Mistake,
    },
    /// The lexicon does not compile.
    #[error(transparent)]
    Lexicon(#[from] LexiconError),
}

/// Reads clinical Japanese. Total: any text gives a reading.
#[derive(Debug)]
pub struct Reader {
    lexicon: Lexicon<Term>,
    rules: Rules,
    tagger: Option<Tagger>,
}

/// What is known of a note beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReadContext {
    /// Civil date of writing.
    pub date: Option<Date>,
    /// Date of birth, for ages of life.
    pub birth: Option<Date>,
}

/// A sentence, read; spans are characters of the sentence.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentenceReading {
    pub(crate) mentions: Vec<Mention>,
    pub(crate) links: Vec<crate::mention::Link>,
    pub(crate) unread: Vec<Span>,
    pub(crate) doubts: Vec<(Span, &'static str)>,
    pub(crate) stagings: Vec<Staging>,
    /// Number of groups that the mentions belong to.
    pub(crate) groups: u32,
}

/// Sentences read before, so that an edit reads only what it changed. One cache serves one note.
#[derive(Debug, Default)]
pub struct ReadCache {
    context: ReadContext,
    old: FxHashMap<SentenceKey, Arc<SentenceReading>>,
    new: FxHashMap<SentenceKey, Arc<SentenceReading>>,
    /// Sentences that had to be read anew by the last call.
    pub fresh: u32,
}

type SentenceKey = (Place, Box<[char]>);

impl Reader {
    /// Compiles the tables below `lexicon/` and the vocabulary's forms; `concept_of` gives the kind and index of a
    /// concept's id, `narrower` a concept and everything below it.
    pub fn new<'d>(
        sources: &[Source<'_>],
        designations: impl Iterator<Item = Designation<'d>> + Clone,
        concept_of: impl Fn(&str) -> Option<(TermKind, u32)>,
        narrower: impl Fn(u32) -> Vec<u32>,
    ) -> Result<Self, ReaderError> {
        let mut loader = Loader::load(sources);
        // A form that names a drug and an allergen is the drug; among allergies a drug is one, too.
        let is_allergen = |designation: &Designation<'_>| designation.kind == TermKind::Allergen;
        let others = designations
            .clone()
            .filter(|designation| !is_allergen(designation));
        loader.add_designations(others.chain(designations.filter(is_allergen)));
        loader.load_ambiguous(&concept_of);
        loader.load_reactions(&concept_of, narrower);
        loader.load_staging(&concept_of);
        if let Some(first) = loader.mistakes.first() {
            return Err(ReaderError::Tables {
                count: loader.mistakes.len(),
                first: first.clone(),
            });
        }
        let mut lexicon = Lexicon::compile(loader.forms.iter())?;
        drop(loader.forms);
        let mut rules = loader.rules;
        rules.ambiguous = readings(&mut lexicon, loader.ambiguous);
        rules.categories = (0..lexicon.len() as u32)
            .map(|form| tagger::category_of(lexicon.marks(form), lexicon.terms(form)))
            .collect();
        Ok(Self {
            lexicon,
            rules,
            tagger: None,
        })
    }

    /// The same reader with a tagger for what no dictionary holds; without one, tables and rules read alone.
    #[must_use]
    pub fn with_tagger(self, tagger: Option<Tagger>) -> Self {
        Self { tagger, ..self }
    }

    /// What the tagger sees of every sentence of a note; spans are characters of the note.
    pub fn instances(&self, context: &ReadContext, text: &str) -> Vec<Instance> {
        let mut out = Vec::new();
        self.each_sentence(context, text, |context, chars, scratch, place| {
            let (tokens, draft) = sentence::known(context, chars, scratch);
            let mut instance = tagger::instance(&tokens, &draft);
            instance.spans.iter_mut().for_each(|span| *span = place(*span));
            out.push(instance);
        });
        out
    }

    /// What the classifiers see of every mention of a note, as the tagger of this reader cuts them.
    pub fn class_instances(&self, context: &ReadContext, text: &str) -> Vec<ClassInstance> {
        let mut out = Vec::new();
        self.each_sentence(context, text, |context, chars, scratch, place| {
            for mut instance in sentence::class_instances(context, chars, scratch) {
                instance.span = place(instance.span);
                out.push(instance);
            }
        });
        out
    }

    fn each_sentence(
        &self,
        context: &ReadContext,
        text: &str,
        mut each: impl FnMut(&SentenceContext<'_>, &[char], &mut Scratch, &dyn Fn(Span) -> Span),
    ) {
        let folded = self.mend_breaks(self.rules.folding.fold(text));
        let mut scratch = Scratch::default();
        for sentence in segment(&self.rules.headings, folded.chars()) {
            let range = sentence.span.start as usize..sentence.span.end as usize;
            let chars = folded.chars().get(range).unwrap_or(&[]);
            let place = |span: Span| {
                folded.original(Span::new(
                    span.start + sentence.span.start,
                    span.end + sentence.span.start,
                ))
            };
            let at = self.place(folded.chars(), &sentence);
            each(&self.sentence_context(context, at), chars, &mut scratch, &place);
        }
    }

    /// The rows of `lexicon/staging.tsv`, by index.
    pub fn stagings(&self) -> &[StagingRow] {
        &self.rules.staging.rows
    }

    /// Whether only words stand here that may stand between a disease and its staging. The text is folded as notes are.
    pub fn joins_staging(&self, gap: &str) -> bool {
        self.rules.staging.joins(&self.rules.folding.fold_form(gap))
    }

    /// Number of forms, of vocabulary and grammar together.
    pub fn forms(&self) -> usize {
        self.lexicon.len()
    }

    /// The concepts that exactly this form names.
    pub fn concepts_named(&self, form: &str) -> Vec<(TermKind, u32)> {
        let folded = self.rules.folding.fold_form(form);
        let concept = |term: &Term| match term {
            Term::Concept { kind, key, .. } => Some((*kind, *key)),
            _ => None,
        };
        self.lexicon.get(&folded).iter().filter_map(concept).collect()
    }

    /// Reads what stands in the field of a result: a value that fills the whole text (`39.2`, `<0.5`, `(1+)`).
    pub fn value(&self, text: &str) -> Option<Quantity> {
        let folded = self.rules.folding.fold(text);
        let mut scratch = Scratch::default();
        let tokens = Tokens::cut(&self.lexicon, &self.rules, folded.chars(), &mut scratch);
        quantity::whole(&tokens)
    }

    /// The UCUM unit that exactly this form names.
    pub fn unit(&self, form: &str) -> Option<Arc<str>> {
        let folded = self.rules.folding.fold_form(form);
        let unit = |term: &Term| match term {
            Term::Unit { ucum, kind } if *kind != UnitKind::Multiplier => Some(Arc::clone(ucum)),
            _ => None,
        };
        self.lexicon.get(&folded).iter().find_map(unit)
    }

    /// Reads a note.
    pub fn read(&self, context: &ReadContext, text: &str) -> Reading {
        let mut scratch = Scratch::default();
        self.read_with(text, |place, chars| {
            sentence::read(&self.sentence_context(context, place), chars, &mut scratch)
        })
    }

    /// Reads a note, taking from the cache every sentence that it has read before in the same section.
    pub fn read_cached(&self, cache: &mut ReadCache, context: &ReadContext, text: &str) -> Reading {
        cache.begin(*context);
        let mut scratch = Scratch::default();
        self.read_with(text, |place, chars| {
            let read = || sentence::read(&self.sentence_context(context, place), chars, &mut scratch);
            cache.sentence((place, chars.into()), read).as_ref().clone()
        })
    }

    /// What stands around a sentence.
    fn place(&self, chars: &[char], sentence: &Sentence) -> Place {
        let heading = sentence
            .heading
            .and_then(|span| chars.get(span.start as usize..span.end as usize));
        Place {
            section: sentence.section,
            heading: heading.and_then(|heading| self.rules.denied_heading(heading)),
        }
    }

    fn sentence_context(&self, context: &ReadContext, place: Place) -> SentenceContext<'_> {
        let anchor = Anchor {
            date: context.date,
            birth: context.birth,
        };
        SentenceContext {
            lexicon: &self.lexicon,
            rules: &self.rules,
            section: place.section,
            heading: place.heading,
            anchor,
            tagger: self.tagger.as_ref(),
        }
    }

    fn read_with(&self, text: &str, mut read: impl FnMut(Place, &[char]) -> SentenceReading) -> Reading {
        let folded = self.mend_breaks(self.rules.folding.fold(text));
        let sentences = segment(&self.rules.headings, folded.chars());
        // A mention a few characters, as a terse note has them.
        const CHARACTERS_OF_A_MENTION: usize = 6;
        let mut reading = Reading {
            mentions: Vec::with_capacity(folded.chars().len() / CHARACTERS_OF_A_MENTION),
            ..Reading::default()
        };
        let mut groups = 0;
        for (index, sentence) in (0u32..).zip(&sentences) {
            let range = sentence.span.start as usize..sentence.span.end as usize;
            let chars = folded.chars().get(range).unwrap_or(&[]);
            append(
                &mut reading,
                &mut groups,
                read(self.place(folded.chars(), sentence), chars),
                &folded,
                sentence,
                index,
            );
        }
        reading
    }

    /// Takes out line breaks that cut a word: a form crosses the break, and no form ends or begins there.
    fn mend_breaks(&self, folded: NormalizedText) -> NormalizedText {
        let chars = folded.chars();
        let breaks: Vec<u32> = (1..chars.len().saturating_sub(1))
            .filter(|index| chars.get(*index) == Some(&'\n') && self.cuts_word(chars, *index))
            .map(|index| index as u32)
            .collect();
        if breaks.is_empty() {
            folded
        } else {
            folded.without(&breaks)
        }
    }

    fn cuts_word(&self, chars: &[char], at: usize) -> bool {
        const WINDOW: usize = 10;
        let line_start = chars
            .get(..at)
            .unwrap_or(&[])
            .iter()
            .rposition(|c| *c == '\n')
            .map_or(0, |i| i + 1);
        let before = chars
            .get(at.saturating_sub(WINDOW).max(line_start)..at)
            .unwrap_or(&[]);
        let rest = chars.get(at + 1..chars.len().min(at + 1 + WINDOW)).unwrap_or(&[]);
        let after = rest.iter().take_while(|c| **c != '\n');
        if !is_word_char(before.last().copied()) || !is_word_char(rest.first().copied()) {
            return false;
        }
        let seam = before.len() as u32;
        let both: Vec<char> = before.iter().chain(after).copied().collect();
        let mut crosses = false;
        for found in self.lexicon.matches(&both) {
            let is_name = self
                .lexicon
                .terms(found.form)
                .iter()
                .any(|term| matches!(term, Term::Concept { .. }));
            if found.end == seam || found.start == seam {
                if is_name {
                    return false;
                }
            } else if is_name && found.start < seam && seam < found.end {
                crosses = true;
            }
        }
        crosses
    }
}

/// Gives every reading of an ambiguous form a form of its own, which means that concept, and what the form means beside
/// concepts.
fn readings(lexicon: &mut Lexicon<Term>, rows: Vec<AmbiguousRow>) -> FxHashMap<u32, Vec<OneReading>> {
    let mut ambiguous: FxHashMap<u32, Vec<OneReading>> = FxHashMap::default();
    for (form, concept, near) in rows {
        let Some(whole) = lexicon.form_of(form.chars()) else {
            continue;
        };
        let is_this = |term: &&Term| match term {
            Term::Concept { kind, key, .. } => Some((*kind, *key)) == concept,
            _ => true,
        };
        // A concept that has the form among its names and in this table is there twice.
        let mut terms: Vec<Term> = Vec::new();
        for term in lexicon.terms(whole).iter().filter(is_this) {
            if !terms.contains(term) {
                terms.push(term.clone());
            }
        }
        let reading = lexicon.add_reading(terms);
        lexicon.mark(whole, mark::AMBIGUOUS);
        ambiguous.entry(whole).or_default().push(OneReading {
            form: reading,
            near: near.into_iter().map(near_word).collect(),
        });
    }
    ambiguous
}

fn near_word(chars: Box<[char]>) -> NearWord {
    let kinds = kinds_of(&chars);
    NearWord { chars, kinds }
}

fn is_word_char(c: Option<char>) -> bool {
    use crate::tokens::{CharClass, class};
    c.is_some_and(|c| {
        matches!(
            class(c),
            CharClass::Kanji | CharClass::Katakana | CharClass::Hiragana
        )
    })
}

fn append(
    reading: &mut Reading,
    groups: &mut u32,
    read: SentenceReading,
    folded: &NormalizedText,
    sentence: &Sentence,
    index: u32,
) {
    let base = reading.mentions.len() as u32;
    let place = |span: Span| {
        folded.original(Span::new(
            span.start + sentence.span.start,
            span.end + sentence.span.start,
        ))
    };
    for mut mention in read.mentions {
        mention.span = place(mention.span);
        mention.sentence = index;
        mention.group = mention.group.map(|group| group + *groups);
        reading.mentions.push(mention);
    }
    *groups += read.groups;
    for mut link in read.links {
        link.from += base;
        link.to += base;
        reading.links.push(link);
    }
    reading.unread.extend(read.unread.iter().map(|span| place(*span)));
    for mut staging in read.stagings {
        staging.span = place(staging.span);
        staging.sentence = index;
        reading.stagings.push(staging);
    }
    reading
        .doubts
        .extend(read.doubts.iter().map(|(span, doubt)| (place(*span), *doubt)));
}

impl ReadCache {
    fn begin(&mut self, context: ReadContext) {
        if self.context != context {
            self.old.clear();
            self.new.clear();
            self.context = context;
        }
        self.old = std::mem::take(&mut self.new);
        self.fresh = 0;
    }

    fn sentence(&mut self, key: SentenceKey, read: impl FnOnce() -> SentenceReading) -> Arc<SentenceReading> {
        if let Some(known) = self.new.get(&key) {
            return Arc::clone(known);
        }
        let read = self.old.remove(&key).unwrap_or_else(|| {
            self.fresh += 1;
            Arc::new(read())
        });
        self.new.insert(key, Arc::clone(&read));
        read
    }
}
