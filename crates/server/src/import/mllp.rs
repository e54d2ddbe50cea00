//! HL7 messages over a connection (MLLP: a message between 0x0B and 0x1C 0x0D), committed first and acknowledged then.
//!
//! A message that is sent again is acknowledged again and kept once. What is no statement is a dead letter, and the
//! acknowledgement says so (AE, or AR where there is no header); the sender need not keep it.

use super::readers::{self, Read};
use super::report::Report;
use super::{Engine, Importer, Setting};
use crate::chart;
use crate::log::{self, Cause};
use crate::web::{App, Tls};
use anyhow::Context as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tsumugi_exchange::incoming::{Problem, Standard};
use tsumugi_records::Population;

/// Longest message, in bytes.
const LONGEST: usize = 32 << 20;
/// Most bytes of a field of the header that an acknowledgement repeats.
const LONGEST_FIELD: usize = 200;
/// Most connections at once.
const MOST_CONNECTIONS: usize = 64;
/// A connection that sends nothing for so long is closed; its system opens another.
const IDLE: Duration = Duration::from_secs(3600);

const START: u8 = 0x0B;
const END: u8 = 0x1C;
const RETURN: u8 = b'\r';

/// Counts acknowledgements, which have control ids of their own.
static ACKNOWLEDGED: AtomicU64 = AtomicU64::new(1);

/// An open port for HL7 messages.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    allowed: Vec<IpAddr>,
    facility: Option<String>,
}

impl Door {
    /// Opens the port.
    ///
    /// # Errors
    /// When it is taken, or this program has no reader of HL7.
    pub(crate) async fn open(address: SocketAddr, allowed: Vec<IpAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("--mllp {address}: cannot be opened; choose another port"))?;
        Ok(Self {
            listener,
            allowed,
            facility: None,
        })
    }

    /// Says how the site is called as issuer of its own numbers.
    pub(crate) fn of_site(self, facility: Option<String>) -> Self {
        Self { facility, ..self }
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("the address of MLLP")
    }

    fn admits(&self, peer: IpAddr) -> bool {
        if self.allowed.is_empty() {
            peer.is_loopback()
        } else {
            self.allowed.contains(&peer.to_canonical())
        }
    }
}

/// Takes messages until the process ends.
pub(crate) async fn serve(door: Door, app: Arc<App>, tls: Option<Tls>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok((stream, peer)) = door.listener.accept().await else {
            // Too many open files, most likely: some will be closed in a moment.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if !door.admits(peer.ip()) {
            log::warn("a peer that is not allowed was turned away from MLLP", &[]);
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (app, tls, facility) = (Arc::clone(&app), tls.clone(), door.facility.clone());
        tokio::spawn(async move {
            let answer = |message| answer(Arc::clone(&app), facility.clone(), peer, message);
            match tls {
                None => talk(stream, answer).await,
                Some(tls) => {
                    if let Some(stream) = tls.agree(stream).await {
                        talk(stream, answer).await;
                    }
                }
            }
            drop(place);
        });
    }
}

/// Answers one message after the other until the peer closes.
async fn talk<S, A, F>(mut stream: S, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Vec<u8>) -> F,
    F: Future<Output = Vec<u8>>,
{
    let mut framer = Framer::default();
    let mut buffer = vec![0; 16 << 10];
    loop {
        while let Some(message) = framer.message() {
            let framed = framed(&answer(message).await);
            if stream.write_all(&framed).await.is_err() {
                return;
            }
        }
        if framer.is_too_long() {
            let told = acknowledgement(&framer.waiting, "AR", "the message is too long", None);
            let _ = stream.write_all(&framed(&told)).await;
            return;
        }
        match tokio::time::timeout(IDLE, stream.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => framer.push(buffer.get(..read).unwrap_or_default()),
            _ => return,
        }
    }
}

/// Commits a message beside the asynchronous threads, and gives its acknowledgement.
async fn answer(app: Arc<App>, facility: Option<String>, peer: SocketAddr, message: Vec<u8>) -> Vec<u8> {
    let told = acknowledgement(&message, "AE", "a mistake of the program; send it again", None);
    let done = tokio::task::spawn_blocking(move || take(&app, facility, peer, &message)).await;
    done.unwrap_or(told)
}

fn take(app: &App, facility: Option<String>, peer: SocketAddr, message: &[u8]) -> Vec<u8> {
    let stating = readers::stating();
    let engine = Engine {
        store: &app.store,
        coder: &app.coder,
        advice: &app.advice,
        stating: &*stating,
    };
    let setting = Setting {
        standard: Standard::Hl7,
        population: Population::Real,
        facility,
        way: "mllp",
        author: "mllp".to_owned(),
        address: Some(peer.ip().to_string()),
        patient: None,
        clock: None,
        replay_of: None,
    };
    let taken = kept(engine, setting, &readers::of(Standard::Hl7), message);
    match taken {
        Ok(report) => of_report(message, &report),
        Err(error) => {
            log::error(
                "a message could not be taken in",
                &[("cause", &Cause::of(&error))],
            );
            acknowledgement(message, "AE", "the store could not keep it; send it again", None)
        }
    }
}

/// Keeps a message: when this returns, it is durable.
fn kept(engine: Engine<'_>, setting: Setting, read: &Read, message: &[u8]) -> anyhow::Result<Report> {
    let source = setting.address.clone().unwrap_or_default();
    let mut importer = Importer::new(engine, setting, None);
    importer.read(
        read,
        &format!("mllp {source}"),
        &mut std::io::Cursor::new(message),
    )?;
    importer.finish()
}

