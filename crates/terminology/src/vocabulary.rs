//! The vocabulary: all concepts, their hierarchy, and the forms that name them.

use crate::concept::{Concept, ReferenceInterval, system};
use crate::masters::{Maps, Masters, join, maps};
use crate::names::NameIndex;
use crate::search::{Sounds, TermIndex};
use crate::worded::Worded;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tsumugi_clinical::{Code, ConceptId};
use tsumugi_tables::{
    Designation, Mistake, Row, Source, Table, TermKind, parse_names, to_hiragana, to_katakana,
};

/// Why a vocabulary cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{count} mistakes in the tables of the vocabulary; the first: {first}")]
pub struct VocabularyError {
    count: usize,
    first: Mistake,
}

/// All concepts, by index (`key`) and by id.
#[derive(Debug, Default)]
pub struct Vocabulary {
    concepts: Vec<Concept>,
    by_id: FxHashMap<ConceptId, u32>,
    children: Vec<Vec<u32>>,
    /// (broader finding, site) → the finding that already includes the site.
    composed: FxHashMap<(u32, u32), u32>,
    worded: Worded,
    names: OnceLock<NameIndex>,
    sounds: Sounds,
    search: OnceLock<TermIndex>,
    /// Number of concepts of the tables; those of masters stand behind.
    embedded: u32,
    joined: join::Outcome,
    own_codes: OnceLock<maps::OwnCodes>,
}

