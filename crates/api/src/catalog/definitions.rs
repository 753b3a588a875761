//! The system collection `collections`: definitions as items.
//!
//! For clients a definition is an item like any other, with an `ETag`, preconditions and idempotency keys.
//! The store keeps a [`Record`] of it, which says more. So a write is decided here by the definition, and
//! made true by replacing the record only if it still is the one that was read.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use domain::{
    Change, CollectionName, Count, Decision, Effect, IdPrefix, Item, ItemId, Key, Keyspace, Moment,
    Outcome, Page, PageQuery, Precondition, Refusal, RememberWhen, Remembered, ReplayKey,
    SnapshotEntry, SnapshotQuery, Tags, Verdict, Version, Write, decide,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Map, Value};
use store::{Error, ErrorKind, Reply, Snapshot, Store};

use super::record::{PendingChange, Record};
use crate::schemas::COLLECTIONS;
use crate::stored_items::StoredItems;

/// How often a record is written anew because it changed meanwhile. Others change it as often only while a
/// change is checked, once a second.
const ATTEMPTS_MAX: usize = 64;

/// The definitions of all collections: those that are configured, and those in the store. It is a store of
/// its own, whose items are definitions. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Definitions {
    store: Arc<dyn Store>,
    configured: Arc<BTreeMap<ItemId, Item>>,
}

/// What comes of a write to a definition.
#[derive(Debug)]
pub(crate) enum Written {
    /// It was decided.
    Decided(Verdict),
    /// Another change of the collection is being checked. Nothing was written.
    Changing,
    /// The write changes the schema of the collection, or deletes it, and the items have not been looked at:
    /// the definition was another one when that was decided. Nothing was written.
    Unchecked,
}

/// Returns the key of a collection's definition.
pub(crate) fn definition_key(name: &CollectionName) -> Key {
    let id = ItemId::new(name.as_str()).expect("a name is a legal id");
    Key { collection: keyspace(), id }
}

/// Returns where the store keeps definitions.
pub(crate) fn keyspace() -> Keyspace {
    Keyspace::new(COLLECTIONS).expect("it is a name")
}

impl Definitions {
    pub(crate) fn new(store: Arc<dyn Store>, configured: BTreeMap<ItemId, Item>) -> Self {
        Self { store, configured: Arc::new(configured) }
    }

    /// Tells whether a collection is configured: its definition is read-only.
    pub(crate) fn is_configured(&self, id: &ItemId) -> bool {
        self.configured.contains_key(id)
    }

    /// Returns what the store keeps of a collection, with the tag of the record.
    pub(crate) async fn read(&self, key: &Key) -> Result<Option<(Record, Item)>, Error> {
        let stored = self.store.get(key).await?;
        stored.map(|item| Ok((Record::read(&item)?, item))).transpose()
    }

    /// Returns a page of what the store keeps.
    pub(crate) async fn page(&self, query: PageQuery) -> Result<Page, Error> {
        self.store.list(query).await
    }

