//! Templates as FHIR R4 `Questionnaire`s of Structured Data Capture, and back: what a program of another house can show,
//! and what a site brings of its own.
//!
//! What the standard has no word for (what answers an item beside its code, why it is asked, what is written into the
//! note) goes with each item in one extension of ours; a questionnaire without it is taken with what it says.

mod bring;
mod write;

pub use bring::{Brought, Remark, from_questionnaire};
pub use write::to_questionnaire;

/// Prefix of the canonical address of a template.
pub(super) const CANONICAL: &str = "https://tsumugi.example/Questionnaire/";
const ADAPTIVE: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-questionnaireAdaptive";
const INITIAL: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression";
const ENABLE: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression";
const LINK_PERIOD: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationLinkPeriod";
const LAUNCH_CONTEXT: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-launchContext";
const LAUNCH_SYSTEM: &str = "http://hl7.org/fhir/uv/sdc/CodeSystem/launchContext";
const LEAST: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-minQuantity";
const MOST: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-maxQuantity";
const UNIT: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit";
const VARIABLE: &str = "http://hl7.org/fhir/StructureDefinition/variable";
const UCUM: &str = "http://unitsofmeasure.org";
const TEMPLATE: &str = "https://tsumugi.example/StructureDefinition/template";
const ITEM: &str = "https://tsumugi.example/StructureDefinition/template-item";
const ANSWER: &str = "https://tsumugi.example/StructureDefinition/template-answer";
/// Codes of answers that no concept states.
const ANSWERS: &str = "https://tsumugi.example/CodeSystem/template-answer";
