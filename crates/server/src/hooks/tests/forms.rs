//! The form of requests and of feedback: what is refused, with the field that is named, and what is let through.

use super::{Site, golden, text};
use crate::hooks::{LONGEST_BODY, feedback, respond};
use crate::web::Language;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Puts a value at a path (`/context/userId`); takes the field out where there is none.
fn put(request: &mut Value, path: &str, value: Option<Value>) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let parent = request.pointer_mut(parent).unwrap_or_else(|| panic!("no {path}"));
    match (parent, value) {
        (Value::Object(fields), Some(value)) => {
            fields.insert(key.to_owned(), value);
        }
        (Value::Object(fields), None) => {
            fields.remove(key);
        }
        (Value::Array(entries), Some(value)) => entries[key.parse::<usize>().unwrap()] = value,
        (parent, _) => panic!("{path}: {parent}"),
    }
}

/// The cases of a file: cells between bars.
fn cases(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(" | ").collect())
}

/// The value of a cell; none where the field is taken out.
fn value_of(cell: &str) -> Option<Value> {
    (cell != "-").then(|| serde_json::from_str(cell).unwrap_or_else(|_| panic!("no JSON: {cell}")))
}

#[test]
fn a_malformed_request_is_refused_and_its_field_named() {
    let site = Site::new();
    for case in cases(include_str!("../../../tests/hooks/refused.txt")) {
        let [name, path, value, status, field] = case[..] else {
            panic!("{case:?}");
        };
        let mut request = golden(name);
        put(&mut request, path, value_of(value));
        let (got, answer) = site.respond(&format!("tsumugi-{name}"), &request);
        let told = format!("{case:?}: {answer}");
        assert_eq!(got.as_u16().to_string(), status, "{told}");
        assert_eq!(answer["resourceType"], "OperationOutcome", "{told}");
        assert_eq!(answer["issue"][0]["expression"], json!([field]), "{told}");
        assert!(
            text(&answer["issue"][0], "diagnostics").starts_with(field),
            "{told}"
        );
    }
}

#[test]
fn what_the_specification_leaves_open_is_let_through() {
    let site = Site::new();
    for case in cases(include_str!("../../../tests/hooks/answered.txt")) {
        let [name, path, value] = case[..] else {
            panic!("{case:?}");
        };
        let mut request = golden(name);
        put(&mut request, path, value_of(value));
        let (status, answer) = site.respond(&format!("tsumugi-{name}"), &request);
        assert_eq!(status, StatusCode::OK, "{case:?}: {answer}");
    }
}

#[test]
fn a_body_that_is_none_is_refused() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let huge = format!("{{\"hook\": \"{}\"}}", "x".repeat(LONGEST_BODY));
    let cases: [(&str, &str, u16); 7] = [
        ("tsumugi-patient-view", "", 400),
        ("tsumugi-patient-view", "{\"hook\": ", 400),
        ("tsumugi-patient-view", "[]", 400),
        ("tsumugi-patient-view", &deep, 400),
        ("tsumugi-patient-view", &huge, 413),
        ("patient-view", "{}", 404),
        ("tsumugi-", "{}", 404),
    ];
    let site = Site::new();
    for (service, body, status) in cases {
        let shown: String = body.chars().take(40).collect();
        for answer in [respond, feedback] {
            let (got, answer) = answer(site.call(Language::English), service, body.as_bytes());
            assert_eq!(got.as_u16(), status, "{service} {shown}: {answer}");
            assert_eq!(answer["issue"][0]["severity"], "error");
        }
    }
    let mut many = golden("patient-view");
    many["prefetch"]["laboratory"]["entry"] =
        json!(vec![many["prefetch"]["laboratory"]["entry"][0].clone(); 6_000]);
    let (status, _) = site.respond("tsumugi-patient-view", &many);
    assert_eq!(status.as_u16(), 413);
}

fn overridden(card: &str) -> Value {
    json!({"feedback": [{
        "card": card,
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-28T01:05:00Z",
        "overrideReason": {
            "reason": {"code": "tolerated-before", "system": super::super::card::OVERRIDE},
            "userComment": "2週間前にも使用し問題なし",
        },
    }]})
}

