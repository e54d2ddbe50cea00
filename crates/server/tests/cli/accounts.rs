//! Accounts, rules of access and launch links on the command line.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{BINARY, Ran, feed, note, run_on};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

fn add(place: &Path, user: &str, role: &str) -> Ran {
    let words = [
        "account",
        "add",
        "--user",
        user,
        "--name",
        "佐藤 一郎",
        "--role",
        role,
        "--department",
        "internal",
    ];
    run_on(place, &words, "")
}

#[test]
fn an_account_is_added_listed_and_disabled() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let added = add(place, "Sato", "physician").done().value();
    assert_eq!(added["user"], "sato");
    let link = added["set_password"].as_str().unwrap();
    assert!(
        link.starts_with("/set-password?token=") && link.len() > 80,
        "{link}"
    );
    add(place, "sato", "physician").refused(&["sato", "taken"]);
    add(place, "mori", "wizard").refused(&["wizard", "role"]);
    add(place, "a b", "physician").refused(&["user", "a-z"]);
    run_on(place, &["account", "disable", "nobody"], "").refused(&["nobody", "no such account"]);
    run_on(place, &["account", "disable", "sato"], "").done();
    let listed = run_on(place, &["account", "list"], "").done().lines();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["active"], &listed[0]["password"], &listed[0]["role"]),
        (&json!(false), &json!(false), &json!("physician"))
    );
    run_on(place, &["account", "enable", "sato"], "").done();
    run_on(place, &["account", "unlock", "sato"], "").done();
    let again = run_on(place, &["account", "set-password", "sato"], "")
        .done()
        .value();
    assert_ne!(again["set_password"], added["set_password"]);
    let store = fs::read(place.join("tsumugi.sqlite3")).unwrap();
    let token = link.rsplit('=').next().unwrap().as_bytes();
    assert!(
        !store.windows(token.len()).any(|window| window == token),
        "the token is not in the file"
    );
    let trail = run_on(place, &["audit", "verify"], "").done().value();
    assert!(trail["entries"].as_u64().unwrap() >= 5, "{trail}");
}

#[test]
fn a_policy_with_a_mistake_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    add(place, "sato", "physician").done();
    let shown = run_on(place, &["policy", "show"], "").done().out;
    assert!(shown.contains("@id(\"physicians\")"));
    let file = place.join("my.cedar");
    let set = |text: &str| {
        fs::write(&file, text).unwrap();
        let words = ["policy", "set", file.to_str().unwrap(), "--reason", "test"];
        run_on(place, &words, "")
    };
    let wrong = shown.replace("Role::\"nurse\"", "Role::\"nurze\"");
    let line = wrong.lines().position(|line| line.contains("nurze")).unwrap() + 1;
    let refused = set(&wrong);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(
        refused.err.contains(&line.to_string()) && refused.err.contains("nurze"),
        "{refused:?}"
    );
    assert_eq!(
        run_on(place, &["policy", "show"], "").done().out,
        shown,
        "the old one stays"
    );
    let checked = feed(Command::new(BINARY).args(["policy", "check"]).arg(&file), b"");
    assert_eq!(checked.code, Some(3), "{checked:?}");

    let right = format!("{shown}// 変更\n");
    assert_eq!(set(&right).done().value(), json!({"version": 1}));
    assert_eq!(
        run_on(place, &["policy", "show"], "").done().out.trim_end(),
        right.trim_end()
    );
    let matrix = run_on(place, &["policy", "show", "--matrix"], "").done().out;
    assert!(matrix.lines().count() > 20, "{matrix}");
}

#[test]
fn how_a_record_stands_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    run_on(place, &["sign"], &note("n1", "P1", "発熱あり。")).done();
    let set = |words: &[&str]| run_on(place, &[&["access", "set", "P1"], words].concat(), "");
    set(&[
        "--department",
        "internal",
        "--department",
        "surgery",
        "--label",
        "hiv",
    ])
    .done();
    set(&["--label", "secret"]).refused(&["secret", "no such restriction"]);
    set(&["--department", "a b"]).refused(&["department", "a-z"]);
    let stands = set(&["--department", "surgery", "--label", "-", "--attending", "sato"])
        .done()
        .value();
    assert_eq!(
        stands["access"],
        json!({"department": ["surgery"], "attending": ["sato"]})
    );
    assert_eq!(
        run_on(place, &["access", "show", "P1"], "").done().value(),
        stands
    );
    run_on(place, &["access", "show", "P9"], "").refused(&["P9"]);
}

#[test]
fn a_launch_link_is_signed_with_a_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let link = |seconds: &str| {
        let words = [
            "launch-link",
            "--patient",
            "患者 1",
            "--user",
            "sato",
            "--seconds",
            seconds,
        ];
        run_on(place, &words, "")
    };
    let (first, second) = (link("60").done().out, link("60").done().out);
    assert!(
        first.starts_with("http://127.0.0.1:8765/open?patient=%E6%82%A3"),
        "{first}"
    );
    assert!(first.contains("&signature="));
    assert_ne!(first, second, "each works once");
    link("601").refused(&["601", "600"]);
    let files = run_on(place, &["launch-link", "--keys"], "").done().out;
    assert_eq!(files.lines().count(), 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let key = place.join("launch.key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        link("60").refused(&["launch.key", "others may read"]);
    }
}
