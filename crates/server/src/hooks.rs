//! CDS Hooks 2.0 (cds-hooks.hl7.org): another system says what a clinician is doing, and gets cards with what speaks for
//! or against it, each with its reasons and sources.
//!
//! Nothing is fetched: what is not in the request's prefetch or in our own store is not known. A request is refused
//! where its form is wrong, naming the field; clinical content that cannot be read is no mistake of form, and is listed
//! on the cards as not covered. No kind of support is computed that the user has switched off or that needs a decision
//! of the site which it has not taken.

mod amounts;
mod card;
mod codes;
mod drafts;
mod feedback;
mod guidance;
mod http;
mod observation;
mod orders;
mod prescription;
mod reader;
mod refusal;
mod request;
mod shown;
mod subject;
#[cfg(test)]
mod tests;

pub(crate) use http::doors;

use crate::advice::{Kind, Living, Switches};
use crate::web::{App, Language, Ui, weighed};
use axum::http::StatusCode;
use card::Card;
use codes::CodeIndex;
use reader::Reading;
use refusal::Refusal;
use request::Request;
use serde_json::{Value, json};
use shown::Shown;
use std::sync::{Arc, OnceLock};
use subject::Subject;
use tsumugi_records::Moment;

/// Longest body of a request, in bytes.
const LONGEST_BODY: usize = 4 << 20;

/// A service, by what the clinician is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// A patient's record is opened.
    PatientView,
    /// An order is chosen.
    OrderSelect,
    /// Orders are about to be signed.
    OrderSign,
    /// A discharge is under way.
    EncounterDischarge,
}

impl Service {
    /// All services, in the order of the discovery.
    const ALL: [Self; 4] = [
        Self::PatientView,
        Self::OrderSelect,
        Self::OrderSign,
        Self::EncounterDischarge,
    ];

    /// The hook that calls it.
    fn hook(self) -> &'static str {
        match self {
            Self::PatientView => "patient-view",
            Self::OrderSelect => "order-select",
            Self::OrderSign => "order-sign",
            Self::EncounterDischarge => "encounter-discharge",
        }
    }

    /// The id in its address.
    fn id(self) -> String {
        format!("tsumugi-{}", self.hook())
    }

    fn of(id: &str) -> Result<Self, Refusal> {
        let known = Self::ALL.into_iter().find(|service| service.id() == id);
        known.ok_or_else(|| Refusal::unknown_service(id))
    }

    /// The kinds of support that it can answer with.
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::PatientView => &[Kind::Guideline, Kind::Criteria, Kind::Differential],
            Self::OrderSelect => &[Kind::Prescription, Kind::Differential, Kind::Next],
            Self::OrderSign => &[Kind::Prescription],
            Self::EncounterDischarge => &[Kind::Guideline, Kind::Criteria, Kind::Next],
        }
    }
}

/// What the services keep between requests.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    codes: OnceLock<CodeIndex>,
    shown: Shown,
}

/// One call of the services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// What every request shares.
    pub(crate) app: &'a App,
    /// What the services share.
    pub(crate) hooks: &'a Hooks,
    /// Language of the answer.
    pub(crate) language: Language,
    /// When it came.
    pub(crate) now: &'a Moment,
}

impl<'a> Call<'a> {
    fn ui(self) -> Ui<'a> {
        self.app.texts.of(self.language)
    }

    fn codes(self) -> &'a CodeIndex {
        self.hooks
            .codes
            .get_or_init(|| CodeIndex::new(self.app.coder.vocabulary()))
    }

    /// Address of our own pages.
    fn base(self) -> String {
        let host = self.app.hosts.first().map_or("localhost", String::as_str);
        format!("{}{host}", self.app.scheme())
    }
}

/// Everything that the answers of one call are made from.
struct Case<'a> {
    call: Call<'a>,
    ui: Ui<'a>,
    living: Arc<Living>,
    request: &'a Request<'a>,
    reading: &'a Reading,
    subject: &'a Subject,
    switches: &'a Switches,
}

