//! A collection in its store: the state of every operation on items.

mod many;

use std::sync::Arc;
use std::time::Duration;

use contract::extract::{BodyLimit, FromRef, LineLimit};
use contract::{Problem, Resource};
use domain::{
    Collection, CollectionName, Idempotency, Item, ItemId, Key, Keyspace, Outcome, Precondition,
    Refusal, Verdict, Write, json,
};
use http::StatusCode;
use memory::Memory;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use store::{ErrorKind, Store};

pub(crate) use self::many::Applying;
use super::failure::{BodyFailure, StoreFailure, WriteFailure};
use super::gate::{Changing, Gate};
use super::stream::Streams;
use crate::metrics::CollectionCounters;
use crate::turns::Turns;

/// What is percent-encoded in the path segment that holds an id: all that is not a `pchar`
/// (RFC 3986 §3.3), slashes with it, and what people would misread in a link.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A collection in its store, for one worker: the state of every operation on items. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ServedCollection(Arc<Handle>);

/// The object to which requests count references: each worker has its own.
#[derive(Debug)]
struct Handle {
    /// Every key holds a clone.
    keyspace: Keyspace,
    shared: Arc<SharedCollection>,
}

/// A collection in its store, for all workers.
#[derive(Debug)]
pub(crate) struct SharedCollection {
    pub(crate) collection: Collection,
    /// Where the store keeps the items.
    pub(crate) keyspace: Keyspace,
    pub(crate) counters: CollectionCounters,
    /// What writes have to pass, if the definition can change.
    pub(crate) gate: Option<Gate>,
    pub(crate) means: Arc<Means>,
}

/// What all collections are served with.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) body_limit: BodyLimit,
    /// How long answers under an idempotency key are remembered.
    pub(crate) remembered_for: Duration,
    pub(crate) turns: Turns,
    pub(crate) memory: Memory,
    pub(crate) streams: Streams,
    pub(crate) stream_limits: StreamLimits,
}

/// The limits of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLimits {
    /// Most bytes of a line.
    pub(crate) line_bytes_max: usize,
    /// Most lines, if that is limited.
    pub(crate) lines_max: Option<u64>,
    /// Longest time in which nothing arrives, or nothing of the answer is read.
    pub(crate) time_max: Duration,
}

/// A write that was not applied.
#[derive(Debug)]
pub(crate) enum NotApplied {
    /// The collection's definition is being changed.
    Changing,
    /// The store did not take it.
    Store(store::Error),
}

impl NotApplied {
    /// Returns the problem of an item that is too large for the store, or what else failed.
    pub(crate) fn too_large(self) -> Result<Problem, Self> {
        match self {
            // The request's own fault, so there is nothing for the operator in it.
            Self::Store(error) if error.kind() == ErrorKind::TooLarge => Ok(Problem::default()),
            failed => Err(failed),
        }
    }
}

impl From<Changing> for NotApplied {
    fn from(Changing: Changing) -> Self {
        Self::Changing
    }
}

impl From<store::Error> for NotApplied {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<NotApplied> for WriteFailure {
    fn from(failed: NotApplied) -> Self {
        match failed {
            NotApplied::Changing => Self::changing(),
            NotApplied::Store(error) => error.into(),
        }
    }
}

/// The result of a write.
#[derive(Debug)]
pub(crate) struct AppliedWrite {
    /// The outcome; never [`Outcome::Replayed`].
    pub(crate) outcome: Outcome,
    /// The item that it was done to, when that happened before, under the same idempotency key.
    pub(crate) replayed: Option<ItemId>,
}

impl From<Outcome> for AppliedWrite {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Replayed(remembered) => {
                Self { outcome: remembered.outcome, replayed: Some(remembered.id) }
            }
            outcome => Self { outcome, replayed: None },
        }
    }
}

impl FromRef<ServedCollection> for BodyLimit {
    fn from_ref(collection: &ServedCollection) -> Self {
        collection.0.shared.means.body_limit.clone()
    }
}

impl FromRef<ServedCollection> for LineLimit {
    fn from_ref(collection: &ServedCollection) -> Self {
        Self(collection.stream_limits().line_bytes_max)
    }
}

impl Resource for ServedCollection {
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration) {
        self.0.shared.counters.answered(operation, status, elapsed);
    }
}

impl ServedCollection {
    /// Returns the collection for a worker.
    pub(crate) fn new(shared: Arc<SharedCollection>) -> Self {
        let keyspace = Keyspace::new(shared.keyspace.as_str()).expect("it is a keyspace already");
        Self(Arc::new(Handle { keyspace, shared }))
    }

    /// Tells whether this is `shared` for a worker.
    pub(crate) fn is(&self, shared: &Arc<SharedCollection>) -> bool {
        Arc::ptr_eq(&self.0.shared, shared)
    }

    /// Tells whether the definition may be relied on. One that is configured always may.
    pub(crate) fn is_in_force(&self) -> bool {
        self.0.shared.gate.as_ref().is_none_or(Gate::is_in_force)
    }

