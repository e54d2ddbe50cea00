//! The differential over the Human Phenotype Ontology, on a made-up ontology small enough to be followed by hand: scores
//! as the reference implementation gives them, contributions that sum to them, and cases that leave no trace.

use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_cds::Met;
use tsumugi_cds::phenotypic::{Asked, Part, Phenotypic, RankedPhenotypic};
use tsumugi_clinical::Sex;
use tsumugi_knowledge::hpo::{Frequency, read_annotations, read_terms};
use tsumugi_knowledge::{Assertion, Case, Knowledge, Phenotyped, Phenotypes, State, Statement, View};

const TERMS: &str = include_str!("terms.obo");
const ANNOTATIONS: &str = include_str!("annotations.hpoa");
const CASES: &str = include_str!("cases.jsonl");
const QUERIES: &str = include_str!("queries.jsonl");
const SCORES: &str = include_str!("scores.tsv");

/// Ids that a drawn question may hold: phenotypic terms, an alternative, a replaced, an unknown one, and an onset.
const IDS: [&str; 15] = [
    "HP:0000118",
    "HP:0003577",
    "HP:9000010",
    "HP:9000011",
    "HP:9000012",
    "HP:9000020",
    "HP:9000021",
    "HP:9000092",
    "HP:9000030",
    "HP:9000031",
    "HP:9000032",
    "HP:9000041",
    "HP:9000093",
    "HP:9000099",
    "HP:9000040",
];

