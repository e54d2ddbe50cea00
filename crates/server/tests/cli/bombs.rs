//! What is small to send and large to read: the server refuses it and does not grow.
#![cfg(target_os = "linux")]

use crate::common::{BINARY, run_on};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const MIB: usize = 1 << 20;
/// Most that the server may grow by one request, in kibibytes.
const GROWTH: u64 = 64 << 10;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

struct Server {
    child: Child,
    address: String,
    cookie: String,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// A new store with dummies, and who opened the link of the first run.
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(BINARY)
            .args(["serve", "--addr", "127.0.0.1:0", "--dummies", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.rsplit_once("//").unwrap().1.to_owned();
        let second = lines.next().unwrap().unwrap();
        let link = second.rsplit_once("token=").unwrap().1.to_owned();
        let token = fs::read_to_string(folder.join("services.token")).unwrap();
        let mut server = Self {
            child,
            address,
            cookie: String::new(),
            token: token.trim().to_owned(),
        };
        let (status, head) = server.post("/first-run", FORM, "", format!("token={link}").as_bytes());
        assert_eq!(status, 303, "{head}");
        let cookie = head.split("set-cookie: ").nth(1).unwrap();
        server.cookie = cookie.split(';').next().unwrap().to_owned();
        server
    }

    /// Status and head of the answer to a body.
    fn post(&self, path: &str, kind: &str, lines: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let Self {
            address,
            cookie,
            token,
            ..
        } = self;
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {cookie}\r\n\
             Authorization: Bearer {token}\r\nContent-Type: {kind}\r\n{lines}Content-Length: {length}\r\n\r\n"
        )
        .unwrap();
        // The server may answer before all of a body has come.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), answer)
    }

    /// A line of the kernel's account of the process, in kibibytes.
    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    /// How much more memory the process had at its most while `work` was done, in kibibytes.
    fn growth<T>(&self, work: impl FnOnce() -> T) -> (u64, T) {
        // Writing 5 begins a new peak (proc(5)).
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        let before = self.memory("VmRSS:");
        let done = work();
        (self.memory("VmHWM:").saturating_sub(before), done)
    }
}

/// A body of about four megabytes: a start, a part again and again with its number, an end.
fn filled(start: &str, part: impl Fn(usize) -> String, end: &str) -> Vec<u8> {
    let mut body = start.to_owned();
    let mut number = 0;
    while body.len() < 4 * MIB - 200 {
        body.push_str(&part(number));
        number += 1;
    }
    body.push_str(end);
    body.into_bytes()
}

/// Name, address, type, further lines, body, status.
type Bomb = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Vec<u8>,
    u16,
);

fn bombs() -> Vec<Bomb> {
    const SIGN: &str = "/cds-services/tsumugi-order-sign";
    let nested = |unit: &str| unit.repeat(100_000).into_bytes();
    let comma = |number: usize| if number == 0 { "" } else { "," };
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.resize(2 * MIB, 0);
    let key = |number: usize| {
        let mut entry = String::new();
        write!(entry, "{}\"{number}\":0", comma(number)).unwrap();
        entry
    };
    let mut bombs = vec![
        (
            "gzip to the services",
            SIGN,
            JSON,
            "Content-Encoding: gzip\r\n",
            gzip.clone(),
            415,
        ),
        (
            "gzip as a form",
            "/notes",
            FORM,
            "Content-Encoding: gzip\r\n",
            gzip,
            415,
        ),
        ("deep arrays", SIGN, JSON, "", nested("["), 400),
        ("deep objects", SIGN, JSON, "", nested("{\"a\":"), 400),
        ("deep arrays in a draft", "/api/draft", JSON, "", nested("["), 422),
        (
            "deep objects for a launch",
            "/api/launch",
            JSON,
            "",
            nested("{\"a\":"),
            400,
        ),
        (
            "a wide array",
            SIGN,
            JSON,
            "",
            filled("[0", |_| ",0".to_owned(), "]"),
            400,
        ),
        (
            "many empty arrays",
            SIGN,
            JSON,
            "",
            filled("[[]", |_| ",[]".to_owned(), "]"),
            400,
        ),
        ("a wide object", SIGN, JSON, "", filled("{", key, "}"), 400),
        (
            "a wide object to the feedback",
            "/cds-services/tsumugi-order-sign/feedback",
            JSON,
            "",
            filled("{", key, "}"),
            400,
        ),
        ("too long a body", SIGN, JSON, "", vec![b' '; 4 * MIB + 1], 413),
    ];
    bombs.extend(forms());
    bombs
}

