//! `tsumugi validate` and `tsumugi profiles`: what they answer and with which code.

use crate::common::{Ran, run_on};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The package of the tests of `profiles`, as an archive.
fn package(folder: &Path, version: &str) -> String {
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../profiles/tests/validator/package");
    let mut files: Vec<PathBuf> = fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let manifest = json!({"name": "own", "version": version, "fhirVersions": ["4.0.1"]});
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    add(&mut out, "package/package.json", manifest.to_string().as_bytes());
    for file in files {
        let name = format!("package/{}", file.file_name().unwrap().to_string_lossy());
        add(&mut out, &name, &fs::read(&file).unwrap());
    }
    out.write_all(&[0; 1024]).unwrap();
    let path = folder.join(format!("own-{version}.tgz"));
    fs::write(&path, out.finish().unwrap()).unwrap();
    path.display().to_string()
}

/// A file of a tar archive.
fn add(out: &mut impl std::io::Write, name: &str, content: &[u8]) {
    let mut head = [0_u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    head[156] = b'0';
    out.write_all(&head).unwrap();
    out.write_all(content).unwrap();
    out.write_all(&vec![0; (512 - content.len() % 512) % 512])
        .unwrap();
}

fn patient() -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "urn:card", "value": "1"}]})
}

fn validate(data: &Path, resource: &Value, more: &[&str]) -> Ran {
    let args: Vec<&str> = ["validate", "-"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    run_on(data, &args, &resource.to_string())
}

#[test]
fn the_code_says_whether_it_is_valid() {
    let data = tempfile::tempdir().unwrap();
    let valid = validate(data.path(), &patient(), &[]).done();
    assert_eq!(valid.out, "");
    assert!(valid.err.contains("valid"), "{valid:?}");
    let warned = validate(data.path(), &patient(), &["--warnings"]).done();
    assert!(
        warned.out.contains("warning     Patient  dom-6  R4"),
        "{warned:?}"
    );

    let mut wrong = patient();
    wrong["gender"] = json!("m");
    let ran = validate(data.path(), &wrong, &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.out.starts_with("error       Patient.gender  binding  R4\n"),
        "{ran:?}"
    );
    assert!(ran.out.contains("code m is not in the value set"), "{ran:?}");

    let mut open = patient();
    open["meta"] = json!({"profile": ["urn:unknown"]});
    let ran = validate(data.path(), &open, &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("as far as it was checked"), "{ran:?}");

    let nothing = run_on(data.path(), &["validate", "no-such-file.json"], "");
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(2), ""), "{nothing:?}");
    let unknown = validate(data.path(), &patient(), &["--profile", "urn:unknown"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("tsumugi profiles import"), "{unknown:?}");
}

#[test]
fn an_outcome_a_file_in_their_order() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("in");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("b.json"), patient().to_string()).unwrap();
    fs::write(folder.join("a.json"), b"{\"resourceType\":").unwrap();
    fs::write(folder.join("c.txt"), b"x").unwrap();
    let ran = run_on(
        data.path(),
        &["validate", &folder.display().to_string(), "--json"],
        "",
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let outcomes = ran.lines();
    assert_eq!(outcomes.len(), 2, "{ran:?}");
    assert_eq!(outcomes[0]["issue"][0]["severity"], "error");
    assert_eq!(outcomes[1]["issue"][0]["severity"], "information");
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome["resourceType"] == "OperationOutcome")
    );
}

#[test]
fn profiles_are_known_from_their_import_to_their_removal() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("store");
    let claim = ["--profile", "http://example.org/patient"];
    let archives = [package(folder.path(), "1"), package(folder.path(), "2")];
    let args: Vec<&str> = ["profiles", "import"]
        .into_iter()
        .chain(archives.iter().map(String::as_str))
        .collect();
    let imported = run_on(&data, &args, "").done().lines();
    assert_eq!(imported.len(), 2);
    assert_eq!(imported[0]["package"], "own#1");
    assert_eq!(imported[0]["profiles"], 5);

    validate(&data, &patient(), &claim).done();
    let mut wrong = patient();
    wrong["identifier"][0]["system"] = json!("urn:other");
    let ran = validate(&data, &wrong, &claim);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.out
            .starts_with("error       Patient.identifier  slice  http://example.org/patient|1\n"),
        "{ran:?}"
    );
    let other = validate(&data, &wrong, &["--profile", "http://example.org/patient|7"]);
    assert_eq!(other.code, Some(2), "{other:?}");
    assert!(other.err.contains("here are: 1"), "{other:?}");

    let listed = run_on(&data, &["profiles", "list"], "").done().lines();
    assert_eq!(
        listed.iter().map(|line| &line["package"]).collect::<Vec<_>>(),
        ["own#1", "own#2"]
    );
    run_on(&data, &["profiles", "remove", "own#3"], "").refused(&["own#3", "own#1, own#2"]);
    run_on(&data, &["profiles", "remove", "own#1"], "").done();
    validate(&data, &patient(), &["--package", "own#2"]).done();
    assert_eq!(validate(&data, &patient(), &["--package", "own#1"]).code, Some(2));
    run_on(&data, &["profiles", "remove", "own#2"], "").done();
    assert_eq!(validate(&data, &patient(), &claim).code, Some(2));
}

#[test]
fn a_package_that_cannot_be_used_leaves_all_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("store");
    let good = package(folder.path(), "1");
    let bad = folder.path().join("bad.tgz");
    fs::write(&bad, b"no archive").unwrap();
    run_on(
        &data,
        &["profiles", "import", &good, &bad.display().to_string()],
        "",
    )
    .refused(&["bad.tgz", "nothing was imported", "no gzip archive"]);
    assert_eq!(run_on(&data, &["profiles", "list"], "").done().out, "");
    run_on(&data, &["profiles", "import", &good], "").done();
    let kept = data.join("profiles").join("packages.compiled");
    let mut bytes = fs::read(&kept).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&kept, bytes).unwrap();
    let ran = validate(&data, &patient(), &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("checksum"), "{ran:?}");
}
