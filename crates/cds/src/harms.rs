//! Harm that a drug may have done, over the whole record: what happened, under which drugs, what became of it when the drug
//! was stopped. A suggestion by the categories of the WHO-UMC, never a judgement: a person confirms or denies it.

use crate::induced::is_kind_of;
use crate::patient::{DrugUse, Fact, Patient, Place};
use crate::prescription::Checks;
use crate::standing::days_between;
use jiff::civil::{Date, DateTime};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use tsumugi_clinical::{Certainty, Phase, Polarity};
use tsumugi_knowledge::State;
use tsumugi_knowledge::drug::{AdverseEffect, Frequency};
use tsumugi_tables::{Source, Table};

const LIMITS: &str = include_str!("../../../data/care/limits.tsv");

static WINDOWS: LazyLock<Windows> = LazyLock::new(Windows::read);

/// How sure it is that a drug did harm, as far as a record alone can tell: a code of `data/care/causality.tsv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Causality {
    /// When the drug was begun is not known.
    Conditional,
    /// The times fit; something else may have done it too.
    Possible,
    /// The times fit, no other drug of the record is known for it, and it went away when the drug was stopped.
    Probable,
}

impl Causality {
    /// The code of the table.
    pub fn code(self) -> &'static str {
        match self {
            Self::Conditional => "conditional",
            Self::Possible => "possible",
            Self::Probable => "probable",
        }
    }
}

/// A drug that may have done harm.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The drug.
    pub drug: Arc<str>,
    /// Day on which it was begun, where the record tells.
    pub began: Option<Date>,
    /// Day on which it was stopped, where the record tells.
    pub ended: Option<Date>,
    /// Whether the record names the drug as what did it, or as not tolerated, in the same note.
    pub is_told: bool,
    /// How often it does so; none where no table lists it.
    pub frequency: Option<Frequency>,
    /// Whether a table says that this effect threatens life or leaves lasting harm.
    pub is_serious: bool,
    /// Days from the begin to the harm.
    pub days: Option<i32>,
    /// The category that the record suggests.
    pub causality: Causality,
    /// Where the record tells of the drug.
    pub place: Place,
}

/// What happened, with the drugs that may have done it: the likeliest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Harm {
    /// What happened.
    pub finding: State,
    /// Day on which it is first told.
    pub onset: Option<Date>,
    /// Day on which the record first denies it again.
    pub gone: Option<Date>,
    /// Where the record first tells of it.
    pub place: Place,
    /// The drugs.
    pub suspects: Vec<Suspect>,
}

/// Limits of `data/care/limits.tsv`, in days.
#[derive(Debug, Clone, Copy)]
struct Windows {
    begin: i32,
    washout: i32,
}

impl Windows {
    fn read() -> Self {
        let source = Source {
            path: "care/limits.tsv",
            text: LIMITS,
        };
        // Mistakes are a matter of the tests of the tables; without a limit nothing is found.
        let table = Table::parse(source, &mut Vec::new());
        let of = |id: &str| {
            let row = table.rows().find(|row| row.get("id") == id);
            row.and_then(|row| row.get("value").parse().ok()).unwrap_or(-1)
        };
        Self {
            begin: of("harm-window"),
            washout: of("harm-washout"),
        }
    }
}

/// The time of a drug in the record.
#[derive(Debug, Clone, Default)]
struct Course {
    began: Option<Date>,
    /// The first day on which the record tells of it.
    seen: Option<Date>,
    ended: Option<Date>,
    place: Place,
}

/// All harm that the record suggests; what threatens life first, then the newest.
pub fn harms(checks: &Checks<'_>, patient: &Patient) -> Vec<Harm> {
    let courses = courses(patient);
    let mut found: Vec<Harm> = Vec::new();
    for (state, facts) in by_state(patient) {
        let Some(first) = facts.iter().copied().find(|fact| is_there(fact)) else {
            continue;
        };
        let onset = patient.day_of(first.time.as_ref(), &first.place);
        let gone = facts.iter().filter(|fact| fact.polarity == Polarity::Absent);
        let gone = gone
            .filter_map(|fact| patient.day_of(fact.time.as_ref(), &fact.place))
            .find(|day| onset.is_some_and(|onset| *day > onset));
        let mut harm = Harm {
            finding: state.clone(),
            onset,
            gone,
            place: first.place.clone(),
            suspects: Vec::new(),
        };
        let mut suspects: Vec<Suspect> = courses
            .iter()
            .filter_map(|(drug, course)| suspect(checks, patient, &harm, (drug, course)))
            .collect();
        suspects.extend(told(checks, patient, &harm, &suspects));
        judge(&mut suspects, harm.gone);
        harm.suspects = suspects;
        if !harm.suspects.is_empty() {
            found.push(harm);
        }
    }
    found.sort_by_key(|harm| {
        let is_serious = harm.suspects.iter().any(|suspect| suspect.is_serious);
        (!is_serious, std::cmp::Reverse(harm.onset))
    });
    found
}

/// Facts of each state, in the order of the notes.
fn by_state(patient: &Patient) -> BTreeMap<&State, Vec<&Fact>> {
    let mut states: BTreeMap<&State, Vec<&Fact>> = BTreeMap::new();
    for fact in patient
        .facts
        .iter()
        .filter(|fact| fact.certainty == Certainty::Asserted)
    {
        states.entry(&fact.state).or_default().push(fact);
    }
    states
}

fn is_there(fact: &Fact) -> bool {
    fact.polarity == Polarity::Present && matches!(fact.phase, Phase::Current)
}

