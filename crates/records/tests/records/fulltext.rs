#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{moment, note, patient};
use tsumugi_records::{Population, SignNote, Store, Target, TextQuery, VersionReason};

fn query(text: &str) -> TextQuery<'_> {
    TextQuery {
        population: Population::Real,
        patient: None,
        text,
        limit: 10,
    }
}

/// Each note is one day later than the one before; what is found comes newest first.
fn check(notes: &[&str], text: &str, found: &[(&str, &[&str])]) {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    for (day, text) in (10..).zip(notes) {
        let written_at = moment(&format!("2026-11-{day}T10:00"));
        store
            .sign(SignNote {
                written_at,
                ..note(who, text, vec![])
            })
            .unwrap();
    }
    let hits = store.search_text(&query(text)).unwrap();
    let seen: Vec<_> = hits
        .hits
        .iter()
        .map(|hit| {
            let original = store.document(hit.document).unwrap().text;
            let pick = |start: u32, end: u32| -> String {
                original
                    .chars()
                    .skip(start as usize)
                    .take((end - start) as usize)
                    .collect()
            };
            assert_eq!(pick(hit.snippet_span.start, hit.snippet_span.end), hit.snippet);
            let spans: Vec<_> = hit.spans.iter().map(|span| pick(span.start, span.end)).collect();
            (original.clone(), spans)
        })
        .collect();
    let expected: Vec<_> = found
        .iter()
        .map(|(text, spans)| {
            (
                (*text).to_owned(),
                spans.iter().map(|&span| span.to_owned()).collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(seen, expected, "{text}");
    assert_eq!(hits.documents, found.len() as u64);
}

#[test]
fn any_stretch_is_found_whatever_its_form() {
    let notes = [
        "ＢＴ３９．２、咳（－）。",
        "糖尿病でインスリン自己注射中。",
        "CRP 5.2 mg/dL、ｲﾝｽﾘﾝ継続。",
    ];
    let [fever, diabetes, crp] = notes;
    check(&notes, "39.2", &[(fever, &["３９．２"])]);
    check(&notes, "咳", &[(fever, &["咳"])]);
    check(
        &notes,
        "インスリン",
        &[(crp, &["ｲﾝｽﾘﾝ"]), (diabetes, &["インスリン"])],
    );
    check(&notes, "ｲﾝｽﾘﾝ 糖尿", &[(diabetes, &["糖尿", "インスリン"])]);
    check(&notes, "crp mg/dl", &[(crp, &["CRP", "mg/dL"])]);
    check(&notes, "インスリン　咳", &[]);
    check(&notes, "高血圧", &[]);
    check(&notes, "", &[]);
    check(&notes, " 　", &[]);
}

#[test]
fn signs_of_the_query_language_are_text() {
    let notes = ["\"AND\" 100%_x* (NOT)", "plain"];
    for text in ["\"and\"", "%", "_x", "100%_x*", "(not)", "\"", "and\" 10"] {
        let store = Store::open_in_memory().unwrap();
        let who = patient(&store, Population::Real, "1");
        for text in notes {
            store.sign(note(who, text, vec![])).unwrap();
        }
        let hits = store.search_text(&query(text)).unwrap();
        assert_eq!(hits.documents, 1, "{text}");
        assert_eq!(hits.hits[0].document.get(), 1, "{text}");
    }
    check(&notes, "100*", &[]);
}

#[test]
fn the_newest_version_and_the_right_patients_are_searched() {
    let store = Store::open_in_memory().unwrap();
    let real = patient(&store, Population::Real, "1");
    let dummy = patient(&store, Population::Dummy, "1");
    let first = note(real, "肺炎の疑い", vec![]);
    let document = store.sign(first.clone()).unwrap().document;
    store.sign(note(dummy, "肺炎の疑い", vec![])).unwrap();
    let count = |text, population, patient| {
        let hits = store
            .search_text(&TextQuery {
                population,
                patient,
                ..query(text)
            })
            .unwrap();
        (hits.documents, hits.patients)
    };
    assert_eq!(count("肺炎の疑い", Population::Real, None), (1, 1));
    assert_eq!(count("肺炎", Population::Dummy, None), (1, 1));
    assert_eq!(count("肺炎", Population::Real, Some(dummy)), (0, 0));
    let target = Target::Version {
        document,
        expected: 1,
        reason: VersionReason::Addendum,
    };
    store
        .sign(SignNote {
            target,
            content: note(real, "気管支炎の疑い", vec![]).content,
            ..first
        })
        .unwrap();
    assert_eq!(count("肺炎の疑い", Population::Real, None), (0, 0));
    assert_eq!(count("肺炎", Population::Real, None), (0, 0));
    assert_eq!(count("気管支炎", Population::Real, None), (1, 1));
}

#[test]
fn counts_are_over_all_and_the_list_is_limited() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    for _ in 0..4 {
        store
            .sign(note(
                who,
                &format!("{}発熱{}", "前".repeat(100), "後".repeat(100)),
                vec![],
            ))
            .unwrap();
    }
    let hits = store
        .search_text(&TextQuery {
            limit: 2,
            ..query("発熱")
        })
        .unwrap();
    assert_eq!((hits.documents, hits.patients, hits.hits.len()), (4, 1, 2));
    assert_eq!(hits.hits[0].snippet.chars().count(), 62);
}
