//! A withdrawal while an export is read or written: nothing of it may be used.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic"
)]

use jiff::civil::date;
use serde_json::json;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tsumugi_anonymize::facts::{Coarseness, facts};
use tsumugi_anonymize::pseudonyms::KeyTable;
use tsumugi_anonymize::write::{Format, RowsAre, WriteError, write};
use tsumugi_anonymize::{Hierarchies, Period, read_people};
use tsumugi_clinical::{Event, Sex};
use tsumugi_records::consent::{
    Approval, Basis, By, DataKind, InstitutionKind, PermittedSet, Purpose, Recipient, Respondent, SetEnded,
    SetRequest, Study, StudyText, Way,
};
use tsumugi_records::research::ReadError;
use tsumugi_records::{Moment, NewObservation, PatientDetails, PatientId, Population, Stamp, Store};

fn now() -> Moment {
    Moment::parse("2026-11-29T12:00:00").unwrap()
}

fn stamp() -> Stamp {
    Stamp {
        author: "test".to_owned(),
        at: now(),
    }
}

fn event(code: &str) -> Event {
    serde_json::from_value(json!({
        "fact": format!("{code};present"), "concept": code.to_lowercase(), "name": code, "kind": "condition",
        "codes": [{
            "system": "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full", "code": code, "display": code,
        }],
        "polarity": "present", "certainty": "asserted", "experiencer": "patient", "phase": "current", "because": [],
    }))
    .unwrap()
}

/// A store with persons of whom all facts are permitted, without any having been asked.
fn store(persons: usize, facts: usize) -> (Store, PermittedSet) {
    let store = Store::open_in_memory().unwrap();
    let events: Vec<Event> = ["I10", "E11.9", "J18.9", "K80.2"]
        .iter()
        .map(|code| event(code))
        .collect();
    let events: Vec<Event> = events.iter().cycle().take(facts).cloned().collect();
    for number in 0..persons {
        let details = PatientDetails {
            number: format!("P{number}"),
            name: "n".to_owned(),
            kana: "n".to_owned(),
            sex: Sex::Female,
            birth_date: Some(date(1950, 1, 1)),
        };
        let patient = store.create_patient(Population::Real, details, stamp()).unwrap();
        let observation = NewObservation {
            patient,
            source: "claims".to_owned(),
            key: "1".to_owned(),
            observed_at: now(),
            events: events.clone(),
            stamp: stamp(),
        };
        store.record_observation(observation).unwrap();
    }
    let study = Study {
        id: "s".to_owned(),
        population: Population::Real,
        title: "t".to_owned(),
        institution: "i".to_owned(),
        kind_of_institution: InstitutionKind::Academic,
        provider: InstitutionKind::Medical,
        duo: Vec::new(),
        disease: None,
        purpose: Purpose::Research,
        kinds: vec![DataKind::new("diagnoses")],
        recipients: vec![Recipient {
            id: "u".to_owned(),
            name: "u".to_owned(),
            kind: InstitutionKind::Academic,
        }],
        basis: Basis::Academic,
        approval: Some(Approval {
            committee: "c".to_owned(),
            number: "1".to_owned(),
            until: date(2030, 1, 1),
        }),
        ends_at: None,
    };
    let text = StudyText {
        one_line: "a".to_owned(),
        one_page: "b".to_owned(),
        full: "c".to_owned(),
        duo: Vec::new(),
    };
    store.save_study(study, text, 0, stamp()).unwrap();
    let set = store.permit_set(request()).unwrap().unwrap();
    assert_eq!(set.len(), persons);
    (store, set)
}

fn request() -> SetRequest {
    SetRequest {
        study: "s".to_owned(),
        purpose: Purpose::Research,
        kinds: vec![DataKind::new("diagnoses")],
        recipient: "u".to_owned(),
        actor: "test".to_owned(),
        at: now(),
    }
}

fn withdraw(store: &Store, patient: PatientId) {
    let by = By {
        respondent: Respondent::Own,
        way: Way::Phone,
    };
    store.withdraw(patient, "s", by, stamp()).unwrap();
}

fn period() -> Period {
    Period {
        from: date(2026, 1, 1),
        to: date(2026, 11, 29),
    }
}

/// Says when the first bytes are through, so that the withdrawal comes in the middle.
struct Watched<'w> {
    bytes: usize,
    has_begun: &'w AtomicBool,
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes += bytes.len();
        self.has_begun.store(true, Ordering::Release);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn withdrawn_while_written(persons: usize, each: usize) {
    let (store, set) = store(persons, each);
    let hierarchies = Hierarchies::embedded().unwrap();
    let people = read_people(&store, &set, period(), &hierarchies, &now).unwrap();
    let coarse = Coarseness {
        least_persons: 10,
        leaves: true,
    };
    let table = facts(&people, "s", &mut KeyTable::new([1; 32]), coarse, &hierarchies).unwrap();
    assert_eq!(table.data().rows(), persons * each);
    for format in [Format::Csv, Format::Parquet, Format::Ndjson] {
        let set = store.permit_set(request()).unwrap().unwrap();
        let patient = set.persons().next().unwrap();
        let has_begun = AtomicBool::new(false);
        let (ended, withdrawn) = std::thread::scope(|scope| {
            let withdrawing = scope.spawn(|| {
                while !has_begun.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_micros(100));
                }
                withdraw(&store, patient);
                Instant::now()
            });
            let mut out = Watched {
                bytes: 0,
                has_begun: &has_begun,
            };
            let ended = write(&table, RowsAre::Facts, format, &mut out, &mut || {
                // A slow disk: the withdrawal is committed while rows are left.
                if has_begun.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                match set.still_holds(&store, &now()).unwrap() {
                    Ok(()) => Ok(()),
                    Err(SetEnded::Withdrawn { persons }) => Err(format!("{persons} withdrawn")),
                    Err(other) => panic!("{other:?}"),
                }
            });
            let at = Instant::now();
            (ended, (withdrawing.join().unwrap(), at))
        });
        let (from, to) = withdrawn;
        println!(
            "{format:?}: ended {:?} after the withdrawal",
            to.saturating_duration_since(from)
        );
        assert!(
            matches!(&ended, Err(WriteError::Ended(why)) if why == "1 withdrawn"),
            "{format:?}: {ended:?}"
        );
        assert!(
            to.saturating_duration_since(from) < Duration::from_secs(1),
            "{format:?}"
        );
    }
    // The next set has none of the three.
    let set = store.permit_set(request()).unwrap().unwrap();
    assert_eq!(set.len(), persons - 3);
    assert_eq!(set.refused().get("withdrawn"), Some(&3));
}

#[test]
fn a_withdrawal_ends_the_writing_within_a_second() {
    withdrawn_while_written(20, 600);
}

/// `cargo test --release -p tsumugi-anonymize --test withdrawal million -- --ignored --nocapture`
#[test]
#[ignore = "takes long in a debug build"]
fn a_withdrawal_ends_the_writing_of_a_million_rows_within_a_second() {
    withdrawn_while_written(1000, 1000);
}

#[test]
fn a_withdrawal_ends_the_reading() {
    let (store, set) = store(12, 3);
    let hierarchies = Hierarchies::embedded().unwrap();
    withdraw(&store, set.persons().nth(5).unwrap());
    let ended = read_people(&store, &set, period(), &hierarchies, &now).unwrap_err();
    assert_eq!(ended, ReadError::Ended(SetEnded::Withdrawn { persons: 1 }));
}
