//! Reads predictions: JSON lines with `id`, `entities`, `relations` and `events`, as the contract of the output says.

use serde::Deserialize;
use std::collections::BTreeMap;
use tsumugi_clinical::{Because, Entity, Relation};

/// What a program says of one record. Lines that hold an `error` instead count as nothing found.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Prediction {
    /// Id of the record.
    #[serde(default)]
    pub id: String,
    /// Entities.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// Relations by index of the entities.
    #[serde(default)]
    pub relations: Vec<Relation>,
    /// Coded events.
    #[serde(default)]
    pub events: Vec<PredictedEvent>,
}

/// The part of an event that codes are scored by.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PredictedEvent {
    /// Concept of the vocabulary.
    #[serde(default)]
    pub concept: String,
    /// The entities it rests on.
    #[serde(default)]
    pub because: Vec<Because>,
    /// The concept that was measured, where the event was derived from a value.
    #[serde(default)]
    pub measured: Option<serde_json::Value>,
    /// The name of the measured item, where the event was derived.
    #[serde(default)]
    pub item: Option<serde_json::Value>,
}

/// Reads lines; later lines of the same id replace earlier ones. Gives the lines that are no JSON, by number from 1.
pub fn read_predictions(text: &str) -> (BTreeMap<String, Prediction>, Vec<usize>) {
    let mut predictions = BTreeMap::new();
    let mut bad = Vec::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match serde_json::from_str::<Prediction>(line) {
            Ok(prediction) => {
                predictions.insert(prediction.id.clone(), prediction);
            }
            Err(_) => bad.push(number),
        }
    }
    (predictions, bad)
}
