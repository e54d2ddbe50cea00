//! Answers to questions: what they name is coded, in the event that was asked about only.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use tsumugi_coding::{Coder, Record};
use tsumugi_intake::{Answer, Session};

#[track_caller]
fn check(text: &str, option: &str, present: &[&str]) {
    let coder = Arc::new(Coder::embedded().unwrap());
    let mut session = Session::new(
        coder,
        Record::default(),
        tsumugi_clinical::Patient::default(),
        None,
    );
    let asked = session.edit(1, text);
    let question = asked.note.questions.first().expect("the type is asked");
    session.answer(Answer {
        rule: question.rule.to_string(),
        option: option.to_owned(),
    });
    let answered = session.edit(2, text);
    let facts: Vec<String> = answered
        .note
        .events
        .iter()
        .filter(|event| event.name.contains("糖尿病"))
        .map(|event| format!("{}{}", event.relative.as_deref().unwrap_or_default(), event.name))
        .collect();
    assert_eq!(facts, present, "{text} → {option}");
    assert!(answered.note.questions.is_empty(), "it is asked once");
}

#[test]
fn the_type_that_is_answered_is_coded() {
    check("糖尿病で通院中。", "2型", &["2型糖尿病"]);
    check("糖尿病で通院中。", "1型", &["1型糖尿病"]);
}

#[test]
fn an_open_answer_leaves_the_diagnosis_as_written() {
    check("糖尿病で通院中。", "未定", &["糖尿病"]);
}

#[test]
fn the_mothers_diabetes_keeps_its_own_type() {
    check(
        "糖尿病で通院中。母が糖尿病。",
        "2型",
        &["2型糖尿病", "mother糖尿病"],
    );
}

#[test]
fn what_was_only_suspected_goes_with_the_answer() {
    check(
        "糖尿病で通院中。BMI 31。メトホルミン内服中。",
        "2型",
        &["2型糖尿病"],
    );
}
