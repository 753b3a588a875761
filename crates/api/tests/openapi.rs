//! The committed document is the one that the service serves.

use std::path::Path;

use api::{InvalidSetup, Limits, Metrics, Router, Setup, Turns, router};
use contract::about::ServedDocument;
use domain::{Collection, CollectionName};
use memory::Memory;
use serde_json::{Value, json};
use serve::Draining;
use store::Options;

fn setup(collections: Vec<Collection>) -> Setup {
    Setup {
        store: store::open("memory:", &Options::default()).expect("memory needs nothing"),
        collections,
        limits: Limits::default(),
        metrics: Metrics::new(),
        turns: Turns::default(),
        memory: Memory::new(usize::MAX),
        draining: Draining::default(),
    }
}

/// Makes the document of a service with these collections.
fn document(collections: Vec<Collection>) -> Result<ServedDocument, InvalidSetup> {
    router(&setup(collections)).map(|router| router.catalog.document())
}

fn collection(name: &str, schema: Value) -> Collection {
    let name = CollectionName::new(name).expect("a legal name");
    Collection::new(name, schema, false).expect("a sound schema")
}

#[test]
fn the_committed_document_is_the_served_one() {
    let document = document(vec![Collection::items()]).expect("the built-in collection is served");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    // People read the committed one, and so do diffs.
    let mut text = serde_json::to_string_pretty(&document.value()).expect("it is JSON");
    text.push('\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).expect("the document can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "crates/api/openapi.json is not what the service serves; if the change is meant, run `just openapi`"
    );
}

/// Most bytes of the document of one collection, and of what each further one adds. A header field that
/// every answer carries takes about 3,000 and 400 of them, and there is room for one more.
const BYTES_MAX: (usize, usize) = (128_000, 28_000);

#[test]
fn the_document_stays_small() {
    let bytes =
        |collections: Vec<Collection>| document(collections).expect("they are served").text().len();
    let schema = Collection::items().schema().clone();
    let one = bytes(vec![Collection::items()]);
    let two = bytes(vec![Collection::items(), collection("things", schema)]);
    let (first_max, next_max) = BYTES_MAX;
    assert!(one <= first_max, "{one} bytes for one collection");
    assert!(two - one <= next_max, "{} bytes for another one", two - one);
}

/// Calls `visit` with every object of a value.
fn objects<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|value| objects(value, visit));
        }
        Value::Array(elements) => elements.iter().for_each(|value| objects(value, visit)),
        _ => {}
    }
}

#[test]
fn every_component_is_referred_to_and_every_reference_leads_to_one() {
    let books = json!({
        "properties": { "author": { "$ref": "#/$defs/person" }, "any": true },
        "$defs": { "person": { "properties": { "name": { "type": "string", "default": "" } } } },
    });
    let document =
        document(vec![Collection::items(), collection("books", books)]).expect("they are served");
    let document = &document.value();
    let mut referred = std::collections::BTreeSet::new();
    objects(document, &mut |members| {
        if let Some(Value::String(target)) = members.get("$ref") {
            let pointer = target.strip_prefix('#').expect("all is in the document");
            assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            referred.insert(pointer);
        }
    });
    let sections = document["components"].as_object().expect("there are components");
    assert_eq!(
        sections.keys().collect::<Vec<_>>(),
        ["schemas", "responses", "parameters", "examples", "requestBodies", "headers"]
    );
    for (section, components) in sections {
        for name in components.as_object().into_iter().flat_map(|components| components.keys()) {
            let pointer = format!("/components/{section}/{name}");
            assert!(referred.contains(&*pointer), "nothing refers to {pointer}");
        }
    }
    let schemas = &document["components"]["schemas"];
    for name in ["BooksItem", "BooksItemInput", "BooksItemMergePatch", "BooksPersonInput"] {
        assert!(schemas[name].is_object(), "{name}");
    }
    assert_eq!(schemas["BooksItem"]["properties"]["any"], json!({}));
    let put = &document["paths"]["/books/{id}"]["put"];
    assert_eq!(put["requestBody"]["$ref"], "#/components/requestBodies/BooksItemInputBody");
    let body = &document["components"]["requestBodies"]["BooksItemInputBody"]["content"];
    let schema = &body["application/json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/BooksItemInput");
}

#[test]
fn problems_with_one_status_are_told_apart_by_their_type() {
    let document = document(vec![Collection::items()]).expect("it is served");
    let schema = &document.value()["components"]["schemas"]["Problem422"];
    let kind = &schema["properties"]["type"];
    let kinds = ["idempotency-key-reused", "invalid-item", "invalid-schema", "order-kind-mixed"];
    assert_eq!(kind["enum"], json!(kinds.map(|slug| format!("/problems#{slug}"))));
    let names = ["IdempotencyKeyReused", "InvalidItem", "InvalidSchema", "OrderKindMixed"];
    assert_eq!(kind["x-enum-varnames"], json!(names));
    assert_eq!(schema["properties"]["status"]["const"], 422);
}

#[test]
fn every_operation_is_described() {
    let document = document(vec![Collection::items()]).expect("it is served");
    for path in document.value()["paths"].as_object().into_iter().flat_map(|paths| paths.values()) {
        for operation in path.as_object().into_iter().flat_map(|methods| methods.values()) {
            let text = operation["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.'), "{} is not described", operation["operationId"]);
        }
    }
    assert!(document.value()["info"]["contact"]["name"].is_string());
}

#[test]
fn a_name_that_the_service_needs_is_refused_with_that_reason() {
    let refused = |names: &[&str]| {
        let collections = names.iter().map(|name| collection(name, json!({}))).collect();
        document(collections).expect_err("the names are refused").to_string()
    };
    let pages = ["docs", "livez", "metrics", "openapi", "problems", "readyz", "redoc"];
    for name in pages.into_iter().chain(["collection", "collections", "item"]) {
        let why = format!("a collection cannot be called {name:?}: the service needs that name");
        assert_eq!(refused(&[name]), why);
    }
}

#[test]
fn pages_are_where_they_are_said_to_be() {
    let Router { dispatch, .. } = router(&setup(vec![Collection::items()])).expect("it is served");
    for page in contract::about::PAGES {
        assert_eq!(dispatch.template(page), Some(page));
    }
}
