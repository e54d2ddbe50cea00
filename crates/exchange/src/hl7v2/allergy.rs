//! Allergies: IAM (chapter 3.4.7, table 0323 for the action) and AL1.

use super::coded::{field, fixed, name};
use super::making::Making;
use super::syntax::Segment;
use super::tables::TABLES;
use crate::incoming::Severity;
use crate::json::{Json, object};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/// Adds the AllergyIntolerance of an IAM or AL1 segment.
pub(crate) fn allergy(segment: &Segment<'_>, making: &mut Making<'_>) {
    let is_iam = segment.name == "IAM";
    let code = field(segment, 3);
    if code.is_empty() {
        let message = "the allergen has no code and no name; it is kept in the bytes only";
        making.problem(Severity::Warning, "no-allergen", (segment, 3), message);
        return;
    }
    let category = TABLES.code("allergy-category", &segment.text(2, 1)).unwrap_or("");
    let (reaction, said) = reaction(segment, category);
    let action = if is_iam { segment.text(6, 1) } else { String::new() };
    let is_deleted = TABLES.code("problem-action", &action) == Some("deleted");
    let onset = making.past(segment, if is_iam { 11 } else { 6 }, 1);
    let onset_words = if is_iam {
        segment.text(12, 1)
    } else {
        String::new()
    };
    let recorded = if is_iam { making.past(segment, 13, 1) } else { None };
    making.happened(recorded.as_ref());
    // HL7 table 0438: U unconfirmed, P pending, S suspect, C confirmed or verified, I confirmed but inactive, E erroneous, D doubt raised.
    let (clinical, verification) = match segment.text(if is_iam { 17 } else { 0 }, 1).as_str() {
        _ if is_deleted => ("", "entered-in-error"),
        "U" | "P" | "S" | "D" => ("active", "unconfirmed"),
        "I" => ("inactive", "confirmed"),
        "E" => ("", "entered-in-error"),
        "C" => ("active", "confirmed"),
        _ => ("active", ""),
    };
    let body = object([
        ("clinicalStatus", fixed(CLINICAL, clinical)),
        ("verificationStatus", fixed(VERIFICATION, verification)),
        (
            "type",
            if category.is_empty() {
                Json::Null
            } else {
                "allergy".into()
            },
        ),
        ("category", Json::from(category).one()),
        ("code", code),
        (
            "onsetDateTime",
            onset.as_ref().map(|time| time.fhir.clone()).into(),
        ),
        (
            "onsetString",
            if onset.is_none() {
                onset_words.into()
            } else {
                Json::Null
            },
        ),
        ("recordedDate", recorded.map(|time| time.fhir).into()),
        ("note", object([("text", said.into())]).one()),
        ("reaction", reaction.one()),
    ]);
    making.resource("AllergyIntolerance", &body);
}

/// The reactions, and what FHIR has no place for in words: a kind of allergy without a category, a severity of no reaction.
fn reaction(segment: &Segment<'_>, category: &str) -> (Json, String) {
    let severity = TABLES.code("allergy-severity", &segment.text(4, 1)).unwrap_or("");
    let reactions: Vec<Json> = segment
        .repetitions(5)
        .map(|reaction| object([("text", reaction.whole().trim().to_owned().into())]))
        .take(20)
        .collect();
    let mut said = Vec::new();
    if category.is_empty() {
        said.push(name(segment, 2));
    }
    if reactions.is_empty() {
        said.push(name(segment, 4));
    }
    said.retain(|text| !text.is_empty());
    let reaction = if reactions.is_empty() {
        Json::Null
    } else {
        object([("manifestation", reactions.into()), ("severity", severity.into())])
    };
    (reaction, said.join(" "))
}
