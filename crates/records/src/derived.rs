//! What others derive from notes, statements and patients, in the transaction that changes them.
//!
//! Triggers in the database note what changed (`fhir_due`), so that no way of writing can forget it; the writer empties the
//! table before it commits. Where nobody follows, the rows wait.

use crate::audit::{AuditEntry, Recorded};
use crate::confirm;
use crate::confirm::ConfirmationRecord;
use crate::errors::StoreError;
use crate::ids::{DocumentId, ObservationId, PatientId};
use crate::links::FAMILY;
use crate::patients::{self, PatientRecord};
use crate::resources::{self, ResourceRecord};
use crate::stamp::{Moment, Population, Stamp};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, params};
use std::fmt;

/// What follows changes. Its work is part of the transaction: an error undoes the change.
pub trait Derived: fmt::Debug + Send + Sync {
    /// Makes ready, once, before the first change is followed.
    ///
    /// # Errors
    /// Whatever keeps it from following.
    fn open(&self, conn: &Connection) -> Result<(), StoreError>;

    /// Follows one change.
    ///
    /// # Errors
    /// Whatever keeps it from following; then the change is undone.
    fn follow(&self, conn: &Connection, changed: &Changed) -> Result<(), StoreError>;
}

/// Something that changed, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// A patient.
    Patient(Box<PatientRecord>),
    /// A document.
    Document {
        /// The document.
        document: DocumentId,
        /// Resources of its newest version; none where it was removed.
        resources: Vec<ResourceRecord>,
        /// How it stands, where it was entered on a physician's behalf.
        step: Option<Box<ConfirmationRecord>>,
    },
    /// A version of a statement that counts now.
    Statement {
        /// The first version of the statement: the same for all of them.
        first: ObservationId,
        /// Whose.
        patient: PatientId,
        /// The system that states it.
        source: String,
        /// The source's key.
        key: String,
        /// Who took it in, and when.
        stamp: Stamp,
        /// Its resources, type and JSON; none where it was taken back.
        resources: Vec<(String, Vec<u8>)>,
    },
    /// A version of a statement that no longer counts, or is gone. A later one of the same statement follows by itself.
    StatementGone {
        /// The first version of the statement.
        first: ObservationId,
        /// Who took in the version that changed, and when.
        stamp: Stamp,
    },
}

impl Store {
    /// Lets a function write that belongs to what follows changes, in one transaction with the entry of the audit trail.
    ///
    /// # Errors
    /// Those of `work` and of the file.
    pub fn write_derived<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write("derived", move |conn| work(conn).map(Unnamed))
            .map(|made| made.0)
    }

    /// Lets a function read that belongs to what follows changes: all of it sees the same commits.
    ///
    /// # Errors
    /// Those of `work` and of the file.
    pub fn read_derived<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read("derived", work)
    }

    /// Population of a patient, and the records that are read under that one, itself among them.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn family(&self, patient: PatientId) -> Result<(Population, Vec<PatientId>), StoreError> {
        self.read_unaudited("family", |conn| {
            let population = patients::population(conn, patient)?;
            let mut list =
                conn.prepare_cached(&format!("SELECT id FROM patient WHERE id {FAMILY} ORDER BY id"))?;
            let members = list
                .query_map([patient], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok((population, members))
        })
    }
}

/// What adds nothing to its entry.
struct Unnamed<T>(T);

impl<T> Recorded for Unnamed<T> {
    fn add_to(&self, _: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Whether anything that changed is not followed yet.
pub(crate) fn is_due(conn: &Connection) -> Result<bool, StoreError> {
    let mut any = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM fhir_due)")?;
    Ok(any.query_row([], |row| row.get(0))?)
}

/// Most changes that are followed in the transaction that makes them; a note has fewer.
const INLINE: usize = 32;

/// Follows what a command changed, in its transaction. Where that is a large import, or one before still waits, all of it
/// is left to [`Store::catch_up`]: whoever types beside an import does not wait for it, and a change of an import that
/// cannot be followed stops nobody else's.
pub(crate) fn settle_own(conn: &Connection, derived: &dyn Derived) -> Result<(), StoreError> {
    let mut count = conn.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM fhir_due LIMIT ?1)")?;
    let due: usize = count.query_row([INLINE + 1], |row| row.get(0))?;
    if due <= INLINE {
        settle(conn, derived, INLINE)?;
    }
    Ok(())
}

