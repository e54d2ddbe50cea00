use crate::common::{event, moment, note, patient, resource, settling, stamp, timed};
use proptest::prelude::*;
use tsumugi_clinical::Event;
use tsumugi_records::{
    EventOrigin, NewObservation, PatientId, Population, SignNote, Store, StoreError, Target, TimelineItem,
    VersionReason,
};

fn version(base: &SignNote, document: tsumugi_records::DocumentId, expected: u32) -> SignNote {
    let target = Target::Version {
        document,
        expected,
        reason: VersionReason::Correction,
    };
    SignNote {
        target,
        ..base.clone()
    }
}

fn current(store: &Store, patient: PatientId) -> Vec<(String, bool)> {
    let events = store.current_events(patient).unwrap();
    events
        .into_iter()
        .map(|event| (event.event.concept.to_string(), event.settled_by.is_some()))
        .collect()
}

#[test]
fn the_received_bytes_are_kept_as_they_came() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let mut signed = note(who, "text", vec![]);
    signed.content.bytes = vec![0x94, 0xAD, 0x94, 0x4D, 0x00, 0xFF];
    signed.content.encoding = "shift_jis".to_owned();
    let receipt = store.sign(signed.clone()).unwrap();
    assert_eq!(
        store.document_bytes(receipt.document, 1),
        Ok(signed.content.bytes)
    );
    let kept = store.document(receipt.document).unwrap();
    assert_eq!(
        (kept.text.as_str(), kept.encoding.as_str(), kept.edition.as_str()),
        ("text", "shift_jis", "e1")
    );
    assert_eq!(kept.written_at.as_str(), "2026-11-22T09:30:00+09:00");
    assert!(matches!(
        store.document_bytes(receipt.document, 2),
        Err(StoreError::NotFound { .. })
    ));
}

#[test]
fn a_correction_replaces_what_is_found_and_the_earlier_stays() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let first = note(who, "pneumonia", vec![event("pneumonia"), event("fever")]);
    let document = store.sign(first.clone()).unwrap().document;
    let mut second = version(&first, document, 1);
    second.content.text = "bronchitis".to_owned();
    second.content.bytes = b"bronchitis".to_vec();
    second.events = vec![event("bronchitis")];
    assert_eq!(store.sign(second.clone()).unwrap().version, 2);
    let stale = store.sign(second).unwrap_err();
    assert!(matches!(stale, StoreError::Conflict { .. }), "{stale}");

    let versions = store.document_versions(document).unwrap();
    let seen: Vec<_> = versions
        .iter()
        .map(|version| (version.text.as_str(), version.is_newest, version.reason))
        .collect();
    assert_eq!(
        seen,
        [
            ("pneumonia", false, VersionReason::Original),
            ("bronchitis", true, VersionReason::Correction)
        ]
    );
    assert_eq!(current(&store, who), [("bronchitis".to_owned(), false)]);
    assert_eq!(store.document_events(document, 1).unwrap().len(), 2);
    assert_eq!(store.export_patient(who).unwrap().events.len(), 3);
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn a_note_sent_twice_is_signed_once() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let keyed = SignNote {
        key: Some("k".to_owned()),
        resources: vec![resource("Condition", None, "a")],
        ..note(who, "text", vec![event("fever")])
    };
    let first = store.sign(keyed.clone()).unwrap();
    let again = store.sign(keyed.clone()).unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!(
        (again.document, again.version, again.resources),
        (first.document, 1, first.resources)
    );
    assert_eq!(store.find_document(who, "k"), Ok(Some((first.document, 1))));
    let mut other = keyed.clone();
    other.content.bytes = b"other".to_vec();
    assert!(matches!(store.sign(other), Err(StoreError::Conflict { .. })));
    // A correction under the key of the original is no repetition of it.
    assert!(matches!(
        store.sign(SignNote {
            content: note(who, "new", vec![]).content,
            ..version(&keyed, first.document, 1)
        }),
        Err(StoreError::Conflict { .. })
    ));
    let someone = patient(&store, Population::Real, "2");
    let theirs = Target::New {
        patient: someone,
        encounter: None,
        kind: "progress".to_owned(),
    };
    assert!(
        !store
            .sign(SignNote {
                target: theirs,
                ..keyed
            })
            .unwrap()
            .repeated
    );
    assert_eq!(current(&store, who).len(), 1);
}

