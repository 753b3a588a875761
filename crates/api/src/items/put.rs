//! `PUT /{collection}/{id}`: the upsert.

use contract::Responses;
use contract::extract::{NoQuery, Path, Payload, Prefer, PreferenceApplied, Return, State};
use domain::{Change, Item, Outcome, Precondition, Refusal, Write};

use super::body::ItemBody;
use super::failure::{
    ConditionFailed, InvalidBody, ItemStoreFailure, PreconditionMissing, StoreFailure,
};
use super::idempotency::{KeyReused, Keyed, Replayed};
use super::params::{Conditions, Id};
use super::parts::{ContentLocation, Did, Location, Representation, Tag};
use crate::shelf::{Applied, Shelf};

/// What a put answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum PutItem {
    /// The item as it now is.
    Stored(Representation, ContentLocation, Tag, Did, Option<PreferenceApplied>, Option<Replayed>) =
        200,
    /// The item was created. The answer has a body even with `Prefer: return=minimal`.
    Created(Representation, Location, Tag, Did, Option<PreferenceApplied>, Option<Replayed>) = 201,
    /// The request was carried out. The item existed before, and the answer has no body because of `Prefer: return=minimal`.
    StoredMinimal(Tag, Did, PreferenceApplied, Option<Replayed>) = 204,
}

/// What a put answers when it fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum PutFailure {
    Body(InvalidBody),
    Missing(PreconditionMissing),
    Condition(ConditionFailed),
    Key(KeyReused),
    Recall(StoreFailure),
    Store(ItemStoreFailure),
}

/// Creates the item, or makes it equal to the body.
///
/// # Cancel safety
/// A client that hangs up leaves the item written or not written, never in between.
pub(crate) async fn put_item(
    State(shelf): State<Shelf>,
    payload: Payload<ItemBody>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    Conditions(precondition): Conditions,
    keyed: Keyed,
    prefer: Prefer,
) -> Result<PutItem, PutFailure> {
    let path = shelf.path(&id);
    let key = shelf.key(id);
    let idempotency = keyed.item(&shelf, &key, &payload.bytes);
    let remember_when = keyed.remember_when();
    let verdict = match admitted(&shelf, &payload.bytes, &precondition) {
        Ok(item) => {
            let write = Write::new(key, Change::Put(item));
            let write = Write { precondition, idempotency, remember_when, ..write };
            shelf.apply::<ItemStoreFailure>(write).await?
        }
        Err(refused) => shelf.replay_or(idempotency.as_ref(), refused).await?,
    };
    match verdict {
        Ok(applied) => Ok(PutItem::new(keyed.told(applied), path, prefer)),
        Err(Refusal::KeyReused) => Err(KeyReused::new().into()),
        Err(Refusal::PreconditionFailed { current }) => Err(ConditionFailed::new(current).into()),
        Err(Refusal::NotFound | Refusal::Moved) => unreachable!("a put needs no item to be there"),
    }
}

/// Checks all that does not depend on the item that is there.
fn admitted(shelf: &Shelf, body: &[u8], precondition: &Precondition) -> Result<Item, PutFailure> {
    let item = shelf.read(body)?;
    shelf.demand(precondition)?;
    Ok(item)
}

impl PutItem {
    fn new(applied: Applied, path: String, prefer: Prefer) -> Self {
        let Applied { outcome, replayed } = applied;
        let (did, replayed) = (Did::of(&outcome), replayed.map(|_| Replayed));
        let applied = prefer.returns.map(PreferenceApplied);
        let minimal = prefer.returns == Some(Return::Minimal);
        match (outcome, applied) {
            (Outcome::Created(item), applied) => {
                let body = Representation(item.representation().clone());
                let applied = applied.filter(|_| !minimal);
                Self::Created(body, Location(path), Tag(item.etag()), did, applied, replayed)
            }
            (Outcome::Updated(item) | Outcome::Unchanged(item), Some(applied)) if minimal => {
                Self::StoredMinimal(Tag(item.etag()), did, applied, replayed)
            }
            (Outcome::Updated(item) | Outcome::Unchanged(item), applied) => {
                let tag = Tag(item.etag());
                let body = Representation(item.representation().clone());
                Self::Stored(body, ContentLocation(path), tag, did, applied, replayed)
            }
            (Outcome::Deleted | Outcome::Replayed(_), _) => unreachable!("a put deletes nothing"),
        }
    }
}
