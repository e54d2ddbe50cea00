//! Drugs: statements of what is taken, and plans.

use super::elements::{Field, code, concept, quantity};
use super::{Export, systems, time};
use serde_json::{Value, json};
use tsumugi_clinical::{Certainty, Dosage, Event, Phase, Polarity, Quantity, SectionKind};

/// A drug: a plan where it is planned in the plan of the note, else a statement.
///
/// A plan is no order: JP Core's MedicationRequest is a prescription (intent `order`, prescription numbers), so that a
/// plan is a plain R4 MedicationRequest with intent `plan`.
pub(crate) fn medication(export: &Export<'_>, index: usize, event: &Event) -> Value {
    let is_plan = event.phase == Phase::Planned && export.section(event) == Some(SectionKind::P);
    if is_plan {
        request(export, index, event)
    } else {
        statement(export, index, event)
    }
}

fn statement(export: &Export<'_>, index: usize, event: &Event) -> Value {
    let dosage = event.dosage.as_ref();
    let route = dosage.and_then(|dosage| dosage.route.as_deref());
    let is_injected = matches!(route, Some("iv" | "im" | "sc"));
    // JP Core's statement is for oral and external drugs, and its timing needs codes of usage that a note does not have.
    let is_jp_core = !is_injected && dosage.is_none_or(|dosage| timing(dosage).is_none());
    let profile = is_jp_core.then(|| Export::jp_core("JP_MedicationStatement"));
    let fields = [
        ("status", json!(status(event))),
        (
            "medicationCodeableConcept",
            concept(&event.codes, export.words(event)),
        ),
        ("subject", export.subject()),
        ("dateAsserted", export.recorded()),
        (
            "dosage",
            dosage.map_or(Value::Null, |dosage| json!([instruction(dosage)])),
        ),
    ];
    let taken = time::taken(event.time.as_ref(), event.phase == Phase::Stopped);
    let fields = fields.into_iter().chain(taken);
    export.resource(
        "MedicationStatement",
        &export.id(index, "state"),
        index,
        profile.as_deref(),
        fields,
    )
}

fn status(event: &Event) -> &'static str {
    match (event.polarity, event.certainty, event.phase) {
        (Polarity::Absent, _, _) => "not-taken",
        (_, Certainty::Suspected, _) => "unknown",
        (_, _, Phase::Current) => "active",
        (_, _, Phase::Past) => "completed",
        (_, _, Phase::Planned) => "intended",
        (_, _, Phase::Stopped) => "stopped",
    }
}

/// A planned drug, or vaccine.
pub(crate) fn request(export: &Export<'_>, index: usize, event: &Event) -> Value {
    let dosage = event.dosage.as_ref();
    let fields = [
        ("status", json!("active")),
        ("intent", json!("plan")),
        (
            "doNotPerform",
            if event.polarity == Polarity::Absent {
                json!(true)
            } else {
                Value::Null
            },
        ),
        (
            "medicationCodeableConcept",
            concept(&event.codes, export.words(event)),
        ),
        ("subject", export.subject()),
        ("authoredOn", export.recorded()),
        (
            "dosageInstruction",
            dosage.map_or(Value::Null, |dosage| json!([instruction(dosage)])),
        ),
    ];
    export.resource(
        "MedicationRequest",
        &export.id(index, "state"),
        index,
        None,
        fields,
    )
}

/// How it is taken.
///
/// 「3錠 分3」 is three a day and 「1回3錠 1日3回」 nine: where several doses a day stand beside an amount, the event does not
/// say which, and a dose is not guessed. The amount is then an extension of that name, and the words say it all.
fn instruction(dosage: &Dosage) -> Value {
    let amount = dosage.amount.as_ref().or(dosage.strength.as_ref());
    let is_one_dose = dosage.as_needed || dosage.times_per_day.is_none_or(|times| times <= 1);
    let dose = amount.filter(|_| is_one_dose).and_then(dose);
    let open = amount
        .filter(|_| !is_one_dose)
        .and_then(|amount| extension(systems::DOSE_OR_DAY, amount));
    let strength = dosage.strength.as_ref().filter(|_| dosage.amount.is_some());
    let strength = strength.and_then(|strength| extension(systems::STRENGTH, strength));
    let text = if dosage.text.is_empty() {
        dosage.timing.as_deref()
    } else {
        Some(dosage.text.as_str())
    };
    json!({
        "extension": [open, strength],
        "text": text,
        "timing": timing(dosage),
        "asNeededBoolean": dosage.as_needed.then_some(true),
        "route": dosage.route.as_deref().map(route),
        "doseAndRate": dose.map(|dose| [super::elements::object([dose])]),
    })
}

fn dose(amount: &Quantity) -> Option<Field> {
    let low = amount
        .number
        .as_deref()
        .and_then(|number| quantity(number, amount))?;
    Some(
        match amount.high.as_deref().and_then(|number| quantity(number, amount)) {
            Some(high) => ("doseRange", json!({ "low": low, "high": high })),
            None => ("doseQuantity", low),
        },
    )
}

fn extension(url: &str, amount: &Quantity) -> Option<Value> {
    let quantity = amount
        .number
        .as_deref()
        .and_then(|number| quantity(number, amount))?;
    Some(json!({ "url": url, "valueQuantity": quantity }))
}

fn timing(dosage: &Dosage) -> Option<Value> {
    let days = dosage
        .days
        .map(|days| json!({ "value": days, "unit": "d", "system": systems::UCUM, "code": "d" }));
    let every_day = dosage.times_per_day.filter(|times| *times > 0);
    let words = dosage.timing.as_deref();
    (days.is_some() || every_day.is_some() || words.is_some()).then(|| {
        json!({
            "repeat": {
                "boundsDuration": days,
                "frequency": every_day,
                "period": every_day.map(|_| 1),
                "periodUnit": every_day.map(|_| "d"),
            },
            "code": { "text": words },
        })
    })
}

/// The route in HL7 table 0162, with the word of our tables.
fn route(route: &str) -> Value {
    let letters = match route {
        "oral" => "PO",
        "iv" => "IV",
        "im" => "IM",
        "sc" => "SC",
        "topical" => "TP",
        "inhaled" => "IH",
        "eye" => "OP",
        "ear" => "OT",
        "nasal" => "NS",
        "rectal" => "PR",
        "transdermal" => "TD",
        "sublingual" => "SL",
        "vaginal" => "VG",
        "tube" => "NG",
        _ => return json!({ "text": route }),
    };
    super::elements::with(code(systems::ROUTE, letters), [("text", json!(route))])
}
