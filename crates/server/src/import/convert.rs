//! A statement as the store takes it: its person, its place, its resources with their events, its texts structured.

use super::{Engine, Setting};
use crate::{audit, chart, fhir};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::HashMap;
use tsumugi_clinical::{Patient, Sex, StructuredNote};
use tsumugi_exchange::incoming::{self, Incoming, Person, Place, Problem, Text};
use tsumugi_records::{
    AuditSubtype, Evidence, PatientId, PatientRecord, ReceivedPerson, ReceivedPlace, ReceivedResource,
    ReceivedStatement, ReceivedText, Stamp, Standing,
};

/// Kind of a document whose source says none; to the policy it is a report.
const REPORT: &str = "report";

/// Codes of the patient's other numbers that a source has merged.
const REPLACES: &str = "replaces";

/// A statement as the store takes it, what its texts say, and what could not be coded.
///
/// # Errors
/// When the store fails.
pub(super) fn statement(
    engine: Engine<'_>,
    setting: &Setting,
    (stamp, known): (&Stamp, &mut Known),
    incoming: Incoming,
) -> anyhow::Result<(ReceivedStatement, Vec<StructuredNote>, Vec<Problem>)> {
    let person = person(&incoming);
    let patient = described(engine, setting, known, &person)?;
    let (events, problems) = (engine.stating)(engine.coder, &patient, &incoming);
    let (mut texts, mut notes) = (Vec::new(), Vec::new());
    if !incoming.texts.is_empty()
        && incoming.standing == incoming::Standing::Valid
        && !person.number.is_empty()
    {
        let patient = introduced(engine, setting, &person, stamp)?;
        let patient = engine.store.patient(patient)?;
        for text in &incoming.texts {
            let (text, note) = structured(engine, &patient, &incoming, text, stamp)?;
            texts.push(text);
            notes.push(note);
        }
    }
    let observed_at = incoming.civil.map_or_else(|| stamp.at.clone(), chart::moment);
    let statement = ReceivedStatement {
        place: place(&incoming.place),
        person,
        key: incoming.key,
        sequence: incoming.sequence,
        standing: match incoming.standing {
            incoming::Standing::Valid => Standing::Valid,
            incoming::Standing::Superseded => Standing::Superseded,
            incoming::Standing::Deleted => Standing::Deleted,
        },
        evidence: match incoming.evidence {
            incoming::Evidence::Care => Evidence::Care,
            incoming::Evidence::Claim => Evidence::Claim,
            incoming::Evidence::Personal => Evidence::Personal,
        },
        observed_at,
        bytes: incoming.bytes,
        charset: incoming.charset.to_owned(),
        resources: incoming.resources.into_iter().map(resource).collect(),
        events,
        edition: engine.coder.edition().to_owned(),
        texts,
    };
    Ok((statement, notes, problems))
}

/// A place as the store takes it.
pub(super) fn place(place: &Place) -> ReceivedPlace {
    ReceivedPlace {
        file: place.file.clone(),
        line: place.line,
        field: place.field.clone(),
    }
}

fn resource(resource: incoming::Resource) -> ReceivedResource {
    ReceivedResource {
        kind: resource.kind,
        json: resource.json,
    }
}

fn person(incoming: &Incoming) -> ReceivedPerson {
    let Person {
        issuer,
        number,
        name,
        kana,
        sex,
        birth_date,
        other_numbers,
    } = incoming.person.clone();
    ReceivedPerson {
        issuer,
        number,
        name,
        kana,
        sex,
        birth_date,
        replaces: replaced(incoming),
        other_numbers,
    }
}

/// What is known of a person.
type SexAndBirth = (Option<Sex>, Option<Date>);

/// Most persons of whom an import remembers what it has read.
const MOST_KNOWN: usize = 10_000;

/// Sex and birth date of the persons that an import has met: a later statement often names the number alone, and the one
/// that said more may wait in the same batch.
#[derive(Debug, Default)]
pub(super) struct Known {
    persons: HashMap<String, HashMap<String, SexAndBirth>>,
    count: usize,
}

impl Known {
    fn of(&mut self, issuer: &str, number: &str) -> Option<&mut (Option<Sex>, Option<Date>)> {
        self.persons.get_mut(issuer)?.get_mut(number)
    }

