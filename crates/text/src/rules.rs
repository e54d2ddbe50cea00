//! The tables of the grammar, read once: cues, connectors, relatives, modifiers, units, time words, usage words, values.
//!
//! Every form becomes an entry of the one lexicon, so that a sentence is searched once for all of them.

mod denials;
mod forms;
mod habits;
pub(crate) mod mark;
mod reactions;
mod readings;
mod words;

pub(crate) use self::denials::SharedDenials;
use self::forms::Forms;
pub(crate) use self::readings::{AmbiguousRow, NearWord, OneReading, kinds_of};
use crate::harm::HarmWord;
use crate::normalize::Folding;
use crate::segment::Headings;
use crate::staging::{StagingForm, StagingWords};
use crate::time::Kind;
use crate::tokens::{CharClass, class};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Laterality, SectionKind};
use tsumugi_tables::{Designation, Mistake, Source, Table, TermKind};

/// What a form of the lexicon means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// A concept of the vocabulary.
    Concept {
        kind: TermKind,
        key: u32,
        needs_value: bool,
    },
    /// A cue of assertion.
    Cue { effect: Effect, reach: Reach },
    /// A relative or another person.
    Relative(Arc<str>),
    /// A modifier: feature, change, laterality, a prefix of a compound, a clinical context.
    Modifier(Modifier),
    /// A unit of measurement.
    Unit { ucum: Arc<str>, kind: UnitKind },
    /// A qualitative value in normal form.
    Value(Arc<str>),
    /// A word of time; `kind` and `amount` are read by the grammar of time.
    Time { kind: Kind, amount: Arc<str> },
    /// A word of usage (分3, 毎食後, 頓用, 点滴静注); read by the grammar of prescriptions.
    Usage(Arc<Word>),
    /// A word of habits, preferences and circumstances; read by the grammar of habits.
    Habit(Arc<Word>),
    /// A test whose values come in a series.
    Series,
    /// A phrase that says whether its sentence is about this patient.
    Discourse(Discourse),
    /// A word that only looks as if it held a term.
    Blocker,
    /// A way of writing a stage, grade, class or type of a disease.
    Staging(StagingForm),
}

/// A word of a grammar: its kind and what it says. Few of the forms are one, so that it is kept out of [`Term`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) kind: Arc<str>,
    pub(crate) value: Arc<str>,
}

/// What a cue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    Negate,
    Affirm,
    Suspect,
    Resolve,
    Past,
    General,
    Plan,
    Execute,
    Stop,
    /// Prevention: what is prevented is spoken of in general; what prevents is given.
    Prevent,
    /// What is said is a relative's, who is not named (癌の家族歴).
    Family,
    /// A drug that is not to be given at all (禁忌): a plan that denies it, for good.
    Avoid,
    /// A drug that is not given this time (避ける): a plan that denies it, for now.
    Withhold,
    /// Not done, not taken: says nothing of findings.
    Undone,
    /// After an operation: what was operated is gone, and the operation lies behind.
    Operated,
    /// What stands before it was done and lies behind (PCI後); says nothing of findings.
    PastAct,
    /// The drug or allergen before it is not tolerated.
    Allergy,
}

/// Which mentions a cue speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// The whole enumeration before it.
    All,
    /// The last mention before it.
    Last,
    /// What follows in the clause.
    After,
}

/// What a modifier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Modifier {
    /// Degree, size, pattern, number: tag f.
    Feature,
    /// Change over time: tag c.
    Change,
    /// A side.
    Side(Laterality),
    /// Part of a compound that stands before its head (急性, 慢性): no tag of its own when joined.
    Prefix,
    /// Part of a compound that closes it and changes nothing (像, 発作).
    Suffix,
    /// Clinical context: tag cc.
    Context,
}

/// What a unit measures, as far as the grammars care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UnitKind {
    /// Of laboratory and vital values.
    Measure,
    /// Counts of a drug form (錠, カプセル, 包).
    Count,
    /// Mass or volume that doses are written in.
    Dose,
    /// Length (cm, mm).
    Length,
    /// Multiplies the number before a measure (万, 千).
    Multiplier,
}

/// Marks the side on which a word of time is bound (`_` stands for what it leans on).
const BOUND_MARK: char = '_';

