//! TLS for the connections of every engine: the trusted authorities, and the cryptography.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A PEM file is missing or has something else in it.
    #[error("{} cannot be read as PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file has no certificates, or none of a kind that is known here.
    #[error("{} has no certificates in it that can be used", path.display())]
    NoCertificates {
        /// The file.
        path: PathBuf,
    },
    /// rustls does not accept what it was given.
    #[error("TLS cannot be set up with the certificates that the URL names")]
    Rustls(#[source] rustls::Error),
}

/// Returns the authorities in a file, or those of the system, of which there may be none.
pub(crate) fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            let (usable, _) = roots.add_parsable_certificates(certificates(path)?);
            if usable == 0 {
                return Err(TlsError::NoCertificates { path: path.to_owned() });
            }
        }
        None => {
            // Some of a system's hundred certificates may be of a kind that rustls does not know.
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
        }
    }
    Ok(roots)
}

/// Begins the settings of a client that trusts `roots`.
pub(crate) fn client(
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    // Named, because a provider for the whole process is not a library's to install.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Rustls)?;
    Ok(builder.with_root_certificates(roots))
}

/// Returns the certificates in a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Pem { path: path.to_owned(), source };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificates { path: path.to_owned() });
    }
    Ok(certificates)
}
