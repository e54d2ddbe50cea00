//! Reads the FHIR R4 resources of a request into events, as a note's events stand in a record: every resource is a note
//! of its own, named `Type/id`, so that an answer can say which resource it rests on.

use super::Call;
use super::amounts;
use super::codes::{self, Names};
use super::drafts::{self, Draft};
use super::observation;
use super::refusal::Refusal;
use super::request::{Given, Request, list, text};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;
use tsumugi_clinical::{
    Because, Certainty, ClinicalTime, Event, EventKind, Experiencer, FactKey, Patient, Phase, Polarity,
    Precision, Sex, TimeFrame,
};
use tsumugi_coding::RecordNote;
use tsumugi_tables::TermKind;
use tsumugi_terminology::Concept;

/// What a condition can be.
const STATES: [TermKind; 5] = [
    TermKind::Disease,
    TermKind::Finding,
    TermKind::Normal,
    TermKind::Circumstance,
    TermKind::Procedure,
];
/// What a drug can be.
pub(crate) const DRUGS: [TermKind; 2] = [TermKind::Drug, TermKind::DrugClass];
/// What one can be allergic to, and that there is no allergy.
const ALLERGENS: [TermKind; 4] = [
    TermKind::Drug,
    TermKind::DrugClass,
    TermKind::Allergen,
    TermKind::Circumstance,
];

/// Why something is not part of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// Neither code nor words are in the vocabulary.
    Unknown,
    /// There is no value, or none that can be read.
    Value,
    /// The unit cannot be converted into the usual one.
    Unit,
    /// It is named by a reference to something that was not sent.
    Reference,
    /// Resources of this type are not read.
    Kind,
}

impl Why {
    /// The word, and the key of its text.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Value => "value",
            Self::Unit => "unit",
            Self::Reference => "reference",
            Self::Kind => "kind",
        }
    }
}

/// Something of the request that is not part of the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uncovered {
    /// Type of the resource.
    pub(crate) kind: String,
    /// How it is called there.
    pub(crate) name: String,
    /// Why.
    pub(crate) why: Why,
}

/// Where a note stands among the others: what holds now is told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nobody knows when.
    Undated,
    /// On its day.
    Dated,
    /// The sender says that it holds now.
    Now,
}

/// A resource, read.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Its events.
    pub(crate) note: RecordNote,
    /// Where it stands among the others.
    pub(crate) standing: Standing,
}

/// What a request tells of its patient.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Sex and birth, where the patient was sent.
    pub(crate) person: Option<Patient>,
    /// The resources.
    pub(crate) notes: Vec<Told>,
    /// Orders that are not signed yet.
    pub(crate) drafts: Vec<Draft>,
    /// What of the allergies the checks do not look at, by the name of the resource: criticality and reactions.
    pub(crate) reactions: BTreeMap<String, Vec<Reaction>>,
    /// What could not be read, sorted, each once.
    pub(crate) uncovered: Vec<Uncovered>,
}

/// How grave an allergy is, or a reaction, as the sender puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Code of the criticality, FHIR `allergy-intolerance-criticality`.
    Criticality(String),
    /// A reaction in words, with the code of its severity.
    Manifestation(String, Option<String>),
}

/// Reads one request.
pub(crate) struct Reader<'a> {
    pub(crate) names: Names<'a>,
    pub(crate) call: Call<'a>,
    /// The patient, for reference intervals.
    pub(crate) person: Patient,
    pub(crate) today: Date,
    /// Drugs that are resources of their own, by reference.
    drugs: BTreeMap<String, &'a Value>,
}

/// Reads the resources of a request.
pub(crate) fn read(call: Call<'_>, request: &Request<'_>) -> Result<Reading, Refusal> {
    let person = request.person.map(person).transpose()?;
    let reader = Reader::new(call, request, person.clone());
    let mut reading = Reading {
        person,
        ..Reading::default()
    };
    for (index, given) in request.resources.iter().enumerate() {
        let name = given
            .name()
            .unwrap_or_else(|| format!("{}/#{}", given.kind(), index + 1));
        reader.resource(given, &name, &mut reading);
    }
    drafts::read(&reader, request, &mut reading);
    reading.uncovered.sort();
    reading.uncovered.dedup();
    Ok(reading)
}

impl Reading {
    /// Lists what could not be read.
    pub(crate) fn leave_out(&mut self, kind: &str, name: Option<String>, why: Why) {
        self.uncovered.push(Uncovered {
            kind: kind.to_owned(),
            name: name.unwrap_or_else(|| "?".to_owned()),
            why,
        });
    }

