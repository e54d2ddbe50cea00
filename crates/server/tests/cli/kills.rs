//! Imports and the HL7 port killed at odd moments: nothing that was acknowledged is lost, nothing is in twice.
//!
//! `TSUMUGI_KILLS` says how often (default 5); `cargo xtask soak --import-kills N` sets it.
#![cfg(unix)]

use crate::common::{BINARY, run_on};
use crate::exchange::import;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tsumugi_records::{Population, Store};

const PATIENTS: usize = 20;
const OF_EACH: usize = 100;

#[expect(
    clippy::disallowed_methods,
    reason = "the number of kills is set from outside"
)]
fn kills() -> u32 {
    let said = std::env::var("TSUMUGI_KILLS").ok();
    said.and_then(|kills| kills.parse().ok()).unwrap_or(5)
}

/// Numbers without an order, the same in each run.
fn scatter(round: u32) -> u32 {
    round.wrapping_mul(2_654_435_761).rotate_left(13) % 1000
}

fn write_resources(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for patient in 0..PATIENTS {
        let mut lines = format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{patient}\",\"gender\":\"female\",\"birthDate\":\"1960-01-02\"}}\n"
        );
        for number in 1..OF_EACH {
            writeln!(
                lines,
                "{{\"resourceType\":\"Observation\",\"id\":\"o{patient}-{number}\",\"status\":\"final\",\"code\":{{\"coding\":\
                 [{{\"system\":\"http://loinc.org\",\"code\":\"8310-5\"}}]}},\"subject\":{{\"reference\":\"Patient/p{patient}\"}},\
                 \"effectiveDateTime\":\"2026-11-{:02}T08:00:00+09:00\",\"valueQuantity\":{{\"value\":{}.{},\"code\":\"Cel\",\
                 \"system\":\"http://unitsofmeasure.org\"}}}}",
                1 + number % 28,
                36 + number % 5,
                number % 10,
            )
            .unwrap();
        }
        fs::write(folder.join(format!("{patient:02}.ndjson")), lines).unwrap();
    }
}

/// Statements and events of each patient, by number.
fn contents(data: &Path) -> BTreeMap<String, (usize, usize)> {
    let store = Store::open_read_only(data.join("tsumugi.sqlite3")).unwrap();
    (0..PATIENTS)
        .map(|patient| {
            let number = format!("p{patient}");
            let id = store.find_patient(Population::Dummy, &number).unwrap();
            let of = id.map(|id| {
                (
                    store.received(id).unwrap().len(),
                    store.current_events(id).unwrap().len(),
                )
            });
            (number, of.unwrap_or_default())
        })
        .collect()
}

#[test]
fn an_import_that_is_killed_keeps_whole_batches_and_goes_on() {
    let work = tempfile::tempdir().unwrap();
    let files = work.path().join("files");
    write_resources(&files);
    let whole = work.path().join("whole");
    let begun = Instant::now();
    let (code, report) = import("fhir", &files, &whole, &[]);
    let lasts = begun.elapsed();
    let all = (PATIENTS * OF_EACH) as u64;
    assert_eq!(
        (code, report["records"].as_u64()),
        (Some(0), Some(all)),
        "{report}"
    );
    let killed = work.path().join("killed");
    let mut interrupted = 0;
    for round in 0..kills() {
        let mut child = Command::new(BINARY)
            .args(["import", "fhir"])
            .arg(&files)
            .args(["--dummy", "--report", "json", "--data"])
            .arg(&killed)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(lasts * (300 + scatter(round) * 7 / 10) / 1000);
        interrupted += u32::from(child.try_wait().unwrap().is_none());
        // SIGKILL: nothing of the process runs any more.
        child.kill().unwrap();
        child.wait().unwrap();
        if killed.join("tsumugi.sqlite3").exists() {
            assert_eq!(
                run_on(&killed, &["doctor"], "").code,
                Some(0),
                "after kill {round}"
            );
        }
    }
    assert!(
        interrupted > 0,
        "no import was killed while it ran: the test says nothing"
    );
    let (code, report) = import("fhir", &files, &killed, &[]);
    assert_eq!(
        (code, report["accepted"].as_u64()),
        (Some(0), Some(all)),
        "{report}"
    );
    assert_eq!(
        report["records"].as_u64().unwrap() + report["repeated"].as_u64().unwrap(),
        all,
        "{report}"
    );
    assert_eq!(contents(&killed), contents(&whole));
    assert_eq!(run_on(&killed, &["doctor"], "").code, Some(0));
}

