//! What the record itself says not to give: 「以後禁」 for good, 「キノロンは避ける」 this time. Whoever wrote it knew why; no table
//! has to.
//!
//! A use without harm that a later note tells makes it a hint, and so does a decision of another episode; after some
//! months it is told no more.

use super::subject::{Finding, Outcome, Subject};
use super::{Grade, Kind, Lowered};
use crate::patient::DrugUse;
use crate::standing::{DISEASE_STAYS, FINDING_STAYS, days_between};
use jiff::civil::Date;
use std::sync::Arc;
use tsumugi_clinical::{Phase, Polarity};

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::new(Kind::Record);
    let mut told: Vec<Arc<str>> = Vec::new();
    for usage in subject
        .patient
        .drugs
        .iter()
        .rev()
        .filter(|usage| is_avoided(usage))
    {
        if holds(subject, usage) && concerns(subject, usage) && !told.contains(&usage.drug) {
            told.push(Arc::clone(&usage.drug));
            outcome.findings.push(finding(subject, usage));
        }
    }
    outcome
}

/// Whether a note says that a drug is not to be given: a plan that denies it.
pub(super) fn is_avoided(usage: &DrugUse) -> bool {
    usage.polarity == Polarity::Absent && usage.phase == Phase::Planned
}

/// Days since a drug was withheld for the time being; none for what is forbidden for good.
fn days_since_withheld(subject: &Subject<'_>, usage: &DrugUse) -> Option<i32> {
    let withheld = usage.time.as_ref()?.to?.date();
    days_between(withheld, subject.patient.today?)
}

fn holds(subject: &Subject<'_>, usage: &DrugUse) -> bool {
    days_since_withheld(subject, usage).is_none_or(|days| days <= DISEASE_STAYS)
}

/// Whether what is said of a drug or class is said of the order, too; another route is another thing.
fn concerns(subject: &Subject<'_>, usage: &DrugUse) -> bool {
    let book = subject.checks.book;
    let route = |dosage: &tsumugi_clinical::Dosage| dosage.route.clone();
    let routes = usage
        .dosage
        .as_ref()
        .and_then(route)
        .zip(route(&subject.order.dosage));
    let is_same = subject.lineage.contains(&usage.drug)
        || book.ingredients(&subject.order.drug).contains(&usage.drug)
        || book.ingredients(&usage.drug).contains(&subject.order.drug);
    is_same && routes.is_none_or(|(said, ordered)| said == ordered)
}

fn finding(subject: &Subject<'_>, usage: &DrugUse) -> Finding {
    let own = subject.patient.notes.get(&usage.place.note).copied();
    let said = own.or(subject.patient.today.filter(|_| usage.place.note.is_empty()));
    let (other, recorded) = (subject.name(&usage.drug), subject.date(said));
    let mechanism = subject.say("record-avoid", &[("other", &other), ("recorded", &recorded)]);
    let finding = subject
        .finding(
            Kind::Record,
            format!("record:{}", usage.drug),
            Grade::Interruptive,
            0,
            mechanism,
        )
        .against(&usage.drug)
        .because([usage.place.clone()]);
    match said.zip(taken_since(subject, said)) {
        Some((recorded, taken)) => {
            let sentence = subject.say(
                "taken-since",
                &[("recorded", &recorded.to_string()), ("taken", &taken.to_string())],
            );
            finding.lowered(Lowered::TakenSince { recorded, taken }, &sentence)
        }
        None if days_since_withheld(subject, usage).is_some_and(|days| days > FINDING_STAYS) => {
            finding.lowered(Lowered::Before, &subject.say("withheld-then", &[]))
        }
        None => finding,
    }
}

/// Day of a later note of the past that tells the ordered drug as taken.
fn taken_since(subject: &Subject<'_>, said: Option<Date>) -> Option<Date> {
    let said = said?;
    let uses = subject.patient.drugs.iter().filter(|usage| {
        usage.drug == subject.order.drug
            && usage.polarity == Polarity::Present
            && usage.phase == Phase::Current
            && !usage.place.note.is_empty()
    });
    let days = uses.filter_map(|usage| subject.patient.notes.get(&usage.place.note).copied());
    days.filter(|day| *day > said).max()
}