    /// Writes a definition. `own` is the id of the change that this write concludes, and `items` what is known
    /// of the items afterwards.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub(crate) async fn write(
        &self,
        write: &Write,
        own: Option<&str>,
        items: Option<StoredItems>,
    ) -> Result<Written, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let stored = self.read(&write.key).await?;
            // After the record is read: a request that sees the effect of an earlier one also sees what is
            // remembered of it.
            if let Some(verdict) = self.replay(write).await? {
                return Ok(Written::Decided(verdict));
            }
            let current = stored.as_ref().map(public_of);
            let (record, basis) = stored.unzip();
            let unkeyed = Write { idempotency: None, ..write.clone() };
            let Decision { verdict, effect } = decide(current.as_ref(), None, &unkeyed);
            let outcome = match verdict {
                Ok(outcome) => outcome,
                // There may be a tombstone, which the store alone sees.
                Err(Refusal::NotFound) if write.order.is_some() => {
                    match self.apply_to_nothing(write).await? {
                        Err(Refusal::PreconditionFailed { current: Some(_) } | Refusal::Moved) => {
                            continue;
                        }
                        verdict => return Ok(Written::Decided(verdict)),
                    }
                }
                Err(refused) => return Ok(Written::Decided(Err(refused))),
            };
            let pending = record.as_ref().and_then(|record| record.change.as_ref());
            let is_own = pending.map(|change| change.id.as_str()) == own;
            let changes = !matches!(outcome, Outcome::Unchanged(_) | Outcome::Stale(_));
            if changes && !is_own {
                return Ok(Written::Changing);
            }
            let is_checked = own.is_some() || items.is_some();
            if !is_checked && needs_check(record.as_ref(), &outcome)? {
                return Ok(Written::Unchecked);
            }
            let remembers =
                write.idempotency.is_some() && write.remember_when == RememberWhen::Always;
            if effect == Effect::Nothing && !remembers {
                return Ok(Written::Decided(Ok(outcome)));
            }
            let change = match &outcome {
                Outcome::Created(item) => Change::Put(new_record(&write.key, item)?.to_item()),
                Outcome::Updated(item) => {
                    let record = record.ok_or_else(lost_record)?;
                    let items = items.unwrap_or(record.items);
                    let definition = object(item)?;
                    Change::Put(Record { definition, items, change: None, ..record }.to_item())
                }
                Outcome::Unchanged(_) | Outcome::Stale(_) => {
                    Change::Put(basis.clone().ok_or_else(lost_record)?)
                }
                Outcome::Deleted => Change::Delete,
                Outcome::Replayed(_) => unreachable!("it was decided without its key"),
            };
            let precondition = match &basis {
                Some(basis) => if_match(basis),
                None => Precondition { if_none_match: Some(Tags::Any), if_match: None },
            };
            let Write { order, idempotency, remember_when, .. } = *write;
            let inner = Write {
                precondition,
                order,
                idempotency,
                remember_when,
                ..Write::new(write.key.clone(), change)
            };
            match self.apply_one(inner).await? {
                Ok(Outcome::Replayed(remembered)) => {
                    let remembered = public_answer(*remembered)?;
                    return Ok(Written::Decided(Ok(Outcome::Replayed(Box::new(remembered)))));
                }
                // A tombstone has the greater token, or the definition got one a moment ago.
                Ok(Outcome::Stale(stored)) => {
                    let stored = stored.as_ref().map(public).transpose()?;
                    return Ok(Written::Decided(Ok(Outcome::Stale(stored))));
                }
                Ok(Outcome::Created(stored)) => {
                    let created = Outcome::Created(public(&stored)?);
                    return Ok(Written::Decided(Ok(created)));
                }
                Ok(_) => return Ok(Written::Decided(Ok(outcome))),
                Err(refused @ (Refusal::KeyReused | Refusal::OrderMixed { .. })) => {
                    return Ok(Written::Decided(Err(refused)));
                }
                // Another write came in between.
                Err(Refusal::PreconditionFailed { .. } | Refusal::NotFound | Refusal::Moved) => {}
            }
        }
        Err(contended())
    }

    /// Replaces what the store keeps of a collection by what `replace` makes of it, and returns that: nothing
    /// if there is no record, or `replace` makes nothing of it.
    pub(crate) async fn update(
        &self,
        key: &Key,
        replace: impl Fn(Record) -> Option<Record>,
    ) -> Result<Option<Record>, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let Some((record, basis)) = self.read(key).await? else { return Ok(None) };
            let Some(record) = replace(record) else { return Ok(None) };
            let change = Change::Put(record.to_item());
            let write = Write { precondition: if_match(&basis), ..Write::new(key.clone(), change) };
            if self.apply_one(write).await?.is_ok() {
                return Ok(Some(record));
            }
        }
        Err(contended())
    }

    /// Removes a pending change, if it is this one.
    pub(crate) async fn abandon(&self, key: &Key, change: &str) -> Result<(), Error> {
        let is_it = |pending: &PendingChange| pending.id == change;
        let without = |record: Record| {
            record.change.as_ref().is_some_and(is_it).then_some(Record { change: None, ..record })
        };
        self.update(key, without).await.map(|_| ())
    }

    /// Applies a deletion or a replacement where there is no record: it does nothing but leave its order token.
    async fn apply_to_nothing(&self, write: &Write) -> Result<Verdict, Error> {
        let if_none_match = Some(Tags::Any);
        let precondition = Precondition { if_none_match, ..write.precondition.clone() };
        self.apply_one(Write { precondition, ..write.clone() }).await
    }

    async fn apply_one(&self, write: Write) -> Result<Verdict, Error> {
        let mut verdicts = self.store.apply(vec![write]).await;
        verdicts.pop().expect("a store answers every write")
    }

    async fn replay(&self, write: &Write) -> Result<Option<Verdict>, Error> {
        let Some(idempotency) = &write.idempotency else { return Ok(None) };
        let remembered = self.store.recall(&idempotency.key).await?;
        let remembered = remembered.map(public_answer).transpose()?;
        Ok(idempotency.replay(remembered.as_ref()))
    }

    /// Returns the configured definitions that a query is about.
    fn configured(&self, query: &PageQuery) -> impl Iterator<Item = (&ItemId, &Item)> {
        let end = query.prefix.as_ref().and_then(IdPrefix::end);
        let first = query.first();
        self.configured.iter().filter(move |(id, _)| {
            let is_behind = match first {
                Bound::Unbounded => true,
                Bound::Included(first) => id.as_str() >= first,
                Bound::Excluded(first) => id.as_str() > first,
            };
            is_behind && end.as_deref().is_none_or(|end| id.as_str() < end)
        })
    }

    async fn list_page(&self, query: PageQuery) -> Result<Page, Error> {
        let stored = self.store.list(query.clone()).await?;
        let mut items: BTreeMap<ItemId, Item> = BTreeMap::new();
        let last = stored.items.last().filter(|_| stored.more).map(|(id, _)| id.clone());
        for (id, item) in stored.items {
            items.insert(id, public(&item)?);
        }
        let is_on_page = |id: &ItemId| last.as_ref().is_none_or(|last| id <= last);
        let configured = self.configured(&query).filter(|(id, _)| is_on_page(id));
        items.extend(configured.map(|(id, item)| (id.clone(), item.clone())));
        let mut items: Vec<_> = items.into_iter().collect();
        let more = stored.more || items.len() > query.items_max;
        items.truncate(query.items_max);
        Ok(Page { items, more })
    }

    async fn count_step(&self, query: PageQuery) -> Result<Count, Error> {
        let mut count = self.store.count(query.clone()).await?;
        let last = count.last.as_ref();
        let configured = self.configured(&query).map(|(id, _)| id);
        let configured: Vec<_> =
            configured.filter(|id| last.is_none_or(|last| *id <= last)).collect();
        for id in configured {
            let key = Key { collection: keyspace(), id: id.clone() };
            // One that the store has as well was counted.
            count.items += usize::from(self.store.get(&key).await?.is_none());
        }
        Ok(count)
    }
}

