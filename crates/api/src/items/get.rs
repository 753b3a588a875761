//! `GET` and `HEAD /{collection}/{id}`.

use contract::extract::{NoQuery, Path, State};
use contract::{CacheControl, Responses};

use super::failure::{ConditionFailed, Missing, StoreFailure};
use super::params::{Conditions, Id};
use super::parts::{Representation, Tag};
use crate::shelf::Shelf;

/// What a get answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum GetItem {
    /// The item.
    Found(Representation, Tag, CacheControl) = 200,
    /// The item still has one of the tags in `If-None-Match`.
    NotModified(Tag, CacheControl) = 304,
}

/// What a get answers when it fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum GetFailure {
    Missing(Missing),
    Condition(ConditionFailed),
    Store(StoreFailure),
}

/// Returns the item.
pub(crate) async fn get_item(
    State(shelf): State<Shelf>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    Conditions(precondition): Conditions,
) -> Result<GetItem, GetFailure> {
    let item = shelf.get(&shelf.key(id)).await?.ok_or_else(Missing::item)?;
    let etag = item.etag();
    // The order is that of RFC 9110 §13.2.2.
    if !precondition.if_match_holds(Some(&item)) {
        return Err(ConditionFailed::new(Some(etag)).into());
    }
    if !precondition.if_none_match_holds(Some(&item)) {
        return Ok(GetItem::NotModified(Tag(etag), CacheControl::NoCache));
    }
    let body = Representation::read(&item, shelf.memory()).map_err(StoreFailure::from)?;
    Ok(GetItem::Found(body, Tag(etag), CacheControl::NoCache))
}
