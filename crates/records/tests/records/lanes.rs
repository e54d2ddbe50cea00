//! The lanes of the timeline at a level of detail.

use crate::common::{event, moment, note, patient, timed, valued};
use crate::received::{batch, statement};
use tsumugi_clinical::{Event, EventKind, Evidence, Interpretation, Phase, Polarity};
use tsumugi_records::{Lane, LaneQuery, PatientId, Population, Store, Topic};

fn imported(store: &Store, key: &str, events: Vec<Event>) {
    store.receive(batch(vec![statement(key, "1", events)])).unwrap();
}

fn window(from: &str, to: &str, buckets: u32) -> LaneQuery {
    LaneQuery {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        buckets,
    }
}

fn told(store: &Store, who: PatientId, query: &LaneQuery) -> Vec<Lane> {
    store.lanes(who, query, &|_| true).unwrap()
}

/// A glucose every five minutes from the start of a day, `120` but for one of `301`.
fn series(count: i64) -> Vec<Event> {
    (0..count)
        .map(|number| {
            let at = moment("2026-11-20T00:00").civil() + jiff::Span::new().minutes(number * 5);
            let mut one = Event {
                evidence: Some(Evidence::Personal),
                time: timed("glucose", Some(&at.to_string()), None).time,
                ..valued("glucose", if number == 777 { "301" } else { "120" }, "mg/dL")
            };
            if let (777, Some(value)) = (number, &mut one.value) {
                value.interpretation = Some(Interpretation::High);
            }
            one
        })
        .collect()
}

#[test]
fn what_cannot_be_drawn_is_counted_and_its_extremes_stay() {
    let store = Store::open_in_memory().unwrap();
    imported(&store, "cgm", series(2_000));
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    let all = told(
        &store,
        who,
        &window("2026-11-20T00:00:00", "2026-11-27T00:00:00", 50),
    );
    let [glucose] = all.as_slice() else {
        panic!("{}", all.len())
    };
    assert_eq!(
        (glucose.topic, glucose.total, glucose.events),
        (Topic::Device, 2_000, 2_000)
    );
    assert_eq!(glucose.marks, []);
    assert_eq!(glucose.buckets.len(), 50);
    assert_eq!(glucose.buckets.iter().map(|one| one.count).sum::<u32>(), 2_000);
    let high: Vec<_> = glucose.buckets.iter().filter(|one| one.high).collect();
    assert_eq!(high.len(), 1);
    assert_eq!(high[0].values, Some((120.0, 120.0, 301.0)));
    assert!(glucose.buckets.iter().all(|one| !one.low));
    // An hour of it is told value by value, with how much there is elsewhere.
    let hour = told(
        &store,
        who,
        &window("2026-11-21T00:00:00", "2026-11-21T00:59:59", 50),
    );
    assert_eq!(
        (hour[0].total, hour[0].events, hour[0].marks.len()),
        (2_000, 12, 12)
    );
    assert_eq!(hour[0].buckets, []);
    assert_eq!(hour[0].first, moment("2026-11-20T00:00").civil());
    // A window with nothing in it still names the lane.
    let empty = told(
        &store,
        who,
        &window("2020-01-01T00:00:00", "2020-02-01T00:00:00", 50),
    );
    assert_eq!(
        (empty[0].total, empty[0].events, empty[0].marks.len()),
        (2_000, 0, 0)
    );
}

#[test]
fn the_median_of_an_even_number_lies_between_the_middle_two() {
    let store = Store::open_in_memory().unwrap();
    let values = ["1", "2", "4", "9"]
        .iter()
        .enumerate()
        .map(|(number, value)| Event {
            time: timed("x", Some(&format!("2026-11-20T0{number}:00:00")), None).time,
            ..valued("x", value, "mg/dL")
        });
    imported(&store, "a", values.collect());
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    let lanes = told(
        &store,
        who,
        &window("2026-11-20T00:00:00", "2026-11-21T00:00:00", 2),
    );
    assert_eq!(lanes[0].buckets.len(), 1);
    assert_eq!(lanes[0].buckets[0].values, Some((1.0, 3.0, 9.0)));
}

#[test]
fn what_lasts_is_told_from_before_the_window_and_rights_hold() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let disease = Event {
        kind: EventKind::Condition,
        ..timed("hypertension", Some("2015-04-01T00:00:00"), None)
    };
    let denied = Event {
        polarity: Polarity::Absent,
        ..event("cough")
    };
    let planned = Event {
        phase: Phase::Planned,
        ..event("fever")
    };
    let signed = store
        .sign(note(who, "one", vec![disease, denied, planned]))
        .unwrap();
    let query = window("2026-11-01T00:00:00", "2026-11-30T00:00:00", 100);
    let lanes = told(&store, who, &query);
    let [hypertension, cough, fever] = lanes.as_slice() else {
        panic!("{}", lanes.len())
    };
    assert_eq!(
        (hypertension.topic, hypertension.marks.len(), hypertension.events),
        (Topic::Disease, 1, 0)
    );
    assert_eq!((cough.denied, fever.denied, cough.marks.len()), (1, 1, 1));
    let hidden = store.lanes(who, &query, &|document| document != Some(signed.document));
    assert_eq!(hidden.unwrap(), []);
    assert_eq!(store.mark_count(who).unwrap(), 3);
    assert_eq!(store.note_times(who).unwrap()[0].document, signed.document);
    assert!(store.lanes(PatientId::new(99), &query, &|_| true).is_err());
}

#[test]
fn values_of_a_test_come_unit_by_unit_without_what_is_denied() {
    let store = Store::open_in_memory().unwrap();
    let at = |value: &str, unit: &str, day: &str| Event {
        time: timed("x", Some(&format!("2026-11-{day}T08:00:00")), None).time,
        ..valued("creatinine", value, unit)
    };
    imported(
        &store,
        "a",
        vec![
            at("0.8", "mg/dL", "01"),
            at("0.9", "mg/dL", "03"),
            at("71", "umol/L", "02"),
            valued("crp", "3", "mg/dL"),
        ],
    );
    let who = store.find_patient(Population::Real, "1").unwrap().unwrap();
    let asked = [tsumugi_clinical::ConceptId::new("creatinine")];
    let found = store.series(who, &asked, &|_| true).unwrap();
    let told: Vec<(&str, Vec<Option<f64>>)> = found
        .iter()
        .map(|series| {
            (
                series.unit.as_str(),
                series.marks.iter().map(|mark| mark.value).collect(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("mg/dL", vec![Some(0.8), Some(0.9)]),
            ("umol/L", vec![Some(71.0)])
        ]
    );
    assert_eq!(store.series(who, &asked, &|_| false).unwrap(), []);
    assert_eq!(store.series(who, &[], &|_| true).unwrap(), []);
}

#[test]
fn the_head_of_a_screen_is_read_without_the_values() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let kinds = [
        EventKind::Condition,
        EventKind::Medication,
        EventKind::Allergy,
        EventKind::Preference,
    ];
    let mut events: Vec<Event> = kinds
        .iter()
        .map(|kind| Event {
            kind: *kind,
            ..event(&format!("{kind:?}").to_lowercase())
        })
        .collect();
    events.push(valued("crp", "3", "mg/dL"));
    events.push(event("cough"));
    store.sign(note(who, "one", events)).unwrap();
    let names: Vec<String> = store
        .standing_events(who)
        .unwrap()
        .iter()
        .map(|stored| stored.event.concept.to_string())
        .collect();
    assert_eq!(names, ["condition", "medication", "allergy", "preference"]);
}