/// Returns the definitions of some records, and those that are configured, which come first.
fn merge(
    stored: Vec<SnapshotEntry>,
    configured: BTreeMap<ItemId, Item>,
) -> Result<Vec<SnapshotEntry>, Error> {
    let mut entries = BTreeMap::new();
    for SnapshotEntry { id, item, version } in stored {
        entries.insert(id, (Record::read(&item)?.public(), version));
    }
    entries.extend(configured.into_iter().map(|(id, item)| (id, (item, Version::from(0_u64)))));
    let entries = entries.into_iter();
    Ok(entries.map(|(id, (item, version))| SnapshotEntry { id, item, version }).collect())
}

/// A definition is an object, so it is one again when it is read.
fn object(item: &Item) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(item.representation()).map_err(|error| {
        Error::with_source(ErrorKind::Internal, "a definition is no JSON object", error)
    })
}

/// Tells whether a write to a definition concerns the items that there are.
fn needs_check(record: Option<&Record>, outcome: &Outcome) -> Result<bool, Error> {
    Ok(match (record, outcome) {
        (Some(record), Outcome::Updated(item)) => {
            record.definition.get("schema") != object(item)?.get("schema")
        }
        (_, outcome) => *outcome == Outcome::Deleted,
    })
}

fn new_record(key: &Key, item: &Item) -> Result<Record, Error> {
    let name = CollectionName::new(key.id.as_str());
    let name = name.map_err(|error| {
        Error::with_source(ErrorKind::Internal, "the id of a definition is no name", error)
    })?;
    Ok(Record::new(&name, object(item)?))
}

