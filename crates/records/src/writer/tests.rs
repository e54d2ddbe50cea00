//! Tests of the writer, which need its inner side.

use super::*;
use crate::open::{Tuning, open_writer};
use std::sync::Barrier;

fn add(conn: &Connection, number: i64, padding: i64) -> Result<i64, StoreError> {
    conn.execute("INSERT INTO t VALUES (?1, zeroblob(?2))", (number, padding))?;
    if number < 0 {
        return Err(StoreError::not_found("number", &number));
    }
    Ok(number)
}

/// Sends commands that all wait while the first runs; gives what each got, what is kept, and the counts.
fn together(
    max_pages: Option<u32>,
    commands: &[(i64, i64)],
) -> (Vec<Option<StoreError>>, Vec<i64>, WriterCounts) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    drop(open_writer(&path, Tuning::default()).unwrap());
    let conn = open_writer(
        &path,
        Tuning {
            max_pages,
            ..Tuning::default()
        },
    )
    .unwrap();
    conn.execute_batch("CREATE TABLE t (number INTEGER PRIMARY KEY, padding BLOB)")
        .unwrap();
    let writer = Writer::start(conn).unwrap();
    let queue = writer.queue.as_ref().unwrap();
    let gate = Arc::new(Barrier::new(2));
    let (inner, (opened, _)) = (Arc::clone(&gate), sync_channel(1));
    let wait = move |_: &Connection, _: Attempt| {
        inner.wait();
        inner.wait();
        Ok(())
    };
    queue
        .send(Box::new(Command {
            place: "gate",
            work: wait,
            second: |_| false,
            outcome: None,
            caller: opened,
        }))
        .unwrap();
    gate.wait();
    let send = |&(number, padding): &(i64, i64)| {
        let (caller, answer) = sync_channel(1);
        let work = move |conn: &Connection, _: Attempt| add(conn, number, padding);
        queue
            .send(Box::new(Command {
                place: "add",
                work,
                second: |_| false,
                outcome: None,
                caller,
            }))
            .unwrap();
        answer
    };
    // The others are queued while the first one runs.
    let answers: Vec<_> = commands.iter().map(send).collect();
    gate.wait();
    let results = answers
        .into_iter()
        .map(|answer| answer.recv().unwrap().err())
        .collect();
    let read = |conn: &Connection, _: Attempt| {
        let mut list = conn.prepare("SELECT number FROM t ORDER BY number")?;
        Ok(list
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?)
    };
    let counts = writer.counts();
    (
        results,
        writer.send("read", |_| false, read).unwrap().wait().unwrap(),
        counts,
    )
}

#[test]
fn what_waits_shares_a_commit_and_fails_alone() {
    let (results, kept, counts) = together(None, &[(1, 9), (-2, 9), (3, 9), (1, 9), (5, 9)]);
    assert_eq!(kept, [1, 3, 5]);
    assert_eq!(
        results.iter().map(Option::is_none).collect::<Vec<_>>(),
        [true, false, true, false, true]
    );
    assert_eq!(results[1], Some(StoreError::not_found("number", &-2)));
    assert_eq!(
        counts,
        WriterCounts {
            commits: 2,
            commands: 6
        }
    );
}

#[test]
fn what_is_too_large_for_the_disk_does_not_fail_the_others() {
    let (results, kept, _) = together(Some(210), &[(1, 100), (2, 2_000_000), (3, 100)]);
    assert_eq!(kept, [1, 3]);
    assert!(
        matches!(&results[1], Some(StoreError::Full { place, .. }) if place == "add"),
        "{results:?}"
    );
    assert_eq!((&results[0], &results[2]), (&None, &None));
}
