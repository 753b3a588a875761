//! The outermost layer: the request id and the log.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use contract::{Fault, Header as _, RequestId, Response};
use http::header::HeaderValue;
use http::{Method, Request, Uri};
use serve::Draining;
use serve::logs::chain;
use tower::Service;

/// Which requests are logged. Those that fail by the service's fault always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRequests {
    /// Every request, when it was answered.
    All,
    /// Only those whose answer the service is to blame for.
    Faults,
}

/// Gives every request an id, returns it with the answer, and logs.
///
/// A fault is logged here and nowhere else: this is where the error, the request and its id meet.
#[derive(Clone, Debug)]
pub struct Edge<S> {
    inner: S,
    log: LogRequests,
    draining: Draining,
}

impl<S> Edge<S> {
    /// Puts the edge in front of `inner`.
    #[must_use]
    pub fn new(inner: S, log: LogRequests, draining: Draining) -> Self {
        Self { inner, log, draining }
    }
}

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let sent = request.headers().get(RequestId::NAME);
        let sent = sent.filter(|sent| RequestId::is_legal(sent)).cloned();
        let id = sent.unwrap_or_else(|| RequestId::random().value());
        // Only there it is asked for; its references are counted by all workers.
        let draining = (request.uri().path() == "/readyz").then(|| self.draining.clone());
        Answering {
            id: Some(id),
            method: request.method().clone(),
            uri: request.uri().clone(),
            started: Instant::now(),
            log: self.log,
            draining,
            inner: self.inner.call(request),
        }
    }
}

/// An answer that is on its way through the edge.
#[derive(Debug)]
pub struct Answering<F> {
    id: Option<HeaderValue>,
    method: Method,
    uri: Uri,
    started: Instant,
    log: LogRequests,
    /// That of a probe.
    draining: Option<Draining>,
    inner: F,
}

impl<F, E> Future for Answering<F>
where
    F: Future<Output = Result<Response, E>> + Unpin,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(Pin::new(&mut self.inner).poll(context))?;
        if self.log == LogRequests::All || response.status().is_server_error() {
            self.write_log(&mut response);
        }
        if let Some(id) = self.id.take() {
            response.headers_mut().insert(RequestId::NAME, id);
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> Answering<F> {
    /// Tells whether this answers a probe after the end was announced: then 503 is no failure.
    fn is_expected_refusal(&self) -> bool {
        self.draining.as_ref().is_some_and(Draining::has_begun)
    }

    fn write_log(&self, response: &mut Response) {
        let id = self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
        let (method, path, status) =
            (self.method.as_str(), self.uri.path(), response.status().as_u16());
        let elapsed_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        match response.extensions_mut().remove::<Fault>() {
            Some(fault) => {
                let error = chain(fault.error());
                tracing::error!(
                    request_id = id,
                    method,
                    path,
                    status,
                    elapsed_us,
                    error,
                    "{method} {path} failed: {error}"
                );
            }
            None if response.status().is_server_error() && !self.is_expected_refusal() => {
                tracing::error!(
                    request_id = id,
                    method,
                    path,
                    status,
                    elapsed_us,
                    "{method} {path} failed with {status}"
                );
            }
            None => {
                tracing::info!(
                    request_id = id,
                    method,
                    path,
                    status,
                    elapsed_us,
                    "{method} {path} was answered {status}"
                );
            }
        }
    }
}
