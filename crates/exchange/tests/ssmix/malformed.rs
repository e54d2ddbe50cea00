//! Bad files: each is told with its place, the neighbours are in, and no byte is lost.

use super::files::{files, read_hl7, read_ssmix2};
use std::collections::BTreeMap;
use tsumugi_exchange::incoming::{Handed, Problem, Severity};

type Reader = fn(&str, &[u8]) -> Vec<Handed>;

/// A row of `expected.tsv`: statements that stay in, code, line, field.
struct Row<'t> {
    statements: usize,
    code: &'t str,
    line: Option<u32>,
    field: Option<&'t str>,
}

fn row(line: &str) -> (&str, Row<'_>) {
    let cells: Vec<&str> = line.split('\t').collect();
    let row = Row {
        statements: cells[1].parse().unwrap(),
        code: cells[2],
        line: cells[3].parse().ok(),
        field: Some(cells[4]).filter(|field| !field.is_empty()),
    };
    (cells[0], row)
}

fn check(folder: &str, read: Reader, table: &str) {
    let mut rows: BTreeMap<&str, Row<'_>> = table.lines().skip(1).map(row).collect();
    assert!(rows.len() >= 20, "the table is a sample only");
    let mut wrong = Vec::new();
    for (name, bytes) in files(folder)
        .into_iter()
        .filter(|(name, _)| name != "expected.tsv")
    {
        let row = rows
            .remove(name.as_str())
            .unwrap_or_else(|| panic!("{name} has no row"));
        let handed = read(&name, &bytes);
        let mut problems: Vec<Problem> = Vec::new();
        let (mut statements, mut dead, mut kept) = (0, 0, 0);
        for one in handed {
            match one {
                Handed::Statement(incoming) => {
                    statements += 1;
                    kept += incoming.bytes.len();
                }
                Handed::Problem(problem) => {
                    assert!(problem.severity < Severity::Error, "{name}: {problem}");
                    problems.push(problem);
                }
                Handed::Dead { problem, bytes } => {
                    assert_eq!(problem.severity, Severity::Error, "{name}: {problem}");
                    dead += 1;
                    kept += bytes.len();
                    problems.push(problem);
                }
            }
        }
        assert!(
            problems.iter().all(|problem| problem.place.file == name),
            "{name}"
        );
        assert!(
            kept >= bytes.len(),
            "{name}: {kept} of {} bytes are kept",
            bytes.len()
        );
        let is_told = row.code.is_empty()
            || problems.iter().any(|problem| {
                problem.code == row.code
                    && (row.line.is_none() || problem.place.line == row.line)
                    && (row.field.is_none() || problem.place.field.as_deref() == row.field)
            });
        let is_dead_rightly = statements > 0 || dead > 0;
        if statements != row.statements || !is_told || !is_dead_rightly {
            wrong.push(format!(
                "{name}: {statements} statements, {dead} dead, {problems:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.is_empty(), "rows without a file: {:?}", rows.keys());
}

#[test]
fn malformed_messages_are_told_and_kept() {
    check(
        "malformed/hl7v2",
        read_hl7,
        include_str!("../malformed/hl7v2/expected.tsv"),
    );
}

#[test]
fn malformed_files_of_a_storage_are_told_and_kept() {
    check(
        "malformed/ssmix2",
        read_ssmix2,
        include_str!("../malformed/ssmix2/expected.tsv"),
    );
}

#[test]
fn a_segment_of_ten_megabytes_is_refused_and_the_neighbour_is_in() {
    let header = "MSH|^~\\&|A|B|C|D|20260401||ADT^A08^ADT_A01|1|P|2.5\rEVN||20260401\rPID|1||77^^^H\r";
    let long = format!("{header}NTE|1||{}\r{header}", "x".repeat(10_000_001));
    let handed = read_hl7("long", long.as_bytes());
    let found: Vec<String> = handed
        .iter()
        .map(|one| match one {
            Handed::Statement(incoming) => format!("statement {}", incoming.bytes.len()),
            Handed::Problem(problem) => problem.code.to_owned(),
            Handed::Dead { problem, bytes } => {
                format!("{} {:?} {}", problem.code, problem.place.line, bytes.len())
            }
        })
        .collect();
    let size = long.len() - header.len();
    assert_eq!(
        found,
        [
            format!("long-segment Some(4) {size}"),
            format!("statement {}", header.len())
        ]
    );
}
