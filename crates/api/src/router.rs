//! Mounts all operations and pages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use contract::about::{self, DOCUMENT_PATH, PROBLEMS_PATH};
use contract::guard::{CatchPanic, OneHost};
use contract::{Api, ContractError, Description, Dispatch, Document, RequestId};
use domain::{Collection, CollectionName};
use http::Method;
use memory::Memory;
use serde_json::Value;
use serve::Draining;
use store::Store;

use crate::documented::{
    INFO, Resource, SERVICE_TAG, item_operation, operation_ids, service_operation,
};
use crate::items::{
    ITEM, ITEM_SENT, MERGE_PATCH, PAGE, ServedCollection, count_items, create_item, delete_item,
    get_item, list_items, page_schemas, patch_item, put_item,
};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::pages::{StartPage, docs, docs_asset, problems, redoc, redoc_asset, start};
use crate::probes::{Service, get_livez, get_metrics, get_openapi, get_readyz};
use crate::schemas::{ItemSchemas, Names};
use crate::turns::Turns;

/// Tells whether no collection can have a name, because the service has a page there, or an operation with an
/// id that the collection's would have, too.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    matches!(name, "metrics" | "openapi") || about::is_public(name)
}

/// The parts that the service is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The store of the items.
    pub store: Arc<dyn Store>,
    /// The collections that are served.
    pub collections: Vec<Collection>,
    /// The limits of a request.
    pub limits: Limits,
    /// The counters.
    pub metrics: Metrics,
    /// The queues of patches.
    pub turns: Turns,
    /// The budget of memory for requests and answers.
    pub memory: Memory,
    /// Whether the service is about to stop.
    pub draining: Draining,
}

/// Why the service cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidSetup {
    /// A collection has a name that [is reserved](is_reserved).
    ReservedName(CollectionName),
    /// Two collections have the same name.
    NameTaken(CollectionName),
    /// Two collections would have an operation with the same id.
    NamesAlike {
        /// One of them.
        name: CollectionName,
        /// The other one.
        other: CollectionName,
        /// The id.
        operation_id: String,
    },
    /// The operations contradict each other.
    Contract(ContractError),
}

impl fmt::Display for InvalidSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedName(name) => {
                write!(f, "a collection cannot be called {name:?}: the service needs that name")
            }
            Self::NameTaken(name) => write!(f, "two collections are called {name:?}"),
            Self::NamesAlike { name, other, operation_id } => write!(
                f,
                "collections cannot be called {name:?} and {other:?}: both would have an operation {operation_id:?}"
            ),
            Self::Contract(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InvalidSetup {}

/// Makes the service and the document that describes it. [`Dispatch::for_worker`] makes the same
/// service for a further worker.
///
/// # Errors
/// [`InvalidSetup`] says which collection cannot be served.
pub fn router(setup: &Setup) -> Result<(Dispatch, Document), InvalidSetup> {
    check_names(&setup.collections)?;
    let mut api = Api::new(INFO);
    api.every_answer_carries::<RequestId>();
    let mut names = Names::of(setup.collections.iter().map(Collection::name));
    for collection in &setup.collections {
        mount_items(&mut api, setup, collection, &mut names);
    }
    mount_service(&mut api, setup);
    mount_pages(&mut api, StartPage::of(setup.collections.iter().map(Collection::name)));
    api.build(|operations| setup.metrics.observer(operations)).map_err(InvalidSetup::Contract)
}

fn check_names(collections: &[Collection]) -> Result<(), InvalidSetup> {
    let mut names: Vec<_> = collections.iter().map(Collection::name).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(InvalidSetup::NameTaken(pair[0].clone()));
    }
    match names.iter().find(|name| is_reserved(name.as_str())) {
        Some(name) => Err(InvalidSetup::ReservedName(CollectionName::clone(name))),
        None => check_operation_ids(&names),
    }
}

/// Refuses names such as `books` and `books-list`, which make one id of an operation.
fn check_operation_ids(names: &[&CollectionName]) -> Result<(), InvalidSetup> {
    let mut taken = BTreeMap::new();
    for name in names {
        for operation_id in operation_ids(name) {
            if let Some(other) = taken.insert(operation_id.clone(), *name) {
                let (name, other) = (CollectionName::clone(name), other.clone());
                return Err(InvalidSetup::NamesAlike { name, other, operation_id });
            }
        }
    }
    Ok(())
}

