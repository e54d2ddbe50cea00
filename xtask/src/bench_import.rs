//! `cargo xtask bench-import`: how fast what other systems send is read and kept (in a release build of itself).
//!
//! The data are made: of the true layout, with patients, codes, values and times drawn from a seeded generator. Parsers are
//! measured alone in memory; imports run the built binary on a new store, and then the rows that they left are put into a
//! bare database with the same schema, pragmas and size of batches, in the same run.

mod bare;
pub(crate) mod made;

use anyhow::{Context as _, Result, ensure};
use made::{Tests, documents};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::{claims, device, fhir_in, ssmix2};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The binary that is measured.
    #[arg(long, default_value = "target/release/tsumugi")]
    binary: PathBuf,
    /// Folder for what is made; it is emptied first.
    #[arg(long, default_value = "target/bench-import")]
    work: PathBuf,
    /// FHIR resources, in bundles of 150 of a patient.
    #[arg(long, default_value_t = 300_000)]
    resources: usize,
    /// Files of an SS-MIX2 storage.
    #[arg(long, default_value_t = 20_000)]
    files: usize,
    /// Claims.
    #[arg(long, default_value_t = 40_000)]
    claims: usize,
    /// Samples of a device.
    #[arg(long, default_value_t = 500_000)]
    samples: usize,
    /// Judges nothing: to see that it works.
    #[arg(long)]
    trial: bool,
}

/// What is asked: FHIR resources/s and by how much they may slow down, files/s, MB/s of claims, samples/s, and the share
/// of the bare database's speed.
const RESOURCES: f64 = 2_000.0;
const DECAY: f64 = 0.15;
const FILES: f64 = 1_000.0;
const MEGABYTES: f64 = 20.0;
const SAMPLES: f64 = 50_000.0;
const SHARE: f64 = 0.4;

/// Runs the command.
///
/// # Errors
/// When the binary is missing or fails, or a figure is worse than what is asked.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(
        args.binary.is_file(),
        "{}: build it first, for release",
        args.binary.display()
    );
    if args.work.exists() {
        fs::remove_dir_all(&args.work)?;
    }
    fs::create_dir_all(&args.work)?;
    let tests = Tests::read(&crate::root())?;
    let mut bad = Vec::new();
    let mut judge = |name: &str, is_good: bool| {
        if !is_good {
            bad.push(name.to_owned());
        }
    };
    parsers(args, &tests, &mut judge)?;

    let storage = args.work.join("ssmix2");
    made::storage(&tests, &storage, args.files)?;
    let ran = import(args, "ssmix2", &storage)?;
    let rate = args.files as f64 / ran.seconds;
    judge("SS-MIX2", rate >= FILES);
    report("SS-MIX2 files", rate, &ran);

    let samples = args.work.join("device");
    fs::create_dir_all(&samples)?;
    fs::write(samples.join("glucose.csv"), made::glucose(args.samples))?;
    let ran = import(args, "device", &samples)?;
    let rate = args.samples as f64 / ran.seconds;
    judge("samples kept", rate >= SAMPLES);
    report("device samples", rate, &ran);

    let claims = args.work.join("uke");
    fs::create_dir_all(&claims)?;
    let made = made::claims(args.claims)?;
    fs::write(claims.join("receiptc.uke"), &made)?;
    let ran = import(args, "uke", &claims)?;
    report("claims", args.claims as f64 / ran.seconds, &ran);

    let bundles = args.work.join("fhir");
    fs::create_dir_all(&bundles)?;
    for patient in 0..args.resources.div_ceil(made::OF_PATIENT) {
        fs::write(
            bundles.join(format!("{patient:06}.json")),
            made::bundle(&tests, patient),
        )?;
    }
    let ran = import(args, "fhir", &bundles)?;
    let rate = ran.resources / ran.seconds;
    judge(
        "FHIR",
        rate >= RESOURCES && ran.share >= SHARE && ran.decay < DECAY,
    );
    report("FHIR resources", rate, &ran);
    fs::remove_dir_all(&args.work)?;
    ensure!(
        args.trial || bad.is_empty(),
        "slower than asked: {}",
        bad.join(", ")
    );
    Ok(())
}

