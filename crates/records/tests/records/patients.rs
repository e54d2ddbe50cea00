use crate::common::{details, event, moment, note, patient, stamp};
use tsumugi_clinical::ConceptId;
use tsumugi_records::{
    Correction, EncounterDetails, Meaning, NewObservation, PatientFilter, Population, SettledPhrase, Stamp,
    Store, StoreError,
};

#[test]
fn a_patient_changes_by_versions() {
    let store = Store::open_in_memory().unwrap();
    let id = store
        .create_patient(Population::Real, details("1", "old", "a"), stamp())
        .unwrap();
    let other = patient(&store, Population::Real, "2");
    assert_eq!(
        store.change_patient(id, 1, details("1b", "new", "b"), stamp()),
        Ok(2)
    );
    let stale = store
        .change_patient(id, 1, details("1c", "lost", "c"), stamp())
        .unwrap_err();
    assert!(
        stale.to_string().contains("version 2 is the newest, not 1"),
        "{stale}"
    );
    let taken = store
        .change_patient(other, 1, details("1b", "x", "x"), stamp())
        .unwrap_err();
    assert_eq!(taken.to_string(), "patient number 1b: is taken; choose another");
    let names: Vec<_> = store
        .patient_history(id)
        .unwrap()
        .into_iter()
        .map(|record| record.details.name)
        .collect();
    assert_eq!(names, ["old", "new"]);
    assert_eq!(store.find_patient(Population::Real, "1b"), Ok(Some(id)));
    assert_eq!(store.find_patient(Population::Real, "1"), Ok(None));
    assert_eq!(store.patient(id).unwrap().version, 2);
    assert!(matches!(
        store.patient(tsumugi_records::PatientId::new(99)),
        Err(StoreError::NotFound { what: "patient", .. })
    ));
}

#[test]
fn real_and_dummy_numbers_are_apart() {
    let store = Store::open_in_memory().unwrap();
    let real = patient(&store, Population::Real, "1");
    let dummy = patient(&store, Population::Dummy, "1");
    assert_ne!(real, dummy);
    assert_eq!(store.find_patient(Population::Dummy, "1"), Ok(Some(dummy)));
    assert!(
        store
            .create_patient(Population::Dummy, details("1", "x", "x"), stamp())
            .is_err()
    );
    assert!(
        store
            .create_patient(Population::Real, details("", "x", "x"), stamp())
            .is_err()
    );
}

#[test]
#[expect(clippy::non_ascii_literal, reason = "names are Japanese")]
fn patients_are_found_by_any_part() {
    fn check(store: &Store, text: &str, found: &[&str]) {
        let filter = PatientFilter {
            population: Population::Real,
            text,
            after: None,
            limit: 10,
        };
        let numbers: Vec<_> = store
            .list_patients(&filter)
            .unwrap()
            .into_iter()
            .map(|record| record.details.number)
            .collect();
        assert_eq!(numbers, found, "{text}");
    }
    let store = Store::open_in_memory().unwrap();
    for (population, number, name, kana) in [
        (Population::Real, "001", "山田 花子", "ヤマダ ハナコ"),
        (Population::Real, "002", "山本 太郎", "ﾔﾏﾓﾄ ﾀﾛｳ"),
        (Population::Dummy, "003", "山口 次郎", "ヤマグチ ジロウ"),
    ] {
        store
            .create_patient(population, details(number, name, kana), stamp())
            .unwrap();
    }
    check(&store, "", &["001", "002"]);
    check(&store, "山", &["001", "002"]);
    check(&store, "やまもと", &["002"]);
    check(&store, "ヤマダ", &["001"]);
    check(&store, "００１", &["001"]);
    check(&store, "%", &[]);
    let filter = PatientFilter {
        population: Population::Real,
        text: "",
        after: None,
        limit: 1,
    };
    let first = store.list_patients(&filter).unwrap().remove(0).id;
    let rest = store
        .list_patients(&PatientFilter {
            after: Some(first),
            limit: 9,
            ..filter
        })
        .unwrap();
    assert_eq!(rest.len(), 1);
}

#[test]
fn encounters_change_by_versions_and_come_once() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let visit = |kind: &str, start: &str| EncounterDetails {
        kind: kind.to_owned(),
        start: moment(start),
        end: None,
    };
    let later = store
        .create_encounter(
            who,
            Some("x1".to_owned()),
            visit("IMP", "2026-11-20T08:00"),
            stamp(),
        )
        .unwrap();
    let again = store
        .create_encounter(
            who,
            Some("x1".to_owned()),
            visit("AMB", "2026-01-01T08:00"),
            stamp(),
        )
        .unwrap();
    assert_eq!(later, again);
    let earlier = store
        .create_encounter(who, None, visit("AMB", "2026-03-01T08:00"), stamp())
        .unwrap();
    assert_eq!(
        store.change_encounter(later, 1, visit("IMP", "2026-11-21T08:00"), stamp()),
        Ok(2)
    );
    assert!(
        store
            .change_encounter(later, 1, visit("IMP", "2026-11-21T08:00"), stamp())
            .is_err()
    );
    let listed: Vec<_> = store
        .encounters(who)
        .unwrap()
        .into_iter()
        .map(|record| (record.id, record.version))
        .collect();
    assert_eq!(listed, [(earlier, 1), (later, 2)]);
}

