//! The masters of a site on the command line: import, list, remove, and what knows them then.
#![expect(clippy::non_ascii_literal, reason = "names are Japanese")]

use crate::common::{Ran, events, run, run_on};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A file of the tests of `terminology`.
fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../terminology/tests/import");
    folder.join(name).display().to_string()
}

fn import(data: &Path, kind: &str, names: &[&str]) -> Ran {
    let files: Vec<String> = names.iter().map(|name| file(name)).collect();
    let args: Vec<&str> = ["terms", "import", kind, "--report", "json"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    run_on(data, &args, "")
}

fn structured(data: &Path, text: &str) -> Value {
    let line = json!({"id": "1", "text": text}).to_string();
    run_on(data, &["structure", "--input", "jsonl"], &line)
        .done()
        .value()
}

fn codes(event: &Value) -> Vec<&str> {
    let codes = event["codes"].as_array().unwrap();
    codes.iter().map(|code| code["code"].as_str().unwrap()).collect()
}

#[test]
fn an_imported_master_is_known_to_notes_and_searches_until_it_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let before = structured(data, "紡木病で通院中。");
    assert!(
        !events(&before).contains(&"紡木病 present".to_owned()),
        "{before}"
    );

    let report = import(data, "medis", &["nmain.txt", "index.txt", "mdfy.txt"])
        .done()
        .value();
    assert_eq!(report["files"], 3);
    assert_eq!(report["accepted"], 3);
    assert_eq!(report["rejected"], 0);
    assert_eq!(report["records"], 26);
    assert_eq!(report["diagnostics"], json!([]));
    assert_eq!(report["edition"], "20250601");

    let after = structured(data, "紡木症候群で通院中。急性虫垂炎の既往あり。頸椎絹糸症なし。");
    assert_eq!(
        events(&after),
        ["紡木病 present", "急性虫垂炎 present", "頚椎絹糸症 absent"],
        "{after}"
    );
    assert_eq!(after["events"][0]["concept"], "medis:90000004");
    assert!(codes(&after["events"][0]).contains(&"J18.9"), "{after}");
    assert!(codes(&after["events"][1]).contains(&"90000001"), "{after}");

    let found = run_on(data, &["terms", "search", "--json", "つむぎびょう"], "")
        .done()
        .lines();
    assert_eq!(found[0]["concept"], "medis:90000004");
    let shown = run_on(data, &["terms", "show", "medis:90000004", "--json"], "")
        .done()
        .value();
    assert_eq!(shown["parents"][0]["concept"], "pneumonia");
    let stats = |data: &Path| run_on(data, &["terms", "stats", "--json"], "").done().value();
    let edition = stats(data)["edition"].as_str().unwrap().to_owned();
    assert!(edition.contains('+'), "{edition}");

    let listed = run_on(data, &["terms", "masters", "--json"], "").done().lines();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["kind"], &listed[0]["entries"]),
        (&json!("medis"), &json!(13))
    );
    assert_eq!(listed[0]["files"][0]["name"], "nmain.txt");
    let text = run_on(data, &["terms", "masters"], "").done().out;
    assert!(
        text.contains("nmain.txt") && text.contains("edition 20250601"),
        "{text}"
    );

    run_on(data, &["terms", "remove", "medis"], "").done();
    assert_eq!(structured(data, "紡木病で通院中。"), before);
    assert_eq!(run_on(data, &["terms", "masters"], "").done().out, "");
    run_on(data, &["terms", "remove", "medis"], "").refused(&["no master medis", "terms masters"]);
    assert!(!stats(data)["edition"].as_str().unwrap().contains('+'));
}

#[test]
fn some_rows_left_out_is_3_and_nothing_done_is_1() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let some = import(data, "medis", &["nmain_bad_rows.txt"]);
    assert_eq!(some.code, Some(3), "{some:?}");
    assert_eq!(some.value()["diagnostics"][0]["line"], 3);
    let snapshot = data.join("terms").join("medis.snapshot");
    let held = fs::read(&snapshot).unwrap();

    for names in [
        &["nmain_cut.txt"][..],
        &["nmain.txt", "nmain_utf8.txt"],
        &["nmain.txt", "not-there.txt"],
    ] {
        let none = import(data, "medis", names);
        assert_eq!(none.code, Some(1), "{none:?}");
        let report = none.value();
        let refused = report["diagnostics"].as_array().unwrap().last().unwrap();
        assert_eq!(refused["file"], *names.last().unwrap(), "{report}");
        assert!(report["snapshot"].is_null(), "{report}");
        assert_eq!(fs::read(&snapshot).unwrap(), held, "what was there holds");
    }
    let left: Vec<_> = fs::read_dir(data.join("terms")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing half-written: {left:?}");
    let unknown = run_on(data, &["terms", "import", "icd11", &file("nmain.txt")], "");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("medis, ssk, hot"), "{unknown:?}");
}

#[test]
fn an_altered_snapshot_is_left_out_and_said() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    import(data, "medis", &["nmain.txt"]).done();
    let snapshot = data.join("terms").join("medis.snapshot");
    let mut bytes = fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&snapshot, &bytes).unwrap();

    let line = json!({"id": "1", "text": "紡木病。発熱あり。"}).to_string();
    let ran = run_on(data, &["structure", "--input", "jsonl"], &line).done();
    assert!(
        ran.err.contains("medis is not used") && ran.err.contains("import the master again"),
        "{ran:?}"
    );
    assert!(
        events(&ran.value()).contains(&"発熱 present".to_owned()),
        "{ran:?}"
    );
    let listed = run_on(data, &["terms", "masters", "--json"], "");
    assert_eq!(listed.code, Some(3), "{listed:?}");
    assert!(
        listed.value()["error"].as_str().unwrap().contains("checksum"),
        "{listed:?}"
    );

    fs::write(&snapshot, &bytes[..100]).unwrap();
    let ran = run_on(data, &["structure", "--input", "jsonl"], &line).done();
    assert!(ran.err.contains("altered or cut"), "{ran:?}");
    import(data, "medis", &["nmain.txt"]).done();
    assert_eq!(run_on(data, &["terms", "masters"], "").code, Some(0));
}

