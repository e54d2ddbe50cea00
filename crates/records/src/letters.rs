//! Dead letters: bytes that are no statement, with the reason, until they are read again.

use crate::documents::hash;
use crate::errors::StoreError;
use crate::ids::DeadLetterId;
use crate::received::{NewDeadLetter, Opened, ReceivedPlace};
use crate::stamp::{Population, Stamp};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// A dead letter, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Which.
    pub id: DeadLetterId,
    /// Of real patients or dummies.
    pub population: Population,
    /// The standard it came in, in one word.
    pub standard: String,
    /// By which door it came.
    pub way: String,
    /// Where it stood.
    pub place: ReceivedPlace,
    /// A stable word for what is wrong.
    pub code: String,
    /// The problem, as JSON.
    pub problem: String,
    /// Number of its bytes.
    pub size: u64,
    /// Who took it in, and when.
    pub stamp: Stamp,
    /// How often it was read again.
    pub replays: u32,
    /// Whether it was in at the last of them.
    pub accepted: bool,
}

const COLUMNS: &str =
    "d.id, d.dummy, d.standard, r.way, d.file, d.line, d.code, d.problem, length(d.bytes), r.author, r.at,
    (SELECT count(*) FROM dead_letter_replay p WHERE p.dead_letter = d.id),
    coalesce((SELECT p.accepted FROM dead_letter_replay p WHERE p.dead_letter = d.id ORDER BY p.id DESC LIMIT 1), 0)
    FROM dead_letter d JOIN reception r ON r.id = d.reception";

impl Store {
    /// Dead letters in the order they came, after one of them; with `all` also those that are in by now.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn dead_letters(
        &self,
        after: Option<DeadLetterId>,
        all: bool,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.read("dead letters", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE d.id > ?1 AND (?2 OR NOT coalesce((SELECT p.accepted FROM dead_letter_replay p
                     WHERE p.dead_letter = d.id ORDER BY p.id DESC LIMIT 1), 0)) ORDER BY d.id LIMIT ?3"
            ))?;
            let after = after.map_or(0, DeadLetterId::get);
            let rows = list.query_map(params![after, all, limit], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A dead letter with its bytes, checked against their hash.
    ///
    /// # Errors
    /// `NotFound`; `Damaged` when the bytes are no longer what came.
    pub fn dead_letter(&self, id: DeadLetterId) -> Result<(DeadLetter, Vec<u8>), StoreError> {
        self.read("dead letter", |conn| {
            let mut find = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE d.id = ?1"))?;
            let letter = find
                .query_row([id], read)
                .optional()?
                .ok_or_else(|| StoreError::not_found("dead letter", &id))?;
            let mut find = conn.prepare_cached("SELECT bytes, sha256 FROM dead_letter WHERE id = ?1")?;
            let (bytes, kept): (Vec<u8>, Vec<u8>) =
                find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if hash(&bytes).as_slice() != kept {
                return Err(StoreError::damaged(format!("dead letter {id} is not what came")));
            }
            Ok((letter, bytes))
        })
    }

    /// Notes that a dead letter was read again, and whether all of it is in now.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn note_replay(&self, id: DeadLetterId, accepted: bool, stamp: Stamp) -> Result<(), StoreError> {
        self.write("note replay", move |conn| {
            let there: Option<i64> = conn
                .prepare_cached("SELECT id FROM dead_letter WHERE id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            there.ok_or_else(|| StoreError::not_found("dead letter", &id))?;
            conn.prepare_cached(
                "INSERT INTO dead_letter_replay (dead_letter, accepted, author, at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![id, accepted, stamp.author, stamp.at])?;
            Ok(())
        })
    }
}

/// Keeps a dead letter once; gives whether it was there already.
pub(crate) fn insert(
    conn: &Connection,
    opened: &mut Opened<'_>,
    letter: &NewDeadLetter,
) -> Result<(DeadLetterId, bool), StoreError> {
    let batch = opened.batch;
    let sha256 = hash(&letter.bytes);
    let mut find = conn.prepare_cached(
        "SELECT id FROM dead_letter
         WHERE dummy = ?1 AND standard = ?2 AND file = ?3 AND coalesce(line, 0) = ?4 AND sha256 = ?5",
    )?;
    let place = &letter.place;
    let line = place.line.unwrap_or(0);
    let known = find
        .query_row(
            params![
                batch.population,
                batch.standard,
                place.file,
                line,
                sha256.as_slice()
            ],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = known {
        return Ok((id, true));
    }
    let reception = opened.row(conn)?;
    conn.prepare_cached(
        "INSERT INTO dead_letter (reception, dummy, standard, file, line, code, problem, sha256, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        reception,
        batch.population,
        batch.standard,
        place.file,
        place.line,
        letter.code,
        letter.problem,
        sha256.as_slice(),
        letter.bytes
    ])?;
    Ok((DeadLetterId::new(conn.last_insert_rowid()), false))
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get(0)?,
        population: row.get(1)?,
        standard: row.get(2)?,
        way: row.get(3)?,
        place: ReceivedPlace {
            file: row.get(4)?,
            line: row.get(5)?,
            field: None,
        },
        code: row.get(6)?,
        problem: row.get(7)?,
        size: row.get(8)?,
        stamp: Stamp {
            author: row.get(9)?,
            at: row.get(10)?,
        },
        replays: row.get(11)?,
        accepted: row.get(12)?,
    })
}
