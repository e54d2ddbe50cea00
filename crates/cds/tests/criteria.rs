//! Criteria evaluated: worked cases, facts and the result they must give, in `criteria/cases.txt`.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a case that cannot be read is a failed test"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_cds::criteria::{Evaluation, Truth, evaluate};
use tsumugi_cds::{DrugUse, Fact, Measure, Patient, Place};
use tsumugi_clinical::{Certainty, Phase, Polarity, Sex};
use tsumugi_knowledge::{CriteriaBook, Criterion, Levels, Marks, State};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

const CASES: &str = include_str!("criteria/cases.txt");

struct World {
    vocabulary: Vocabulary,
    levels: Levels,
    book: CriteriaBook,
}

impl World {
    fn embedded() -> Self {
        let files = embedded_files();
        let sources = sources_of(&files);
        let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary");
        let mut mistakes = Vec::new();
        let book = CriteriaBook::new(&sources, &vocabulary, &mut mistakes);
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        Self {
            levels: Levels::new(&sources),
            vocabulary,
            book,
        }
    }

    fn known(&self, concept: &str) -> Arc<str> {
        let id = concept.split('=').next().unwrap_or_default();
        assert!(self.vocabulary.key(id).is_some(), "no concept {id}");
        concept.into()
    }

    /// Adds one fact in the words of the cases.
    fn add(&self, patient: &mut Patient, word: &str) {
        let place = place(patient);
        let (first, rest) = word.split_once(' ').unwrap_or((word, ""));
        let number = || -> f64 { rest.parse().unwrap_or_else(|_| panic!("no number: {word}")) };
        match first {
            "age" => patient.age = Some(number()),
            "male" => patient.sex = Some(Sex::Male),
            "female" => patient.sex = Some(Sex::Female),
            "order" => patient.orders.push((self.known(rest), place)),
            "words" => {
                let (test, said) = rest.split_once(' ').unwrap_or_else(|| panic!("no words: {word}"));
                let words = patient.words.entry(self.known(test)).or_default();
                words.push((said.to_owned(), place));
            }
            "taking" | "stopped" | "not-taking" => patient.drugs.push(DrugUse {
                drug: self.known(rest),
                polarity: if first == "not-taking" {
                    Polarity::Absent
                } else {
                    Polarity::Present
                },
                phase: if first == "stopped" {
                    Phase::Stopped
                } else {
                    Phase::Current
                },
                dosage: None,
                time: None,
                place,
            }),
            test if test.starts_with("test.") && !rest.is_empty() => {
                let measure = Measure {
                    value: number(),
                    time: None,
                    place,
                };
                patient
                    .measures
                    .entry(self.known(test))
                    .or_default()
                    .push(measure);
            }
            _ => {
                let fact = self.fact(first, rest, place);
                patient.facts.push(fact);
            }
        }
    }

    /// A state: `fever`, `-fever`, `past C`, `never C`, `suspected C`, `family C`.
    fn fact(&self, first: &str, rest: &str, place: Place) -> Fact {
        let (state, is_denied) = match first {
            "past" | "suspected" => (self.known(rest), false),
            "never" => (self.known(rest), true),
            "family" => (format!("family:{}", self.known(rest)).into(), false),
            _ => match first.strip_prefix('-') {
                Some(denied) => (self.known(denied), true),
                None => (self.known(first), false),
            },
        };
        Fact {
            state: self.levels.canonical(State::new(state)),
            polarity: if is_denied {
                Polarity::Absent
            } else {
                Polarity::Present
            },
            certainty: if first == "suspected" {
                Certainty::Suspected
            } else {
                Certainty::Asserted
            },
            phase: if matches!(first, "past" | "never") {
                Phase::Past
            } else {
                Phase::Current
            },
            time: None,
            is_lasting: false,
            place,
        }
    }

