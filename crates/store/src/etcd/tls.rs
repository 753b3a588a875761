//! Which certificates are trusted and which are shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::uri::InvalidUri;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::config::Tls;

/// Why the transport could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// A PEM file is missing or has something else in it.
    #[error("{} cannot be read as PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file has no certificates.
    #[error("{} has no certificates in it", path.display())]
    NoCertificates {
        /// The file.
        path: PathBuf,
    },
    /// rustls does not accept what the files hold.
    #[error("TLS cannot be set up with the certificates that the URL names")]
    Tls(#[source] rustls::Error),
    /// The system trusts nobody.
    #[error("the system has no certificate authorities to trust; name some with `ca` in the URL")]
    NoSystemAuthorities,
    /// A host cannot be part of a URL.
    #[error("{host:?} is not usable as a host")]
    Host {
        /// The host.
        host: String,
        /// What is wrong with it.
        source: InvalidUri,
    },
}

/// Returns the settings for connections to members.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(SetupError::Tls)?;
            }
        }
        None => {
            // Some of a system's hundred certificates may be of a kind that rustls does not know.
            let system = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(system.certs).0 == 0 {
                return Err(SetupError::NoSystemAuthorities);
            }
        }
    }
    // Named, because a provider for the whole process is not a library's to install.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(roots);
    match &tls.identity {
        Some((cert, key)) => {
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|source| SetupError::Pem { path: key.clone(), source })?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(SetupError::Tls)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let unreadable = |source| SetupError::Pem { path: path.to_owned(), source };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(SetupError::NoCertificates { path: path.to_owned() });
    }
    Ok(certificates)
}
