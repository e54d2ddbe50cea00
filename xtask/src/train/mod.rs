//! `cargo xtask train`: learns the tagger from `corpus/records` (train) and writes `data/tagger/tagger.bin`.
//!
//! The same corpus, tables and seed give the same bytes: one thread, sorted input, a generator of our own for the order
//! of the sentences.

pub(crate) mod chance;
#[expect(
    clippy::indexing_slicing,
    reason = "equations over tokens and labels; every index is below LABELS or the length of the sentence"
)]
mod crf;
#[expect(
    clippy::indexing_slicing,
    reason = "equations over characters and labels; every index is below LABELS or the length of the line"
)]
pub(crate) mod deid;
pub(crate) mod disguise;
#[expect(
    clippy::indexing_slicing,
    reason = "rows are numbered by the index that is asked"
)]
mod logistic;

use crate::eval::records::{self, note};
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tsumugi_clinical::{Span, Tag};
use tsumugi_coding::{Coder, read_context};
use tsumugi_evaluation::{Corpus, Record, Score, Split, read_corpus, score};
use tsumugi_text::{ClassInstance, ClassifierParts, FEATURES, Tagger, TaggerParts, tag_labels};

/// Options of the training.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Seed of the order of the sentences.
    #[arg(long, default_value_t = 20_261_128)]
    pub(crate) seed: u64,
    /// Rounds over the corpus.
    #[arg(long, default_value_t = 16)]
    pub(crate) epochs: u32,
    /// Strength of the pull of weights to zero.
    #[arg(long, default_value_t = 2e-5)]
    pub(crate) decay: f32,
    /// Size of a step.
    #[arg(long, default_value_t = 0.12)]
    pub(crate) step: f32,
    /// Rows whose largest weight is smaller say nothing and are left out.
    #[arg(long, default_value_t = 0.6)]
    pub(crate) least_weight: f32,
    /// Share of features that are hidden while a sentence is learned, so that no few of them carry all.
    #[arg(long, default_value_t = 0.5)]
    pub(crate) hidden: f32,
    /// Kinds of features that are not learned, by number: for ablation.
    #[arg(long, value_delimiter = ',')]
    pub(crate) without: Vec<usize>,
    /// Features seen less often are left out.
    #[arg(long, default_value_t = 3)]
    pub(crate) least_seen: u32,
    /// Learns from `dev` too; the file that ships is made without it.
    #[arg(long)]
    with_dev: bool,
    /// Where the file goes, beside the default.
    #[arg(long)]
    out: Option<std::path::PathBuf>,
}

/// A sentence to learn from.
pub(crate) struct Sentence {
    pub(crate) features: Vec<[u32; FEATURES]>,
    pub(crate) labels: Vec<u8>,
}

/// Trains and writes; from a debug build, in a release build of itself.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        let mut command = Command::new(cargo);
        command.args(["run", "--release", "--quiet", "--package", "xtask", "--"]);
        command.args(std::env::args_os().skip(1)).current_dir(root);
        anyhow::ensure!(command.status()?.success(), "the release build of xtask failed");
        return Ok(());
    }
    let started = Instant::now();
    let folder = root.join("corpus/records");
    let mut corpus = read_corpus(&folder, Some(Split::Train))?;
    if args.with_dev {
        corpus.hands.extend(read_corpus(&folder, Some(Split::Dev))?.hands);
    }
    let coder = Coder::without_tagger()?;
    let (sentences, seams) = sentences(&coder, &corpus)?;
    let tokens: usize = sentences.iter().map(|sentence| sentence.labels.len()).sum();
    println!(
        "{} records, {} sentences, {tokens} tokens; {seams} ends of entities lie inside a token",
        corpus.records().count(),
        sentences.len()
    );
    let mut parts = crf::train(&sentences, args);
    println!(
        "{} features kept after {:.0?}",
        parts.rows.len(),
        started.elapsed()
    );
    parts.classifiers = classifiers(&parts, &corpus, args.seed)?;
    let bytes = parts.bytes();
    let default = root.join("data/tagger/tagger.bin");
    let path = args.out.as_ref().unwrap_or(&default);
    std::fs::create_dir_all(path.parent().context("a path without a folder")?)?;
    std::fs::write(path, &bytes)?;
    let alone = records::read(root, &Coder::without_tagger()?, Split::Dev)?;
    let both = Coder::without_tagger()?.with_tagger(Some(Tagger::load(&bytes)?));
    let both = records::read(root, &both, Split::Dev)?;
    for (name, read) in [("tables and rules", alone), ("with the tagger", both)] {
        let score = score(read.corpus.records(), &read.predictions);
        println!(
            "dev, {name}: entities {:.3}, certainty {:.3}, state {:.3}, time type {:.3}",
            score.entities.f1(),
            Score::accuracy(&score.certainty),
            Score::accuracy(&score.state),
            Score::accuracy(&score.timex)
        );
        let tags: Vec<String> = score
            .tags
            .iter()
            .map(|(tag, counts)| format!("{tag} {:.3}", counts.f1()))
            .collect();
        println!("  {}", tags.join(", "));
    }
    println!(
        "{}: {} bytes, {:.0?} in all",
        path.display(),
        bytes.len(),
        started.elapsed()
    );
    Ok(())
}