/// A server with a port for HL7 messages.
struct Port {
    child: Child,
    address: String,
}

impl Port {
    fn open(data: &Path) -> Self {
        let mut child = Command::new(BINARY)
            .args([
                "serve",
                "--addr",
                "127.0.0.1:0",
                "--mllp",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "no port was opened");
            if let Some((_, address)) = line.trim().split_once("taken by MLLP on ") {
                break address.to_owned();
            }
        };
        // Its log must not fill the pipe, and the address of the screens says that it is up.
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self { child, address }
    }
}

fn message(number: u32) -> String {
    let patient = number % 5;
    format!(
        "MSH|^~\\&|LAB|HOSP|TSUMUGI|HOSP|20260401103000||ORU^R01^ORU_R01|M{number}|P|2.5\rPID|1||40{patient}^^^^PI||Kill^{patient}||19650415|M\r\
         ORC|RE|{number}|F{number}\rOBR|1|{number}|F{number}|718-7^Hb^LN|||202604010900|||||||||||||||202604011000\r\
         OBX|1|NM|718-7^Hb^LN||1{}.{}|g/dL|13.7-16.8||||F\r",
        number % 7,
        number % 10
    )
}

/// Sends messages until the connection breaks: first those of `again`, whose answer was not seen, as a sender does. Gives
/// those that were acknowledged with AA, and the one that was not.
fn send(address: &str, again: Vec<u32>, from: u32) -> (Vec<u32>, Vec<u32>) {
    let mut acknowledged = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address) else {
        return (acknowledged, again);
    };
    for number in again.into_iter().chain(from..) {
        let framed = format!("\x0b{}\x1c\r", message(number));
        if stream.write_all(framed.as_bytes()).is_err() {
            return (acknowledged, vec![number]);
        }
        let (mut answer, mut byte) = (Vec::new(), [0; 1]);
        while !answer.ends_with(b"\x1c\r") {
            match stream.read(&mut byte) {
                Ok(1) => answer.push(byte[0]),
                _ => return (acknowledged, vec![number]),
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains(&format!("\rMSA|AA|M{number}|")), "{answer}");
        acknowledged.push(number);
    }
    (acknowledged, Vec::new())
}

#[test]
fn every_acknowledged_message_is_there_once() {
    let work = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut unanswered) = (Vec::new(), Vec::new());
    for round in 0..kills() {
        let mut port = Port::open(work.path());
        let address = port.address.clone();
        let again = std::mem::take(&mut unanswered);
        let sender = thread::spawn(move || send(&address, again, round * 100_000));
        thread::sleep(Duration::from_millis(u64::from(300 + scatter(round))));
        port.child.kill().unwrap();
        port.child.wait().unwrap();
        let (sent, left) = sender.join().unwrap();
        acknowledged.extend(sent);
        unanswered = left;
    }
    assert!(
        acknowledged.len() > 5,
        "{} acknowledged: the test says nothing",
        acknowledged.len()
    );
    let store = Store::open(work.path().join("tsumugi.sqlite3")).unwrap();
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for patient in 0..5 {
        let Some(id) = store
            .find_patient(Population::Real, &format!("40{patient}"))
            .unwrap()
        else {
            continue;
        };
        for record in store.received(id).unwrap() {
            let bytes = String::from_utf8(store.received_bytes(record.observation).unwrap()).unwrap();
            let id = bytes.split('|').nth(9).unwrap().to_owned();
            *found.entry(id).or_default() += 1;
            assert!(record.counts, "{bytes}");
        }
    }
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|number| !found.contains_key(&format!("M{number}")))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(found.values().all(|times| *times == 1), "{found:?}");
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}
