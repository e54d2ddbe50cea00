//! Visits and stays: EVN, PV1, PV2 (chapter 3) as Encounter; insurance (IN1) as Coverage.

use super::coded::{coding, concept, field, practitioner};
use super::making::Making;
use super::syntax::Segment;
use super::tables::TABLES;
use crate::json::{Json, object};

const CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ATTENDING: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Adds the Encounter of a message that is about a stay; `status` is the one it leaves.
pub(crate) fn encounter(
    pv1: &Segment<'_>,
    event: Option<&Segment<'_>>,
    reason: Option<&Segment<'_>>,
    status: &'static str,
    making: &mut Making<'_>,
) {
    let admitted = making.time(pv1, 44, 1);
    let discharged = making.time(pv1, 45, 1);
    // EVN-6: when it happened; EVN-3: when it is planned.
    let happened = event.and_then(|evn| making.time(evn, 6, 1).or_else(|| making.time(evn, 3, 1)));
    let is_over = status == "finished";
    let start = admitted.or_else(|| happened.clone().filter(|_| !is_over));
    let end = discharged.or_else(|| happened.clone().filter(|_| is_over));
    making.happened(happened.as_ref());
    making.happened(if is_over { end.as_ref() } else { start.as_ref() });
    let class = TABLES.code("class", &pv1.text(2, 1)).unwrap_or("");
    let body = object([
        ("identifier", object([("value", pv1.text(19, 1).into())]).one()),
        ("status", status.into()),
        (
            "class",
            if class.is_empty() {
                Json::Null
            } else {
                object([("system", CLASS.into()), ("code", class.into())])
            },
        ),
        ("serviceType", concept(&pv1.field(10))),
        ("participant", participants(pv1)),
        (
            "period",
            object([
                ("start", start.map(|time| time.fhir).into()),
                ("end", end.map(|time| time.fhir).into()),
            ]),
        ),
        ("reasonCode", reason.map_or(Json::Null, |pv2| field(pv2, 3)).one()),
        (
            "hospitalization",
            object([
                ("admitSource", concept(&pv1.field(14))),
                ("dischargeDisposition", concept(&pv1.field(36))),
            ]),
        ),
        (
            "location",
            object([("location", object([("display", location(pv1).into())]))]).one(),
        ),
    ]);
    making.resource("Encounter", &body);
}

/// Adds the Coverage of an insurance segment.
pub(crate) fn coverage(in1: &Segment<'_>, making: &mut Making<'_>) {
    let start = making.time(in1, 12, 1).map(|time| time.civil.date().to_string());
    let end = making.time(in1, 13, 1).map(|time| time.civil.date().to_string());
    let payor = [in1.text(4, 1), in1.text(3, 1)]
        .into_iter()
        .find(|name| !name.is_empty());
    let symbol = [in1.text(10, 1), in1.text(11, 1)];
    let symbol: Vec<&str> = symbol
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    let body = object([
        ("status", "active".into()),
        ("type", field(in1, 2)),
        ("subscriberId", symbol.join(" ").into()),
        ("relationship", field(in1, 17)),
        ("period", object([("start", start.into()), ("end", end.into())])),
        (
            "payor",
            object([
                ("identifier", object([("value", in1.text(3, 1).into())])),
                ("display", payor.into()),
            ])
            .one(),
        ),
    ]);
    making.resource("Coverage", &body);
}

fn participants(pv1: &Segment<'_>) -> Json {
    let doctors: Vec<Json> = pv1
        .repetitions(7)
        .take(10)
        .map(|doctor| {
            let kind = object([("coding", coding_of("ATND").one())]);
            object([("type", kind.one()), ("individual", practitioner(&doctor))])
        })
        .collect();
    doctors.into()
}

fn coding_of(code: &str) -> Json {
    let plain = coding(code, "", "", "");
    match plain {
        Json::Object(fields) => Json::Object(vec![("system", ATTENDING.into())]).with(fields),
        other => other,
    }
}

/// Ward, room, bed (PL).
fn location(pv1: &Segment<'_>) -> String {
    let parts: Vec<String> = (1..=4).map(|part| pv1.text(3, part)).collect();
    let shown: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    shown.join(" ")
}
