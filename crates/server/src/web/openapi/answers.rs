//! What the doors answer: statuses, media types, forms. Most answers are those of every page of a kind; the few that are
//! not stand in [`OWN`], which a test holds against the doors.

use super::forms;
use super::takes::Media;
use crate::web::doors::{Ask, Door};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const HTML: &str = "text/html";
const PLAIN: &str = "text/plain";
const JSON: &str = "application/json";
const FHIR: &str = "application/fhir+json";
/// An answer without a body.
const NONE: &str = "";

/// An answer of a door that is not one of every page: method, address, status, media type, name of its form (for JSON).
type Own = (&'static str, &'static str, u16, &'static str, &'static str);

/// Answers beside those of every page. A door whose success (2xx or 101) stands here has no other success.
const OWN: &[Own] = &[
    ("GET", "/launch", 403, HTML, ""),
    ("GET", "/healthz", 200, PLAIN, ""),
    ("GET", "/healthz", 503, PLAIN, ""),
    ("GET", "/openapi.json", 200, JSON, "Document"),
    ("GET", "/assets/{name}", 200, "text/css", ""),
    ("GET", "/assets/{name}", 200, "text/javascript", ""),
    ("GET", "/assets/{name}", 200, "image/svg+xml", ""),
    ("GET", "/assets/{name}", 200, "application/octet-stream", ""),
    ("GET", "/assets/{name}", 404, NONE, ""),
    ("GET", "/ws", 101, NONE, ""),
    ("GET", "/ws", 400, PLAIN, ""),
    ("GET", "/ws", 403, NONE, ""),
    ("GET", "/ws", 426, PLAIN, ""),
    ("GET", "/search.csv", 200, "text/csv", ""),
    ("GET", "/api/concepts", 200, JSON, "Names"),
    ("GET", "/patients/{id}/topics", 200, JSON, "Topics"),
    ("GET", "/patients/{id}/lanes", 200, JSON, "Lanes"),
    ("GET", "/patients/{id}/since", 200, JSON, "Since"),
    ("GET", "/harms.csv", 200, "text/csv", ""),
    ("GET", "/harms/fhir", 200, FHIR, "Resource"),
    ("GET", "/patients/{id}/harms/fhir", 200, FHIR, "Resource"),
    ("GET", "/patients/{id}/wishes/fhir", 200, FHIR, "Resource"),
    ("POST", "/api/draft", 204, NONE, ""),
    ("POST", "/api/launch", 200, JSON, "Launch"),
    ("POST", "/api/unlock", 204, NONE, ""),
    ("POST", "/api/unlock", 401, PLAIN, ""),
    ("POST", "/api/unlock", 410, NONE, ""),
    ("POST", "/sign-in", 401, HTML, ""),
    ("POST", "/second-factor", 401, HTML, ""),
    ("POST", "/unlock", 401, HTML, ""),
    ("GET", "/set-password", 410, HTML, ""),
    ("POST", "/set-password", 410, HTML, ""),
    ("POST", "/first-run", 410, HTML, ""),
    ("POST", "/exports", 403, HTML, ""),
    ("GET", "/exports/{id}/{file}", 200, "application/octet-stream", ""),
    ("POST", "/my/enter", 401, HTML, ""),
    ("POST", "/my/enter", 410, HTML, ""),
    ("POST", "/my/enter", 429, HTML, ""),
    ("POST", "/my/api/choices/{study}", 200, JSON, "Kept"),
    ("POST", "/my/api/choices/{study}", 400, JSON, "Kept"),
    ("POST", "/my/api/choices/{study}", 401, PLAIN, ""),
    ("POST", "/my/api/choices/{study}", 409, JSON, "Kept"),
    ("GET", "/my/receipts/{study}", 200, FHIR, "Resource"),
    ("GET", "/cds-services", 200, JSON, "Services"),
    ("POST", "/cds-services/{id}", 200, JSON, "Cards"),
    ("POST", "/cds-services/{id}/feedback", 200, JSON, "Kept"),
    ("POST", "/import/{standard}", 200, JSON, "Report"),
    ("POST", "/import/{standard}", 400, PLAIN, ""),
    ("POST", "/import/{standard}", 404, PLAIN, ""),
    ("POST", "/import/{standard}", 408, PLAIN, ""),
    ("POST", "/import/{standard}", 413, PLAIN, ""),
    ("POST", "/import/{standard}", 422, JSON, "Report"),
    ("POST", "/import/{standard}", 503, PLAIN, ""),
    ("POST", "/import/{standard}", 504, NONE, ""),
    ("GET", "/.well-known/smart-configuration", 200, JSON, "Smart"),
    ("GET", "/.well-known/openid-configuration", 200, JSON, "OpenId"),
    (
        "GET",
        "/fhir/R4/.well-known/smart-configuration",
        200,
        JSON,
        "Smart",
    ),
    ("GET", "/oauth/jwks", 200, JSON, "Keys"),
    ("POST", "/oauth/token", 200, JSON, "Token"),
    ("POST", "/oauth/introspect", 200, JSON, "Worth"),
    ("POST", "/oauth/revoke", 200, NONE, ""),
    ("GET", "/fhir/R4/metadata", 200, FHIR, "Capability"),
    ("GET", "/fhir/R4/{kind}", 200, FHIR, "Bundle"),
    ("GET", "/fhir/R4/{kind}/{id}", 200, FHIR, "Resource"),
    ("GET", "/fhir/R4/{kind}/{id}", 304, NONE, ""),
    ("GET", "/fhir/R4/{kind}/{id}", 410, FHIR, "OperationOutcome"),
    ("POST", "/fhir/R4/{kind}/_search", 200, FHIR, "Bundle"),
    ("POST", "/fhir/R4/{kind}/_search", 400, PLAIN, ""),
    ("POST", "/fhir/R4/{kind}/_search", 408, PLAIN, ""),
    ("POST", "/fhir/R4/{kind}/_search", 413, PLAIN, ""),
    ("POST", "/fhir/R4/{kind}/_search", 415, FHIR, "OperationOutcome"),
    ("GET", "/fhir/R4/{kind}/{id}/_history", 200, FHIR, "Bundle"),
    (
        "GET",
        "/fhir/R4/{kind}/{id}/_history/{version}",
        200,
        FHIR,
        "Resource",
    ),
    (
        "GET",
        "/fhir/R4/{kind}/{id}/_history/{version}",
        410,
        FHIR,
        "OperationOutcome",
    ),
    ("GET", "/fhir/R4/{kind}/{id}/$everything", 200, FHIR, "Bundle"),
    (
        "GET",
        "/fhir/R4/{kind}/{id}/$everything",
        405,
        FHIR,
        "OperationOutcome",
    ),
    ("GET", "/oidc/sign-in", 303, NONE, ""),
    ("GET", "/oidc/sign-in", 403, HTML, ""),
    ("GET", "/oidc/callback", 403, HTML, ""),
];

