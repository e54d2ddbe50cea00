//! `structure` with files: encodings, files that cannot be read, and the form for people.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{BINARY, events, feed, places_are_right, run};
use encoding_rs::{ISO_2022_JP, SHIFT_JIS};
use std::fs;
use std::process::Command;

const NOTE: &str = "３日前から発熱（＋）。ＢＴ３９．２、咳嗽なし。";

#[test]
fn other_encodings_are_converted_and_a_file_that_cannot_be_read_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (cp932, ..) = SHIFT_JIS.encode(NOTE);
    let (jis, ..) = ISO_2022_JP.encode(NOTE);
    let with_mark = format!("\u{feff}{NOTE}");
    let (broken, empty) = (b"abc\xff\xfe\xff", b"");
    let files: [(&str, &[u8]); 6] = [
        ("utf8", NOTE.as_bytes()),
        ("cp932", &cp932),
        ("jis", &jis),
        ("neither", broken),
        ("mark", with_mark.as_bytes()),
        ("empty", empty),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    let names = [
        "utf8", "cp932", "jis", "neither", "mark", "missing", "folder", "empty",
    ];
    let mut command = Command::new(BINARY);
    let ran = feed(
        command.arg("structure").args(names).current_dir(folder.path()),
        b"",
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let answers = ran.lines();
    let ids: Vec<&str> = answers
        .iter()
        .map(|answer| answer["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, names);
    for name in ["utf8", "cp932", "jis", "mark"] {
        let answer = &answers[names.iter().position(|other| *other == name).unwrap()];
        assert_eq!(places_are_right(answer, NOTE), 5, "{name}: {answer}");
        assert_eq!(events(answer)[0], "発熱 present", "{name}");
    }
    for (place, code) in [(3, "encoding"), (5, "unreadable-file"), (6, "unreadable-file")] {
        assert_eq!(answers[place]["error"]["code"], code, "{}", answers[place]);
        assert!(!answers[place]["error"]["message"].as_str().unwrap().is_empty());
    }
    assert!(
        answers[3]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("byte at 3"),
        "{}",
        answers[3]
    );
    assert_eq!(events(&answers[7]), [""; 0]);
    let remarks: Vec<&str> = ran.err.lines().collect();
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    assert!(
        remarks[0].contains("cp932") && remarks[0].contains("CP932"),
        "{remarks:?}"
    );
    assert!(
        remarks[1].contains("jis") && remarks[1].contains("ISO-2022-JP"),
        "{remarks:?}"
    );
}

#[test]
fn the_table_for_people_shows_each_fact_with_its_place() {
    let ran = run(&["structure", "--format", "table"], NOTE.as_bytes()).done();
    let row = |start: &str| {
        let found = ran.out.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no row {start}: {}", ran.out))
    };
    assert!(row("+  発熱").contains("３９．２"), "{}", ran.out);
    assert!(row("-  咳嗽").contains("R05"), "{}", ran.out);
    assert_eq!(ran.err, "");
}
