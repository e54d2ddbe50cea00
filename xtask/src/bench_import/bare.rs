//! The rows that an import left, put into a bare database: what the disk and the database alone take.

use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::path::Path;
use std::time::Instant;

/// Tables of a batch in an order in which nothing refers to what is not there yet, and the condition that takes a batch's
/// rows: `?1` is the number of the batch, `?2` and `?3` its first and last statement, `?4` and `?5` the new persons.
const TABLES: [(&str, &str); 12] = [
    ("patient", "id BETWEEN ?4 AND ?5"),
    ("patient_version", "patient BETWEEN ?4 AND ?5"),
    ("patient_identifier", "patient BETWEEN ?4 AND ?5"),
    ("reception", "id = ?1"),
    ("observation", "id BETWEEN ?2 AND ?3"),
    ("received", "observation BETWEEN ?2 AND ?3"),
    ("received_resource", "observation BETWEEN ?2 AND ?3"),
    ("statement", "observation BETWEEN ?2 AND ?3"),
    ("event", "observation BETWEEN ?2 AND ?3"),
    (
        "event_index",
        "event IN (SELECT id FROM event WHERE observation BETWEEN ?2 AND ?3)",
    ),
    ("audit_entry", "id >= ?6 AND id < ?7"),
    ("audit_node", "place >= 2 * ?6 AND place < 2 * ?7"),
];

/// A batch: number, first and last statement.
struct Batch {
    number: i64,
    first: i64,
    last: i64,
    patients: i64,
}

fn batches(conn: &Connection) -> Result<Vec<Batch>> {
    let mut list = conn.prepare(
        "SELECT reception, min(observation), max(observation), max(patient) FROM received GROUP BY reception ORDER BY 1",
    )?;
    let rows = list.query_map([], |row| {
        Ok(Batch {
            number: row.get(0)?,
            first: row.get(1)?,
            last: row.get(2)?,
            patients: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// By what share the last quarter of the batches took longer than the first, by the times at which they were closed.
pub(super) fn decay(store: &Path) -> Result<f64> {
    let conn = Connection::open(store)?;
    let mut list = conn.prepare("SELECT at FROM reception ORDER BY id")?;
    let times: Vec<String> = list.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let second = |index: usize| -> Option<f64> {
        let time: jiff::civil::DateTime = times
            .get(index)?
            .get(..26.min(times.get(index)?.len()))?
            .parse()
            .ok()?;
        let since = time.duration_since(jiff::civil::date(2020, 1, 1).at(0, 0, 0, 0));
        Some(since.as_secs_f64())
    };
    let quarter = times.len() / 4;
    let lasted = |from: usize, to: usize| Some(second(to)? - second(from)?);
    // The first and the last batch are left out: the program starts, and a batch may be short.
    let first = lasted(1, quarter + 1);
    let last = lasted(
        times.len().saturating_sub(quarter + 2),
        times.len().saturating_sub(2),
    );
    Ok(first
        .zip(last)
        .filter(|(first, _)| quarter > 4 && *first > 0.0)
        .map_or(0.0, |(first, last)| last / first - 1.0))
}

/// Seconds that the same rows take in a bare database with the same schema, pragmas and batches; reading them is not
/// counted.
pub(super) fn seconds(store: &Path, bare: &Path) -> Result<f64> {
    drop(tsumugi_records::Store::open(bare)?);
    let from = Connection::open(store)?;
    let to = Connection::open(bare)?;
    let pragmas = tsumugi_records::writer_pragmas(tsumugi_records::Tuning::default());
    to.execute_batch(&format!("PRAGMA journal_mode = wal; {pragmas}"))?;
    let batches = batches(&from)?;
    let entries: i64 = from.query_row("SELECT coalesce(max(id) + 1, 0) FROM audit_entry", [], |row| {
        row.get(0)
    })?;
    let (mut spent, mut patients) = (0.0, 0);
    for (index, batch) in (1_i64..).zip(&batches) {
        let share = |index: i64| entries * index / i64::try_from(batches.len()).unwrap_or(1);
        let known = [
            batch.number,
            batch.first,
            batch.last,
            patients + 1,
            batch.patients.max(patients),
            share(index - 1),
            share(index),
        ];
        patients = batch.patients.max(patients);
        let mut all: Vec<(&str, Vec<Vec<Value>>)> = Vec::new();
        for (table, condition) in TABLES {
            let order = if table == "statement" { "observation" } else { "1" };
            let mut list = from.prepare_cached(&format!(
                "SELECT * FROM {table} WHERE {condition} ORDER BY {order}"
            ))?;
            let columns = list.column_count();
            let wanted = list.parameter_count();
            let rows = list.query_map(params_from_iter(known.iter().take(wanted)), |row| {
                (0..columns).map(|column| row.get(column)).collect()
            })?;
            all.push((table, rows.collect::<Result<_, _>>()?));
        }
        let begun = Instant::now();
        to.execute_batch("BEGIN IMMEDIATE")?;
        for (table, rows) in all {
            let Some(first) = rows.first() else { continue };
            let marks = vec!["?"; first.len()].join(",");
            let mut add = to.prepare_cached(&format!("INSERT OR IGNORE INTO {table} VALUES ({marks})"))?;
            for row in rows {
                add.execute(params_from_iter(row))?;
            }
        }
        to.execute_batch("COMMIT")?;
        spent += begun.elapsed().as_secs_f64();
    }
    Ok(spent)
}
