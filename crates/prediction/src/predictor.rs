//! The predictor: what may come next, from all sources.
//!
//! Each source gives a probability to a text, and the probabilities are mixed: what followed the last two phrases in
//! this writer's notes and in the site's, how often it is written at all, what the facts so far make likely, and how
//! often a name stands in notes. What is typed only narrows the candidates.

use crate::drugs::{DrugLine, DrugLines};
use crate::fold::{fold, has_letters};
use crate::history::{Follower, History};
use crate::names::Names;
use crate::rank::{From, Pool, Suggestions};
use crate::snippets::Snippets;
use crate::unit::Unit;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source, Table, TermKind};
use tsumugi_terminology::Vocabulary;

/// Parts of the mixture.
const PERSONAL: f64 = 0.4;
const SITE: f64 = 0.15;
const CONTEXT: f64 = 0.2;
const NAMES: f64 = 0.2;
const CONTINUATION: f64 = 0.15;
const USUAL: f64 = 0.3;
const DRUG_LINE: f64 = 0.6;
/// Of a history: what followed, against how often it is written at all.
const FOLLOWED: f64 = 0.7;
/// A phrase of the site is offered once so many notes hold it, so that nobody's patient shows in another's note.
const SITE_NOTES: u32 = 3;
/// Least share of a continuation that is offered together with what it continues.
const CHAINED: f64 = 0.2;
/// Phrases that are chained at most.
const LONGEST_CHAIN: usize = 4;
/// Candidates that are continued.
const CONTINUED: usize = 4;
/// Concepts of the context that are offered before anything is typed.
const UNASKED: usize = 12;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The units before the caret, newest last; the last two matter.
    pub before: &'a [Unit],
    /// What is typed of the next: surface, kana, romaji, or romaji half typed; empty where nothing is.
    pub typed: &'a str,
    /// Concepts with how likely the facts so far make each (`tsumugi_cds::expected`); the sum does not matter.
    pub likely: &'a [(Arc<str>, f64)],
    /// How this patient and this ward were given drugs.
    pub lines: &'a [DrugLine],
    /// The writer's own history.
    pub personal: &'a History,
    /// The site's.
    pub site: &'a History,
    /// Suggestions wanted at most.
    pub most: usize,
}

/// What may follow a name of a kind.
#[derive(Debug)]
struct Continuation {
    after: Vec<TermKind>,
    text: Box<str>,
    kana: Box<str>,
    share: f64,
}

/// A phrase that follows another in notes of other houses.
#[derive(Debug)]
struct Usual {
    text: Box<str>,
    kana: Box<str>,
    share: f64,
}

/// Everything that is the same for all.
#[derive(Debug)]
pub struct Predictor {
    names: Names,
    usual: BTreeMap<Box<str>, Vec<Usual>>,
    continuations: Vec<Continuation>,
    snippets: Snippets,
    drug_lines: DrugLines,
}

/// What is typed, in the forms in which it is looked up.
struct Typed {
    forms: Vec<String>,
    /// Kana that are typed, romaji counted as kana.
    kana: usize,
}

