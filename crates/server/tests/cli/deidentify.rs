//! `deidentify`: the contract, what is known of the patient, surrogates, and bad lines.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{Ran, run};
use serde_json::{Value, json};
use std::fs;

/// A note of our own; every name is invented.
const NOTE: &str = "患者ID:00418890　森田 桜子（モリタ サクラコ）　S38.7.22生　92歳\n令和6年3月5日(火) 内科 再診　担当:堀\n\
S)森田療法の本を読んだ。妻は橋本病。BP 120/80、MMT 4/5。2/27に港町クリニックで採血。\n\
連絡先 090-0177-4410、mail t-mori@example.jp。主治医 堀川 誠";

#[track_caller]
fn deidentified(args: &[&str], line: &Value) -> Value {
    let mut all = vec!["deidentify", "--input", "jsonl"];
    all.extend(args);
    let mut lines = run(&all, format!("{line}\n").as_bytes()).done().lines();
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

/// The spans as kind and text.
fn told(note: &str, answer: &Value) -> Vec<(String, String)> {
    let chars: Vec<char> = note.chars().collect();
    let spans = answer["spans"].as_array().unwrap().iter();
    spans
        .map(|span| {
            let place = |at: usize| usize::try_from(span[at].as_u64().unwrap()).unwrap();
            let text = chars[place(0)..place(1)].iter().collect();
            (span[2].as_str().unwrap().to_owned(), text)
        })
        .collect()
}

#[track_caller]
fn holds(found: &[(String, String)], kind: &str, text: &str) {
    assert!(
        found.contains(&(kind.to_owned(), text.to_owned())),
        "no {kind} {text} in {found:?}"
    );
}

#[test]
fn a_note_is_answered_by_the_contract() {
    let answer = deidentified(&["--replace", "marks"], &json!({"id": "n1", "text": NOTE}));
    assert_eq!(answer["id"], "n1");
    let found = told(NOTE, &answer);
    for (kind, text) in [
        ("ID", "00418890"),
        ("PERSON", "森田 桜子"),
        ("DATE", "S38.7.22"),
        ("AGE", "92歳"),
        ("DATE", "令和6年3月5日"),
        ("PHONE", "090-0177-4410"),
        ("EMAIL", "t-mori@example.jp"),
        ("HOSPITAL", "港町クリニック"),
        ("PERSON", "堀川 誠"),
    ] {
        holds(&found, kind, text);
    }
    let text = answer["text"].as_str().unwrap();
    for kept in [
        "森田療法",
        "橋本病",
        "BP 120/80",
        "MMT 4/5",
        "妻は",
        "[PERSON]",
        "[DATE](火)",
    ] {
        assert!(text.contains(kept), "no {kept} in {text}");
    }
    for gone in ["桜子", "堀川", "港町", "0177", "00418890", "令和6"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    assert!(answer["review"].is_array());
}

#[test]
fn what_is_known_is_found_wherever_it_stands() {
    let note = "ひかり殿の絵を見た。そらたにと名乗る。品番ZX-77。2024.01.31、20240131。";
    let known = json!({"names": ["そらたに ひかり"], "ids": ["ZX-77"], "birthDate": "2024-01-31"});
    let answer = deidentified(&[], &json!({"id": "k", "text": note, "known": known}));
    let found = told(note, &answer);
    holds(&found, "PERSON", "ひかり");
    holds(&found, "PERSON", "そらたに");
    holds(&found, "ID", "ZX-77");
    holds(&found, "DATE", "20240131");
}

#[test]
fn surrogates_are_of_the_same_kind_the_same_for_the_same_and_never_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, [7u8; 32]).unwrap();
    let key = key.to_str().unwrap();
    let note = "佐藤 健一さんが来院。佐藤さんは2024年4月18日に入院、2024年4月20日に退院。電話 03-0611-7007。";
    let line = json!({"id": "s", "text": note, "known": {"names": ["佐藤 健一"]}});
    let one = deidentified(&["--key", key], &line);
    assert_eq!(
        one,
        deidentified(&["--key", key], &line),
        "the same key, the same surrogates"
    );
    let text = one["text"].as_str().unwrap();
    for original in ["佐藤", "健一", "4月18日", "4月20日", "0611-7007"] {
        assert!(!text.contains(original), "{original} in {text}");
    }
    let (name, rest) = text.split_once("さんが来院。").unwrap();
    let surname = name.split(' ').next().unwrap();
    assert!(rest.starts_with(&format!("{surname}さんは")), "{text}");
    assert!(rest.contains("月") && rest.contains("電話 0"), "{text}");
    let sickday = deidentified(&["--dates", "sickday"], &line);
    let text = sickday["text"].as_str().unwrap();
    assert!(text.contains("第1病日に入院、第3病日に退院"), "{text}");
}

#[test]
fn a_bad_line_is_answered_and_the_run_goes_on() {
    let input = "{\"id\":\"a\",\"text\":\"発熱\n{\"id\":\"b\"}\n{\"id\":\"c\",\"text\":\"\",\"known\":{\"names\":5}}\n\n{\"id\":\"d\",\"text\":\"発熱なし\"}\n";
    let ran: Ran = run(&["deidentify", "--input", "jsonl"], input.as_bytes());
    assert_eq!(ran.code, Some(3));
    let lines = ran.lines();
    let codes: Vec<&Value> = lines.iter().map(|line| &line["error"]["code"]).collect();
    assert_eq!(
        codes,
        [
            &json!("not-json"),
            &json!("no-text"),
            &json!("bad-field"),
            &Value::Null
        ]
    );
    assert_eq!(
        lines[3],
        json!({"id": "d", "spans": [], "text": "発熱なし", "review": []})
    );
}

#[test]
fn a_short_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "secret").unwrap();
    let key = key.to_str().unwrap();
    run(&["deidentify", "--input", "jsonl", "--key", key], b"").refused(&["6 bytes", "16 bytes"]);
}

#[test]
fn a_note_of_ten_megabytes_is_read_whole() {
    let line = "患者 田中 一郎さんは咳が続く。担当 鈴木、2024年5月1日。\n";
    // An unoptimised build takes minutes for ten.
    let bytes = if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    };
    let note = line.repeat(bytes / line.len());
    let answer = deidentified(&["--replace", "marks"], &json!({"id": "long", "text": note}));
    let text = answer["text"].as_str().unwrap();
    assert!(!text.contains("田中") && !text.contains("2024年"));
    assert_eq!(text.lines().count(), note.lines().count());
}
