//! Joins the masters with the embedded concepts: a name that both hold keeps the embedded concept and gains the
//! master's codes; a name that only a master holds becomes a concept of its own.

use super::{Entry, EntryForm, FormKeys, Master, MasterKind, Masters};
use crate::concept::{Concept, ReferenceInterval, system};
use crate::worded::Worded;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use tsumugi_clinical::{Code, ConceptId};
use tsumugi_tables::{Source, Table, TermKind};

/// Shortest name of a master that is looked for in notes, in characters.
const SHORTEST: usize = 2;
/// Shortest one of Latin letters alone: shorter ones mean many things.
const SHORTEST_LATIN: usize = 4;
/// Broader concepts looked through when the broadest of several is wanted.
const DEEPEST: usize = 24;

/// Systems that the embedded tables give codes of.
const EMBEDDED: [&str; 6] = [
    system::TSUMUGI,
    system::ICD10,
    system::HPO,
    system::LOINC,
    system::JLAC10,
    system::ATC,
];

/// A master with the concepts of its entries.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) master: Arc<Master>,
    /// Key of every entry's concept; [`NO_CONCEPT`] for a code that only has a name.
    pub(crate) keys: Vec<u32>,
}

/// Key of an entry without a concept.
pub(crate) const NO_CONCEPT: u32 = u32::MAX;

/// What joining changes beside the concepts.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) joined: Vec<Joined>,
    /// Names by concept that are searched for but not looked for in notes.
    pub(crate) hidden: FxHashMap<u32, Vec<Box<str>>>,
}

/// The vocabulary that is being built.
pub(crate) struct Target<'b> {
    pub(crate) concepts: &'b mut Vec<Concept>,
    pub(crate) by_id: &'b mut FxHashMap<ConceptId, u32>,
    pub(crate) worded: &'b mut Worded,
}

/// Joins all masters in their order.
pub(crate) fn join(target: Target<'_>, sources: &[Source<'_>], masters: &Masters) -> Outcome {
    let keys = FormKeys::new(sources);
    let mut join = Join {
        words: Words::new(sources, &keys),
        names: names_of(target.concepts, &keys),
        by_icd10: by_code(target.concepts, system::ICD10),
        keys,
        target,
        outcome: Outcome::default(),
    };
    for master in masters.iter() {
        let joined = join.master(master);
        join.outcome.joined.push(Joined {
            master: Arc::clone(master),
            keys: joined,
        });
    }
    join.outcome
}

fn names_of(concepts: &[Concept], keys: &FormKeys) -> FxHashMap<Box<str>, Vec<u32>> {
    let mut names: FxHashMap<Box<str>, Vec<u32>> = FxHashMap::default();
    for (key, concept) in (0u32..).zip(concepts) {
        let others = concept.synonyms.iter().map(|(form, _)| form.as_ref());
        for form in std::iter::once(concept.name.as_ref()).chain(others) {
            let owners = names.entry(keys.of(form).into()).or_default();
            if owners.last() != Some(&key) {
                owners.push(key);
            }
        }
    }
    names
}

fn by_code(concepts: &[Concept], address: &str) -> FxHashMap<Box<str>, Vec<u32>> {
    let mut by_code: FxHashMap<Box<str>, Vec<u32>> = FxHashMap::default();
    for (key, concept) in (0u32..).zip(concepts) {
        for code in concept
            .codes
            .iter()
            .filter(|code| code.system.as_ref() == address)
        {
            by_code.entry(code.code.as_ref().into()).or_default().push(key);
        }
    }
    by_code
}

/// Words of the grammar of notes, and names that are decided by the words around them.
#[derive(Debug, Default)]
pub(crate) struct Words {
    grammar: FxHashSet<Box<str>>,
    ambiguous: FxHashSet<Box<str>>,
}

impl Words {
    pub(crate) fn new(sources: &[Source<'_>], keys: &FormKeys) -> Self {
        let mut words = Self::default();
        let tables = sources
            .iter()
            .filter(|source| source.path.starts_with("lexicon/"));
        // What stands in these two are no words of a note: sounds, and endings of words that look clinical.
        let is_other = |path: &str| path.ends_with("romaji.tsv") || path.ends_with("heads.tsv");
        for source in tables.filter(|source| !is_other(source.path)) {
            let table = Table::parse(*source, &mut Vec::new());
            let set = if source.path.ends_with("ambiguous.tsv") {
                &mut words.ambiguous
            } else {
                &mut words.grammar
            };
            set.extend(table.rows().map(|row| keys.of(row.get("form")).into()));
        }
        words
    }

    /// Why a name is not decided by a table of the site: the words around it decide, or it is a word of the language and
    /// no name.
    pub(crate) fn undecided(&self, key: &str, is_name: impl FnOnce() -> bool) -> Option<&'static str> {
        if self.ambiguous.contains(key) {
            return Some("lexicon/ambiguous.tsv decides it by the words around it");
        }
        let is_word = self.grammar.contains(key) && !is_name();
        is_word.then_some("it is a word of the language of notes")
    }

