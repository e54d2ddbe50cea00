//! `tsumugi access …`: how a patient's record stands to the people of the hospital, for bringing a whole hospital in.

use super::account::{OPERATOR, gate};
use super::say;
use super::store::Place;
use crate::{audit, chart};
use anyhow::{anyhow, bail};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::ExitCode;
use tsumugi_access::{CareTeamId, DepartmentId, UserId};
use tsumugi_records::{AccessKind, AuditEntity, AuditSubtype, PatientId, Population, Stamp, Store};

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Access {
    /// Prints how a record stands.
    Show {
        /// Number of the patient.
        patient: String,
        #[command(flatten)]
        place: Place,
    },
    /// Replaces names; a kind of which none is given stays as it is, `-` clears it. Stop the server first.
    Set {
        /// Number of the patient.
        patient: String,
        /// Departments that treat the patient.
        #[arg(long = "department")]
        departments: Vec<String>,
        /// Care teams.
        #[arg(long = "team")]
        teams: Vec<String>,
        /// Users in whose charge the patient is.
        #[arg(long)]
        attending: Vec<String>,
        /// The patient's own account.
        #[arg(long)]
        own_account: Option<String>,
        /// Restrictions.
        #[arg(long = "label")]
        labels: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
}

/// Runs a command.
pub(crate) fn run(what: &Access) -> anyhow::Result<ExitCode> {
    match what {
        Access::Show { patient, place } => {
            let store = place.open_reading()?;
            let id = numbered(&store, patient)?;
            say(&json!({"patient": patient, "access": store.access_facts(id)?.patient}).to_string())
        }
        Access::Set {
            patient,
            departments,
            teams,
            attending,
            own_account,
            labels,
            place,
        } => {
            let store = place.open_existing()?;
            let id = numbered(&store, patient)?;
            let own: Vec<String> = own_account.iter().cloned().collect();
            for (kind, given) in [
                (AccessKind::Department, departments),
                (AccessKind::CareTeam, teams),
                (AccessKind::Attending, attending),
                (AccessKind::OwnAccount, &own),
                (AccessKind::Label, labels),
            ] {
                set(&store, id, kind, given)?;
            }
            say(&json!({"patient": patient, "access": store.access_facts(id)?.patient}).to_string())
        }
    }
}

fn set(store: &Store, id: PatientId, kind: AccessKind, given: &[String]) -> anyhow::Result<()> {
    const NONE: &str = "-";
    if given.is_empty() {
        return Ok(());
    }
    let knows = gate(store)?;
    let mut names = BTreeSet::new();
    for name in given.iter().filter(|name| *name != NONE) {
        names.insert(match kind {
            AccessKind::Department => DepartmentId::parse(name)?.into(),
            AccessKind::CareTeam => CareTeamId::parse(name)?.into(),
            AccessKind::Attending | AccessKind::OwnAccount => UserId::parse(name)?.into(),
            AccessKind::Label if knows.knows_label(name) => name.clone(),
            AccessKind::Label => bail!("label {name}: the policy knows no such restriction"),
        });
    }
    let mut entry = audit::about(audit::of_name(OPERATOR, AuditSubtype::PolicyChange)?, id);
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    entry.entities.push(AuditEntity::Query(format!(
        "{}: {}",
        kind.as_str(),
        list.join(" ")
    )));
    let stamp = Stamp {
        author: OPERATOR.to_owned(),
        at: chart::moment(chart::now()),
    };
    store
        .audited(entry)
        .set_access_names(id, None, kind, names, stamp)?;
    Ok(())
}

/// The patient of a number: a real one if there is, else a dummy.
pub(super) fn numbered(store: &Store, number: &str) -> anyhow::Result<PatientId> {
    for population in [Population::Real, Population::Dummy] {
        if let Some(id) = store.find_patient(population, number)? {
            return Ok(id);
        }
    }
    Err(anyhow!("no patient has the number {number}"))
}
