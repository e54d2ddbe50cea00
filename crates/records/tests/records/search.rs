use crate::common::{event, moment, note, patient, settling, stamp, timed, valued};
use std::slice;
use tsumugi_clinical::{
    Certainty, Comparator, ConceptId, Event, EventKind, Experiencer, Measured, Phase, Polarity, Quantity,
};
use tsumugi_records::{
    EventFilter, EventHits, NewObservation, Page, PatientId, Population, SignNote, Store, Target, TextQuery,
    ValueRange, VersionReason,
};

const ALL: Page = Page {
    after: None,
    limit: 100,
};

fn search(
    store: &Store,
    population: Population,
    concepts: &[&str],
    filter: &EventFilter,
    page: Page,
) -> EventHits {
    let concepts: Vec<_> = concepts.iter().map(|concept| ConceptId::new(*concept)).collect();
    store.search_events(population, &concepts, filter, page).unwrap()
}

/// One patient for each event, so that the patients found tell which events were.
fn check(events: &[Event], concepts: &[&str], filter: &EventFilter, found: &[usize]) {
    let store = Store::open_in_memory().unwrap();
    let mut patients = Vec::new();
    for (number, event) in events.iter().enumerate() {
        let who = patient(&store, Population::Real, &number.to_string());
        store.sign(note(who, "text", vec![event.clone()])).unwrap();
        patients.push(who);
    }
    let hits = search(&store, Population::Real, concepts, filter, ALL);
    let expected: Vec<PatientId> = found.iter().map(|number| patients[*number]).collect();
    assert_eq!(
        hits.list.iter().map(|one| one.patient).collect::<Vec<_>>(),
        expected,
        "{filter:?}"
    );
    assert_eq!(
        (hits.patients, hits.events),
        (found.len() as u64, found.len() as u64),
        "{filter:?}"
    );
}

#[test]
fn statements_are_told_apart() {
    let events = [
        event("fever"),
        Event {
            polarity: Polarity::Absent,
            ..event("fever")
        },
        Event {
            certainty: Certainty::Suspected,
            ..event("fever")
        },
        Event {
            experiencer: Experiencer::Family,
            ..event("fever")
        },
        Event {
            phase: Phase::Past,
            ..event("fever")
        },
        Event {
            kind: EventKind::Condition,
            ..event("fever")
        },
        event("cough"),
    ];
    let any = EventFilter::default();
    let strict = EventFilter {
        polarity: Some(Polarity::Present),
        certainty: Some(Certainty::Asserted),
        experiencer: Some(Experiencer::Patient),
        phase: Some(Phase::Current),
        kind: Some(EventKind::Finding),
        ..any.clone()
    };
    check(&events, &["fever"], &any, &[0, 1, 2, 3, 4, 5]);
    check(&events, &["fever"], &strict, &[0]);
    check(&events, &["fever", "cough"], &strict, &[0, 6]);
    check(
        &events,
        &["fever"],
        &EventFilter {
            polarity: Some(Polarity::Absent),
            ..any.clone()
        },
        &[1],
    );
    check(
        &events,
        &["fever"],
        &EventFilter {
            experiencer: Some(Experiencer::Family),
            ..any.clone()
        },
        &[3],
    );
    check(
        &events,
        &["fever"],
        &EventFilter {
            phase: Some(Phase::Past),
            ..any.clone()
        },
        &[4],
    );
    check(&events, &[], &any, &[]);
    check(&events, &["headache"], &any, &[]);
}

