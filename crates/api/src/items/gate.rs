//! What a write to a collection that was declared at run time has to pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::{Change, Collection, json};
use store::Error;

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
}

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
    pub(crate) fn new(lease: Arc<Lease>, fence: Option<Fence>) -> Self {
        Self { lease, fence, is_closed: AtomicBool::new(false), writes: AtomicUsize::new(0) }
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
        self.lease.hold().await?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let passed = Passed(self);
        // The gate is looked at after the write is counted: the one that closes it waits for all writes that
        // are counted then.
        let is_open = !self.is_closed.load(Ordering::SeqCst) && self.allows(change);
        Ok(if is_open { Ok(passed) } else { Err(Changing) })
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
        self.0.writes.fetch_sub(1, Ordering::SeqCst);
    }
}
