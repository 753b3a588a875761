//! A body that passes through, piece by piece: as fast as the replica takes it, never held.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
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
/// The body lives as long as somebody watches it. hyper ends the connection of a body that was
/// dropped unread, and says so in an answer that has not begun by then. Whether it has would depend
/// on who is faster, so the body is kept until the answer is written.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Rc<Watched>);

#[derive(Debug)]
struct Watched {
    incoming: RefCell<RequestBody>,
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
            incoming: RefCell::new(incoming),
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
        loop {
            let polled = Pin::new(&mut *self.watch.0.incoming.borrow_mut()).poll_frame(context);
            let Poll::Ready(frame) = polled else {
                let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(self.pause_max)));
                ready!(pause.as_mut().poll(context));
                return Poll::Ready(Some(Err(BodyFault::Slow)));
            };
            self.pause = None;
            match frame {
                None => return Poll::Ready(None),
                Some(Err(_)) => {
                    return Poll::Ready(Some(Err(BodyFault::of_read(&self.refusals))));
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
