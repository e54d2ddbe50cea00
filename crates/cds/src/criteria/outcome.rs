//! Which outcomes are still possible, and what to find out to tell them apart.

use super::judge::{Book, Judged};
use super::{Asking, ItemState, Missing, Truth, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_knowledge::{Criterion, Outcome};

/// What an item adds: its truth, and the points that are still possible, in hundredths.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub(super) truth: Truth,
    options: BTreeSet<i64>,
}

/// Points in hundredths: sums of halves and thirds compare as whole numbers.
pub(super) fn hundredths(points: f64) -> i64 {
    (points * 100.0).round() as i64
}

impl Mark {
    /// An item that is met or not.
    pub(super) fn once(truth: Truth, points: f64) -> Self {
        let points = hundredths(points);
        Self {
            truth,
            options: match truth {
                Truth::True => BTreeSet::from([points]),
                Truth::False => BTreeSet::from([0]),
                Truth::Unknown => BTreeSet::from([0, points]),
            },
        }
    }

    /// An item in bands, of which these points are still possible; without points, whether it is in a band.
    pub(super) fn bands(options: &[f64], without_points: Option<Truth>) -> Self {
        let options: BTreeSet<i64> = options.iter().map(|points| hundredths(*points)).collect();
        let truth = if let Some(truth) = without_points {
            truth
        } else if options.iter().all(|points| *points == 0) {
            Truth::False
        } else if options.contains(&0) {
            Truth::Unknown
        } else {
            Truth::True
        };
        Self { truth, options }
    }

    /// Whether nothing about it is open.
    pub(super) fn is_decided(&self) -> bool {
        self.truth != Truth::Unknown && self.options.len() == 1
    }

    /// Least points.
    pub(super) fn least(&self) -> f64 {
        self.options.first().map_or(0.0, |points| *points as f64 / 100.0)
    }

    /// Greatest points.
    pub(super) fn most(&self) -> f64 {
        self.options.last().map_or(0.0, |points| *points as f64 / 100.0)
    }

    /// The ways in which it may turn out.
    fn completions(&self) -> Vec<Self> {
        let is_without_points = self.options.len() == 1;
        if is_without_points && self.truth == Truth::Unknown {
            let with = |truth| Self {
                truth,
                options: self.options.clone(),
            };
            return vec![with(Truth::True), with(Truth::False)];
        }
        let completion = |points: &i64| Self {
            truth: Truth::of(*points != 0),
            options: BTreeSet::from([*points]),
        };
        self.options.iter().map(completion).collect()
    }
}

/// All sums that are still possible, in hundredths.
pub(super) fn sums(marks: &[Mark]) -> BTreeSet<i64> {
    marks.iter().fold(BTreeSet::from([0]), |sums, mark| {
        let add = |sum: &i64| -> Vec<i64> { mark.options.iter().map(|points| sum + points).collect() };
        sums.iter().flat_map(add).collect()
    })
}

/// The outcomes that are still possible: all that are not false, up to the first that is true.
pub(super) fn possible(book: &Book<'_>, outcomes: &[Outcome]) -> Vec<u32> {
    let sums = sums(&book.marks);
    let mut possible = Vec::new();
    for (index, outcome) in (0u32..).zip(outcomes) {
        match truth_of(book, outcome, &sums).truth {
            Truth::False => {}
            Truth::Unknown => possible.push(index),
            Truth::True => {
                possible.push(index);
                break;
            }
        }
    }
    possible
}

fn truth_of(book: &Book<'_>, outcome: &Outcome, sums: &BTreeSet<i64>) -> Judged {
    let from = outcome.from.map_or(i64::MIN, hundredths);
    let to = outcome.to.map_or(i64::MAX, hundredths);
    let inside = sums.iter().filter(|sum| (from..=to).contains(*sum)).count();
    let by_points = if inside == sums.len() {
        Truth::True
    } else if inside == 0 {
        Truth::False
    } else {
        Truth::Unknown
    };
    let mut judged = outcome
        .when
        .as_ref()
        .map_or(Judged::of(Truth::True), |when| book.judge(when));
    judged.truth = judged.truth.min(by_points);
    judged
}

