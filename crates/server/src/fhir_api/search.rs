//! Searches: by an address or a form.

use super::bundle::{Entry, bundle};
use super::outcome::{Refusal, of_find, resource};
use super::seen::{self, Reach, Seen};
use super::{DEFINITIONS, NOT_KEPT, Resources, base};
use crate::access::Bearer;
use crate::audit;
use crate::web::{App, Desk, Visit, WebError, answer};
use axum::Extension;
use axum::extract::{Path, Query as Address, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use std::collections::BTreeSet;
use std::sync::Arc;
use tsumugi_access::Interaction;
use tsumugi_fhirstore::{Asked, Context, Criterion, Kind, Modifier, Query, Version, Want};
use tsumugi_records::{AuditEntity, AuditSubtype, PatientId};

/// Searches by an address.
pub(super) async fn by_address(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path(kind): Path<String>,
    Address(pairs): Address<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    answered(app, visit, move |desk| {
        let pairs = formed(&headers, pairs)?;
        search(desk, &bearer, &kind, pairs)
    })
    .await
}

/// Searches by a form.
pub(super) async fn by_form(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    answered(app, visit, move |desk| {
        let media = headers
            .get(header::CONTENT_TYPE)
            .and_then(|media| media.to_str().ok())
            .unwrap_or_default();
        if !media.starts_with("application/x-www-form-urlencoded") {
            let text = "a search is a form: Content-Type: application/x-www-form-urlencoded".to_owned();
            return Err(Refusal::Told(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-supported",
                text,
            ));
        }
        let in_address = desk
            .visit
            .here
            .split_once('?')
            .map(|(_, query)| query)
            .unwrap_or_default();
        let both =
            [in_address, body.as_str()].map(|text| form_urlencoded::parse(text.as_bytes()).into_owned());
        let pairs = formed(&headers, both.into_iter().flatten().collect())?;
        search(desk, &bearer, &kind, pairs)
    })
    .await
}

/// Answers beside the asynchronous threads; what is refused is told as an outcome.
pub(super) async fn answered(
    app: Arc<App>,
    visit: Visit,
    work: impl FnOnce(&Desk) -> Result<Response, Refusal> + Send + 'static,
) -> Response {
    answer(app, visit, move |desk| {
        // What may be told is asked row by row, and a refusal tells of no record.
        desk.actor()?.tells_of_no_record();
        Ok(work(desk).unwrap_or_else(Refusal::into_outcome))
    })
    .await
}

/// Holds that JSON is asked for; takes the parameter that says so out.
pub(super) fn formed(
    headers: &HeaderMap,
    mut pairs: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Refusal> {
    let is_json =
        |media: &str| media.contains("json") || media.contains("*/*") || media.contains("application/*");
    let mut asked = pairs
        .iter()
        .filter(|(name, _)| name == "_format")
        .map(|(_, value)| value.as_str())
        .peekable();
    let is_well = if asked.peek().is_some() {
        asked.all(is_json)
    } else {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok());
        accept.is_none_or(|accept| accept.trim().is_empty() || is_json(accept))
    };
    if !is_well {
        return Err(Refusal::Form);
    }
    pairs.retain(|(name, _)| name != "_format");
    Ok(pairs)
}

/// A type that is kept here.
pub(super) fn known(kind: &str) -> Result<&'static str, Refusal> {
    let found = DEFINITIONS
        .resource_type(kind)
        .filter(|of| !NOT_KEPT.contains(&of.name.as_str()));
    found
        .map(|of| of.name.as_str())
        .ok_or_else(|| Refusal::Kind(kind.chars().take(64).collect()))
}

/// The person and token that a cursor is for.
pub(super) fn person(desk: &Desk, bearer: &Bearer) -> Result<String, WebError> {
    let grant = &bearer.access.grant;
    let patient = grant.patient.map(tsumugi_access::PatientId::get);
    Ok(format!("{}\n{}\n{patient:?}", grant.app, desk.actor()?.user().id))
}

