//! Observations: values of tests, findings that are there or not, circumstances, wishes.

use super::look::{at, label, list, text, value_of, words};
use super::naming::Found;
use super::times;
use super::{Import, values};
use serde_json::Value;
use tsumugi_clinical::{ClinicalTime, Event, Interpretation, Polarity, Quantity};
use tsumugi_tables::TermKind;

/// What an observation beside a test can be of.
const STATES: [TermKind; 6] = [
    TermKind::Finding,
    TermKind::Disease,
    TermKind::Normal,
    TermKind::Circumstance,
    TermKind::Procedure,
    TermKind::Exam,
];

const BLOOD_PRESSURE: &str = "test.blood-pressure";
const SYSTOLIC: &str = "test.systolic-bp";
const DIASTOLIC: &str = "test.diastolic-bp";

/// Samples of one observation that are looked at.
const MOST_SAMPLES: usize = 1_000_000;

impl Import<'_> {
    pub(super) fn observation(&mut self, resource: &Value) {
        if matches!(text(resource, "status"), Some("cancelled")) {
            return;
        }
        let time = times::of(
            resource,
            &[
                "effectiveDateTime",
                "effectiveInstant",
                "effectivePeriod",
                "issued",
            ],
        );
        let has_parts = list(resource, "component").next().is_some();
        if value_of(resource, "value").is_some() || !has_parts {
            self.observed(resource, time.as_ref(), resource);
        }
        for component in list(resource, "component") {
            self.observed(component, time.as_ref(), resource);
        }
    }

    /// An observation, or a component of one, which shares the site of its whole.
    fn observed(&mut self, element: &Value, time: Option<&ClinicalTime>, whole: &Value) {
        let none = Value::Null;
        let code = at(element, "code").unwrap_or(&none);
        let value = value_of(element, "value");
        if value.is_none() && at(element, "dataAbsentReason").is_some() {
            return;
        }
        let before = self.out.events.len();
        if let Some(found) = self.find(code, &[TermKind::Test]) {
            self.test(found.key, &found.words, value, element);
        } else if let Some(found) = self.find(code, &STATES) {
            self.state(found, value, element);
        } else if !self.answer_states(value) {
            self.remark("uncoded", label(code));
        }
        let site = at(element, "bodySite").or_else(|| at(whole, "bodySite"));
        for index in before..self.out.events.len() {
            let Some(event) = self.out.events.get(index).cloned() else {
                continue;
            };
            let event = match site {
                Some(site) if event.measured.is_none() && Self::is_state(&event) => self.at_site(event, site),
                _ => event,
            };
            let event = Event {
                time: event.time.clone().or_else(|| time.cloned()),
                fact: crate::fact::fact_key(&event),
                ..event
            };
            if let Some(place) = self.out.events.get_mut(index) {
                *place = event;
            }
        }
    }

    /// A value of a test; also the answer to a question about it.
    pub(super) fn test(&mut self, key: u32, said: &str, value: Option<(&str, &Value)>, element: &Value) {
        let coder = self.coder;
        let Some(concept) = coder.vocabulary.get(key) else {
            return;
        };
        let Some((kind, value)) = value else {
            match values::flag(element) {
                Some(interpretation) => {
                    let value = Quantity {
                        interpretation: Some(interpretation),
                        ..Quantity::default()
                    };
                    self.push_value(key, said, value, element);
                }
                None => self.remark("no-value", concept.id.to_string()),
            }
            return;
        };
        if kind == "SampledData" {
            self.samples(key, said, value, element);
            return;
        }
        let pair = value
            .as_str()
            .filter(|_| concept.id.as_str() == BLOOD_PRESSURE)
            .and_then(|both| both.split_once('/'));
        if let Some((upper, lower)) = pair {
            for (id, number) in [(SYSTOLIC, upper), (DIASTOLIC, lower)] {
                if let (Some(key), Some(value)) = (coder.vocabulary.key(id), self.worded(number)) {
                    self.push_value(key, said, value, element);
                }
            }
            return;
        }
        match self.any(kind, value) {
            Some(value) => self.push_value(key, said, value, element),
            None => self.remark("no-value", concept.id.to_string()),
        }
    }

    fn push_value(&mut self, key: u32, said: &str, value: Quantity, element: &Value) {
        let coder = self.coder;
        let (Some(concept), Some(event)) = (coder.vocabulary.get(key), self.event(key, said)) else {
            return;
        };
        let event = self.measured(event, concept, value, element);
        self.push(event);
    }

    /// A run of samples: the mean, and the states that the lowest and the highest show beside it.
    fn samples(&mut self, key: u32, said: &str, sampled: &Value, element: &Value) {
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        let origin = at(sampled, "origin");
        let zero = number(origin.and_then(|origin| at(origin, "value"))).unwrap_or(0.0);
        let factor = number(at(sampled, "factor")).unwrap_or(1.0);
        let data = text(sampled, "data").unwrap_or("");
        let samples = data.split_ascii_whitespace().take(MOST_SAMPLES);
        let values: Vec<f64> = samples
            .filter_map(|sample| sample.parse::<f64>().ok())
            .map(|sample| zero + sample * factor)
            .filter(|sample| sample.is_finite())
            .collect();
        if values.is_empty() {
            self.remark("no-value", label(at(element, "code").unwrap_or(&Value::Null)));
            return;
        }
        let unit = origin
            .and_then(|origin| text(origin, "code").or_else(|| text(origin, "unit")))
            .map(|unit| self.unit(unit));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let least = values.iter().copied().fold(f64::MAX, f64::min);
        let most = values.iter().copied().fold(f64::MIN, f64::max);
        for (index, value) in [mean, least, most].into_iter().enumerate() {
            let quantity = Quantity {
                number: Some(format!("{}", (value * 100.0).round() / 100.0)),
                unit: unit.clone(),
                ..Quantity::default()
            };
            let coder = self.coder;
            let (Some(concept), Some(event)) = (coder.vocabulary.get(key), self.event(key, said)) else {
                return;
            };
            let event = self.measured(event, concept, quantity, element);
            let is_new = event.measured.is_some()
                && event.polarity == Polarity::Present
                && !self.out.events.iter().any(|known| known.concept == event.concept);
            if index == 0 || is_new {
                self.push(event);
            }
        }
    }

    /// A finding, disease or circumstance that is observed: there, not there, or with its value.
    pub(super) fn state(&mut self, found: Found, value: Option<(&str, &Value)>, element: &Value) {
        let Some(mut event) = self.event_of(found) else {
            return;
        };
        if values::flag(element) == Some(Interpretation::Negative) {
            event.polarity = Polarity::Absent;
        }
        let Some((kind, given)) = value else {
            self.push(event);
            return;
        };
        match self.any(kind, given) {
            Some(value) if value.number.is_some() => {
                event.value = Some(value);
                self.push(event);
            }
            Some(Quantity {
                interpretation: Some(Interpretation::Negative),
                ..
            }) => {
                event.polarity = Polarity::Absent;
                self.push(event);
            }
            Some(Quantity {
                interpretation: Some(_),
                ..
            }) => self.push(event),
            // The code is a question, and the answer names what is so.
            _ => {
                if !self.answer_states(value) {
                    self.remark("uncoded", format!("{} {}", event.concept, answer_label(value)));
                }
            }
        }
    }

    /// The states that an answer names by itself.
    pub(super) fn answer_states(&mut self, value: Option<(&str, &Value)>) -> bool {
        let Some((kind, value)) = value else { return false };
        let concept = match kind {
            "CodeableConcept" => value.clone(),
            "Coding" => serde_json::json!({ "coding": [value] }),
            "String" => serde_json::json!({ "text": value }),
            _ => return false,
        };
        let by_name = if kind == "String" {
            None
        } else {
            self.find(&concept, &STATES)
        };
        let events: Vec<Event> = match by_name.and_then(|found| self.event_of(found)) {
            Some(event) => vec![event],
            None => words(&concept)
                .into_iter()
                .map(|word| self.read(word, false))
                .find(|events| !events.is_empty())
                .unwrap_or_default(),
        };
        let found = !events.is_empty();
        for event in events {
            self.push(event);
        }
        found
    }
}

/// How an answer is called in a remark.
pub(super) fn answer_label(value: Option<(&str, &Value)>) -> String {
    let Some((kind, value)) = value else {
        return String::new();
    };
    match kind {
        "CodeableConcept" => label(value),
        "Coding" => label(&serde_json::json!({ "coding": [value] })),
        // Free words may be anybody's.
        _ => kind.to_owned(),
    }
}
