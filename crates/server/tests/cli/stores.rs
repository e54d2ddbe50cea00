//! The life of a store: sign, search, export, backup, restore, doctor.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{note, run_on};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What a line of `sign` is answered with: a document, or the code of an error with a word of its message.
type Answer = Result<u64, (&'static str, &'static str)>;

/// Lines for `sign`, each with its answer.
#[rustfmt::skip]
fn lines() -> Vec<(String, Answer)> {
    let with = |field: &str, value: Value| {
        let mut line: Value = serde_json::from_str(&note("w", "P1", "頭痛あり。")).unwrap();
        line[field] = value;
        line.to_string() + "\n"
    };
    let without = |field: &str| {
        let mut line: Value = serde_json::from_str(&note("w", "P1", "頭痛あり。")).unwrap();
        line.as_object_mut().unwrap().remove(field);
        line.to_string() + "\n"
    };
    vec![
        (note("a1", "P1", "65歳男性。BT39.2、咳嗽なし。"), Ok(1)),
        (note("a2", "P2", "熱発あり。"), Ok(2)),
        (note("a3", "P3", "発熱なし。咳嗽あり。"), Ok(3)),
        (note("a4", "P4", "糖尿病。"), Ok(4)),
        (note("a1", "P1", "65歳男性。BT39.2、咳嗽なし。"), Ok(1)),
        (note("a1", "P1", "another text"), Err(("not-signed", "a1"))),
        ("no json\n".to_owned(), Err(("not-json", "column 2"))),
        (without("text"), Err(("no-text", "text"))),
        (without("id"), Err(("bad-field", "id"))),
        (without("patient"), Err(("bad-field", "patient"))),
        (without("author"), Err(("bad-field", "author"))),
        (without("date"), Err(("bad-field", "date"))),
        (with("author", json!(" ")), Err(("bad-field", "author"))),
        (with("date", json!("2026-02-30")), Err(("bad-field", "2026-02-30"))),
        (with("patient", json!([1, 2])), Err(("bad-field", "patient"))),
        (note("a5", "P4", "抗GAD抗体陽性。"), Ok(5)),
        (with("patient", json!({"id": 6, "sex": "F", "birthDate": "1980-01-01"})), Ok(6)),
        (note("empty", "P6", ""), Ok(7)),
    ]
}

fn sign_all(store: &Path) {
    let lines = lines();
    let input: String = lines.iter().map(|(line, _)| line.as_str()).collect();
    let ran = run_on(store, &["sign", "--input", "jsonl"], &input);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let answers = ran.lines();
    assert_eq!(answers.len(), lines.len(), "{ran:?}");
    for (index, ((line, expected), answer)) in lines.iter().zip(&answers).enumerate() {
        let given: Value = serde_json::from_str(line).unwrap_or_default();
        assert_eq!(answer.get("id"), given.get("id"), "{line}{answer}");
        match expected {
            Ok(document) => assert_eq!(
                (&answer["document"], &answer["version"]),
                (&json!(document), &json!(1)),
                "{line}"
            ),
            Err((code, word)) => {
                assert_eq!(
                    (&answer["error"]["code"], &answer["error"]["line"]),
                    (&json!(code), &json!(index + 1)),
                    "{line}"
                );
                assert!(
                    answer["error"]["message"].as_str().unwrap().contains(word),
                    "{line}{answer}"
                );
            }
        }
    }
}

/// The patients found, each with the names of its events, and everything that was printed.
fn found(store: &Path, words: &str) -> (Vec<String>, String) {
    let ran = run_on(store, &["search", words], "").done();
    let show = |line: &Value| {
        let events = line["events"].as_array().unwrap();
        assert!(!events.is_empty(), "{line}");
        let names: Vec<_> = events
            .iter()
            .map(|event| {
                format!(
                    "{} {}",
                    event["name"].as_str().unwrap(),
                    event["polarity"].as_str().unwrap()
                )
            })
            .collect();
        format!("{}: {}", line["patient"].as_str().unwrap(), names.join(", "))
    };
    (ran.lines().iter().map(show).collect(), ran.out)
}

fn doctor(store: &Path) -> Value {
    let report = run_on(store, &["doctor"], "").done().value();
    assert_eq!(report["problems"], json!([]), "{report}");
    report["counts"].clone()
}

#[test]
fn what_is_signed_is_found_exported_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (
        folder.path().join("new").join("store"),
        folder.path().join("restored"),
    );
    sign_all(&store);
    let counts = doctor(&store);
    assert_eq!(
        (&counts["real_patients"], &counts["real_documents"]),
        (&json!(6), &json!(7)),
        "{counts}"
    );

    let (everybody, by_name) = found(&store, "発熱");
    assert_eq!(
        everybody,
        ["P1: 発熱 present", "P2: 発熱 present", "P3: 発熱 absent"]
    );
    assert_eq!(
        found(&store, "fever").1,
        by_name,
        "a concept id finds what its name does"
    );
    let (asked, by_question) = found(&store, "発熱がある患者");
    assert_eq!(
        asked,
        ["P1: 発熱 present", "P2: 発熱 present"],
        "not who denies it"
    );
    run_on(&store, &["search", "ぬるぽ"], "").refused(&["ぬるぽ", "name a symptom"]);

    let export = run_on(&store, &["export", "patient", "P1"], "").done();
    assert_eq!(export.value()["resourceType"], "Bundle");
    assert!(export.out.contains("R50.9"), "{}", export.out);
    run_on(&store, &["export", "patient", "P99"], "").refused(&["P99"]);

    let file = folder.path().join("backup.db");
    let backup = file.to_str().unwrap();
    let report = run_on(&store, &["backup", backup], "").done().value();
    assert_eq!(report["documents"], 7, "{report}");
    let bytes = fs::read(&file).unwrap();
    run_on(&store, &["backup", backup], "").refused(&["already there", "name another file"]);
    assert_eq!(
        fs::read(&file).unwrap(),
        bytes,
        "an existing file is never written over"
    );

    let verified = run_on(&store, &["restore", backup, "--verify"], "")
        .done()
        .value();
    assert_eq!(verified["sha256"], report["sha256"]);
    let nowhere = folder.path().join("nowhere");
    let only_verified = run_on(&nowhere, &["restore", backup, "--verify"], "")
        .done()
        .value();
    assert_eq!(only_verified, verified.clone());
    assert!(!nowhere.exists(), "a verification made a store");
    run_on(&store, &["restore", backup], "").refused(&["already there"]);
    run_on(&other, &["restore", backup], "").done();
    assert_eq!(doctor(&other), counts);
    assert_eq!(found(&other, "発熱がある患者").1, by_question);
    let again = run_on(&other, &["export", "patient", "P1"], "").done();
    assert_eq!(again.out, export.out);

    // Signed again in another run, nothing is doubled.
    let again = run_on(&other, &["sign"], &lines()[0].0).done();
    assert_eq!(again.lines(), [json!({"id": "a1", "document": 1, "version": 1})]);
    assert_eq!(doctor(&other), counts);
}
