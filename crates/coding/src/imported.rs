//! FHIR resources of other sources → events with the same facts as the text engine gives: 39.2 Cel at LOINC 8310-5 is the
//! fever of 「BT39.2」.
//!
//! A concept is found by a code we hold, then by the site's masters ([`Codes`]), then by the words beside the code: exactly,
//! else by the engine that reads notes. Words may only make a code narrower. What has no concept becomes no event but a
//! remark; nothing is guessed from a part of a test's name.

mod answers;
mod codes;
mod look;
mod naming;
mod observation;
mod state;
mod tables;
mod times;
mod treatment;
mod values;

pub(crate) use tables::Imports;

use crate::coder::Coder;
use crate::fact::fact_key;
use jiff::civil::Date;
use look::text;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tsumugi_clinical::{
    Certainty, Event, EventKind, Evidence, Experiencer, FactKey, Patient, Phase, Polarity,
};
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Codes, Concept};

/// What is known beside a resource.
#[derive(Debug, Clone, Copy)]
pub struct ImportContext<'a> {
    /// The patient: sex and age decide some reference intervals.
    pub patient: &'a Patient,
    /// Day of the statement; a resource without a time of its own is of this day.
    pub date: Option<Date>,
    /// What the statement is evidence of, where not of care.
    pub evidence: Option<Evidence>,
    /// The site's masters: YJ, HOT, disease keys, local codes → our concepts.
    pub codes: &'a dyn Codes,
    /// Resources that came with this one (the Medication that it names).
    pub beside: &'a [Value],
}

/// Something of a resource that became no event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// A stable word: `uncoded`, `no-value`, `unit`, `kind`.
    pub code: &'static str,
    /// What it is about: `system|code text`, the unit, the type of the resource.
    pub about: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.about)
    }
}

/// What a resource states.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// The events.
    pub events: Vec<Event>,
    /// What became none.
    pub remarks: Vec<Remark>,
}

impl Coder {
    /// The events of a FHIR R4 resource. Total: whatever the JSON is, it gives events and remarks.
    pub fn import(&self, context: &ImportContext<'_>, resource: &Value) -> Imported {
        let mut import = Import {
            coder: self,
            context,
            out: Imported::default(),
        };
        if !is_error(resource) {
            import.resource(resource);
        }
        let mut out = import.out;
        for event in &mut out.events {
            event.evidence = context.evidence;
        }
        out.remarks.sort();
        out.remarks.dedup();
        out
    }
}

/// Whether the source says that it was never so.
fn is_error(resource: &Value) -> bool {
    text(resource, "status") == Some("entered-in-error")
        || look::code_of(resource, "verificationStatus") == Some("entered-in-error")
}

/// A resource while it is read.
struct Import<'a> {
    coder: &'a Coder,
    context: &'a ImportContext<'a>,
    out: Imported,
}

impl Import<'_> {
    fn resource(&mut self, resource: &Value) {
        match text(resource, "resourceType").unwrap_or("") {
            "Observation" => self.observation(resource),
            "Condition" => self.condition(resource),
            "AllergyIntolerance" => self.allergy(resource),
            "MedicationRequest"
            | "MedicationDispense"
            | "MedicationAdministration"
            | "MedicationStatement" => {
                self.medication(resource);
            }
            "Procedure" => self.procedure(resource),
            "Immunization" => self.immunization(resource),
            "FamilyMemberHistory" => self.family(resource),
            "ServiceRequest" => self.service(resource),
            "QuestionnaireResponse" => self.answers(resource),
            "Consent" => self.consent(resource),
            "Claim" | "ExplanationOfBenefit" => self.claim(resource),
            // Of these nothing is said of the state of the patient; their texts are read as notes.
            "Encounter" | "Patient" | "Composition" | "DocumentReference" | "DiagnosticReport"
            | "Medication" | "Organization" | "Practitioner" | "PractitionerRole" | "Location" | "Device"
            | "Specimen" | "Provenance" | "Coverage" | "Bundle" => {}
            kind => self.remark("kind", kind.to_owned()),
        }
    }

    fn remark(&mut self, code: &'static str, about: String) {
        self.out.remarks.push(Remark { code, about });
    }

    /// An event of a concept, as stated of the patient and of now.
    fn event(&self, key: u32, words: &str) -> Option<Event> {
        let vocabulary = &self.coder.vocabulary;
        let concept = vocabulary.get(key)?;
        let codes = vocabulary.codes_as(key, || words.to_owned());
        Some(Event {
            fact: FactKey::new(""),
            concept: concept.id.clone(),
            name: Arc::clone(&concept.name),
            kind: kind_of(concept),
            codes: codes.unwrap_or_else(|| Arc::clone(&concept.codes)),
            polarity: Polarity::Present,
            certainty: Certainty::Asserted,
            experiencer: Experiencer::Patient,
            relative: None,
            phase: Phase::Current,
            resolved: false,
            site: None,
            laterality: None,
            modifiers: Vec::new(),
            value: None,
            dosage: None,
            time: None,
            measured: None,
            item: None,
            evidence: None,
            because: Vec::new(),
            supersedes: None,
        })
    }

    /// Adds an event once it says all: what is said in two ways and means one is one, and the fact is composed.
    fn push(&mut self, mut event: Event) {
        self.coder.equivalents.apply(&self.coder.vocabulary, &mut event);
        event.fact = fact_key(&event);
        let is_known = self.out.events.iter().any(|known| {
            known.fact == event.fact
                && known.value == event.value
                && known.time == event.time
                && known.dosage == event.dosage
        });
        if !is_known {
            self.out.events.push(event);
        }
    }
}

/// The kind of an event of a concept.
fn kind_of(concept: &Concept) -> EventKind {
    match concept.kind {
        TermKind::Disease => EventKind::Condition,
        TermKind::Finding | TermKind::Normal | TermKind::Site => EventKind::Finding,
        TermKind::Drug if concept.has("vaccine") => EventKind::Immunization,
        TermKind::Drug | TermKind::DrugClass => EventKind::Medication,
        TermKind::Procedure => EventKind::Procedure,
        TermKind::Exam => EventKind::Examination,
        TermKind::Circumstance if concept.has("preference") => EventKind::Preference,
        TermKind::Circumstance => EventKind::Lifestyle,
        TermKind::Allergen => EventKind::Allergy,
        TermKind::Test => EventKind::Measurement,
    }
}
