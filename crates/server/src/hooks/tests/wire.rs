//! The services over a socket: methods, types, sizes, origins.

use super::{CODER, golden, text};
use crate::web;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use tokio::sync::oneshot;
use tsumugi_records::Store;

/// Method, path, type of the body, body, status.
type Case<'a> = (&'a str, &'a str, Option<(&'a str, &'a str)>, &'a [u8], u16);

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // The server may answer before all of a body has come.
    let _ = stream.write_all(body);
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let (head, body) = raw
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {raw}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Serves the site while `work` asks it.
fn served(work: impl FnOnce(SocketAddr) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = web::app_for_tests(Store::open_in_memory().unwrap(), Arc::clone(&CODER), address);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(web::serve(listener, app, None, async {
            let _ = stopped.await;
        }));
        let done = tokio::task::spawn_blocking(move || work(address)).await;
        let _ = stop.send(());
        server.await.unwrap();
        if let Err(error) = done {
            std::panic::resume_unwind(error.into_panic());
        }
    });
}

#[test]
fn the_services_answer_over_a_socket() {
    served(|address| {
        let json = ("Content-Type", "application/json; charset=utf-8");
        let request = golden("order-sign").to_string();
        let sign = "/cds-services/tsumugi-order-sign";

        let found = ask(
            address,
            "GET",
            "/cds-services",
            &[("Accept-Language", "en-GB,en;q=0.9")],
            b"",
        );
        assert_eq!(found.status, 200, "{}", found.body);
        assert!(text(&found.json()["services"][0], "title").starts_with("Tsumugi"));

        let answer = ask(address, "POST", sign, &[json], request.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.head.contains("cache-control: no-store"));
        assert_eq!(answer.json()["cards"][0]["indicator"], "critical");
        let card = answer.json()["cards"][0]["uuid"].clone();

        let told = serde_json::json!({"feedback": [{
            "card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-28T01:05:00Z"}]});
        let path = format!("{sign}/feedback");
        assert_eq!(
            ask(address, "POST", &path, &[json], told.to_string().as_bytes()).status,
            200
        );
        assert_eq!(ask(address, "POST", &path, &[json], b"{}").status, 400);

        let cases: [Case<'_>; 9] = [
            ("GET", sign, None, b"", 405),
            ("DELETE", sign, None, b"", 405),
            ("POST", "/cds-services", Some(json), b"{}", 405),
            ("GET", &path, None, b"", 405),
            ("POST", sign, None, request.as_bytes(), 415),
            (
                "POST",
                sign,
                Some(("Content-Type", "text/plain")),
                request.as_bytes(),
                415,
            ),
            ("POST", "/cds-services/other", Some(json), request.as_bytes(), 404),
            ("POST", sign, Some(json), b"{", 400),
            ("POST", sign, Some(json), &vec![b' '; (4 << 20) + 1], 413),
        ];
        for (method, path, kind, body, status) in cases {
            let headers: Vec<(&str, &str)> = kind.into_iter().collect();
            let answer = ask(address, method, path, &headers, body);
            assert_eq!(answer.status, status, "{method} {path} {kind:?}: {}", answer.body);
            assert_eq!(
                answer.json()["resourceType"],
                "OperationOutcome",
                "{method} {path}"
            );
            assert_eq!(
                answer.head.contains("\r\nallow: "),
                status == 405,
                "{}",
                answer.head
            );
        }
    });
}

#[test]
fn only_our_own_pages_may_ask_from_a_browser() {
    served(|address| {
        let own = format!("http://{address}");
        let other = "https://evil.example";
        let sign = "/cds-services/tsumugi-order-sign";
        let asks = ("Access-Control-Request-Method", "POST");

        let answer = ask(address, "OPTIONS", sign, &[("Origin", &own), asks], b"");
        assert_eq!(answer.status, 204);
        assert!(
            answer
                .head
                .contains(&format!("access-control-allow-origin: {own}")),
            "{}",
            answer.head
        );
        assert!(
            answer
                .head
                .contains("access-control-allow-methods: get, post, options")
        );

        let answer = ask(address, "OPTIONS", sign, &[("Origin", other), asks], b"");
        assert_eq!(answer.status, 403);
        assert!(!answer.head.contains("access-control-allow-origin"));

        let json = ("Content-Type", "application/json");
        let request = golden("order-sign").to_string();
        let answer = ask(
            address,
            "POST",
            sign,
            &[json, ("Origin", other)],
            request.as_bytes(),
        );
        assert_eq!(answer.status, 403);
        let answer = ask(address, "GET", "/cds-services", &[("Origin", other)], b"");
        assert!(!answer.head.contains("access-control-allow-origin"));
    });
}
