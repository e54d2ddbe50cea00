//! `tsumugi check`: prescriptions held against a record, a line an encounter: `id, patient, date, record: [{date, text}],
//! note, orders: [{drug, text}]`. For study and for other systems; it supports a physician's judgement.

use super::line::{BadLine, Line, answer_lines};
use crate::advice::Advice;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_cds::prescription::{Alert, Answer, Checks, Grade, Order, Report, check_all, visible};
use tsumugi_cds::{DrugUse, Patient};
use tsumugi_clinical::{EventKind, Note, Polarity};
use tsumugi_coding::Record;
use tsumugi_records::Population;

/// Options of `check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How standard input is read.
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl"])]
    input: String,
}

#[derive(Deserialize)]
struct Earlier {
    date: Option<Date>,
    text: String,
}

#[derive(Deserialize)]
struct Ordered {
    drug: String,
    #[serde(default)]
    text: String,
}

/// Checks the orders of every line.
pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    let advice = Advice::embedded()?;
    let edition = advice.living(Population::Real).edition.clone();
    answer_lines(|line| Ok(encounter(&advice, &edition, line)))
}

fn encounter(advice: &Advice, edition: &str, mut line: Line) -> Result<Value, BadLine> {
    let id = line.id.clone();
    let patient: tsumugi_clinical::Patient = line.field("patient")?.unwrap_or_default();
    let date: Option<Date> = line.field("date")?;
    let earlier: Vec<Earlier> = line.field("record")?.unwrap_or_default();
    let text: String = line.field("note")?.unwrap_or_default();
    let ordered: Vec<Ordered> = line.required("orders")?;
    let mut record = Record {
        patient: patient.clone(),
        notes: Vec::new(),
    };
    let note = |id: String, text: &str, date: Option<Date>| Note {
        id,
        text: text.to_owned(),
        date,
        patient: Some(patient.clone()),
    };
    for (number, earlier) in (1..).zip(&earlier) {
        let note = note(number.to_string(), &earlier.text, earlier.date);
        advice.coder.structure_in(&mut record, &note);
    }
    let today = advice
        .coder
        .structure_in(&mut record.clone(), &note(String::new(), &text, date));
    let mut state = advice.patient(&record, Some(&today));
    state.age = patient.age_at(date).or(state.age);
    state.sex = patient.sex.or(state.sex);
    state.today = date;
    let orders: Vec<Order> = ordered.iter().map(|ordered| order_of(advice, ordered)).collect();
    // What is ordered today is an order, not a drug that is taken.
    without_todays(&mut state, &orders);
    let checks = Checks {
        vocabulary: advice.coder.vocabulary(),
        book: &advice.drugs,
    };
    let reports = check_all(&checks, &state, &orders);
    let shown = visible(&reports);
    let interruptive = shown
        .iter()
        .filter(|alert| alert.grade == Grade::Interruptive)
        .count();
    let all: Vec<Value> = reports.iter().map(|report| report_json(advice, report)).collect();
    Ok(json!({
        "id": id, "interruptive": interruptive, "visible": shown.len(), "orders": all,
        "edition": edition,
    }))
}

/// What an earlier note says, and what today's denies: 「チザニジンは併用しない」 is no order.
fn is_kept(usage: &DrugUse, orders: &[Order]) -> bool {
    !usage.place.note.is_empty()
        || usage.polarity == Polarity::Absent
        || orders.iter().all(|order| order.drug != usage.drug)
}

fn without_todays(state: &mut Patient, orders: &[Order]) {
    state.drugs.retain(|usage| is_kept(usage, orders));
}

/// The order as its words say it; the name alone where they cannot be read.
fn order_of(advice: &Advice, ordered: &Ordered) -> Order {
    let read = |text: &str| {
        let note = Note {
            text: text.to_owned(),
            ..Note::default()
        };
        let events = advice.coder.structure(&note).events;
        events
            .into_iter()
            .find(|event| matches!(event.kind, EventKind::Medication | EventKind::Immunization))
    };
    let vocabulary = advice.coder.vocabulary();
    let named = vocabulary
        .search()
        .named(&ordered.drug, 1)
        .first()
        .and_then(|hit| vocabulary.get(hit.key))
        .map(|concept| Arc::from(concept.id.as_str()));
    let event = read(&ordered.text);
    let dosage = event.as_ref().and_then(|event| event.dosage.as_deref().cloned());
    let by_words = || {
        event
            .or_else(|| read(&ordered.drug))
            .map(|event| event.concept.as_str().into())
    };
    Order {
        drug: named
            .or_else(by_words)
            .unwrap_or_else(|| ordered.drug.as_str().into()),
        dosage: dosage.unwrap_or_default(),
        words: ordered.text.clone(),
        is_new: true,
    }
}

fn report_json(advice: &Advice, report: &Report) -> Value {
    let name = |id: &str| {
        let concept = advice.coder.vocabulary().concept(id);
        concept.map_or(id.to_owned(), |concept| concept.name.to_string())
    };
    let alert = |alert: &Alert| {
        json!({
            "kind": alert.kind.word(), "grade": alert.grade.word(),
            "against": alert.against.as_ref().map(|against| name(against)),
            "mechanism": alert.mechanism,
            "status": alert.basis.as_ref().map(|basis| basis.status.word()),
            "lowered": alert.lowered.map(tsumugi_cds::prescription::Lowered::word),
        })
    };
    let alerts: Vec<Value> = report.alerts.iter().map(alert).collect();
    let checks: Map<String, Value> = report
        .checks
        .iter()
        .map(|check| {
            let word = match &check.answer {
                Answer::Alerts(_) => "alert",
                Answer::CheckedNothingKnown => "checked, nothing known",
                Answer::NotCovered => "not covered",
            };
            (check.kind.word().to_owned(), json!(word))
        })
        .collect();
    json!({"drug": report.drug, "name": name(&report.drug), "alerts": alerts, "checks": checks})
}