#[test]
fn an_override_is_kept_as_the_physicians_reason() {
    let site = Site::new();
    let cards = site.cards("tsumugi-order-sign", &golden("order-sign"));
    let card = text(&cards[0], "uuid");
    let tell = |body: &Value| {
        feedback(
            site.call(Language::Japanese),
            "tsumugi-order-sign",
            body.to_string().as_bytes(),
        )
    };
    // Sent twice, kept once.
    for _ in 0..2 {
        assert_eq!(tell(&overridden(card)), (StatusCode::OK, json!({})));
    }
    let kept = site.app.store.decisions("override", Some(card)).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].stamp.author, "Practitioner/suzuki");
    let body: Value = serde_json::from_str(&kept[0].body).unwrap();
    assert_eq!(body["reason"]["code"], "tolerated-before");
    assert_eq!(body["comment"], "2週間前にも使用し問題なし");
    assert_eq!(body["patient"], "p-1");
    assert_eq!(body["indicator"], "critical");
    assert_eq!(body["summary"], cards[0]["summary"]);
    // A suggestion that was taken, with a card of another answer in the same request.
    let suggestion = text(&cards[0]["suggestions"][0], "uuid");
    let unknown = "00000000-0000-4000-8000-000000000000";
    let both = json!({"feedback": [
        {"card": card, "outcome": "accepted", "outcomeTimestamp": "2026-11-28T10:06:00+09:00",
         "acceptedSuggestions": [{"id": suggestion}]},
        {"card": unknown, "outcome": "overridden", "outcomeTimestamp": "2026-11-28T01:06:00Z"},
    ]});
    assert_eq!(tell(&both).0, StatusCode::OK);
    let accepted = site.app.store.decisions("accepted", Some(card)).unwrap();
    let body: Value = serde_json::from_str(&accepted[0].body).unwrap();
    assert_eq!(
        body["suggestions"][0]["label"],
        cards[0]["suggestions"][0]["label"]
    );
    // A card that is not remembered names nobody.
    let kept = site.app.store.decisions("override", Some(unknown)).unwrap();
    assert_eq!(kept[0].stamp.author, "cds-hooks");
}

#[test]
fn malformed_feedback_is_refused_and_nothing_of_it_kept() {
    let site = Site::new();
    let check = |path: &str, value: Option<Value>, field: &str| {
        let mut body = overridden("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea");
        let second = body["feedback"][0].clone();
        body["feedback"].as_array_mut().unwrap().push(second);
        put(&mut body, path, value.clone());
        let call = site.call(Language::Japanese);
        let (status, answer) = feedback(call, "tsumugi-order-sign", body.to_string().as_bytes());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {value:?}: {answer}");
        assert_eq!(
            answer["issue"][0]["expression"],
            json!([field]),
            "{path} {value:?}"
        );
    };
    for case in cases(include_str!("../../../tests/hooks/feedback.txt")) {
        let [path, value, field] = case[..] else {
            panic!("{case:?}");
        };
        check(path, value_of(value), field);
    }
    let comment = "/feedback/1/overrideReason/userComment";
    check(
        comment,
        Some(json!("x".repeat(4_001))),
        "feedback[1].overrideReason.userComment",
    );
    assert_eq!(site.app.store.decisions("override", None).unwrap(), []);
}

/// The paths of all values below one.
fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let path = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        paths(value, &path, found);
        found.push(path);
    }
}

#[test]
fn whatever_stands_in_a_field_the_service_answers_or_names_the_field() {
    let site = Site::new();
    for name in ["order-sign", "patient-view"] {
        let request = golden(name);
        let mut all = Vec::new();
        paths(&request, "", &mut all);
        assert!(all.len() > 100, "{name}");
        let values = [json!(-1), json!("x"), json!([[]]), Value::Null, json!({})];
        for (path, value) in all.iter().zip(values.iter().cycle()).step_by(2) {
            let mut changed = request.clone();
            *changed.pointer_mut(path).unwrap() = value.clone();
            let (status, answer) = site.respond(&format!("tsumugi-{name}"), &changed);
            match status.as_u16() {
                200 => assert!(answer["cards"].is_array(), "{name} {path} {value}: {answer}"),
                400 | 412 => {
                    assert!(
                        answer["issue"][0]["expression"][0].is_string(),
                        "{name} {path} {value}: {answer}"
                    );
                }
                _ => panic!("{name} {path} {value}: {status} {answer}"),
            }
        }
    }
}
