//! Orders that are not signed yet: drugs with their dosage, and tests, examinations and procedures.

use super::codes;
use super::reader::{Reader, Reading, Why};
use super::request::{Given, Request, list, text};
use serde_json::Value;
use std::sync::Arc;
use tsumugi_cds::prescription::Order;
use tsumugi_clinical::EventKind;
use tsumugi_tables::TermKind;

/// What can be ordered beside drugs.
const ACTS: [TermKind; 3] = [TermKind::Test, TermKind::Exam, TermKind::Procedure];

/// An order that is not signed yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    /// `Type/id`, where it has an id.
    pub(crate) name: Option<String>,
    /// How the sender calls it.
    pub(crate) label: String,
    /// Whether it has just been chosen, so that the answer is about it.
    pub(crate) is_selected: bool,
    /// What is ordered.
    pub(crate) what: Ordered,
}

/// What is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ordered {
    /// A drug.
    Drug(Box<Order>),
    /// Tests, examinations, procedures.
    Acts(Vec<Arc<str>>),
}

/// Reads the drafts of a request.
pub(super) fn read(reader: &Reader<'_>, request: &Request<'_>, reading: &mut Reading) {
    for given in &request.drafts {
        let status = text(given.resource, "status");
        let is_void = matches!(
            status,
            Some("entered-in-error" | "revoked" | "cancelled" | "stopped" | "completed")
        );
        let is_against = given.resource.get("doNotPerform").and_then(Value::as_bool) == Some(true);
        if is_void || is_against {
            continue;
        }
        let read = match given.kind() {
            "MedicationRequest" => drug(reader, given),
            "ServiceRequest" => acts(reader, given),
            // Content of other drafts, not an order.
            "Medication" => continue,
            _ => Err((None, Why::Kind)),
        };
        match read {
            Ok((label, what)) => reading.drafts.push(Draft {
                name: given.name(),
                label,
                is_selected: request.is_selected(given),
                what,
            }),
            Err((label, why)) => reading.leave_out(given.kind(), label.or_else(|| given.name()), why),
        }
    }
}

type Read = Result<(String, Ordered), (Option<String>, Why)>;

fn drug(reader: &Reader<'_>, given: &Given<'_>) -> Read {
    let event = reader.drug(given.resource)?;
    let label = given
        .resource
        .get("medicationCodeableConcept")
        .and_then(codes::label);
    let is_renewal = given
        .resource
        .get("priorPrescription")
        .is_some_and(Value::is_object);
    let order = Order {
        drug: event.concept.as_str().into(),
        dosage: event.dosage.map(|dosage| *dosage).unwrap_or_default(),
        words: instructions(given.resource),
        is_new: !is_renewal,
    };
    Ok((
        label.unwrap_or_else(|| event.name.to_string()),
        Ordered::Drug(Box::new(order)),
    ))
}

/// The words of the dosage instructions.
fn instructions(resource: &Value) -> String {
    let own = list(resource, "dosageInstruction");
    let texts: Vec<&str> = own.iter().filter_map(|one| text(one, "text")).collect();
    texts.join(" ")
}

fn acts(reader: &Reader<'_>, given: &Given<'_>) -> Read {
    let Some(code) = given.resource.get("code") else {
        return Err((None, Why::Unknown));
    };
    let label = codes::label(code);
    let one = reader.names.find(code, &ACTS).and_then(|key| reader.event(key));
    let mut found: Vec<Arc<str>> = one.iter().map(|event| event.concept.as_str().into()).collect();
    if found.is_empty() {
        let events = codes::words(code)
            .into_iter()
            .map(|words| reader.names.read(words).events);
        let acts = events.map(|events| {
            let acts = events.into_iter();
            acts.filter(|event| matches!(event.kind, EventKind::Examination | EventKind::Procedure))
                .map(|event| event.concept.as_str().into())
                .collect::<Vec<Arc<str>>>()
        });
        found = acts.into_iter().find(|acts| !acts.is_empty()).unwrap_or_default();
    }
    if found.is_empty() {
        return Err((label, Why::Unknown));
    }
    let label = label.unwrap_or_else(|| "?".to_owned());
    Ok((label, Ordered::Acts(found)))
}
