//! A body that passes through, piece by piece: as fast as the replica takes it, never held.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serve::RequestBody;
use tokio::time::{Sleep, sleep, sleep_until};

use super::intake::BodyFault;
use crate::body::BodyError;
use crate::edge::Refusals;
use crate::worker::Terms;

/// A body on its way from the client to a replica.
#[derive(Debug)]
pub(crate) struct Stream {
    prefix: Option<Bytes>,
    /// The announced length, or `None` if it is sent in chunks.
    length: Option<u64>,
    passed: u64,
    bytes_max: u64,
    /// Longest pause between two pieces.
    pause_max: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    refusals: Refusals,
    watch: Watch,
}

/// What happens to a body, for whoever waits for the answer.
///
/// What becomes of a body that is not read to its end is decided when its answer begins
/// ([`RequestBody`]), so by then it has to be clear whether it is. A refusal lets go of the body
/// ([`let_go`](Self::let_go)), however much of it the replica would still take; after any other answer it is
/// kept until the answer is written ([`Kept`]), whoever is faster.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Rc<Watched>);

#[derive(Debug)]
struct Watched {
    /// `None` once it was let go of.
    incoming: RefCell<Option<RequestBody>>,
    /// Whoever waits for a body that was let go of, until the answer is over.
    waiting: RefCell<Option<Waker>>,
    is_over: Cell<bool>,
    fault: Cell<Option<BodyFault>>,
    moved: Cell<Instant>,
}

impl Watch {
    /// Returns what is wrong with the body, if something is.
    pub(super) fn fault(&self) -> Option<BodyFault> {
        self.0.fault.get()
    }

    /// Waits until nothing has moved for a time.
    pub(super) async fn stalled(&self, time: Duration) {
        loop {
            let until = self.0.moved.get() + time;
            if Instant::now() >= until {
                return;
            }
            sleep_until(until.into()).await;
        }
    }
}

impl Watch {
    /// Lets go of what is not read of the body. The replica is sent nothing more, and the connection to it
    /// ends once the answer is over.
    pub(super) fn let_go(&self) {
        self.0.incoming.take();
    }

    /// Keeps the body until the answer is over.
    pub(super) fn keep(self) -> Kept {
        Kept(self)
    }
}

/// The body of a request whose answer is being written.
#[derive(Debug)]
pub(crate) struct Kept(Watch);

impl Drop for Kept {
    fn drop(&mut self) {
        let watched = &self.0.0;
        watched.is_over.set(true);
        if let Some(waker) = watched.waiting.take() {
            waker.wake();
        }
    }
}

impl Stream {
    /// `prefix` is what was read of it before.
    pub(super) fn new(
        prefix: Bytes,
        incoming: RequestBody,
        length: Option<u64>,
        refusals: Refusals,
        terms: &Terms,
    ) -> Self {
        let watched = Watched {
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
            bytes_max: terms.body_bytes_max,
            pause_max: terms.body_time_max,
            pause: None,
            refusals,
            watch: Watch(Rc::new(watched)),
        }
    }

    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
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
        self.watch.0.moved.set(Instant::now());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Waits for the next piece. Trailers end here: no replica reads them.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let watched = &self.watch.0;
        loop {
            let polled = match &mut *watched.incoming.borrow_mut() {
                Some(incoming) => Pin::new(incoming).poll_frame(context),
                // An error now would cut the answer, which comes on the same connection.
                None if !watched.is_over.get() => {
                    watched.waiting.replace(Some(context.waker().clone()));
                    return Poll::Pending;
                }
                None => return Poll::Ready(Some(Err(BodyFault::Incomplete))),
            };
            let Poll::Ready(frame) = polled else {
                watched.waiting.replace(Some(context.waker().clone()));
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
        self.watch.0.fault.set(Some(fault));
        "the client's body is faulty".into()
    }
}
