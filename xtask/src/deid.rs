//! `cargo xtask deid-eval` and `cargo xtask train-deid`: what `tsumugi deidentify` finds on the notes of
//! `corpus/deidentification/notes`, and the model behind it.
//!
//! The build notes are scored by cross-validation over hands: no note is read with a model that has seen its hand. The
//! held notes are read with the model that ships, and only their sums are printed.

use crate::train::chance::Chance;
use crate::train::deid::{self as learn, Line, Options};
use crate::train::disguise::Pool;
use anyhow::Context as _;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tsumugi_anonymize::deidentify::{Deidentifier, Findings, Kind, Known, Model, ModelParts};
use tsumugi_evaluation::{Split, read_corpus};
use tsumugi_tables::{Source, Table};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

/// Options of the training.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    options: Options,
}

/// Options of the measurement.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    /// Reads the held notes with the model that ships; prints sums only.
    #[arg(long)]
    held: bool,
    /// Learns from the build notes alone and reads those that are otherwise only learned from.
    #[arg(long)]
    other: bool,
    /// Prints so many errors of the cross-validation.
    #[arg(long, default_value_t = 0)]
    errors: usize,
    /// Prices of being outside to compare, in units of weights.
    #[arg(long, value_delimiter = ',')]
    outside: Vec<i32>,
}

/// A span of the gold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// First character.
    pub(crate) start: usize,
    /// One past the last.
    pub(crate) end: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// A note with what is to be found in it.
#[derive(Debug, Clone)]
pub(crate) struct Gold {
    /// Its text.
    pub(crate) text: String,
    /// What identifies, in its order.
    pub(crate) spans: Vec<Span>,
    /// Phrases that must stay.
    pub(crate) keep: Vec<(usize, usize)>,
    /// `build`, `held`, or only learned from.
    pub(crate) part: String,
    /// Of the cross-validation.
    pub(crate) fold: usize,
    /// Its id.
    pub(crate) id: String,
    /// Kind of text.
    pub(crate) genre: String,
}

#[derive(Deserialize)]
struct RawSpan {
    start: usize,
    end: usize,
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    id: String,
    genre: String,
    hand: String,
    part: String,
    text: String,
    spans: Vec<RawSpan>,
    #[serde(default)]
    keep: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
struct Training {
    id: String,
    genre: String,
    text: String,
    spans: Vec<(usize, usize, String)>,
}

/// Folds of the cross-validation.
const FOLDS: usize = 4;
/// The part of notes that are only learned from.
const TRAIN_ONLY: &str = "train";

fn read_notes(root: &Path) -> anyhow::Result<Vec<Gold>> {
    let folder = root.join("corpus/deidentification/notes");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort();
    let mut notes = Vec::new();
    for (genre, path) in paths.iter().enumerate() {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| name.to_string())?;
        for (number, line) in text.lines().enumerate() {
            let raw: Raw = serde_json::from_str(line).with_context(|| format!("{name}:{}", number + 1))?;
            let hand = raw.hand.bytes().next().map_or(0, usize::from);
            let spans = raw.spans.iter().filter_map(|span| {
                let kind = Kind::parse(span.r#type.as_deref()?)?;
                Some(Span {
                    start: span.start,
                    end: span.end,
                    kind,
                })
            });
            let mut spans: Vec<Span> = spans.collect();
            spans.sort_unstable();
            notes.push(Gold {
                text: raw.text,
                spans,
                keep: raw.keep,
                part: raw.part,
                fold: (genre + hand) % FOLDS,
                id: raw.id,
                genre: raw.genre,
            });
        }
    }
    let path = root.join("corpus/deidentification/training.jsonl");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (number, line) in text.lines().enumerate() {
        let raw: Training =
            serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), number + 1))?;
        let spans = raw.spans.iter();
        let spans = spans.filter_map(|(start, end, word)| {
            Some(Span {
                start: *start,
                end: *end,
                kind: Kind::parse(word)?,
            })
        });
        notes.push(Gold {
            text: raw.text,
            spans: spans.collect(),
            keep: Vec::new(),
            part: TRAIN_ONLY.to_owned(),
            fold: FOLDS,
            id: raw.id,
            genre: raw.genre,
        });
    }
    Ok(notes)
}

