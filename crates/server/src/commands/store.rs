//! The commands that work on a store without a server: sign, search, export, backup, restore, doctor, dummies.

use super::line::{BadLine, Line, answer_lines};
use super::say;
use crate::advice::Advice;
use crate::chart::{self, Signing};
use crate::{masters, timekeeping};
use anyhow::{Context as _, anyhow, bail};
use jiff::civil::{Date, DateTime};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_clinical::{Patient, Sex};
use tsumugi_coding::Coder;
use tsumugi_records::{
    DoctorReport, Page, PatientDetails, PatientId, PatientRecord, Population, SignReceipt, Stamp, Store,
    StoreError,
};

/// Where the store is.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Folder of the store (default: the platform's folder for data).
    #[arg(long)]
    data: Option<PathBuf>,
}

impl Place {
    /// The store, made where there is none yet.
    pub(super) fn open(&self) -> anyhow::Result<Store> {
        chart::open_store(&chart::data_folder(self.data.as_deref())?)
    }

    /// The store, where there is one.
    pub(super) fn open_existing(&self) -> anyhow::Result<Store> {
        chart::open_sound(&self.existing_file()?)
    }

    /// The engine with the masters of the site.
    pub(super) fn engine(&self) -> anyhow::Result<Coder> {
        masters::engine_of(self.data.as_deref())
    }

    /// The engine, with what the site's store has learned and accepted where there is a store.
    pub(super) fn advice(&self) -> anyhow::Result<Advice> {
        let coder = self.engine()?;
        let store = match self.open_reading() {
            Ok(store) => store,
            Err(_) => Store::open_in_memory()?,
        };
        Advice::open(Arc::new(coder), &store)
    }

    /// The store for reading: beside a running server, which holds it for writing, too.
    pub(super) fn open_reading(&self) -> anyhow::Result<Store> {
        let file = self.existing_file()?;
        match chart::open_sound(&file) {
            Err(error) if matches!(error.downcast_ref(), Some(StoreError::Locked { .. })) => {
                Ok(Store::open_read_only(&file)?)
            }
            opened => opened,
        }
    }

    /// The folder of the store.
    pub(super) fn folder(&self) -> anyhow::Result<PathBuf> {
        chart::data_folder(self.data.as_deref())
    }

    /// The store for reading, beside whoever has it open.
    pub(super) fn open_beside(&self) -> anyhow::Result<Store> {
        Ok(Store::open_read_only(self.existing_file()?)?)
    }

    /// The store for reading as it is, whatever its schema: nothing is brought up.
    fn open_as_it_is(&self) -> anyhow::Result<Store> {
        chart::outlive_size_limit();
        Ok(Store::open_as_it_is(self.existing_file()?)?)
    }

    fn existing_file(&self) -> anyhow::Result<PathBuf> {
        let file = self.file()?;
        if !file.exists() {
            bail!(
                "there is no store at {}; name its folder with --data DIR",
                file.display()
            );
        }
        Ok(file)
    }

    fn file(&self) -> anyhow::Result<PathBuf> {
        Ok(chart::store_file(&chart::data_folder(self.data.as_deref())?))
    }
}

/// Options of `sign`.
#[derive(clap::Args)]
pub(crate) struct SignArgs {
    /// How standard input is read; JSON lines `id, patient, author, date, text`.
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl"])]
    input: String,
    #[command(flatten)]
    place: Place,
}

/// `tsumugi sign`: signs a note a line; prints `{"id","document","version"}` once it is durable.
pub(crate) fn sign(args: &SignArgs) -> anyhow::Result<ExitCode> {
    let store = args.place.open()?;
    let coder = args.place.engine()?;
    let advice = Advice::open(Arc::new(coder), &store)?;
    answer_lines(|line| Ok(sign_line(&advice, &store, line)))
}

