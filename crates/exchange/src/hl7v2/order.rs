//! Orders and acts: examinations asked for (OMG), done (OMI), diets (OMD).

use super::coded::{field, practitioner};
use super::making::Making;
use super::observation::{Around, authored, planned};
use super::syntax::Segment;
use super::tables::TABLES;
use crate::incoming::Severity;
use crate::json::{Json, object};

/// FHIR status of an order by ORC-1 (HL7 table 0119); where a request and a prescription differ, the request's.
pub(crate) fn request_status(order: Option<&Segment<'_>>, making: &mut Making<'_>) -> &'static str {
    control(order, making).0
}

/// FHIR status of a prescription by ORC-1.
pub(crate) fn prescription_status(order: Option<&Segment<'_>>, making: &mut Making<'_>) -> &'static str {
    match control(order, making).1 {
        "revoked" => "cancelled",
        other => other,
    }
}

fn control(order: Option<&Segment<'_>>, making: &mut Making<'_>) -> (&'static str, &'static str) {
    let Some(orc) = order else {
        return ("active", "active");
    };
    let written = orc.text(1, 1);
    if let Some(known) = TABLES.code("order-control", &written) {
        return known.split_once(':').unwrap_or((known, known));
    }
    let message = "this order control code is unknown; the order's status is \"unknown\" (HL7 table 0119)";
    making.problem(Severity::Warning, "unknown-code", (orc, 1), message);
    ("unknown", "unknown")
}

/// Number of an order: the placer's, else the filler's (ORC-2/3, OBR-2/3).
pub(crate) fn number(segment: &Segment<'_>) -> String {
    let placer = segment.text(2, 1);
    if placer.is_empty() {
        segment.text(3, 1)
    } else {
        placer
    }
}

/// Adds the ServiceRequest of an OBR segment.
pub(crate) fn request(around: Around<'_, '_>, making: &mut Making<'_>) {
    let Some(obr) = around.request else {
        return;
    };
    let body = object([
        ("identifier", object([("value", number(obr).into())]).one()),
        ("status", request_status(around.order, making).into()),
        ("intent", "order".into()),
        ("category", category(making)),
        ("code", field(obr, 4)),
        (
            "occurrenceDateTime",
            planned(around, making).map(|time| time.fhir).into(),
        ),
        (
            "authoredOn",
            authored(around.order, making).map(|time| time.fhir).into(),
        ),
        (
            "requester",
            around
                .order
                .map_or(Json::Null, |orc| practitioner(&orc.field(12))),
        ),
        ("reasonCode", reasons(obr)),
    ]);
    making.resource("ServiceRequest", &body);
}

/// Adds the Procedure of an examination that was done.
pub(crate) fn done(around: Around<'_, '_>, making: &mut Making<'_>) {
    let Some(obr) = around.request else {
        return;
    };
    let at = making
        .past(obr, 7, 1)
        .or_else(|| making.past(obr, 22, 1))
        .or_else(|| around.order.and_then(|orc| making.past(orc, 9, 1)));
    making.happened(at.as_ref());
    let status = match request_status(around.order, making) {
        "revoked" => "not-done",
        "unknown" => "unknown",
        _ => "completed",
    };
    let body = object([
        ("identifier", object([("value", number(obr).into())]).one()),
        ("status", status.into()),
        ("category", object([("text", making.category.into())])),
        ("code", field(obr, 4)),
        ("performedDateTime", at.map(|at| at.fhir).into()),
        ("reasonCode", reasons(obr)),
    ]);
    making.resource("Procedure", &body);
}

/// Adds the NutritionOrder of a group of diet segments (ODS, ODT).
pub(crate) fn diet(order: Option<&Segment<'_>>, diets: &[&Segment<'_>], making: &mut Making<'_>) {
    // ODT-3 is words, where ODS-3 is the diet.
    let coded = diets.iter().filter(|diet| diet.name == "ODS");
    let kinds: Vec<Json> = coded.map(|diet| field(diet, 3)).collect();
    let words: Vec<String> = diets
        .iter()
        .map(|diet| diet.text(if diet.name == "ODT" { 3 } else { 4 }, 1))
        .filter(|text| !text.is_empty())
        .collect();
    let wanted = order.and_then(|orc| {
        // TQ of the diet (ORC-7, or ORC-15: effective from).
        making
            .time(orc, 15, 1)
            .or_else(|| making.time(orc, 7, 4))
            .or_else(|| making.time(orc, 9, 1))
    });
    making.happened(wanted.as_ref());
    let body = object([
        (
            "status",
            prescription_status(order, making)
                .replace("cancelled", "revoked")
                .replace("stopped", "completed")
                .into(),
        ),
        ("intent", "order".into()),
        ("dateTime", wanted.map(|time| time.fhir).into()),
        (
            "oralDiet",
            object([("type", kinds.into()), ("instruction", words.join("\n").into())]),
        ),
    ]);
    making.resource("NutritionOrder", &body);
}

fn category(making: &Making<'_>) -> Json {
    if matches!(making.category, "" | "dispense") {
        return Json::Null;
    }
    object([("text", making.category.into())]).one()
}

/// Reasons (OBR-31).
fn reasons(obr: &Segment<'_>) -> Json {
    let reasons: Vec<Json> = obr
        .repetitions(31)
        .take(20)
        .map(|reason| super::coded::concept(&reason))
        .collect();
    reasons.into()
}
