//! Truth and value of expressions: what holds, where the record says so, and what is missing where it is unknown.

use super::outcome::{Mark, hundredths, sums};
use super::record::Record;
use super::{Asking, Truth, Wanted};
use crate::patient::Place;
use std::sync::Arc;
use tsumugi_knowledge::{Asked, Expression, Function, How, Number, Of, Operator};

/// What expressions are judged by: the record, and what of the set was judged before.
pub(super) struct Book<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) formulas: Vec<Reckoned>,
    pub(super) marks: Vec<Mark>,
}

/// A truth with its reasons.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) truth: Truth,
    /// Where the record says so; for what is unknown, what it says so far.
    pub(super) places: Vec<Place>,
    /// What would have to be known; empty where it is.
    pub(super) missing: Vec<Wanted>,
}

/// A number with its reasons.
#[derive(Debug, Clone, Default)]
pub(super) struct Reckoned {
    pub(super) value: Option<f64>,
    pub(super) places: Vec<Place>,
    pub(super) missing: Vec<Wanted>,
}

impl Judged {
    pub(super) fn of(truth: Truth) -> Self {
        Self {
            truth,
            places: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Takes in the reasons of another.
    pub(super) fn add(&mut self, other: Self) {
        self.places.extend(other.places);
        for wanted in other.missing {
            if !self.missing.contains(&wanted) {
                self.missing.push(wanted);
            }
        }
    }

    fn asked(truth: Truth, place: Option<&Place>, wanted: impl FnOnce() -> Wanted) -> Self {
        Self {
            truth,
            places: place.cloned().into_iter().collect(),
            missing: if truth == Truth::Unknown {
                vec![wanted()]
            } else {
                Vec::new()
            },
        }
    }
}

impl Reckoned {
    fn wanting(wanted: Wanted) -> Self {
        Self {
            missing: vec![wanted],
            ..Self::default()
        }
    }

    fn want(&mut self, missing: Vec<Wanted>) {
        for wanted in missing {
            if !self.missing.contains(&wanted) {
                self.missing.push(wanted);
            }
        }
    }
}

impl Book<'_> {
    /// Judges an expression.
    pub(super) fn judge(&self, expression: &Expression) -> Judged {
        match expression {
            Expression::Not(inner) => {
                let inner = self.judge(inner);
                Judged {
                    truth: !inner.truth,
                    ..inner
                }
            }
            Expression::All(all) => self.count(all, all.len()),
            Expression::Any(any) => self.count(any, 1),
            Expression::AtLeast(wanted, all) => self.count(all, *wanted as usize),
            Expression::Else(all) => self.first_known(all),
            Expression::Holds(asked) => {
                let (truth, place) = self.record.holds(asked.how, &asked.concept);
                Judged::asked(truth, place, || wanted_of(asked))
            }
            Expression::Level { test, level, state } => {
                let (truth, place) = self.record.level(test, *level, state.as_str());
                Judged::asked(truth, place, || measure(test))
            }
            Expression::Compare(left, comparator, right) => {
                let (left, right) = (self.number(left), self.number(right));
                let values = left.value.zip(right.value);
                let truth = values.map_or(Truth::Unknown, |(left, right)| {
                    Truth::of(comparator.holds(left, right))
                });
                let mut judged = Judged::of(truth);
                for side in [left, right] {
                    judged.add(Judged {
                        truth,
                        places: side.places,
                        missing: side.missing,
                    });
                }
                judged
            }
            Expression::Sex(sex) => {
                let known = self.record.sex();
                let truth = known.map_or(Truth::Unknown, |known| Truth::of(known == *sex));
                Judged::asked(truth, None, || person(Asking::Sex))
            }
            Expression::Item(index) => {
                Judged::of(self.marks.get(*index).map_or(Truth::Unknown, |mark| mark.truth))
            }
            Expression::Points(comparator, wanted) => {
                let wanted = hundredths(*wanted) as f64;
                let sums = sums(&self.marks);
                let holding = sums
                    .iter()
                    .filter(|sum| comparator.holds(**sum as f64, wanted))
                    .count();
                Judged::of(if holding == sums.len() {
                    Truth::True
                } else if holding == 0 {
                    Truth::False
                } else {
                    Truth::Unknown
                })
            }
        }
    }

    /// Whether so many hold. The reasons are of those that decide it; what is missing, of those that are unknown.
    fn count(&self, all: &[Expression], wanted: usize) -> Judged {
        let judged: Vec<Judged> = all.iter().map(|one| self.judge(one)).collect();
        let number = |truth: Truth| judged.iter().filter(|one| one.truth == truth).count();
        let holding = number(Truth::True);
        let truth = if holding >= wanted {
            Truth::True
        } else if holding + number(Truth::Unknown) < wanted {
            Truth::False
        } else {
            Truth::Unknown
        };
        let mut sum = Judged::of(truth);
        for one in judged {
            let is_reason = match truth {
                Truth::True | Truth::False => one.truth == truth,
                Truth::Unknown => one.truth != Truth::False,
            };
            if is_reason {
                sum.add(one);
            }
        }
        if truth != Truth::Unknown {
            sum.missing.clear();
        }
        sum
    }

    /// The first that is known; where none is, the first is what to find out.
    fn first_known(&self, all: &[Expression]) -> Judged {
        let mut first = None;
        for one in all {
            let judged = self.judge(one);
            if judged.truth != Truth::Unknown {
                return judged;
            }
            first.get_or_insert(judged);
        }
        first.unwrap_or_else(|| Judged::of(Truth::Unknown))
    }

    /// What a test's number waits for; a limit that no table gives cannot be found out.
    fn wanting(&self, of: Of, test: &Arc<str>) -> Reckoned {
        let has_newest = self.record.number(Of::Newest, test).is_some();
        match of {
            Of::Upper | Of::Lower => Reckoned::default(),
            Of::Previous | Of::Lowest | Of::Highest if has_newest => Reckoned::wanting(Wanted {
                how: Asking::Earlier,
                concept: Arc::clone(test),
            }),
            _ => Reckoned::wanting(measure(test)),
        }
    }

    /// Computes a number.
    pub(super) fn number(&self, number: &Number) -> Reckoned {
        match number {
            Number::Literal(value) => Reckoned {
                value: Some(*value),
                ..Reckoned::default()
            },
            Number::Test(of, test) => match self.record.number(*of, test) {
                Some((value, place)) => Reckoned {
                    value: Some(value),
                    places: place.cloned().into_iter().collect(),
                    missing: Vec::new(),
                },
                None => self.wanting(*of, test),
            },
            Number::Age => match self.record.age() {
                Some(age) => Reckoned {
                    value: Some(age),
                    ..Reckoned::default()
                },
                None => Reckoned::wanting(person(Asking::Age)),
            },
            Number::Formula(index) => self.formulas.get(*index).cloned().unwrap_or_default(),
            Number::Binary(left, operator, right) => {
                let values = [self.number(left), self.number(right)];
                joined(values, |values| match values {
                    [left, right] => operate(*left, *operator, *right),
                    _ => None,
                })
            }
            Number::Call(Function::First, values) => {
                let mut known = values.iter().map(|value| self.number(value));
                let first = known.next().unwrap_or_default();
                if first.value.is_some() {
                    return first;
                }
                known.find(|value| value.value.is_some()).unwrap_or(first)
            }
            Number::Call(function, values) => {
                let values = values.iter().map(|value| self.number(value));
                joined(values, |values| call(*function, values))
            }
            Number::If(condition, one, other) => {
                let condition = self.judge(condition);
                let mut chosen = match condition.truth {
                    Truth::True => self.number(one),
                    Truth::False => self.number(other),
                    Truth::Unknown => joined([self.number(one), self.number(other)], |_| None),
                };
                chosen.places.extend(condition.places);
                chosen.want(condition.missing);
                chosen
            }
        }
    }
}

/// A number of numbers: unknown where one is.
fn joined(
    values: impl IntoIterator<Item = Reckoned>,
    compute: impl FnOnce(&[f64]) -> Option<f64>,
) -> Reckoned {
    let mut sum = Reckoned::default();
    let mut known = Vec::new();
    let mut is_known = true;
    for value in values {
        match value.value {
            Some(value) => known.push(value),
            None => is_known = false,
        }
        sum.places.extend(value.places);
        sum.want(value.missing);
    }
    if is_known {
        sum.value = compute(&known).filter(|value| value.is_finite());
    }
    sum
}

fn operate(left: f64, operator: Operator, right: f64) -> Option<f64> {
    match operator {
        Operator::Plus => Some(left + right),
        Operator::Minus => Some(left - right),
        Operator::Times => Some(left * right),
        Operator::Over => (right != 0.0).then(|| left / right),
    }
}

fn call(function: Function, values: &[f64]) -> Option<f64> {
    let first = values.first().copied()?;
    let fold = |one: fn(f64, f64) -> f64| values.iter().copied().fold(first, one);
    match function {
        Function::Ln => (first > 0.0).then(|| first.ln()),
        Function::Exp => Some(first.exp()),
        Function::Sqrt => (first >= 0.0).then(|| first.sqrt()),
        Function::Round => Some(first.round()),
        Function::Min => Some(fold(f64::min)),
        Function::Max => Some(fold(f64::max)),
        Function::Pow => values.get(1).map(|exponent| first.powf(*exponent)),
        Function::First => Some(first),
    }
}

fn measure(test: &Arc<str>) -> Wanted {
    Wanted {
        how: Asking::Measure,
        concept: Arc::clone(test),
    }
}

fn person(how: Asking) -> Wanted {
    Wanted {
        how,
        concept: Arc::from(""),
    }
}

fn wanted_of(asked: &Asked) -> Wanted {
    Wanted {
        how: match asked.how {
            How::Now | How::Suspected => Asking::Now,
            How::History => Asking::History,
            How::Ever => Asking::Ever,
            How::Family => Asking::Family,
            How::Taking => Asking::Taking,
        },
        concept: Arc::clone(&asked.concept),
    }
}
