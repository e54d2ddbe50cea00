//! Templates on encounters that another hand has written: what is asked, and what of the key items is asked or known.
//!
//! Measured as the screen shows it, five rows at once, and one item at a time, each answered with nobody knows, so that
//! no answer brings another question; with the reasons of the contact (`topics`) known from the reception, and without.
//! A key item counts when a fact of one of its concepts, or below, stands in note or record, or when a question was asked
//! whose answer would be such a fact.

use super::Bench;
use anyhow::Context as _;
use jiff::civil::Date;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use tsumugi_cds::templates::{Answer, Answers, Asked, Contact, Item, ItemKind, MOST_ASKED};
use tsumugi_clinical::{Event, Note, Patient, Sex};
use tsumugi_coding::Record;
use tsumugi_terminology::Vocabulary;

#[derive(Deserialize)]
struct Encounter {
    id: String,
    date: String,
    sex: Option<Sex>,
    age: f64,
    age_months: Option<f64>,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    record: Vec<String>,
    note: String,
    key: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    item: String,
    concepts: Vec<String>,
    known: bool,
}

/// How it is measured.
#[derive(Debug, Clone, Copy)]
struct Way {
    title: &'static str,
    has_reasons: bool,
    in_rows: bool,
}

const WAYS: [Way; 4] = [
    Way {
        title: "rows, reasons known",
        has_reasons: true,
        in_rows: true,
    },
    Way {
        title: "rows, text alone",
        has_reasons: false,
        in_rows: true,
    },
    Way {
        title: "single items, reasons known",
        has_reasons: true,
        in_rows: false,
    },
    Way {
        title: "single items, text alone",
        has_reasons: false,
        in_rows: false,
    },
];

#[derive(Default)]
struct Sum {
    encounters: usize,
    most: usize,
    questions: usize,
    items: usize,
    keys: usize,
    met: usize,
    known: usize,
    read: usize,
    unknown: usize,
    asked: usize,
    /// Key items that the templates of the encounter ask at all, or that the text says.
    reachable: usize,
}

/// Runs all encounters.
pub(super) fn run(root: &Path, misses: bool) -> anyhow::Result<()> {
    let bench = Bench::new()?;
    let mut files: Vec<_> = std::fs::read_dir(root.join("corpus/encounters"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut encounters: Vec<Encounter> = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).with_context(|| name.clone())?;
        encounters.push(toml::from_str(&text).with_context(|| name)?);
    }
    for (way, shows) in WAYS.into_iter().zip([misses, false, false, false]) {
        let mut sum = Sum::default();
        for encounter in &encounters {
            one(&bench, encounter, way, shows, &mut sum).with_context(|| encounter.id.clone())?;
        }
        print(way, &sum);
    }
    texts(&bench, misses);
    Ok(())
}

fn print(way: Way, sum: &Sum) {
    let share = |part: usize, all: usize| part as f64 / all.max(1) as f64;
    println!(
        "{}: {} encounters, {:.2} questions an encounter, at most {}, with {:.2} items",
        way.title,
        sum.encounters,
        share(sum.questions, sum.encounters),
        sum.most,
        share(sum.items, sum.encounters),
    );
    println!(
        "  key items asked or known: {:.3} ({} of {}); of those that the text says {:.3} ({} of {}), of the others {:.3} ({} of {})",
        share(sum.met, sum.keys),
        sum.met,
        sum.keys,
        share(sum.read, sum.known),
        sum.read,
        sum.known,
        share(sum.asked, sum.unknown),
        sum.asked,
        sum.unknown
    );
    println!(
        "  in a template of the encounter at all, or known: {:.3}",
        share(sum.reachable, sum.keys)
    );
}

fn note(encounter: &Encounter, id: String, date: Date, text: &str) -> Note {
    let age = encounter.age_months.map_or(encounter.age, |months| months / 12.0);
    Note {
        id,
        text: text.to_owned(),
        date: Some(date),
        patient: Some(Patient {
            sex: encounter.sex,
            age: Some(age),
            ..Patient::default()
        }),
    }
}

/// The state of the patient, and all events of record and note.
fn read(bench: &Bench, encounter: &Encounter) -> anyhow::Result<(tsumugi_cds::Patient, Vec<Event>)> {
    let mut record = Record::default();
    let mut events: Vec<Event> = Vec::new();
    for (index, line) in encounter.record.iter().enumerate() {
        let (date, text) = line
            .split_once(": ")
            .context("a line of the record without a date")?;
        let earlier = note(encounter, format!("r{index}"), date.parse()?, text);
        events.extend(bench.coder.structure_in(&mut record, &earlier).events);
    }
    let now = note(encounter, String::new(), encounter.date.parse()?, &encounter.note);
    let structured = bench.coder.structure_in(&mut record.clone(), &now);
    let patient = bench.patient(&record, &now, &structured.events);
    events.extend(structured.events);
    Ok((patient, events))
}

