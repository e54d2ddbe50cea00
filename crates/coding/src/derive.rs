//! Values: units, reference intervals, and the states that follow from them (39.2 ℃ → fever), by tables with sources.

use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{
    Because, Comparator, Event, EventKind, Interpretation, Measured, Polarity, Quantity, Sex,
};
use tsumugi_tables::{Mistake, Source, Table};
use tsumugi_terminology::{Concept, Units, Vocabulary};

/// The tables of `coding/`: derivations, scales of units, items implied by a unit.
#[derive(Debug, Default)]
pub(crate) struct Derivations {
    by_test: BTreeMap<Box<str>, Vec<Rule>>,
    units: Units,
    implied: BTreeMap<Box<str>, Box<str>>,
    /// A kind of cell in percent → its count.
    counts: BTreeMap<Box<str>, Box<str>>,
}

const COUNTS: &str = "coding/counts.tsv";

/// One row of `coding/derivations.tsv`.
#[derive(Debug)]
struct Rule {
    id: Arc<str>,
    sex: Option<Sex>,
    ages: (f64, f64),
    test: Condition,
    finding: u32,
    polarity: Polarity,
}

#[derive(Debug)]
enum Condition {
    AtLeast(f64),
    Above(f64),
    AtMost(f64),
    Below(f64),
    Interpretation(Interpretation),
}

impl Derivations {
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let mut derivations = Self {
            units: Units::new(sources, mistakes),
            ..Self::default()
        };
        for source in sources {
            let table = match source.path {
                "coding/derivations.tsv" | "coding/implied.tsv" | COUNTS => Table::parse(*source, mistakes),
                _ => continue,
            };
            for row in table.rows() {
                let mut wrong = |message: String| mistakes.push(Mistake::new(source.path, row.line, message));
                match source.path {
                    "coding/derivations.tsv" => {
                        let test = row.get("test");
                        if vocabulary.concept(test).is_none() {
                            wrong(format!("no concept {test}"));
                        }
                        match Rule::read(&row, vocabulary) {
                            Ok(rule) => derivations.by_test.entry(test.into()).or_default().push(rule),
                            Err(message) => wrong(message),
                        }
                    }
                    COUNTS => {
                        let count = (row.get("percent").into(), row.get("count").into());
                        derivations.counts.extend([count]);
                    }
                    _ => {
                        derivations
                            .implied
                            .insert(row.get("unit").into(), row.get("test").into());
                    }
                }
            }
        }
        derivations
    }

    /// Units of values.
    pub(crate) fn units(&self) -> &Units {
        &self.units
    }

    /// The item that a unit alone implies.
    pub(crate) fn implied_item(&self, unit: &str) -> Option<&str> {
        self.implied.get(unit).map(AsRef::as_ref)
    }

    /// The count that is meant where more than a hundred percent of the cells are written (Neut 820).
    pub(crate) fn counted(&self, percent: &Concept, value: &Quantity) -> Option<&str> {
        const WHOLE: f64 = 100.0;
        let is_more = value.as_f64().is_some_and(|number| number > WHOLE);
        let count = self.counts.get(percent.id.as_str()).filter(|_| is_more)?;
        Some(count)
    }

    /// Judges a value against the reference interval, where the writer has not; fills in the implied unit.
    pub(crate) fn interpret(&self, concept: &Concept, sex: Option<Sex>, value: &Quantity) -> Quantity {
        let mut value = value.clone();
        let Some(number) = self.units.in_usual_unit(concept, &mut value) else {
            return value;
        };
        let (low, high) = concept.interval.limits(sex);
        let is_low = low.is_some_and(|low| number < low);
        let is_high = high.is_some_and(|high| number > high);
        let judged = match value.comparator {
            None if is_low => Some(Interpretation::Low),
            None if is_high => Some(Interpretation::High),
            None => (low.is_some() || high.is_some()).then_some(Interpretation::Normal),
            Some(Comparator::Less | Comparator::AtMost) => is_low.then_some(Interpretation::Low),
            Some(Comparator::More | Comparator::AtLeast) => is_high.then_some(Interpretation::High),
        };
        value.interpretation = value.interpretation.or(judged);
        value
    }

    /// Replaces a measurement's concept by the state that its value means; what was measured stays in `measured`.
    pub(crate) fn derive(
        &self,
        vocabulary: &Vocabulary,
        sex: Option<Sex>,
        age: Option<f64>,
        event: &mut Event,
    ) {
        let Some(rules) = self.by_test.get(event.concept.as_str()) else {
            return;
        };
        let Some(test) = vocabulary.concept(event.concept.as_str()) else {
            return;
        };
        let Some(value) = &event.value else { return };
        let number = self.units.in_usual_unit(test, &mut value.clone());
        let rule = rules.iter().find(|rule| rule.holds(sex, age, number, value));
        let Some((rule, state)) = rule.and_then(|rule| Some((rule, vocabulary.get(rule.finding)?))) else {
            return;
        };
        event.measured = Some(Measured {
            concept: event.concept.clone(),
            name: Arc::clone(&event.name),
            codes: Arc::clone(&event.codes),
            entities: entities_of(&event.because),
        });
        event.concept = state.id.clone();
        event.name = Arc::clone(&state.name);
        event.codes = Arc::clone(&state.codes);
        event.kind = EventKind::Finding;
        event.polarity = rule.polarity;
        let by_rule = Because::Rule {
            rule: Arc::clone(&rule.id),
        };
        if rule.polarity == Polarity::Absent {
            event.because = vec![by_rule];
        } else {
            event.because.push(by_rule);
        }
    }
}