#[test]
fn what_cannot_be_signed_leaves_nothing() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let other = patient(&store, Population::Real, "2");
    let visit = tsumugi_records::EncounterDetails {
        kind: "AMB".to_owned(),
        start: moment("2026-11-20T08:00"),
        end: None,
    };
    let foreign = store.create_encounter(other, None, visit, stamp()).unwrap();
    let base = note(who, "text", vec![event("fever")]);
    let document = store.sign(base.clone()).unwrap().document;
    let before = store.export_patient(who).unwrap();
    let check = |broken: SignNote, message: &str| {
        let error = store.sign(broken).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(store.export_patient(who).as_ref(), Ok(&before), "{message}");
    };
    let with = |resource| SignNote {
        resources: vec![resource],
        ..base.clone()
    };
    check(with(resource("Condition", None, "\"")), "resource: ");
    let mut wrong_type = resource("Condition", None, "x");
    wrong_type.kind = "Observation".to_owned();
    check(with(wrong_type), "is Condition, not Observation");
    let target = Target::New {
        patient: PatientId::new(99),
        encounter: None,
        kind: String::new(),
    };
    check(
        SignNote {
            target,
            ..base.clone()
        },
        "patient 99: not found",
    );
    let target = Target::New {
        patient: who,
        encounter: Some(foreign),
        kind: String::new(),
    };
    check(
        SignNote {
            target,
            ..base.clone()
        },
        "is not one of patient",
    );
    let target = Target::Version {
        document,
        expected: 1,
        reason: VersionReason::Original,
    };
    check(
        SignNote {
            target,
            ..base.clone()
        },
        "only the first version is the original",
    );
    let mut huge = base.clone();
    huge.content.bytes = vec![0; (64 << 20) + 1];
    check(huge, "at most 67108864");
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn resources_have_versions() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let resources = |value| {
        vec![
            resource("Condition", Some("c1"), value),
            resource("Observation", None, value),
        ]
    };
    let first = SignNote {
        resources: resources("a"),
        ..note(who, "text", vec![])
    };
    let receipt = store.sign(first.clone()).unwrap();
    let second = SignNote {
        resources: resources("b"),
        ..version(&first, receipt.document, 1)
    };
    let names: Vec<_> = store
        .sign(second)
        .unwrap()
        .resources
        .into_iter()
        .map(|name| format!("{}/{}/{}", name.kind, name.name, name.version))
        .collect();
    assert_eq!(
        names,
        [
            "Condition/c1/2",
            &format!("Observation/{}.2.1/1", receipt.document)
        ]
    );
    let json = |version| String::from_utf8(store.resource("Condition", "c1", version).unwrap().json).unwrap();
    assert!(json(None).contains("\"b\"") && json(Some(1)).contains("\"a\""));
    assert!(store.resource("Condition", "c1", Some(3)).is_err());
    assert_eq!(store.resources(who).unwrap().len(), 4);
    let thief = patient(&store, Population::Real, "2");
    let stolen = SignNote {
        resources: resources("x"),
        ..note(thief, "text", vec![])
    };
    assert!(
        store
            .sign(stolen)
            .unwrap_err()
            .to_string()
            .contains("another patient")
    );
}

#[test]
fn a_later_note_settles_an_earlier_event() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let keyed = |key: &str, events: Vec<Event>| SignNote {
        key: Some(key.to_owned()),
        ..note(who, key, events)
    };
    let earlier = keyed("n1", vec![event("diabetes"), event("cough")]);
    let earlier_id = store.sign(earlier.clone()).unwrap().document;
    let later = keyed(
        "n2",
        vec![settling("diabetes.type1", "n1", 0), settling("x", "nothing", 0)],
    );
    let later_id = store.sign(later.clone()).unwrap().document;
    let marks = |store: &Store| -> Vec<bool> {
        current(store, who)
            .into_iter()
            .map(|(_, is_settled)| is_settled)
            .collect()
    };
    assert_eq!(marks(&store), [true, false, false, false]);
    assert_eq!(store.current_events(who).unwrap()[0].settled_by, Some(later_id));
    // The note that settled is corrected and no longer does.
    let corrected = SignNote {
        key: None,
        events: vec![event("x")],
        ..version(&later, later_id, 1)
    };
    store.sign(corrected).unwrap();
    assert_eq!(marks(&store), [false, false, false]);
    // It does again, by the document's number; then the earlier one is corrected, and its numbers mean other events.
    let by_number = vec![settling("diabetes.type1", &earlier_id.to_string(), 0)];
    store.rederive(later_id, "e2".to_owned(), by_number).unwrap();
    assert_eq!(marks(&store), [true, false, false]);
    store
        .sign(SignNote {
            key: None,
            ..version(&earlier, earlier_id, 1)
        })
        .unwrap();
    assert_eq!(marks(&store), [false, false, false]);
}

