//! One resource: its current version, an earlier one, all of them.

use super::bundle::{Entry, bundle, etag};
use super::outcome::{Refusal, of_index, resource};
use super::search::{answered, formed, known};
use super::seen::{self, Reach, Seen};
use super::{Resources, base, terms};
use crate::access::Bearer;
use crate::audit;
use crate::web::{App, Desk, Visit, WebError};
use axum::Extension;
use axum::extract::{Path, Query as Address, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use tsumugi_access::{Interaction, Special};
use tsumugi_fhirstore::{Version, millis};
use tsumugi_records::{AuditEntity, AuditSubtype, DocumentId, PatientId};

/// Gives the current version, or the answer of an operation on the type.
pub(super) async fn current(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path((kind, id)): Path<(String, String)>,
    Address(pairs): Address<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    answered(app, visit, move |desk| {
        let pairs = formed(&headers, pairs)?;
        if id.starts_with('$') {
            return terms::operation(desk, (&kind, &id), pairs);
        }
        plain(pairs)?;
        if kind == "Practitioner"
            && let Some(body) = practitioner(desk, &bearer, &id)?
        {
            return Ok(resource(StatusCode::OK, body));
        }
        let version = seen(desk, &bearer, (&kind, &id), None)?;
        let version = version
            .filter(|version| version.body.is_some())
            .ok_or(Refusal::Gone)?;
        reads(desk, &version)?;
        if is_known(&headers, &version) {
            return Ok(StatusCode::NOT_MODIFIED.into_response());
        }
        Ok(given(&version))
    })
    .await
}

/// Gives an earlier version.
pub(super) async fn version(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path((kind, id, number)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    answered(app, visit, move |desk| {
        plain(formed(&headers, Vec::new())?)?;
        let number = number.parse().map_err(|_| Refusal::Web(WebError::NotFound))?;
        let version = seen(desk, &bearer, (&kind, &id), Some(number))?;
        let version = version
            .filter(|version| version.body.is_some())
            .ok_or(Refusal::Gone)?;
        reads(desk, &version)?;
        Ok(given(&version))
    })
    .await
}

/// Gives all versions, the newest first.
pub(super) async fn history(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path((kind, id)): Path<(String, String)>,
    Address(pairs): Address<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    answered(app, visit, move |desk| {
        plain(formed(&headers, pairs)?)?;
        let newest = seen(desk, &bearer, (&kind, &id), None)?.ok_or(Refusal::Web(WebError::NotFound))?;
        let index = Resources::of(&desk.app)?;
        let found = desk
            .app
            .store
            .read_derived(|conn| Ok(index.ready(conn).and_then(|()| index.history(conn, &kind, &id))))?;
        let versions = found.map_err(of_index)?;
        reads(desk, &newest)?;
        let base = base(&desk.app);
        let links = [("self", format!("{base}/{kind}/{id}/_history"))];
        let entries: Vec<Entry> = versions
            .iter()
            .map(|version| Entry::of_history(&base, version))
            .collect();
        let total = u64::try_from(entries.len()).ok();
        Ok(resource(
            StatusCode::OK,
            bundle("history", total, &links, &entries),
        ))
    })
    .await
}

/// Refuses parameters that a read does not have.
fn plain(pairs: Vec<(String, String)>) -> Result<(), Refusal> {
    match pairs.into_iter().find(|(name, _)| name != "_pretty") {
        None => Ok(()),
        Some((name, _)) => {
            let name: String = name.chars().take(64).collect();
            let text = format!("{name}: a read has no such parameter; _format is known");
            Err(Refusal::Told(StatusCode::BAD_REQUEST, "not-supported", text))
        }
    }
}

/// A version of a resource that may be seen; none where it is a deletion of something that may. What may not be seen is not
/// there.
fn seen(
    desk: &Desk,
    bearer: &Bearer,
    (kind, id): (&str, &str),
    number: Option<u32>,
) -> Result<Option<Version>, Refusal> {
    let kind = known(kind)?;
    desk.actor()?.tells_of_no_record();
    let index = Resources::of(&desk.app)?;
    let found = desk.app.store.read_derived(|conn| {
        let version = index
            .ready(conn)
            .and_then(|()| index.version(conn, (kind, id), number));
        Ok(version)
    })?;
    let Some(version) = found.map_err(of_index)? else {
        // A patient who is not here and one whom the token does not reach are told alike.
        let done = Reach::of(desk, bearer, kind, Interaction::Read);
        return Err(if kind == "Patient" && done.is_err() {
            Refusal::Scope
        } else {
            Refusal::Web(WebError::NotFound)
        });
    };
    if let Some(patient) = version.whose.patient {
        let named = seen::named(desk, bearer, PatientId::new(patient), (kind, Interaction::Read));
        // Whose it is decides whether the token reaches it, and a token that reaches no patient here learns nothing.
        named.map_err(|refusal| match refusal {
            Refusal::Scope if kind != "Patient" => Refusal::Web(WebError::NotFound),
            other => other,
        })?;
    }
    let mut asked = Seen::new(desk, Reach::of(desk, bearer, kind, Interaction::Read)?);
    let lets = asked.lets(&version.whose);
    asked.done()?;
    if !lets {
        return Err(Refusal::Web(WebError::NotFound));
    }
    Ok(Some(version))
}

/// Leaves the entry that a resource is read.
fn reads(desk: &Desk, version: &Version) -> Result<(), Refusal> {
    let actor = desk.actor()?;
    let mut entry = match version.whose.patient {
        Some(patient) => audit::of_patient(actor, AuditSubtype::Read, PatientId::new(patient))?,
        None => audit::of(actor, AuditSubtype::Read)?,
    };
    entry.entities.push(match version.whose.document {
        Some(document) => AuditEntity::Document {
            document: DocumentId::new(document),
            version: None,
            digest: None,
        },
        None => AuditEntity::Resource {
            kind: version.kind.clone(),
            name: version.id.clone(),
            version: Some(version.version),
        },
    });
    desk.app.store.audit_read(&entry)?;
    Ok(())
}

/// Whether the caller has this version already.
fn is_known(headers: &HeaderMap, version: &Version) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    match (text(header::IF_NONE_MATCH), text(header::IF_MODIFIED_SINCE)) {
        (Some(tags), _) => tags
            .split(',')
            .any(|tag| tag.trim() == etag(version.version) || tag.trim() == "*"),
        (None, Some(since)) => http_date(since).is_some_and(|since| version.at / 1000 <= since / 1000),
        (None, None) => false,
    }
}

/// A date as HTTP writes it (RFC 9110, 5.6.7), in milliseconds.
fn http_date(text: &str) -> Option<i64> {
    let read = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    let civil = read.to_datetime().ok()?;
    millis(&format!("{civil}Z"))
}

/// A version as an answer.
fn given(version: &Version) -> Response {
    let mut response = resource(StatusCode::OK, version.shown().unwrap_or_default());
    let modified = jiff::Timestamp::from_millisecond(version.at)
        .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&etag(version.version)) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(modified) = modified
        && let Ok(modified) = HeaderValue::from_str(&modified)
    {
        headers.insert(header::LAST_MODIFIED, modified);
    }
    response
}

/// The person behind the token, for `fhirUser`; none where another is asked for whom the store may have.
fn practitioner(desk: &Desk, bearer: &Bearer, id: &str) -> Result<Option<String>, Refusal> {
    let (actor, access) = (desk.actor()?, &bearer.access);
    let is_own = access.grant.personal && access.grant.user.as_str() == id;
    if !is_own || !access.scopes.has(Special::FhirUser) {
        // What the token does not reach is refused before anything is looked for.
        Reach::of(desk, bearer, "Practitioner", Interaction::Read)?;
        return Ok(None);
    }
    actor.tells_of_no_record();
    let body = json!({
        "resourceType": "Practitioner",
        "id": id,
        "active": true,
        "name": [{"text": actor.user().name}],
    });
    Ok(Some(body.to_string()))
}
