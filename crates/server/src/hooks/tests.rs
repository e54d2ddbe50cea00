//! The services as another system sees them: requests, and what the answers must say.

#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

mod forms;
mod golden;
mod resources;
mod wire;

use super::{Call, Hooks, respond};
use crate::advice::{Kind, allow};
use crate::chart::{self, Signing};
use crate::web::{self, App, Language};
use axum::http::StatusCode;
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use tsumugi_clinical::Sex;
use tsumugi_coding::Coder;
use tsumugi_records::{Moment, PatientDetails, Population, Stamp, Store};

/// The engine, made once for all tests of a process.
static CODER: LazyLock<Arc<Coder>> = LazyLock::new(|| Arc::new(Coder::embedded().unwrap()));

/// A store with one dummy patient and one note, and the services before it.
struct Site {
    app: Arc<App>,
    hooks: Hooks,
    now: Moment,
}

impl Site {
    fn new() -> Self {
        let now = Moment::parse("2026-11-28T10:00").unwrap();
        let store = Store::open_in_memory().unwrap();
        let stamp = Stamp {
            author: "a".to_owned(),
            at: now.clone(),
        };
        let details = PatientDetails {
            number: "H001".to_owned(),
            name: "試験 花子".to_owned(),
            kana: String::new(),
            sex: Sex::Female,
            birth_date: "1958-02-03".parse().ok(),
        };
        let id = store.create_patient(Population::Dummy, details, stamp).unwrap();
        let patient = store.patient(id).unwrap();
        let signing = Signing {
            target: chart::new_note(id, None, "progress"),
            author: "a".to_owned(),
            text: "S) 昨日から右季肋部痛と発熱。\nO) 体温38.6℃。Murphy徴候陽性。\nA) 急性胆嚢炎の疑い"
                .to_owned(),
            written_at: now.civil(),
            signed_at: now.civil(),
            key: None,
            draft: None,
            structured: None,
            name: None,
            entry: None,
            on_behalf_of: None,
        };
        chart::sign(&CODER, &store, &patient, signing).unwrap();
        let app = web::app_for_tests(store, Arc::clone(&CODER), "127.0.0.1:8765".parse().unwrap());
        Self {
            app,
            hooks: Hooks::default(),
            now,
        }
    }

    fn call(&self, language: Language) -> Call<'_> {
        Call {
            app: &self.app,
            hooks: &self.hooks,
            language,
            now: &self.now,
        }
    }

    fn respond(&self, service: &str, body: &Value) -> (StatusCode, Value) {
        respond(
            self.call(Language::Japanese),
            service,
            body.to_string().as_bytes(),
        )
    }

    /// The cards of a request that must be answered.
    #[track_caller]
    fn cards(&self, service: &str, body: &Value) -> Vec<Value> {
        let (status, answer) = self.respond(service, body);
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["cards"].as_array().unwrap().clone()
    }

    /// The site's decision on kinds that need one.
    fn allow(&self, kind: Kind) {
        let stamp = Stamp {
            author: "head".to_owned(),
            at: self.now.clone(),
        };
        allow(&self.app.store, stamp, kind, true, "study").unwrap();
    }
}

/// A golden request.
fn golden(name: &str) -> Value {
    let text = match name {
        "patient-view" => include_str!("../../tests/hooks/patient-view.json"),
        "order-select" => include_str!("../../tests/hooks/order-select.json"),
        "order-sign" => include_str!("../../tests/hooks/order-sign.json"),
        "encounter-discharge" => include_str!("../../tests/hooks/encounter-discharge.json"),
        other => panic!("no request {other}"),
    };
    serde_json::from_str(text).unwrap()
}

/// The cards of a topic.
fn of_topic<'c>(cards: &'c [Value], topic: &str) -> Vec<&'c Value> {
    cards
        .iter()
        .filter(|card| card["source"]["topic"]["code"] == topic)
        .collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {value}"))
}
