//! Observations: values in the usual unit of their test with the level that the sender or the interval gives them, and
//! findings that are there or not; a panel is the values of its components.

use super::amounts::is_ucum;
use super::codes;
use super::reader::{self, Reader, Reading, Standing, Why};
use super::request::{list, text};
use jiff::civil::Date;
use serde_json::Value;
use tsumugi_clinical::{Comparator, Event, EventKind, Interpretation, Note, Polarity, Quantity};
use tsumugi_tables::TermKind;
use tsumugi_terminology::Concept;

/// What can be observed.
const OBSERVED: [TermKind; 6] = [
    TermKind::Test,
    TermKind::Finding,
    TermKind::Normal,
    TermKind::Disease,
    TermKind::Circumstance,
    TermKind::Procedure,
];

/// Reads an observation and its components.
pub(super) fn read(reader: &Reader<'_>, resource: &Value, name: &str, reading: &mut Reading) {
    if matches!(text(resource, "status"), Some("entered-in-error" | "cancelled")) {
        return;
    }
    let fields = [
        "effectiveDateTime",
        "effectiveInstant",
        "effectivePeriod",
        "issued",
    ];
    let date = reader::day_of(resource, &fields);
    let components = list(resource, "component");
    let has_value = answer(resource).is_some();
    let mut events = Vec::new();
    let whole = std::iter::once(resource).filter(|_| has_value || components.is_empty());
    for part in whole.chain(components) {
        match observed(reader, part, date) {
            Ok(event) => events.push(event),
            // That nothing was measured is said, and not hidden.
            Err(Why::Value) if part.get("dataAbsentReason").is_some() => {}
            Err(Why::Value) if !list(resource, "hasMember").is_empty() => {}
            Err(why) => {
                let label = part.get("code").and_then(codes::label);
                reading.leave_out("Observation", label.or_else(|| Some(name.to_owned())), why);
            }
        }
    }
    if !events.is_empty() {
        reading.tell(name, date, Standing::Dated, events);
    }
}

/// The value, whatever its type.
fn answer(part: &Value) -> Option<&Value> {
    const FIELDS: [&str; 5] = [
        "valueQuantity",
        "valueCodeableConcept",
        "valueString",
        "valueBoolean",
        "valueInteger",
    ];
    FIELDS
        .iter()
        .filter_map(|field| part.get(*field))
        .find(|value| !value.is_null())
}

fn observed(reader: &Reader<'_>, part: &Value, date: Option<Date>) -> Result<Event, Why> {
    let code = part.get("code").ok_or(Why::Unknown)?;
    let key = reader.names.find(code, &OBSERVED).ok_or(Why::Unknown)?;
    let mut event = reader.event(key).ok_or(Why::Unknown)?;
    let concept = reader.names.coder.vocabulary().get(key).ok_or(Why::Unknown)?;
    if event.kind != EventKind::Measurement {
        event.polarity = is_there(part).ok_or(Why::Value)?;
        return Ok(event);
    }
    let flag = flag(part);
    let value = answer(part);
    if let Some(quantity) = part.get("valueQuantity").or_else(|| part.get("valueInteger")) {
        let quantity = number(reader, concept, quantity)?;
        return Ok(measured(reader, concept, event, quantity, flag, date));
    }
    let words = value.and_then(|value| value.as_str().map(str::to_owned).or_else(|| codes::label(value)));
    let level = flag.or_else(|| is_there(part).map(level_of));
    match (words, level) {
        (Some(words), None) => Ok(in_words(reader, concept, event, &words, date)),
        (words, Some(level)) => {
            event.value = Some(Quantity {
                text: words,
                interpretation: Some(level),
                ..Quantity::default()
            });
            Ok(event)
        }
        (None, None) => Err(Why::Value),
    }
}

fn level_of(polarity: Polarity) -> Interpretation {
    match polarity {
        Polarity::Present => Interpretation::Positive,
        Polarity::Absent => Interpretation::Negative,
    }
}

/// A number with its unit, converted where that can be done.
fn number(reader: &Reader<'_>, concept: &Concept, quantity: &Value) -> Result<Quantity, Why> {
    let plain = quantity.is_number().then_some(quantity);
    let number = plain
        .or_else(|| quantity.get("value"))
        .filter(|value| value.is_number());
    let number = number.ok_or(Why::Value)?.to_string();
    let code = text(quantity, "code").filter(|_| text(quantity, "system").is_none_or(is_ucum));
    let comparator = match text(quantity, "comparator") {
        Some("<") => Some(Comparator::Less),
        Some("<=") => Some(Comparator::AtMost),
        Some(">=") => Some(Comparator::AtLeast),
        Some(">") => Some(Comparator::More),
        _ => None,
    };
    let in_unit = |unit: Option<&str>| {
        let mut value = Quantity {
            number: Some(number.clone()),
            comparator,
            unit: unit.map(Into::into),
            ..Quantity::default()
        };
        let usual = reader.call.app.advice.units.in_usual_unit(concept, &mut value)?;
        usual.is_finite().then_some(value)
    };
    let units: Vec<&str> = code
        .into_iter()
        .chain(text(quantity, "unit"))
        .map(usual_spelling)
        .collect();
    if units.is_empty() {
        return in_unit(None).ok_or(Why::Unit);
    }
    units
        .into_iter()
        .find_map(|unit| in_unit(Some(unit)))
        .ok_or(Why::Unit)
}