    fn insert(&mut self, issuer: &str, number: &str, person: (Option<Sex>, Option<Date>)) {
        if self.count >= MOST_KNOWN {
            *self = Self::default();
        }
        let of_issuer = self.persons.entry(issuer.to_owned()).or_default();
        if of_issuer.insert(number.to_owned(), person).is_none() {
            self.count += 1;
        }
    }
}

/// What is known of the person: sex and age decide some reference intervals.
fn described(
    engine: Engine<'_>,
    setting: &Setting,
    known: &mut Known,
    person: &ReceivedPerson,
) -> anyhow::Result<Patient> {
    let mut patient = Patient {
        sex: person.sex,
        birth_date: person.birth_date,
        ..Patient::default()
    };
    if person.number.is_empty() {
        return Ok(patient);
    }
    let issuer = setting.own(&person.issuer);
    if let Some((sex, birth_date)) = known.of(issuer, &person.number) {
        *sex = person.sex.or(*sex);
        *birth_date = person.birth_date.or(*birth_date);
        (patient.sex, patient.birth_date) = (*sex, *birth_date);
        return Ok(patient);
    }
    if patient.sex.is_none() || patient.birth_date.is_none() {
        let found = engine
            .store
            .find_by_identifier(setting.population, issuer, &person.number)?;
        if let Some(found) = found {
            let details = engine.store.patient(found)?.details;
            patient.sex = patient.sex.or(Some(details.sex));
            patient.birth_date = patient.birth_date.or(details.birth_date);
        }
    }
    known.insert(issuer, &person.number, (patient.sex, patient.birth_date));
    Ok(patient)
}

/// Those of the other numbers that a Patient resource of the statement says this one replaces (`Patient.link`).
fn replaced(incoming: &Incoming) -> Vec<(String, String)> {
    let mut replaced = Vec::new();
    if incoming.person.other_numbers.is_empty() {
        return replaced;
    }
    let patients = incoming.resources.iter().filter(|one| one.kind == "Patient");
    for patient in patients.filter_map(|one| serde_json::from_slice::<Value>(&one.json).ok()) {
        let links = patient.get("link").and_then(Value::as_array);
        for link in links.into_iter().flatten() {
            if link.get("type").and_then(Value::as_str) != Some(REPLACES) {
                continue;
            }
            let value = link.pointer("/other/identifier/value").and_then(Value::as_str);
            let system = link.pointer("/other/identifier/system").and_then(Value::as_str);
            let meant = incoming.person.other_numbers.iter().filter(|(issuer, number)| {
                Some(number.as_str()) == value && system.is_none_or(|system| system == issuer)
            });
            replaced.extend(meant.cloned());
        }
    }
    replaced
}

/// The record that a text is read against.
fn introduced(
    engine: Engine<'_>,
    setting: &Setting,
    person: &ReceivedPerson,
    stamp: &Stamp,
) -> anyhow::Result<PatientId> {
    let issuer = setting.own(&person.issuer);
    let store = engine.store;
    if let Some(patient) = store.find_by_identifier(setting.population, issuer, &person.number)? {
        return Ok(patient);
    }
    let entry = audit::of_name(&setting.author, AuditSubtype::Create)?;
    let facility = setting.facility.clone();
    Ok(store
        .audited(entry)
        .introduce(setting.population, facility, person.clone(), stamp.clone())?)
}

/// A text, structured against the record of the person.
fn structured(
    engine: Engine<'_>,
    patient: &PatientRecord,
    incoming: &Incoming,
    text: &Text,
    stamp: &Stamp,
) -> anyhow::Result<(ReceivedText, StructuredNote)> {
    let written = text
        .written
        .or(incoming.civil)
        .unwrap_or_else(|| stamp.at.civil());
    let record = chart::record_of(engine.store, patient, None)?;
    let note = chart::structure(engine.coder, &record, patient, written.date(), &text.text);
    let given = text
        .author
        .as_deref()
        .map(str::trim)
        .filter(|author| !author.is_empty());
    let author = given.unwrap_or(&stamp.author).to_owned();
    let resources = fhir::resources(
        engine.coder,
        patient,
        (&text.text, written, &author),
        false,
        &note,
    );
    let kind = text.kind.as_ref().map_or(REPORT, |kind| &*kind.code);
    let text = ReceivedText {
        kind: kind.to_owned(),
        author,
        written_at: chart::moment(written),
        text: text.text.clone(),
        edition: engine.coder.edition().to_owned(),
        events: note.events.clone(),
        resources,
    };
    Ok((text, note))
}
