//! The log is changed by somebody who may write to the file, in every way we know; each change is found and named.

use super::bench::{figure, size};
use super::entry;
use crate::audit::finding::AuditFinding;
use crate::audit::head::{AuditKey, TreeHead};
use crate::audit::log::{self, Prepared, StoredNodes};
use crate::audit::merkle::{self, leaf_hash};
use crate::audit::verify::{AuditReport, KeyTrust, verify};
use crate::schema;
use crate::stamp::Moment;
use rusqlite::{Connection, params};

/// A generator of numbers that are the same in each run (Knuth's MMIX).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A log of `size` entries, and heads that were exported at a quarter, at half and at the end of it.
fn log_of(size: i64) -> (Connection, Vec<TreeHead>) {
    let conn = Connection::open_in_memory().unwrap();
    schema::migrate(&conn, 0, schema::STEPS).unwrap();
    let key = AuditKey::from_seed(&[7; 32]);
    let at = Moment::parse("2026-11-23T00:00:00+09:00").unwrap();
    let mut heads = Vec::new();
    conn.execute_batch("BEGIN").unwrap();
    for number in 0..size {
        log::append(&conn, &Prepared::new(&entry(number)).unwrap()).unwrap();
        let length = number + 1;
        if [size / 4, size / 2, size].contains(&length) {
            let length = length.unsigned_abs();
            let root = merkle::root(&StoredNodes(&conn), length).unwrap();
            heads.push(key.sign(length, root, at.clone()).unwrap());
        }
    }
    conn.execute_batch("COMMIT").unwrap();
    let triggers: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name LIKE 'audit%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(triggers.len(), 9);
    for trigger in triggers {
        conn.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    (conn, heads)
}

/// The ways of changing a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    FlipBytes,
    FlipColumn,
    Insert,
    Swap,
    DeleteAndCloseUp,
    DeleteAndLeaveGap,
    CutTail,
}

const WAYS: [Way; 7] = [
    Way::FlipBytes,
    Way::FlipColumn,
    Way::Insert,
    Way::Swap,
    Way::DeleteAndCloseUp,
    Way::DeleteAndLeaveGap,
    Way::CutTail,
];

/// Moves the entries from `from` on by `by` places.
fn shift(conn: &Connection, from: i64, by: i64) {
    conn.execute("UPDATE audit_entry SET id = -id - 1 WHERE id >= ?1", [from])
        .unwrap();
    conn.execute("UPDATE audit_entry SET id = -id - 1 + ?1 WHERE id < 0", [by])
        .unwrap();
}