#[test]
fn a_layout_is_written_out_corrected_and_used() {
    let data = tempfile::tempdir().unwrap();
    let layouts = data.path().join("layouts");
    let folder = layouts.display().to_string();
    run(&["terms", "layouts", "--out", &folder], b"").done();
    let files = layouts.join("files.tsv");
    let text = fs::read_to_string(&files).unwrap();
    let newer = text.replace(
        "medis\tmain\tcomma\teither\tcp932\t20\t20",
        "medis\tmain\tcomma\teither\tcp932\t22\t22",
    );
    assert_ne!(newer, text);
    fs::write(&files, &newer).unwrap();
    run(&["terms", "layouts", "--out", &folder], b"").done();
    assert_eq!(fs::read_to_string(&files).unwrap(), newer, "what is there stays");
    let name = file("nmain_new.txt");
    let args = ["terms", "import", "medis", &name, "--layouts", &folder];
    assert_eq!(run_on(data.path(), &args, "").done().value()["records"], 12);
    fs::write(&files, "kind\ttable\nmedis\tmain\n").unwrap();
    run_on(data.path(), &args, "").refused(&["mistakes in the layouts", "files.tsv:2"]);
}

/// Thirty thousand disease names, made from syllables of their own: none is a name of the tables.
fn many_names(count: usize) -> Vec<u8> {
    const HEADS: [&str; 20] = [
        "紡績",
        "絹糸",
        "織機",
        "繭玉",
        "綿糸",
        "麻布",
        "染色",
        "縫製",
        "刺繍",
        "編目",
        "糸車",
        "反物",
        "羽織",
        "袴帯",
        "足袋",
        "草履",
        "暖簾",
        "風呂敷",
        "手拭",
        "座布団",
    ];
    const MIDDLES: [&str; 15] = [
        "前方", "後方", "上方", "下方", "内側", "外側", "中央", "辺縁", "深部", "浅層", "近位", "遠位",
        "横断", "縦走", "斜行",
    ];
    const ENDS: [&str; 10] = [
        "病",
        "症",
        "炎",
        "硬化症",
        "変性症",
        "症候群",
        "萎縮症",
        "肥大症",
        "狭窄症",
        "拡張症",
    ];
    const KINDS: [&str; 10] = [
        "第一", "第二", "第三", "第四", "第五", "第六", "第七", "第八", "第九", "第十",
    ];
    let mut text = String::new();
    for number in 0..count {
        let pick = |list: &[&'static str], by: usize| list[(number / by) % list.len()];
        let name = format!(
            "{}型{}{}{}",
            pick(&KINDS, 3000),
            pick(&HEADS, 150),
            pick(&MIDDLES, 10),
            pick(&ENDS, 1)
        );
        let letter = char::from(b'A' + (number % 20) as u8);
        writeln!(
            text,
            "0,{:08},{name},ツムギノナマエ,1,{:04X},{letter}{:02}{},,,,{:07},{name},0,000,20250601,,00,0,,",
            80_000_000 + number,
            number,
            number % 90,
            number % 9,
            8_000_000 + number
        )
        .unwrap();
    }
    let (bytes, _, is_broken) = encoding_rs::SHIFT_JIS.encode(&text);
    assert!(!is_broken);
    bytes.into_owned()
}

/// Run with `--run-ignored all` and `--no-capture`; figures of a release build count.
#[test]
#[ignore = "a measurement"]
fn thirty_thousand_names() {
    let data = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let file = data.path().join("nmain.txt");
    fs::write(&file, many_names(30_000)).unwrap();
    let name = file.display().to_string();
    let begun = Instant::now();
    let report = run_on(data.path(), &["terms", "import", "medis", &name], "")
        .done()
        .value();
    let import = begun.elapsed();
    assert_eq!(report["records"], 30_000);
    assert_eq!(report["rejected"], 0);
    let line = json!({"id": "1", "text": "第十型座布団斜行狭窄症。"}).to_string();
    let start = |folder: &Path| {
        let mut best = std::time::Duration::MAX;
        let mut known = false;
        for _ in 0..5 {
            let begun = Instant::now();
            let ran = run_on(folder, &["structure", "--input", "jsonl"], &line).done();
            best = best.min(begun.elapsed());
            known = ran.value()["events"][0]["concept"]
                .as_str()
                .is_some_and(|id| id.starts_with("medis:"));
        }
        (best, known)
    };
    let (without, is_known) = start(empty.path());
    assert!(!is_known);
    let (with, is_known) = start(data.path());
    assert!(is_known);
    let size = fs::metadata(data.path().join("terms").join("medis.snapshot"))
        .unwrap()
        .len();
    let out = format!("import {import:?}; start without {without:?}, with {with:?}; snapshot {size} bytes");
    // The figures are what this test is for.
    fs::write(std::env::temp_dir().join("tsumugi-masters.txt"), &out).unwrap();
    assert!(with < without + without * 2, "{out}");
}
