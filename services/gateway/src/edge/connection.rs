//! One connection: HTTP/1.1 or HTTP/2, as the client likes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use serve::OnThisThread;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

use super::framing::{Checked, HEAD_BYTES_MAX};
use crate::body::Reply;
use crate::exchange::{Exchange, Peer};

/// Bytes that hyper holds of a request's head. It is more than the framing lets pass, so that hyper
/// never answers a head by itself.
const PARSER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// Most requests at a time on one HTTP/2 connection: what RFC 9113 §6.5.2 recommends at least.
const STREAMS_MAX: u32 = 100;

/// How connections are served. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    builder: Rc<auto::Builder<OnThisThread>>,
    head_time_max: Duration,
}

impl Http {
    pub(crate) fn new(idle_time_max: Duration, head_time_max: Duration) -> Self {
        let mut builder = auto::Builder::new(OnThisThread);
        builder
            .http1()
            .timer(TokioTimer::new())
            // The framing bounds the time of a head; hyper sees it whole, or nothing.
            .header_read_timeout(idle_time_max)
            .max_buf_size(PARSER_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(idle_time_max))
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX as u32);
        Self { builder: Rc::new(builder), head_time_max }
    }

    /// Serves a connection until it ends.
    pub(crate) async fn serve<T, S>(&self, stream: T, peer: Rc<Peer>, service: S, watcher: Watcher)
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Box<Exchange>, Response = Reply, Error = Infallible> + 'static,
        S::Future: 'static,
    {
        let (stream, refusals) = Checked::new(stream, self.head_time_max);
        // hyper calls through a shared reference, from one task.
        let service = RefCell::new(service);
        let service = service_fn(|request: Request<Incoming>| {
            let (head, body) = request.into_parts();
            let started = Instant::now();
            service.borrow_mut().call(Box::new(Exchange {
                head,
                body,
                peer: Rc::clone(&peer),
                fault: refusals.next(),
                refusals: refusals.clone(),
                principal: None,
                started,
                deadline: started,
            }))
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        // Clients hang up whenever they like: no event for the operator.
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(error, "a connection ended early: {error}");
        }
    }
}
