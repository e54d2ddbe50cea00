use crate::common::valued;
use crate::received::{batch, statement};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::time::Instant;
use tsumugi_records::{AuditAgent, AuditEntry, AuditSource, AuditSubtype, Store, Tuning, writer_pragmas};

const STATEMENTS: usize = 40_000;
const BATCH: usize = 200;
const PERSONS: usize = 200;

/// Tables that a batch without texts writes to, in an order in which nothing refers to what is not there yet.
const TABLES: [&str; 14] = [
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
    "topic_row",
    "topic_mark",
    "audit_entry",
    "audit_node",
];

/// Keeps many statements, then puts the same finished rows into a bare database with the same schema, pragmas and size of
/// batches: `cargo nextest run --release -p tsumugi-records --run-ignored only -E 'test(speed)' --no-capture`.
#[test]
#[ignore = "a measurement"]
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
    let ours: Vec<f64> = batches
        .into_iter()
        .map(|batch| {
            let begun = Instant::now();
            store.receive(batch).unwrap();
            begun.elapsed().as_secs_f64()
        })
        .collect();
    drop(store);
    let rows = rows(&kept);
    drop(Store::open(&bare).unwrap());
    let theirs = put(&bare, rows);
    let share = 100.0 * theirs.iter().sum::<f64>() / ours.iter().sum::<f64>();
    println!(
        "kept: {}; bare rows: {}; {share:.0} % of their speed",
        told(&ours),
        told(&theirs)
    );
}

/// Speed, and by how much the last quarter was slower than the first.
#[expect(clippy::cast_precision_loss, reason = "a measurement is printed")]
fn told(seconds: &[f64]) -> String {
    let quarter = seconds.len() / 4;
    let first: f64 = seconds.iter().take(quarter).sum();
    let last: f64 = seconds.iter().rev().take(quarter).sum();
    let speed = STATEMENTS as f64 / seconds.iter().sum::<f64>();
    format!(
        "{speed:.0} statements/s, last quarter {:.0} % slower than the first",
        100.0 * (last / first - 1.0)
    )
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
            // In the order in which they were written.
            let order = if *table == "statement" { "observation" } else { "1" };
            let mut list = conn
                .prepare(&format!("SELECT * FROM {table} ORDER BY {order}"))
                .unwrap();
            let columns = list.column_count();
            let read = list.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
            (*table, read.unwrap().map(Result::unwrap).collect())
        })
        .collect()
}

/// Seconds that each transaction takes that puts rows in, of which there are as many as there were batches.
fn put(path: &std::path::Path, rows: Vec<(&'static str, Vec<Vec<Value>>)>) -> Vec<f64> {
    let conn = Connection::open(path).unwrap();
    let pragmas = writer_pragmas(Tuning::default());
    conn.execute_batch(&format!("PRAGMA journal_mode = wal; {pragmas}"))
        .unwrap();
    let transactions = STATEMENTS / BATCH;
    let mut parts: Vec<_> = rows
        .into_iter()
        .map(|(table, rows)| {
            // The first batch names every person, so that their rows are all in its transaction.
            let of_persons = table.starts_with("patient");
            let size = if of_persons {
                rows.len()
            } else {
                rows.len().div_ceil(transactions)
            };
            (table, size, rows.into_iter())
        })
        .collect();
    let mut seconds = Vec::new();
    for _ in 0..transactions {
        let begun = Instant::now();
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
        seconds.push(begun.elapsed().as_secs_f64());
    }
    seconds
}
