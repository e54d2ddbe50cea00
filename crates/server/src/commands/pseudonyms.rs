//! `tsumugi pseudonyms …`: the key table of pseudonyms, for its keeper.
//!
//! The table and its key are two files of their own, apart from the store. Looking somebody up leaves a line in the table's own
//! log and an entry in the audit trail, both before the answer is told.

use super::account::OPERATOR;
use super::say;
use super::store::Place;
use crate::audit;
use crate::provide::{KeepError, Keys};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_anonymize::manifest::hexadecimal;
use tsumugi_anonymize::pseudonyms::{KeeperKey, KeyTable, LookUp};
use tsumugi_records::{AuditEntity, AuditSubtype};

/// The role under which a keeper stands in the audit trail.
const ROLE: &str = "pseudonym-keeper";

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Pseudonyms {
    /// Makes an empty key table and its key, which only the keeper should have.
    Make {
        #[command(flatten)]
        files: Files,
    },
    /// Tells whose a pseudonym is.
    LookUp {
        /// Study.
        #[arg(long)]
        study: String,
        /// The pseudonym.
        pseudonym: String,
        /// Name of the keeper who looks.
        #[arg(long)]
        keeper: String,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        files: Files,
        #[command(flatten)]
        place: Place,
    },
    /// Lists who looked whom up, one JSON line each.
    Log {
        #[command(flatten)]
        files: Files,
    },
}

/// The two files.
#[derive(clap::Args)]
pub(crate) struct Files {
    /// File of the key table.
    #[arg(long)]
    keys: PathBuf,
    /// File of its key.
    #[arg(long)]
    keeper_key: PathBuf,
}

/// Runs a command.
pub(crate) fn run(what: &Pseudonyms) -> anyhow::Result<ExitCode> {
    match what {
        Pseudonyms::Make { files } => make(files),
        Pseudonyms::LookUp {
            study,
            pseudonym,
            keeper,
            reason,
            files,
            place,
        } => {
            let by = LookUp {
                at: audit::now()?.as_str().to_owned(),
                keeper: keeper.clone(),
                reason: reason.clone(),
                study: study.clone(),
                pseudonym: pseudonym.clone(),
                is_found: false,
            };
            look_up(by, files, place)
        }
        Pseudonyms::Log { files } => {
            for line in open(&files.keys, &key(&files.keeper_key)?)?.log() {
                say(&serde_json::to_string(line)?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn make(files: &Files) -> anyhow::Result<ExitCode> {
    for file in [&files.keys, &files.keeper_key] {
        if file.exists() {
            bail!("{} is there already; name another file", file.display());
        }
    }
    let digits = hexadecimal(&random::<32>()?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options
        .open(&files.keeper_key)
        .with_context(|| format!("cannot write {}", files.keeper_key.display()))?;
    writeln!(file, "{digits}")?;
    file.sync_all()?;
    keep(&files.keys, &KeyTable::new(random()?), &key(&files.keeper_key)?)?;
    say(&json!({"keys": files.keys, "keeper_key": files.keeper_key}).to_string())
}

fn look_up(by: LookUp, files: &Files, place: &Place) -> anyhow::Result<ExitCode> {
    if by.keeper.trim().is_empty() || by.reason.trim().is_empty() {
        bail!("say who looks with --keeper and why with --reason");
    }
    let store = place.open_existing()?;
    let key = key(&files.keeper_key)?;
    let mut table = open(&files.keys, &key)?;
    let mut entry = audit::of_name(OPERATOR, AuditSubtype::Read)?;
    entry.agent.role = Some(ROLE.to_owned());
    entry.agent.on_behalf_of = Some(by.keeper.clone());
    entry.entities.push(AuditEntity::Query(format!(
        "pseudonym {} of study {}: {}",
        by.pseudonym, by.study, by.reason
    )));
    let (study, pseudonym) = (by.study.clone(), by.pseudonym.clone());
    let found = table.look_up(by);
    keep(&files.keys, &table, &key)?;
    let Some(patient) = found else {
        store.audit_read(&audit::refused(entry, "no such pseudonym"))?;
        bail!("study {study} has no pseudonym {pseudonym} in this table");
    };
    store.audit_read(&audit::about(entry, patient))?;
    let number = store.patient(patient)?.details.number;
    say(&json!({"study": study, "pseudonym": pseudonym, "patient": number}).to_string())
}

/// The key table, open for an export: what is added is sealed and kept in its place.
pub(crate) fn keys(keys: &Path, keeper_key: &Path) -> anyhow::Result<Keys> {
    let sealing = key(keeper_key)?;
    let table = open(keys, &sealing)?;
    let keys = keys.to_owned();
    let keep =
        move |table: &KeyTable| keep(&keys, table, &sealing).map_err(|error| KeepError(format!("{error:#}")));
    Ok(Keys {
        table,
        keep: Box::new(keep),
    })
}

fn key(path: &Path) -> anyhow::Result<KeeperKey> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))?;
    KeeperKey::parse(&text).with_context(|| format!("the key {}", path.display()))
}

fn open(path: &Path, key: &KeeperKey) -> anyhow::Result<KeyTable> {
    let bytes = fs::read(path).with_context(|| format!("cannot read the key table {}", path.display()))?;
    KeyTable::open(&bytes, key).with_context(|| format!("the key table {}", path.display()))
}

/// Seals a table and puts it in the place of the one before it, whole or not at all.
fn keep(path: &Path, table: &KeyTable, key: &KeeperKey) -> anyhow::Result<()> {
    let sealed = table.seal(key, random()?)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let mut file = File::create(&part).with_context(|| format!("cannot write beside {}", path.display()))?;
    file.write_all(&sealed)?;
    file.sync_all()?;
    fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}