fn flip_bytes(conn: &Connection, target: i64, random: &mut Random) -> Vec<AuditFinding> {
    let mut json: Vec<u8> = conn
        .query_row("SELECT json FROM audit_entry WHERE id = ?1", [target], |row| {
            row.get(0)
        })
        .unwrap();
    let bit = random.below(i64::try_from(json.len()).unwrap() * 8);
    json[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    conn.execute(
        "UPDATE audit_entry SET json = ?2 WHERE id = ?1",
        params![target, json],
    )
    .unwrap();
    vec![AuditFinding::Altered(target)]
}

fn flip_column(conn: &Connection, target: i64, random: &mut Random) -> Vec<AuditFinding> {
    let changes = [
        ("recorded", "recorded + 1"),
        ("agent", "'x' || agent"),
        ("patient", "NULL"),
        ("action", "'D'"),
        ("subtype", "'login'"),
        ("outcome", "4"),
        ("kinds", "'Condition'"),
        ("patient", "patient + 1"),
    ];
    let (column, value) = changes[usize::try_from(random.below(8)).unwrap()];
    conn.execute(
        &format!("UPDATE audit_entry SET {column} = {value} WHERE id = ?1"),
        [target],
    )
    .unwrap();
    vec![AuditFinding::Column {
        entry: target,
        column,
    }]
}

/// Changes the log; gives what must be found, all of it.
fn tamper(conn: &Connection, way: Way, size: i64, random: &mut Random) -> Vec<AuditFinding> {
    let target = random.below(size);
    match way {
        Way::FlipBytes => flip_bytes(conn, target, random),
        Way::FlipColumn => flip_column(conn, target, random),
        Way::Insert => {
            shift(conn, target, 1);
            let forged = super::super::fhir::write(&entry(size + 1)).unwrap().0;
            conn.execute(
                "INSERT INTO audit_entry SELECT ?1, recorded, agent, patient, action, subtype, outcome, kinds, ?2
                 FROM audit_entry WHERE id <> ?1 ORDER BY id LIMIT 1",
                params![target, forged],
            )
            .unwrap();
            vec![AuditFinding::Inserted(target)]
        }
        Way::Swap => {
            let other = (target + 1 + random.below(size - 1)) % size;
            for (from, to) in [(target, -1), (other, target), (-1, other)] {
                conn.execute("UPDATE audit_entry SET id = ?2 WHERE id = ?1", [from, to])
                    .unwrap();
            }
            let moved = |entry, was| AuditFinding::Moved { entry, was };
            vec![moved(target, other), moved(other, target)]
        }
        Way::DeleteAndCloseUp | Way::DeleteAndLeaveGap => {
            conn.execute("DELETE FROM audit_entry WHERE id = ?1", [target])
                .unwrap();
            if way == Way::DeleteAndCloseUp {
                shift(conn, target + 1, -1);
            }
            vec![AuditFinding::Removed(target)]
        }
        Way::CutTail => {
            conn.execute("DELETE FROM audit_entry WHERE id >= ?1", [target])
                .unwrap();
            let place = merkle::place(0, target.unsigned_abs());
            conn.execute("DELETE FROM audit_node WHERE place >= ?1", [place])
                .unwrap();
            vec![AuditFinding::CutOff {
                entries: target.unsigned_abs(),
                signed: size.unsigned_abs(),
            }]
        }
    }
}

/// Makes all nodes anew, as somebody would who knows the tree; not the signatures, for which the key is needed.
pub(super) fn forge_nodes(conn: &Connection) {
    conn.execute("DELETE FROM audit_node", []).unwrap();
    let mut list = conn.prepare("SELECT json FROM audit_entry ORDER BY id").unwrap();
    let mut rows = list.query([]).unwrap();
    let mut size = 0;
    while let Some(row) = rows.next().unwrap() {
        let leaf = leaf_hash(row.get_ref(0).unwrap().as_blob().unwrap());
        let completed = merkle::append(&StoredNodes(conn), size, leaf).unwrap();
        for (place, hash) in (merkle::place(0, size)..).zip(completed) {
            conn.execute("INSERT INTO audit_node VALUES (?1, ?2)", params![place, hash])
                .unwrap();
        }
        size += 1;
    }
}

fn verified(conn: &Connection, heads: &[TreeHead]) -> AuditReport {
    verify(conn, heads, KeyTrust::AsCarried).unwrap()
}

/// Changes a log in every way `times` times, each time undone; all must be found, without heads and with them.
fn check_all_ways(size: i64, times: usize, seed: u64) {
    let (conn, heads) = log_of(size);
    assert_eq!(verified(&conn, &heads).findings, []);
    let mut random = Random(seed);
    for way in WAYS {
        for _ in 0..times {
            conn.execute_batch("BEGIN").unwrap();
            let expected = tamper(&conn, way, size, &mut random);
            let needs_head = way == Way::CutTail;
            let report = verified(&conn, if needs_head { &heads } else { &[] });
            for finding in &expected {
                assert!(
                    report.findings.contains(finding),
                    "{way:?}: {finding:?} in {report:?}"
                );
            }
            let is_side_effect = |finding: &&AuditFinding| {
                // The forged or flipped bytes may also not fit their columns, or be no event at all.
                matches!(finding, AuditFinding::Column { .. } | AuditFinding::Unreadable(_))
                    || needs_head && matches!(finding, AuditFinding::Head { .. })
            };
            let others: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| !expected.contains(finding) && !is_side_effect(finding))
                .collect();
            assert!(others.is_empty(), "{way:?}: {others:?} beside {expected:?}");
            if way != Way::FlipColumn && !needs_head && times < 1000 {
                forge_nodes(&conn);
                let report = verified(&conn, &heads);
                let is_found = |finding: &AuditFinding| {
                    matches!(finding, AuditFinding::Head { .. } | AuditFinding::CutOff { .. })
                };
                assert!(report.findings.iter().any(is_found), "{way:?}: {report:?}");
            }
            conn.execute_batch("ROLLBACK").unwrap();
        }
    }
    assert_eq!(verified(&conn, &heads).findings, []);
}

#[test]
fn every_change_is_found() {
    check_all_ways(150, 12, 1);
}

/// `cargo xtask bench-audit` runs it in a release build.
#[test]
#[ignore = "takes minutes"]
fn every_change_of_ten_thousand_is_found() {
    // As many changes of a short log, and some of a long one.
    let changes = size("TSUMUGI_BENCH_CHANGES", 10_000);
    check_all_ways(100, usize::try_from(changes).unwrap(), 2);
    check_all_ways(changes, 40, 3);
    figure("tamper.ways", WAYS.len() as f64);
    // A change that is not found, or is named wrongly, fails the test before this.
    figure("tamper.found-a-way", changes as f64);
}

#[test]
fn a_log_changed_throughout_is_counted_out() {
    let size = 1000;
    let (conn, _) = log_of(size);
    conn.execute_batch("UPDATE audit_entry SET agent = agent || 'x'")
        .unwrap();
    let report = verified(&conn, &[]);
    assert_eq!(report.findings.len() + report.more, 1000);
    conn.execute_batch("UPDATE audit_entry SET json = CAST(json || ' ' AS BLOB)")
        .unwrap();
    let report = verified(&conn, &[]);
    assert_eq!(report.findings.len() + report.more, 2000);
}

