//! `tsumugi audit …`: verifies the audit trail, signs and exports its head, shows who looked.

use super::say;
use super::store::Place;
use crate::audit;
use anyhow::{Context as _, bail};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use tsumugi_records::{AuditFilter, KeyTrust, MAX_AUDIT_PAGE, Population, TreeHead};

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Audit {
    /// Verifies every entry against the tree, the heads in the store and heads that were exported; exit code 3 when
    /// something is wrong.
    Verify {
        /// Files of exported heads, as `audit head` prints them.
        #[arg(long = "head")]
        heads: Vec<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Signs the tree as it is now and prints the head: keep it where nobody who may write to the store may write.
    Head(Place),
    /// Prints the entries about a patient, the newest first, as FHIR AuditEvents, a line each.
    Who {
        /// Number of the patient.
        patient: String,
        /// Most entries to print.
        #[arg(long, default_value_t = 100)]
        most: u32,
        #[command(flatten)]
        place: Place,
    },
}

/// Runs a command.
pub(crate) fn run(what: &Audit) -> anyhow::Result<ExitCode> {
    match what {
        Audit::Verify { heads, place } => verify(heads, place),
        Audit::Head(place) => head(place),
        Audit::Who { patient, most, place } => who(patient, *most, place),
    }
}

fn verify(files: &[PathBuf], place: &Place) -> anyhow::Result<ExitCode> {
    /// Exit code when the log is not whole.
    const NOT_WHOLE: u8 = 3;
    let mut heads: Vec<TreeHead> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let head = serde_json::from_str(line)
                .with_context(|| format!("{}:{}: no signed head", file.display(), number + 1))?;
            heads.push(head);
        }
    }
    let report = place.open_reading()?.verify_audit(&heads, KeyTrust::AsCarried)?;
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    say(&json!({
        "entries": report.entries, "root": report.root, "heads": report.heads, "whole": report.is_whole(),
        "findings": findings, "more": report.more,
    })
    .to_string())?;
    Ok(if report.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_WHOLE)
    })
}

fn head(place: &Place) -> anyhow::Result<ExitCode> {
    let store = place.open_existing()?;
    let key = store.audit_key(random_seed)?;
    let head = store.sign_tree_head(&key, &audit::now()?)?;
    say(&serde_json::to_string(&head)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Random bytes of the operating system.
fn random_seed() -> std::io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
    Ok(seed)
}

fn who(number: &str, most: u32, place: &Place) -> anyhow::Result<ExitCode> {
    let store = place.open_reading()?;
    let mut found = None;
    for population in [Population::Real, Population::Dummy] {
        found = found.or(store.find_patient(population, number)?);
    }
    let Some(patient) = found else {
        bail!("no patient has the number {number}");
    };
    let filter = AuditFilter {
        patient: Some(patient),
        limit: most.min(MAX_AUDIT_PAGE),
        ..AuditFilter::default()
    };
    for record in store.audit_entries(&filter)? {
        say(&String::from_utf8_lossy(&record.json))?;
    }
    Ok(ExitCode::SUCCESS)
}