/// All tables of the grammar.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) folding: Folding,
    pub(crate) headings: Headings,
    /// Exact text between two mentions → whether it enumerates.
    pub(crate) connectors: FxHashMap<Box<[char]>, bool>,
    /// Text between two findings that makes one finding of them (an abscess with sepsis).
    pub(crate) attributes: Vec<Box<[char]>>,
    /// Characters of the longest of them, with blanks around it.
    pub(crate) longest_connector: usize,
    /// Ranges in which one-letter items are believed.
    pub(crate) ranges: FxHashMap<Box<str>, (f64, f64)>,
    /// Characters that a word of time, free or bound, can begin with.
    pub(crate) time_starts: FxHashSet<char>,
    /// What an age of life that lies behind ends in (時, の時, 幼少期).
    pub(crate) age_tails: Vec<Box<[char]>>,
    /// What a name that denies itself denies with all that is enumerated before it: of complaints, of habits.
    pub(crate) shared_denials: SharedDenials,
    /// Particles that say that something goes on since then (から, より).
    pub(crate) since: Vec<Box<str>>,
    /// What may follow a relative who only reports.
    pub(crate) informants: Vec<Box<[char]>>,
    /// What, anywhere behind a relative, says that he only noticed or brought it about (に気づき, 救急要請).
    pub(crate) witnesses: Vec<Box<[char]>>,
    /// Words between a drug and what it did, and what they are.
    pub(crate) harm_words: Vec<(Box<[char]>, HarmWord)>,
    /// Concepts of findings that are grave reactions, each with the drugs whose harm it is not: they treat it, or are
    /// expected to bring it about.
    pub(crate) reactions: FxHashMap<u32, FxHashSet<u32>>,
    /// The drugs that treat any of them.
    pub(crate) remedies: FxHashSet<u32>,
    /// Words behind a reaction that went away.
    pub(crate) recoveries: Vec<Box<[char]>>,
    /// Endings of words that look clinical (症, 炎, 痛 …), for what no table holds.
    pub(crate) heads: FxHashMap<char, Vec<Ending>>,
    /// Series of values: form of the test → labels with their items.
    pub(crate) series: FxHashMap<Box<str>, Vec<SeriesLabel>>,
    /// What a section that only denies says: section → name of the concept.
    pub(crate) denied_sections: Vec<(SectionKind, Box<str>)>,
    /// What a lone denial behind a heading denies: heading → form of what it names.
    pub(crate) denied_headings: Vec<(Box<[char]>, Box<str>)>,
    /// Endings that join a feature or a change to what follows and are no part of it.
    pub(crate) joints: Vec<Box<[char]>>,
    /// Last characters of kana that such an ending may leave.
    pub(crate) joint_after: Vec<char>,
    /// Forms with several readings, by their index in the lexicon; the first reading holds when nothing decides.
    pub(crate) ambiguous: FxHashMap<u32, Vec<OneReading>>,
    /// What every form of the lexicon is, as the tagger sees it.
    pub(crate) categories: Vec<u32>,
    /// Habits that an amount alone implies: unit's habit → concept.
    pub(crate) habits: FxHashMap<Box<str>, u32>,
    /// Stages, grades, classes and types, and the words around them.
    pub(crate) staging: StagingWords,
}

impl Rules {
    /// Whether exactly this text between two mentions goes on with an enumeration; none where it is no connector.
    pub(crate) fn enumerates(&self, gap: &[char]) -> Option<bool> {
        let is_text = |c: &char| !c.is_whitespace();
        let first = gap.iter().position(is_text).unwrap_or(gap.len());
        let end = gap.iter().rposition(is_text).map_or(first, |last| last + 1);
        self.connectors.get(gap.get(first..end)?).copied()
    }

    /// Length of the ending that only joins a word to what follows; 0 when nothing would be left of the word.
    pub(crate) fn ending_of(&self, word: &[char]) -> usize {
        self.joints
            .iter()
            .filter(|ending| {
                let rest = word.strip_suffix(ending.as_ref()).and_then(|rest| rest.last());
                rest.is_some_and(|c| class(*c) != CharClass::Hiragana || self.joint_after.contains(c))
            })
            .map(|ending| ending.len())
            .max()
            .unwrap_or(0)
    }
}