/// Statuses of a refusal by the services; each carries an outcome of FHIR.
const OUTCOMES: [u16; 10] = [400, 404, 405, 408, 412, 413, 415, 500, 503, 507];

type Told = BTreeMap<u16, BTreeSet<(&'static str, &'static str)>>;

/// The answers of a door, by status.
pub(super) fn of(door: &Door) -> Value {
    let mut told = Told::new();
    let mut add = |status: u16, media: &'static str| {
        told.entry(status).or_default().insert((media, ""));
    };
    // Of the guard: another name of the host, another origin, an encoded body.
    add(421, PLAIN);
    if door.method != "GET" || door.takes.upgrades {
        add(403, PLAIN);
        add(415, PLAIN);
    }
    asked(door, &mut add);
    taken(door, &mut add);
    let is_services = door.path.starts_with("/cds-services");
    let has_own = own(door).any(|(_, _, status, _, _)| *status < 300);
    if !has_own {
        add(200, HTML);
        add(303, NONE);
    }
    if !is_services && draws(door) {
        for status in [400, 404, 409, 500, 503, 507] {
            add(status, HTML);
        }
        // A page that panicked, and one that took too long.
        add(500, NONE);
        add(504, NONE);
    }
    let mut with = |status: u16, media, form| {
        told.entry(status).or_default().insert((media, form));
    };
    if door.path.starts_with("/oauth/") && door.method == "POST" && door.takes.body.is_none() {
        for status in [400, 401, 503] {
            with(status, JSON, "TokenRefusal");
        }
        // A body that is cut off, slow or too long.
        for status in [400, 408, 413] {
            with(status, PLAIN, "");
        }
        with(500, NONE, "");
        with(504, NONE, "");
    }
    if door.ask == Ask::Token {
        for status in [400, 401, 403, 404, 406, 500, 503] {
            with(status, FHIR, "OperationOutcome");
        }
        with(500, NONE, "");
        with(504, NONE, "");
    }
    if is_services {
        for status in OUTCOMES {
            with(status, JSON, "OperationOutcome");
        }
        with(504, NONE, "");
    }
    for (_, _, status, media, form) in own(door) {
        with(*status, *media, *form);
    }
    written(&told)
}

