//! Every standard through the binary into one store; what it states is found by search, in the right person's record, and
//! leaves with the export.
#![expect(clippy::non_ascii_literal, reason = "questions are Japanese")]

use crate::common::run_on;
use crate::exchange::{copy_tree, import, kept};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Standard, folder or files of the tests of `exchange`, statements in it, and facts: number, question, concept.
type Flow = (
    &'static str,
    &'static [&'static str],
    u64,
    &'static [(&'static str, &'static str, &'static str)],
);

const INSURED: &str = "000123@urn:oid:1.2.392.100495.20.3.51.11310000001";
const OTHER: &str = "9999901@urn:oid:1.2.392.100495.20.3.51.19999999999";

const FLOWS: [Flow; 7] = [
    (
        "fhir",
        &["fhir_in/files"],
        5,
        &[
            (INSURED, "発熱", "fever"),
            (INSURED, "肺炎", "pneumonia"),
            (INSURED, "アムロジピン", "drug.amlodipine"),
        ],
    ),
    (
        "ssmix2",
        &["ssmix2/storage", "ssmix2/extended"],
        34,
        &[
            ("9999901", "カリウム", "test.potassium"),
            ("9999901", "低血糖", "hypoglycemia"),
            ("9999901", "胃炎", "gastritis"),
            ("9999901", "そばアレルギー", "allergen.buckwheat"),
        ],
    ),
    (
        "hl7",
        &["hl7v2"],
        29,
        &[
            (OTHER, "発熱", "fever"),
            (OTHER, "貧血", "anemia"),
            ("9999902@HOSP", "高カリウム血症", "hyperkalemia"),
        ],
    ),
    (
        "uke",
        &["claims/files/receiptc.uke"],
        2,
        &[("0001234", "高血圧", "hypertension")],
    ),
    (
        "dpc",
        &[
            "claims/files/ff1.txt",
            "claims/files/efn.txt",
            "claims/files/hn.txt",
        ],
        5,
        &[
            ("0000001234", "2型糖尿病", "type-2-diabetes"),
            ("0000005678", "大腿骨頸部骨折", "femoral-neck-fracture"),
        ],
    ),
    (
        "okusuri",
        &["claims/files/notebook.txt"],
        4,
        &[("0777", "体重", "test.body-weight")],
    ),
    (
        "device",
        &[
            "claims/files/pressure.csv",
            "claims/files/thermometer.csv",
            "claims/files/libreview.csv",
        ],
        5,
        &[
            ("0777", "発熱", "fever"),
            ("0777", "血圧上昇", "elevated-blood-pressure"),
            ("0777", "高血糖", "hyperglycemia"),
        ],
    ),
];

/// Concepts that a question finds, by the patient's number.
fn found(data: &Path, words: &str) -> BTreeMap<String, Vec<String>> {
    let lines = run_on(data, &["search", words, "--dummies"], "").done().lines();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    lines
        .iter()
        .map(|line| {
            let events = line["events"].as_array().unwrap();
            (
                word(&line["patient"]),
                events.iter().map(|event| word(&event["concept"])).collect(),
            )
        })
        .collect()
}

#[test]
fn flows() {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    for (standard, sources, statements, _) in FLOWS {
        let files = work.path().join(standard);
        fs::create_dir_all(&files).unwrap();
        for source in sources {
            let from = kept(source);
            let name = from.file_name().unwrap();
            if from.is_dir() {
                copy_tree(&from, &files.join(name));
            } else {
                fs::copy(&from, files.join(name)).unwrap();
            }
        }
        let args = ["--facility", "urn:example:site", "--patient", "0777"];
        let (code, report) = import(standard, &files, &data, &args);
        assert_eq!(
            (code, report["records"].as_u64()),
            (Some(0), Some(statements)),
            "{standard}: {report}"
        );
        // The same remark is told once.
        let remarks: Vec<_> = report["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one["code"].to_string(),
                    one["field"].to_string(),
                    one["message"].to_string(),
                )
            })
            .collect();
        let mut once = remarks.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), remarks.len(), "{standard}: {remarks:?}");
        let (code, again) = import(standard, &files, &data, &["--patient", "0777"]);
        assert_eq!(
            (code, again["records"].as_u64()),
            (Some(0), Some(0)),
            "{standard}: {again}"
        );
    }
    for (standard, _, _, facts) in FLOWS {
        for (number, words, concept) in facts {
            let found = found(&data, words);
            let is_there = found
                .get(*number)
                .is_some_and(|concepts| concepts.iter().any(|one| one == concept));
            assert!(is_there, "{standard}: {number} {words} {concept}: {found:?}");
        }
    }
    assert_eq!(found(&data, "大腿骨頸部骨折").len(), 1, "one person only has it");
    let bundle = run_on(&data, &["export", "patient", "9999901", "--dummies"], "")
        .done()
        .value();
    let count = |kind: &str| {
        let entries = bundle["entry"].as_array().unwrap();
        entries
            .iter()
            .filter(|entry| entry["resource"]["resourceType"] == kind)
            .count()
    };
    assert_eq!(count("Patient"), 1);
    assert!(
        count("Observation") > 20 && count("AllergyIntolerance") > 3 && count("MedicationRequest") > 2,
        "{bundle}"
    );
    assert_eq!(run_on(&data, &["doctor"], "").code, Some(0));
}
