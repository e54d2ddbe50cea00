//! Conditions that forbid a drug or ask for care.
//!
//! A condition of now interrupts where the row forbids the drug; one that is suspected or of the past is a hint, and so
//! is one that was known while the drug ran. Pregnancy and lactation have their own check.

use super::standing::{Hold, Standing};
use super::subject::{Finding, Outcome, Partner, Subject, is_earlier};
use super::{Grade, Kind, Lowered, Missing};
use crate::patient::Place;
use std::sync::Arc;
use tsumugi_knowledge::drug::{Aspect, Contraindication, Objection, Role};

/// What of the patient meets a row.
struct Met {
    state: Arc<str>,
    hold: Hold,
    places: Vec<Place>,
    /// Whether it was known before today.
    was_known: bool,
}

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::unless_covered(Kind::Condition, subject, Aspect::Contraindication);
    let book = subject.checks.book;
    let mut rows: Vec<&Contraindication> = subject
        .lineage
        .iter()
        .flat_map(|id| book.contraindications(id))
        .collect();
    let age = subject.patient.age;
    if rows.iter().any(|row| row.holds_at(age).is_none()) {
        outcome.missing.push(Missing::Age);
    }
    rows.retain(|row| row.holds_at(age) == Some(true));
    let of_age = rows.iter().filter(|row| row.condition.is_none());
    let of_age = of_age.max_by_key(|row| row.objection);
    outcome
        .findings
        .extend(of_age.map(|row| of_age_alone(subject, row)));
    rows.retain(|row| {
        let condition = row.condition.as_ref();
        condition.is_some_and(|condition| !is_of_reproduction(subject, condition))
    });
    rows.sort_by_key(|row| std::cmp::Reverse(row.objection));
    let mut told: Vec<Arc<str>> = Vec::new();
    for row in rows {
        let met = met(subject, row);
        // A state is told once, at the row that objects most.
        let is_new = met.iter().any(|met| !told.contains(&met.state));
        if is_new && let Some(firmest) = met.iter().max_by_key(|met| met.hold) {
            outcome.findings.push(finding(subject, row, firmest, &met));
            told.extend(met.iter().map(|met| Arc::clone(&met.state)));
        }
    }
    outcome
}

/// The age alone speaks against the drug.
fn of_age_alone(subject: &Subject<'_>, row: &Contraindication) -> Finding {
    let (word, grade, rank) = match row.objection {
        Objection::Contraindicated => ("age-contraindicated", Grade::Interruptive, 0),
        Objection::Caution => ("age-caution", Grade::Passive, 4),
    };
    let limit = row.below_age.map_or_else(String::new, |limit| limit.to_string());
    let mechanism = subject.say(word, &[("age", limit.as_str())]);
    subject
        .finding(Kind::Condition, "age".to_owned(), grade, rank, mechanism)
        .on(&row.basis)
}

/// Whether a condition is pregnancy or lactation.
pub(super) fn is_of_reproduction(subject: &Subject<'_>, condition: &str) -> bool {
    subject.plays(condition, Role::Pregnant) || subject.plays(condition, Role::Lactating)
}

fn met(subject: &Subject<'_>, row: &Contraindication) -> Vec<Met> {
    let states = subject
        .standing
        .iter()
        .filter(|standing| meets(subject, standing, row));
    let states = states.map(|standing| Met {
        state: Arc::clone(&standing.state),
        hold: standing.hold,
        places: standing.places.clone(),
        was_known: standing
            .places
            .iter()
            .any(|place| is_earlier(subject.patient, place)),
    });
    let is_meant = |partner: &&Partner| {
        let condition = row.condition.as_ref();
        partner.drug != subject.order.drug
            && condition.is_some_and(|condition| partner.lineage.contains(condition))
    };
    let drugs = subject.partners.iter().filter(is_meant);
    let drugs = drugs.map(|partner| Met {
        state: Arc::clone(&partner.drug),
        hold: Hold::Now,
        places: partner.places.clone(),
        was_known: partner.ran_before,
    });
    states.chain(drugs).collect()
}

fn meets(subject: &Subject<'_>, standing: &Standing, row: &Contraindication) -> bool {
    let condition = row.condition.as_ref();
    condition
        .is_some_and(|condition| standing.state == *condition || subject.is_a(&standing.state, condition))
}

fn finding(subject: &Subject<'_>, row: &Contraindication, firmest: &Met, all: &[Met]) -> Finding {
    let (word, grade, rank) = match row.objection {
        Objection::Contraindicated => ("condition-contraindicated", Grade::Interruptive, 0),
        Objection::Caution if firmest.hold == Hold::Now => ("condition-caution", Grade::Passive, 4),
        Objection::Caution => ("condition-caution", Grade::Silent, 6),
    };
    // What the table of interactions says of the pair is the nearer to the point.
    let is_drug = subject
        .partners
        .iter()
        .any(|partner| partner.drug == firmest.state);
    let rank = rank + u8::from(is_drug);
    let other = subject.name(&firmest.state);
    let say = |key: &str| subject.say(key, &[("other", other.as_str())]);
    let finding = subject
        .finding(
            Kind::Condition,
            key(subject, row, firmest),
            grade,
            rank,
            say(word),
        )
        .against(&firmest.state)
        .on(&row.basis)
        .because(all.iter().flat_map(|met| met.places.iter().cloned()));
    let lowered = match firmest.hold {
        Hold::Suspected => Some((Lowered::Suspected, "only-suspected")),
        // Who had it once carries the risk for good.
        Hold::Before if subject.plays(&firmest.state, Role::LastingRisk) => None,
        Hold::Before => Some((Lowered::Before, "only-before")),
        Hold::Now if is_indicated(subject, row) => Some((Lowered::Indicated, "is-indication")),
        Hold::Now if subject.ran_before && all.iter().all(|met| met.was_known) => {
            Some((Lowered::AlreadyRunning, "already-running"))
        }
        Hold::Now => None,
    };
    match lowered.filter(|_| row.objection == Objection::Contraindicated) {
        Some((why, sentence)) => finding.lowered(why, &say(sentence)),
        None => finding,
    }
}

/// A failing organ is the same mechanism here and in the rows on its function.
fn key(subject: &Subject<'_>, row: &Contraindication, met: &Met) -> String {
    let plays = |role| {
        let condition = row.condition.as_ref();
        condition.is_some_and(|condition| subject.plays(condition, role))
    };
    if plays(Role::KidneyMechanism) {
        return "organ:renal".to_owned();
    }
    if plays(Role::LiverMechanism) {
        return "organ:hepatic".to_owned();
    }
    let is_partner = subject.partners.iter().any(|partner| partner.drug == met.state);
    let kind = if is_partner { "with" } else { "condition" };
    format!("{kind}:{}", met.state)
}

/// Whether the drug is also for what its class is forbidden in.
fn is_indicated(subject: &Subject<'_>, row: &Contraindication) -> bool {
    let mut indications = subject
        .lineage
        .iter()
        .flat_map(|id| subject.checks.book.indications(id));
    indications.any(|indication| Some(&indication.condition) == row.condition.as_ref())
}
