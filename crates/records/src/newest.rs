//! The newest moments a store knows: a clock that stands before them is wrong.

use crate::errors::StoreError;
use crate::stamp::{Moment, Population};
use crate::store::Store;
use rusqlite::Connection;

/// Rows at the end of each table that are looked at. What was written last is there, whatever the clock said then.
const LOOKED_AT: u32 = 1000;

/// The newest moments of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewestMoments {
    /// When a note of a real patient was signed, in the civil time of the place.
    pub signed: Option<Moment>,
    /// When an entry of the audit trail says that something happened, in milliseconds since 1970 UTC.
    pub recorded: Option<i64>,
}

impl Store {
    /// The newest among the last moments that were written.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn newest_moments(&self) -> Result<NewestMoments, StoreError> {
        self.read_unaudited("newest moments", |conn| {
            let recorded =
                "SELECT max(recorded) FROM (SELECT recorded FROM audit_entry ORDER BY id DESC LIMIT ?1)";
            Ok(NewestMoments {
                signed: newest_signed(conn)?,
                recorded: conn.query_row(recorded, [LOOKED_AT], |row| row.get(0))?,
            })
        })
    }
}

/// Dummies' notes carry times that were made up.
fn newest_signed(conn: &Connection) -> Result<Option<Moment>, StoreError> {
    let mut list = conn.prepare_cached(
        "SELECT v.signed_at FROM document_version v JOIN patient p ON p.id = v.patient
         WHERE p.dummy = ?1 ORDER BY v.id DESC LIMIT ?2",
    )?;
    let moments = list.query_map(rusqlite::params![Population::Real, LOOKED_AT], |row| row.get(0))?;
    let moments = moments.collect::<Result<Vec<Moment>, _>>()?;
    Ok(moments.into_iter().max())
}
