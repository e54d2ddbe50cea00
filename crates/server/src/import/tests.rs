//! A small reader for the tests, and an import from files to the store.
//!
//! A line is a JSON object: `patient` (number), `other` (another number), `key`, `sequence`, `name`, `birth`, `standing`, `text`, `author`, and
//! `resource`. What is no such line is dead.

use super::files::Found;
use super::readers::{Origin, Read, Stating};
use super::{Engine, Importer, Setting, report::Report};
use crate::advice::Advice;
use serde_json::Value;
use std::io::{BufRead, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tsumugi_clinical::{Note, Sex};
use tsumugi_coding::Coder;
use tsumugi_exchange::incoming::{
    Evidence, Handed, Incoming, Person, Place, Problem, Resource, Severity, Sink, Standard, Standing, Text,
};
use tsumugi_records::{AuditSubtype, Population, Store};

/// Reads the lines described above.
pub(crate) fn reader() -> Read {
    Box::new(|origin, input, sink| read(origin, input, sink))
}

fn read(origin: &Origin, input: &mut dyn BufRead, sink: &mut Sink<'_>) -> std::io::Result<()> {
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        if let Some((_, rest)) = line.starts_with(b"MSH").then(|| split(&line)).flatten() {
            line = rest;
        }
        let place = Place {
            file: origin.file.clone(),
            line: Some(number),
            field: None,
        };
        let patient = origin.patient.as_deref().unwrap_or_default();
        if !sink(handed(&line, place, patient)) {
            return Ok(());
        }
    }
}

/// A header and the line after it, as the tests of MLLP send them.
fn split(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = line.iter().position(|byte| *byte == b'\r')?;
    Some((line[..end].to_vec(), line[end + 1..].to_vec()))
}

fn handed(line: &[u8], place: Place, patient: &str) -> Handed {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => {
            let problem = Problem {
                place,
                severity: Severity::Error,
                code: "not-json",
                message: error.to_string(),
            };
            return Handed::Dead {
                problem,
                bytes: line.to_vec(),
            };
        }
    };
    let word = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let resources = value.get("resource").map(|resource| Resource {
        kind: resource["resourceType"].as_str().unwrap_or_default().to_owned(),
        json: resource.to_string().into_bytes(),
    });
    let texts = word("text").map(|text| Text {
        kind: None,
        title: None,
        author: word("author"),
        written: None,
        text,
    });
    Handed::Statement(Box::new(Incoming {
        standard: Standard::Fhir,
        place,
        person: Person {
            number: word("patient").unwrap_or_else(|| patient.to_owned()),
            name: word("name"),
            sex: Some(Sex::Female),
            birth_date: word("birth").map(|date| date.parse().unwrap()),
            other_numbers: word("other")
                .map(|number| (String::new(), number))
                .into_iter()
                .collect(),
            ..Person::default()
        },
        key: word("key").unwrap_or_default(),
        sequence: word("sequence").unwrap_or_default(),
        standing: match word("standing").as_deref() {
            Some("deleted") => Standing::Deleted,
            _ => Standing::Valid,
        },
        evidence: Evidence::Care,
        civil: Some("2026-11-20T08:00".parse().unwrap()),
        bytes: line.to_vec(),
        charset: "utf-8",
        resources: resources.into_iter().collect(),
        texts: texts.into_iter().collect(),
    }))
}

/// Reads `code.text` of an Observation with its value as the text engine does.
pub(crate) fn stating() -> Box<Stating> {
    Box::new(|coder, _, incoming| {
        let mut events = Vec::new();
        for resource in &incoming.resources {
            let value: Value = serde_json::from_slice(&resource.json).unwrap_or_default();
            let name = value
                .pointer("/code/text")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let number = value
                .pointer("/valueQuantity/value")
                .map(ToString::to_string)
                .unwrap_or_default();
            let note = Note {
                text: format!("{name}{number}"),
                ..Note::default()
            };
            events.extend(coder.structure(&note).events);
        }
        (events, Vec::new())
    })
}

struct Site {
    store: Store,
    coder: Arc<Coder>,
    advice: Advice,
}

impl Site {
    fn new() -> Self {
        let store = Store::open_in_memory().unwrap();
        let coder = Arc::new(Coder::embedded().unwrap());
        let advice = Advice::open(Arc::clone(&coder), &store).unwrap();
        Self { store, coder, advice }
    }

