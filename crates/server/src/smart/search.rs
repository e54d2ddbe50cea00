//! Resources that were signed with notes: those of the newest version of each note that the person may read.

use super::FHIR;
use super::base;
use super::resources::{Refusal, number, patient, patient_resource};
use crate::access::Bearer;
use crate::audit;
use crate::web::{Desk, WebError, escape};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsumugi_access::{Action, Interaction, Level};
use tsumugi_records::{
    AuditEntity, AuditSubtype, ConfirmationRecord, DocumentId, PatientId, PatientRecord, Population,
    ResourceRecord, StoreError,
};

/// Resources of an answer where nobody says, and the most.
const USUAL: usize = 100;
const MOST: usize = 500;

/// What a search asks for.
struct Wanted {
    patient: PatientId,
    count: usize,
    offset: usize,
}

/// Reads the parameters. One that is not known is refused: left out, the answer would hold more than was asked for.
fn wanted(desk: &Desk, kind: &str, pairs: &[(String, String)]) -> Result<Option<Wanted>, Refusal> {
    let (mut patient, mut count, mut offset, mut is_none) = (None, USUAL, 0, false);
    let digits = |name: &str, value: &str| {
        let read = value.parse::<usize>().ok();
        read.ok_or_else(|| Refusal::Wrong(format!("{name}: a number is wanted")))
    };
    for (name, value) in pairs {
        match (name.as_str(), kind == "Patient") {
            ("_id", true) | ("patient" | "subject", false) => match number(value) {
                Ok(id) => patient = Some(id),
                Err(_) => is_none = true,
            },
            ("identifier", true) => {
                let value = value.rsplit('|').next().unwrap_or_default();
                match numbered(desk, value)? {
                    Some(id) => patient = Some(id),
                    None => is_none = true,
                }
            }
            ("_count", _) => count = digits(name, value)?.min(MOST),
            ("_offset", _) => offset = digits(name, value)?,
            ("_format", _) if value.contains("json") => {}
            _ => {
                let name: String = name.chars().take(64).collect();
                let known = if kind == "Patient" {
                    "_id, identifier"
                } else {
                    "patient"
                };
                return Err(Refusal::Wrong(format!(
                    "{name}: not known here; {known}, _count and _offset are"
                )));
            }
        }
    }
    if is_none {
        return Ok(None);
    }
    let missing = || Refusal::Wrong("which patient? e.g. ?patient=7 (Patient: ?_id=7)".to_owned());
    Ok(Some(Wanted {
        patient: patient.ok_or_else(missing)?,
        count,
        offset,
    }))
}