/// What is served, with what each service wants to be told.
pub(crate) fn discovery(call: Call<'_>) -> Value {
    let ui = call.ui();
    let services = Service::ALL.into_iter().map(|service| {
        json!({
            "id": service.id(),
            "hook": service.hook(),
            "title": ui.of("hooks.title", service.hook()),
            "description": ui.of("hooks.description", service.hook()),
            "prefetch": prefetch(),
        })
    });
    json!({ "services": services.collect::<Vec<Value>>() })
}

/// The templates of the prefetch: only what every FHIR server can search for.
fn prefetch() -> Value {
    let of_patient = |search: &str| search.replace('@', "patient={{context.patientId}}");
    json!({
        "patient": "Patient/{{context.patientId}}",
        "conditions": of_patient("Condition?@"),
        "allergies": of_patient("AllergyIntolerance?@"),
        "medications": of_patient("MedicationRequest?@&status=active"),
        "laboratory": of_patient("Observation?@&category=laboratory&_sort=-date&_count=200"),
        "vitals": of_patient("Observation?@&category=vital-signs&_sort=-date&_count=50"),
    })
}

/// Answers a call of a service.
pub(crate) fn respond(call: Call<'_>, service: &str, body: &[u8]) -> (StatusCode, Value) {
    match cards(call, service, body) {
        Ok(cards) => (StatusCode::OK, json!({ "cards": cards })),
        Err(refusal) => refusal.answer(),
    }
}

/// Keeps what became of cards.
pub(crate) fn feedback(call: Call<'_>, service: &str, body: &[u8]) -> (StatusCode, Value) {
    let kept = Service::of(service).and_then(|service| feedback::keep(call, service, &object(body)?));
    match kept {
        Ok(()) => (StatusCode::OK, json!({})),
        Err(refusal) => refusal.answer(),
    }
}

/// A body as a JSON object.
fn object(body: &[u8]) -> Result<Value, Refusal> {
    if body.len() > LONGEST_BODY {
        return Err(Refusal::too_long());
    }
    weighed(body).map_err(|error| Refusal::wrong("", format!("the body is too large: {error}")))?;
    let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::not_json(&error))?;
    if body.is_object() {
        Ok(body)
    } else {
        Err(Refusal::wrong("", "the body is no JSON object"))
    }
}

fn cards(call: Call<'_>, service: &str, body: &[u8]) -> Result<Vec<Value>, Refusal> {
    let service = Service::of(service)?;
    let body = object(body)?;
    let request = Request::read(service, &body)?;
    let (record, is_other) = subject::own_record(call, &request)?;
    let population = subject::population(record.as_ref());
    let switches = Switches::of(&call.app.store, request.user, population)?;
    if !service.kinds().iter().any(|kind| switches.is_on(*kind)) {
        return Ok(Vec::new());
    }
    let living = call.app.advice.living(population);
    let reading = reader::read(call, &request)?;
    let subject = Subject::new(call, record.as_ref(), is_other, &reading)?;
    let case = Case {
        call,
        ui: call.ui(),
        living,
        request: &request,
        reading: &reading,
        subject: &subject,
        switches: &switches,
    };
    let mut cards = match service {
        Service::PatientView => guidance::on_opening(&case),
        Service::OrderSelect | Service::OrderSign => {
            let mut cards = prescription::cards(&case);
            cards.extend(orders::cards(&case));
            cards
        }
        Service::EncounterDischarge => guidance::on_discharge(&case),
    };
    if cards.is_empty() && case.leaves_something_out() {
        cards.push(case.not_covered());
    }
    call.hooks.shown.remember(&request, &cards);
    Ok(cards.iter().map(|card| card.json(&case)).collect())
}

impl Case<'_> {
    /// Whether a kind of support answers.
    fn is_on(&self, kind: Kind) -> bool {
        self.switches.is_on(kind)
    }

    /// Whether something of the request, or the record here, could not be taken into account.
    fn leaves_something_out(&self) -> bool {
        !self.reading.uncovered.is_empty() || self.subject.is_other
    }

    /// The card that only says what could not be read.
    fn not_covered(&self) -> Card {
        let count = self.reading.uncovered.len();
        let summary = if count == 0 {
            self.ui.t("hooks.other-person").to_owned()
        } else {
            self.ui
                .fill("hooks.not-covered-summary", &[("count", &count.to_string())])
        };
        Card::info(self, "not-covered", &summary)
    }
}
