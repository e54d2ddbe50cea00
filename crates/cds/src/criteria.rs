//! Published criteria and scores, evaluated from the facts of a patient.
//!
//! The logic has three values: what the record does not say is unknown, and a finding is false only where it, or
//! something broader, was denied. So a score has the points that are sure and the range that is still possible, and a
//! set has its result only where every way to complete the record gives the same; otherwise the results that are still
//! possible, and what to ask or measure to tell them apart.

mod judge;
mod outcome;
mod record;

use crate::patient::{Patient, Place};
use judge::{Book, Judged, Reckoned};
use outcome::Mark;
use record::Record;
use std::sync::Arc;
use tsumugi_knowledge::{CriteriaBook, Criterion, Item, Marks};
use tsumugi_terminology::Vocabulary;

/// A value of the logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It does not hold.
    False,
    /// The record does not tell.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    /// The truth of what is known.
    pub fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// The word in output for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::Unknown => "unknown",
            Self::True => "true",
        }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

/// How something that is missing is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asking {
    /// Whether it is there now: ask, look.
    Now,
    /// Whether it was there before.
    History,
    /// Whether it is or was there.
    Ever,
    /// Whether a relative has it.
    Family,
    /// Whether the drug is taken.
    Taking,
    /// A test's value.
    Measure,
    /// An earlier value of a test.
    Earlier,
    /// The patient's age.
    Age,
    /// The patient's sex.
    Sex,
}

impl Asking {
    /// The word in output for machines, and the key of its text on the screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::History => "history",
            Self::Ever => "ever",
            Self::Family => "family",
            Self::Taking => "taking",
            Self::Measure => "measure",
            Self::Earlier => "earlier",
            Self::Age => "age",
            Self::Sex => "sex",
        }
    }
}

/// Something that the record does not say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    /// How it is found out.
    pub how: Asking,
    /// Concept or test; empty for age and sex.
    pub concept: Arc<str>,
}

/// What to ask or measure for a set of criteria.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// What.
    pub wanted: Wanted,
    /// Its Japanese name; empty for age and sex.
    pub name: Arc<str>,
    /// Ids of the items that wait for it; empty where only a formula does.
    pub items: Vec<Arc<str>>,
    /// By how many the possible results are expected to become fewer.
    pub worth: f64,
}

/// The points of a set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Points {
    /// Sum over the items that are decided.
    pub sure: f64,
    /// Least sum that is still possible.
    pub least: f64,
    /// Greatest sum that is still possible.
    pub most: f64,
}

/// The state of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemState {
    /// Id of the item.
    pub item: Arc<str>,
    /// Met, not met, missing; an item in bands is met in a band with points.
    pub met: Truth,
    /// Index of the band, where it is decided and one holds.
    pub band: Option<u32>,
    /// Least points that are still possible.
    pub least: f64,
    /// Greatest points that are still possible.
    pub most: f64,
    /// Where the record says so.
    pub places: Vec<Place>,
    /// What it waits for.
    pub missing: Vec<Wanted>,
}

/// A set of criteria, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Id of the set.
    pub criterion: Arc<str>,
    /// Whether the patient is one whom it is for.
    pub applies: Truth,
    /// The points, for a set with points.
    pub points: Option<Points>,
    /// The values of its formulas, in their order; none where a value is missing.
    pub values: Vec<Option<f64>>,
    /// Where the values stand that the formulas used.
    pub value_places: Vec<Place>,
    /// Indices of the outcomes that are still possible, in the order of the set; one where it is decided.
    pub outcomes: Vec<u32>,
    /// The items, in the order of the set.
    pub items: Vec<ItemState>,
    /// What to ask or measure, best first.
    pub missing: Vec<Missing>,
}