    fn import(&self, root: &Path, population: Population, stop: Option<&AtomicBool>) -> Report {
        let stating = stating();
        let engine = Engine {
            store: &self.store,
            coder: &self.coder,
            advice: &self.advice,
            stating: &*stating,
        };
        let mut importer = Importer::new(engine, setting(population), stop);
        super::files::walk(root, &mut |found| {
            let found: Found = found.unwrap();
            crate::commands::import::read_file(&mut importer, &reader(), &found).unwrap();
            !importer.is_stopped()
        });
        importer.finish().unwrap()
    }
}

fn setting(population: Population) -> Setting {
    Setting {
        standard: Standard::Fhir,
        population,
        facility: None,
        way: "command",
        author: "test".to_owned(),
        address: None,
        patient: None,
        clock: None,
        replay_of: None,
    }
}

fn observation(patient: &str, key: &str, name: &str, number: &str) -> String {
    let json = format!(
        r#"{{"patient":"{patient}","key":"{key}","sequence":"1","resource":{{"resourceType":"Observation","code":{{"text":"{name}"}},"valueQuantity":{{"value":{number}}}}}}}"#
    );
    json + "\n"
}

fn write(root: &Path, name: &str, text: &str) {
    std::fs::File::create(root.join(name))
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

#[test]
fn an_imported_value_and_a_note_state_one_fact() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    let note = "{\"patient\":\"1\",\"key\":\"n\",\"text\":\"BT39.2\",\"author\":\"dr. b\"}\n";
    write(
        root.path(),
        "a.ndjson",
        &(observation("1", "o", "BT", "39.2") + note),
    );
    let report = site.import(root.path(), Population::Real, None);
    assert_eq!(
        (report.accepted, report.rejected, report.records, report.resources),
        (2, 0, 2, 1)
    );
    let patient = site.store.find_patient(Population::Real, "1").unwrap().unwrap();
    let events = site.store.current_events(patient).unwrap();
    let facts: std::collections::BTreeSet<_> = events.iter().map(|one| one.event.fact.as_str()).collect();
    assert_eq!(events.len() % 2, 0);
    assert_eq!(facts.len() * 2, events.len(), "{facts:?}");
    let documents = site.store.documents_of(patient).unwrap();
    let document = site.store.document(*documents.first().unwrap()).unwrap();
    assert_eq!(
        (document.author.as_str(), document.kind.as_str()),
        ("dr. b", "report")
    );
    assert_eq!(site.store.doctor().unwrap().problems, [""; 0]);
    // The export has the one patient, and what came points to him.
    let export = site.store.export_patient(patient).unwrap();
    let bundle = crate::fhir::patient_bundle(&export).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    let of_kind = |kind: &str| {
        let is_kind = |entry: &&Value| entry["resource"]["resourceType"] == kind;
        entries.iter().filter(is_kind).collect::<Vec<_>>()
    };
    let patients = of_kind("Patient");
    assert_eq!(patients.len(), 1);
    let came = of_kind("Observation")
        .into_iter()
        .find(|entry| entry["resource"]["id"].as_str().unwrap().starts_with("received-"));
    assert_eq!(
        came.unwrap()["resource"]["subject"]["reference"],
        patients[0]["fullUrl"]
    );
}

#[test]
fn an_import_that_is_run_again_writes_nothing_twice() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    let lines: String = (0..450)
        .map(|key| observation(&(key % 7).to_string(), &key.to_string(), "BT", "39.2"))
        .collect();
    write(root.path(), "a.ndjson", &lines);
    write(root.path(), "b.ndjson", "no json\n");
    let report = site.import(root.path(), Population::Real, None);
    assert_eq!((report.files, report.accepted, report.rejected), (2, 450, 1));
    assert_eq!(
        report.gravest().unwrap().to_string().split(':').next(),
        Some("b.ndjson")
    );
    let again = site.import(root.path(), Population::Real, None);
    assert_eq!(
        (again.accepted, again.repeated, again.records, again.events),
        (450, 450, 0, 0)
    );
    assert_eq!(site.store.dead_letters(None, true, 10).unwrap().len(), 1);
    // Dummies are apart.
    let dummies = site.import(root.path(), Population::Dummy, None);
    assert_eq!((dummies.records, dummies.repeated), (450, 0));
}

#[test]
fn a_stop_keeps_what_came_before_and_a_second_run_goes_on() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    let lines: String = (0..300)
        .map(|key| observation("1", &key.to_string(), "BT", "39.2"))
        .collect();
    write(root.path(), "a.ndjson", &lines);
    let stop = AtomicBool::new(true);
    let report = site.import(root.path(), Population::Real, Some(&stop));
    assert_eq!((report.accepted, report.interrupted), (0, true));
    stop.store(false, Ordering::Relaxed);
    let report = site.import(root.path(), Population::Real, Some(&stop));
    assert_eq!((report.records, report.interrupted), (300, false));
}

