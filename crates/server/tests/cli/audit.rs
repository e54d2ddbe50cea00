//! The audit trail on the command line: what is signed leaves an entry, a head is exported, and what is altered is found.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{note, run_on};
use serde_json::Value;
use std::fs;

#[test]
fn what_is_signed_leaves_an_entry_and_an_altered_entry_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let notes: String = (0..3)
        .map(|number| note(&format!("n{number}"), "P1", "発熱あり。"))
        .collect();
    run_on(place, &["sign"], &notes).done();
    let whole = run_on(place, &["audit", "verify"], "").done();
    let report: Value = whole.value();
    assert_eq!(
        (&report["entries"], &report["whole"]),
        (&3.into(), &true.into()),
        "{report}"
    );

    let head = run_on(place, &["audit", "head"], "").done();
    let exported = place.join("head.json");
    fs::write(&exported, head.out).unwrap();
    let who = run_on(place, &["audit", "who", "P1"], "").done().lines();
    assert_eq!(who.len(), 3, "{who:?}");
    assert_eq!(who[0]["resourceType"], "AuditEvent");

    let store = place.join("tsumugi.sqlite3");
    let mut bytes = fs::read(&store).unwrap();
    let (from, to) = (b"\"outcome\":\"0\"", b"\"outcome\":\"4\"");
    let places: Vec<usize> = (0..bytes.len())
        .filter(|place| bytes[*place..].starts_with(from))
        .collect();
    assert!(!places.is_empty(), "an entry in the file");
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    fs::write(&store, bytes).unwrap();
    let words = ["audit", "verify", "--head", exported.to_str().unwrap()];
    let found = run_on(place, &words, "");
    assert_eq!(
        (found.code, &found.value()["whole"]),
        (Some(3), &false.into()),
        "{found:?}"
    );
}
