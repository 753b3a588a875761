//! Ends connections with their last answer when the gateway is about to stop.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use http::Version;
use http::header::{CONNECTION, HeaderValue};
use pin_project_lite::pin_project;
use tower::Service;

use crate::body::Reply;
use crate::exchange::Exchange;

/// Adds `Connection: close` to every answer once the gateway is leaving. A connection that is closed
/// while it is idle may have a request on its way; one whose answer announced it has none (RFC 9112
/// §9.6). Over HTTP/2 GOAWAY says the same.
#[derive(Clone, Debug)]
pub(super) struct Farewell<S> {
    inner: S,
    leaving: Arc<AtomicBool>,
}

impl<S> Farewell<S> {
    pub(super) fn new(inner: S, leaving: Arc<AtomicBool>) -> Self {
        Self { inner, leaving }
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Farewell<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Parting<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        let closes = exchange.head.version < Version::HTTP_2;
        let leaving = closes.then(|| Arc::clone(&self.leaving));
        Parting { inner: self.inner.call(exchange), leaving }
    }
}

pin_project! {
    /// An answer that may be the last of its connection. Over HTTP/2 there is no flag to look at.
    #[derive(Debug)]
    pub(super) struct Parting<F> {
        #[pin]
        inner: F,
        leaving: Option<Arc<AtomicBool>>,
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for Parting<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(context))?;
        if this.leaving.as_ref().is_some_and(|leaving| leaving.load(Relaxed)) {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(reply))
    }
}
