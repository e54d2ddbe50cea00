//! Forms of JSON that the doors of apps and of imports take and answer.
//!
//! Sources: RFC 6749 and 6750 (tokens), RFC 7662 (what a token is worth), RFC 7517 (keys), SMART App Launch 2.2 clause 6,
//! OpenID Connect Discovery 1.0, FHIR R4. An import answers with its report (`import::report`).

use super::takes::Media;
use serde_json::{Value, json};

/// Bytes of what a hospital's system sends.
const BYTES: &str = "application/octet-stream";

/// Parameters of an address that its page reads as pairs: method, address, names. None of them is asked for by all.
const PAIRS: &[(&str, &str, &[&str])] = &[
    ("GET", "/oauth/authorize", REQUEST),
    (
        "GET",
        "/fhir/R4/{kind}",
        &[
            "patient",
            "subject",
            "_id",
            "identifier",
            "_lastUpdated",
            "_count",
            "_sort",
            "_total",
            "_include",
            "_revinclude",
            "_cursor",
            "_format",
        ],
    ),
    ("GET", "/fhir/R4/{kind}/{id}", &["_format"]),
    ("GET", "/fhir/R4/{kind}/{id}/_history", &["_format"]),
    (
        "GET",
        "/fhir/R4/{kind}/{id}/$everything",
        &["_type", "_count", "_cursor", "_format"],
    ),
    ("POST", "/import/{standard}", &["file", "patient", "dummy"]),
];

/// An authorization request (RFC 6749, clause 4.1.1; RFC 7636), and the words that narrow the patients to choose from.
const REQUEST: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "launch",
    "scope",
    "state",
    "aud",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "q",
];

/// Names of what a page that reads pairs looks for in its query.
pub(super) fn pairs(method: &str, path: &str) -> &'static [&'static str] {
    let found = PAIRS.iter().find(|known| (known.0, known.1) == (method, path));
    found.map_or(&[], |known| known.2)
}

/// The body of a door of apps or imports: media type and form.
pub(super) fn body(method: &str, path: &str) -> Option<(&'static str, Value)> {
    let words: &[&str] = match (method, path) {
        ("POST", "/import/{standard}") => return Some((BYTES, json!({"type": "string"}))),
        ("POST", "/oauth/token") => &[
            "grant_type",
            "code",
            "redirect_uri",
            "code_verifier",
            "refresh_token",
            "scope",
            "client_id",
            "client_secret",
            "client_assertion_type",
            "client_assertion",
        ],
        ("POST", "/fhir/R4/{kind}/_search") => &["patient", "_id", "_count", "_total"],
        ("POST", "/oauth/introspect" | "/oauth/revoke") => &[
            "token",
            "token_type_hint",
            "client_id",
            "client_secret",
            "client_assertion_type",
            "client_assertion",
        ],
        ("POST", "/oauth/authorize") => {
            let mut form = fields(REQUEST);
            if let Some(properties) = form.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(
                    "decision".to_owned(),
                    json!({"type": "string", "enum": ["allow", "deny"]}),
                );
                properties.insert("patient".to_owned(), json!({"type": "integer", "minimum": 1}));
            }
            return Some((Media::Form.name(), form));
        }
        _ => return None,
    };
    let mut form = fields(words);
    let first = words
        .first()
        .filter(|word| ["grant_type", "token"].contains(*word));
    if let (Some(first), Some(form)) = (first, form.as_object_mut()) {
        form.insert("required".to_owned(), json!([first]));
    }
    Some((Media::Form.name(), form))
}

fn fields(names: &[&str]) -> Value {
    let fields = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})));
    json!({"type": "object", "properties": fields.collect::<serde_json::Map<String, Value>>()})
}

/// The forms, by name.
pub(super) fn schemas() -> Value {
    let mut forms = of_apps();
    if let (Some(forms), Value::Object(others)) = (forms.as_object_mut(), of_records()) {
        forms.extend(others);
    }
    forms
}