fn entities_of(because: &[Because]) -> Vec<u32> {
    let entity = |reason: &Because| match reason {
        Because::Entity { entity } => Some(*entity),
        _ => None,
    };
    because.iter().filter_map(entity).collect()
}

impl Rule {
    fn read(row: &tsumugi_tables::Row<'_, '_>, vocabulary: &Vocabulary) -> Result<Self, String> {
        let decimal = |column: &str| row.get(column).parse::<f64>();
        let threshold = || decimal("threshold").map_err(|_| "threshold is no decimal".to_owned());
        let test = match row.get("comparator") {
            ">=" => Condition::AtLeast(threshold()?),
            ">" => Condition::Above(threshold()?),
            "<=" => Condition::AtMost(threshold()?),
            "<" => Condition::Below(threshold()?),
            "high" => Condition::Interpretation(Interpretation::High),
            "low" => Condition::Interpretation(Interpretation::Low),
            "positive" => Condition::Interpretation(Interpretation::Positive),
            "negative" => Condition::Interpretation(Interpretation::Negative),
            other => return Err(format!("unknown comparator \"{other}\"")),
        };
        let finding = row.get("finding");
        Ok(Self {
            id: row.get("rule").into(),
            sex: match row.get("sex") {
                "male" => Some(Sex::Male),
                "female" => Some(Sex::Female),
                _ => None,
            },
            ages: (
                decimal("age_from").unwrap_or(0.0),
                decimal("age_to").unwrap_or(f64::MAX),
            ),
            test,
            finding: vocabulary
                .key(finding)
                .ok_or_else(|| format!("no concept {finding}"))?,
            polarity: match row.get("polarity") {
                "present" => Polarity::Present,
                "absent" => Polarity::Absent,
                other => return Err(format!("unknown polarity \"{other}\"")),
            },
        })
    }

    /// A rule for one sex or age holds only where that is known.
    fn holds(&self, sex: Option<Sex>, age: Option<f64>, number: Option<f64>, value: &Quantity) -> bool {
        let has_sex = self.sex.is_none() || self.sex == sex;
        let all_ages = self.ages.0 <= 0.0 && self.ages.1 >= 120.0;
        let has_age =
            all_ages || age.map_or(self.ages.0 >= 15.0, |age| self.ages.0 <= age && age < self.ages.1);
        has_sex && has_age && self.test.holds(number, value)
    }
}

impl Condition {
    /// A censored value (「39度以上」, 「<0.5」) holds where all that it can be does.
    fn holds(&self, number: Option<f64>, value: &Quantity) -> bool {
        use tsumugi_clinical::Comparator as C;
        let up = matches!(value.comparator, None | Some(C::AtLeast | C::More));
        let down = matches!(value.comparator, None | Some(C::AtMost | C::Less));
        match (self, number) {
            (Self::AtLeast(limit), Some(number)) => up && number >= *limit,
            (Self::Above(limit), Some(number)) => up && number > *limit,
            (Self::AtMost(limit), Some(number)) => down && number <= *limit,
            (Self::Below(limit), Some(number)) => {
                let below = number < *limit || (number <= *limit && value.comparator == Some(C::Less));
                down && below
            }
            (Self::Interpretation(wanted), _) => value.interpretation == Some(*wanted),
            _ => false,
        }
    }
}
