//! Answers over HTTP/2 of which the client takes nothing.
//!
//! Each stream has a window, and a client that does not open it keeps the answer in the service's
//! memory, while the connection goes on. So an answer is watched until its last byte has left for
//! the socket. One of which nothing has left for a time, while nothing of its request was read either, ends the
//! connection, with the other streams on it: hyper cannot be told to reset a stream that waits for its window.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use hyper::service::Service;
use memory::owning;
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep};

use crate::request_body::LastRead;
use crate::stall_time::StallTime;

/// Most bytes of an answer that leave as one: what a frame carries unless the client allows more
/// (RFC 9113 §4.2).
const PIECE_BYTES_MAX: usize = 16 << 10;

/// The answers of one connection that are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchedAnswers(Arc<Mutex<Vec<Weak<Progress>>>>);

/// How far an answer has got.
#[derive(Debug)]
struct Progress {
    state: Mutex<ProgressState>,
    /// When its request was last read; nothing if that is over, or there is no body.
    request: Option<LastRead>,
}

#[derive(Debug)]
struct ProgressState {
    /// When something of it last left, or came from where it is made.
    last: Instant,
    /// Pieces that have not left.
    pieces: usize,
    /// Whether more of it is to come, and does not: what it waits for is not the client's doing.
    is_being_made: bool,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, ProgressState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether the client has taken nothing for `time_max`.
    fn is_stalled(&self, time_max: Duration) -> bool {
        let state = self.state();
        let read_at = self.request.as_ref().and_then(LastRead::at);
        let last = read_at.map_or(state.last, |at| at.max(state.last));
        (state.pieces > 0 || !state.is_being_made) && last.elapsed() >= time_max
    }
}

impl WatchedAnswers {
    /// Watches an answer from now on.
    fn begin(&self, request: Option<LastRead>) -> Arc<Progress> {
        let state = ProgressState { last: Instant::now(), pieces: 0, is_being_made: false };
        let progress = Arc::new(Progress { state: Mutex::new(state), request });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended make room; a connection has as many as it may have streams.
        if all.len() == all.capacity() {
            all.retain(|answer| answer.strong_count() > 0);
        }
        all.push(Arc::downgrade(&progress));
        progress
    }

    /// Waits until nothing of some answer has left for `time`. Returns how long that was.
    pub(crate) async fn stalled(&self, time: &StallTime) -> Duration {
        loop {
            sleep(time.look_after()).await;
            let time_max = time.max();
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.iter().filter_map(Weak::upgrade).any(|answer| answer.is_stalled(time_max)) {
                return time_max;
            }
        }
    }
}

/// A service whose answers are watched.
#[derive(Clone, Debug)]
pub(crate) struct WatchAnswers<S> {
    pub(crate) service: S,
    pub(crate) answers: WatchedAnswers,
}

impl<S, R, B> Service<Request<R>> for WatchAnswers<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    type Response = Response<WatchedBody<B>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<R>) -> Self::Future {
        Answering { answer: self.service.call(request), answers: self.answers.clone() }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        answers: WatchedAnswers,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<WatchedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(context))?;
        let request = answer.extensions_mut().remove();
        let progress = (!answer.body().is_end_stream()).then(|| this.answers.begin(request));
        Poll::Ready(Ok(answer.map(|body| WatchedBody { body, rest: Bytes::new(), progress })))
    }
}

pin_project! {
    /// A body whose pieces are watched.
    #[derive(Debug)]
    pub(crate) struct WatchedBody<B> {
        #[pin]
        body: B,
        // What is left of the last piece of the body.
        rest: Bytes,
        progress: Option<Arc<Progress>>,
    }
}

/// Notes that a piece has left when it is dropped.
struct PieceGuard(Arc<Progress>);

impl Drop for PieceGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.pieces -= 1;
        state.last = Instant::now();
    }
}

impl<B: Body<Data = Bytes>> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let Some(progress) = this.progress else { return this.body.poll_frame(context) };
        if this.rest.is_empty() {
            let polled = this.body.poll_frame(context);
            let mut state = progress.state();
            (state.last, state.is_being_made) = (Instant::now(), polled.is_pending());
            drop(state);
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let bytes = this.rest.split_to(this.rest.len().min(PIECE_BYTES_MAX));
        progress.state().pieces += 1;
        let piece = owning(bytes, PieceGuard(Arc::clone(progress)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (self.rest.len() as u64, self.body.size_hint());
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
    }
}
