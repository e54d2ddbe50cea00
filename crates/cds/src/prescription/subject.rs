//! What the checks look at: the order with all that rows may stand at, the drugs beside it, and how findings are told.

use super::standing::Standing;
use super::{Alert, Checks, Grade, Kind, Lowered, Missing, Order};
use crate::patient::{DrugUse, Patient, Place};
use crate::standing::days_between;
use jiff::civil::{Date, DateTime};
use std::sync::Arc;
use tsumugi_clinical::{Phase, Polarity};
use tsumugi_knowledge::drug::{Aspect, Basis, Role};
use tsumugi_tables::TermKind;

/// A drug without a written supply counts as running for this many days after it was last told (estimate).
const RUNS_ON: i32 = 730;
/// Days after the end of a written supply during which a drug still counts as running (estimate).
const GRACE: i32 = 30;

/// A drug beside the order.
#[derive(Debug, Clone)]
pub(super) struct Partner {
    pub(super) drug: Arc<str>,
    pub(super) lineage: Vec<Arc<str>>,
    /// Whether it was taken before today.
    pub(super) ran_before: bool,
    /// Whether a note of an earlier day tells it.
    pub(super) is_of_earlier: bool,
    /// Whether it is prescribed together with the order.
    pub(super) is_order: bool,
    /// Day on which it was last told.
    pub(super) told: Option<Date>,
    pub(super) places: Vec<Place>,
}

impl Partner {
    /// A partner that is prescribed at the same time.
    pub(super) fn ordered(checks: &Checks<'_>, patient: &Patient, order: &Order) -> Self {
        let running = running_before(patient, &order.drug);
        Self {
            drug: Arc::clone(&order.drug),
            lineage: checks.book.lineage(checks.vocabulary, &order.drug),
            ran_before: !order.is_new || running.is_some(),
            is_of_earlier: false,
            is_order: true,
            told: None,
            places: running.map(|usage| usage.place.clone()).into_iter().collect(),
        }
    }
}

/// The drugs that run, as the last mention of each tells.
pub(super) fn running_partners(checks: &Checks<'_>, patient: &Patient) -> Vec<Partner> {
    running(patient)
        .into_iter()
        .map(|usage| Partner {
            drug: Arc::clone(&usage.drug),
            lineage: checks.book.lineage(checks.vocabulary, &usage.drug),
            ran_before: is_before_today(patient, usage),
            is_of_earlier: is_earlier(patient, &usage.place),
            is_order: false,
            told: patient.notes.get(&usage.place.note).copied(),
            places: vec![usage.place.clone()],
        })
        .collect()
}

pub(super) fn running(patient: &Patient) -> Vec<&DrugUse> {
    let mut seen: Vec<&str> = Vec::new();
    let mut running = Vec::new();
    // A plan does not end what runs.
    for usage in patient
        .drugs
        .iter()
        .rev()
        .filter(|usage| usage.phase != Phase::Planned)
    {
        if seen.contains(&usage.drug.as_ref()) {
            continue;
        }
        seen.push(&usage.drug);
        if usage.polarity == Polarity::Present && usage.phase == Phase::Current && !has_lapsed(patient, usage)
        {
            running.push(usage);
        }
    }
    running.reverse();
    running
}

fn has_lapsed(patient: &Patient, usage: &DrugUse) -> bool {
    let told = patient.notes.get(&usage.place.note).copied();
    let Some(days) = told
        .zip(patient.today)
        .and_then(|(told, today)| days_between(told, today))
    else {
        return false;
    };
    let supply = usage.dosage.as_ref().and_then(|dosage| dosage.days);
    let lasts = supply.map_or(RUNS_ON, |supply| {
        i32::try_from(supply).unwrap_or(RUNS_ON).saturating_add(GRACE)
    });
    days > lasts
}

fn is_before_today(patient: &Patient, usage: &DrugUse) -> bool {
    let began = usage.time.as_ref().and_then(|time| time.from).map(DateTime::date);
    if let Some((began, today)) = began.zip(patient.today)
        && began < today
    {
        return true;
    }
    is_earlier(patient, &usage.place)
}

/// Whether a note of an earlier day says it.
pub(super) fn is_earlier(patient: &Patient, place: &Place) -> bool {
    let day = patient.notes.get(&place.note);
    let is_of_today = day.is_some() && day == patient.today.as_ref();
    !place.note.is_empty() && !is_of_today
}

/// The use that shows that a drug ran before today.
pub(super) fn running_before<'p>(patient: &'p Patient, drug: &str) -> Option<&'p DrugUse> {
    let mut running = running(patient).into_iter();
    running.find(|usage| usage.drug.as_ref() == drug && is_before_today(patient, usage))
}

