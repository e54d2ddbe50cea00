//! What a token opens: FHIR R4, reading only. Scopes and the policy both must let it, and the entry is durable before.

use super::search;
use crate::access::Bearer;
use crate::web::{App, Desk, Visit, WebError, answer};
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use tsumugi_access::{Action, Interaction, Level, Special};
use tsumugi_clinical::Sex;
use tsumugi_records::{AuditSubtype, PatientId, PatientRecord, Population, StoreError};

/// Types of resource that are kept with signed notes, and the patient.
pub(super) const KINDS: [&str; 12] = [
    "AllergyIntolerance",
    "Condition",
    "DocumentReference",
    "FamilyMemberHistory",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "Provenance",
    "ServiceRequest",
];

/// Why a FHIR request gets nothing.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The scopes of the token do not reach.
    Scope,
    /// The request is wrong; what is wanted.
    Wrong(String),
    /// There is no such type here.
    Kind(String),
    /// As pages are refused.
    Web(WebError),
}

impl<E: Into<WebError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Web(error.into())
    }
}

impl Refusal {
    fn into_outcome(self) -> Response {
        match self {
            Self::Scope => outcome(
                StatusCode::FORBIDDEN,
                "forbidden",
                "the scopes of the token do not reach this",
            ),
            Self::Wrong(text) => outcome(StatusCode::BAD_REQUEST, "invalid", &text),
            Self::Kind(kind) => {
                let text = format!(
                    "{kind}: no type of resource that is kept here; /fhir/R4/metadata lists those that are"
                );
                outcome(StatusCode::NOT_FOUND, "not-supported", &text)
            }
            Self::Web(WebError::Denied(_)) => {
                let text = "the rules of access do not let the person behind the token read this";
                outcome(StatusCode::FORBIDDEN, "forbidden", text)
            }
            Self::Web(WebError::NotFound | WebError::Store(StoreError::NotFound { .. })) => {
                outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource")
            }
            Self::Web(error) => {
                let text = "the server failed; the log tells why";
                let mut response = outcome(StatusCode::INTERNAL_SERVER_ERROR, "exception", text);
                if let Some(cause) = error.fault() {
                    response.extensions_mut().insert(crate::web::Why(cause));
                }
                response
            }
        }
    }
}

/// An OperationOutcome.
pub(super) fn outcome(status: StatusCode, code: &str, text: &str) -> Response {
    let body = json!({
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": text}],
    });
    resource(status, &body)
}

fn resource(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/fhir+json; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What the FHIR addresses can do.
pub(super) async fn metadata(State(app): State<Arc<App>>) -> Response {
    resource(StatusCode::OK, &super::discovery::capability(&app))
}

async fn answered(
    app: Arc<App>,
    visit: Visit,
    work: impl FnOnce(&Desk) -> Result<Value, Refusal> + Send + 'static,
) -> Response {
    answer(app, visit, move |desk| {
        Ok(match work(desk) {
            Ok(body) => resource(StatusCode::OK, &body),
            Err(refusal) => refusal.into_outcome(),
        })
    })
    .await
}

/// Gives the resources of a type and a patient.
pub(super) async fn search(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path(kind): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    answered(app, visit, move |desk| {
        let kind = known(&kind)?;
        search::bundle(desk, &bearer, kind, &pairs)
    })
    .await
}

/// Gives one resource.
pub(super) async fn read(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path((kind, id)): Path<(String, String)>,
) -> Response {
    answered(app, visit, move |desk| match kind.as_str() {
        "Practitioner" => practitioner(desk, &bearer, &id),
        "Patient" => {
            let id = number(&id)?;
            let record = patient(desk, &bearer, id, ("Patient", Interaction::Read))?;
            desk.reads(id, None)?;
            Ok(patient_resource(&record))
        }
        kind => search::one(desk, &bearer, known(kind)?, &id),
    })
    .await
}

/// A type that is kept here.
fn known(kind: &str) -> Result<&'static str, Refusal> {
    let found = KINDS.into_iter().find(|known| *known == kind);
    found.ok_or_else(|| Refusal::Kind(kind.chars().take(64).collect()))
}

/// The number in `7` or `Patient/7`.
pub(super) fn number(id: &str) -> Result<PatientId, Refusal> {
    let digits = id.strip_prefix("Patient/").unwrap_or(id);
    let number = digits.parse().ok().filter(|number| *number > 0);
    number.map(PatientId::new).ok_or(Refusal::Web(WebError::NotFound))
}

/// Holds scopes and policy against a patient; gives the record. The scopes come first, so that a token of another patient
/// does not learn who is there.
pub(super) fn patient(
    desk: &Desk,
    bearer: &Bearer,
    id: PatientId,
    (kind, done): (&str, Interaction),
) -> Result<PatientRecord, Refusal> {
    let access = &bearer.access;
    let grant = &access.grant;
    let lets = |level| access.scopes.lets(level, kind, done);
    let is_launched = grant.patient.is_some_and(|patient| patient.get() == id.get());
    let reaches = (is_launched && lets(Level::Patient))
        || (grant.personal && lets(Level::User))
        || (!grant.personal && lets(Level::System));
    if !reaches {
        let why = "the scopes of the token do not reach it";
        return Err(match desk.refuse_record(AuditSubtype::Read, id, why) {
            WebError::Denied(_) => Refusal::Scope,
            error => Refusal::Web(error),
        });
    }
    let record = desk.app.store.patient(id)?;
    desk.may(Action::Read, &record)?;
    Ok(record)
}

/// A patient as a resource.
pub(super) fn patient_resource(record: &PatientRecord) -> Value {
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

/// The person behind the token, for `fhirUser`.
fn practitioner(desk: &Desk, bearer: &Bearer, id: &str) -> Result<Value, Refusal> {
    let (actor, access) = (desk.actor()?, &bearer.access);
    let is_own = access.grant.personal && access.grant.user.as_str() == id;
    if !is_own || !access.scopes.has(Special::FhirUser) {
        return Err(Refusal::Scope);
    }
    actor.tells_of_no_record();
    Ok(json!({
        "resourceType": "Practitioner",
        "id": id,
        "active": true,
        "name": [{"text": actor.user().name}],
    }))
}
