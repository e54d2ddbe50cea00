//! Handing over the data of a study: the decision about everybody, the table, its manifest, and the folder that appears whole or
//! not at all. The command line and the page ask the same function.
//!
//! **Nothing leaves by halves.** Files are written into a hidden folder, brought to the disk, and the folder gets its name only
//! after the store has noted the export as delivered, in one transaction with the last question whether all consents hold. A
//! withdrawal before that ends the export: the store marks it in the transaction of the withdrawal, and the writer, who asks
//! before each batch, takes the files away.
//!
//! **The same again.** Within one consent epoch the same question gives the same bytes: rows are sorted, pseudonyms follow from
//! the key table, noise is kept in the store with the budget it spent, and neither file nor manifest holds a time.

mod files;
mod order;
mod table;

pub(crate) use order::{KeepError, Keys, Order, Provided, Refusal};

use crate::audit;
use std::path::Path;
use tsumugi_anonymize::write::WriteError;
use tsumugi_anonymize::{Hierarchies, read_people};
use tsumugi_records::consent::{
    ExportEnd, ExportId, ExportStart, NewExport, PermittedSet, Rerun, SetEnded, SetRequest, Study,
};
use tsumugi_records::{AuditEntity, AuditEntry, Moment, Stamp, Store};

/// Entries of the audit trail that are sent together.
const ENTRIES: usize = 1_000;

/// What an export needs beside the order.
pub(crate) struct Desk<'d> {
    /// The store.
    pub(crate) store: &'d Store,
    /// The tables of `data/anonymize`.
    pub(crate) hierarchies: &'d Hierarchies,
    /// Edition of the vocabulary.
    pub(crate) edition: &'d str,
    /// The clock.
    pub(crate) now: &'d dyn Fn() -> Moment,
    /// The entry that the export leaves in the audit trail, once for each person.
    pub(crate) entry: AuditEntry,
}

/// Carries out an order: below `folder` a folder with the table and its manifest comes into being.
///
/// # Errors
/// What is refused, with its reason; nothing is then in `folder`.
pub(crate) fn provide(
    desk: &Desk<'_>,
    order: &Order,
    keys: Option<&mut Keys>,
    folder: &Path,
) -> Result<Provided, Refusal> {
    let outcome = provide_unaudited(desk, order, keys, folder);
    if let Err(refusal) = &outcome {
        let entry = audit::refused(desk.entry.clone(), &refusal.to_string());
        desk.store.audit_read(&about(entry, order))?;
    }
    outcome
}

fn about(mut entry: AuditEntry, order: &Order) -> AuditEntry {
    entry.entities.push(AuditEntity::Query(order.to_string()));
    entry
}

fn provide_unaudited(
    desk: &Desk<'_>,
    order: &Order,
    keys: Option<&mut Keys>,
    folder: &Path,
) -> Result<Provided, Refusal> {
    let study = desk.store.study(&order.study)?.study;
    let query = order.query(&study, desk.hierarchies, keys.is_some())?;
    let now = (desk.now)();
    if let Some(again) = order.again {
        may_repeat(desk.store, again, &query.sha256(), &now)?;
    }
    let asked = SetRequest {
        study: study.id.clone(),
        purpose: study.purpose,
        kinds: order.kinds(&study),
        recipient: order.recipient.clone(),
        actor: order.by.clone(),
        at: now.clone(),
    };
    let set = desk.store.permit_set(asked)?.map_err(Refusal::Consent)?;
    if set.is_empty() {
        return Err(Refusal::Nobody);
    }
    let begun = NewExport {
        query: query.sha256(),
        form: order.form,
        stamp: Stamp {
            author: order.by.clone(),
            at: now,
        },
    };
    let export = match desk.store.begin_export(&set, begun)? {
        ExportStart::Begun(export) => export,
        ExportStart::Refused(reason) => return Err(Refusal::Consent(reason)),
        ExportStart::Ended(ended) => return Err(Refusal::Ended(ended)),
    };
    let made = carry_out(desk, order, query, (&study, set, export), keys, folder);
    if made.is_err() {
        // One that a withdrawal has ended stays as it is.
        desk.store.abort_export(export, (desk.now)())?;
    }
    made
}

