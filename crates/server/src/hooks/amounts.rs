//! The dosage of a FHIR R4 request: what its fields say, and what they leave open from its words.
//!
//! FHIR's dose is that of one time. The checks keep both readings of an amount unless the words say which is meant, so
//! that the words of the tables for a dose, a day and a week are put behind the text of the dosage.

use super::codes;
use super::reader::Reader;
use super::request::{list, text};
use serde_json::Value;
use tsumugi_clinical::{Dosage, EventKind, Quantity};

/// Routes of HL7 table 0162, as FHIR and JP Core have them, in the words of the tables.
const ROUTES: [(&str, &str); 18] = [
    ("PO", "oral"),
    ("IV", "iv"),
    ("IVP", "iv"),
    ("IM", "im"),
    ("SC", "sc"),
    ("TP", "topical"),
    ("IH", "inhaled"),
    ("OP", "eye"),
    ("OT", "ear"),
    ("NS", "nasal"),
    ("PR", "rectal"),
    ("TD", "transdermal"),
    ("SL", "sublingual"),
    ("VG", "vaginal"),
    ("NG", "tube"),
    ("GTT", "tube"),
    ("EP", "epidural"),
    ("IT", "intrathecal"),
];

/// What a field says of the time that an amount is for, in words that the tables of dosages know.
const A_DOSE: &str = "/dose";
const A_DAY: &str = "/day";
const A_WEEK: &str = "/week";

/// The dosage of a request or statement. `words` is what the drug is called, `read` the dosage in that name.
pub(super) fn dosage(
    reader: &Reader<'_>,
    resource: &Value,
    words: &str,
    read: Option<Box<Dosage>>,
) -> Dosage {
    let mut dosage = read.map(|read| *read).unwrap_or_default();
    let instructions = list(resource, "dosageInstruction")
        .iter()
        .chain(list(resource, "dosage"));
    let instructions: Vec<&Value> = instructions.collect();
    // Several instructions are steps or alternatives: the fields of none are those of the whole.
    if let [instruction] = instructions.as_slice() {
        instruct(reader, &mut dosage, words, instruction);
    } else {
        let texts: Vec<&str> = instructions.iter().filter_map(|own| text(own, "text")).collect();
        dosage.text = texts.join(" ");
    }
    let supply = resource.pointer("/dispenseRequest/expectedSupplyDuration");
    dosage.days = supply.and_then(days).or(dosage.days);
    dosage
}

fn instruct(reader: &Reader<'_>, dosage: &mut Dosage, words: &str, instruction: &Value) {
    if let Some(own) = text(instruction, "text") {
        let read = read_words(reader, &format!("{words} {own}"));
        *dosage = Dosage {
            strength: dosage.strength.take(),
            text: own.to_owned(),
            ..read
        };
    }
    let repeat = instruction.pointer("/timing/repeat");
    let often = repeat.map(often);
    if let Some(Often::ADay(times)) = often {
        dosage.times_per_day = Some(times);
    }
    if matches!(often, Some(Often::Spaced)) {
        dosage.times_per_day = None;
        say(dosage, A_WEEK);
    }
    let bounds = repeat.and_then(|repeat| repeat.get("boundsDuration"));
    dosage.days = bounds.and_then(days).or(dosage.days);
    let usage = instruction.pointer("/timing/code/text").and_then(Value::as_str);
    dosage.timing = usage.map(str::to_owned).or(dosage.timing.take());
    let is_needed = instruction.get("asNeededBoolean").and_then(Value::as_bool) == Some(true)
        || instruction
            .get("asNeededCodeableConcept")
            .is_some_and(Value::is_object);
    dosage.as_needed |= is_needed;
    dosage.route = route(instruction).or(dosage.route.take());
    for rate in list(instruction, "doseAndRate") {
        let whole_day = rate.get("rateRatio").filter(|ratio| is_a_day(ratio));
        let (dose, word) = if let Some(ratio) = whole_day {
            (ratio.get("numerator"), A_DAY)
        } else {
            (
                rate.get("doseQuantity")
                    .or_else(|| rate.pointer("/doseRange/high")),
                A_DOSE,
            )
        };
        let Some(amount) = dose.and_then(|dose| amount(reader, words, dose)) else {
            continue;
        };
        let is_counted = amount.unit.as_deref().is_some_and(|unit| unit.starts_with('{'));
        if !is_counted {
            // An amount of the drug itself: the strength of a tablet no longer says anything.
            dosage.strength = None;
        }
        dosage.amount = Some(amount);
        say(dosage, word);
        break;
    }
}

