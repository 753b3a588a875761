//! Fetches a small text by http: or https:.
//!
//! reqwest would do it, but with TLS its clients need a provider of cryptography that is set for the
//! whole process, also in tests and services that have nothing to do with the gateway.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{ACCEPT, HOST, LOCATION};
use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why a text was not had.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// TLS by the certificate authorities of the system.
static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    // A system can have certificates that cannot be parsed; the others count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
});

/// Where a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    uri: Uri,
    authority: Authority,
    secure: bool,
}

impl std::str::FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write https://HOST/PATH";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let authority = uri.authority().cloned().ok_or(FORM)?;
        if authority.as_str().contains('@') {
            return Err("a password does not belong into a URL");
        }
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(FORM),
        };
        Ok(Self { uri, authority, secure })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.uri.fmt(f)
    }
}

/// Fetches a text of up to `bytes_max` bytes. A redirection is an error: the keys are where the
/// operator says they are.
pub(super) async fn fetch(url: &Url, bytes_max: usize) -> Result<Bytes, Error> {
    let host = url.authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = url.authority.port_u16().unwrap_or(if url.secure { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    if url.secure {
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(Arc::clone(&TLS)).connect(name, stream).await?;
        get(url, stream, bytes_max).await
    } else {
        get(url, stream, bytes_max).await
    }
}

async fn get<T>(url: &Url, stream: T, bytes_max: usize) -> Result<Bytes, Error>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = url.uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, url.authority.as_str())
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
    // The connection lives as long as it is asked for an answer.
    let asking = async {
        let answer = sender.send_request(request).await?;
        if !answer.status().is_success() {
            let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            let place = place.map_or_else(String::new, |place| format!(" ({place})"));
            return Err(Error::from(format!("it was answered {}{place}", answer.status())));
        }
        Ok(Limited::new(answer.into_body(), bytes_max).collect().await?.to_bytes())
    };
    tokio::pin!(asking, connection);
    tokio::select! {
        text = &mut asking => text,
        ended = &mut connection => {
            ended?;
            asking.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for text in ["https://id.test/keys", "http://127.0.0.1:8080/keys?a=b", "https://[::1]/"] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), text);
        }
        for text in ["", "/keys", "id.test/keys", "ftp://id.test/", "https://u:p@id.test/keys"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
