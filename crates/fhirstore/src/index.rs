//! Resources in the database: the current version, what they are found by, and the versions before.
//!
//! All is functions on a connection, inside the transaction of whoever calls. The rows of a version that goes are computed
//! from its body and removed by key, so that no index by resource is needed.

mod rows;

use crate::definitions::Definitions;
use crate::json::{JsonError, Node};
use rows::Keys;
use rusqlite::{Connection, OptionalExtension, Row, params};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Why the store of resources cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// A body is no JSON.
    #[error("{kind}/{id}: {cause}")]
    Body {
        /// Type.
        kind: String,
        /// Id.
        id: String,
        /// Why.
        cause: JsonError,
    },
    /// There is no such type.
    #[error("{0} is no type of resource of FHIR R4")]
    Kind(String),
    /// The index was made with other definitions.
    #[error("the index of FHIR resources was made with other definitions; open the store for writing once")]
    Stale,
}

/// Where a resource comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Signed with a note.
    Note,
    /// A statement of another system.
    Received,
    /// The site's own.
    Site,
    /// A patient.
    Patient,
}

impl Origin {
    fn number(self) -> i64 {
        match self {
            Self::Note => 0,
            Self::Received => 1,
            Self::Site => 2,
            Self::Patient => 3,
        }
    }

    pub(crate) fn of(number: i64) -> Self {
        match number {
            0 => Self::Note,
            1 => Self::Received,
            2 => Self::Site,
            _ => Self::Patient,
        }
    }
}

/// Whose a resource is: what the rules of access ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// The record it is in; none where it is the site's.
    pub patient: Option<i64>,
    /// The note it was signed with.
    pub document: Option<i64>,
    /// Where it comes from.
    pub origin: Origin,
}

/// A resource to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Put<'b> {
    /// Type.
    pub kind: &'b str,
    /// Id.
    pub id: &'b str,
    /// Whose.
    pub whose: Whose,
    /// The row of the store it comes from: a document, a version of a statement.
    pub source: Option<i64>,
    /// Milliseconds after 1970.
    pub at: i64,
    /// `POST`, `PUT`, `PATCH`.
    pub method: &'static str,
    /// Who says so.
    pub author: &'b str,
    /// Its JSON.
    pub body: &'b str,
}

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its number in the store.
    pub r: i64,
    /// Its version now.
    pub version: u32,
    /// Whether something changed.
    pub changed: bool,
}

/// A version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number in the store.
    pub r: i64,
    /// Type.
    pub kind: String,
    /// Id.
    pub id: String,
    /// Version, from 1.
    pub version: u32,
    /// Milliseconds after 1970.
    pub at: i64,
    /// `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: String,
    /// Its JSON; none for a deletion.
    pub body: Option<String>,
    /// Whose.
    pub whose: Whose,
}

impl Version {
    /// The body as it is given out: with its version and time; none for a deletion.
    pub fn shown(&self) -> Option<String> {
        let body = self.body.as_deref()?;
        let mut node = Node::parse(body).ok()?;
        let mut meta = node.get("meta").cloned().unwrap_or(Node::Object(Vec::new()));
        meta.set("versionId", Node::owned(self.version.to_string()));
        meta.set("lastUpdated", Node::owned(crate::time::instant(self.at)));
        node.set("meta", meta);
        let mut out = String::with_capacity(body.len() + 96);
        node.write(&mut out);
        Some(out)
    }
}

/// The index of one store: definitions, and the numbers that this store gave them.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) definitions: Arc<Definitions>,
    codes: Arc<FxHashMap<String, i64>>,
    base: Arc<str>,
}

impl Index {
    /// Opens the index; types and parameters that have no number yet get one. `base` is the address of this server, below
    /// which a reference is one to a resource here. Tells too whether the index must be made anew, since it was made with
    /// other definitions.
    ///
    /// # Errors
    /// Only those of the database.
    pub fn open(
        conn: &Connection,
        definitions: Arc<Definitions>,
        base: &str,
    ) -> Result<(Self, bool), IndexError> {
        let mut add = conn.prepare("INSERT INTO fhir_code (name) VALUES (?1) ON CONFLICT DO NOTHING")?;
        for of in definitions.resource_types() {
            add.execute([&of.name])?;
            for parameter in &of.parameters {
                add.execute([&parameter.key])?;
                if parameter.has_words() {
                    add.execute([&parameter.words_key])?;
                }
                if parameter.kind == crate::Kind::Reference {
                    add.execute([&parameter.identified_key])?;
                }
            }
        }
        let edition = conn.query_row("SELECT edition FROM fhir_edition", [], |row| row.get(0));
        let edition: Option<String> = edition.optional()?;
        let is_stale = edition
            .as_deref()
            .is_some_and(|edition| edition != definitions.edition());
        if edition.is_none() {
            conn.execute("INSERT INTO fhir_edition VALUES (1, ?1)", [definitions.edition()])?;
        }
        Ok((Self::read(conn, definitions, base)?, is_stale))
    }

