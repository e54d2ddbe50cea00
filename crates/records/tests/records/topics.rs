use crate::common::{event, moment, note, patient, settling, stamp, timed, valued};
use crate::received::{batch, statement};
use rusqlite::Connection;
use std::path::Path;
use std::time::Instant;
use tsumugi_clinical::{Event, EventKind, Evidence, Interpretation, Phase, Polarity};
use tsumugi_records::{
    DocumentId, Odds, PatientId, Population, SignNote, Store, Topic, TopicQuery, TopicRow,
};

fn all() -> TopicQuery {
    TopicQuery {
        topics: Vec::new(),
        from: None,
        to: None,
        stretches: 800,
    }
}

fn rows(store: &Store, who: PatientId) -> Vec<TopicRow> {
    store.topics(who, &all(), &|_| true).unwrap()
}

fn row<'r>(rows: &'r [TopicRow], topic: Topic, concept: &str) -> &'r TopicRow {
    let mut found = rows.iter();
    found
        .find(|row| row.topic == topic && row.concept.as_str() == concept)
        .unwrap()
}

/// A value at a time, in whole or parts of degrees.
fn temperature(number: &str, at: &str) -> Event {
    Event {
        time: timed("temperature", Some(at), None).time,
        ..valued("temperature", number, "Cel")
    }
}

fn imported(store: &Store, key: &str, events: Vec<Event>) {
    store.receive(batch(vec![statement(key, "1", events)])).unwrap();
}

#[test]
fn the_same_value_of_several_sources_is_one_mark_and_another_value_a_conflict() {
    let store = Store::open_in_memory().unwrap();
    imported(&store, "vital", vec![temperature("39.2", "2026-11-20T08:00:00")]);
    imported(&store, "result", vec![temperature("39.2", "2026-11-20T08:00:30")]);
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    // A note of the same day repeats it; another day's value is its own.
    store
        .sign(note(
            who,
            "BT39.2",
            vec![temperature("39.2", "2026-11-20T00:00:00")],
        ))
        .unwrap();
    imported(&store, "next", vec![temperature("39.2", "2026-11-21T08:00:00")]);
    imported(&store, "other", vec![temperature("38.4", "2026-11-20T08:00:10")]);
    let found = rows(&store, who);
    assert_eq!(found.len(), 1);
    let one = row(&found, Topic::Test, "temperature");
    assert_eq!((one.events, one.unit.as_str()), (5, "Cel"));
    let told: Vec<(Option<f64>, usize)> = one
        .marks
        .iter()
        .map(|mark| (mark.value, mark.also.len()))
        .collect();
    assert_eq!(told, [(Some(39.2), 2), (Some(38.4), 0), (Some(39.2), 0)]);
    assert_eq!(one.conflicts.len(), 1);
    assert_eq!(
        (one.conflicts[0].about, one.conflicts[0].events.len()),
        (Odds::Value, 4)
    );
    // Both sources can be shown.
    let events = store.events_by_id(&one.conflicts[0].events).unwrap();
    let sources: std::collections::BTreeSet<String> =
        events.iter().map(|event| format!("{:?}", event.origin)).collect();
    assert_eq!((events.len(), sources.len()), (4, 4));
}

#[test]
fn there_and_not_there_on_one_day_is_a_conflict_of_sources_and_not_of_one_note() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let there = |is: bool| Event {
        polarity: if is { Polarity::Present } else { Polarity::Absent },
        ..event("cough")
    };
    store.sign(note(who, "first", vec![there(true)])).unwrap();
    assert_eq!(rows(&store, who)[0].conflicts, []);
    store.sign(note(who, "second", vec![there(false)])).unwrap();
    let found = rows(&store, who);
    assert_eq!(found[0].conflicts.len(), 1);
    assert_eq!(found[0].conflicts[0].about, Odds::Presence);
    // What was there years ago contradicts nothing.
    let past = Event {
        phase: Phase::Past,
        ..event("asthma")
    };
    let now = Event {
        polarity: Polarity::Absent,
        ..event("asthma")
    };
    store.sign(note(who, "third", vec![past])).unwrap();
    store.sign(note(who, "fourth", vec![now])).unwrap();
    assert_eq!(row(&rows(&store, who), Topic::Finding, "asthma").conflicts, []);
}

