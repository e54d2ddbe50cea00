//! FHIR bundles of notes: what `structure --format fhir` prints, what is kept at signing, what one patient's export is.

use jiff::civil::DateTime;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tsumugi_clinical::{ConceptId, Model, Note, StructuredNote};
use tsumugi_coding::Coder;
use tsumugi_exchange::fhir::{self, Source};
use tsumugi_records::{
    ConfirmationRecord, ConfirmationStep, NewResource, PatientExport, PatientRecord, Population, Standing,
};
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Vocabulary, embedded_files};

/// The tag of what comes from a note that nobody has confirmed.
const UNCONFIRMED: (&str, &str) = ("urn:tsumugi:standing", "unconfirmed");

/// The clinical information model as compiled in; `cargo test` holds that it has no mistakes.
static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let files = embedded_files();
    let files = files.iter().filter(|file| file.path.starts_with("model/"));
    Model::parse(files.map(|file| (file.path.as_ref(), file.text.as_ref()))).0
});

/// A note as a bundle.
pub(crate) fn bundle(coder: &Coder, note: &Note, structured: &StructuredNote, about: &About<'_>) -> Value {
    let vocabulary = coder.vocabulary();
    let is_normal = |id: &ConceptId| {
        vocabulary
            .concept(id.as_str())
            .is_some_and(|c| c.kind == TermKind::Normal)
    };
    let ancestors = |id: &ConceptId| broader(vocabulary, id);
    let source = Source {
        author: about.author,
        written: about.written,
        dummy: about.dummy,
        preliminary: about.preliminary,
        is_normal: &is_normal,
        ancestors: &ancestors,
        ..Source::new(note, coder.edition())
    };
    fhir::bundle(&MODEL, &source, structured)
}

/// What is known of a note beside its text and patient.
#[derive(Default)]
pub(crate) struct About<'a> {
    pub(crate) author: Option<&'a str>,
    pub(crate) written: Option<DateTime>,
    pub(crate) dummy: bool,
    /// Whether the note waits for a physician to confirm it.
    pub(crate) preliminary: bool,
}

/// The broader concepts of a concept, nearest first.
fn broader(vocabulary: &Vocabulary, id: &ConceptId) -> Vec<ConceptId> {
    let Some(key) = vocabulary.key(id.as_str()) else {
        return Vec::new();
    };
    let above = vocabulary.ancestors(key).into_iter().skip(1);
    above
        .filter_map(|key| vocabulary.get(key))
        .map(|concept| concept.id.clone())
        .collect()
}

/// The resources that are kept with a signed note.
pub(crate) fn resources(
    coder: &Coder,
    patient: &PatientRecord,
    (text, written, author): (&str, DateTime, &str),
    preliminary: bool,
    structured: &StructuredNote,
) -> Vec<NewResource> {
    let note = Note {
        // The same note signed twice makes the same resources; the text tells the versions of a note apart.
        id: format!("{}/{written}/{author}/{text}", patient.id.get()),
        text: text.to_owned(),
        date: Some(written.date()),
        patient: Some(crate::chart::engine_patient(patient)),
    };
    let about = About {
        author: Some(author),
        written: Some(written),
        dummy: patient.population == Population::Dummy,
        preliminary,
    };
    let bundle = bundle(coder, &note, structured, &about);
    let entries = bundle
        .get("entry")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| entry.get("resource"))
        .filter_map(new_resource)
        .collect()
}

fn new_resource(resource: &Value) -> Option<NewResource> {
    Some(NewResource {
        kind: resource.get("resourceType")?.as_str()?.to_owned(),
        name: resource.get("id").and_then(Value::as_str).map(str::to_owned),
        json: serde_json::to_vec(resource).ok()?,
    })
}

/// Says of a resource how its note stands: preliminary until the physician on whose behalf it was entered confirms it. What
/// is kept stays as it was written.
pub(crate) fn stand(resource: &mut Value, step: Option<&ConfirmationRecord>) {
    let (Some(step), Some(fields)) = (step, resource.as_object_mut()) else {
        return;
    };
    let is_confirmed = step.step == ConfirmationStep::Confirmed;
    let kind = fields
        .get("resourceType")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if kind == "DocumentReference" {
        let status = if is_confirmed { "final" } else { "preliminary" };
        fields.insert("docStatus".to_owned(), json!(status));
        if is_confirmed {
            fields.insert("authenticator".to_owned(), json!({"display": step.stamp.author}));
        }
        return;
    }
    if is_confirmed || kind == "Patient" {
        return;
    }
    if matches!(kind.as_str(), "Observation" | "DiagnosticReport")
        && fields.get("status").and_then(Value::as_str) == Some("final")
    {
        fields.insert("status".to_owned(), json!("preliminary"));
    }
    let meta = fields.entry("meta").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        let tags = meta.entry("tag").or_insert_with(|| json!([]));
        if let Some(tags) = tags.as_array_mut() {
            tags.push(json!({"system": UNCONFIRMED.0, "code": UNCONFIRMED.1}));
        }
    }
}

