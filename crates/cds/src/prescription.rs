//! Prescription checks: what speaks against giving this drug to this patient, each answer with its mechanism, its
//! source and the places of the record that it rests on.
//!
//! Every kind of check gives one of three answers: alerts; checked and nothing known; or not covered, and then what was
//! missing. Silence is never mistaken for safety. Only what threatens life interrupts; what the patient has shown to
//! tolerate since, and what has long been running, is a hint; the rest stays in the report.

mod allergy;
mod amount;
mod condition;
mod dose;
mod duplicate;
mod interaction;
mod kidney;
mod liver;
mod record;
mod renal;
mod reproduction;
mod standing;
mod subject;
mod way;

use crate::patient::{Patient, Place};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;
use subject::{Finding, Outcome, Partner, Subject};
use tsumugi_clinical::Dosage;
use tsumugi_knowledge::DrugBook;
use tsumugi_knowledge::drug::Basis;
use tsumugi_terminology::Vocabulary;

/// What prescriptions are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// The concepts.
    pub vocabulary: &'a Vocabulary,
    /// The facts of drugs.
    pub book: &'a DrugBook,
}

/// A drug that is being prescribed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Order {
    /// Concept of the drug.
    pub drug: Arc<str>,
    /// How it is to be given; empty where nothing is written.
    pub dosage: Dosage,
    /// The words of the order as they were written; empty where only codes are known.
    pub words: String,
    /// Whether it is begun now, and not continued.
    pub is_new: bool,
}

/// A kind of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Allergy to the drug, its class, or something it cross-reacts with.
    Allergy,
    /// A condition that forbids it.
    Condition,
    /// Another drug.
    Interaction,
    /// The same drug or the same class twice.
    Duplicate,
    /// Renal function.
    Renal,
    /// Hepatic function.
    Hepatic,
    /// Pregnancy.
    Pregnancy,
    /// Lactation.
    Lactation,
    /// More or less than is usual.
    Dose,
    /// A slip of the decimal point.
    Tenfold,
    /// A way of giving it that harms, whatever the amount.
    Way,
    /// The record says not to give it.
    Record,
}

impl Kind {
    /// All kinds, in the order of the report.
    pub const ALL: [Self; 12] = [
        Self::Allergy,
        Self::Condition,
        Self::Interaction,
        Self::Duplicate,
        Self::Renal,
        Self::Hepatic,
        Self::Pregnancy,
        Self::Lactation,
        Self::Dose,
        Self::Tenfold,
        Self::Way,
        Self::Record,
    ];

    /// The word in output for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allergy => "allergy",
            Self::Condition => "condition",
            Self::Interaction => "interaction",
            Self::Duplicate => "duplicate",
            Self::Renal => "renal",
            Self::Hepatic => "hepatic",
            Self::Pregnancy => "pregnancy",
            Self::Lactation => "lactation",
            Self::Dose => "dose",
            Self::Tenfold => "tenfold",
            Self::Way => "way",
            Self::Record => "record",
        }
    }
}

/// How loudly an alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Kept in the report.
    Silent,
    /// A hint beside the order.
    Passive,
    /// It threatens life: the order stops until it is answered.
    Interruptive,
}

impl Grade {
    /// The word in output for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Passive => "passive",
            Self::Interruptive => "interruptive",
        }
    }
}

/// Why an alert is told less loudly than its row would have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lowered {
    /// The drug was taken without harm after the allergy was recorded.
    TakenSince {
        /// Day on which the allergy was first recorded.
        recorded: Date,
        /// Day of the last use after it.
        taken: Date,
    },
    /// Both drugs ran before today.
    BothRunning,
    /// The drug ran before today, and the condition was known.
    AlreadyRunning,
    /// The condition is also one that the drug is for.
    Indicated,
    /// The condition is only suspected.
    Suspected,
    /// The condition is told of the past.
    Before,
    /// The figure is an approximation and lies near the limit.
    NearTheLimit,
}

