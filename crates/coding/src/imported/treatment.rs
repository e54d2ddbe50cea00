//! Drugs with their dosage, acts, vaccinations, orders.

use super::look::{at, decimal, list, text, value_of, words};
use super::times;
use super::{Import, look};
use serde_json::Value;
use tsumugi_clinical::{
    Certainty, ClinicalTime, Dosage, Event, EventKind, Phase, Polarity, Quantity, TimeFrame,
};
use tsumugi_tables::TermKind;

const DRUGS: [TermKind; 2] = [TermKind::Drug, TermKind::DrugClass];
const ACTS: [TermKind; 2] = [TermKind::Procedure, TermKind::Exam];
/// Days of supply that are believed.
const LONGEST_SUPPLY: u32 = 3650;
/// Doses a day that are believed.
const MOST_A_DAY: u32 = 24;

impl Import<'_> {
    pub(super) fn medication(&mut self, resource: &Value) {
        let none = Value::Null;
        let code = self.drug_code(resource).unwrap_or_else(|| none.clone());
        let Some(mut event) = self.drug(&code) else {
            self.remark("uncoded", look::label(&code));
            return;
        };
        let dosage = self.dosage(resource, &code, event.dosage.take());
        event = self.by_route(event, &dosage);
        event.dosage = (dosage != Dosage::default()).then(|| Box::new(dosage));
        (event.phase, event.polarity, event.certainty) = standing(resource);
        event.time = medication_time(resource, event.dosage.as_deref());
        self.push(event);
    }

    /// The code of the drug: in the resource, in the Medication that it contains or names.
    fn drug_code(&self, resource: &Value) -> Option<Value> {
        if let Some(code) = at(resource, "medicationCodeableConcept") {
            return Some(code.clone());
        }
        let reference = at(resource, "medicationReference")?;
        let named = text(reference, "reference").unwrap_or("");
        let is_medication = |value: &&Value| text(value, "resourceType") == Some("Medication");
        let id = named.rsplit('/').next().unwrap_or(named).trim_start_matches('#');
        let of_id = |value: &&Value| text(value, "id") == Some(id);
        let contained = || list(resource, "contained").filter(is_medication);
        let beside = || self.context.beside.iter().filter(is_medication);
        let medication = contained()
            .find(of_id)
            .or_else(|| beside().find(of_id))
            // An address of a bundle is no id: the one Medication that came with the resource is meant.
            .or_else(|| beside().next().filter(|_| beside().count() == 1));
        let by_display = || {
            let words = text(reference, "display")?;
            Some(serde_json::json!({ "text": words }))
        };
        match medication {
            Some(medication) => at(medication, "code").cloned().or_else(|| {
                let first = list(medication, "ingredient").next()?;
                at(first, "itemCodeableConcept").cloned()
            }),
            None => by_display(),
        }
    }

    /// The event of a drug with what its name tells of strength and form.
    fn drug(&self, code: &Value) -> Option<Event> {
        let read = words(code).into_iter().find_map(|word| {
            self.read(word, false)
                .into_iter()
                .find(|event| matches!(event.kind, EventKind::Medication | EventKind::Immunization))
        });
        let found = self.find(code, &DRUGS);
        let by_code = found.and_then(|found| self.event(found.key, &found.words));
        match (by_code, read) {
            (Some(event), Some(read)) => Some(Event {
                dosage: read.dosage,
                ..event
            }),
            (event, read) => event.or(read),
        }
    }

    /// A drug that exists as a systemic and a topical ingredient is the one its route says.
    fn by_route(&self, event: Event, dosage: &Dosage) -> Event {
        let id = event.concept.as_str();
        let other = match dosage.route.as_deref() {
            Some("topical" | "transdermal") if !id.ends_with("-topical") => format!("{id}-topical"),
            Some("eye") if !id.ends_with("-eye") => format!("{id}-eye"),
            _ => return event,
        };
        let other = self
            .coder
            .vocabulary
            .key(&other)
            .and_then(|key| self.event(key, ""));
        match other {
            Some(other) => Event {
                dosage: event.dosage.clone(),
                ..other
            },
            None => event,
        }
    }

    /// How it is given: what the name tells, what the instruction says in words, then what it says in fields.
    fn dosage(&self, resource: &Value, code: &Value, named: Option<Box<Dosage>>) -> Dosage {
        let mut dosage = named.map(|named| *named).unwrap_or_default();
        let route = dosage.route.take();
        let instructions: Vec<&Value> = list(resource, "dosageInstruction")
            .chain(list(resource, "dosage"))
            .collect();
        let instruction = instructions.first().copied();
        if let [instruction] = instructions.as_slice() {
            self.worded_dosage(instruction, code, &mut dosage);
            self.fields(instruction, &mut dosage);
        } else {
            // Several instructions are steps or alternatives: the fields of none are those of the whole.
            let said: Vec<&str> = instructions.iter().copied().filter_map(written).collect();
            dosage.text = said.join(" ");
        }
        dosage.route = dosage.route.take().or(route);
        dosage.days = days(resource, instruction).or(dosage.days);
        dosage
    }

    /// The words of an instruction, read as they stand behind the name of the drug.
    fn worded_dosage(&self, instruction: &Value, code: &Value, dosage: &mut Dosage) {
        let Some(written) = written(instruction).map(str::to_owned) else {
            return;
        };
        let name = words(code).first().copied().unwrap_or("");
        let drug = self
            .drug(&serde_json::json!({ "text": name }))
            .map_or_else(|| name.to_owned(), |event| event.name.to_string());
        let read = self
            .read(&format!("{drug} {written}"), false)
            .into_iter()
            .find_map(|event| event.dosage);
        dosage.text = written;
        let Some(read) = read else { return };
        dosage.strength = dosage.strength.take().or(read.strength);
        dosage.amount = read.amount.or(dosage.amount.take());
        dosage.times_per_day = read.times_per_day.or(dosage.times_per_day);
        dosage.timing = read.timing.or(dosage.timing.take());
        dosage.as_needed |= read.as_needed;
        dosage.days = read.days.or(dosage.days);
        dosage.route = read.route.or(dosage.route.take());
    }

    fn fields(&self, instruction: &Value, dosage: &mut Dosage) {
        let rate = list(instruction, "doseAndRate").next().unwrap_or(instruction);
        let of_day = at(rate, "rateRatio")
            .filter(|ratio| is_a_day(ratio))
            .and_then(|ratio| at(ratio, "numerator"));
        if let Some(words) = of_day.and_then(day_in_words) {
            if !dosage.text.is_empty() {
                dosage.text.push(' ');
            }
            dosage.text.push_str(&words);
        }
        let dose = of_day
            .or_else(|| at(rate, "doseQuantity"))
            .or_else(|| at(rate, "dose"));
        let amount = dose.and_then(|dose| self.quantity(dose)).or_else(|| {
            let range = at(rate, "doseRange")?;
            self.any("Range", range)
        });
        let amount = amount.map(|amount| Quantity {
            unit: amount.unit.map(|unit| self.unit(&unit)),
            ..amount
        });
        match amount {
            // A day's amount of the drug itself: the strength of a tablet no longer says anything.
            Some(amount) if of_day.is_some() && is_mass(&amount) => {
                dosage.strength = None;
                dosage.amount = Some(amount);
            }
            Some(amount) if dosage.strength.is_none() && is_mass(&amount) => dosage.strength = Some(amount),
            Some(amount) => dosage.amount = Some(amount),
            None => {}
        }
        let repeat = at(instruction, "timing").and_then(|timing| at(timing, "repeat"));
        if let Some(times) = repeat.and_then(times_per_day) {
            dosage.times_per_day = Some(times);
        }
        if let Some((kind, value)) = value_of(instruction, "asNeeded") {
            dosage.as_needed |= kind == "CodeableConcept" || value.as_bool() == Some(true);
        }
        if let Some(route) = at(instruction, "route") {
            let codes = list(route, "coding").filter_map(|coding| text(coding, "code"));
            let known = codes.chain(words(route)).find_map(route_word).map(str::to_owned);
            dosage.route = known.or(dosage.route.take());
        }
    }

    pub(super) fn procedure(&mut self, resource: &Value) {
        let none = Value::Null;
        let code = at(resource, "code").unwrap_or(&none);
        let Some(mut event) = self
            .find_or_remark(code, &ACTS)
            .and_then(|found| self.event_of(found))
        else {
            return;
        };
        if let Some(site) = list(resource, "bodySite").next() {
            event = self.at_site(event, site);
        }
        match text(resource, "status") {
            Some("not-done") => event.polarity = Polarity::Absent,
            Some("preparation") => event.phase = Phase::Planned,
            Some("stopped" | "on-hold") => event.phase = Phase::Stopped,
            Some("unknown") => event.certainty = Certainty::Suspected,
            _ => {}
        }
        event.time = times::of(resource, &["performedDateTime", "performedPeriod"]).or(event.time);
        self.push(event);
    }

    pub(super) fn immunization(&mut self, resource: &Value) {
        let none = Value::Null;
        let code = at(resource, "vaccineCode").unwrap_or(&none);
        let Some(event) = self
            .find_or_remark(code, &DRUGS)
            .and_then(|found| self.event_of(found))
        else {
            return;
        };
        let is_given = text(resource, "status") != Some("not-done");
        self.push(Event {
            kind: EventKind::Immunization,
            polarity: if is_given {
                Polarity::Present
            } else {
                Polarity::Absent
            },
            phase: Phase::Current,
            time: times::of(resource, &["occurrenceDateTime", "recorded"]),
            ..event
        });
    }

    /// An order: what is planned, until it is done.
    pub(super) fn service(&mut self, resource: &Value) {
        let status = text(resource, "status");
        if status == Some("revoked") {
            return;
        }
        let none = Value::Null;
        let code = at(resource, "code").unwrap_or(&none);
        let found = self
            .find(code, &[TermKind::Test])
            .or_else(|| self.find(code, &ACTS));
        let Some(event) = found.and_then(|found| self.event_of(found)) else {
            self.remark("uncoded", look::label(code));
            return;
        };
        let is_denied = at(resource, "doNotPerform").and_then(Value::as_bool) == Some(true);
        let kind = match self.kind(&event) {
            EventKind::Measurement => EventKind::Examination,
            kind => kind,
        };
        self.push(Event {
            kind,
            polarity: if is_denied {
                Polarity::Absent
            } else {
                Polarity::Present
            },
            phase: match status {
                Some("completed") => Phase::Current,
                _ => Phase::Planned,
            },
            time: times::of(
                resource,
                &["occurrenceDateTime", "occurrencePeriod", "authoredOn"],
            ),
            ..event
        });
    }
}

