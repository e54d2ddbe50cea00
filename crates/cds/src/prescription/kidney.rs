//! The function of the kidneys, as measured or computed.
//!
//! Sources: the Japanese formula for the filtration rate (Matsuo S et al., Am J Kidney Dis 2009;53:982-992) and that of
//! Cockcroft and Gault (Nephron 1976;16:31-41). Both are for adults with steady creatinine.

use super::Missing;
use super::standing::Hold;
use super::subject::Subject;
use crate::patient::{Measure, Place};
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_knowledge::drug::Role;

/// A figure with the places that tell it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) value: f64,
    /// Key of the sentence that names it.
    pub(super) word: &'static str,
    pub(super) places: Vec<Place>,
}

/// What is known of the kidneys.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Kidneys {
    /// Filtration rate, mL/min/1.73 m².
    pub(super) egfr: Option<Figure>,
    /// Creatinine clearance, mL/min.
    pub(super) clearance: Option<Figure>,
    /// Where dialysis is told.
    pub(super) dialysis: Option<Vec<Place>>,
    /// What kept a figure from being computed.
    pub(super) missing: Vec<Missing>,
}

/// Youngest age in years for which the formulas hold.
const ADULT: f64 = 18.0;
/// Filtration rate, mL/min/1.73 m², from which a word of dialysis is taken for a plan.
const NO_DIALYSIS: f64 = 30.0;
/// The figure by which rows on filtration are read while the patient is on dialysis.
const ON_DIALYSIS: f64 = 5.0;

impl Kidneys {
    /// Reads it from the newest values of a patient.
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let mut kidneys = Self::default();
        let creatinine = latest(subject, Role::TestCreatinine);
        kidneys.egfr = newer(
            subject,
            latest(subject, Role::TestEgfr).map(|measure| (measure, stated(measure, "value-egfr"))),
            creatinine.and_then(|measure| Some((measure, kidneys.rate(subject, measure)?))),
        );
        kidneys.clearance = newer(
            subject,
            latest(subject, Role::TestCreatinineClearance)
                .map(|measure| (measure, stated(measure, "value-ccr"))),
            creatinine.and_then(|measure| Some((measure, kidneys.cockcroft_gault(subject, measure)?))),
        );
        if kidneys.egfr.is_none() && kidneys.clearance.is_none() {
            kidneys.missing.push(Missing::RenalFunction);
        }
        kidneys.dialysis = dialysis(subject).filter(|_| {
            let rate = kidneys.egfr.as_ref().map(|figure| figure.value);
            rate.is_none_or(|rate| rate < NO_DIALYSIS)
        });
        if let Some(places) = &kidneys.dialysis {
            let word = "value-hemodialysis";
            let figure = Figure {
                value: ON_DIALYSIS,
                word,
                places: places.clone(),
            };
            kidneys.egfr = Some(figure.clone());
            kidneys.clearance = Some(figure);
            kidneys.missing.clear();
        }
        kidneys
    }

    fn rate(&mut self, subject: &Subject<'_>, creatinine: &Measure) -> Option<Figure> {
        let (age, sex) = self.adult(subject)?;
        Some(Figure {
            value: filtration_rate(creatinine.value, age, sex),
            word: "value-egfr-estimated",
            places: vec![creatinine.place.clone()],
        })
    }

    fn cockcroft_gault(&mut self, subject: &Subject<'_>, creatinine: &Measure) -> Option<Figure> {
        let (age, sex) = self.adult(subject)?;
        let Some(weight) = latest(subject, Role::TestWeight) else {
            self.missing.push(Missing::Weight);
            return None;
        };
        Some(Figure {
            value: clearance(creatinine.value, age, weight.value, sex),
            word: "value-ccr-estimated",
            places: vec![creatinine.place.clone(), weight.place.clone()],
        })
    }

    /// Age and sex of an adult; what is unknown is noted.
    fn adult(&mut self, subject: &Subject<'_>) -> Option<(f64, Sex)> {
        let age = subject.patient.age.filter(|age| *age >= ADULT);
        let sex = subject
            .patient
            .sex
            .filter(|sex| matches!(sex, Sex::Male | Sex::Female));
        if subject.patient.age.is_none() {
            self.missing.push(Missing::Age);
        }
        if sex.is_none() {
            self.missing.push(Missing::Sex);
        }
        age.zip(sex)
    }
}

/// The newest positive value of the test of a role.
pub(super) fn latest<'s>(subject: &'s Subject<'_>, role: Role) -> Option<&'s Measure> {
    let tests: &[Arc<str>] = subject.checks.book.role(role);
    let mut measures = tests.iter().filter_map(|test| subject.patient.latest(test));
    measures.rfind(|measure| measure.value > 0.0)
}

fn stated(measure: &Measure, word: &'static str) -> Figure {
    Figure {
        value: measure.value,
        word,
        places: vec![measure.place.clone()],
    }
}

/// What was stated, unless what was computed rests on a later day.
fn newer(
    subject: &Subject<'_>,
    stated: Option<(&Measure, Figure)>,
    computed: Option<(&Measure, Figure)>,
) -> Option<Figure> {
    let day = |measure: &Measure| subject.patient.day_of(measure.time.as_ref(), &measure.place);
    match (stated, computed) {
        (Some((one, stated)), Some((other, computed))) => {
            let is_later = day(one).zip(day(other)).is_some_and(|(one, other)| other > one);
            Some(if is_later { computed } else { stated })
        }
        (stated, computed) => stated.or(computed).map(|(_, figure)| figure),
    }
}

fn dialysis(subject: &Subject<'_>) -> Option<Vec<Place>> {
    let told = subject
        .standing
        .iter()
        .filter(|standing| standing.hold == Hold::Now && subject.plays(&standing.state, Role::Dialysis));
    let places: Vec<Place> = told
        .flat_map(|standing| standing.places.iter().cloned())
        .collect();
    (!places.is_empty()).then_some(places)
}

/// Estimated filtration rate in mL/min/1.73 m² from serum creatinine in mg/dL and age in years.
fn filtration_rate(creatinine: f64, age: f64, sex: Sex) -> f64 {
    let women = if sex == Sex::Female { 0.739 } else { 1.0 };
    194.0 * creatinine.powf(-1.094) * age.powf(-0.287) * women
}

/// Creatinine clearance in mL/min from serum creatinine in mg/dL, age in years and weight in kg.
fn clearance(creatinine: f64, age: f64, weight: f64, sex: Sex) -> f64 {
    let women = if sex == Sex::Female { 0.85 } else { 1.0 };
    (140.0 - age).max(0.0) * weight / (72.0 * creatinine) * women
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas_give_the_published_figures() {
        for (name, got, wanted) in [
            ("man of 60, 1.0", filtration_rate(1.0, 60.0, Sex::Male), 59.9),
            ("woman of 60, 1.0", filtration_rate(1.0, 60.0, Sex::Female), 44.3),
            ("man of 80, 3.0", filtration_rate(3.0, 80.0, Sex::Male), 16.6),
            (
                "man of 70, 60 kg, 1.0",
                clearance(1.0, 70.0, 60.0, Sex::Male),
                58.3,
            ),
            (
                "woman of 70, 60 kg, 1.0",
                clearance(1.0, 70.0, 60.0, Sex::Female),
                49.6,
            ),
        ] {
            assert!((got - wanted).abs() < 0.06, "{name}: {got} for {wanted}");
        }
    }
}
