//! `DELETE /{collection}/{id}`.

use contract::Responses;
use contract::extract::{Path, State};
use domain::{Change, Refusal, Write};

use super::failure::{ConditionFailed, Missing, PreconditionMissing, WriteStoreFailure};
use super::params::{Conditions, Id};
use super::parts::Did;
use crate::shelf::Shelf;

/// What a deletion answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum DeleteItem {
    /// The item was deleted.
    Deleted(Did) = 204,
}

/// What a deletion answers when it fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum DeleteFailure {
    Demand(PreconditionMissing),
    Missing(Missing),
    Condition(ConditionFailed),
    Store(WriteStoreFailure),
}

/// Removes the item.
///
/// # Cancel safety
/// As [`put_item`](super::put_item).
pub(crate) async fn delete_item(
    State(shelf): State<Shelf>,
    Path(Id(id)): Path<Id>,
    Conditions(precondition): Conditions,
) -> Result<DeleteItem, DeleteFailure> {
    shelf.demand(&precondition)?;
    let write = Write { key: shelf.key(id), precondition, change: Change::Delete };
    match shelf.apply(write).await? {
        Ok(outcome) => Ok(DeleteItem::Deleted(Did::of(&outcome))),
        Err(Refusal::PreconditionFailed { current }) => Err(ConditionFailed::new(current).into()),
        Err(Refusal::NotFound | Refusal::Moved) => Err(Missing::item().into()),
    }
}
