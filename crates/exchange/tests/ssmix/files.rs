//! Every file of `tests/ssmix2` and `tests/hl7v2`, with all that it states, against one golden text each.

use expect_test::expect_file;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tsumugi_exchange::incoming::{Handed, Incoming};
use tsumugi_exchange::{hl7v2, ssmix2};

/// The files below a folder, sorted, with their paths below it.
pub(crate) fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('\\', "/");
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no files");
    found
}

/// All that a file hands out.
pub(crate) fn read_hl7(name: &str, bytes: &[u8]) -> Vec<Handed> {
    let mut all = Vec::new();
    assert!(hl7v2::read(bytes, name, &mut |handed| {
        all.push(handed);
        true
    }));
    all
}

/// The same for a file of a storage.
pub(crate) fn read_ssmix2(path: &str, bytes: &[u8]) -> Vec<Handed> {
    let mut all = Vec::new();
    assert!(ssmix2::file(path, bytes, &mut |handed| {
        all.push(handed);
        true
    }));
    all
}

fn show(name: &str, all: &[Handed], out: &mut String) {
    let _ = writeln!(out, "=== {name}");
    for handed in all {
        match handed {
            Handed::Statement(incoming) => show_statement(incoming, out),
            Handed::Problem(problem) => {
                let _ = writeln!(out, "{:?}: {problem}", problem.severity);
            }
            Handed::Dead { problem, bytes } => {
                let _ = writeln!(out, "dead, {} bytes: {problem}", bytes.len());
            }
        }
    }
}

fn show_statement(incoming: &Incoming, out: &mut String) {
    let person = &incoming.person;
    let _ = writeln!(
        out,
        "statement {:?} {:?} key={} sequence={} civil={} charset={}",
        incoming.standard,
        incoming.standing,
        incoming.key,
        incoming.sequence,
        incoming.civil.map(|civil| civil.to_string()).unwrap_or_default(),
        incoming.charset,
    );
    let _ = writeln!(
        out,
        "  person {}|{} {:?} {:?} {:?} {:?} other={:?}",
        person.issuer,
        person.number,
        person.name.as_deref().unwrap_or(""),
        person.kana.as_deref().unwrap_or(""),
        person.sex,
        person.birth_date.map(|date| date.to_string()).unwrap_or_default(),
        person.other_numbers
    );
    for resource in &incoming.resources {
        let json = String::from_utf8(resource.json.clone()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["resourceType"], resource.kind.as_str());
        let _ = writeln!(out, "  {json}");
    }
    for text in &incoming.texts {
        let kind = text
            .kind
            .as_ref()
            .map(|kind| format!("{}|{}|{}", kind.system, kind.code, kind.display));
        let _ = writeln!(
            out,
            "  text kind={} title={:?} author={:?} written={} {:?}",
            kind.unwrap_or_default(),
            text.title,
            text.author,
            text.written
                .map(|written| written.to_string())
                .unwrap_or_default(),
            text.text
        );
    }
}

#[test]
fn what_files_of_the_standard_storage_state() {
    let mut out = String::new();
    for (name, bytes) in files("ssmix2/storage") {
        show(&name, &read_ssmix2(&name, &bytes), &mut out);
    }
    expect_file!["standard_storage.txt"].assert_eq(&out);
}

#[test]
fn what_files_of_the_extended_storage_state() {
    let mut out = String::new();
    for (name, bytes) in files("ssmix2/extended") {
        show(&name, &read_ssmix2(&name, &bytes), &mut out);
    }
    expect_file!["extended_storage.txt"].assert_eq(&out);
}

#[test]
fn what_messages_state() {
    let mut out = String::new();
    for (name, bytes) in files("hl7v2") {
        show(&name, &read_hl7(&name, &bytes), &mut out);
    }
    expect_file!["messages.txt"].assert_eq(&out);
}
