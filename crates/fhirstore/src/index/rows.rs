//! The rows that a body makes in the tables of the index.

use super::{Index, IndexError};
use crate::fold::fold;
use crate::json::Node;
use crate::path::Literal;
use crate::values::{Value, values};
use rusqlite::{Connection, OptionalExtension, params};

/// A row of the index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(super) r: i64,
    parameter: i64,
    key: Key,
}

#[derive(Debug, Clone, PartialEq)]
enum Key {
    Token(i64),
    Date(i64, i64),
    Amount(i64, f64, f64),
    Text(String),
    Reference(i64),
}

impl Key {
    /// Table and condition on the key.
    fn place(&self) -> (&'static str, &'static str) {
        match self {
            Self::Token(_) => ("fhir_token", "v = ?3"),
            Self::Date(..) => ("fhir_date", "low = ?3 AND high = ?4"),
            Self::Amount(..) => ("fhir_quantity", "unit = ?3 AND low = ?4 AND high = ?5"),
            Self::Text(_) => ("fhir_string", "folded = ?3"),
            Self::Reference(_) => ("fhir_reference", "target = ?3"),
        }
    }
}

impl Entry {
    fn run(&self, conn: &Connection, sql: &str) -> Result<usize, IndexError> {
        let mut statement = conn.prepare_cached(sql)?;
        let (parameter, r) = (self.parameter, self.r);
        Ok(match &self.key {
            Key::Token(v) | Key::Reference(v) => statement.execute(params![parameter, r, v]),
            Key::Date(low, high) => statement.execute(params![parameter, r, low, high]),
            Key::Amount(unit, low, high) => statement.execute(params![parameter, r, unit, low, high]),
            Key::Text(text) => statement.execute(params![parameter, r, text]),
        }?)
    }

    /// Adds the row, where it is not there yet.
    pub(super) fn add(&self, conn: &Connection) -> Result<(), IndexError> {
        let sql = match &self.key {
            Key::Token(_) => {
                "INSERT INTO fhir_token (parameter, r, v) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
            }
            Key::Date(..) => {
                "INSERT INTO fhir_date (parameter, r, low, high) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
            }
            Key::Amount(..) => {
                "INSERT INTO fhir_quantity (parameter, r, unit, low, high) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
            }
            Key::Text(_) => {
                "INSERT INTO fhir_string (parameter, r, folded) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
            }
            Key::Reference(_) => {
                "INSERT INTO fhir_reference (parameter, r, target) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
            }
        };
        self.run(conn, sql).map(drop)
    }

    /// Takes the row out.
    pub(super) fn remove(&self, conn: &Connection) -> Result<(), IndexError> {
        let (table, key) = self.key.place();
        self.run(
            conn,
            &format!("DELETE FROM {table} WHERE parameter = ?1 AND r = ?2 AND {key}"),
        )
        .map(drop)
    }

    /// Whether the row is there.
    pub(super) fn is_there(&self, conn: &Connection) -> Result<bool, IndexError> {
        let (table, key) = self.key.place();
        let mut find = conn.prepare_cached(&format!(
            "SELECT 1 FROM {table} WHERE parameter = ?1 AND r = ?2 AND {key}"
        ))?;
        let (parameter, r) = (self.parameter, self.r);
        Ok(match &self.key {
            Key::Token(v) | Key::Reference(v) => find.exists(params![parameter, r, v]),
            Key::Date(low, high) => find.exists(params![parameter, r, low, high]),
            Key::Amount(unit, low, high) => find.exists(params![parameter, r, unit, low, high]),
            Key::Text(text) => find.exists(params![parameter, r, text]),
        }?)
    }
}

/// Makes the rows of bodies.
pub(super) struct Keys<'i> {
    pub(super) index: &'i Index,
    pub(super) conn: &'i Connection,
}

impl Keys<'_> {
    /// The rows of a body, each once.
    pub(super) fn of(&self, kind: &str, r: i64, node: &Node<'_>) -> Result<Vec<Entry>, IndexError> {
        let Some(of) = self.index.definitions.resource_type(kind) else {
            return Err(IndexError::Kind(kind.to_owned()));
        };
        let mut entries: Vec<Entry> = Vec::with_capacity(32);
        for parameter in &of.parameters {
            let mut failed = None;
            let first = entries.len();
            values(parameter, node, &mut |value| {
                let of = match &value {
                    Value::Words(_) => self.index.code(&parameter.words_key),
                    Value::Identified { .. } => self.index.code(&parameter.identified_key),
                    _ => self.index.code(&parameter.key),
                };
                match self.key(&value) {
                    Ok(key) => {
                        let entry = Entry {
                            r,
                            parameter: of,
                            key,
                        };
                        let own = entries.get(first..).unwrap_or_default();
                        if !own.contains(&entry) {
                            entries.push(entry);
                        }
                    }
                    Err(error) => failed = Some(error),
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(entries)
    }

    fn key(&self, value: &Value<'_>) -> Result<Key, IndexError> {
        Ok(match value {
            Value::Token { system, code } | Value::Identified { system, code } => Key::Token(value_of(
                self.conn,
                self.index.definitions.canonical(system),
                code,
            )?),
            Value::Words(text) | Value::Text(text) => Key::Text(fold(text)),
            Value::Date { low, high } => Key::Date(*low, *high),
            Value::Amount {
                system,
                unit,
                low,
                high,
            } => Key::Amount(
                value_of(self.conn, self.index.definitions.canonical(system), unit)?,
                *low,
                *high,
            ),
            Value::Uri(text) => Key::Token(value_of(self.conn, "", text)?),
            Value::Reference(literal) => Key::Reference(self.target(*literal)?),
        })
    }

    fn target(&self, literal: Literal<'_>) -> Result<i64, IndexError> {
        let (kind, id) = self.index.target(literal);
        resource(self.conn, kind, &id)
    }
}

impl Index {
    /// Type and id of what a reference leads to; type 0 is an address elsewhere.
    pub(crate) fn target(&self, literal: Literal<'_>) -> (i64, String) {
        match literal {
            Literal::Resource { base, kind, id } if base.is_empty() || base == self.base() => {
                match self.code(kind) {
                    0 => (0, format!("{kind}/{id}")),
                    kind => (kind, id.to_owned()),
                }
            }
            Literal::Resource { base, kind, id } => (0, format!("{base}/{kind}/{id}")),
            Literal::Address(text) => (0, text.to_owned()),
        }
    }
}

/// The number of a resource, which is given one at first sight.
pub(super) fn resource(conn: &Connection, kind: i64, id: &str) -> Result<i64, IndexError> {
    if let Some(r) = super::find(conn, kind, id)? {
        return Ok(r);
    }
    conn.prepare_cached(
        "INSERT INTO fhir_resource (type, id, version, counts, updated, origin) VALUES (?1, ?2, 0, 0, 0, 2)",
    )?
    .execute(params![kind, id])?;
    Ok(conn.last_insert_rowid())
}

fn value_of(conn: &Connection, system: &str, text: &str) -> Result<i64, IndexError> {
    let mut find = conn.prepare_cached("SELECT id FROM fhir_value WHERE text = ?1 AND system = ?2")?;
    if let Some(found) = find.query_row([text, system], |row| row.get(0)).optional()? {
        return Ok(found);
    }
    conn.prepare_cached("INSERT INTO fhir_value (text, system) VALUES (?1, ?2)")?
        .execute([text, system])?;
    Ok(conn.last_insert_rowid())
}
