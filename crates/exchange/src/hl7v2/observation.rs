//! Results and what asks for them: OBX with OBR, ORC, SPM and NTE (chapters 4 and 7).

use super::coded::{coding, concept, field, fixed, name, quantity, unit};
use super::making::Making;
use super::order::request_status;
use super::syntax::Segment;
use super::tables::TABLES;
use super::times::When;
use super::value::{Value, range, structured, value, value_with};
use crate::incoming::Severity;
use crate::json::{Json, object};

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// An OBX segment with what stands around it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around<'s, 't> {
    /// The common order.
    pub(crate) order: Option<&'s Segment<'t>>,
    /// The request.
    pub(crate) request: Option<&'s Segment<'t>>,
    /// The specimen.
    pub(crate) specimen: Option<&'s Segment<'t>>,
}

/// Whether a segment is a heading of an item only: an order, no result.
pub(crate) fn is_item_only(obx: &Segment<'_>) -> bool {
    obx.text(11, 1) == "O" && obx.field_raw(5).is_empty()
}

/// Whether a segment holds narrative text.
pub(crate) fn is_narrative(obx: &Segment<'_>) -> bool {
    matches!(obx.field_raw(2), "TX" | "FT")
}

/// Whether a segment holds a whole document.
pub(crate) fn is_document(obx: &Segment<'_>) -> bool {
    matches!(obx.field_raw(2), "ED" | "RP")
}

/// Adds the Observation of an OBX segment; `notes` are the NTE segments behind it.
pub(crate) fn observation(
    around: Around<'_, '_>,
    obx: &Segment<'_>,
    notes: &[&Segment<'_>],
    making: &mut Making<'_>,
) {
    let code = field(obx, 3);
    if code.is_empty() {
        let message =
            "the item has no code and no name; the result is kept in the bytes only, name it in the source";
        making.problem(Severity::Warning, "no-item", (obx, 3), message);
        return;
    }
    let effective = effective(around, obx, making);
    making.happened(effective.as_ref());
    let issued = making
        .past(obx, 19, 1)
        .map(|issued| issued.fhir)
        .filter(|issued| issued.len() > 10);
    let status = status(obx, making);
    let read = read(obx, making);
    let category = match making.category {
        "" if around.specimen.is_some() => "laboratory",
        "" | "dispense" => "exam",
        named => named,
    };
    let note: Vec<String> = notes
        .iter()
        .map(|nte| comment(nte))
        .filter(|text| !text.is_empty())
        .collect();
    let body = object([
        ("status", status.into()),
        ("category", fixed(CATEGORY, category).one()),
        ("code", code),
        ("effectiveDateTime", effective.map(|time| time.fhir).into()),
        ("issued", issued.into()),
    ])
    .with(value_fields(obx, &read, making))
    .with([
        ("interpretation", interpretation(obx, &read, making)),
        ("note", object([("text", note.join("\n").into())]).one()),
        ("method", method(obx, &read)),
        ("specimen", object([("display", specimen(around).into())])),
        ("referenceRange", reference_range(obx)),
    ]);
    making.resource("Observation", &body);
}

/// Adds the ServiceRequest of an item that is only ordered.
pub(crate) fn ordered_item(around: Around<'_, '_>, obx: &Segment<'_>, making: &mut Making<'_>) {
    let body = object([
        ("status", request_status(around.order, making).into()),
        ("intent", "order".into()),
        (
            "category",
            around
                .request
                .map(|request| field(request, 4))
                .map(Json::one)
                .into(),
        ),
        ("code", field(obx, 3)),
        (
            "occurrenceDateTime",
            planned(around, making).map(|time| time.fhir).into(),
        ),
        (
            "authoredOn",
            authored(around.order, making).map(|time| time.fhir).into(),
        ),
        ("specimen", object([("display", specimen(around).into())]).one()),
    ]);
    making.resource("ServiceRequest", &body);
}

/// When an order was written (ORC-9).
pub(crate) fn authored(order: Option<&Segment<'_>>, making: &mut Making<'_>) -> Option<When> {
    let time = making.past(order?, 9, 1);
    making.happened(time.as_ref());
    time
}

/// When an examination is wanted: the specimen's time, OBR-7, OBR-6.
pub(crate) fn planned(around: Around<'_, '_>, making: &mut Making<'_>) -> Option<When> {
    around
        .specimen
        .and_then(|spm| making.time(spm, 17, 1))
        .or_else(|| around.request.and_then(|obr| making.time(obr, 7, 1)))
        .or_else(|| around.request.and_then(|obr| making.time(obr, 6, 1)))
}

/// A comment (NTE-3), all repetitions.
pub(crate) fn comment(nte: &Segment<'_>) -> String {
    let lines: Vec<_> = nte
        .repetitions(3)
        .map(|line| line.whole().trim().to_owned())
        .collect();
    lines.join("\n")
}

fn effective(around: Around<'_, '_>, obx: &Segment<'_>, making: &mut Making<'_>) -> Option<When> {
    making
        .past(obx, 14, 1)
        .or_else(|| around.specimen.and_then(|spm| making.past(spm, 17, 1)))
        .or_else(|| around.request.and_then(|obr| making.past(obr, 7, 1)))
        .or_else(|| around.request.and_then(|obr| making.past(obr, 22, 1)))
        .or_else(|| around.order.and_then(|orc| making.past(orc, 9, 1)))
        .or_else(|| {
            making.day.map(|day| When {
                civil: day.at(0, 0, 0, 0),
                fhir: day.to_string(),
            })
        })
}

fn status(obx: &Segment<'_>, making: &mut Making<'_>) -> &'static str {
    let written = obx.text(11, 1);
    if written.is_empty() {
        return "unknown";
    }
    TABLES.code("result-status", &written).unwrap_or_else(|| {
        let message = "this status of a result is unknown; it is taken as \"unknown\" (HL7 table 0085)";
        making.problem(Severity::Warning, "unknown-code", (obx, 11), message);
        "unknown"
    })
}

