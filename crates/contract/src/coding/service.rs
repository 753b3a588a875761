//! The tower service that encodes answers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_ENCODING, ETAG};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use tower::Service;

use super::answer::{encode, is_worth_it, selected, vary};
use super::tags::EncodedTags;

/// Encodes the answers of the service within for clients that accept it.
///
/// A request without `Accept-Encoding` costs a look at its fields and nothing else: its answer's body is
/// neither wrapped nor boxed.
#[derive(Clone, Debug)]
pub struct Compress<S> {
    inner: S,
}

impl<S> Compress<S> {
    /// Encodes the answers of `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Request<Body>> for Compress<S>
where
    S: Service<Request<Body>, Response = Response>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Compressing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let accepted = accepted(request.headers());
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let mut known = if is_read { EncodedTags::of(request.headers()) } else { None };
        // Without the field any coding is acceptable (RFC 9110 §12.5.3).
        if let (Some(known), Some(accepted)) = (&mut known, &accepted) {
            known.retain(selected(accepted));
            known.write(request.headers_mut());
        }
        Compressing { accepted, known, state: State::Inner(self.inner.call(request)) }
    }
}

/// Returns the `Accept-Encoding` of a request, as one line.
#[must_use]
pub fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(ACCEPT_ENCODING).iter();
    let first = lines.next()?;
    let rest: Vec<_> = lines.collect();
    if rest.is_empty() {
        return Some(first.clone());
    }
    let lines: Vec<_> = [first].into_iter().chain(rest).map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&lines.join(&b", "[..])).ok()
}

/// An answer that is on its way, and is perhaps to be encoded.
#[derive(Debug)]
pub struct Compressing<F> {
    accepted: Option<HeaderValue>,
    /// Tags of encoded answers that the client has.
    known: Option<EncodedTags>,
    state: State<F>,
}

enum State<F> {
    Inner(F),
    Encoding(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl<F: std::fmt::Debug> std::fmt::Debug for State<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inner(inner) => f.debug_tuple("Inner").field(inner).finish(),
            Self::Encoding(_) => f.write_str("Encoding"),
        }
    }
}

impl<F, E> Future for Compressing<F>
where
    F: Future<Output = Result<Response, E>> + Unpin,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Inner(inner) => {
                    let mut response = ready!(Pin::new(inner).poll(context))?;
                    if response.status() == StatusCode::NOT_MODIFIED {
                        this.not_modified(&mut response);
                        return Poll::Ready(Ok(response));
                    }
                    if !is_worth_it(&response) {
                        return Poll::Ready(Ok(response));
                    }
                    let Some(accepted) = this.accepted.take() else {
                        vary(response.headers_mut());
                        return Poll::Ready(Ok(response));
                    };
                    this.state =
                        State::Encoding(Box::pin(async move { encode(&accepted, response).await }));
                }
                State::Encoding(encoding) => return encoding.as_mut().poll(context).map(Ok),
            }
        }
    }
}

impl<F> Compressing<F> {
    /// A 304 has the fields that select a representation of those that the client has (RFC 9110
    /// §15.4.5).
    fn not_modified(&self, response: &mut Response) {
        if self.accepted.is_some() || self.known.is_some() {
            vary(response.headers_mut());
        }
        let tag = response.headers().get(ETAG);
        let listed = self.known.as_ref().zip(tag).and_then(|(known, tag)| known.matching(tag));
        if let Some(listed) = listed {
            response.headers_mut().insert(ETAG, listed);
        }
    }
}
