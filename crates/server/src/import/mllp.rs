//! HL7 messages over a connection (MLLP: a message between 0x0B and 0x1C 0x0D), committed first and acknowledged then.
//!
//! A message that is sent again is acknowledged again and kept once. What is no statement is a dead letter, and the
//! acknowledgement says so (AE, or AR where there is no header); the sender need not keep it. AR without a dead letter means that
//! this side could not take it: the sender sends it again.

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
use tsumugi_exchange::hl7v2::{Answer, Frame, Framer, acknowledge, frame};
use tsumugi_exchange::incoming::{Place, Problem, Severity, Standard};
use tsumugi_records::Population;

/// Longest message, in bytes.
const LONGEST: usize = 32 << 20;
/// Most connections at once.
const MOST_CONNECTIONS: usize = 64;
/// A connection that sends nothing for so long is closed; its system opens another.
const IDLE: Duration = Duration::from_secs(3600);

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
    let mut framer = Framer::new(LONGEST);
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = match tokio::time::timeout(IDLE, stream.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => read,
            _ => return,
        };
        for part in framer.push(buffer.get(..read).unwrap_or_default()) {
            let told = match part {
                Frame::Message(message) => answer(message).await,
                Frame::TooLong(start) => {
                    let words = format!("the message is longer than {LONGEST} bytes; send it in parts");
                    acknowledged(&start, Answer::Rejected, &[problem("too-long", words)])
                }
                // Nothing was acknowledged; its system sends it again.
                Frame::Broken(_) | Frame::Noise(_) => {
                    log::warn("bytes that are no message came by MLLP and were dropped", &[]);
                    continue;
                }
            };
            if stream.write_all(&frame(&told)).await.is_err() {
                return;
            }
        }
    }
}

/// Commits a message beside the asynchronous threads, and gives its acknowledgement.
async fn answer(app: Arc<App>, facility: Option<String>, peer: SocketAddr, message: Vec<u8>) -> Vec<u8> {
    let words = "a mistake of the program; send it again";
    let told = acknowledged(&message, Answer::Rejected, &[problem("program", words)]);
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
            // Not the content is at fault: a sender that gives up at AE must not give up here.
            let words = "the store could not keep it; send it again";
            acknowledged(message, Answer::Rejected, &[problem("not-kept", words)])
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
    let gravest: Vec<Problem> = report.gravest().cloned().into_iter().collect();
    match (report.accepted, report.rejected) {
        (1.., 0) => acknowledged(message, Answer::Accepted, &[]),
        (_, 1..) if has_header => acknowledged(message, Answer::Error, &gravest),
        (_, 1..) => acknowledged(message, Answer::Rejected, &gravest),
        (0, 0) => acknowledged(
            message,
            Answer::Error,
            &[problem("empty", "there is nothing in it")],
        ),
    }
}

fn acknowledged(message: &[u8], answer: Answer, problems: &[Problem]) -> Vec<u8> {
    let now = chart::now();
    let number = ACKNOWLEDGED.fetch_add(1, Ordering::Relaxed);
    let id = format!("TSUMUGI{}{number}", now.strftime("%Y%m%d%H%M%S"));
    acknowledge(message, answer, problems, now, &id)
}

/// A problem that is not of a place in the message.
fn problem(code: &'static str, message: impl Into<String>) -> Problem {
    Problem {
        place: Place::default(),
        severity: Severity::Error,
        code,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests;