/// What a segment's value says.
fn read(obx: &Segment<'_>, making: &mut Making<'_>) -> Value {
    let kind = obx.field_raw(2);
    let mut repetitions = obx.repetitions(5);
    let Some(first) = repetitions.next() else {
        return Value::default();
    };
    if repetitions.next().is_some() {
        let all: Vec<String> = obx
            .repetitions(5)
            .take(1000)
            .map(|part| shown(kind, &part))
            .collect();
        return Value {
            text: Some(all.join("\n")),
            ..Value::default()
        };
    }
    let is_flag = |letters: &str| is_flagged(obx, letters);
    match kind {
        "SN" if first.raw.contains(obx.delimiters().component) => structured(&first.parts()),
        "NM" => {
            let number = value_with(kind, &first.whole(), &is_flag);
            if number.number.is_none() && number.absent.is_none() {
                let message = "OBX-2 says a number and this is none; it is kept as a text";
                making.problem(Severity::Information, "no-number", (obx, 5), message);
            }
            number
        }
        "" | "ST" | "SN" => value_with(kind, &first.whole(), &is_flag),
        _ => Value {
            text: Some(shown(kind, &first)),
            ..Value::default()
        },
    }
}

/// Whether letters glued to a number (`12.3H`) are a flag: OBX-8 says the same way, or OBX-6 holds the unit, and the letters
/// are not that unit (`3L` of litres).
fn is_flagged(obx: &Segment<'_>, letters: &str) -> bool {
    let unit = [obx.text(6, 1), obx.text(6, 2)];
    let is_unit = unit.iter().any(|unit| unit.eq_ignore_ascii_case(letters));
    let has_unit = unit.iter().any(|unit| !unit.is_empty());
    let says_so = || {
        let mut flags = obx.repetitions(8).take(10).map(|flag| flag.text(1));
        flags.any(|flag| !flag.is_empty() && flag.get(..1) == letters.get(..1))
    };
    (has_unit && !is_unit) || says_so()
}