/// An export is repeated only where it is the same question and nobody in it has taken anything back.
fn may_repeat(store: &Store, again: ExportId, query: &str, now: &Moment) -> Result<(), Refusal> {
    if store.export_delivery(again)?.query != query {
        return Err(Refusal::OtherQuery(again));
    }
    match store.may_rerun(again, now)? {
        Rerun::Allowed => Ok(()),
        Rerun::Refused { withdrawn } => Err(Refusal::Withdrawn {
            export: again,
            withdrawn,
        }),
        Rerun::Study(reason) => Err(Refusal::Consent(reason)),
    }
}

fn carry_out(
    desk: &Desk<'_>,
    order: &Order,
    query: tsumugi_anonymize::manifest::Query,
    (study, set, export): (&Study, PermittedSet, ExportId),
    keys: Option<&mut Keys>,
    folder: &Path,
) -> Result<Provided, Refusal> {
    let people = read_people(desk.store, &set, order.period, desk.hierarchies, desk.now)?;
    let made = table::make(order, &people, keys, desk.hierarchies)?;
    let mut manifest = table::manifest(desk, study, &set, query);
    made.describe(&mut manifest, &set, people.persons.len() as u64, desk.hierarchies);
    manifest.noisy = table::noisy(desk, order, &people, &manifest)?;
    let mut part = files::Part::new(folder, export)?;
    let mut holds = || -> Result<(), Refusal> {
        match set.still_holds(desk.store, &(desk.now)())? {
            Ok(()) => Ok(()),
            Err(ended) => Err(Refusal::Ended(ended)),
        }
    };
    let written = part.write(&made.table, made.rows_are, order.format, &mut holds);
    let file = written.map_err(|error| match error {
        WriteError::Ended(refusal) => refusal,
        WriteError::Io(error) => Refusal::Io(error),
        WriteError::Format(what) => Refusal::Format(what),
    })?;
    let rows = file.rows;
    manifest.files.push(file);
    let bytes = manifest
        .to_bytes()
        .map_err(|error| Refusal::Format(error.to_string()))?;
    part.add("manifest.json", &bytes)?;
    let name = format!(
        "{}-epoch-{}-{}",
        study.id,
        set.epoch(),
        manifest.query_sha256.get(..12).unwrap_or_default()
    );
    part.may_become(&name)?;
    leave_entries(desk, order, &set)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match desk.store.finish_export(export, set, text, (desk.now)())? {
        ExportEnd::Delivered => Ok(Provided {
            export,
            folder: part.becomes(&name)?,
            rows,
        }),
        ExportEnd::Aborted(ended) => Err(Refusal::Ended(ended)),
    }
}

/// What concerns many persons is one entry for each (IHE BALP); all are durable before the folder has its name.
fn leave_entries(desk: &Desk<'_>, order: &Order, set: &PermittedSet) -> Result<(), Refusal> {
    let entry = about(desk.entry.clone(), order);
    let mut waiting = Vec::new();
    for person in set.persons() {
        waiting.push(audit::about(entry.clone(), person));
        if waiting.len() == ENTRIES {
            desk.store.audit_send(&waiting)?.wait()?;
            waiting.clear();
        }
    }
    desk.store.audit_send(&waiting)?.wait()?;
    Ok(())
}

/// Why a set no longer holds, in words.
pub(crate) fn ended_words(ended: &SetEnded) -> String {
    match ended {
        SetEnded::Withdrawn { persons } => {
            format!("{persons} persons in it have taken something back meanwhile")
        }
        SetEnded::Study(reason) => reason.to_string(),
    }
}