    pub(crate) fn name(&self) -> &CollectionName {
        self.0.shared.collection.name()
    }

    /// Returns where the store keeps the items.
    pub(crate) fn keyspace(&self) -> &Keyspace {
        &self.0.keyspace
    }

    fn means(&self) -> &Means {
        &self.0.shared.means
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.means().store
    }

    pub(crate) fn remembered_for(&self) -> Duration {
        self.means().remembered_for
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.means().turns
    }

    /// Returns the places of streams, which all collections share.
    pub(crate) fn streams(&self) -> &Streams {
        &self.means().streams
    }

    pub(crate) fn stream_limits(&self) -> &StreamLimits {
        &self.means().stream_limits
    }

    /// Returns what answers take their memory from.
    pub(crate) fn memory(&self) -> &Memory {
        &self.means().memory
    }

    pub(crate) fn key(&self, id: ItemId) -> Key {
        Key { collection: self.0.keyspace.clone(), id }
    }

    /// Returns the path of an item, percent-encoded.
    pub(crate) fn path(&self, id: &ItemId) -> String {
        let (name, id) = (self.name().as_str(), id.as_str());
        let mut path = String::with_capacity("/".len() + name.len() + "/".len() + id.len());
        path.push('/');
        path.push_str(name);
        path.push('/');
        path.extend(utf8_percent_encode(id, SEGMENT));
        path
    }

    /// Reads an item from a body: 400 if it is no strict JSON, 422 if it breaks the schema.
    pub(crate) fn read(&self, body: &[u8]) -> Result<Item, BodyFailure> {
        self.admit(json::parse(body)?)
    }

    /// Fills in the schema's defaults and checks the value: 422 if it breaks the schema.
    pub(crate) fn admit(&self, value: Value) -> Result<Item, BodyFailure> {
        let admitted = self.0.shared.collection.admit(value);
        admitted.map_err(|violations| BodyFailure::violations(self.name(), violations))
    }

    /// Checks that a write has a precondition if the collection demands one. The problem is for an
    /// answer 428.
    pub(crate) fn demand(&self, precondition: &Precondition) -> Result<(), Problem> {
        if self.0.shared.collection.requires_precondition() && precondition.is_empty() {
            return Err(Problem::new(format!(
                "The collection `{}` demands a precondition for every write to an item. Send `If-Match` with the item's ETag, or `If-None-Match: *` to create it.",
                self.name()
            )));
        }
        Ok(())
    }

    /// Returns the item as it is.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreFailure> {
        Ok(self.store().get(key).await?)
    }

    /// Answers a repeated request as before, or returns `None` when it is the first under its key.
    pub(crate) async fn replay(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Result<AppliedWrite, Refusal>>, WriteFailure> {
        let remembered = self.store().recall(&idempotency.key).await.map_err(StoreFailure::from)?;
        Ok(idempotency.replay(remembered.as_ref()).map(|verdict| self.counted(verdict)))
    }

    /// Answers a request that is refused before the store sees it. If it repeats a request that was
    /// carried out, it gets the answer of that one, even if the schema or the settings have changed
    /// since. A write that reaches the store is looked up there, in the same step.
    ///
    /// `refused` is the answer if the request is no repetition.
    pub(crate) async fn replay_or<F: From<WriteFailure>>(
        &self,
        idempotency: Option<&Idempotency>,
        refused: F,
    ) -> Result<Result<AppliedWrite, Refusal>, F> {
        let Some(idempotency) = idempotency else { return Err(refused) };
        self.replay(idempotency).await.map_err(F::from)?.ok_or(refused)
    }

    /// Applies one write, and counts what came of it.
    pub(crate) async fn apply(
        &self,
        write: Write,
    ) -> Result<Result<AppliedWrite, Refusal>, NotApplied> {
        let _passed = match &self.0.shared.gate {
            None => None,
            Some(gate) => Some(gate.pass(&write.change).await??),
        };
        let mut verdicts = self.store().apply(vec![write]).await;
        Ok(self.counted(verdicts.pop().expect("a store answers every write")?))
    }

    /// Applies a write that has an item, as [`apply`](Self::apply) does. `F` is how the operation
    /// answers when the store cannot take the item.
    pub(crate) async fn apply_item<F: From<BodyFailure> + From<WriteFailure>>(
        &self,
        write: Write,
    ) -> Result<Result<AppliedWrite, Refusal>, F> {
        self.apply(write).await.map_err(|failed| match failed.too_large() {
            Ok(problem) => BodyFailure::ItemTooLarge(problem).into(),
            Err(failed) => WriteFailure::from(failed).into(),
        })
    }

    /// Counts what came of a write.
    pub(crate) fn counted(&self, verdict: Verdict) -> Result<AppliedWrite, Refusal> {
        let outcome = verdict?;
        self.0.shared.counters.wrote(&outcome);
        Ok(outcome.into())
    }
}
