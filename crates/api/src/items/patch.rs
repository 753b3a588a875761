//! `PATCH /{collection}/{id}`.

use contract::extract::{NoQuery, Path, Payload, Prefer, PreferenceApplied, Return, State};
use contract::guard::RetryAfter;
use contract::{Place, Problem, Responses};
use domain::{
    Change, Item, Key, Order, Outcome, Patch, PatchFailed, PatchFailedKind, Precondition, Refusal,
    Write, decide, json,
};
use serde_json::Map;

use super::body::PatchBody;
use super::failure::{BodyFailure, StoreFailure, WriteFailure, precondition_failed};
use super::idempotency::{IdempotentReplayed, RequestKey};
use super::order::{OrderToken, WriteConditions};
use super::params::Id;
use super::parts::{ContentLocation, Representation, Tag, WriteOutcome};
use super::served::{AppliedWrite, ServedCollection};

/// How often a patch is computed anew because the item changed meanwhile. Patches of one process
/// take turns, so each time a put, a deletion or another replica was faster; that this happens so
/// often in a row takes an item that is written without pause.
pub(crate) const PATCH_ATTEMPTS_MAX: usize = 64;

/// Largest body whose parsed patch is held while the item is waited for. Parsed it takes up to sixty times
/// its size; a larger one is parsed again when it is applied, so that what waits is its bytes, which are
/// taken from the budget of memory.
const PARSED_BYTES_MAX: usize = 4 << 10;

/// The answers of a patch that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum PatchItem {
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

/// The answers of a patch that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum PatchFailure {
    Body(BodyFailure),
    /// The collection demands a precondition for every write to an item. Send `If-Match` with the
    /// item's ETag, or `If-None-Match: *` to create it.
    #[answer(428)]
    PreconditionRequired(Problem),
    /// There is no item with this id.
    #[answer(404)]
    NoSuchItem(Problem),
    /// The patch does not apply to the item as it is: a `test` failed, or a place does not exist.
    /// `errors` names the operation.
    #[answer(409)]
    PatchConflict(Problem),
    /// The item changes faster than the patch can be applied. Nothing was written.
    #[answer(503)]
    Contended(Problem, RetryAfter),
    Write(WriteFailure),
}

/// Changes the item by a merge patch or a JSON Patch.
///
/// The patch is applied to the item as read, and the result replaces the item only if it still is
/// that one; otherwise it is computed anew. So no concurrent write is lost. Patches of one item go
/// one after the other, so that none of them is outrun for ever.
///
/// The order of the checks: the patch itself (400), a repetition under its key, the demand for a
/// precondition (428), the item (404), the precondition (412), and what the patch makes of the item (409,
/// 422).
///
/// # Cancel safety
/// As [`put_item`](super::put_item).
pub(crate) async fn patch_item(
    State(collection): State<ServedCollection>,
    payload: Payload<PatchBody>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    WriteConditions { precondition, order }: WriteConditions,
    request_key: RequestKey,
    prefer: Prefer,
) -> Result<PatchItem, PatchFailure> {
    let parsed = parse_patch(&payload)?;
    let held = (payload.bytes.len() <= PARSED_BYTES_MAX).then_some(parsed);
    let path = collection.path(&id);
    let key = collection.key(id);
    let idempotency = request_key.item(&collection, &key, &payload.bytes);
    let _turn = collection.turns().at(&key).await;
    for _ in 0..PATCH_ATTEMPTS_MAX {
        let current = collection.get(&key).await.map_err(WriteFailure::from)?;
        // After the item is read: a request that sees the effect of an earlier attempt also sees
        // the answer that is remembered of it, and does not apply the patch twice.
        if let Some(own) = &idempotency
            && let Some(replayed) = collection.replay(own).await?
        {
            return patch_settled(&request_key, replayed, path, prefer);
        }
        collection.demand(&precondition).map_err(PatchFailure::PreconditionRequired)?;
        let change = match &current {
            None if order.is_none() => {
                return Err(PatchFailure::NoSuchItem(Problem::default()));
            }
            Some(current) if !is_late(&key, current, order) => {
                let item = match &held {
                    Some(patch) => patched(&collection, patch, current),
                    None => patched(&collection, &parse_patch(&payload)?, current),
                };
                let item =
                    item.map_err(|refused| precondition_first(refused, &precondition, current))?;
                Change::Replace { basis: current.etag(), item }
            }
            current => probe(current.as_ref()),
        };
        let precondition = precondition.clone();
        let remember_when = request_key.remember_when();
        let write = Write::new(key.clone(), change);
        let write = Write { precondition, order, idempotency, remember_when, ..write };
        match collection.apply_item::<PatchFailure>(write).await? {
            Err(Refusal::Moved) => {}
            verdict => return patch_settled(&request_key, verdict, path, prefer),
        }
    }
    Err(PatchFailure::Contended(Problem::default(), RetryAfter(1)))
}

