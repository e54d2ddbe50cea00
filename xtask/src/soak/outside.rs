//! The soak of what comes from outside: imports and the HL7 port killed many times, and readers fuzzed.
//!
//! Both are tests of the tree that are told how long to run.

use anyhow::{Context as _, Result, ensure};
use std::process::Command;

/// Kills an import and the HL7 port so often.
pub(super) fn kill_imports(kills: u64) -> Result<()> {
    test(
        &["-p", "tsumugi-server", "--test", "cli", "kills::"],
        ("TSUMUGI_KILLS", kills),
    )
}

/// Reads so many mutated files with each reader.
pub(super) fn fuzz(runs: u64) -> Result<()> {
    test(
        &["-p", "tsumugi-exchange", "--test", "fuzz"],
        ("TSUMUGI_FUZZ_RUNS", runs),
    )
}

fn test(which: &[&str], (variable, number): (&str, u64)) -> Result<()> {
    let status = Command::new("cargo")
        .current_dir(crate::root())
        .args(["test", "--release"])
        .args(which)
        .args(["--", "--nocapture"])
        .env(variable, number.to_string())
        .status()
        .context("running cargo")?;
    ensure!(
        status.success(),
        "it failed; what it printed says how to repeat it"
    );
    Ok(())
}
