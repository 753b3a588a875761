//! A body that is sent on piece by piece, as fast as the replica takes it, and never held.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serve::RequestBody;
use serve::framing::Refusals;
use tokio::time::{Sleep, sleep, sleep_until};

use super::{BodyError, BodyFault, BodyLimits};

/// A body on its way from the client to a replica.
#[derive(Debug)]
pub(crate) struct BodyStream {
    prefix: Option<Bytes>,
    /// The announced length, or `None` if it is sent in chunks.
    length: Option<u64>,
    passed: u64,
    bytes_max: u64,
    /// Longest pause between two pieces.
    pause_max: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    refusals: Refusals,
    handle: StreamHandle,
}

/// A stream as the task that waits for the answer sees it.
///
/// What becomes of a body that is not read to its end is decided when its answer begins
/// ([`RequestBody`]), so by then it has to be clear whether it is. A refusal [releases](Self::release) the
/// body, however much of it the replica would still take; after any other answer a [`BodyGuard`] keeps it
/// until the answer is written.
#[derive(Clone, Debug)]
pub(crate) struct StreamHandle(Rc<StreamState>);

#[derive(Debug)]
struct StreamState {
    /// `None` once it was released.
    incoming: RefCell<Option<RequestBody>>,
    /// Woken when the answer is over: the connection to the replica waits for a released body.
    waiting: RefCell<Option<Waker>>,
    is_over: Cell<bool>,
    fault: Cell<Option<BodyFault>>,
    moved: Cell<Instant>,
}

impl StreamHandle {
    /// Returns what is wrong with the body, if something is.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        self.0.fault.get()
    }

    /// Waits until nothing has moved for a time.
    pub(crate) async fn stalled(&self, time: Duration) {
        loop {
            let until = self.0.moved.get() + time;
            if Instant::now() >= until {
                return;
            }
            sleep_until(until.into()).await;
        }
    }

    /// Drops what is not read of the body. The replica is sent nothing more, and the connection to it
    /// ends once the answer is over.
    pub(crate) fn release(&self) {
        self.0.incoming.take();
    }

    /// Returns a guard that keeps the body until the answer is over.
    pub(crate) fn guard(self) -> BodyGuard {
        BodyGuard(self)
    }
}

/// Keeps the body of a request while its answer is written.
#[derive(Debug)]
pub(crate) struct BodyGuard(StreamHandle);

impl Drop for BodyGuard {
    fn drop(&mut self) {
        let state = &self.0.0;
        state.is_over.set(true);
        if let Some(waker) = state.waiting.take() {
            waker.wake();
        }
    }
}

impl BodyStream {
    /// `prefix` is what was read of it before.
    pub(super) fn new(
        prefix: Bytes,
        incoming: RequestBody,
        length: Option<u64>,
        refusals: Refusals,
        limits: BodyLimits,
    ) -> Self {
        let state = StreamState {
            incoming: RefCell::new(Some(incoming)),
            waiting: RefCell::default(),
            is_over: Cell::new(false),
            fault: Cell::new(None),
            moved: Cell::new(Instant::now()),
        };
        Self {
            prefix: (!prefix.is_empty()).then_some(prefix),
            length,
            passed: 0,
            bytes_max: limits.bytes_max,
            pause_max: limits.time_max,
            pause: None,
            refusals,
            handle: StreamHandle(Rc::new(state)),
        }
    }

    pub(crate) fn handle(&self) -> StreamHandle {
        self.handle.clone()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.passed)),
            None => SizeHint::default(),
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let data = match self.prefix.take() {
            Some(prefix) => prefix,
            None => match ready!(self.poll_data(context)) {
                Some(Ok(data)) => data,
                Some(Err(fault)) => return Poll::Ready(Some(Err(self.fail(fault)))),
                None => return Poll::Ready(None),
            },
        };
        self.passed += data.len() as u64;
        if self.passed > self.bytes_max {
            let fault = BodyFault::TooLarge { bytes_max: self.bytes_max };
            return Poll::Ready(Some(Err(self.fail(fault))));
        }
        self.handle.0.moved.set(Instant::now());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Waits for the next piece. Trailers end here: no replica reads them.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let state = &self.handle.0;
        loop {
            let polled = match &mut *state.incoming.borrow_mut() {
                Some(incoming) => Pin::new(incoming).poll_frame(context),
                // An error now would cut the answer, which comes on the same connection.
                None if !state.is_over.get() => {
                    state.waiting.replace(Some(context.waker().clone()));
                    return Poll::Pending;
                }
                None => return Poll::Ready(Some(Err(BodyFault::Incomplete))),
            };
            let Poll::Ready(frame) = polled else {
                state.waiting.replace(Some(context.waker().clone()));
                let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(self.pause_max)));
                ready!(pause.as_mut().poll(context));
                return Poll::Ready(Some(Err(BodyFault::Slow)));
            };
            self.pause = None;
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    let fault = BodyFault::of_read(&*error, &self.refusals);
                    return Poll::Ready(Some(Err(fault)));
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }

    /// Notes the fault. The error makes hyper cut the connection to the replica, which so learns
    /// that the body is not whole.
    fn fail(&mut self, fault: BodyFault) -> BodyError {
        self.handle.0.fault.set(Some(fault));
        "the client's body is faulty".into()
    }
}
