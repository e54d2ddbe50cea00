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

#[test]
fn hostile_inputs_end_in_time() {
    const SIZE: usize = 500_000;
    let header = "MSH|^~\\&|A|B|C|D|20260401||ORU^R01|1|P|2.5\rPID|1||77^^^H\r";
    let message = |unit: &str| format!("{header}{}", unit.repeat(SIZE / unit.len()));
    let result = |unit: &str| message(&format!("OBX|1|ST|A^B||{}", unit.repeat(SIZE / unit.len())));
    let document = |unit: &str| unit.repeat(SIZE / unit.len());
    let orders = format!(
        "{header}ORC|NW|1\r{}TQ1|1||{}\r",
        "RXE||1^A|1\r".repeat(SIZE / 20),
        "x".repeat(SIZE / 2)
    );
    let merges = format!(
        "{}{}",
        header.replace("ORU^R01", "ADT^A40"),
        "MRG|1~2~3\r".repeat(SIZE / 10)
    );
    let patients = format!("{header}{}", "PID|1||7\r".repeat(SIZE / 20));
    let started = std::time::Instant::now();
    for text in [
        result("\\"),
        result("~"),
        result("^"),
        result("&"),
        result("\\X4"),
        result("|"),
        result("<"),
        result("9"),
        message("A\r"),
        message("OBX|1|TX|A||b\nc\n"),
        message("OBX\r"),
        message("NTE|1||x\r"),
        message("\r"),
        message("OBR|1\r"),
        orders,
        merges,
        patients,
    ] {
        assert!(!read_hl7("hostile", text.as_bytes()).is_empty());
    }
    let path = "999/990/9999901/20260401/K/9999901_20260401_K_1_20260401103000123_01_1/main";
    let start = "<?xml version=\"1.0\"?><ClinicalDocument>";
    for text in [
        document("<html><a<a<a"),
        document("<html>&&&"),
        document("<html><script>"),
        document("<html></"),
        format!("{start}{}", document("<a b=\"c\">")),
        format!(
            "{start}<a {}/>",
            (0..SIZE / 12).fold(String::new(), |all, at| all + &format!("a{at}=\"\" "))
        ),
        format!("{start}{}", document("<a xmlns:b=\"c\"/>")),
        format!("{start}{}", document("<a/>")),
    ] {
        assert!(!read_ssmix2(path, text.as_bytes()).is_empty());
    }
    let took = started.elapsed().as_secs();
    assert!(
        took < 40,
        "{took} s: something grows with the square of the length"
    );
}

#[test]
fn what_a_message_repeats_does_not_grow_without_bound() {
    let comment = "x".repeat(1_000_000);
    let drugs = "RXE||1^A|1\r".repeat(1_000);
    let text = format!(
        "MSH|^~\\&|A|B|C|D|20260401||RDE^O11|1|P|2.5\rPID|1||77\rORC|NW|1\r{drugs}NTE|1||{comment}\r"
    );
    let handed = read_hl7("repeated", text.as_bytes());
    let [Handed::Statement(incoming), Handed::Problem(problem)] = handed.as_slice() else {
        panic!("a statement and a problem are wanted");
    };
    assert_eq!(problem.code, "many-resources");
    let size: usize = incoming
        .resources
        .iter()
        .map(|resource| resource.json.len())
        .sum();
    assert!(size <= 32_000_000 && incoming.bytes == text.as_bytes(), "{size}");
}