impl Predictor {
    /// Reads the tables; mistakes go to `mistakes`.
    pub fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        Self {
            names: Names::new(sources, vocabulary, mistakes),
            usual: usual(sources, mistakes),
            continuations: continuations(sources, mistakes),
            snippets: Snippets::new(sources, mistakes),
            drug_lines: DrugLines::new(sources, mistakes),
        }
    }

    /// Number of names that can be offered.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing can be offered.
    pub fn is_empty(&self) -> bool {
        self.names.len() == 0
    }

    /// The snippets.
    pub fn snippets(&self) -> &Snippets {
        &self.snippets
    }

    /// The usual units of drugs.
    pub fn drug_lines(&self) -> &DrugLines {
        &self.drug_lines
    }

    /// Learns a note that was signed. A number is not learned, outside of names (2型糖尿病): what was measured of one
    /// patient, a dose, a date is never offered for another.
    pub fn learn(&self, history: &mut History, vocabulary: &Vocabulary, units: &[Unit]) {
        let without_numbers = |unit: &Unit| {
            if tells_number(vocabulary, unit) {
                Unit::default()
            } else {
                unit.clone()
            }
        };
        let units: Vec<Unit> = units.iter().map(without_numbers).collect();
        history.learn(&units, |reading| {
            let folded = fold(reading);
            (!has_letters(&folded))
                .then(|| vocabulary.search().sound(&folded))
                .flatten()
        });
    }

    /// What may come.
    pub fn suggest(&self, vocabulary: &Vocabulary, ask: &Ask<'_>) -> Suggestions {
        let typed = Typed::new(vocabulary, ask.typed);
        let likely = likely_of(vocabulary, ask.likely);
        let mut pool = Pool::default();
        history(
            &mut pool,
            ask.personal,
            ask,
            &typed,
            (PERSONAL, 1, From::Personal),
        );
        history(&mut pool, ask.site, ask, &typed, (SITE, SITE_NOTES, From::Site));
        // As far as the writer's own notes know what follows, others have no say.
        let known: f64 = ask
            .personal
            .followers(ask.before)
            .iter()
            .map(|own| own.share)
            .sum();
        let left = (1.0 - known).clamp(0.0, 1.0);
        self.usual(&mut pool, vocabulary, ask, &typed, left);
        self.continued(&mut pool, vocabulary, ask, &typed, left);
        if typed.forms.is_empty() {
            self.unasked(&mut pool, vocabulary, ask, &likely, left);
        } else {
            self.named(&mut pool, vocabulary, &typed, &likely);
        }
        self.chained(&mut pool, vocabulary, ask);
        let whole = if typed.forms.is_empty() {
            let histories = [(ask.personal, PERSONAL), (ask.site, SITE)];
            let of_histories = histories.iter().filter(|(history, _)| !history.is_empty());
            FOLLOWED * of_histories.map(|(_, part)| part).sum::<f64>()
        } else {
            0.0
        };
        pool.ranked(typed.kana, whole, ask.most)
    }

    /// Names that begin with what is typed.
    fn named(&self, pool: &mut Pool, vocabulary: &Vocabulary, typed: &Typed, likely: &[(u32, f64)]) {
        let of_context: FxHashMap<u32, f64> = likely.iter().copied().collect();
        let mut weighed: Vec<(f64, bool, u32)> = Vec::new();
        for form in &typed.forms {
            for id in self.names.beginning_with(form, likely) {
                let Some(name) = self.names.get(id) else { continue };
                let context = name.concept.and_then(|key| of_context.get(&key)).copied();
                let context = context.unwrap_or(0.0) * f64::from(name.part) * CONTEXT;
                let own = f64::from(name.share) * NAMES;
                weighed.push((own + context, context > own, id));
            }
        }
        const WEIGHED: usize = 64;
        let order = |a: &(f64, bool, u32), b: &(f64, bool, u32)| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2));
        if weighed.len() > WEIGHED {
            weighed.select_nth_unstable_by(WEIGHED, order);
            weighed.truncate(WEIGHED);
        }
        weighed.sort_by(order);
        weighed.dedup_by_key(|one| one.2);
        for (mass, is_context, id) in weighed {
            let Some(name) = self.names.get(id) else { continue };
            let concept = name.concept.and_then(|key| vocabulary.get(key));
            let concept = concept.map(|concept| Arc::from(concept.id.as_str()));
            let from = if is_context { From::Context } else { From::Name };
            pool.add(&name.surface, &name.reading, concept, mass, from);
        }
    }

    /// Before anything is typed: what the context expects, how a drug is given.
    fn unasked(
        &self,
        pool: &mut Pool,
        vocabulary: &Vocabulary,
        ask: &Ask<'_>,
        likely: &[(u32, f64)],
        left: f64,
    ) {
        let is_open = ask.before.last().is_none_or(|unit| !ends_in_name(unit));
        let mut likely: Vec<(u32, f64)> = likely.to_vec();
        likely.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (key, share) in likely.into_iter().take(UNASKED).filter(|_| is_open) {
            let Some(concept) = vocabulary.get(key) else {
                continue;
            };
            let mut names: Vec<_> = self.names.of(key).collect();
            names.sort_by(|a, b| b.share.total_cmp(&a.share));
            if let Some(name) = names.first() {
                let id = Some(Arc::from(concept.id.as_str()));
                pool.add(
                    &name.surface,
                    &name.reading,
                    id,
                    share * CONTEXT * left,
                    From::Context,
                );
            }
        }
        if let Some(drug) = ask
            .before
            .last()
            .filter(|unit| ends_in_name(unit))
            .and_then(|unit| unit.concept.as_deref())
        {
            for (place, line) in (1u32..).zip(DrugLines::given(drug, ask.lines)) {
                let mass = DRUG_LINE / f64::from(1 << place.min(10));
                pool.add(&line.text, "", None, mass, From::DrugLine);
            }
        }
    }

    /// What goes on behind a finding, an examination, a drug.
    fn continued(&self, pool: &mut Pool, vocabulary: &Vocabulary, ask: &Ask<'_>, typed: &Typed, left: f64) {
        let Some(last) = ask.before.last().filter(|unit| ends_in_name(unit)) else {
            return;
        };
        let begins = |own: &&Continuation| typed.begins(vocabulary, &own.text, &own.kana);
        for own in self
            .continuations_of(vocabulary, last.concept.as_deref())
            .filter(begins)
        {
            pool.add(
                &own.text,
                &own.kana,
                None,
                own.share * CONTINUATION * left,
                From::Continuation,
            );
        }
    }

    fn continuations_of(
        &self,
        vocabulary: &Vocabulary,
        concept: Option<&str>,
    ) -> impl Iterator<Item = &Continuation> {
        let kind = concept
            .and_then(|id| vocabulary.concept(id))
            .map(|concept| concept.kind);
        self.continuations
            .iter()
            .filter(move |own| kind.is_some_and(|kind| own.after.contains(&kind)))
    }

    /// What follows the last phrase in notes of other houses.
    fn usual(&self, pool: &mut Pool, vocabulary: &Vocabulary, ask: &Ask<'_>, typed: &Typed, left: f64) {
        let Some(last) = ask.before.last() else { return };
        let class = last.concept.as_deref().unwrap_or(&last.surface);
        for own in self.usual.get(class).into_iter().flatten() {
            if typed.begins(vocabulary, &own.text, &own.kana) {
                pool.add(&own.text, &own.kana, None, own.share * USUAL * left, From::Name);
            }
        }
    }

    /// The best candidates together with what nearly always follows them.
    fn chained(&self, pool: &mut Pool, vocabulary: &Vocabulary, ask: &Ask<'_>) {
        for best in pool.best(CONTINUED) {
            let mut before: Vec<Unit> = ask.before.last().cloned().into_iter().collect();
            before.push(Unit {
                surface: best.text.clone(),
                reading: best.reading.clone(),
                concept: best.concept.clone(),
            });
            let mut chain = best.clone();
            for _ in 0..LONGEST_CHAIN {
                let Some((unit, share, from)) = self.follower(vocabulary, ask, &before) else {
                    break;
                };
                chain.text.push_str(&unit.surface);
                let reading = if unit.reading.is_empty() {
                    &unit.surface
                } else {
                    &unit.reading
                };
                chain.reading.push_str(reading);
                chain.mass *= share;
                pool.add(
                    &chain.text,
                    &chain.reading,
                    chain.concept.clone(),
                    chain.mass,
                    from,
                );
                before.push(unit);
            }
        }
    }

    /// What follows most often, if it follows often enough.
    fn follower(&self, vocabulary: &Vocabulary, ask: &Ask<'_>, before: &[Unit]) -> Option<(Unit, f64, From)> {
        let of_history = ask
            .personal
            .followers(before)
            .into_iter()
            .filter(|own| own.phrase.unit.surface != "\n")
            .max_by(|a, b| a.share.total_cmp(&b.share))
            .map(|own| (own.phrase.unit.clone(), own.share, From::Personal));
        let last = before.last()?;
        let of_table = self
            .continuations_of(vocabulary, last.concept.as_deref())
            .filter(|_| ends_in_name(last))
            .max_by(|a, b| a.share.total_cmp(&b.share))
            .map(|own| {
                let unit = Unit {
                    surface: own.text.to_string(),
                    reading: own.kana.to_string(),
                    concept: None,
                };
                (unit, own.share, From::Continuation)
            });
        let best = of_history
            .into_iter()
            .chain(of_table)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        best.filter(|(_, share, _)| *share >= CHAINED)
    }
}

