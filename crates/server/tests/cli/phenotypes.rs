//! `diagnose` in terms of the Human Phenotype Ontology, on a made-up ontology that is imported first.

use crate::common::run_on;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cds/tests/phenotypic");
    folder.join(name)
}

fn diagnose(store: &Path, lines: &[Value]) -> (Option<i32>, Vec<Value>) {
    let input: String = lines.iter().map(|line| line.to_string() + "\n").collect();
    let ran = run_on(store, &["diagnose"], &input);
    let answers = ran.lines();
    assert_eq!(answers.len(), lines.len(), "{ran:?}");
    (ran.code, answers)
}

fn imported(store: &Path) {
    let (terms, annotations) = (file("terms.obo"), file("annotations.hpoa"));
    let import = [
        "knowledge",
        "import",
        "hpo",
        "--obo",
        terms.to_str().unwrap(),
        "--hpoa",
        annotations.to_str().unwrap(),
    ];
    run_on(store, &import, "").done();
}

/// The answer to a line on its own.
#[track_caller]
fn check(store: &Path, line: &Value, is_right: impl Fn(&Value) -> bool) {
    let (_, answers) = diagnose(store, std::slice::from_ref(line));
    assert!(is_right(&answers[0]), "{line}\n{}", answers[0]);
}

fn code_of_error<'a>(code: &'a str, word: &'a str) -> impl Fn(&Value) -> bool {
    move |answer| {
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        answer["error"]["code"] == code && message.contains(word)
    }
}

#[test]
fn without_the_ontology_the_answer_says_how_to_import_it() {
    let folder = tempfile::tempdir().unwrap();
    let line = json!({"id": "q", "obs": ["HP:9000011"]});
    check(
        folder.path(),
        &line,
        code_of_error("no-ontology", "knowledge import hpo"),
    );
    run_on(folder.path(), &["sign"], "").done();
    check(
        folder.path(),
        &line,
        code_of_error("no-ontology", "knowledge import hpo"),
    );
    assert_eq!(diagnose(folder.path(), &[line]).0, Some(3));
}

#[test]
fn findings_in_hpo_terms_are_ranked_with_reasons_that_sum_to_the_score() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    imported(store);
    let line = json!({"id": "q", "observed": ["HP:9000011", "HP:9000021"], "excluded": null, "sex": "M", "onset": "P2Y"});
    let learn = ["knowledge", "learn", file("cases.jsonl").to_str().unwrap()].map(str::to_owned);
    for is_learned in [false, true] {
        if is_learned {
            let learn: Vec<&str> = learn.iter().map(String::as_str).collect();
            assert_eq!(run_on(store, &learn, "").done().value()["added"], 5);
        }
        let (code, answers) = diagnose(store, std::slice::from_ref(&line));
        assert_eq!(code, Some(0), "{answers:?}");
        let first = &answers[0]["ranked"][0];
        assert_eq!(first["disease"]["name"], "Long fingers, made up");
        assert_eq!(
            first["disease"]["codes"],
            json!([{"system": "https://omim.org", "code": "100001"}])
        );
        let reasons = first["because"].as_array().unwrap();
        let sum: f64 = reasons
            .iter()
            .map(|reason| reason["weight"].as_f64().unwrap())
            .sum();
        assert!((sum - first["score"].as_f64().unwrap()).abs() < 1e-5, "{first}");
        assert_eq!(reasons.iter().any(|reason| reason["part"] == "onset"), is_learned);
        let finding = reasons
            .iter()
            .find(|reason| reason["code"] == "HP:9000011")
            .unwrap();
        assert_eq!(
            (&finding["finding"], &finding["match"]),
            (&json!("Long fingers"), &json!("exact"))
        );
        let sources = finding["sources"].as_array().unwrap();
        assert!(sources.contains(&json!("PMID:91 3/4")), "{finding}");
        assert_eq!(sources.contains(&json!("PMID:1 2/2")), is_learned, "{finding}");
    }
}

#[test]
fn lines_hold_more_or_less_than_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    imported(store);
    let line = json!({"id": "q", "obs": ["HP:9000011"], "exc": []});
    let (_, plain) = diagnose(store, std::slice::from_ref(&line));
    let plain = &plain[0];
    let with = |fields: &Value| {
        let mut line = line.clone();
        line.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        line
    };
    // What is not asked is not read.
    check(
        store,
        &with(&json!({"disease": "OMIM:100003", "answer": 3, "pmid": ["PMID:94"], "sex": "U", "age": null})),
        |answer| answer == plain,
    );
    check(
        store,
        &with(&json!({"obs": ["HP:9000011", "HP:1", null]})),
        |answer| {
            let message = answer["diagnostics"][0]["message"].as_str().unwrap_or_default();
            message.contains("HP:1 ") && answer["ranked"] == plain["ranked"]
        },
    );
    check(
        store,
        &with(&json!({"obs": ["HP:1"], "exc": ["HP:0003577"]})),
        code_of_error("unknown-term", "HP:1, HP:0003577"),
    );
    check(
        store,
        &with(&json!({"obs": []})),
        code_of_error("no-finding", "empty"),
    );
    check(
        store,
        &with(&json!({"obs": null, "exc": null})),
        code_of_error("no-text", "text"),
    );
    check(
        store,
        &with(&json!({"obs": "HP:1"})),
        code_of_error("bad-field", "obs"),
    );
    let candidates =
        json!({"candidates": ["Made up nowhere", "MIM:100003", "long fingers, made up", "100003"]});
    check(store, &with(&candidates), |answer| {
        let ranked = answer["ranked"].as_array().unwrap();
        let candidates: Vec<&Value> = ranked.iter().map(|entry| &entry["candidate"]).collect();
        let sum = ranked[0]["probability"].as_f64().unwrap() + ranked[1]["probability"].as_f64().unwrap();
        candidates == ["long fingers, made up", "MIM:100003", "100003", "Made up nowhere"]
            && ranked[3]["unknown"] == true
            && (sum - 1.0).abs() < 1e-5
    });
}