/// Spellings of UCUM that mean a unit of the tables.
fn usual_spelling(unit: &str) -> &str {
    match unit {
        "10*9/L" | "10^9/L" | "10*3/mm3" => "10*3/uL",
        "10*12/L" | "10^12/L" => "10*6/uL",
        "10*3/mL" => "/uL",
        "[iU]/L" => "[IU]/L",
        "m[iU]/L" | "u[iU]/mL" => "u[IU]/mL",
        "[iU]/mL" => "[IU]/mL",
        "1/min" | "{beats}/min" | "{Beats}/min" | "{breaths}/min" => "/min",
        "mmHg" => "mm[Hg]",
        "C" | "degC" => "Cel",
        other => other,
    }
}

/// The event of a value. The engine derives what the value means (fever) as it does in a note; where the sender has
/// judged it otherwise, or the engine does not read back the same value, the value stands for itself.
fn measured(
    reader: &Reader<'_>,
    concept: &Concept,
    mut event: Event,
    mut value: Quantity,
    flag: Option<Interpretation>,
    date: Option<Date>,
) -> Event {
    let units = &reader.call.app.advice.units;
    let usual = units.in_usual_unit(concept, &mut value.clone());
    let told = |value: &Quantity| {
        let number = value.number.as_deref().unwrap_or_default();
        format!(
            "{} {number}{}",
            concept.name,
            value.unit.as_deref().unwrap_or_default()
        )
    };
    let is_plain = value.comparator.is_none() && flag.is_none();
    let derived = is_plain
        .then(|| read_back(reader, concept, &told(&value), date))
        .flatten();
    if let Some(derived) = derived
        && derived.value.as_ref().is_some_and(|own| {
            let own = units.in_usual_unit(concept, &mut own.clone());
            own.zip(usual)
                .is_some_and(|(own, usual)| (own - usual).abs() <= 1e-9 * usual.abs().max(1.0))
        })
    {
        return derived;
    }
    let limits = concept.interval.limits(reader.person.sex);
    value.interpretation = flag.or_else(|| usual.and_then(|usual| level(usual, limits, value.comparator)));
    event.value = Some(value);
    event
}

fn level(
    value: f64,
    (low, high): (Option<f64>, Option<f64>),
    comparator: Option<Comparator>,
) -> Option<Interpretation> {
    let is_low = low.is_some_and(|low| value < low);
    let is_high = high.is_some_and(|high| value > high);
    match comparator {
        None if is_low => Some(Interpretation::Low),
        None if is_high => Some(Interpretation::High),
        None => (low.is_some() || high.is_some()).then_some(Interpretation::Normal),
        Some(Comparator::Less | Comparator::AtMost) => is_low.then_some(Interpretation::Low),
        Some(Comparator::More | Comparator::AtLeast) => is_high.then_some(Interpretation::High),
    }
}

/// The event that the engine makes of a phrase, where it is about the concept.
fn read_back(reader: &Reader<'_>, concept: &Concept, phrase: &str, date: Option<Date>) -> Option<Event> {
    let note = Note {
        text: phrase.to_owned(),
        date,
        patient: Some(reader.person.clone()),
        ..Note::default()
    };
    let mut events = reader.names.coder.structure(&note).events;
    let is_about = |event: &Event| {
        let measured = event.measured.as_ref().map_or(&event.concept, |own| &own.concept);
        *measured == concept.id
    };
    match events.len() {
        1 => events.pop().filter(is_about),
        _ => None,
    }
}

/// A result in words, as the engine reads it behind the name of the test; else the words as they stand.
fn in_words(
    reader: &Reader<'_>,
    concept: &Concept,
    mut event: Event,
    words: &str,
    date: Option<Date>,
) -> Event {
    if let Some(read) = read_back(reader, concept, &format!("{} {words}", concept.name), date)
        && read.value.is_some()
    {
        return read;
    }
    event.value = Some(Quantity {
        text: Some(words.to_owned()),
        ..Quantity::default()
    });
    event
}

/// The sender's own judgement, HL7 `ObservationInterpretation`.
fn flag(part: &Value) -> Option<Interpretation> {
    let concepts = list(part, "interpretation").iter();
    let mut codes = concepts
        .flat_map(|concept| list(concept, "coding"))
        .filter_map(|coding| text(coding, "code"));
    codes.find_map(|code| {
        Some(match code {
            "H" | "HH" | "HU" | "HX" | ">" => Interpretation::High,
            "L" | "LL" | "LU" | "LX" | "<" => Interpretation::Low,
            "N" => Interpretation::Normal,
            "POS" | "DET" | "RR" => Interpretation::Positive,
            "NEG" | "ND" | "NR" => Interpretation::Negative,
            _ => return None,
        })
    })
}

/// Whether a finding is there: yes or no, positive or negative, present or absent, as HL7, LOINC and SNOMED CT code them.
fn is_there(part: &Value) -> Option<Polarity> {
    if let Some(answer) = part.get("valueBoolean").and_then(Value::as_bool) {
        return Some(if answer {
            Polarity::Present
        } else {
            Polarity::Absent
        });
    }
    let coded = part
        .get("valueCodeableConcept")
        .map(|value| list(value, "coding"));
    let by_code =
        coded
            .into_iter()
            .flatten()
            .filter_map(|coding| text(coding, "code"))
            .find_map(|code| {
                Some(match code {
                    "Y" | "POS" | "LA33-6" | "LA9633-4" | "LA6576-8" | "10828004" | "52101004"
                    | "373066001" => Polarity::Present,
                    "N" | "NEG" | "LA32-8" | "LA9634-2" | "LA6577-6" | "260385009" | "2667000"
                    | "373067005" => Polarity::Absent,
                    _ => return None,
                })
            });
    by_code.or_else(|| match flag(part) {
        Some(Interpretation::Positive) => Some(Polarity::Present),
        Some(Interpretation::Negative) => Some(Polarity::Absent),
        _ => None,
    })
}
