//! The commands, one module each, and what they share: reading input and speaking to the terminal.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod deidentify;
pub(crate) mod diagnose;
pub(crate) mod eval;
pub(crate) mod export_study;
pub(crate) mod import;
pub(crate) mod knowledge;
pub(crate) mod launch_link;
mod line;
pub(crate) mod patients;
pub(crate) mod policy;
pub(crate) mod profiles;
pub(crate) mod pseudonyms;
pub(crate) mod retention;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod structure;
pub(crate) mod support;
pub(crate) mod table;
pub(crate) mod terms;
pub(crate) mod validate;
pub(crate) mod write_back;

pub(crate) use account::OPERATOR;

use std::io::Write;

/// Prints an error with its causes to standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut out = std::io::stderr().lock();
    // Nothing can be said when standard error itself is closed.
    let _ = writeln!(out, "tsumugi: {error:#}");
}

/// Prints a remark to standard error.
pub(crate) fn remark(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "tsumugi: {text}");
}

/// Prints a line to standard output.
pub(crate) fn say(text: &str) -> anyhow::Result<std::process::ExitCode> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(std::process::ExitCode::SUCCESS)
}
