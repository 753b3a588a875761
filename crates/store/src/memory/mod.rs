//! A store in memory. It keeps nothing when it is dropped: for tests, and for trying Shelf out.

mod expiring;
mod snapshots;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use domain::{
    Count, Current, Decision, Effect, Item, ItemId, Key, Keyspace, Moment, Page, PageQuery,
    Remembered, ReplayKey, SnapshotQuery, State, Verdict, Version, Write, decide_version,
};
use parking_lot::RwLock;

use self::expiring::ExpiringMap;
use self::snapshots::OpenSnapshots;
use crate::clock::Clock;
use crate::error::Error;
use crate::options::Options;
use crate::reply::Reply;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::tombstone::{Tombstone, TombstoneTime};

type Items = BTreeMap<ItemId, StoredItem>;

/// An item, and the number of the change that made it what it is.
#[derive(Clone, Debug)]
struct StoredItem {
    item: Item,
    change: u64,
}

/// Items in a map behind a lock. Every call answers at once and never fails.
///
/// The lock is held for one write or one page at a time, so readers get through while many writes
/// are applied.
#[derive(Debug)]
pub(crate) struct Memory {
    state: Arc<RwLock<MemoryState>>,
    tombstone_time: TombstoneTime,
}

#[derive(Debug, Default)]
struct MemoryState {
    collections: BTreeMap<Keyspace, Items>,
    answers: ExpiringMap<ReplayKey, Remembered>,
    tombstones: ExpiringMap<Key, Tombstone>,
    snapshots: OpenSnapshots,
    /// How many changes there were.
    changes: u64,
}

impl MemoryState {
    fn get(&self, key: &Key) -> Option<&StoredItem> {
        self.collections.get(&key.collection).and_then(|items| items.get(&key.id))
    }

    /// Returns the items from the beginning of a query on, as far as they have its prefix.
    fn entries<'a>(
        &'a self,
        query: &'a PageQuery,
    ) -> impl Iterator<Item = (&'a ItemId, &'a StoredItem)> {
        let items = self.collections.get(&query.collection).into_iter();
        let entries = items.flat_map(|items| {
            items.range::<str, (Bound<&str>, Bound<&str>)>((query.first(), Bound::Unbounded))
        });
        entries.take_while(|(id, _)| {
            query.prefix.as_ref().is_none_or(|prefix| prefix.matches(id.as_str()))
        })
    }

    fn current(&self, key: &Key, time: TombstoneTime) -> Current<'_> {
        match self.get(key) {
            Some(stored) => Current::Item(&stored.item),
            None => match self.tombstones.get(key).map(|tombstone| time.state(*tombstone)) {
                Some(State::Deleted(order)) => Current::Deleted(order),
                _ => Current::Absent,
            },
        }
    }

    fn apply(&mut self, write: Write, time: TombstoneTime) -> Verdict {
        let remembered = write.idempotency.and_then(|own| self.answers.get(&own.key));
        let version = self.get(&write.key).map(|stored| Version::from(stored.change));
        let Decision { verdict, effect } =
            decide_version(self.current(&write.key, time), version, remembered, &write);
        let remembered = verdict.as_ref().ok().and_then(|outcome| write.remember(outcome));
        if let Some((own, remembered)) = write.idempotency.zip(remembered) {
            self.answers.keep(own.now, own.key, remembered.until, remembered);
        }
        if effect != Effect::Nothing {
            let stored = self.get(&write.key).cloned();
            self.snapshots.keep(&write.key, stored.as_ref());
            self.changes += 1;
        }
        match effect {
            Effect::Nothing => {}
            Effect::Keep(item) => {
                let Key { collection, id } = write.key;
                let stored = StoredItem { item, change: self.changes };
                self.collections.entry(collection).or_default().insert(id, stored);
            }
            Effect::Remove { order } => {
                if let Some(items) = self.collections.get_mut(&write.key.collection) {
                    items.remove(&write.key.id);
                }
                if let Some(order) = order {
                    let now = Clock::of_process().now();
                    let tombstone = time.tombstone(order);
                    self.tombstones.keep(now, write.key, tombstone.until, tombstone);
                }
            }
        }
        verdict
    }
}

impl Memory {
    pub(crate) fn new(options: &Options) -> Self {
        let tombstone_time = TombstoneTime::new(Clock::of_process(), options.deletions_time);
        Self { state: Arc::default(), tombstone_time }
    }
}

impl Store for Memory {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        Reply::Ready(Ok(self.state.read().get(key).map(|stored| stored.item.clone())))
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        Reply::Ready(
            writes
                .into_iter()
                .map(|write| Ok(self.state.write().apply(write, self.tombstone_time)))
                .collect(),
        )
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        Reply::Ready(Ok(self.state.read().answers.get(key).cloned()))
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        let state = self.state.read();
        let entries =
            state.entries(&query).map(|(id, stored)| Ok((id.clone(), stored.item.clone())));
        Reply::Ready(Page::collect(entries, query.items_max))
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        let state = self.state.read();
        let (mut items, mut last) = (0, None);
        for (id, _) in state.entries(&query).take(query.items_max) {
            items += 1;
            last = Some(id);
        }
        let last = last.filter(|_| items == query.items_max).cloned();
        Reply::Ready(Ok(Count { items, last }))
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        let state = self.state.read();
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut collections = state.collections.range((first, Bound::Unbounded));
        let found = collections.find(|(_, items)| !items.is_empty());
        Reply::Ready(Ok(found.map(|(name, _)| name.clone())))
    }

    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        snapshots::open(&self.state, query)
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        Reply::Ready(Ok(()))
    }

    fn now(&self) -> Moment {
        Clock::of_process().now()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn alive(&self) -> Result<(), Error> {
        Ok(())
    }
}
