//! `cargo xtask slow`: how long normal pages take while thousands of connections send slowly or nothing.
//!
//! Needs a built `tsumugi`. Clients ask for pages, signed in, first alone and then while slow connections are held open:
//! headers a byte a second, bodies a byte a second, and nothing at all. Whatever the server ends is opened again at
//! once. Everybody comes from one address, which is the worst case: there only what a connection does tells who is who.

use crate::site::{Answer, Site, built, percentile};
use anyhow::{Result, ensure};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The binary (default: the release build, else the debug build).
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Slow connections.
    #[arg(long, default_value_t = 2000)]
    connections: usize,
    /// Clients that ask for pages.
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Milliseconds that a client rests between pages.
    #[arg(long, default_value_t = 200)]
    rest: u64,
}

/// Pages that are asked for in turn.
const PAGES: [&str; 4] = ["/", "/patients/1", "/search?concept=fever", "/api/concepts?q=a"];
/// Most that the 99th percentile may grow.
const MOST: f64 = 2.0;

/// What was measured.
struct Measured {
    times: Vec<Duration>,
    failed: u64,
}

/// Runs the command.
///
/// # Errors
/// When a page failed, or pages took too long.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = built(args.binary.as_deref())?;
    let folder = std::env::temp_dir().join(format!("tsumugi-slow-{}", std::process::id()));
    let site = Site::start(&binary, &folder, &["physician"], "")?;
    // Ours are files too; the server keeps the limit that it was given.
    let own = std::process::id().to_string();
    let _ = Command::new("prlimit")
        .args(["--pid", &own, "--nofile=16384:"])
        .status();
    let cookie = site.sign_in("physician", false)?.header;
    let span = Duration::from_secs(args.seconds);
    let rest = Duration::from_millis(args.rest);
    // A first round, so that what is made once is made.
    measure(
        &site,
        args.clients,
        Duration::from_secs(args.seconds.min(5)),
        rest,
        &cookie,
    );
    let quiet = measure(&site, args.clients, span, rest, &cookie);
    told("quiet", &quiet);
    let (stop, opened) = (AtomicBool::new(false), AtomicU64::new(0));
    let busy = thread::scope(|scope| {
        let slow = scope.spawn(|| hold(&site.address, args.connections, &stop, &opened));
        thread::sleep(Duration::from_secs(args.seconds.min(5)));
        let busy = measure(&site, args.clients, span, rest, &cookie);
        stop.store(true, Ordering::Relaxed);
        let held = slow.join().unwrap_or(0);
        println!(
            "{held} of {} slow connections were open at the end, {} were opened",
            args.connections,
            opened.load(Ordering::Relaxed)
        );
        busy
    });
    told("beside them", &busy);
    let p99 = |measured: &Measured| percentile(&measured.times, 0.99).as_secs_f64();
    let ratio = p99(&busy) / p99(&quiet);
    println!("p99 {ratio:.2} x of quiet (at most {MOST} x)");
    ensure!(
        quiet.failed + busy.failed == 0,
        "pages failed: {} alone, {} beside",
        quiet.failed,
        busy.failed
    );
    ensure!(ratio <= MOST, "pages take {ratio:.2} times as long");
    Ok(())
}

fn told(name: &str, measured: &Measured) {
    let at = |part| percentile(&measured.times, part).as_secs_f64() * 1000.0;
    println!(
        "{name}: {} pages, p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms, {} failed",
        measured.times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        measured.failed
    );
}

/// Asks for pages from all clients; every other client opens a connection a page, the others keep theirs.
fn measure(site: &Site, clients: usize, span: Duration, rest: Duration, cookie: &str) -> Measured {
    let ask = |client: usize| {
        move || {
            let (begun, mut times, mut failed) = (Instant::now(), Vec::new(), 0);
            let mut kept: Option<TcpStream> = None;
            for turn in client.. {
                if begun.elapsed() >= span {
                    break;
                }
                let page = PAGES.get(turn % PAGES.len()).copied().unwrap_or("/");
                let asked = Instant::now();
                let stream = kept.take().map_or_else(|| TcpStream::connect(&site.address), Ok);
                let answer = stream
                    .map_err(Into::into)
                    .and_then(|stream| page_of(stream, site, page, cookie));
                match answer {
                    Ok((200, stream)) => {
                        times.push(asked.elapsed());
                        kept = client.is_multiple_of(2).then_some(stream);
                    }
                    _ => failed += 1,
                }
                thread::sleep(rest);
            }
            (times, failed)
        }
    };
    let mut measured = Measured {
        times: Vec::new(),
        failed: 0,
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|client| scope.spawn(ask(client))).collect();
        for client in clients {
            let (times, failed) = client.join().unwrap_or((Vec::new(), 1));
            measured.times.extend(times);
            measured.failed += failed;
        }
    });
    measured.times.sort();
    measured
}

/// Asks for a page; gives its status and the connection again.
fn page_of(mut stream: TcpStream, site: &Site, page: &str, cookie: &str) -> Result<(u16, TcpStream)> {
    let address = &site.address;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(format!("GET {page} HTTP/1.1\r\nHost: {address}\r\n{cookie}\r\n\r\n").as_bytes())?;
    let (mut raw, mut part) = (Vec::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut part)?;
        ensure!(count > 0, "the connection ended");
        raw.extend_from_slice(part.get(..count).unwrap_or_default());
        let Some(end) = raw.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            continue;
        };
        let answer = Answer::read(&raw)?;
        let length = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if raw.len() >= end + 4 + length {
            return Ok((answer.status, stream));
        }
    }
}

/// How a connection is slow.
const KINDS: usize = 3;

/// Opens a connection that is slow in its way; what it sends further is a byte at a time.
fn open(address: &str, kind: usize) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    let start = match kind % KINDS {
        0 => format!("GET / HTTP/1.1\r\nHost: {address}\r\nX-Slow: "),
        1 => format!(
            "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 10000\r\n\r\nuser="
        ),
        _ => String::new(),
    };
    stream.write_all(start.as_bytes()).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

/// Holds slow connections until `stop`; gives how many were open then.
fn hold(address: &str, count: usize, stop: &AtomicBool, opened: &AtomicU64) -> usize {
    let mut held: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    while !stop.load(Ordering::Relaxed) {
        let round = Instant::now();
        for (kind, place) in held.iter_mut().enumerate() {
            if place.as_mut().is_some_and(|stream| is_open(stream, kind)) {
                continue;
            }
            *place = open(address, kind);
            opened.fetch_add(u64::from(place.is_some()), Ordering::Relaxed);
        }
        thread::sleep(Duration::from_secs(1).saturating_sub(round.elapsed()));
    }
    let open = held
        .iter_mut()
        .enumerate()
        .filter_map(|(kind, place)| Some((kind, place.as_mut()?)));
    open.filter_map(|(kind, stream)| is_open(stream, kind).then_some(()))
        .count()
}

/// Sends a byte more, where its kind does; whether the server still holds it.
fn is_open(stream: &mut TcpStream, kind: usize) -> bool {
    let ended = match stream.read(&mut [0; 1024]) {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    !ended && (kind % KINDS == 2 || stream.write_all(b"a").is_ok())
}
