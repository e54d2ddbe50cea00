//! Cases as text: a patient told note by note, orders, the alerts and answers wanted.
//!
//! ```text
//! --- the-name ---
//! patient male 60 2024-05-01
//! note a 2023-01-10: allergy drug.amoxicillin; past anaphylaxis
//! today: value test.egfr 25
//! order new drug.ampicillin strength=250mg times=3
//! => allergy interruptive drug.amoxicillin
//! =? renal nothing-known
//! =? dose not-covered amount
//! ```
//! A statement is an event of its note, numbered in order. `=>` lists all alerts; `=?` one answer.

use crate::tables::vocabulary;
use jiff::civil::Date;
use std::sync::Arc;
use tsumugi_cds::prescription::{Alert, Answer, Check, Checks, Lowered, Missing, Order, Report, check_all};
use tsumugi_cds::{Allergy, DrugUse, Fact, Measure, Patient, Place};
use tsumugi_clinical::{
    Certainty, ClinicalTime, Dosage, Phase, Polarity, Precision, Quantity, Sex, TimeFrame,
};
use tsumugi_knowledge::{DrugBook, State};

#[derive(Default)]
pub(crate) struct Case {
    name: String,
    pub(crate) patient: Patient,
    pub(crate) orders: Vec<Order>,
    alerts: Vec<String>,
    answers: Vec<String>,
}

impl Case {
    pub(crate) fn read_all(text: &str) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(name) = line
                .strip_prefix("--- ")
                .and_then(|rest| rest.strip_suffix(" ---"))
            {
                cases.push(Self {
                    name: name.to_owned(),
                    ..Self::default()
                });
            } else {
                cases.last_mut().expect("a case begins with its name").read(line);
            }
        }
        cases
    }

    fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("=> ") {
            self.alerts.push(rest.to_owned());
        } else if let Some(rest) = line.strip_prefix("=? ") {
            self.answers.push(rest.to_owned());
        } else if let Some(rest) = line.strip_prefix("patient ") {
            let words: Vec<&str> = rest.split(' ').collect();
            self.patient.sex = match words[0] {
                "male" => Some(Sex::Male),
                "female" => Some(Sex::Female),
                _ => None,
            };
            self.patient.age = words[1].parse().ok();
            self.patient.today = words[2].parse().ok();
        } else if let Some(rest) = line.strip_prefix("order ") {
            self.orders.push(order(rest));
        } else {
            self.note(line);
        }
    }

    fn note(&mut self, line: &str) {
        let (head, statements) = line.split_once(": ").expect("a note has a head and statements");
        let words: Vec<&str> = head.split(' ').collect();
        let (note, date): (Arc<str>, Option<Date>) = match words[..] {
            ["today"] => ("".into(), self.patient.today),
            ["note", id] => (id.into(), None),
            ["note", id, date] => (id.into(), Some(date.parse().expect("a date"))),
            _ => panic!("{}: no statement: {line}", self.name),
        };
        if let Some(date) = date {
            self.patient.notes.insert(Arc::clone(&note), date);
        }
        for (event, statement) in (0..).zip(statements.split("; ")) {
            let place = Place {
                note: Arc::clone(&note),
                event,
            };
            state(&mut self.patient, statement, date, place);
        }
    }

    pub(crate) fn reports(&self, book: &DrugBook) -> Vec<Report> {
        let checks = Checks {
            vocabulary: vocabulary(),
            book,
        };
        check_all(&checks, &self.patient, &self.orders)
    }

    /// What is wrong, told with the case.
    pub(crate) fn failure(&self, book: &DrugBook) -> Option<String> {
        let reports = self.reports(book);
        let alerts: Vec<String> = reports
            .iter()
            .flat_map(|report| &report.alerts)
            .map(line_of)
            .collect();
        let answers: Vec<String> = reports
            .iter()
            .flat_map(|report| &report.checks)
            .map(answer_of)
            .collect();
        let missing: Vec<&String> = self
            .answers
            .iter()
            .filter(|answer| !answers.contains(answer))
            .collect();
        let sentences = reports
            .iter()
            .flat_map(|report| &report.alerts)
            .map(|alert| &alert.mechanism);
        let open: Vec<&String> = sentences
            .filter(|text| text.is_ascii() || text.contains(['{', '}']))
            .collect();
        if alerts == self.alerts && missing.is_empty() && open.is_empty() {
            return None;
        }
        Some(format!(
            "--- {} ---\n  alerts {alerts:#?}\n  wanted {:#?}\n  answers not given {missing:?} of {answers:?}\n  \
             unfinished sentences {open:?}",
            self.name, self.alerts
        ))
    }
}

fn state(patient: &mut Patient, statement: &str, recorded: Option<Date>, place: Place) {
    let words: Vec<&str> = statement.split(' ').collect();
    let (verb, id): (&str, Arc<str>) = (words[0], words[1].into());
    let (polarity, certainty, phase) = match verb {
        "denied" | "no-allergy" | "no-drug" => (Polarity::Absent, Certainty::Asserted, Phase::Current),
        "suspected" => (Polarity::Present, Certainty::Suspected, Phase::Current),
        "past" | "past-drug" => (Polarity::Present, Certainty::Asserted, Phase::Past),
        "planned-drug" => (Polarity::Present, Certainty::Asserted, Phase::Planned),
        "avoided-drug" => (Polarity::Absent, Certainty::Asserted, Phase::Planned),
        "stopped-drug" => (Polarity::Present, Certainty::Asserted, Phase::Stopped),
        _ => (Polarity::Present, Certainty::Asserted, Phase::Current),
    };
    let time = words[2..].iter().find_map(|word| time(word));
    match verb {
        "allergy" | "no-allergy" => patient.allergies.push(Allergy {
            to: id,
            polarity,
            recorded,
            place,
        }),
        "fact" | "past" | "suspected" | "denied" => patient.facts.push(Fact {
            state: State::new(id),
            polarity,
            certainty,
            phase,
            time,
            is_lasting: false,
            place,
        }),
        "drug" | "past-drug" | "stopped-drug" | "no-drug" | "planned-drug" | "avoided-drug" => {
            let dosage = dosage_of(&words[2..]);
            patient.drugs.push(DrugUse {
                drug: id,
                polarity,
                phase,
                dosage: (dosage != Dosage::default()).then_some(dosage),
                time,
                place,
            });
        }
        "value" => patient.measures.entry(id).or_default().push(Measure {
            value: words[2].parse().expect("a number"),
            time,
            place,
        }),
        "words" => patient
            .words
            .entry(id)
            .or_default()
            .push((words[2].to_owned(), place)),
        "done" => patient.orders.push((id, place)),
        _ => panic!("unknown statement {statement}"),
    }
}