#[test]
fn values_are_compared_as_what_they_may_be() {
    let quantity = |number: &str, high: Option<&str>, comparator| Quantity {
        number: Some(number.to_owned()),
        high: high.map(str::to_owned),
        comparator,
        unit: Some("Cel".into()),
        ..Quantity::default()
    };
    let with = |value| Event {
        value: Some(value),
        ..event("temperature")
    };
    let events = [
        valued("temperature", "36.5", "Cel"),
        valued("temperature", "39.2", "Cel"),
        valued("temperature", "102.2", "[degF]"),
        with(quantity("38", Some("39"), None)),
        with(quantity("39", None, Some(Comparator::AtLeast))),
        with(quantity("37", None, Some(Comparator::Less))),
        with(Quantity {
            text: Some("+".to_owned()),
            ..Quantity::default()
        }),
        event("temperature"),
    ];
    let range = |min, max, unit: Option<&str>| EventFilter {
        value: Some(ValueRange {
            min,
            max,
            unit: unit.map(str::to_owned),
        }),
        ..EventFilter::default()
    };
    let found = |min, max, unit, numbers: &[usize]| {
        check(&events, &["temperature"], &range(min, max, unit), numbers);
    };
    found(Some(37.5), None, Some("Cel"), &[1, 3, 4]);
    found(Some(37.5), None, None, &[1, 2, 3, 4]);
    found(None, Some(37.0), Some("Cel"), &[0, 5]);
    found(Some(36.5), Some(36.5), Some("Cel"), &[0, 5]);
    found(Some(38.5), Some(38.6), Some("Cel"), &[3]);
    found(None, None, None, &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn time_is_the_events_own_or_when_it_was_stated() {
    let events = [
        timed("stroke", Some("2020-01-01T00:00"), Some("2020-12-31T23:59")),
        timed("stroke", Some("2025-01-01T00:00"), None),
        timed("stroke", None, Some("2019-03-31T23:59")),
        event("stroke"),
        Event {
            phase: Phase::Past,
            ..event("stroke")
        },
    ];
    let range = |from: Option<&str>, to: Option<&str>| EventFilter {
        from: from.map(|text| text.parse().unwrap()),
        to: to.map(|text| text.parse().unwrap()),
        ..EventFilter::default()
    };
    let found = |from, to, numbers: &[usize]| check(&events, &["stroke"], &range(from, to), numbers);
    found(Some("2020-06-01T00:00"), Some("2020-06-30T00:00"), &[0]);
    found(Some("2026-01-01T00:00"), None, &[1, 3]);
    found(None, Some("2019-03-31T23:59"), &[2]);
    found(Some("2026-11-22T09:30"), Some("2026-11-22T09:30"), &[1, 3]);
    found(None, None, &[0, 1, 2, 3, 4]);
}

#[test]
fn a_derived_finding_is_found_under_its_analyte_too() {
    let measured = Measured {
        concept: ConceptId::new("temperature"),
        name: "temperature".into(),
        codes: Vec::new().into(),
        entities: Vec::new(),
    };
    let no_fever = Event {
        polarity: Polarity::Absent,
        measured: Some(measured),
        ..valued("fever", "36.5", "Cel")
    };
    let present = EventFilter {
        polarity: Some(Polarity::Present),
        ..EventFilter::default()
    };
    check(slice::from_ref(&no_fever), &["temperature"], &present, &[0]);
    check(slice::from_ref(&no_fever), &["fever"], &present, &[]);
    check(
        &[no_fever],
        &["fever", "temperature"],
        &EventFilter::default(),
        &[0],
    );
}

#[test]
fn real_patients_and_dummies_are_never_counted_together() {
    let store = Store::open_in_memory().unwrap();
    let real = patient(&store, Population::Real, "1");
    store.sign(note(real, "text", vec![event("fever")])).unwrap();
    for number in ["1", "2"] {
        let dummy = patient(&store, Population::Dummy, number);
        store
            .sign(note(dummy, "text", vec![event("fever"), event("fever")]))
            .unwrap();
    }
    let count = |population| {
        let hits = search(&store, population, &["fever"], &EventFilter::default(), ALL);
        (hits.patients, hits.events)
    };
    assert_eq!(count(Population::Real), (1, 1));
    assert_eq!(count(Population::Dummy), (2, 4));
    let foreign = EventFilter {
        patient: Some(real),
        ..EventFilter::default()
    };
    assert_eq!(
        search(&store, Population::Dummy, &["fever"], &foreign, ALL),
        EventHits::default()
    );
}

#[test]
fn pages_hold_whole_patients_and_counts_are_over_all() {
    let store = Store::open_in_memory().unwrap();
    for number in 0..5 {
        let who = patient(&store, Population::Real, &number.to_string());
        let late = SignNote {
            written_at: moment("2026-11-23T10:00"),
            ..note(who, "late", vec![timed("fever", Some("2026-11-01T00:00"), None)])
        };
        store.sign(note(who, "text", vec![event("fever")])).unwrap();
        store.sign(late).unwrap();
    }
    let mut after = None;
    let mut sizes = Vec::new();
    loop {
        let page = search(
            &store,
            Population::Real,
            &["fever"],
            &EventFilter::default(),
            Page { after, limit: 2 },
        );
        assert_eq!((page.patients, page.events), (5, 10));
        let Some(last) = page.list.last() else { break };
        after = Some(last.patient);
        sizes.push(page.list.len());
        assert!(
            page.list
                .iter()
                .all(|one| one.hits.len() == 2 && one.hits[0].from < Some(one.hits[0].at))
        );
        assert!(
            page.list.iter().all(|one| one.hits[0].from.is_some()),
            "by time, not by when it was signed"
        );
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn settled_events_are_left_out_unless_asked_for() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    store
        .sign(SignNote {
            key: Some("n".to_owned()),
            ..note(who, "a", vec![event("diabetes")])
        })
        .unwrap();
    store
        .sign(note(who, "b", vec![settling("diabetes.type1", "n", 0)]))
        .unwrap();
    let count = |include_settled| {
        let filter = EventFilter {
            include_settled,
            ..EventFilter::default()
        };
        search(
            &store,
            Population::Real,
            &["diabetes", "diabetes.type1"],
            &filter,
            ALL,
        )
        .events
    };
    assert_eq!((count(false), count(true)), (1, 2));
}

#[test]
fn indexes_that_are_made_again_find_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let who = patient(&store, Population::Real, "1");
    let first = SignNote {
        key: Some("n".to_owned()),
        ..note(who, "diabetes", vec![event("diabetes"), event("fever")])
    };
    let document = store.sign(first.clone()).unwrap().document;
    let settles = vec![settling("diabetes.type1", "n", 0)];
    store.sign(note(who, "type 1", settles)).unwrap();
    let target = Target::Version {
        document,
        expected: 1,
        reason: VersionReason::Addendum,
    };
    let again = SignNote {
        target,
        key: None,
        events: vec![event("fever")],
        ..first
    };
    store.sign(again).unwrap();
    for events in [vec![event("crp")], vec![event("crp"), event("fever")]] {
        let source = "lab".to_owned();
        let observed_at = moment("2026-11-20T08:00");
        let observation = NewObservation {
            patient: who,
            source,
            key: "1".to_owned(),
            observed_at,
            events,
            stamp: stamp(),
        };
        store.record_observation(observation).unwrap();
    }
    let concepts = ["diabetes", "diabetes.type1", "fever", "crp"];
    let filter = EventFilter {
        include_settled: true,
        ..EventFilter::default()
    };
    let text = TextQuery {
        population: Population::Real,
        patient: None,
        text: "diabetes",
        limit: 9,
    };
    let all = |store: &Store| {
        let hits = search(store, Population::Real, &concepts, &filter, ALL);
        (
            hits,
            store.search_text(&text).unwrap(),
            store.current_events(who).unwrap(),
        )
    };
    let before = all(&store);
    assert_eq!((before.0.events, before.1.documents, before.2.len()), (4, 1, 4));
    drop(store);
    let damage = "DELETE FROM event_index; DELETE FROM document_text;";
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(damage)
        .unwrap();
    let store = Store::open(&path).unwrap();
    assert_ne!(all(&store), before);
    store.rebuild_indexes().unwrap();
    assert_eq!(all(&store), before);
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}
