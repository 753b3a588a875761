//! Counts and logs answers.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use contract::Fault;
use pin_project_lite::pin_project;
use tower::Service;

use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::record::RequestRecord;
use crate::reply::{Reply, ReplyBody};

/// Counts every answer, and logs it if asked to; the answer to a stream when it is over. A fault of the gateway is
/// logged in any case, here and nowhere else.
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
        let record = RequestRecord {
            metrics: self.metrics.clone(),
            log_requests: self.log_requests,
            started: exchange.started,
            client: exchange.peer.address(),
            method: exchange.head.method.clone(),
            uri: exchange.head.uri.clone(),
            id: exchange.request_id.take(),
        };
        ObserveFuture { inner: self.inner.call(exchange), record: Some(record) }
    }
}

pin_project! {
    /// An answer that is to be counted.
    #[derive(Debug)]
    pub(crate) struct ObserveFuture<F> {
        #[pin]
        inner: F,
        record: Option<RequestRecord>,
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for ObserveFuture<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(context))?;
        if let Some(record) = this.record.take() {
            let status = reply.status().as_u16();
            let fault = reply.extensions_mut().remove::<Fault>();
            match reply.body_mut() {
                ReplyBody::Stream(answer) => answer.record_end(record, status),
                _ => record.answered(status, fault),
            }
        }
        Poll::Ready(Ok(reply))
    }
}
