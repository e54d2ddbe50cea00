//! `tsumugi audit …`: verifies the audit trail, signs and exports its head, shows who looked.

use super::store::Place;
use super::{remark, say};
use crate::audit;
use crate::heads::random_seed;
use anyhow::{Context as _, bail};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_records::{AuditFilter, KeyTrust, MAX_AUDIT_PAGE, Population, Store, StoreError, TreeHead};

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
    /// Signs the tree as it is now and prints the head: keep it where nobody who may write to the store may write. Beside
    /// a running server, which signs heads itself: prints its newest, and how many entries came after it.
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
        heads.extend(heads_of(file)?);
    }
    let report = place.open_reading()?.verify_audit(&heads, KeyTrust::AsCarried)?;
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    say(&json!({
        "entries": report.entries, "root": report.root, "heads": report.heads, "whole": report.is_whole(),
        "findings": findings, "more": report.more, "documents": report.documents,
        "documents_before_the_trail": report.documents_before,
        "documents_without_digest": report.documents_without_digest,
    })
    .to_string())?;
    Ok(if report.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_WHOLE)
    })
}

/// The heads in a file, a line each. A line that a power cut left unfinished is passed over and told.
fn heads_of(file: &Path) -> anyhow::Result<Vec<TreeHead>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut heads = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match serde_json::from_str(line) {
            Ok(head) => heads.push(head),
            Err(error) if error.is_eof() => remark(&format!(
                "{}:{}: the line is cut off; it is passed over",
                file.display(),
                number + 1
            )),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("{}:{}: no signed head", file.display(), number + 1));
            }
        }
    }
    if heads.is_empty() {
        bail!("{}: no signed head", file.display());
    }
    Ok(heads)
}

fn head(place: &Place) -> anyhow::Result<ExitCode> {
    let store = match place.open_existing() {
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::Locked { .. })) => {
            return newest_head(&place.open_beside()?);
        }
        opened => opened?,
    };
    let key = store.audit_key(random_seed)?;
    let head = store.sign_tree_head(&key, &audit::now()?)?;
    say(&serde_json::to_string(&head)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The head that the running server signed last, and how much came after it.
fn newest_head(store: &Store) -> anyhow::Result<ExitCode> {
    let Some(head) = store.tree_heads()?.pop() else {
        bail!(
            "another process has the store open and has signed no head yet; `tsumugi serve` signs one every hour when \
             entries were added"
        );
    };
    let after = store.audit_size()?.saturating_sub(head.size);
    remark(&format!(
        "another process has the store open: this is the newest head, signed at {} over {} entries; {after} entries came \
         after it",
        head.at.as_str(),
        head.size
    ));
    say(&serde_json::to_string(&head)?)
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
