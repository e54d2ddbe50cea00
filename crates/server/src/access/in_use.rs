//! Words of the schema that are in use: an edit of the rules must not take them away, or nothing would be said of them.

use super::{Gate, kind_of_role, note_kind};
use std::collections::BTreeSet;
use tsumugi_access::{Policy, PolicyEditError, PolicyText, User};
use tsumugi_records::{AccessKind, Population, Store, StoreError};

/// Roles of active accounts with the notes they write, and restrictions of records, that `policy` does not have; each as
/// `role nurse`, in order.
fn missing(store: &Store, users: &[User], policy: &Policy) -> Result<BTreeSet<String>, StoreError> {
    let mut missing = BTreeSet::new();
    for user in users {
        if !policy.roles().contains(&user.role) {
            missing.insert(format!("role {}", user.role));
        }
        let kind = note_kind(kind_of_role(user.role.as_str()));
        if !policy.note_kinds().iter().any(|own| own.as_str() == kind) {
            missing.insert(format!("kind of note {kind}"));
        }
    }
    for population in [Population::Real, Population::Dummy] {
        for facts in store.all_access_facts(population)?.values() {
            let all = std::iter::once(&facts.patient).chain(facts.documents.values());
            let labels = all.filter_map(|names| names.get(&AccessKind::Label)).flatten();
            for label in labels {
                if !policy.labels().iter().any(|own| own.as_str() == label) {
                    missing.insert(format!("restriction {label}"));
                }
            }
        }
    }
    Ok(missing)
}

/// What speaks against an edit of the rules: words that are in use and that it no longer has. Mistakes of the text are told
/// elsewhere.
///
/// # Errors
/// Only those of the file.
pub(crate) fn speaks_against(
    store: &Store,
    gate: &Gate,
    text: &PolicyText,
) -> Result<Option<PolicyEditError>, StoreError> {
    let Ok(policy) = Policy::read(text) else {
        return Ok(None);
    };
    let missing = missing(store, &gate.active_users(), &policy)?;
    let words: Vec<String> = missing.into_iter().collect();
    Ok((!words.is_empty()).then(|| PolicyEditError::InUse(words.join(", "))))
}
