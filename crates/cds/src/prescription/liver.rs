//! What the function of the liver asks of the dose, by the Child-Pugh class that is stated or that a failing liver
//! amounts to.

use super::renal::weight;
use super::standing::Hold;
use super::subject::{Outcome, Subject};
use super::{Kind, Missing};
use crate::patient::Place;
use tsumugi_knowledge::drug::{Action, Aspect, Impairment, Organ, OrganDose, Role};

/// A Child-Pugh class with the words for it.
struct Class {
    letter: char,
    value: String,
    places: Vec<Place>,
}

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::unless_covered(Kind::Hepatic, subject, Aspect::Hepatic);
    let rows: Vec<&OrganDose> = subject
        .lineage
        .iter()
        .flat_map(|id| subject.checks.book.organ_doses(id))
        .filter(|row| row.organ == Organ::Hepatic)
        .collect();
    if rows.iter().all(|row| row.action == Action::None) {
        return outcome;
    }
    let Some(class) = class(subject) else {
        let must_be_graded = subject.standing.iter().any(|standing| {
            standing.hold == Hold::Now && subject.plays(&standing.state, Role::LiverDiseaseToGrade)
        });
        if must_be_graded {
            outcome.missing.push(Missing::ChildPugh);
        }
        return outcome;
    };
    let holds = |row: &&OrganDose| match row.impairment {
        Impairment::ChildPugh { from, to } => (from..=to).contains(&class.letter),
        _ => false,
    };
    let gravest = rows.into_iter().filter(holds).max_by_key(|row| row.action);
    if let Some(row) = gravest.filter(|row| row.action != Action::None) {
        let (grade, rank) = weight(row.action);
        let key = format!("hepatic-{}", row.action.word());
        let mechanism = subject.say(&key, &[("value", &class.value)]);
        let finding = subject
            .finding(Kind::Hepatic, "organ:hepatic".to_owned(), grade, rank, mechanism)
            .on(&row.basis)
            .because(class.places);
        outcome.findings.push(finding);
    }
    outcome
}

/// The class that was stated last, in letters or points; else C for a liver that fails.
fn class(subject: &Subject<'_>) -> Option<Class> {
    let say = |class: char| subject.say("value-child-pugh", &[("number", &class.to_string())]);
    let tests = subject.checks.book.role(Role::TestChildPugh);
    let letters = tests
        .iter()
        .filter_map(|test| subject.patient.words.get(test))
        .flatten();
    let letters = letters.filter_map(|(words, place)| Some((letter(words)?, place)));
    let points = tests
        .iter()
        .filter_map(|test| subject.patient.measures.get(test))
        .flatten();
    let points = points.filter_map(|measure| Some((of_points(measure.value)?, &measure.place)));
    let stated = letters.chain(points);
    let newest = stated.max_by_key(|(_, place)| (subject.patient.notes.get(&place.note), place.event));
    if let Some((class, place)) = newest {
        return Some(Class {
            letter: class,
            value: say(class),
            places: vec![place.clone()],
        });
    }
    let failing = subject.standing.iter().find(|standing| {
        standing.hold == Hold::Now && subject.plays(&standing.state, Role::SevereLiverDisease)
    })?;
    Some(Class {
        letter: 'C',
        value: subject.say("value-severe-liver", &[("other", &subject.name(&failing.state))]),
        places: failing.places.clone(),
    })
}

fn letter(words: &str) -> Option<char> {
    let first = words.trim().chars().next()?.to_ascii_uppercase();
    matches!(first, 'A'..='C').then_some(first)
}

/// The class of a score of 5 to 15 points.
fn of_points(points: f64) -> Option<char> {
    if !(5.0..=15.0).contains(&points) {
        return None;
    }
    Some(match points {
        points if points < 7.0 => 'A',
        points if points < 10.0 => 'B',
        _ => 'C',
    })
}
