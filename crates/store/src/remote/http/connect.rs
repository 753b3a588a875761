//! Connections to the members, and the pool that keeps them.

use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};

use super::body::TrackedBody;
use super::tls::{SetupError, Tls};

/// How long a connection may take to come about: a handshake of TCP and one of TLS take
/// milliseconds within a data centre, and a lost first packet is sent again after one second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// How long an unused connection is kept. Longer than the pauses of a service in use, shorter than
/// firewalls take to forget a connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// After how much silence TCP asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A pool of connections, over which requests are sent with HTTP/1.1: one at a time on each.
pub(super) type Connections = legacy::Client<Connector, TrackedBody>;

type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

/// Returns an empty pool.
///
/// A request that found its connection closed before any of it was written is sent again by the
/// pool itself; one that was written is not.
pub(super) fn connections(tls: Option<&Tls>) -> Result<Connections, SetupError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    // Around both handshakes: a member that is stopped completes that of TCP, not that of TLS.
    let connector = match tls {
        None => {
            let plain = tcp.map_response(MaybeHttpsStream::Http);
            BoxCloneSyncService::new(Timeout::new(plain, CONNECT_TIMEOUT))
        }
        Some(tls) => {
            let secure = HttpsConnectorBuilder::new()
                .with_tls_config(tls.client_config()?)
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            BoxCloneSyncService::new(Timeout::new(secure, CONNECT_TIMEOUT))
        }
    };
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(connector))
}
