//! Harm that drugs may have done, on the embedded knowledge: what was there before, what comes too late and what went away
//! when the drug was stopped.

#![expect(clippy::expect_used, reason = "a table that cannot be read is a failed test")]

use jiff::civil::date;
use std::sync::{Arc, OnceLock};
use tsumugi_cds::prescription::Checks;
use tsumugi_cds::{Allergy, DrugUse, Fact, Patient, Place, harms};
use tsumugi_clinical::{Certainty, ClinicalTime, Phase, Polarity};
use tsumugi_knowledge::{DrugBook, State};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

fn tables() -> &'static (Vocabulary, DrugBook) {
    static TABLES: OnceLock<(Vocabulary, DrugBook)> = OnceLock::new();
    TABLES.get_or_init(|| {
        let files = embedded_files();
        let sources = sources_of(&files);
        let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary is sound");
        (vocabulary, DrugBook::new(&sources, &mut Vec::new()))
    })
}

/// Statements of notes of 2026, by month and day: `+` there or taken, `-` denied, `stop` stopped, `allergy`.
fn patient(said: &[(i8, i8, &str, &str)]) -> Patient {
    let mut patient = Patient::default();
    for (month, day, what, how) in said {
        let note: Arc<str> = format!("{month}-{day}").into();
        let told = date(2026, *month, *day);
        patient.notes.insert(Arc::clone(&note), told);
        patient.today = Some(told);
        let place = Place { note, event: 0 };
        let polarity = if *how == "-" {
            Polarity::Absent
        } else {
            Polarity::Present
        };
        let phase = if *how == "stop" {
            Phase::Stopped
        } else {
            Phase::Current
        };
        if *how == "allergy" {
            patient.allergies.push(Allergy {
                to: (*what).into(),
                polarity,
                recorded: Some(told),
                place,
            });
        } else if what.starts_with("drug.") {
            let begun = ClinicalTime::of_day(told);
            patient.drugs.push(DrugUse {
                drug: (*what).into(),
                polarity,
                phase,
                dosage: None,
                time: (*how == "+").then_some(begun),
                place,
            });
        } else {
            patient.facts.push(Fact {
                state: State::new(*what),
                polarity,
                certainty: Certainty::Asserted,
                phase,
                time: None,
                is_lasting: false,
                place,
            });
        }
    }
    patient
}

fn check(name: &str, said: &[(i8, i8, &str, &str)], wanted: &[&str]) {
    let (vocabulary, book) = tables();
    let checks = Checks { vocabulary, book };
    let found = harms(&checks, &patient(said));
    let shown: Vec<String> = found
        .iter()
        .flat_map(|harm| {
            harm.suspects.iter().map(|suspect| {
                let days = suspect
                    .days
                    .map_or_else(|| "?".to_owned(), |days| days.to_string());
                let told = if suspect.is_told { " told" } else { "" };
                format!(
                    "{} < {} {days} {}{told}",
                    harm.finding.as_str(),
                    suspect.drug,
                    suspect.causality.code()
                )
            })
        })
        .collect();
    assert_eq!(shown, wanted, "{name}");
}

const RASH: &str = "rash";
const AMOXICILLIN: &str = "drug.amoxicillin";
const ALLOPURINOL: &str = "drug.allopurinol";

#[test]
fn harm_is_told_by_its_times() {
    check("a drug alone", &[(1, 1, AMOXICILLIN, "+")], &[]);
    check(
        "five days after the begin",
        &[(1, 1, AMOXICILLIN, "+"), (1, 6, RASH, "+")],
        &["rash < drug.amoxicillin 5 possible"],
    );
    check(
        "it went away when the drug was stopped",
        &[
            (1, 1, AMOXICILLIN, "+"),
            (1, 6, RASH, "+"),
            (1, 6, AMOXICILLIN, "stop"),
            (1, 12, RASH, "-"),
        ],
        &["rash < drug.amoxicillin 5 probable"],
    );
    check(
        "two drugs that are known for it: neither is probable",
        &[
            (1, 1, AMOXICILLIN, "+"),
            (1, 3, ALLOPURINOL, "+"),
            (1, 6, RASH, "+"),
            (1, 6, AMOXICILLIN, "stop"),
            (1, 12, RASH, "-"),
        ],
        &[
            "rash < drug.allopurinol 3 possible",
            "rash < drug.amoxicillin 5 possible",
        ],
    );
    check(
        "there before the drug",
        &[(1, 1, RASH, "+"), (1, 2, AMOXICILLIN, "+"), (1, 6, RASH, "+")],
        &[],
    );
}

#[test]
fn harm_is_not_told_of_what_does_not_fit() {
    check(
        "long after it was stopped",
        &[
            (1, 1, AMOXICILLIN, "+"),
            (1, 7, AMOXICILLIN, "stop"),
            (2, 20, RASH, "+"),
        ],
        &[],
    );
    check(
        "long after it was begun",
        &[(1, 1, ALLOPURINOL, "+"), (9, 1, RASH, "+")],
        &[],
    );
    check(
        "a drug that no table lists for it",
        &[
            (1, 1, "drug.enalapril", "+"),
            (1, 6, "vulvovaginal-candidiasis", "+"),
        ],
        &[],
    );
    check(
        "the note says so, though no course is told",
        &[(1, 6, RASH, "+"), (1, 6, AMOXICILLIN, "allergy")],
        &["rash < drug.amoxicillin ? possible told"],
    );
    check(
        "by its class, and serious first",
        &[
            (1, 1, "drug.enalapril", "+"),
            (1, 1, ALLOPURINOL, "+"),
            (1, 20, "dry-cough", "+"),
            (1, 10, "stevens-johnson-syndrome", "+"),
        ],
        &[
            "stevens-johnson-syndrome < drug.allopurinol 9 possible",
            "dry-cough < drug.enalapril 19 possible",
        ],
    );
}
