//! What can be wrong with a request, and with the store.

use contract::guard::{Busy, RetryAfter};
use contract::{Place, Problem, Responses};
use domain::{CollectionName, Cursor, ETag, InvalidPatch, PageStart, Violation, json};
use store::{ErrorKind, Resume};

use super::parts::{NextLink, Tag};

/// What is wrong with a body.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum InvalidBody {
    /// The body is not strict JSON (RFC 7493). `errors` names the place.
    MalformedBody(Problem) = 400,
    /// The item does not satisfy the collection's schema. `errors` lists every violation.
    InvalidItem(Problem) = 422,
}

impl From<json::Error> for InvalidBody {
    fn from(error: json::Error) -> Self {
        let problem = Problem::new(format!("The body is not strict JSON: {error}."));
        Self::MalformedBody(problem.at(Place::pointer(&error.pointer, error.detail())))
    }
}

impl From<InvalidPatch> for InvalidBody {
    fn from(error: InvalidPatch) -> Self {
        let problem =
            Problem::new(format!("The body is no JSON Patch (RFC 6902): {}.", error.detail));
        Self::MalformedBody(problem.at(Place::pointer(error.pointer, error.detail)))
    }
}

impl InvalidBody {
    pub(crate) fn violations(collection: &CollectionName, violations: Vec<Violation>) -> Self {
        let problem = Problem::new(format!(
            "The item does not satisfy the schema of the collection `{collection}`."
        ));
        let places = violations
            .into_iter()
            .map(|violation| Place::pointer(violation.pointer, violation.detail));
        Self::InvalidItem(places.fold(problem, Problem::at))
    }
}

/// The collection demands a precondition.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum PreconditionMissing {
    /// The collection demands a precondition for every write to an item. Send `If-Match` with the
    /// item's ETag, or `If-None-Match: *` to create it.
    PreconditionRequired(Problem) = 428,
}

impl PreconditionMissing {
    pub(crate) fn new(collection: &CollectionName) -> Self {
        Self::PreconditionRequired(Problem::new(format!(
            "The collection `{collection}` demands a precondition for every write to an item. Send `If-Match` with the item's ETag, or `If-None-Match: *` to create it."
        )))
    }
}

/// A precondition does not hold.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum ConditionFailed {
    /// A precondition does not hold for the item's current state. `ETag` is the item's current
    /// tag, if it exists.
    PreconditionFailed(Problem, Option<Tag>) = 412,
}

impl ConditionFailed {
    pub(crate) fn new(current: Option<ETag>) -> Self {
        let detail = match current {
            Some(etag) => {
                format!("The precondition does not hold: the item exists, and its ETag is {etag}.")
            }
            None => "The precondition does not hold: the item does not exist.".to_owned(),
        };
        Self::PreconditionFailed(Problem::new(detail), current.map(Tag))
    }
}

/// There is no such item.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Missing {
    /// There is no item with this id.
    NoSuchItem(Problem) = 404,
}

impl Missing {
    pub(crate) fn item() -> Self {
        Self::NoSuchItem(Problem::default())
    }
}

/// The store cannot answer.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum StoreFailure {
    Down(Down),
    Busy(Busy),
    Broken(Broken),
}

/// The store cannot give a page.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum ListFailure {
    Store(StoreFailure),
    Damaged(Damaged),
}

/// The store cannot take an item.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum ItemStoreFailure {
    Write(WriteStoreFailure),
    TooLarge(TooLarge),
}

/// The store cannot take a write.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum WriteStoreFailure {
    Store(StoreFailure),
    Unknown(Unknown),
    Full(Full),
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Down {
    /// The store does not work at the moment. Nothing was written.
    StoreUnavailable(Problem, RetryAfter) = 503,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Broken {
    /// The store failed, or what it holds is damaged; an operator has to look at it. Nothing was written.
    StoreFailed(Problem) = 500,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Damaged {
    /// The page begins with items that the store cannot read, because it is damaged. Go on with the page that
    /// `Link` and `detail` name: it begins with the next item that can be read. Without `Link` there is none.
    PageDamaged(Problem, Option<NextLink>) = 500,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Unknown {
    /// The write may have happened and may not. Repeat the request, which is safe for PUT and DELETE.
    OutcomeUnknown(Problem, RetryAfter) = 503,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Full {
    /// The store has no room left. Nothing was written; reads still work.
    StorageFull(Problem) = 507,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum TooLarge {
    /// The item is larger than the store takes. Nothing was written.
    ItemTooLarge(Problem) = 413,
}

/// Seconds until a store that is down is worth another try: a restart takes about as long.
const DOWN_RETRY_AFTER: RetryAfter = RetryAfter(5);

impl From<store::Error> for StoreFailure {
    fn from(error: store::Error) -> Self {
        let kind = error.kind();
        let problem = Problem::default().caused_by(error);
        match kind {
            ErrorKind::Overloaded => Self::Busy(Busy::Overloaded(problem, Busy::RETRY_AFTER)),
            // Neither a read nor a deletion has an item that could be too large.
            ErrorKind::Corrupt | ErrorKind::Internal | ErrorKind::TooLarge => {
                Self::Broken(Broken::StoreFailed(problem))
            }
            // A read is neither unknown nor out of room.
            ErrorKind::Unavailable | ErrorKind::Poisoned | ErrorKind::Unknown | ErrorKind::Full => {
                Self::Down(Down::StoreUnavailable(problem, DOWN_RETRY_AFTER))
            }
        }
    }
}

impl ListFailure {
    /// `path` returns the path of the page that begins at a cursor.
    pub(crate) fn new(
        error: store::Error,
        start: &PageStart,
        path: impl FnOnce(Cursor) -> String,
    ) -> Self {
        let next = match error.resume() {
            None => return Self::Store(error.into()),
            Some(Resume::At(id)) => Some((path(Cursor::At(id.clone())), id)),
            Some(Resume::End) => None,
        };
        let what = match start {
            PageStart::First => "The first items of the collection".to_owned(),
            PageStart::After(id) => format!("The items after {:?}", id.as_str()),
            PageStart::At(id) => format!("The items from {:?} on", id.as_str()),
        };
        let next_step = match &next {
            Some((path, id)) => format!(
                "Go on with the next page that can be read, from {:?} on: {path}",
                id.as_str()
            ),
            None => "The list ends here: no item that can be read follows.".to_owned(),
        };
        let detail = format!("{what} cannot be read: the store is damaged there. {next_step}");
        let next = next.map(|(path, _)| NextLink(path));
        let problem = Problem::new(detail).caused_by(error);
        Self::Damaged(Damaged::PageDamaged(problem, next))
    }
}

impl From<store::Error> for WriteStoreFailure {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            ErrorKind::Unknown => {
                let problem = Problem::default().caused_by(error);
                Self::Unknown(Unknown::OutcomeUnknown(problem, Busy::RETRY_AFTER))
            }
            ErrorKind::Full => Self::Full(Full::StorageFull(Problem::default().caused_by(error))),
            _ => Self::Store(error.into()),
        }
    }
}

impl From<store::Error> for ItemStoreFailure {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            // The request's own fault, so there is nothing for the operator in it.
            ErrorKind::TooLarge => Self::TooLarge(TooLarge::ItemTooLarge(Problem::default())),
            _ => Self::Write(error.into()),
        }
    }
}
