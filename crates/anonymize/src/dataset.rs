//! From the coded facts of permitted persons to the rows of an export: one row a person, or one row a fact.
//!
//! Only coded facts come in here: names, numbers, addresses, texts and times of day stay behind, and each is counted for the
//! steps. Facts about others than the patient, what is only billed, and what nobody stated as such are left out.

use crate::hierarchies::{ColumnKind, ColumnSource, NONE, UNKNOWN};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Code, Comparator, Event, EventKind, Experiencer, Polarity, Quantity, Sex};
use tsumugi_records::PatientId;
use tsumugi_terminology::system;

/// Ages from this one on are one value: few people reach them.
const OLDEST: i16 = 90;
/// Days of the period, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// First day.
    pub from: Date,
    /// Last day; ages are those on it.
    pub to: Date,
}

/// A coded fact, with nothing of the words it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Kind.
    pub kind: EventKind,
    /// Short name of the code system.
    pub system: Arc<str>,
    /// The code.
    pub code: Arc<str>,
    /// When it holds, or when it was stated.
    pub day: Date,
    /// Whether it is denied.
    pub is_absent: bool,
    /// The value, decimal text or a sign such as `2+`; no words.
    pub value: Option<String>,
    /// UCUM unit of it.
    pub unit: Option<Arc<str>>,
}

/// What the export knows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Which record; it does not leave.
    pub patient: PatientId,
    /// Administrative sex.
    pub sex: Sex,
    /// Date of birth; it does not leave.
    pub birth: Option<Date>,
    /// Where the person lives, as a code of `data/anonymize/region.tsv`.
    pub region: Option<String>,
    /// Facts of the period, in the order of the record.
    pub facts: Vec<Fact>,
}

/// What stayed behind, by field of the record: how often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftBehind(BTreeMap<&'static str, u64>);

/// The permitted persons of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// Of which days.
    pub period: Period,
    /// Who, by the number of the record.
    pub persons: Vec<Person>,
    /// What stayed behind.
    pub left_behind: LeftBehind,
}

impl LeftBehind {
    /// Counts one or more of a field.
    pub fn add(&mut self, field: &'static str, times: u64) {
        if times > 0 {
            *self.0.entry(field).or_default() += times;
        }
    }

    /// Each field, and how often.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(field, times)| (*field, *times))
    }
}

