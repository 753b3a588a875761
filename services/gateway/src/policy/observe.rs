//! Counts and logs answers.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use contract::Fault;
use http::{HeaderValue, Method, Uri};
use pin_project_lite::pin_project;
use serve::logs::chain;
use tower::Service;

use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::reply::Reply;

/// Counts every answer, and logs it if asked to. A fault of the gateway is logged in any case, here
/// and nowhere else.
#[derive(Clone, Debug)]
pub(crate) struct Observe<S> {
    inner: S,
    metrics: Metrics,
    log_requests: bool,
}

impl<S> Observe<S> {
    pub(crate) fn new(inner: S, metrics: Metrics, log_requests: bool) -> Self {
        Self { inner, metrics, log_requests }
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Observe<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        ObserveFuture {
            metrics: self.metrics.clone(),
            log_requests: self.log_requests,
            started: exchange.started,
            client: exchange.peer.address(),
            method: exchange.head.method.clone(),
            uri: exchange.head.uri.clone(),
            id: exchange.request_id.take(),
            inner: self.inner.call(exchange),
        }
    }
}

pin_project! {
    /// An answer that is to be counted.
    #[derive(Debug)]
    pub(crate) struct ObserveFuture<F> {
        #[pin]
        inner: F,
        metrics: Metrics,
        log_requests: bool,
        started: Instant,
        client: IpAddr,
        method: Method,
        uri: Uri,
        id: Option<HeaderValue>,
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for ObserveFuture<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(context))?;
        let elapsed = this.started.elapsed();
        let status = reply.status().as_u16();
        this.metrics.answered(status, elapsed);
        let fault = reply.extensions_mut().remove::<Fault>();
        if *this.log_requests || fault.is_some() {
            let request_id = this.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
            let (method, path) = (this.method.as_str(), this.uri.path());
            let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
            let client = *this.client;
            match fault {
                Some(fault) => {
                    let error = chain(fault.error());
                    tracing::warn!(request_id, %client, method, path, status, elapsed_us, error, "{method} {path} was answered {status}: {error}");
                }
                None => {
                    tracing::info!(request_id, %client, method, path, status, elapsed_us, "{method} {path} was answered {status}");
                }
            }
        }
        Poll::Ready(Ok(reply))
    }
}