fn numbered(desk: &Desk, value: &str) -> Result<Option<PatientId>, Refusal> {
    for population in [Population::Real, Population::Dummy] {
        if let Some(id) = desk.app.store.find_patient(population, value)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// A page of the resources of a type and a patient.
pub(super) fn bundle(
    desk: &Desk,
    bearer: &Bearer,
    kind: &'static str,
    pairs: &[(String, String)],
) -> Result<Value, Refusal> {
    let none = || page(desk, kind, (Vec::new(), 0), None);
    let Some(wanted) = wanted(desk, kind, pairs)? else {
        // A token of one patient does not learn which numbers there are.
        desk.actor()?.tells_of_no_record();
        let lets = |level| bearer.access.scopes.lets(level, kind, Interaction::Search);
        let reaches = lets(Level::User) || lets(Level::System);
        return reaches.then(none).ok_or(Refusal::Scope);
    };
    let record = match patient(desk, bearer, wanted.patient, (kind, Interaction::Search)) {
        // Neither does a search tell who is here of those whom the person may not see.
        Err(Refusal::Web(WebError::Denied(_) | WebError::Store(StoreError::NotFound { .. })))
            if kind == "Patient" =>
        {
            desk.actor()?.tells_of_no_record();
            return Ok(none());
        }
        found => found?,
    };
    let mut entry = audit::of_patient(desk.actor()?, AuditSubtype::Search, record.id)?;
    entry.entities.push(AuditEntity::Query(desk.visit.here.clone()));
    desk.app.store.audit_read(&entry)?;
    let all = if kind == "Patient" {
        vec![patient_resource(&record)]
    } else {
        let readable = readable(desk, &record)?;
        let own = readable
            .resources
            .iter()
            .filter(|resource| resource.name.kind == kind);
        own.map(|resource| readable.shown(resource))
            .collect::<Result<_, _>>()?
    };
    let total = all.len();
    let end = wanted.offset.saturating_add(wanted.count);
    let next = (end < total && wanted.count > 0).then(|| {
        let by = if kind == "Patient" { "_id" } else { "patient" };
        format!("{by}={}&_count={}&_offset={end}", record.id, wanted.count)
    });
    let some = all.into_iter().skip(wanted.offset).take(wanted.count).collect();
    Ok(page(desk, kind, (some, total), next))
}

/// One resource.
pub(super) fn one(desk: &Desk, bearer: &Bearer, kind: &'static str, id: &str) -> Result<Value, Refusal> {
    // Whose it is decides whether the token reaches it, and a token that reaches no patient here learns nothing.
    let found = desk.app.store.resource(kind, id, None)?;
    let record = patient(desk, bearer, found.patient, (kind, Interaction::Read));
    let record = record.map_err(|refusal| match refusal {
        Refusal::Scope => Refusal::Web(WebError::NotFound),
        other => other,
    })?;
    desk.reads(record.id, Some((found.document, Some(found.document_version))))?;
    let readable = readable(desk, &record)?;
    let is_it = |resource: &&ResourceRecord| resource.name.kind == kind && resource.name.name == id;
    let found = readable.resources.iter().find(is_it).ok_or(WebError::NotFound)?;
    readable.shown(found)
}

/// What may be read of a patient, and where references inside of it lead.
struct Readable {
    resources: Vec<ResourceRecord>,
    /// How notes that were entered on behalf of a physician stand.
    steps: BTreeMap<DocumentId, ConfirmationRecord>,
    /// `urn:uuid:` → address here.
    references: BTreeMap<String, String>,
}

/// The resources of the newest version of each note that may be read.
fn readable(desk: &Desk, record: &PatientRecord) -> Result<Readable, Refusal> {
    let standing = desk.may(Action::Read, record)?;
    let notes = desk.notes(&standing, &[])?;
    let mut resources = desk.app.store.resources(record.id)?;
    let mut newest: BTreeMap<DocumentId, u32> = BTreeMap::new();
    for resource in &resources {
        let version = newest.entry(resource.document).or_default();
        *version = (*version).max(resource.document_version);
    }
    resources.retain(|resource| {
        notes.documents.contains(&resource.document)
            && newest.get(&resource.document) == Some(&resource.document_version)
    });
    let mut references = BTreeMap::new();
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for ResourceRecord { name, .. } in &resources {
        let here = match name.kind.as_str() {
            // The patient of a note is an excerpt; the record itself is given at its own address.
            "Patient" => format!("Patient/{}", record.id),
            kind => format!("{kind}/{}", name.name),
        };
        references.insert(format!("urn:uuid:{}", name.name), here);
        let version = last.entry(format!("{}/{}", name.kind, name.name)).or_default();
        *version = (*version).max(name.version);
    }
    // A later version of a resource takes the earlier one's place.
    resources.retain(|ResourceRecord { name, .. }| {
        name.kind != "Patient" && last.get(&format!("{}/{}", name.kind, name.name)) == Some(&name.version)
    });
    let mut steps = BTreeMap::new();
    for document in newest.into_keys() {
        let last = desk.app.store.confirmations(document)?.pop();
        steps.extend(last.map(|step| (document, step)));
    }
    Ok(Readable {
        resources,
        steps,
        references,
    })
}

impl Readable {
    /// A resource as it goes out: references name addresses of this server.
    fn shown(&self, resource: &ResourceRecord) -> Result<Value, Refusal> {
        let read = serde_json::from_slice(&resource.json);
        let mut body: Value = read.map_err(|error| WebError::Other(error.to_string()))?;
        redirect(&mut body, &self.references);
        // What nobody has confirmed yet says so, and what was confirmed no longer does.
        crate::fhir::stand(&mut body, self.steps.get(&resource.document));
        if let Some(map) = body.as_object_mut() {
            map.insert("id".to_owned(), json!(resource.name.name));
        }
        Ok(body)
    }
}

/// References inside a bundle (`urn:uuid:`) become those of this server; what is not readable stays as it is.
fn redirect(value: &mut Value, references: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                match inner {
                    Value::String(url) if key == "reference" => {
                        if let Some(here) = references.get(url) {
                            url.clone_from(here);
                        }
                    }
                    inner => redirect(inner, references),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| redirect(inner, references)),
        _ => {}
    }
}

fn page(desk: &Desk, kind: &str, (some, total): (Vec<Value>, usize), next: Option<String>) -> Value {
    let base = format!("{}{FHIR}/{kind}", base(&desk.app));
    let entries = some.into_iter().map(|resource| {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
        json!({"fullUrl": format!("{base}/{}", escape(id)), "resource": resource, "search": {"mode": "match"}})
    });
    let entries: Vec<Value> = entries.collect();
    let mut links =
        vec![json!({"relation": "self", "url": format!("{}{}", super::base(&desk.app), desk.visit.here)})];
    if let Some(next) = next {
        links.push(json!({"relation": "next", "url": format!("{base}?{next}")}));
    }
    json!({"resourceType": "Bundle", "type": "searchset", "total": total, "link": links, "entry": entries})
}