impl Lowered {
    /// The word in output for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::TakenSince { .. } => "taken-since",
            Self::BothRunning => "both-running",
            Self::AlreadyRunning => "already-running",
            Self::Indicated => "indicated",
            Self::Suspected => "suspected",
            Self::Before => "before",
            Self::NearTheLimit => "near-the-limit",
        }
    }
}

/// Something that speaks against an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Kind of check.
    pub kind: Kind,
    /// How loudly it is told.
    pub grade: Grade,
    /// Concept of the drug that is prescribed.
    pub drug: Arc<str>,
    /// Concept of what it meets: allergen, condition, partner; none where a figure speaks.
    pub against: Option<Arc<str>>,
    /// The mechanism in words for the physician.
    pub mechanism: String,
    /// The row that says so, with its source and status; none where the record alone says it (the same drug twice).
    pub basis: Option<Basis>,
    /// The events that caused it.
    pub because: Vec<Place>,
    /// Why it is told less loudly, where it is.
    pub lowered: Option<Lowered>,
    /// Order among hints: the least first.
    pub(crate) rank: u8,
}

/// What an answer would have needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// The vocabulary or the book of drug facts has nothing on the drug for this kind.
    Drug,
    /// The book has nothing on a drug that is taken.
    Partner(Arc<str>),
    /// Nothing is recorded of allergies, not even that there are none.
    AllergyHistory,
    /// Neither a filtration rate nor what it is computed from.
    RenalFunction,
    /// Body weight.
    Weight,
    /// Age.
    Age,
    /// Sex.
    Sex,
    /// The Child-Pugh class of a known disease of the liver.
    ChildPugh,
    /// Whether a woman of 12 to 55 years is pregnant.
    PregnancyStatus,
    /// Whether a woman of 12 to 55 years breastfeeds.
    LactationStatus,
    /// An amount that can be read.
    Amount,
    /// A usual dose for this route, unit or age.
    UsualDose,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Something speaks against it: indexes into the alerts of the report.
    Alerts(Vec<usize>),
    /// It was looked into, and nothing is known.
    CheckedNothingKnown,
    /// It could not be looked into; `missing` says why.
    NotCovered,
}

/// A kind of check with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The kind.
    pub kind: Kind,
    /// The answer.
    pub answer: Answer,
    /// What was missing, for the whole check or for a part of it.
    pub missing: Vec<Missing>,
}

/// All that was found on one order.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Concept of the drug.
    pub drug: Arc<str>,
    /// Alerts, the gravest first; one for each pair or mechanism.
    pub alerts: Vec<Alert>,
    /// An answer for every kind, in the order of [`Kind::ALL`].
    pub checks: Vec<Check>,
}

impl Report {
    /// The answer of a kind of check.
    pub fn check(&self, kind: Kind) -> Option<&Check> {
        self.checks.iter().find(|check| check.kind == kind)
    }

    /// The alerts to show: all that interrupt, then the first three hints.
    pub fn visible(&self) -> Vec<&Alert> {
        visible(std::slice::from_ref(self))
    }
}

/// The drugs that the patient takes, each once, with the day on which it was begun where the record tells.
pub(crate) fn running_drugs(patient: &Patient) -> Vec<(Arc<str>, Option<Date>)> {
    subject::running(patient)
        .into_iter()
        .map(|usage| {
            (
                Arc::clone(&usage.drug),
                crate::induced::began(usage.time.as_ref()),
            )
        })
        .collect()
}

/// Hints that are shown at once; the rest stays in the report.
const MOST_HINTS: usize = 3;

/// Checks one order.
pub fn check(checks: &Checks<'_>, patient: &Patient, order: &Order) -> Report {
    check_beside(checks, patient, order, subject::running_partners(checks, patient))
}

