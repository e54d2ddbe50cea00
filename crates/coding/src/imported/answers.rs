//! Answers to questions (`QuestionnaireResponse`), and the wishes of a Consent.

use super::Import;
use super::look::{at, label, list, text, value_of, words};
use super::times;
use serde_json::Value;
use tsumugi_clinical::{ClinicalTime, Event, EventKind};
use tsumugi_tables::TermKind;
use tsumugi_terminology::system;

/// Questions within questions that are followed.
const DEEPEST: usize = 32;
/// What an item beside a test can ask for.
const ASKED: [TermKind; 8] = [
    TermKind::Finding,
    TermKind::Disease,
    TermKind::Circumstance,
    TermKind::Normal,
    TermKind::Drug,
    TermKind::Allergen,
    TermKind::Procedure,
    TermKind::Exam,
];

impl Import<'_> {
    pub(super) fn answers(&mut self, resource: &Value) {
        if matches!(text(resource, "status"), Some("stopped")) {
            return;
        }
        let time = times::of(resource, &["authored"]);
        self.items(resource, time.as_ref(), 0);
    }

    fn items(&mut self, parent: &Value, time: Option<&ClinicalTime>, depth: usize) {
        if depth >= DEEPEST {
            return;
        }
        for item in list(parent, "item") {
            for answer in list(item, "answer") {
                let before = self.out.events.len();
                if let Some(value) = value_of(answer, "value") {
                    self.answer(item, value);
                }
                for event in self.out.events.iter_mut().skip(before) {
                    event.time = event.time.take().or_else(|| time.cloned());
                }
                self.items(answer, time, depth + 1);
            }
            self.items(item, time, depth + 1);
        }
    }

    fn answer(&mut self, item: &Value, value: (&str, &Value)) {
        let asked = asked(item);
        let none = Value::Null;
        if let Some(found) = self.find(&asked, &[TermKind::Test]) {
            self.test(found.key, &found.words, Some(value), &none);
        } else if let Some(found) = self.find(&asked, &ASKED) {
            self.state(found, Some(value), &none);
        } else if !self.answer_states(Some(value)) {
            self.remark("uncoded", label(&asked));
        }
    }

    /// The wishes that a Consent holds; those of an inactive or refused one count no more.
    pub(super) fn consent(&mut self, resource: &Value) {
        if matches!(
            text(resource, "status"),
            Some("inactive" | "rejected" | "draft" | "proposed")
        ) {
            return;
        }
        let time = times::of(resource, &["dateTime"]);
        let provision = at(resource, "provision");
        let provisions: Vec<&Value> = provision
            .into_iter()
            .chain(
                provision
                    .into_iter()
                    .flat_map(|provision| list(provision, "provision")),
            )
            .collect();
        let coded = provisions
            .iter()
            .flat_map(|provision| list(provision, "code"))
            .chain(list(resource, "category"))
            .chain(list(resource, "policyRule"))
            .chain(list(resource, "scope"));
        let coded: Vec<&Value> = coded.collect();
        let before = self.out.events.len();
        for concept in &coded {
            for event in self.wishes(concept) {
                self.push(Event {
                    time: time.clone(),
                    ..event
                });
            }
        }
        if self.out.events.len() == before {
            let first = coded
                .first()
                .map_or_else(|| "Consent".to_owned(), |concept| label(concept));
            self.remark("uncoded", first);
        }
    }

    fn wishes(&self, concept: &Value) -> Vec<Event> {
        let found = self.find(concept, &[TermKind::Circumstance]);
        let events: Vec<Event> = match found.and_then(|found| self.event_of(found)) {
            Some(event) => vec![event],
            None => words(concept)
                .into_iter()
                .flat_map(|word| self.read(word, false))
                .collect(),
        };
        events
            .into_iter()
            .filter(|event| event.kind == EventKind::Preference)
            .collect()
    }
}

/// What an item asks, as a `CodeableConcept`: its link id and definition may be codes, its text is the question. R4 has no
/// code on the item of an answer; what a template writes there nevertheless is read.
fn asked(item: &Value) -> Value {
    let mut codings: Vec<Value> = list(item, "code").cloned().collect();
    let definition = text(item, "definition").map(|url| url.rsplit(['/', '#']).next().unwrap_or(url));
    let link = text(item, "linkId").map(|link| link.trim_start_matches('/'));
    for code in link.into_iter().chain(definition) {
        for of in [system::TSUMUGI, system::LOINC, system::JLAC10] {
            codings.push(serde_json::json!({ "system": of, "code": code }));
        }
    }
    let question =
        text(item, "text").map(|text| text.trim_end_matches([':', '?', '\u{FF1A}', '\u{FF1F}']).trim());
    serde_json::json!({ "coding": codings, "text": question })
}
