//! `GET` and `HEAD /{collection}/{id}`.

use contract::extract::{NoQuery, Path, PathParameter, State};
use contract::{CacheControl, Problem, Responses};
use domain::ItemId;

use super::failure::{StoreFailure, precondition_failed};
use super::order::OrderToken;
use super::params::Conditions;
use super::parts::{Representation, Tag};
use super::served::ServedCollection;

/// The answers of a get that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum GetItem {
    /// The item.
    #[answer(200)]
    Found(Representation, Tag, Option<OrderToken>, CacheControl),
    /// The item still has one of the tags in `If-None-Match`.
    #[answer(304)]
    NotModified(Tag, Option<OrderToken>, CacheControl),
}

/// The answers of a get that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum GetFailure {
    /// There is no item with this id.
    #[answer(404)]
    NoSuchItem(Problem),
    /// A precondition does not hold for the item's current state. `ETag` is the item's current
    /// tag, if it exists.
    #[answer(412)]
    PreconditionFailed(Problem, Option<Tag>),
    Store(StoreFailure),
}

/// Returns the item.
pub(crate) async fn get_item<P: PathParameter + Into<ItemId>>(
    State(collection): State<ServedCollection>,
    Path(id): Path<P>,
    NoQuery: NoQuery,
    Conditions(precondition): Conditions,
) -> Result<GetItem, GetFailure> {
    let item = collection.get(&collection.key(id.into())).await?;
    let item = item.ok_or_else(|| GetFailure::NoSuchItem(Problem::default()))?;
    let (etag, order) = (item.etag(), OrderToken::of(&item));
    // The order is that of RFC 9110 §13.2.2.
    if !precondition.if_match_holds(Some(&item)) {
        let (problem, tag) = precondition_failed(Some(etag));
        return Err(GetFailure::PreconditionFailed(problem, tag));
    }
    if !precondition.if_none_match_holds(Some(&item)) {
        return Ok(GetItem::NotModified(Tag(etag), order, CacheControl::NoCache));
    }
    let body = Representation::read(&item, collection.memory()).map_err(StoreFailure::from)?;
    Ok(GetItem::Found(body, Tag(etag), order, CacheControl::NoCache))
}
