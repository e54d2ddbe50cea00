//! What the server says over a socket to who is not ours, sends slowly, or sends what is not what it seems.

use super::serve_within;
use crate::web::connections::Limits;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tsumugi_coding::Coder;
use tsumugi_records::Store;

static CODER: LazyLock<Arc<Coder>> = LazyLock::new(|| Arc::new(Coder::embedded().unwrap()));

/// Serves an empty store while `work` asks it.
fn served(limits: Limits, work: impl FnOnce(SocketAddr) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = crate::web::app_for_tests(Store::open_in_memory().unwrap(), Arc::clone(&CODER), address);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve_within(limits, listener, app, None, async {
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

/// Sends a request as it is written; gives status and head, in lower case.
fn asked(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let (head, _) = raw
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {raw}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase())
}

/// A request with these further lines.
fn request(method: &str, path: &str, host: &str, lines: &str, body: &str) -> String {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}{length}Connection: close\r\n\r\n{body}")
}

#[test]
fn only_our_own_names_and_pages_are_answered() {
    served(Limits::of(64), |address| {
        let own = address.to_string();
        let port = address.port();
        for (host, want) in [
            (own.clone(), 200),
            (format!("localhost:{port}"), 200),
            (format!("[::1]:{port}"), 200),
            ("evil.example".to_owned(), 421),
            (format!("evil.example:{port}"), 421),
            ("localhost".to_owned(), 421),
            (format!("{own}.evil.example"), 421),
        ] {
            let (status, _) = asked(address, &request("GET", "/sign-in", &host, "", ""));
            assert_eq!(status, want, "Host: {host}");
        }
        let bare = "GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n";
        assert!(matches!(asked(address, bare).0, 400 | 421));

        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let line = |origin: &str| {
            format!("GET /ws?patient=D001 HTTP/1.1\r\nHost: {own}\r\n{upgrade}Origin: {origin}\r\n\r\n")
        };
        // A line of our own page is not opened without a session; one of another page is not even looked at.
        assert_eq!(asked_once(address, &line(&format!("http://{own}"))), 401);
        for origin in [
            "https://evil.example",
            "null",
            &format!("https://{own}"),
            &format!("http://{own}.evil.example"),
            "http://localhost:1",
        ] {
            assert_eq!(
                asked_once(address, &line(origin)),
                403,
                "web socket, Origin: {origin}"
            );
            let sent = request(
                "POST",
                "/sign-in",
                &own,
                &format!("Origin: {origin}\r\n"),
                "user=x&password=y",
            );
            assert_eq!(asked(address, &sent).0, 403, "form, Origin: {origin}");
        }
        for site in ["cross-site", "same-site"] {
            let sent = request(
                "POST",
                "/sign-in",
                &own,
                &format!("Sec-Fetch-Site: {site}\r\n"),
                "user=x",
            );
            assert_eq!(asked(address, &sent).0, 403, "{site}");
        }
        let sent = request("POST", "/sign-in", &own, "", "user=x&password=y");
        assert_eq!(asked(address, &sent).0, 401, "no browser's, and a wrong password");
    });
}

/// The status of an answer after which the connection may stay open.
fn asked_once(address: SocketAddr, request: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    std::str::from_utf8(&start)
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn no_answer_can_be_framed_or_taken_for_something_else() {
    served(Limits::of(64), |address| {
        let host = address.to_string();
        let doors = crate::web::doors().built().1;
        let mut pages = 0;
        let of = |path: &str| path.replace("{id}", "1").replace("{name}", "app.css");
        let paths = doors
            .iter()
            .filter(|door| door.method == "GET")
            .map(|door| of(door.path));
        for path in paths.chain(["/nowhere".to_owned(), "/launch?expires=x".to_owned()]) {
            let (status, head) = asked(address, &request("GET", &path, &host, "", ""));
            for line in [
                "x-frame-options: deny",
                "x-content-type-options: nosniff",
                "cross-origin-resource-policy: same-origin",
                "cross-origin-opener-policy: same-origin",
                "referrer-policy: same-origin",
            ] {
                assert!(head.contains(line), "{line}: {path} {status}\n{head}");
            }
            if head.contains("content-type: text/html") {
                pages += 1;
                assert!(head.contains("frame-ancestors 'none'"), "{path}\n{head}");
                assert!(head.contains("default-src 'none'"), "{path}\n{head}");
                assert!(!head.contains("unsafe-"), "{path}\n{head}");
            }
        }
        assert!(pages >= 5, "{pages}");
    });
}

#[test]
fn an_encoded_body_is_refused_before_it_is_read() {
    served(Limits::of(64), |address| {
        let host = address.to_string();
        for (encoding, want) in [
            ("gzip", 415),
            ("br", 415),
            ("identity, gzip", 415),
            ("deflate", 415),
            ("identity", 401),
        ] {
            let lines = format!("Content-Encoding: {encoding}\r\n");
            let sent = request("POST", "/sign-in", &host, &lines, "user=x&password=y");
            assert_eq!(asked(address, &sent).0, want, "{encoding}");
        }
        // At a door for everybody a body has a few fields, not megabytes.
        let long = format!("user={}", "x".repeat(100_000));
        let sent = request("POST", "/sign-in", &host, "", &long);
        assert_eq!(asked(address, &sent).0, 413);
    });
}

/// How long the server waits for more; it ends what waits longer than `most`.
fn waited(address: SocketAddr, sent: &str, most: Duration) -> Duration {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(most)).unwrap();
    let begun = Instant::now();
    stream.write_all(sent.as_bytes()).unwrap();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    assert!(
        read.is_ok() || !is_timeout(&read),
        "still open after {most:?}: {sent}"
    );
    begun.elapsed()
}

fn is_timeout(read: &std::io::Result<usize>) -> bool {
    let kind = read.as_ref().err().map(std::io::Error::kind);
    matches!(
        kind,
        Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    )
}

/// Half headers and connections that are kept end after 10 seconds, half bodies and those that never say a word after 20.
#[test]
fn who_sends_slowly_is_not_waited_for() {
    served(Limits::of(64), |address| {
        let most = Duration::from_secs(40);
        let half = format!("GET / HTTP/1.1\r\nHost: {address}\r\n");
        let body = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 100\r\n\r\nuser=x"
        );
        let kept = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
        std::thread::scope(|scope| {
            let waits: Vec<_> = [
                ("nothing", String::new(), 19..30),
                ("half headers", half, 9..15),
                ("half a body", body, 19..30),
                ("idle after an answer", kept, 9..15),
            ]
            .into_iter()
            .map(|(name, sent, want)| (name, want, scope.spawn(move || waited(address, &sent, most))))
            .collect();
            for (name, want, wait) in waits {
                let wait = wait.join().unwrap();
                assert!(want.contains(&wait.as_secs()), "{name}: {wait:?}");
            }
        });
    });
}

#[test]
fn slow_connections_do_not_keep_others_out() {
    let limits = Limits::of(16);
    served(limits, move |address| {
        let slow: Vec<TcpStream> = (0..60)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: ");
                stream
            })
            .collect();
        for round in 0..30 {
            let (status, _) = asked(address, &request("GET", "/healthz", &address.to_string(), "", ""));
            assert_eq!(status, 200, "round {round}");
        }
        // Those that came first have gone, and never were there more than the limit allows.
        let open = slow
            .iter()
            .filter(|stream| {
                stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                is_timeout(&(&**stream).read(&mut [0]))
            })
            .count();
        assert!(open <= limits.strangers, "{open}");
    });
}
