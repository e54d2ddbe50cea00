//! Dead letters: listing them, showing one, reading them again.

use super::readers::{self, Read};
use super::{Engine, Importer, Setting, site};
use crate::advice::Advice;
use crate::commands::{OPERATOR, say};
use crate::{audit, chart};
use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_coding::Coder;
use tsumugi_records::{AuditEntity, AuditSubtype, DeadLetter, DeadLetterId, Stamp, Store};

/// Letters that are listed at once.
const PAGE: u32 = 500;

/// What became of letters that were read again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Replayed {
    /// Letters that were read.
    pub(crate) letters: u64,
    /// Letters all of which is in now.
    pub(crate) accepted: u64,
    /// Letters of which something is not.
    pub(crate) rejected: u64,
    /// Why, for those: number and message.
    pub(crate) reasons: Vec<(i64, String)>,
}

/// Prints the letters, a JSON line each.
pub(crate) fn list(store: &Store, all: bool) -> anyhow::Result<ExitCode> {
    each(store, all, |letter| {
        say(&line(&letter).to_string())?;
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn each(
    store: &Store,
    all: bool,
    mut take: impl FnMut(DeadLetter) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = store.dead_letters(after, all, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        page.into_iter().try_for_each(&mut take)?;
    }
}

/// Prints one letter.
pub(crate) fn show(store: &Store, id: i64, bytes: bool) -> anyhow::Result<ExitCode> {
    let id = DeadLetterId::new(id);
    if !bytes {
        let (letter, _) = store.dead_letter(id)?;
        return say(&line(&letter).to_string());
    }
    // The bytes may be a patient's.
    let mut entry = audit::of_name(OPERATOR, AuditSubtype::Read)?;
    entry.entities.push(named(id));
    let (_, bytes) = store.dead_letter(id)?;
    if store.is_writable() {
        store.audit_read(&entry)?;
    } else {
        anyhow::bail!(
            "the store is in use by a running server; stop it to see bytes, so that the trail tells of it"
        );
    }
    std::io::stdout().lock().write_all(&bytes)?;
    Ok(ExitCode::SUCCESS)
}

fn named(id: DeadLetterId) -> AuditEntity {
    AuditEntity::Resource {
        kind: "Binary".to_owned(),
        name: format!("dead-letter-{id}"),
        version: None,
    }
}

fn line(letter: &DeadLetter) -> Value {
    let problem: Value = serde_json::from_str(&letter.problem).unwrap_or(Value::Null);
    json!({
        "id": letter.id.get(), "standard": letter.standard, "way": letter.way, "file": letter.place.file,
        "line": letter.place.line, "code": letter.code, "problem": problem, "bytes": letter.size,
        "at": letter.stamp.at.as_str(), "replays": letter.replays, "accepted": letter.accepted,
    })
}

/// Reads letters again: those of `ids`, or all that are not in yet.
///
/// # Errors
/// When the store fails, or a letter is not there.
pub(crate) fn replay(
    store: &Store,
    coder: Coder,
    ids: &[i64],
    patient: Option<&str>,
) -> anyhow::Result<Replayed> {
    let coder = Arc::new(coder);
    let advice = Advice::open(Arc::clone(&coder), store)?;
    let stating = readers::stating();
    let engine = Engine {
        store,
        coder: &coder,
        advice: &advice,
        stating: &*stating,
    };
    let mut wanted: Vec<DeadLetterId> = ids.iter().copied().map(DeadLetterId::new).collect();
    if wanted.is_empty() {
        each(store, false, |letter| {
            wanted.push(letter.id);
            Ok(())
        })?;
    }
    let facility = site::facility(store, None, OPERATOR)?;
    let mut replayed = Replayed::default();
    for id in wanted {
        again(engine, id, (facility.as_deref(), patient), &mut replayed)?;
    }
    Ok(replayed)
}

fn again(
    engine: Engine<'_>,
    id: DeadLetterId,
    (facility, patient): (Option<&str>, Option<&str>),
    replayed: &mut Replayed,
) -> anyhow::Result<()> {
    let (letter, bytes) = engine.store.dead_letter(id)?;
    let standard = readers::named(&letter.standard).context("a dead letter of an unknown standard")?;
    let read: Read = readers::of(standard);
    let setting = Setting {
        standard,
        population: letter.population,
        facility: facility.map(str::to_owned),
        way: "replay",
        author: OPERATOR.to_owned(),
        address: None,
        patient: patient.map(str::to_owned),
        clock: None,
        replay_of: Some(id),
    };
    let mut importer = Importer::new(engine, setting, None);
    importer.read(&read, &letter.place.file, &mut bytes.as_slice())?;
    let report = importer.finish()?;
    let accepted = report.rejected == 0 && report.accepted > 0;
    let stamp = Stamp {
        author: OPERATOR.to_owned(),
        at: chart::moment(chart::now()),
    };
    let mut entry = audit::of_name(OPERATOR, AuditSubtype::Update)?;
    entry.entities.push(named(id));
    engine.store.audited(entry).note_replay(id, accepted, stamp)?;
    replayed.letters += 1;
    if accepted {
        replayed.accepted += 1;
        return Ok(());
    }
    replayed.rejected += 1;
    let why = report
        .gravest()
        .map_or_else(|| "there is no statement in it".to_owned(), ToString::to_string);
    replayed.reasons.push((id.get(), why));
    Ok(())
}