/// Whether a number stands in a unit, beside the longest name of its concept with which it begins.
fn tells_number(vocabulary: &Vocabulary, unit: &Unit) -> bool {
    let concept = unit.concept.as_deref().and_then(|id| vocabulary.concept(id));
    let forms = concept.iter().flat_map(|concept| {
        let synonyms = concept.synonyms.iter().map(|(form, _)| form.as_ref());
        std::iter::once(concept.name.as_ref()).chain(synonyms)
    });
    let rests = forms.filter_map(|form: &str| unit.surface.strip_prefix(form));
    let rest = rests.min_by_key(|rest| rest.len()).unwrap_or(&unit.surface);
    rest.contains(char::is_numeric)
}

/// The concepts of the context by key, their shares summing to 1.
fn likely_of(vocabulary: &Vocabulary, likely: &[(Arc<str>, f64)]) -> Vec<(u32, f64)> {
    let sum: f64 = likely.iter().map(|(_, weight)| weight).sum();
    let share = |(id, weight): &(Arc<str>, f64)| Some((vocabulary.key(id)?, weight / sum));
    likely
        .iter()
        .filter_map(share)
        .filter(|(_, share)| share.is_finite())
        .collect()
}

/// Phrases of a history that fit.
fn history(
    pool: &mut Pool,
    history: &History,
    ask: &Ask<'_>,
    typed: &Typed,
    (part, notes, from): (f64, u32, From),
) {
    if history.is_empty() {
        return;
    }
    let is_offered = |own: &Follower<'_>| own.phrase.notes >= notes && own.phrase.unit.surface != "\n";
    let mut offer = |own: &Follower<'_>, mass: f64| {
        let unit = &own.phrase.unit;
        pool.add(
            &unit.surface,
            &unit.reading,
            unit.concept.clone(),
            part * mass,
            from,
        );
    };
    let followers = history.followers(ask.before);
    if typed.forms.is_empty() {
        for own in followers.iter().filter(|own| is_offered(own)) {
            offer(own, FOLLOWED * own.share);
        }
        return;
    }
    let shares: FxHashMap<u32, f64> = followers.iter().map(|own| (own.id, own.share)).collect();
    let mut seen = Vec::new();
    for form in &typed.forms {
        for own in history.beginning_with(form).iter().filter(|own| is_offered(own)) {
            if seen.contains(&own.id) {
                continue;
            }
            seen.push(own.id);
            let followed = shares.get(&own.id).copied().unwrap_or(0.0);
            offer(own, FOLLOWED * followed + (1.0 - FOLLOWED) * own.share);
        }
    }
}