    pub(crate) fn tell(&mut self, name: &str, date: Option<Date>, standing: Standing, events: Vec<Event>) {
        let standing = match (standing, date) {
            (Standing::Dated, None) => Standing::Undated,
            (standing, _) => standing,
        };
        self.notes.push(Told {
            note: RecordNote {
                id: name.to_owned(),
                date,
                events,
            },
            standing,
        });
    }
}

/// Sex and birth of a FHIR patient.
fn person(resource: &Value) -> Result<Patient, Refusal> {
    let sex = match resource.get("gender") {
        None | Some(Value::Null) => None,
        Some(Value::String(gender)) => match gender.as_str() {
            "male" => Some(Sex::Male),
            "female" => Some(Sex::Female),
            "other" | "unknown" => Some(Sex::Unknown),
            _ => return Err(Refusal::wrong("prefetch.patient.gender", "is no code of FHIR")),
        },
        Some(_) => return Err(Refusal::wrong("prefetch.patient.gender", "is no text")),
    };
    let birth_date = match resource.get("birthDate") {
        None | Some(Value::Null) => None,
        Some(Value::String(day)) => Some(
            date(day).ok_or_else(|| Refusal::wrong("prefetch.patient.birthDate", "is no date of FHIR"))?,
        ),
        Some(_) => return Err(Refusal::wrong("prefetch.patient.birthDate", "is no text")),
    };
    Ok(Patient {
        id: text(resource, "id").map(str::to_owned),
        sex,
        birth_date,
        age: None,
    })
}

/// The day of a FHIR date or time, as its own offset has it; the middle of a year or month that is all that is known.
pub(crate) fn date(written: &str) -> Option<Date> {
    match written.len() {
        4 => format!("{written}-07-01").parse().ok(),
        7 => format!("{written}-15").parse().ok(),
        _ => written.get(..10)?.parse().ok(),
    }
}

/// The first of the fields that holds a day; of a period, its start.
pub(crate) fn day_of(resource: &Value, fields: &[&str]) -> Option<Date> {
    fields.iter().find_map(|field| {
        let value = resource.get(*field)?;
        let written = value.as_str().or_else(|| text(value, "start"))?;
        date(written)
    })
}

impl<'a> Reader<'a> {
    pub(crate) fn new(call: Call<'a>, request: &Request<'a>, person: Option<Patient>) -> Self {
        let mut drugs = BTreeMap::new();
        let all = request.resources.iter().chain(&request.drafts);
        for given in all.filter(|given| given.kind() == "Medication") {
            let keys = given.name().into_iter().chain(given.url.map(str::to_owned));
            drugs.extend(keys.map(|key| (key, given.resource)));
        }
        Self {
            names: Names {
                coder: &call.app.coder,
                codes: call.codes(),
            },
            call,
            person: person.unwrap_or_default(),
            today: call.now.civil().date(),
            drugs,
        }
    }

    fn resource(&self, given: &Given<'_>, name: &str, reading: &mut Reading) {
        match given.kind() {
            "Condition" => self.condition(given.resource, name, reading),
            "AllergyIntolerance" => self.allergy(given.resource, name, reading),
            "MedicationRequest" | "MedicationStatement" => self.medication(given, name, reading),
            "Observation" => observation::read(self, given.resource, name, reading),
            _ => {}
        }
    }

    /// An event of a concept, as said of the patient and of now.
    pub(crate) fn event(&self, key: u32) -> Option<Event> {
        let concept = self.names.coder.vocabulary().get(key)?;
        Some(event(concept))
    }

    fn condition(&self, resource: &Value, name: &str, reading: &mut Reading) {
        let verification = codes::code_of(resource, "verificationStatus");
        if verification == Some("entered-in-error") {
            return;
        }
        let none = Value::Null;
        let code = resource.get("code").unwrap_or(&none);
        let mut events = self.states(code);
        if events.is_empty() {
            reading.leave_out(
                "Condition",
                codes::label(code).or_else(|| Some(name.to_owned())),
                Why::Unknown,
            );
            return;
        }
        let status = codes::code_of(resource, "clinicalStatus");
        let is_over = status == Some("resolved")
            || [
                "abatementDateTime",
                "abatementPeriod",
                "abatementAge",
                "abatementString",
            ]
            .iter()
            .any(|field| resource.get(*field).is_some_and(|value| !value.is_null()));
        let has_ended = is_over || matches!(status, Some("inactive" | "remission"));
        let onset = day_of(resource, &["onsetDateTime", "onsetPeriod"]);
        for event in &mut events {
            match verification {
                Some("refuted") => event.polarity = Polarity::Absent,
                Some("unconfirmed" | "provisional" | "differential") => {
                    event.certainty = Certainty::Suspected;
                }
                _ => {}
            }
            if has_ended {
                // What is resolved no longer counts as of now, however chronic it is.
                event.phase = if is_over { Phase::Stopped } else { Phase::Past };
                event.resolved = is_over;
            }
            event.time = event.time.take().or_else(|| onset.map(since));
        }
        // What is active holds now, however long ago it was written down.
        let recorded = day_of(resource, &["recordedDate", "onsetDateTime", "onsetPeriod"]);
        let date = recorded.filter(|_| has_ended);
        reading.tell(name, date, Standing::Now, events);
    }