fn shown(kind: &str, part: &super::syntax::Repetition<'_>) -> String {
    if is_coded(kind) {
        let parts = part.parts();
        let named = [1, 8, 4, 0].into_iter().filter_map(|index| parts.get(index));
        return named
            .into_iter()
            .find(|text| !text.is_empty())
            .cloned()
            .unwrap_or_default();
    }
    part.whole().trim().to_owned()
}

fn is_coded(kind: &str) -> bool {
    matches!(kind, "CWE" | "CE" | "CNE" | "CF" | "IS" | "ID")
}

fn value_fields(obx: &Segment<'_>, read: &Value, making: &mut Making<'_>) -> Vec<(&'static str, Json)> {
    let kind = obx.field_raw(2);
    if let Some(reason) = read.absent {
        return vec![(
            "dataAbsentReason",
            fixed(ABSENT, reason).with([("text", read.text.clone().into())]),
        )];
    }
    if let Some(number) = &read.number {
        return vec![("valueQuantity", quantity(number, read.comparator, &unit(obx, 6)))];
    }
    let is_single = obx.repetitions(5).nth(1).is_none();
    if is_coded(kind) && is_single {
        return vec![("valueCodeableConcept", coded_value(obx))];
    }
    if matches!(kind, "TS" | "DT" | "DTM") && is_single {
        let time = making.time(obx, 5, 1).map(|time| time.fhir);
        return vec![("valueDateTime", time.into())];
    }
    if read.text.as_ref().is_none_or(String::is_empty) {
        return vec![("dataAbsentReason", fixed(ABSENT, "unknown"))];
    }
    vec![("valueString", read.text.clone().into())]
}

/// A coded value; a qualitative word in it gets its usual form as the text.
fn coded_value(obx: &Segment<'_>) -> Json {
    let parts = obx.field(5).parts();
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    let has_no_code = part(2).is_empty() && part(1).is_empty();
    if has_no_code {
        let text = value("ST", part(0)).text.unwrap_or_else(|| part(0).to_owned());
        return object([
            ("coding", coding(part(0), "", "", "").one()),
            ("text", text.into()),
        ]);
    }
    concept(&obx.field(5))
}

fn interpretation(obx: &Segment<'_>, read: &Value, making: &mut Making<'_>) -> Json {
    let mut all = Vec::new();
    for written in obx.repetitions(8).take(10) {
        let code = written.text(1);
        match TABLES.code("interpretation", &code) {
            Some(known) => all.push(fixed(INTERPRETATION, known)),
            None if code.is_empty() => {}
            None => {
                let message =
                    "this flag is unknown; it is kept as a text (hl7_codes.tsv, set interpretation)";
                making.problem(Severity::Information, "unknown-code", (obx, 8), message);
                all.push(object([("text", code.into())]));
            }
        }
    }
    if let Some(beside) = &read.beside {
        match TABLES
            .code("interpretation", beside)
            .filter(|known| known == beside)
        {
            Some(known) => all.push(fixed(INTERPRETATION, known)),
            None => all.push(object([("text", beside.as_str().into())])),
        }
    }
    all.into()
}

fn method(obx: &Segment<'_>, read: &Value) -> Json {
    match read.method {
        Some(method) => object([("text", method.into())]),
        None => field(obx, 17),
    }
}

fn specimen(around: Around<'_, '_>) -> String {
    let of_specimen = around
        .specimen
        .map(|spm| name(spm, 4))
        .filter(|name| !name.is_empty());
    // OBR-15 is the old place: its first component is a code of its own.
    of_specimen
        .or_else(|| {
            around
                .request
                .and_then(|obr| obr.field(15).subcomponents(1).into_iter().nth(1))
        })
        .unwrap_or_default()
}

fn reference_range(obx: &Segment<'_>) -> Json {
    let written = obx.text(7, 1);
    if written.is_empty() {
        return Json::Null;
    }
    let (low, high) = range(&written);
    let unit = unit(obx, 6);
    let side = |digits: Option<String>| digits.map_or(Json::Null, |digits| quantity(&digits, None, &unit));
    object([("low", side(low)), ("high", side(high)), ("text", written.into())]).one()
}
