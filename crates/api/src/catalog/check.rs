//! How the items of a collection fit a schema.

use std::time::Duration;

use domain::{Collection, ItemId, Key, PAGE_ITEMS_MAX, PageQuery, PageStart, Violation, json};
use store::{Error, ErrorKind};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::Catalog;
use crate::stored_items::StoredItems;

/// How often the log says how far a check is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Most items that are named with their violation.
const EXAMPLES_MAX: usize = 10;

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct CheckedItems {
    /// What can be said of all items, if none is a violation.
    pub(crate) items: StoredItems,
    /// How many items do not satisfy the new schema.
    pub(crate) violating: u64,
    /// Some of them, each with its first violation.
    pub(crate) examples: Vec<(ItemId, Violation)>,
}

/// Reads the items of a collection, and tells how they fit a schema. A first `glance` ends after one page if
/// that has no violation.
///
/// # Errors
/// As those of a list.
pub(crate) async fn check_items(
    catalog: &Catalog,
    key: &Key,
    next: &Collection,
    glance: bool,
) -> Result<CheckedItems, Error> {
    let mut checked = CheckedItems::default();
    let (mut count, mut told) = (0_u64, Instant::now());
    let mut query = all_items(catalog, key).await?;
    loop {
        let page = catalog.store().list(query.clone()).await?;
        let after = page.next();
        for (id, item) in page.items {
            count += 1;
            let damaged = |error: json::Error| {
                Error::with_source(ErrorKind::Corrupt, "a stored item is no JSON", error)
            };
            let value = json::parse(item.representation()).map_err(damaged)?;
            match next.admit(value) {
                Ok(admitted) if admitted == item => {}
                Ok(_) => checked.items = StoredItems::WithoutDefaults,
                Err(violations) => {
                    checked.violating += 1;
                    if checked.examples.len() < EXAMPLES_MAX {
                        checked
                            .examples
                            .extend(violations.into_iter().next().map(|first| (id, first)));
                    }
                }
            }
            if count.is_multiple_of(100) {
                yield_now().await;
            }
        }
        if told.elapsed() >= PROGRESS_EVERY {
            let (name, violating) = (key.id.as_str(), checked.violating);
            tracing::info!(
                collection = name,
                count,
                violating,
                "the new schema of {name} is being checked: {count} items so far, {violating} do not satisfy it"
            );
            told = Instant::now();
        }
        match after {
            Some(_) if glance && checked.violating == 0 => return Ok(checked),
            Some(cursor) => query.start = cursor.into(),
            None => return Ok(checked),
        }
    }
}

/// Tells whether a collection has an item at the moment.
///
/// # Errors
/// As those of a list.
pub(crate) async fn has_items(catalog: &Catalog, key: &Key) -> Result<bool, Error> {
    let query = PageQuery { items_max: 1, ..all_items(catalog, key).await? };
    Ok(!catalog.store().list(query).await?.items.is_empty())
}

async fn all_items(catalog: &Catalog, key: &Key) -> Result<PageQuery, Error> {
    let record = catalog.definitions().read(key).await?;
    let gone = || Error::new(ErrorKind::Unavailable, "the collection was deleted meanwhile");
    let (record, _) = record.ok_or_else(gone)?;
    Ok(PageQuery {
        collection: record.keyspace,
        start: PageStart::First,
        prefix: None,
        items_max: PAGE_ITEMS_MAX,
    })
}
