//! Keeps the catalog as the store has it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{CollectionName, Item, ItemId, PAGE_ITEMS_MAX, PageQuery, PageStart};
use futures_util::future::join_all;
use store::Error;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::entry::Entry;
use super::lookup::Successors;
use super::record::{Record, compile};
use super::{Catalog, Generation, definition_key, keyspace, sweep};
use crate::items::{Fence, Gate};
use crate::lease::{Ask, LEASE, Wish};

/// How often all definitions are read from a store that other processes can change: often enough that the
/// lease does not end when one read takes as long as the pause.
const REFRESH_EVERY: Duration = Duration::from_millis(LEASE.as_millis() as u64 / 3);

/// How long no collection that may not exist is looked up after some were.
const LOOKUP_PAUSE: Duration = Duration::from_millis(10);

/// Most collections that may not exist which are looked up at a time: with the pause, at most 1,600 reads a
/// second, whatever clients ask for.
const LOOKUPS_MAX: usize = 16;

/// Longest time for one read of the store: a request that waits for it is then answered, and the next wish
/// has its turn.
const READ_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a change is believed to go on whose beat does not change: ten beats.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(10);

/// How often items of deleted collections are looked for, beside the times when one is deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Reads the catalog from the store, when requests wish it and at intervals.
#[derive(Debug)]
pub struct Keeper {
    catalog: Catalog,
    wishes: mpsc::Receiver<Wish>,
    /// The changes that are pending, by the name of their collection: their id and beat, and since when that
    /// is so.
    pending: BTreeMap<String, ((String, u64), Instant)>,
}

/// What was read of a collection: nothing if there is none.
type Read = (String, Result<Option<Item>, Error>);

impl Keeper {
    pub(super) fn new(catalog: Catalog, wishes: mpsc::Receiver<Wish>) -> Self {
        Self { catalog, wishes, pending: BTreeMap::new() }
    }

    /// Reads all definitions for the first time. If the store belongs to this process alone, it gives up the
    /// changes that were being checked when it ended the last time.
    ///
    /// # Errors
    /// Why they cannot be read. They are read again when a request needs them.
    pub async fn load(&mut self) -> Result<(), Error> {
        self.refresh().await?;
        if !self.catalog.lease().is_shared() {
            self.end_changes(Duration::ZERO).await;
        }
        Ok(())
    }

