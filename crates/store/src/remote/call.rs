//! Calls whose writes are settled, and where the result of each write goes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use domain::{Verdict, Write};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pending_writes::{PendingShare, PendingWrites};
use crate::error::Error;

/// Where the results of a call go, in the order of its writes.
pub(super) type ReplySender = oneshot::Sender<Vec<Result<Verdict, Error>>>;

/// A call that is answered when the last of its writes has its result.
struct Call {
    since: Instant,
    results: RefCell<Vec<Option<Result<Verdict, Error>>>>,
    open: Cell<usize>,
    reply: Cell<Option<(ReplySender, Arc<PendingShare>)>>,
}

/// Where the result of one write goes. Dropping it without a result loses the call's answer.
pub(super) struct ReplySlot {
    call: Rc<Call>,
    at: usize,
}

impl ReplySlot {
    /// Gives the write its result, and answers the call if this was the last one.
    pub(super) fn fill(self, result: Result<Verdict, Error>) {
        let Self { call, at } = self;
        call.results.borrow_mut()[at] = Some(result);
        call.open.set(call.open.get() - 1);
        if call.open.get() > 0 {
            return;
        }
        if let Some((reply, share)) = call.reply.take() {
            drop(share);
            // A caller that has gone away needs no answer.
            drop(reply.send(call.results.take().into_iter().flatten().collect()));
        }
    }

    /// Returns when the call was accepted.
    pub(super) fn since(&self) -> Instant {
        self.call.since
    }
}

impl PendingWrites {
    /// Returns the writes, each with the place for its result.
    pub(super) fn into_slots(self) -> impl Iterator<Item = (ReplySlot, Write)> {
        let count = self.writes.len();
        let call = Rc::new(Call {
            since: self.since,
            results: RefCell::new((0..count).map(|_| None).collect()),
            open: Cell::new(count),
            reply: Cell::new(Some((self.reply, self.share))),
        });
        let slots = (0..count).map(move |at| ReplySlot { call: Rc::clone(&call), at });
        slots.zip(self.writes)
    }
}
