//! Kept files, mutated by a seeded generator, through every reader: no panic, no hang, bounded memory, no byte lost that
//! was handed out twice over.
//!
//! `TSUMUGI_FUZZ_SECONDS` says how long each reader is fuzzed (default 2), `TSUMUGI_FUZZ_RUNS` how often instead,
//! `TSUMUGI_FUZZ_SEED` where to begin. A failure prints reader and seed; the same seed makes the same bytes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a test that is told from outside how long it runs, and that must end a reader that hangs"
)]

mod mutate;

use mutate::{Dice, mutated};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::incoming::{Handed, Person, Sink};
use tsumugi_exchange::{claims, device, fhir_in, hl7v2, okusuri, ssmix2};

/// Most that one case of some kilobytes may take; a reader that needs longer hangs, or nearly so.
const LONGEST: Duration = Duration::from_secs(20);
/// Most memory of the whole run, in kilobytes.
const MOST_MEMORY: u64 = 1_000_000;
/// Largest case, in bytes.
const LARGEST: usize = 256 << 10;

type Reader = Box<dyn Fn(&str, &[u8], &mut Sink<'_>)>;

fn said(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The files below a folder, with their paths below it.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let (mut found, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name != "expected.tsv") {
                let name = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no files");
    found
}

fn kept(names: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut all = files("claims/files");
    all.retain(|(name, _)| names.iter().any(|start| name.starts_with(start)));
    all
}

fn origin(name: &str) -> Origin {
    Origin {
        person: Some(Person {
            number: "1".to_owned(),
            ..Person::default()
        }),
        ..Origin::file(name)
    }
}

/// Fuzzes one reader: cases, and the longest of them.
fn fuzz(what: &'static str, corpus: &[(String, Vec<u8>)], reader: &Reader) {
    let seconds = Duration::from_secs(said("TSUMUGI_FUZZ_SECONDS").unwrap_or(2));
    let runs = said("TSUMUGI_FUZZ_RUNS");
    let first = said("TSUMUGI_FUZZ_SEED").unwrap_or(1);
    let (at, done) = (Arc::new(AtomicU64::new(first)), Arc::new(AtomicBool::new(false)));
    let watcher = {
        let (at, done) = (Arc::clone(&at), Arc::clone(&done));
        std::thread::spawn(move || watch(what, &at, &done))
    };
    let begun = Instant::now();
    let (mut seed, mut longest, mut statements) = (first, Duration::ZERO, 0_u64);
    while runs.map_or_else(|| begun.elapsed() < seconds, |runs| seed - first < runs) {
        at.store(seed, Ordering::Relaxed);
        let mut dice = Dice::new(seed);
        let (name, mut bytes) = mutated(&mut dice, corpus);
        bytes.truncate(LARGEST);
        let started = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| check(reader, &name, &bytes)));
        longest = longest.max(started.elapsed());
        statements += read
            .unwrap_or_else(|_| panic!("{what}: the case of TSUMUGI_FUZZ_SEED={seed} failed, file {name}"));
        seed += 1;
    }
    done.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    let cases = seed - first;
    assert!(
        cases > 0 && statements > 0,
        "{what}: no case was a statement: the mutations destroy everything"
    );
    println!(
        "{what}: {cases} cases in {:.1} s, {statements} statements, the longest case {longest:?}",
        begun.elapsed().as_secs_f64()
    );
    if let Some(memory) = peak() {
        assert!(memory < MOST_MEMORY, "{what}: {memory} kB of memory");
    }
}

