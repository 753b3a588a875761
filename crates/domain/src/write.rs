//! A write, and all that can come of it.

use crate::etag::ETag;
use crate::id::Key;
use crate::item::Item;
use crate::precondition::Precondition;

/// One write to one item. A back end applies it whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The item to write.
    pub key: Key,
    /// What the client demands of the item's state.
    pub precondition: Precondition,
    /// What to do to it.
    pub change: Change,
}

/// What a write does to its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Creates the item, or makes it equal to this one.
    Put(Item),
    /// Replaces the item if it still is the one that `item` was computed from: how a patch is
    /// applied without a lock.
    Replace {
        /// The tag of the item that was patched.
        basis: ETag,
        /// The result of the patch.
        item: Item,
    },
    /// Removes the item.
    Delete,
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The item did not exist, and now does.
    Created(Item),
    /// The item existed, and now is this one.
    Updated(Item),
    /// The item already was equal to what was sent; this is the stored one. Nothing was written.
    Unchanged(Item),
    /// The item existed, and no longer does.
    Deleted,
}

/// Why a write did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A precondition of the client does not hold.
    #[error("a precondition does not hold for the item's current state")]
    PreconditionFailed {
        /// The tag of the item as it is, if it exists.
        current: Option<ETag>,
    },
    /// There is no such item to replace or delete.
    #[error("there is no such item")]
    NotFound,
    /// The item is no longer the one that [`Change::Replace`] was computed from.
    #[error("the item has changed since it was read")]
    Moved,
}

/// The answer of [`decide`](crate::decide).
pub type Verdict = Result<Outcome, Refusal>;
