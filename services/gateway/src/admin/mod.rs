//! The operator's side: probes, metrics, the replicas, and the end of the gateway. On an address of
//! its own, which clients do not reach.

mod document;
mod drain;
mod page;
mod probes;
mod replicas;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use contract::Dispatch;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serve::Draining;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tower::Service;

use crate::balance::Replicas;
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::stream::StreamLimit;

pub(crate) use document::dispatch;

/// Most connections of operators at a time: a few pages, a scraper and some probes.
const CONNECTIONS_MAX: usize = 64;

/// Longest time an operator's connection may be without a request.
const IDLE_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(60);

/// What operators look at.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) replicas: Arc<ArcSwap<Replicas>>,
    pub(crate) metrics: Metrics,
    pub(crate) overload: Arc<Overload>,
    pub(crate) streams: Arc<StreamLimit>,
    /// Set when the gateway is about to stop.
    pub(crate) draining: Draining,
    /// Notified when the gateway is to stop.
    pub(crate) drain: Arc<Notify>,
}

/// Serves the operators' listener for ever.
pub(crate) async fn serve(listener: TcpListener, dispatch: Dispatch) -> Infallible {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(IDLE_TIME_MAX);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(Some(IDLE_TIME_MAX));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let (stream, place) = match accepted.await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "an operator's connection could not be accepted: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (http, dispatch) = (http.clone(), dispatch.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| dispatch.clone().call(request_of(request)));
            // A client that hangs up is no event.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

fn request_of(request: http::Request<hyper::body::Incoming>) -> http::Request<Body> {
    request.map(Body::new)
}