#[test]
fn a_text_is_read_knowing_what_came_before_it_and_leaves_with_its_statement() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    let statement = |sequence: &str, rest: &str| {
        format!("{{\"patient\":\"9\",\"key\":\"n\",\"sequence\":\"{sequence}\"{rest}}}\n")
    };
    write(root.path(), "1.ndjson", &statement("1", ",\"text\":\"BT39.2\""));
    site.import(root.path(), Population::Real, None);
    let patient = site.store.find_patient(Population::Real, "9").unwrap().unwrap();
    assert!(!site.store.current_events(patient).unwrap().is_empty());
    write(
        root.path(),
        "2.ndjson",
        &statement("2", ",\"text\":\"BT39.2\",\"standing\":\"deleted\""),
    );
    site.import(root.path(), Population::Real, None);
    assert!(site.store.current_events(patient).unwrap().is_empty());
    assert_eq!(site.store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn the_trail_tells_of_each_patient_of_an_import() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        "a.ndjson",
        &(observation("1", "o", "BT", "39.2") + &observation("2", "o", "BT", "39.2")),
    );
    site.import(root.path(), Population::Real, None);
    for number in ["1", "2"] {
        let patient = site
            .store
            .find_patient(Population::Real, number)
            .unwrap()
            .unwrap();
        let looked = site.store.who_looked(patient, None, 10).unwrap();
        let told: Vec<_> = looked
            .iter()
            .map(|one| (one.entry.subtype, one.entry.agent.who.as_str()))
            .collect();
        assert_eq!(told, [(AuditSubtype::Create, "test")]);
    }
    assert_eq!(site.store.audit_size(), Ok(3));
}

#[test]
fn a_dead_letter_is_read_again_and_then_in() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a.ndjson", "no json\n{\"key\":\"a\"}\n");
    let report = site.import(root.path(), Population::Real, None);
    assert_eq!((report.accepted, report.rejected), (0, 2));
    let codes: Vec<_> = report
        .diagnostics
        .iter()
        .map(|one| (one.problem.code, one.problem.place.line))
        .collect();
    assert_eq!(codes, [("not-json", Some(1)), ("not-kept", Some(2))]);
    let letters = |all| site.store.dead_letters(None, all, 10).unwrap();
    assert_eq!(letters(true).len(), 2);
    // Nobody is named: read again alone it is dead again, and no second letter comes of it.
    let replayed = super::letters::replay(&site.store, Coder::embedded().unwrap(), &[], None).unwrap();
    assert_eq!(
        (replayed.letters, replayed.accepted, replayed.rejected),
        (2, 0, 2)
    );
    assert_eq!(letters(true).len(), 2);
    let replayed = super::letters::replay(&site.store, Coder::embedded().unwrap(), &[], Some("5")).unwrap();
    assert_eq!(
        (replayed.letters, replayed.accepted, replayed.rejected),
        (2, 1, 1)
    );
    assert!(replayed.reasons[0].1.contains("not-json"), "{replayed:?}");
    assert_eq!((letters(false).len(), letters(true).len()), (1, 2));
    let patient = site.store.find_patient(Population::Real, "5").unwrap().unwrap();
    let received = site.store.received(patient).unwrap();
    assert_eq!((received.len(), received[0].place.file.as_str()), (1, "a.ndjson"));
    assert!(super::letters::replay(&site.store, Coder::embedded().unwrap(), &[99], None).is_err());
    assert_eq!(site.store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn a_merge_is_what_a_patient_resource_says() {
    let site = Site::new();
    let root = tempfile::tempdir().unwrap();
    let person = |number: &str, name: &str| observation(number, name, "BT", "39.2");
    write(root.path(), "1.ndjson", &person("10", "a"));
    site.import(root.path(), Population::Real, None);
    let merge = "{\"patient\":\"11\",\"key\":\"m\",\"other\":\"10\",\"resource\":{\"resourceType\":\"Patient\",\"link\":\
                 [{\"type\":\"replaces\",\"other\":{\"identifier\":{\"value\":\"10\"}}}]}}\n";
    write(root.path(), "2.ndjson", merge);
    site.import(root.path(), Population::Real, None);
    let old = site.store.own_record(Population::Real, "10").unwrap().unwrap();
    let new = site.store.own_record(Population::Real, "11").unwrap().unwrap();
    assert_eq!(site.store.read_under(old), Ok(new));
    assert_eq!(site.store.find_patient(Population::Real, "10"), Ok(Some(new)));
    assert!(!site.store.current_events(new).unwrap().is_empty());
}