/// Checks orders that are given together, each against those before it; a pair is told once, at the later one.
pub fn check_all(checks: &Checks<'_>, patient: &Patient, orders: &[Order]) -> Vec<Report> {
    let mut reports = Vec::new();
    for (index, order) in orders.iter().enumerate() {
        let before = orders.get(..index).unwrap_or_default();
        let after = orders.get(index + 1..).unwrap_or_default();
        let mut partners: Vec<Partner> = before
            .iter()
            .map(|other| Partner::ordered(checks, patient, other))
            .collect();
        let mut own = subject::running_partners(checks, patient);
        own.retain(|partner| !before.iter().chain(after).any(|other| other.drug == partner.drug));
        partners.extend(own);
        reports.push(check_beside(checks, patient, order, partners));
    }
    reports
}

/// The alerts to show of the orders of an encounter: all that interrupt, then the first three hints.
pub fn visible(reports: &[Report]) -> Vec<&Alert> {
    let mut alerts: Vec<&Alert> = reports.iter().flat_map(|report| &report.alerts).collect();
    alerts.retain(|alert| alert.grade != Grade::Silent);
    alerts.sort_by_key(|alert| order_of(alert));
    let interruptive = alerts
        .iter()
        .filter(|alert| alert.grade == Grade::Interruptive)
        .count();
    alerts.truncate(interruptive + MOST_HINTS);
    alerts
}

fn order_of(alert: &Alert) -> (std::cmp::Reverse<Grade>, u8, Kind) {
    (std::cmp::Reverse(alert.grade), alert.rank, alert.kind)
}

fn check_beside(checks: &Checks<'_>, patient: &Patient, order: &Order, partners: Vec<Partner>) -> Report {
    let subject = Subject::new(*checks, patient, order, partners);
    let outcomes = if subject.is_known() {
        vec![
            allergy::check(&subject),
            condition::check(&subject),
            interaction::check(&subject),
            duplicate::check(&subject),
            renal::check(&subject),
            liver::check(&subject),
            reproduction::check(&subject, Kind::Pregnancy),
            reproduction::check(&subject, Kind::Lactation),
            dose::check(&subject),
            way::check(&subject),
            record::check(&subject),
        ]
    } else {
        Vec::new()
    };
    assemble(&subject, outcomes)
}

/// One alert for each pair or mechanism: the highest grade wins; every kind that found it points to it.
fn assemble(subject: &Subject<'_>, outcomes: Vec<Outcome>) -> Report {
    let mut missing: BTreeMap<Kind, Vec<Missing>> = BTreeMap::new();
    let mut merged: BTreeMap<String, (Alert, Vec<Kind>)> = BTreeMap::new();
    for outcome in outcomes {
        for kind in &outcome.kinds {
            missing.insert(*kind, outcome.missing.clone());
        }
        for Finding { key, kinds, alert } in outcome.findings {
            let Some((best, known)) = merged.get_mut(&key) else {
                merged.insert(key, (alert, kinds));
                continue;
            };
            known.extend(kinds);
            if order_of(&alert) < order_of(best) {
                *best = alert;
            }
        }
    }
    let mut merged: Vec<(Alert, Vec<Kind>)> = merged.into_values().collect();
    merged.sort_by(|(a, _), (b, _)| {
        order_of(a)
            .cmp(&order_of(b))
            .then_with(|| a.against.cmp(&b.against))
    });
    let checks = Kind::ALL.into_iter().map(|kind| {
        let alerts: Vec<usize> = (0..)
            .zip(&merged)
            .filter(|(_, (_, kinds))| kinds.contains(&kind))
            .map(|(index, _)| index)
            .collect();
        // Nobody answered for a drug that is not in the vocabulary.
        let mut missing = missing.remove(&kind).unwrap_or_else(|| vec![Missing::Drug]);
        missing.sort();
        missing.dedup();
        let answer = match (alerts.is_empty(), missing.is_empty()) {
            (false, _) => Answer::Alerts(alerts),
            (true, true) => Answer::CheckedNothingKnown,
            (true, false) => Answer::NotCovered,
        };
        Check {
            kind,
            answer,
            missing,
        }
    });
    Report {
        drug: Arc::clone(&subject.order.drug),
        checks: checks.collect(),
        alerts: merged.into_iter().map(|(alert, _)| alert).collect(),
    }
}