/// The words of an instruction; the code of a usage says again what they say.
fn written(instruction: &Value) -> Option<&str> {
    let timing = at(instruction, "timing").and_then(|timing| at(timing, "code"));
    text(instruction, "text").or_else(|| timing.and_then(|timing| words(timing).first().copied()))
}

/// Whether a rate is for one day (`n` per 1 d).
fn is_a_day(ratio: &Value) -> bool {
    let Some(denominator) = at(ratio, "denominator") else {
        return false;
    };
    let is_one = at(denominator, "value")
        .and_then(Value::as_f64)
        .is_none_or(|value| (value - 1.0).abs() < 1e-9);
    let unit = text(denominator, "code").or_else(|| text(denominator, "unit"));
    is_one && unit == Some("d")
}

/// A day's amount in words: a [`Dosage`] tells it from that of a dose by its text alone.
fn day_in_words(numerator: &Value) -> Option<String> {
    let number = at(numerator, "value").and_then(decimal)?;
    let unit = text(numerator, "unit")
        .or_else(|| text(numerator, "code"))
        .unwrap_or("");
    Some(format!("{number}{unit}/day"))
}

/// Phase, polarity and certainty of a drug by the status of its resource.
fn standing(resource: &Value) -> (Phase, Polarity, Certainty) {
    let status = text(resource, "status").unwrap_or("");
    let kind = text(resource, "resourceType").unwrap_or("");
    let is_plan = matches!(text(resource, "intent"), Some("plan" | "proposal"));
    let is_denied = at(resource, "doNotPerform").and_then(Value::as_bool) == Some(true);
    let phase = match (kind, status) {
        (_, "stopped" | "cancelled" | "on-hold" | "declined") => Phase::Stopped,
        ("MedicationStatement", "completed") => Phase::Past,
        (_, "intended" | "draft" | "preparation") => Phase::Planned,
        _ if is_plan => Phase::Planned,
        _ => Phase::Current,
    };
    let polarity = if is_denied || matches!(status, "not-taken" | "not-done") {
        Polarity::Absent
    } else {
        Polarity::Present
    };
    let certainty = if status == "unknown" {
        Certainty::Suspected
    } else {
        Certainty::Asserted
    };
    (phase, polarity, certainty)
}

