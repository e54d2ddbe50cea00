//! Tsumugi (紡ぎ): the one binary. `tsumugi` alone serves the page; the other commands work without a server.
#![expect(
    clippy::doc_markdown,
    reason = "names of standards and Japanese terms are no code"
)]

mod access;
mod advice;
mod assist;
mod audit;
mod care;
mod chart;
mod commands;
mod consent;
mod encoding;
mod fhir;
mod fhir_api;
mod heads;
mod hooks;
mod import;
mod library;
mod log;
mod masters;
mod oidc;
mod profiles;
mod proposals;
mod provide;
mod retention;
mod roots;
mod seed;
mod smart;
mod timekeeping;
mod web;
mod write_back;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Turns Japanese clinical free text into structured, coded data while it is being written. It supports a physician's
/// judgement and does not replace it.
#[derive(Parser)]
#[command(name = "tsumugi", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the screens on this machine; what happens without a command too.
    Serve(commands::serve::Args),
    /// Structures notes: one JSON line (or table, FHIR Bundle, XML) a note.
    Structure(commands::structure::Args),
    /// Checks prescriptions against a record: JSON lines of encounters. It supports a physician's judgement.
    Check(commands::check::Args),
    /// Takes out of texts what leads to a person: JSON lines. What remains unsure is listed for a person to look at.
    Deidentify(commands::deidentify::Args),
    /// Ranks the diagnoses that findings suggest: JSON lines with a text, or with HPO terms. For study, not for care.
    Diagnose(commands::diagnose::Args),
    /// Scores predictions against annotated records: `tsumugi eval PRED.jsonl --corpus corpus/records`.
    Eval(commands::eval::Args),
    /// Signs notes into a store: JSON lines `id, patient, author, date, text`; a line back for each once it is durable.
    Sign(commands::store::SignArgs),
    /// Finds patients by a fact: a concept id, a name, or words such as a question.
    Search(commands::store::SearchArgs),
    /// The medical knowledge: import, learn, take back, compare, show.
    Knowledge {
        #[command(subcommand)]
        what: commands::knowledge::Knowledge,
    },
    /// Which kinds of decision support the site allows.
    Support {
        #[command(subcommand)]
        what: commands::support::Support,
    },
    /// The terminology: find, look at and count concepts; the masters of the site.
    Terms {
        #[command(subcommand)]
        what: commands::terms::Terms,
    },
    /// Checks FHIR resources against R4's own rules and profiles: place, rule, severity, in Japanese and English.
    Validate(commands::validate::Args),
    /// The FHIR packages of the site: import, list, take off.
    Profiles {
        #[command(subcommand)]
        what: commands::profiles::Profiles,
    },
    /// Takes data out.
    Export {
        #[command(subcommand)]
        what: Export,
    },
    /// Writes a verified copy of the store to a new file.
    Backup(commands::store::BackupArgs),
    /// Verifies a backup and puts it where there is no store yet.
    Restore(commands::store::RestoreArgs),
    /// The audit trail: verify it, export its signed head, see who looked.
    Audit {
        #[command(subcommand)]
        what: commands::audit::Audit,
    },
    /// Accounts: add, list, unlock, disable, reset a second factor. Stop the server first.
    Account {
        #[command(subcommand)]
        what: commands::account::Account,
    },
    /// The programs of others (SMART on FHIR): register, list, disable. Stop the server first, or use the page "apps".
    App {
        #[command(subcommand)]
        what: commands::app::AppCommand,
    },
    /// The rules of access: check, show, set.
    Policy {
        #[command(subcommand)]
        what: commands::policy::PolicyCommand,
    },
    /// How a patient's record stands: departments, care teams, who is in charge, restrictions.
    Access {
        #[command(subcommand)]
        what: commands::access::Access,
    },
    /// What is past its time of keeping: list, approve by two people, remove; ends of courses, holds.
    Retention {
        #[command(subcommand)]
        what: commands::retention::Retention,
    },
    /// Prints a signed link that opens a patient's note, once; shows where the secrets of other systems are.
    LaunchLink(commands::launch_link::Args),
    /// Takes in what other systems sent: SS-MIX2, HL7, claims, DPC, medication notebooks, FHIR, devices.
    Import(commands::import::Args),
    /// What could not be taken in, with its reason: list, show, read again.
    DeadLetters {
        #[command(subcommand)]
        what: commands::import::DeadLetters,
    },
    /// Records that may be one person's: list, link, part again.
    Patients {
        #[command(subcommand)]
        what: commands::patients::Patients,
    },
    /// The key table of pseudonyms, for its keeper: make it, look a person up, see who looked.
    Pseudonyms {
        #[command(subcommand)]
        what: commands::pseudonyms::Pseudonyms,
    },
    /// Signed notes that did not reach the hospital's record: list, send again.
    WriteBack {
        #[command(subcommand)]
        what: commands::write_back::WriteBack,
    },
    /// Examines a store and says what it holds and what is wrong.
    Doctor(commands::store::Place),
    /// The dummy patients.
    Dummies {
        #[command(subcommand)]
        what: Dummies,
    },
}