    /// Whether a name of a master may be looked for in notes.
    fn allow(&self, form: &EntryForm) -> bool {
        let length = form.key.chars().count();
        let is_latin = form.key.is_ascii();
        form.in_text
            && length >= if is_latin { SHORTEST_LATIN } else { SHORTEST }
            && !self.grammar.contains(&form.key)
            && !self.ambiguous.contains(&form.key)
    }
}

struct Join<'b> {
    words: Words,
    /// Concepts by the folded form of their names.
    names: FxHashMap<Box<str>, Vec<u32>>,
    by_icd10: FxHashMap<Box<str>, Vec<u32>>,
    keys: FormKeys,
    target: Target<'b>,
    outcome: Outcome,
}

impl Join<'_> {
    fn master(&mut self, master: &Master) -> Vec<u32> {
        if master.kind == MasterKind::Dictionary {
            return master
                .entries
                .iter()
                .map(|entry| self.dictionary(entry))
                .collect();
        }
        let identities = Identities::new(self.target.concepts, master);
        let mut keys = Vec::with_capacity(master.entries.len());
        for entry in &master.entries {
            let known = self.known(master, entry, &identities);
            let key = match (known, entry.kind) {
                (Some(key), _) => {
                    self.add_codes(master, entry, key);
                    key
                }
                (None, Some(kind)) => self.own(master, entry, kind),
                (None, None) => NO_CONCEPT,
            };
            if key != NO_CONCEPT {
                self.add_names(entry, key, known.is_some());
            }
            keys.push(key);
        }
        self.add_parents(master, &keys);
        keys
    }

    /// The concept that an entry means: the one found at the import, one of its id, of its identifying code, of its name.
    fn known(&self, master: &Master, entry: &Entry, identities: &Identities) -> Option<u32> {
        let by_id = |id: &str| self.target.by_id.get(id).copied();
        let by_target = entry.target.as_deref().and_then(by_id);
        by_target
            .or_else(|| by_id(&entry.id))
            .or_else(|| identities.find(entry))
            .or_else(|| {
                let kind = entry.kind.or(kind_of_master(master.kind))?;
                self.named(&entry.name.key, kind)
            })
    }

    fn named(&self, form: &str, kind: TermKind) -> Option<u32> {
        if self.words.ambiguous.contains(form) {
            return None;
        }
        let owners = self.names.get(form)?;
        owners.iter().copied().find(|key| {
            let concept = self.target.concepts.get(*key as usize);
            concept.is_some_and(|concept| are_alike(concept.kind, kind))
        })
    }

    /// Adds what the concept has no code of. Where the master's name is not the concept's own, the codes are those of
    /// this wording.
    fn add_codes(&mut self, master: &Master, entry: &Entry, key: u32) {
        let Some(concept) = self.target.concepts.get_mut(key as usize) else {
            return;
        };
        let is_preferred = self.keys.of(&concept.name) == *entry.name.key;
        // What the embedded table says of a system of its own holds.
        let is_said = |address: &str| concept.codes.iter().any(|own| own.system.as_ref() == address);
        let new: Vec<Code> = codes_of(master, entry)
            .filter(|code| {
                let address = code.system.as_ref();
                !is_said(address) || (!is_preferred && !EMBEDDED.contains(&address))
            })
            .collect();
        if new.is_empty() {
            return;
        }
        if is_preferred {
            concept.codes = concept.codes.iter().cloned().chain(new.iter().cloned()).collect();
        } else {
            self.target.worded.add(key, concept, &entry.name.text, &new);
        }
    }

    fn own(&mut self, master: &Master, entry: &Entry, kind: TermKind) -> u32 {
        let key = self.target.concepts.len() as u32;
        let id = ConceptId::new(&*entry.id);
        let name: Arc<str> = Arc::from(&*entry.name.text);
        let own = Code {
            system: system::TSUMUGI.into(),
            code: Arc::from(&*entry.id),
            display: Arc::clone(&name),
        };
        let parents = self.parent_by_code(&entry.icd10, kind).into_iter().collect();
        self.target.by_id.insert(id.clone(), key);
        self.target.concepts.push(Concept {
            id,
            kind,
            kana: entry.name.kana.clone(),
            english: Arc::from(&*entry.english),
            synonyms: Vec::new(),
            parents,
            site: None,
            codes: std::iter::once(own).chain(codes_of(master, entry)).collect(),
            flags: Vec::new(),
            unit: None,
            interval: ReferenceInterval::default(),
            routes: Vec::new(),
            name,
        });
        key
    }

    /// Adds the names that the concept does not have. What another concept is called stays its name.
    fn add_names(&mut self, entry: &Entry, key: u32, is_known: bool) {
        if !is_known {
            let is_free = self.words.allow(&entry.name) && !self.names.contains_key(&entry.name.key);
            if is_free {
                self.names.insert(entry.name.key.clone(), vec![key]);
            } else {
                self.hide(key, &entry.name.text);
            }
        }
        let own_name = is_known.then_some(&entry.name);
        for form in own_name.into_iter().chain(&entry.forms) {
            let owners = self.names.get(&form.key);
            if owners.is_some_and(|owners| owners.contains(&key)) || form.text.is_empty() {
                continue;
            }
            let is_free = owners.is_none() && self.words.allow(form);
            let Some(concept) = self.target.concepts.get_mut(key as usize) else {
                continue;
            };
            if concept.is_called(&form.text) {
                continue;
            }
            concept.synonyms.push((form.text.clone(), form.kana.clone()));
            if is_free {
                self.names.insert(form.key.clone(), vec![key]);
            } else {
                self.hide(key, &form.text);
            }
        }
    }

    fn hide(&mut self, key: u32, form: &str) {
        self.outcome.hidden.entry(key).or_default().push(form.into());
    }

    /// An entry of the site's dictionary: the form means this concept and no other.
    fn dictionary(&mut self, entry: &Entry) -> u32 {
        let target = entry
            .target
            .as_deref()
            .and_then(|id| self.target.by_id.get(id).copied());
        let Some(key) = target else { return NO_CONCEPT };
        let form = &entry.name;
        let stays_undecided = self
            .words
            .undecided(&form.key, || self.names.contains_key(&form.key))
            .is_some();
        if !stays_undecided {
            let owners = self.names.insert(form.key.clone(), vec![key]).unwrap_or_default();
            for owner in owners.into_iter().filter(|owner| *owner != key) {
                for text in self.spelled(owner, &form.key) {
                    self.hide(owner, &text);
                }
            }
            if let Some(hidden) = self.outcome.hidden.get_mut(&key) {
                hidden.retain(|own| *self.keys.of(own) != *form.key);
            }
        }
        let Some(concept) = self.target.concepts.get_mut(key as usize) else {
            return key;
        };
        if !concept.is_called(&form.text) {
            concept.synonyms.push((form.text.clone(), form.kana.clone()));
            if stays_undecided {
                self.hide(key, &form.text);
            }
        }
        key
    }

    /// The names of a concept that fold to this form.
    fn spelled(&self, key: u32, form: &str) -> Vec<Box<str>> {
        let Some(concept) = self.target.concepts.get(key as usize) else {
            return Vec::new();
        };
        let others = concept.synonyms.iter().map(|(name, _)| name.as_ref());
        let names = std::iter::once(concept.name.as_ref()).chain(others);
        names
            .filter(|name| *self.keys.of(name) == *form)
            .map(Into::into)
            .collect()
    }

    /// Broader entries of the master, as concepts.
    fn add_parents(&mut self, master: &Master, keys: &[u32]) {
        if master.entries.iter().all(|entry| entry.parents.is_empty()) {
            return;
        }
        let index: FxHashMap<&str, u32> = master
            .entries
            .iter()
            .map(|entry| &*entry.id)
            .zip(keys.iter().copied())
            .collect();
        for (entry, key) in master.entries.iter().zip(keys) {
            let Some(concept) = self.target.concepts.get(*key as usize) else {
                continue;
            };
            // The hierarchy of embedded concepts is that of the tables.
            if concept.id.as_str() != &*entry.id {
                continue;
            }
            let broader = entry.parents.iter().filter_map(|id| index.get(&**id).copied());
            let broader: Vec<u32> = broader
                .filter(|other| *other != NO_CONCEPT && other != key)
                .collect();
            let new: Vec<u32> = broader
                .into_iter()
                .filter(|other| !self.lies_below(*other, *key))
                .collect();
            if let Some(concept) = self.target.concepts.get_mut(*key as usize) {
                concept.parents.extend(new);
                concept.parents.sort_unstable();
                concept.parents.dedup();
            }
        }
    }

    /// The concept that a disease lies below by its ICD-10 code: the one that says the category as a whole (`J18`, or
    /// `J18.9`); of several the one above the others. None where that is open: a wrong parent is worse than none.
    fn parent_by_code(&self, icd10: &str, kind: TermKind) -> Option<u32> {
        let category = icd10
            .get(..3)
            .filter(|_| matches!(kind, TermKind::Disease | TermKind::Finding))?;
        let unspecified = format!("{category}.9");
        let of = |code: &str| -> Vec<u32> {
            let found = self.by_icd10.get(code).into_iter().flatten().copied();
            let is_alike = |key: &u32| {
                let concept = self.target.concepts.get(*key as usize);
                concept.is_some_and(|concept| are_alike(concept.kind, kind))
            };
            found.filter(is_alike).collect()
        };
        [of(category), of(&unspecified)]
            .iter()
            .find_map(|found| self.broadest(found))
    }

    fn broadest(&self, found: &[u32]) -> Option<u32> {
        found.iter().copied().find(|above| {
            found
                .iter()
                .all(|key| key == above || self.lies_below(*key, *above))
        })
    }

    fn lies_below(&self, key: u32, above: u32) -> bool {
        let mut level = vec![key];
        for _ in 0..DEEPEST {
            if level.contains(&above) {
                return true;
            }
            let parents = level
                .iter()
                .filter_map(|key| self.target.concepts.get(*key as usize));
            let mut next: Vec<u32> = parents
                .flat_map(|concept| concept.parents.iter().copied())
                .collect();
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return false;
            }
            level = next;
        }
        false
    }
}

