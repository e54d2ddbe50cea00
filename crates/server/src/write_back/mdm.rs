//! As HL7 MDM messages by MLLP, acknowledged by the other side.

use super::Sent;
use anyhow::{Context as _, anyhow, bail, ensure};
use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use tsumugi_exchange::hl7v2::{Answer, Document, Frame, Framer, frame, mdm_t02, read_acknowledgement};
use tsumugi_records::DeliveryOutcome;

/// Time to connect, and for each part of the talk.
const WITHIN: Duration = Duration::from_secs(15);
/// Longest acknowledgement, in bytes.
const LONGEST: usize = 1 << 20;

/// A port for HL7 messages, and how it is believed.
#[derive(Clone)]
pub(crate) struct Peer {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Peer({self})")
    }
}

impl Peer {
    /// Reads `HOST:PORT`.
    pub(super) fn parse(text: &str, roots: Option<&Path>) -> anyhow::Result<Self> {
        let (host, port) = text.rsplit_once(':').context("HOST:PORT is wanted")?;
        let port = port.parse().context("HOST:PORT is wanted")?;
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        ensure!(
            is_here || roots.is_some(),
            "refused: without TLS everybody on the way could read the notes; give --write-back-ca FILE with the \
             certificate of the hospital's authority"
        );
        let tls = roots.map(crate::roots::client).transpose()?;
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }

    /// Sends a document and waits for the answer.
    pub(super) fn send(&self, document: &Document) -> Sent {
        let answer = match self.ask(&mdm_t02(document)) {
            Ok(answer) => answer,
            Err(error) => {
                let told = format!("{error:#}; see that the other side listens on {self}");
                return Sent::new(DeliveryOutcome::Failed, told);
            }
        };
        let read = match read_acknowledgement(&answer) {
            Ok(read) => read,
            Err(why) => return Sent::new(DeliveryOutcome::Failed, why),
        };
        if read.control_id != document.control_id {
            let told = format!(
                "the answer is to {}, not to {}",
                read.control_id, document.control_id
            );
            return Sent::new(DeliveryOutcome::Failed, told);
        }
        let outcome = match read.answer {
            Answer::Accepted => DeliveryOutcome::Delivered,
            Answer::Error => DeliveryOutcome::Refused,
            Answer::Rejected => DeliveryOutcome::Failed,
        };
        let told = format!("{} {}", read.answer.code(), read.text);
        Sent::new(outcome, told.trim())
    }

    fn ask(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let name = self.host.trim_matches(['[', ']']);
        let mut last = anyhow!("the name leads to no address");
        for address in (name, self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, WITHIN) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(WITHIN))?;
                    stream.set_write_timeout(Some(WITHIN))?;
                    let Some(tls) = &self.tls else {
                        return talk(stream, message);
                    };
                    let name = ServerName::try_from(name.to_owned())?;
                    let connection = ClientConnection::new(Arc::clone(tls), name)?;
                    return talk(StreamOwned::new(connection, stream), message);
                }
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}

fn talk(mut stream: impl Read + Write, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    stream.write_all(&frame(message))?;
    stream.flush()?;
    let mut framer = Framer::new(LONGEST);
    let mut buffer = [0; 4096];
    loop {
        let many = stream.read(&mut buffer)?;
        if many == 0 {
            bail!("the connection ended without an answer");
        }
        for part in framer.push(buffer.get(..many).unwrap_or_default()) {
            match part {
                Frame::Message(answer) => return Ok(answer),
                Frame::TooLong(_) | Frame::Broken(_) => bail!("the answer is broken"),
                Frame::Noise(_) => {}
            }
        }
    }
}
