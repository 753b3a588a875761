//! What the service is told of the requests that the framing refused.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::fault::FramingFault;

/// Which requests of a connection were refused: shared by the connection and its service.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Rc<RefusalsInner>);

#[derive(Debug, Default)]
struct RefusalsInner {
    /// Heads that were let pass or replaced, in the order in which the service sees the requests.
    verdicts: RefCell<VecDeque<Option<FramingFault>>>,
    /// Whether a body that was being read turned out to be malformed.
    body: Cell<bool>,
}

impl Refusals {
    /// Adds the verdict on a head: nothing if it passes.
    pub(super) fn push(&self, verdict: Option<FramingFault>) {
        self.0.verdicts.borrow_mut().push_back(verdict);
    }

    /// Notes that the body that is being read is malformed.
    pub(super) fn refuse_body(&self) {
        self.0.body.set(true);
    }

    /// Returns the verdict on the next request of the connection. Over HTTP/2 there is none.
    #[must_use]
    pub fn next(&self) -> Option<FramingFault> {
        self.0.verdicts.borrow_mut().pop_front().flatten()
    }

    /// Tells whether the body that is being read breaks the chunked coding.
    #[must_use]
    pub fn body_is_malformed(&self) -> bool {
        self.0.body.get()
    }

    /// Takes all verdicts.
    #[cfg(test)]
    pub(super) fn take(&self) -> Vec<Option<FramingFault>> {
        self.0.verdicts.take().into()
    }
}
