//! Connections by hyper.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use hyper::body::Body;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::alarm::Alarm;
use crate::date::WithDate;
use crate::draining::WorkerDraining;
use crate::executor::OnThisThread;
use crate::head_answer::HeadAnswer;
use crate::progress::ProgressTimeout;
use crate::request_body::{BodyCost, RequestBody, TakeRest};
use crate::stall::{WatchAnswers, WatchedAnswers};
use crate::stall_time::StallTime;

/// Most requests at a time on one HTTP/2 connection: what RFC 9113 §6.5.2 recommends at least.
const STREAMS_MAX: u32 = 100;

/// Bytes of a stream's answer that are held while its window is closed, beside the piece at hand.
const SEND_BYTES_MAX: usize = 64 << 10;

/// What an HTTP/2 connection takes beside its requests: two tables for the compression of heads, and
/// the state of its streams.
const HTTP2_BYTES: usize = 128 << 10;

/// A connection that is served, until it ends. It is in a box because connections last: each takes as
/// much room as its protocol needs.
pub type Served = Pin<Box<dyn Future<Output = ()>>>;

/// How connections are served.
#[derive(Clone, Debug)]
pub struct Http {
    http1: http1::Builder,
    http2: http2::Builder<OnThisThread>,
    stall_time: StallTime,
    cost: BodyCost,
}

/// How long connections wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest time until the head of the next request is there, and between pings over HTTP/2.
    pub idle_time_max: Duration,
    /// Longest time in which a client takes nothing of an answer.
    pub stall_time_max: Duration,
}

impl Http {
    /// `head_bytes_max` are the bytes of a head that hyper holds; a larger one it answers by itself,
    /// without a body. `cost` is what bodies take from the budget of memory. Once the worker is `draining`, a
    /// client that takes nothing of an answer is given up after 2 s.
    #[must_use]
    pub fn new(
        patience: Patience,
        head_bytes_max: usize,
        cost: BodyCost,
        draining: WorkerDraining,
    ) -> Self {
        let Patience { idle_time_max, stall_time_max } = patience;
        let mut http1 = http1::Builder::new();
        http1.header_read_timeout(idle_time_max).max_buf_size(head_bytes_max);
        // A client that has said all it has to say may close its side and wait for the answer
        // (RFC 9112 §9.6).
        http1.half_close(true);
        // A buffer may turn out larger than it is asked to be, and hold a larger head.
        http1.max_header_size(head_bytes_max);
        let mut http2 = http2::Builder::new(OnThisThread);
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(idle_time_max))
            .max_concurrent_streams(STREAMS_MAX)
            .max_send_buf_size(SEND_BYTES_MAX)
            .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX));
        Self { http1, http2, stall_time: StallTime::new(stall_time_max, draining), cost }
    }

    /// Serves HTTP/1.1 and HTTP/1.0 until the connection ends. An answer that is given before the body
    /// of its request was read closes the connection in stages, or does not close it; for that
    /// `stream` is to be [`Checked`](crate::framing::Checked). A client that takes nothing of an
    /// answer ends it.
    pub fn serve_http1<T, S, B>(&self, stream: T, service: S, watcher: Watcher) -> Served
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    {
        // Each connection has an alarm of its own.
        let mut http1 = self.http1.clone();
        let service = WithDate(TakeRest::of_connection(service, self.cost.clone()));
        let stream = TokioIo::new(ProgressTimeout::new(stream, self.stall_time.clone(), true));
        let connection = http1.timer(Alarm::default()).serve_connection(stream, service);
        Box::pin(watcher.watch(connection).map(ended))
    }

    /// Serves HTTP/2 until the connection ends. No answer to HEAD has a body, and a client
    /// that is answered before it has sent its whole body may send on for a while. One that takes
    /// nothing of an answer ends the connection.
    pub fn serve_http2<T, S, B>(&self, stream: T, service: S, watcher: Watcher) -> Served
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<
                Request<RequestBody>,
                Response = Response<B>,
                Error = Infallible,
                Future: 'static,
            > + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    {
        let Ok(share) = self.cost.memory.take(HTTP2_BYTES) else {
            tracing::debug!("a connection was closed at once: there is no memory for it");
            return Box::pin(ready(()));
        };
        let answers = WatchedAnswers::default();
        let service = WithDate(HeadAnswer(TakeRest::of_streams(service, self.cost.clone())));
        let service = WatchAnswers { service, answers: answers.clone() };
        let stall_time = self.stall_time.clone();
        let stream = TokioIo::new(ProgressTimeout::new(stream, stall_time.clone(), false));
        let connection = watcher.watch(self.http2.serve_connection(stream, service));
        Box::pin(async move {
            let _share = share;
            tokio::select! {
                result = connection => ended(result),
                time = answers.stalled(&stall_time) => {
                    tracing::debug!("a connection was ended: its client took nothing for {time:?}");
                }
            }
        })
    }
}

/// Clients hang up whenever they like: no event for the operator.
fn ended(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early: {error}");
    }
}
