//! One snapshot: loaded, compiled, asked for every case, timed.

use super::figures;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;
use tsumugi_cds::phenotypic::Phenotypic;
use tsumugi_knowledge::snapshot;

/// Diseases kept of each ranking.
const KEPT: usize = 200;
/// Diseases ranked with their reasons when time is taken.
const TOP: usize = 10;
/// Rounds; the best counts, so that what else the machine does weighs little.
const ROUNDS: usize = 5;

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Milliseconds to read the snapshot and check it.
    load: f64,
    /// Milliseconds to compile the columns.
    compile: f64,
    /// Most memory the process ever held, in MB; none where the system does not say.
    memory: Option<f64>,
    diseases: usize,
    /// One for each case.
    pub(super) answers: Vec<Answer>,
}

/// The answer to a case.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Diseases, best first.
    pub(super) ranked: Vec<String>,
    /// Probability of the first.
    pub(super) probability: f64,
    /// Milliseconds of a ranking with reasons.
    time: f64,
}

impl Measured {
    /// Time per case.
    pub(super) fn speed(&self) -> String {
        let mut times: Vec<f64> = self.answers.iter().map(|answer| answer.time).collect();
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100);
        let at = |percent: usize| at(percent).copied().unwrap_or(0.0);
        format!(
            "a case against {} diseases on one core, top {TOP} with reasons: p50 {:.2} ms, p99 {:.2} ms (best of {ROUNDS} rounds)",
            self.diseases,
            at(50),
            at(99)
        )
    }

    /// Time to load, and memory.
    pub(super) fn loading(&self) -> String {
        let memory = self
            .memory
            .map_or("not known".to_owned(), |memory| format!("{memory:.0} MB"));
        format!(
            "snapshot loaded in {:.0} ms, columns compiled in {:.0} ms; most memory {memory}",
            self.load, self.compile
        )
    }
}

/// Measures and prints JSON.
pub(super) fn print(file: &Path, cases: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let knowledge = snapshot::from_bytes(&bytes, &snapshot::origin(&bytes)?)?;
    drop(bytes);
    let load = ms(started);
    let started = Instant::now();
    let phenotypic = Phenotypic::new(&knowledge.phenotypes);
    let compile = ms(started);
    let mut answers = Vec::new();
    for case in figures::read(cases)? {
        let mut time = f64::MAX;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            std::hint::black_box(phenotypic.rank(&case.asked, TOP));
            time = time.min(ms(started));
        }
        let ranked = phenotypic.rank(&case.asked, KEPT);
        answers.push(Answer {
            probability: ranked.first().map_or(0.0, |first| first.probability),
            ranked: ranked.iter().map(|ranked| ranked.disease.to_string()).collect(),
            time,
        });
    }
    let measured = Measured {
        load,
        compile,
        memory: memory(),
        diseases: phenotypic.len(),
        answers,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

fn ms(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

/// `VmHWM` of this process, where Linux says it.
fn memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