/// A label of a series and the form of the item it stands for.
#[derive(Debug)]
pub(crate) struct SeriesLabel {
    pub(crate) form: Vec<char>,
    pub(crate) test: Box<str>,
}

/// The ending of words, and what it says.
pub(crate) type Ending = (Box<[char]>, HeadKind);

/// What the ending of an unknown word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadKind {
    /// The word is a finding or disease.
    Finding,
    /// The word looks clinical, no more.
    Clinical,
}

/// What a phrase says of its sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Discourse {
    /// About this patient, even in a discussion.
    Case,
    /// About a disease in general.
    Literature,
}

/// Collects the forms of all tables.
pub(crate) struct Loader<'a> {
    sources: BTreeMap<&'a str, Source<'a>>,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) forms: Forms,
    pub(crate) rules: Rules,
    pub(crate) ambiguous: Vec<AmbiguousRow>,
}

impl<'a> Loader<'a> {
    /// Reads every table of `lexicon/`.
    pub(crate) fn load(sources: &[Source<'a>]) -> Self {
        let sources = sources.iter().map(|source| (source.path, *source)).collect();
        let mut loader = Self {
            sources,
            mistakes: Vec::new(),
            forms: Forms::default(),
            rules: Rules::default(),
            ambiguous: Vec::new(),
        };
        loader.rules.folding = match loader.source("lexicon/folding.tsv") {
            Some(source) => Folding::new(source, &mut loader.mistakes),
            None => Folding::default(),
        };
        if let Some(source) = loader.source("lexicon/sections.tsv") {
            loader.rules.headings = Headings::new(source, &mut loader.mistakes);
        }
        loader.load_cues();
        loader.load_plain_tables();
        loader.load_words_of_grammars();
        loader.load_phrases();
        loader
    }

    /// Adds the vocabulary's forms, with their usual variants of case.
    pub(crate) fn add_designations<'d>(&mut self, designations: impl Iterator<Item = Designation<'d>>) {
        for Designation {
            form,
            kind,
            key,
            needs_value,
        } in designations
        {
            if kind == TermKind::Circumstance {
                self.rules.habits.entry(form.as_ref().into()).or_insert(key);
            }
            let folded = self.rules.folding.fold_form(&form);
            let term = Term::Concept {
                kind,
                key,
                needs_value,
            };
            for variant in case_variants(&folded) {
                self.forms.push(&variant, term.clone());
            }
            self.forms.push(&folded, term);
        }
    }

    /// Reads the table of ambiguous forms; `concept_of` gives the kind and index of a concept's id.
    pub(crate) fn load_ambiguous(&mut self, concept_of: impl Fn(&str) -> Option<(TermKind, u32)>) {
        const AMBIGUOUS: &str = "lexicon/ambiguous.tsv";
        for (line, [form, id, near]) in self.rows(AMBIGUOUS, ["form", "concept", "near"]) {
            let concept = concept_of(id);
            if concept.is_none() && !id.is_empty() {
                self.wrong(AMBIGUOUS, line, "concept", id);
            }
            let form = self.rules.folding.fold_form(form);
            if let Some((kind, key)) = concept {
                let known = Term::Concept {
                    kind,
                    key,
                    needs_value: false,
                };
                self.forms.push(&form, known);
            }
            let near = near.split('|').filter(|word| !word.is_empty());
            let near = near.map(|word| self.rules.folding.fold_form(word).chars().collect());
            self.ambiguous.push((form, concept, near.collect()));
        }
    }

