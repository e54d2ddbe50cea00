//! Tests that need the inner side of the audit trail.
#![expect(clippy::non_ascii_literal, reason = "test entries are Japanese")]

mod bench;
mod events;
mod forged;
mod store;
mod tamper;
mod tree;

use crate::audit::{
    AuditAgent, AuditEntity, AuditEntry, AuditOutcome, AuditSource, AuditSubtype, Purpose, PurposeOfUse,
};
use crate::ids::{DocumentId, PatientId};
use crate::stamp::Moment;

/// An entry of the usual size, number `number`.
pub(super) fn entry(number: i64) -> AuditEntry {
    let subtypes = [AuditSubtype::Read, AuditSubtype::Search, AuditSubtype::Sign];
    let subtype = subtypes[usize::try_from(number.rem_euclid(3)).unwrap()];
    let agent = AuditAgent {
        who: format!("user-{}", number % 7),
        name: Some("山田 太郎".to_owned()),
        role: Some("physician".to_owned()),
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: Some("hospital.example.org".to_owned()),
        observer: "tsumugi".to_owned(),
        address: Some("https://tsumugi.example.org".to_owned()),
    };
    let entity = match subtype {
        AuditSubtype::Search => AuditEntity::Query(format!("concept=fever&page={number}")),
        _ => AuditEntity::document(DocumentId::new(number), Some(1)),
    };
    let at = format!(
        "2026-11-22T{:02}:{:02}:{:02}+09:00",
        number / 3600 % 24,
        number / 60 % 60,
        number % 60
    );
    AuditEntry {
        patient: Some(PatientId::new(number % 50 + 1)),
        entities: vec![entity],
        outcome: AuditOutcome::Success,
        purpose: Some(Purpose {
            code: PurposeOfUse::Treatment,
            reason: None,
        }),
        address: Some("192.0.2.7".to_owned()),
        request: Some(format!("cc6d168e-5871-11ec-bf63-{number:012}")),
        ..AuditEntry::new(Moment::parse(&at).unwrap(), agent, subtype, source)
    }
}
