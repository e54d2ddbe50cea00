//! `cargo xtask soak --date YYYY-MM-DD`: durability of the store under kills and power cuts; writes `eval/soak.json`.
//!
//! Needs `strace`. Kills: the helper `records-crash` signs notes and is killed at odd moments; what it acknowledged must
//! be there. Power cut: the helper's system calls are recorded and replayed onto a model of the disk that keeps only what
//! was synced; at every sync the disk is cut off, opened, and compared with what was acknowledged until then. The same
//! without syncs is the control: it must lose notes, or the experiment shows nothing.

mod disk;
mod outside;
mod trace;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use disk::{Disk, Survival};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use trace::Op;

/// What the command takes.
#[derive(Debug, Parser)]
#[command(name = "soak", no_binary_name = true)]
struct Options {
    /// Date of the report; there is no clock here.
    #[arg(long, required_unless_present_any = ["import_kills", "fuzz"])]
    date: Option<String>,
    /// How often to kill.
    #[arg(long, default_value_t = 50)]
    kills: u64,
    /// Notes signed while the system calls are recorded.
    #[arg(long, default_value_t = 60)]
    notes: u64,
    /// Kills imports and the HL7 port so often instead, and writes no report.
    #[arg(long)]
    import_kills: Option<u64>,
    /// Reads so many mutated files with each reader instead, and writes no report.
    #[arg(long)]
    fuzz: Option<u64>,
    /// Where the report goes, from the root of the workspace.
    #[arg(long, default_value = "eval/soak.json")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct Report {
    date: String,
    kernel: String,
    kills: Kills,
    power_cut: PowerCut,
    control_without_sync: PowerCut,
    passed: bool,
}

#[derive(Debug, Default, Serialize)]
struct Kills {
    rounds: u64,
    acknowledged: usize,
    lost: usize,
    half_written: usize,
    problems: usize,
}

#[derive(Debug, Default, Serialize)]
struct PowerCut {
    acknowledged: usize,
    syncs: usize,
    /// Disks looked at: at every sync one that kept what was synced, and one that kept some of the rest too.
    disks: usize,
    disks_with_losses: usize,
    disks_damaged: usize,
    most_notes_lost: usize,
}

/// What `records-crash check` prints.
#[derive(Debug, Default, Deserialize)]
struct Check {
    acknowledged: usize,
    lost: Vec<u64>,
    half_written: Vec<u64>,
    problems: Vec<String>,
}

/// Runs the command and writes the report.
///
/// # Errors
/// When a tool is missing, when something acknowledged was lost, or when the control lost nothing.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::try_parse_from(args)?;
    if options.import_kills.is_some() || options.fuzz.is_some() {
        options.import_kills.map_or(Ok(()), outside::kill_imports)?;
        return options.fuzz.map_or(Ok(()), outside::fuzz);
    }
    let helper = build_helper()?;
    let work = crate::root().join("target/soak");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("the power cut needs Linux")?;
    let kills = kill_often(&helper, &fresh(&work.join("kills"))?, options.kills)?;
    let power_cut = cut_power(&helper, &fresh(&work.join("cut"))?, options.notes, true)?;
    let control = cut_power(&helper, &fresh(&work.join("control"))?, options.notes, false)?;
    let is_kept = kills.lost + kills.half_written + kills.problems == 0
        && power_cut.disks_with_losses + power_cut.disks_damaged == 0;
    let passed = is_kept && control.disks_with_losses > 0;
    let report = Report {
        date: options.date.unwrap_or_default(),
        // The version, without what a distributor adds.
        kernel: kernel.trim().split('-').next().unwrap_or_default().to_owned(),
        kills,
        power_cut,
        control_without_sync: control,
        passed,
    };
    let json = serde_json::to_string_pretty(&report)? + "\n";
    let out = crate::root().join(&options.out);
    if let Some(directory) = out.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&out, &json).with_context(|| format!("writing {}", out.display()))?;
    fs::remove_dir_all(&work)?;
    ensure!(passed, "the store failed the soak: {json}");
    Ok(())
}

fn build_helper() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["build", "--package", "tsumugi-records", "--bin", "records-crash"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo")?;
    ensure!(output.status.success(), "records-crash does not build");
    let messages = String::from_utf8(output.stdout)?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    executable.context("cargo names no records-crash")
}

fn fresh(directory: &Path) -> Result<PathBuf> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    Ok(directory.to_owned())
}

