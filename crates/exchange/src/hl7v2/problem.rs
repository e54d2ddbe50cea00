//! Diseases: PRB and ZPR of PPR^ZD1 (SS-MIX2; chapter 12.4.1), DG1.

use super::coded::{concept_of, fixed, name};
use super::making::Making;
use super::syntax::Segment;
use super::tables::{Role, TABLES};
use super::value::suspected;
use crate::incoming::Severity;
use crate::json::{Json, object};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const MODIFIER: &str = "https://tsumugi.example/StructureDefinition/disease-modifier";

/// Adds the Condition of a PRB segment; `modifiers` are the ZPR segments behind it.
pub(crate) fn disease(prb: &Segment<'_>, modifiers: &[&Segment<'_>], making: &mut Making<'_>) {
    let written = [name(prb, 3), prb.text(17, 1)]
        .into_iter()
        .find(|text| !text.is_empty());
    let Some(written) = written else {
        let message = "the disease has no code and no name; it is kept in the bytes only";
        making.problem(Severity::Warning, "no-disease", (prb, 3), message);
        return;
    };
    let action = prb.text(1, 1);
    let meant = TABLES.code("problem-action", &action);
    if meant.is_none() {
        let message = "this action code is unknown; the disease is taken as stated (HL7 table 0287)";
        making.problem(Severity::Warning, "unknown-code", (prb, 1), message);
    }
    let is_deleted = meant == Some("deleted");
    let onset = making.past(prb, 16, 1).or_else(|| making.past(prb, 7, 1));
    // An end that is still to come is a plan.
    let ended = making
        .past(prb, 9, 1)
        .filter(|ended| making.sent.is_none_or(|sent| ended.civil <= sent));
    let recorded = making.past(prb, 2, 1);
    making.happened(onset.as_ref().or(recorded.as_ref()));
    let is_suspected = is_suspected(prb, &written, modifiers);
    let verification = if is_deleted {
        "entered-in-error"
    } else if is_suspected {
        "unconfirmed"
    } else {
        TABLES
            .code("confirmation", &prb.text(13, 1))
            .unwrap_or("confirmed")
    };
    let outcome = TABLES.code("outcome", &prb.text(14, 1)).unwrap_or("");
    let clinical = match (is_deleted, ended.is_some(), outcome) {
        (true, _, _) => "",
        // FHIR con-4: what has ended is not active.
        (false, true, "active" | "") => "inactive",
        (false, false, "") => "active",
        (false, _, told) => told,
    };
    let body = object([
        ("identifier", object([("value", prb.text(4, 1).into())]).one()),
        ("clinicalStatus", fixed(CLINICAL, clinical)),
        ("verificationStatus", fixed(VERIFICATION, verification)),
        ("category", fixed(CATEGORY, "problem-list-item").one()),
        ("code", code(prb, &written, modifiers)),
        ("onsetDateTime", onset.map(|time| time.fhir).into()),
        ("abatementDateTime", ended.map(|time| time.fhir).into()),
        ("recordedDate", recorded.map(|time| time.fhir).into()),
        ("note", note(prb)),
    ]);
    making.resource("Condition", &body);
}

/// Adds the Condition of a DG1 segment.
pub(crate) fn diagnosis(dg1: &Segment<'_>, making: &mut Making<'_>) {
    let written = [name(dg1, 3), dg1.text(4, 1)]
        .into_iter()
        .find(|text| !text.is_empty());
    let Some(written) = written else {
        let message = "the diagnosis has no code and no name; it is kept in the bytes only";
        making.problem(Severity::Warning, "no-disease", (dg1, 3), message);
        return;
    };
    let at = making.past(dg1, 5, 1);
    making.happened(at.as_ref());
    let is_suspected = suspected(&written).is_some() || dg1.text(6, 1) == "W";
    let verification = match dg1.text(21, 1).as_str() {
        "D" => "entered-in-error",
        _ if is_suspected => "unconfirmed",
        _ => "confirmed",
    };
    let mut parts = dg1.field(3).parts();
    if parts.get(1).is_none_or(String::is_empty) {
        parts.resize(parts.len().max(2), String::new());
        if let Some(text) = parts.get_mut(1) {
            text.clone_from(&written);
        }
    }
    let body = object([
        ("verificationStatus", fixed(VERIFICATION, verification)),
        (
            "clinicalStatus",
            fixed(
                CLINICAL,
                if verification == "entered-in-error" {
                    ""
                } else {
                    "active"
                },
            ),
        ),
        ("category", fixed(CATEGORY, "encounter-diagnosis").one()),
        ("code", concept_of(&parts)),
        ("recordedDate", at.map(|time| time.fhir).into()),
    ]);
    making.resource("Condition", &body);
}

fn is_suspected(prb: &Segment<'_>, written: &str, modifiers: &[&Segment<'_>]) -> bool {
    let codes = TABLES.words(Role::SuspectedCode);
    let says = |segment: &Segment<'_>| {
        (2..=10).any(|number| {
            segment.repetitions(number).take(20).any(|part| {
                let (code, text) = (part.text(1), part.text(2));
                codes.iter().any(|(known, _)| *known == code)
                    || TABLES
                        .words(Role::Suspected)
                        .iter()
                        .any(|(form, _)| *form == text)
            })
        })
    };
    suspected(written).is_some()
        || suspected(&prb.text(17, 1)).is_some()
        || modifiers.iter().any(|zpr| says(zpr))
}

/// The disease's codes: the manager's number, ICD-10 (PRB-10), modifiers beside.
fn code(prb: &Segment<'_>, written: &str, modifiers: &[&Segment<'_>]) -> Json {
    let parts = prb.field(3).parts();
    let mut codings = match concept_of(&parts) {
        Json::Object(fields) => fields
            .into_iter()
            .find(|(field, _)| *field == "coding")
            .map(|(_, list)| list)
            .and_then(|list| {
                if let Json::List(list) = list {
                    Some(list)
                } else {
                    None
                }
            })
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    let classified = prb.field(10).parts();
    let part = |index: usize| classified.get(index).map_or("", String::as_str);
    // Only a classification of diseases; the alternative says in which setting it was made.
    if part(2) == "I10" {
        codings.push(super::coded::coding(part(0), part(1), part(2), part(6)));
    }
    let text = prb.text(17, 1);
    let text = if text.is_empty() { written.to_owned() } else { text };
    object([
        ("extension", modifier_list(prb, modifiers).into()),
        ("coding", codings.into()),
        ("text", text.into()),
    ])
}

/// Modifiers of the disease that ZPR splits off (front and back), as the source codes them.
fn modifier_list(prb: &Segment<'_>, modifiers: &[&Segment<'_>]) -> Vec<Json> {
    let disease = name(prb, 3);
    let mut all = Vec::new();
    for zpr in modifiers {
        for number in 3..=8 {
            for part in zpr.repetitions(number).take(20) {
                let named = part.text(2);
                if named.is_empty() || named == disease {
                    continue;
                }
                all.push(object([
                    ("url", MODIFIER.into()),
                    ("valueCodeableConcept", super::coded::concept(&part)),
                ]));
            }
        }
    }
    all
}

/// Main disease, and in which setting the disease was told.
fn note(prb: &Segment<'_>) -> Json {
    let setting = prb.field(10).parts().into_iter().nth(4).unwrap_or_default();
    let said = [name(prb, 18), setting, name(prb, 14)];
    let said: Vec<&str> = said
        .iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    object([("text", said.join(" ").into())]).one()
}
