//! What an address says beside criteria: order, pages, totals, includes.

use super::read::Reader;
use super::{Context, Include, MAX_COUNT, MAX_CRITERIA, Query, QueryError, Sort, SortBy, USUAL_COUNT};
use crate::definitions::Kind;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Most parts of an order.
const MAX_SORTS: usize = 4;

pub(super) fn read(
    context: Context<'_>,
    kind: &str,
    pairs: &[(String, String)],
) -> Result<Query, QueryError> {
    let mut query = Query {
        kind: kind.to_owned(),
        criteria: Vec::new(),
        sort: Vec::new(),
        count: USUAL_COUNT,
        total: false,
        only_total: false,
        includes: Vec::new(),
        cursor: None,
        fingerprint: fingerprint(kind, pairs),
    };
    let mut reader = Reader {
        context,
        alternatives: 0,
    };
    for (name, value) in pairs {
        match name.as_str() {
            "_count" => query.count = count(value)?,
            "_total" => query.total = total(value)?,
            "_summary" => match value.as_str() {
                "count" => query.only_total = true,
                "false" => {}
                _ => {
                    return Err(QueryError::not_supported(
                        "_summary: only count and false are offered",
                    ));
                }
            },
            "_sort" => query.sort = sort(context, kind, value)?,
            "_cursor" => query.cursor = Some(value.clone()),
            "_format" if value.contains("json") => {}
            "_pretty" => {}
            "_contained" if value == "false" => {}
            name if name.starts_with("_include") || name.starts_with("_revinclude") => {
                query.includes.push(include(context, name, value)?);
            }
            name => {
                let criterion = reader.criterion(kind, name, value, 0)?;
                query.criteria.push(criterion);
            }
        }
    }
    if query.criteria.len() > MAX_CRITERIA {
        let text = format!("{} criteria; at most {MAX_CRITERIA}", query.criteria.len());
        return Err(QueryError::too_costly(text));
    }
    Ok(query)
}

/// The address without what may differ from page to page.
fn fingerprint(kind: &str, pairs: &[(String, String)]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(kind);
    for (name, value) in pairs
        .iter()
        .filter(|(name, _)| !["_cursor", "_count"].contains(&name.as_str()))
    {
        hasher.update([0]);
        hasher.update(name);
        hasher.update([1]);
        hasher.update(value);
    }
    BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize().get(..12).unwrap_or_default())
}

fn count(value: &str) -> Result<usize, QueryError> {
    let read = value.parse::<usize>();
    // More is a page of the most and a link to the next: nothing is left out.
    read.map(|count| count.min(MAX_COUNT))
        .map_err(|_| QueryError::invalid("_count: a whole number is wanted, e.g. _count=50"))
}

fn total(value: &str) -> Result<bool, QueryError> {
    match value {
        "accurate" => Ok(true),
        "none" => Ok(false),
        "estimate" => Err(QueryError::not_supported(
            "_total=estimate is not offered; accurate and none are",
        )),
        _ => Err(QueryError::invalid("_total: accurate or none is wanted")),
    }
}

fn sort(context: Context<'_>, kind: &str, value: &str) -> Result<Vec<Sort>, QueryError> {
    let own = context.definitions.resource_type(kind);
    let one = |written: &str| {
        let (descending, name) = written
            .strip_prefix('-')
            .map_or((false, written), |name| (true, name));
        let by = match name {
            "_id" => SortBy::Id,
            "_lastUpdated" => SortBy::Updated,
            name => {
                let found = own.and_then(|own| own.parameter(name));
                let fits = |kind| {
                    matches!(
                        kind,
                        Kind::Date | Kind::String | Kind::Number | Kind::Quantity | Kind::Token | Kind::Uri
                    )
                };
                match found {
                    Some(found) if fits(found.kind) => SortBy::Parameter(Box::new(found.clone())),
                    _ => {
                        return Err(QueryError::not_supported(format!(
                            "_sort: {kind} is not ordered by {name}"
                        )));
                    }
                }
            }
        };
        Ok(Sort { by, descending })
    };
    let sorts = value
        .split(',')
        .map(str::trim)
        .map(one)
        .collect::<Result<Vec<_>, _>>()?;
    if sorts.len() > MAX_SORTS {
        return Err(QueryError::too_costly(format!(
            "_sort: at most {MAX_SORTS} parts"
        )));
    }
    Ok(sorts)
}

fn include(context: Context<'_>, name: &str, value: &str) -> Result<Include, QueryError> {
    let (stem, modifier) = name.split_once(':').unwrap_or((name, ""));
    let reverse = match stem {
        "_include" => false,
        "_revinclude" => true,
        _ => return Err(QueryError::not_supported(format!("{stem} is not known"))),
    };
    if !["", "iterate"].contains(&modifier) {
        return Err(QueryError::not_supported(format!(
            "{name}: only :iterate is offered"
        )));
    }
    let mut parts = value.split(':');
    let (kind, parameter) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let target = parts.next().map(str::to_owned);
    let wanted = || {
        QueryError::invalid(format!(
            "{name}: type and reference are wanted, e.g. Observation:subject"
        ))
    };
    if parameter.is_empty() || parts.next().is_some() {
        return Err(wanted());
    }
    let Some(of) = context.definitions.resource_type(kind) else {
        return Err(QueryError::not_supported(format!(
            "{name}: {kind} is no type of resource"
        )));
    };
    let references = of.parameters.iter().filter(|own| own.kind == Kind::Reference);
    let parameters: Vec<_> = references
        .filter(|own| parameter == "*" || own.name == parameter)
        .cloned()
        .collect();
    if parameters.is_empty() {
        return Err(QueryError::not_supported(format!(
            "{name}: {kind} has no reference {parameter}"
        )));
    }
    Ok(Include {
        reverse,
        iterate: modifier == "iterate",
        kind: kind.to_owned(),
        parameters,
        target,
    })
}