/// The sentences of a corpus with their gold labels, and how many entities do not begin and end with tokens.
fn sentences(coder: &Coder, corpus: &Corpus) -> anyhow::Result<(Vec<Sentence>, usize)> {
    let mut out = Vec::new();
    let mut seams = 0;
    for record in corpus.records() {
        let note = note(record)?;
        for instance in coder.reader().instances(&read_context(&note), &note.text) {
            let labels = labels(record, &instance.spans, &mut seams);
            out.push(Sentence {
                features: instance.features,
                labels,
            });
        }
    }
    Ok((out, seams))
}

/// A token belongs to the entity that holds its middle.
fn labels(record: &Record, spans: &[Span], seams: &mut usize) -> Vec<u8> {
    let mut labels = vec![0; spans.len()];
    let from = spans.first().map_or(0, |span| span.start);
    let to = spans.last().map_or(0, |span| span.end);
    for gold in &record.entities {
        let entity = &gold.entity;
        let Some((begin, inside)) =
            tag_labels(entity.tag).filter(|_| entity.span.start < to && from < entity.span.end)
        else {
            continue;
        };
        let mut is_first = true;
        for (label, span) in labels.iter_mut().zip(spans) {
            let middle = u32::midpoint(span.start, span.end);
            let holds = |place: u32| entity.span.start <= place && place < entity.span.end;
            if holds(middle) {
                *label = if is_first { begin } else { inside };
                is_first = false;
            }
        }
        let is_cut = |place: u32| spans.iter().any(|span| span.start < place && place < span.end);
        *seams += usize::from(is_cut(entity.span.start)) + usize::from(is_cut(entity.span.end));
    }
    labels
}

/// The classifiers, learned on the mentions that the tagger cuts as the gold does.
fn classifiers(parts: &TaggerParts, corpus: &Corpus, seed: u64) -> anyhow::Result<Vec<ClassifierParts>> {
    const KINDS: [u32; 4] = [4, 4, 7, 3];
    let coder = Coder::without_tagger()?.with_tagger(Some(Tagger::load(&parts.bytes())?));
    let mut examples: [Vec<logistic::Example>; 4] = Default::default();
    for record in corpus.records() {
        let note = note(record)?;
        for instance in coder.reader().class_instances(&read_context(&note), &note.text) {
            if let Some((class, list)) =
                class_of(record, &instance).zip(examples.get_mut(instance.classifier))
            {
                list.push(logistic::Example {
                    features: instance.features,
                    class,
                });
            }
        }
    }
    Ok(KINDS
        .iter()
        .zip(&examples)
        .map(|(classes, examples)| {
            println!("{} examples of {classes} classes", examples.len());
            (*classes, logistic::train(examples, *classes as usize, seed))
        })
        .collect())
}

/// What the gold says of a mention that it cuts alike.
fn class_of(record: &Record, instance: &ClassInstance) -> Option<usize> {
    let gold = record
        .entities
        .iter()
        .find(|gold| gold.entity.span == instance.span && gold.entity.tag == instance.tag)?;
    let entity = &gold.entity;
    if instance.classifier == 3 {
        return Some(match entity.experiencer.as_deref() {
            None => 0,
            Some("family") => 1,
            Some(_) => 2,
        });
    }
    match instance.tag {
        Tag::Disease => entity
            .certainty
            .filter(|_| entity.experiencer.is_none())
            .map(|class| class as usize),
        Tag::Timex => entity.timex.map(|class| class as usize),
        _ => entity.state.map(|state| {
            use tsumugi_clinical::State;
            match state {
                State::Executed => 0,
                State::Scheduled => 1,
                State::Negated => 2,
                State::Other => 3,
            }
        }),
    }
}
