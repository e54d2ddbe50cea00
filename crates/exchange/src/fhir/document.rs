//! What every bundle has beside its facts: the patient, the note itself, and the provenance of each event.

use super::elements::{base64, coding, id_of, reference, unknown};
use super::{Export, systems, time};
use serde_json::{Value, json};
use tsumugi_clinical::{Because, Entity, Event, Sex};

/// LOINC of a progress note.
const PROGRESS_NOTE: (&str, &str) = ("11506-3", "Progress note");

/// The patient, as far as known. An age without a date of birth is not turned into one.
pub(crate) fn patient(export: &Export<'_>) -> Value {
    let patient = export.source.note.patient.as_ref();
    let record = patient.and_then(|patient| patient.id.as_deref());
    let identifier = match record {
        Some(record) => {
            json!({ "system": export.source.patient_system.unwrap_or(systems::RECORD_ID), "value": record })
        }
        // JP Core wants an identifier; a patient without one is known by the note.
        None => json!({ "system": systems::NOTE_ID, "value": export.source.note.id }),
    };
    let gender = patient.and_then(|patient| patient.sex).map(|sex| match sex {
        Sex::Male => "male",
        Sex::Female => "female",
        Sex::Unknown => "unknown",
    });
    let birth = patient
        .and_then(|patient| patient.birth_date)
        .map(|date| date.to_string());
    let fields = [
        ("identifier", json!([identifier])),
        ("gender", json!(gender)),
        ("birthDate", json!(birth)),
    ];
    let id = export.patient.trim_start_matches("urn:uuid:");
    export.bare("Patient", id, Some(&Export::jp_core("JP_Patient")), fields)
}

/// The note, with its text as it came. FHIR's `date` is a moment: where only the day is known it stands as the period of
/// the context and the creation of the text, which may be days.
pub(crate) fn document(export: &Export<'_>) -> Value {
    let source = export.source;
    let kind = source.kind.map_or_else(
        || json!({ "system": systems::LOINC, "code": PROGRESS_NOTE.0, "display": PROGRESS_NOTE.1 }),
        coding,
    );
    let recorded = export.recorded();
    let attachment = json!({
        "contentType": "text/plain; charset=UTF-8",
        "language": "ja",
        "data": base64(source.note.text.as_bytes()),
        "creation": recorded,
    });
    let fields = [
        (
            "identifier",
            json!([{ "system": systems::NOTE_ID, "value": source.note.id }]),
        ),
        ("status", json!("current")),
        ("docStatus", json!(source.preliminary.then_some("preliminary"))),
        ("type", json!({ "coding": [kind] })),
        ("subject", export.subject()),
        ("date", json!(source.written.map(time::moment))),
        ("author", json!([{ "display": source.author }])),
        ("content", json!([{ "attachment": attachment }])),
        ("context", json!({ "period": { "start": recorded } })),
    ];
    let id = export.document.trim_start_matches("urn:uuid:");
    export.bare("DocumentReference", id, None, fields)
}

/// Why the resources of an event are there: the entities of the note with place and words, the rules of the tables, the
/// events of earlier notes.
pub(crate) fn provenance(export: &Export<'_>, index: usize, event: &Event, targets: &[String]) -> Value {
    let source = export.source;
    let measured = event
        .measured
        .iter()
        .flat_map(|measured| measured.entities.iter().copied());
    let mut entities = export.entities_of(event);
    for entity in export.entities(measured) {
        if !entities.contains(&entity) {
            entities.push(entity);
        }
    }
    let mut sources: Vec<Value> = entities.into_iter().map(|entity| place(export, entity)).collect();
    let mut rules = Vec::new();
    for because in &event.because {
        match because {
            Because::Entity { .. } => {}
            Because::Rule { rule } => rules.push(format!("{}{rule}", systems::RULE)),
            Because::Earlier { note, event } => sources.push(earlier("source", note, *event)),
        }
    }
    sources.extend(
        event
            .supersedes
            .iter()
            .map(|earlier_event| earlier("revision", &earlier_event.id, earlier_event.event)),
    );
    let engine = json!({
        "type": { "coding": [{ "system": systems::PARTICIPANT, "code": "assembler" }] },
        "who": { "identifier": { "system": systems::ENGINE, "value": source.edition }, "display": "Tsumugi" },
    });
    let author = source.author.map(|author| {
        json!({
            "type": { "coding": [{ "system": systems::PARTICIPANT, "code": "author" }] },
            "who": { "display": author },
        })
    });
    // `recorded` is required and a moment; a day alone is not made into one.
    let recorded = match source.written {
        Some(written) => ("recorded", json!(time::moment(written))),
        None => ("_recorded", unknown()),
    };
    let fields = [
        (
            "target",
            Value::Array(targets.iter().map(|target| reference(target)).collect()),
        ),
        recorded,
        ("policy", json!(rules)),
        ("agent", json!([engine, author])),
        ("entity", json!(sources)),
    ];
    export.bare(
        "Provenance",
        &id_of(&[&source.note.id, "event", &index.to_string(), "provenance"]),
        None,
        fields,
    )
}

fn place(export: &Export<'_>, entity: &Entity) -> Value {
    json!({
        "extension": [{
            "url": systems::TEXT_POSITION,
            "extension": [
                { "url": "start", "valueUnsignedInt": entity.span.start },
                { "url": "end", "valueUnsignedInt": entity.span.end },
                { "url": "text", "valueString": entity.text },
            ],
        }],
        "role": "source",
        "what": reference(&export.document),
    })
}

/// An event of another note, by its identifier: the note need not be in this bundle.
fn earlier(role: &str, note: &str, event: u32) -> Value {
    json!({
        "role": role,
        "what": { "identifier": { "system": systems::EVENT_ID, "value": format!("{note}#{event}") } },
    })
}