/// From the day it is given for the days of its supply; the day alone where those are not said.
fn medication_time(resource: &Value, dosage: Option<&Dosage>) -> Option<ClinicalTime> {
    const FIELDS: [&str; 7] = [
        "effectiveDateTime",
        "effectivePeriod",
        "whenHandedOver",
        "whenPrepared",
        "authoredOn",
        "dateAsserted",
        "recorded",
    ];
    let instruction = list(resource, "dosageInstruction").next();
    let bounds = instruction
        .and_then(|instruction| at(instruction, "timing"))
        .and_then(|timing| at(timing, "repeat"))
        .and_then(|repeat| at(repeat, "boundsPeriod"))
        .and_then(times::period);
    let time = bounds.or_else(|| times::of(resource, &FIELDS))?;
    let days = dosage.and_then(|dosage| dosage.days).filter(|days| *days > 0);
    let last = days.zip(time.from).and_then(|(days, from)| {
        let after = jiff::Span::new().try_days(i64::from(days) - 1).ok()?;
        Some(from.date().checked_add(after).ok()?.at(23, 59, 59, 0))
    });
    Some(match last {
        Some(last) if text(resource, "resourceType") != Some("MedicationAdministration") => ClinicalTime {
            to: Some(last),
            frame: TimeFrame::Within,
            ..time
        },
        _ => time,
    })
}

