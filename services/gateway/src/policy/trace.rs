//! Names for requests: `X-Request-ID`, and W3C Trace Context.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use contract::{Header as _, RequestId, hex};
use http::header::Entry;
use http::{HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use tower::Service;

use crate::exchange::Exchange;
use crate::reply::Reply;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Fields that a request gets on its way, here and further in: room is made for all of them at once.
const FIELDS_ADDED: usize = 9;

/// Gives every request a name and a place in a trace, and every answer the name.
///
/// A valid `traceparent` goes on unchanged: the gateway reports no spans, so it has no place of its
/// own in the trace (Trace Context §4.3, "forward it unmodified"). Without one a trace begins here.
#[derive(Clone, Debug)]
pub(crate) struct Trace<S>(S);

impl<S> Trace<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Trace<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        let headers = &mut exchange.head.headers;
        headers.reserve(FIELDS_ADDED);
        let (new_id, new_traceparent) = new_names();
        let id = match headers.entry(RequestId::NAME) {
            Entry::Vacant(entry) => entry.insert(new_id).clone(),
            Entry::Occupied(mut entry) => {
                let id =
                    if RequestId::is_legal(entry.get()) { entry.get().clone() } else { new_id };
                // It also takes the place of a second one.
                entry.insert(id.clone());
                id
            }
        };
        let is_valid = match headers.entry(TRACEPARENT) {
            Entry::Vacant(entry) => {
                entry.insert(new_traceparent);
                false
            }
            Entry::Occupied(mut entry) => {
                let is_valid = is_traceparent(entry.get()) && entry.iter().nth(1).is_none();
                if !is_valid {
                    entry.insert(new_traceparent);
                }
                is_valid
            }
        };
        if !is_valid {
            headers.remove(TRACESTATE);
        }
        exchange.request_id = Some(id.clone());
        TraceFuture { inner: self.0.call(exchange), id: Some(id) }
    }
}

pin_project! {
    /// An answer that is to be named.
    #[derive(Debug)]
    pub(crate) struct TraceFuture<F> {
        #[pin]
        inner: F,
        id: Option<HeaderValue>,
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for TraceFuture<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(context))?;
        if let Some(id) = this.id.take() {
            reply.headers_mut().insert(RequestId::NAME, id);
        }
        Poll::Ready(Ok(reply))
    }
}

/// Checks version 00 of `traceparent` (Trace Context §3.2): a later version is not understood, and
/// a new trace begins.
fn is_traceparent(value: &HeaderValue) -> bool {
    let hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let set = |part: &[u8]| part.iter().any(|byte| *byte != b'0');
    let parts: Vec<&[u8]> = value.as_bytes().split(|byte| *byte == b'-').collect();
    let [b"00", trace, parent, flags] = parts[..] else { return false };
    let lengths = (trace.len(), parent.len(), flags.len()) == (32, 16, 2);
    lengths && hex(trace) && hex(parent) && hex(flags) && set(trace) && set(parent)
}

/// Returns a new request id and a new `traceparent`. The trace has the request's id, so that one is
/// found by the other. Its flags ask for no sampling.
fn new_names() -> (HeaderValue, HeaderValue) {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex::fill_random(&mut text[3..35]);
    hex::fill_random(&mut text[36..52]);
    let text = Bytes::copy_from_slice(&text);
    let value = |bytes| HeaderValue::from_maybe_shared(bytes).expect("hex is visible ASCII");
    (value(text.slice(3..35)), value(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_traceparent_is_one() {
        let (id, traceparent) = new_names();
        assert!(is_traceparent(&traceparent));
        assert_eq!(id.as_bytes(), &traceparent.as_bytes()[3..35]);
        assert_ne!(new_names(), new_names());
    }

    #[test]
    fn traceparents_are_judged_as_the_recommendation_has_it() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_traceparent(&HeaderValue::from_static(valid)));
        for faulty in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert!(!is_traceparent(&HeaderValue::from_static(faulty)), "{faulty}");
        }
    }
}
