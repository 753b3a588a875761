//! The upsert rule. It stands here and nowhere else.

use std::cmp::Ordering;

use crate::item::Item;
use crate::order::Order;
use crate::outcome::{Outcome, Refusal, Remembered, Verdict};
use crate::snapshot::Version;
use crate::state::{Current, State};
use crate::write::{Change, Write};

/// What a write is answered, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the writer is told.
    pub verdict: Verdict,
    /// What the back end has to make true. It can be something even if the item does not change, or if the
    /// write is refused: an order token is kept.
    pub effect: Effect,
}

/// What a back end has to make true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// The item is stored as it is here, with its order token.
    Keep(Item),
    /// There is no item. A token is left behind as a tombstone.
    Remove {
        /// The token.
        order: Option<Order>,
    },
}

impl Effect {
    /// Returns the state that the effect leaves behind; none if it changes nothing.
    #[must_use]
    pub fn into_state(self) -> Option<State> {
        match self {
            Self::Nothing => None,
            Self::Keep(item) => Some(State::Item(item)),
            Self::Remove { order } => Some(State::removed(order)),
        }
    }
}

/// Decides what `write` does where there is `current`. `remembered` is what is kept under the write's
/// idempotency key, if it carries one.
///
/// A back end runs this under its lock or transaction and then makes the [effect](Decision::effect) true, and
/// keeps what [`Write::remember`] says, in one atomic step.
///
/// The order of checks:
/// 1. A request that was answered before is [`Replayed`](Outcome::Replayed), even if the item has
///    changed since.
/// 2. A write whose order token is less than the one that is there is [`Stale`](Outcome::Stale), also with a
///    precondition: a late delivery is no error. Tokens of two kinds are [refused](Refusal::OrderMixed).
/// 3. A deletion or replacement of an absent item is [`NotFound`](Refusal::NotFound), also with
///    a precondition: without it the answer would not be a success (RFC 9110 §13.2.1). A deletion whose
///    preconditions hold leaves its token behind even so: the effect is as if requests had come in the order of
///    their tokens.
/// 4. `If-None-Match`. Its failure is final, so it comes before the indulgence of the next check.
/// 5. `If-Match`. When it fails although the item already is what the change would make of it, the
///    write is [`Unchanged`](Outcome::Unchanged): the client repeats a request whose answer it
///    lost (RFC 9110 §13.1.1).
/// 6. The basis of a replacement, and the version that the write demands.
///
/// A write without a token leaves the token that is there, also where it creates or deletes the item.
pub fn decide<'a>(
    current: impl Into<Current<'a>>,
    remembered: Option<&Remembered>,
    write: &Write,
) -> Decision {
    decide_version(current, None, remembered, write)
}

/// As [`decide`], where `version` is that of the item, as snapshots have it. Without one the item counts as
/// changed: by a write that is not committed yet, or in a way that is not known.
pub fn decide_version<'a>(
    current: impl Into<Current<'a>>,
    version: Option<Version>,
    remembered: Option<&Remembered>,
    write: &Write,
) -> Decision {
    let has_moved = write.unchanged_since.is_some_and(|since| version != Some(since));
    decide_on(current.into(), has_moved, remembered, write)
}

fn decide_on(
    current: Current<'_>,
    has_moved: bool,
    remembered: Option<&Remembered>,
    write: &Write,
) -> Decision {
    if let Some(verdict) = write.idempotency.and_then(|own| own.replay(remembered)) {
        return nothing(verdict);
    }
    match is_stale(current.order(), write.order) {
        Ok(true) => return nothing(Ok(Outcome::Stale(current.item().cloned()))),
        Ok(false) => {}
        Err(mixed) => return nothing(Err(mixed)),
    }
    let order = write.order.or(current.order());
    let precondition = &write.precondition;
    let Some(stored) = current.item() else {
        return absent(current, order, write);
    };
    let failed = Refusal::PreconditionFailed { current: Some(stored.etag()) };
    if !precondition.if_none_match_holds(Some(stored)) {
        return nothing(Err(failed));
    }
    if !precondition.if_match_holds(Some(stored)) {
        return if already_done(stored, &write.change) {
            unchanged(stored, order)
        } else {
            nothing(Err(failed))
        };
    }
    match &write.change {
        _ if has_moved => nothing(Err(Refusal::Moved)),
        Change::Replace { basis, .. } if stored.etag() != *basis => nothing(Err(Refusal::Moved)),
        Change::Put(sent) | Change::Replace { item: sent, .. } => {
            if stored.equals(sent) {
                unchanged(stored, order)
            } else {
                keep(Outcome::Updated, sent, order)
            }
        }
        Change::Delete => {
            Decision { verdict: Ok(Outcome::Deleted), effect: Effect::Remove { order } }
        }
    }
}

/// Decides where there is no item.
fn absent(current: Current<'_>, order: Option<Order>, write: &Write) -> Decision {
    let holds = write.precondition.holds(None);
    match &write.change {
        Change::Put(_) if holds && write.unchanged_since.is_some() => nothing(Err(Refusal::Moved)),
        Change::Put(sent) if holds => keep(Outcome::Created, sent, order),
        Change::Put(_) => nothing(Err(Refusal::PreconditionFailed { current: None })),
        Change::Delete if holds && order != current.order() => {
            Decision { verdict: Err(Refusal::NotFound), effect: Effect::Remove { order } }
        }
        Change::Replace { .. } | Change::Delete => nothing(Err(Refusal::NotFound)),
    }
}

/// Tells whether a write is older than what is there, by their tokens.
fn is_stale(stored: Option<Order>, own: Option<Order>) -> Result<bool, Refusal> {
    let (Some(stored), Some(own)) = (stored, own) else { return Ok(false) };
    let mixed = |_| Refusal::OrderMixed { stored: stored.kind() };
    own.compare(stored).map(Ordering::is_lt).map_err(mixed)
}

fn nothing(verdict: Verdict) -> Decision {
    Decision { verdict, effect: Effect::Nothing }
}

fn keep(outcome: fn(Item) -> Outcome, item: &Item, order: Option<Order>) -> Decision {
    let item = item.clone().with_order(order);
    Decision { verdict: Ok(outcome(item.clone())), effect: Effect::Keep(item) }
}

/// Leaves an item as it is, but for a newer token.
fn unchanged(stored: &Item, order: Option<Order>) -> Decision {
    if order == stored.order() {
        return nothing(Ok(Outcome::Unchanged(stored.clone())));
    }
    keep(Outcome::Unchanged, stored, order)
}

/// Tells whether the item already is what `change` would make of it.
fn already_done(stored: &Item, change: &Change) -> bool {
    match change {
        Change::Put(sent) => stored.equals(sent),
        Change::Replace { basis, item } => stored.etag() == *basis && stored.equals(item),
        Change::Delete => false,
    }
}
