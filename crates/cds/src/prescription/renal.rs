//! What the function of the kidneys asks of the dose. Never lowered: a running drug accumulates too.

use super::dose::{OVERDOSE, least_of_day, loud, number};
use super::kidney::{Figure, Kidneys};
use super::subject::{Outcome, Subject};
use super::{Grade, Kind, Lowered, Missing};
use tsumugi_knowledge::drug::{Action, Aspect, Impairment, Organ, OrganDose};

/// The filtration rate stands in for an unknown clearance; above this share of the limit it is too near to interrupt.
const CLEARLY_BELOW: f64 = 0.8;

/// A row that holds for a figure.
struct Hit<'r> {
    row: &'r OrganDose,
    figure: Figure,
    /// The filtration rate in the place of the clearance, near the limit.
    is_near_limit: bool,
}

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let rows: Vec<&OrganDose> = subject
        .lineage
        .iter()
        .flat_map(|id| subject.checks.book.organ_doses(id))
        .filter(|row| row.organ == Organ::Renal)
        .collect();
    let mut outcome = Outcome::unless_covered(Kind::Renal, subject, Aspect::Renal);
    if rows.iter().all(|row| row.action == Action::None) {
        return outcome;
    }
    let kidneys = Kidneys::of(subject);
    let has_own = |row: &&OrganDose| matches!(row.impairment, Impairment::Hemodialysis);
    let only_dialysis = kidneys.dialysis.is_some() && rows.iter().any(has_own);
    let hits = rows
        .iter()
        .filter(|row| !only_dialysis || has_own(row))
        .filter_map(|row| hit(&kidneys, row));
    let gravest = hits.max_by_key(|hit| (hit.row.action, !hit.is_near_limit));
    missing(&mut outcome, &kidneys, &rows, gravest.is_some());
    outcome.findings.extend(
        gravest
            .filter(|hit| hit.row.action != Action::None)
            .map(|hit| finding(subject, &hit)),
    );
    outcome
}

fn missing(outcome: &mut Outcome, kidneys: &Kidneys, rows: &[&OrganDose], is_hit: bool) {
    let is_blind = kidneys.egfr.is_none() && kidneys.clearance.is_none();
    if is_blind {
        outcome.missing.extend(kidneys.missing.iter().cloned());
        return;
    }
    let mut asking = rows.iter().filter(|row| row.action != Action::None);
    let wants_clearance = asking
        .clone()
        .any(|row| matches!(row.impairment, Impairment::Clearance { .. }));
    if wants_clearance && kidneys.clearance.is_none() && !is_hit {
        let why = kidneys
            .missing
            .iter()
            .filter(|missing| **missing != Missing::RenalFunction);
        outcome.missing.extend(why.cloned());
        if outcome.missing.is_empty() {
            outcome.missing.push(Missing::Weight);
        }
    }
    let wants_rate = asking.any(|row| matches!(row.impairment, Impairment::Egfr { .. }));
    if wants_rate && kidneys.egfr.is_none() && !is_hit {
        outcome.missing.push(Missing::RenalFunction);
    }
}

fn hit<'r>(kidneys: &Kidneys, row: &'r OrganDose) -> Option<Hit<'r>> {
    let within = |figure: &Option<Figure>, from: f64, to: f64| {
        let figure = figure.clone();
        figure.filter(|figure| from <= figure.value && figure.value < to)
    };
    let mut is_near_limit = false;
    let figure = match row.impairment {
        Impairment::Egfr { from, to } => within(&kidneys.egfr, from, to)?,
        Impairment::Clearance { from, to } if kidneys.clearance.is_some() => {
            within(&kidneys.clearance, from, to)?
        }
        Impairment::Clearance { from, to } => {
            let rate = within(&kidneys.egfr, from, to)?;
            is_near_limit = rate.value > to * CLEARLY_BELOW;
            Figure {
                word: "value-ccr-by-egfr",
                ..rate
            }
        }
        Impairment::Hemodialysis => Figure {
            value: 0.0,
            word: "value-hemodialysis",
            places: kidneys.dialysis.clone()?,
        },
        Impairment::ChildPugh { .. } => return None,
    };
    Some(Hit {
        row,
        figure,
        is_near_limit,
    })
}

/// eGFR below which kidneys have failed (KDIGO 2012, G5), mL/min/1.73 m².
const KIDNEY_FAILURE: f64 = 15.0;

fn finding(subject: &Subject<'_>, hit: &Hit<'_>) -> super::subject::Finding {
    let number = format!("{:.0}", hit.figure.value);
    let value = subject.say(hit.figure.word, &[("number", &number)]);
    let (mut grade, rank) = weight(hit.row.action);
    // What should be avoided already with impaired kidneys accumulates to harm where they have failed.
    if hit.row.action == Action::Avoid && hit.figure.value < KIDNEY_FAILURE {
        grade = Grade::Interruptive;
    }
    let over = over(subject, hit.row);
    let key = if over.is_some() {
        "renal-over".to_owned()
    } else {
        format!("renal-{}", hit.row.action.word())
    };
    let (day, limit) = over.as_ref().map_or(("", ""), |over| (&over.day, &over.limit));
    let mechanism = subject.say(&key, &[("value", &value), ("day", day), ("limit", limit)]);
    let rank = if over.is_some() { rank.min(1) } else { rank };
    grade = over.as_ref().map_or(grade, |over| grade.max(over.grade));
    let finding = subject
        .finding(Kind::Renal, "organ:renal".to_owned(), grade, rank, mechanism)
        .on(&hit.row.basis)
        .because(hit.figure.places.iter().cloned());
    if hit.is_near_limit && grade == Grade::Interruptive {
        return finding.lowered(Lowered::NearTheLimit, &subject.say("near-the-limit", &[]));
    }
    finding
}

/// More in a day than the function of the organ allows.
struct Over {
    day: String,
    limit: String,
    grade: Grade,
}

fn over(subject: &Subject<'_>, row: &OrganDose) -> Option<Over> {
    let (most, unit) = row.max_day.as_ref()?;
    let day = least_of_day(subject, &subject.order.dosage, unit)?;
    let text = |amount: f64| format!("{} {unit}", number(amount));
    (day > *most).then(|| Over {
        day: text(day),
        limit: text(*most),
        grade: loud(subject, day >= OVERDOSE * most),
    })
}

/// How loudly an action of a row on an organ is told.
pub(super) fn weight(action: Action) -> (Grade, u8) {
    match action {
        Action::Contraindicated => (Grade::Interruptive, 0),
        Action::Avoid => (Grade::Passive, 2),
        Action::Reduce | Action::Extend => (Grade::Passive, 3),
        Action::None => (Grade::Silent, 7),
    }
}
