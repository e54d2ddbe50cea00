//! Every malformed file of the tree through the binary, beside a good neighbour: an error with file, line and field, the
//! neighbour in, and the bytes among the dead letters.

use crate::common::run_on;
use crate::exchange::{copy_tree, import, kept};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A row of `expected.tsv`.
struct Row {
    file: String,
    statements: u64,
    code: String,
    line: Option<u64>,
    field: String,
}

/// The rows of a table, by the names of its columns.
fn rows(standard: &str) -> Vec<Row> {
    let text = fs::read_to_string(kept(&format!("malformed/{standard}/expected.tsv"))).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines
        .map(|line| {
            let cells: BTreeMap<&str, &str> = names.iter().copied().zip(line.split('\t')).collect();
            let code = cells.get("code").or_else(|| cells.get("problem")).unwrap();
            Row {
                file: cells["file"].to_owned(),
                statements: cells["statements"].parse().unwrap(),
                code: (*code).trim_matches('-').to_owned(),
                line: cells.get("line").and_then(|line| line.parse().ok()),
                field: (*cells.get("field").unwrap_or(&"")).to_owned(),
            }
        })
        .collect()
}

/// The malformed files of a standard with one good file, in one import: how many files were bad.
fn check(standard: &str, folder: &str, (good, named): (&str, &str)) -> usize {
    let work = tempfile::tempdir().unwrap();
    let (files, data) = (work.path().join("files"), work.path().join("data"));
    copy_tree(&kept(&format!("malformed/{folder}")), &files);
    fs::remove_file(files.join("expected.tsv")).unwrap();
    let neighbour = files.join(named);
    fs::create_dir_all(neighbour.parent().unwrap()).unwrap();
    fs::copy(kept(good), &neighbour).unwrap();
    let (code, report) = import(standard, &files, &data, &["--patient", "P-1"]);
    assert_eq!(code, Some(3), "{standard}: {report}");
    let letters = run_on(&data, &["dead-letters", "list", "--all"], "")
        .done()
        .lines();
    let mut wrong = Vec::new();
    let rows = rows(folder);
    for row in &rows {
        wrong.extend(mistake(row, &report, &letters, &files));
    }
    assert!(wrong.is_empty(), "{standard}\n{}", wrong.join("\n"));
    // The neighbour is in: read alone, all of it is known already.
    let alone = work.path().join("alone");
    let copy = alone.join(named);
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(kept(good), &copy).unwrap();
    let (code, report) = import(standard, &alone, &data, &["--patient", "P-1"]);
    assert_eq!(code, Some(0), "{report}");
    let number = |field: &str| report[field].as_u64().unwrap();
    // The page of a notebook that is the person's own is one statement of all files.
    let others = u64::from(standard == "okusuri");
    assert!(
        number("repeated") > 0 && number("repeated") + others >= number("accepted"),
        "{standard}: the neighbour was not in: {report}"
    );
    // Read again without a mended program, all are dead as before, and none is doubled.
    let again = run_on(&data, &["dead-letters", "replay"], "");
    assert_eq!(again.code, Some(3), "{again:?}");
    let after = run_on(&data, &["dead-letters", "list", "--all"], "")
        .done()
        .lines();
    assert_eq!(after.len(), letters.len(), "{standard}");
    assert_eq!(run_on(&data, &["doctor"], "").code, Some(0), "{standard}");
    rows.len()
}

/// What is wrong with what became of a file.
fn mistake(row: &Row, report: &Value, letters: &[Value], files: &Path) -> Option<String> {
    let diagnostics = report["diagnostics"].as_array().unwrap();
    let is_of = |one: &&Value| one["file"] == row.file.as_str();
    let is_meant = |one: &&Value| {
        one["code"] == row.code.as_str()
            && (row.line.is_none() || one["line"].as_u64() == row.line)
            && (row.field.is_empty() || one["field"] == row.field.as_str())
    };
    // A remark that other files have too stands at the first of them.
    let is_told = row.code.is_empty()
        || row.code == "no-patient"
        || diagnostics.iter().filter(is_of).any(|one| is_meant(&one))
        || diagnostics
            .iter()
            .filter(|one| one["severity"] != "error")
            .any(|one| one["code"] == row.code.as_str());
    if !is_told {
        let told: Vec<_> = diagnostics.iter().filter(is_of).collect();
        return Some(format!(
            "{}: {} {:?} {} is not told: {told:?}",
            row.file, row.code, row.line, row.field
        ));
    }
    let errors: Vec<_> = diagnostics
        .iter()
        .filter(is_of)
        .filter(|one| one["severity"] == "error")
        .collect();
    let of_file: Vec<&Value> = letters.iter().filter(is_of).collect();
    if errors.len() != of_file.len() {
        return Some(format!(
            "{}: {} errors, {} dead letters",
            row.file,
            errors.len(),
            of_file.len()
        ));
    }
    let size = fs::metadata(files.join(&row.file)).unwrap().len();
    let dead: u64 = of_file
        .iter()
        .map(|letter| letter["bytes"].as_u64().unwrap())
        .sum();
    // A file of which nothing is in is a dead letter whole, but for its envelope.
    let is_blank = row.code == "empty-file";
    let is_kept = row.statements > 0 || errors.is_empty() || is_blank || dead * 2 >= size;
    (!is_kept).then(|| format!("{}: {dead} of {size} bytes are kept", row.file))
}

#[test]
fn malformed_messages() {
    assert!(check("hl7", "hl7v2", ("hl7v2/oru_r01.hl7", "good.hl7")) >= 95);
}