impl Vocabulary {
    /// Reads the tables below `terminology/`.
    pub fn new(sources: &[Source<'_>]) -> Result<Self, VocabularyError> {
        Self::with_masters(sources, &Masters::default())
    }

    /// Reads the tables below `terminology/` and joins the masters of a site with them.
    pub fn with_masters(sources: &[Source<'_>], masters: &Masters) -> Result<Self, VocabularyError> {
        let mut build = Build::default();
        build.read_atc(sources);
        build.read_sounds(sources);
        for source in sources {
            if let Some(kind) = kind_of(source.path) {
                build.read(kind, *source);
            }
        }
        build.link();
        let mut worded = Worded::new(sources, &build.by_id, &build.concepts, &mut build.mistakes);
        let embedded = build.concepts.len() as u32;
        let mut joined = join::Outcome::default();
        if !masters.is_empty() {
            let target = join::Target {
                concepts: &mut build.concepts,
                by_id: &mut build.by_id,
                worded: &mut worded,
            };
            joined = join::join(target, sources, masters);
        }
        match build.mistakes.first() {
            Some(first) => Err(VocabularyError {
                count: build.mistakes.len(),
                first: first.clone(),
            }),
            None => Ok(build.finish(worded, embedded, joined)),
        }
    }

    /// Number of concepts.
    pub fn len(&self) -> usize {
        self.concepts.len()
    }

    /// Whether it has no concept.
    pub fn is_empty(&self) -> bool {
        self.concepts.is_empty()
    }

    /// A concept by its index.
    pub fn get(&self, key: u32) -> Option<&Concept> {
        self.concepts.get(key as usize)
    }

    /// Index of an id.
    pub fn key(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    /// The codes of a concept as the text words it: a wording may have an ICD-10 code of its own.
    ///
    /// `text` is asked for only where the concept has such wordings.
    pub fn codes_as(&self, key: u32, text: impl FnOnce() -> String) -> Option<Arc<[Code]>> {
        let concept = self.get(key)?;
        let of_wording = self.worded.codes(key, text);
        Some(Arc::clone(of_wording.unwrap_or(&concept.codes)))
    }

    /// A concept by its id.
    pub fn concept(&self, id: &str) -> Option<&Concept> {
        self.key(id).and_then(|key| self.get(key))
    }

    /// All concepts with their index.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Concept)> + Clone {
        (0u32..).zip(&self.concepts)
    }

    /// Whether `key` is `ancestor` or lies below it.
    pub fn is_a(&self, key: u32, ancestor: u32) -> bool {
        const DEEPEST: u32 = 24;
        self.lies_below(key, ancestor, DEEPEST)
    }

    fn lies_below(&self, key: u32, ancestor: u32, depth: u32) -> bool {
        let parents = || {
            self.get(key)
                .map_or(&[][..], |concept| concept.parents.as_slice())
        };
        key == ancestor
            || (depth > 0
                && parents()
                    .iter()
                    .any(|parent| self.lies_below(*parent, ancestor, depth - 1)))
    }

    /// The concept and everything broader, nearest first.
    pub fn ancestors(&self, key: u32) -> Vec<u32> {
        closure(key, |key| {
            self.get(key)
                .map_or(&[][..], |concept| concept.parents.as_slice())
        })
    }

    /// The concepts directly below.
    pub fn children(&self, key: u32) -> &[u32] {
        self.children.get(key as usize).map_or(&[], Vec::as_slice)
    }

    /// The concept and everything narrower.
    pub fn descendants(&self, key: u32) -> Vec<u32> {
        closure(key, |key| self.children(key))
    }

    /// The finding that says both (疼痛 at 膝 → 膝関節痛), when there is one; the site's wholes are tried in turn.
    pub fn at_site(&self, finding: u32, site: u32) -> Option<u32> {
        self.composed.get(&(finding, site)).copied()
    }

    /// From codes to concepts and back, over the tables and the masters of the site.
    pub fn maps(&self) -> Maps<'_> {
        Maps::new(self)
    }

    pub(crate) fn own_codes(&self) -> &maps::OwnCodes {
        self.own_codes.get_or_init(|| maps::own_codes(self))
    }

    pub(crate) fn joined(&self) -> &[join::Joined] {
        &self.joined.joined
    }

    /// Whether a name of a concept is not looked for in notes.
    fn is_hidden(&self, key: u32, form: &str) -> bool {
        let hidden = self.joined.hidden.get(&key);
        hidden.is_some_and(|names| names.iter().any(|name| **name == *form))
    }

    /// Every form of every concept, for the lexicon; symptoms and diseases of the tables also as their reading in kana.
    pub fn designations(&self) -> impl Iterator<Item = Designation<'_>> + Clone {
        let has_readings = |concept: &Concept| matches!(concept.kind, TermKind::Disease | TermKind::Finding);
        let readings = self
            .iter()
            .filter(move |(key, concept)| *key < self.embedded && has_readings(concept))
            .flat_map(|(key, concept)| {
                kana_forms(&concept.kana).map(move |form| Designation {
                    form,
                    kind: concept.kind,
                    key,
                    needs_value: false,
                })
            });
        let names = self.iter().flat_map(move |(key, concept)| {
            let synonyms = concept.synonyms.iter().map(|(form, _)| form.as_ref());
            std::iter::once(concept.name.as_ref())
                .chain(synonyms)
                .filter(move |form| !self.is_hidden(key, form))
                .map(move |form| Designation {
                    form: Cow::Borrowed(form),
                    kind: concept.kind,
                    key,
                    needs_value: needs_value(concept, form),
                })
        });
        readings.chain(names)
    }

    /// The index of names by what they share with a phrase; made when it is first asked for.
    pub fn names(&self) -> &NameIndex {
        self.names.get_or_init(|| NameIndex::new(self))
    }

    /// The index of everything one may type to find a concept; made when it is first asked for.
    pub fn search(&self) -> &TermIndex {
        self.search
            .get_or_init(|| TermIndex::new(self, self.sounds.clone()))
    }

    /// Every name with its reading folded to hiragana (the name itself where it needs none), for search by kana.
    pub fn readings(&self) -> impl Iterator<Item = (u32, &str, String)> {
        self.iter().flat_map(|(key, concept)| {
            let own = std::iter::once((concept.name.as_ref(), concept.kana.as_ref()));
            let others = concept
                .synonyms
                .iter()
                .map(|(form, kana)| (form.as_ref(), kana.as_ref()));
            own.chain(others).map(move |(form, kana)| {
                let reading = if kana.is_empty() {
                    to_hiragana(form)
                } else {
                    kana.to_owned()
                };
                (key, form, reading)
            })
        })
    }
}

