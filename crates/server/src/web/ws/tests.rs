//! What the live line answers while one types, at a real store.
#![expect(clippy::non_ascii_literal, reason = "notes are Japanese")]

use super::Live;
use crate::advice::{Kind, allow};
use crate::web::notes::NoteLink;
use crate::web::permit::tests::{desk, server};
use crate::web::state::App;
use serde_json::{Value, json};
use std::sync::Arc;
use tsumugi_records::{Moment, Stamp};

struct Line {
    live: Live,
    rev: u64,
}

impl Line {
    fn open(app: &Arc<App>, person: &str) -> Self {
        app.assist.predictor(app.coder.vocabulary());
        let link = NoteLink {
            patient: "4711".to_owned(),
            ..NoteLink::default()
        };
        let (live, hello) = Live::begin(desk(app, person, "physician"), &link).unwrap();
        assert_eq!(hello["type"], "hello");
        Self { live, rev: 0 }
    }

    fn say(&mut self, said: &Value) -> Value {
        self.live.hear(&said.to_string())
    }

    fn edit(&mut self, text: &str) -> Value {
        self.rev += 1;
        let rev = self.rev;
        self.say(&json!({"type": "edit", "rev": rev, "text": text}))
    }

    /// What is offered behind the text.
    fn offered(&mut self, text: &str) -> Value {
        self.edit(text);
        let (rev, caret) = (self.rev, text.chars().count());
        self.say(&json!({"type": "predict", "rev": rev, "caret": caret}))
    }

    fn texts(&mut self, text: &str) -> Vec<String> {
        let offered = self.offered(text);
        let list = offered["list"].as_array().unwrap();
        list.iter()
            .map(|own| own["text"].as_str().unwrap().to_owned())
            .collect()
    }

    fn asked(&mut self, text: &str) -> Vec<Value> {
        self.edit(text);
        let rev = self.rev;
        let answer = self.say(&json!({"type": "ask", "rev": rev}));
        let rows = answer["rows"].as_array().unwrap();
        assert!(rows.len() <= 5, "{answer}");
        rows.iter()
            .flat_map(|row| row.as_array().unwrap())
            .cloned()
            .collect()
    }

    fn sign(&mut self, text: &str) {
        let signed = self.say(&json!({"type": "sign", "text": text, "base": null}));
        assert_eq!(signed["type"], "signed", "{signed}");
    }
}

fn keys(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["key"].as_str().unwrap()).collect()
}

#[test]
fn fever_is_offered_for_its_first_kanji_for_kana_and_for_romaji() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    for (text, start) in [("昨日から発", 4), ("腹痛。はつ", 3), ("腹痛。;hatu", 3)] {
        let offered = line.offered(text);
        let list = offered["list"].as_array().unwrap();
        let fever = list.iter().find(|own| own["text"] == "発熱");
        let fever = fever.unwrap_or_else(|| panic!("{text}: {offered}"));
        assert_eq!(fever["start"], start, "{text}");
        assert!(!fever["why"].as_str().unwrap().is_empty());
        assert!(list.len() <= 5);
    }
    let late = line.say(&json!({"type": "predict", "rev": 1, "caret": 5}));
    assert_eq!(late["list"], json!([]), "an older text is answered with nothing");
}

#[test]
fn a_snippet_is_called_by_its_key_and_a_fraction_calls_none() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    let offered = line.offered("O) ;ab");
    let snippet = &offered["snippets"][0];
    assert_eq!(
        (snippet["key"].as_str(), snippet["start"].as_u64()),
        (Some(";ab"), Some(3))
    );
    assert!(
        snippet["parts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|part| part["slot"].is_array())
    );
    assert_eq!(line.offered("BP 128/76")["snippets"], json!([]));
}

#[test]
fn an_item_is_answered_once_and_nobody_knows_is_an_answer() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    let text = "65歳女性。昨日からの発熱。";
    let items = line.asked(text);
    assert!(!items.is_empty());
    // What names no drug (常用薬あり) is no fact, so that only this session knows of it.
    let is_fact = |item: &&Value| item["kind"] == "choice" && item["key"] != "common.medication";
    let item = items.iter().find(is_fact).unwrap();
    let key = item["key"].as_str().unwrap().to_owned();
    let answer = item["answers"][0]["answer"].clone();
    let answered = line.say(&json!({"type": "answered", "item": key, "answer": answer}));
    let words = answered["text"].as_str().unwrap().to_owned();
    assert!(!words.is_empty());
    assert!(matches!(answered["section"].as_str(), Some("S" | "O")));
    let with = format!("{text}{words}。");
    let left = line.asked(&with);
    assert!(!keys(&left).contains(&key.as_str()));

    let closed = keys(&left)[0].to_owned();
    let said = json!({"type": "answered", "item": closed, "answer": {"is": "unknown"}});
    assert_eq!(line.say(&said)["text"], "");
    assert!(!keys(&line.asked(&with)).contains(&closed.as_str()));
    // What the text says is not asked in another session either; what nobody knows is said again by the editor.
    let mut again = Line::open(&app, "sato");
    assert!(
        !keys(&again.asked(&with)).contains(&key.as_str()),
        "{key}: {words}"
    );
    let said = json!({"type": "answered", "item": closed, "answer": {"is": "unknown"}, "again": true});
    assert_eq!(again.say(&said)["text"], "");
    assert!(!keys(&again.asked(&with)).contains(&closed.as_str()));
}

