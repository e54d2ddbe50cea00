//! Handing over the data of a study, and the key table of pseudonyms.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{run, run_on};
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tsumugi_records::consent::{
    Answer, AnswerSheet, Approval, Basis, By, DataKind, InstitutionKind, Item, Purpose, Recipient,
    Respondent, Study, StudyText, Way,
};
use tsumugi_records::{Moment, PatientId, Population, Stamp, Store};

fn stamp() -> Stamp {
    Stamp {
        author: "clerk".to_owned(),
        at: Moment::parse("2026-11-20T09:00:00").unwrap(),
    }
}

fn own() -> By {
    By {
        respondent: Respondent::Own,
        way: Way::Phone,
    }
}

fn open(folder: &Path) -> Store {
    Store::open(folder.join("tsumugi.sqlite3")).unwrap()
}

/// Persons with one note each: two diagnoses, two sexes, ages of two bands.
fn persons(folder: &Path, many: u32) {
    let notes = [
        "高血圧症。アムロジピン5mg内服中。",
        "2型糖尿病。メトホルミン500mg内服中。",
    ];
    let line = |number: u32| {
        let sex = if number.is_multiple_of(2) { "F" } else { "M" };
        let born = if number.is_multiple_of(3) {
            "1950-02-03"
        } else {
            "1985-04-05"
        };
        let line = json!({
            "id": format!("n{number}"), "author": "dr. a", "date": "2026-11-20",
            "patient": {"id": format!("P{number}"), "sex": sex, "birthDate": born},
            "text": notes[(number / 2 % 2) as usize],
        });
        line.to_string() + "\n"
    };
    let lines: String = (0..many).map(line).collect();
    run_on(folder, &["sign", "--input", "jsonl"], &lines).done();
}

fn study(id: &str, basis: Basis, ends_at: Option<Date>) -> Study {
    let recipient = |id: &str, kind| Recipient {
        id: id.to_owned(),
        name: id.to_owned(),
        kind,
    };
    Study {
        id: id.to_owned(),
        population: Population::Real,
        title: "A study".to_owned(),
        institution: "A university".to_owned(),
        kind_of_institution: InstitutionKind::Academic,
        provider: InstitutionKind::Medical,
        duo: Vec::new(),
        disease: None,
        purpose: Purpose::Research,
        kinds: vec![DataKind::new("diagnoses"), DataKind::new("drugs")],
        recipients: vec![
            recipient("university", InstitutionKind::Academic),
            recipient("company", InstitutionKind::Company),
        ],
        basis,
        approval: Some(Approval {
            committee: "c".to_owned(),
            number: "1".to_owned(),
            until: date(2100, 1, 1),
        }),
        ends_at,
    }
}

fn save(store: &Store, study: Study) -> StudyText {
    let text = StudyText {
        one_line: "一行".to_owned(),
        one_page: "一枚".to_owned(),
        full: "全文".to_owned(),
        duo: Vec::new(),
    };
    store.save_study(study, text.clone(), 0, stamp()).unwrap();
    text
}

fn export(folder: &Path, out: &Path, more: &[&str]) -> crate::common::Ran {
    let out = out.to_str().unwrap();
    let args = [
        "export",
        "study",
        "--to",
        "2026-11-29",
        "--columns",
        "sex,age",
        "--out",
        out,
    ];
    run_on(folder, &[&args[..], more].concat(), "")
}

