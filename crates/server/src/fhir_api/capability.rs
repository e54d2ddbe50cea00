//! What the API can do (CapabilityStatement, R4), made of the tables and the doors: no more than is there.

use super::outcome::resource;
use super::{DEFINITIONS, FHIR, NOT_KEPT, terms};
use crate::smart::base;
use crate::web::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use tsumugi_fhirstore::{Kind, ResourceType};

/// What can be done with each type.
const INTERACTIONS: [&str; 4] = ["read", "vread", "history-instance", "search-type"];

/// What the FHIR addresses can do.
pub(super) async fn metadata(State(app): State<Arc<App>>) -> Response {
    resource(StatusCode::OK, capability(&app).to_string())
}

fn of_type(of: &ResourceType) -> Value {
    let own = [("_id", "token"), ("_lastUpdated", "date")];
    let own = own
        .into_iter()
        .map(|(name, kind)| json!({"name": name, "type": kind}));
    let parameters = of
        .parameters
        .iter()
        .map(|own| json!({"name": own.name, "type": own.kind.as_str()}));
    let references = of.parameters.iter().filter(|own| own.kind == Kind::Reference);
    let includes: Vec<String> = references
        .map(|own| format!("{}:{}", of.name, own.name))
        .collect();
    let interactions: Vec<Value> = INTERACTIONS.iter().map(|code| json!({"code": code})).collect();
    let mut body = json!({
        "type": of.name,
        "interaction": interactions,
        "versioning": "versioned",
        "readHistory": true,
        "updateCreate": false,
        "searchParam": own.chain(parameters).collect::<Vec<_>>(),
    });
    if let Some(map) = body.as_object_mut() {
        if !includes.is_empty() {
            map.insert("searchInclude".to_owned(), json!(includes));
        }
        let everything = [("Patient", "everything", "Patient-everything")];
        let all = everything.iter().chain(&terms::OPERATIONS);
        let operations = all.filter(|(kind, ..)| *kind == of.name).map(|(_, name, definition)| {
            json!({"name": name, "definition": format!("http://hl7.org/fhir/OperationDefinition/{definition}")})
        });
        let operations: Vec<Value> = operations.collect();
        if !operations.is_empty() {
            map.insert("operation".to_owned(), json!(operations));
        }
    }
    body
}

/// The statement of what the FHIR addresses can do.
fn capability(app: &App) -> Value {
    let base = base(app);
    let oauth = |name: &str, path: &str| json!({"url": name, "valueUri": format!("{base}{path}")});
    let kept = DEFINITIONS
        .resource_types()
        .filter(|of| !NOT_KEPT.contains(&of.name.as_str()));
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-29",
        "kind": "instance",
        "software": {"name": "Tsumugi", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Tsumugi", "url": format!("{base}{FHIR}")},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{
            "mode": "server",
            "security": {
                "cors": true,
                "service": [{"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                    "code": "SMART-on-FHIR",
                }]}],
                "extension": [{
                    "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                    "extension": [
                        oauth("authorize", "/oauth/authorize"),
                        oauth("token", "/oauth/token"),
                        oauth("introspect", "/oauth/introspect"),
                        oauth("revoke", "/oauth/revoke"),
                    ],
                }],
            },
            "resource": kept.map(of_type).collect::<Vec<Value>>(),
        }],
    })
}
