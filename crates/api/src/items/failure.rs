//! Failures that several operations on items share.

use std::borrow::Cow;

use contract::guard::{Busy, RetryAfter};
use contract::{Place, Problem, Responses};
use domain::{CollectionName, ETag, InvalidPatch, OrderKind, Refusal, Violation, json};
use store::ErrorKind;

use super::parts::Tag;
use crate::schemas::COLLECTIONS;

/// The item or the patch in a body is refused.
#[derive(Debug, Responses)]
pub(crate) enum BodyFailure {
    /// The body is not strict JSON (RFC 7493). `errors` names the place.
    #[answer(400)]
    MalformedBody(Problem),
    /// The item does not satisfy the collection's schema. `errors` lists every violation.
    #[answer(422)]
    InvalidItem(Problem),
    /// The item is larger than the store takes. Nothing was written.
    #[answer(413)]
    ItemTooLarge(Problem),
}

/// The store cannot answer.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum StoreFailure {
    /// The store does not work at the moment. Nothing was written.
    #[answer(503)]
    StoreUnavailable(Problem, RetryAfter),
    Busy(Busy),
    /// The store failed, or what it holds is damaged; an operator has to look at it. Nothing was written.
    #[answer(500)]
    StoreFailed(Problem),
}

/// The answers to a request for a collection that is not found.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum LookupFailure {
    /// There is no such collection. `GET /collections` lists those there are, and `PUT /collections/{name}`
    /// declares one.
    #[answer(404)]
    NoSuchCollection(Problem),
    Store(StoreFailure),
}

/// A write is refused, or the store cannot take it.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum WriteFailure {
    /// A precondition does not hold for the item's current state. `ETag` is the item's current
    /// tag, if it exists.
    #[answer(412)]
    PreconditionFailed(Problem, Option<Tag>),
    /// The `Idempotency-Key` was used for another request. Send a new key with each new request.
    #[answer(422)]
    IdempotencyKeyReused(Problem),
    /// `Shelf-Order` is of another kind than the token of the item: one is an integer, and the other a time, so
    /// that they cannot be compared. Send tokens of one kind. Nothing was written.
    #[answer(422)]
    OrderKindMixed(Problem),
    Store(StoreFailure),
    /// The collection is being changed or deleted, and this write does not fit what is to come. Nothing was
    /// written. When the change is done, in seconds, the request is answered by what is in force then.
    #[answer(503)]
    CollectionChanging(Problem, RetryAfter),
    /// The write may have happened and may not. Repeat the request, which is safe for PUT and DELETE.
    #[answer(503)]
    OutcomeUnknown(Problem, RetryAfter),
    /// The store has no room left. Nothing was written; reads still work.
    #[answer(507)]
    StorageFull(Problem),
}

/// Seconds until a store that is down is worth another try: a restart takes about as long.
const DOWN_RETRY_AFTER: RetryAfter = RetryAfter(5);

impl From<json::Error> for BodyFailure {
    fn from(error: json::Error) -> Self {
        let problem = Problem::new(format!("The body is not strict JSON: {error}."));
        Self::MalformedBody(problem.at(Place::pointer(&error.pointer, error.detail())))
    }
}

impl From<InvalidPatch> for BodyFailure {
    fn from(error: InvalidPatch) -> Self {
        let problem =
            Problem::new(format!("The body is no JSON Patch (RFC 6902): {}.", error.detail));
        Self::MalformedBody(problem.at(Place::pointer(error.pointer, error.detail)))
    }
}

impl BodyFailure {
    /// Says that the body is the part of a larger one at `pointer`.
    pub(crate) fn within(self, pointer: &str) -> Self {
        match self {
            Self::MalformedBody(problem) => Self::MalformedBody(problem.within(pointer)),
            Self::InvalidItem(problem) => Self::InvalidItem(problem.within(pointer)),
            Self::ItemTooLarge(problem) => Self::ItemTooLarge(problem.within(pointer)),
        }
    }

    pub(crate) fn violations(collection: &CollectionName, violations: Vec<Violation>) -> Self {
        let problem = Problem::new(match collection.as_str() {
            COLLECTIONS => "The definition is not valid: it has a member `schema`, which is the JSON Schema of the items, and may have `require_precondition`.".to_owned(),
            name => format!("The item does not satisfy the schema of the collection `{name}`."),
        });
        let places = violations
            .into_iter()
            .map(|violation| Place::pointer(violation.pointer, violation.detail));
        Self::InvalidItem(places.fold(problem, Problem::at))
    }
}

impl From<store::Error> for StoreFailure {
    fn from(error: store::Error) -> Self {
        let kind = error.kind();
        let problem = Problem::default().caused_by(error);
        match kind {
            ErrorKind::Overloaded => Busy::Overloaded(problem, Busy::RETRY_AFTER).into(),
            // Neither a read nor a deletion has an item that could be too large.
            ErrorKind::Corrupt | ErrorKind::Internal | ErrorKind::TooLarge => {
                Self::StoreFailed(problem)
            }
            // A read is neither unknown nor out of room, and only a snapshot expires.
            ErrorKind::Unavailable
            | ErrorKind::Poisoned
            | ErrorKind::Unknown
            | ErrorKind::Full
            | ErrorKind::Expired => Self::StoreUnavailable(problem, DOWN_RETRY_AFTER),
        }
    }
}

impl From<store::Error> for WriteFailure {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            ErrorKind::Unknown => {
                Self::OutcomeUnknown(Problem::default().caused_by(error), Busy::RETRY_AFTER)
            }
            ErrorKind::Full => Self::StorageFull(Problem::default().caused_by(error)),
            _ => Self::Store(error.into()),
        }
    }
}

impl WriteFailure {
    /// Says that the collection is being changed.
    pub(crate) fn changing() -> Self {
        Self::CollectionChanging(Problem::default(), Busy::RETRY_AFTER)
    }

    /// Returns the answer to a write that the store refuses; none if it found no item, which means
    /// something else for each operation.
    pub(crate) fn refused(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::PreconditionFailed { current } => {
                let (problem, tag) = precondition_failed(current);
                Some(Self::PreconditionFailed(problem, tag))
            }
            Refusal::KeyReused => {
                let detail = "it was used for a request with another target, precondition, order token, media type or body";
                let problem =
                    Problem::new(format!("The `Idempotency-Key` cannot be used: {detail}."));
                let place = Place::header("Idempotency-Key", detail);
                Some(Self::IdempotencyKeyReused(problem.at(place)))
            }
            Refusal::OrderMixed { stored } => {
                let other = match stored {
                    OrderKind::Integer => OrderKind::Time,
                    OrderKind::Time => OrderKind::Integer,
                };
                let detail = format!("it is {other}, and the token of the item is {stored}");
                let problem = Problem::new(format!("`Shelf-Order` cannot be compared: {detail}."));
                Some(Self::OrderKindMixed(problem.at(Place::header("Shelf-Order", detail))))
            }
            Refusal::NotFound | Refusal::Moved => None,
        }
    }
}

/// Says that a precondition does not hold for an item with this tag.
pub(crate) fn precondition_failed(current: Option<ETag>) -> (Problem, Option<Tag>) {
    let detail: Cow<'static, str> = match current {
        Some(etag) => {
            format!("The precondition does not hold: the item exists, and its ETag is {etag}.")
                .into()
        }
        None => "The precondition does not hold: the item does not exist.".into(),
    };
    (Problem::new(detail), current.map(Tag))
}
