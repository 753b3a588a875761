//! `DELETE /{collection}/{id}`.

use contract::Responses;
use contract::extract::{NoQuery, Path, State};
use domain::{Change, Refusal, Write};

use super::failure::{
    ConditionFailed, Missing, PreconditionMissing, StoreFailure, WriteStoreFailure,
};
use super::idempotency::{KeyReused, Keyed, Replayed};
use super::params::{Conditions, Id};
use super::parts::Did;
use crate::shelf::Shelf;

/// What a deletion answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum DeleteItem {
    /// The item was deleted.
    Deleted(Did, Option<Replayed>) = 204,
}

/// What a deletion answers when it fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum DeleteFailure {
    Demand(PreconditionMissing),
    Missing(Missing),
    Condition(ConditionFailed),
    Key(KeyReused),
    Recall(StoreFailure),
    Store(WriteStoreFailure),
}

/// Removes the item.
///
/// # Cancel safety
/// As [`put_item`](super::put_item).
pub(crate) async fn delete_item(
    State(shelf): State<Shelf>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    Conditions(precondition): Conditions,
    keyed: Keyed,
) -> Result<DeleteItem, DeleteFailure> {
    let key = shelf.key(id);
    let idempotency = keyed.item(&shelf, &key, b"");
    let remember_when = keyed.remember_when();
    let verdict = match shelf.demand(&precondition) {
        Ok(()) => {
            let write = Write::new(key, Change::Delete);
            let write = Write { precondition, idempotency, remember_when, ..write };
            shelf.apply::<WriteStoreFailure>(write).await?
        }
        Err(refused) => {
            let refused = DeleteFailure::from(refused);
            shelf.replay_or(idempotency.as_ref(), refused).await?
        }
    };
    match verdict {
        Ok(applied) => {
            let applied = keyed.told(applied);
            let replayed = applied.replayed.map(|_| Replayed);
            Ok(DeleteItem::Deleted(Did::of(&applied.outcome), replayed))
        }
        Err(Refusal::KeyReused) => Err(KeyReused::new().into()),
        Err(Refusal::PreconditionFailed { current }) => Err(ConditionFailed::new(current).into()),
        Err(Refusal::NotFound | Refusal::Moved) => Err(Missing::item().into()),
    }
}
