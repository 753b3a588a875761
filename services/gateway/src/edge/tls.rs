//! TLS: the certificate, and how connections are secured by it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;
use serve::Protocol;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// HTTP/2 as ALPN calls it (RFC 9113 §3.1).
const HTTP2: &[u8] = b"h2";

/// What is offered by ALPN (RFC 7301), the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];

/// Returns the protocol that client and gateway have agreed on.
pub(crate) fn agreed<T>(stream: &TlsStream<T>) -> Protocol {
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() == Some(HTTP2) { Protocol::Http2 } else { Protocol::Http1 }
}

/// The certificate in force. Connections that were secured by a former one go on.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidTls {
    #[error("{}: no certificate in PEM", .0.display())]
    Certificate(PathBuf, #[source] pem::Error),
    #[error("{}: there is no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    #[error("{}: no private key in PEM", .0.display())]
    Key(PathBuf, #[source] pem::Error),
    #[error("the certificate and the key cannot be used together")]
    Pair(#[source] rustls::Error),
}

impl Tls {
    /// Reads a certificate, with those that it was signed by, and its key.
    ///
    /// # Errors
    /// [`InvalidTls`] names the file.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, InvalidTls> {
        let tickets = rustls::crypto::ring::Ticketer::new().map_err(InvalidTls::Pair)?;
        let config = ArcSwap::from_pointee(read(certificate, key, tickets)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config })
    }

    /// Reads them again. When they cannot be used the former ones stay in force.
    ///
    /// # Errors
    /// [`InvalidTls`] names the file.
    pub(crate) fn reload(&self) -> Result<(), InvalidTls> {
        // Sessions survive the change: clients resume them without another key exchange.
        let tickets = Arc::clone(&self.config.load().ticketer);
        self.config.store(Arc::new(read(&self.certificate, &self.key, tickets)?));
        Ok(())
    }

    /// Returns what secures the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn read(
    certificate: &Path,
    key: &Path,
    tickets: Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, InvalidTls> {
    let bad = |error| InvalidTls::Certificate(certificate.to_owned(), error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .map_err(bad)?
        .collect::<Result<_, _>>()
        .map_err(bad)?;
    if chain.is_empty() {
        return Err(InvalidTls::NoCertificate(certificate.to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| InvalidTls::Key(key.to_owned(), error))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(InvalidTls::Pair)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    config.ticketer = tickets;
    Ok(config)
}
