//! Searching: which resources fulfil a query, page by page, with what is included.
//!
//! Every step asks whether a resource may be seen: a chain through one that may not finds nothing, as if it were not there.

mod include;
mod order;
mod sets;

use crate::index::{Index, IndexError, Version, Whose};
use crate::query::{Query, QueryError};
use rusqlite::{Connection, params};
use sets::Sets;

/// Most resources that are given beside those of a page.
pub const MAX_INCLUDED: usize = 10_000;

/// Why a search gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The query.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The store.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<rusqlite::Error> for FindError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Index(error.into())
    }
}

/// Whether a resource may be seen.
pub type Lets<'l> = dyn FnMut(&Whose) -> bool + 'l;

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What fulfils the query.
    pub matches: Vec<Version>,
    /// What is given with it.
    pub included: Vec<Version>,
    /// How many there are, where that was asked for or the page holds all.
    pub total: Option<u64>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl Index {
    /// Searches. `lets` is asked of every resource on the way; `person` is who asks, for whom alone a cursor holds.
    ///
    /// # Errors
    /// A cursor of another query or person; more than [`MAX_INCLUDED`] included; those of the database.
    pub fn find(
        &self,
        conn: &Connection,
        query: &Query,
        person: &str,
        lets: &mut Lets<'_>,
    ) -> Result<Page, FindError> {
        self.ready(conn)?;
        let cursor = query
            .cursor
            .as_deref()
            .map(|cursor| order::Cursor::read(cursor, query, person))
            .transpose()?;
        let mut sets = Sets {
            index: self,
            conn,
            lets,
        };
        let found = sets.all_of(&query.kind, &query.criteria)?;
        let ordered = order::ordered(self, conn, query, found)?;
        let total = cursor.as_ref().and_then(|cursor| cursor.total);
        let after = cursor.map_or(0, |cursor| {
            ordered.partition_point(|place| !cursor.is_before(query, place))
        });
        let mut seen = Vec::new();
        let mut visible = ordered
            .iter()
            .skip(after)
            .filter_map(|place| match sets.lets(place.r) {
                Ok(true) => Some(Ok(place)),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            });
        if !query.only_total {
            for place in visible.by_ref().take(query.count + 1) {
                seen.push(place?);
            }
        }
        let is_all = seen.len() <= query.count && !query.only_total;
        let total = match (total, after) {
            (Some(total), _) => Some(total),
            (None, 0) if is_all => Some(seen.len() as u64),
            (None, 0) if query.total || query.only_total => {
                let mut more = 0;
                for place in visible {
                    place?;
                    more += 1;
                }
                Some(seen.len() as u64 + more)
            }
            _ => None,
        };
        let next = (!is_all && query.count > 0)
            .then(|| seen.get(query.count.saturating_sub(1)))
            .flatten()
            .map(|last| order::Cursor::after(last, query, person, total));
        seen.truncate(query.count);
        let mut matches = Vec::with_capacity(seen.len());
        for place in seen {
            matches.extend(crate::index::numbered(conn, place.r)?);
        }
        let included = include::included(&mut sets, query, &matches)?;
        Ok(Page {
            matches,
            included,
            total,
            next,
        })
    }

    /// The resources of some patients after a number of the store, at most `count`; then the number to go on after.
    ///
    /// # Errors
    /// Those of the database.
    pub fn of_patients(
        &self,
        conn: &Connection,
        (patients, kinds): (&[i64], &[&str]),
        (after, count): (i64, usize),
        lets: &mut Lets<'_>,
    ) -> Result<(Vec<Version>, Option<i64>), FindError> {
        let mut numbers = Vec::new();
        let mut list = conn.prepare_cached(
            "SELECT r FROM fhir_resource WHERE patient = ?1 AND counts = 1 AND r > ?2 AND (?3 = 0 OR type = ?3)",
        )?;
        let codes: Vec<i64> = if kinds.is_empty() {
            vec![0]
        } else {
            kinds.iter().map(|kind| self.code(kind)).collect()
        };
        for patient in patients {
            for code in &codes {
                for r in list.query_map(params![patient, after, code], |row| row.get::<_, i64>(0))? {
                    numbers.push(r?);
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        let mut found = Vec::new();
        let mut sets = Sets {
            index: self,
            conn,
            lets,
        };
        for r in numbers {
            if !sets.lets(r)? {
                continue;
            }
            if found.len() == count {
                return Ok((found.clone(), found.last().map(|last: &Version| last.r)));
            }
            found.extend(crate::index::numbered(conn, r)?);
        }
        Ok((found, None))
    }

    /// What some resources refer to that is nobody's record (practitioners, organizations, drugs), each once.
    ///
    /// # Errors
    /// Those of the database.
    pub fn referred_to(
        &self,
        conn: &Connection,
        from: &[Version],
        lets: &mut Lets<'_>,
    ) -> Result<Vec<Version>, FindError> {
        let mut sets = Sets {
            index: self,
            conn,
            lets,
        };
        let mut found: Vec<Version> = Vec::new();
        for version in from {
            let Some(of) = self.definitions.resource_type(&version.kind) else {
                continue;
            };
            for parameter in of
                .parameters
                .iter()
                .filter(|own| own.kind == crate::Kind::Reference)
            {
                for r in sets.targets_of(version, parameter)? {
                    if found.iter().any(|one| one.r == r) || !sets.lets(r)? {
                        continue;
                    }
                    let more = crate::index::numbered(conn, r)?;
                    found.extend(more.filter(|more| more.whose.patient.is_none() && more.body.is_some()));
                }
            }
        }
        Ok(found)
    }
}
