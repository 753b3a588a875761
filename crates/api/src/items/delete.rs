//! `DELETE /{collection}/{id}`.

use contract::extract::{NoQuery, Path, State};
use contract::{Problem, Responses};
use domain::{Change, Outcome, Write};

use super::failure::WriteFailure;
use super::idempotency::{IdempotentReplayed, RequestKey};
use super::order::{OrderToken, WriteConditions};
use super::params::Id;
use super::parts::{ContentLocation, Representation, Tag, WriteOutcome};
use super::served::{AppliedWrite, ServedCollection};

/// The answers of a deletion that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum DeleteItem {
    /// The item was deleted, or the deletion is `stale` and there is no item.
    #[answer(204)]
    Deleted(WriteOutcome, Option<IdempotentReplayed>),
    /// The deletion is `stale`: this is the item, which has a greater order token.
    #[answer(200)]
    Stale(
        Representation,
        ContentLocation,
        Tag,
        Option<OrderToken>,
        WriteOutcome,
        Option<IdempotentReplayed>,
    ),
}

/// The answers of a deletion that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum DeleteFailure {
    /// The collection demands a precondition for every write to an item. Send `If-Match` with the
    /// item's ETag, or `If-None-Match: *` to create it.
    #[answer(428)]
    PreconditionRequired(Problem),
    /// There is no item with this id.
    #[answer(404)]
    NoSuchItem(Problem),
    Write(WriteFailure),
}

/// Removes the item.
///
/// # Cancel safety
/// As [`put_item`](super::put_item).
pub(crate) async fn delete_item(
    State(collection): State<ServedCollection>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
) -> Result<DeleteItem, DeleteFailure> {
    let path = collection.path(&id);
    let key = collection.key(id);
    let idempotency = request_key.item(&collection, &key, b"");
    let remember_when = request_key.remember_when();
    let verdict = match collection.demand(&precondition) {
        Ok(()) => {
            let write = Write::new(key, Change::Delete);
            let write = Write { precondition, order, idempotency, remember_when, ..write };
            collection.apply(write).await.map_err(WriteFailure::from)?
        }
        Err(problem) => {
            let refused = DeleteFailure::PreconditionRequired(problem);
            collection.replay_or(idempotency.as_ref(), refused).await?
        }
    };
    match verdict {
        Ok(applied) => Ok(DeleteItem::new(request_key.for_client(applied), path)),
        Err(refusal) => Err(match WriteFailure::refused(refusal) {
            Some(refused) => refused.into(),
            None => DeleteFailure::NoSuchItem(Problem::default()),
        }),
    }
}

impl DeleteItem {
    pub(crate) fn new(AppliedWrite { outcome, replayed }: AppliedWrite, path: String) -> Self {
        let (did, replayed) = (WriteOutcome::of(&outcome), replayed.map(|_| IdempotentReplayed));
        let Outcome::Stale(Some(item)) = outcome else { return Self::Deleted(did, replayed) };
        let body = Representation(item.representation().clone());
        let (tag, order) = (Tag(item.etag()), OrderToken::of(&item));
        Self::Stale(body, ContentLocation(path), tag, order, did, replayed)
    }
}