/// Ends the process when a case does not end: a thread cannot be stopped.
fn watch(what: &str, at: &AtomicU64, done: &AtomicBool) {
    let (mut seed, mut since) = (0, Instant::now());
    while !done.load(Ordering::Relaxed) {
        let now = at.load(Ordering::Relaxed);
        if now != seed {
            (seed, since) = (now, Instant::now());
        }
        if since.elapsed() > LONGEST {
            println!("{what}: the case of TSUMUGI_FUZZ_SEED={seed} does not end");
            std::process::exit(101);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Reads one case; gives the number of statements.
fn check(reader: &Reader, name: &str, bytes: &[u8]) -> u64 {
    let (mut statements, mut handed_out, mut dead) = (0, 0, 0);
    let mut places: BTreeMap<&'static str, u64> = BTreeMap::new();
    reader(name, bytes, &mut |handed| {
        match handed {
            Handed::Statement(incoming) => {
                statements += 1;
                handed_out += incoming.bytes.len();
                assert!(!incoming.key.is_empty(), "a statement without a key");
                let made: usize = incoming.resources.iter().map(|one| one.json.len()).sum();
                let texts: usize = incoming.texts.iter().map(|one| one.text.len()).sum();
                assert!(
                    made + texts <= 200 * bytes.len() + (1 << 20),
                    "{made} bytes were made of {}",
                    bytes.len()
                );
                for resource in &incoming.resources {
                    let value: serde_json::Value = serde_json::from_slice(&resource.json).unwrap();
                    assert_eq!(value["resourceType"], resource.kind.as_str());
                }
            }
            Handed::Dead { bytes, .. } => {
                dead += 1;
                handed_out += bytes.len();
            }
            Handed::Problem(problem) => *places.entry(problem.code).or_default() += 1,
        }
        true
    });
    // Parts that are said for all (a header) may be handed out with each; no more than once for each line.
    assert!(
        handed_out <= bytes.len().saturating_mul(statements + dead + 1) + (1 << 16),
        "{handed_out} bytes of {} were handed out",
        bytes.len()
    );
    statements as u64
}

/// Most memory until now, in kilobytes (Linux).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn messages() {
    let mut corpus = files("hl7v2");
    corpus.extend(files("malformed/hl7v2"));
    let reader: Reader = Box::new(|name, bytes, sink| {
        hl7v2::read(bytes, name, sink);
    });
    fuzz("hl7", &corpus, &reader);
}

#[test]
fn storages() {
    let mut corpus = files("ssmix2/storage");
    corpus.extend(files("ssmix2/extended"));
    corpus.extend(files("malformed/ssmix2"));
    let reader: Reader = Box::new(|name, bytes, sink| {
        ssmix2::file(name, bytes, sink);
    });
    fuzz("ssmix2", &corpus, &reader);
}

#[test]
fn claims_of_a_month() {
    let mut corpus = kept(&["receiptc"]);
    corpus.extend(files("malformed/uke"));
    let tables = claims::Tables::embedded();
    let reader: Reader = Box::new(move |name, bytes, sink| {
        claims::uke::read(bytes, &Origin::file(name), &tables, sink);
    });
    fuzz("uke", &corpus, &reader);
}

#[test]
fn survey_files() {
    let mut corpus = kept(&["dn", "efn", "en", "ff1", "fn", "hn"]);
    corpus.extend(files("malformed/dpc"));
    let tables = claims::Tables::embedded();
    let reader: Reader = Box::new(move |name, bytes, sink| {
        claims::dpc::read(bytes, &Origin::file(name), &tables, sink);
    });
    fuzz("dpc", &corpus, &reader);
}

#[test]
fn notebooks() {
    let mut corpus = kept(&["notebook", "split"]);
    corpus.extend(files("malformed/okusuri"));
    let tables = okusuri::Tables::embedded();
    let reader: Reader = Box::new(move |name, bytes, sink| {
        okusuri::read(bytes, &origin(name), &tables, sink);
    });
    fuzz("okusuri", &corpus, &reader);
}

#[test]
fn resources() {
    let mut corpus = files("fhir_in/files");
    corpus.extend(files("malformed/fhir"));
    let reader: Reader = Box::new(|name, bytes, sink| {
        let mut input = bytes;
        fhir_in::read(
            &mut input,
            name,
            fhir_in::Form::of(name),
            fhir_in::Limits::default(),
            sink,
        );
    });
    fuzz("fhir", &corpus, &reader);
}

#[test]
fn devices() {
    let mut corpus = kept(&["clarity", "libreview", "oximeter", "pressure", "thermometer"]);
    corpus.extend(files("malformed/device"));
    let tables = device::Tables::embedded();
    let reader: Reader = Box::new(move |name, bytes, sink| {
        device::read(bytes, &origin(name), &tables, None, sink);
    });
    fuzz("device", &corpus, &reader);
}
