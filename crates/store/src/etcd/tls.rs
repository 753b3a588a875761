//! Which certificates are trusted and which are shown.

use http::uri::InvalidUri;
use rustls::ClientConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::config::Tls;
use crate::remote::tls::{self, TlsError};

/// Why the transport could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The files of the URL are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
pub(super) fn client_config(settings: &Tls) -> Result<ClientConfig, SetupError> {
    let roots = tls::roots(settings.ca.as_deref())?;
    if roots.is_empty() {
        return Err(SetupError::NoSystemAuthorities);
    }
    let builder = tls::client(roots)?;
    match &settings.identity {
        Some((cert, key)) => {
            let certificates = tls::certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|source| TlsError::Pem { path: key.clone(), source })?;
            Ok(builder.with_client_auth_cert(certificates, key).map_err(TlsError::Rustls)?)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}
