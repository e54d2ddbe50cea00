//! URIs of the code systems, profiles and extensions that are written.

/// Our own concepts.
pub(crate) const CONCEPT: &str = "https://tsumugi.example/CodeSystem/concept";
/// Items of the clinical information model, as the question that a coded answer answers.
pub(crate) const ITEM: &str = "https://tsumugi.example/CodeSystem/item";
/// Stagings of diseases, as `lexicon/staging.tsv` names them.
pub(crate) const STAGING: &str = "https://tsumugi.example/CodeSystem/staging";
/// Side of the body.
pub(crate) const LATERALITY: &str = "https://tsumugi.example/CodeSystem/laterality";
/// Categories of conditions that FHIR has no code for.
pub(crate) const CONDITION_CATEGORY: &str = "https://tsumugi.example/CodeSystem/condition-category";
/// The edition of the tables that a resource was derived with.
pub(crate) const EDITION: &str = "https://tsumugi.example/CodeSystem/edition";
/// The engine; with the edition behind it, the source of every resource.
pub(crate) const ENGINE: &str = "https://tsumugi.example/engine";
/// Identifiers of notes.
pub(crate) const NOTE_ID: &str = "https://tsumugi.example/note";
/// Identifiers of events: note, `#`, index of the event.
pub(crate) const EVENT_ID: &str = "https://tsumugi.example/event";
/// Identifiers of records, where no facility's own system is given.
pub(crate) const RECORD_ID: &str = "https://tsumugi.example/record";
/// Rules of the tables, as policies of a derivation.
pub(crate) const RULE: &str = "https://tsumugi.example/rule/";
/// Place of an entity in the note.
pub(crate) const TEXT_POSITION: &str = "https://tsumugi.example/StructureDefinition/text-position";
/// An amount of which the note does not say whether it is for a dose or a day.
pub(crate) const DOSE_OR_DAY: &str = "https://tsumugi.example/StructureDefinition/amount-dose-or-day";
/// Strength of one unit of a drug.
pub(crate) const STRENGTH: &str = "https://tsumugi.example/StructureDefinition/strength";

/// UCUM.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
/// LOINC.
pub(crate) const LOINC: &str = "http://loinc.org";
/// Categories of observations, HL7.
pub(crate) const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// Categories of observations, JP Core.
pub(crate) const JP_OBSERVATION_CATEGORY: &str =
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
/// Category of treatment preferences, US Core; JP Core has none.
pub(crate) const PREFERENCE_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category";
/// Categories of conditions, HL7.
pub(crate) const CONDITION_CATEGORY_HL7: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
/// Clinical status of conditions.
pub(crate) const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
/// Verification of conditions.
pub(crate) const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
/// Clinical status of allergies.
pub(crate) const ALLERGY_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
/// Verification of allergies.
pub(crate) const ALLERGY_VERIFICATION: &str =
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
/// Interpretation of observations.
pub(crate) const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
/// Relatives.
pub(crate) const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
/// Yes and no.
pub(crate) const YES_NO: &str = "http://terminology.hl7.org/CodeSystem/v2-0136";
/// Reasons of missing values.
pub(crate) const ABSENT_REASON: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
/// The mark of test data.
pub(crate) const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// Parts that agents play in making a resource.
pub(crate) const PARTICIPANT: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
/// Routes, HL7 table 0162 in JP Core.
pub(crate) const ROUTE: &str = "http://jpfhir.jp/fhir/core/CodeSystem/route-codes";
/// Extension of an element that is missing, with the reason.
pub(crate) const ABSENT_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
/// Extension with the number of decimals that JSON does not keep.
pub(crate) const PRECISION_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/quantity-precision";
/// Where the profiles of JP Core are.
pub(crate) const JP_CORE: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/";
