//! What an operator does beside a running server: its health, heads of the audit trail, the doctor, the log, the clock.
#![cfg(unix)]
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]

use crate::common::{BINARY, Ran, feed, note, run_on};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tsumugi_records::{AuditAgent, AuditEntry, AuditSource, AuditSubtype, Moment, Store};

const STORE_FILE: &str = "tsumugi.sqlite3";

/// A running server.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(BINARY);
        command
            .args(["serve", "--addr", "127.0.0.1:0"])
            .args(args)
            .arg("--data")
            .arg(folder);
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.envs(variables.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("Tsumugi: http://")
            .unwrap_or_else(|| panic!("no address: {line}"))
            .to_owned();
        Self { child, address }
    }

    /// Status and everything else of an answer.
    fn get(&self, path: &str, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let address = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nX-Request-Id: {request}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// Stops it as a service manager does; gives what it left on standard error.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let ran = self.child.wait().unwrap();
        assert!(ran.success(), "{ran:?}");
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        // Remarks at the start are no lines of the log.
        let is_remark = |line: &&str| line.starts_with("tsumugi: ");
        log.split_inclusive('\n')
            .filter(|line| !is_remark(line))
            .collect()
    }
}

/// The lines of a file once there are any.
fn lines_of(file: &Path) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.ends_with('\n') {
            return text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no line in {}",
            file.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signed(folder: &Path) {
    let notes: String = (0..3)
        .map(|number| note(&format!("n{number}"), "P4711", "発熱あり。"))
        .collect();
    run_on(folder, &["sign"], &notes).done();
}

#[test]
fn heads_and_the_doctor_work_beside_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let place = &folder.path().join("store");
    let heads = folder.path().join("heads.jsonl");
    let exported = heads.to_str().unwrap();
    signed(place);
    let server = Server::start(place, &["--heads", exported], &[]);
    let lines = lines_of(&heads);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let size = lines[0]["size"].as_u64().unwrap();
    assert!(size >= 3);

    let newest = run_on(place, &["audit", "head"], "").done();
    assert_eq!(newest.value(), lines[0]);
    assert!(newest.err.contains("0 entries came after it"), "{newest:?}");
    let doctor = run_on(place, &["doctor"], "").done().value();
    assert_eq!(
        (&doctor["problems"], &doctor["clock"]),
        (&json!([]), &json!([])),
        "{doctor}"
    );
    assert_eq!(doctor["schema"], doctor["newest_schema"]);
    let report = run_on(place, &["audit", "verify", "--head", exported], "")
        .done()
        .value();
    assert_eq!(
        (&report["whole"], &report["documents"]),
        (&json!(true), &json!(3)),
        "{report}"
    );
    assert_eq!(server.stop(), "", "nothing failed");
    assert_eq!(lines_of(&heads).len(), 1, "no entry came, so no head did");

    // With the server stopped it signs.
    let signed = run_on(place, &["audit", "head"], "").done();
    assert_eq!(
        (signed.value()["size"].as_u64(), signed.err.as_str()),
        (Some(size), "")
    );
    // A line that was cut off is passed over and told, and what is no head is refused.
    let whole = fs::read_to_string(&heads).unwrap();
    fs::write(&heads, format!("{{\"size\":1,\"ro\n{whole}")).unwrap();
    let verified = run_on(place, &["audit", "verify", "--head", exported], "").done();
    assert!(verified.err.contains(":1: the line is cut off"), "{verified:?}");
    fs::write(&heads, format!("{{\"size\":1}}\n{whole}")).unwrap();
    run_on(place, &["audit", "verify", "--head", exported], "").refused(&["no signed head"]);
}

#[test]
fn a_store_that_cannot_be_read_is_told_with_the_id_of_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    signed(place);
    let server = Server::start(place, &[], &[]);
    let (status, answer) = server.get("/healthz", "probe-1");
    assert!(status == 200 && answer.ends_with("ok\n"), "{answer}");
    assert!(answer.contains("x-request-id: probe-1"), "{answer}");
    let (_, answer) = server.get("/healthz", "P4711/not an id");
    assert!(!answer.contains("P4711"), "{answer}");

    let (store, away) = (place.join(STORE_FILE), place.join("away"));
    fs::rename(&store, &away).unwrap();
    let (status, answer) = server.get("/healthz", "probe-2");
    assert_eq!(status, 503, "{answer}");
    fs::rename(&away, &store).unwrap();
    assert_eq!(server.get("/healthz", "probe-3").0, 200);

    let log = server.stop();
    let lines: Vec<&str> = log.lines().collect();
    let failed: Vec<_> = lines.iter().filter(|line| line.contains("probe-2")).collect();
    assert_eq!(failed.len(), 1, "{log}");
    for part in ["ERROR", "route=[/healthz]", "method=[GET]", "status=[503]"] {
        assert!(failed[0].contains(part), "{part} in {log}");
    }
    assert!(!log.contains("probe-1") && !log.contains("probe-3"), "{log}");
    for line in lines {
        let time = line.split(' ').next().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "no time in {line}");
    }
    for told in ["P4711", "発熱", "dr. a"] {
        assert!(!log.contains(told), "{told} in {log}");
    }
}

fn doctor_in_zone(folder: &Path, zone: &str) -> Ran {
    let mut command = Command::new(BINARY);
    feed(
        command.arg("doctor").arg("--data").arg(folder).env("TZ", zone),
        b"",
    )
}

#[test]
fn an_unknown_time_zone_is_told_at_the_start_and_by_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    signed(place);
    let wrong = doctor_in_zone(place, "Asia/Tokio").done();
    assert!(
        wrong.value()["clock"][0]
            .as_str()
            .unwrap()
            .contains("time zone is missing or unknown")
    );
    assert!(wrong.err.contains("time zone"), "{wrong:?}");
    let right = doctor_in_zone(place, "Etc/GMT-14").done();
    assert_eq!(right.value()["clock"], json!([]), "{right:?}");

    let log = Server::start(place, &[], &[("TZ", "Asia/Tokio")]).stop();
    assert!(
        log.contains("ERROR") && log.contains("time zone is missing or unknown"),
        "{log}"
    );
    let log = Server::start(place, &[], &[("TZ", "Asia/Tokio"), ("TSUMUGI_LOG", "off")]).stop();
    assert_eq!(log, "");
    let log = Server::start(place, &[], &[("TZ", "Etc/GMT-14"), ("TSUMUGI_LOG", "loud")]).stop();
    assert!(log.lines().count() == 1 && log.contains("TSUMUGI_LOG"), "{log}");
}

#[test]
fn a_clock_before_the_newest_entry_is_told_at_the_start_and_by_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    signed(place);
    let later = jiff::Timestamp::now()
        .checked_add(jiff::SignedDuration::from_hours(2))
        .unwrap();
    let agent = AuditAgent {
        who: "dr. a".to_owned(),
        name: None,
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: "tsumugi".to_owned(),
        address: None,
    };
    let at = Moment::parse(&later.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap();
    let store = Store::open(place.join(STORE_FILE)).unwrap();
    store
        .audit_read(&AuditEntry::new(at, agent, AuditSubtype::Read, source))
        .unwrap();
    drop(store);
    let doctor = run_on(place, &["doctor"], "").done().value();
    let told = doctor["clock"][0].as_str().unwrap();
    assert!(told.contains("clock stands before the newest entry"), "{doctor}");
    let log = Server::start(place, &[], &[]).stop();
    assert!(
        log.contains("clock stands before the newest entry") && log.contains("seconds=[7"),
        "{log}"
    );
}