fn search(
    desk: &Desk,
    bearer: &Bearer,
    kind: &str,
    pairs: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    let kind = known(kind)?;
    let reach = Reach::of(desk, bearer, kind, Interaction::Search)?;
    let base = base(&desk.app);
    let context = Context {
        definitions: &DEFINITIONS,
        base: &base,
        now: now(),
    };
    let mut query = Query::read(context, kind, &pairs).map_err(Refusal::Query)?;
    for criterion in &mut query.criteria {
        hold(desk, bearer, kind, criterion)?;
        scoped(bearer, criterion)?;
    }
    let index = Resources::of(&desk.app)?;
    let person = person(desk, bearer)?;
    let mut seen = Seen::new(desk, reach);
    let found = desk
        .app
        .store
        .read_derived(|conn| Ok(index.find(conn, &query, &person, &mut |whose| seen.lets(whose))))?;
    let mut page = found.map_err(of_find)?;
    seen.done()?;
    page.included
        .retain(|version| seen::is_in_scope(bearer, &version.kind, Interaction::Search));
    leave(
        desk,
        &said(kind, &pairs),
        page.matches.iter().chain(&page.included),
    )?;
    let mut links = vec![("self", format!("{base}/{}", said(kind, &pairs)))];
    if let Some(next) = &page.next {
        let mut on: Vec<(String, String)> = pairs.into_iter().filter(|(name, _)| name != "_cursor").collect();
        on.push(("_cursor".to_owned(), next.clone()));
        links.push(("next", format!("{base}/{}", said(kind, &on))));
    }
    let matches = page
        .matches
        .iter()
        .map(|version| Entry::found(&base, version, "match"));
    let included = page
        .included
        .iter()
        .map(|version| Entry::found(&base, version, "include"));
    let entries: Vec<Entry> = matches.chain(included).collect();
    Ok(resource(
        StatusCode::OK,
        bundle("searchset", page.total, &links, &entries),
    ))
}

/// Milliseconds after 1970.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A search as an address.
fn said(kind: &str, pairs: &[(String, String)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let query = query.finish();
    if query.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}?{query}")
    }
}

/// Holds scopes and policy against the patients whom a criterion names, and lets it ask for the records that are read under
/// theirs too.
fn hold(desk: &Desk, bearer: &Bearer, kind: &str, criterion: &mut Criterion) -> Result<(), Refusal> {
    let Criterion::Is(asked) = criterion else {
        return Ok(());
    };
    let Asked {
        parameter,
        modifier,
        wants,
    } = asked.as_mut();
    let names_patients = parameter.kind == Kind::Reference && *modifier == Modifier::Plain;
    if !names_patients || !["patient", "subject"].contains(&parameter.name.as_str()) {
        return Ok(());
    }
    let mut more = Vec::new();
    let mut numbers = BTreeSet::new();
    for want in wants.iter() {
        if let Want::Reference { kind: of, id } = want
            && of == "Patient"
        {
            let number = id.parse().ok().filter(|number: &i64| *number > 0);
            numbers.extend(number.filter(|number| number.to_string() == *id));
        }
    }
    for number in numbers {
        let record = seen::named(desk, bearer, PatientId::new(number), (kind, Interaction::Search))?;
        let (_, family) = desk.app.store.family(record.id)?;
        more.extend(family.into_iter().filter(|member| *member != record.id));
    }
    wants.extend(more.into_iter().map(|member| Want::Reference {
        kind: "Patient".to_owned(),
        id: member.to_string(),
    }));
    Ok(())
}

/// Holds that every type on the way of a chain is one that the token may search.
fn scoped(bearer: &Bearer, criterion: &mut Criterion) -> Result<(), Refusal> {
    match criterion {
        Criterion::Chain { kind, inner, .. } | Criterion::Has { kind, inner, .. } => {
            if !seen::is_in_scope(bearer, kind, Interaction::Search) {
                return Err(Refusal::Scope);
            }
            scoped(bearer, inner)
        }
        Criterion::Any(some) => {
            // Of a chain that names no type, the ways that are left.
            some.retain_mut(|one| scoped(bearer, one).is_ok());
            if some.is_empty() {
                Err(Refusal::Scope)
            } else {
                Ok(())
            }
        }
        Criterion::Id(_) | Criterion::Updated(_) | Criterion::Is(_) => Ok(()),
    }
}

/// Leaves the entries of what is told: one for each patient, with what was asked; one for the question where there is none.
pub(super) fn leave<'v>(
    desk: &Desk,
    asked: &str,
    told: impl Iterator<Item = &'v Version>,
) -> Result<(), Refusal> {
    let actor = desk.actor()?;
    let patients: BTreeSet<i64> = told.filter_map(|version| version.whose.patient).collect();
    let mut entries = Vec::new();
    for patient in patients {
        let mut entry = audit::of_patient(actor, AuditSubtype::Search, PatientId::new(patient))?;
        entry.entities.push(AuditEntity::Query(asked.to_owned()));
        entries.push(entry);
    }
    if entries.is_empty() {
        let mut entry = audit::of(actor, AuditSubtype::Search)?;
        entry.entities.push(AuditEntity::Query(asked.to_owned()));
        entries.push(entry);
    }
    desk.app.store.audit_send(&entries)?.wait()?;
    Ok(())
}
