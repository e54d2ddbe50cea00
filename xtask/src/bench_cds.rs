//! Measures decision support on the corpora of the tree: vignettes, encounters with planted orders, orders alone.
//!
//! `cargo xtask bench-cds` runs the built program as a user would, by its command line, and prints counts with Wilson
//! intervals. `--misses` names what was missed; not of the closed vignettes, which are not to be read.

use crate::bench_ddx::built;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Options of the measurement.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The binary (default: a release build of the tree).
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Folder that holds `data/vignettes/dev.jsonl`; left out when it is not there.
    #[arg(long, default_value = "../shared")]
    shared: PathBuf,
    /// Names what was missed.
    #[arg(long)]
    misses: bool,
}

/// Successes of trials.
#[derive(Debug, Default)]
struct Share {
    hits: usize,
    all: usize,
    misses: Vec<String>,
}

impl Share {
    fn add(&mut self, is_hit: bool, name: impl FnOnce() -> String) {
        self.all += 1;
        if is_hit {
            self.hits += 1;
        } else {
            self.misses.push(name());
        }
    }

    /// The share with its 95 % Wilson interval.
    fn text(&self) -> String {
        const Z: f64 = 1.96;
        let (n, p) = (self.all as f64, self.hits as f64 / self.all.max(1) as f64);
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        format!(
            "{p:.3} ({} of {}; {:.2}-{:.2})",
            self.hits,
            self.all,
            (middle - half) / scale,
            (middle + half) / scale
        )
    }
}

/// What was said to be the probability, and what came true, in ten bins.
#[derive(Debug, Default)]
struct Calibration {
    /// By tenth: sum of the probabilities, hits.
    bins: [(f64, f64); 10],
    all: usize,
}

impl Calibration {
    fn add(&mut self, said: f64, is_right: bool) {
        let place = (1..10_u8)
            .filter(|tenth| said >= f64::from(*tenth) / 10.0)
            .count();
        if let Some((sum, hits)) = self.bins.get_mut(place) {
            *sum += said;
            *hits += f64::from(u8::from(is_right));
        }
        self.all += 1;
    }

    /// The expected calibration error.
    fn error(&self) -> f64 {
        let gaps: f64 = self.bins.iter().map(|(sum, hits)| (sum - hits).abs()).sum();
        gaps / self.all.max(1) as f64
    }
}

struct Bench<'a> {
    binary: PathBuf,
    args: &'a Args,
}

/// Runs everything.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    let bench = Bench {
        binary: args.binary.clone().map_or_else(|| built(root), Ok)?,
        args,
    };
    let corpus = root.join("corpus");
    for name in ["closed", "open"] {
        let file = corpus.join(format!("vignettes/{name}.jsonl"));
        let share = bench.vignettes(&file)?;
        bench.print(&format!("vignettes, {name}"), &share, name == "closed");
        bench.among_all(&file, name)?;
    }
    let examination = args.shared.join("data/vignettes/dev.jsonl");
    if examination.is_file() {
        bench.print("vignettes, examination", &bench.vignettes(&examination)?, false);
    } else {
        println!("vignettes, examination: skipped, no {}", examination.display());
    }
    bench.pairs(&corpus.join("vignettes/open.jsonl"))?;
    bench.encounters(&corpus.join("encounters"))?;
    bench.orders(&corpus.join("orders/cases.jsonl"))
}

