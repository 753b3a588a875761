//! A body that is sent on piece by piece, as fast as the replica takes it, and never held.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serve::RequestBody;
use serve::framing::Refusals;

use super::{BodyError, BodyFault};
use crate::progress::{IdleTimer, Progress};

/// A body on its way from the client to a replica.
#[derive(Debug)]
pub(crate) struct BodyStream {
    prefix: Option<Bytes>,
    /// The announced length, or `None` if it is sent in chunks.
    length: Option<u64>,
    bytes_max: u64,
    /// Bounds the time in which the client sends nothing.
    idle: IdleTimer,
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
    /// Whether the client is to send it; if not, it waits to be asked (RFC 9110 §10.1.1).
    is_asked: Cell<bool>,
    /// Whether the next piece is waited for.
    awaits_client: Cell<bool>,
    fault: Cell<Option<BodyFault>>,
    progress: Progress,
}

impl StreamHandle {
    /// Returns what is wrong with the body, if something is.
    pub(crate) fn fault(&self) -> Option<BodyFault> {
        self.0.fault.get()
    }

    /// Returns what has moved of the body and of its answer.
    pub(crate) fn progress(&self) -> &Progress {
        &self.0.progress
    }

    /// Says that the client is to send the body.
    pub(crate) fn ask(&self) {
        if !self.0.is_asked.replace(true) {
            self.wake();
        }
    }

    /// Says whether the client is to send the body at once.
    pub(super) fn set_asked(&self, is_asked: bool) {
        self.0.is_asked.set(is_asked);
    }

    /// Takes it for the client's fault that nothing has moved, if it is.
    pub(crate) fn note_stall(&self) {
        if self.0.awaits_client.get() {
            self.0.fault.set(Some(BodyFault::Slow));
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.0.waiting.take() {
            waker.wake();
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

impl BodyGuard {
    /// Returns the body.
    pub(crate) fn body(&self) -> &StreamHandle {
        &self.0
    }
}

impl Drop for BodyGuard {
    fn drop(&mut self) {
        self.0.0.is_over.set(true);
        self.0.wake();
    }
}

impl BodyStream {
    pub(super) fn new(
        incoming: RequestBody,
        length: Option<u64>,
        refusals: Refusals,
        bytes_max: u64,
        idle: IdleTimer,
    ) -> Self {
        let state = StreamState {
            incoming: RefCell::new(Some(incoming)),
            waiting: RefCell::default(),
            is_over: Cell::new(false),
            is_asked: Cell::new(true),
            awaits_client: Cell::new(false),
            fault: Cell::new(None),
            progress: idle.progress().clone(),
        };
        let handle = StreamHandle(Rc::new(state));
        Self { prefix: None, length, bytes_max, idle, refusals, handle }
    }

    /// Adds what was read of the body before.
    pub(super) fn after(mut self, prefix: Bytes) -> Self {
        self.prefix = (!prefix.is_empty()).then_some(prefix);
        self
    }

    pub(crate) fn handle(&self) -> StreamHandle {
        self.handle.clone()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => {
                SizeHint::with_exact(length.saturating_sub(self.handle.progress().sent()))
            }
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
        self.handle.progress().note_sent(data.len());
        if self.handle.progress().sent() > self.bytes_max {
            let fault = BodyFault::TooLarge { bytes_max: self.bytes_max };
            return Poll::Ready(Some(Err(self.fail(fault))));
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Waits for the next piece. Trailers end here: no replica reads them.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let state = &self.handle.0;
        loop {
            let polled = match &mut *state.incoming.borrow_mut() {
                Some(_) if !state.is_asked.get() => {
                    state.waiting.replace(Some(context.waker().clone()));
                    return Poll::Pending;
                }
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
                state.awaits_client.set(true);
                ready!(self.idle.poll_idle(context));
                return Poll::Ready(Some(Err(BodyFault::Slow)));
            };
            self.idle.stop();
            state.awaits_client.set(false);
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