/// Concepts by the codes that identify them in a master of codes.
struct Identities(FxHashMap<(u8, Box<str>), u32>);

impl Identities {
    fn new(concepts: &[Concept], master: &Master) -> Self {
        let mut found: FxHashMap<(u8, Box<str>), Option<u32>> = FxHashMap::default();
        let systems: Vec<(u8, &str)> = [system::HPO, system::LOINC, system::JLAC10]
            .into_iter()
            .filter_map(|address| Some((master.system(address)?, address)))
            .collect();
        if systems.is_empty() {
            return Self(FxHashMap::default());
        }
        for (key, concept) in (0u32..).zip(concepts) {
            for code in concept.codes.iter() {
                let system = systems
                    .iter()
                    .find(|(_, address)| *address == code.system.as_ref());
                if let Some((system, _)) = system {
                    let place = (*system, Box::from(code.code.as_ref()));
                    // A code of several concepts identifies none.
                    found
                        .entry(place)
                        .and_modify(|known| *known = None)
                        .or_insert(Some(key));
                }
            }
        }
        let one = found.into_iter().filter_map(|(code, key)| Some((code, key?)));
        Self(one.collect())
    }

    fn find(&self, entry: &Entry) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let codes = entry.codes.iter();
        codes
            .filter_map(|code| self.0.get(&(code.system, code.code.clone())))
            .copied()
            .next()
    }
}

fn codes_of<'m>(master: &'m Master, entry: &'m Entry) -> impl Iterator<Item = Code> + 'm {
    let display: Arc<str> = Arc::from(&*entry.name.text);
    entry.codes.iter().filter_map(move |code| {
        let address = master.systems.get(usize::from(code.system))?;
        Some(Code {
            system: Arc::from(&**address),
            code: Arc::from(&*code.code),
            display: Arc::clone(&display),
        })
    })
}

/// The kind of concept that the names of a master of codes may be names of.
fn kind_of_master(kind: MasterKind) -> Option<TermKind> {
    match kind {
        MasterKind::Ssk => Some(TermKind::Procedure),
        _ => None,
    }
}

/// Whether two tables that call their rows so may mean the same.
fn are_alike(one: TermKind, other: TermKind) -> bool {
    let group = |kind| match kind {
        TermKind::Disease | TermKind::Finding | TermKind::Normal => 0,
        TermKind::Procedure | TermKind::Exam => 1,
        TermKind::Drug => 2,
        TermKind::DrugClass => 3,
        TermKind::Test => 4,
        TermKind::Site => 5,
        TermKind::Allergen => 6,
        TermKind::Circumstance => 7,
    };
    group(one) == group(other)
}
