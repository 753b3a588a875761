//! Which collections there are.
//!
//! There is one catalog a process. It is made of the collections that are configured and of the definitions
//! in the store, and read again when those change ([`keeper`](mod@keeper)). Requests find a collection in a
//! table of their worker's own, which is replaced as a whole.

mod change;
mod check;
mod definitions;
mod entry;
mod keeper;
mod lookup;
mod record;
mod sweep;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use contract::about::ServedDocument;
use contract::{Blueprint, Found, Resource, Resources};
use domain::{Collection, CollectionName};
use store::Store;
use tokio::sync::Notify;

pub(crate) use self::change::Change;
pub(crate) use self::check::{CheckedItems, check_items, has_items};
pub(crate) use self::definitions::{Definitions, Written, definition_key, keyspace, public_of};
use self::entry::{Entry, EntryMaker};
pub use self::keeper::Keeper;
pub(crate) use self::record::compile;
pub(crate) use self::sweep::sweep_soon;
use crate::items::{Gate, Means, ServedCollection, SharedCollection};
use crate::lease::Lease;
use crate::metrics::Metrics;
use crate::schemas::plain;
use crate::stored_items::StoredItems;

/// Which collections there are. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

pub(crate) struct Inner {
    maker: EntryMaker,
    definitions: Arc<Definitions>,
    lease: Arc<Lease>,
    current: ArcSwap<Generation>,
    /// The tables of the workers.
    tables: Mutex<Vec<Weak<WorkerTable>>>,
    /// What was replaced, as long as writes may be on their way through it.
    replaced: Mutex<Vec<Arc<SharedCollection>>>,
    /// Notified when a collection was deleted.
    sweep: Notify,
}

/// Names of schemas, in the form in which they are compared.
type SchemaNames = BTreeSet<String>;

/// The collections between two changes.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    entries: BTreeMap<String, Arc<Entry>>,
    /// The names of all schemas.
    schema_names: Arc<SchemaNames>,
    /// Definitions that cannot be served, and why.
    broken: BTreeMap<String, store::Error>,
    /// Made when it is asked for; in OpenAPI 3.1 and 3.2.
    document: OnceLock<ServedDocument>,
    document_3_2: OnceLock<ServedDocument>,
}

impl Generation {
    fn insert(&mut self, name: String, entry: Entry) {
        self.remove(&name);
        let names = Arc::make_mut(&mut self.schema_names);
        names.extend(entry.doc.schema_names().map(plain));
        self.entries.insert(name, Arc::new(entry));
    }

    fn remove(&mut self, name: &str) {
        let Some(entry) = self.entries.remove(name) else { return };
        let names = Arc::make_mut(&mut self.schema_names);
        for name in entry.doc.schema_names() {
            names.remove(&plain(name));
        }
    }
}

impl Catalog {
    /// Makes the catalog of the configured collections. What the store holds is added by the
    /// [`Keeper`].
    pub(crate) fn new(
        blueprint: Blueprint,
        metrics: Metrics,
        means: Arc<Means>,
        definitions: Arc<Definitions>,
        configured: &[Collection],
    ) -> (Self, Keeper) {
        let (lease, wishes) = Lease::new(means.store.is_shared());
        let names = configured.iter().map(|collection| collection.name().clone()).collect();
        let maker = EntryMaker { blueprint, metrics, means, configured: names };
        let mut generation = Generation::default();
        for collection in configured {
            let name = collection.name().as_str();
            let items = (collection.name().into(), StoredItems::Complete);
            let taken = &generation.schema_names;
            let entry = maker.entry(collection.clone(), items, None, None, taken);
            entry.served.counters.show();
            generation.insert(name.to_owned(), entry);
        }
        let catalog = Self(Arc::new(Inner {
            maker,
            definitions,
            lease: Arc::new(lease),
            current: ArcSwap::from_pointee(generation),
            tables: Mutex::default(),
            replaced: Mutex::default(),
            sweep: Notify::new(),
        }));
        (catalog.clone(), Keeper::new(catalog, wishes))
    }

    /// Returns the names of all collections, in their order.
    pub fn names(&self) -> Vec<CollectionName> {
        let generation = self.0.current.load();
        generation.entries.values().map(|entry| entry.served.collection.name().clone()).collect()
    }

