//! Which certificates the client trusts and which it shows.

use std::path::PathBuf;

use http::uri::InvalidUri;
use rustls::ClientConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::remote::tls::{self, TlsError};

/// Which certificates to trust and to show. All files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The authorities that may have signed the members' certificates; the system's, when absent.
    pub(crate) ca: Option<PathBuf>,
    /// The certificate to show, and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// Why the connections could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The files of the URL are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system has no certificate authorities.
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

impl Tls {
    /// Reads the files, and returns the settings for connections to members.
    pub(super) fn client_config(&self) -> Result<ClientConfig, SetupError> {
        let roots = tls::roots(self.ca.as_deref())?;
        if roots.is_empty() {
            return Err(SetupError::NoSystemAuthorities);
        }
        let builder = tls::client(roots)?;
        match &self.identity {
            Some((cert, key)) => {
                let certificates = tls::certificates(cert)?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|source| TlsError::Pem { path: key.clone(), source })?;
                Ok(builder.with_client_auth_cert(certificates, key).map_err(TlsError::Rustls)?)
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }
}
