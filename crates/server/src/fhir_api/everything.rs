//! `$everything` of a patient: all that is in the record and may be seen, page by page, and what it refers to.

use super::bundle::{Entry, bundle};
use super::outcome::{Refusal, of_find, resource};
use super::search::{answered, formed, known, leave};
use super::seen::{self, Reach, Seen};
use super::{DEFINITIONS, NOT_KEPT, Resources, base};
use crate::access::Bearer;
use crate::web::{App, Desk, Visit, WebError};
use axum::Extension;
use axum::extract::{Path, Query as Address, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use std::sync::Arc;
use tsumugi_access::Interaction;
use tsumugi_fhirstore::{MAX_COUNT, USUAL_COUNT};
use tsumugi_records::PatientId;

/// What is asked for.
struct Wanted {
    kinds: Vec<&'static str>,
    count: usize,
    after: i64,
}

/// Gives everything of a patient.
pub(super) async fn everything(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(bearer): Extension<Bearer>,
    Path((kind, id)): Path<(String, String)>,
    Address(pairs): Address<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    answered(app, visit, move |desk| {
        let pairs = formed(&headers, pairs)?;
        if kind != "Patient" {
            let text = format!("$everything is an operation of Patient, not of {}", known(&kind)?);
            return Err(Refusal::Told(
                StatusCode::METHOD_NOT_ALLOWED,
                "not-supported",
                text,
            ));
        }
        give(desk, &bearer, &id, &pairs)
    })
    .await
}

fn give(desk: &Desk, bearer: &Bearer, id: &str, pairs: &[(String, String)]) -> Result<Response, Refusal> {
    let number = id.parse().ok().filter(|number: &i64| *number > 0);
    let number = number.ok_or(Refusal::Web(WebError::NotFound))?;
    let wanted = wanted(bearer, pairs)?;
    let record = seen::named(
        desk,
        bearer,
        PatientId::new(number),
        ("Patient", Interaction::Read),
    )?;
    let (_, family) = desk.app.store.family(record.id)?;
    let patients: Vec<i64> = family.into_iter().map(PatientId::get).collect();
    let index = Resources::of(&desk.app)?;
    let mut asked = Seen::new(desk, Reach::of(desk, bearer, "Patient", Interaction::Read)?);
    let found = desk.app.store.read_derived(|conn| {
        let place = (wanted.after, wanted.count);
        let found = index.ready(conn).map_err(Into::into).and_then(|()| {
            index.of_patients(conn, (&patients, &wanted.kinds), place, &mut |whose| {
                asked.lets(whose)
            })
        });
        Ok(found.and_then(|(own, next)| {
            let beside = index.referred_to(conn, &own, &mut |whose| asked.lets(whose))?;
            Ok((own, beside, next))
        }))
    })?;
    let (own, mut beside, next) = found.map_err(of_find)?;
    asked.done()?;
    beside.retain(|version| seen::is_in_scope(bearer, &version.kind, Interaction::Read));
    leave(
        desk,
        &format!("Patient/{number}/$everything"),
        own.iter().chain(&beside),
    )?;
    let base = base(&desk.app);
    let mut links = vec![("self", format!("{base}/Patient/{number}/$everything"))];
    if let Some(next) = next {
        let mut on = format!(
            "{base}/Patient/{number}/$everything?_count={}&_cursor={next}",
            wanted.count
        );
        if let Some((_, kinds)) = pairs.iter().find(|(name, _)| name == "_type") {
            on.push_str("&_type=");
            on.extend(form_urlencoded::byte_serialize(kinds.as_bytes()));
        }
        links.push(("next", on));
    }
    let entries = own.iter().map(|version| Entry::found(&base, version, "match"));
    let more = beside
        .iter()
        .map(|version| Entry::found(&base, version, "include"));
    let entries: Vec<Entry> = entries.chain(more).collect();
    Ok(resource(
        StatusCode::OK,
        bundle("searchset", None, &links, &entries),
    ))
}

fn wanted(bearer: &Bearer, pairs: &[(String, String)]) -> Result<Wanted, Refusal> {
    let wrong = |text: &str| Refusal::Told(StatusCode::BAD_REQUEST, "invalid", text.to_owned());
    let mut wanted = Wanted {
        kinds: Vec::new(),
        count: USUAL_COUNT,
        after: 0,
    };
    for (name, value) in pairs {
        match name.as_str() {
            "_count" => {
                let count = value.parse::<usize>().ok().filter(|count| *count > 0);
                wanted.count = count
                    .ok_or_else(|| wrong("_count: a whole number from 1 is wanted"))?
                    .min(MAX_COUNT);
            }
            "_cursor" => {
                let after = value.parse();
                wanted.after = after.map_err(|_| wrong("_cursor: not one of this list"))?;
            }
            "_type" => {
                let kinds = value.split(',').map(known).collect::<Result<Vec<_>, _>>();
                wanted.kinds = kinds?;
            }
            _ => {
                let name: String = name.chars().take(64).collect();
                let text = format!("{name}: not known here; _type, _count and _cursor are");
                return Err(Refusal::Told(StatusCode::BAD_REQUEST, "not-supported", text));
            }
        }
    }
    let is_in_scope = |kind: &&str| seen::is_in_scope(bearer, kind, Interaction::Read);
    if wanted.kinds.is_empty() {
        let all = DEFINITIONS
            .resource_types()
            .map(|of| of.name.as_str())
            .filter(|kind| !NOT_KEPT.contains(kind));
        wanted.kinds = all.collect();
    }
    wanted.kinds.retain(is_in_scope);
    if wanted.kinds.is_empty() {
        Err(Refusal::Scope)
    } else {
        Ok(wanted)
    }
}