    fn read(conn: &Connection, definitions: Arc<Definitions>, base: &str) -> Result<Self, IndexError> {
        let mut list = conn.prepare("SELECT name, id FROM fhir_code")?;
        let codes = list
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            definitions,
            codes: Arc::new(codes),
            base: base.trim_end_matches('/').into(),
        })
    }

    /// The definitions.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The address of this server.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The number of a type or parameter; 0, which nothing has, where there is none.
    pub(crate) fn code(&self, name: &str) -> i64 {
        self.codes.get(name).copied().unwrap_or_default()
    }

    /// Keeps a resource: the first version, or the next one. The same bytes make no version.
    ///
    /// # Errors
    /// `Kind`, `Body`; those of the database.
    pub fn put(&self, conn: &Connection, put: &Put<'_>) -> Result<Kept, IndexError> {
        let kind = self.kind(put.kind)?;
        let node = Node::parse(put.body).map_err(|cause| wrong((put.kind, put.id), cause))?;
        let r = rows::resource(conn, kind, put.id)?;
        let (version, counts, whose) = state(conn, r)?;
        let old = if counts { body(conn, r, version)? } else { None };
        if old.as_deref() == Some(put.body) {
            if whose != put.whose {
                place(conn, r, (version, true), put)?;
            }
            return Ok(Kept {
                r,
                version,
                changed: false,
            });
        }
        if let Some(old) = &old {
            self.rows(conn, (put.kind, put.id, r), old)?
                .iter()
                .try_for_each(|row| row.remove(conn))?;
        }
        let version = version + 1;
        conn.prepare_cached(
            "INSERT INTO fhir_version (r, version, at, method, author, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            r,
            version,
            put.at,
            put.method,
            put.author,
            put.body.as_bytes()
        ])?;
        place(conn, r, (version, false), put)?;
        let keys = Keys { index: self, conn };
        for row in keys.of(put.kind, r, &node)? {
            row.add(conn)?;
        }
        Ok(Kept {
            r,
            version,
            changed: true,
        })
    }

    /// Deletes a resource: a version without a body. Gives none where there is nothing to delete.
    ///
    /// # Errors
    /// `Kind`; those of the database.
    pub fn remove(
        &self,
        conn: &Connection,
        (kind, id): (&str, &str),
        (at, author): (i64, &str),
    ) -> Result<Option<Kept>, IndexError> {
        let Some(r) = find(conn, self.kind(kind)?, id)? else {
            return Ok(None);
        };
        let (version, counts, _) = state(conn, r)?;
        if !counts {
            return Ok(None);
        }
        self.forget(conn, (kind, id, r), version)?;
        let version = version + 1;
        conn.prepare_cached("INSERT INTO fhir_version VALUES (?1, ?2, ?3, 'DELETE', ?4, NULL)")?
            .execute(params![r, version, at, author])?;
        conn.prepare_cached("UPDATE fhir_resource SET version = ?2, counts = 0, updated = ?3 WHERE r = ?1")?
            .execute(params![r, version, at])?;
        Ok(Some(Kept {
            r,
            version,
            changed: true,
        }))
    }

    /// Takes a resource out with all its versions, as if it had never been: what was removed from the store.
    ///
    /// # Errors
    /// Those of the database.
    pub fn purge(&self, conn: &Connection, r: i64) -> Result<(), IndexError> {
        let (kind, id) = name(conn, r)?;
        let (version, counts, _) = state(conn, r)?;
        if counts {
            self.forget(conn, (&kind, &id, r), version)?;
        }
        conn.prepare_cached("DELETE FROM fhir_version WHERE r = ?1")?
            .execute([r])?;
        conn.prepare_cached(
            "UPDATE fhir_resource SET version = 0, counts = 0, patient = NULL, document = NULL, source = NULL WHERE r = ?1",
        )?
        .execute([r])?;
        Ok(())
    }

    fn forget(
        &self,
        conn: &Connection,
        (kind, id, r): (&str, &str, i64),
        version: u32,
    ) -> Result<(), IndexError> {
        if let Some(old) = body(conn, r, version)? {
            self.rows(conn, (kind, id, r), &old)?
                .iter()
                .try_for_each(|row| row.remove(conn))?;
        }
        Ok(())
    }

    /// The rows of a body.
    fn rows(
        &self,
        conn: &Connection,
        (kind, id, r): (&str, &str, i64),
        body: &str,
    ) -> Result<Vec<rows::Entry>, IndexError> {
        let node = Node::parse(body).map_err(|cause| wrong((kind, id), cause))?;
        Keys { index: self, conn }.of(kind, r, &node)
    }

    fn kind(&self, kind: &str) -> Result<i64, IndexError> {
        let is_known = self.definitions.resource_type(kind).is_some();
        is_known
            .then(|| self.code(kind))
            .ok_or_else(|| IndexError::Kind(kind.to_owned()))
    }

    /// Makes all rows anew from the current bodies.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rebuild(&self, conn: &Connection) -> Result<u64, IndexError> {
        conn.execute_batch(
            "DELETE FROM fhir_token; DELETE FROM fhir_date; DELETE FROM fhir_quantity; DELETE FROM fhir_string;
             DELETE FROM fhir_reference;",
        )?;
        let mut count = 0;
        self.each(conn, |row| {
            count += 1;
            row.iter().try_for_each(|entry| entry.add(conn))
        })?;
        conn.execute(
            "INSERT INTO fhir_edition VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET edition = excluded.edition",
            [self.definitions.edition()],
        )?;
        Ok(count)
    }

    /// Holds the index against the bodies: gives resources whose rows are not there, at most ten, and how many rows there
    /// are more or less than there should be.
    ///
    /// # Errors
    /// Those of the database.
    pub fn check(&self, conn: &Connection) -> Result<(Vec<String>, i64), IndexError> {
        let mut wrong = Vec::new();
        let mut wanted = 0_i64;
        self.each(conn, |entries| {
            wanted += i64::try_from(entries.len()).unwrap_or(i64::MAX);
            for entry in entries {
                if !entry.is_there(conn)? && wrong.len() < 10 {
                    let (kind, id) = name(conn, entry.r)?;
                    wrong.push(format!("{kind}/{id}"));
                    break;
                }
            }
            Ok(())
        })?;
        let there: i64 = conn.query_row(
            "SELECT (SELECT count(*) FROM fhir_token) + (SELECT count(*) FROM fhir_date) + (SELECT count(*) FROM fhir_quantity)
             + (SELECT count(*) FROM fhir_string) + (SELECT count(*) FROM fhir_reference)",
            [],
            |row| row.get(0),
        )?;
        Ok((wrong, there - wanted))
    }

    fn each(
        &self,
        conn: &Connection,
        mut work: impl FnMut(&[rows::Entry]) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut list = conn.prepare(
            "SELECT x.r, c.name, x.id, CAST(v.body AS TEXT) FROM fhir_resource x JOIN fhir_code c ON c.id = x.type
             JOIN fhir_version v ON v.r = x.r AND v.version = x.version WHERE x.counts = 1 AND x.r > ?1 ORDER BY x.r LIMIT 500",
        )?;
        let mut last = 0_i64;
        loop {
            let some = list.query_map([last], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            let some: Vec<(i64, String, String, String)> = some.collect::<Result<_, _>>()?;
            let Some((end, ..)) = some.last() else {
                return Ok(());
            };
            last = *end;
            for (r, kind, id, body) in &some {
                work(&self.rows(conn, (kind, id, *r), body)?)?;
            }
        }
    }

    /// Whether all that changed is indexed, with the tables of now. Whoever answers from the index asks first, in the same
    /// reading: half an index is never asked, neither for what there is nor for whose it is.
    ///
    /// # Errors
    /// [`IndexError::Stale`] where it is not; those of the database.
    pub fn ready(&self, conn: &Connection) -> Result<(), IndexError> {
        let is_due = conn
            .prepare_cached("SELECT 1 FROM fhir_due LIMIT 1")?
            .exists([])?;
        if is_due || self.is_stale(conn)? {
            Err(IndexError::Stale)
        } else {
            Ok(())
        }
    }

    fn is_stale(&self, conn: &Connection) -> Result<bool, IndexError> {
        let mut find = conn.prepare_cached("SELECT 1 FROM fhir_edition WHERE edition = ?1")?;
        Ok(!find.exists([self.definitions.edition()])?)
    }

    /// The current version of a resource, or the deletion that ended it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn current(&self, conn: &Connection, kind: &str, id: &str) -> Result<Option<Version>, IndexError> {
        self.version(conn, (kind, id), None)
    }

    /// A version of a resource, the current one where none is named.
    ///
    /// # Errors
    /// Those of the database.
    pub fn version(
        &self,
        conn: &Connection,
        (kind, id): (&str, &str),
        version: Option<u32>,
    ) -> Result<Option<Version>, IndexError> {
        let mut find = conn.prepare_cached(&format!(
            "{VERSION} WHERE x.type = ?1 AND x.id = ?2 AND v.version = coalesce(?3, x.version)"
        ))?;
        Ok(find
            .query_row(params![self.code(kind), id, version], read)
            .optional()?)
    }

    /// All versions of a resource, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn history(&self, conn: &Connection, kind: &str, id: &str) -> Result<Vec<Version>, IndexError> {
        let mut list = conn.prepare_cached(&format!(
            "{VERSION} WHERE x.type = ?1 AND x.id = ?2 ORDER BY v.version DESC"
        ))?;
        Ok(list
            .query_map(params![self.code(kind), id], read)?
            .collect::<Result<_, _>>()?)
    }

    /// Numbers of the resources that count and come from a row of the store.
    ///
    /// # Errors
    /// Those of the database.
    pub fn of_source(
        &self,
        conn: &Connection,
        origin: Origin,
        source: i64,
    ) -> Result<Vec<(i64, String, String)>, IndexError> {
        let mut list = conn.prepare_cached(
            "SELECT x.r, c.name, x.id FROM fhir_resource x JOIN fhir_code c ON c.id = x.type
             WHERE x.origin = ?1 AND x.source = ?2 AND x.version > 0 ORDER BY x.r",
        )?;
        let rows = list.query_map(params![origin.number(), source], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

const VERSION: &str =
    "SELECT x.r, c.name, x.id, v.version, v.at, v.method, CAST(v.body AS TEXT), x.patient, x.document, x.origin
    FROM fhir_resource x JOIN fhir_code c ON c.id = x.type JOIN fhir_version v ON v.r = x.r";

fn read(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        r: row.get(0)?,
        kind: row.get(1)?,
        id: row.get(2)?,
        version: row.get(3)?,
        at: row.get(4)?,
        method: row.get(5)?,
        body: row.get(6)?,
        whose: Whose {
            patient: row.get(7)?,
            document: row.get(8)?,
            origin: Origin::of(row.get(9)?),
        },
    })
}