/// Days of supply, where the resource says them.
fn days(resource: &Value, instruction: Option<&Value>) -> Option<u32> {
    let of = |duration: &Value| {
        let number: f64 = decimal(at(duration, "value")?)?.parse().ok()?;
        let unit = text(duration, "code")
            .or_else(|| text(duration, "unit"))
            .unwrap_or("d");
        let days = match unit {
            "wk" => number * 7.0,
            "mo" => number * 30.0,
            _ => number,
        };
        whole(days, LONGEST_SUPPLY)
    };
    let repeat = instruction
        .and_then(|instruction| at(instruction, "timing"))
        .and_then(|timing| at(timing, "repeat"));
    let usage = instruction
        .into_iter()
        .flat_map(|instruction| list(instruction, "extension"));
    at(resource, "daysSupply")
        .and_then(of)
        .or_else(|| {
            at(resource, "dispenseRequest")
                .and_then(|request| at(request, "expectedSupplyDuration"))
                .and_then(of)
        })
        .or_else(|| {
            repeat
                .and_then(|repeat| at(repeat, "boundsDuration"))
                .and_then(of)
        })
        .or_else(|| {
            usage
                .filter_map(|extension| at(extension, "valueDuration"))
                .find_map(of)
        })
}

fn times_per_day(repeat: &Value) -> Option<u32> {
    let number = |key: &str| at(repeat, key).and_then(Value::as_f64);
    let period = number("period").unwrap_or(1.0);
    if text(repeat, "periodUnit").is_some_and(|unit| unit != "d") || (period - 1.0).abs() > f64::EPSILON {
        return None;
    }
    whole(number("frequency")?, MOST_A_DAY)
}

/// The whole number of at least 1 that a decimal holds, up to a limit.
fn whole(number: f64, most: u32) -> Option<u32> {
    (number >= 1.0 && number <= f64::from(most))
        .then(|| format!("{:.0}", number.floor()).parse().ok())
        .flatten()
}

/// Whether an amount is of the ingredient and not of units of the drug.
fn is_mass(amount: &Quantity) -> bool {
    matches!(
        amount.unit.as_deref(),
        Some("mg" | "g" | "ug" | "mL" | "[IU]" | "U")
    )
}

/// The word of our tables for a route (HL7 table 0162, and as it is written).
fn route_word(form: &str) -> Option<&'static str> {
    Some(match form {
        "PO" | "oral" => "oral",
        "IV" | "IVP" | "IVD" | "iv" => "iv",
        "IM" | "im" => "im",
        "SC" | "sc" => "sc",
        "TP" | "AP" | "topical" => "topical",
        "IH" | "inhaled" => "inhaled",
        "OP" | "eye" => "eye",
        "OT" | "ear" => "ear",
        "NS" | "nasal" => "nasal",
        "PR" | "rectal" => "rectal",
        "TD" | "transdermal" => "transdermal",
        "SL" | "sublingual" => "sublingual",
        "VG" | "vaginal" => "vaginal",
        "NG" | "tube" => "tube",
        _ => return None,
    })
}
