//! Reads the files of criteria. A mistake says file, line and column, and what was expected there.

use super::expression::Expression;
use super::parse::{ExpressionError, Scope, expression, number};
use super::{Band, CriteriaBook, Criterion, CriterionKind, Formula, Item, Marks, Outcome};
use crate::evidence::Status;
use crate::state::Levels;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::Vocabulary;

/// Reads all files; sets with a mistake are left out.
pub(super) fn book(
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    mistakes: &mut Vec<Mistake>,
) -> CriteriaBook {
    let levels = Levels::new(sources);
    let mut criteria: Vec<Criterion> = Vec::new();
    for source in sources.iter().filter(|source| is_criteria(source.path)) {
        let before = mistakes.len();
        let read = criterion(*source, vocabulary, &levels, mistakes);
        let Some(read) = read.filter(|_| mistakes.len() == before) else {
            continue;
        };
        if criteria.iter().any(|other| other.id == read.id) {
            let message = format!("the id {} stands in another file, too", read.id);
            mistakes.push(Mistake::new(source.path, 1, message));
        } else {
            criteria.push(read);
        }
    }
    criteria.sort_by(|a, b| a.id.cmp(&b.id));
    CriteriaBook { criteria }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: Arc<str>,
    name: Arc<str>,
    name_en: Arc<str>,
    kind: CriterionKind,
    about: Arc<str>,
    source: Arc<str>,
    edition: Arc<str>,
    status: Status,
    #[serde(default)]
    reviewed_by: Vec<Arc<str>>,
    applies: Spanned<String>,
    #[serde(default)]
    formula: Vec<FormulaOfFile>,
    #[serde(default)]
    item: Vec<ItemOfFile>,
    result: Vec<OutcomeOfFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormulaOfFile {
    id: Arc<str>,
    name: Arc<str>,
    #[serde(default)]
    unit: Arc<str>,
    value: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemOfFile {
    id: Spanned<Arc<str>>,
    name: Arc<str>,
    #[serde(default)]
    points: f64,
    when: Option<Spanned<String>>,
    #[serde(default)]
    bands: Vec<BandOfFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandOfFile {
    when: Option<Spanned<String>>,
    points: f64,
    name: Arc<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeOfFile {
    name: Spanned<Arc<str>>,
    #[serde(default)]
    meaning: Arc<str>,
    from: Option<f64>,
    to: Option<f64>,
    when: Option<Spanned<String>>,
}

fn is_criteria(path: &str) -> bool {
    path.strip_prefix("knowledge/criteria/")
        .and_then(|file| file.strip_suffix(".toml"))
        .is_some_and(|name| !name.contains('/'))
}

/// A file that is being read.
struct Reading<'a, 'm> {
    source: Source<'a>,
    vocabulary: &'a Vocabulary,
    levels: &'a Levels,
    formulas: Vec<Arc<str>>,
    items: Vec<Arc<str>>,
    mistakes: &'m mut Vec<Mistake>,
}

fn criterion(
    source: Source<'_>,
    vocabulary: &Vocabulary,
    levels: &Levels,
    mistakes: &mut Vec<Mistake>,
) -> Option<Criterion> {
    let mut reading = Reading {
        source,
        vocabulary,
        levels,
        formulas: Vec::new(),
        items: Vec::new(),
        mistakes,
    };
    let file = match toml::from_str::<File>(source.text) {
        Ok(file) => file,
        Err(error) => {
            reading.mistake(error.span().map_or(0, |span| span.start), error.message());
            return None;
        }
    };
    let formulas: Vec<Option<Formula>> = file
        .formula
        .into_iter()
        .map(|formula| reading.formula(formula))
        .collect();
    let applies = reading.expression(&file.applies, false);
    let items: Vec<Option<Item>> = file.item.into_iter().map(|item| reading.item(item)).collect();
    let places: Vec<usize> = file
        .result
        .iter()
        .map(|result| result.name.span().start)
        .collect();
    let outcomes: Vec<Option<Outcome>> = file
        .result
        .into_iter()
        .map(|outcome| reading.outcome(outcome))
        .collect();
    let read = Criterion {
        id: file.id,
        name: file.name,
        english: file.name_en,
        kind: file.kind,
        about: file.about,
        source: file.source,
        edition: file.edition,
        status: file.status,
        reviewed_by: file.reviewed_by,
        applies: applies?,
        formulas: formulas.into_iter().collect::<Option<_>>()?,
        items: items.into_iter().collect::<Option<_>>()?,
        outcomes: outcomes.into_iter().collect::<Option<_>>()?,
    };
    reading.check_outcomes(&read, &places);
    Some(read)
}

impl Reading<'_, '_> {
    fn mistake(&mut self, byte: usize, message: impl AsRef<str>) {
        let before = self.source.text.get(..byte).unwrap_or(self.source.text);
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let message = format!("column {column}: {}", message.as_ref());
        self.mistakes.push(Mistake::new(self.source.path, line, message));
    }

    fn scope(&self, has_points: bool) -> Scope<'_> {
        Scope {
            vocabulary: self.vocabulary,
            levels: self.levels,
            formulas: &self.formulas,
            items: &self.items,
            has_points,
        }
    }

    fn report<T>(&mut self, span: Range<usize>, read: Result<T, ExpressionError>) -> Option<T> {
        read.map_err(|error| {
            let opening = self.source.text.get(span.clone()).map_or(0, opening_of);
            self.mistake(span.start + opening + error.at, error.to_string());
        })
        .ok()
    }

    fn expression(&mut self, text: &Spanned<String>, has_points: bool) -> Option<Expression> {
        let read = expression(text.get_ref(), self.scope(has_points));
        self.report(text.span(), read)
    }

    fn formula(&mut self, formula: FormulaOfFile) -> Option<Formula> {
        let read = number(formula.value.get_ref(), self.scope(false));
        let value = self.report(formula.value.span(), read);
        self.formulas.push(Arc::clone(&formula.id));
        Some(Formula {
            id: formula.id,
            name: formula.name,
            unit: formula.unit,
            value: value?,
        })
    }

    fn item(&mut self, item: ItemOfFile) -> Option<Item> {
        let place = item.id.span().start;
        let id = item.id.into_inner();
        if item.bands.iter().rev().skip(1).any(|band| band.when.is_none()) {
            self.mistake(place, "only the last band may stand without a condition");
        }
        let marks = match item.when {
            Some(when) if item.bands.is_empty() => self.expression(&when, false).map(|when| Marks::Once {
                when,
                points: item.points,
            }),
            None if !item.bands.is_empty() && item.points == 0.0 => {
                let bands: Vec<Option<Band>> = item.bands.into_iter().map(|band| self.band(band)).collect();
                bands.into_iter().collect::<Option<_>>().map(Marks::Bands)
            }
            _ => {
                self.mistake(place, "an item has either \"when\" or \"bands\"");
                None
            }
        };
        if self.items.contains(&id) {
            self.mistake(place, format!("the item {id} stands here twice"));
        }
        self.items.push(Arc::clone(&id));
        Some(Item {
            id,
            name: item.name,
            marks: marks?,
        })
    }

    fn band(&mut self, band: BandOfFile) -> Option<Band> {
        Some(Band {
            when: match band.when {
                Some(when) => self.expression(&when, false)?,
                None => Expression::ALWAYS,
            },
            points: band.points,
            name: band.name,
        })
    }

    fn outcome(&mut self, outcome: OutcomeOfFile) -> Option<Outcome> {
        let when = outcome.when.map(|when| self.expression(&when, true));
        let when = match when {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Outcome {
            name: outcome.name.into_inner(),
            meaning: outcome.meaning,
            from: outcome.from,
            to: outcome.to,
            when,
        })
    }

    /// Some outcome must hold for every patient: the last one without conditions, or intervals over all sums.
    fn check_outcomes(&mut self, criterion: &Criterion, places: &[usize]) {
        let Some(last) = criterion.outcomes.last() else {
            self.mistake(0, "no result");
            return;
        };
        let is_open =
            |outcome: &Outcome| outcome.from.is_none() && outcome.to.is_none() && outcome.when.is_none();
        for (outcome, place) in criterion
            .outcomes
            .iter()
            .rev()
            .skip(1)
            .zip(places.iter().rev().skip(1))
        {
            if is_open(outcome) {
                self.mistake(*place, "only the last result may stand without a condition");
            }
        }
        if is_open(last) {
            return;
        }
        let bare = criterion.outcomes.iter().filter(|outcome| outcome.when.is_none());
        let intervals: Vec<(f64, f64)> = bare
            .map(|outcome| (outcome.from.unwrap_or(f64::MIN), outcome.to.unwrap_or(f64::MAX)))
            .collect();
        let sums = criterion.items.iter().fold(BTreeSet::from([0]), |sums, item| {
            let options = options_of(&item.marks);
            sums.iter()
                .flat_map(|sum| options.iter().map(move |points| sum + points))
                .collect()
        });
        let bare_sum = sums
            .iter()
            .map(|sum| *sum as f64 / HUNDRED)
            .find(|sum| !intervals.iter().any(|(from, to)| (*from..=*to).contains(sum)));
        if let Some(sum) = bare_sum {
            let place = places.last().copied().unwrap_or(0);
            self.mistake(
                place,
                format!("no result for {sum} points, and none that always holds"),
            );
        }
    }
}

/// Points are added in hundredths, so that sums of halves and thirds compare.
const HUNDRED: f64 = 100.0;

fn options_of(marks: &Marks) -> BTreeSet<i64> {
    let hundredths = |points: f64| (points * HUNDRED).round() as i64;
    match marks {
        Marks::Once { points, .. } => BTreeSet::from([0, hundredths(*points)]),
        Marks::Bands(bands) => {
            let is_open = bands.iter().all(|band| band.when != Expression::ALWAYS);
            let none = is_open.then_some(0);
            bands
                .iter()
                .map(|band| hundredths(band.points))
                .chain(none)
                .collect()
        }
    }
}

/// The bytes of a string's opening quotes.
fn opening_of(literal: &str) -> usize {
    let is_long = literal.starts_with("\"\"\"") || literal.starts_with("'''");
    let newline = usize::from(is_long && literal.as_bytes().get(3) == Some(&b'\n'));
    if is_long { 3 + newline } else { 1 }
}