fn wrong((kind, id): (&str, &str), cause: JsonError) -> IndexError {
    IndexError::Body {
        kind: kind.to_owned(),
        id: id.to_owned(),
        cause,
    }
}

/// The number of a resource that was seen before.
pub(crate) fn find(conn: &Connection, kind: i64, id: &str) -> Result<Option<i64>, IndexError> {
    let mut find = conn.prepare_cached("SELECT r FROM fhir_resource WHERE type = ?1 AND id = ?2")?;
    Ok(find.query_row(params![kind, id], |row| row.get(0)).optional()?)
}

/// Version, whether it counts, and whose.
fn state(conn: &Connection, r: i64) -> Result<(u32, bool, Whose), IndexError> {
    let mut find = conn.prepare_cached(
        "SELECT version, counts, patient, document, origin FROM fhir_resource WHERE r = ?1",
    )?;
    let found = find.query_row([r], |row| {
        let whose = Whose {
            patient: row.get(2)?,
            document: row.get(3)?,
            origin: Origin::of(row.get(4)?),
        };
        Ok((row.get(0)?, row.get(1)?, whose))
    });
    Ok(found?)
}

fn body(conn: &Connection, r: i64, version: u32) -> Result<Option<String>, IndexError> {
    let mut find =
        conn.prepare_cached("SELECT CAST(body AS TEXT) FROM fhir_version WHERE r = ?1 AND version = ?2")?;
    Ok(find
        .query_row(params![r, version], |row| row.get(0))
        .optional()?
        .flatten())
}

