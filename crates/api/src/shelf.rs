//! One collection in its store: the state of every item operation.

use std::sync::Arc;
use std::time::Duration;

use contract::extract::{BodyLimit, FromRef};
use domain::{
    Collection, CollectionName, Idempotency, Item, ItemId, Key, Outcome, Precondition, Refusal,
    Verdict, Write, json,
};
use memory::Memory;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use store::Store;

use crate::items::failure::{InvalidBody, PreconditionMissing, StoreFailure};
use crate::metrics::WriteCounters;
use crate::router::Limits;
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

/// One collection, the store it lives in, and the limits for writing to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    collection: Collection,
    /// The collection's name. Every key holds a clone, so its count of clones is not to be shared
    /// with the other threads' shelves.
    name: CollectionName,
    store: Arc<dyn Store>,
    body_limit: BodyLimit,
    /// How long answers under an idempotency key are remembered.
    remembered_for: Duration,
    written: WriteCounters,
    turns: Turns,
    memory: Memory,
}

/// What a write did.
#[derive(Debug)]
pub(crate) struct Applied {
    /// What was done; never [`Outcome::Replayed`].
    pub(crate) outcome: Outcome,
    /// The item that it was done to, when that happened before, under the same idempotency key.
    pub(crate) replayed: Option<ItemId>,
}

impl From<Outcome> for Applied {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Replayed(remembered) => {
                Self { outcome: remembered.outcome, replayed: Some(remembered.id) }
            }
            outcome => Self { outcome, replayed: None },
        }
    }
}

impl FromRef<Shelf> for BodyLimit {
    fn from_ref(shelf: &Shelf) -> Self {
        shelf.0.body_limit.clone()
    }
}

impl Shelf {
    pub(crate) fn new(
        collection: Collection,
        store: Arc<dyn Store>,
        limits: Limits,
        written: WriteCounters,
        turns: Turns,
        memory: Memory,
    ) -> Self {
        let name = CollectionName::new(collection.name().as_str()).expect("it is a name already");
        Self(Arc::new(Inner {
            collection,
            name,
            store,
            body_limit: limits.body(memory.clone()),
            remembered_for: limits.remembered_for,
            written,
            turns,
            memory,
        }))
    }

    pub(crate) fn collection(&self) -> &Collection {
        &self.0.collection
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn remembered_for(&self) -> Duration {
        self.0.remembered_for
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// Returns what answers take their memory from.
    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn key(&self, id: ItemId) -> Key {
        Key { collection: self.0.name.clone(), id }
    }

    /// Returns the path of an item, percent-encoded.
    pub(crate) fn path(&self, id: &ItemId) -> String {
        let (name, id) = (self.0.name.as_str(), id.as_str());
        let mut path = String::with_capacity("/".len() + name.len() + "/".len() + id.len());
        path.push('/');
        path.push_str(name);
        path.push('/');
        path.extend(utf8_percent_encode(id, SEGMENT));
        path
    }

    /// Reads an item from a body: 400 if it is no strict JSON, 422 if it breaks the schema.
    pub(crate) fn read(&self, body: &[u8]) -> Result<Item, InvalidBody> {
        self.admit(json::parse(body)?)
    }

    /// Fills in the schema's defaults and checks the value: 422 if it breaks the schema.
    pub(crate) fn admit(&self, value: Value) -> Result<Item, InvalidBody> {
        let collection = self.collection();
        collection
            .admit(value)
            .map_err(|violations| InvalidBody::violations(collection.name(), violations))
    }

    /// Answers 428 if the collection demands a precondition and the request has none.
    pub(crate) fn demand(&self, precondition: &Precondition) -> Result<(), PreconditionMissing> {
        if self.collection().requires_precondition() && precondition.is_empty() {
            return Err(PreconditionMissing::new(self.collection().name()));
        }
        Ok(())
    }

    /// Returns the item as it is.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreFailure> {
        Ok(self.store().get(key).await?)
    }

    /// Answers a request from memory, or returns `None` when it is the first under its key.
    pub(crate) async fn replay(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Result<Applied, Refusal>>, StoreFailure> {
        let remembered = self.store().recall(&idempotency.key).await?;
        Ok(idempotency.replay(remembered.as_ref()).map(|verdict| self.counted(verdict)))
    }

    /// Answers a request that is refused for what it holds. A repetition of a request that was carried
    /// out is no such request, whatever has become of the schema and the settings since: it is looked
    /// up first, and only here, since a write that is not refused is looked up by the store, in the
    /// same step.
    ///
    /// `refused` is what is answered if the request is no repetition.
    pub(crate) async fn replay_or<F: From<StoreFailure>>(
        &self,
        idempotency: Option<&Idempotency>,
        refused: F,
    ) -> Result<Result<Applied, Refusal>, F> {
        let Some(idempotency) = idempotency else { return Err(refused) };
        self.replay(idempotency).await.map_err(F::from)?.ok_or(refused)
    }

    /// Applies one write, and counts what came of it. `F` is how the operation answers when the store
    /// cannot.
    pub(crate) async fn apply<F: From<store::Error>>(
        &self,
        write: Write,
    ) -> Result<Result<Applied, Refusal>, F> {
        let mut verdicts = self.store().apply(vec![write]).await;
        Ok(self.counted(verdicts.pop().expect("a store answers every write")?))
    }

    fn counted(&self, verdict: Verdict) -> Result<Applied, Refusal> {
        let outcome = verdict?;
        self.0.written.count(&outcome);
        Ok(outcome.into())
    }
}

/// Names an outcome as the answers and the metrics do.
pub(crate) const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Created(_) => "created",
        Outcome::Updated(_) => "updated",
        Outcome::Unchanged(_) => "unchanged",
        Outcome::Deleted => "deleted",
        Outcome::Replayed(_) => "replayed",
    }
}
