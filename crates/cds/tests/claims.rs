//! What was billed is no diagnosis: support does not see it.

#![expect(clippy::expect_used, reason = "a table that cannot be read is a failed test")]

use tsumugi_cds::{Facts, Patient};
use tsumugi_clinical::{Event, Evidence, Polarity};
use tsumugi_knowledge::Levels;
use tsumugi_terminology::{Units, Vocabulary, embedded_files, sources_of};

fn patient_of(events: &[Event]) -> Patient {
    let files = embedded_files();
    let sources = sources_of(&files);
    let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary is sound");
    let units = Units::new(&sources, &mut Vec::new());
    let levels = Levels::new(&sources);
    let facts = Facts {
        vocabulary: &vocabulary,
        units: &units,
        levels: &levels,
    };
    let mut patient = Patient::default();
    facts.add(&mut patient, "1", None, events);
    patient
}

fn event(concept: &str, kind: &str, evidence: Option<Evidence>, polarity: Polarity) -> Event {
    let json = serde_json::json!({
        "fact": concept, "concept": concept, "name": concept, "kind": kind, "codes": [], "polarity": polarity,
        "certainty": "asserted", "experiencer": "patient", "phase": "current", "because": [], "evidence": evidence,
    });
    serde_json::from_value(json).expect("an event")
}

#[test]
fn a_claimed_disease_is_no_fact_and_a_claimed_drug_is_one() {
    let claimed = |kind, concept| event(concept, kind, Some(Evidence::Claim), Polarity::Present);
    let patient = patient_of(&[
        claimed("condition", "type-2-diabetes"),
        claimed("finding", "fever"),
        claimed("medication", "drug.metformin"),
        claimed("procedure", "proc.hemodialysis"),
    ]);
    assert_eq!(patient.has("type-2-diabetes"), None);
    assert_eq!(patient.has("fever"), None);
    assert_eq!(patient.drugs.len(), 1, "a drug that was billed was given");
    assert_eq!(patient.orders.len(), 1);
}

#[test]
fn what_care_and_the_person_state_counts() {
    let care = event("type-2-diabetes", "condition", None, Polarity::Present);
    let personal = event("fever", "finding", Some(Evidence::Personal), Polarity::Present);
    let patient = patient_of(&[care, personal]);
    assert_eq!(
        (patient.has("type-2-diabetes"), patient.has("fever")),
        (Some(true), Some(true))
    );
}

/// A resource that refutes has no reason in a note, and denies all the same.
#[test]
fn a_refuted_condition_of_another_source_is_a_denial() {
    let patient = patient_of(&[event("asthma", "condition", None, Polarity::Absent)]);
    assert_eq!(patient.has("asthma"), Some(false));
}
