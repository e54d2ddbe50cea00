//! Prescription checks: every kind, all three answers, and the rules of when an alert is told less loudly.
//!
//! The cases stand in `cases.txt`, against the small book of drug facts in `book/`; the names are those of the embedded
//! vocabulary.

#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a case that cannot be read is a failed test"
)]

mod case;
mod embedded;
mod tables;

use case::Case;

const CASES: &[&str] = &[
    include_str!("allergies.txt"),
    include_str!("partners.txt"),
    include_str!("conditions.txt"),
    include_str!("organs.txt"),
    include_str!("doses.txt"),
    include_str!("records.txt"),
];

#[test]
fn every_case_gives_its_alerts_and_answers() {
    let book = tables::small_book();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in CASES.iter().flat_map(|text| Case::read_all(text)) {
        count += 1;
        failures.extend(case.failure(&book));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 200, "{count} cases were read");
}