impl Evaluation {
    /// Index of the outcome, where every completion of the record gives the same.
    pub fn decided(&self) -> Option<u32> {
        match self.outcomes.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The value of the last formula.
    pub fn score(&self) -> Option<f64> {
        self.values.last().copied().flatten()
    }
}

/// Evaluates all sets that apply, those that surely apply first, then by id. Where the record does not tell whether a
/// set applies, it is shown if the record decides at least half of its items and says that one of them is met.
pub fn evaluate(book: &CriteriaBook, vocabulary: &Vocabulary, patient: &Patient) -> Vec<Evaluation> {
    let record = Record::new(vocabulary, patient);
    let mut shown: Vec<Evaluation> = book
        .criteria
        .iter()
        .filter_map(|criterion| one(criterion, &record))
        .collect();
    shown.sort_by_key(|evaluation| std::cmp::Reverse(evaluation.applies));
    shown
}

/// Evaluates one set, none where it is not shown.
fn one(criterion: &Criterion, record: &Record<'_>) -> Option<Evaluation> {
    let mut book = Book {
        record,
        formulas: Vec::new(),
        marks: Vec::new(),
    };
    for formula in &criterion.formulas {
        let reckoned = book.number(&formula.value);
        book.formulas.push(reckoned);
    }
    let applies = book.judge(&criterion.applies).truth;
    if applies == Truth::False {
        return None;
    }
    let mut items = Vec::new();
    for item in &criterion.items {
        let (mark, state) = item_state(&book, item);
        book.marks.push(mark);
        items.push(state);
    }
    if applies == Truth::Unknown && !are_well_known(&items) {
        return None;
    }
    let outcomes = outcome::possible(&book, &criterion.outcomes);
    let missing = outcome::missing(&mut book, criterion, &items, &outcomes);
    Some(Evaluation {
        criterion: Arc::clone(&criterion.id),
        applies,
        points: criterion.has_points().then(|| points_of(&items)),
        values: book.formulas.iter().map(|formula| formula.value).collect(),
        value_places: places_of(&book.formulas),
        outcomes,
        items,
        missing,
    })
}

fn are_well_known(items: &[ItemState]) -> bool {
    let said = items
        .iter()
        .filter(|state| !state.places.is_empty() && state.met != Truth::Unknown);
    let is_met = said.clone().any(|state| state.met == Truth::True);
    is_met && 2 * said.count() >= items.len()
}

fn places_of(formulas: &[Reckoned]) -> Vec<Place> {
    let mut places: Vec<Place> = formulas
        .iter()
        .filter(|formula| formula.value.is_some())
        .flat_map(|formula| formula.places.iter().cloned())
        .collect();
    places.sort();
    places.dedup();
    places
}

fn points_of(items: &[ItemState]) -> Points {
    let decided = items.iter().filter(|state| state.met != Truth::Unknown);
    Points {
        sure: sum(decided
            .filter(|state| state.least >= state.most)
            .map(|state| state.least)),
        least: sum(items.iter().map(|state| state.least)),
        most: sum(items.iter().map(|state| state.most)),
    }
}

/// A sum that is 0 and not -0 for no items.
fn sum(points: impl Iterator<Item = f64>) -> f64 {
    points.fold(0.0, |sum, points| sum + points)
}

fn item_state(book: &Book<'_>, item: &Item) -> (Mark, ItemState) {
    let (mark, judged, band) = match &item.marks {
        Marks::Once { when, points } => {
            let judged = book.judge(when);
            (Mark::once(judged.truth, *points), judged, None)
        }
        Marks::Bands(bands) => {
            let mut judged = Judged::of(Truth::False);
            let mut options = Vec::new();
            let mut open = Vec::new();
            let mut is_closed = false;
            for (index, band) in (0u32..).zip(bands) {
                let own = book.judge(&band.when);
                let truth = own.truth;
                judged.add(own);
                match truth {
                    Truth::False => continue,
                    Truth::Unknown => {}
                    Truth::True => is_closed = true,
                }
                options.push(band.points);
                open.push(index);
                if is_closed {
                    break;
                }
            }
            if !is_closed {
                options.push(0.0);
            }
            let is_one = options.len() == 1;
            let band = open.pop().filter(|_| is_one);
            let in_band = if is_one {
                Truth::of(band.is_some())
            } else {
                Truth::Unknown
            };
            let has_points = bands.iter().any(|band| band.points != 0.0);
            (
                Mark::bands(&options, (!has_points).then_some(in_band)),
                judged,
                band,
            )
        }
    };
    let Judged {
        mut places, missing, ..
    } = judged;
    places.sort();
    places.dedup();
    let is_decided = mark.is_decided();
    let state = ItemState {
        item: Arc::clone(&item.id),
        met: mark.truth,
        band,
        least: mark.least(),
        most: mark.most(),
        places,
        missing: if is_decided { Vec::new() } else { missing },
    };
    (mark, state)
}