impl Typed {
    /// Whether a text or its reading begins with what is typed.
    fn begins(&self, vocabulary: &Vocabulary, text: &str, kana: &str) -> bool {
        if self.forms.is_empty() {
            return true;
        }
        let (text, kana) = (fold(text), fold(kana));
        let sound = vocabulary.search().sound(&kana).unwrap_or_default();
        self.forms.iter().any(|form| {
            [&text, &kana, &sound]
                .iter()
                .any(|own| own.starts_with(form.as_str()))
        })
    }

    fn new(vocabulary: &Vocabulary, typed: &str) -> Self {
        let folded = fold(typed);
        let mut forms: Vec<String> = Vec::new();
        let mut kana = folded.chars().count();
        if has_letters(&folded) {
            let letters = folded.chars().filter(char::is_ascii_lowercase).count();
            kana = kana - letters + letters.div_ceil(2);
            forms.extend(
                vocabulary
                    .search()
                    .sound(&folded)
                    .filter(|sound| *sound != folded),
            );
        }
        if !folded.is_empty() {
            forms.push(folded);
        }
        Self { forms, kana }
    }
}

/// Whether a unit names a concept and nothing stands behind the name: no particle, no mark.
fn ends_in_name(unit: &Unit) -> bool {
    let last = unit.surface.chars().next_back();
    unit.concept.is_some()
        && last.is_some_and(|c| c.is_alphanumeric() && !('\u{3041}'..='\u{309F}').contains(&c))
}

fn usual(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> BTreeMap<Box<str>, Vec<Usual>> {
    let mut all: BTreeMap<Box<str>, Vec<Usual>> = BTreeMap::new();
    for source in sources
        .iter()
        .filter(|source| source.path == "prediction/followers.tsv")
    {
        for row in Table::parse(*source, mistakes).rows() {
            let Ok(count) = row.get("count").parse::<f64>() else {
                mistakes.push(Mistake::new(source.path, row.line, "the count is no number"));
                continue;
            };
            let own = Usual {
                text: row.get("after").into(),
                kana: row.get("kana").into(),
                share: count,
            };
            all.entry(row.get("before").into()).or_default().push(own);
        }
    }
    for own in all.values_mut() {
        // As in a history: what is unseen is as likely as there are kinds of what was seen.
        let sum: f64 = own.iter().map(|one| one.share).sum::<f64>() + own.len() as f64;
        for one in own {
            one.share /= sum;
        }
    }
    all
}

fn continuations(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Vec<Continuation> {
    let mut all = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.path == "prediction/continuations.tsv")
    {
        for row in Table::parse(*source, mistakes).rows() {
            let after: Option<Vec<TermKind>> = row.list("after").map(kind_named).collect();
            match (after, row.get("share").parse::<f64>()) {
                (Some(after), Ok(share)) if (0.0..=1.0).contains(&share) => all.push(Continuation {
                    after,
                    text: row.get("text").into(),
                    kana: row.get("kana").into(),
                    share,
                }),
                _ => mistakes.push(Mistake::new(
                    source.path,
                    row.line,
                    "kinds of names and a share of 0 to 1 wanted",
                )),
            }
        }
    }
    all
}

fn kind_named(word: &str) -> Option<TermKind> {
    let kinds = [
        TermKind::Disease,
        TermKind::Finding,
        TermKind::Test,
        TermKind::Exam,
        TermKind::Drug,
        TermKind::DrugClass,
        TermKind::Procedure,
        TermKind::Site,
        TermKind::Allergen,
        TermKind::Circumstance,
    ];
    kinds
        .into_iter()
        .find(|kind| tsumugi_terminology::kind_word(*kind) == word)
}
