//! The outermost layer: the request id and the log.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use contract::{Fault, Header, Response};
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use serde_json::{Value, json};
use tower::Service;
use uuid::Uuid;

use crate::leaving::Leaving;

/// Longest request id that is taken over: room for a W3C `traceparent` or two UUIDs.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// `X-Request-ID`: names the request in the logs.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl Header for RequestId {
    const NAME: HeaderName = HeaderName::from_static("x-request-id");
    const DESCRIPTION: &'static str = "Names the request in the service's logs: the request's own `X-Request-ID` if that is 1 to 128 visible ASCII characters, a new one otherwise.";

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": REQUEST_ID_BYTES_MAX })
    }

    fn value(self) -> HeaderValue {
        self.0
    }
}

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
    ids: Arc<Ids>,
    log: LogRequests,
    leaving: Leaving,
}

/// Makes request ids: a random half that is the process's own, and a count.
#[derive(Debug)]
struct Ids {
    process: u64,
    next: AtomicU64,
}

impl Ids {
    fn next(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut text = [0; 32];
        hex(self.process, &mut text[..16]);
        hex(number, &mut text[16..]);
        HeaderValue::from_bytes(&text).expect("hex is visible ASCII")
    }
}

fn hex(number: u64, text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, digit) in text.iter_mut().rev().enumerate() {
        *digit = DIGITS[(number >> (4 * at)) as usize & 15];
    }
}

impl<S> Edge<S> {
    /// Puts the edge in front of `inner`.
    #[must_use]
    pub fn new(inner: S, log: LogRequests, leaving: Leaving) -> Self {
        let (process, _) = Uuid::new_v4().as_u64_pair();
        Self { inner, ids: Arc::new(Ids { process, next: AtomicU64::new(0) }), log, leaving }
    }

    fn request_id(&self, request: &Request<Body>) -> HeaderValue {
        let sent = request.headers().get(RequestId::NAME);
        let legal = |value: &&HeaderValue| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&value.len())
                && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        sent.filter(legal).cloned().unwrap_or_else(|| self.ids.next())
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
        // Only there it is asked for; its references are counted by all workers.
        let leaving = (request.uri().path() == "/readyz").then(|| self.leaving.clone());
        Answering {
            id: Some(self.request_id(&request)),
            method: request.method().clone(),
            uri: request.uri().clone(),
            started: Instant::now(),
            log: self.log,
            leaving,
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
    leaving: Option<Leaving>,
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
        self.leaving.as_ref().is_some_and(Leaving::is_announced)
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

/// Writes an error and what caused it, the cause last.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