#[test]
fn what_is_no_answer_is_refused_and_closes_nothing() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    let text = "65歳女性。昨日からの発熱。";
    let items = line.asked(text);
    let key = keys(&items)[0].to_owned();
    let refused =
        line.say(&json!({"type": "answered", "item": key, "answer": {"is": "choice", "value": "no such"}}));
    assert_eq!(refused["type"], "refused");
    assert!(!refused["message"].as_str().unwrap().is_empty());
    assert!(keys(&line.asked(text)).contains(&key.as_str()));
    let unknown = line.say(&json!({"type": "answered", "item": "no.such", "answer": {"is": "yes"}}));
    assert_eq!(unknown["type"], "error");
    assert_eq!(
        line.say(&json!({"type": "answered", "item": key, "answer": 1}))["type"],
        "error"
    );
}

#[test]
fn what_is_off_offers_and_asks_nothing() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    let text = "昨日からの発熱。腹痛。は";
    assert!(!line.texts(text).is_empty() && !line.asked(text).is_empty());
    for (kind, offers, asks) in [
        ("prediction", false, true),
        ("templates", false, false),
        ("prediction", true, false),
    ] {
        let on = kind == "prediction" && offers;
        line.say(&json!({"type": "switch", "kind": kind, "on": on}));
        assert_eq!(!line.texts(text).is_empty(), offers, "{kind}");
        assert_eq!(!line.asked(text).is_empty(), asks, "{kind}");
    }
    line.say(&json!({"type": "switch", "kind": "templates", "on": true}));
    line.say(&json!({"type": "switch", "kind": "all", "on": false}));
    assert!(line.texts(text).is_empty() && line.asked(text).is_empty());
}

#[test]
fn what_was_signed_is_offered_to_its_writer_and_to_nobody_else() {
    let (app, ..) = server();
    let phrase = "霧の中の橋の様子は前回と同じ。";
    for _ in 0..2 {
        Line::open(&app, "sato").sign(&format!("S) 腹痛あり。{phrase}"));
    }
    let begins = |texts: Vec<String>| texts.iter().any(|text| text.contains("霧"));
    assert!(
        begins(Line::open(&app, "sato").texts("S) 腹痛あり。")),
        "the writer"
    );
    assert!(
        !begins(Line::open(&app, "mori").texts("S) 腹痛あり。")),
        "somebody else"
    );
}

#[test]
fn the_differential_weighs_only_where_the_site_has_decided() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    let text = "S) 昨日からの発熱と右季肋部痛。";
    let context = |offered: &Value| {
        let list = offered["list"].as_array().unwrap();
        list.iter()
            .filter(|own| own["why"].as_str().unwrap().contains("経過"))
            .count()
    };
    assert_eq!(context(&line.offered(text)), 0);
    let stamp = Stamp {
        author: "head".to_owned(),
        at: Moment::parse("2026-11-28T09:00").unwrap(),
    };
    allow(&app.store, stamp, Kind::Differential, true, "study 12").unwrap();
    assert!(context(&line.offered(text)) > 0);
}

#[test]
fn a_reason_is_kept_with_the_note_and_with_what_was_on_the_screen() {
    let (app, ..) = server();
    let mut line = Line::open(&app, "sato");
    let text = "昨日からの発熱と右季肋部痛。Murphy徴候陽性。急性胆嚢炎を疑う。";
    line.edit(text);
    let say = |line: &mut Line, concept: &str, words: &str| {
        line.say(&json!({"type": "reason", "concept": concept, "name": "n", "words": words}))
    };
    let answer = say(&mut line, "acute-cholecystitis", "黄疸なく胆管炎は下位");
    assert_eq!(answer["type"], "reasoned", "{answer}");
    let shown = &answer["shown"];
    assert!(shown["on"].is_boolean(), "{answer}");
    // One that is taken back, one of a concept that nobody knows, one that is too long.
    say(&mut line, "fever", "x");
    assert_eq!(say(&mut line, "fever", " ")["words"], "");
    assert_eq!(say(&mut line, "no-such", "x")["type"], "error");
    assert_eq!(say(&mut line, "fever", &"x".repeat(501))["type"], "error");
    // A line that came back says it again with what was shown then.
    let mut again = Line::open(&app, "sato");
    again.edit(text);
    let repeated = json!({
        "type": "reason", "concept": "acute-cholecystitis", "name": "急性胆嚢炎", "words": "黄疸なく胆管炎は下位",
        "shown": {"on": true, "edition": "e", "diseases": [["d", "胆管炎", "band.possible"]], "steps": [], "alerts": []},
    });
    assert_eq!(again.say(&repeated)["shown"]["edition"], "e");
    let patient = again.live.place.patient.id;
    let kept = |app: &Arc<App>| {
        app.store
            .care_of(patient, tsumugi_records::CareTopic::Reason)
            .unwrap()
    };
    assert!(kept(&app).is_empty(), "nothing is kept before the note is signed");
    again.sign(text);
    let reasons = kept(&app);
    assert_eq!(reasons.len(), 1);
    let body = &reasons[0].body;
    assert_eq!(reasons[0].subject, "acute-cholecystitis");
    assert_eq!(body["shown"]["diseases"][0][1], "胆管炎");
    assert!(
        body["document"].as_i64().unwrap() > 0 && body["version"] == 1,
        "{body}"
    );
}
