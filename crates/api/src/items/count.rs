//! `GET /{collection}:count`: how many items there are.

use contract::extract::{Query, State};
use contract::{CacheControl, Json, Responses};
use domain::{COUNT_STEP_ITEMS_MAX, PageQuery, PageStart};
use schemars::JsonSchema;
use serde::Serialize;

use super::failure::StoreFailure;
use super::params::{CountParams, Prefix};
use super::served::ServedCollection;

/// How many items there are.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ItemCount {
    /// The number of items.
    count: u64,
}

/// The answers of a count that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum CountItems {
    /// The number of items. An item that exists throughout is counted exactly once; one that is created or deleted
    /// in the meantime may be counted or not.
    #[answer(200)]
    Counted(Json<ItemCount>, CacheControl),
}

/// Counts items in steps, so that other requests get through, and a client that goes away leaves at most one step
/// behind.
pub(crate) async fn count_items(
    State(collection): State<ServedCollection>,
    Query(CountParams { prefix }): Query<CountParams>,
) -> Result<CountItems, StoreFailure> {
    let mut query = PageQuery {
        collection: collection.keyspace().clone(),
        start: PageStart::First,
        prefix: prefix.map(|Prefix(prefix)| prefix),
        items_max: COUNT_STEP_ITEMS_MAX,
    };
    let mut count = 0;
    loop {
        let step = collection.store().count(query.clone()).await?;
        count += step.items as u64;
        match step.last {
            Some(last) => query.start = PageStart::After(last),
            None => {
                break Ok(CountItems::Counted(Json(ItemCount { count }), CacheControl::NoCache));
            }
        }
    }
}