    /// Returns the document of what is served now.
    #[must_use]
    pub fn document(&self) -> ServedDocument {
        self.document_of(&self.0.current.load())
    }

    fn document_of(&self, generation: &Generation) -> ServedDocument {
        let made = generation.document.get_or_init(|| {
            let entries = generation.entries.values().map(|entry| &entry.doc);
            let document = self.0.maker.blueprint.document(entries);
            let document = document.expect("the names of the schemas were kept apart");
            document.served().clone()
        });
        made.clone()
    }

    /// Returns the document in OpenAPI 3.2.
    pub(crate) fn document_3_2(&self) -> ServedDocument {
        let generation = self.0.current.load_full();
        generation.document_3_2.get_or_init(|| self.document_of(&generation).in_3_2()).clone()
    }

    /// Returns the collection of a definition as it is known now.
    pub(crate) fn get(&self, name: &CollectionName) -> Option<Arc<SharedCollection>> {
        let generation = self.0.current.load();
        generation.entries.get(name.as_str()).map(|entry| Arc::clone(&entry.served))
    }

    /// Returns why a definition cannot be served, if it cannot.
    fn broken(&self, name: &CollectionName) -> Option<store::Error> {
        self.0.current.load().broken.get(name.as_str()).cloned()
    }

    pub(crate) fn definitions(&self) -> &Arc<Definitions> {
        &self.0.definitions
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.0.lease
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.0.maker.means.store
    }

    /// Puts another generation into force for all workers.
    fn publish(&self, generation: Generation) {
        let generation = Arc::new(generation);
        let before = self.0.current.swap(Arc::clone(&generation));
        let mut tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.retain(|table| match table.upgrade() {
            Some(table) => {
                table.renew(&generation);
                true
            }
            None => false,
        });
        drop(tables);
        let mut replaced = self.0.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.retain(|shared| !shared.gate.as_ref().is_none_or(Gate::is_empty));
        for (name, entry) in &before.entries {
            let after = generation.entries.get(name);
            if after.is_some_and(|after| Arc::ptr_eq(after, entry)) {
                continue;
            }
            if let Some(gate) = &entry.served.gate {
                gate.close();
                replaced.push(Arc::clone(&entry.served));
            }
            if after.is_none() {
                entry.served.counters.remove();
            }
        }
    }

    /// Tells whether no write is on its way by a definition that was replaced.
    fn is_drained(&self, name: &CollectionName) -> bool {
        let replaced = self.0.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = replaced.iter().filter(|shared| shared.collection.name() == name);
        own.all(|shared| shared.gate.as_ref().is_none_or(Gate::is_empty))
    }

    /// Returns the collections for a worker.
    pub(crate) fn resources(&self) -> Arc<dyn Resources> {
        let served = ArcSwap::default();
        let table = Arc::new(WorkerTable { catalog: self.clone(), served });
        let mut tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        // No generation is published in between.
        table.renew(&self.0.current.load());
        tables.push(Arc::downgrade(&table));
        table
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Catalog").field(&self.names()).finish()
    }
}

/// The collections as one worker finds them.
struct WorkerTable {
    catalog: Catalog,
    served: ArcSwap<HashMap<String, Arc<ServedCollection>>>,
}

impl WorkerTable {
    /// Takes over a generation. What did not change is kept.
    fn renew(&self, generation: &Generation) {
        let known = self.served.load();
        let served = generation.entries.iter().map(|(name, entry)| {
            let known = known.get(name).filter(|known| known.is(&entry.served));
            let served = known.cloned();
            let served = served
                .unwrap_or_else(|| Arc::new(ServedCollection::new(Arc::clone(&entry.served))));
            (name.clone(), served)
        });
        self.served.store(Arc::new(served.collect()));
    }
}

impl fmt::Debug for WorkerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerTable").field(&self.catalog).finish()
    }
}

impl Resources for WorkerTable {
    fn find(&self, name: &str) -> Found {
        match self.served.load().get(name) {
            Some(served) if served.is_in_force() => {
                Found::Known(Arc::clone(served) as Arc<dyn Resource>)
            }
            _ => Found::Pending(lookup::look_up(self.catalog.clone(), name)),
        }
    }

    fn for_worker(&self) -> Arc<dyn Resources> {
        self.catalog.resources()
    }
}