impl Bench<'_> {
    fn print(&self, what: &str, share: &Share, is_closed: bool) {
        println!("{what}: {}", share.text());
        if self.args.misses && !is_closed {
            for miss in &share.misses {
                println!("  {miss}");
            }
        }
    }

    /// The answers of a command to lines of JSON, in order.
    fn answers(&self, words: &[&str], lines: &[Value]) -> anyhow::Result<Vec<Value>> {
        let mut child = Command::new(&self.binary)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| self.binary.display().to_string())?;
        let mut input = child.stdin.take().context("standard input of the program")?;
        let lines_of: Vec<String> = lines.iter().map(Value::to_string).collect();
        let text = lines_of.join("\n");
        let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
        let output = child.wait_with_output()?;
        writer
            .join()
            .map_err(|_| anyhow::anyhow!("the lines were not written"))??;
        let answers: Vec<Value> = String::from_utf8(output.stdout)?
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        ensure!(
            answers.len() == lines.len(),
            "{words:?}: {} lines, {} answers",
            lines.len(),
            answers.len()
        );
        Ok(answers)
    }

    /// The candidate that stands first is the answer.
    fn vignettes(&self, file: &Path) -> anyhow::Result<Share> {
        let cases = lines(file)?;
        let mut share = Share::default();
        for (case, answer) in cases.iter().zip(self.answers(&["diagnose"], &cases)?) {
            let right = right_answer(case);
            let first = answer.pointer("/ranked/0/candidate").and_then(Value::as_str);
            share.add(first.is_some() && first == right, || {
                format!(
                    "{} {} instead of {}",
                    text(case, "id"),
                    first.unwrap_or("-"),
                    right.unwrap_or("-")
                )
            });
        }
        Ok(share)
    }

    /// The same texts without candidates: where the answer stands among all diseases, and whether what the first is
    /// said to be worth holds.
    fn among_all(&self, file: &Path, name: &str) -> anyhow::Result<()> {
        let cases = lines(file)?;
        let free: Vec<Value> = cases
            .iter()
            .map(|case| json!({"text": text(case, "text")}))
            .collect();
        let (mut first, mut ten) = (Share::default(), Share::default());
        let mut calibration = Calibration::default();
        let answers = self.answers(&["diagnose"], &cases)?;
        for ((case, known), answer) in cases.iter().zip(answers).zip(self.answers(&["diagnose"], &free)?) {
            let right = ranked(&known)
                .find(|one| one.get("candidate").and_then(Value::as_str) == right_answer(case))
                .and_then(|one| one.pointer("/disease/name"));
            let place = right
                .and_then(|name| ranked(&answer).position(|one| one.pointer("/disease/name") == Some(name)));
            first.add(place == Some(0), String::new);
            ten.add(place.is_some_and(|place| place < 10), String::new);
            if let Some(said) = answer.pointer("/ranked/0/probability").and_then(Value::as_f64) {
                calibration.add(said, place == Some(0));
            }
        }
        println!("vignettes, {name}, first among all diseases: {}", first.text());
        println!("vignettes, {name}, among the first ten of all: {}", ten.text());
        println!(
            "vignettes, {name}, expected calibration error of the first of all: {:.3}",
            calibration.error()
        );
        Ok(())
    }

    /// Two diseases at once: how often a pair is named for a vignette, which has one, and for two vignettes joined.
    fn pairs(&self, file: &Path) -> anyhow::Result<()> {
        /// Each is joined to the one so many places on: another specialty, as the file is ordered.
        const APART: usize = 7;
        let cases = lines(file)?;
        let of_text = |text: &str| json!({"text": text});
        let single: Vec<Value> = cases.iter().map(|case| of_text(text(case, "text"))).collect();
        let others = cases.iter().cycle().skip(APART);
        let both: Vec<(&Value, &Value)> = cases.iter().zip(others).collect();
        let joined: Vec<Value> = both
            .iter()
            .map(|(one, other)| of_text(&format!("{}\n{}", text(one, "text"), text(other, "text"))))
            .collect();
        let named = |answer: &Value| -> Vec<String> {
            let diseases = answer.pointer("/together/diseases").and_then(Value::as_array);
            let name = |disease: &Value| text(disease, "disease").to_owned();
            diseases.into_iter().flatten().map(name).collect()
        };
        let (mut of_one, mut of_two, mut right) = (Share::default(), Share::default(), Share::default());
        for answer in self.answers(&["diagnose"], &single)? {
            of_one.add(!named(&answer).is_empty(), String::new);
        }
        for ((one, other), answer) in both.iter().zip(self.answers(&["diagnose"], &joined)?) {
            let named = named(&answer);
            of_two.add(!named.is_empty(), String::new);
            if !named.is_empty() {
                let is_named =
                    |case: &Value| right_answer(case).is_some_and(|name| named.iter().any(|one| one == name));
                right.add(is_named(one) && is_named(other), || {
                    format!(
                        "{named:?} for {:?} and {:?}",
                        right_answer(one),
                        right_answer(other)
                    )
                });
            }
        }
        println!(
            "open vignettes for which two diseases are named: {}",
            of_one.text()
        );
        println!("two vignettes joined for which two are named: {}", of_two.text());
        self.print("of these both right", &right, false);
        Ok(())
    }

    /// What interrupts as the encounters are written, and the planted orders that do.
    fn encounters(&self, folder: &Path) -> anyhow::Result<()> {
        let encounters = lines(&folder.join("encounters.jsonl"))?;
        let planted = lines(&folder.join("planted.jsonl"))?;
        let as_written = self.answers(&["check"], &encounters)?;
        let interruptive: u64 = as_written
            .iter()
            .filter_map(|answer| answer.get("interruptive")?.as_u64())
            .sum();
        println!(
            "encounters: {interruptive} interruptive alerts in {}, {:.3} an encounter",
            encounters.len(),
            interruptive as f64 / encounters.len().max(1) as f64
        );
        let with_orders: Vec<Value> = planted
            .iter()
            .map(|plant| with_order(&encounters, plant))
            .collect::<anyhow::Result<_>>()?;
        let mut share = Share::default();
        let mut louder = 0;
        for (plant, answer) in planted.iter().zip(self.answers(&["check"], &with_orders)?) {
            let before = encounters
                .iter()
                .zip(&as_written)
                .find(|(encounter, _)| text(encounter, "id") == text(plant, "encounter"))
                .map_or(0, |(_, answer)| interruptions(answer, 0));
            louder += usize::from(interruptions(&answer, 1) > before);
            let orders = answer.get("orders").and_then(Value::as_array);
            let alerts = orders
                .and_then(|orders| orders.last())
                .and_then(|order| order.get("alerts"))
                .and_then(Value::as_array);
            let interrupts = |alert: &Value| text(alert, "grade") == "interruptive";
            share.add(alerts.is_some_and(|alerts| alerts.iter().any(interrupts)), || {
                let order = plant
                    .pointer("/order/text")
                    .and_then(Value::as_str)
                    .unwrap_or("-");
                format!("{} {} {order}", text(plant, "encounter"), text(plant, "kind"))
            });
        }
        self.print("planted orders that interrupt", &share, false);
        println!("planted orders beside which the others interrupt more than before: {louder}");
        Ok(())
    }

    /// The first disease is one that was considered; a test that was missing is among those named.
    fn orders(&self, file: &Path) -> anyhow::Result<()> {
        let cases = lines(file)?;
        let (mut considered, mut missing) = (Share::default(), Share::default());
        for (case, answer) in cases.iter().zip(self.answers(&["diagnose"], &cases)?) {
            let first = answer.pointer("/ranked/0/disease/name").and_then(Value::as_str);
            let wanted = strings(case, "considered");
            considered.add(first.is_some_and(|first| wanted.contains(&first)), || {
                format!(
                    "{} {} instead of {wanted:?}",
                    text(case, "id"),
                    first.unwrap_or("-")
                )
            });
            let named: Vec<&str> = answer
                .get("ask_next")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(|step| text(step, "test"))
                .collect();
            let wanted = strings(case, "missing");
            missing.add(wanted.iter().any(|test| named.contains(test)), || {
                format!("{} {named:?}, none of {wanted:?}", text(case, "id"))
            });
        }
        self.print("orders alone, disease considered", &considered, false);
        self.print("orders alone, a missing test named", &missing, false);
        Ok(())
    }
}