#[test]
fn events_are_derived_anew_by_another_edition() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let document = store
        .sign(note(who, "text", vec![event("a"), event("b")]))
        .unwrap()
        .document;
    assert_eq!(store.documents_to_rederive("e2"), Ok(vec![document]));
    store
        .rederive(document, "e2".to_owned(), vec![event("c")])
        .unwrap();
    assert_eq!(store.documents_to_rederive("e2"), Ok(vec![]));
    assert_eq!(current(&store, who), [("c".to_owned(), false)]);
    assert_eq!(store.current_events(who).unwrap()[0].edition, "e2");
    assert_eq!(
        store.document(document).unwrap().edition,
        "e1",
        "the edition at signing stays"
    );
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn observations_come_once_and_are_corrected_by_versions() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let send = |events: Vec<Event>| {
        let observation = NewObservation {
            patient: who,
            source: "lab".to_owned(),
            key: "order 7".to_owned(),
            observed_at: moment("2026-11-20T08:00"),
            events,
            stamp: stamp(),
        };
        store.record_observation(observation).unwrap()
    };
    let first = send(vec![event("crp"), event("wbc")]);
    let again = send(vec![event("crp"), event("wbc")]);
    assert_eq!((again.id, again.repeated), (first.id, true));
    let corrected = send(vec![event("crp")]);
    assert_eq!((corrected.version, corrected.repeated), (2, false));
    let events = store.current_events(who).unwrap();
    assert_eq!(events.len(), 1);
    let origin = EventOrigin::Observation {
        observation: corrected.id,
        source: "lab".to_owned(),
    };
    assert_eq!(events[0].origin, origin);
    assert_eq!(store.event(events[0].id).unwrap(), events[0]);
    assert_eq!(store.observations(who).unwrap().len(), 2);
    assert_eq!(store.export_patient(who).unwrap().events.len(), 3);
}

#[test]
fn the_timeline_is_in_the_order_of_time() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let visit = tsumugi_records::EncounterDetails {
        kind: "AMB".to_owned(),
        start: moment("2026-11-22T09:30"),
        end: None,
    };
    store.create_encounter(who, None, visit, stamp()).unwrap();
    let events = vec![event("now"), timed("before", Some("2026-11-01T00:00"), None)];
    store
        .sign(SignNote {
            key: Some("n1".to_owned()),
            ..note(who, "text", events)
        })
        .unwrap();
    let late = SignNote {
        written_at: moment("2026-11-23T09:30"),
        ..note(who, "late", vec![settling("settles", "n1", 0)])
    };
    store.sign(late).unwrap();
    let check = |from: Option<&str>, to: Option<&str>, seen: &[&str]| {
        let civil = |text: &str| text.parse().unwrap();
        let entries = store.timeline(who, from.map(civil), to.map(civil)).unwrap();
        let found: Vec<String> = entries
            .into_iter()
            .map(|entry| match entry.item {
                TimelineItem::Encounter(encounter) => encounter.details.kind,
                TimelineItem::Document(document) => document.text,
                TimelineItem::Event(event) => event.event.concept.to_string(),
            })
            .collect();
        assert_eq!(found, seen);
    };
    check(None, None, &["before", "AMB", "text", "late", "settles"]);
    check(
        Some("2026-11-22T09:30"),
        Some("2026-11-22T23:59"),
        &["AMB", "text"],
    );
    check(Some("2027-01-01T00:00"), None, &[]);
    assert!(store.timeline(PatientId::new(9), None, None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Against a model that holds the texts of each document: every version stays as it was signed, stale ones are
    /// refused, and what is found are the events of the newest versions.
    #[test]
    fn versions_are_only_ever_added(acts in proptest::collection::vec((0_usize..4, 0_u32..3, 0_usize..3), 1..20)) {
        let store = Store::open_in_memory().unwrap();
        let who = patient(&store, Population::Real, "1");
        let mut documents: Vec<(tsumugi_records::DocumentId, Vec<(String, usize)>)> = Vec::new();
        for (number, (which, behind, events)) in acts.into_iter().enumerate() {
            let text = format!("text {number}");
            let base = note(who, &text, vec![event("fever"); events]);
            let Some((document, versions)) = documents.get_mut(which) else {
                documents.push((store.sign(base).unwrap().document, vec![(text, events)]));
                continue;
            };
            let newest = u32::try_from(versions.len()).unwrap();
            let signed = store.sign(version(&base, *document, newest.saturating_sub(behind)));
            prop_assert_eq!(signed.is_ok(), behind == 0);
            if signed.is_ok() {
                versions.push((text, events));
            }
        }
        for (document, versions) in &documents {
            let kept = store.document_versions(*document).unwrap();
            let texts: Vec<_> = kept.iter().map(|version| &version.text).collect();
            prop_assert_eq!(texts, versions.iter().map(|(text, _)| text).collect::<Vec<_>>());
        }
        let newest = documents.iter().filter_map(|(_, versions)| versions.last());
        let expected: usize = newest.map(|(_, events)| *events).sum();
        prop_assert_eq!(store.current_events(who).unwrap().len(), expected);
        prop_assert_eq!(store.doctor().unwrap().problems, [""; 0]);
    }
}
