//! All names of the vocabulary on one sorted shelf: by surface, by reading in kana, and by sound.

use crate::fold::{fold, has_letters};
use rustc_hash::FxHashMap;
use tsumugi_tables::{Mistake, Source, Table, TermKind, to_hiragana};
use tsumugi_terminology::Vocabulary;

/// A name or a phrase that can be offered.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) surface: Box<str>,
    pub(crate) reading: Box<str>,
    pub(crate) concept: Option<u32>,
    /// How often it is written, a share of all names.
    pub(crate) share: f32,
    /// Its part among the names of its concept.
    pub(crate) part: f32,
}

/// The names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: Vec<Name>,
    /// Folded key, name.
    shelf: Vec<(Box<str>, u32)>,
    /// The most frequent names of the beginnings that have very many.
    short: FxHashMap<Box<str>, Vec<u32>>,
    of_concept: FxHashMap<u32, Vec<u32>>,
}

/// Names of a beginning up to which all are weighed.
const MANY: usize = 1500;
/// Names that are kept of longer lists.
const KEPT: usize = 400;
/// Characters of the beginnings that may have longer lists.
const SHORT: usize = 3;
/// Count of a preferred name that was never seen.
const UNSEEN: f32 = 0.3;
/// The same of another name.
const UNSEEN_SYNONYM: f32 = 0.05;

