//! `cargo xtask load`: physicians type while a hospital's records come in (in a release build of the binary).
//!
//! Makes the records of patients over ten years with the generator of `bench-import`, takes a folder of others beside them
//! where one is named (the NDJSON of `clinosim simulate --format fhir-r4`, a Python package, for instance), and runs the story
//! `load` of the browser tests: one measured browser, the other editors scripted at human speed.

use crate::bench_import::made::{Tests, bundle};
use anyhow::{Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The binary that is measured.
    #[arg(long, default_value = "target/release/tsumugi")]
    binary: PathBuf,
    /// The browser.
    #[arg(long, default_value = "/usr/bin/chromium")]
    chromium: PathBuf,
    /// Folder for what is made; it is emptied first.
    #[arg(long, default_value = "target/load")]
    work: PathBuf,
    /// Patients that are made, 150 resources each; none comes in where this is 0 and no folder is named.
    #[arg(long, default_value_t = 2000)]
    patients: usize,
    /// A folder of FHIR resources, Bundles or NDJSON beside them.
    #[arg(long)]
    also: Option<PathBuf>,
    /// Editors beside the measured browser.
    #[arg(long, default_value_t = 4)]
    editors: usize,
    /// Seconds of typing.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs the command.
///
/// # Errors
/// When the binary is missing, the data cannot be made, or a key was answered later than asked.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(
        args.binary.is_file(),
        "{}: build it first, for release",
        args.binary.display()
    );
    let mut folders = Vec::new();
    if args.work.exists() {
        fs::remove_dir_all(&args.work)?;
    }
    if args.patients > 0 {
        let made = args.work.join("fhir");
        fs::create_dir_all(&made)?;
        let tests = Tests::read(&crate::root())?;
        for patient in 0..args.patients {
            fs::write(made.join(format!("{patient:06}.json")), bundle(&tests, patient))?;
        }
        folders.push(format!("{}:fhir", made.canonicalize()?.display()));
    }
    if let Some(also) = &args.also {
        folders.push(format!("{}:fhir", also.canonicalize()?.display()));
    }
    let status = Command::new("node")
        .current_dir(crate::root())
        .arg("web/e2e/main.mjs")
        .arg("--binary")
        .arg(args.binary.canonicalize()?)
        .arg("--chromium")
        .arg(&args.chromium)
        .args(["--only", "load"])
        .env("TSUMUGI_LOAD_FOLDERS", folders.join(","))
        .env("TSUMUGI_LOAD_EDITORS", args.editors.to_string())
        .env("TSUMUGI_LOAD_SECONDS", args.seconds.to_string())
        .status()?;
    if args.work.exists() {
        fs::remove_dir_all(&args.work)?;
    }
    ensure!(status.success(), "the story failed");
    Ok(())
}