fn sign_line(advice: &Advice, store: &Store, mut line: Line) -> Result<serde_json::Value, BadLine> {
    // The id keeps a note from being signed twice, and the author answers for it.
    let Some(id) = line.id.clone().filter(|id| !id.is_empty()) else {
        return Err(line.bad("bad-field", "id: is missing".to_owned()));
    };
    let text = line.text()?;
    let patient = patient_field(&mut line)?;
    let author: String = line.required("author")?;
    if author.trim().is_empty() {
        return Err(line.bad("bad-field", "author: is empty".to_owned()));
    }
    let date: String = line.required("date")?;
    let written_at = parse_time(&date).map_err(|error| line.bad("bad-field", format!("date: {error:#}")))?;
    let kind: Option<String> = line.field("kind")?;
    let sign = || -> anyhow::Result<SignReceipt> {
        let stamp = Stamp {
            author: author.clone(),
            at: chart::moment(chart::now()),
        };
        let patient = patient_of(store, &patient, &stamp)?;
        let coder = &advice.coder;
        let record = chart::record_of(store, &patient, None)?;
        let structured = chart::structure(coder, &record, &patient, written_at.date(), &text);
        let signing = Signing {
            target: chart::new_note(patient.id, None, kind.as_deref().unwrap_or("note")),
            author: author.clone(),
            text: text.clone(),
            written_at,
            signed_at: chart::now(),
            key: Some(id.clone()),
            draft: None,
            structured: Some(structured.clone()),
            name: None,
            entry: None,
            on_behalf_of: None,
        };
        let receipt = chart::sign(coder, store, &patient, signing)?;
        advice.note_down(store, &author, &patient, receipt.document, &structured)?;
        Ok(receipt)
    };
    let receipt = sign().map_err(|error| line.bad("not-signed", format!("{error:#}")))?;
    Ok(json!({"id": id, "document": receipt.document.get(), "version": receipt.version}))
}

/// The patient of a line: a number alone, or an object with what is known of the person.
fn patient_field(line: &mut Line) -> Result<Patient, BadLine> {
    let field = match line.required("patient")? {
        serde_json::Value::String(number) => json!({"id": number}),
        other => other,
    };
    let patient: Result<Patient, _> = serde_json::from_value(field);
    patient.map_err(|error| line.bad("bad-field", format!("patient: {error}")))
}

/// A date, or a date with a time.
fn parse_time(text: &str) -> anyhow::Result<DateTime> {
    let date = || text.parse::<Date>().map(|date| date.at(0, 0, 0, 0));
    text.parse::<DateTime>()
        .or_else(|_| date())
        .with_context(|| format!("\"{text}\" is no date (YYYY-MM-DD)"))
}

/// The patient of a number, made where there is none yet.
fn patient_of(store: &Store, known: &Patient, stamp: &Stamp) -> anyhow::Result<PatientRecord> {
    let number = known.id.clone().ok_or_else(|| anyhow!("patient.id is missing"))?;
    if let Some(id) = store.find_patient(Population::Real, &number)? {
        return Ok(store.patient(id)?);
    }
    let details = PatientDetails {
        name: number.clone(),
        number,
        kana: String::new(),
        sex: known.sex.unwrap_or(Sex::Unknown),
        birth_date: known.birth_date,
    };
    let id = store.create_patient(Population::Real, details, stamp.clone())?;
    Ok(store.patient(id)?)
}

/// Options of `search`.
#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    /// A concept id, a name, or a question in words (発熱がある患者).
    words: String,
    /// Search the dummy patients instead of the real ones.
    #[arg(long)]
    dummies: bool,
    #[command(flatten)]
    place: Place,
}

