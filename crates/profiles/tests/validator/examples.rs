//! The examples that HL7 publishes with R4 (npm package `hl7.fhir.r4.examples` 4.0.1): every one passes R4's own rules,
//! but for those of `known_faults.tsv`.
//!
//! `TSUMUGI_FHIR_EXAMPLES=<its folder "package"> cargo test -p tsumugi-profiles --test validator published -- --ignored --nocapture`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tsumugi_profiles::Severity;

#[test]
#[ignore = "needs a package of 191 MB; says its name in TSUMUGI_FHIR_EXAMPLES"]
fn published_examples_pass_but_for_known_faults() {
    let folder =
        PathBuf::from(std::env::var_os("TSUMUGI_FHIR_EXAMPLES").expect("TSUMUGI_FHIR_EXAMPLES is not set"));
    let validator = crate::support::validator();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name != "package.json"))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let (mut bytes, mut spent) = (0, Duration::ZERO);
    let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut unchecked: BTreeMap<String, usize> = BTreeMap::new();
    let mut warnings: BTreeMap<String, usize> = BTreeMap::new();
    let mut first: BTreeMap<(String, String), String> = BTreeMap::new();
    for path in &files {
        let text = std::fs::read(path).unwrap();
        bytes += text.len();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let started = Instant::now();
        let report = validator.validate(&text, &[]);
        spent += started.elapsed();
        for issue in report.issues {
            match issue.severity {
                Severity::Error => {
                    let key = (name.clone(), format!("{} {}", issue.key, issue.rule));
                    first
                        .entry(key.clone())
                        .or_insert(format!("{}: {}", issue.place, issue.en));
                    *found.entry(key).or_default() += 1;
                }
                Severity::Warning => *warnings.entry(issue.rule.clone()).or_default() += 1,
                Severity::Information => *unchecked.entry(issue.en).or_default() += 1,
            }
        }
    }
    let seconds = spent.as_secs_f64();
    println!(
        "{} resources, {} MB, {:.1} s, {:.0} resources/s, {:.1} MB/s",
        files.len(),
        bytes / 1_000_000,
        seconds,
        files.len() as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
    println!("warnings {warnings:?}\nnot checked {unchecked:?}");
    let known: BTreeSet<(String, String)> = include_str!("known_faults.tsv")
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    let unknown: Vec<String> = found
        .iter()
        .filter(|(fault, _)| !known.contains(fault))
        .map(|((file, fault), count)| {
            format!(
                "{file}\t{fault}\t{count}\t{}",
                first[&(file.clone(), fault.clone())]
            )
        })
        .collect();
    let healed: Vec<&(String, String)> = known.iter().filter(|fault| !found.contains_key(fault)).collect();
    println!("{} faults in the list, {} not", known.len(), unknown.len());
    assert!(unknown.is_empty(), "not in the list:\n{}", unknown.join("\n"));
    assert!(healed.is_empty(), "no faults any more: {healed:?}");
}
