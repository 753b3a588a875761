//! A write to one item.

use crate::etag::ETag;
use crate::id::Key;
use crate::idempotency::Idempotency;
use crate::item::Item;
use crate::order::Order;
use crate::outcome::{Outcome, Remembered};
use crate::precondition::Precondition;
use crate::snapshot::Version;

/// One write to one item. A back end applies it whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The item to write.
    pub key: Key,
    /// What the client demands of the item's state.
    pub precondition: Precondition,
    /// What to do to it.
    pub change: Change,
    /// The item must be as it was when a snapshot was read, and not have been changed and changed back
    /// meanwhile: then this is its version there.
    pub unchanged_since: Option<Version>,
    /// When it was made, if the client says so: a write that is older than what is there does nothing.
    pub order: Option<Order>,
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
    /// Those that changed the item. An unchanged or stale one leaves nothing, so it costs nothing: a
    /// repetition is decided anew, as if the first request had not been made.
    Changed,
}

impl Write {
    /// Makes a write without a precondition, an order token or an idempotency key.
    #[must_use]
    pub fn new(key: Key, change: Change) -> Self {
        Self {
            key,
            precondition: Precondition::default(),
            change,
            unchanged_since: None,
            order: None,
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
            Outcome::Unchanged(_) | Outcome::Stale(_) => self.remember_when == RememberWhen::Always,
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