/// Interruptive alerts of the orders of an encounter, without the last few.
fn interruptions(answer: &Value, without: usize) -> usize {
    let orders: Vec<&Value> = answer
        .get("orders")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let alerts = |order: &&Value| order.get("alerts").and_then(Value::as_array).cloned();
    orders
        .iter()
        .take(orders.len().saturating_sub(without))
        .filter_map(alerts)
        .flatten()
        .filter(|alert| text(alert, "grade") == "interruptive")
        .count()
}

/// The encounter of a planted order, with that order behind its own.
fn with_order(encounters: &[Value], plant: &Value) -> anyhow::Result<Value> {
    let id = text(plant, "encounter");
    let known = encounters.iter().find(|encounter| text(encounter, "id") == id);
    let mut encounter = known.with_context(|| format!("no encounter {id}"))?.clone();
    let orders = encounter.get_mut("orders").and_then(Value::as_array_mut);
    let order = plant.get("order").cloned().unwrap_or(json!({}));
    orders.context("an encounter without orders")?.push(order);
    Ok(encounter)
}

fn lines(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn ranked(answer: &Value) -> impl Iterator<Item = &Value> {
    answer
        .get("ranked")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The candidate of a vignette that is its answer.
fn right_answer(case: &Value) -> Option<&str> {
    let place = usize::try_from(case.get("answer")?.as_u64()?).ok()?;
    case.get("candidates")?.get(place)?.as_str()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn strings<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}
