//! Notes, statements of other systems and patients as resources of the API.
//!
//! A resource stands in the index as the API gives it out: its references lead to addresses here, and what waits for a
//! physician says so. Its versions are those of that form.

use super::DEFINITIONS;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use tsumugi_clinical::Sex;
use tsumugi_fhirstore::{Connection, Index, IndexError, Literal, Node, Origin, Owner, Put, Whose, millis};
use tsumugi_records::{
    Changed, ConfirmationRecord, Derived, DocumentId, ObservationId, PatientId, PatientRecord, Population,
    ResourceRecord, Stamp, StoreError,
};

/// Keeps the index with the record.
#[derive(Debug, Default)]
pub(super) struct Follower(OnceLock<Index>);

impl Follower {
    /// The index, once it is open.
    pub(super) fn index(&self) -> Option<&Index> {
        self.0.get()
    }
}

impl Derived for Follower {
    fn open(&self, conn: &Connection) -> Result<(), StoreError> {
        // References here are kept without an address, so that the server may be called otherwise tomorrow.
        let (index, is_stale) = Index::open(conn, Arc::clone(&DEFINITIONS), "").map_err(failed)?;
        if is_stale {
            index.rebuild(conn).map_err(failed)?;
        }
        // Another opening of the same store is the same index.
        let _ = self.0.set(index);
        Ok(())
    }

    fn follow(&self, conn: &Connection, changed: &Changed) -> Result<(), StoreError> {
        let Some(index) = self.index() else { return Ok(()) };
        let done = match changed {
            Changed::Patient(record) => patient(index, conn, record),
            Changed::Document {
                document,
                resources,
                step,
            } => note(index, conn, *document, (resources, step.as_deref())),
            Changed::Statement {
                first,
                patient,
                source,
                key,
                stamp,
                resources,
            } => statement(
                index,
                conn,
                (*first, stamp),
                &Stated {
                    patient: *patient,
                    source,
                    key,
                },
                resources,
            ),
            Changed::StatementGone { first, stamp } => {
                let gone = index.of_source(conn, Origin::Received, first.get());
                gone.and_then(|gone| remove(index, conn, &gone, stamp))
            }
        };
        done.map_err(failed)
    }
}

fn failed(error: IndexError) -> StoreError {
    match error {
        IndexError::Database(error) => error.into(),
        error => StoreError::Invalid {
            what: "FHIR index",
            detail: error.to_string(),
        },
    }
}

fn at(stamp: &Stamp) -> i64 {
    millis(stamp.at.as_str())
        .or_else(|| millis(&stamp.at.civil().to_string()))
        .unwrap_or_default()
}

fn patient(index: &Index, conn: &Connection, record: &PatientRecord) -> Result<(), IndexError> {
    let id = record.id.to_string();
    let whose = Whose {
        patient: Some(record.id.get()),
        document: None,
        origin: Origin::Patient,
    };
    let put = Put {
        kind: "Patient",
        id: &id,
        whose,
        source: Some(record.id.get()),
        at: at(&record.stamp),
        method: "PUT",
        author: &record.stamp.author,
        body: &patient_resource(record).to_string(),
    };
    index.put(conn, &put).map(drop)
}

/// The resources of a note: those of its newest version, as it stands.
fn note(
    index: &Index,
    conn: &Connection,
    document: DocumentId,
    (resources, step): (&[ResourceRecord], Option<&ConfirmationRecord>),
) -> Result<(), IndexError> {
    let before = index.of_source(conn, Origin::Note, document.get())?;
    let Some(first) = resources.first() else {
        // The note was removed, and nothing of it stays.
        return before.iter().try_for_each(|(r, ..)| index.purge(conn, *r));
    };
    let stamp = step.map_or(&first.stamp, |step| &step.stamp);
    let mut references = BTreeMap::new();
    // A later version of a resource takes the earlier one's place.
    let mut newest: BTreeMap<(&str, &str), &ResourceRecord> = BTreeMap::new();
    for resource in resources {
        let (kind, name) = (resource.name.kind.as_str(), resource.name.name.as_str());
        let here = match kind {
            // The patient of a note is an excerpt; the record itself has an address of its own.
            "Patient" => format!("Patient/{}", resource.patient),
            kind => {
                newest.insert((kind, name), resource);
                format!("{kind}/{name}")
            }
        };
        references.insert(format!("urn:uuid:{name}"), here);
    }
    let gone = before
        .iter()
        .filter(|(_, kind, id)| !newest.contains_key(&(kind.as_str(), id.as_str())));
    let gone: Vec<_> = gone.cloned().collect();
    remove(index, conn, &gone, stamp)?;
    for ((kind, name), resource) in newest {
        let Some(body) = shown(resource, step, &references) else {
            continue;
        };
        let put = Put {
            kind,
            id: name,
            whose: Whose {
                patient: Some(resource.patient.get()),
                document: Some(document.get()),
                origin: Origin::Note,
            },
            source: Some(document.get()),
            at: at(stamp),
            method: "PUT",
            author: &resource.stamp.author,
            body: &body,
        };
        keep(index, conn, &put)?;
    }
    Ok(())
}

