//! `tsumugi retention …`: what is past its time of keeping, approved by two people with accounts, and removed by a logged job.

use super::access::numbered;
use super::account::{OPERATOR, gate};
use super::store::Place;
use super::{remark, say};
use crate::access::{Actor, Gate, Origin};
use crate::retention::{Classes, approvers};
use crate::{audit, chart, timekeeping};
use anyhow::{Context as _, anyhow, bail};
use jiff::civil::Date;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::process::ExitCode;
use tsumugi_access::{Action, Activity, AddressGroup};
use tsumugi_records::{
    AuditEntity, AuditEntry, AuditSubtype, DocumentId, KeptDocument, Population, Removal, Stamp, Store,
};

/// Longest line with a password or code, in bytes.
const LONGEST_LINE: u64 = 4096;

/// What is done. Stop the server first for all but `list` and `tombstones`.
#[derive(clap::Subcommand)]
pub(crate) enum Retention {
    /// Lists the documents that are past their day: JSON lines, with who has approved. With `--all` every document.
    List {
        /// Every document of a real patient, with the day until which it is kept.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Tells that the course of a patient ended, from which day the years count.
    Close {
        /// Number of the patient.
        patient: String,
        /// The day, e.g. 2026-03-31.
        #[arg(long)]
        day: Date,
        #[command(flatten)]
        place: Place,
    },
    /// Tells that the course goes on.
    Reopen(Marked),
    /// Holds everything of a patient, whatever its day (a lawsuit, an inquiry).
    Hold(Marked),
    /// Ends a hold.
    Release(Marked),
    /// Names a class by which everything of a patient is kept where it is the longer, e.g. biological.
    Class {
        /// Number of the patient.
        patient: String,
        /// Name of the class.
        class: String,
        #[command(flatten)]
        place: Place,
    },
    /// Approves removals. Reads the password of the account, and the code of its second factor where it has one, each on a
    /// line of standard input.
    Approve {
        /// Account of who approves: one whom the rules allow to oversee.
        #[arg(long)]
        user: String,
        /// Numbers of the documents.
        #[arg(required = true)]
        documents: Vec<i64>,
        #[command(flatten)]
        place: Place,
    },
    /// Removes what is past its day and approved by two people; of the documents that are named, where any are.
    Run {
        /// Numbers of the documents.
        documents: Vec<i64>,
        #[command(flatten)]
        place: Place,
    },
    /// What stays of removed documents: JSON lines.
    Tombstones(Place),
}

/// A patient, and why.
#[derive(clap::Args)]
pub(crate) struct Marked {
    /// Number of the patient.
    patient: String,
    /// Why.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

/// Runs a command.
pub(crate) fn run(what: &Retention) -> anyhow::Result<ExitCode> {
    match what {
        Retention::List { all, place } => list(place, *all),
        Retention::Close { patient, day, place } => close(place, patient, *day),
        Retention::Reopen(marked) => marked.mark("course goes on", |store, id, reason| {
            store.set_course_end(id, None, reason, stamp())
        }),
        Retention::Hold(marked) => marked.mark("hold", |store, id, reason| {
            store.set_hold(id, true, reason, stamp())
        }),
        Retention::Release(marked) => marked.mark("release", |store, id, reason| {
            store.set_hold(id, false, reason, stamp())
        }),
        Retention::Class {
            patient,
            class,
            place,
        } => classed(place, patient, class),
        Retention::Approve {
            user,
            documents,
            place,
        } => {
            let store = place.open_existing()?;
            let classes = Classes::of(&place.folder()?)?;
            let mut lines = std::io::stdin().lock().lines();
            let mut next = || lines.next().transpose().map(Option::unwrap_or_default);
            let (password, code) = (next()?, next()?);
            let typed = (cut(&password), cut(&code));
            let approved = approve(&store, &gate(&store)?, &classes, (user, typed), documents)?;
            say(&json!({"approved": approved, "by": user}).to_string())
        }
        Retention::Run { documents, place } => {
            let store = place.open_existing()?;
            let classes = Classes::of(&place.folder()?)?;
            let removed = remove(&store, &classes, documents)?;
            say(&json!({"removed": removed}).to_string())
        }
        Retention::Tombstones(place) => {
            for stone in place.open_reading()?.tombstones()? {
                say(&serde_json::to_string(&stone)?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A line of sensible length, without its end.
fn cut(line: &str) -> &str {
    let length = usize::try_from(LONGEST_LINE).unwrap_or(usize::MAX);
    line.get(..length.min(line.len()))
        .unwrap_or_default()
        .trim_end_matches('\r')
}

fn stamp() -> Stamp {
    Stamp {
        author: OPERATOR.to_owned(),
        at: chart::moment(chart::now()),
    }
}

fn entry(patient: tsumugi_records::PatientId, says: &str) -> anyhow::Result<AuditEntry> {
    let entry = audit::of_name(OPERATOR, AuditSubtype::PolicyChange)?;
    let mut entry = audit::about(entry, patient);
    entry
        .entities
        .push(AuditEntity::Query(format!("retention: {says}")));
    Ok(entry)
}

impl Marked {
    fn mark(
        &self,
        word: &str,
        work: impl FnOnce(&Store, tsumugi_records::PatientId, &str) -> Result<(), tsumugi_records::StoreError>,
    ) -> anyhow::Result<ExitCode> {
        let store = self.place.open_existing()?;
        let id = numbered(&store, &self.patient)?;
        let audited = store.audited(entry(id, &format!("{word}: {}", self.reason))?);
        work(&audited, id, &self.reason)?;
        say(&json!({"patient": self.patient, "retention": word}).to_string())
    }
}

fn close(place: &Place, patient: &str, day: Date) -> anyhow::Result<ExitCode> {
    let store = place.open_existing()?;
    let id = numbered(&store, patient)?;
    if day > chart::now().date() {
        bail!("{day} has not come: a course ends on a day that was");
    }
    let audited = store.audited(entry(id, &format!("course ended {day}"))?);
    audited.set_course_end(id, Some(day), "", stamp())?;
    say(&json!({"patient": patient, "course_end": day.to_string()}).to_string())
}

fn classed(place: &Place, patient: &str, class: &str) -> anyhow::Result<ExitCode> {
    let store = place.open_existing()?;
    let classes = Classes::of(&place.folder()?)?;
    let found = classes.named(class);
    let found = found
        .ok_or_else(|| anyhow!("no class {class}; the classes are those of data/policy/retention.tsv"))?;
    let id = numbered(&store, patient)?;
    let audited = store.audited(entry(id, &format!("class {class}"))?);
    audited.set_retention_class(id, class, stamp())?;
    say(&json!({"patient": patient, "class": class, "years": found.years}).to_string())
}

fn list(place: &Place, all: bool) -> anyhow::Result<ExitCode> {
    let store = place.open_reading()?;
    let classes = Classes::of(&place.folder()?)?;
    let today = chart::now().date();
    for document in store.kept_documents()? {
        let past = classes.past(&document, today);
        if past.is_none() && !all {
            continue;
        }
        let class = classes.class_of(&document);
        let row = json!({
            "document": document.document, "patient": document.number, "kind": document.kind,
            "written": document.written.to_string(), "course_end": document.course_end.map(|day| day.to_string()),
            "class": class.map(|class| class.name.as_str()), "years": class.map(|class| class.years),
            "law": class.map(|class| class.law.as_str()),
            "kept_until": classes.kept_until(&document).map(|day| day.to_string()),
            "held": document.is_held, "past": past.is_some(),
            "approved": past.as_ref().map(|removal| approvers(&document, removal)),
        });
        say(&row.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The removals of the documents that are named, or of all that are past their day.
fn past(store: &Store, classes: &Classes, named: &[i64]) -> anyhow::Result<Vec<(KeptDocument, Removal)>> {
    let named: BTreeSet<DocumentId> = named.iter().copied().map(DocumentId::new).collect();
    for document in &named {
        let found = store.document(*document)?;
        if store.patient(found.patient)?.population == Population::Dummy {
            bail!(
                "document {document} is a dummy's: nothing was done; dummies go by `tsumugi dummies remove`"
            );
        }
    }
    let today = chart::now().date();
    let mut found = Vec::new();
    for document in store.kept_documents()? {
        let is_named = named.contains(&document.document);
        match classes.past(&document, today) {
            Some(removal) if is_named || named.is_empty() => found.push((document, removal)),
            None if is_named => {
                let until = classes.kept_until(&document).map(|day| day.to_string());
                bail!(
                    "document {} is not past its day ({}), held, or waits for its physician: nothing was done",
                    document.document,
                    until.unwrap_or_else(|| "the course has not ended".to_owned())
                );
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Approves removals under an account, after its password (and second factor) were verified.
pub(crate) fn approve(
    store: &Store,
    gate: &Gate,
    classes: &Classes,
    (user, (password, code)): (&str, (&str, &str)),
    documents: &[i64],
) -> anyhow::Result<Vec<DocumentId>> {
    let actor = signed_in(store, gate, user, (password, code))?;
    if !actor.may(Action::Oversee) {
        let entry = audit::of(&actor, AuditSubtype::Delete)?;
        store.audit_read(&audit::refused(entry, "oversee refused"))?;
        bail!("{user} may not approve removals: the rules of access let only those do it who oversee");
    }
    let removals = past(store, classes, documents)?;
    let mut approved = Vec::new();
    for (document, removal) in removals {
        let mut entry = audit::of_patient(&actor, AuditSubtype::Update, document.patient)?;
        let says = format!("retention: removal of document {} approved", document.document);
        entry.entities.push(AuditEntity::Query(says));
        let stamp = Stamp {
            author: actor.user().id.to_string(),
            at: chart::moment(chart::now()),
        };
        store.audited(entry).approve_removal(removal, stamp)?;
        approved.push(document.document);
    }
    Ok(approved)
}

/// Verifies an account as at the sign-in page; the session ends at once.
fn signed_in(
    store: &Store,
    gate: &Gate,
    user: &str,
    (password, code): (&str, &str),
) -> anyhow::Result<Actor> {
    let group = AddressGroup::of(None);
    let signed = gate.sign_in(store, (user, password), (OPERATOR, &group))?;
    let mut token = signed.token.reveal();
    if signed.wants_second {
        let (second, _) = gate
            .second_factor(store, &token, (code, &group))
            .context("the code of the second factor stands on the second line")?;
        token = second.reveal();
    }
    let actor = gate.resolve(store, &token, Activity::Person, &Origin::default())?;
    gate.sign_out(store, &token, audit::of(&actor, AuditSubtype::Logout)?)?;
    Ok(actor)
}

/// Removes what is past its day and approved by two people.
pub(crate) fn remove(store: &Store, classes: &Classes, documents: &[i64]) -> anyhow::Result<Vec<DocumentId>> {
    let doubts = timekeeping::doubts(store)?;
    let wrong = doubts.iter().find(|doubt| **doubt != timekeeping::Doubt::NoZone);
    if let Some(doubt) = wrong {
        bail!("nothing was removed: {doubt}");
    }
    let mut removed = Vec::new();
    for (document, removal) in past(store, classes, documents)? {
        let by = approvers(&document, &removal);
        if by.len() < 2 {
            if !documents.is_empty() {
                bail!(
                    "document {} is approved by {} of two people",
                    document.document,
                    by.len()
                );
            }
            continue;
        }
        let mut entry = audit::of_name(OPERATOR, AuditSubtype::Delete)?;
        entry.patient = Some(document.patient);
        let says = format!(
            "retention: {} kept until {}, approved by {}",
            removal.class,
            removal.kept_until,
            by.join(" ")
        );
        entry.entities.push(AuditEntity::Query(says));
        store.audited(entry).remove_document(removal, stamp())?;
        removed.push(document.document);
    }
    if removed.is_empty() {
        remark("nothing is past its day and approved by two people");
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
