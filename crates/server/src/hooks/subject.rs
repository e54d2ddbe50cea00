//! The patient that a call is about: the record here under that number, and what the prefetch tells, as one state.

use super::Call;
use super::reader::{Reading, Standing, Told};
use super::refusal::Refusal;
use super::request::Request;
use crate::chart;
use crate::log::{self, Cause};
use crate::web::WebError;
use jiff::civil::Date;
use serde_json::Value;
use tsumugi_cds::Patient;
use tsumugi_clinical::{Event, Quantity, Sex};
use tsumugi_coding::{Record, RecordNote};
use tsumugi_records::{AuditSubtype, PatientRecord, Population, StoreError};

/// Under which name the hospital's system stands in the audit trail.
const AGENT: &str = "cds-hooks";

/// The patient of a call.
#[derive(Debug)]
pub(crate) struct Subject {
    /// All that is known.
    pub(crate) patient: Patient,
    /// Number of the patient in our store, where the record here is used.
    pub(crate) number: Option<String>,
    /// The record here under this number is of somebody else, and was left out.
    pub(crate) is_other: bool,
    /// Day of the call.
    pub(crate) today: Date,
}

/// The record here of the patient of a request; none, with a mark, where the prefetch tells that it is somebody else's.
pub(crate) fn own_record(
    call: Call<'_>,
    request: &Request<'_>,
) -> Result<(Option<PatientRecord>, bool), Refusal> {
    let record = match call.app.patient_numbered(request.patient) {
        Ok(record) => record,
        Err(WebError::NotFound | WebError::Store(StoreError::NotFound { .. })) => return Ok((None, false)),
        Err(WebError::Store(error)) => return Err(error.into()),
        Err(error) => {
            let cause = error.fault().unwrap_or_else(|| Cause::of_words("-"));
            log::error("the patient of a hook is not found", &[("cause", &cause)]);
            return Err(Refusal::failed());
        }
    };
    // A dummy is nobody of a hospital that has patients here, whatever its number.
    if record.population == Population::Dummy && chart::population(&call.app.store)? == Population::Real {
        return Ok((None, false));
    }
    let is_other = request
        .person
        .is_some_and(|person| is_somebody_else(&record, person));
    if !is_other {
        // The answer tells of the record: who asked is durable before it leaves.
        let entry = crate::audit::entry(AuditSubtype::Read, AGENT, record.id)?;
        call.app.store.audit_read(&entry)?;
    }
    Ok((Some(record).filter(|_| !is_other), is_other))
}

/// Which patients it belongs to; whoever is not in our store is taken for real.
pub(crate) fn population(record: Option<&PatientRecord>) -> Population {
    record.map_or(Population::Real, |record| record.population)
}

fn is_somebody_else(record: &PatientRecord, person: &Value) -> bool {
    let written = person.get("birthDate").and_then(Value::as_str);
    let own = record.details.birth_date;
    // A year or month alone must agree as far as it goes.
    let other_birth = written
        .zip(own)
        .is_some_and(|(written, own)| !own.to_string().starts_with(written));
    let other_sex = matches!(
        (person.get("gender").and_then(Value::as_str), record.details.sex),
        (Some("male"), Sex::Female) | (Some("female"), Sex::Male)
    );
    other_birth || other_sex
}

impl Subject {
    /// Puts the record here and the prefetch together.
    pub(crate) fn new(
        call: Call<'_>,
        own: Option<&PatientRecord>,
        is_other: bool,
        reading: &Reading,
    ) -> Result<Self, Refusal> {
        if own.is_none() && reading.person.is_none() {
            return Err(Refusal::unknown_patient());
        }
        let today = call.now.civil().date();
        let mut record = match own {
            Some(own) => chart::record_of(&call.app.store, own, None)?,
            None => Record::default(),
        };
        if let Some(person) = &reading.person {
            let known = &mut record.patient;
            let is_known = known.sex.is_some_and(|sex| sex != Sex::Unknown);
            known.sex = known.sex.filter(|_| is_known).or(person.sex);
            known.birth_date = known.birth_date.or(person.birth_date);
        }
        record.notes = together(record.notes, &reading.notes);
        let mut patient = call.app.advice.patient(&record, None);
        patient.today = Some(today);
        patient.age = record.patient.age_at(Some(today)).filter(|age| *age >= 0.0);
        Ok(Self {
            patient,
            number: own.map(|own| own.details.number.clone()),
            is_other,
            today,
        })
    }
}

/// The notes of the record and the resources, what holds now last. A value that the record has already is not told
/// again: it would count as an earlier one.
fn together(own: Vec<RecordNote>, told: &[Told]) -> Vec<RecordNote> {
    let known: Vec<(Date, &Event)> = own
        .iter()
        .filter_map(|note| Some((note.date?, note)))
        .flat_map(|(date, note)| note.events.iter().map(move |event| (date, event)))
        .filter(|(_, event)| event.value.is_some())
        .collect();
    let is_new = |date: Option<Date>, event: &Event| {
        !known.iter().any(|(day, other)| {
            Some(*day) == date && other.concept == event.concept && is_same_value(other, event)
        })
    };
    let mut fresh: Vec<Told> = told
        .iter()
        .cloned()
        .map(|mut told| {
            let date = told.note.date;
            told.note
                .events
                .retain(|event| event.value.is_none() || is_new(date, event));
            told
        })
        .collect();
    fresh.extend(own.into_iter().map(|note| Told {
        standing: if note.date.is_some() {
            Standing::Dated
        } else {
            Standing::Undated
        },
        note,
    }));
    fresh.sort_by_key(|told| (told.standing, told.note.date));
    fresh.into_iter().map(|told| told.note).collect()
}

fn is_same_value(one: &Event, other: &Event) -> bool {
    let number = |event: &Event| event.value.as_ref().and_then(Quantity::as_f64);
    match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
        (None, None) => one.value == other.value,
        _ => false,
    }
}