impl Names {
    /// Indexes the vocabulary and the phrases of `prediction/phrases.tsv`, with the counts of `prediction/frequency.tsv`.
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let counts = counts(sources, mistakes);
        let mut names = Self::default();
        for (key, concept) in vocabulary.iter() {
            let weight = weight_of(concept.kind);
            let synonyms = concept
                .synonyms
                .iter()
                .map(|(form, kana)| (form.as_ref(), kana.as_ref(), UNSEEN_SYNONYM));
            let own = std::iter::once((concept.name.as_ref(), concept.kana.as_ref(), UNSEEN)).chain(synonyms);
            for (form, kana, unseen) in own {
                let count = counts.get(form).copied().unwrap_or(0.0) + unseen * weight;
                names.add(form, kana, Some(key), count);
            }
        }
        for source in sources
            .iter()
            .filter(|source| source.path == "prediction/phrases.tsv")
        {
            for row in Table::parse(*source, mistakes).rows() {
                let Ok(count) = row.get("weight").parse::<f32>() else {
                    mistakes.push(Mistake::new(source.path, row.line, "the weight is no number"));
                    continue;
                };
                let seen = counts.get(row.get("phrase")).copied().unwrap_or(0.0);
                names.add(row.get("phrase"), row.get("kana"), None, count + seen);
            }
        }
        names.finish(vocabulary);
        names
    }

    fn add(&mut self, surface: &str, reading: &str, concept: Option<u32>, count: f32) {
        let id = self.all.len() as u32;
        let reading = if reading.is_empty() {
            to_hiragana(surface)
        } else {
            reading.to_owned()
        };
        self.all.push(Name {
            surface: surface.into(),
            reading: reading.into(),
            concept,
            share: count,
            part: 1.0,
        });
        if let Some(key) = concept {
            self.of_concept.entry(key).or_default().push(id);
        }
    }

    fn finish(&mut self, vocabulary: &Vocabulary) {
        let all: f32 = self.all.iter().map(|name| name.share).sum();
        let mut of_concept: FxHashMap<u32, f32> = FxHashMap::default();
        for name in &self.all {
            if let Some(key) = name.concept {
                *of_concept.entry(key).or_default() += name.share;
            }
        }
        for name in &mut self.all {
            let sum = name.concept.and_then(|key| of_concept.get(&key)).copied();
            name.part = sum.map_or(1.0, |sum| name.share / sum);
            name.share /= all.max(1.0);
        }
        let mut shelf: Vec<(Box<str>, u32)> = Vec::with_capacity(self.all.len() * 3);
        for (id, name) in (0u32..).zip(&self.all) {
            let folded = fold(&name.surface);
            let reading = fold(&name.reading);
            let sound = (!has_letters(&reading))
                .then(|| vocabulary.search().sound(&reading))
                .flatten();
            let mut keys = [Some(folded), Some(reading), sound];
            keys.sort();
            let mut last = None;
            for key in keys.into_iter().flatten().filter(|key| !key.is_empty()) {
                if last.as_ref() != Some(&key) {
                    shelf.push((key.as_str().into(), id));
                }
                last = Some(key);
            }
        }
        shelf.sort_unstable();
        self.shelf = shelf;
        self.keep_short();
    }

    /// For each short beginning with very many names, the most frequent ones.
    fn keep_short(&mut self) {
        let mut of_beginning: FxHashMap<Box<str>, Vec<u32>> = FxHashMap::default();
        for (key, id) in &self.shelf {
            let ends = key.char_indices().map(|(at, c)| at + c.len_utf8()).take(SHORT);
            for end in ends {
                if let Some(beginning) = key.get(..end) {
                    match of_beginning.get_mut(beginning) {
                        Some(ids) => ids.push(*id),
                        None => {
                            of_beginning.insert(beginning.into(), vec![*id]);
                        }
                    }
                }
            }
        }
        of_beginning.retain(|_, ids| ids.len() > MANY);
        let share = |id: u32| self.all.get(id as usize).map_or(0.0, |name| name.share);
        let kept = of_beginning.into_iter().map(|(beginning, mut ids)| {
            ids.sort_unstable();
            ids.dedup();
            ids.sort_by(|a, b| share(*b).total_cmp(&share(*a)).then(a.cmp(b)));
            ids.truncate(KEPT);
            (beginning, ids)
        });
        let kept: FxHashMap<Box<str>, Vec<u32>> = kept.collect();
        self.short = kept;
    }

    /// A name.
    pub(crate) fn get(&self, id: u32) -> Option<&Name> {
        self.all.get(id as usize)
    }

    /// The names of a concept.
    pub(crate) fn of(&self, concept: u32) -> impl Iterator<Item = &Name> {
        let ids = self.of_concept.get(&concept).into_iter().flatten();
        ids.filter_map(|id| self.get(*id))
    }

    /// The names that begin with a folded text or sound; of very many the most frequent, and those of `likely` concepts.
    pub(crate) fn beginning_with(&self, typed: &str, likely: &[(u32, f64)]) -> Vec<u32> {
        if let Some(kept) = self.short.get(typed) {
            let mut found = kept.clone();
            let of_likely = likely
                .iter()
                .filter_map(|(key, _)| self.of_concept.get(key))
                .flatten();
            let begins = |id: &&u32| {
                self.get(**id)
                    .is_some_and(|name| fold(&name.reading).starts_with(typed))
            };
            found.extend(of_likely.filter(begins));
            return found;
        }
        let first = self.shelf.partition_point(|(key, _)| key.as_ref() < typed);
        let from_there = self.shelf.get(first..).unwrap_or(&[]);
        let count = from_there.partition_point(|(key, _)| key.starts_with(typed));
        from_there.iter().take(count).map(|(_, id)| *id).collect()
    }

    /// Number of names.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

fn counts(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> FxHashMap<String, f32> {
    let mut counts = FxHashMap::default();
    for source in sources
        .iter()
        .filter(|source| source.path == "prediction/frequency.tsv")
    {
        for row in Table::parse(*source, mistakes).rows() {
            match row.get("count").parse() {
                Ok(count) => {
                    counts.insert(row.get("name").to_owned(), count);
                }
                Err(_) => mistakes.push(Mistake::new(source.path, row.line, "the count is no number")),
            }
        }
    }
    counts
}

/// How often a name of a kind is written against one of a finding, before any is counted (estimate).
fn weight_of(kind: TermKind) -> f32 {
    match kind {
        TermKind::Finding => 1.0,
        TermKind::Disease | TermKind::Test => 0.8,
        TermKind::Drug | TermKind::Exam | TermKind::Normal | TermKind::Procedure => 0.6,
        TermKind::Site | TermKind::Circumstance => 0.5,
        TermKind::DrugClass | TermKind::Allergen => 0.2,
    }
}
