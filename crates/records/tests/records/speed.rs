use crate::common::valued;
use crate::received::{batch, statement};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::time::Instant;
use tsumugi_records::{AuditAgent, AuditEntry, AuditSource, AuditSubtype, Store};

const STATEMENTS: usize = 40_000;
const BATCH: usize = 200;
const PERSONS: usize = 200;

/// Tables that a batch without texts writes to, in an order in which nothing refers to what is not there yet.
const TABLES: [&str; 12] = [
    "patient",
    "patient_version",
    "patient_identifier",
    "reception",
    "observation",
    "received",
    "received_resource",
    "statement",
    "event",
    "event_index",
    "audit_entry",
    "audit_node",
];

/// Keeps many statements, then puts the same finished rows into a bare database with the same schema, pragmas and size of
/// batches: `cargo nextest run --release -p tsumugi-records --run-ignored only -E 'test(speed)' --no-capture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::cast_precision_loss, reason = "a measurement is printed")]
fn statements_against_bare_rows() {
    let directory = tempfile::tempdir().unwrap();
    let (kept, bare) = (directory.path().join("kept.db"), directory.path().join("bare.db"));
    let store = Store::open(&kept).unwrap();
    let batches: Vec<_> = (0..STATEMENTS)
        .collect::<Vec<_>>()
        .chunks(BATCH)
        .map(|numbers| {
            let one = |number: &usize| {
                let mut one = statement(
                    &number.to_string(),
                    "1",
                    vec![valued("temperature", "39.2", "Cel")],
                );
                one.person.number = (number % PERSONS).to_string();
                one
            };
            let mut batch = batch(numbers.iter().map(one).collect());
            batch.entry = Some(entry());
            batch
        })
        .collect();
    let (mut first, mut last) = (0.0, 0.0);
    let count = batches.len();
    let begun = Instant::now();
    for (number, batch) in batches.into_iter().enumerate() {
        let one = Instant::now();
        store.receive(batch).unwrap();
        let seconds = one.elapsed().as_secs_f64();
        if number < count / 4 {
            first += seconds;
        } else if number >= count - count / 4 {
            last += seconds;
        }
    }
    let ours = STATEMENTS as f64 / begun.elapsed().as_secs_f64();
    drop(store);
    let rows = rows(&kept);
    drop(Store::open(&bare).unwrap());
    let theirs = STATEMENTS as f64 / put(&bare, rows);
    println!(
        "{ours:.0} statements/s kept, {theirs:.0} as bare rows ({:.0} %); last quarter {:.0} % slower than the first",
        100.0 * ours / theirs,
        100.0 * (last / first - 1.0)
    );
}

fn entry() -> AuditEntry {
    let agent = AuditAgent {
        who: "speed".to_owned(),
        name: None,
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: "test".to_owned(),
        address: None,
    };
    let at = crate::common::moment("2026-11-22T01:00:00Z");
    AuditEntry::new(at, agent, AuditSubtype::Create, source)
}

/// All rows of each table, in their order.
fn rows(path: &std::path::Path) -> Vec<(&'static str, Vec<Vec<Value>>)> {
    let conn = Connection::open(path).unwrap();
    TABLES
        .iter()
        .map(|table| {
            let mut list = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = list.column_count();
            let read = list.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
            (*table, read.unwrap().map(Result::unwrap).collect())
        })
        .collect()
}

/// Seconds that putting the rows in takes, in as many transactions as there were batches.
fn put(path: &std::path::Path, rows: Vec<(&'static str, Vec<Vec<Value>>)>) -> f64 {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .unwrap();
    let transactions = STATEMENTS / BATCH;
    let mut parts: Vec<_> = rows
        .into_iter()
        .map(|(table, rows)| {
            let size = rows.len().div_ceil(transactions).max(1);
            (table, size, rows.into_iter())
        })
        .collect();
    let begun = Instant::now();
    for _ in 0..transactions {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (table, size, rows) in &mut parts {
            for row in rows.take(*size) {
                let marks = vec!["?"; row.len()].join(",");
                let mut add = conn
                    .prepare_cached(&format!("INSERT INTO {table} VALUES ({marks})"))
                    .unwrap();
                add.execute(params_from_iter(row)).unwrap();
            }
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    begun.elapsed().as_secs_f64()
}