/// Everything of one patient as a bundle: the resources signed with the newest version of every document, and those that
/// other systems sent.
pub(crate) fn patient_bundle(export: &PatientExport) -> anyhow::Result<Value> {
    let mut bundles = Vec::new();
    for (document, _) in export.documents.iter().filter(|(document, _)| document.is_newest) {
        let own = export.resources.iter().filter(|resource| {
            resource.document == document.document && resource.document_version == document.version
        });
        let mut entries = Vec::new();
        let steps = export.confirmations.iter().rev();
        let step = steps.into_iter().find(|step| step.document == document.document);
        for stored in own {
            let mut resource: Value = serde_json::from_slice(&stored.json)?;
            stand(&mut resource, step);
            let id = resource
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or(&stored.name.name);
            entries.push(json!({"fullUrl": format!("urn:uuid:{id}"), "resource": resource}));
        }
        let id = format!("document-{}", document.document.get());
        bundles.push(json!({"resourceType": "Bundle", "id": id, "type": "collection", "entry": entries}));
    }
    bundles.extend(received_bundle(export)?);
    bundles.extend(consents_bundle(export));
    bundles.extend(crate::care::bundle(export));
    Ok(fhir::patient_bundle(bundles))
}

/// What the person allows studies, as it now stands; none where nothing was answered.
fn consents_bundle(export: &PatientExport) -> Option<Value> {
    let newest: BTreeMap<_, _> = export
        .consents
        .iter()
        .map(|receipt| ((receipt.patient, &receipt.study), &receipt.resource))
        .collect();
    let entry = |resource: &Value| {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": resource})
    };
    let entries: Vec<Value> = newest.into_values().map(entry).collect();
    let is_any = !entries.is_empty();
    is_any
        .then(|| json!({"resourceType": "Bundle", "id": "consents", "type": "collection", "entry": entries}))
}

/// What other systems sent and what counts of it, about the patient of this store; none where nothing came.
fn received_bundle(export: &PatientExport) -> anyhow::Result<Option<Value>> {
    let counting = export
        .received
        .iter()
        .map(|(record, _)| record)
        .filter(|record| record.counts && record.standing == Standing::Valid);
    let first = export.patient.first().map(|record| record.id);
    let newest = export.patient.iter().rfind(|record| Some(record.id) == first);
    let Some((url, patient)) = newest.and_then(patient_entry) else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    for record in counting {
        for (number, (kind, json)) in record.resources.iter().enumerate() {
            // The person stands in the bundle once, as this store knows one.
            if kind == "Patient" {
                continue;
            }
            let mut resource: Value = serde_json::from_slice(json)?;
            let id = format!("received-{}-{number}", record.observation);
            if let Some(fields) = resource.as_object_mut() {
                fields.entry("id").or_insert_with(|| json!(id));
                fields.insert(subject_field(kind).to_owned(), json!({"reference": url}));
            }
            entries.push(json!({"fullUrl": format!("urn:tsumugi:{id}"), "resource": resource}));
        }
    }
    if entries.is_empty() {
        return Ok(None);
    }
    entries.insert(0, json!({"fullUrl": url, "resource": patient}));
    Ok(Some(
        json!({"resourceType": "Bundle", "id": "received", "type": "collection", "entry": entries}),
    ))
}

/// The element that names the person: R4 calls it `patient` in some types, `subject` in the others.
fn subject_field(kind: &str) -> &'static str {
    match kind {
        "AllergyIntolerance" | "Claim" | "Coverage" | "Device" | "Immunization" | "NutritionOrder" => {
            "patient"
        }
        _ => "subject",
    }
}

/// The patient as signed notes show one.
fn patient_entry(record: &PatientRecord) -> Option<(String, Value)> {
    let note = Note {
        patient: Some(crate::chart::engine_patient(record)),
        ..Note::default()
    };
    let mut source = Source::new(&note, "");
    source.dummy = record.population == Population::Dummy;
    let bundle = fhir::bundle(&MODEL, &source, &StructuredNote::default());
    let entries = bundle.get("entry")?.as_array()?;
    let entry = entries.iter().find(|entry| {
        entry
            .pointer("/resource/resourceType")
            .is_some_and(|kind| kind == "Patient")
    })?;
    let url = entry.get("fullUrl")?.as_str()?.to_owned();
    Some((url, entry.get("resource")?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::{DocumentId, Moment, Stamp};

    fn step(step: ConfirmationStep) -> ConfirmationRecord {
        ConfirmationRecord {
            document: DocumentId::new(1),
            version: 1,
            step,
            physician: "sato".to_owned(),
            stamp: Stamp {
                author: "sato".to_owned(),
                at: Moment::parse("2026-11-28T10:00").unwrap(),
            },
            reason: String::new(),
        }
    }

    #[test]
    fn what_nobody_confirmed_is_preliminary_until_it_is() {
        let stood = |of: &Value, how: Option<ConfirmationStep>| {
            let mut resource = of.clone();
            let record = how.map(step);
            stand(&mut resource, record.as_ref());
            resource
        };
        let document = json!({"resourceType": "DocumentReference", "docStatus": "preliminary"});
        for waits in [ConfirmationStep::Entered, ConfirmationStep::Returned] {
            assert_eq!(stood(&document, Some(waits))["docStatus"], "preliminary");
        }
        let confirmed = stood(&document, Some(ConfirmationStep::Confirmed));
        assert_eq!(confirmed["docStatus"], "final");
        assert_eq!(confirmed["authenticator"]["display"], "sato");
        let value =
            json!({"resourceType": "Observation", "status": "final", "meta": {"tag": [{"code": "dummy"}]}});
        let waits = stood(&value, Some(ConfirmationStep::Entered));
        assert_eq!(waits["status"], "preliminary");
        assert_eq!(waits["meta"]["tag"][1]["code"], "unconfirmed");
        assert_eq!(stood(&value, Some(ConfirmationStep::Confirmed)), value);
        assert_eq!(stood(&value, None), value);
    }
}
