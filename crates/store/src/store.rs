//! The contract of every back end.

use std::fmt::Debug;

use domain::{
    Count, Item, Key, Keyspace, Moment, Page, PageQuery, Remembered, ReplayKey, SnapshotQuery,
    Verdict, Write,
};

use crate::error::Error;
use crate::reply::Reply;
use crate::snapshot::Snapshot;

/// Keeps items.
///
/// # What every back end promises
/// - **Durable when acknowledged.** A write that was answered survives the death of the process
///   and, except in a store that says it keeps nothing, of the machine. No reader sees a write that
///   could still be lost.
/// - **Linearizable by id.** [`get`](Self::get) sees every write that was answered before it was
///   called, also one of another process; of any number of writes that race to create one id exactly one is
///   told [`Created`](domain::Outcome::Created).
/// - **One rule.** What a write does is what [`domain::decide`] says, and nothing else.
/// - **Order tokens.** An item's token is kept with it in the same atomic step. A deletion leaves the token
///   behind for [`Options::deletions_time`](crate::Options::deletions_time); such a tombstone is seen by
///   [`apply`](Self::apply) alone.
/// - **At most once.** A write that carries an idempotency key is remembered in the same atomic
///   step, also when it changed nothing, and is answered from memory when it comes again.
/// - **Byte for byte.** An item comes back with exactly the representation that was written.
/// - **Corruption is an error.** Damaged data is reported as
///   [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt); it never looks like an absent item.
/// - **Bounded.** A store that cannot keep up answers
///   [`ErrorKind::Overloaded`](crate::ErrorKind::Overloaded); it does not collect writes without
///   limit.
///
/// The trait is object-safe and has no default bodies: a wrapper that forgets a method does not
/// compile.
///
/// # For implementors
/// A call must do little before it returns: it runs on the caller's runtime. An answer that is at
/// hand is given as [`Reply::Ready`], which costs no allocation.
pub trait Store: Debug + Send + Sync + 'static {
    /// Returns the item, or `None` when there is none.
    ///
    /// # Errors
    /// Never one whose kind is [`Unknown`](crate::ErrorKind::Unknown): a read has no outcome.
    fn get(&self, key: &Key) -> Reply<Result<Option<Item>, Error>>;

    /// Applies `writes` and answers one result for each, in their order.
    ///
    /// Each write is atomic by itself; together they are not: one can fail where the next
    /// succeeds, and others may see some of them before the rest. Writes to one id are applied in
    /// order, also those of several calls, in the order of the calls. A call of many writes does not hold
    /// up calls of few. Any number of writes is allowed; the caller's memory is the limit.
    ///
    /// # Errors
    /// Each write has its own. A [`Refusal`](domain::Refusal) is no error but a verdict. The kind
    /// [`Unknown`](crate::ErrorKind::Unknown) means that the write may have happened; with any
    /// other it has not.
    ///
    /// # Cancel safety
    /// The writes may begin when this is called, before the reply is first polled. Dropping the
    /// reply is as if the answer were lost on its way: each write happens whole or not at all.
    fn apply(&self, writes: Vec<Write>) -> Reply<Vec<Result<Verdict, Error>>>;

    /// Returns what is remembered under an idempotency key. A caller that saw the effect of a write
    /// in [`get`](Self::get) also sees here what is remembered of it.
    ///
    /// What is long past its time may be gone or still there;
    /// [`Idempotency::replay`](domain::Idempotency::replay) tells what counts.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn recall(&self, key: &ReplayKey) -> Reply<Result<Option<Remembered>, Error>>;

    /// Returns the items of a collection from `query.start` on whose ids have `query.prefix`, in
    /// ascending byte order of their ids, as [`Page::collect`](domain::Page::collect) cuts the page.
    ///
    /// One page is a consistent view or close to it; a series of pages is not: an item that is
    /// there throughout is listed exactly once, one that comes or goes meanwhile may be missed.
    ///
    /// # Errors
    /// As [`get`](Self::get). An error means that the first item of the page cannot be read; where
    /// it is damaged, [`Error::resume`] can tell where the next one is that can.
    fn list(&self, query: PageQuery) -> Reply<Result<Page, Error>>;

    /// Counts the items of a collection that [`list`](Self::list) would return from `query.start` on.
    ///
    /// It stops at `query.items_max` items and tells where ([`Count::last`]), so that a caller that goes
    /// on from there lets others through, and one that goes away leaves at most one step behind. A
    /// store that can count any number of items cheaply may count them all at once. Each step is a
    /// view of its own: an item that is there throughout is counted exactly once.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn count(&self, query: PageQuery) -> Reply<Result<Count, Error>>;

    /// Returns the first collection in byte order, behind `after` if that is given, that holds an item.
    /// Its cost does not depend on the number of items.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn collection_after(&self, after: Option<&Keyspace>) -> Reply<Result<Option<Keyspace>, Error>>;

    /// Returns the items of a collection in ascending byte order of their ids, in chunks of at most
    /// [`SNAPSHOT_CHUNK_ITEMS_MAX`](crate::SNAPSHOT_CHUNK_ITEMS_MAX) items, as they were at one
    /// moment between this call and the first chunk: of each write that happens meanwhile, it shows
    /// all or nothing, and of any two writes never the later one alone.
    ///
    /// It is read as it is polled, at most one chunk ahead. Dropping it gives back all that it holds.
    /// A store has few of them open at a time, and for no longer than
    /// [`Options::snapshot_time_max`](crate::Options::snapshot_time_max).
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Overloaded`](crate::ErrorKind::Overloaded) when too many are open,
    /// [`Expired`](crate::ErrorKind::Expired) when it ends early. An error ends the stream, but for
    /// one of [damage](crate::ErrorKind::Corrupt) that tells by [`Error::resume`] where the stream
    /// goes on: what is between the last item before and that id cannot be read.
    fn snapshot(&self, query: SnapshotQuery) -> Snapshot;

    /// Tells whether the store can do its work now, writes included. Cheap enough to be asked
    /// every second.
    ///
    /// # Errors
    /// What a write would be answered now.
    fn check(&self) -> Reply<Result<(), Error>>;

    /// Returns what time it is by the store's clock, which [`Idempotency`](domain::Idempotency) is to be
    /// measured by. It goes on as time passes, even if the time of day is set.
    fn now(&self) -> Moment;

    /// Tells whether other processes can write to the same store while this one has it open.
    fn is_shared(&self) -> bool;

    /// Tells whether the store can do its work again without being opened anew. It costs next to nothing
    /// and looks at nothing outside of the process.
    ///
    /// # Errors
    /// Why only opening it anew can help: a thread of it has ended, or a failed write left it unknown
    /// what is on the disk. An outage of what is behind the store is no such reason, nor is damage,
    /// which would be there again.
    fn alive(&self) -> Result<(), Error>;
}
