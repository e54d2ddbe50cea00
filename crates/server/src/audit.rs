//! What the program leaves in the audit trail: who read, wrote, signed, searched or took out whose record, who signed in,
//! and who changed accounts and rules.

use crate::access::Actor;
use jiff::Timestamp;
use tsumugi_access::{CareTeamId, User};
use tsumugi_records::{
    AuditAgent, AuditEntity, AuditEntry, AuditOutcome, AuditSource, AuditSubtype, Moment, PatientId, Purpose,
    PurposeOfUse, StoreError,
};

/// Name of this system in entries.
const OBSERVER: &str = "tsumugi";

/// Now in UTC, as entries tell it.
pub(crate) fn now() -> Result<Moment, StoreError> {
    const FORMAT: &str = "%Y-%m-%dT%H:%M:%SZ";
    Moment::parse(&Timestamp::now().strftime(FORMAT).to_string())
}

/// An entry about what was done under a name: on the command line, by another system, before anybody is signed in.
pub(crate) fn of_name(name: &str, subtype: AuditSubtype) -> Result<AuditEntry, StoreError> {
    let agent = AuditAgent {
        who: name.to_owned(),
        name: Some(name.to_owned()),
        role: None,
        on_behalf_of: None,
    };
    Ok(AuditEntry::new(now()?, agent, subtype, source()))
}

/// An entry about the record of a patient, under a name.
pub(crate) fn entry(
    subtype: AuditSubtype,
    author: &str,
    patient: PatientId,
) -> Result<AuditEntry, StoreError> {
    Ok(about(of_name(author, subtype)?, patient))
}

/// How an app stands in the audit trail.
pub(crate) fn app_name(app: &str) -> String {
    format!("app:{app}")
}

/// An entry about what an app does for a person.
pub(crate) fn of_app(app: &str, user: Option<&str>, subtype: AuditSubtype) -> Result<AuditEntry, StoreError> {
    let mut entry = of_name(&app_name(app), subtype)?;
    entry.agent.on_behalf_of = user.map(str::to_owned);
    Ok(entry)
}

/// An entry about what somebody who is signed in does.
pub(crate) fn of(actor: &Actor, subtype: AuditSubtype) -> Result<AuditEntry, StoreError> {
    let user = actor.user();
    let name = user.id.to_string();
    // No account has a colon in its name, so that an app is never taken for a person.
    let (who, on_behalf_of) = match &actor.origin.app {
        Some(app) => (app_name(app), Some(name)),
        None => (name, None),
    };
    let agent = AuditAgent {
        who,
        name: Some(user.name.clone()),
        role: Some(user.role.to_string()),
        on_behalf_of,
    };
    let mut entry = AuditEntry::new(now()?, agent, subtype, source());
    entry.address.clone_from(&actor.origin.address);
    entry.request.clone_from(&actor.origin.request);
    Ok(entry)
}

/// An entry about what somebody who is signed in does with a patient's record; what an open emergency access may have
/// opened says so.
pub(crate) fn of_patient(
    actor: &Actor,
    subtype: AuditSubtype,
    patient: PatientId,
) -> Result<AuditEntry, StoreError> {
    let mut entry = about(of(actor, subtype)?, patient);
    let number = tsumugi_access::PatientId::new(patient.get());
    if actor.subject().emergencies.contains(&number) {
        entry.purpose = Some(Purpose {
            code: PurposeOfUse::BreakTheGlass,
            reason: None,
        });
    }
    Ok(entry)
}

/// Makes an entry one about a patient's record.
pub(crate) fn about(mut entry: AuditEntry, patient: PatientId) -> AuditEntry {
    entry.patient = Some(patient);
    entry.entities.push(AuditEntity::patient(patient));
    entry
}

/// Makes an entry one about something that was refused.
pub(crate) fn refused(mut entry: AuditEntry, why: &str) -> AuditEntry {
    entry.outcome = AuditOutcome::MinorFailure;
    // An entry without words is none, and a refusal must leave one.
    let why = if why.trim().is_empty() { "refused" } else { why };
    entry.outcome_text = Some(why.to_owned());
    entry
}

/// What an entry says of an account: everything that the rules of access ask about its person.
pub(crate) fn particulars(user: &User) -> String {
    let teams: Vec<&str> = user.care_teams.iter().map(CareTeamId::as_str).collect();
    format!(
        "{} role={} department={} teams={} active={}",
        user.id,
        user.role,
        user.department,
        teams.join(","),
        user.active
    )
}

/// Adds to an entry about an account what it was and what it becomes.
pub(crate) fn changes(mut entry: AuditEntry, before: Option<&User>, after: &User) -> AuditEntry {
    if let Some(before) = before {
        let says = format!("before: {}", particulars(before));
        entry.entities.push(AuditEntity::Query(says));
    }
    let says = format!("now: {}", particulars(after));
    entry.entities.push(AuditEntity::Query(says));
    entry
}

fn source() -> AuditSource {
    AuditSource {
        site: None,
        observer: OBSERVER.to_owned(),
        address: None,
    }
}