fn own(door: &Door) -> impl Iterator<Item = &'static Own> {
    let (method, path) = (door.method, door.path);
    OWN.iter().filter(move |own| own.0 == method && own.1 == path)
}

/// Whether a page is drawn there, which says what went wrong in HTML.
fn draws(door: &Door) -> bool {
    let is_for_programs = ["/fhir/", "/.well-known/", "/import/", "/oauth/jwks"]
        .iter()
        .any(|part| door.path.starts_with(part));
    let is_for_apps = door.path.starts_with("/oauth/") && door.path != "/oauth/authorize";
    let is_bare = matches!(door.path, "/healthz" | "/openapi.json" | "/assets/{name}" | "/ws");
    !(is_bare || is_for_apps || is_for_programs)
}

/// What the door itself answers.
fn asked(door: &Door, add: &mut impl FnMut(u16, &'static str)) {
    let is_script = door.path.starts_with("/api/") || door.path == "/ws";
    match door.ask {
        Ask::Nothing | Ask::Token => {}
        Ask::Patient => {
            add(303, NONE);
            if door.method == "GET" {
                add(200, HTML);
                // Of a page of another site.
                add(403, PLAIN);
            }
        }
        Ask::Service => add(401, PLAIN),
        Ask::Person | Ask::System(_) | Ask::Records(_) => {
            if is_script {
                add(401, PLAIN);
            } else {
                add(303, NONE);
            }
            add(403, HTML);
            if door.method == "GET" {
                // A link of another site is opened once more, from here.
                add(200, HTML);
            }
        }
    }
}

/// What is said of a request that cannot be read.
fn taken(door: &Door, add: &mut impl FnMut(u16, &'static str)) {
    if door.takes.query.is_some() || door.takes.path.is_some() {
        add(400, PLAIN);
    }
    if let Some((media, _)) = &door.takes.body {
        for status in [400, 408, 413, 422] {
            add(status, PLAIN);
        }
        if *media == Media::Json {
            add(415, PLAIN);
        }
    }
}

fn written(told: &Told) -> Value {
    let mut answers: Map<String, Value> = Map::new();
    for (status, forms) in told {
        let says = StatusCode::from_u16(*status)
            .ok()
            .and_then(|status| status.canonical_reason());
        let mut answer = json!({"description": says.unwrap_or("-")});
        let content: Map<String, Value> = forms
            .iter()
            .filter(|(media, _)| *media != NONE)
            .map(|(media, form)| {
                let schema = match (*media, *form) {
                    (JSON | FHIR, form) if !form.is_empty() => {
                        json!({"$ref": format!("#/components/schemas/{form}")})
                    }
                    (JSON, _) => json!({}),
                    _ => json!({"type": "string"}),
                };
                ((*media).to_owned(), json!({"schema": schema}))
            })
            .collect();
        let may_be_empty = forms.iter().any(|(media, _)| *media == NONE);
        if !content.is_empty()
            && !may_be_empty
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("content".to_owned(), Value::Object(content));
        }
        answers.insert(status.to_string(), answer);
    }
    Value::Object(answers)
}

/// The body of a door that reads it by itself.
pub(super) fn body(door: &Door) -> Option<(&'static str, Value)> {
    let form = match (door.method, door.path) {
        ("POST", "/cds-services/{id}") => "Call",
        ("POST", "/cds-services/{id}/feedback") => "Feedback",
        (method, path) => return forms::body(method, path),
    };
    Some((JSON, json!({"$ref": format!("#/components/schemas/{form}")})))
}

/// Forms of JSON that more than one place names. CDS Hooks 2.0 is their source where they are of its services.
pub(super) fn schemas() -> Value {
    let text = json!({"type": "string"});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let list = |items: &Value| json!({"type": "array", "items": items});
    let service = object(
        &["id", "hook", "title", "description", "prefetch"],
        json!({
            "id": text, "hook": text, "title": text, "description": text,
            "prefetch": {"type": "object", "additionalProperties": text},
        }),
    );
    let card = object(
        &["uuid", "summary", "indicator", "source"],
        json!({
            "uuid": text, "summary": text, "detail": text,
            "indicator": {"type": "string", "enum": ["info", "warning", "critical"]},
            "source": object(&["label"], json!({"label": text})),
        }),
    );
    let issue = object(
        &["severity", "code", "diagnostics"],
        json!({"severity": text, "code": text, "diagnostics": text, "expression": list(&text)}),
    );
    let name = object(
        &["concept", "name", "code"],
        json!({"concept": text, "name": text, "code": text}),
    );
    let report = object(
        &["card", "outcome"],
        json!({
            "card": text,
            "outcome": {"type": "string", "enum": ["accepted", "overridden"]},
            "outcomeTimestamp": text,
        }),
    );
    let mut all = json!({
        "Document": object(&["openapi", "info", "paths"], json!({
            "openapi": text, "info": {"type": "object"}, "paths": {"type": "object"},
        })),
        "Topics": list(&json!({"type": "object"})),
        "Names": list(&name),
        "Launch": object(&["url", "expires"], json!({"url": text, "expires": {"type": "integer"}})),
        "Services": object(&["services"], json!({"services": list(&service)})),
        "Cards": object(&["cards"], json!({"cards": list(&card)})),
        "Kept": {"type": "object"},
        "Call": object(&["hook", "hookInstance", "context"], json!({
            "hook": {"type": "string", "enum": [
                "patient-view", "order-select", "order-sign", "encounter-discharge",
            ]},
            "hookInstance": {"type": "string", "format": "uuid"},
            "fhirServer": text,
            "context": object(&["userId", "patientId"], json!({
                "userId": text, "patientId": text, "encounterId": text,
                "draftOrders": {"type": "object"}, "selections": list(&text),
            })),
            "prefetch": {"type": "object"},
        })),
        "Feedback": object(&["feedback"], json!({"feedback": list(&report)})),
        "OperationOutcome": object(&["resourceType", "issue"], json!({
            "resourceType": {"type": "string", "enum": ["OperationOutcome"]}, "issue": list(&issue),
        })),
    });
    for more in [forms::schemas(), of_timeline()] {
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
            all.extend(more);
        }
    }
    all
}

/// What the timeline asks for.
fn of_timeline() -> Value {
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    let objects = json!({"type": "array", "items": {"type": "object"}});
    let object = |properties: Value| {
        let required: Vec<String> = properties
            .as_object()
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default();
        json!({"type": "object", "required": required, "properties": properties})
    };
    json!({
        "Lanes": object(json!({
            "from": number, "to": number, "now": number, "buckets": number, "events": number, "total": number,
            "whole": {"type": "boolean"}, "lanes": objects,
        })),
        "Since": object(json!({
            "name": text, "from": number, "to": number, "end": number, "says": text, "candidates": objects,
            "unmeasured": objects, "others": number,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_their_own_are_answers_of_doors() {
        let doors = crate::web::doors().built().1;
        for (method, path, status, media, form) in OWN {
            assert!(
                doors
                    .iter()
                    .any(|door| door.method == *method && door.path == *path),
                "{method} {path} {status}: there is no such door"
            );
            assert_eq!(form.is_empty(), ![JSON, FHIR].contains(media), "{method} {path}");
            assert!(form.is_empty() || schemas().get(form).is_some(), "{form}");
        }
    }
}
