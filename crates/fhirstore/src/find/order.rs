//! The order of what was found, and where a page begins.

use super::FindError;
use crate::definitions::{Kind, Parameter};
use crate::index::Index;
use crate::query::{Query, QueryError, SortBy};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

/// A resource with the values it is ordered by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) r: i64,
    keys: Vec<Option<Key>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Key {
    Whole(i64),
    Number(f64),
    Text(String),
}

impl Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }

    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Integer(whole) => Some(Self::Whole(whole)),
            Value::Real(number) => Some(Self::Number(number)),
            Value::Text(text) => Some(Self::Text(text)),
            _ => None,
        }
    }
}

/// What is missing stands last, whatever the direction.
fn compare(query: &Query, a: &Place, b: &Place) -> Ordering {
    for ((a, b), sort) in a.keys.iter().zip(&b.keys).zip(&query.sort) {
        let order = match (a, b) {
            (Some(a), Some(b)) if sort.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.r.cmp(&b.r)
}

/// Puts what was found in the order of the query.
pub(super) fn ordered(
    index: &Index,
    conn: &Connection,
    query: &Query,
    found: Vec<i64>,
) -> Result<Vec<Place>, FindError> {
    let mut places: Vec<Place> = found.into_iter().map(|r| Place { r, keys: Vec::new() }).collect();
    if query.sort.is_empty() || query.only_total {
        return Ok(places);
    }
    let members: FxHashSet<i64> = places.iter().map(|place| place.r).collect();
    for sort in &query.sort {
        let mut keys = match &sort.by {
            SortBy::Id => of_rows(conn, index.code(&query.kind), "id")?,
            SortBy::Updated => of_rows(conn, index.code(&query.kind), "updated")?,
            SortBy::Parameter(parameter) => of_runs(index, conn, (parameter, sort.descending), &members)?,
        };
        for place in &mut places {
            place.keys.push(keys.remove(&place.r));
        }
    }
    places.sort_by(|a, b| compare(query, a, b));
    Ok(places)
}

fn of_rows(conn: &Connection, kind: i64, column: &str) -> Result<FxHashMap<i64, Key>, FindError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT r, {column} FROM fhir_resource WHERE type = ?1 AND counts = 1"
    ))?;
    let mut rows = list.query([kind])?;
    let mut keys = FxHashMap::default();
    while let Some(row) = rows.next()? {
        if let Some(key) = Key::of(row.get(1)?) {
            keys.insert(row.get(0)?, key);
        }
    }
    Ok(keys)
}

/// The least value of each resource; the greatest where the greatest stands first.
fn of_runs(
    index: &Index,
    conn: &Connection,
    (parameter, descending): (&Parameter, bool),
    members: &FxHashSet<i64>,
) -> Result<FxHashMap<i64, Key>, FindError> {
    let sql = match (parameter.kind, descending) {
        (Kind::Date, false) => "SELECT r, low FROM fhir_date WHERE parameter = ?1",
        (Kind::Date, true) => "SELECT r, high FROM fhir_date WHERE parameter = ?1",
        (Kind::String, _) => "SELECT r, folded FROM fhir_string WHERE parameter = ?1",
        (Kind::Number | Kind::Quantity, false) => "SELECT r, low FROM fhir_quantity WHERE parameter = ?1",
        (Kind::Number | Kind::Quantity, true) => "SELECT r, high FROM fhir_quantity WHERE parameter = ?1",
        _ => "SELECT t.r, v.text FROM fhir_token t JOIN fhir_value v ON v.id = t.v WHERE t.parameter = ?1",
    };
    let mut list = conn.prepare_cached(sql)?;
    let mut rows = list.query(params![index.code(&parameter.key)])?;
    let mut keys: FxHashMap<i64, Key> = FxHashMap::default();
    while let Some(row) = rows.next()? {
        let r = row.get(0)?;
        let Some(key) = members
            .contains(&r)
            .then(|| row.get(1))
            .transpose()?
            .and_then(Key::of)
        else {
            continue;
        };
        let wanted = if descending {
            Ordering::Greater
        } else {
            Ordering::Less
        };
        let is_better = keys.get(&r).is_none_or(|known| key.cmp(known) == wanted);
        if is_better {
            keys.insert(r, key);
        }
    }
    Ok(keys)
}

/// Where a page begins: behind the last of the page before it.
#[derive(Debug)]
pub(super) struct Cursor {
    last: Place,
    /// The total of the first page.
    pub(super) total: Option<u64>,
}

impl Cursor {
    /// The cursor of the page after `last`.
    pub(super) fn after(last: &Place, query: &Query, person: &str, total: Option<u64>) -> String {
        let keys: Vec<_> = last
            .keys
            .iter()
            .map(|key| match key {
                None => json!(null),
                Some(Key::Whole(whole)) => json!(whole),
                // As text: it comes back with the same bits.
                Some(Key::Number(number)) => json!({"n": number.to_bits().to_string()}),
                Some(Key::Text(text)) => json!(text),
            })
            .collect();
        let whole = json!([mark(query, person), last.r, total, keys]);
        BASE64_URL_SAFE_NO_PAD.encode(whole.to_string())
    }

    /// Reads a cursor.
    pub(super) fn read(text: &str, query: &Query, person: &str) -> Result<Self, QueryError> {
        let wrong = || {
            QueryError::invalid("_cursor: this page is not one of this search; begin again without _cursor")
        };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let read: (String, i64, Option<u64>, Vec<serde_json::Value>) =
            serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let (own, r, total, keys) = read;
        if own != mark(query, person) || keys.len() != query.sort.len() {
            return Err(wrong());
        }
        let key = |value: serde_json::Value| match value {
            serde_json::Value::Number(whole) => whole.as_i64().map(Key::Whole),
            serde_json::Value::String(text) => Some(Key::Text(text)),
            serde_json::Value::Object(number) => {
                let bits = number.get("n").and_then(|bits| bits.as_str()?.parse().ok());
                bits.map(|bits| Key::Number(f64::from_bits(bits)))
            }
            _ => None,
        };
        let keys = keys.into_iter().map(key).collect();
        Ok(Self {
            last: Place { r, keys },
            total,
        })
    }

    /// Whether a place is behind the one that the cursor names.
    pub(super) fn is_before(&self, query: &Query, place: &Place) -> bool {
        compare(query, &self.last, place) == Ordering::Less
    }
}

fn mark(query: &Query, person: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(&query.fingerprint);
    hasher.update([0]);
    hasher.update(person);
    BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize().get(..12).unwrap_or_default())
}