/// What is missing, best first: by how much the possible outcomes are expected to become fewer, then by the points
/// that hang on it, then in the order of the set. An item that waits for several answers shares its worth among them.
pub(super) fn missing(
    book: &mut Book<'_>,
    criterion: &Criterion,
    items: &[ItemState],
    outcomes: &[u32],
) -> Vec<Missing> {
    let mut found: BTreeMap<Wanted, Worth> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let share = 1.0 / item.missing.len().max(1) as f64;
        let worth = worth_of_item(book, criterion, index, outcomes.len());
        for wanted in &item.missing {
            let place = found.len();
            let known = found.entry(wanted.clone()).or_insert_with(|| Worth::at(place));
            known.outcomes += worth * share;
            known.points += (item.most - item.least) * share;
            known.items.push(Arc::clone(&item.item));
        }
    }
    let sums = sums(&book.marks);
    let all = criterion.outcomes.iter();
    let unknown = all
        .map(|outcome| truth_of(book, outcome, &sums))
        .filter(|judged| judged.truth == Truth::Unknown);
    let mut direct = Judged::of(Truth::Unknown);
    unknown.for_each(|judged| direct.add(judged));
    for formula in &book.formulas {
        direct.add(Judged {
            missing: formula.missing.clone(),
            ..Judged::of(Truth::Unknown)
        });
    }
    let share = 1.0 / direct.missing.len().max(1) as f64;
    for wanted in direct.missing {
        let place = found.len();
        let known = found.entry(wanted).or_insert_with(|| Worth::at(place));
        known.outcomes += (outcomes.len().saturating_sub(1)) as f64 * share;
    }
    let mut list: Vec<(Wanted, Worth)> = found.into_iter().collect();
    list.sort_by(|(_, a), (_, b)| {
        b.outcomes
            .total_cmp(&a.outcomes)
            .then(b.points.total_cmp(&a.points))
            .then(a.first.cmp(&b.first))
    });
    list.into_iter()
        .map(|(wanted, worth)| Missing {
            name: name_of(book, &wanted),
            wanted,
            items: worth.items,
            worth: worth.outcomes,
        })
        .collect()
}

struct Worth {
    outcomes: f64,
    points: f64,
    first: usize,
    items: Vec<Arc<str>>,
}

impl Worth {
    fn at(first: usize) -> Self {
        Self {
            outcomes: 0.0,
            points: 0.0,
            first,
            items: Vec::new(),
        }
    }
}

/// By how many the possible outcomes become fewer, on the average of the ways in which the item may turn out.
fn worth_of_item(book: &mut Book<'_>, criterion: &Criterion, index: usize, now: usize) -> f64 {
    let Some(open) = book.marks.get(index).filter(|mark| !mark.is_decided()).cloned() else {
        return 0.0;
    };
    let completions = open.completions();
    let number = completions.len().max(1) as f64;
    let mut left = 0.0;
    for completion in completions {
        set(book, index, completion);
        left += possible(book, &criterion.outcomes).len() as f64;
    }
    set(book, index, open);
    now as f64 - left / number
}

fn set(book: &mut Book<'_>, index: usize, mark: Mark) {
    if let Some(place) = book.marks.get_mut(index) {
        *place = mark;
    }
}

fn name_of(book: &Book<'_>, wanted: &Wanted) -> Arc<str> {
    if matches!(wanted.how, Asking::Age | Asking::Sex) {
        return Arc::from("");
    }
    let concept = book.record.vocabulary.concept(&wanted.concept);
    concept.map_or_else(
        || Arc::clone(&wanted.concept),
        |concept| Arc::clone(&concept.name),
    )
}
