//! What is accepted from a text on the command line: it is listed, checks name it, and it can be taken back by its number.
#![expect(clippy::non_ascii_literal, reason = "texts are Japanese")]

use crate::common::{Ran, run_on};
use serde_json::{Value, json};
use std::path::Path;

const INSERT: &str = "アムロジピンベシル酸塩錠\r\n2. 禁忌\r\n2.1 片頭痛の患者\r\n2.2 重症筋無力症の患者\r\n";
const TITLE: &str = "試験用の添付文書";

fn read(folder: &Path, accept: &[&str]) -> Ran {
    let file = folder.join("insert.txt");
    std::fs::write(&file, INSERT).unwrap();
    let mut args = vec!["knowledge", "read", file.to_str().unwrap()];
    args.extend_from_slice(accept);
    run_on(folder, &args, "")
}

/// The sources of the interruptive alerts on the drug for a patient with the condition.
fn sources(folder: &Path) -> Vec<String> {
    let line = json!({"id": "1", "date": "2026-11-28", "note": "S)片頭痛あり。", "orders": [{"drug": "アムロジピン"}]});
    let answer = run_on(folder, &["check"], &format!("{line}\n")).done().value();
    let alerts = answer["orders"][0]["alerts"].as_array().unwrap().clone();
    let forbids = |alert: &&Value| alert["kind"] == "condition" && alert["status"] == "accepted";
    let named = alerts
        .iter()
        .filter(forbids)
        .map(|alert| alert["source"].as_str().unwrap().to_owned());
    named.collect()
}

#[test]
fn an_accepted_contraindication_alerts_with_its_source_until_it_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    let proposals = read(store, &[]).done().lines();
    let of = |condition: &str| {
        let found = proposals
            .iter()
            .find(|one| one["fields"]["condition"] == condition);
        found.unwrap()["number"].to_string()
    };
    let number = of("migraine");
    let accept = format!("{number},99");
    let who = [
        "--source",
        "insert-1",
        "--title",
        TITLE,
        "--edition",
        "1",
        "--by",
        "DI室",
    ];
    let with = |numbers: &str| -> Ran {
        let mut args = vec!["--accept", numbers];
        args.extend_from_slice(&who);
        read(store, &args)
    };
    assert_eq!(sources(store), Vec::<String>::new());
    let report = with(&accept);
    assert_eq!(report.code, Some(3), "{report:?}");
    assert_eq!(
        (&report.value()["added"], &report.value()["rejected"]),
        (&json!(1), &json!(1))
    );
    // The same again stands once.
    assert_eq!(with(&number).done().value()["added"], 0);

    let listed = run_on(store, &["knowledge", "accepted"], "").done().lines();
    assert_eq!(listed.len(), 1);
    let statement = &listed[0];
    assert_eq!(
        (&statement["number"], &statement["by"]),
        (&json!(1), &json!("DI室"))
    );
    let place = &statement["place"];
    assert_eq!(place["section"], "2. 禁忌");
    let (start, end) = (place["start"].as_u64().unwrap(), place["end"].as_u64().unwrap());
    let text: Vec<char> = INSERT.replace("\r\n", "\n").chars().collect();
    let words: String = text[start as usize..end as usize].iter().collect();
    assert_eq!(words.trim(), statement["quote"].as_str().unwrap());

    let named = sources(store);
    assert_eq!(named.len(), 1);
    assert!(named[0].contains(TITLE), "{named:?}");
    let before = run_on(store, &["knowledge", "diff", "2026-01-01", "now"], "")
        .done()
        .value();
    assert_eq!(before["changes"][0]["row"], "accepted 1 contraindication");

    let taken = run_on(store, &["knowledge", "retract", "1", "--by", "DI室"], "");
    assert_eq!(taken.done().value()["changed"], 1);
    assert_eq!(sources(store), Vec::<String>::new());
    assert_eq!(run_on(store, &["knowledge", "accepted"], "").done().out, "");
    run_on(store, &["knowledge", "retract", "1"], "").refused(&["number of an accepted statement"]);
}
