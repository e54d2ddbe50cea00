//! JP-CLINS 1.5.2 and JP Core 1.1.2 as their owners distribute them, which the project does not hold.
//!
//! `TSUMUGI_JP_FHIR=<folder with packages/*.tgz and jp-clins/*.json> cargo test -p tsumugi-profiles --test jp -- --ignored
//! --nocapture`

mod support;

use std::path::PathBuf;
use std::time::Instant;
use tsumugi_profiles::{Package, Report, Severity, Validator, store};

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("TSUMUGI_JP_FHIR").expect("TSUMUGI_JP_FHIR is not set"))
}

fn validator() -> Validator {
    let validator = support::validator();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("packages"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let packages: Vec<Package> = files
        .iter()
        .map(|path| Package::read(validator.schema(), &std::fs::read(path).unwrap()).unwrap())
        .collect();
    for package in &packages {
        println!("{:?}", package.summary());
    }
    let bytes = store::to_bytes(&packages);
    println!("compiled: {} bytes", bytes.len());
    let started = Instant::now();
    let packages = store::from_bytes(&bytes).unwrap();
    let validator = validator.with_packages(&packages);
    println!("opened and linked in {:?}", started.elapsed());
    validator
}

fn lines(report: &Report) -> Vec<String> {
    report
        .issues
        .iter()
        .filter(|issue| issue.rule != "dom-6")
        .map(|issue| {
            format!(
                "{} {} {} {}",
                issue.severity.word(),
                issue.place,
                issue.rule,
                issue.en
            )
        })
        .collect()
}

#[test]
#[ignore = "needs packages and examples that the project does not hold: TSUMUGI_JP_FHIR"]
fn correct_examples_have_no_error() {
    let validator = validator();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("jp-clins"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut wrong = Vec::new();
    for path in &files {
        let report = validator.validate(&std::fs::read(path).unwrap(), &[]);
        println!(
            "== {}\n{}",
            path.file_name().unwrap().to_string_lossy(),
            lines(&report).join("\n")
        );
        if report
            .issues
            .iter()
            .any(|issue| issue.severity == Severity::Error)
        {
            wrong.push(path.clone());
        }
    }
    assert_eq!(files.len(), 13);
    assert!(wrong.is_empty(), "{wrong:?}");
}