/// A resource of a note as the API gives it out; none for what is no JSON.
fn shown(
    resource: &ResourceRecord,
    step: Option<&ConfirmationRecord>,
    references: &BTreeMap<String, String>,
) -> Option<String> {
    let text = if step.is_some() {
        let mut body: Value = serde_json::from_slice(&resource.json).ok()?;
        crate::fhir::stand(&mut body, step);
        body.to_string()
    } else {
        String::from_utf8(resource.json.clone()).ok()?
    };
    let mut node = Node::parse(&text).ok()?;
    node.redirect(&|reference| references.get(reference).cloned());
    node.set("id", Node::owned(resource.name.name.as_str()));
    let mut out = String::with_capacity(text.len());
    node.write(&mut out);
    Some(out)
}

/// Which statement it is.
struct Stated<'s> {
    patient: PatientId,
    source: &'s str,
    key: &'s str,
}

impl Stated<'_> {
    /// The id of a resource that the same source calls `key`: the same for all its versions.
    fn id(&self, key: &str, number: usize) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{}\n{}\n{key}\n{number}", self.patient, self.source));
        let mut id = String::from("r-");
        for byte in hasher.finalize().iter().take(16) {
            // Writing to a text does not fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}

/// The resources of a statement that counts.
fn statement(
    index: &Index,
    conn: &Connection,
    (first, stamp): (ObservationId, &Stamp),
    stated: &Stated<'_>,
    resources: &[(String, Vec<u8>)],
) -> Result<(), IndexError> {
    let before = index.of_source(conn, Origin::Received, first.get())?;
    let mut kept = Vec::new();
    for (number, (kind, json)) in resources.iter().enumerate() {
        // The person stands here once, as this store knows one.
        let (false, Ok(text)) = (kind == "Patient", std::str::from_utf8(json)) else {
            continue;
        };
        let id = stated.id(stated.key, number);
        let Some(body) = received(index, stated, (kind, &id), text) else {
            continue;
        };
        let put = Put {
            kind,
            id: &id,
            whose: Whose {
                patient: Some(stated.patient.get()),
                document: None,
                origin: Origin::Received,
            },
            source: Some(first.get()),
            at: at(stamp),
            method: "PUT",
            author: &stamp.author,
            body: &body,
        };
        if keep(index, conn, &put)? {
            kept.push(id);
        }
    }
    let gone: Vec<_> = before
        .into_iter()
        .filter(|(_, _, id)| !kept.contains(id))
        .collect();
    remove(index, conn, &gone, stamp)
}

/// A received body with our own id and patient. What it calls by an id of its own system is called as we call it.
fn received(index: &Index, stated: &Stated<'_>, (kind, id): (&str, &str), text: &str) -> Option<String> {
    let mut node = Node::parse(text).ok()?;
    node.redirect(&|reference| match Literal::parse(reference)? {
        Literal::Resource { base: "", kind, id } => {
            Some(format!("{kind}/{}", stated.id(&format!("{kind}/{id}"), 0)))
        }
        _ => None,
    });
    node.set("id", Node::owned(id));
    let of = index.definitions().resource_type(kind)?;
    if of.owner == Owner::One
        && let Some(element) = owner_element(&of.owner_path)
    {
        let here = Node::owned(format!("Patient/{}", stated.patient));
        node.set(element, Node::Object(vec![("reference".into(), here)]));
    }
    let mut out = String::with_capacity(text.len() + 64);
    node.write(&mut out);
    Some(out)
}

/// The element that names the one patient a resource is about.
fn owner_element(path: &str) -> Option<&'static str> {
    let all = [
        "subject",
        "patient",
        "beneficiary",
        "candidate",
        "individual",
        "for",
    ];
    all.into_iter().find(|element| *element == path)
}

/// Keeps a resource; what is none of R4's, or no JSON as R4 has it, is left out of the API and stays in the record.
fn keep(index: &Index, conn: &Connection, put: &Put<'_>) -> Result<bool, IndexError> {
    match index.put(conn, put) {
        Ok(_) => Ok(true),
        Err(IndexError::Kind(_) | IndexError::Body { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(
    index: &Index,
    conn: &Connection,
    gone: &[(i64, String, String)],
    stamp: &Stamp,
) -> Result<(), IndexError> {
    for (_, kind, id) in gone {
        index.remove(conn, (kind, id), (at(stamp), &stamp.author))?;
    }
    Ok(())
}

/// A patient as a resource.
fn patient_resource(record: &PatientRecord) -> Value {
    let details = &record.details;
    let gender = match details.sex {
        Sex::Male => "male",
        Sex::Female => "female",
        Sex::Unknown => "unknown",
    };
    let mut names = vec![json!({"use": "official", "text": details.name})];
    if !details.kana.is_empty() {
        // JP Core: the reading stands beside the name, marked as such.
        names.push(json!({"text": details.kana, "extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "SYL"}]}));
    }
    let mut body = json!({
        "resourceType": "Patient",
        "id": record.id.to_string(),
        "identifier": [{"system": "https://tsumugi.example/record", "value": details.number}],
        "name": names,
        "gender": gender,
    });
    if let Some(map) = body.as_object_mut() {
        if let Some(date) = details.birth_date {
            map.insert("birthDate".to_owned(), json!(date.to_string()));
        }
        if record.population == Population::Dummy {
            let tag =
                json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"});
            map.insert("meta".to_owned(), json!({"security": [tag]}));
        }
    }
    body
}
