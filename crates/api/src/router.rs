//! Mounts all operations and pages.

mod streams;

use std::fmt;
use std::sync::Arc;

use contract::about::{DOCUMENT_3_2_PATH, DOCUMENT_PATH, PROBLEMS_PATH};
use contract::guard::{CatchPanic, OneHost};
use contract::{Api, Blueprint, ContractError, Dispatch, RequestId, Variant};
use domain::{Collection, CollectionName, Item, ItemId};
use http::Method;
use memory::Memory;
use serde_json::json;
use serve::Draining;
use store::Store;

use crate::catalog::{Catalog, Definitions, Keeper, keyspace};
use crate::collections::{
    DefinitionWriter, Name, definition_collection, delete_collection, patch_collection,
    put_collection,
};
use crate::documented::{
    INFO, PATCH, RETURNED, Resource, SENT, SERVICE_TAG, collection_operation, item_operation,
    service_operation,
};
use crate::items::{
    EXPORT_LINE, ITEM, ITEM_SENT, Id, LookupFailure, MERGE_PATCH, Means, PAGE, ServedCollection,
    SharedCollection, Streams, WRITE_LINE, count_items, create_item, delete_item, get_item,
    list_items, page_schemas, patch_item, put_item,
};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::pages::{docs, docs_asset, problems, redoc, redoc_asset, start};
use crate::probes::{Service, get_livez, get_metrics, get_openapi, get_openapi_3_2, get_readyz};
use crate::reserved::is_reserved;
use crate::schemas::{COLLECTIONS, ItemSchemas, Names};
use crate::stored_items::StoredItems;
use crate::turns::Turns;

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
            Self::Contract(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InvalidSetup {}

impl From<ContractError> for InvalidSetup {
    fn from(error: ContractError) -> Self {
        Self::Contract(error)
    }
}

/// What the states of operations are made from.
#[derive(Clone, Debug)]
struct Context {
    catalog: Catalog,
    /// The collection whose items are definitions.
    definitions: Arc<SharedCollection>,
    problems: Arc<[&'static Variant]>,
}

/// The service, before it serves.
#[derive(Debug)]
pub struct Router {
    /// The operations. [`Dispatch::for_worker`] makes them for a further worker.
    pub dispatch: Dispatch,
    /// The collections, and the document that describes the service.
    pub catalog: Catalog,
    /// What has to run beside the service, so that the catalog follows the store.
    pub keeper: Keeper,
}

/// Makes the service.
///
/// # Errors
/// [`InvalidSetup`] says which collection cannot be served.
pub fn router(setup: &Setup) -> Result<Router, InvalidSetup> {
    check_names(&setup.collections)?;
    let mut api = Api::new(INFO);
    api.every_answer_carries::<RequestId>();
    api.answers_without_operation::<LookupFailure>();
    mount_items(&mut api, setup.limits);
    streams::mount(&mut api, setup.limits);
    mount_collections(&mut api, setup.limits);
    mount_service(&mut api, setup);
    mount_pages(&mut api);
    let mut keeper = None;
    let (dispatch, context) = api.build_with(
        |operations| {
            let observer = setup.metrics.observer(operations);
            observer.show();
            observer
        },
        |blueprint| {
            let (context, its_keeper) = context(setup, blueprint);
            keeper = Some(its_keeper);
            let resources = context.catalog.resources();
            Ok::<_, InvalidSetup>((context, resources))
        },
    )?;
    let keeper = keeper.expect("the context was made");
    Ok(Router { dispatch, catalog: context.catalog, keeper })
}

fn context(setup: &Setup, blueprint: Blueprint) -> (Context, Keeper) {
    let configured = setup.collections.iter().map(|collection| {
        let id = ItemId::new(collection.name().as_str()).expect("a name is a legal id");
        (id, definition(collection))
    });
    let definitions = Arc::new(Definitions::new(Arc::clone(&setup.store), configured.collect()));
    let problems = Arc::clone(blueprint.problems());
    let streams = Streams::new(setup.limits.streams_max);
    let means = |store: Arc<dyn Store>| {
        Arc::new(Means {
            store,
            body_limit: setup.limits.body(setup.memory.clone()),
            remembered_for: setup.limits.remembered_for,
            turns: setup.turns.clone(),
            memory: setup.memory.clone(),
            streams: streams.clone(),
            stream_limits: setup.limits.stream(),
        })
    };
    let collection = definition_collection();
    let counters = setup.metrics.collection(collection.name(), &[]);
    counters.show();
    let served = SharedCollection {
        collection,
        keyspace: keyspace(),
        counters,
        gate: None,
        means: means(Arc::clone(&definitions) as Arc<dyn Store>),
    };
    let means = means(Arc::clone(&setup.store));
    let metrics = setup.metrics.clone();
    let (catalog, keeper) =
        Catalog::new(blueprint, metrics, means, definitions, &setup.collections);
    (Context { catalog, definitions: Arc::new(served), problems }, keeper)
}

/// Returns the definition of a configured collection.
fn definition(collection: &Collection) -> Item {
    let definition = json!({
        "schema": collection.schema(),
        "require_precondition": collection.requires_precondition(),
    });
    Item::new(definition.as_object().expect("it is an object"))
}

fn check_names(collections: &[Collection]) -> Result<(), InvalidSetup> {
    let mut names: Vec<_> = collections.iter().map(Collection::name).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(InvalidSetup::NameTaken(pair[0].clone()));
    }
    match names.iter().find(|name| is_reserved(name.as_str())) {
        Some(name) => Err(InvalidSetup::ReservedName(CollectionName::clone(name))),
        None => Ok(()),
    }
}

/// Mounts the operations on items.
///
/// The guards, from the outermost: a head that is too large or has no host is refused before any
/// work; the time limit covers all the work; a panic is caught next to the handler.
fn mount_items(api: &mut Api<Context>, limits: Limits) {
    let mut scope = api
        .resource_scope::<ServedCollection>()
        .guard(CatchPanic)
        .guard(limits.time())
        .guard(OneHost)
        .guard(limits.head());
    for (role, name) in [
        (ITEM, RETURNED.to_string()),
        (ITEM_SENT, SENT.to_string()),
        (MERGE_PATCH, PATCH.to_string()),
        (PAGE, format!("{RETURNED}Page")),
        (WRITE_LINE, format!("{RETURNED}Line")),
        (EXPORT_LINE, format!("{RETURNED}Export")),
    ] {
        scope.role(role, name);
    }
    scope.optional(428);
    let of_all =
        |verb, summary, description| item_operation(Resource::All, verb, summary, description);
    let of_one =
        |verb, summary, description| item_operation(Resource::One, verb, summary, description);
    let count = item_operation(
        Resource::Count,
        "count",
        "Counts items",
        "Counts all items, or those whose ids begin with `prefix`. The more items there are, the longer it takes.",
    );
    let (all, one) = ("/{collection}", "/{collection}/{id}");
    scope
        .get(all, of_all("list", "Lists items", "In ascending order of the ids. To get all items, request the path in `next`, or repeat the request with `after`, until they are null. An item that exists throughout is listed exactly once."), list_items)
        .get("/{collection}:count", count, count_items)
        .on(Method::POST, all, of_all("create", "Creates an item under a new id", "The service chooses the id, a UUID of version 7. If you may have to repeat the request, choose an id yourself and use PUT, or send an `Idempotency-Key`."), create_item)
        .get(one, of_one("get", "Returns an item", "Send its `ETag` in the `If-Match` of a later write, or in the `If-None-Match` of a later read."), get_item::<Id>)
        .on(Method::PUT, one, of_one("put", "Creates an item, or makes it equal to the body", "Answers 201 if the item did not exist and 200 if it did; then `Shelf-Outcome` says whether it was `updated` or `unchanged`. Members that you leave out get the schema's default. You can safely repeat the request."), put_item)
        .on(Method::PATCH, one, of_one("patch", "Changes an item", "Applies a merge patch (RFC 7396) or a JSON Patch (RFC 6902) atomically: no concurrent write is lost."), patch_item)
        .on(Method::DELETE, one, of_one("delete", "Deletes an item", "With `If-Match` the item is deleted only if it has not changed since you read it."), delete_item);
}

/// How many times longer than another request a write of a definition may take: it may read all items.
const CHECK_TIME_FACTOR: u32 = 10;

/// Mounts the operations on definitions.
fn mount_collections(api: &mut Api<Context>, limits: Limits) {
    let collection = definition_collection();
    let description = "Declare a collection by its JSON Schema, and use it in the next request.";
    api.tag(COLLECTIONS, description);
    let schemas =
        ItemSchemas::of(&collection, StoredItems::Complete, &mut Names::of([collection.name()]));
    let definitions = |context: &Context| ServedCollection::new(Arc::clone(&context.definitions));
    let mut reads = api
        .scope_with(definitions)
        .guard(CatchPanic)
        .guard(limits.time())
        .guard(OneHost)
        .guard(limits.head());
    let page = format!("{}Page", schemas.returned);
    for (name, schema) in schemas.components.into_iter().chain(page_schemas(&schemas.returned)) {
        reads.definition(&name, schema);
    }
    for (role, name) in [
        (ITEM, schemas.returned),
        (ITEM_SENT, schemas.sent),
        (MERGE_PATCH, schemas.patch),
        (PAGE, page),
    ] {
        reads.role(role, name);
    }
    let (all, one) = ("/collections", "/collections/{name}");
    reads
        .get(
            all,
            collection_operation(
                "list_collections",
                "_collections",
                "Lists collections",
                "Their definitions, in ascending order of the names, as items are listed.",
            ),
            list_items,
        )
        .get(
            "/collections:count",
            collection_operation(
                "count_collections",
                "count_collections",
                "Counts collections",
                "Counts all collections, or those whose names begin with `prefix`.",
            ),
            count_items,
        )
        .get(
            one,
            collection_operation(
                "get_collection",
                "_collection",
                "Returns the definition of a collection",
                "Send its `ETag` in the `If-Match` of a later change.",
            ),
            get_item::<Name>,
        );

    let writer = move |context: &Context| DefinitionWriter {
        definitions: definitions(context),
        catalog: context.catalog.clone(),
    };
    let time = contract::guard::TimeLimit {
        time_max: limits.request_time_max.saturating_mul(CHECK_TIME_FACTOR),
    };
    let mut writes =
        api.scope_with(writer).guard(CatchPanic).guard(time).guard(OneHost).guard(limits.head());
    writes
        .impossible(428)
        .on(Method::PUT, one, collection_operation("put_collection", "_collection", "Declares a collection, or changes its definition", "Answers 201 if the collection did not exist: it can be used in the next request, on every replica. A new schema is compared with all existing items, which takes the longer the more there are; if some do not satisfy it, the answer is 409 and nothing changes. It is in force everywhere within two seconds. You can safely repeat the request."), put_collection)
        .on(Method::PATCH, one, collection_operation("patch_collection", "_collection", "Changes the definition of a collection", "Applies a merge patch (RFC 7396) or a JSON Patch (RFC 6902) to the definition. The result is judged as by PUT."), patch_collection)
        .on(Method::DELETE, one, collection_operation("delete_collection", "_collection", "Deletes a collection", "A collection that has items is deleted only with `items=delete`. A collection of the same name that is declared later has none of them."), delete_collection);
}

/// Mounts what the service says about itself. A probe that waits for the store has the guards of
/// the operations that do.
fn mount_service(api: &mut Api<Context>, setup: &Setup) {
    let limits = setup.limits;
    let (store, metrics) = (Arc::clone(&setup.store), setup.metrics.clone());
    let draining = setup.draining.clone();
    let service = move |context: &Context| Service {
        store: Arc::clone(&store),
        metrics: metrics.clone(),
        draining: draining.clone(),
        catalog: context.catalog.clone(),
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
        )
        .get(
            DOCUMENT_3_2_PATH,
            service_operation(
                "openapi_3_2",
                "Returns this document in OpenAPI 3.2",
                "It describes the lines of streams (`itemSchema`). Most generators of clients do not read it yet.",
            ),
            get_openapi_3_2,
        );
}

/// Mounts the pages for people.
fn mount_pages(api: &mut Api<Context>) {
    api.scope(())
        .guard(OneHost)
        .page("/docs", docs)
        .page("/docs/{file}", docs_asset)
        .page("/redoc", redoc)
        .page("/redoc/{file}", redoc_asset);
    api.scope_with(|context: &Context| Arc::clone(&context.problems))
        .guard(OneHost)
        .page(PROBLEMS_PATH, problems);
    api.scope_with(|context: &Context| context.catalog.clone())
        .guard(OneHost)
        .hidden_page("/", start);
}
