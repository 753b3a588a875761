//! How much memory a write holds.

use domain::{Change, Write};

/// Returns about how many bytes a write holds: what bounds queues and groups is made of this.
pub(crate) fn write_bytes(write: &Write) -> usize {
    let item = match &write.change {
        Change::Put(item) | Change::Replace { item, .. } => item.representation().len(),
        Change::Delete => 0,
    };
    // What is to be remembered holds the item once more.
    item * (1 + usize::from(write.idempotency.is_some())) + write.key.id.as_str().len()
}