    /// Keeps the catalog, for ever.
    pub async fn keep(mut self) -> Infallible {
        let mut rounds = interval(REFRESH_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What runs beside this ends with it.
        let mut beside = JoinSet::new();
        beside.spawn(sweep::sweep_again_and_again(self.catalog.clone(), SWEEP_EVERY));
        let mut waiting: Vec<Wish> = Vec::new();
        let mut last_lookup: Option<Instant> = None;
        loop {
            let pause = last_lookup.map(|last| LOOKUP_PAUSE.saturating_sub(last.elapsed()));
            let has_unknown = waiting.iter().any(|(ask, _)| matches!(ask, Ask::Unknown(_)));
            tokio::select! {
                wish = self.wishes.recv() => {
                    // The catalog holds a sender, so there is always one.
                    if let Some(wish) = wish {
                        waiting.push(wish);
                    }
                    while let Ok(wish) = self.wishes.try_recv() {
                        waiting.push(wish);
                    }
                    let may_look_up = pause.is_none_or(|pause| pause.is_zero());
                    self.serve(&mut waiting, may_look_up, &mut last_lookup).await;
                }
                () = sleep(pause.unwrap_or_default()), if has_unknown => {
                    self.serve(&mut waiting, true, &mut last_lookup).await;
                }
                _ = rounds.tick() => {
                    if self.needs_refresh()
                        && let Err(error) = self.refresh().await
                    {
                        // Requests that need the catalog are told, and /readyz says more.
                        tracing::debug!(error = &error as &dyn std::error::Error, "the collections cannot be read");
                    }
                    self.end_changes(CHANGE_TIME_MAX).await;
                }
            }
        }
    }

    fn needs_refresh(&self) -> bool {
        let lease = self.catalog.lease();
        lease.is_shared() || !lease.holds()
    }

    /// Reads what the wishes are about, and grants them.
    async fn serve(
        &mut self,
        waiting: &mut Vec<Wish>,
        may_look_up: bool,
        last_lookup: &mut Option<Instant>,
    ) {
        let (mut now, mut later) = (Vec::new(), Vec::new());
        let (mut names, mut unknown, mut all) = (BTreeSet::new(), BTreeSet::new(), false);
        for wish in waiting.drain(..) {
            match &wish.0 {
                Ask::All => all = true,
                Ask::Name(name) => drop(names.insert(name.clone())),
                Ask::Unknown(name) => {
                    if !unknown.contains(name) && (!may_look_up || unknown.len() >= LOOKUPS_MAX) {
                        later.push(wish);
                        continue;
                    }
                    unknown.insert(name.clone());
                }
            }
            now.push(wish);
        }
        *waiting = later;
        if now.is_empty() {
            return;
        }
        if !unknown.is_empty() {
            *last_lookup = Some(Instant::now());
        }
        names.append(&mut unknown);
        // A catalog that was never read is read as a whole: one that knows one collection alone could not
        // tell that it does not know another.
        let result = if all || !self.catalog.lease().holds() {
            self.refresh().await
        } else {
            self.read(names).await
        };
        for (_, told) in now {
            // The request may have ended meanwhile.
            let _ = told.send(result.clone());
        }
    }

    /// Reads some definitions.
    async fn read(&mut self, names: BTreeSet<CollectionName>) -> Result<(), Error> {
        let catalog = self.catalog.clone();
        let reading = names.into_iter().map(async |name| {
            let key = definition_key(&name);
            let read = timeout(READ_TIME_MAX, catalog.store().get(&key)).await;
            (name.as_str().to_owned(), read.unwrap_or_else(|_| Err(too_slow())))
        });
        let read = join_all(reading).await;
        let failed = read.iter().find_map(|(_, result)| result.as_ref().err().cloned());
        self.take_over(read, false).await;
        failed.map_or(Ok(()), Err)
    }

    /// Reads all definitions.
    async fn refresh(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        let mut query = PageQuery {
            collection: keyspace(),
            start: PageStart::First,
            prefix: None,
            items_max: PAGE_ITEMS_MAX,
        };
        let mut read: Vec<Read> = Vec::new();
        loop {
            let page = self.catalog.definitions().page(query.clone());
            let page = timeout(READ_TIME_MAX, page).await.map_err(|_| too_slow())??;
            let next = page.next();
            let name = |id: ItemId| id.as_str().to_owned();
            read.extend(page.items.into_iter().map(|(id, item)| (name(id), Ok(Some(item)))));
            match next {
                Some(cursor) => query.start = cursor.into(),
                None => break,
            }
        }
        self.take_over(read, true).await;
        self.catalog.lease().confirm(began);
        Ok(())
    }

    /// Makes what was read the catalog. `is_all` says that there is nothing else.
    async fn take_over(&mut self, read: Vec<Read>, is_all: bool) {
        let before = self.catalog.0.current.load_full();
        let mut after = Generation {
            entries: before.entries.clone(),
            schema_names: Arc::clone(&before.schema_names),
            broken: before.broken.clone(),
            ..Generation::default()
        };
        let mut has_changed = false;
        if is_all {
            let known: BTreeSet<_> = read.iter().map(|(name, _)| name.as_str()).collect();
            let is_gone = |name: &str, basis: bool| basis && !known.contains(name);
            let count = after.entries.len() + after.broken.len();
            let gone =
                after.entries.iter().filter(|(name, entry)| is_gone(name, entry.basis.is_some()));
            let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
            gone.iter().for_each(|name| after.remove(name));
            after.broken.retain(|name, _| !is_gone(name, true));
            self.pending.retain(|name, _| known.contains(name.as_str()));
            has_changed |= count != after.entries.len() + after.broken.len();
        }
        for (name, result) in read {
            let Ok(item) = result else { continue };
            let known = after.entries.get(&name);
            match (&item, known) {
                // What is configured stands in front of what the store has.
                (_, Some(entry)) if entry.basis.is_none() => continue,
                (Some(item), Some(entry)) if entry.basis == Some(item.etag()) => continue,
                (None, None) if !after.broken.contains_key(&name) => continue,
                _ => {}
            }
            has_changed = true;
            after.broken.remove(&name);
            // Before it is made anew: its own names are free for it.
            after.remove(&name);
            let made = match item {
                None => Ok(None),
                Some(item) => self.entry(&after, &name, item).await.map(Some),
            };
            match made {
                Ok(Some(entry)) => after.insert(name, entry),
                Ok(None) => drop(self.pending.remove(&name)),
                Err(error) => {
                    tracing::error!(
                        collection = name,
                        error = &error as &dyn std::error::Error,
                        "the definition of the collection {name} cannot be used"
                    );
                    after.broken.insert(name, error);
                }
            }
        }
        if has_changed {
            self.catalog.publish(after);
        }
    }

    /// Makes the entry of a definition.
    async fn entry(&mut self, after: &Generation, name: &str, item: Item) -> Result<Entry, Error> {
        let corrupt = |message: &'static str, source: domain::InvalidSchema| {
            Error::with_source(store::ErrorKind::Corrupt, message, source)
        };
        let record = Record::read(&item)?;
        let name = CollectionName::new(name).map_err(|error| {
            let message = "the id of a stored definition is no name";
            Error::with_source(store::ErrorKind::Corrupt, message, error)
        })?;
        match &record.change {
            None => drop(self.pending.remove(name.as_str())),
            Some(change) => {
                let beat = (change.id.clone(), change.beat);
                match self.pending.get(name.as_str()) {
                    Some((known, _)) if *known == beat => {}
                    _ => {
                        drop(self.pending.insert(name.as_str().to_owned(), (beat, Instant::now())))
                    }
                }
            }
        }
        let taken = Arc::clone(&after.schema_names);
        let lease = Arc::clone(self.catalog.lease());
        let catalog = self.catalog.clone();
        let basis = item.etag();
        // To compile a large schema takes long, and others wait for this thread.
        let making = spawn_blocking(move || {
            let message = "a stored schema cannot be compiled";
            let collection =
                compile(&name, &record.definition).map_err(|error| corrupt(message, error))?;
            let fence = match record.change {
                None => None,
                Some(change) => Some(match change.definition {
                    None => Fence::Deletion,
                    Some(definition) => {
                        let next = compile(&name, &definition);
                        Fence::Schema(Box::new(next.map_err(|error| corrupt(message, error))?))
                    }
                }),
            };
            let gate = Gate::new(lease, fence, Box::new(Successors(Arc::downgrade(&catalog.0))));
            let items = (record.keyspace, record.items);
            Ok(catalog.0.maker.entry(collection, items, Some(gate), Some(basis), &taken))
        });
        let ended = |error| {
            let message = "the thread that compiles a schema has ended";
            Error::with_source(store::ErrorKind::Internal, message, error)
        };
        making.await.map_err(ended)?
    }

    /// Removes the changes whose check has ended without a word, because its process did.
    async fn end_changes(&mut self, after: Duration) {
        let dead = self.pending.iter().filter(|(_, (_, since))| since.elapsed() >= after);
        let dead: Vec<_> = dead.map(|(name, ((id, _), _))| (name.clone(), id.clone())).collect();
        for (name, change) in dead {
            let Ok(name) = CollectionName::new(&name) else { continue };
            let key = definition_key(&name);
            if self.catalog.definitions().abandon(&key, &change).await.is_ok() {
                tracing::warn!(collection = %name, "a change of the collection {name} was given up: the service that checked it has ended");
                let _ = self.read(BTreeSet::from([name])).await;
            }
        }
    }
}

fn too_slow() -> Error {
    Error::new(store::ErrorKind::Unavailable, "the store does not answer")
}
