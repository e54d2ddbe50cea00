//! Retraction and snapshots: what was taken back is as if it had never been seen, to the byte.

use proptest::prelude::*;
use tsumugi_knowledge::snapshot::{self, Origin, SnapshotError};
use tsumugi_knowledge::{Assertion, Case, Knowledge, State, Statement, View};

fn case(id: usize, disease: u8, phenotypic: bool, observed: &[u8], excluded: &[u8]) -> Case {
    let prefix = if phenotypic { "HP:" } else { "finding-" };
    let states = |list: &[u8]| {
        list.iter()
            .map(|state| State::new(format!("{prefix}{state}")))
            .collect()
    };
    let excluded: Vec<u8> = excluded
        .iter()
        .copied()
        .filter(|state| !observed.contains(state))
        .collect();
    Case {
        id: format!("case-{id}").into(),
        disease: format!("disease-{disease}").into(),
        observed: states(observed),
        excluded: states(&excluded),
        sex: None,
        age: None,
        onset: None,
    }
}

fn assertion(id: usize, source: u8, said: Statement) -> Assertion {
    Assertion {
        id: id as u64 + 1,
        source: format!("PMID:{source}").into(),
        date: jiff::civil::date(2026, 11, 28),
        by: "test".into(),
        said,
    }
}

/// A case of the drawn log: disease, source, whether it is told in HPO terms, what was seen and excluded, retracted?
type Drawn = (u8, u8, bool, Vec<u8>, Vec<u8>, bool);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let findings = || prop::collection::vec(0u8..8, 1..5);
    let one = (
        0u8..4,
        0u8..3,
        any::<bool>(),
        findings(),
        findings(),
        any::<bool>(),
    );
    prop::collection::vec(one, 1..20)
}

proptest! {
    #[test]
    fn what_was_retracted_leaves_no_trace(cases in drawn()) {
        let mut log = Vec::new();
        let mut kept = Vec::new();
        for (id, (disease, source, phenotypic, observed, excluded, _)) in cases.iter().enumerate() {
            let case = case(id, *disease, *phenotypic, observed, excluded).checked().unwrap();
            log.push(assertion(id, *source, Statement::Case(case)));
        }
        for (id, drawn) in cases.iter().enumerate() {
            if drawn.5 {
                let retraction = Statement::RetractCase(format!("case-{id}").into());
                log.push(assertion(log.len(), 9, retraction));
            } else {
                kept.push(log[id].clone());
            }
        }
        let with_all = Knowledge::default().with(&log, &View::default());
        let never_seen = Knowledge::default().with(&kept, &View::default());
        prop_assert_eq!(snapshot::contents(&with_all), snapshot::contents(&never_seen));

        // Case by case, in another order, and forgotten again.
        let mut stepwise = Knowledge::default();
        for assertion in log.iter().take(cases.len()).rev() {
            stepwise.absorb(assertion);
        }
        for (assertion, drawn) in log.iter().zip(&cases) {
            if let (Statement::Case(case), true) = (&assertion.said, drawn.5) {
                stepwise.forget(&assertion.source, case);
            }
        }
        prop_assert_eq!(snapshot::contents(&stepwise), snapshot::contents(&never_seen));
    }

    #[test]
    fn a_source_that_is_excluded_was_never_seen(cases in drawn(), source in 0u8..3) {
        let log: Vec<Assertion> = cases
            .iter()
            .enumerate()
            .map(|(id, (disease, source, phenotypic, observed, excluded, _))| {
                let case = case(id, *disease, *phenotypic, observed, excluded).checked().unwrap();
                assertion(id, *source, Statement::Case(case))
            })
            .collect();
        let name: std::sync::Arc<str> = format!("PMID:{source}").into();
        let view = View { without: [name.clone()].into(), ..View::default() };
        let others: Vec<Assertion> = log.iter().filter(|entry| entry.source != name).cloned().collect();
        let without = Knowledge::default().with(&log, &view);
        prop_assert_eq!(without, Knowledge::default().with(&others, &View::default()));
    }
}

#[test]
fn a_snapshot_is_read_back_or_refused_with_its_reason() {
    let said = |phenotypic: bool| Statement::Case(case(1, 1, phenotypic, &[1, 2], &[3]).checked().unwrap());
    let log = [assertion(0, 1, said(false)), assertion(1, 1, said(true))];
    let knowledge = Knowledge::default().with(&log, &View::default());
    let origin = Origin {
        edition: "0123456789abcdef".to_owned(),
        head: 1,
    };
    let bytes = snapshot::to_bytes(&knowledge, &origin);
    assert_eq!(snapshot::from_bytes(&bytes, &origin), Ok(knowledge));
    assert_eq!(snapshot::origin(&bytes), Ok(origin.clone()));

    let check = |bytes: &[u8], wanted: &Origin, error: &str| {
        let found = snapshot::from_bytes(bytes, wanted).unwrap_err();
        assert!(found.to_string().contains(error), "{found}");
    };
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    check(&damaged, &origin, "damaged");
    check(&bytes[..bytes.len() - 3], &origin, "damaged");
    check(b"something else", &origin, "not a snapshot");
    let newer = Origin {
        head: 2,
        ..origin.clone()
    };
    assert!(matches!(
        snapshot::from_bytes(&bytes, &newer),
        Err(SnapshotError::Stale { .. })
    ));
    let mut older = bytes;
    older[18] = 0;
    check(&older, &origin, "format 0");
}
