//! The upsert rule. It stands here and nowhere else.

use crate::item::Item;
use crate::outcome::{Outcome, Refusal, Remembered, Verdict};
use crate::write::{Change, Write};

/// Decides what `write` does to an item whose state is `current`. `remembered` is what is kept
/// under the write's idempotency key, if it carries one.
///
/// A back end runs this under its lock or transaction and then makes the outcome true, in one
/// atomic step: it stores the item of [`Created`](Outcome::Created) and
/// [`Updated`](Outcome::Updated), removes that of [`Deleted`](Outcome::Deleted), and keeps what
/// [`Write::remember`] says.
///
/// The order of checks:
/// 1. A request that was answered before is [`Replayed`](Outcome::Replayed), even if the item has
///    changed since.
/// 2. A deletion or replacement of an absent item is [`NotFound`](Refusal::NotFound), also with
///    a precondition: without it the answer would not be a success (RFC 9110 §13.2.1).
/// 3. `If-None-Match`. Its failure is final, so it comes before the indulgence of the next check.
/// 4. `If-Match`. When it fails although the item already is what the change would make of it, the
///    write is [`Unchanged`](Outcome::Unchanged): the client repeats a request whose answer it
///    lost (RFC 9110 §13.1.1).
/// 5. The basis of a replacement.
///
/// # Errors
/// The [`Refusal`]; nothing may be written then.
pub fn decide(current: Option<&Item>, remembered: Option<&Remembered>, write: &Write) -> Verdict {
    if let Some(verdict) = write.idempotency.and_then(|own| own.replay(remembered)) {
        return verdict;
    }
    if current.is_none() && !matches!(write.change, Change::Put(_)) {
        return Err(Refusal::NotFound);
    }
    let precondition = &write.precondition;
    let failed = Refusal::PreconditionFailed { current: current.map(Item::etag) };
    if !precondition.if_none_match_holds(current) {
        return Err(failed);
    }
    if !precondition.if_match_holds(current) {
        return match current {
            Some(stored) if already_done(stored, &write.change) => {
                Ok(Outcome::Unchanged(stored.clone()))
            }
            _ => Err(failed),
        };
    }
    match (current, &write.change) {
        (None, Change::Put(sent)) => Ok(Outcome::Created(sent.clone())),
        (Some(stored), Change::Replace { basis, .. }) if stored.etag() != *basis => {
            Err(Refusal::Moved)
        }
        (Some(stored), Change::Put(sent) | Change::Replace { item: sent, .. }) => {
            if stored.equals(sent) {
                Ok(Outcome::Unchanged(stored.clone()))
            } else {
                Ok(Outcome::Updated(sent.clone()))
            }
        }
        (Some(_), Change::Delete) => Ok(Outcome::Deleted),
        (None, Change::Replace { .. } | Change::Delete) => Err(Refusal::NotFound),
    }
}

/// Tells whether the item already is what `change` would make of it.
fn already_done(stored: &Item, change: &Change) -> bool {
    match change {
        Change::Put(sent) => stored.equals(sent),
        Change::Replace { basis, item } => stored.etag() == *basis && stored.equals(item),
        Change::Delete => false,
    }
}