/// What apps get beside records.
fn of_apps() -> Value {
    let text = json!({"type": "string"});
    let words = json!({"type": "array", "items": text});
    let count = json!({"type": "integer", "minimum": 0});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let list = |items: &Value| json!({"type": "array", "items": items});
    let key = object(
        &["kty", "crv", "use", "alg", "kid", "x", "y"],
        json!({
            "kty": {"type": "string", "enum": ["EC"]}, "crv": {"type": "string", "enum": ["P-256"]},
            "use": {"type": "string", "enum": ["sig"]}, "alg": {"type": "string", "enum": ["ES256"]},
            "kid": text, "x": text, "y": text,
        }),
    );
    json!({
        "Token": object(&["access_token", "token_type", "expires_in", "scope"], json!({
            "access_token": text, "token_type": {"type": "string", "enum": ["Bearer"]}, "expires_in": count,
            "scope": text, "refresh_token": text, "patient": text, "need_patient_banner": {"type": "boolean"},
            "encounter": text, "id_token": text,
        })),
        "TokenRefusal": object(&["error", "error_description"], json!({
            "error": {"type": "string", "enum": [
                "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client",
                "unsupported_grant_type", "temporarily_unavailable",
            ]},
            "error_description": text,
        })),
        "Worth": object(&["active"], json!({
            "active": {"type": "boolean"}, "client_id": text, "scope": text, "exp": count, "iss": text,
            "token_type": {"type": "string", "enum": ["Bearer", "refresh_token"]}, "sub": text, "patient": text,
            "encounter": text, "fhirUser": text,
        })),
        "Keys": object(&["keys"], json!({"keys": list(&key)})),
        "Smart": object(
            &[
                "issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "introspection_endpoint",
                "revocation_endpoint", "grant_types_supported", "scopes_supported", "response_types_supported",
                "token_endpoint_auth_methods_supported", "code_challenge_methods_supported", "capabilities",
            ],
            json!({
                "issuer": text, "jwks_uri": text, "authorization_endpoint": text, "token_endpoint": text,
                "introspection_endpoint": text, "revocation_endpoint": text, "management_endpoint": text,
                "grant_types_supported": words, "scopes_supported": words, "response_types_supported": words,
                "token_endpoint_auth_methods_supported": words,
                "token_endpoint_auth_signing_alg_values_supported": words,
                "code_challenge_methods_supported": words,
                "authorization_response_iss_parameter_supported": {"type": "boolean"}, "capabilities": words,
            }),
        ),
        "OpenId": object(
            &[
                "issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "response_types_supported",
                "subject_types_supported", "id_token_signing_alg_values_supported",
            ],
            json!({
                "issuer": text, "jwks_uri": text, "authorization_endpoint": text, "token_endpoint": text,
                "response_types_supported": words, "subject_types_supported": words,
                "id_token_signing_alg_values_supported": words, "scopes_supported": words, "claims_supported": words,
            }),
        )
    })
}

/// FHIR, and the report of an import.
fn of_records() -> Value {
    let text = json!({"type": "string"});
    let words = json!({"type": "array", "items": text});
    let count = json!({"type": "integer", "minimum": 0});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let list = |items: &Value| json!({"type": "array", "items": items});
    let problem = object(
        &["file", "severity", "code", "message"],
        json!({
            "file": text, "severity": {"type": "string", "enum": ["information", "warning", "error"]},
            "code": text, "message": text,
        }),
    );
    let resource = object(&["resourceType", "id"], json!({"resourceType": text, "id": text}));
    let link = object(&["relation", "url"], json!({"relation": text, "url": text}));
    let entry = object(
        &["fullUrl", "resource", "search"],
        json!({"fullUrl": text, "resource": resource, "search": {"type": "object"}}),
    );
    json!({
        "Capability": object(&["resourceType", "status", "kind", "fhirVersion", "format", "rest"], json!({
            "resourceType": {"type": "string", "enum": ["CapabilityStatement"]}, "status": text, "kind": text,
            "fhirVersion": {"type": "string", "enum": ["4.0.1"]}, "format": words, "rest": list(&json!({"type": "object"})),
        })),
        "Bundle": object(&["resourceType", "type", "total", "link", "entry"], json!({
            "resourceType": {"type": "string", "enum": ["Bundle"]}, "type": {"type": "string", "enum": ["searchset"]},
            "total": count, "link": list(&link), "entry": list(&entry),
        })),
        "Resource": resource,
        "Report": object(
            &["files", "accepted", "rejected", "repeated", "records", "resources", "events", "diagnostics"],
            json!({
                "files": count, "accepted": count, "rejected": count, "repeated": count, "records": count,
                "resources": count, "events": count, "interrupted": {"type": "boolean"},
                "diagnostics": list(&problem), "diagnostics_left_out": count,
            }),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::report::Report;
    use std::collections::BTreeSet;

    #[test]
    fn the_report_of_an_import_is_described_as_it_is() {
        let mut report = Report::default();
        report.interrupted = true;
        report.diagnostics_left_out = 1;
        let told = serde_json::to_value(report);
        let told: BTreeSet<String> = told.unwrap().as_object().unwrap().keys().cloned().collect();
        let forms = schemas();
        let known = forms["Report"]["properties"].as_object().unwrap();
        assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), told);
    }

    #[test]
    fn what_pages_read_as_pairs_is_told_of_doors_that_are_there() {
        let doors = crate::web::doors().built().1;
        for (method, path, names) in PAIRS {
            assert!(!names.is_empty());
            assert!(
                doors
                    .iter()
                    .any(|door| (door.method, door.path) == (*method, *path)),
                "{path}"
            );
        }
    }
}
