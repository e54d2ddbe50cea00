//! What is refused or runs out: damaged and foreign files, a locked store, a full disk, no home directory.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{BINARY, Ran, feed, note, run_on};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const STORE_FILE: &str = "tsumugi.sqlite3";

/// Signs a few notes into the store of a folder, and gives its file.
fn signed(folder: &Path) -> PathBuf {
    let notes: String = (0..4)
        .map(|number| note(&format!("n{number}"), "P1", "発熱あり。"))
        .collect();
    run_on(folder, &["sign"], &notes).done();
    folder.join(STORE_FILE)
}

fn overwritten(whole: &[u8], place: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[place..place + with.len()].copy_from_slice(with);
    bytes
}

/// The store with each text changed to its contrary where it stands: the database alone does not notice.
fn altered(whole: &[u8]) -> Vec<u8> {
    let (from, to) = ("発熱あり。".as_bytes(), "発熱なし。".as_bytes());
    let mut bytes = whole.to_vec();
    let places: Vec<usize> = (0..whole.len())
        .filter(|place| whole[*place..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Puts a file in the place of a store; every command refuses it with these words and leaves it as it is.
#[track_caller]
fn check(folder: &Path, name: &str, bytes: &[u8], words: &[&str]) {
    let place = folder.join(name);
    fs::create_dir(&place).unwrap();
    let file = place.join(STORE_FILE);
    fs::write(&file, bytes).unwrap();
    let backup = place.join("backup.db");
    let commands: [&[&str]; 4] = [
        &["sign"],
        &["search", "fever"],
        &["export", "patient", "P1"],
        &["backup", backup.to_str().unwrap()],
    ];
    for command in commands {
        run_on(&place, command, &note("new", "P2", "発熱あり。")).refused(words);
        assert!(
            fs::read(&file).unwrap() == bytes,
            "{name}: changed by {command:?}"
        );
    }
    let doctor = run_on(&place, &["doctor"], "");
    assert!(
        matches!(doctor.code, Some(1 | 3)) && (doctor.out.clone() + &doctor.err).contains(words[0]),
        "{doctor:?}"
    );
    let restored = folder.join(format!("{name}-restored"));
    run_on(&restored, &["restore", file.to_str().unwrap()], "").refused(&words[..1]);
    assert!(
        fs::read(&file).unwrap() == bytes,
        "{name}: changed by doctor or restore"
    );
    assert!(!backup.exists() && !restored.join(STORE_FILE).exists(), "{name}");
}

#[test]
fn damaged_and_foreign_files_are_refused_with_what_to_do_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(signed(&folder.path().join("whole"))).unwrap();
    // A page has 4,096 bytes, so that 6,000 always reach into its middle and over its edge.
    let noise = [0xa5; 6000];
    let damaged = ["damaged", "nothing was changed", "restore a backup"];
    for tenth in [1, 3, 5, 7, 9] {
        let bytes = overwritten(&whole, whole.len() * tenth / 10, &noise);
        check(folder.path(), &format!("overwritten-{tenth}"), &bytes, &damaged);
    }
    check(
        folder.path(),
        "altered",
        &altered(&whole),
        &["damaged", "not what was signed", "restore a backup"],
    );
    check(
        folder.path(),
        "cut-off",
        &whole[..whole.len() / 2 + 100],
        &damaged,
    );
    check(folder.path(), "empty", b"", &damaged);
    check(
        folder.path(),
        "not-a-database",
        "日記 ".repeat(5000).as_bytes(),
        &damaged,
    );
    let foreign = ["not a store of this program", "0x12345678", "name another file"];
    check(
        folder.path(),
        "of-another-program",
        &overwritten(&whole, 68, b"\x12\x34\x56\x78"),
        &foreign[..1],
    );
}

#[test]
fn a_store_in_use_is_refused_with_what_to_do_and_its_user_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(["sign", "--data"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, mut stdout) = (
        child.stdin.take().unwrap(),
        BufReader::new(child.stdout.take().unwrap()),
    );
    let mut sign = |id: &str| -> Value {
        // The answer comes while standard input stays open: it is not held back.
        stdin.write_all(note(id, "P1", "発熱あり。").as_bytes()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(sign("a")["document"], 1);
    run_on(folder.path(), &["sign"], &note("b", "P1", "咳嗽あり。")).refused(&["in use", "stop that one"]);
    assert_eq!(sign("c")["document"], 2);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let report = run_on(folder.path(), &["doctor"], "").done().value();
    assert_eq!(report["counts"]["real_documents"], 2, "{report}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_what_was_signed_before_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = signed(folder.path());
    // Shells count in 512 or in 1,024 bytes. The journal is a file of its own, and what it takes comes to its limit.
    let limit = fs::metadata(&file).unwrap().len() / 512 + 200;
    let mut notes = note("small", "P1", "咳嗽あり。");
    notes.extend((0..6).map(|number| note(&format!("long{number}"), "P1", &"咳嗽あり。".repeat(400))));
    let script = format!("ulimit -f {limit}; exec \"$0\" sign --data \"$1\"");
    let ran: Ran = feed(
        Command::new("sh")
            .args(["-c", &script, BINARY])
            .arg(folder.path()),
        notes.as_bytes(),
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let answers = ran.lines();
    assert_eq!(answers.len(), 7, "{ran:?}");
    let (refused, kept): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.get("error").is_some());
    assert_eq!(answers[0]["id"], "small");
    assert!(
        !refused.is_empty() && !kept.is_empty() && answers[0].get("error").is_none(),
        "{ran:?}"
    );
    for answer in refused {
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("no space left") && message.contains("free some space"),
            "{answer}"
        );
        assert!(answer["id"].as_str().unwrap().starts_with("long"), "{answer}");
    }
    let report = run_on(folder.path(), &["doctor"], "").done().value();
    assert_eq!(report["counts"]["real_documents"], 4 + kept.len(), "{report}");
    let found = run_on(folder.path(), &["search", "fever"], "").done().lines();
    assert_eq!(found[0]["events"].as_array().unwrap().len(), 4, "{found:?}");
}

#[test]
fn without_a_home_the_option_that_names_a_folder_is_named() {
    for arguments in [
        &["sign"][..],
        &["search", "fever"],
        &["doctor"],
        &["backup", "x"],
        &["export", "patient", "1"],
    ] {
        let mut command = Command::new(BINARY);
        feed(command.args(arguments).env_clear(), b"").refused(&["no home directory", "--data"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    let ran = feed(
        command
            .arg("doctor")
            .env_clear()
            .env("XDG_DATA_HOME", folder.path()),
        b"",
    );
    ran.refused(&["no store", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "asking makes nothing"
    );
}
