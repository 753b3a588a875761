//! The operations that a remote engine supplies.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use domain::{
    Count, Item, Key, Keyspace, Moment, Order, Outcome, Page, PageQuery, Remembered, ReplayKey,
    SnapshotEntry, SnapshotQuery, State, Version,
};

use super::token::Token;
use crate::error::Error;

/// How long remembered answers and tombstones are removed at a time: others wait for the session meanwhile.
pub(crate) const FORGET_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a session waits for what another client of the engine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockWait {
    /// A moment: others wait for the session.
    Briefly,
    /// Somewhat longer: the session is there for what is held.
    Longer,
}

/// One connection to an engine. It connects when it is first used, and again after a failure.
///
/// Every call ends within the engine's own time limits.
///
/// # Cancel safety
/// None is needed: a session is used by one lane, which lets every call come to its end.
pub(crate) trait Session {
    /// What an engine compares to find out whether an item is still the one that was read.
    /// Snapshots have the same.
    type Version: Copy + Debug + PartialEq + Into<Version>;

    /// How many answers one swap may leave to be remembered.
    const ANSWERS_MAX: usize = usize::MAX;

    /// What reads a snapshot.
    type Snapshot: SnapshotSession + 'static;

    /// Makes what reads a snapshot: on means of its own, so that no lane waits for it.
    fn snapshot(&self) -> Self::Snapshot;

    /// Tells whether the engine can hold an item. One that it cannot hold is refused before anything
    /// is done, so that it spoils nothing for those that are settled together with it.
    ///
    /// # Errors
    /// One of kind [`TooLarge`](crate::ErrorKind::TooLarge).
    fn admit(&self, _item: &Item) -> Result<(), Error> {
        Ok(())
    }

    /// Reads items and remembered answers, as one linearizable view of each entry.
    ///
    /// # Errors
    /// Never one of kind [`Unknown`](crate::ErrorKind::Unknown).
    async fn read(
        &mut self,
        wanted: &[ReadRequest<'_>],
    ) -> Result<Vec<CurrentState<Self::Version>>, Error>;

    /// Puts items that have no precondition, each atomically, in one round trip if the engine can.
    /// The ids differ.
    async fn put(&mut self, puts: &[Put<'_>]) -> Result<Vec<PutResult<Self::Version>>, Failure>;

    /// Changes items that still are what was read, each atomically together with what is to be
    /// remembered. The ids differ.
    async fn swap(&mut self, swaps: &[&Swap<Self::Version>]) -> Vec<SwapResult>;

    /// Returns a page, as [`Store::list`](crate::Store::list) says.
    async fn list(&mut self, query: &PageQuery) -> Result<Page, Error>;

    /// Counts items, as [`Store::count`](crate::Store::count) says.
    async fn count(&mut self, query: &PageQuery) -> Result<Count, Error>;

    /// Finds a collection, as [`Store::collection_after`](crate::Store::collection_after) says.
    async fn collection_after(
        &mut self,
        after: Option<&Keyspace>,
    ) -> Result<Option<Keyspace>, Error>;

    /// Tells whether a write would be accepted now.
    async fn check(&mut self) -> Result<(), Error>;

    /// Removes remembered answers and tombstones whose time was over at `now`, if the engine does not do so by
    /// itself. It stops after [`FORGET_TIME_MAX`], and is called again soon if it took so long.
    async fn forget(&mut self, now: Moment) -> Result<(), Error>;
}

/// Reads one snapshot. What it has open ends when it is dropped.
pub(crate) trait SnapshotSession {
    /// Returns the next items behind `query.after`, a chunk of them; an empty one if there are none.
    /// All items are of the state that the engine had when the first chunk was read.
    ///
    /// # Errors
    /// As [`Store::snapshot`](crate::Store::snapshot). As long as none was returned, the next call
    /// begins anew.
    async fn chunk(&mut self, query: &SnapshotQuery) -> Result<Vec<SnapshotEntry>, Error>;
}

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadRequest<'a> {
    /// The item, unless only answers are wanted.
    pub(crate) item: Option<&'a Key>,
    /// Where answers are remembered.
    pub(crate) answers: &'a [ReplayKey],
}

/// What is there.
#[derive(Clone, Debug)]
pub(crate) struct CurrentState<V> {
    /// The item, or its tombstone.
    pub(crate) stored: Option<StoredItem<V>>,
    /// The answers that were found.
    pub(crate) answers: HashMap<ReplayKey, Remembered>,
}

impl<V> Default for CurrentState<V> {
    fn default() -> Self {
        Self { stored: None, answers: HashMap::new() }
    }
}

/// An item as it stands in the engine, or what a deletion with an order token left in its place.
#[derive(Clone, Debug)]
pub(crate) struct StoredItem<V> {
    /// The item or the tombstone; [`State::Absent`] is a tombstone whose time is over.
    pub(crate) state: State,
    /// The write that made it what it is.
    pub(crate) token: Token,
    /// Whether that write created it.
    pub(crate) created: bool,
    /// What tells this state from every other state of the item.
    pub(crate) version: V,
}

/// A put without a precondition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put<'a> {
    /// Where.
    pub(crate) key: &'a Key,
    /// What.
    pub(crate) item: &'a Item,
    /// The mark it leaves.
    pub(crate) token: Token,
}

/// What came of a put.
#[derive(Debug)]
pub(crate) enum PutResult<V> {
    /// It happened, and this is what it did.
    Did(Outcome),
    /// Nothing happened; the item exists, like this.
    Exists(StoredItem<V>),
    /// Nothing happened; there is no such item.
    Absent,
    /// Nothing happened, because another client changed the item at the same time, or because it
    /// has to go the long way.
    Raced,
    /// Nothing happened, because another client of the engine holds the item.
    Held,
    /// The engine failed with this one.
    Failed(Failure),
}

/// A change of one item, on the condition that it still is what was read.
#[derive(Clone, Debug)]
pub(crate) struct Swap<V> {
    /// Where.
    pub(crate) key: Key,
    /// The version that was read; `None` if there was neither an item nor a tombstone.
    pub(crate) expected: Option<V>,
    /// Whether that was a tombstone.
    pub(crate) replaces_tombstone: bool,
    /// What is to become of the item.
    pub(crate) next: Next,
    /// The mark it leaves.
    pub(crate) token: Token,
    /// What is to be remembered.
    pub(crate) answers: Vec<Answer>,
}

/// What a swap makes of an item.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// It stays what it is; only an answer is to be remembered.
    Same,
    /// It becomes this one.
    Item(Item),
    /// It is removed.
    Nothing,
    /// It is removed, and its place keeps this order token for a time.
    Deleted(Order),
}

/// An answer that is to be remembered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Where.
    pub(crate) key: ReplayKey,
    /// What.
    pub(crate) remembered: Remembered,
    /// The answer that was found there and counts no more. If there is another one by now, or one
    /// at all where none was found, the swap must not happen.
    pub(crate) instead_of: Option<Remembered>,
}

/// What came of a swap.
#[derive(Clone, Debug)]
pub(crate) enum SwapResult {
    /// It happened.
    Done,
    /// Nothing happened: the item, or an answer, is no longer what was read.
    Moved,
    /// Nothing happened, because another client of the engine holds the item, or the place of an
    /// answer.
    Held,
    /// The engine failed.
    Failed(Failure),
}

/// Why an engine did not say what it did.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It did nothing.
    Refused(Error),
    /// It may have done it, and may still do it.
    Lost(Error),
}
