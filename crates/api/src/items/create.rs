//! `POST /{collection}`: an item with an id that the server makes.

use contract::Responses;
use contract::extract::{NoQuery, Payload, Prefer, PreferenceApplied, Return, State};
use domain::{Change, ItemId, Outcome, Write};
use uuid::Uuid;

use super::body::ItemBody;
use super::failure::{BodyFailure, WriteFailure};
use super::idempotency::{IdempotentReplayed, RequestKey};
use super::order::{OrderToken, WriteConditions};
use super::parts::{Location, Representation, Tag, WriteOutcome};
use super::served::{AppliedWrite, ServedCollection};

/// The answers of a creation that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum CreateItem {
    /// The item was created. The answer has a body even with `Prefer: return=minimal`.
    #[answer(201)]
    Created(
        Representation,
        Location,
        Tag,
        Option<OrderToken>,
        WriteOutcome,
        Option<PreferenceApplied>,
        Option<IdempotentReplayed>,
    ),
}

/// The answers of a creation that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum CreateFailure {
    Body(BodyFailure),
    Write(WriteFailure),
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
    State(collection): State<ServedCollection>,
    payload: Payload<ItemBody>,
    NoQuery: NoQuery,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
    prefer: Prefer,
) -> Result<CreateItem, CreateFailure> {
    let id = ItemId::new(&Uuid::now_v7().to_string()).expect("a UUID is a legal id");
    let idempotency = request_key.creation(&collection, &payload.bytes);
    let remember_when = request_key.remember_when();
    let verdict = match collection.read(&payload.bytes) {
        Ok(item) => {
            let write = Write::new(collection.key(id.clone()), Change::Put(item));
            let write = Write { precondition, order, idempotency, remember_when, ..write };
            collection.apply_item(write).await
        }
        Err(refused) => {
            let refused = CreateFailure::from(refused);
            collection.replay_or(idempotency.as_ref(), refused).await
        }
    };
    match verdict? {
        Ok(applied) => {
            let path = collection.path(applied.replayed.as_ref().unwrap_or(&id));
            Ok(CreateItem::new(request_key.for_client(applied), path, prefer))
        }
        Err(refusal) => {
            let refused = WriteFailure::refused(refusal);
            Err(refused.expect("a put needs no item to be there").into())
        }
    }
}

impl CreateItem {
    fn new(AppliedWrite { outcome, replayed }: AppliedWrite, path: String, prefer: Prefer) -> Self {
        let did = WriteOutcome::of(&outcome);
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
            OrderToken::of(&item),
            did,
            applied.map(PreferenceApplied),
            replayed.map(|_| IdempotentReplayed),
        )
    }
}