/// `tsumugi search`: one line a patient, `{"patient","events"}`; the count goes to standard error.
pub(crate) fn search(args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let store = args.place.open_reading()?;
    let coder = args.place.engine()?;
    let question = chart::question(&coder, &args.words)?;
    let population = if args.dummies {
        Population::Dummy
    } else {
        Population::Real
    };
    let mut after = None;
    let mut out = std::io::stdout().lock();
    loop {
        let page = Page { after, limit: 500 };
        let found = store.search_events(population, &question.concepts, &question.filter, page)?;
        if after.is_none() {
            super::remark(&format!(
                "{}: {} patients, {} events",
                question.names.join(", "),
                found.patients,
                found.events
            ));
        }
        for hits in &found.list {
            let number = store.patient(hits.patient)?.details.number;
            let events: Vec<_> = hits
                .hits
                .iter()
                .map(|hit| event_line(&store, hit))
                .collect::<anyhow::Result<_>>()?;
            writeln!(out, "{}", json!({"patient": number, "events": events}))?;
        }
        after = found.list.last().map(|hits| hits.patient);
        if found.list.len() < 500 {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn event_line(store: &Store, hit: &tsumugi_records::EventHit) -> anyhow::Result<serde_json::Value> {
    let stored = store.event(hit.event)?;
    let mut value = serde_json::to_value(&stored.event)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert(
            "document".to_owned(),
            json!(hit.document.map(tsumugi_records::DocumentId::get)),
        );
        fields.insert("at".to_owned(), json!(stored.at.to_string()));
    }
    Ok(value)
}

/// `tsumugi backup`.
#[derive(clap::Args)]
pub(crate) struct BackupArgs {
    /// File to write; it must not exist yet.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Writes a verified copy of the store.
pub(crate) fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let report = args.place.open_as_it_is()?.backup(&args.file)?;
    say(&serde_json::to_string(&report)?)
}

/// `tsumugi restore`.
#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    file: PathBuf,
    /// Verify the backup and change nothing, whether there is a store or not.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    place: Place,
}

/// Verifies a backup and, without `--verify`, puts it where there is no store yet.
pub(crate) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    if args.verify {
        return say(&serde_json::to_string(&Store::verify_backup(&args.file)?)?);
    }
    let target = args.place.file()?;
    make_folder_of(&target)?;
    chart::outlive_size_limit();
    say(&serde_json::to_string(&Store::restore(&args.file, &target)?)?)
}

fn make_folder_of(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// `tsumugi doctor`: what the store holds and what is wrong with it; exit code 3 when anything is.
pub(crate) fn doctor(place: &Place) -> anyhow::Result<ExitCode> {
    // Not `open_existing`: a damaged store is what this command is for, and a running server keeps its own.
    let store = place.open_as_it_is()?;
    let report = store.doctor()?;
    let doubts = clock_doubts(&store, &report);
    say(&serde_json::to_string_pretty(&json!({
        "path": report.path,
        "schema": report.schema,
        "newest_schema": report.newest_schema,
        "sqlite": report.sqlite,
        "file_bytes": report.file_bytes,
        "counts": report.counts,
        "problems": report.problems,
        "clock": doubts,
    }))?)?;
    for doubt in &doubts {
        super::remark(doubt);
    }
    if report.problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    super::remark(
        "damaged; nothing was changed; keep the file and restore a backup into another folder, --data DIR",
    );
    Ok(ExitCode::from(3))
}

/// What is to be doubted of the clock, in words. A store of an old schema or a damaged one tells nothing about it.
fn clock_doubts(store: &Store, report: &DoctorReport) -> Vec<String> {
    let newest = (report.schema == report.newest_schema).then(|| timekeeping::doubts(store));
    match newest {
        Some(Ok(doubts)) => doubts.iter().map(ToString::to_string).collect(),
        _ if timekeeping::has_zone() => Vec::new(),
        _ => vec![timekeeping::Doubt::NoZone.to_string()],
    }
}

/// `tsumugi dummies remove`: takes every dummy patient out, in one transaction.
pub(crate) fn remove_dummies(place: &Place) -> anyhow::Result<ExitCode> {
    let removed = place.open_existing()?.remove_dummies()?;
    say(&serde_json::to_string(&removed)?)
}

/// `tsumugi export patient`.
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The patient's number.
    number: String,
    /// The number is of a dummy patient.
    #[arg(long)]
    dummies: bool,
    #[command(flatten)]
    place: Place,
}

/// One patient as a FHIR Bundle.
pub(crate) fn export_patient(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let store = args.place.open_reading()?;
    let population = if args.dummies {
        Population::Dummy
    } else {
        Population::Real
    };
    let id: PatientId = store.find_patient(population, &args.number)?.ok_or_else(|| {
        anyhow!(
            "no patient has the number {} (dummies: add --dummies)",
            args.number
        )
    })?;
    say(&serde_json::to_string_pretty(&crate::fhir::patient_bundle(
        &store.export_patient(id)?,
    )?)?)
}