/// The parsers alone, from memory, on one thread.
fn parsers(args: &Args, tests: &Tests, judge: &mut dyn FnMut(&str, bool)) -> Result<()> {
    let tables = claims::Tables::embedded();
    let bytes = made::claims(args.claims)?;
    let seconds = timed(|| {
        claims::uke::read(bytes.as_slice(), &Origin::file("m.uke"), &tables, &mut |_| true);
    });
    let speed = bytes.len() as f64 / 1e6 / seconds;
    judge("UKE", speed >= MEGABYTES);
    println!(
        "parser of claims: {speed:.1} MB/s ({:.0} claims/s)",
        args.claims as f64 / seconds
    );

    let bytes = made::glucose(args.samples);
    let tables = device::Tables::embedded();
    let seconds = timed(|| {
        device::read(
            bytes.as_slice(),
            &made::of_somebody("m.csv"),
            &tables,
            None,
            &mut |_| true,
        );
    });
    let speed = args.samples as f64 / seconds;
    judge("samples", speed >= SAMPLES);
    println!("parser of devices: {speed:.0} samples/s");

    let files = documents(tests, args.files.min(5_000));
    let seconds = timed(|| {
        for (path, bytes) in &files {
            ssmix2::file(path, bytes, &mut |_| true);
        }
    });
    println!("parser of SS-MIX2: {:.0} files/s", files.len() as f64 / seconds);

    let bundles: Vec<Vec<u8>> = (0..100).map(|patient| made::bundle(tests, patient)).collect();
    let seconds = timed(|| {
        for bytes in &bundles {
            let limits = fhir_in::Limits::default();
            fhir_in::read(
                &mut bytes.as_slice(),
                "m.json",
                fhir_in::Form::Json,
                limits,
                &mut |_| true,
            );
        }
    });
    let speed = (bundles.len() * made::OF_PATIENT) as f64 / seconds;
    println!("parser of FHIR: {speed:.0} resources/s");
    Ok(())
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// What an import did.
struct Ran {
    /// Wall clock, from start to end of the process.
    seconds: f64,
    statements: f64,
    resources: f64,
    events: f64,
    /// By what share the last quarter of the statements was slower than the first.
    decay: f64,
    /// Speed as a share of the bare database's.
    share: f64,
    bare: f64,
    /// Most memory the process held, in MB.
    memory: f64,
}

fn report(what: &str, rate: f64, ran: &Ran) {
    println!(
        "{what}: {rate:.0}/s ({:.1} s, {:.0} statements, {:.0} resources, {:.0} events, {:.0} MB); last quarter {:+.0} %; \
         the same rows bare {:.1} s: {:.0} % of their speed",
        ran.seconds,
        ran.statements,
        ran.resources,
        ran.events,
        ran.memory,
        100.0 * ran.decay,
        ran.bare,
        100.0 * ran.share
    );
}

fn import(args: &Args, standard: &str, folder: &Path) -> Result<Ran> {
    let data = args.work.join(format!("{standard}-store"));
    let begun = Instant::now();
    let mut child = Command::new(&args.binary)
        .args(["import", standard])
        .arg(folder)
        .args(["--dummy", "--report", "json", "--patient", "1", "--data"])
        .arg(&data)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().context("no way from the binary")?;
    let reader = std::thread::spawn(move || std::io::read_to_string(output));
    let mut memory = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = peak(child.id()).unwrap_or(memory);
        std::thread::sleep(Duration::from_millis(20));
    };
    let seconds = begun.elapsed().as_secs_f64();
    let told = reader.join().ok().context("the reader died")??;
    let told: Value = serde_json::from_str(&told).with_context(|| format!("{standard}: {status}: {told}"))?;
    let count = |field: &str| told.get(field).and_then(Value::as_f64).unwrap_or_default();
    ensure!(
        count("rejected") == 0.0 && count("records") > 0.0,
        "{standard}: something was rejected: {told}"
    );
    let store = data.join("tsumugi.sqlite3");
    let decay = bare::decay(&store)?;
    let bare = bare::seconds(&store, &args.work.join(format!("{standard}-bare.sqlite3")))?;
    let ran = Ran {
        seconds,
        statements: count("records"),
        resources: count("resources"),
        events: count("events"),
        decay,
        share: bare / seconds,
        bare,
        memory,
    };
    fs::remove_dir_all(&data)?;
    Ok(ran)
}

/// Most memory that a process held until now, in MB (Linux).
fn peak(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1e3)
}
