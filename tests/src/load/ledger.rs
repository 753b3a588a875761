//! What a client knows of its items.

use std::collections::{BTreeMap, BTreeSet};

/// An item as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) body: String,
    pub(super) etag: String,
}

/// All that is known of the items of one client.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Items that exist.
    pub(super) present: BTreeMap<String, Item>,
    /// Items that were written without an answer: each may be one of these, or absent for `None`.
    pub(super) open: BTreeMap<String, [Option<String>; 2]>,
    /// Bodies that were posted without an answer.
    pub(super) posted: BTreeSet<String>,
}

impl Ledger {
    /// Compares what is there with what was answered. Takes what it can explain out of `found`.
    ///
    /// # Panics
    /// If something was lost, or is there that should not be.
    pub(super) fn verify(&self, found: &mut BTreeMap<String, Item>) {
        for (id, item) in &self.present {
            assert_eq!(found.remove(id).as_ref(), Some(item), "{id}: found, and acknowledged");
        }
        for (id, states) in &self.open {
            let body = found.remove(id).map(|item| item.body);
            assert!(states.contains(&body), "{id} is {body:?}, and should be one of {states:?}");
        }
        for body in &self.posted {
            let ids = found.iter().filter(|(_, item)| item.body == *body);
            let ids: Vec<_> = ids.map(|(id, _)| id.clone()).collect();
            assert!(ids.len() <= 1, "one POST made {ids:?}: {body}");
            ids.iter().for_each(|id| drop(found.remove(id)));
        }
    }
}
