//! What a write to a collection that was declared at run time has to pass.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::{Change, Collection, CollectionName, json};
use store::Error;

use super::failure::LookupFailure;
use super::served::ServedCollection;
use crate::lease::Lease;

/// Lets writes pass as long as what they were checked by is in force.
#[derive(Debug)]
pub(crate) struct Gate {
    lease: Arc<Lease>,
    fence: Option<Fence>,
    /// Whether the definition has been replaced.
    is_closed: AtomicBool,
    /// How many writes are on their way to the store.
    writes: AtomicUsize,
    successors: Box<dyn FindCollection>,
}

/// Finds the collection that has taken the place of one whose definition was replaced.
pub(crate) trait FindCollection: fmt::Debug + Send + Sync {
    /// Finds the collection that has this name now.
    fn find(&self, name: &CollectionName) -> Finding;
}

/// A search for a collection.
pub(crate) type Finding =
    Pin<Box<dyn Future<Output = Result<Arc<ServedCollection>, LookupFailure>> + Send>>;

/// A change of the definition that is being checked: writes that it will not allow are refused.
#[derive(Clone, Debug)]
pub(crate) enum Fence {
    /// The collection will have this schema.
    Schema(Box<Collection>),
    /// The collection will be deleted.
    Deletion,
}

/// A write that does not pass: the definition is being changed, or was changed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changing;

/// A write on its way to the store.
#[derive(Debug)]
pub(crate) struct Passed<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new(
        lease: Arc<Lease>,
        fence: Option<Fence>,
        successors: Box<dyn FindCollection>,
    ) -> Self {
        let (is_closed, writes) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { lease, fence, is_closed, writes, successors }
    }

    /// Finds the collection that has this name now.
    pub(crate) fn successor(&self, name: &CollectionName) -> Finding {
        self.successors.find(name)
    }

    /// Tells whether the definition may be relied on without a look at the store.
    pub(crate) fn is_in_force(&self) -> bool {
        self.lease.holds() && !self.is_closed.load(Ordering::Acquire) && !self.may_have_opened()
    }

    /// Tells whether a change is being checked that may be over: another replica may have ended it a moment
    /// ago.
    pub(crate) fn may_have_opened(&self) -> bool {
        self.fence.is_some() && self.lease.is_shared()
    }

    /// Lets a write pass.
    ///
    /// # Errors
    /// Why the catalog cannot be read, which has to be done if it is too old.
    pub(crate) async fn pass(
        &self,
        change: &Change,
    ) -> Result<Result<Passed<'_>, Changing>, Error> {
        self.hold().await?;
        let passed = self.enter();
        Ok(if self.lets_pass(change) { Ok(passed) } else { Err(Changing) })
    }

    /// Makes sure that the catalog is not too old.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) async fn hold(&self) -> Result<(), Error> {
        self.lease.hold().await
    }

    /// Counts a write, or several. Whether it [passes](Self::lets_pass) is looked at after this: the one that
    /// closes the gate waits for all writes that are counted then.
    pub(crate) fn enter(&self) -> Passed<'_> {
        self.count_write();
        Passed(self)
    }

    /// As [`enter`](Self::enter), until [`leave`](Self::leave) is called.
    pub(crate) fn count_write(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn leave(&self) {
        self.writes.fetch_sub(1, Ordering::SeqCst);
    }

    /// Tells whether a write that was counted passes.
    pub(crate) fn lets_pass(&self, change: &Change) -> bool {
        !self.is_closed.load(Ordering::SeqCst) && self.allows(change)
    }

    fn allows(&self, change: &Change) -> bool {
        match (&self.fence, change) {
            (None, _) | (Some(_), Change::Delete) => true,
            (Some(Fence::Deletion), _) => false,
            (Some(Fence::Schema(collection)), Change::Put(item) | Change::Replace { item, .. }) => {
                // The check may have passed the item's place already, so it has to be complete.
                let value = json::parse(item.representation()).ok();
                let admitted = value.and_then(|value| collection.admit(value).ok());
                admitted.is_some_and(|admitted| admitted.etag() == item.etag())
            }
        }
    }

    /// Lets nothing pass any more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// Tells whether no write is on its way any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
