//! `tsumugi patients …`: records that may be one person's, linking them and parting them again.

use super::account::OPERATOR;
use super::import::population;
use super::say;
use super::store::Place;
use crate::{audit, chart};
use anyhow::anyhow;
use serde_json::json;
use std::process::ExitCode;
use tsumugi_records::{AuditSubtype, PatientId, Population, Stamp, Store};

/// Most suspected pairs that are listed.
const MOST: usize = 10_000;

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Patients {
    /// Lists records that may be one person's, the likeliest first, one JSON line each. Nothing is linked by itself.
    Duplicates {
        /// Among the dummies.
        #[arg(long)]
        dummies: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Decides that two records are one person's: the first is read under the second. It can be undone.
    Link {
        #[command(flatten)]
        pair: Pair,
    },
    /// Undoes a link: both records are as they were.
    Unlink {
        /// Number of the patient whose record was linked into another.
        number: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Among the dummies.
        #[arg(long)]
        dummies: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Decides that two records are not one person's: they are not listed again.
    Refuse {
        #[command(flatten)]
        pair: Pair,
    },
}

/// Two records, and why something is decided about them.
#[derive(clap::Args)]
pub(crate) struct Pair {
    /// Number of the patient whose record goes into the other.
    number: String,
    /// Number of the patient under whom both are read.
    into: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Among the dummies.
    #[arg(long)]
    dummies: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs a command.
pub(crate) fn run(what: &Patients) -> anyhow::Result<ExitCode> {
    match what {
        Patients::Duplicates { dummies, place } => {
            let store = place.open_reading()?;
            for found in store.duplicates(population(*dummies), MOST)? {
                let number = |id: PatientId| store.patient(id).map(|record| record.details.number);
                let line = json!({
                    "patient": number(found.patient)?, "other": number(found.other)?,
                    "score": found.score, "reasons": found.reasons,
                });
                say(&line.to_string())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Patients::Link { pair } => pair.decide("linked", |store, patient, other| {
            Ok(store.link_patients(patient, other, &pair.reason, stamp())?)
        }),
        Patients::Refuse { pair } => pair.decide("refused", |store, patient, other| {
            Ok(store.refuse_link(patient, other, &pair.reason, stamp())?)
        }),
        Patients::Unlink {
            number,
            reason,
            dummies,
            place,
        } => {
            let store = place.open_existing()?;
            let patient = record(&store, population(*dummies), number)?;
            let entry = audit::entry(AuditSubtype::Update, OPERATOR, patient)?;
            store.audited(entry).unlink_patient(patient, reason, stamp())?;
            say(&json!({"unlinked": number}).to_string())
        }
    }
}

impl Pair {
    /// Carries out a decision; the trail tells of it for both records.
    fn decide(
        &self,
        word: &str,
        decide: impl Fn(&Store, PatientId, PatientId) -> anyhow::Result<()>,
    ) -> anyhow::Result<ExitCode> {
        let store = self.place.open_existing()?;
        let population = population(self.dummies);
        let patient = record(&store, population, &self.number)?;
        let other = record(&store, population, &self.into)?;
        let entry = |of| audit::entry(AuditSubtype::Update, OPERATOR, of);
        decide(&store.audited(entry(patient)?), patient, other)?;
        store.audit_read(&entry(other)?)?;
        say(&json!({word: [self.number, self.into]}).to_string())
    }
}

/// The record that shows a number, not the one it is read under.
fn record(store: &Store, population: Population, number: &str) -> anyhow::Result<PatientId> {
    store
        .own_record(population, number)?
        .ok_or_else(|| anyhow!("no patient has the number {number} (dummies: add --dummies)"))
}

fn stamp() -> Stamp {
    Stamp {
        author: OPERATOR.to_owned(),
        at: chart::moment(chart::now()),
    }
}