#[test]
fn malformed_storages() {
    let good =
        "999/990/9999901/20260401/OML-11/9999901_20260401_OML-11_000000000000354_20260401103000123_01_1";
    assert!(check("ssmix2", "ssmix2", (&format!("ssmix2/storage/{good}"), good)) >= 30);
}

#[test]
fn malformed_resources() {
    assert!(check("fhir", "fhir", ("fhir_in/files/bundle.json", "good.json")) >= 75);
}

#[test]
fn malformed_claims_and_survey_files() {
    let claims = check("uke", "uke", ("claims/files/receiptc.uke", "good.uke"));
    let survey = check("dpc", "dpc", ("claims/files/ff1.txt", "good.txt"));
    assert!(claims >= 35 && survey >= 20, "{claims} {survey}");
}

#[test]
fn malformed_notebooks_and_devices() {
    let notebooks = check("okusuri", "okusuri", ("claims/files/notebook.txt", "good.txt"));
    let devices = check("device", "device", ("claims/files/pressure.csv", "good.csv"));
    assert!(notebooks >= 25 && devices >= 20, "{notebooks} {devices}");
}

#[test]
fn there_are_three_hundred_malformed_files() {
    let standards = ["hl7v2", "ssmix2", "fhir", "uke", "dpc", "okusuri", "device"];
    let count: usize = standards.iter().map(|standard| rows(standard).len()).sum();
    assert!(count >= 300, "{count}");
}

#[test]
fn what_is_too_large_or_too_deep_is_told_and_the_neighbour_is_in() {
    let work = tempfile::tempdir().unwrap();
    let (files, data) = (work.path().join("files"), work.path().join("data"));
    let fhir = files.join("fhir");
    fs::create_dir_all(&fhir).unwrap();
    let resource = |rest: &str| {
        format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"o\",\"subject\":{{\"reference\":\"Patient/p9\"}},\"code\":{{\"text\":\"x\"}}{rest}}}"
        )
    };
    let deep = format!(",\"x\":{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    fs::write(fhir.join("deep.json"), resource(&deep)).unwrap();
    fs::write(fhir.join("open.json"), "{\"a\":".repeat(100_000)).unwrap();
    fs::write(
        fhir.join("nan.json"),
        resource(",\"valueQuantity\":{\"value\":NaN}"),
    )
    .unwrap();
    fs::copy(kept("fhir_in/files/bundle.json"), fhir.join("good.json")).unwrap();
    let (code, report) = import("fhir", &fhir, &data, &[]);
    assert_eq!(code, Some(3), "{report}");
    assert!(report["records"].as_u64() >= Some(4), "{report}");
    let errors: BTreeSet<&str> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["severity"] == "error")
        .map(|one| one["file"].as_str().unwrap())
        .collect();
    assert_eq!(errors, BTreeSet::from(["deep.json", "nan.json", "open.json"]));

    let hl7 = files.join("hl7");
    fs::create_dir_all(&hl7).unwrap();
    let header = "MSH|^~\\&|A|B|C|D|20260401||ADT^A08^ADT_A01|1|P|2.5\rEVN||20260401\rPID|1||77^^^H\r";
    let long = format!("{header}NTE|1||{}\r{header}", "x".repeat(10_000_001));
    fs::write(hl7.join("long.hl7"), &long).unwrap();
    let (code, report) = import("hl7", &hl7, &data, &[]);
    assert_eq!(
        (code, &report["rejected"], &report["records"]),
        (Some(3), &1.into(), &1.into())
    );
    let letters = run_on(&data, &["dead-letters", "list"], "").done().lines();
    let letter = letters.iter().find(|one| one["file"] == "long.hl7").unwrap();
    assert_eq!(
        (&letter["code"], &letter["line"]),
        (&"long-segment".into(), &4.into())
    );
    assert_eq!(letter["bytes"].as_u64(), Some((long.len() - header.len()) as u64));
}

#[test]
fn a_dead_letter_is_in_once_it_is_said_whose_it_is() {
    let work = tempfile::tempdir().unwrap();
    for (standard, file, name, code_of_letter) in [
        (
            "device",
            "claims/files/pressure.csv",
            "pressure.csv",
            "no-patient",
        ),
        ("okusuri", "claims/files/notebook.txt", "notebook.txt", "not-kept"),
    ] {
        let (files, data) = (
            work.path().join(standard),
            work.path().join(format!("{standard}-data")),
        );
        fs::create_dir_all(&files).unwrap();
        fs::copy(kept(file), files.join(name)).unwrap();
        let (code, report) = import(standard, &files, &data, &[]);
        assert_eq!(
            (code, &report["accepted"]),
            (Some(1), &0.into()),
            "{standard}: {report}"
        );
        let letters = run_on(&data, &["dead-letters", "list"], "").done().lines();
        assert!(!letters.is_empty());
        for letter in &letters {
            assert_eq!(
                (&letter["code"], &letter["file"]),
                (&code_of_letter.into(), &name.into()),
                "{letter}"
            );
        }
        let ran = run_on(&data, &["dead-letters", "replay", "--patient", "P-7"], "").done();
        let replayed = ran.value();
        assert_eq!(
            replayed["accepted"].as_u64(),
            Some(letters.len() as u64),
            "{standard}: {replayed}"
        );
        assert_eq!(
            run_on(&data, &["dead-letters", "list"], "").done().lines(),
            [Value::Null; 0]
        );
        // What the letters gave is what the file gives when it is said from the start.
        let (code, report) = import(standard, &files, &data, &["--patient", "P-7"]);
        assert_eq!(code, Some(0), "{standard}: {report}");
        assert_eq!(report["repeated"], report["accepted"], "{standard}: {report}");
    }
}