    /// The states that a `CodeableConcept` means: one by its code or name, else those that its words tell.
    fn states(&self, code: &Value) -> Vec<Event> {
        if let Some(event) = self.names.find(code, &STATES).and_then(|key| self.event(key)) {
            return vec![event];
        }
        let is_state = |event: &Event| {
            matches!(
                event.kind,
                EventKind::Condition | EventKind::Finding | EventKind::Lifestyle | EventKind::Procedure
            ) && event.experiencer != Experiencer::Other
        };
        codes::words(code)
            .into_iter()
            .map(|words| {
                let events = self.names.read(words).events;
                events.into_iter().filter(is_state).collect::<Vec<Event>>()
            })
            .find(|events| !events.is_empty())
            .unwrap_or_default()
    }

    fn allergy(&self, resource: &Value, name: &str, reading: &mut Reading) {
        let verification = codes::code_of(resource, "verificationStatus");
        if verification == Some("entered-in-error") {
            return;
        }
        let none = Value::Null;
        let code = resource.get("code").unwrap_or(&none);
        let reactions = list(resource, "reaction");
        let substances = reactions.iter().filter_map(|reaction| reaction.get("substance"));
        let mut events: Vec<Event> = std::iter::once(code)
            .chain(substances)
            .map(|code| self.allergens(code))
            .find(|events| !events.is_empty())
            .unwrap_or_default();
        if events.is_empty() {
            let label = codes::label(code).or_else(|| Some(name.to_owned()));
            reading.leave_out("AllergyIntolerance", label, Why::Unknown);
            return;
        }
        let status = codes::code_of(resource, "clinicalStatus");
        let has_ended = verification == Some("refuted") || matches!(status, Some("inactive" | "resolved"));
        for event in events.iter_mut().filter(|_| has_ended) {
            event.polarity = Polarity::Absent;
        }
        let mut told: Vec<Reaction> = text(resource, "criticality")
            .map(|code| Reaction::Criticality(code.to_owned()))
            .into_iter()
            .collect();
        for reaction in reactions {
            let severity = text(reaction, "severity").map(str::to_owned);
            for manifestation in list(reaction, "manifestation") {
                // A reaction of then, right behind what it was to: the checks tell by it how grave the allergy is.
                let mut shown = self.states(manifestation);
                for event in &mut shown {
                    event.phase = Phase::Past;
                }
                events.extend(shown);
                if let Some(words) = codes::label(manifestation) {
                    told.push(Reaction::Manifestation(words, severity.clone()));
                }
            }
        }
        if !told.is_empty() {
            reading.reactions.insert(name.to_owned(), told);
        }
        let date = day_of(resource, &["recordedDate", "onsetDateTime"]);
        reading.tell(name, date, Standing::Now, events);
    }

    fn allergens(&self, code: &Value) -> Vec<Event> {
        if let Some(mut event) = self.names.find(code, &ALLERGENS).and_then(|key| self.event(key)) {
            if event.kind != EventKind::Lifestyle {
                event.kind = EventKind::Allergy;
            }
            return vec![event];
        }
        for words in codes::words(code) {
            let mut events = self.names.read(words).events;
            events.retain(|event| {
                matches!(
                    event.kind,
                    EventKind::Allergy | EventKind::Medication | EventKind::Lifestyle
                )
            });
            for event in &mut events {
                if event.kind == EventKind::Medication {
                    event.kind = EventKind::Allergy;
                    event.phase = Phase::Current;
                }
            }
            if !events.is_empty() {
                return events;
            }
        }
        Vec::new()
    }