#[test]
fn removing_the_dummies_leaves_the_real_ones_whole() {
    let store = Store::open_in_memory().unwrap();
    let real = patient(&store, Population::Real, "1");
    store
        .sign(note(real, "a real note", vec![event("fever")]))
        .unwrap();
    for number in ["1", "2"] {
        let dummy = patient(&store, Population::Dummy, number);
        let visit = EncounterDetails {
            kind: "AMB".to_owned(),
            start: moment("2026-11-20T08:00"),
            end: None,
        };
        store.create_encounter(dummy, None, visit, stamp()).unwrap();
        let mut dummy_note = note(dummy, "a dummy note", vec![event("fever")]);
        dummy_note.resources = vec![crate::common::resource("Condition", None, "x")];
        let document = store.sign(dummy_note.clone()).unwrap().document;
        dummy_note.target = tsumugi_records::Target::Version {
            document,
            expected: 1,
            reason: tsumugi_records::VersionReason::Correction,
        };
        store.sign(dummy_note).unwrap();
        let observation = NewObservation {
            patient: dummy,
            source: "lab".to_owned(),
            key: "1".to_owned(),
            observed_at: moment("2026-11-20T08:00"),
            events: vec![event("fever")],
            stamp: stamp(),
        };
        store.record_observation(observation).unwrap();
        let key = tsumugi_records::DraftKey {
            patient: dummy,
            encounter: None,
            author: "a".to_owned(),
        };
        store
            .save_draft(&key, None, "text", &moment("2026-11-20T08:00"))
            .unwrap();
    }
    let before = store.export_patient(real).unwrap();
    let removed = store.remove_dummies().unwrap();
    assert_eq!((removed.patients, removed.documents), (2, 2));
    assert_eq!(store.export_patient(real), Ok(before));
    let report = store.doctor().unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert_eq!(
        (report.counts.real_patients, report.counts.dummy_patients),
        (1, 0)
    );
    assert_eq!((report.counts.real_documents, report.counts.dummy_events), (1, 0));
    // Numbers of what is gone do not come again.
    assert!(patient(&store, Population::Dummy, "1").get() > 3);
}

#[test]
fn what_users_teach_is_remembered_and_the_newest_counts() {
    let store = Store::open_in_memory().unwrap();
    let teach = |author: &str, surface: &str, wrong: Option<&str>, right: Option<&str>| {
        store.remember_correction(Correction {
            surface: surface.to_owned(),
            wrong: wrong.map(ConceptId::new),
            right: right.map(ConceptId::new),
            stamp: Stamp {
                author: author.to_owned(),
                ..stamp()
            },
        })
    };
    teach("a", "dm", Some("diabetes"), Some("dermatomyositis")).unwrap();
    teach("b", "dm", Some("diabetes"), None).unwrap();
    teach("a", "dm", Some("diabetes"), Some("dermatomyositis.juvenile")).unwrap();
    teach("a", "dm", None, Some("diabetes")).unwrap();
    assert!(teach("a", "", None, None).is_err());
    let rights = |author| -> Vec<Option<String>> {
        let all = store.corrections(author).unwrap();
        all.into_iter()
            .map(|one| one.right.map(|right| right.to_string()))
            .collect()
    };
    let (juvenile, diabetes) = (
        Some("dermatomyositis.juvenile".to_owned()),
        Some("diabetes".to_owned()),
    );
    assert_eq!(rights(Some("a")), [juvenile.clone(), diabetes.clone()]);
    assert_eq!(rights(None), [None, juvenile, diabetes]);

    let settle = |meaning: Meaning| {
        store
            .settle_phrase(SettledPhrase {
                surface: "gut".to_owned(),
                meaning,
                stamp: stamp(),
            })
            .unwrap();
    };
    settle(Meaning::Concept(ConceptId::new("intestine")));
    settle(Meaning::Ignore);
    let settled: Vec<_> = store
        .settled_phrases(None)
        .unwrap()
        .into_iter()
        .map(|one| one.meaning)
        .collect();
    assert_eq!(settled, [Meaning::Ignore]);
    assert_eq!(store.settled_phrases(Some("nobody")).unwrap(), []);
}

#[test]
fn a_moment_keeps_its_text_and_gives_local_time() {
    fn check(text: &str, civil: Option<&str>) {
        let read = tsumugi_records::Moment::parse(text);
        assert_eq!(
            read.as_ref()
                .ok()
                .map(|moment| moment.civil().to_string())
                .as_deref(),
            civil,
            "{text}"
        );
        if let Ok(moment) = read {
            assert_eq!(moment.as_str(), text);
        }
    }
    check("2026-11-22T20:15:00+09:00", Some("2026-11-22T20:15:00"));
    check(
        "2026-11-22T20:15:00+09:00[Asia/Tokyo]",
        Some("2026-11-22T20:15:00"),
    );
    check("2026-11-22T20:15", Some("2026-11-22T20:15:00"));
    check("2026-11-22", Some("2026-11-22T00:00:00"));
    check("2026-02-30", None);
    check("yesterday", None);
}