/// Returns a definition as clients see it, with its order token.
fn public(stored: &Item) -> Result<Item, Error> {
    Ok(Record::read(stored)?.public().with_order(stored.order()))
}

/// Returns a definition as clients see it, with its order token.
pub(crate) fn public_of((record, stored): &(Record, Item)) -> Item {
    record.public().with_order(stored.order())
}

/// Returns what is remembered of a write to a record as that of a write to the definition.
fn public_answer(remembered: Remembered) -> Result<Remembered, Error> {
    let outcome = match &remembered.outcome {
        Outcome::Created(item) => Outcome::Created(public(item)?),
        Outcome::Updated(item) => Outcome::Updated(public(item)?),
        Outcome::Unchanged(item) => Outcome::Unchanged(public(item)?),
        Outcome::Stale(Some(item)) => Outcome::Stale(Some(public(item)?)),
        other => other.clone(),
    };
    Ok(Remembered { outcome, ..remembered })
}

fn if_match(basis: &Item) -> Precondition {
    Precondition { if_match: Some(Tags::Listed(vec![basis.etag()])), if_none_match: None }
}

fn lost_record() -> Error {
    Error::new(ErrorKind::Internal, "a definition without a record was decided")
}

fn contended() -> Error {
    Error::new(ErrorKind::Overloaded, "the definition changes faster than it can be written")
}

impl Store for Definitions {
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>> {
        if let Some(item) = self.configured.get(&key.id) {
            return Reply::Ready(Ok(Some(item.clone())));
        }
        let (this, key) = (self.clone(), key.clone());
        Reply::later(async move { Ok(this.read(&key).await?.map(|found| public_of(&found))) })
    }

    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>> {
        let this = self.clone();
        Reply::later(async move {
            let mut verdicts = Vec::with_capacity(writes.len());
            for write in &writes {
                let written = this.write(write, None, None).await;
                verdicts.push(written.and_then(|written| match written {
                    Written::Decided(verdict) => Ok(verdict),
                    Written::Changing | Written::Unchecked => Err(contended()),
                }));
            }
            verdicts
        })
    }

    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>> {
        let remembered = self.store.recall(key);
        Reply::later(async move { remembered.await?.map(public_answer).transpose() })
    }

    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>> {
        let this = self.clone();
        Reply::later(async move { this.list_page(query).await })
    }

    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>> {
        let this = self.clone();
        Reply::later(async move { this.count_step(query).await })
    }

    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>> {
        self.store.collection_after(after)
    }

    /// What is configured does not change, and comes with the chunk in whose range it is.
    fn snapshot(&self, query: SnapshotQuery) -> Snapshot {
        let first = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let configured = self.configured.range::<ItemId, _>((first, Bound::Unbounded));
        let mut configured: BTreeMap<ItemId, Item> =
            configured.map(|(id, item)| (id.clone(), item.clone())).collect();
        let chunks = self.store.snapshot(query).map(Some).chain(stream::iter([None]));
        let merged = chunks.map(move |chunk| {
            let chunk = chunk.transpose()?.unwrap_or_default();
            let later = match chunk.last() {
                None => BTreeMap::new(),
                Some(last) => {
                    let mut later = configured.split_off(&last.id);
                    configured.extend(later.remove_entry(&last.id));
                    later
                }
            };
            merge(chunk, std::mem::replace(&mut configured, later))
        });
        let is_some =
            |chunk: &Result<Vec<_>, Error>| !matches!(chunk, Ok(chunk) if chunk.is_empty());
        merged.filter(move |chunk| std::future::ready(is_some(chunk))).boxed()
    }

    fn check(&self) -> Reply<Result<(), Error>> {
        self.store.check()
    }

    fn now(&self) -> Moment {
        self.store.now()
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn alive(&self) -> Result<(), Error> {
        self.store.alive()
    }
}

#[cfg(test)]
mod tests;