fn annotated() -> Knowledge {
    let (terms, remarks) = read_terms(TERMS).unwrap();
    assert_eq!(remarks, []);
    let (_, diseases, remarks) = read_annotations(ANNOTATIONS).unwrap();
    assert_eq!(remarks, []);
    let diseases = diseases.into_iter().map(|annotated| {
        let about = Phenotyped {
            name: annotated.name,
            annotations: annotated.annotations,
            cases: BTreeMap::new(),
        };
        (annotated.disease, about)
    });
    Knowledge {
        phenotypes: Phenotypes {
            terms,
            diseases: diseases.collect(),
        },
        ..Knowledge::default()
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn states(line: &Value, name: &str) -> Vec<State> {
    let list = line[name].as_array().unwrap();
    list.iter().map(|id| State::new(id.as_str().unwrap())).collect()
}

fn sex(line: &Value) -> Option<Sex> {
    match line["sex"].as_str() {
        Some("M") => Some(Sex::Male),
        Some("F") => Some(Sex::Female),
        _ => None,
    }
}

fn asked(line: &Value) -> Asked {
    Asked {
        observed: states(line, "obs"),
        excluded: states(line, "exc"),
        sex: sex(line),
        age: None,
        onset: line["onset"].as_str().map(State::new),
    }
}

fn assertion_of(number: usize, source: &str, said: Statement) -> Assertion {
    Assertion {
        id: number as u64 + 1,
        source: source.into(),
        date: jiff::civil::date(2026, 11, 28),
        by: "test".into(),
        said,
    }
}

fn learned_cases() -> Vec<Assertion> {
    let lines = lines(CASES);
    let cases = lines.iter().enumerate().map(|(number, line)| {
        let case = Case {
            id: line["id"].as_str().unwrap().into(),
            disease: line["disease"].as_str().unwrap().into(),
            observed: states(line, "obs"),
            excluded: states(line, "exc"),
            sex: sex(line),
            age: None,
            onset: line["onset"].as_str().map(State::new),
        };
        let said = Statement::Case(case.checked().unwrap());
        assertion_of(number, line["pmid"][0].as_str().unwrap(), said)
    });
    cases.collect()
}

fn learned() -> Knowledge {
    annotated().with(&learned_cases(), &View::default())
}

#[test]
fn scores_are_those_of_the_reference() {
    let stands = [
        ("before", Phenotypic::new(&annotated().phenotypes)),
        ("after", Phenotypic::new(&learned().phenotypes)),
    ];
    let queries = lines(QUERIES);
    let mut compared = 0;
    for row in SCORES.lines().skip(2) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [stand, query, disease, wanted] = cells[..] else {
            panic!("{row}");
        };
        let (_, model) = stands.iter().find(|(name, _)| *name == stand).unwrap();
        let query = queries.iter().find(|line| line["id"] == query).unwrap();
        let score = model.scores(&asked(query))[model.index_of(disease).unwrap()];
        let wanted: f64 = wanted.parse().unwrap();
        assert!((score - wanted).abs() < 2e-4, "{row}: {score}");
        compared += 1;
    }
    assert_eq!(compared, 65);
}

fn question(observed: &[&str], excluded: &[&str]) -> Asked {
    let states = |ids: &[&str]| ids.iter().map(|id| State::new(*id)).collect();
    Asked {
        observed: states(observed),
        excluded: states(excluded),
        ..Asked::default()
    }
}

/// How a disease meets a finding, and the sources with their counts.
fn check(model: &Phenotypic, part: &Part, disease: &str, met: Met, sources: &[&str]) {
    let asked = match part {
        Part::Observed(id) => question(&[id], &[]),
        Part::Excluded(id) => question(&["HP:0000118"], &[id]),
        _ => unreachable!(),
    };
    let ranked = model.rank_among(&asked, &[model.index_of(disease).unwrap()]);
    let reason = ranked[0].because.iter().find(|reason| reason.part == *part);
    let reason = reason.unwrap_or_else(|| panic!("{disease} {part:?}: no reason"));
    assert_eq!(reason.met, met, "{disease} {part:?}");
    let found: Vec<String> = reason
        .grounds
        .iter()
        .map(|ground| match ground.frequency {
            Frequency::Count(with, of) => format!("{} {} {with}/{of}", ground.source, ground.term),
            _ => format!(
                "{} {}{}",
                ground.source,
                ground.term,
                if ground.negated { " not" } else { "" }
            ),
        })
        .collect();
    assert_eq!(found, sources, "{disease} {part:?}");
}

#[test]
fn reasons_say_how_a_disease_lists_a_finding_and_who_says_so() {
    let model = Phenotypic::new(&learned().phenotypes);
    let observed = |id: &str| Part::Observed(id.into());
    check(
        &model,
        &observed("HP:9000011"),
        "OMIM:100001",
        Met::Exact,
        &[
            "PMID:1 HP:9000011 2/2",
            "PMID:2 HP:9000011 1/1",
            "PMID:91 HP:9000011 3/4",
            "PMID:92 HP:9000011 1/8",
        ],
    );
    check(
        &model,
        &observed("HP:9000010"),
        "OMIM:100001",
        Met::Descendant,
        &[
            "PMID:1 HP:9000010 2/2",
            "PMID:2 HP:9000010 1/1",
            "PMID:91 HP:9000011 3/4",
            "PMID:92 HP:9000011 1/8",
        ],
    );
    check(
        &model,
        &observed("HP:9000012"),
        "OMIM:100004",
        Met::Ancestor,
        &["PMID:95 HP:9000010"],
    );
    check(&model, &observed("HP:9000031"), "OMIM:100003", Met::None, &[]);
    check(
        &model,
        &observed("HP:9000042"),
        "OMIM:100003",
        Met::Exact,
        &["PMID:94 HP:9000042 0/3"],
    );
    let excluded = |id: &str| Part::Excluded(id.into());
    check(
        &model,
        &excluded("HP:9000041"),
        "OMIM:100001",
        Met::Exact,
        &["PMID:1 HP:9000041 0/2"],
    );
    check(
        &model,
        &excluded("HP:9000011"),
        "OMIM:100001",
        Met::Exact,
        &[
            "PMID:1 HP:9000011 2/2",
            "PMID:2 HP:9000011 1/1",
            "PMID:91 HP:9000011 3/4",
            "PMID:92 HP:9000011 1/8",
        ],
    );
}

#[test]
fn before_learning_findings_alone_count() {
    let model = Phenotypic::new(&annotated().phenotypes);
    let query = lines(QUERIES).remove(0);
    let ranked = model.rank(&asked(&query), 3);
    assert_eq!(ranked[0].disease.as_ref(), "OMIM:100001");
    for reason in ranked.iter().flat_map(|ranked| &ranked.because) {
        assert!(matches!(reason.part, Part::Observed(_)), "{reason:?}");
    }
}

#[test]
fn equal_scores_stand_by_ascending_id() {
    let model = Phenotypic::new(&learned().phenotypes);
    let ranked = model.rank(&question(&["HP:9000042"], &["HP:9000010"]), 10);
    let ids: Vec<&str> = ranked.iter().map(|ranked| ranked.disease.as_ref()).collect();
    let place = |id: &str| ids.iter().position(|own| *own == id).unwrap();
    assert_eq!(place("OMIM:100004") + 1, place("OMIM:100005"), "{ids:?}");
    assert_eq!(ids.len(), model.len());
}

#[test]
fn what_is_no_phenotypic_term_is_reported_and_the_rest_goes_on() {
    let model = Phenotypic::new(&learned().phenotypes);
    let mut asked = question(&["HP:9000093", "HP:9000099"], &["HP:0003577"]);
    asked.onset = Some(State::new("yesterday"));
    let unknown: Vec<&str> = model.unknown(&asked).into_iter().map(State::as_str).collect();
    assert_eq!(unknown, ["HP:9000099", "HP:0003577", "yesterday"]);
    assert_eq!(model.term("HP:9000093").as_deref(), Some("HP:9000042"));
    assert_eq!(model.term("HP:9000092").as_deref(), Some("HP:9000022"));
    assert_eq!(
        model.scores(&asked),
        model.scores(&question(&["HP:9000042"], &[]))
    );
}

#[test]
fn a_site_without_the_ontology_gets_no_answer() {
    let model = Phenotypic::new(&Phenotypes::default());
    assert!(model.is_empty());
    assert_eq!(model.rank(&question(&["HP:9000042"], &[]), 10), []);
}

fn drawn_question() -> impl Strategy<Value = Asked> {
    let ids = || prop::collection::vec(prop::sample::select(IDS.to_vec()), 0..6);
    let sex = prop::sample::select(vec![None, Some(Sex::Male), Some(Sex::Female), Some(Sex::Unknown)]);
    let onset = prop::sample::select(vec![
        None,
        Some("P2D"),
        Some("HP:0003581"),
        Some("P50Y"),
        Some("?"),
    ]);
    (ids(), ids(), sex, onset).prop_map(|(observed, excluded, sex, onset)| Asked {
        sex,
        onset: onset.map(State::new),
        ..question(&observed, &excluded)
    })
}

proptest! {
    #[test]
    fn contributions_sum_to_the_score(asked in drawn_question(), is_learned: bool) {
        let knowledge = if is_learned { learned() } else { annotated() };
        let model = Phenotypic::new(&knowledge.phenotypes);
        let scores = model.scores(&asked);
        let ranked = model.rank(&asked, scores.len());
        for ranked in &ranked {
            let sum: f64 = ranked.because.iter().map(|reason| reason.weight).sum();
            prop_assert!((sum - ranked.score).abs() < 1e-9, "{} {sum} {}", ranked.disease, ranked.score);
            let index = model.index_of(&ranked.disease).unwrap();
            prop_assert_eq!(ranked.score.to_bits(), scores[index].to_bits());
        }
        let sum: f64 = ranked.iter().map(|ranked| ranked.probability).sum();
        prop_assert!((sum - 1.0).abs() < 1e-9);
        prop_assert!(ranked.is_sorted_by(|a, b| (b.score, &a.disease) <= (a.score, &b.disease)));
        // The best of few are the first of all.
        let best = model.rank(&asked, 3);
        prop_assert_eq!(&best[..], &ranked[..3]);
        let all: Vec<usize> = (0..model.len()).rev().collect();
        // Only the order of the sum of the odds differs.
        for (among, ranked) in model.rank_among(&asked, &all).iter().zip(&ranked) {
            prop_assert!((among.probability - ranked.probability).abs() < 1e-12);
            let among = RankedPhenotypic { probability: ranked.probability, ..among.clone() };
            prop_assert_eq!(&among, ranked);
        }
    }

    #[test]
    fn a_case_that_was_taken_back_leaves_no_trace(
        asked in drawn_question(),
        kept in prop::collection::vec(any::<bool>(), 5),
    ) {
        let cases = learned_cases();
        let (mut log, mut never) = (cases.clone(), Vec::new());
        let mut stepwise = learned();
        for (assertion, kept) in cases.iter().zip(kept) {
            let Statement::Case(case) = &assertion.said else { unreachable!() };
            if kept {
                never.push(assertion.clone());
                continue;
            }
            let retraction = Statement::RetractCase(Arc::clone(&case.id));
            log.push(assertion_of(log.len(), "site", retraction));
            stepwise.forget(&assertion.source, case);
        }
        let bits = |knowledge: &Knowledge| -> Vec<u64> {
            let scores = Phenotypic::new(&knowledge.phenotypes).scores(&asked);
            scores.into_iter().map(f64::to_bits).collect()
        };
        let never = bits(&annotated().with(&never, &View::default()));
        prop_assert_eq!(&bits(&annotated().with(&log, &View::default())), &never);
        prop_assert_eq!(&bits(&stepwise), &never);
    }
}
