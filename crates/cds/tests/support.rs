//! The differential over findings of text, the next step, orders alone, two diseases at once, drugs as causes: on the
//! embedded knowledge.

#![expect(clippy::expect_used, reason = "a table that cannot be read is a failed test")]

use std::sync::{Arc, OnceLock};
use tsumugi_cds::prescription::Checks;
use tsumugi_cds::{
    Differential, DrugUse, Fact, Finding, Findings, Orders, Patient, Place, Temper, induced, next, together,
};
use tsumugi_clinical::{Certainty, Phase, Polarity, Sex};
use tsumugi_knowledge::{DrugBook, Implied, Knowledge, Space, State};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

struct Tables {
    vocabulary: Vocabulary,
    space: Space,
    implied: Implied,
    differential: Differential,
    drugs: DrugBook,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let files = embedded_files();
        let sources = sources_of(&files);
        let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary is sound");
        let knowledge = Knowledge::new(&sources).expect("the embedded knowledge is sound");
        let mut mistakes = Vec::new();
        let drugs = DrugBook::new(&sources, &mut mistakes);
        let differential =
            Differential::new(&knowledge.own, &vocabulary, &knowledge.implied, Temper::default());
        Tables {
            differential,
            space: knowledge.own,
            implied: knowledge.implied,
            vocabulary,
            drugs,
        }
    })
}

fn findings(age: f64, sex: Sex, present: &[&str], absent: &[&str]) -> Findings {
    let said = |polarity, states: &[&str]| -> Vec<Finding> {
        let finding = |state: &&str| Finding {
            state: State::new(*state),
            polarity,
            weight: 1.0,
            place: None,
        };
        states.iter().map(finding).collect()
    };
    Findings {
        sex: Some(sex),
        age: Some(age),
        said: [said(Polarity::Present, present), said(Polarity::Absent, absent)].concat(),
    }
}

const PANCREATITIS: &[&str] = &["epigastric-pain", "back-pain", "vomiting", "elevated-lipase"];

#[test]
fn the_reasons_of_every_disease_sum_to_its_score() {
    const NEGLIGIBLE: f64 = 1e-9;
    let tables = tables();
    let asked = findings(57.0, Sex::Male, PANCREATITIS, &["fever", "jaundice"]);
    let ranked = tables.differential.rank(&tables.vocabulary, &asked, 200);
    assert_eq!(ranked.len(), 200);
    for disease in &ranked {
        let sum: f64 = disease.because.iter().map(|reason| reason.weight).sum();
        assert!(
            (sum - disease.score).abs() < NEGLIGIBLE,
            "{}: {sum}",
            disease.disease
        );
    }
    assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let all = tables.differential.scores(&tables.vocabulary, &asked);
    let total: f64 = tables.differential.probabilities(&all).iter().sum();
    assert!((total - 1.0).abs() < NEGLIGIBLE, "{total}");
}

#[test]
fn what_was_found_raises_and_what_was_denied_lowers() {
    let tables = tables();
    let place = tables
        .differential
        .index_of("acute-pancreatitis")
        .expect("it is there");
    let score = |present: &[&str], absent: &[&str]| {
        let asked = findings(57.0, Sex::Male, present, absent);
        tables.differential.scores(&tables.vocabulary, &asked)[place]
    };
    assert!(score(PANCREATITIS, &[]) > score(&PANCREATITIS[..3], &[]));
    assert!(score(&PANCREATITIS[1..], &["epigastric-pain"]) < score(&PANCREATITIS[1..], &[]));
    let asked = findings(57.0, Sex::Male, PANCREATITIS, &[]);
    let first = &tables.differential.rank(&tables.vocabulary, &asked, 1)[0];
    assert!(first.disease.contains("pancreatitis"), "{}", first.disease);
}

#[test]
fn the_next_step_is_worth_something_and_asks_nothing_twice() {
    let tables = tables();
    let asked = findings(57.0, Sex::Male, &["epigastric-pain", "vomiting"], &["fever"]);
    let steps = next(&tables.differential, &tables.space, &tables.vocabulary, &asked, 5);
    assert_eq!(steps.len(), 5);
    for step in &steps {
        assert!(step.gain > 0.0, "{:?}", step.state);
        assert!(
            asked.said.iter().all(|said| said.state != step.state),
            "{:?}",
            step.state
        );
    }
}