/// All files below a folder with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((
                    path.strip_prefix(folder).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_anonymised_table_leaves_with_its_manifest_and_again_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out, other) = (
        folder.path().join("d"),
        folder.path().join("o"),
        folder.path().join("p"),
    );
    persons(&data, 60);
    save(&open(&data), study("s", Basis::Anonymised, None));
    let to = ["--study", "s", "--recipient", "company", "--noisy", "age=300"];
    let done = export(&data, &out, &to).done().value();
    assert!(done["rows"].as_u64().unwrap() >= 57, "{done}");
    let first = files(&out);
    assert_eq!(first.len(), 2, "{first:?}");
    let manifest: Value = serde_json::from_slice(&first[1].1).unwrap();
    assert_eq!(manifest["query"]["k"], 10);
    assert_eq!(manifest["basis"], "anonymised");
    assert_eq!(manifest["recipient"]["id"], "company");
    assert!(manifest["consent_epoch"].as_u64().unwrap() > 0);
    assert_eq!(manifest["report"]["privacy"]["diagnosis"]["distinct_l"], 2);
    assert!(manifest["noisy"]["counts"].is_object() && manifest["files"][0]["rows"] == done["rows"]);
    let rules: Vec<&str> = manifest["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["rule"].as_str().unwrap())
        .collect();
    for rule in ["34-1", "34-2", "34-3", "34-5"] {
        assert!(rules.contains(&rule), "{rules:?}");
    }
    let text = first
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect::<String>();
    for never in ["P12", "1950-02-03", "dr. a", "高血圧", "2026-11-20"] {
        assert!(!text.contains(never), "{never} left: {text}");
    }
    // The same again: in the same folder it stays, in another it has the same bytes; the noise spends once.
    export(&data, &out, &to).done();
    let again = done["export"].to_string();
    export(&data, &other, &[&to[..], &["--again", &again]].concat()).done();
    assert_eq!((files(&out), files(&other)), (first.clone(), first.clone()));
    assert_eq!(open(&data).privacy_ledger("s").unwrap().len(), 1);
    for format in ["parquet", "ndjson"] {
        export(&data, &other, &[&to[..], &["--format", format]].concat()).done();
    }
    // The budget is 1000; 300 is spent.
    let rest = ["--study", "s", "--recipient", "company", "--noisy", "sex=701"];
    export(&data, &other, &rest).refused(&["300", "1000", "701"]);
    // Who looked: the export stands in the trail of each person.
    let store = open(&data);
    let who = store.who_looked(PatientId::new(1), None, 100).unwrap();
    assert!(
        who.iter()
            .any(|record| format!("{:?}", record.entry).contains("export study=s")),
        "{who:?}"
    );
}

#[test]
fn after_a_withdrawal_the_older_export_is_refused_with_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("d"), folder.path().join("o"));
    persons(&data, 60);
    save(&open(&data), study("s", Basis::Anonymised, None));
    let to = ["--study", "s", "--recipient", "company"];
    let first = export(&data, &out, &to).done().value()["export"].to_string();
    for patient in [4, 5] {
        open(&data)
            .withdraw(PatientId::new(patient), "s", own(), stamp())
            .unwrap();
    }
    let again = [&to[..], &["--again", &first]].concat();
    export(&data, &folder.path().join("p"), &again).refused(&["2 persons", "again"]);
    assert!(files(&folder.path().join("p")).is_empty());
    let other = [&to[..], &["--again", &first, "--k", "11"]].concat();
    export(&data, &folder.path().join("p"), &other).refused(&["another question"]);
    let done = export(&data, &out, &to).done().value();
    assert!(done["rows"].as_u64().unwrap() <= 58, "{done}");
    assert_eq!(files(&out).len(), 4, "a later epoch has a folder of its own");
    // How many withdrew is a small count: it does not leave.
    let manifest = files(&out)
        .into_iter()
        .map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned());
    assert!(
        manifest
            .collect::<String>()
            .contains("\"withdrawn\": \"suppressed\"")
    );
}

/// Twelve persons, and studies that may not hand over.
fn studies_that_refuse(data: &Path) {
    persons(data, 12);
    let store = open(data);
    save(&store, study("s", Basis::Anonymised, None));
    save(&store, study("over", Basis::Anonymised, Some(date(2026, 11, 1))));
    save(&store, study("unapproved", Basis::Anonymised, None));
    let mut unapproved = study("unapproved", Basis::Anonymised, None);
    unapproved.approval = None;
    let text = store.study("unapproved").unwrap().text;
    store.save_study(unapproved, text, 1, stamp()).unwrap();
    save(&store, study("inside", Basis::Pseudonymised, None));
    save(&store, study("asks", Basis::Consent, None));
}