/// Bombs that are forms.
fn forms() -> [Bomb; 4] {
    [
        (
            "a form of a million fields",
            "/knowledge/read",
            FORM,
            "",
            filled("text=a", |number| format!("&{number:x}"), ""),
            422,
        ),
        (
            "the same for a record",
            "/patients/1/access",
            FORM,
            "",
            filled("label=a", |number| format!("&{number:x}"), ""),
            400,
        ),
        (
            "the same field often",
            "/patients/1/access",
            FORM,
            "",
            filled("label=a", |_| "&label".to_owned(), ""),
            400,
        ),
        (
            "a body for everybody",
            "/sign-in",
            FORM,
            "",
            filled("user=", |_| "x".repeat(100), ""),
            413,
        ),
    ]
}

#[test]
fn what_is_small_to_send_does_not_grow_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    // What is made once: the index of codes, the pages' parts.
    for (_, path, kind, ..) in bombs() {
        server.post(path, kind, "", b"{}");
    }
    let mut worst = (0, "");
    for (name, path, kind, lines, body, want) in bombs() {
        let (grown, (status, head)) = server.growth(|| server.post(path, kind, lines, &body));
        assert_eq!(
            status,
            want,
            "{name}: {}",
            head.chars().take(600).collect::<String>()
        );
        assert!(grown <= GROWTH, "{name}: {grown} KiB more");
        worst = worst.max((grown, name));
    }
    let (kib, name) = worst;
    println!(
        "most growth by a request: {:.1} MiB ({name})",
        kib as f64 / 1024.0
    );
    let (grown, ()) = server.growth(|| {
        std::thread::scope(|scope| {
            for (_, path, kind, lines, body, _) in bombs().into_iter().take(8) {
                let server = &server;
                scope.spawn(move || server.post(path, kind, lines, &body));
            }
        });
    });
    println!("eight at once: {:.1} MiB", grown as f64 / 1024.0);
    assert!(grown <= 2 * GROWTH, "{grown} KiB more");
    let (status, _) = server.post("/preferences", FORM, "", b"name=theme&value=dark");
    assert_eq!(status, 303, "it still answers");
}

#[test]
fn a_document_type_is_refused_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("insert.xml");
    let secret = folder.path().join("secret.txt");
    fs::write(&secret, "SECRET-4711").unwrap();
    let lol: String = (1..10).fold("<!ENTITY a0 \"lollollol\">".to_owned(), |all, level| {
        let before = format!("&a{};", level - 1).repeat(10);
        all + &format!("<!ENTITY a{level} \"{before}\">")
    });
    for (name, text) in [
        (
            "a file",
            format!(
                "<!DOCTYPE a [<!ENTITY x SYSTEM \"file://{}\">]><a>&x;</a>",
                secret.display()
            ),
        ),
        (
            "an address",
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"http://127.0.0.1:9/x\">]><a>&x;</a>".to_owned(),
        ),
        (
            "a parameter entity",
            "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/p\"> %p;]><a/>"
                .to_owned(),
        ),
        ("ten to the ninth", format!("<!DOCTYPE a [{lol}]><a>&a9;</a>")),
        (
            "an outer document type",
            "<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/a.dtd\"><a/>".to_owned(),
        ),
        ("an empty document type", "<!DOCTYPE a><a/>".to_owned()),
    ] {
        fs::write(&file, text).unwrap();
        let ran = run_on(
            folder.path(),
            &["knowledge", "read", file.to_str().unwrap(), "--kind", "insert"],
            "",
        );
        assert!(
            !ran.out.contains("SECRET") && !ran.err.contains("SECRET"),
            "{name}: {ran:?}"
        );
        assert!(ran.err.contains("DTD"), "{name}: {ran:?}");
        assert!(ran.code != Some(0) && ran.out.is_empty(), "{name}: {ran:?}");
    }
    // XML nested deeper than a stack holds: refused or read, never a crash.
    fs::write(&file, "<a>".repeat(100_000)).unwrap();
    let ran = run_on(
        folder.path(),
        &["knowledge", "read", file.to_str().unwrap(), "--kind", "insert"],
        "",
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    fs::write(&file, "<a>".repeat(100_000) + &"</a>".repeat(100_000)).unwrap();
    let ran = run_on(
        folder.path(),
        &["knowledge", "read", file.to_str().unwrap(), "--kind", "insert"],
        "",
    );
    assert!(ran.code.is_some_and(|code| code <= 1), "{ran:?}");
}