/// The tables, and the terms of the terminology that are to stay.
fn deidentifier(root: &Path, model: Option<Model>) -> anyhow::Result<Deidentifier> {
    let files = embedded_files();
    let vocabulary = Vocabulary::new(&sources_of(&files))?;
    let terms = vocabulary
        .designations()
        .filter(|term| !term.needs_value)
        .map(|term| term.form);
    let tables = tables(root)?;
    let sources: Vec<Source<'_>> = tables.iter().map(|(path, text)| Source { path, text }).collect();
    Ok(Deidentifier::new(
        &sources,
        terms.collect::<Vec<Cow<'_, str>>>().into_iter(),
        model,
    )?)
}

/// The tables as they lie on the disk, so that a changed row counts without a build.
fn tables(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(root.join("data/deidentification"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "tsv") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            tables.push((
                format!("deidentification/{name}"),
                std::fs::read_to_string(&path)?,
            ));
        }
    }
    tables.sort();
    Ok(tables)
}

fn pool(root: &Path) -> anyhow::Result<Pool> {
    let tables = tables(root)?;
    Ok(Pool::new(|name| {
        let path = format!("deidentification/{name}.tsv");
        let text = tables
            .iter()
            .find(|(other, _)| *other == path)
            .map_or("", |(_, text)| text);
        let table = Table::parse(Source { path: &path, text }, &mut Vec::new());
        let header: Vec<&str> = table.header().to_vec();
        let rows = table.rows();
        rows.map(|row| header.iter().map(|column| row.get(column).to_owned()).collect())
            .collect()
    }))
}

fn lines_of(reader: &Deidentifier, gold: &Gold, lines: &mut Vec<Line>) {
    let length = gold.text.chars().count();
    let mut labels = vec![0u8; length];
    for span in &gold.spans {
        let (begin, inside) = span.kind.labels();
        for (index, label) in labels.iter_mut().enumerate().take(span.end).skip(span.start) {
            *label = if index == span.start { begin } else { inside };
        }
    }
    for instance in reader.instances(&gold.text) {
        let end = instance.start + instance.features.len();
        let labels = labels.get(instance.start..end).unwrap_or(&[]).to_vec();
        lines.push(Line {
            features: instance.features,
            labels,
        });
    }
}