#[test]
fn a_forged_log_is_found_by_the_first_head_after_the_change() {
    let size = 100;
    for (target, size_found, agreed) in [(3, 25, 0), (25, 50, 25), (60, 100, 50)] {
        let (conn, heads) = log_of(size);
        conn.execute(
            "UPDATE audit_entry SET json = CAST(json || ' ' AS BLOB) WHERE id = ?1",
            [target],
        )
        .unwrap();
        forge_nodes(&conn);
        assert_eq!(verified(&conn, &[]).findings, []);
        let findings = verified(&conn, &heads).findings;
        let expected = AuditFinding::Head {
            size: size_found,
            agreed,
        };
        assert_eq!(findings[0], expected);
        assert!(
            findings
                .iter()
                .all(|finding| matches!(finding, AuditFinding::Head { .. }))
        );
    }
}

#[test]
fn changed_nodes_are_told_from_changed_entries() {
    let node = |entry, place| AuditFinding::Node { entry, place };
    for (sql, without_heads, with_heads) in [
        // The leaf of entry 1 and the node over entries 0 and 1.
        (
            "UPDATE audit_node SET hash = zeroblob(32) WHERE place = 1",
            None,
            Some(node(1, 1)),
        ),
        (
            "UPDATE audit_node SET hash = zeroblob(32) WHERE place = 2",
            Some(node(1, 2)),
            Some(node(1, 2)),
        ),
        (
            "DELETE FROM audit_node WHERE place = 1",
            Some(node(1, 1)),
            Some(node(1, 1)),
        ),
        (
            "DELETE FROM audit_node WHERE place = 2",
            Some(node(1, 2)),
            Some(node(1, 2)),
        ),
    ] {
        let (conn, heads) = log_of(20);
        conn.execute(sql, []).unwrap();
        let report = verified(&conn, &[]);
        assert!(!report.is_whole(), "{sql}");
        if let Some(finding) = without_heads {
            assert!(report.findings.contains(&finding), "{sql}: {report:?}");
        }
        let report = verified(&conn, &heads);
        if let Some(finding) = with_heads {
            assert!(report.findings.contains(&finding), "{sql}: {report:?}");
        }
        let accuses =
            |finding: &AuditFinding| matches!(finding, AuditFinding::Altered(_) | AuditFinding::Head { .. });
        assert!(!report.findings.iter().any(accuses), "{sql}: {report:?}");
    }
}

#[test]
fn an_id_that_was_changed_is_found() {
    let (conn, _) = log_of(20);
    conn.execute_batch("UPDATE audit_entry SET id = 4611686018427387904 WHERE id = 19")
        .unwrap();
    let expected = AuditFinding::Renumbered {
        entry: 1 << 62,
        place: 19,
    };
    assert_eq!(verified(&conn, &[]).findings, [expected]);
    conn.execute_batch("UPDATE audit_entry SET id = -5 WHERE id = 3")
        .unwrap();
    let moved = AuditFinding::Moved { entry: -5, was: 3 };
    assert!(verified(&conn, &[]).findings.contains(&moved));
}

#[test]
fn an_end_that_was_cut_off_with_its_nodes_is_found_by_a_later_head_only() {
    let (conn, heads) = log_of(100);
    conn.execute_batch("DELETE FROM audit_entry WHERE id >= 60")
        .unwrap();
    assert_eq!(verified(&conn, &[]).findings[0], AuditFinding::Removed(60));
    let place = merkle::place(0, 60);
    conn.execute("DELETE FROM audit_node WHERE place >= ?1", [place])
        .unwrap();
    assert_eq!(verified(&conn, &heads[..2]).findings, []);
    let expected = AuditFinding::CutOff {
        entries: 60,
        signed: 100,
    };
    assert_eq!(verified(&conn, &heads).findings, [expected]);
}

#[test]
fn heads_are_believed_by_their_key() {
    let (conn, heads) = log_of(20);
    let ours = [heads[0].public_key];
    assert_eq!(verify(&conn, &heads, KeyTrust::Only(&ours)).unwrap().findings, []);
    let forger = AuditKey::from_seed(&[8; 32]);
    let forged = forger.sign(20, heads[2].root, heads[2].at.clone()).unwrap();
    assert!(forged.is_signed());
    let found = |head: &TreeHead, trust| verify(&conn, std::slice::from_ref(head), trust).unwrap().findings;
    let unsigned = [AuditFinding::Signature { size: 20 }];
    assert_eq!(found(&forged, KeyTrust::Only(&ours)), unsigned);
    assert_eq!(found(&forged, KeyTrust::AsCarried), []);
    let changes: [fn(&mut TreeHead); 4] = [
        |head| head.signature.0[3] ^= 1,
        |head| head.public_key.0[3] ^= 1,
        |head| head.key_id.0[3] ^= 1,
        |head| head.at = Moment::parse("2026-11-23T00:00:01+09:00").unwrap(),
    ];
    for change in changes {
        let mut head = heads[2].clone();
        change(&mut head);
        assert_eq!(found(&head, KeyTrust::AsCarried), unsigned);
    }
    let mut head = heads[2].clone();
    head.size = 19;
    assert!(found(&head, KeyTrust::AsCarried).contains(&AuditFinding::Signature { size: 19 }));
}
