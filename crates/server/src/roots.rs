//! Whom this server believes when it asks others by TLS: the certificates that the site names.

use anyhow::{Context as _, anyhow, ensure};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// TLS 1.2 and 1.3 with the certificates of a file (PEM) as the roots.
///
/// # Errors
/// When the file cannot be read, or holds no certificate.
pub(crate) fn client(path: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let place = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| anyhow!("{place}: {error}; certificates in PEM form are wanted"))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(read);
    ensure!(added > 0, "{place}: there is no certificate in it");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS 1.2 and 1.3")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
