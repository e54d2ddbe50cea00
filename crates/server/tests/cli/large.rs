//! Much input: one long note, and many lines. The long note has 2 MB here and not 10, so that a debug build is quick.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{places_are_right, run};
use std::fmt::Write as _;

#[test]
fn a_long_note_is_structured_to_its_end_and_every_place_is_right() {
    let clinical =
        "2025年3月1日に発熱あり。BT39.2、咳嗽なし、胸部X線で肺炎像なし。糖尿病でメトホルミン500mg内服中。\n";
    let plain = "院内を散歩した。😀\n".repeat(36_000);
    let text = clinical.repeat(100) + &plain + &clinical.repeat(100) + &plain + clinical;
    assert!(text.len() > 2_000_000);
    let ran = run(&["structure"], text.as_bytes()).done();
    let structured = ran.value();
    assert!(places_are_right(&structured, &text) > 201 * 8);
    let end = text.chars().count() as u64;
    let last = structured["entities"].as_array().unwrap().last().unwrap();
    assert!(last["end"].as_u64().unwrap() > end - 10, "{last}");
}

#[test]
fn of_a_hundred_thousand_lines_each_is_answered_in_order() {
    let mut input = String::new();
    for number in 0..100_000 {
        let text = if number % 100 == 0 { "咳" } else { "。" };
        writeln!(input, "{{\"id\":{number},\"text\":\"{text}\"}}").unwrap();
    }
    let ran = run(&["structure", "--input", "jsonl"], input.as_bytes()).done();
    assert_eq!(ran.out.lines().count(), 100_000);
    for (number, line) in ran.out.lines().enumerate() {
        assert!(
            line.starts_with(&format!("{{\"id\":\"{number}\",")),
            "{number}: {line}"
        );
        assert_eq!(line.contains("cough"), number % 100 == 0, "{line}");
    }
}