fn of_report(message: &[u8], report: &Report) -> Vec<u8> {
    let has_header = message.trim_ascii_start().starts_with(b"MSH");
    match (report.accepted, report.rejected) {
        (1.., 0) => acknowledgement(message, "AA", "", None),
        (_, 1..) if has_header => acknowledgement(
            message,
            "AE",
            "not taken in; it is kept as a dead letter",
            report.gravest(),
        ),
        (_, 1..) => acknowledgement(message, "AR", "there is no header", report.gravest()),
        (0, 0) => acknowledgement(message, "AE", "there is nothing in it", None),
    }
}

/// An acknowledgement of a message (HL7 v2.5, chapter 2.9): MSH, MSA, and ERR where there is a problem.
fn acknowledgement(message: &[u8], code: &str, words: &str, problem: Option<&Problem>) -> Vec<u8> {
    let header = Header::of(message);
    let time = chart::now().strftime("%Y%m%d%H%M%S").to_string();
    let number = ACKNOWLEDGED.fetch_add(1, Ordering::Relaxed);
    let event = header.part(8, 1);
    let kind = if event.is_empty() {
        b"ACK".to_vec()
    } else {
        [b"ACK^".as_slice(), &event, b"^ACK"].concat()
    };
    let id = format!("TSUMUGI{time}{number}");
    let msh: [&[u8]; 12] = [
        b"MSH",
        b"^~\\&",
        b"TSUMUGI",
        &header.field(5),
        &header.field(2),
        &header.field(3),
        time.as_bytes(),
        b"",
        &kind,
        id.as_bytes(),
        &header.or(10, b"P"),
        &header.or(11, b"2.5"),
    ];
    let msa: [&[u8]; 4] = [b"MSA", code.as_bytes(), &header.field(9), words.as_bytes()];
    let mut told = [msh.join(&b'|'), vec![RETURN], msa.join(&b'|'), vec![RETURN]].concat();
    if let Some(problem) = problem {
        told.extend_from_slice(error_segment(problem).as_bytes());
        told.push(RETURN);
    }
    told
}

fn error_segment(problem: &Problem) -> String {
    let field = problem.place.field.as_deref().unwrap_or_default();
    let place = match field.split_once('-') {
        Some((segment, number)) => {
            let line = problem.place.line.unwrap_or(1);
            format!("{}^{line}^{}", escaped(segment), escaped(number))
        }
        None => String::new(),
    };
    let words = escaped(&problem.message);
    format!("ERR||{place}|207^Application internal error^HL70357|E||||{words}")
}

/// Words without what separates fields: they are for people.
fn escaped(words: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_graphic() || *letter == ' ';
    let plain = words.chars().filter(is_plain);
    plain
        .filter(|letter| !"|^~\\&".contains(*letter))
        .take(LONGEST_FIELD)
        .collect()
}

/// The first segment of a message, by its own separator.
struct Header<'m> {
    fields: Vec<&'m [u8]>,
}

impl<'m> Header<'m> {
    fn of(message: &'m [u8]) -> Self {
        let message = message.trim_ascii_start();
        let mut lines = message.split(|byte| matches!(byte, b'\r' | b'\n'));
        let line = lines.next().unwrap_or_default();
        let separator = line.get(3).copied().filter(|_| line.starts_with(b"MSH"));
        let fields = separator.map_or_else(Vec::new, |separator| {
            line.split(|byte| *byte == separator).take(20).collect()
        });
        Self { fields }
    }

    fn field(&self, number: usize) -> Vec<u8> {
        let field = self.fields.get(number).copied().unwrap_or_default();
        let is_plain = |byte: &&u8| **byte >= b' ' && **byte != b'|';
        field
            .iter()
            .filter(is_plain)
            .take(LONGEST_FIELD)
            .copied()
            .collect()
    }

    fn part(&self, number: usize, part: usize) -> Vec<u8> {
        let field = self.field(number);
        let mut parts = field.split(|byte| *byte == b'^');
        parts.nth(part).unwrap_or_default().to_vec()
    }

    fn or(&self, number: usize, otherwise: &[u8]) -> Vec<u8> {
        let field = self.field(number);
        if field.is_empty() {
            otherwise.to_vec()
        } else {
            field
        }
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[START], message, &[END, RETURN]].concat()
}

/// Cuts the bytes of a connection into messages.
#[derive(Debug, Default)]
struct Framer {
    waiting: Vec<u8>,
    /// Bytes in which no end was found yet, so that none is looked at twice.
    searched: usize,
    is_open: bool,
}

impl Framer {
    fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    fn is_too_long(&self) -> bool {
        self.waiting.len() > LONGEST
    }

    /// The next whole message. What stands between two messages is no message.
    fn message(&mut self) -> Option<Vec<u8>> {
        if !self.is_open {
            let Some(start) = self.waiting.iter().position(|byte| *byte == START) else {
                self.waiting.clear();
                return None;
            };
            self.waiting.drain(..=start);
            self.is_open = true;
            self.searched = 0;
        }
        let rest = self.waiting.get(self.searched..).unwrap_or_default();
        let Some(found) = rest.windows(2).position(|pair| pair == [END, RETURN]) else {
            self.searched = self.waiting.len().saturating_sub(1);
            return None;
        };
        let end = self.searched + found;
        let mut message: Vec<u8> = self.waiting.drain(..end + 2).collect();
        message.truncate(end);
        self.is_open = false;
        self.searched = 0;
        Some(message)
    }
}

#[cfg(test)]
mod tests;
