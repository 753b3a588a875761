//! Bodies of requests, and what becomes of those that are not read to their end.
//!
//! A service that refuses a request answers before it has read the body. The rest of that body is on
//! its way all the same, and hyper closes the connection when it meets it, without a word: the client
//! loses whatever request it sends next. So a small rest is read and dropped, after which the
//! connection goes on; and where the rest is large, or of unknown length, the answer says
//! `Connection: close`, so that the client sends its next request elsewhere (RFC 9112 §9.6).
//!
//! Over HTTP/2 only the stream ends. But some clients that are still sending when it is reset do not look
//! at the answer any more, though it came before (RFC 9113 §8.1), so there a larger rest is read, too.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use pin_project_lite::pin_project;
use tokio::time::timeout;

/// How much of a rest is read after the answer, and for how long.
#[derive(Clone, Copy, Debug)]
struct RestLimit {
    bytes_max: u64,
    time_max: Duration,
}

/// Over HTTP/1.1: what is larger costs more than a new connection.
const OF_CONNECTION: RestLimit =
    RestLimit { bytes_max: 64 << 10, time_max: Duration::from_secs(2) };

/// Over HTTP/2: within this time a slow line of 5 Mbit/s carries 10 MiB, and a fast one the rest.
const OF_STREAM: RestLimit = RestLimit { bytes_max: 64 << 20, time_max: Duration::from_secs(20) };

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    /// Taken out when the body is dropped.
    incoming: Option<Incoming>,
    /// Where the rest is left; nothing when there is no rest, or it is not needed.
    unread: Option<Unread>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
        match &frame {
            Some(Ok(_)) if !incoming.is_end_stream() => {}
            Some(Ok(_)) | None => self.unread = None,
            Some(Err(_)) => {
                if let Some(unread) = self.unread.take() {
                    unread.set(Rest::Broken);
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let (Some(unread), Some(incoming)) = (self.unread.take(), self.incoming.take()) {
            unread.leave(incoming);
        }
    }
}

/// Where the requests of a connection leave what they do not read; there is one request at a time.
#[derive(Clone, Debug, Default)]
struct Unread(Arc<Mutex<Rest>>);

/// What is left of the body of a request.
#[derive(Debug, Default)]
enum Rest {
    /// Nothing, as far as is known.
    #[default]
    None,
    /// This.
    Left(Incoming),
    /// It cannot be read.
    Broken,
    /// It does not matter: the answer has begun.
    Answered,
}

impl Unread {
    fn set(&self, rest: Rest) -> Rest {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), rest)
    }

    /// Leaves a rest, if the answer has not begun; after that hyper closes the connection.
    fn leave(&self, incoming: Incoming) {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*rest, Rest::None) {
            *rest = Rest::Left(incoming);
        }
    }
}

/// A service of one connection that takes care of what its requests leave unread.
#[derive(Debug)]
pub(crate) struct TakeRest<S> {
    service: S,
    /// That of the connection over HTTP/1.1; over HTTP/2 each request has one of its own.
    unread: Option<Unread>,
}

impl<S> TakeRest<S> {
    /// Wraps the service of a connection of HTTP/1.1.
    pub(crate) fn of_connection(service: S) -> Self {
        Self { service, unread: Some(Unread::default()) }
    }

    /// Wraps the service of a connection of HTTP/2.
    pub(crate) fn of_streams(service: S) -> Self {
        Self { service, unread: None }
    }
}

impl<S, B> Service<Request<Incoming>> for TakeRest<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if request.body().is_end_stream() {
            let untracked = |incoming| RequestBody { incoming: Some(incoming), unread: None };
            let answer = self.service.call(request.map(untracked));
            return Answering { answer, unread: None, limit: None, ends_connection: false };
        }
        // A client that waits for `100 Continue` sends no body after another answer, or sends it:
        // the service cannot tell.
        let expects_continue = request.headers().contains_key(EXPECT);
        let ends_connection = self.unread.is_some();
        let limit = if ends_connection { OF_CONNECTION } else { OF_STREAM };
        let limit = (!expects_continue).then_some(limit);
        let unread = self.unread.clone().unwrap_or_default();
        unread.set(Rest::None);
        let request = request
            .map(|incoming| RequestBody { incoming: Some(incoming), unread: Some(unread.clone()) });
        let answer = self.service.call(request);
        Answering { answer, unread: Some(unread), limit, ends_connection }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        unread: Option<Unread>,
        // How much of a rest is read; nothing of it if there is no limit.
        limit: Option<RestLimit>,
        // Whether a rest that is not read ends the connection.
        ends_connection: bool,
    }
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(context))?;
        let Some(unread) = this.unread.take() else { return Poll::Ready(Ok(answer)) };
        let incoming = match unread.set(Rest::Answered) {
            Rest::None | Rest::Answered => return Poll::Ready(Ok(answer)),
            Rest::Left(incoming) => Some(incoming),
            Rest::Broken => None,
        };
        let ends_connection = *this.ends_connection;
        let limit = this.limit.filter(|_| !answer.headers().contains_key(CONNECTION));
        match (incoming, limit) {
            (Some(incoming), Some(limit)) if fits(&incoming, limit, ends_connection) => {
                tokio::task::spawn_local(read_rest(incoming, limit));
            }
            _ if ends_connection => {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        Poll::Ready(Ok(answer))
    }
}

/// Tells whether a rest is small enough to be read. Where the answer has to say whether the connection
/// ends, its length must be known.
fn fits(incoming: &Incoming, limit: RestLimit, has_to_be_known: bool) -> bool {
    let rest = incoming.size_hint().upper();
    rest.map_or(!has_to_be_known, |rest| rest <= limit.bytes_max)
}

/// Reads the rest of a body, so that hyper finds the next request behind it. If it does not come,
/// hyper closes the connection, or resets the stream.
async fn read_rest(mut incoming: Incoming, limit: RestLimit) {
    let next =
        |incoming: &mut Incoming, context: &mut Context<'_>| Pin::new(incoming).poll_frame(context);
    let reading = async {
        let mut left = limit.bytes_max;
        while let Some(Ok(frame)) = poll_fn(|context| next(&mut incoming, context)).await {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(still_left) = left.checked_sub(bytes) else { return };
            left = still_left;
        }
    };
    let _ = timeout(limit.time_max, reading).await;
}
