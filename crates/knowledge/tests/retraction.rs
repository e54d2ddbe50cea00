//! Retraction and snapshots: what was taken back is as if it had never been seen, to the byte.

#![expect(
    clippy::expect_used,
    reason = "without its few concepts there is nothing to test"
)]

use proptest::prelude::*;
use tsumugi_knowledge::snapshot::{self, Origin, SnapshotError};
use tsumugi_knowledge::{Accepted, Assertion, Case, DrugBook, Knowledge, Shelf, State, Statement, View};
use tsumugi_tables::Source;

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

/// Concepts that accepted statements may name; `finding-7` is none.
const CONCEPTS: &str = "id\tname\ndrug.a\t\ndrug.b\t\nfinding-0\t\nfinding-1\t\nfinding-2\t\n";

const DISEASES: &str = "id\tname\ndisease-0\t\ndisease-1\t\n";

fn sources() -> [Source<'static>; 2] {
    [
        ("terminology/all.tsv", CONCEPTS),
        ("terminology/diseases/all.tsv", DISEASES),
    ]
    .map(|(path, text)| Source { path, text })
}

/// Knowledge that knows these concepts and nothing else.
fn empty() -> Knowledge {
    Knowledge::new(&sources()).expect("a table of ids")
}

/// An accepted statement of the drawn log: what it says, source, by whom, how it is taken back.
type Drawing = (u8, u8, u8, u8);

fn accepted(what: u8) -> Accepted {
    let (kind, fields): (&str, Vec<(&str, String)>) = match what % 8 {
        0..4 => (
            "finding",
            vec![
                ("disease", format!("disease-{}", what % 2)),
                ("finding", format!("finding-{}", what % 8 / 2 * 7 % 10)),
                ("share", format!("{}/20", what % 20)),
            ],
        ),
        4 => (
            "contraindication",
            vec![
                ("drug", "drug.a".to_owned()),
                ("condition", format!("finding-{}", what % 3)),
            ],
        ),
        5 => (
            "interaction",
            vec![("drug", "drug.a".to_owned()), ("partner", "drug.b".to_owned())],
        ),
        6 => (
            "recommendation",
            vec![("applies", "disease-0".to_owned()), ("what", "drug.b".to_owned())],
        ),
        _ => (
            "cause",
            vec![
                ("disease", "disease-0".to_owned()),
                ("cause", format!("finding-{}", what % 3)),
                ("effect", format!("finding-{}", what / 3 % 3)),
            ],
        ),
    };
    Accepted {
        kind: kind.into(),
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        quote: "words".into(),
        ..Accepted::default()
    }
}

/// Drug facts, chains and recommendations without a row.
fn tables() -> Shelf {
    Shelf {
        drugs: DrugBook::new(&sources(), &mut Vec::new()),
        ..Shelf::default()
    }
}

fn shelf(knowledge: &Knowledge) -> (Shelf, usize) {
    let (shelf, refused) = tables().with(&knowledge.accepted, &knowledge.concepts, &knowledge.levels);
    (shelf, refused.len())
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
    fn what_was_accepted_and_taken_back_leaves_no_trace(
        statements in prop::collection::vec((0u8..60, 0u8..3, 0u8..2, 0u8..4), 1..24),
        cases in drawn(),
    ) {
        let mut log = Vec::new();
        for (id, (disease, source, phenotypic, observed, excluded, _)) in cases.iter().enumerate() {
            let case = case(id, *disease, *phenotypic, observed, excluded).checked().unwrap();
            log.push(assertion(id, *source, Statement::Case(case)));
        }
        for (what, source, _, _) in &statements {
            log.push(assertion(log.len(), *source, Statement::Accepted(accepted(*what))));
        }
        // Every fourth is taken back by its number; of the third source nothing is left.
        let is_gone = |index: usize, drawn: &Drawing| drawn.3 == 0 || drawn.1 == 2 || index.is_multiple_of(11);
        let mut kept: Vec<Assertion> = log.iter().take(cases.len()).filter(|one| &*one.source != "PMID:2").cloned().collect();
        for (index, drawn) in statements.iter().enumerate() {
            let own = log[cases.len() + index].clone();
            if is_gone(index, drawn) {
                log.push(assertion(log.len(), 9, Statement::RetractAssertion(own.id)));
            } else {
                kept.push(own);
            }
        }
        log.push(assertion(log.len(), 9, Statement::RetractSource("PMID:2".into())));
        let with_all = empty().with(&log, &View::default());
        let never_seen = empty().with(&kept, &View::default());
        prop_assert_eq!(snapshot::contents(&with_all), snapshot::contents(&never_seen));
        prop_assert_eq!(shelf(&with_all), shelf(&never_seen));

        // One by one, in another order, and let go again.
        let mut stepwise = empty();
        for assertion in log.iter().take(cases.len() + statements.len()).rev() {
            stepwise.absorb(assertion);
        }
        let numbers: Vec<u64> = stepwise.accepted.keys().copied().collect();
        for number in numbers.into_iter().filter(|number| !never_seen.accepted.contains_key(number)) {
            stepwise.let_go(number);
        }
        for assertion in log.iter().take(cases.len()).filter(|one| &*one.source == "PMID:2") {
            if let Statement::Case(case) = &assertion.said {
                stepwise.forget(&assertion.source, case);
            }
        }
        prop_assert_eq!(snapshot::contents(&stepwise), snapshot::contents(&never_seen));

        // Up to the day before, nothing; and read back as it was written.
        let before = View { as_of: Some(jiff::civil::date(2026, 11, 27)), ..View::default() };
        prop_assert_eq!(empty().with(&log, &before), empty());
        let origin = Origin { edition: "0123456789abcdef".to_owned(), head: 1 };
        let mut read = snapshot::from_bytes(&snapshot::to_bytes(&with_all, &origin), &origin).unwrap();
        read.concepts = with_all.concepts.clone();
        prop_assert_eq!(read, with_all);
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

#[test]
fn what_cannot_be_used_is_told_with_its_number_and_the_rest_goes_on() {
    let step = |cause: &str, effect: &str| {
        let mut said = accepted(7);
        said.fields.insert("cause".into(), cause.into());
        said.fields.insert("effect".into(), effect.into());
        Statement::Accepted(said)
    };
    let mut unknown = accepted(4);
    unknown.fields.insert("condition".into(), "finding-9".into());
    let log: Vec<Assertion> = [
        step("finding-0", "finding-1"),
        step("finding-1", "finding-2"),
        step("finding-2", "finding-0"),
        Statement::Accepted(unknown),
        Statement::Accepted(accepted(4)),
    ]
    .into_iter()
    .enumerate()
    .map(|(id, said)| assertion(id, 1, said))
    .collect();
    let knowledge = empty().with(&log, &View::default());
    let (shelf, refused) = tables().with(&knowledge.accepted, &knowledge.concepts, &knowledge.levels);
    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("assertion 3 of the log (PMID:1)") && told[0].contains("circle"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("assertion 4") && told[1].contains("finding-9"),
        "{told:?}"
    );
    assert_eq!(shelf.chains.of("disease-0").count(), 2);
    assert_eq!(shelf.drugs.contraindications("drug.a").len(), 1);
}