/// Follows what changed, at most `most`; gives how much it was.
pub(crate) fn settle(conn: &Connection, derived: &dyn Derived, most: usize) -> Result<usize, StoreError> {
    let mut next = conn.prepare_cached("SELECT what, id FROM fhir_due ORDER BY what DESC, id LIMIT 1")?;
    let mut done = conn.prepare_cached("DELETE FROM fhir_due WHERE what = ?1 AND id = ?2")?;
    let mut count = 0;
    while count < most {
        let due: Option<(i64, i64)> = next
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((what, id)) = due else { break };
        if let Some(changed) = changed(conn, what, id)? {
            derived.follow(conn, &changed)?;
        }
        done.execute(params![what, id])?;
        count += 1;
    }
    Ok(count)
}

fn changed(conn: &Connection, what: i64, id: i64) -> Result<Option<Changed>, StoreError> {
    match what {
        0 => document(conn, DocumentId::new(id)).map(Some),
        1 => statement(conn, ObservationId::new(id)),
        _ => match patients::newest(conn, PatientId::new(id)) {
            Ok(record) => Ok(Some(Changed::Patient(Box::new(record)))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        },
    }
}

fn document(conn: &Connection, document: DocumentId) -> Result<Changed, StoreError> {
    let resources = resources::of_newest(conn, document)?;
    let step = confirm::steps(conn, "WHERE document = ?1", document.get())?.pop();
    Ok(Changed::Document {
        document,
        resources,
        step: step.map(Box::new),
    })
}

fn statement(conn: &Connection, observation: ObservationId) -> Result<Option<Changed>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT o.patient, o.source, o.key, o.author, o.at, s.observation IS NOT NULL AND x.standing = 'valid',
             (SELECT min(f.id) FROM observation f WHERE f.patient = o.patient AND f.source = o.source AND f.key = o.key)
         FROM observation o JOIN received x ON x.observation = o.id LEFT JOIN statement s ON s.observation = o.id
         WHERE o.id = ?1",
    )?;
    let found = find.query_row([observation], |row| {
        let stamp = Stamp {
            author: row.get(3)?,
            at: row.get::<_, Moment>(4)?,
        };
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            stamp,
            row.get(5)?,
            row.get(6)?,
        ))
    });
    let found: Option<(PatientId, String, String, Stamp, bool, ObservationId)> = found.optional()?;
    let Some((patient, source, key, stamp, counts, first)) = found else {
        return Ok(None);
    };
    if !counts {
        // Where the one that counts is another version, that one is due too, and comes after this.
        let mut later = conn.prepare_cached(
            "SELECT 1 FROM statement s JOIN received x ON x.observation = s.observation
             WHERE s.patient = ?1 AND s.source = ?2 AND s.key = ?3 AND x.standing = 'valid'",
        )?;
        let is_replaced = later.exists(params![patient, source, key])?;
        return Ok((!is_replaced).then_some(Changed::StatementGone { first, stamp }));
    }
    let mut list = conn.prepare_cached(
        "SELECT r.kind, coalesce(r.json, x.bytes) FROM received_resource r
         JOIN received x ON x.observation = r.observation WHERE r.observation = ?1 ORDER BY r.number",
    )?;
    let rows = list.query_map([observation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some(Changed::Statement {
        first,
        patient,
        source,
        key,
        stamp,
        resources: rows.collect::<Result<_, _>>()?,
    }))
}

/// Takes out what was derived of dummies, bodies and versions too.
pub(crate) fn remove_dummies(conn: &Connection) -> Result<(), StoreError> {
    let theirs = "(SELECT r FROM fhir_resource WHERE patient IN (SELECT id FROM patient WHERE dummy = 1))";
    for table in [
        "fhir_token",
        "fhir_date",
        "fhir_quantity",
        "fhir_string",
        "fhir_reference",
        "fhir_version",
    ] {
        conn.execute(&format!("DELETE FROM {table} WHERE r IN {theirs}"), [])?;
    }
    conn.execute(
        &format!(
            "UPDATE fhir_resource SET version = 0, counts = 0, patient = NULL, document = NULL, source = NULL WHERE r IN {theirs}"
        ),
        [],
    )?;
    Ok(())
}