#[test]
fn orders_alone_tell_what_is_considered_and_what_is_missing() {
    let tables = tables();
    let orders = Orders::new(&tables.space, &tables.vocabulary, &tables.implied);
    let ordered = |ids: &[&str]| Patient {
        sex: Some(Sex::Male),
        age: Some(64.0),
        orders: ids.iter().map(|id| (Arc::from(*id), Place::default())).collect(),
        ..Patient::default()
    };
    let patient = ordered(&["test.troponin-t", "test.ck-mb", "exam.ecg"]);
    let considered = orders.considered(&tables.vocabulary, &patient, 5);
    let names: Vec<&str> = considered
        .ranked
        .iter()
        .map(|ranked| ranked.disease.as_ref())
        .collect();
    assert!(
        names.iter().any(|name| name.contains("myocardial-infarction")),
        "{names:?}"
    );
    let missing = |test: &str| {
        considered
            .missing
            .iter()
            .any(|missing| missing.test.as_ref() == test)
    };
    assert!(!considered.missing.is_empty() && !missing("test.troponin-t"));
    let none = orders.considered(&tables.vocabulary, &ordered(&[]), 5);
    assert!(none.missing.is_empty());
}

#[test]
fn two_diseases_are_named_where_one_is_not_enough() {
    let tables = tables();
    let seen = [
        "elevated-amylase",
        "peripancreatic-stranding",
        "pancreas-enlargement",
        "hypoactive-bowel-sounds",
    ];
    let gout = [
        "first-mtp-arthritis",
        "elevated-uric-acid",
        "gouty-tophus-sign",
        "toe-pain",
    ];
    let both: Vec<&str> = PANCREATITIS.iter().chain(&seen).chain(&gout).copied().collect();
    let asked = findings(57.0, Sex::Male, &both, &[]);
    let pair = together(&tables.differential, &tables.vocabulary, &asked).expect("a pair");
    let names: Vec<&str> = pair.diseases.iter().map(|(key, _)| key.as_ref()).collect();
    assert!(
        names.iter().any(|name| name.contains("pancreatitis")),
        "{names:?}"
    );
    assert!(names.iter().any(|name| name.contains("gout")), "{names:?}");
    assert!(pair.gain > 0.0);
    for (_, explained) in &pair.diseases {
        assert!(explained.len() >= 2, "{explained:?}");
    }
    let one = findings(57.0, Sex::Male, PANCREATITIS, &[]);
    assert_eq!(together(&tables.differential, &tables.vocabulary, &one), None);
}

fn fact(state: &str) -> Fact {
    Fact {
        state: State::new(state),
        polarity: Polarity::Present,
        certainty: Certainty::Asserted,
        phase: Phase::Current,
        time: None,
        is_lasting: false,
        place: Place::default(),
    }
}

#[test]
fn a_running_drug_is_named_beside_what_it_may_have_caused() {
    let tables = tables();
    let checks = Checks {
        vocabulary: &tables.vocabulary,
        book: &tables.drugs,
    };
    let usage = |drug: &str, phase| DrugUse {
        drug: drug.into(),
        polarity: Polarity::Present,
        phase,
        dosage: None,
        time: None,
        place: Place::default(),
    };
    let patient = |phase| Patient {
        facts: vec![fact("dry-cough")],
        drugs: vec![usage("drug.enalapril", phase)],
        ..Patient::default()
    };
    let found = induced(&checks, &patient(Phase::Current));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].drug.as_ref(), found[0].finding.as_str()),
        ("drug.enalapril", "dry-cough")
    );
    assert!(induced(&checks, &patient(Phase::Stopped)).is_empty());
    let denied = Patient {
        facts: vec![Fact {
            polarity: Polarity::Absent,
            ..fact("dry-cough")
        }],
        ..patient(Phase::Current)
    };
    assert!(induced(&checks, &denied).is_empty());
}
