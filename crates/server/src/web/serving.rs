//! The accept loop: a timer for the headers, limits of connections, TLS where it is given.

use crate::web::attending::Watched;
use crate::web::connections::{Connection, Connections, IDLE, Limits, STALLED};
use crate::web::state::App;
use anyhow::Context as _;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tower::Layer as _;

/// Within this time a browser must have sent its headers, and before that have agreed on TLS.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;

/// Certificate and key of this server.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read, holds something else, or the two do not belong together.
    pub(crate) fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let place = certificate.display();
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| {
                anyhow::anyhow!("{place}: {error}; a certificate chain in PEM form is wanted")
            })?;
        anyhow::ensure!(!chain.is_empty(), "{place}: there is no certificate in it");
        let place = key.display();
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| anyhow::anyhow!("{place}: {error}; a private key in PEM form is wanted"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS 1.2 and 1.3")?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .with_context(|| format!("{place}: the key does not fit the certificate"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Agrees on TLS with a peer of another protocol; none when it does not come to it in time.
    pub(crate) async fn agree(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let agreed = tokio::time::timeout(HEADER_TIMEOUT, self.0.accept(stream)).await;
        agreed.ok()?.ok()
    }
}

/// Serves until `stop` is done.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) {
    serve_within(Limits::of_system(), listener, app, tls, stop).await;
}

/// The same with limits of one's own.
pub(crate) async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    app: Arc<App>,
    tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) {
    let connections = Connections::new(limits, app.gate.setting.proxies.clone());
    let router = super::router(app);
    let mut looks = tokio::time::interval(LOOKS);
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = looks.tick() => {
                connections.end_stalled(IDLE, STALLED);
                continue;
            }
            () = &mut stop => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Too many open files, most likely: some will be closed in a moment.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = connections.admit(peer.ip()) else {
            continue;
        };
        // A key press and its answer are small packets that must not wait for company.
        let _ = stream.set_nodelay(true);
        let (router, tls) = (router.clone(), tls.clone());
        tokio::spawn(async move {
            let connection = Arc::clone(place.connection());
            let stream = Watched::new(stream, place);
            let router = Extension(peer).layer(Extension(Arc::clone(&connection)).layer(router));
            tokio::select! {
                () = greet(stream, router, tls) => {}
                () = connection.ended() => {}
            }
        });
    }
}

/// How often connections on which nothing moves are looked for.
const LOOKS: Duration = Duration::from_secs(5);

/// Talks, by TLS where it is given.
async fn greet(stream: Watched<TcpStream>, router: Answers, tls: Option<Tls>) {
    let Some(Tls(acceptor)) = tls else {
        return talk(stream, router).await;
    };
    let agreed = tokio::time::timeout(HEADER_TIMEOUT, acceptor.accept(stream)).await;
    if let Ok(Ok(stream)) = agreed {
        talk(stream, router).await;
    }
}

/// The router with what a request has to know of its connection.
type Answers = AddExtension<AddExtension<Router, Arc<Connection>>, SocketAddr>;

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Answers) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    // A connection that breaks is the browser's affair.
    let _ = builder
        .http1_only()
        .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}