    fn source(&mut self, path: &'static str) -> Option<Source<'a>> {
        let found = self.sources.get(path).copied();
        if found.is_none() {
            self.mistakes.push(Mistake::new(path, 1, "missing"));
        }
        found
    }

    /// The wanted cells of every row of a table, with the line.
    pub(crate) fn rows<const N: usize>(
        &mut self,
        path: &'static str,
        columns: [&str; N],
    ) -> Vec<(u32, [&'a str; N])> {
        let Some(source) = self.source(path) else {
            return Vec::new();
        };
        let table = Table::parse(source, &mut self.mistakes);
        table
            .rows()
            .map(|row| (row.line, columns.map(|column| row.get(column))))
            .collect()
    }

    pub(crate) fn add(&mut self, form: &str, term: Term) {
        let folded = self.rules.folding.fold_form(form);
        self.forms.push(&folded, term);
    }

    pub(crate) fn wrong(&mut self, path: &str, line: u32, what: &str, cell: &str) {
        self.mistakes
            .push(Mistake::new(path, line, format!("unknown {what} \"{cell}\"")));
    }

    fn load_cues(&mut self) {
        const CUES: &str = "lexicon/cues.tsv";
        let endings: FxHashMap<&str, Vec<&str>> = self
            .rows("lexicon/endings.tsv", ["name", "forms"])
            .into_iter()
            .map(|(_, [name, forms])| (name, forms.split('|').collect()))
            .collect();
        let after = endings.get("joint-after").into_iter().flatten();
        self.rules.joint_after = after.flat_map(|form| form.chars()).collect();
        self.rules.joints = endings
            .get("joint")
            .into_iter()
            .flatten()
            .map(|form| form.chars().collect())
            .collect();
        self.rules.shared_denials = SharedDenials::new(&endings);
        let past = endings.get("age-past").into_iter().flatten();
        self.rules
            .age_tails
            .extend(past.map(|form| form.chars().collect::<Box<[char]>>()));
        for (line, [form, effect, reach]) in self.rows(CUES, ["form", "effect", "reach"]) {
            match effect {
                "informant" => self.rules.informants.push(form.chars().collect()),
                "witness" => self.rules.witnesses.push(form.chars().collect()),
                _ => {}
            }
            if matches!(effect, "informant" | "witness") {
                continue;
            }
            let Some(effect) = Effect::parse(effect) else {
                self.wrong(CUES, line, "effect", effect);
                continue;
            };
            let Some(reach) = Reach::parse(reach) else {
                self.wrong(CUES, line, "reach", reach);
                continue;
            };
            match form
                .split_once('{')
                .and_then(|(stem, rest)| Some((stem, rest.strip_suffix('}')?)))
            {
                None => self.add(form, Term::Cue { effect, reach }),
                Some((stem, name)) => match endings.get(name) {
                    Some(forms) => {
                        for ending in forms {
                            self.add(&format!("{stem}{ending}"), Term::Cue { effect, reach });
                        }
                    }
                    None => self.wrong(CUES, line, "ending", name),
                },
            }
        }
    }

    fn load_plain_tables(&mut self) {
        for (_, [form, relative]) in self.rows("lexicon/relatives.tsv", ["form", "relative"]) {
            self.add(form, Term::Relative(relative.into()));
        }
        const MODIFIERS: &str = "lexicon/modifiers.tsv";
        for (line, [form, kind]) in self.rows(MODIFIERS, ["form", "kind"]) {
            match Modifier::parse(kind) {
                Some(kind) => self.add(form, Term::Modifier(kind)),
                None => self.wrong(MODIFIERS, line, "kind", kind),
            }
        }
        const UNITS: &str = "lexicon/units.tsv";
        for (line, [form, ucum, kind]) in self.rows(UNITS, ["form", "ucum", "kind"]) {
            match UnitKind::parse(kind) {
                Some(kind) => self.add(
                    form,
                    Term::Unit {
                        ucum: ucum.into(),
                        kind,
                    },
                ),
                None => self.wrong(UNITS, line, "kind", kind),
            }
        }
        for (_, [form, value]) in self.rows("lexicon/values.tsv", ["form", "value"]) {
            self.add(form, Term::Value(value.into()));
        }
    }

    fn load_words_of_grammars(&mut self) {
        const TIME_WORDS: &str = "lexicon/time_words.tsv";
        for (line, [form, kind, amount]) in self.rows(TIME_WORDS, ["form", "kind", "amount"]) {
            let Some(kind) = Kind::parse(kind) else {
                self.wrong(TIME_WORDS, line, "kind", kind);
                continue;
            };
            self.rules
                .time_starts
                .extend(form.chars().find(|c| *c != BOUND_MARK));
            if kind == Kind::AgeTail || kind == Kind::Life && is_childhood(amount) {
                let tail = form.chars().filter(|c| *c != BOUND_MARK);
                self.rules.age_tails.push(tail.collect());
            }
            self.add(
                form,
                Term::Time {
                    kind,
                    amount: amount.into(),
                },
            );
        }
        for (_, [form, kind, value]) in self.rows("lexicon/usage.tsv", ["form", "kind", "value"]) {
            self.add(
                form,
                Term::Usage(Arc::new(Word {
                    kind: kind.into(),
                    value: value.into(),
                })),
            );
        }
        self.load_habits();
        for (_, [series, label, test]) in self.rows("lexicon/series.tsv", ["series", "label", "test"]) {
            let label = SeriesLabel {
                form: label.chars().collect(),
                test: test.into(),
            };
            let labels = self.rules.series.entry(series.into()).or_default();
            labels.push(label);
            if labels.len() == 1 {
                self.add(series, Term::Series);
            }
        }
        for (_, [form, least, most]) in self.rows("lexicon/ranges.tsv", ["form", "least", "most"]) {
            let range = (
                least.parse().unwrap_or(f64::MIN),
                most.parse().unwrap_or(f64::MAX),
            );
            self.rules.ranges.insert(form.into(), range);
        }
        for (_, [form]) in self.rows("lexicon/blockers.tsv", ["form"]) {
            self.add(form, Term::Blocker);
        }
    }

    fn load_phrases(&mut self) {
        for (_, [form, kind]) in self.rows("lexicon/connectors.tsv", ["form", "kind"]) {
            if kind == "since" {
                self.rules.since.push(form.into());
            } else {
                if kind == "attribute" {
                    self.rules.attributes.push(form.chars().collect());
                }
                const BLANKS: usize = 8;
                let longest = &mut self.rules.longest_connector;
                *longest = form.chars().count().saturating_add(BLANKS).max(*longest);
                let form: Box<[char]> = form.chars().collect();
                self.rules.connectors.insert(form, kind == "enumerate");
            }
        }
        const HARM: &str = "lexicon/harm.tsv";
        for (line, [form, kind]) in self.rows(HARM, ["form", "kind"]) {
            let word = match kind {
                "act" => HarmWord::Act,
                "link" => HarmWord::Link,
                "recovery" => {
                    self.rules.recoveries.push(form.chars().collect());
                    continue;
                }
                other => {
                    self.wrong(HARM, line, "kind", other);
                    continue;
                }
            };
            self.rules.harm_words.push((form.chars().collect(), word));
        }
        const HEADS: &str = "lexicon/heads.tsv";
        for (line, [form, kind]) in self.rows(HEADS, ["form", "kind"]) {
            let kind = match kind {
                "finding" => HeadKind::Finding,
                "clinical" => HeadKind::Clinical,
                other => {
                    self.wrong(HEADS, line, "kind", other);
                    continue;
                }
            };
            let form: Box<[char]> = form.chars().collect();
            if let Some(last) = form.last() {
                self.rules.heads.entry(*last).or_default().push((form, kind));
            }
        }
        const DISCOURSE: &str = "lexicon/discourse.tsv";
        for (line, [form, kind]) in self.rows(DISCOURSE, ["form", "kind"]) {
            match kind {
                "case" => self.add(form, Term::Discourse(Discourse::Case)),
                "literature" => self.add(form, Term::Discourse(Discourse::Literature)),
                other => self.wrong(DISCOURSE, line, "kind", other),
            }
        }
    }
}

/// Whether years of life (`0-9`) end in childhood.
fn is_childhood(years: &str) -> bool {
    const LAST_YEAR: u32 = 15;
    let last = years.split_once('-').and_then(|(_, last)| last.parse().ok());
    last.is_some_and(|last: u32| last <= LAST_YEAR)
}

/// Latin words of three and more letters are written in any case (`Crp`, `copd`); shorter ones mean what they are.
pub(crate) fn case_variants(form: &str) -> Vec<String> {
    let letters = form.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters < 3 || !form.is_ascii() {
        return Vec::new();
    }
    let lower = form.to_ascii_lowercase();
    let upper = form.to_ascii_uppercase();
    let mut capital = lower.clone();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut variants = vec![lower, upper, capital];
    variants.retain(|variant| variant != form);
    variants.sort();
    variants.dedup();
    variants
}
