//! Snapshots of the maps: what a write replaces is kept for those that have still to read it.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Weak};

use domain::{ItemId, Key, Keyspace, SnapshotEntry, SnapshotQuery, Version};
use futures_util::{StreamExt as _, stream};
use parking_lot::{Mutex, RwLock};

use super::{MemoryState, StoredItem};
use crate::snapshot::{Chunk, Snapshot};

/// The snapshots that are open.
#[derive(Debug, Default)]
pub(super) struct OpenSnapshots(Vec<Weak<OpenSnapshot>>);

/// How far a snapshot was read, and what has changed behind that place.
#[derive(Debug)]
struct OpenSnapshot {
    collection: Keyspace,
    state: Mutex<SnapshotState>,
}

#[derive(Debug)]
struct SnapshotState {
    after: Option<ItemId>,
    /// What was there before the first change since the snapshot, `None` where nothing was.
    before: BTreeMap<ItemId, Option<StoredItem>>,
}

impl OpenSnapshots {
    /// Keeps what is stored under a key that a write is about to change.
    pub(super) fn keep(&mut self, key: &Key, stored: Option<&StoredItem>) {
        self.0.retain(|snapshot| {
            let Some(snapshot) = snapshot.upgrade() else { return false };
            if snapshot.collection == key.collection {
                let mut state = snapshot.state.lock();
                if state.after.as_ref().is_none_or(|after| *after < key.id) {
                    state.before.entry(key.id.clone()).or_insert_with(|| stored.cloned());
                }
            }
            true
        });
    }
}

/// Opens a snapshot of what is stored now.
pub(super) fn open(store: &Arc<RwLock<MemoryState>>, query: SnapshotQuery) -> Snapshot {
    let SnapshotQuery { collection, after } = query;
    let state = SnapshotState { after, before: BTreeMap::new() };
    let snapshot = Arc::new(OpenSnapshot { collection, state: Mutex::new(state) });
    store.write().snapshots.0.push(Arc::downgrade(&snapshot));
    let store = Arc::clone(store);
    stream::iter(std::iter::from_fn(move || {
        let chunk = snapshot.next_chunk(&store.read());
        (!chunk.is_empty()).then_some(Ok(chunk))
    }))
    .boxed()
}

impl OpenSnapshot {
    fn next_chunk(&self, store: &MemoryState) -> Vec<SnapshotEntry> {
        let mut state = self.state.lock();
        let SnapshotState { after, before } = &mut *state;
        let from = after.as_ref().map_or(Unbounded, Excluded);
        let items = store.collections.get(&self.collection).into_iter();
        let mut current =
            items.flat_map(|items| items.range::<ItemId, _>((from, Unbounded))).peekable();
        let mut chunk = Chunk::default();
        let mut last = None;
        while !chunk.is_full() {
            let Some((id, stored)) = next(&mut current, before) else { break };
            if let Some(StoredItem { item, change }) = stored {
                chunk.push(SnapshotEntry { id: id.clone(), item, version: Version::from(change) });
            }
            last = Some(id);
        }
        drop(current);
        if last.is_some() {
            *after = last;
        }
        chunk.take()
    }
}

/// Takes the next id from what is stored and what was there before, and what the snapshot has there.
fn next<'a>(
    current: &mut Peekable<impl Iterator<Item = (&'a ItemId, &'a StoredItem)>>,
    before: &mut BTreeMap<ItemId, Option<StoredItem>>,
) -> Option<(ItemId, Option<StoredItem>)> {
    let kept = before.first_key_value().map(|(id, _)| id);
    match (kept, current.peek()) {
        (Some(kept), now) if now.is_none_or(|(id, _)| kept <= *id) => {
            current.next_if(|(id, _)| *id == kept);
            before.pop_first()
        }
        _ => current.next().map(|(id, stored)| (id.clone(), Some(stored.clone()))),
    }
}
