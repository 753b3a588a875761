//! A store in memory. It keeps nothing when it is dropped: for tests, and for trying Shelf out.

use std::collections::BTreeMap;
use std::ops::Bound;

use domain::{CollectionName, Item, ItemId, Key, Outcome, Page, PageQuery, Verdict, Write, decide};
use parking_lot::RwLock;

use crate::error::Error;
use crate::reply::Reply;
use crate::store::Store;

type Items = BTreeMap<ItemId, Item>;

/// Items in a map behind a lock. Every call answers at once and never fails.
///
/// The lock is held for one write or one page at a time, so readers get through while many writes
/// are applied.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    collections: RwLock<BTreeMap<CollectionName, Items>>,
}

impl Memory {
    fn apply_one(&self, write: Write) -> Verdict {
        let mut collections = self.collections.write();
        let current =
            collections.get(&write.key.collection).and_then(|items| items.get(&write.key.id));
        let outcome = decide(current, &write)?;
        let Key { collection, id } = write.key;
        match &outcome {
            Outcome::Created(item) | Outcome::Updated(item) => {
                collections.entry(collection).or_default().insert(id, item.clone());
            }
            Outcome::Deleted => {
                collections.entry(collection).and_modify(|items| drop(items.remove(&id)));
            }
            Outcome::Unchanged(_) => {}
        }
        Ok(outcome)
    }
}

impl Store for Memory {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        let collections = self.collections.read();
        let item = collections.get(&key.collection).and_then(|items| items.get(&key.id)).cloned();
        Reply::Ready(Ok(item))
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        Reply::Ready(writes.into_iter().map(|write| Ok(self.apply_one(write))).collect())
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        let collections = self.collections.read();
        let Some(items) = collections.get(&query.collection) else {
            return Reply::Ready(Ok(Page::default()));
        };
        let first = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let entries = items.range((first, Bound::Unbounded));
        Reply::Ready(Page::collect(
            entries.map(|(id, item)| Ok((id.clone(), item.clone()))),
            query.items_max,
        ))
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        Reply::Ready(Ok(()))
    }
}
