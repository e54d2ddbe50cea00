//! What is given with what was found.

use super::sets::Sets;
use super::{FindError, MAX_INCLUDED};
use crate::index::Version;
use crate::query::{Include, Query, QueryError};
use rusqlite::params;
use rustc_hash::FxHashSet;

/// What the includes of a query name, each once and none that was found itself.
pub(super) fn included(
    sets: &mut Sets<'_, '_>,
    query: &Query,
    matches: &[Version],
) -> Result<Vec<Version>, FindError> {
    let mut known: FxHashSet<i64> = matches.iter().map(|version| version.r).collect();
    let mut all: Vec<Version> = Vec::new();
    let mut newest: Vec<Version> = matches.to_vec();
    let mut is_first = true;
    while !newest.is_empty() && !query.includes.is_empty() {
        let mut found = Vec::new();
        for include in query
            .includes
            .iter()
            .filter(|include| is_first || include.iterate)
        {
            for version in &newest {
                for r in linked(sets, include, version)? {
                    if known.contains(&r) || !sets.lets(r)? {
                        continue;
                    }
                    let Some(other) = crate::index::numbered(sets.conn, r)? else {
                        continue;
                    };
                    let fits = other.body.is_some()
                        && (include.reverse
                            || include.target.as_ref().is_none_or(|kind| *kind == other.kind));
                    if fits {
                        known.insert(r);
                        found.push(other);
                    }
                }
            }
            if all.len() + found.len() > MAX_INCLUDED {
                let text =
                    format!("more than {MAX_INCLUDED} resources are included; ask for a smaller _count");
                return Err(QueryError::too_costly(text).into());
            }
        }
        all.extend(found.iter().cloned());
        newest = found;
        is_first = false;
    }
    Ok(all)
}

/// Resources that one include names for one resource.
fn linked(sets: &Sets<'_, '_>, include: &Include, version: &Version) -> Result<Vec<i64>, FindError> {
    let mut found = Vec::new();
    if include.reverse {
        if include.target.as_ref().is_some_and(|kind| *kind != version.kind) {
            return Ok(found);
        }
        let mut list = sets
            .conn
            .prepare_cached("SELECT r FROM fhir_reference WHERE parameter = ?1 AND target = ?2")?;
        for parameter in &include.parameters {
            let key = sets.index.code(&parameter.key);
            for r in list.query_map(params![key, version.r], |row| row.get(0))? {
                found.push(r?);
            }
        }
    } else if include.kind == version.kind {
        for parameter in &include.parameters {
            found.extend(sets.targets_of(version, parameter)?);
        }
    }
    Ok(found)
}
