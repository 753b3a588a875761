//! `PATCH /{collection}/{id}`.

use contract::extract::{NoQuery, Path, Payload, Prefer, PreferenceApplied, Return, State};
use contract::guard::RetryAfter;
use contract::{Place, Problem, Responses};
use domain::{Change, Item, Outcome, Patch, PatchFailed, PatchFailedKind, Refusal, Write, json};

use super::body::PatchBody;
use super::failure::{
    Broken, ConditionFailed, InvalidBody, ItemStoreFailure, Missing, PreconditionMissing,
    StoreFailure,
};
use super::idempotency::{KeyReused, Keyed, Replayed};
use super::params::{Conditions, Id};
use super::parts::{ContentLocation, Did, Representation, Tag};
use crate::shelf::{Applied, Shelf};

/// How often a patch is computed anew because the item changed meanwhile. Patches of one process
/// take turns, so each time a put, a deletion or another replica was faster; that this happens so
/// often in a row takes an item that is written without pause.
const ATTEMPTS_MAX: usize = 64;

/// Largest body whose parsed patch is held while the item is waited for. Parsed it takes up to sixty times
/// its size; a larger one is parsed again when it is applied, so that what waits is its bytes, which are
/// taken from the budget of memory.
const PARSED_BYTES_MAX: usize = 4 << 10;

/// What a patch answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum PatchItem {
    /// The item as it now is.
    Stored(Representation, ContentLocation, Tag, Did, Option<PreferenceApplied>, Option<Replayed>) =
        200,
    /// The request was carried out. The item existed before, and the answer has no body because of `Prefer: return=minimal`.
    StoredMinimal(Tag, Did, PreferenceApplied, Option<Replayed>) = 204,
}

/// What a patch answers when it fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum PatchFailure {
    Body(InvalidBody),
    Demand(PreconditionMissing),
    Missing(Missing),
    Conflict(Conflict),
    Condition(ConditionFailed),
    Key(KeyReused),
    Contended(Contended),
    Read(StoreFailure),
    Store(ItemStoreFailure),
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Conflict {
    /// The patch does not apply to the item as it is: a `test` failed, or a place does not exist.
    /// `errors` names the operation.
    PatchConflict(Problem) = 409,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Contended {
    /// The item changes faster than the patch can be applied. Nothing was written.
    Contended(Problem, RetryAfter) = 503,
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
    State(shelf): State<Shelf>,
    payload: Payload<PatchBody>,
    Path(Id(id)): Path<Id>,
    NoQuery: NoQuery,
    Conditions(precondition): Conditions,
    keyed: Keyed,
    prefer: Prefer,
) -> Result<PatchItem, PatchFailure> {
    let parsed = parse(&payload)?;
    let held = (payload.bytes.len() <= PARSED_BYTES_MAX).then_some(parsed);
    let path = shelf.path(&id);
    let key = shelf.key(id);
    let idempotency = keyed.item(&shelf, &key, &payload.bytes);
    let _turn = shelf.turns().at(&key).await;
    for _ in 0..ATTEMPTS_MAX {
        let current = shelf.get(&key).await?;
        // Not before the item was read: whoever sees what an earlier request made of the item also
        // sees what is remembered of that request, and does not apply the patch to its own result.
        if let Some(own) = &idempotency
            && let Some(replayed) = shelf.replay(own).await?
        {
            return settled(&keyed, replayed, path, prefer);
        }
        shelf.demand(&precondition)?;
        let current = current.ok_or_else(Missing::item)?;
        let made = match &held {
            Some(patch) => patched(&shelf, patch, &current),
            None => patched(&shelf, &parse(&payload)?, &current),
        };
        let item = match made {
            Ok(item) => item,
            // Applying the patch is part of what the preconditions stand before (RFC 9110 §13.2.1).
            // Where it can be applied, the store judges them together with the result, which the item
            // may have already.
            Err(_) if !precondition.holds(Some(&current)) => {
                return Err(ConditionFailed::new(Some(current.etag())).into());
            }
            Err(refused) => return Err(refused),
        };
        let change = Change::Replace { basis: current.etag(), item };
        let precondition = precondition.clone();
        let remember_when = keyed.remember_when();
        let write = Write::new(key.clone(), change);
        let write = Write { precondition, idempotency, remember_when, ..write };
        match shelf.apply::<ItemStoreFailure>(write).await? {
            Err(Refusal::Moved) => {}
            verdict => return settled(&keyed, verdict, path, prefer),
        }
    }
    Err(Contended::Contended(Problem::default(), RetryAfter(1)).into())
}

/// Answers what the store said, other than that the item has moved.
fn settled(
    keyed: &Keyed,
    verdict: Result<Applied, Refusal>,
    path: String,
    prefer: Prefer,
) -> Result<PatchItem, PatchFailure> {
    match verdict {
        Ok(applied) => Ok(PatchItem::new(keyed.told(applied), path, prefer)),
        Err(Refusal::PreconditionFailed { current }) => Err(ConditionFailed::new(current).into()),
        Err(Refusal::KeyReused) => Err(KeyReused::new().into()),
        Err(Refusal::NotFound | Refusal::Moved) => Err(Missing::item().into()),
    }
}

fn parse(payload: &Payload<PatchBody>) -> Result<Patch, InvalidBody> {
    let value = json::parse(&payload.bytes)?;
    match payload.media_type {
        PatchBody::MERGE => Ok(Patch::merge(value)),
        _ => Ok(Patch::json(value)?),
    }
}

fn patched(shelf: &Shelf, patch: &Patch, current: &Item) -> Result<Item, PatchFailure> {
    let value = patch.apply(current).map_err(refused)?;
    Ok(shelf.admit(value)?)
}

fn refused(failed: PatchFailed) -> PatchFailure {
    let place = Place::pointer(&failed.pointer, &failed.detail);
    match failed.kind {
        PatchFailedKind::Test | PatchFailedKind::Path => {
            let problem = Problem::new(format!(
                "The patch does not apply to the item as it is: {}.",
                failed.detail
            ));
            Conflict::PatchConflict(problem.at(place)).into()
        }
        PatchFailedKind::TooLarge => {
            let problem =
                Problem::new(format!("The patch makes the item too large: {}.", failed.detail));
            InvalidBody::InvalidItem(problem.at(place)).into()
        }
        PatchFailedKind::Stored => {
            StoreFailure::from(Broken::StoreFailed(Problem::default().caused_by(failed))).into()
        }
    }
}

impl PatchItem {
    fn new(Applied { outcome, replayed }: Applied, path: String, prefer: Prefer) -> Self {
        let (did, replayed) = (Did::of(&outcome), replayed.map(|_| Replayed));
        let (Outcome::Created(item) | Outcome::Updated(item) | Outcome::Unchanged(item)) = outcome
        else {
            unreachable!("a replacement deletes nothing");
        };
        let tag = Tag(item.etag());
        match prefer.returns.map(PreferenceApplied) {
            Some(applied @ PreferenceApplied(Return::Minimal)) => {
                Self::StoredMinimal(tag, did, applied, replayed)
            }
            applied => {
                let body = Representation(item.representation().clone());
                Self::Stored(body, ContentLocation(path), tag, did, applied, replayed)
            }
        }
    }
}
