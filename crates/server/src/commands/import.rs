//! `tsumugi import`: what other systems sent, from files into the store. Run again after an interruption, it goes on.

use super::account::OPERATOR;
use super::store::Place;
use super::{remark, say};
use crate::advice::Advice;
use crate::import::files::{Found, walk};
use crate::import::readers::{self, STANDARDS};
use crate::import::report::Report;
use crate::import::site;
use crate::import::{Engine, Importer, Setting};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{BufReader, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tsumugi_exchange::device::Clock;
use tsumugi_records::Population;

/// Exit code when something was rejected and the rest is in.
const SOME_BAD: u8 = 3;
/// Bytes of a file that are read at once.
const BUFFER: usize = 256 << 10;

/// Options of `import`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The standard: ssmix2, hl7, uke, dpc, okusuri, fhir or device.
    #[arg(value_parser = STANDARDS.map(|(word, _)| word))]
    standard: String,
    /// Files, and folders with files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Takes the persons in as dummies.
    #[arg(long)]
    dummy: bool,
    /// How the report is printed.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    report: String,
    /// URI (or code) of this site as issuer of patients' numbers; it is kept, and numbers of other issuers are then of
    /// other sites.
    #[arg(long)]
    facility: Option<String>,
    /// Number of the patient, for sources that do not say whose they are: a device, a medication notebook.
    #[arg(long)]
    patient: Option<String>,
    /// A time of the device's clock and what it really was, e.g. 2026-11-20T08:10=2026-11-20T08:00: its times are corrected.
    #[arg(long, value_parser = clock, value_name = "SHOWN=TRUE")]
    clock: Option<Clock>,
    #[command(flatten)]
    place: Place,
}

/// Imports everything that was named.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let standard = readers::named(&args.standard).context("unknown standard")?;
    let read = readers::of(standard);
    let store = args.place.open()?;
    let coder = Arc::new(args.place.engine()?);
    let advice = Advice::open(Arc::clone(&coder), &store)?;
    let stating = readers::stating();
    let engine = Engine {
        store: &store,
        coder: &coder,
        advice: &advice,
        stating: &*stating,
    };
    let setting = Setting {
        standard,
        population: population(args.dummy),
        facility: site::facility(&store, args.facility.as_deref(), OPERATOR)?,
        way: "command",
        author: OPERATOR.to_owned(),
        address: None,
        patient: args.patient.clone(),
        clock: args.clock,
        replay_of: None,
    };
    let stop = stopped()?;
    let mut importer = Importer::new(engine, setting, Some(&stop));
    let bar = bar();
    let mut failed = Ok(());
    for path in &args.paths {
        let goes_on = walk(path, &mut |found| {
            bar.set_message(importer.so_far().to_string());
            bar.tick();
            failed = match found {
                Ok(found) => read_file(&mut importer, &read, &found).map(drop),
                Err((name, error)) => {
                    importer.cannot_read(&name, &error);
                    Ok(())
                }
            };
            failed.is_ok() && !importer.is_stopped()
        });
        if !goes_on {
            break;
        }
    }
    failed?;
    let report = importer.finish()?;
    bar.finish_and_clear();
    tell(&report, args.report == "json")
}

/// Reads one file, and gives whether it could be read; one that could not is told in the report.
pub(crate) fn read_file(
    importer: &mut Importer<'_>,
    read: &readers::Read,
    found: &Found,
) -> anyhow::Result<bool> {
    match File::open(&found.path) {
        Ok(file) => importer.read(read, &found.name, &mut BufReader::with_capacity(BUFFER, file)),
        Err(error) => {
            importer.cannot_read(&found.name, &error);
            Ok(false)
        }
    }
}

fn clock(text: &str) -> Result<Clock, String> {
    let wanted = || "two times are wanted, e.g. 2026-11-20T08:10=2026-11-20T08:00".to_owned();
    let (device, reference) = text.split_once('=').ok_or_else(wanted)?;
    Ok(Clock {
        device: device.parse().map_err(|_| wanted())?,
        reference: reference.parse().map_err(|_| wanted())?,
    })
}

/// The population of an import.
pub(super) fn population(dummy: bool) -> Population {
    if dummy {
        Population::Dummy
    } else {
        Population::Real
    }
}

/// Prints a report, and gives the exit code that goes with it.
pub(super) fn tell(report: &Report, as_json: bool) -> anyhow::Result<ExitCode> {
    let text = if as_json {
        serde_json::to_string(report)?
    } else {
        report.for_people()
    };
    say(&text)?;
    if report.interrupted {
        remark("interrupted; what was told of is kept: run the same command again to go on");
    }
    let nothing_done = report.accepted == 0 && report.rejected > 0;
    if nothing_done && let Some(problem) = report.gravest() {
        remark(&format!("nothing was taken in; first: {problem}"));
    }
    Ok(match (report.rejected, nothing_done || report.interrupted) {
        (_, true) => ExitCode::from(1),
        (0, false) => ExitCode::SUCCESS,
        (_, false) => ExitCode::from(SOME_BAD),
    })
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} statements, {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Becomes true when the process is told to stop: the batch that is open is closed first.
fn stopped() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread to listen for signals")?;
    std::thread::Builder::new()
        .name("import-stop".to_owned())
        .spawn(move || {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                told.store(true, Ordering::Relaxed);
            }
        })
        .context("no thread to listen for signals")?;
    Ok(stop)
}

/// What is done with dead letters.
#[derive(clap::Subcommand)]
pub(crate) enum DeadLetters {
    /// Lists them, one JSON line each.
    List {
        /// Also those that are in by now.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Prints one: its problem as JSON, or its bytes as they came.
    Show {
        /// Its number.
        id: i64,
        /// Prints the bytes as they came. They may name a patient.
        #[arg(long)]
        bytes: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Reads them again, after the program or its tables were mended.
    Replay {
        /// Their numbers; none means all that are not in yet.
        ids: Vec<i64>,
        /// Number of the patient, for sources that do not say whose they are.
        #[arg(long)]
        patient: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

/// Runs a command on dead letters.
pub(crate) fn dead_letters(what: &DeadLetters) -> anyhow::Result<ExitCode> {
    match what {
        DeadLetters::List { all, place } => crate::import::letters::list(&place.open_reading()?, *all),
        DeadLetters::Show { id, bytes, place } => {
            crate::import::letters::show(&place.open_reading()?, *id, *bytes)
        }
        DeadLetters::Replay { ids, patient, place } => {
            if ids.iter().any(|id| *id < 1) {
                bail!("a dead letter has a number from 1; `tsumugi dead-letters list` shows them");
            }
            let store = place.open_existing()?;
            let replayed = crate::import::letters::replay(&store, place.engine()?, ids, patient.as_deref())?;
            let code = if replayed.rejected == 0 { 0 } else { SOME_BAD };
            say(&serde_json::to_string(&replayed)?)?;
            Ok(ExitCode::from(code))
        }
    }
}