/// Mounts the operations of one collection.
///
/// The guards, from the outermost: a head that is too large or has no host is refused before any
/// work; the time limit covers all the work; a panic is caught next to the handler.
fn mount_items(api: &mut Api, setup: &Setup, collection: &Collection, names: &mut Names) {
    let name = collection.name().clone();
    let limits = setup.limits;
    let served = ServedCollection::new(
        collection.clone(),
        Arc::clone(&setup.store),
        limits,
        setup.metrics.writes(&name),
        setup.turns.clone(),
        setup.memory.clone(),
    );
    let requires_precondition = collection.requires_precondition();
    let description = collection.schema().get("description").and_then(Value::as_str);
    api.tag(name.as_str(), description.unwrap_or_default());
    let schemas = ItemSchemas::of(collection, names);
    let item = schemas.returned;

    let mut scope = api
        .scope_with(move |_| served.for_worker())
        .guard(CatchPanic)
        .guard(limits.time())
        .guard(OneHost)
        .guard(limits.head());
    for (name, schema) in schemas.components.into_iter().chain(page_schemas(&item)) {
        scope.definition(&name, schema);
    }
    let page = format!("{item}Page");
    for (role, name) in
        [(ITEM, item), (ITEM_SENT, schemas.sent), (MERGE_PATCH, schemas.patch), (PAGE, page)]
    {
        scope.role(role, name);
    }
    if !requires_precondition {
        scope.impossible(428);
    }
    let of_all = |verb, summary, description| {
        item_operation(&name, Resource::All, verb, summary, description)
    };
    let of_one = |verb, summary, description| {
        item_operation(&name, Resource::One, verb, summary, description)
    };
    let all = format!("/{name}");
    let one = format!("/{name}/{{id}}");
    let count = item_operation(
        &name,
        Resource::Count,
        "count",
        "Counts items",
        "Counts all items, or those whose ids begin with `prefix`. The more items there are, the longer it takes.",
    );
    scope
        .get(&all, of_all("list", "Lists items", "In ascending order of the ids. To get all items, request the path in `next`, or repeat the request with `after`, until they are null. An item that exists throughout is listed exactly once."), list_items)
        .get(&format!("/{name}:count"), count, count_items)
        .on(Method::POST, &all, of_all("create", "Creates an item under a new id", "The service chooses the id, a UUID of version 7. If you may have to repeat the request, choose an id yourself and use PUT, or send an `Idempotency-Key`."), create_item)
        .get(&one, of_one("get", "Returns an item", "Send its `ETag` in the `If-Match` of a later write, or in the `If-None-Match` of a later read."), get_item)
        .on(Method::PUT, &one, of_one("put", "Creates an item, or makes it equal to the body", "Answers 201 if the item did not exist and 200 if it did; then `Shelf-Outcome` says whether it was `updated` or `unchanged`. Members that you leave out get the schema's default. You can safely repeat the request."), put_item)
        .on(Method::PATCH, &one, of_one("patch", "Changes an item", "Applies a merge patch (RFC 7396) or a JSON Patch (RFC 6902) atomically: no concurrent write is lost."), patch_item)
        .on(Method::DELETE, &one, of_one("delete", "Deletes an item", "With `If-Match` the item is deleted only if it has not changed since you read it."), delete_item);
}

/// Mounts what the service says about itself. A probe that waits for the store has the guards of
/// the operations that do.
fn mount_service(api: &mut Api, setup: &Setup) {
    let limits = setup.limits;
    let (store, metrics) = (Arc::clone(&setup.store), setup.metrics.clone());
    let draining = setup.draining.clone();
    let service = move |description: &Description| Service {
        store: Arc::clone(&store),
        metrics: metrics.clone(),
        draining: draining.clone(),
        document: description.document.clone(),
    };
    api.tag(SERVICE_TAG, "Probes, metrics and this document.");
    api.scope_with(service.clone())
        .guard(CatchPanic)
        .guard(limits.time())
        .guard(OneHost)
        .guard(limits.head())
        .get(
            "/readyz",
            service_operation(
                "readyz",
                "Tells whether requests should be sent here",
                "For load balancers. It asks the store, and answers 503 some time before the service stops.",
            ),
            get_readyz,
        );
    api.scope_with(service)
        .guard(OneHost)
        .guard(limits.head())
        .get(
            "/livez",
            service_operation(
                "livez",
                "Tells whether the service can go on without a restart",
                "For orchestrators that restart the process: 503 as long as nothing else helps. Whether the store works at the moment is told by `/readyz`.",
            ),
            get_livez,
        )
        .get(
            "/metrics",
            service_operation(
                "metrics",
                "Returns counters for Prometheus",
                "`docs/operating.md` explains each of them.",
            ),
            get_metrics,
        )
        .get(
            DOCUMENT_PATH,
            service_operation(
                "openapi",
                "Returns this document",
                "It lists every answer that the service can send.",
            ),
            get_openapi,
        );
}

/// Mounts the pages for people.
fn mount_pages(api: &mut Api, start_page: StartPage) {
    api.scope(())
        .guard(OneHost)
        .page("/docs", docs)
        .page("/docs/{file}", docs_asset)
        .page("/redoc", redoc)
        .page("/redoc/{file}", redoc_asset);
    api.scope_with(|description| Arc::clone(&description.problems))
        .guard(OneHost)
        .page(PROBLEMS_PATH, problems);
    api.scope(start_page).guard(OneHost).hidden_page("/", start);
}