/// Type and id of a resource.
pub(crate) fn name(conn: &Connection, r: i64) -> Result<(String, String), IndexError> {
    let mut find = conn.prepare_cached(
            "SELECT coalesce(c.name, ''), x.id FROM fhir_resource x LEFT JOIN fhir_code c ON c.id = x.type WHERE x.r = ?1",
        )?;
    Ok(find.query_row([r], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The current version of a resource by its number.
pub(crate) fn numbered(conn: &Connection, r: i64) -> Result<Option<Version>, IndexError> {
    let mut find = conn.prepare_cached(&format!("{VERSION} WHERE x.r = ?1 AND v.version = x.version"))?;
    Ok(find.query_row([r], read).optional()?)
}

fn place(conn: &Connection, r: i64, (version, stays): (u32, bool), put: &Put<'_>) -> Result<(), IndexError> {
    conn.prepare_cached(
        "UPDATE fhir_resource SET version = ?2, counts = 1, patient = ?3, document = ?4,
             updated = CASE WHEN ?5 THEN updated ELSE ?6 END, origin = ?7, source = ?8 WHERE r = ?1",
    )?
    .execute(params![
        r,
        version,
        put.whose.patient,
        put.whose.document,
        stays,
        put.at,
        put.whose.origin.number(),
        put.source
    ])?;
    Ok(())
}
