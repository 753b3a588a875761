//! Bodies of requests, and what becomes of those that are not read to their end.
//!
//! A service that refuses a request answers before it has read the body. The rest of that body is on
//! its way all the same, and hyper closes the connection when it meets it, without a word: the client
//! loses whatever request it sends next. So a small rest is read and dropped, after which the
//! connection goes on; and where the rest is large, or of unknown length, the answer says
//! `Connection: close`, so that the client sends its next request elsewhere (RFC 9112 §9.6).

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

/// Most bytes of a rest that is read after the answer. What is larger costs more than a new
/// connection.
const REST_BYTES_MAX: u64 = 64 << 10;

/// Longest time for that rest to arrive.
const REST_TIME_MAX: Duration = Duration::from_secs(2);

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    /// Taken out when the body is dropped.
    incoming: Option<Incoming>,
    /// Where the rest is left; nothing when there is no rest, or nobody minds.
    unread: Option<Unread>,
}

impl RequestBody {
    /// Returns a body of which no rest is taken care of: each request of HTTP/2 has a stream of its
    /// own.
    pub(crate) fn untracked(incoming: Incoming) -> Self {
        Self { incoming: Some(incoming), unread: None }
    }
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

/// A service of one connection of HTTP/1.1 that takes care of what its requests leave unread.
#[derive(Debug)]
pub(crate) struct TakeRest<S> {
    service: S,
    unread: Unread,
}

impl<S> TakeRest<S> {
    pub(crate) fn new(service: S) -> Self {
        Self { service, unread: Unread::default() }
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
            let answer = self.service.call(request.map(RequestBody::untracked));
            return Answering { answer, unread: None, expects_continue: false };
        }
        let expects_continue = request.headers().contains_key(EXPECT);
        let unread = &self.unread;
        unread.set(Rest::None);
        let request = request
            .map(|incoming| RequestBody { incoming: Some(incoming), unread: Some(unread.clone()) });
        let answer = self.service.call(request);
        Answering { answer, unread: Some(unread.clone()), expects_continue }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        unread: Option<Unread>,
        expects_continue: bool,
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
        match unread.set(Rest::Answered) {
            Rest::None | Rest::Answered => {}
            Rest::Left(incoming)
                // A client that waits for `100 Continue` sends no body after another answer, or
                // sends it: nobody can tell.
                if !*this.expects_continue
                    && !answer.headers().contains_key(CONNECTION)
                    && incoming.size_hint().upper().is_some_and(|rest| rest <= REST_BYTES_MAX) =>
            {
                tokio::task::spawn_local(read_rest(incoming));
            }
            Rest::Left(_) | Rest::Broken => {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Poll::Ready(Ok(answer))
    }
}

/// Reads the rest of a body, so that hyper finds the next request behind it. If it does not come,
/// hyper closes the connection.
async fn read_rest(mut incoming: Incoming) {
    let next =
        |incoming: &mut Incoming, context: &mut Context<'_>| Pin::new(incoming).poll_frame(context);
    let reading =
        async { while let Some(Ok(_)) = poll_fn(|context| next(&mut incoming, context)).await {} };
    let _ = timeout(REST_TIME_MAX, reading).await;
}
