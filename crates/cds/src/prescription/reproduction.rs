//! Pregnancy and lactation. Their state is read from the facts; a woman of whom nothing is told is not alerted.

use super::condition::is_of_reproduction;
use super::standing::Hold;
use super::subject::{Outcome, Subject};
use super::{Grade, Kind, Lowered, Missing};
use crate::patient::{Fact, Place};
use crate::standing::days_between;
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Interpretation, Phase, Polarity, Sex};
use tsumugi_knowledge::State;
use tsumugi_knowledge::drug::{Aspect, Basis, Objection, Role, Safety, Situation};

/// Days after which a pregnancy that was once told is over.
const PREGNANCY: i32 = 300;
/// Days after which a lactation that was once told is over (estimate).
const LACTATION: i32 = 550;
/// Ages in years at which an unknown state is named as missing.
const FERTILE: std::ops::RangeInclusive<f64> = 12.0..=55.0;

/// Whether the patient is in a situation.
struct Told {
    state: Arc<str>,
    hold: Hold,
    place: Place,
}

pub(super) fn check(subject: &Subject<'_>, kind: Kind) -> Outcome {
    let (situation, aspect) = match kind {
        Kind::Lactation => (Situation::Lactation, Aspect::Lactation),
        _ => (Situation::Pregnancy, Aspect::Pregnancy),
    };
    let mut outcome = Outcome::unless_covered(kind, subject, aspect);
    let Some((safety, basis)) = gravest(subject, situation) else {
        return outcome;
    };
    let told = match situation {
        Situation::Pregnancy => pregnancy(subject),
        Situation::Lactation => lactation(subject),
    };
    let Some(told) = told else {
        let is_fertile = subject.patient.sex != Some(Sex::Male)
            && subject.patient.age.is_none_or(|age| FERTILE.contains(&age))
            && !is_denied(subject, situation);
        if is_fertile && safety > Safety::Compatible {
            outcome.missing.push(match situation {
                Situation::Pregnancy => Missing::PregnancyStatus,
                Situation::Lactation => Missing::LactationStatus,
            });
        }
        return outcome;
    };
    let word = match safety {
        Safety::Compatible => return outcome,
        Safety::Caution => "caution",
        Safety::Avoid => "avoid",
        Safety::Contraindicated => "contraindicated",
    };
    let (grade, rank) = match (safety, situation) {
        (Safety::Contraindicated, Situation::Pregnancy) => (Grade::Interruptive, 0),
        (Safety::Contraindicated, Situation::Lactation) => (Grade::Passive, 2),
        (Safety::Avoid, _) => (Grade::Passive, 2),
        _ => (Grade::Silent, 6),
    };
    let other = subject.name(&told.state);
    let mechanism = subject.say(&format!("{}-{word}", kind.word()), &[("other", &other)]);
    let finding = subject
        .finding(kind, kind.word().to_owned(), grade, rank, mechanism)
        .against(&told.state)
        .on(basis)
        .because([told.place]);
    outcome.findings.push(match told.hold {
        Hold::Suspected => {
            let sentence = subject.say("only-suspected", &[("other", &other)]);
            finding.lowered(Lowered::Suspected, &sentence)
        }
        _ => finding,
    });
    outcome
}

/// The gravest row, from the table of pregnancy and lactation or from that of conditions.
fn gravest<'b>(subject: &Subject<'b>, situation: Situation) -> Option<(Safety, &'b Basis)> {
    let book = subject.checks.book;
    let rows = subject.lineage.iter().flat_map(|id| book.reproduction(id));
    let rows = rows
        .filter(|row| row.situation == situation)
        .map(|row| (row.safety, &row.basis));
    let role = match situation {
        Situation::Pregnancy => Role::Pregnant,
        Situation::Lactation => Role::Lactating,
    };
    let conditions = subject.lineage.iter().flat_map(|id| book.contraindications(id));
    let conditions = conditions
        .filter(|row| {
            row.condition.as_ref().is_some_and(|condition| {
                is_of_reproduction(subject, condition) && subject.plays(condition, role)
            })
        })
        .map(|row| match row.objection {
            Objection::Contraindicated => (Safety::Contraindicated, &row.basis),
            Objection::Caution => (Safety::Caution, &row.basis),
        });
    let mut best: Option<(Safety, &Basis)> = None;
    for row in rows.chain(conditions) {
        if best.is_none_or(|best| row.0 > best.0) {
            best = Some(row);
        }
    }
    best
}

