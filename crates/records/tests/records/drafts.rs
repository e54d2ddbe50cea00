use crate::common::{event, moment, note, patient};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tsumugi_records::{
    DraftKey, KEPT_REVISIONS, PatientId, Population, Revision, SignNote, Store, StoreError,
};

fn key(patient: PatientId) -> DraftKey {
    DraftKey {
        patient,
        encounter: None,
        author: "dr. a".to_owned(),
    }
}

fn save(store: &Store, key: &DraftKey, from: Option<Revision>, text: &str) -> Result<Revision, StoreError> {
    store.save_draft(key, from, text, &moment("2026-11-22T10:00"))
}

#[test]
fn two_tabs_on_one_note_are_noticed_and_nothing_is_lost() {
    let store = Store::open_in_memory().unwrap();
    let key = key(patient(&store, Population::Real, "1"));
    let first = save(&store, &key, None, "common").unwrap();
    let second = save(&store, &key, Some(first), "tab one").unwrap();
    let error = save(&store, &key, Some(first), "tab two").unwrap_err();
    let StoreError::DraftConflict {
        current: Some(current),
        yours,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (current.revision, current.text.as_str(), yours.as_str()),
        (second, "tab one", "tab two")
    );
    let log: Vec<_> = store
        .draft_log(&key)
        .unwrap()
        .into_iter()
        .map(|save| (save.text, save.refused))
        .collect();
    assert_eq!(
        log,
        [
            ("common".to_owned(), false),
            ("tab one".to_owned(), false),
            ("tab two".to_owned(), true)
        ]
    );
    assert_eq!(store.drafts_of("dr. a"), Ok(vec![key.clone()]));
    store.discard_draft(&key, Some(second)).unwrap();
    assert_eq!(store.draft_log(&key), Ok(vec![]));
}

#[test]
fn signing_ends_the_draft_and_a_sleeping_tab_is_noticed() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let key = key(who);
    let seen = save(&store, &key, None, "text").unwrap();
    let newer = save(&store, &key, Some(seen), "text 2").unwrap();
    let sign = |revision| SignNote {
        draft: Some((key.clone(), Some(revision))),
        ..note(who, "text", vec![event("fever")])
    };
    let error = store.sign(sign(seen)).unwrap_err();
    assert!(matches!(error, StoreError::DraftConflict { .. }), "{error}");
    assert_eq!(store.current_events(who).unwrap(), []);
    assert!(store.draft(&key).unwrap().is_some());
    store.sign(sign(newer)).unwrap();
    assert_eq!(store.draft(&key), Ok(None));
    assert!(
        store.sign(sign(newer)).is_err(),
        "the other tab signs the same draft"
    );
    // The next note begins; the sleeping tab still has the old revision, which must never fit again.
    let next = save(&store, &key, None, "next note").unwrap();
    assert!(next > newer);
    assert!(save(&store, &key, Some(newer), "old").is_err());
    let others = DraftKey {
        patient: patient(&store, Population::Real, "2"),
        ..key.clone()
    };
    let mixed = SignNote {
        draft: Some((others, None)),
        ..note(who, "text", vec![])
    };
    assert!(matches!(store.sign(mixed), Err(StoreError::Conflict { .. })));
}

#[test]
fn only_the_last_saves_are_kept() {
    let store = Store::open_in_memory().unwrap();
    let key = key(patient(&store, Population::Real, "1"));
    let mut last = None;
    for number in 0..KEPT_REVISIONS + 5 {
        last = Some(save(&store, &key, last, &number.to_string()).unwrap());
    }
    let log = store.draft_log(&key).unwrap();
    assert_eq!(log.len(), KEPT_REVISIONS as usize);
    assert_eq!(
        (log[0].text.as_str(), log.last().map(|save| save.revision)),
        ("5", last)
    );
}

/// What two tabs do with one note.
#[derive(Debug, Clone, Copy)]
enum Act {
    Save(usize),
    Reload(usize),
    Sign(usize),
    Discard(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let tab = 0_usize..2;
    let act = prop_oneof![
        5 => tab.clone().prop_map(Act::Save),
        3 => tab.clone().prop_map(Act::Reload),
        1 => tab.clone().prop_map(Act::Sign),
        1 => tab.prop_map(Act::Discard),
    ];
    proptest::collection::vec(act, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Against a model that holds one current text: a tab succeeds exactly when it has seen that, every text that was
    /// sent is current, in the log, signed or knowingly discarded, and revisions never come twice.
    #[test]
    fn drafts_are_never_silently_overwritten(acts in acts()) {
        let store = Store::open_in_memory().unwrap();
        let who = patient(&store, Population::Real, "1");
        let key = key(who);
        let mut seen: [Option<Revision>; 2] = [None, None];
        let mut now: Option<(Revision, String)> = None;
        let mut given = BTreeSet::new();
        let (mut kept, mut signed) = (Vec::<String>::new(), Vec::<String>::new());
        for (number, act) in acts.into_iter().enumerate() {
            let text = format!("text {number}");
            let current = now.as_ref().map(|(revision, _)| *revision);
            match act {
                Act::Save(tab) => {
                    let saved = save(&store, &key, seen[tab], &text);
                    prop_assert_eq!(saved.is_ok(), seen[tab] == current);
                    kept.push(text.clone());
                    if let Ok(revision) = saved {
                        prop_assert!(given.insert(revision));
                        seen[tab] = Some(revision);
                        now = Some((revision, text));
                    }
                }
                Act::Reload(tab) => {
                    seen[tab] = store.draft(&key).unwrap().map(|draft| draft.revision);
                    prop_assert_eq!(seen[tab], current);
                }
                Act::Sign(tab) => {
                    let draft = Some((key.clone(), seen[tab]));
                    let done = store.sign(SignNote { draft, ..note(who, &text, vec![]) });
                    prop_assert_eq!(done.is_ok(), seen[tab] == current);
                    if done.is_ok() {
                        let log = store.draft_log(&key).unwrap();
                        kept.retain(|text| log.iter().any(|save| save.refused && save.text == *text));
                        signed.push(text);
                        (seen[tab], now) = (None, None);
                    }
                }
                Act::Discard(tab) => {
                    let done = store.discard_draft(&key, seen[tab]);
                    prop_assert_eq!(done.is_ok(), seen[tab] == current);
                    if done.is_ok() {
                        kept.clear();
                        (seen[tab], now) = (None, None);
                    }
                }
            }
            prop_assert_eq!(store.draft(&key).unwrap().map(|draft| draft.text), now.as_ref().map(|(_, text)| text.clone()));
            let log: Vec<String> = store.draft_log(&key).unwrap().into_iter().map(|save| save.text).collect();
            prop_assert_eq!(&log, &kept);
        }
        let texts: Vec<String> =
            store.export_patient(who).unwrap().documents.into_iter().map(|(version, _)| version.text).collect();
        prop_assert_eq!(texts, signed);
    }
}
