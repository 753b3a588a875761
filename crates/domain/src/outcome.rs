//! What comes of a write.

use crate::etag::ETag;
use crate::id::ItemId;
use crate::idempotency::{Fingerprint, Idempotency, Moment};
use crate::item::Item;
use crate::order::OrderKind;

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
    /// The write is older than what is there, by their order tokens; this is the stored item, if there is
    /// one. Nothing was done.
    Stale(Option<Item>),
    /// The same request was answered before; this is what it did then. Nothing was done now.
    Replayed(Box<Remembered>),
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
    /// The item is no longer the one that [`Change::Replace`](crate::Change::Replace) was computed from, or has
    /// changed since the snapshot that [`Write::unchanged_since`](crate::Write::unchanged_since) is of.
    #[error("the item has changed since it was read")]
    Moved,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The order token is of another kind than the one that is there.
    #[error("the order token of the item is {stored}")]
    OrderMixed {
        /// The kind of the one that is there.
        stored: OrderKind,
    },
}

/// What [`decide`](crate::decide) answers the writer.
pub type Verdict = Result<Outcome, Refusal>;

/// The answer of a write that carried an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What the request was.
    pub fingerprint: Fingerprint,
    /// From this moment on it is forgotten.
    pub until: Moment,
    /// The item that was written.
    pub id: ItemId,
    /// What was done; never [`Outcome::Replayed`].
    pub outcome: Outcome,
}

impl Idempotency {
    /// Answers the request from memory, or returns `None` when it is the first of its key.
    ///
    /// The answer is [`Outcome::Replayed`], or [`Refusal::KeyReused`] for another request.
    #[must_use]
    pub fn replay(&self, remembered: Option<&Remembered>) -> Option<Verdict> {
        let remembered = remembered.filter(|remembered| self.now < remembered.until)?;
        Some(if remembered.fingerprint == self.fingerprint {
            Ok(Outcome::Replayed(Box::new(remembered.clone())))
        } else {
            Err(Refusal::KeyReused)
        })
    }
}