fn one(bench: &Bench, encounter: &Encounter, way: Way, misses: bool, sum: &mut Sum) -> anyhow::Result<()> {
    let (patient, events) = read(bench, encounter)?;
    let reasons = if way.has_reasons {
        reasons(bench, encounter)
    } else {
        Vec::new()
    };
    let (questions, asked) = ask(bench, &patient, &reasons, way.in_rows);
    let answers = Answers::default();
    let contact = Contact {
        patient: &patient,
        reasons: &reasons,
        answers: &answers,
    };
    let ranked = bench.asking().ranked(&contact);
    let applying: Vec<&str> = bench
        .asking()
        .applying(&contact)
        .iter()
        .map(|template| &*template.id)
        .collect();
    let vocabulary = bench.coder.vocabulary();
    sum.encounters += 1;
    sum.questions += questions;
    sum.items += asked.len();
    sum.most = sum.most.max(questions);
    let mut lost = Vec::new();
    for key in &encounter.key {
        let is_read = key.known && key.concepts.is_empty()
            || events.iter().any(|event| says(vocabulary, event, &key.concepts));
        let is_asked = asked
            .iter()
            .any(|asked| asks(vocabulary, asked.item, &key.concepts));
        let could_be = ranked
            .iter()
            .any(|asked| asks(vocabulary, asked.item, &key.concepts));
        sum.keys += 1;
        sum.reachable += usize::from(is_read || could_be);
        sum.met += usize::from(is_read || is_asked);
        if key.known {
            sum.known += 1;
            sum.read += usize::from(is_read || is_asked);
        } else {
            sum.unknown += 1;
            sum.asked += usize::from(is_read || is_asked);
        }
        if !is_read && !is_asked {
            lost.push((key, could_be));
        }
    }
    if misses {
        println!("{} {:?}", encounter.id, applying);
        let names: Vec<String> = asked
            .iter()
            .map(|asked| format!("{} {:.2}", asked.key, asked.worth))
            .collect();
        println!("  asked {names:?}");
        for (key, could_be) in lost {
            let place = if could_be { "outranked" } else { "in no template" };
            let known = if key.known { "known" } else { "open" };
            println!("  lost {known}, {place}: {} {:?}", key.item, key.concepts);
        }
    }
    Ok(())
}

/// The concepts of the topics.
fn reasons(bench: &Bench, encounter: &Encounter) -> Vec<Arc<str>> {
    let note = Note {
        text: encounter.topics.join("\n"),
        ..Note::default()
    };
    let events = bench.coder.structure(&note).events;
    events
        .iter()
        .map(|event| Arc::from(event.concept.as_str()))
        .collect()
}

/// What is asked: the number of questions, and their items.
fn ask<'b>(
    bench: &'b Bench,
    patient: &tsumugi_cds::Patient,
    reasons: &[Arc<str>],
    in_rows: bool,
) -> (usize, Vec<Asked<'b>>) {
    let asking = bench.asking();
    let mut answers = Answers::default();
    if in_rows {
        let rows = asking.next(&Contact {
            patient,
            reasons,
            answers: &answers,
        });
        return (rows.len(), rows.into_iter().flatten().collect());
    }
    let mut asked: Vec<Asked<'b>> = Vec::new();
    while asked.len() < MOST_ASKED {
        let ranked = asking.ranked(&Contact {
            patient,
            reasons,
            answers: &answers,
        });
        let Some(first) = ranked.into_iter().next() else {
            break;
        };
        answers.give(first.key.clone(), Answer::Unknown);
        asked.push(first);
    }
    (asked.len(), asked)
}

fn is_a(vocabulary: &Vocabulary, concept: &str, above: &str) -> bool {
    let keys = vocabulary.key(concept).zip(vocabulary.key(above));
    keys.is_some_and(|(concept, above)| vocabulary.is_a(concept, above))
}

fn says(vocabulary: &Vocabulary, event: &Event, concepts: &[String]) -> bool {
    let measured = event.measured.as_ref().map(|measured| measured.concept.as_str());
    let own = [Some(event.concept.as_str()), measured];
    own.into_iter()
        .flatten()
        .any(|own| concepts.iter().any(|above| is_a(vocabulary, own, above)))
}

/// Whether an answer to the item would be a fact of the key item.
fn asks(vocabulary: &Vocabulary, item: &Item, concepts: &[String]) -> bool {
    item.concepts()
        .any(|own| concepts.iter().any(|above| is_a(vocabulary, own, above)))
}

/// Whether the engine reads the texts of the answers as the facts that the templates say they are.
fn texts(bench: &Bench, misses: bool) {
    let vocabulary = bench.coder.vocabulary();
    let (mut all, mut right) = (0_usize, 0_usize);
    for template in bench.templates.iter() {
        for item in &template.items {
            for answer in answers_of(item) {
                let Ok(answered) = item.answer(&answer) else {
                    continue;
                };
                for told in &answered.told {
                    let note = Note {
                        text: answered.text.clone(),
                        ..Note::default()
                    };
                    let events = bench.coder.structure(&note).events;
                    let is_read = events.iter().any(|event| {
                        let is_same = told.value.is_some() || event.polarity == told.polarity;
                        is_same && says(vocabulary, event, &[told.concept.to_string()])
                    });
                    all += 1;
                    right += usize::from(is_read);
                    if misses && !is_read {
                        println!(
                            "  {}.{}: {} is not read as {}",
                            template.id, item.id, answered.text, told.concept
                        );
                    }
                }
            }
        }
    }
    println!(
        "answers whose text is read as their fact: {:.3} ({right} of {all})",
        right as f64 / all.max(1) as f64
    );
}

fn answers_of(item: &Item) -> Vec<Answer> {
    match &item.kind {
        ItemKind::Boolean { .. } => vec![Answer::Yes, Answer::No],
        ItemKind::Choice(choices) => choices
            .iter()
            .map(|choice| Answer::Choice(choice.id.clone()))
            .collect(),
        ItemKind::Quantity { low, high, .. } => {
            let middle = f64::midpoint(low.unwrap_or(0.0), high.unwrap_or(100.0));
            vec![Answer::Quantity(middle.round())]
        }
        ItemKind::Date { .. } | ItemKind::Text { .. } => Vec::new(),
    }
}
