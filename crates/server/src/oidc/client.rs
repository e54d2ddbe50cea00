//! Asking the provider: HTTP/1.1, by TLS unless it is on this machine, one connection a request, with limits on all.
//!
//! Redirects are not followed and nothing is compressed: an issuer's documents are where it says they are.

use anyhow::{Context as _, anyhow, bail, ensure};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Longest answer, in bytes.
const LONGEST_ANSWER: usize = 512 << 10;
/// Time for a whole request.
const WITHIN: Duration = Duration::from_secs(10);

/// An address of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    /// Reads an address: `https://`, or `http://` on this machine.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = || anyhow!("{}: no such address", text.chars().take(80).collect::<String>());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (authority, path) = match rest.find(['/', '?']) {
            Some(place) => rest.split_at_checked(place).ok_or_else(wrong)?,
            None => (rest, ""),
        };
        let is_plain =
            text.bytes().all(|b| b.is_ascii_graphic()) && !authority.contains('@') && !text.contains('#');
        ensure!(is_plain && !authority.is_empty() && text.len() <= 2000, wrong());
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => bail!(wrong()),
        };
        let usual = if secure { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (authority, usual),
        };
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        ensure!(
            secure || is_here,
            "{host}: without TLS everybody on the way could read the sign-in; https:// is wanted"
        );
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path,
        })
    }

    /// Whether it is asked by TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }
}

/// Asks.
#[derive(Clone)]
pub(super) struct Http {
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http(..)")
    }
}

impl Http {
    /// Without TLS, for a provider on this machine.
    pub(super) fn plain() -> Self {
        Self { tls: None }
    }

    /// With the certificates of a file as the roots.
    pub(super) fn with_roots(path: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            tls: Some(TlsConnector::from(crate::roots::client(path)?)),
        })
    }

    /// Fetches a JSON document.
    pub(super) async fn get(&self, url: &Url) -> anyhow::Result<Value> {
        self.ask(url, "GET", None, String::new()).await
    }

    /// Sends a form; `basic` is the header that shows who we are.
    pub(super) async fn post(&self, url: &Url, basic: Option<String>, form: String) -> anyhow::Result<Value> {
        self.ask(url, "POST", basic, form).await
    }

    async fn ask(
        &self,
        url: &Url,
        method: &str,
        basic: Option<String>,
        form: String,
    ) -> anyhow::Result<Value> {
        let asked = tokio::time::timeout(WITHIN, self.asked(url, method, basic, form)).await;
        let place = format!("{}:{}", url.host, url.port);
        asked
            .unwrap_or_else(|_| bail!("no answer within {} s", WITHIN.as_secs()))
            .with_context(|| format!("{place}{}", url.path.split('?').next().unwrap_or_default()))
    }

    async fn asked(
        &self,
        url: &Url,
        method: &str,
        basic: Option<String>,
        form: String,
    ) -> anyhow::Result<Value> {
        let bare = url.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, url.port)).await?;
        let request = Self::request(url, method, basic, form)?;
        match (&self.tls, url.secure) {
            (Some(tls), true) => {
                let name = ServerName::try_from(bare.to_owned())?;
                talk(tls.connect(name, stream).await?, request).await
            }
            (None, true) => bail!("ca_file is wanted for an address with https"),
            (_, false) => talk(stream, request).await,
        }
    }

    fn request(
        url: &Url,
        method: &str,
        basic: Option<String>,
        form: String,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(&url.path)
            .header(header::HOST, format!("{}:{}", url.host, url.port))
            .header(header::ACCEPT, "application/json");
        if let Some(basic) = basic {
            request = request.header(header::AUTHORIZATION, basic);
        }
        if method == "POST" {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        Ok(request.body(Full::new(Bytes::from(form)))?)
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Value> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped.
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        let body = body
            .map_err(|error| anyhow!("the answer cannot be read: {error}"))?
            .to_bytes();
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        if !status.is_success() {
            // What the provider says is its own word of why; nothing of ours is in it.
            let why = json
                .as_ref()
                .and_then(|json| json.get("error"))
                .and_then(Value::as_str);
            let why: String = why.unwrap_or_default().chars().take(80).collect();
            bail!("status {} {why}", status.as_u16());
        }
        json.context("the answer is no JSON")
    };
    let answer = answer.await;
    connection.abort();
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_bare_ones_of_a_network_refused() {
        let url = Url::parse("https://id.example:8443/realms/a?x=1").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("id.example", 8443, "/realms/a?x=1")
        );
        let url = Url::parse("http://[::1]:9000").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("[::1]", 9000, "/")
        );
        assert_eq!(Url::parse("https://id.example").unwrap().port, 443);
        for wrong in [
            "http://id.example",
            "ftp://x",
            "https://",
            "https://a@b/",
            "https://id.example/#x",
            "id.example",
            "https://x:99999",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }
}