/// An order with the patient it is for.
pub(super) struct Subject<'a> {
    pub(super) checks: Checks<'a>,
    pub(super) patient: &'a Patient,
    pub(super) order: &'a Order,
    /// Where rows may stand that hold for the order, nearest first.
    pub(super) lineage: Vec<Arc<str>>,
    pub(super) partners: Vec<Partner>,
    /// What holds of the patient.
    pub(super) standing: Vec<Standing>,
    /// Whether the drug was taken before today.
    pub(super) ran_before: bool,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        checks: Checks<'a>,
        patient: &'a Patient,
        order: &'a Order,
        partners: Vec<Partner>,
    ) -> Self {
        Self {
            lineage: checks.book.lineage(checks.vocabulary, &order.drug),
            ran_before: !order.is_new || running_before(patient, &order.drug).is_some(),
            standing: Standing::all(checks, patient),
            checks,
            patient,
            order,
            partners,
        }
    }

    /// Whether the vocabulary has the drug.
    pub(super) fn is_known(&self) -> bool {
        let concept = self.checks.vocabulary.concept(&self.order.drug);
        concept.is_some_and(|concept| matches!(concept.kind, TermKind::Drug | TermKind::DrugClass))
    }

    /// Whether somebody has looked into a kind of fact: for the drug itself, and then also for what it belongs to.
    pub(super) fn covers(&self, aspect: Aspect) -> bool {
        covers(self.checks, &self.lineage, aspect)
    }

    /// Whether one concept is another or lies below it.
    pub(super) fn is_a(&self, id: &str, ancestor: &str) -> bool {
        is_a(self.checks, id, ancestor)
    }

    /// Whether a concept plays a part.
    pub(super) fn plays(&self, id: &str, role: Role) -> bool {
        plays(self.checks, id, role)
    }

    /// The name of a concept; the id where the vocabulary lacks it.
    pub(super) fn name(&self, id: &str) -> String {
        let concept = id.split_once('=').map_or(id, |(concept, _)| concept);
        let known = self.checks.vocabulary.concept(concept);
        known.map_or_else(|| id.to_owned(), |concept| concept.name.to_string())
    }

    /// A sentence of the tables, filled in. `{drug}` is the drug of the order.
    pub(super) fn say(&self, key: &str, fills: &[(&str, &str)]) -> String {
        let mut text = self.checks.book.wording(key).unwrap_or(key).to_owned();
        let drug = self.name(&self.order.drug);
        for (name, value) in fills.iter().chain(&[("drug", drug.as_str())]) {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    /// A date, or that it is not known.
    pub(super) fn date(&self, date: Option<Date>) -> String {
        date.map_or_else(|| self.say("date-unknown", &[]), |date| date.to_string())
    }

    /// A finding against the order.
    pub(super) fn finding(
        &self,
        kind: Kind,
        key: String,
        grade: Grade,
        rank: u8,
        mechanism: String,
    ) -> Finding {
        Finding {
            key,
            kinds: vec![kind],
            alert: Alert {
                kind,
                grade,
                drug: Arc::clone(&self.order.drug),
                against: None,
                mechanism,
                basis: None,
                because: Vec::new(),
                lowered: None,
                rank,
            },
        }
    }
}

/// Whether a kind of fact was looked into for the first of a lineage, there or at what it belongs to.
pub(super) fn covers(checks: Checks<'_>, lineage: &[Arc<str>], aspect: Aspect) -> bool {
    let is_written = lineage
        .first()
        .is_some_and(|own| checks.book.coverage(own).is_some());
    let mut all = lineage.iter().filter_map(|id| checks.book.coverage(id));
    is_written && all.any(|aspects| aspects.contains(&aspect))
}

/// Whether one concept is another or lies below it.
pub(super) fn is_a(checks: Checks<'_>, id: &str, ancestor: &str) -> bool {
    let keys = checks.vocabulary.key(id).zip(checks.vocabulary.key(ancestor));
    id == ancestor || keys.is_some_and(|(key, ancestor)| checks.vocabulary.is_a(key, ancestor))
}

/// Whether a concept plays a part.
pub(super) fn plays(checks: Checks<'_>, id: &str, role: Role) -> bool {
    checks.book.role(role).iter().any(|one| is_a(checks, id, one))
}

/// An alert with what makes it the same as another: the pair or the mechanism.
pub(super) struct Finding {
    pub(super) key: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) alert: Alert,
}

impl Finding {
    pub(super) fn against(mut self, id: &Arc<str>) -> Self {
        self.alert.against = Some(Arc::clone(id));
        self
    }

    /// The row that says so; its note is told behind the sentence.
    pub(super) fn on(mut self, basis: &Basis) -> Self {
        const FULL_STOP: char = '\u{3002}';
        self.alert.mechanism.push_str(&basis.note);
        if !basis.note.is_empty() && !basis.note.ends_with(FULL_STOP) {
            self.alert.mechanism.push(FULL_STOP);
        }
        self.alert.basis = Some(basis.clone());
        self
    }

    pub(super) fn because(mut self, places: impl IntoIterator<Item = Place>) -> Self {
        self.alert.because.extend(places);
        self.alert.because.sort();
        self.alert.because.dedup();
        self
    }

    /// Tells it as a hint at most, with the reason.
    pub(super) fn lowered(mut self, why: Lowered, sentence: &str) -> Self {
        self.alert.mechanism.push_str(sentence);
        self.alert.grade = self.alert.grade.min(Grade::Passive);
        self.alert.lowered = Some(why);
        self
    }
}

/// What a check found.
pub(super) struct Outcome {
    /// The kinds that it answers for.
    pub(super) kinds: Vec<Kind>,
    pub(super) findings: Vec<Finding>,
    pub(super) missing: Vec<Missing>,
}

impl Outcome {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kinds: vec![kind],
            findings: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The same, with the drug named as missing where nobody has looked into it.
    pub(super) fn unless_covered(kind: Kind, subject: &Subject<'_>, aspect: Aspect) -> Self {
        let mut outcome = Self::new(kind);
        if !subject.covers(aspect) {
            outcome.missing.push(Missing::Drug);
        }
        outcome
    }
}
