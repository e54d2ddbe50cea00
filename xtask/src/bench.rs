//! Measures speed: against a tokeniser in the same run on the same text, start-up, the search of the terminology, and
//! the edit of a long note.
//!
//! `cargo xtask bench` builds itself in release and runs there. It needs `python3` with `fugashi` and `unidic-lite`
//! for the comparison, and says so when they are missing. Figures are ratios in one run; absolute figures in brackets
//! are of the machine they ran on.

use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsumugi_clinical::{Note, Patient};
use tsumugi_coding::{Coder, Record};
use tsumugi_intake::Session;

/// Rounds of the comparison; the best of each side counts, so that what else the machine does weighs on neither.
const ROUNDS: usize = 7;

/// Runs everything; from a debug build, in a release build of itself.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        let status = Command::new(cargo)
            .args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench"])
            .current_dir(root)
            .status()?;
        if !status.success() {
            bail!("the release build of xtask did not run");
        }
        return Ok(());
    }
    let notes = notes(root)?;
    let characters: usize = notes.iter().map(|note| note.chars().count()).sum();
    let started = Instant::now();
    let coder = Arc::new(Coder::embedded()?);
    println!(
        "start-up: {:.0} ms, {} concepts, {} forms",
        ms(started.elapsed()),
        coder.vocabulary().len(),
        coder.reader().forms()
    );
    searches(&coder);
    throughput(root, &coder, &notes, characters)?;
    edits(&coder, &notes);
    Ok(())
}

/// The notes of the dummy patients, and the text they are written to for the tokeniser.
fn notes(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut files: Vec<_> = std::fs::read_dir(root.join("corpus/dummies"))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let mut notes = Vec::new();
    for file in files {
        let table: toml::Table = std::fs::read_to_string(&file)?
            .parse()
            .with_context(|| file.display().to_string())?;
        let list = table
            .get("notes")
            .and_then(toml::Value::as_array)
            .cloned()
            .unwrap_or_default();
        notes.extend(
            list.iter()
                .filter_map(|note| note.get("text").and_then(toml::Value::as_str))
                .map(str::to_owned),
        );
    }
    Ok(notes)
}

fn throughput(root: &Path, coder: &Coder, notes: &[String], characters: usize) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("tsumugi-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("notes.json");
    std::fs::write(&file, serde_json::to_vec(notes)?)?;
    let rules = Coder::without_tagger()?;
    let mut engine = f64::MAX;
    let mut alone = f64::MAX;
    let mut tokeniser = f64::MAX;
    for _ in 0..ROUNDS {
        engine = engine.min(structure_all(coder, notes));
        alone = alone.min(structure_all(&rules, notes));
        let output = Command::new("python3")
            .arg(root.join("eval/tokenise.py"))
            .arg(&file)
            .output()?;
        if !output.status.success() {
            std::fs::remove_dir_all(&folder)?;
            println!("engine: {:.0} characters/s", characters as f64 / engine);
            bail!(
                "no comparison: python3 with fugashi and unidic-lite is needed (pip install fugashi unidic-lite)"
            );
        }
        let seconds: f64 = String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .context("the tokeniser printed no number")?;
        tokeniser = tokeniser.min(seconds);
    }
    std::fs::remove_dir_all(&folder)?;
    let speed = |seconds: f64| characters as f64 / seconds / 1e6;
    println!(
        "throughput of fugashi+unidic-lite tokenising the same {characters} characters on one core: [{:.2} M characters/s]",
        speed(tokeniser)
    );
    for (name, seconds) in [("with the tagger", engine), ("tables and rules alone", alone)] {
        println!(
            "structuring, {name}: {:.2} x that [{:.2} M characters/s]",
            tokeniser / seconds,
            speed(seconds)
        );
    }
    Ok(())
}

/// Seconds to structure all notes once, best of three.
fn structure_all(coder: &Coder, notes: &[String]) -> f64 {
    let date = jiff::civil::date(2026, 11, 22);
    let notes: Vec<Note> = notes
        .iter()
        .map(|text| Note {
            text: text.clone(),
            date: Some(date),
            ..Note::default()
        })
        .collect();
    let once = || {
        let started = Instant::now();
        let events: usize = notes.iter().map(|note| coder.structure(note).events.len()).sum();
        std::hint::black_box(events);
        started.elapsed().as_secs_f64()
    };
    (0..3).map(|_| once()).fold(f64::MAX, f64::min)
}

/// Types a sentence into the middle of a note of 2,000 characters, a key at a time.
fn edits(coder: &Arc<Coder>, notes: &[String]) {
    const LENGTH: usize = 2000;
    let all: Vec<char> = notes.join("\n").chars().collect();
    let note: String = all.iter().take(LENGTH).collect();
    let typed: Vec<char> = notes
        .last()
        .map(|note| note.chars().take(200).collect())
        .unwrap_or_default();
    let mut session = Session::new(
        Arc::clone(coder),
        Record::default(),
        Patient::default(),
        Some(jiff::civil::date(2026, 11, 22)),
    );
    session.edit(0, &note);
    let mut times = Vec::new();
    for place in [100, LENGTH / 2, LENGTH - 10] {
        let (before, after): (String, String) = (
            all.iter().take(place).collect(),
            all.iter().take(LENGTH).skip(place).collect(),
        );
        for keys in 1..=typed.len() {
            let text: String = before
                .chars()
                .chain(typed.iter().take(keys).copied())
                .chain(after.chars())
                .collect();
            let started = Instant::now();
            std::hint::black_box(session.edit(keys as u64, &text));
            times.push(started.elapsed());
        }
    }
    println!(
        "edit of a {LENGTH}-character note: {} over {} key presses",
        percentiles(&mut times),
        times.len()
    );
}

/// Searches the terminology as people type: beginnings of names, readings, romaji and English, and words with a slip.
fn searches(coder: &Coder) {
    const QUERIES: usize = 400;
    const MOST: usize = 20;
    let vocabulary = coder.vocabulary();
    let started = Instant::now();
    let index = vocabulary.search();
    let sorted = started.elapsed();
    index.warm();
    let built = started.elapsed();
    let step = (vocabulary.len() / (QUERIES / 8)).max(1);
    let beginning = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    let slip = |text: &str| -> String {
        let middle = text.chars().count() / 2;
        text.chars()
            .enumerate()
            .filter(|(at, _)| *at != middle)
            .map(|(_, c)| c)
            .collect()
    };
    let mut queries: Vec<String> = Vec::new();
    for (_, concept) in vocabulary.iter().step_by(step) {
        let sound = index.sound(&concept.kana).unwrap_or_default();
        queries.extend([
            beginning(&concept.name, 1),
            beginning(&concept.name, 3),
            beginning(&concept.kana, 2),
            beginning(&sound, 5),
            beginning(&concept.english, 4),
            slip(&concept.name),
            slip(&sound),
            slip(&concept.english),
        ]);
    }
    let mut times = Vec::with_capacity(queries.len());
    let mut hits = 0;
    for query in &queries {
        let started = Instant::now();
        hits += std::hint::black_box(index.find(query, MOST)).len();
        times.push(started.elapsed());
    }
    println!(
        "search of the terminology: {} over {} queries, {hits} hits [index made in {:.0} ms, {:.0} ms of them for beginnings]",
        percentiles(&mut times),
        times.len(),
        ms(built),
        ms(sorted)
    );
}

/// The median and the 99th percentile, as text.
fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        times
            .get(times.len().saturating_sub(1) * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    format!("p50 {:.2} ms, p99 {:.2} ms", ms(at(50)), ms(at(99)))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
