//! Removes what is left of deleted collections.
//!
//! A collection is deleted when its definition is. Its items are in a keyspace that no definition names any
//! more, and no other ever will, so that they can be removed at leisure.

use std::convert::Infallible;
use std::time::Duration;

use domain::{Change, CollectionName, Key, Keyspace, PageQuery, PageStart, Write};
use store::Error;
use tokio::time::{interval, sleep};

use super::{Catalog, definition_key};

/// Most items that are removed at a time.
const STEP_ITEMS: usize = 200;

/// The pause after each step, in which other writes go first.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// Looks for items of deleted collections, for ever.
pub(super) async fn sweep_again_and_again(catalog: Catalog, every: Duration) -> Infallible {
    let mut rounds = interval(every);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = catalog.0.sweep.notified() => {}
        }
        if let Err(error) = sweep(&catalog).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the items of deleted collections could not be removed; this is tried again"
            );
        }
    }
}

/// Begins to remove the items of a collection that was just deleted.
pub(crate) fn sweep_soon(catalog: &Catalog) {
    catalog.0.sweep.notify_one();
}

/// Removes the items of all deleted collections.
pub(super) async fn sweep(catalog: &Catalog) -> Result<(), Error> {
    let mut after = None;
    while let Some(keyspace) = catalog.store().collection_after(after.as_ref()).await? {
        if keyspace.has_incarnation() && is_dead(catalog, &keyspace).await? {
            let count = remove(catalog, &keyspace).await?;
            let name = keyspace.name();
            let items = if count == 1 { "item" } else { "items" };
            tracing::info!(
                collection = name,
                count,
                "removed {count} {items} of the deleted collection {name}"
            );
        }
        after = Some(keyspace);
    }
    Ok(())
}

/// Tells whether no definition names a keyspace. One that has items was named before it had them, so none
/// will name it later.
async fn is_dead(catalog: &Catalog, keyspace: &Keyspace) -> Result<bool, Error> {
    let Ok(name) = CollectionName::new(keyspace.name()) else { return Ok(false) };
    let record = catalog.definitions().read(&definition_key(&name)).await?;
    Ok(record.is_none_or(|(record, _)| record.keyspace != *keyspace))
}

/// Removes all items of a keyspace, and returns how many.
async fn remove(catalog: &Catalog, keyspace: &Keyspace) -> Result<usize, Error> {
    let mut count = 0;
    let mut query = PageQuery {
        collection: keyspace.clone(),
        start: PageStart::First,
        prefix: None,
        items_max: STEP_ITEMS,
    };
    loop {
        let page = catalog.store().list(query.clone()).await?;
        let next = page.next();
        let writes = page
            .items
            .into_iter()
            .map(|(id, _)| Write::new(Key { collection: keyspace.clone(), id }, Change::Delete));
        for verdict in catalog.store().apply(writes.collect()).await {
            // Another replica may sweep as well.
            count += usize::from(verdict?.is_ok());
        }
        match next {
            // A replica that had not heard of the deletion may write one more; the next round finds it.
            None => return Ok(count),
            Some(cursor) => query.start = cursor.into(),
        }
        sleep(STEP_PAUSE).await;
    }
}