/// A reading as people write it who do not convert: katakana from two characters (ゲリ), hiragana from four (ずつう is
/// three, and shorter ones stand inside other words).
fn kana_forms(reading: &str) -> impl Iterator<Item = Cow<'_, str>> + Clone {
    let length = reading.chars().count();
    let katakana = (length >= 2).then(|| Cow::Owned(to_katakana(reading)));
    let hiragana = (length >= 4).then_some(Cow::Borrowed(reading));
    katakana.into_iter().chain(hiragana)
}

/// Whether a name of a test is one only with a value behind it.
fn needs_value(concept: &Concept, form: &str) -> bool {
    let is_letter = form.len() == 1 && form.is_ascii();
    concept.kind == TermKind::Test && (is_letter || (concept.has("needs-value") && form.len() <= 2))
}

fn closure<'a>(start: u32, next: impl Fn(u32) -> &'a [u32]) -> Vec<u32> {
    let mut seen = FxHashSet::from_iter([start]);
    let mut found = vec![start];
    let mut at = 0;
    while let Some(key) = found.get(at).copied() {
        at += 1;
        for other in next(key) {
            if seen.insert(*other) {
                found.push(*other);
            }
        }
    }
    found
}

fn kind_of(path: &str) -> Option<TermKind> {
    let rest = path.strip_prefix("terminology/")?;
    let (folder, file) = rest.split_once('/')?;
    Some(match folder {
        "diseases" => TermKind::Disease,
        "findings" => TermKind::Finding,
        "drugs" if file == "classes.tsv" => TermKind::DrugClass,
        "drugs" => TermKind::Drug,
        "tests" => TermKind::Test,
        "exams" => TermKind::Exam,
        "procedures" => TermKind::Procedure,
        "sites" => TermKind::Site,
        "allergens" => TermKind::Allergen,
        "circumstances" => TermKind::Circumstance,
        _ => return None,
    })
}

#[derive(Default)]
struct Build {
    concepts: Vec<Concept>,
    by_id: FxHashMap<ConceptId, u32>,
    pending: Vec<Pending>,
    atc: BTreeMap<String, String>,
    sounds: Sounds,
    mistakes: Vec<Mistake>,
}

/// References of a row that can be resolved once all rows are read.
struct Pending {
    key: u32,
    path: String,
    line: u32,
    parents: Vec<String>,
    site: Option<String>,
}

