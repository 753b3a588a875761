//! A change of a definition that the items are looked at for, in steps that can be cut off anywhere.
//!
//! 1. The record gets the pending change. From then on every replica refuses writes that the change will not
//!    allow, once it has read the record: within the [`LEASE`].
//! 2. When all of them have, and no earlier write is on its way, the items are read. What is found cannot change
//!    any more.
//! 3. The definition is replaced or deleted, or the pending change is removed.
//!
//! If the process ends in between, the change is given up: its beat stops, which the other replicas notice.

use std::time::Duration;

use domain::{CollectionName, Key};
use serde_json::{Map, Value};
use store::Error;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, sleep_until};

use super::record::{PendingChange, Record, random};
use super::{Catalog, definition_key};
use crate::lease::{Ask, LEASE};

/// How often a change says that its check goes on.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How much longer than the lease it is waited: a request may have looked at its catalog at the end of that.
const LEASE_MARGIN: Duration = Duration::from_millis(100);

/// How often it is looked whether the writes that were on their way have come to their end.
const DRAIN_STEP: Duration = Duration::from_millis(1);

/// A change that is being checked. When it is dropped, it is given up.
#[derive(Debug)]
pub(crate) struct Change {
    catalog: Catalog,
    name: CollectionName,
    key: Key,
    id: String,
    beat: JoinHandle<()>,
    is_done: bool,
}

impl Change {
    /// Begins a change, and waits until it is in force. `definition` is what is to come; nothing if the
    /// collection is to be deleted. Returns nothing if there is no such collection, or another change is
    /// being checked.
    ///
    /// # Errors
    /// As those of a write.
    ///
    /// # Cancel safety
    /// The change is given up.
    pub(crate) async fn begin(
        catalog: &Catalog,
        name: &CollectionName,
        definition: Option<Map<String, Value>>,
    ) -> Result<Option<Self>, Error> {
        let key = definition_key(name);
        let id = format!("{:016x}", random());
        let pending = PendingChange { id: id.clone(), beat: 0, definition };
        // From here on, so that it is given up also if the answer of the store is lost.
        let change = Self {
            catalog: catalog.clone(),
            name: name.clone(),
            beat: tokio::spawn(beat(catalog.clone(), key.clone(), id.clone())),
            key,
            id,
            is_done: false,
        };
        let with = |record: Record| {
            let is_free = record.change.is_none();
            is_free.then(|| Record { change: Some(pending.clone()), ..record })
        };
        if catalog.definitions().update(&change.key, with).await?.is_none() {
            return Ok(None);
        }
        change.wait_until_in_force().await?;
        Ok(Some(change))
    }

    /// Returns what tells the change from others.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    async fn wait_until_in_force(&self) -> Result<(), Error> {
        let lease = self.catalog.lease();
        let written = Instant::now();
        lease.ask(Ask::Name(self.name.clone())).await?;
        while !self.catalog.is_drained(&self.name) {
            sleep(DRAIN_STEP).await;
        }
        if lease.is_shared() {
            sleep_until(written + LEASE + LEASE_MARGIN).await;
        }
        Ok(())
    }

    /// Says that the change was concluded: there is nothing to give up.
    pub(crate) fn conclude(mut self) {
        self.is_done = true;
    }

    /// Gives the change up, and waits until writes are free again.
    ///
    /// # Errors
    /// As those of a write.
    pub(crate) async fn give_up(mut self) -> Result<(), Error> {
        self.catalog.definitions().abandon(&self.key, &self.id).await?;
        self.is_done = true;
        self.catalog.lease().ask(Ask::Name(self.name.clone())).await
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.beat.abort();
        if self.is_done {
            return;
        }
        let (catalog, key, id) = (self.catalog.clone(), self.key.clone(), self.id.clone());
        let name = self.name.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // If this fails, the change is given up when its beat is missed.
                if catalog.definitions().abandon(&key, &id).await.is_ok() {
                    let _ = catalog.lease().ask(Ask::Name(name)).await;
                }
            });
        }
    }
}

/// Says again and again that a change is being checked.
async fn beat(catalog: Catalog, key: Key, id: String) {
    let mut rounds = interval(BEAT_EVERY);
    rounds.tick().await;
    loop {
        rounds.tick().await;
        let next = |mut record: Record| {
            let change = record.change.as_mut().filter(|change| change.id == id)?;
            change.beat += 1;
            Some(record)
        };
        // One that fails is not missed: there are ten in the time that is waited for them.
        let _ = catalog.definitions().update(&key, next).await;
    }
}
