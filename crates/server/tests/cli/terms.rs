//! The terminology on the command line: search, show, stats.
#![expect(clippy::non_ascii_literal, reason = "what is typed is Japanese")]

use crate::common::run;
use serde_json::{Value, json};

fn found(words: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["terms", "search", "--json", "--limit", "5"]
        .into_iter()
        .chain(words.iter().copied())
        .collect();
    run(&args, b"").done().lines()
}

#[test]
fn a_concept_is_found_however_it_is_typed() {
    for (words, by, how) in [
        (&["発熱"][..], "name", "exact"),
        (&["はつねつ"], "reading", "exact"),
        (&["hatsunetsu"], "romaji", "exact"),
        (&["hatunetu"], "romaji", "exact"),
        (&["HP:0001945"], "code", "exact"),
    ] {
        let lines = found(words);
        let first = lines.first().unwrap_or_else(|| panic!("{words:?}"));
        assert_eq!(first["concept"], "fever", "{words:?} {first}");
        assert_eq!(first["how"], how, "{words:?} {first}");
        assert_eq!(first["by"], by, "{words:?} {first}");
        assert!(lines.len() <= 5);
        let has_icd10 = first["codes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|code| code["code"] == "R50.9");
        assert!(has_icd10, "{first}");
    }
    let slipped = found(&["pnuemonia"]);
    assert!(
        slipped
            .iter()
            .any(|line| line["how"] == "near" && line["slips"] == 1),
        "{slipped:?}"
    );
    let several = found(&["heart", "failure"]);
    assert_eq!(several[0]["how"], "exact", "{several:?}");
}

#[test]
fn nothing_found_is_no_error_and_says_so() {
    let ran = run(&["terms", "search", "ぬるぽぬるぽ"], b"").done();
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("ぬるぽぬるぽ"), "{ran:?}");
}

#[test]
fn a_concept_is_shown_by_id_and_by_name() {
    let by_id = run(&["terms", "show", "fever", "--json"], b"").done().value();
    assert_eq!(by_id["name"], "発熱");
    assert_eq!(by_id["reading"], "はつねつ");
    for field in ["names", "codes", "children", "parents", "ancestors", "flags"] {
        assert!(by_id[field].is_array(), "{field}: {by_id}");
    }
    let by_name = run(&["terms", "show", "発熱", "--json"], b"").done().lines();
    assert_eq!(by_name[0], by_id);
    let text = run(&["terms", "show", "熱発"], b"").done().out;
    for word in ["fever", "発熱 (はつねつ)", "熱発 (ねっぱつ)", "ICD-10 R50.9"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    run(&["terms", "show", "ぬるぽぬるぽ"], b"").refused(&["ぬるぽぬるぽ", "no concept"]);
    run(&["terms", "show", "feverr"], b"").refused(&["feverr", "near it", "fever"]);
}

#[test]
fn everything_is_counted() {
    let stats = run(&["terms", "stats", "--json"], b"").done().value();
    let by_kind = stats["concepts"]["by_kind"].as_object().unwrap();
    let sum: u64 = by_kind.values().filter_map(Value::as_u64).sum();
    assert_eq!(stats["concepts"]["all"], json!(sum));
    assert_eq!(by_kind.len(), 11, "{stats}");
    for system in ["ICD-10", "HPO", "LOINC", "JLAC10", "ATC"] {
        assert!(stats["codes"][system].as_u64() > Some(0), "{system}: {stats}");
    }
    assert!(stats["ambiguous"]["forms"].as_u64() > Some(0), "{stats}");
    let text = run(&["terms", "stats"], b"").done().out;
    assert!(text.contains("disease") && text.contains("code ICD-10"), "{text}");
}