impl Period {
    /// Whether a day is in it.
    pub fn holds(&self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

/// The coded fact of an event, stated on a day; none where it is about somebody else, general, only suspected or only billed.
/// What stays behind of it is counted.
pub fn fact_of(event: &Event, stated: Date, left: &mut LeftBehind) -> Option<Fact> {
    let is_fact = event.experiencer == Experiencer::Patient
        && event.certainty == Certainty::Asserted
        && !event.is_claimed_state();
    if !is_fact {
        return None;
    }
    let code = code_of(&event.codes)?;
    let words = |text: &str| u64::from(!text.is_empty());
    left.add("name of the concept", words(&event.name));
    left.add(
        "words of a time",
        event.time.as_ref().map_or(0, |time| words(&time.text)),
    );
    let dosage = event.dosage.as_ref();
    left.add(
        "words of a prescription",
        dosage.map_or(0, |dosage| words(&dosage.text)),
    );
    left.add("place in the note", event.because.len() as u64);
    let value = event.value.as_ref().and_then(|value| value_of(value, left));
    Some(Fact {
        kind: event.kind,
        system: system::label(&code.system).into(),
        code: Arc::clone(&code.code),
        day: event
            .time
            .as_ref()
            .and_then(|time| time.from)
            .map_or(stated, jiff::civil::DateTime::date),
        is_absent: event.polarity == Polarity::Absent,
        unit: value.as_ref().and_then(|_| event.value.as_ref()?.unit.clone()),
        value,
    })
}

/// The code of a classification that others know, else our own concept.
fn code_of(codes: &[Code]) -> Option<&Code> {
    let of = |wanted: &str| codes.iter().find(|code| code.system.as_ref() == wanted);
    let known = [
        system::ICD10,
        system::ATC,
        system::LOINC,
        system::HPO,
        system::JLAC10,
    ];
    known.into_iter().find_map(of).or_else(|| of(system::TSUMUGI))
}

fn value_of(value: &Quantity, left: &mut LeftBehind) -> Option<String> {
    let sign = match value.comparator {
        Some(Comparator::Less) => "<",
        Some(Comparator::AtMost) => "<=",
        Some(Comparator::More) => ">",
        Some(Comparator::AtLeast) => ">=",
        None => "",
    };
    if let Some(number) = &value.number {
        let high = value
            .high
            .as_ref()
            .map_or_else(String::new, |high| format!("..{high}"));
        return Some(format!("{sign}{number}{high}"));
    }
    let text = value.text.as_ref()?;
    let is_sign = text.len() <= 4
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-()".contains(&byte));
    if is_sign {
        return Some(text.clone());
    }
    left.add("words of a value", 1);
    None
}

impl Person {
    /// Age in whole years on a day, `90+` from 90 on.
    pub fn age(&self, on: Date) -> String {
        let years = self.birth.map(|birth| {
            let had_birthday = (on.month(), on.day()) >= (birth.month(), birth.day());
            on.year() - birth.year() - i16::from(!had_birthday)
        });
        match years {
            Some(years) if years >= OLDEST => format!("{OLDEST}+"),
            Some(years) if years >= 0 => years.to_string(),
            _ => UNKNOWN.to_owned(),
        }
    }

    /// Sex, as a word.
    pub fn sex_word(&self) -> &'static str {
        match self.sex {
            Sex::Male => "male",
            Sex::Female => "female",
            Sex::Unknown => UNKNOWN,
        }
    }

    /// The day of the first fact.
    pub fn first_day(&self) -> Option<Date> {
        self.facts.iter().map(|fact| fact.day).min()
    }

    /// What stands in a column.
    pub fn value(&self, column: &ColumnKind, period: Period) -> String {
        match column.source {
            ColumnSource::Age => self.age(period.to),
            ColumnSource::Sex => self.sex_word().to_owned(),
            ColumnSource::Region => self.region.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
            ColumnSource::First => self.first_day().map_or_else(
                || NONE.to_owned(),
                |day| format!("{:04}-{:02}", day.year(), day.month()),
            ),
            ColumnSource::Condition => self.most_often(EventKind::Condition, "ICD-10", Some(3)),
            ColumnSource::Medication => self.most_often(EventKind::Medication, "ATC", None),
        }
    }

    /// The code that is stated most often, the first in order of equal ones.
    fn most_often(&self, kind: EventKind, system: &str, length: Option<usize>) -> String {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        let facts = self
            .facts
            .iter()
            .filter(|fact| fact.kind == kind && !fact.is_absent);
        for fact in facts.filter(|fact| fact.system.as_ref() == system) {
            let code = length
                .and_then(|length| fact.code.get(..length))
                .unwrap_or(&fact.code);
            *counts.entry(code).or_default() += 1;
        }
        let best = counts
            .into_iter()
            .min_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
        best.map_or_else(|| NONE.to_owned(), |(code, _)| code.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hierarchies::Hierarchies;
    use jiff::civil::date;

    fn fact(kind: EventKind, system: &str, code: &str, day: Date) -> Fact {
        Fact {
            kind,
            system: system.into(),
            code: code.into(),
            day,
            is_absent: false,
            value: None,
            unit: None,
        }
    }

    #[test]
    fn a_person_becomes_a_row_of_coded_values() {
        let condition = |code: &str| fact(EventKind::Condition, "ICD-10", code, date(2026, 5, 2));
        let mut denied = condition("C34.9");
        denied.is_absent = true;
        let person = Person {
            patient: PatientId::new(1),
            sex: Sex::Female,
            birth: Some(date(1960, 11, 30)),
            region: None,
            facts: vec![
                condition("I10"),
                condition("E11.9"),
                condition("E11.2"),
                denied.clone(),
                denied.clone(),
                denied,
                fact(EventKind::Medication, "ATC", "C08CA01", date(2026, 4, 9)),
                fact(EventKind::Medication, "Tsumugi", "drug.x", date(2026, 4, 9)),
            ],
        };
        let all = Hierarchies::embedded().unwrap();
        let period = Period {
            from: date(2026, 1, 1),
            to: date(2026, 11, 29),
        };
        let value = |column| person.value(all.column(column).unwrap(), period);
        let told = ["age", "sex", "region", "month", "diagnosis", "drug"].map(value);
        assert_eq!(told, ["65", "female", "unknown", "2026-04", "E11", "C08CA01"]);
        assert_eq!(person.age(date(2050, 11, 30)), "90+");
        assert_eq!(person.age(date(1950, 1, 1)), "unknown");
    }

    #[test]
    fn values_are_numbers_and_signs_and_words_stay_behind() {
        let mut left = LeftBehind::default();
        let mut told = |number: Option<&str>, text: Option<&str>| {
            let value = Quantity {
                number: number.map(str::to_owned),
                text: text.map(str::to_owned),
                comparator: number.map(|_| Comparator::AtLeast),
                ..Quantity::default()
            };
            value_of(&value, &mut left)
        };
        assert_eq!(told(Some("39.2"), None).as_deref(), Some(">=39.2"));
        assert_eq!(told(None, Some("2+")).as_deref(), Some("2+"));
        assert_eq!(told(None, Some("as Mr X said")), None);
        assert_eq!(told(None, None), None);
        assert_eq!(left.each().collect::<Vec<_>>(), [("words of a value", 1)]);
    }
}