#[derive(Subcommand)]
enum Export {
    /// One patient as a FHIR Bundle.
    Patient(commands::store::ExportArgs),
    /// The data of those who allow a study: a table and its manifest, for a recipient, on the study's legal basis.
    Study(Box<commands::export_study::Args>),
}

#[derive(Subcommand)]
enum Dummies {
    /// Takes every dummy patient out of the store.
    Remove(commands::store::Place),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start();
    let result = match cli.command {
        Some(Command::Structure(args)) => commands::structure::run(&args),
        Some(Command::Deidentify(args)) => commands::deidentify::run(&args),
        Some(Command::Check(args)) => commands::check::run(&args),
        Some(Command::Diagnose(args)) => commands::diagnose::run(&args),
        Some(Command::Eval(args)) => commands::eval::run(&args),
        Some(Command::Sign(args)) => commands::store::sign(&args),
        Some(Command::Search(args)) => commands::store::search(&args),
        Some(Command::Knowledge { what }) => commands::knowledge::run(&what),
        Some(Command::Support { what }) => commands::support::run(&what),
        Some(Command::Terms { what }) => commands::terms::run(&what),
        Some(Command::Validate(args)) => Ok(commands::validate::run(&args)),
        Some(Command::Profiles { what }) => commands::profiles::run(&what),
        Some(Command::Export {
            what: Export::Patient(args),
        }) => commands::store::export_patient(&args),
        Some(Command::Export {
            what: Export::Study(args),
        }) => commands::export_study::run(&args),
        Some(Command::Pseudonyms { what }) => commands::pseudonyms::run(&what),
        Some(Command::Backup(args)) => commands::store::backup(&args),
        Some(Command::Restore(args)) => commands::store::restore(&args),
        Some(Command::Audit { what }) => commands::audit::run(&what),
        Some(Command::Account { what }) => commands::account::run(&what),
        Some(Command::App { what }) => commands::app::run(&what),
        Some(Command::Policy { what }) => commands::policy::run(&what),
        Some(Command::Access { what }) => commands::access::run(&what),
        Some(Command::Retention { what }) => commands::retention::run(&what),
        Some(Command::LaunchLink(args)) => commands::launch_link::run(&args),
        Some(Command::Import(args)) => commands::import::run(&args),
        Some(Command::DeadLetters { what }) => commands::import::dead_letters(&what),
        Some(Command::Patients { what }) => commands::patients::run(&what),
        Some(Command::WriteBack { what }) => commands::write_back::run(&what),
        Some(Command::Doctor(place)) => commands::store::doctor(&place),
        Some(Command::Dummies {
            what: Dummies::Remove(place),
        }) => commands::store::remove_dummies(&place),
        Some(Command::Serve(args)) => commands::serve::run(&args),
        None => commands::serve::run(&commands::serve::Args::default()),
    };
    result.unwrap_or_else(|error| {
        commands::complain(&error);
        ExitCode::from(1)
    })
}
