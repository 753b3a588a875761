//! A store in memory. It keeps nothing when it is dropped: for tests, and for trying Shelf out.

mod answers;

use std::collections::BTreeMap;
use std::ops::Bound;

use domain::{
    CollectionName, Item, ItemId, Key, Moment, Outcome, Page, PageQuery, PageStart, Remembered,
    ReplayKey, Verdict, Write, decide,
};
use parking_lot::RwLock;

use self::answers::Answers;
use crate::clock::Clock;
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
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    collections: BTreeMap<CollectionName, Items>,
    answers: Answers,
}

impl State {
    fn get(&self, key: &Key) -> Option<&Item> {
        self.collections.get(&key.collection).and_then(|items| items.get(&key.id))
    }

    fn apply(&mut self, write: Write) -> Verdict {
        let remembered = write.idempotency.and_then(|own| self.answers.get(&own.key));
        let outcome = decide(self.get(&write.key), remembered, &write)?;
        if let Some((own, remembered)) = write.idempotency.zip(write.remember(&outcome)) {
            self.answers.keep(own, remembered);
        }
        let Key { collection, id } = write.key;
        match &outcome {
            Outcome::Created(item) | Outcome::Updated(item) => {
                self.collections.entry(collection).or_default().insert(id, item.clone());
            }
            Outcome::Deleted => {
                self.collections.entry(collection).and_modify(|items| drop(items.remove(&id)));
            }
            Outcome::Unchanged(_) | Outcome::Replayed(_) => {}
        }
        Ok(outcome)
    }
}

impl Store for Memory {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        Reply::Ready(Ok(self.state.read().get(key).cloned()))
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        Reply::Ready(writes.into_iter().map(|write| Ok(self.state.write().apply(write))).collect())
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        Reply::Ready(Ok(self.state.read().answers.get(key).cloned()))
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        let state = self.state.read();
        let Some(items) = state.collections.get(&query.collection) else {
            return Reply::Ready(Ok(Page::default()));
        };
        let first = match &query.start {
            PageStart::First => Bound::Unbounded,
            PageStart::After(id) => Bound::Excluded(id),
            PageStart::At(id) => Bound::Included(id),
        };
        let entries = items.range((first, Bound::Unbounded));
        Reply::Ready(Page::collect(
            entries.map(|(id, item)| Ok((id.clone(), item.clone()))),
            query.items_max,
        ))
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        Reply::Ready(Ok(()))
    }

    fn now(&self) -> Moment {
        Clock::of_process().now()
    }

    fn alive(&self) -> Result<(), Error> {
        Ok(())
    }
}
