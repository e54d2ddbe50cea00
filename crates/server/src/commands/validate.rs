//! `tsumugi validate`: what a FHIR resource breaks of R4's own rules and of profiles.

use super::{complain, remark};
use crate::{chart, profiles};
use anyhow::{Context as _, bail};
use std::fs;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_profiles::{Issue, Report, Severity, Validator};

/// Largest resource that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Exit codes beside 0, valid.
const NOT_VALID: u8 = 1;
const COULD_NOT_RUN: u8 = 2;
const NOT_ALL_CHECKED: u8 = 3;

/// Options of `validate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files of JSON, folders of them, or - for standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A profile that each must conform to, beside those that it claims: its address, or ADDRESS|VERSION.
    #[arg(long)]
    profile: Vec<String>,
    /// Only the profiles of this package, NAME#VERSION (default: of all that were imported).
    #[arg(long)]
    package: Vec<String>,
    /// One OperationOutcome a file and line.
    #[arg(long)]
    json: bool,
    /// Warnings too.
    #[arg(long)]
    warnings: bool,
    /// Folder of the store, where the packages are (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Exit code 0: all valid; 1: one is not; 3: valid as far as it was checked; 2: could not run.
pub(crate) fn run(args: &Args) -> ExitCode {
    match validate(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn validate(args: &Args) -> anyhow::Result<u8> {
    let validator = validator(args)?;
    let mut code = 0;
    let files = files(args)?;
    for file in &files {
        let report = validator.validate(&bytes_of(file)?, &args.profile);
        let of_file = match (report.is_valid(), report.is_whole()) {
            (false, _) => NOT_VALID,
            (true, false) => NOT_ALL_CHECKED,
            (true, true) => 0,
        };
        // What is not valid outweighs what was not checked.
        code = match (code, of_file) {
            (NOT_VALID, _) | (_, NOT_VALID) => NOT_VALID,
            (before, now) => before.max(now),
        };
        print(args, file, &report, of_file)?;
    }
    Ok(code)
}

fn validator(args: &Args) -> anyhow::Result<Validator> {
    let r4 = profiles::validator()?;
    let mut packages = match chart::data_folder(args.data.as_deref()) {
        Ok(data) => profiles::packages(&data)?,
        Err(_) => Vec::new(),
    };
    for wanted in &args.package {
        if !packages.iter().any(|package| package.label() == *wanted) {
            bail!("--package {wanted}: was not imported; tsumugi profiles list tells what is there");
        }
    }
    if !args.package.is_empty() {
        packages.retain(|package| args.package.contains(&package.label()));
    }
    let validator = r4.with_packages(&packages);
    for wanted in &args.profile {
        match validator.profile(wanted) {
            Ok(_) => {}
            Err(known) if known.is_empty() => {
                bail!("--profile {wanted}: no such profile; import its package with tsumugi profiles import")
            }
            Err(known) => bail!("--profile {wanted}: no such version; here are: {known}"),
        }
    }
    Ok(validator)
}

/// The files, and those of folders, sorted.
fn files(args: &Args) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in &args.files {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
            let path = entry.with_context(|| path.display().to_string())?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                inside.push(path);
            }
        }
        if inside.is_empty() {
            bail!("{}: holds no file that ends in .json", path.display());
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    let name = || file.display().to_string();
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .context("standard input")?;
    } else {
        let input = fs::File::open(file).with_context(name)?;
        input
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .with_context(name)?;
    }
    if bytes.len() as u64 > LARGEST {
        bail!("{}: larger than {LARGEST} bytes", file.display());
    }
    Ok(bytes)
}

fn print(args: &Args, file: &Path, report: &Report, code: u8) -> anyhow::Result<()> {
    let is_wanted = |issue: &Issue| args.warnings || issue.severity != Severity::Warning;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report.outcome(is_wanted))?;
        return Ok(());
    }
    for issue in report.issues.iter().filter(|issue| is_wanted(issue)) {
        let profile = issue.profile.as_deref().unwrap_or("R4");
        let (severity, place) = (issue.severity.word(), &issue.place);
        writeln!(out, "{severity:<11} {place}  {}  {profile}", issue.rule)?;
        writeln!(out, "{:<11} {} / {}", "", issue.ja, issue.en)?;
    }
    let verdict = match code {
        NOT_VALID => "not valid",
        NOT_ALL_CHECKED => "valid as far as it was checked",
        _ => "valid",
    };
    remark(&format!("{}: {verdict}", file.display()));
    Ok(())
}
