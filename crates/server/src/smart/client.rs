//! Which app asks, and what it is told when it is refused (RFC 6749, clauses 2.3 and 5.2).

use super::everywhere;
use crate::access::Rows;
use crate::audit;
use crate::web::App;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use tsumugi_access::{AppId, Client, ClientError, Given, GrantError, assertion_of};
use tsumugi_records::{AuditSubtype, StoreError};

/// Longest body of these addresses, in bytes; an assertion is the longest part.
pub(super) const LONGEST_BODY: usize = 64 << 10;
/// What an assertion is called (RFC 7523).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why an app gets nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl Refusal {
    /// A refusal with status 400.
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.into(),
        }
    }

    fn client(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new("invalid_client", description)
        }
    }

    /// What it says.
    pub(super) fn description(&self) -> &str {
        &self.description
    }
}

impl From<GrantError> for Refusal {
    fn from(error: GrantError) -> Self {
        let name = match &error {
            GrantError::Scope => "invalid_scope",
            GrantError::Replayed => return Self::client(error.to_string()),
            GrantError::Full | GrantError::Entropy(_) | GrantError::Storage(_) => {
                return Self {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    ..Self::new("temporarily_unavailable", "try again later")
                };
            }
            _ => "invalid_grant",
        };
        Self::new(name, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(_: StoreError) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Self::new("temporarily_unavailable", "the store failed; try again later")
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        let mut response = (self.status, axum::Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"Tsumugi\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// The fields of a form, each once.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Takes pairs; a field that comes twice is refused (RFC 6749, clause 3.1).
    pub(super) fn of(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            if fields.contains_key(&name) {
                let name: String = name.chars().take(40).collect();
                return Err(Refusal::new("invalid_request", format!("{name} comes twice")));
            }
            fields.insert(name, value);
        }
        Ok(Self(fields))
    }

    /// A field that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A field that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, Refusal> {
        let missing = || Refusal::new("invalid_request", format!("{name} is missing"));
        self.get(name).ok_or_else(missing)
    }
}

/// What the header `Authorization: Basic` says: id and secret.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let bytes = STANDARD.decode(value.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Finds out which app asks. An assertion is used up by this. What a known app does wrong leaves an entry.
pub(super) fn authenticate(app: &App, headers: &HeaderMap, fields: &Fields) -> Result<Client, Refusal> {
    let basic = basic(headers);
    let assertion = fields.get("client_assertion");
    let secret = fields.get("client_secret");
    let ways =
        usize::from(basic.is_some()) + usize::from(assertion.is_some()) + usize::from(secret.is_some());
    if ways > 1 {
        return Err(Refusal::new(
            "invalid_request",
            "the app shows itself in two ways at once",
        ));
    }
    if assertion.is_some() && fields.get("client_assertion_type") != Some(ASSERTION) {
        return Err(Refusal::client(format!(
            "client_assertion_type: wanted is {ASSERTION}"
        )));
    }
    let asserted = assertion.and_then(assertion_of);
    let named = fields.get("client_id").map(str::to_owned);
    let id = match (&basic, &asserted) {
        (Some((id, _)), _) => Some(id.clone()),
        (None, Some(id)) => Some(id.to_string()),
        (None, None) => named.clone(),
    };
    if let (Some(id), Some(named)) = (&id, &named)
        && id != named
    {
        return Err(Refusal::client("client_id is not the app that shows itself"));
    }
    let id = id.as_deref().and_then(|id| AppId::parse(id).ok());
    let id = id.ok_or_else(|| Refusal::client(ClientError::Unknown.to_string()))?;
    let given = match (&basic, assertion, secret) {
        (Some((_, secret)), _, _) => Given::Secret(secret),
        (None, Some(assertion), _) => Given::Assertion(assertion),
        (None, None, Some(secret)) => Given::Secret(secret),
        (None, None, None) => Given::Nothing,
    };
    let audiences = everywhere(app, "/oauth/token");
    let rows = Rows::new(&app.store, None);
    let found: Result<Client, (bool, Refusal)> = app.gate.with(|inner, now| {
        let client = inner.apps.authenticate(&id, given, &audiences, now);
        let client =
            client.map_err(|error| (error == ClientError::Unknown, Refusal::client(error.to_string())))?;
        let used = inner.grants.accept_assertion(&rows, &client, now);
        used.map_err(|error| (false, Refusal::from(error)))?;
        Ok(client)
    });
    found.map_err(|(is_unknown, refusal)| {
        if is_unknown {
            return refusal;
        }
        match refused(app, id.as_str(), refusal.description()) {
            Ok(()) => refusal,
            Err(error) => error.into(),
        }
    })
}

/// Leaves the entry that an app was refused.
pub(super) fn refused(app: &App, id: &str, why: &str) -> Result<(), StoreError> {
    let entry = audit::of_app(id, None, AuditSubtype::Login)?;
    app.store.audit_read(&audit::refused(entry, why)).map(drop)
}

/// Answers an address for apps beside the asynchronous threads; nothing of it is kept by anybody (RFC 6749, clause 5.1).
pub(super) async fn answered(work: impl FnOnce() -> Result<Response, Refusal> + Send + 'static) -> Response {
    let done = tokio::task::spawn_blocking(move || work().unwrap_or_else(IntoResponse::into_response));
    let mut response = done
        .await
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Reads the form of an address for apps.
pub(super) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Fields, Refusal> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    {
        let wanted = "the body must be application/x-www-form-urlencoded";
        return Err(Refusal::new("invalid_request", wanted));
    }
    if body.len() > LONGEST_BODY {
        return Err(Refusal::new("invalid_request", "the body is too long"));
    }
    let pairs = form_urlencoded::parse(body);
    Fields::of(pairs.into_owned().collect())
}