/// Lines of the corpus, which names nobody: what the grammars surely read in them is what they hold.
fn nameless(
    root: &Path,
    reader: &Deidentifier,
    share: u32,
    chance: &mut Chance,
) -> anyhow::Result<Vec<Line>> {
    let corpus = read_corpus(&root.join("corpus/records"), Some(Split::Train))?;
    let mut lines = Vec::new();
    for record in corpus.records() {
        if chance.below(1000) >= share as usize {
            continue;
        }
        let text = record.text.clone();
        let spans = reader.find(&text, &Known::default()).spans;
        let gold = Gold {
            text,
            spans: spans
                .iter()
                .map(|found| Span {
                    start: found.start,
                    end: found.end,
                    kind: found.kind,
                })
                .collect(),
            keep: Vec::new(),
            part: String::new(),
            fold: 0,
            id: String::new(),
            genre: String::new(),
        };
        // A line with a figure that may be a date teaches nothing.
        let doubtful = reader.unsure_places(&gold.text);
        let mut of_record = Vec::new();
        lines_of(reader, &gold, &mut of_record);
        let mut start = 0;
        for (line, instance) in of_record.into_iter().zip(reader.instances(&gold.text)) {
            start = instance.start.max(start);
            let end = start + line.labels.len();
            if !doubtful.iter().any(|at| (start..end).contains(at)) {
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

/// Learns from notes, told again with other names.
fn learn_from(
    reader: &Deidentifier,
    pool: &Pool,
    notes: &[&Gold],
    nameless: &[Line],
    options: &Options,
) -> ModelParts {
    let mut chance = Chance::new(options.seed);
    let mut lines = nameless.to_vec();
    for gold in notes {
        lines_of(reader, gold, &mut lines);
        for _ in 0..options.copies {
            lines_of(
                reader,
                &pool.disguise(gold, options.scripts, &mut chance),
                &mut lines,
            );
        }
    }
    learn::train(&lines, options)
}

/// What was right, by kind, and what leaked.
#[derive(Debug, Default, Clone)]
struct Tally {
    right: BTreeMap<Kind, usize>,
    gold: BTreeMap<Kind, usize>,
    found: BTreeMap<Kind, usize>,
    characters: usize,
    leaked: usize,
    leaked_by_kind: BTreeMap<Kind, usize>,
    kept: usize,
    damaged: usize,
}

impl Tally {
    fn add(&mut self, gold: &Gold, findings: &Findings) {
        let mut covered = vec![false; gold.text.chars().count()];
        for found in &findings.spans {
            *self.found.entry(found.kind).or_default() += 1;
            for covered in covered.iter_mut().take(found.end).skip(found.start) {
                *covered = true;
            }
        }
        let blank: Vec<bool> = gold.text.chars().map(char::is_whitespace).collect();
        for span in &gold.spans {
            *self.gold.entry(span.kind).or_default() += 1;
            let same = |found: &tsumugi_anonymize::deidentify::Found| {
                (found.start, found.end, found.kind) == (span.start, span.end, span.kind)
            };
            *self.right.entry(span.kind).or_default() += usize::from(findings.spans.iter().any(same));
            for (blank, covered) in blank.iter().zip(&covered).take(span.end).skip(span.start) {
                self.characters += usize::from(!blank);
                self.leaked += usize::from(!blank && !covered);
                *self.leaked_by_kind.entry(span.kind).or_default() += usize::from(!blank && !covered);
            }
        }
        for (start, end) in &gold.keep {
            self.kept += 1;
            self.damaged += usize::from(
                findings
                    .spans
                    .iter()
                    .any(|found| found.start < *end && *start < found.end),
            );
        }
    }

    fn f1(&self) -> f64 {
        let sum = |map: &BTreeMap<Kind, usize>| map.values().sum::<usize>() as f64;
        2.0 * sum(&self.right) / (sum(&self.gold) + sum(&self.found)).max(1.0)
    }

    fn leaked(&self) -> f64 {
        self.leaked as f64 / self.characters.max(1) as f64
    }

    fn damaged(&self) -> f64 {
        self.damaged as f64 / self.kept.max(1) as f64
    }

    fn print(&self, name: &str) {
        println!(
            "{name}: span F1 {:.3}, leaked characters {:.2} % of {}, damaged phrases {:.2} % of {}",
            self.f1(),
            100.0 * self.leaked(),
            self.characters,
            100.0 * self.damaged(),
            self.kept
        );
    }

    fn print_kinds(&self) {
        for kind in Kind::ALL {
            let count = |map: &BTreeMap<Kind, usize>| map.get(&kind).copied().unwrap_or(0);
            let (right, gold, found) = (count(&self.right), count(&self.gold), count(&self.found));
            let f1 = 2.0 * right as f64 / (gold + found).max(1) as f64;
            let leaked = count(&self.leaked_by_kind);
            println!(
                "  {:9} F1 {f1:.3}  right {right} of {gold}, found {found}, {leaked} characters leaked",
                kind.word()
            );
        }
    }
}

fn errors(gold: &Gold, findings: &Findings, out: &mut Vec<String>) {
    let chars: Vec<char> = gold.text.chars().collect();
    let mut tell = |what: &str, start: usize, end: usize, kind: Kind| {
        let text = |from: usize, to: usize| {
            chars
                .get(from..to.min(chars.len()))
                .unwrap_or(&[])
                .iter()
                .collect::<String>()
        };
        let line = format!(
            "{}[{}]{}",
            text(start.saturating_sub(12), start),
            text(start, end),
            text(end, end + 10)
        );
        out.push(format!(
            "{what} {} {:8} {}",
            gold.id,
            kind.word(),
            line.replace('\n', "/")
        ));
    };
    for span in &gold.spans {
        if !findings
            .spans
            .iter()
            .any(|found| (found.start, found.end, found.kind) == (span.start, span.end, span.kind))
        {
            tell("missed", span.start, span.end, span.kind);
        }
    }
    for found in &findings.spans {
        if !gold
            .spans
            .iter()
            .any(|span| (found.start, found.end, found.kind) == (span.start, span.end, span.kind))
        {
            tell("false ", found.start, found.end, found.kind);
        }
    }
    for (start, end) in &gold.keep {
        if let Some(found) = findings
            .spans
            .iter()
            .find(|found| found.start < *end && *start < found.end)
        {
            tell("damage", *start, *end, found.kind);
        }
    }
}

fn in_release(root: &Path) -> anyhow::Result<bool> {
    if !cfg!(debug_assertions) {
        return Ok(false);
    }
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--quiet", "--package", "xtask", "--"]);
    command.args(std::env::args_os().skip(1)).current_dir(root);
    anyhow::ensure!(command.status()?.success(), "the release build of xtask failed");
    Ok(true)
}

/// Learns from all build notes and those that are only learned from, and writes the model.
pub(crate) fn train(root: &Path, args: &TrainArgs) -> anyhow::Result<()> {
    if in_release(root)? {
        return Ok(());
    }
    let started = Instant::now();
    let reader = deidentifier(root, None)?;
    let notes = read_notes(root)?;
    let notes: Vec<&Gold> = notes.iter().filter(|gold| gold.part != "held").collect();
    let mut chance = Chance::new(args.options.seed);
    let nameless = nameless(root, &reader, args.options.without_names, &mut chance)?;
    let parts = learn_from(&reader, &pool(root)?, &notes, &nameless, &args.options);
    let path = root.join("data/deidentification/model.bin");
    let bytes = parts.bytes();
    std::fs::write(&path, &bytes)?;
    println!(
        "{} notes, {} rows, {} bytes, {:.0?}: {}",
        notes.len(),
        parts.rows.len(),
        bytes.len(),
        started.elapsed(),
        path.display()
    );
    Ok(())
}

/// Measures.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    if in_release(root)? {
        return Ok(());
    }
    let notes = read_notes(root)?;
    if args.held {
        return held(root, &notes);
    }
    cross_validate(root, &notes, args)
}

fn held(root: &Path, notes: &[Gold]) -> anyhow::Result<()> {
    let bytes = std::fs::read(root.join("data/deidentification/model.bin"))?;
    let started = Instant::now();
    let model = Model::load(&bytes)?;
    println!(
        "model: {} bytes, loaded in {:.1?}",
        bytes.len(),
        started.elapsed()
    );
    let reader = deidentifier(root, Some(model))?;
    let mut tally = Tally::default();
    for gold in notes.iter().filter(|gold| gold.part == "held") {
        tally.add(gold, &reader.find(&gold.text, &Known::default()));
    }
    tally.print("held");
    tally.print_kinds();
    speed(&reader, notes);
    Ok(())
}

fn cross_validate(root: &Path, notes: &[Gold], args: &Args) -> anyhow::Result<()> {
    let mut reader = deidentifier(root, None)?;
    let pool = pool(root)?;
    let mut chance = Chance::new(args.options.seed);
    let nameless = nameless(root, &reader, args.options.without_names, &mut chance)?;
    let prices: Vec<Option<i32>> = if args.outside.is_empty() {
        vec![None]
    } else {
        args.outside.iter().copied().map(Some).collect()
    };
    let mut tallies = vec![Tally::default(); prices.len()];
    let mut genres: BTreeMap<String, Tally> = BTreeMap::new();
    let mut wrong = Vec::new();
    let folds = if args.other { FOLDS..FOLDS + 1 } else { 0..FOLDS };
    for fold in folds {
        let is_test = |gold: &&Gold| gold.part != "held" && gold.fold == fold;
        let others = notes
            .iter()
            .filter(|gold| gold.part != "held" && gold.fold != fold);
        let parts = learn_from(
            &reader,
            &pool,
            &others.collect::<Vec<_>>(),
            &nameless,
            &args.options,
        );
        for (index, (price, tally)) in prices.iter().zip(&mut tallies).enumerate() {
            reader = reader.with_model(Some(Model::load(&parts.bytes())?));
            if let Some(price) = price {
                reader = reader.with_outside(*price);
            }
            for gold in notes.iter().filter(is_test) {
                let findings = reader.find(&gold.text, &Known::default());
                tally.add(gold, &findings);
                if index == 0 {
                    genres.entry(gold.genre.clone()).or_default().add(gold, &findings);
                    errors(gold, &findings, &mut wrong);
                }
            }
        }
        reader = reader.with_model(None);
    }
    for (price, tally) in prices.iter().zip(&tallies) {
        tally.print(&price.map_or_else(
            || "build, over hands".to_owned(),
            |price| format!("outside {price}"),
        ));
    }
    if let Some(tally) = tallies.first() {
        tally.print_kinds();
    }
    for (genre, tally) in &genres {
        tally.print(&format!("  {genre}"));
    }
    let every = (wrong.len() / args.errors.max(1)).max(1);
    for line in wrong.iter().step_by(every).take(args.errors) {
        println!("{line}");
    }
    Ok(())
}

/// Text that one core reads in a second.
fn speed(reader: &Deidentifier, notes: &[Gold]) {
    let build: Vec<&Gold> = notes.iter().filter(|gold| gold.part == "build").collect();
    let mut bytes = 0;
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < 3.0 {
        for gold in &build {
            bytes += gold.text.len();
            std::hint::black_box(reader.find(&gold.text, &Known::default()));
        }
    }
    println!(
        "speed: {:.2} MB/s",
        bytes as f64 / 1e6 / started.elapsed().as_secs_f64()
    );
}
