//! How often each name stands in the records that the engine may learn from, and what follows what in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use tsumugi_coding::Coder;
use tsumugi_evaluation::{Corpus, Split, read_corpus};
use tsumugi_prediction::{Unit, units};
use tsumugi_tables::to_hiragana;

const HEAD: &str = "name\tcount\n# How often a name of the vocabulary, or a phrase of phrases.tsv, stands in the training records of corpus/records. Written by `cargo xtask bench-input frequency`.\n";

const HEAD_OF_FOLLOWERS: &str = "before\tafter\tkana\tcount\n# What follows a phrase (a concept where it names one) in the training records of corpus/records, where three or more hold it; readings as far as the vocabulary has them. Written by `cargo xtask bench-input frequency`.\n";

/// A follower is kept from so many times on: what stands once or twice is somebody's case.
const OFTEN: u32 = 3;

/// Writes the tables.
pub(super) fn run(root: &Path) -> anyhow::Result<()> {
    let coder = Coder::embedded()?;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (_, concept) in coder.vocabulary().iter() {
        let synonyms = concept.synonyms.iter().map(|(form, _)| form.to_string());
        for name in std::iter::once(concept.name.to_string()).chain(synonyms) {
            counts.insert(name, 0);
        }
    }
    let corpus = read_corpus(&root.join("corpus/records"), Some(Split::Train))?;
    for record in corpus.records() {
        for gold in &record.entities {
            if let Some(count) = counts.get_mut(&gold.entity.text) {
                *count += 1;
            }
        }
    }
    let phrases = std::fs::read_to_string(root.join("data/prediction/phrases.tsv"))?;
    let rows = phrases.lines().skip(1).filter(|line| !line.starts_with('#'));
    for phrase in rows.filter_map(|line| line.split('\t').next()) {
        let found: usize = corpus
            .records()
            .map(|record| record.text.matches(phrase).count())
            .sum();
        counts.entry(phrase.to_owned()).or_insert(u32::try_from(found)?);
    }
    counts.retain(|_, count| *count > 0);
    let mut text = HEAD.to_owned();
    for (name, count) in &counts {
        writeln!(text, "{name}\t{count}")?;
    }
    std::fs::write(root.join("data/prediction/frequency.tsv"), text)?;
    let pairs = followers(&coder, &corpus);
    let mut text = HEAD_OF_FOLLOWERS.to_owned();
    for ((before, after, kana), count) in &pairs {
        writeln!(text, "{before}\t{after}\t{kana}\t{count}")?;
    }
    std::fs::write(root.join("data/prediction/followers.tsv"), text)?;
    println!("{} followers", pairs.len());
    println!("{} names in {} records", counts.len(), corpus.records().count());
    Ok(())
}

/// (before, after, reading of what comes after) with how often.
fn followers(coder: &Coder, corpus: &Corpus) -> BTreeMap<(String, String, String), u32> {
    let readings: BTreeMap<String, String> = coder
        .vocabulary()
        .readings()
        .map(|(_, name, reading)| (name.to_owned(), reading))
        .collect();
    let mut pairs: BTreeMap<(String, String, String), u32> = BTreeMap::new();
    for record in corpus.records() {
        let names: Vec<(u32, u32, Arc<str>)> = record
            .entities
            .iter()
            .filter_map(|gold| {
                let concept = gold.concept.as_deref()?.trim_start_matches('~');
                let is_known = coder.vocabulary().key(concept).is_some();
                is_known.then(|| (gold.entity.span.start, gold.entity.span.end, Arc::from(concept)))
            })
            .collect();
        let cut = units(&record.text, &names);
        for (before, after) in cut.iter().zip(cut.iter().skip(1)) {
            let is_break = |unit: &Unit| unit.surface == "\n";
            let is_plain = after.surface.chars().all(|c| !c.is_control() && !c.is_numeric());
            if is_break(before) || is_break(after) || !is_plain {
                continue;
            }
            let class = before.concept.as_deref().unwrap_or(&before.surface);
            if class.contains('\t') || (before.concept.is_none() && !is_word(class)) {
                continue;
            }
            let key = (
                class.to_owned(),
                after.surface.clone(),
                reading_of(&after.surface, &readings),
            );
            *pairs.entry(key).or_default() += 1;
        }
    }
    pairs.retain(|_, count| *count >= OFTEN);
    pairs
}

/// Whether a phrase tells something of what follows: more than a mark or a number.
fn is_word(phrase: &str) -> bool {
    phrase.chars().filter(|c| c.is_alphabetic()).count() > 1 && !phrase.chars().any(char::is_numeric)
}

/// The reading of a name with kana and marks behind it; empty where nobody knows it.
fn reading_of(surface: &str, readings: &BTreeMap<String, String>) -> String {
    let is_rest = |c: char| ('\u{3041}'..='\u{309F}').contains(&c) || !c.is_alphanumeric();
    let stem = surface.trim_end_matches(is_rest);
    let rest = surface.strip_prefix(stem).unwrap_or_default();
    if stem.is_empty() {
        return rest.to_owned();
    }
    readings
        .get(surface)
        .cloned()
        .or_else(|| {
            readings
                .get(stem)
                .map(|reading| format!("{reading}{}", to_hiragana(rest)))
        })
        .unwrap_or_default()
}