/// Opens a store and compares it with the numbers of the notes that were acknowledged.
fn check(helper: &Path, store: &Path, acknowledged: &str) -> Result<Check> {
    let mut child = Command::new(helper)
        .arg("check")
        .arg(store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("no way to the helper")?
        .write_all(acknowledged.as_bytes())?;
    let output = child.wait_with_output()?;
    let refused = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if refused.is_empty() {
        return serde_json::from_slice(&output.stdout).context("reading the helper's report");
    }
    // A store that does not open has lost everything that was acknowledged.
    let lost = acknowledged
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect::<Vec<_>>();
    Ok(Check {
        acknowledged: lost.len(),
        lost,
        problems: vec![refused],
        ..Check::default()
    })
}

fn kill_often(helper: &Path, directory: &Path, rounds: u64) -> Result<Kills> {
    let store = directory.join("s.db");
    let mut acknowledged = String::new();
    let mut totals = Kills {
        rounds,
        ..Kills::default()
    };
    for round in 0..rounds {
        let mut child = Command::new(helper)
            .arg("write")
            .arg(&store)
            .args([
                "--checkpoint",
                "50",
                "--from",
                &(round * 1_000_000 + 1).to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = child.stdout.take().context("no way from the helper")?;
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            output.read_to_end(&mut all).map(|_| all)
        });
        thread::sleep(Duration::from_millis(10 + disk::scatter(round) % 290));
        child.kill()?;
        child.wait()?;
        let Ok(printed) = reader.join() else {
            bail!("the reader died")
        };
        // The last line may be cut off; what was not printed whole was not acknowledged.
        let printed = String::from_utf8(printed?)?;
        acknowledged.extend(printed.split_inclusive('\n').filter(|line| line.ends_with('\n')));
        let found = check(helper, &store, &acknowledged)?;
        totals.acknowledged = found.acknowledged;
        totals.lost = totals.lost.max(found.lost.len());
        totals.half_written = totals.half_written.max(found.half_written.len());
        totals.problems = totals.problems.max(found.problems.len());
    }
    Ok(totals)
}

fn cut_power(helper: &Path, directory: &Path, notes: u64, sync: bool) -> Result<PowerCut> {
    let live = fresh(&directory.join("live"))?;
    let recording = directory.join("trace");
    let mut command = Command::new("strace");
    command
        .args(trace::ARGUMENTS)
        .arg("-o")
        .arg(&recording)
        .arg(helper)
        .arg("write")
        .arg(live.join("s.db"));
    command.args(["--checkpoint", "50", "--count", &notes.to_string()]);
    if !sync {
        command.arg("--no-sync");
    }
    let status = command
        .stdout(Stdio::null())
        .status()
        .context("strace is needed: install it")?;
    ensure!(status.success(), "recording the helper failed");
    let ops = trace::parse(&fs::read_to_string(&recording)?, &live)?;
    replay(helper, &fresh(&directory.join("cut"))?, &live, &ops)
}

/// Cuts the power just before each sync is done, and at the end.
fn replay(helper: &Path, cut: &Path, live: &Path, ops: &[Op]) -> Result<PowerCut> {
    let mut totals = PowerCut::default();
    let mut disk = Disk::new(live);
    let mut acknowledged = String::new();
    for op in ops.iter().map(Some).chain([None]) {
        if matches!(op, Some(Op::Sync { .. }) | None) {
            for survival in [Survival::Synced, Survival::Some(totals.syncs as u64)] {
                fresh(cut)?;
                for (name, content) in disk.after_cut(survival) {
                    fs::write(cut.join(name), content)?;
                }
                let found = check(helper, &cut.join("s.db"), &acknowledged)?;
                totals.acknowledged = found.acknowledged;
                totals.disks += 1;
                totals.disks_with_losses += usize::from(!found.lost.is_empty());
                totals.disks_damaged +=
                    usize::from(!found.half_written.is_empty() || !found.problems.is_empty());
                totals.most_notes_lost = totals.most_notes_lost.max(found.lost.len());
            }
            totals.syncs += usize::from(op.is_some());
        }
        match op {
            Some(Op::Acknowledge { line }) => acknowledged.push_str(line),
            Some(op) => disk.apply(op),
            None => {}
        }
    }
    ensure!(
        totals.acknowledged > 0,
        "the recording holds no acknowledged note"
    );
    Ok(totals)
}