#[test]
fn what_is_not_allowed_leaves_nothing_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("d"), folder.path().join("o"));
    studies_that_refuse(&data);
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--study", "none", "--recipient", "company"], &["none"]),
        (
            &["--study", "over", "--recipient", "company"],
            &["ended on 2026-11-01"],
        ),
        (
            &["--study", "unapproved", "--recipient", "company"],
            &["no approval"],
        ),
        (&["--study", "s", "--recipient", "stranger"], &["stranger"]),
        (
            &[
                "--study",
                "inside",
                "--recipient",
                "company",
                "--form",
                "pseudonymised-table",
            ],
            &["pseudonymised", "company"],
        ),
        (
            &["--study", "s", "--recipient", "company", "--form", "coded-facts"],
            &["anonymised", "coded-facts"],
        ),
        (
            &[
                "--study",
                "s",
                "--recipient",
                "company",
                "--form",
                "reviewed-text",
            ],
            &["anonymised", "reviewed-text"],
        ),
        (&["--study", "asks", "--recipient", "company"], &["nobody"]),
        (
            &["--study", "s", "--recipient", "company", "--k", "2"],
            &["k is 2", "limit is 5"],
        ),
        (
            &["--study", "s", "--recipient", "company", "--suppress", "50"],
            &["50", "20"],
        ),
        (
            &["--study", "s", "--recipient", "company", "--k", "13"],
            &["k = 13 cannot be reached"],
        ),
        (
            &["--study", "s", "--recipient", "company", "--sensitive", "name"],
            &["no column name", "diagnosis"],
        ),
    ];
    for (args, words) in cases {
        export(&data, &out, args).refused(words);
        assert!(files(&out).is_empty(), "{args:?}");
    }
    let exports = open(&data).export_deliveries("s", 10).unwrap();
    assert!(
        exports.iter().all(|one| format!("{:?}", one.state) == "Aborted"),
        "{exports:?}"
    );
}

/// Of the persons 24 say yes.
fn all_but_some_answer(data: &Path) {
    let store = open(data);
    let text = save(&store, study("s", Basis::Consent, None));
    let yes = |patient: i64| {
        let items = study("s", Basis::Consent, None).items();
        let sheet = AnswerSheet {
            study: "s".to_owned(),
            text: text.hash(),
            answers: items
                .into_iter()
                .filter(|item| *item != Item::Recontact)
                .map(|item| (item, Answer::Yes))
                .collect(),
            by: own(),
            key: None,
        };
        store.answer(PatientId::new(patient), sheet, stamp()).unwrap();
    };
    (1..=24).for_each(yes);
}

#[test]
fn facts_leave_under_pseudonyms_that_only_the_keeper_leads_back() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("d"), folder.path().join("o"));
    persons(&data, 40);
    all_but_some_answer(&data);
    let (keys, key) = (folder.path().join("keys"), folder.path().join("key"));
    let keeper = [
        "--keys",
        keys.to_str().unwrap(),
        "--keeper-key",
        key.to_str().unwrap(),
    ];
    run(&[&["pseudonyms", "make"][..], &keeper].concat(), b"").done();
    run(&[&["pseudonyms", "make"][..], &keeper].concat(), b"").refused(&["is there already"]);
    let to = [
        "--study",
        "s",
        "--recipient",
        "university",
        "--form",
        "coded-facts",
    ];
    export(&data, &out, &to).refused(&["--keys"]);
    export(&data, &out, &[&to[..], &keeper].concat()).done();
    let csv = files(&out)
        .into_iter()
        .find(|(path, _)| path.ends_with("data.csv"))
        .unwrap()
        .1;
    let csv = String::from_utf8(csv).unwrap();
    let mut pseudonyms: Vec<&str> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    pseudonyms.dedup();
    assert_eq!(pseudonyms.len(), 24, "{csv}");
    let look = |pseudonym: &str, more: &[&str]| {
        let args = ["pseudonyms", "look-up", pseudonym, "--study", "s"];
        run_on(&data, &[&args[..], more, &keeper].concat(), "")
    };
    let by = ["--keeper", "k. sato", "--reason", "an incidental finding"];
    look(pseudonyms[0], &["--keeper", "k. sato", "--reason", " "]).refused(&["--reason"]);
    look("0000", &by).refused(&["no pseudonym"]);
    let found = look(pseudonyms[0], &by).done().value();
    assert!(found["patient"].as_str().unwrap().starts_with('P'), "{found}");
    let log = run(&[&["pseudonyms", "log"][..], &keeper].concat(), b"")
        .done()
        .lines();
    assert_eq!(
        log.iter()
            .map(|line| line["is_found"] == true)
            .collect::<Vec<_>>(),
        [false, true]
    );
    let patient = open(&data)
        .find_patient(Population::Real, found["patient"].as_str().unwrap())
        .unwrap();
    let who = open(&data).who_looked(patient.unwrap(), None, 100).unwrap();
    let keeper_entry = who
        .iter()
        .find(|record| record.entry.agent.role.as_deref() == Some("pseudonym-keeper"));
    assert!(keeper_entry.is_some(), "{who:?}");
    // Another key does not open it.
    fs::write(&key, "00".repeat(32)).unwrap();
    export(&data, &out, &[&to[..], &keeper].concat()).refused(&["does not open"]);
}
