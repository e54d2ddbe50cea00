//! Who may do what, as the store keeps it.

use crate::common::{note, patient, stamp};
use std::collections::BTreeSet;
use tsumugi_records::{
    AccessKind, AccessWrite, AuditAgent, AuditEntry, AuditFilter, AuditOutcome, AuditSource, AuditSubtype,
    DocumentId, Moment, Population, Store, StoreError,
};

fn put(kind: &str, key: &str, value: &str) -> AccessWrite {
    AccessWrite::Put {
        kind: kind.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn remove(kind: &str, key: &str) -> AccessWrite {
    AccessWrite::Remove {
        kind: kind.to_owned(),
        key: key.to_owned(),
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn entry() -> AuditEntry {
    let agent = AuditAgent {
        who: "admin".to_owned(),
        name: None,
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: "tsumugi".to_owned(),
        address: None,
    };
    let at = Moment::parse("2026-11-22T10:00:00Z").unwrap();
    AuditEntry::new(at, agent, AuditSubtype::AccountChange, source)
}

#[test]
fn rows_are_written_together_or_not_at_all() {
    let store = Store::open_in_memory().unwrap();
    store
        .save_access(vec![put("session", "b", "2"), put("session", "a", "1")])
        .unwrap();
    store.save_access(vec![put("session", "a", "3")]).unwrap();
    let rows = |store: &Store| store.access_rows("session").unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(rows(&store), [pair("a", "3"), pair("b", "2")]);
    store.save_access(vec![put("emergency", "1", "{}")]).unwrap();
    let both = vec![remove("session", "a"), remove("emergency", "1")];
    assert!(store.save_access(both).is_err());
    assert_eq!(rows(&store).len(), 2, "the removal before it is undone");
    store.save_access(vec![remove("session", "a")]).unwrap();
    assert_eq!(rows(&store), [pair("b", "2")]);
}

#[test]
fn versions_of_the_policy_are_only_added() {
    let store = Store::open_in_memory().unwrap();
    store
        .save_access(vec![put("policy", "0000000002", "two")])
        .unwrap();
    assert!(
        store
            .save_access(vec![put("policy", "0000000002", "other")])
            .is_err()
    );
    assert!(
        store
            .save_access(vec![put("policy", "0000000001", "one")])
            .is_err()
    );
    assert!(store.save_access(vec![remove("policy", "0000000002")]).is_err());
    store
        .save_access(vec![put("policy", "0000000003", "three")])
        .unwrap();
    let rows = store.access_rows("policy").unwrap();
    let values: Vec<&str> = rows.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["two", "three"]);
}

#[test]
fn a_change_and_its_entry_are_one() {
    let store = Store::open_in_memory().unwrap();
    store
        .audited(entry())
        .save_access(vec![put("account", "sato", "{}")])
        .unwrap();
    let failed = store
        .audited(entry())
        .save_access(vec![remove("account", "sato")]);
    assert!(failed.is_err());
    let filter = AuditFilter {
        agent: Some("admin"),
        limit: 10,
        ..AuditFilter::default()
    };
    let outcomes: Vec<AuditOutcome> = store
        .audit_entries(&filter)
        .unwrap()
        .into_iter()
        .map(|record| record.entry.outcome)
        .collect();
    assert_eq!(outcomes, [AuditOutcome::MinorFailure, AuditOutcome::Success]);
}

#[test]
fn how_a_record_stands_to_people() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let dummy = patient(&store, Population::Dummy, "1");
    let document = store.sign(note(who, "a note", Vec::new())).unwrap().document;
    let set = |patient, document, kind, list: &[&str]| {
        store.set_access_names(patient, document, kind, names(list), stamp())
    };
    set(who, None, AccessKind::Department, &["surgery", "internal"]).unwrap();
    set(who, None, AccessKind::Department, &["internal"]).unwrap();
    set(who, Some(document), AccessKind::Label, &["hiv"]).unwrap();
    set(dummy, None, AccessKind::Label, &["vip"]).unwrap();
    assert!(
        set(dummy, Some(document), AccessKind::Label, &["hiv"]).is_err(),
        "not the dummy's note"
    );
    let facts = store.access_facts(who).unwrap();
    assert_eq!(facts.patient[&AccessKind::Department], names(&["internal"]));
    assert_eq!(facts.documents[&document][&AccessKind::Label], names(&["hiv"]));
    let all = store.all_access_facts(Population::Real).unwrap();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [(who, facts)]);
    let wanted = BTreeSet::from([document, DocumentId::new(99)]);
    let heads = store.document_heads(&wanted).unwrap();
    assert_eq!(heads.len(), 1);
    let head = &heads[&document];
    assert_eq!(
        (head.patient, head.kind.as_str(), head.author.as_str()),
        (who, "progress", "dr. a")
    );
    store.remove_dummies().unwrap();
    assert_eq!(
        store.access_facts(dummy).unwrap(),
        tsumugi_records::AccessFacts::default()
    );
}

#[test]
fn two_windows_notice_each_other() {
    let store = Store::open_in_memory().unwrap();
    let one = patient(&store, Population::Real, "1");
    let seen = store.access_version(one).unwrap();
    let change = |expected, name: &str| {
        let wanted = vec![(AccessKind::Department, BTreeSet::from([name.to_owned()]))];
        store.change_access(one, expected, wanted, stamp())
    };
    change(seen, "surgery").unwrap();
    assert!(matches!(
        change(seen, "internal"),
        Err(StoreError::Conflict { .. })
    ));
    let names = store.access_facts(one).unwrap().patient;
    assert_eq!(
        names[&AccessKind::Department],
        BTreeSet::from(["surgery".to_owned()])
    );
    change(store.access_version(one).unwrap(), "internal").unwrap();
}