fn say(dosage: &mut Dosage, word: &str) {
    if !dosage.text.is_empty() {
        dosage.text.push(' ');
    }
    dosage.text.push_str(word);
}

fn read_words(reader: &Reader<'_>, words: &str) -> Dosage {
    let events = reader.names.read(words).events;
    let drug = events
        .into_iter()
        .find(|event| event.kind == EventKind::Medication);
    drug.and_then(|event| event.dosage)
        .map(|dosage| *dosage)
        .unwrap_or_default()
}

/// How often something is taken.
enum Often {
    /// Times a day.
    ADay(u32),
    /// Less often than every day.
    Spaced,
    /// The fields do not tell.
    Open,
}

fn often(repeat: &Value) -> Often {
    let number = |key: &str| {
        repeat
            .get(key)
            .and_then(Value::as_f64)
            .filter(|number| *number > 0.0)
    };
    let times = number("frequencyMax")
        .or_else(|| number("frequency"))
        .unwrap_or(1.0);
    let hours_in = match text(repeat, "periodUnit") {
        Some("h") => 1.0,
        Some("d") => 24.0,
        Some("wk" | "mo" | "a") => return Often::Spaced,
        _ => return Often::Open,
    };
    let Some(period) = number("period") else {
        return Often::Open;
    };
    let a_day = times * 24.0 / (period * hours_in);
    if a_day < 1.0 {
        return Often::Spaced;
    }
    // More often than every quarter of an hour is no dosage of doses.
    const MOST: f64 = 96.0;
    if a_day > MOST {
        return Often::Open;
    }
    format!("{:.0}", a_day.round())
        .parse()
        .map_or(Often::Open, Often::ADay)
}

fn days(duration: &Value) -> Option<u32> {
    let value = duration
        .get("value")
        .and_then(Value::as_f64)
        .filter(|value| *value > 0.0)?;
    let unit = text(duration, "code").or_else(|| text(duration, "unit"))?;
    let days = match unit {
        "d" | "day" | "days" => value,
        "wk" | "week" | "weeks" => value * 7.0,
        "mo" | "month" | "months" => value * 30.0,
        _ => return None,
    };
    format!("{:.0}", days.min(3650.0)).parse().ok()
}

fn is_a_day(ratio: &Value) -> bool {
    let denominator = ratio.get("denominator");
    let value = denominator
        .and_then(|own| own.get("value"))
        .and_then(Value::as_f64);
    let unit = denominator.and_then(|own| text(own, "code").or_else(|| text(own, "unit")));
    value.is_none_or(|value| (value - 1.0).abs() < 1e-9) && unit == Some("d")
}

fn route(instruction: &Value) -> Option<String> {
    let concept = instruction.get("route")?;
    let by_code = codes::code_of(instruction, "route").and_then(|code| {
        let code = code.to_ascii_uppercase();
        ROUTES.iter().find(|(known, _)| *known == code)
    });
    let word = by_code.map(|(_, word)| *word).or_else(|| {
        let words = codes::words(concept);
        let known = ROUTES.iter().find(|(_, word)| words.contains(word));
        known.map(|(_, word)| *word)
    });
    word.map(str::to_owned)
}

/// An amount, its unit as the tables write it: UCUM where the sender gives it, else as the engine reads the word behind
/// the number.
fn amount(reader: &Reader<'_>, words: &str, quantity: &Value) -> Option<Quantity> {
    let number = quantity
        .get("value")
        .filter(|value| value.is_number())?
        .to_string();
    let code = text(quantity, "code").filter(|_| text(quantity, "system").is_none_or(is_ucum));
    let unit = text(quantity, "unit");
    if let Some(known) = code.or(unit).and_then(weighed) {
        return Some(Quantity {
            number: Some(number),
            unit: Some(known.into()),
            ..Quantity::default()
        });
    }
    let read = read_words(reader, &format!("{words} {number}{}", unit.or(code)?));
    let amount = read
        .amount
        .filter(|amount| amount.number.as_deref() == Some(number.as_str()));
    amount.filter(|amount| amount.unit.is_some())
}

/// Whether an address is that of UCUM.
pub(super) fn is_ucum(system: &str) -> bool {
    system == "http://unitsofmeasure.org"
}

fn weighed(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "kg" => "kg",
        "g" => "g",
        "mg" => "mg",
        "ug" | "mcg" => "ug",
        "ng" => "ng",
        "L" => "L",
        "mL" | "ml" => "mL",
        "U" | "[iU]" | "[IU]" | "IU" => "U",
        "mg/kg" => "mg/kg",
        "ug/kg" => "ug/kg",
        _ => return None,
    })
}
