//! The schema of definitions.

use domain::{Collection, CollectionName};
use serde_json::json;

use crate::schemas::COLLECTIONS;

/// Returns the collection whose items are definitions.
///
/// # Panics
/// Never: the tests make it.
pub(crate) fn definition_collection() -> Collection {
    let name = CollectionName::new(COLLECTIONS).expect("it is a name");
    let schema = json!({
        "description": "Collections: declare one by its JSON Schema, and use it in the next request.",
        "type": "object",
        "properties": {
            "schema": {
                "description": "The JSON Schema (2020-12) that every item has to satisfy. References stay inside of it; `docs/collections.md` lists its limits.",
                "type": "object",
                "additionalProperties": true,
            },
            "require_precondition": {
                "description": "Whether every write to an item needs `If-Match` or `If-None-Match`; one without is answered 428.",
                "type": "boolean",
                "default": false,
            },
        },
        "required": ["schema"],
        "additionalProperties": false,
        "examples": [{ "schema": { "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"] }, "require_precondition": false }],
    });
    Collection::new(name, schema, false).expect("a sound schema")
}