fn time(word: &str) -> Option<ClinicalTime> {
    let (frame, date) = word.split_once('=')?;
    let frame = match frame {
        "on" => TimeFrame::Within,
        "since" => TimeFrame::Since,
        _ => return None,
    };
    let date: Date = date.parse().expect("a date");
    let moment = date.at(0, 0, 0, 0);
    Some(ClinicalTime {
        from: Some(moment),
        to: (frame == TimeFrame::Within).then_some(moment),
        precision: Precision::Day,
        frame,
        text: String::new(),
    })
}

fn order(text: &str) -> Order {
    let mut words = text.split(' ');
    let is_new = words.next() == Some("new");
    let drug = words.next().expect("a drug").into();
    let words: Vec<&str> = words.collect();
    let dosage = dosage_of(&words);
    let words = dosage.text.clone();
    Order {
        drug,
        dosage,
        words,
        is_new,
    }
}

/// `strength=5mg amount=1{tablet} times=1 days=14 route=oral text=words_as_written`; dates of the statement are skipped.
fn dosage_of(words: &[&str]) -> Dosage {
    let mut dosage = Dosage::default();
    for word in words {
        match word.split_once('=') {
            Some(("strength", amount)) => dosage.strength = Some(quantity(amount)),
            Some(("amount", amount)) => dosage.amount = Some(quantity(amount)),
            Some(("times", times)) => dosage.times_per_day = times.parse().ok(),
            Some(("days", days)) => dosage.days = days.parse().ok(),
            Some(("route", route)) => dosage.route = Some(route.to_owned()),
            Some(("timing", timing)) => dosage.timing = Some(timing.to_owned()),
            Some(("text", text)) => dosage.text = text.replace('_', " "),
            Some(("on" | "since", _)) => {}
            None if *word == "as-needed" => dosage.as_needed = true,
            _ => panic!("unknown part of an order: {word}"),
        }
    }
    dosage
}

/// `5mg`, `1-2{tablet}`, a bare `5`.
fn quantity(text: &str) -> Quantity {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
        .unwrap_or(text.len());
    let (numbers, unit) = text.split_at(end);
    let (number, high) = numbers
        .split_once('-')
        .map_or((numbers, None), |(low, high)| (low, Some(high.to_owned())));
    Quantity {
        number: Some(number.to_owned()),
        high,
        unit: (!unit.is_empty()).then(|| unit.into()),
        ..Quantity::default()
    }
}

fn line_of(alert: &Alert) -> String {
    let against = alert.against.as_deref().unwrap_or("-");
    let lowered = match &alert.lowered {
        None => String::new(),
        Some(Lowered::TakenSince { recorded, taken }) => {
            // A hint must show both dates.
            let shows = alert.mechanism.contains(&recorded.to_string())
                && alert.mechanism.contains(&taken.to_string());
            format!(
                " taken-since {recorded} {taken}{}",
                if shows { "" } else { " NOT SHOWN" }
            )
        }
        Some(Lowered::BothRunning) => " both-running".to_owned(),
        Some(Lowered::AlreadyRunning) => " already-running".to_owned(),
        Some(Lowered::Indicated) => " indicated".to_owned(),
        Some(Lowered::Suspected) => " suspected".to_owned(),
        Some(Lowered::Before) => " before".to_owned(),
        Some(Lowered::NearTheLimit) => " near-the-limit".to_owned(),
    };
    format!("{} {} {against}{lowered}", alert.kind.word(), alert.grade.word())
}

fn answer_of(check: &Check) -> String {
    let kind = check.kind.word();
    let missing: Vec<String> = check.missing.iter().map(word_of).collect();
    let missing = missing.join(" ");
    match &check.answer {
        Answer::Alerts(indexes) => format!("{kind} alerts {} {missing}", indexes.len())
            .trim_end()
            .to_owned(),
        Answer::CheckedNothingKnown => format!("{kind} nothing-known"),
        Answer::NotCovered => format!("{kind} not-covered {missing}"),
    }
}

fn word_of(missing: &Missing) -> String {
    match missing {
        Missing::Drug => "drug".to_owned(),
        Missing::Partner(id) => format!("partner:{id}"),
        Missing::AllergyHistory => "allergy-history".to_owned(),
        Missing::RenalFunction => "renal-function".to_owned(),
        Missing::Weight => "weight".to_owned(),
        Missing::Age => "age".to_owned(),
        Missing::Sex => "sex".to_owned(),
        Missing::ChildPugh => "child-pugh".to_owned(),
        Missing::PregnancyStatus => "pregnancy".to_owned(),
        Missing::LactationStatus => "lactation".to_owned(),
        Missing::Amount => "amount".to_owned(),
        Missing::UsualDose => "usual-dose".to_owned(),
    }
}
