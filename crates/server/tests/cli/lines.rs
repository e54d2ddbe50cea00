//! `structure` with JSON lines: awkward text, bad lines in the middle, dates, and a record of several notes.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{events, places_are_right, run};
use encoding_rs::SHIFT_JIS;
use serde_json::{Value, json};

/// What a line must be answered with.
enum Expected {
    /// A structured note with this id and these events; the text is that of the line.
    Note(&'static str, &'static [&'static str]),
    /// An error with this id, if any, this code, and a word of its message.
    Error(Option<&'static str>, &'static str, &'static str),
}

use Expected::{Error, Note};

#[rustfmt::skip]
const CASES: &[(&str, Expected)] = &[
    // Text that is unusual and nevertheless text.
    (r#"{"id":"plain","text":"発熱あり"}"#, Note("plain", &["発熱 present"])),
    (r#"{"id":"control","text":"\u0001\u001b[31m発熱\u0000あり\u007f\r\n咳嗽\u2028なし\t👩‍⚕️"}"#, Note("control", &["発熱 present", "咳嗽 absent"])),
    (r#"{"id":"nul","text":"\u0000\u0000\u0000"}"#, Note("nul", &[])),
    (r#"{"id":"pair","text":"\ud83d\ude00発熱"}"#, Note("pair", &["発熱 present"])),
    (r#"{"id":"kana","text":"ﾊﾂﾈﾂなし。発熱﷽"}"#, Note("kana", &["発熱 absent", "発熱 present"])),
    (r#"{"id":"empty","text":""}"#, Note("empty", &[])),
    (r#"{"id":"blank","text":" 　\n\r\n\t"}"#, Note("blank", &[])),
    (r#"{"id":"newlines","text":"\n\n\n"}"#, Note("newlines", &[])),
    // Fields that are unknown, missing or of a type that can be taken.
    (r#"{"id":"unknown","text":"発熱","foo":[1],"bar":{"x":null},"entities":5}"#, Note("unknown", &["発熱 present"])),
    (r#"{"id":7,"text":"発熱"}"#, Note("7", &["発熱 present"])),
    (r#"{"text":"発熱"}"#, Note("", &["発熱 present"])),
    (r#"{"id":null,"text":"発熱","date":null,"patient":null}"#, Note("", &["発熱 present"])),
    (r#"{"id":"number","text":"発熱","patient":{"id":12,"sex":"M","age":40}}"#, Note("number", &["発熱 present"])),
    // What cannot be taken.
    (r#"{"id":"broken","text":"発熱"#, Error(None, "not-json", "column")),
    ("not json", Error(None, "not-json", "column 2")),
    (r#"{"id":"lone","text":"発熱\ud83dあり"}"#, Error(None, "not-json", "column")),
    (r#"{"id":"lone","text":"\ude00"}"#, Error(None, "not-json", "surrogate")),
    ("[1,2]", Error(None, "not-an-object", "text")),
    ("null", Error(None, "not-an-object", "text")),
    (r#"{"id":"none"}"#, Error(Some("none"), "no-text", "text")),
    (r#"{"id":8,"text":5}"#, Error(Some("8"), "no-text", "text")),
    (r#"{"id":"null","text":null}"#, Error(Some("null"), "no-text", "text")),
    (r#"{"id":["a"],"text":"発熱"}"#, Error(None, "bad-field", "id:")),
    (r#"{"id":"patient","text":"発熱","patient":"P1"}"#, Error(Some("patient"), "bad-field", "patient:")),
    (r#"{"id":"age","text":"発熱","patient":{"age":"5"}}"#, Error(Some("age"), "bad-field", "patient:")),
    (r#"{"id":"birth","text":"発熱","patient":{"birthDate":"1980-13-01"}}"#, Error(Some("birth"), "bad-field", "patient:")),
    (r#"{"id":"date","text":"発熱","date":"2025-02-30"}"#, Error(Some("date"), "bad-field", "date:")),
    (r#"{"id":"type","text":"発熱","date":20250301}"#, Error(Some("type"), "bad-field", "date:")),
    (r#"{"id":"last","text":"発熱なし"}"#, Note("last", &["発熱 absent"])),
];

#[track_caller]
fn check(number: usize, line: &str, expected: &Expected, answer: &Value) {
    match expected {
        Note(id, facts) => {
            assert_eq!(answer["id"], *id, "{line}: {answer}");
            assert_eq!(events(answer), *facts, "{line}");
            let given: Value = serde_json::from_str(line).unwrap();
            places_are_right(answer, given["text"].as_str().unwrap());
        }
        Error(id, code, word) => {
            assert_eq!(answer.get("id").and_then(Value::as_str), *id, "{line}: {answer}");
            assert_eq!(answer["error"]["code"], *code, "{line}: {answer}");
            assert!(
                answer["error"]["message"].as_str().unwrap().contains(word),
                "{line}: {answer}"
            );
            assert_eq!(answer["error"]["line"], number, "{line}: {answer}");
            assert!(answer.get("events").is_none(), "{line}: {answer}");
        }
    }
}

#[test]
fn every_line_gets_one_answer_and_a_bad_one_stops_nothing() {
    // A byte order mark is no part of the first line; blank lines are counted and not answered.
    let mut input = b"\xef\xbb\xbf{\"id\":\"first\",\"text\":\"\"}\n \r\n".to_vec();
    for (line, _) in CASES {
        input.extend_from_slice(line.as_bytes());
        input.extend_from_slice(b"\r\n");
    }
    let (cp932, ..) = SHIFT_JIS.encode("{\"id\":\"cp932\",\"text\":\"発熱、能\"}");
    input.extend_from_slice(&cp932);
    input.extend_from_slice(b"\n{\"id\":\"x\",\"text\":\"\xff\xff\"}");
    let ran = run(&["structure", "--input", "jsonl"], &input);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    let answers = ran.lines();
    let (first, rest) = answers.split_at(1);
    assert_eq!(first[0]["id"], "first");
    assert_eq!(rest.len(), CASES.len() + 2);
    for (index, (line, expected)) in CASES.iter().enumerate() {
        check(index + 3, line, expected, &rest[index]);
    }
    assert_eq!(places_are_right(&rest[CASES.len()], "発熱、能"), 1);
    assert!(
        ran.err.contains("read as CP932") && ran.err.lines().count() == 1,
        "{}",
        ran.err
    );
    assert_eq!(rest[CASES.len() + 1]["error"]["code"], "encoding");
}

#[test]
fn impossible_dates_are_remarked_and_a_later_note_settles_an_earlier_one() {
    let line = |id: &str, patient: &str, date: &str, text: &str| {
        json!({"id": id, "text": text, "date": date, "patient": {"id": patient, "sex": "F"}}).to_string()
            + "\n"
    };
    let dates = "2月30日に発熱。2025/13/45から咳嗽。2月28日に嘔吐。";
    let input = line("n1", "p1", "2025-01-10", "糖尿病でインスリン自己注射中。")
        + &line("other", "p2", "2025-03-11", dates)
        + &line("n2", "p1", "2025-02-10", "抗GAD抗体陽性。");
    let ran = run(&["structure", "--input", "jsonl"], input.as_bytes()).done();
    let answers = ran.lines();
    let event = |note: &Value, name: &str| -> usize {
        let events = note["events"].as_array().unwrap();
        events
            .iter()
            .position(|event| event["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {note}"))
    };
    let (diabetes, settling) = (event(&answers[0], "糖尿病"), event(&answers[2], "1型糖尿病"));
    assert_eq!(
        answers[2]["events"][settling]["supersedes"],
        json!({"id": "n1", "event": diabetes})
    );
    assert_eq!(answers[0]["questions"][0]["event"], diabetes);
    assert_eq!(answers[2]["questions"], json!([]));

    places_are_right(&answers[1], dates);
    let remarks = answers[1]["diagnostics"].as_array().unwrap();
    let remarks: Vec<_> = remarks
        .iter()
        .map(|remark| (&remark["code"], &remark["text"]))
        .collect();
    let code = json!("impossible-date");
    assert_eq!(
        remarks,
        [(&code, &json!("2月30日")), (&code, &json!("2025/13/45"))]
    );
    let time = |name: &str| &answers[1]["events"][event(&answers[1], name)]["time"];
    assert_eq!((time("発熱"), time("咳嗽")), (&Value::Null, &Value::Null));
    assert!(
        time("嘔吐")["from"].as_str().unwrap().starts_with("2025-02-28"),
        "{}",
        answers[1]
    );
}
