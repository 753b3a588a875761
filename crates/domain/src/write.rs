//! A write, and all that can come of it.

use crate::etag::ETag;
use crate::id::Key;
use crate::idempotency::{Idempotency, Remembered};
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
    /// What makes it safe to repeat, if the client sent an idempotency key or a proxy marked it.
    pub idempotency: Option<Idempotency>,
    /// Which outcomes are remembered under that idempotency.
    pub remember_when: RememberWhen,
}

/// Which outcomes of a write with an [`Idempotency`] are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RememberWhen {
    /// All of them. A repetition does nothing, also when the item has changed since.
    #[default]
    Always,
    /// Those that changed the item. An unchanged one leaves nothing, so it costs nothing: a
    /// repetition is decided anew, as if the first request had not been made.
    Changed,
}

impl Write {
    /// Makes a write without a precondition and without an idempotency key.
    #[must_use]
    pub fn new(key: Key, change: Change) -> Self {
        Self {
            key,
            precondition: Precondition::default(),
            change,
            idempotency: None,
            remember_when: RememberWhen::Always,
        }
    }

    /// Returns what is to be remembered of this write once it did `outcome`: nothing unless it
    /// carries a key, nothing when it was answered from memory, and nothing of an outcome that
    /// [`remember_when`](Self::remember_when) leaves out.
    #[must_use]
    pub fn remember(&self, outcome: &Outcome) -> Option<Remembered> {
        let Idempotency { fingerprint, until, .. } = self.idempotency?;
        let is_remembered = match outcome {
            Outcome::Replayed(_) => false,
            Outcome::Unchanged(_) => self.remember_when == RememberWhen::Always,
            Outcome::Created(_) | Outcome::Updated(_) | Outcome::Deleted => true,
        };
        if !is_remembered {
            return None;
        }
        Some(Remembered { fingerprint, until, id: self.key.id.clone(), outcome: outcome.clone() })
    }
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
    /// The item is no longer the one that [`Change::Replace`] was computed from.
    #[error("the item has changed since it was read")]
    Moved,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
}

/// The answer of [`decide`](crate::decide).
pub type Verdict = Result<Outcome, Refusal>;