fn courses(patient: &Patient) -> BTreeMap<Arc<str>, Course> {
    let mut courses: BTreeMap<Arc<str>, Course> = BTreeMap::new();
    let earlier = |one: Option<Date>, other: Option<Date>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    for usage in &patient.drugs {
        let said = patient.notes.get(&usage.place.note).copied();
        let own = usage.time.as_ref();
        let is_taken = usage.polarity == Polarity::Present;
        match usage.phase {
            Phase::Current if is_taken => {
                let course = courses.entry(Arc::clone(&usage.drug)).or_insert_with(|| Course {
                    place: usage.place.clone(),
                    ..Course::default()
                });
                course.began = earlier(course.began, own.and_then(|time| time.from).map(DateTime::date));
                course.seen = earlier(course.seen, said);
                // Taken again: it has not ended.
                course.ended = None;
            }
            Phase::Stopped | Phase::Past => stop(&mut courses, usage, said),
            _ => {}
        }
    }
    courses
}

/// The first day on which a drug is told to have ended since it was taken last.
fn stop(courses: &mut BTreeMap<Arc<str>, Course>, usage: &DrugUse, said: Option<Date>) {
    let own = usage.time.as_ref();
    let course = courses.entry(Arc::clone(&usage.drug)).or_insert_with(|| Course {
        place: usage.place.clone(),
        ..Course::default()
    });
    let ended = own.and_then(|time| time.to.or(time.from)).map(DateTime::date);
    course.ended = course.ended.or(ended).or(said);
}

/// The drug, where it was taken when the harm came and a table lists the effect.
fn suspect(
    checks: &Checks<'_>,
    patient: &Patient,
    harm: &Harm,
    (drug, course): (&Arc<str>, &Course),
) -> Option<Suspect> {
    let row = effect(checks, drug, &harm.finding)?;
    let onset = harm.onset?;
    let known = course.began.or(course.seen)?;
    let days = days_between(known, onset)?;
    // What was there before the drug, and what came long after, is not of it.
    let is_in_time = (0..=WINDOWS.begin).contains(&days)
        && course
            .ended
            .is_none_or(|ended| days_between(ended, onset).is_some_and(|since| since <= WINDOWS.washout));
    let was_there = patient.facts.iter().any(|fact| {
        is_there(fact)
            && is_kind_of(checks, &fact.state, harm.finding.as_str())
            && patient
                .day_of(fact.time.as_ref(), &fact.place)
                .is_some_and(|day| day < known)
    });
    (is_in_time && !was_there).then(|| Suspect {
        drug: Arc::clone(drug),
        began: course.began,
        ended: course.ended.filter(|ended| *ended >= onset),
        is_told: is_not_tolerated(patient, drug, harm),
        frequency: Some(row.frequency),
        is_serious: row.is_serious,
        days: course.began.map(|_| days),
        causality: Causality::Possible,
        place: course.place.clone(),
    })
}

/// Drugs that the note of the harm names as not tolerated, and a table lists for it, though no course of theirs is told.
fn told(checks: &Checks<'_>, patient: &Patient, harm: &Harm, known: &[Suspect]) -> Vec<Suspect> {
    let of_note = patient.allergies.iter().filter(|allergy| {
        allergy.polarity == Polarity::Present
            && allergy.place.note == harm.place.note
            && !known.iter().any(|suspect| suspect.drug == allergy.to)
    });
    let mut found: Vec<Suspect> = Vec::new();
    for allergy in of_note {
        if found.iter().any(|suspect| suspect.drug == allergy.to) {
            continue;
        }
        let Some(row) = effect(checks, &allergy.to, &harm.finding) else {
            continue;
        };
        found.push(Suspect {
            drug: Arc::clone(&allergy.to),
            began: None,
            ended: None,
            is_told: true,
            frequency: Some(row.frequency),
            is_serious: row.is_serious,
            days: None,
            causality: Causality::Possible,
            place: allergy.place.clone(),
        });
    }
    found
}

fn is_not_tolerated(patient: &Patient, drug: &str, harm: &Harm) -> bool {
    patient.allergies.iter().any(|allergy| {
        allergy.polarity == Polarity::Present
            && allergy.to.as_ref() == drug
            && allergy.place.note == harm.place.note
    })
}

/// The row that lists the effect for the drug, its classes or ingredients: the nearest.
fn effect<'b>(checks: &Checks<'b>, drug: &str, finding: &State) -> Option<&'b AdverseEffect> {
    let lineage = checks.book.lineage(checks.vocabulary, drug);
    let rows = lineage.iter().flat_map(|id| checks.book.adverse_effects(id));
    rows.filter(|row| is_kind_of(checks, finding, &row.effect))
        .max_by_key(|row| {
            (
                row.effect.as_ref() == finding.as_str(),
                row.is_serious,
                row.frequency,
            )
        })
}

/// Suggests a category for each drug, and puts the likeliest first.
fn judge(suspects: &mut [Suspect], gone: Option<Date>) {
    let is_alone = suspects.len() == 1;
    for suspect in suspects.iter_mut() {
        let went_away = suspect.ended.zip(gone).is_some_and(|(ended, gone)| gone > ended);
        suspect.causality = if suspect.began.is_none() && !suspect.is_told {
            Causality::Conditional
        } else if went_away && is_alone {
            Causality::Probable
        } else {
            Causality::Possible
        };
    }
    suspects.sort_by_key(|suspect| {
        (
            !suspect.is_told,
            std::cmp::Reverse(suspect.causality),
            std::cmp::Reverse(suspect.frequency),
            suspect.days.unwrap_or(i32::MAX),
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_stand_in_the_table() {
        assert_eq!((WINDOWS.begin, WINDOWS.washout), (180, 14));
    }
}
