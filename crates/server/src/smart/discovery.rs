//! What is offered (SMART App Launch 2.2, clause 6; OpenID Connect Discovery 1.0), and the key of id tokens.

use super::{SUPPORTED, base};
use crate::web::App;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;

const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
const ALGORITHMS: [&str; 4] = ["RS384", "ES384", "RS256", "ES256"];

/// The configuration for apps.
pub(super) async fn smart(State(app): State<Arc<App>>) -> Json<Value> {
    let base = base(&app);
    Json(json!({
        "issuer": base,
        "jwks_uri": format!("{base}/oauth/jwks"),
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "introspection_endpoint": format!("{base}/oauth/introspect"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "management_endpoint": format!("{base}/account"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "scopes_supported": SUPPORTED.words(),
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "capabilities": [
            "launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
            "client-confidential-asymmetric", "context-ehr-patient", "context-ehr-encounter",
            "context-standalone-patient", "sso-openid-connect", "permission-offline", "permission-online",
            "permission-patient", "permission-user", "permission-v2",
        ],
    }))
}

/// The configuration for who verifies id tokens.
pub(super) async fn openid(State(app): State<Arc<App>>) -> Json<Value> {
    let base = base(&app);
    Json(json!({
        "issuer": base,
        "jwks_uri": format!("{base}/oauth/jwks"),
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "fhirUser"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser"],
    }))
}

/// The key with which id tokens are verified.
pub(super) async fn keys(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.keys.signing.set())
}