    fn medication(&self, given: &Given<'_>, name: &str, reading: &mut Reading) {
        let resource = given.resource;
        let status = text(resource, "status");
        let phase = match status {
            Some("entered-in-error" | "cancelled" | "draft") => return,
            Some("completed") => Phase::Past,
            Some("stopped" | "on-hold") => Phase::Stopped,
            Some("intended") => Phase::Planned,
            // A plan is no prescription.
            _ if matches!(text(resource, "intent"), Some("proposal" | "plan" | "option")) => Phase::Planned,
            _ => Phase::Current,
        };
        let mut event = match self.drug(resource) {
            Ok(event) => event,
            Err((label, why)) => {
                reading.leave_out(given.kind(), label.or_else(|| Some(name.to_owned())), why);
                return;
            }
        };
        let is_not_taken = status == Some("not-taken")
            || resource.get("doNotPerform").and_then(Value::as_bool) == Some(true);
        if is_not_taken {
            event.polarity = Polarity::Absent;
        }
        event.phase = phase;
        let began = day_of(
            resource,
            &[
                "authoredOn",
                "effectiveDateTime",
                "effectivePeriod",
                "dateAsserted",
            ],
        );
        let is_current = phase == Phase::Current;
        // What runs holds now: by the day of its writing it would count as lapsed. What began today did not run before.
        let date = began.filter(|began| !is_current || *began == self.today);
        event.time = began.filter(|_| is_current).map(since);
        let standing = if is_current {
            Standing::Now
        } else {
            Standing::Dated
        };
        reading.tell(name, date, standing, vec![event]);
    }

    /// The drug of a request or statement with its dosage; else how it is called and why it is not known.
    pub(crate) fn drug(&self, resource: &Value) -> Result<Event, (Option<String>, Why)> {
        let contained = |reference: &str| {
            let id = reference.strip_prefix('#')?;
            list(resource, "contained")
                .iter()
                .find(|own| text(own, "id") == Some(id))
        };
        let code = if let Some(code) = resource.get("medicationCodeableConcept") {
            code
        } else {
            let reference = resource
                .pointer("/medicationReference/reference")
                .and_then(Value::as_str);
            let drug = reference
                .and_then(|reference| contained(reference).or_else(|| self.drugs.get(reference).copied()));
            let words = resource
                .pointer("/medicationReference/display")
                .and_then(Value::as_str);
            match drug.and_then(|drug| drug.get("code")) {
                Some(code) => code,
                None => return Err((words.or(reference).map(str::to_owned), Why::Reference)),
            }
        };
        let read = codes::words(code).into_iter().find_map(|words| {
            let events = self.names.read(words).events;
            events
                .into_iter()
                .find(|event| event.kind == EventKind::Medication)
        });
        let by_code = self.names.find(code, &DRUGS).and_then(|key| self.event(key));
        // The words beside a code still tell the strength and the form.
        let event = match (by_code, read) {
            (Some(event), Some(read)) => Some(Event {
                dosage: read.dosage,
                ..event
            }),
            (event, read) => event.or(read),
        };
        let mut event = event.ok_or_else(|| (codes::label(code), Why::Unknown))?;
        event.polarity = Polarity::Present;
        event.certainty = Certainty::Asserted;
        let words = codes::words(code)
            .first()
            .map_or_else(|| event.name.to_string(), |words| (*words).to_owned());
        event.dosage = Some(Box::new(amounts::dosage(
            self,
            resource,
            &words,
            event.dosage.take(),
        )));
        Ok(event)
    }
}

/// An event of a concept, said of the patient and of now.
fn event(concept: &Concept) -> Event {
    let kind = match concept.kind {
        TermKind::Disease => EventKind::Condition,
        TermKind::Finding | TermKind::Normal | TermKind::Site => EventKind::Finding,
        TermKind::Drug | TermKind::DrugClass => EventKind::Medication,
        TermKind::Test => EventKind::Measurement,
        TermKind::Exam => EventKind::Examination,
        TermKind::Procedure => EventKind::Procedure,
        TermKind::Allergen => EventKind::Allergy,
        TermKind::Circumstance => EventKind::Lifestyle,
    };
    Event {
        fact: FactKey::new(""),
        concept: concept.id.clone(),
        name: concept.name.clone(),
        kind,
        codes: concept.codes.clone(),
        polarity: Polarity::Present,
        certainty: Certainty::Asserted,
        experiencer: Experiencer::Patient,
        relative: None,
        phase: Phase::Current,
        resolved: false,
        site: None,
        modifiers: Vec::new(),
        laterality: None,
        value: None,
        dosage: None,
        time: None,
        measured: None,
        item: None,
        evidence: None,
        // The resource itself says it: without a reason a denial counts as derived.
        because: vec![Because::Entity { entity: 0 }],
        supersedes: None,
    }
}

fn since(day: Date) -> ClinicalTime {
    ClinicalTime {
        from: Some(day.to_datetime(jiff::civil::Time::midnight())),
        to: None,
        precision: Precision::Day,
        frame: TimeFrame::Since,
        text: String::new(),
    }
}
