//! `cargo xtask bench-audit`: speed of the audit trail, and whether every change of it is found.
//!
//! Builds and runs the measurements of `crates/records/src/audit/tests` (they need the inside of the trail) in a release
//! build, one after the other, and holds their figures against what is asked: a million entries verified, ten thousand
//! changes in every way found, and sixteen readers with and without audit, turn about in one run.

use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Entries that are verified.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u32,
    /// Changes in each way; at least 100.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..))]
    changes: u32,
    /// Runs the debug build and judges no speed: to see that it works.
    #[arg(long)]
    debug: bool,
}

const TESTS: [&str; 3] = [
    "audit::tests::bench::a_million_entries_are_verified",
    "audit::tests::tamper::every_change_of_ten_thousand_is_found",
    "audit::tests::bench::sixteen_readers_with_and_without_audit",
];
/// Most seconds for a million entries.
const VERIFY: f64 = 10.0;
/// Least throughput with audit, of that without.
const RATIO: f64 = 0.9;
/// Longest median of a page with audit, in milliseconds.
const PAGE: f64 = 8.0;
/// What a page costs beside reading the store, as a measurement names it: that of a patient's page.
const WORK: &str = "1000 us";

/// Runs the command.
///
/// # Errors
/// When a change was not found, or a figure is worse than what is asked.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut figures: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for test in TESTS {
        let mut command = Command::new("cargo");
        command
            .current_dir(crate::root())
            .args(["test", "--quiet", "-p", "tsumugi-records", "--lib"]);
        if !args.debug {
            command.arg("--release");
        }
        command
            .args([
                test,
                "--",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads",
                "1",
            ])
            .env("TSUMUGI_BENCH_ENTRIES", args.entries.to_string())
            .env("TSUMUGI_BENCH_CHANGES", args.changes.to_string())
            .stderr(Stdio::inherit());
        let output = command.output().context("running cargo")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{test} failed:\n{said}");
        let mut told = false;
        for line in said.lines() {
            match line
                .strip_prefix("figure\t")
                .and_then(|rest| rest.split_once('\t'))
            {
                Some((name, value)) => {
                    told = true;
                    figures.entry(name.to_owned()).or_default().push(value.parse()?);
                }
                None if line.contains("entries") || line.contains("reading a page") => println!("{line}"),
                None => {}
            }
        }
        ensure!(told, "{test} told no figure: was it run?\n{said}");
    }
    judge(&figures, args)
}

fn judge(figures: &BTreeMap<String, Vec<f64>>, args: &Args) -> Result<()> {
    let all = |name: &str| {
        figures
            .get(name)
            .cloned()
            .with_context(|| format!("no figure {name}"))
    };
    let worst = |name: &str| Ok::<_, anyhow::Error>(all(name)?.into_iter().fold(f64::MIN, f64::max));
    let seconds = worst("verify.seconds")? * 1e6 / worst("verify.entries")?;
    let found = all("tamper.found-a-way")?.into_iter().fold(f64::MAX, f64::min);
    let ways = worst("tamper.ways")?;
    let ratio = worst(&format!("readers.ratio.{WORK}"))?;
    let page = worst(&format!("readers.p50-ms.{WORK}"))?;
    println!("verified: {seconds:.2} s a million entries, slowest of three (at most {VERIFY} s)");
    println!(
        "changed: {found:.0} of {} found in each of {ways:.0} ways",
        args.changes
    );
    println!(
        "16 readers, a page of {WORK}: {ratio:.3} of the throughput without audit (at least {RATIO}), p50 {page:.2} ms (at most {PAGE} ms)"
    );
    ensure!(
        found >= f64::from(args.changes),
        "{found:.0} of {} changes were found: a change of the trail went unseen",
        args.changes
    );
    if args.debug {
        return Ok(());
    }
    ensure!(seconds <= VERIFY, "verifying is too slow");
    ensure!(ratio >= RATIO && page <= PAGE, "reading with audit is too slow");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_missing_or_too_bad_is_an_error() {
        let args = Args {
            entries: 1000,
            changes: 100,
            debug: false,
        };
        let of_found = |found: &[f64]| ("tamper.found-a-way".to_owned(), found.to_vec());
        let figures = |seconds: f64, ratio: f64| {
            BTreeMap::from([
                ("verify.seconds".to_owned(), vec![0.001, seconds]),
                ("verify.entries".to_owned(), vec![1000.0]),
                of_found(&[100.0]),
                ("tamper.ways".to_owned(), vec![7.0]),
                ("readers.ratio.1000 us".to_owned(), vec![ratio]),
                ("readers.p50-ms.1000 us".to_owned(), vec![7.0]),
            ])
        };
        assert!(judge(&figures(0.002, 0.95), &args).is_ok());
        assert!(judge(&figures(0.02, 0.95), &args).is_err());
        assert!(judge(&figures(0.002, 0.89), &args).is_err());
        assert!(judge(&BTreeMap::new(), &args).is_err());
        let mut unseen = figures(0.002, 0.95);
        unseen.extend([of_found(&[100.0, 99.0])]);
        assert!(judge(&unseen, &args).is_err(), "a change that was not found");
    }
}
