//! Bodies of requests, also of those that are not read to their end.
//!
//! A service that refuses a request answers before it has read the body. The rest of that body is on
//! its way all the same, and hyper closes the connection when it meets it, without notice: the client
//! loses its next request. So a small rest is read and dropped, after which the connection goes on;
//! and where the rest is large, or of unknown length, the answer says `Connection: close`, so that the
//! client sends its next request elsewhere (RFC 9112 §9.6).
//!
//! Over HTTP/2 only the stream ends. But some clients that are still sending when it is reset do not look
//! at the answer any more, though it came before (RFC 9113 §8.1), so there a larger rest is read, too.
//!
//! What a service holds of a body is taken from the budget of memory, and given back when the answer
//! is sent.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use memory::{Exhausted, Memory, Share, owning};
use pin_project_lite::pin_project;
use tokio::time::{Instant, timeout};

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

/// What the bodies of requests take from the budget.
#[derive(Clone, Debug)]
pub struct BodyCost {
    /// The budget.
    pub memory: Memory,
    /// How many bytes of memory each byte of a body costs until the answer is sent.
    pub factor: usize,
    /// Most bytes that are held of a body. What is longer is passed on as it comes.
    pub held_bytes_max: u64,
}

/// Bodies up to this size cost nothing: they are bounded by the number of connections.
const FREE_BYTES: u64 = 4 << 10;

impl BodyCost {
    /// Returns what so many bytes cost.
    fn of(&self, bytes: u64) -> usize {
        let held = if bytes > FREE_BYTES { bytes.min(self.held_bytes_max) } else { 0 };
        usize::try_from(held).unwrap_or(usize::MAX).saturating_mul(self.factor)
    }
}

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    /// Taken out when the body is dropped.
    incoming: Option<Incoming>,
    /// Where the rest is left; nothing when there is no rest, or it is not needed.
    unread: Option<UnreadBody>,
    /// How many bytes of it were read.
    read: u64,
}

impl Body for RequestBody {
    type Data = Bytes;
    /// That of the connection, or [`memory::Exhausted`].
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
        if let (Some(Ok(frame)), Some(unread)) = (&frame, &this.unread) {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            unread.hold(this.read, bytes)?;
            unread.note_read();
            this.read += bytes;
        }
        match &frame {
            Some(Ok(_)) if !incoming.is_end_stream() => {}
            Some(Ok(_)) | None => this.unread = None,
            Some(Err(_)) => {
                if let Some(unread) = this.unread.take() {
                    unread.set(BodyRest::Broken);
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
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
#[derive(Clone, Debug)]
struct UnreadBody(Arc<UnreadBodyShared>);

#[derive(Debug)]
struct UnreadBodyShared {
    cost: BodyCost,
    state: Mutex<UnreadBodyState>,
}

#[derive(Debug)]
struct UnreadBodyState {
    rest: BodyRest,
    /// What the request holds.
    share: Share,
    /// When a piece of it was last read.
    read_at: Option<Instant>,
}

/// Tells when the body of a request was last read, while its answer is being sent.
#[derive(Clone, Debug)]
pub(crate) struct LastRead(UnreadBody);

impl LastRead {
    /// Returns when that was, if a piece was read at all.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.0.state().read_at
    }
}

/// What is left of the body of a request.
#[derive(Debug, Default)]
enum BodyRest {
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

impl UnreadBody {
    fn new(cost: &BodyCost) -> Self {
        let state =
            UnreadBodyState { rest: BodyRest::None, share: cost.memory.share(), read_at: None };
        Self(Arc::new(UnreadBodyShared { cost: cost.clone(), state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, UnreadBodyState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, rest: BodyRest) -> BodyRest {
        std::mem::replace(&mut self.state().rest, rest)
    }

    /// Leaves a rest, if the answer has not begun; after that hyper closes the connection.
    fn leave(&self, incoming: Incoming) {
        let mut state = self.state();
        if matches!(state.rest, BodyRest::None) {
            state.rest = BodyRest::Left(incoming);
        }
    }

    /// Notes that a piece was read.
    fn note_read(&self) {
        self.state().read_at = Some(Instant::now());
    }

    /// Takes memory for bytes that follow others.
    fn hold(&self, before: u64, bytes: u64) -> Result<(), Exhausted> {
        let cost = &self.0.cost;
        match cost.of(before + bytes) - cost.of(before) {
            0 => Ok(()),
            more => self.state().share.grow(more),
        }
    }

    /// Takes what the request holds, if it is anything.
    fn take_share(&self) -> Option<Share> {
        let mut state = self.state();
        let is_empty = state.share.bytes() == 0;
        (!is_empty).then(|| std::mem::replace(&mut state.share, self.0.cost.memory.share()))
    }
}

/// A service of one connection that takes care of what its requests leave unread.
#[derive(Debug)]
pub(crate) struct TakeRest<S> {
    service: S,
    cost: BodyCost,
    /// That of the connection over HTTP/1.1; over HTTP/2 each request has one of its own.
    unread: Option<UnreadBody>,
}

impl<S> TakeRest<S> {
    /// Wraps the service of a connection of HTTP/1.1.
    pub(crate) fn of_connection(service: S, cost: BodyCost) -> Self {
        Self { service, unread: Some(UnreadBody::new(&cost)), cost }
    }

    /// Wraps the service of a connection of HTTP/2.
    pub(crate) fn of_streams(service: S, cost: BodyCost) -> Self {
        Self { service, unread: None, cost }
    }
}

impl<S, B> Service<Request<Incoming>> for TakeRest<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<Holding<B>>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if request.body().is_end_stream() {
            let untracked =
                |incoming| RequestBody { incoming: Some(incoming), unread: None, read: 0 };
            let answer = self.service.call(request.map(untracked));
            return Answering { answer, unread: None, limit: None, ends_connection: false };
        }
        // A client that waits for `100 Continue` sends no body after another answer, or sends it:
        // the service cannot tell.
        let expects_continue = request.headers().contains_key(EXPECT);
        let ends_connection = self.unread.is_some();
        let limit = if ends_connection { OF_CONNECTION } else { OF_STREAM };
        let limit = (!expects_continue).then_some(limit);
        let unread = self.unread.clone().unwrap_or_else(|| UnreadBody::new(&self.cost));
        unread.set(BodyRest::None);
        let request = request.map(|incoming| RequestBody {
            incoming: Some(incoming),
            unread: Some(unread.clone()),
            read: 0,
        });
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
        unread: Option<UnreadBody>,
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
    type Output = Result<Response<Holding<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(context))?;
        let share = this.unread.as_ref().and_then(UnreadBody::take_share).map(Arc::new);
        let mut answer = answer.map(|body| Holding { body, share });
        let Some(unread) = this.unread.take() else { return Poll::Ready(Ok(answer)) };
        let incoming = match unread.set(BodyRest::Answered) {
            BodyRest::None | BodyRest::Answered => {
                if !*this.ends_connection {
                    answer.extensions_mut().insert(LastRead(unread));
                }
                return Poll::Ready(Ok(answer));
            }
            BodyRest::Left(incoming) => Some(incoming),
            BodyRest::Broken => None,
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

pin_project! {
    /// The body of an answer, which holds what its request held until it is sent: it may be made of
    /// the same memory.
    #[derive(Debug)]
    pub(crate) struct Holding<B> {
        #[pin]
        body: B,
        share: Option<Arc<Share>>,
    }
}

impl<B: Body<Data = Bytes>> Body for Holding<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(context));
        let Some(share) = this.share else { return Poll::Ready(frame) };
        let hold = |bytes| owning(bytes, Arc::clone(share));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
