//! What the program leaves in the audit trail: who read or signed whose record.
//!
//! Until there are accounts, an author is the name that he gave himself: the trail says what was done under that name.

use jiff::Timestamp;
use tsumugi_records::{
    AuditAgent, AuditEntity, AuditEntry, AuditSource, AuditSubtype, Moment, PatientId, StoreError,
};

/// Now in UTC, as entries tell it.
pub(crate) fn now() -> Result<Moment, StoreError> {
    const FORMAT: &str = "%Y-%m-%dT%H:%M:%SZ";
    Moment::parse(&Timestamp::now().strftime(FORMAT).to_string())
}

/// An entry about the record of a patient.
pub(crate) fn entry(
    subtype: AuditSubtype,
    author: &str,
    patient: PatientId,
) -> Result<AuditEntry, StoreError> {
    const OBSERVER: &str = "tsumugi";
    let agent = AuditAgent {
        who: author.to_owned(),
        name: Some(author.to_owned()),
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: OBSERVER.to_owned(),
        address: None,
    };
    let mut entry = AuditEntry::new(now()?, agent, subtype, source);
    entry.patient = Some(patient);
    entry.entities.push(AuditEntity::patient(patient));
    Ok(entry)
}