/// Tells whether a patch with this order token is not to be applied: the item has a greater one, or one of the
/// other kind.
pub(crate) fn is_late(key: &Key, current: &Item, order: Option<Order>) -> bool {
    let write = Write { order, ..Write::new(key.clone(), probe(Some(current))) };
    let verdict = decide(Some(current), None, &write).verdict;
    matches!(verdict, Ok(Outcome::Stale(_)) | Err(Refusal::OrderMixed { .. }))
}

/// Returns a change in the place of a patch that is late, or has no item to be applied to. The store tells which
/// of the two it is, and does nothing.
pub(crate) fn probe(current: Option<&Item>) -> Change {
    let item = current.cloned().unwrap_or_else(|| Item::new(&Map::new()));
    Change::Replace { basis: item.etag(), item }
}

/// Returns why a patch is refused. Applying it is part of what the preconditions stand before (RFC 9110
/// §13.2.1). Where it can be applied, the store judges them together with the result, which the item may have
/// already.
pub(crate) fn precondition_first<F: From<PatchFailure>>(
    refused: F,
    precondition: &Precondition,
    current: &Item,
) -> F {
    if precondition.holds(Some(current)) {
        return refused;
    }
    let (problem, tag) = precondition_failed(Some(current.etag()));
    PatchFailure::from(WriteFailure::PreconditionFailed(problem, tag)).into()
}

/// Answers what the store said, other than that the item has moved.
pub(crate) fn patch_settled(
    request_key: &RequestKey,
    verdict: Result<AppliedWrite, Refusal>,
    path: String,
    prefer: Prefer,
) -> Result<PatchItem, PatchFailure> {
    match verdict {
        Ok(applied) => Ok(PatchItem::new(request_key.for_client(applied), path, prefer)),
        Err(refusal) => Err(match WriteFailure::refused(refusal) {
            Some(refused) => refused.into(),
            None => PatchFailure::NoSuchItem(Problem::default()),
        }),
    }
}

pub(crate) fn parse_patch(payload: &Payload<PatchBody>) -> Result<Patch, BodyFailure> {
    let value = json::parse(&payload.bytes)?;
    match payload.media_type {
        PatchBody::MERGE => Ok(Patch::merge(value)),
        _ => Ok(Patch::json(value)?),
    }
}

pub(crate) fn patched(
    collection: &ServedCollection,
    patch: &Patch,
    current: &Item,
) -> Result<Item, PatchFailure> {
    let value = patch.apply(current).map_err(refused)?;
    Ok(collection.admit(value)?)
}

fn refused(failed: PatchFailed) -> PatchFailure {
    let place = Place::pointer(&failed.pointer, &failed.detail);
    match failed.kind {
        PatchFailedKind::Test | PatchFailedKind::Path => {
            let problem = Problem::new(format!(
                "The patch does not apply to the item as it is: {}.",
                failed.detail
            ));
            PatchFailure::PatchConflict(problem.at(place))
        }
        PatchFailedKind::TooLarge => {
            let problem =
                Problem::new(format!("The patch makes the item too large: {}.", failed.detail));
            BodyFailure::InvalidItem(problem.at(place)).into()
        }
        PatchFailedKind::Stored => {
            let failure = StoreFailure::StoreFailed(Problem::default().caused_by(failed));
            WriteFailure::from(failure).into()
        }
    }
}

impl PatchItem {
    fn new(AppliedWrite { outcome, replayed }: AppliedWrite, path: String, prefer: Prefer) -> Self {
        let (did, replayed) = (WriteOutcome::of(&outcome), replayed.map(|_| IdempotentReplayed));
        let applied = prefer.returns.map(PreferenceApplied);
        let item = match outcome {
            Outcome::Created(item)
            | Outcome::Updated(item)
            | Outcome::Unchanged(item)
            | Outcome::Stale(Some(item)) => item,
            Outcome::Stale(None) => return Self::NoBody(None, None, did, None, replayed),
            Outcome::Deleted | Outcome::Replayed(_) => {
                unreachable!("a replacement deletes nothing")
            }
        };
        let (tag, order) = (Tag(item.etag()), OrderToken::of(&item));
        if prefer.returns == Some(Return::Minimal) {
            return Self::NoBody(Some(tag), order, did, applied, replayed);
        }
        let body = Representation(item.representation().clone());
        Self::Stored(body, ContentLocation(path), tag, order, did, applied, replayed)
    }
}
