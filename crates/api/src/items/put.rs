//! `PUT /{collection}/{id}`: the upsert.

use contract::extract::{NoQuery, Path, Payload, Prefer, PreferenceApplied, Return, State};
use contract::{Problem, Responses};
use domain::{Change, Item, Outcome, Precondition, Write};

use super::body::ItemBody;
use super::failure::{BodyFailure, WriteFailure};
use super::idempotency::{IdempotentReplayed, RequestKey};
use super::order::{OrderToken, WriteConditions};
use super::params::Id;
use super::parts::{ContentLocation, Location, Representation, Tag, WriteOutcome};
use super::served::{AppliedWrite, ServedCollection};

/// The answers of a put that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum PutItem {
    /// The item as it now is.
    #[answer(200)]
    Stored(
        Representation,
        ContentLocation,
        Tag,
        Option<OrderToken>,
        WriteOutcome,
        Option<PreferenceApplied>,
        Option<IdempotentReplayed>,
    ),
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
    /// The answer has no body because of `Prefer: return=minimal`, or because there is no item: the write is `stale`.
    #[answer(204)]
    NoBody(
        Option<Tag>,
        Option<OrderToken>,
        WriteOutcome,
        Option<PreferenceApplied>,
        Option<IdempotentReplayed>,
    ),
}

/// The answers of a put that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum PutFailure {
    Body(BodyFailure),
    /// The collection demands a precondition for every write to an item. Send `If-Match` with the
    /// item's ETag, or `If-None-Match: *` to create it.
    #[answer(428)]
    PreconditionRequired(Problem),
    Write(WriteFailure),
}

/// Creates the item, or makes it equal to the body.
///
/// # Cancel safety
/// A client that hangs up leaves the item written or not written, never in between.
pub(crate) async fn put_item(
    State(collection): State<ServedCollection>,
    payload: Payload<ItemBody>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
    prefer: Prefer,
) -> Result<PutItem, PutFailure> {
    let path = collection.path(&id);
    let key = collection.key(id);
    let idempotency = request_key.item(&collection, &key, &payload.bytes);
    let remember_when = request_key.remember_when();
    let verdict = match admitted(&collection, &payload.bytes, &precondition) {
        Ok(item) => {
            let write = Write::new(key, Change::Put(item));
            let write = Write { precondition, order, idempotency, remember_when, ..write };
            collection.apply_item(write).await
        }
        Err(refused) => collection.replay_or(idempotency.as_ref(), refused).await,
    };
    match verdict? {
        Ok(applied) => Ok(PutItem::new(request_key.for_client(applied), path, prefer)),
        Err(refusal) => {
            let refused = WriteFailure::refused(refusal);
            Err(refused.expect("a put needs no item to be there").into())
        }
    }
}

/// Checks all that does not depend on the item that is there.
fn admitted(
    collection: &ServedCollection,
    body: &[u8],
    precondition: &Precondition,
) -> Result<Item, PutFailure> {
    let item = collection.read(body)?;
    collection.demand(precondition).map_err(PutFailure::PreconditionRequired)?;
    Ok(item)
}

impl PutItem {
    pub(crate) fn new(applied: AppliedWrite, path: String, prefer: Prefer) -> Self {
        let AppliedWrite { outcome, replayed } = applied;
        let (did, replayed) = (WriteOutcome::of(&outcome), replayed.map(|_| IdempotentReplayed));
        let applied = prefer.returns.map(PreferenceApplied);
        let minimal = prefer.returns == Some(Return::Minimal);
        match (outcome, applied) {
            (Outcome::Created(item), applied) => {
                let body = Representation(item.representation().clone());
                let applied = applied.filter(|_| !minimal);
                let (tag, order) = (Tag(item.etag()), OrderToken::of(&item));
                Self::Created(body, Location(path), tag, order, did, applied, replayed)
            }
            (
                Outcome::Updated(item) | Outcome::Unchanged(item) | Outcome::Stale(Some(item)),
                applied,
            ) => {
                let (tag, order) = (Tag(item.etag()), OrderToken::of(&item));
                if minimal {
                    return Self::NoBody(Some(tag), order, did, applied, replayed);
                }
                let body = Representation(item.representation().clone());
                Self::Stored(body, ContentLocation(path), tag, order, did, applied, replayed)
            }
            (Outcome::Stale(None), _) => Self::NoBody(None, None, did, None, replayed),
            (Outcome::Deleted | Outcome::Replayed(_), _) => unreachable!("a put deletes nothing"),
        }
    }
}