    fn patient(&self, facts: &str) -> Patient {
        let mut patient = Patient::default();
        for word in facts.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            self.add(&mut patient, word);
        }
        patient
    }

    fn check(&self, id: &str, facts: &str, wanted: &str) {
        let case = format!("{id}: {facts} => {wanted}");
        let criterion = self.book.criterion(id).unwrap_or_else(|| panic!("no set {id}"));
        let patient = self.patient(facts);
        let shown = evaluate(&self.book, &self.vocabulary, &patient);
        let found = shown
            .iter()
            .find(|evaluation| evaluation.criterion.as_ref() == id);
        if wanted == "hidden" {
            assert!(found.is_none(), "shown: {case}");
            return;
        }
        let found = found.unwrap_or_else(|| panic!("not shown: {case}"));
        let told = told(criterion, found);
        for wish in wanted.split(';').map(str::trim) {
            assert!(
                told.contains(&wish.to_owned()),
                "{case}\nwanted {wish}\ntold {told:#?}"
            );
        }
    }
}

/// Each fact has its own place: the one being written, and the number of what was said before.
fn place(patient: &Patient) -> Place {
    let said = patient.facts.len() + patient.drugs.len() + patient.orders.len();
    let values: usize = patient.measures.values().map(Vec::len).sum();
    let words: usize = patient.words.values().map(Vec::len).sum();
    Place {
        note: "".into(),
        event: (said + values + words) as u32,
    }
}

/// Everything an evaluation says, in the words of the cases.
fn told(criterion: &Criterion, found: &Evaluation) -> Vec<String> {
    let name = |index: &u32| {
        criterion
            .outcomes
            .get(*index as usize)
            .map_or("?", |outcome| outcome.name.as_ref())
            .to_owned()
    };
    let mut told = Vec::new();
    if let Some(points) = found.points {
        told.push(if points.least < points.most {
            format!("points {}..{}", points.least, points.most)
        } else {
            format!("points {}", points.most)
        });
        told.push(format!("sure {}", points.sure));
    }
    if let Some(score) = found.score() {
        told.push(format!("score {score:.2}"));
    }
    let names: Vec<String> = found.outcomes.iter().map(name).collect();
    let word = if found.decided().is_some() {
        "result"
    } else {
        "results"
    };
    told.push(format!("{word} {}", names.join(" | ")));
    for (state, item) in found.items.iter().zip(&criterion.items) {
        let word = match state.met {
            Truth::True => "met",
            Truth::False => "not-met",
            Truth::Unknown => "missing",
        };
        told.push(format!("{word} {}", state.item));
        if let (Some(band), Marks::Bands(bands)) = (state.band, &item.marks)
            && let Some(band) = bands.get(band as usize)
        {
            told.push(format!("band {} {}", state.item, band.name));
        }
    }
    let asked = |missing: &tsumugi_cds::criteria::Missing| match missing.wanted.how.word() {
        how @ ("age" | "sex") => how.to_owned(),
        "measure" | "now" => missing.wanted.concept.to_string(),
        how => format!("{how} {}", missing.wanted.concept),
    };
    told.extend(
        found
            .missing
            .first()
            .map(|missing| format!("first {}", asked(missing))),
    );
    let all: Vec<String> = found.missing.iter().map(asked).collect();
    told.push(format!("asks {}", all.join(", ")));
    told.push(format!("applies {}", found.applies.word()));
    told
}

fn cases() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = CASES.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (id, rest) = line.split_once(": ").unwrap_or_else(|| panic!("no id: {line}"));
        let (facts, wanted) = rest
            .split_once("=>")
            .unwrap_or_else(|| panic!("no result: {line}"));
        (id.trim(), facts.trim(), wanted.trim())
    })
}

#[test]
fn the_worked_cases_give_their_results() {
    let world = World::embedded();
    let mut failed = Vec::new();
    for (id, facts, wanted) in cases() {
        let run = std::panic::AssertUnwindSafe(|| world.check(id, facts, wanted));
        if let Err(why) = std::panic::catch_unwind(run) {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            failed.push(why);
        }
    }
    assert!(
        failed.is_empty(),
        "{} cases:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn every_set_has_two_worked_cases() {
    let world = World::embedded();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, _, wanted) in cases() {
        *counts.entry(id).or_default() += usize::from(wanted.contains("result "));
    }
    for criterion in &world.book.criteria {
        let count = counts.get(criterion.id.as_ref()).copied().unwrap_or(0);
        assert!(count >= 2, "{} has {count} cases with a result", criterion.id);
    }
}
