//! The rows of the log: appending in the transaction that is open, and reading nodes.

use crate::audit::columns::Columns;
use crate::audit::entry::AuditEntry;
use crate::audit::fhir;
use crate::audit::merkle::{self, Nodes, TreeHash, leaf_hash};
use crate::errors::StoreError;
use crate::ids::AuditId;
use rusqlite::{Connection, OptionalExtension, params};

/// An entry ready to be appended. All that can be done without the database is done, and not in the writer's thread.
pub(crate) struct Prepared {
    json: Vec<u8>,
    leaf: TreeHash,
    columns: Columns,
}

impl Prepared {
    /// Writes the entry's bytes.
    pub(crate) fn new(entry: &AuditEntry) -> Result<Self, StoreError> {
        entry.check()?;
        let (json, recorded) = fhir::write(entry)?;
        Ok(Self {
            leaf: leaf_hash(&json),
            columns: Columns::of(entry, recorded),
            json,
        })
    }
}

/// The nodes as they are stored.
pub(crate) struct StoredNodes<'c>(pub(crate) &'c Connection);

impl Nodes for StoredNodes<'_> {
    type Error = StoreError;

    fn node(&self, place: u64) -> Result<TreeHash, StoreError> {
        let mut find = self
            .0
            .prepare_cached("SELECT hash FROM audit_node WHERE place = ?1")?;
        find.query_row([place], |row| row.get(0))
            .optional()?
            .ok_or_else(|| StoreError::damaged(format!("node {place} of the audit trail is missing")))
    }
}

/// Number of entries.
pub(crate) fn size(conn: &Connection) -> Result<u64, StoreError> {
    let mut last = conn.prepare_cached("SELECT coalesce(max(id) + 1, 0) FROM audit_entry")?;
    Ok(last.query_row([], |row| row.get(0))?)
}

/// Appends an entry and the nodes that it completes.
pub(crate) fn append(conn: &Connection, entry: &Prepared) -> Result<AuditId, StoreError> {
    let size = size(conn)?;
    let columns = &entry.columns;
    conn.prepare_cached("INSERT INTO audit_entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            size,
            columns.recorded,
            columns.agent,
            columns.patient,
            columns.action,
            columns.subtype,
            columns.outcome,
            columns.kinds,
            entry.json
        ])?;
    let completed = merkle::append(&StoredNodes(conn), size, entry.leaf)?;
    let mut add = conn.prepare_cached("INSERT INTO audit_node VALUES (?1, ?2)")?;
    for (place, hash) in (merkle::place(0, size)..).zip(completed) {
        add.execute(params![place, hash])?;
    }
    Ok(AuditId::new(size))
}