fn pregnancy(subject: &Subject<'_>) -> Option<Told> {
    let facts = &subject.patient.facts;
    let (index, fact) = last(subject, Role::Pregnant, PREGNANCY)?;
    let is_later = |other: &Fact| other.place.note != fact.place.note;
    let is_over = facts.get(index..)?.iter().any(|other| {
        let is_told = other.polarity == Polarity::Present && other.phase == Phase::Current;
        is_later(other) && is_told && subject.plays(other.state.concept(), Role::PregnancyOver)
    });
    (!is_over && !was_tested_since(subject, fact)).then(|| told(fact))
}

/// Whether a later note has a negative test.
fn was_tested_since(subject: &Subject<'_>, fact: &Fact) -> bool {
    let day = |fact: &Fact| subject.patient.day_of(fact.time.as_ref(), &fact.place);
    let negative = subject
        .patient
        .facts
        .iter()
        .filter(|other| is_negative_test(subject, other));
    let mut days = negative.filter_map(|other| day(other).zip(day(fact)));
    days.any(|(tested, told)| tested > told)
}

fn is_negative_test(subject: &Subject<'_>, fact: &Fact) -> bool {
    let mut tests = subject.checks.book.role(Role::TestPregnancy).iter();
    fact.polarity == Polarity::Present
        && tests.any(|test| fact.state == State::of_test(test, Interpretation::Negative))
}

fn lactation(subject: &Subject<'_>) -> Option<Told> {
    last(subject, Role::Lactating, LACTATION).map(|(_, fact)| told(fact))
}

fn told(fact: &Fact) -> Told {
    Told {
        state: fact.state.as_str().into(),
        hold: match fact.certainty {
            Certainty::Asserted => Hold::Now,
            _ => Hold::Suspected,
        },
        place: fact.place.clone(),
    }
}

/// The last fact of a role, where it says that it is so, and is so still.
fn last<'s>(subject: &'s Subject<'_>, role: Role, days: i32) -> Option<(usize, &'s Fact)> {
    let facts = subject.patient.facts.iter().enumerate().rev();
    let mut of_role = facts.filter(|(_, fact)| {
        fact.certainty != Certainty::General
            && matches!(fact.phase, Phase::Current)
            && subject.plays(fact.state.concept(), role)
    });
    // A denied complication does not deny the pregnancy: only the head of the role does.
    let (index, fact) =
        of_role.find(|(_, fact)| fact.polarity == Polarity::Present || is_head(subject, role, fact))?;
    let told = subject.patient.notes.get(&fact.place.note).copied();
    let age = told
        .zip(subject.patient.today)
        .and_then(|(told, today)| days_between(told, today));
    let is_still = age.is_none_or(|age| age <= days);
    (fact.polarity == Polarity::Present && is_still).then_some((index, fact))
}

/// Whether a fact is about the situation itself.
fn is_head(subject: &Subject<'_>, role: Role, fact: &Fact) -> bool {
    let itself = if role == Role::Pregnant {
        Role::PregnancyItself
    } else {
        role
    };
    let heads = subject.checks.book.role(itself);
    heads.iter().any(|head| head.as_ref() == fact.state.concept())
}

fn is_denied(subject: &Subject<'_>, situation: Situation) -> bool {
    let role = match situation {
        Situation::Pregnancy => Role::PregnancyItself,
        Situation::Lactation => Role::Lactating,
    };
    let newest = subject.patient.facts.iter().rev().find(|fact| {
        subject.plays(fact.state.concept(), role)
            || (situation == Situation::Pregnancy && is_negative_test(subject, fact))
    });
    newest.is_some_and(|fact| fact.polarity == Polarity::Absent || is_negative_test(subject, fact))
}