#[test]
fn rows_follow_versions_settlements_links_and_rights() {
    let store = Store::open_in_memory().unwrap();
    let [a, b] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let signed = store
        .sign(SignNote {
            key: Some("n1".to_owned()),
            ..note(a, "one", vec![event("diabetes"), event("fever")])
        })
        .unwrap();
    store
        .sign(note(a, "two", vec![settling("diabetes-type-1", "n1", 0)]))
        .unwrap();
    let names = |who: PatientId, lets: &dyn Fn(Option<DocumentId>) -> bool| -> Vec<String> {
        let found = store.topics(who, &all(), lets).unwrap();
        let mut names: Vec<String> = found.iter().map(|row| row.concept.as_str().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(a, &|_| true), ["diabetes-type-1", "fever"]);
    assert_eq!(
        names(a, &|document| document != Some(signed.document)),
        ["diabetes-type-1"]
    );
    store.sign(note(b, "three", vec![event("cough")])).unwrap();
    store.link_patients(b, a, "same", stamp()).unwrap();
    assert_eq!(names(a, &|_| true), ["cough", "diabetes-type-1", "fever"]);
    assert_eq!(names(b, &|_| true), ["cough", "diabetes-type-1", "fever"]);
    store.unlink_patient(b, "not the same", stamp()).unwrap();
    assert_eq!(names(a, &|_| true), ["diabetes-type-1", "fever"]);
    assert_eq!(names(b, &|_| true), ["cough"]);
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
    assert!(store.topics(PatientId::new(99), &all(), &|_| true).is_err());
}

#[test]
fn a_long_series_is_thinned_to_its_shape() {
    let store = Store::open_in_memory().unwrap();
    let series: Vec<Event> = (0..2_000)
        .map(|minute| {
            let at = moment("2026-11-20T00:00").civil() + jiff::Span::new().minutes(minute * 5);
            let peak = if minute == 777 { "301" } else { "120" };
            Event {
                evidence: Some(Evidence::Personal),
                ..Event {
                    time: timed("glucose", Some(&at.to_string()), None).time,
                    ..valued("glucose", peak, "mg/dL")
                }
            }
        })
        .collect();
    imported(&store, "cgm", series);
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    let query = TopicQuery {
        topics: vec![Topic::Device],
        stretches: 20,
        ..all()
    };
    let found = store.topics(who, &query, &|_| true).unwrap();
    let glucose = row(&found, Topic::Device, "glucose");
    assert_eq!(glucose.events, 2_000);
    assert!(glucose.marks.len() <= 84, "{}", glucose.marks.len());
    assert!(glucose.marks.iter().any(|mark| mark.value == Some(301.0)));
    assert_eq!(glucose.marks[0].at, glucose.first);
    assert_eq!(glucose.marks.last().unwrap().at, glucose.last);
    let window = TopicQuery {
        from: Some("2026-11-21T00:00:00".parse().unwrap()),
        to: Some("2026-11-21T00:59:59".parse().unwrap()),
        ..query
    };
    assert_eq!(store.topics(who, &window, &|_| true).unwrap()[0].events, 12);
}

/// All rows of the derived tables, as text.
fn dumped(path: &Path) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut list = conn
        .prepare(
            "SELECT m.patient, r.topic, r.concept, r.unit, m.at, m.event, m.until, m.value, m.flags, m.document
             FROM topic_mark m JOIN topic_row r ON r.id = m.row ORDER BY 1, 2, 3, 4, 5, 6",
        )
        .unwrap();
    let rows = list.query_map([], |row| {
        let cells: Result<Vec<String>, _> = (0..10)
            .map(|cell| row.get_ref(cell).map(|value| format!("{value:?}")))
            .collect();
        cells.map(|cells| cells.join(" "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Events of every topic and flag.
fn of_every_kind() -> Vec<Event> {
    let fever = Event {
        measured: Some(tsumugi_clinical::Measured {
            concept: tsumugi_clinical::ConceptId::new("temperature-as-measured"),
            name: "temperature".into(),
            codes: Vec::new().into(),
            entities: Vec::new(),
        }),
        ..temperature("39.2", "2026-11-20T08:00:00")
    };
    let mut high = valued("crp", "12.5", "mg/dL");
    if let Some(value) = &mut high.value {
        value.interpretation = Some(Interpretation::High);
    }
    let drug = Event {
        kind: EventKind::Medication,
        evidence: Some(Evidence::Claim),
        ..timed(
            "aspirin",
            Some("2026-11-01T00:00:00"),
            Some("2026-11-28T00:00:00"),
        )
    };
    let relative = Event {
        experiencer: tsumugi_clinical::Experiencer::Family,
        ..event("diabetes")
    };
    let denied = Event {
        polarity: Polarity::Absent,
        phase: Phase::Stopped,
        ..timed("smoking", None, Some("2020-01-01T00:00:00"))
    };
    vec![fever, high, drug, relative, denied, event("cough")]
}

#[test]
fn an_older_store_gets_the_same_rows_as_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let who = patient(&store, Population::Real, "1");
    store
        .sign(SignNote {
            key: Some("n".to_owned()),
            ..note(who, "x", of_every_kind())
        })
        .unwrap();
    store
        .sign(note(who, "y", vec![settling("fever", "n", 5)]))
        .unwrap();
    imported(
        &store,
        "cgm",
        vec![Event {
            evidence: Some(Evidence::Personal),
            ..valued("glucose", "120", "mg/dL")
        }],
    );
    drop(store);
    let new = dumped(&path);
    assert_eq!(new.len(), 8);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "DROP TRIGGER topic_mark_goes; DROP TRIGGER topic_mark_moves; DROP TRIGGER topic_mark_settles;
         DROP TABLE topic_mark; DROP TABLE topic_row; DROP TRIGGER delivery_waits; DROP TABLE delivery;
         DROP TABLE delivery_due; DROP TABLE delivery_target; DROP TABLE consent_receipt; DROP TABLE consent_failure;
         DROP TABLE consent_code; DROP TABLE consent_event; DROP TABLE consent_study; DROP TABLE consent_text;
         DROP TABLE export_person; DROP TABLE export_delivery; DROP TABLE learned;
         DROP TRIGGER fhir_due_resource; DROP TRIGGER fhir_due_version; DROP TRIGGER fhir_due_version_gone;
         DROP TRIGGER fhir_due_confirmation; DROP TRIGGER fhir_due_statement; DROP TRIGGER fhir_due_statement_moves;
         DROP TRIGGER fhir_due_statement_gone; DROP TRIGGER fhir_due_patient; DROP TABLE fhir_due; DROP TABLE fhir_version;
         DROP TABLE fhir_resource; DROP TABLE fhir_token; DROP TABLE fhir_date; DROP TABLE fhir_quantity;
         DROP TABLE fhir_string; DROP TABLE fhir_reference; DROP TABLE fhir_value; DROP TABLE fhir_code;
         DROP TABLE fhir_edition; DROP TABLE care_entry; DROP TABLE amendment_answer; DROP TABLE amendment_request; PRAGMA user_version = 6",
    )
    .unwrap();
    drop(conn);
    drop(Store::open(&path).unwrap());
    assert_eq!(dumped(&path), new);
    let store = Store::open(&path).unwrap();
    store.rebuild_indexes().unwrap();
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
    drop(store);
    assert_eq!(dumped(&path), new);
}

/// `cargo nextest run --release -p tsumugi-records --run-ignored only -E 'test(a_hundred_thousand)' --no-capture`.
#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_events_of_one_patient() {
    const EVENTS: u32 = 100_000;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    let begin = moment("2016-11-20T00:00").civil();
    let mut random = 88_172_645_463_325_252_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut left = EVENTS;
    let mut number = 0;
    while left > 0 {
        let many = left.min(500);
        let events: Vec<Event> = (0..many)
            .map(|_| {
                let at = begin + jiff::Span::new().minutes(i64::try_from(draw(5_256_000)).unwrap());
                let time = timed("x", Some(&at.to_string()), None).time;
                match draw(10) {
                    0..5 => Event {
                        evidence: Some(Evidence::Personal),
                        time,
                        ..valued("glucose", &(60 + draw(240)).to_string(), "mg/dL")
                    },
                    5..8 => Event {
                        time,
                        ..valued(&format!("test-{}", draw(150)), &draw(1000).to_string(), "U/L")
                    },
                    8 => Event {
                        kind: EventKind::Medication,
                        time,
                        ..event(&format!("drug-{}", draw(60)))
                    },
                    _ => Event {
                        time,
                        ..event(&format!("finding-{}", draw(200)))
                    },
                }
            })
            .collect();
        imported(&store, &number.to_string(), events);
        number += 1;
        left -= many;
    }
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    let mut times: Vec<f64> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            let found = rows(&store, who);
            let taken = begun.elapsed().as_secs_f64() * 1000.0;
            assert_eq!(found.iter().map(|row| row.events).sum::<u64>(), u64::from(EVENTS));
            taken
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "100,000 events by topic: median {:.1} ms, longest {:.1} ms",
        times[10], times[20]
    );
    lanes_measured(&store, who, begin);
}

/// How long the lanes of the same record take, of all of it and of an hour.
fn lanes_measured(store: &Store, who: PatientId, begin: jiff::civil::DateTime) {
    for (name, to) in [
        ("ten years", "2026-11-20T00:00:00"),
        ("an hour", "2016-11-20T01:00:00"),
    ] {
        let query = tsumugi_records::LaneQuery {
            from: begin,
            to: to.parse().unwrap(),
            buckets: 700,
        };
        let mut times: Vec<f64> = (0..21)
            .map(|_| {
                let begun = Instant::now();
                let lanes = store.lanes(who, &query, &|_| true).unwrap();
                assert_eq!(lanes.iter().map(|lane| lane.total).sum::<u64>(), 100_000);
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "lanes of {name}: median {:.1} ms, longest {:.1} ms",
            times[10], times[20]
        );
    }
}
