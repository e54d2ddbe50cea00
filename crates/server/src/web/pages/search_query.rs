//! What a search asks: a sentence that the engine reads itself, or a concept, with filters over it.

use crate::web::state::Desk;
use serde::Deserialize;
use tsumugi_clinical::{
    Certainty, Comparator, ConceptId, Event, Experiencer, Note, Phase, Polarity, Quantity,
};
use tsumugi_records::{EventFilter, Population, ValueRange};

/// The form of a search. A field that is absent or empty follows the sentence; `any` lets everything through.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Query {
    /// The sentence.
    pub(crate) q: String,
    /// A concept that was chosen from the list.
    pub(crate) concept: String,
    /// `facts` or `text`.
    pub(crate) mode: String,
    /// `real` or `dummy`.
    pub(crate) population: String,
    /// Present or absent.
    pub(crate) polarity: String,
    /// Asserted, suspected or general.
    pub(crate) certainty: String,
    /// Whose.
    pub(crate) experiencer: String,
    /// Current, past, planned or stopped.
    pub(crate) phase: String,
    /// Least value.
    pub(crate) min: String,
    /// Most value.
    pub(crate) max: String,
    /// First day.
    pub(crate) from: String,
    /// Last day.
    pub(crate) to: String,
}

/// One condition: a concept with everything below it, and how it must be stated.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// The concept.
    pub(crate) concept: ConceptId,
    /// Its name on the screen.
    pub(crate) name: String,
    /// How it must be stated.
    pub(crate) filter: EventFilter,
}

impl Query {
    /// Whether anything is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.q.trim().is_empty() && self.concept.is_empty()
    }

    /// The population asked for, or the usual one.
    pub(crate) fn population(&self, usual: Population) -> Population {
        match self.population.as_str() {
            "real" => Population::Real,
            "dummy" => Population::Dummy,
            _ => usual,
        }
    }

    /// The fields as a query string.
    pub(crate) fn link(&self) -> String {
        let fields = [
            ("q", &self.q),
            ("concept", &self.concept),
            ("mode", &self.mode),
            ("population", &self.population),
            ("polarity", &self.polarity),
            ("certainty", &self.certainty),
            ("experiencer", &self.experiencer),
            ("phase", &self.phase),
            ("min", &self.min),
            ("max", &self.max),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let set = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = set
            .map(|(name, value)| format!("{name}={}", crate::web::notes::escape(value)))
            .collect();
        pairs.join("&")
    }

    /// The conditions: the chosen concept, or what the engine reads in the sentence; all must hold.
    pub(crate) fn conditions(&self, desk: &Desk) -> Vec<Condition> {
        let coder = &desk.app.coder;
        let ui = desk.ui();
        if let Some(concept) = coder.vocabulary().concept(&self.concept) {
            let filter = EventFilter {
                polarity: Some(Polarity::Present),
                certainty: Some(Certainty::Asserted),
                experiencer: Some(Experiencer::Patient),
                ..EventFilter::default()
            };
            let name = concept.name.to_string();
            return vec![Condition {
                concept: concept.id.clone(),
                name,
                filter: self.over(filter),
            }];
        }
        let note = Note {
            text: self.q.clone(),
            date: Some(crate::web::clock::today()),
            ..Note::default()
        };
        let structured = coder.structure(&note);
        let condition = |event: &Event| Condition {
            concept: event.concept.clone(),
            name: crate::web::summary::name(&ui, coder, event),
            filter: self.over(filter_of(event)),
        };
        structured.events.iter().map(condition).collect()
    }

    /// Lays the fields of the form over what the sentence says.
    fn over(&self, filter: EventFilter) -> EventFilter {
        let number = |text: &str| {
            text.trim()
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
        };
        let value = match (number(&self.min), number(&self.max)) {
            (None, None) => filter.value,
            (min, max) => Some(ValueRange { min, max, unit: None }),
        };
        let day = |text: &str| text.trim().parse::<jiff::civil::Date>().ok();
        EventFilter {
            polarity: chosen(&self.polarity, filter.polarity),
            certainty: chosen(&self.certainty, filter.certainty),
            experiencer: chosen(&self.experiencer, filter.experiencer),
            phase: chosen(&self.phase, filter.phase),
            value,
            from: day(&self.from).map(|day| day.at(0, 0, 0, 0)).or(filter.from),
            to: day(&self.to)
                .map(|day| day.at(23, 59, 59, 999_999_999))
                .or(filter.to),
            ..filter
        }
    }
}

/// A word of the form: empty follows the sentence, `any` lets everything through, else the word.
fn chosen<T: serde::de::DeserializeOwned>(word: &str, read: Option<T>) -> Option<T> {
    match word {
        "" => read,
        "any" => None,
        word => serde_json::from_value(serde_json::Value::String(word.to_owned()))
            .ok()
            .or(read),
    }
}

/// How a record must state what the sentence states. Its phase is left open where it says nothing special: 「発熱がある」
/// asks for fever at any time.
fn filter_of(event: &Event) -> EventFilter {
    EventFilter {
        polarity: Some(event.polarity),
        certainty: Some(event.certainty)
            .filter(|certainty| *certainty != Certainty::General)
            .or(Some(Certainty::Asserted)),
        experiencer: Some(event.experiencer),
        phase: Some(event.phase).filter(|phase| *phase != Phase::Current),
        value: event.value.as_ref().and_then(range_of),
        from: event.time.as_ref().and_then(|time| time.from),
        to: event.time.as_ref().and_then(|time| time.to),
        ..EventFilter::default()
    }
}

/// The range a value of the sentence spans.
fn range_of(value: &Quantity) -> Option<ValueRange> {
    let number = value.as_f64()?;
    let (min, max) = match value.comparator {
        Some(Comparator::Less | Comparator::AtMost) => (None, Some(number)),
        Some(Comparator::AtLeast | Comparator::More) => (Some(number), None),
        None => (
            Some(number),
            value
                .high
                .as_deref()
                .and_then(|high| high.parse().ok())
                .or(Some(number)),
        ),
    };
    Some(ValueRange { min, max, unit: None })
}