impl Build {
    fn read_atc(&mut self, sources: &[Source<'_>]) {
        let Some(source) = sources.iter().find(|source| source.path == "terminology/atc.tsv") else {
            return;
        };
        let table = Table::parse(*source, &mut self.mistakes);
        for row in table.rows() {
            self.atc
                .insert(row.get("drug").to_owned(), row.get("atc").to_owned());
        }
    }

    fn read_sounds(&mut self, sources: &[Source<'_>]) {
        if let Some(source) = sources.iter().find(|source| source.path == "lexicon/romaji.tsv") {
            self.sounds = Sounds::new(*source, &mut self.mistakes);
        }
    }

    fn read(&mut self, kind: TermKind, source: Source<'_>) {
        let table = Table::parse(source, &mut self.mistakes);
        for row in table.rows() {
            let key = self.concepts.len() as u32;
            let id = ConceptId::new(row.get("id"));
            if self.by_id.insert(id.clone(), key).is_some() {
                self.mistakes.push(Mistake::new(
                    source.path,
                    row.line,
                    format!("id {id} is used twice"),
                ));
            }
            let parents = row
                .list("parents")
                .chain(row.list("class"))
                .map(str::to_owned)
                .collect();
            let site = Some(row.get("site"))
                .filter(|site| !site.is_empty())
                .map(str::to_owned);
            self.pending.push(Pending {
                key,
                path: source.path.to_owned(),
                line: row.line,
                parents,
                site,
            });
            let concept = self.concept(kind, id, &row);
            self.concepts.push(concept);
        }
    }

    fn concept(&self, kind: TermKind, id: ConceptId, row: &Row<'_, '_>) -> Concept {
        let name: Arc<str> = row.get("name").into();
        let decimal = |column: &str| row.get(column).parse().ok();
        let names = parse_names(row.get("synonyms")).chain(parse_names(row.get("brands")));
        let flags: Vec<Box<str>> = row
            .get("flags")
            .split([',', '|'])
            .filter(|f| !f.is_empty())
            .map(Into::into)
            .collect();
        let kind = if kind == TermKind::Finding && flags.iter().any(|flag| flag.as_ref() == "normal") {
            TermKind::Normal
        } else {
            kind
        };
        Concept {
            kind,
            codes: self.codes(&id, &name, row),
            id,
            name,
            kana: row.get("kana").into(),
            english: row.get("en").into(),
            synonyms: names
                .map(|name| (name.surface.into(), name.reading.into()))
                .collect(),
            parents: Vec::new(),
            site: None,
            flags,
            unit: Some(row.get("unit"))
                .filter(|unit| !unit.is_empty())
                .map(Into::into),
            interval: ReferenceInterval {
                low: decimal("low"),
                high: decimal("high"),
                low_women: decimal("low_f"),
                high_women: decimal("high_f"),
            },
            routes: row.list("routes").map(Into::into).collect(),
        }
    }

    fn codes(&self, id: &ConceptId, name: &Arc<str>, row: &Row<'_, '_>) -> Arc<[Code]> {
        let atc = self.atc.get(id.as_str()).map_or("", String::as_str);
        let columns = [
            (system::TSUMUGI, id.as_str()),
            (system::ICD10, row.get("icd10")),
            (system::HPO, row.get("hpo")),
            (system::LOINC, row.get("loinc")),
            (system::JLAC10, row.get("jlac10")),
            (system::ATC, atc),
        ];
        let code = |(system, code): (&str, &str)| Code {
            system: system.into(),
            code: code.into(),
            display: Arc::clone(name),
        };
        columns
            .into_iter()
            .filter(|(_, code)| !code.is_empty())
            .map(code)
            .collect()
    }

    fn link(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let mut find = |id: &str| {
                let key = self.by_id.get(id).copied();
                if key.is_none() {
                    self.mistakes.push(Mistake::new(
                        &pending.path,
                        pending.line,
                        format!("no row has the id {id}"),
                    ));
                }
                key
            };
            let parents: Vec<u32> = pending.parents.iter().filter_map(|id| find(id)).collect();
            let site = pending.site.as_deref().and_then(&mut find);
            if let Some(concept) = self.concepts.get_mut(pending.key as usize) {
                concept.parents = parents;
                concept.site = site;
            }
        }
    }

    fn finish(self, worded: Worded, embedded: u32, joined: join::Outcome) -> Vocabulary {
        let mut children = vec![Vec::new(); self.concepts.len()];
        for (key, concept) in (0u32..).zip(&self.concepts) {
            for parent in &concept.parents {
                if let Some(list) = children.get_mut(*parent as usize) {
                    list.push(key);
                }
            }
        }
        let mut vocabulary = Vocabulary {
            concepts: self.concepts,
            by_id: self.by_id,
            children,
            composed: FxHashMap::default(),
            worded,
            names: OnceLock::new(),
            sounds: self.sounds,
            search: OnceLock::new(),
            embedded,
            joined,
            own_codes: OnceLock::new(),
        };
        vocabulary.composed = compose(&vocabulary);
        vocabulary
    }
}

/// For every finding and disease with a site: each broader one without a site, at that site. The nearest wins, then the
/// first row.
fn compose(vocabulary: &Vocabulary) -> FxHashMap<(u32, u32), u32> {
    let mut best: FxHashMap<(u32, u32), (usize, u32)> = FxHashMap::default();
    let kinds = [TermKind::Finding, TermKind::Disease];
    for (key, concept) in vocabulary
        .iter()
        .filter(|(_, concept)| kinds.contains(&concept.kind))
    {
        let Some(site) = concept.site else { continue };
        for (distance, ancestor) in vocabulary.ancestors(key).into_iter().enumerate().skip(1) {
            let is_open = vocabulary
                .get(ancestor)
                .is_some_and(|broader| broader.site.is_none());
            if is_open {
                let candidate = (distance, key);
                best.entry((ancestor, site))
                    .and_modify(|known| *known = candidate.min(*known))
                    .or_insert(candidate);
            }
        }
    }
    best.into_iter().map(|(place, (_, key))| (place, key)).collect()
}
