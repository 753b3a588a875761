//! A collection in its store: the state of every operation on items.

use std::sync::Arc;
use std::time::Duration;

use contract::Problem;
use contract::extract::{BodyLimit, FromRef};
use domain::{
    Collection, CollectionName, Idempotency, Item, ItemId, Key, Keyspace, Outcome, Precondition,
    Refusal, Verdict, Write, json,
};
use memory::Memory;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use store::{ErrorKind, Store};

use super::failure::{BodyFailure, StoreFailure, WriteFailure};
use crate::limits::Limits;
use crate::metrics::WriteCounters;
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

/// A collection in its store: the state of every operation on items. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ServedCollection(Arc<Handle>);

/// The object to which requests count references: each worker has its own.
#[derive(Debug)]
struct Handle {
    /// Every key holds a clone.
    keyspace: Keyspace,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    collection: Collection,
    keyspace: Keyspace,
    store: Arc<dyn Store>,
    body_limit: BodyLimit,
    /// How long answers under an idempotency key are remembered.
    remembered_for: Duration,
    written: WriteCounters,
    turns: Turns,
    memory: Memory,
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
        collection.0.shared.body_limit.clone()
    }
}

impl ServedCollection {
    pub(crate) fn new(
        collection: Collection,
        store: Arc<dyn Store>,
        limits: Limits,
        written: WriteCounters,
        turns: Turns,
        memory: Memory,
    ) -> Self {
        Self::of(Arc::new(Shared {
            keyspace: collection.name().into(),
            collection,
            store,
            body_limit: limits.body(memory.clone()),
            remembered_for: limits.remembered_for,
            written,
            turns,
            memory,
        }))
    }

    /// Returns the same collection for another worker.
    pub(crate) fn for_worker(&self) -> Self {
        Self::of(Arc::clone(&self.0.shared))
    }

    fn of(shared: Arc<Shared>) -> Self {
        let keyspace = Keyspace::new(shared.keyspace.as_str()).expect("it is a keyspace already");
        Self(Arc::new(Handle { keyspace, shared }))
    }

    pub(crate) fn name(&self) -> &CollectionName {
        self.0.shared.collection.name()
    }

    /// Returns where the store keeps the items.
    pub(crate) fn keyspace(&self) -> &Keyspace {
        &self.0.keyspace
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.shared.store
    }

    pub(crate) fn remembered_for(&self) -> Duration {
        self.0.shared.remembered_for
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.shared.turns
    }

    /// Returns what answers take their memory from.
    pub(crate) fn memory(&self) -> &Memory {
        &self.0.shared.memory
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
    ) -> Result<Result<AppliedWrite, Refusal>, store::Error> {
        let mut verdicts = self.store().apply(vec![write]).await;
        Ok(self.counted(verdicts.pop().expect("a store answers every write")?))
    }

    /// Applies a write that has an item, as [`apply`](Self::apply) does. `F` is how the operation
    /// answers when the store cannot take the item.
    pub(crate) async fn apply_item<F: From<BodyFailure> + From<WriteFailure>>(
        &self,
        write: Write,
    ) -> Result<Result<AppliedWrite, Refusal>, F> {
        self.apply(write).await.map_err(|error| match error.kind() {
            // The request's own fault, so there is nothing for the operator in it.
            ErrorKind::TooLarge => BodyFailure::ItemTooLarge(Problem::default()).into(),
            _ => WriteFailure::from(error).into(),
        })
    }

    fn counted(&self, verdict: Verdict) -> Result<AppliedWrite, Refusal> {
        let outcome = verdict?;
        self.0.shared.written.count(&outcome);
        Ok(outcome.into())
    }
}
