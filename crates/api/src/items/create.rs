//! `POST /{collection}`: an item with an id that the server makes.

use contract::Responses;
use contract::extract::{NoQuery, Payload, Prefer, PreferenceApplied, Return, State};
use domain::{Change, ItemId, Outcome, Refusal, Write};
use uuid::Uuid;

use super::body::ItemBody;
use super::failure::{ConditionFailed, InvalidBody, ItemStoreFailure, StoreFailure};
use super::idempotency::{KeyReused, Keyed, Replayed};
use super::params::Conditions;
use super::parts::{Did, Location, Representation, Tag};
use crate::shelf::{Applied, Shelf};

/// What a creation answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum CreateItem {
    /// The item was created. The answer has a body even with `Prefer: return=minimal`.
    Created(Representation, Location, Tag, Did, Option<PreferenceApplied>, Option<Replayed>) = 201,
}

/// What a creation answers when it fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum CreateFailure {
    Body(InvalidBody),
    Condition(ConditionFailed),
    Key(KeyReused),
    Recall(StoreFailure),
    Store(ItemStoreFailure),
}

/// Creates an item under a new id: a UUID of version 7 (RFC 9562 §5.7), so that ids made later
/// come later in the collection.
///
/// A precondition is judged by the item to be made, which does not exist: `If-Match` never holds,
/// and a collection that demands preconditions demands none here.
///
/// # Cancel safety
/// As [`put_item`](super::put_item). A client that lost the answer cannot tell whether there is a
/// new item, unless it sent an `Idempotency-Key`: then it repeats the request and learns the id.
pub(crate) async fn create_item(
    State(shelf): State<Shelf>,
    payload: Payload<ItemBody>,
    NoQuery: NoQuery,
    Conditions(precondition): Conditions,
    keyed: Keyed,
    prefer: Prefer,
) -> Result<CreateItem, CreateFailure> {
    let id = ItemId::new(&Uuid::now_v7().to_string()).expect("a UUID is a legal id");
    let idempotency = keyed.creation(&shelf, &payload.bytes);
    let remember_when = keyed.remember_when();
    let verdict = match shelf.read(&payload.bytes) {
        Ok(item) => {
            let write = Write::new(shelf.key(id.clone()), Change::Put(item));
            let write = Write { precondition, idempotency, remember_when, ..write };
            shelf.apply::<ItemStoreFailure>(write).await?
        }
        Err(refused) => {
            let refused = CreateFailure::from(refused);
            shelf.replay_or(idempotency.as_ref(), refused).await?
        }
    };
    match verdict {
        Ok(applied) => {
            let path = shelf.path(applied.replayed.as_ref().unwrap_or(&id));
            Ok(CreateItem::new(keyed.told(applied), path, prefer))
        }
        Err(Refusal::KeyReused) => Err(KeyReused::new().into()),
        Err(Refusal::PreconditionFailed { current }) => Err(ConditionFailed::new(current).into()),
        Err(Refusal::NotFound | Refusal::Moved) => unreachable!("a put needs no item to be there"),
    }
}

impl CreateItem {
    fn new(Applied { outcome, replayed }: Applied, path: String, prefer: Prefer) -> Self {
        let did = Did::of(&outcome);
        let (Outcome::Created(item) | Outcome::Updated(item) | Outcome::Unchanged(item)) = outcome
        else {
            unreachable!("a put deletes nothing");
        };
        // No status says of a creation that its body was left out.
        let applied = prefer.returns.filter(|returns| *returns == Return::Representation);
        Self::Created(
            Representation(item.representation().clone()),
            Location(path),
            Tag(item.etag()),
            did,
            applied.map(PreferenceApplied),
            replayed.map(|_| Replayed),
        )
    }
}
