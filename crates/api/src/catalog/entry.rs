//! One collection of the catalog: what serves it, and what the document says of it.

use std::sync::Arc;

use contract::{Blueprint, ResourceDoc, ResourceEntry};
use domain::{Collection, CollectionName, ETag, Keyspace};
use serde_json::Value;

use super::SchemaNames;
use crate::documented::words;
use crate::items::{Gate, Means, SharedCollection, export_schema, line_schema, page_schemas};
use crate::metrics::Metrics;
use crate::schemas::{ItemSchemas, Names, plain};
use crate::stored_items::StoredItems;

/// A collection as the catalog knows it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) served: Arc<SharedCollection>,
    pub(crate) doc: ResourceEntry,
    /// The tag of the record that it was made of; nothing if it is configured.
    pub(crate) basis: Option<ETag>,
}

/// What entries are made with.
#[derive(Debug)]
pub(super) struct EntryMaker {
    pub(super) blueprint: Blueprint,
    pub(super) metrics: Metrics,
    pub(super) means: Arc<Means>,
    /// The names of the configured collections, which the names of schemas keep clear of.
    pub(super) configured: Vec<CollectionName>,
}

impl EntryMaker {
    /// Makes the entry of a collection. `taken` are the names of all other collections' schemas.
    pub(super) fn entry(
        &self,
        collection: Collection,
        (keyspace, items): (Keyspace, StoredItems),
        gate: Option<Gate>,
        basis: Option<ETag>,
        taken: &SchemaNames,
    ) -> Entry {
        let doc = self.describe(&collection, items, taken);
        let counters = self.metrics.collection(collection.name(), doc.operations());
        let means = Arc::clone(&self.means);
        let served = SharedCollection { collection, keyspace, counters, gate, means };
        Entry { served: Arc::new(served), doc, basis }
    }

    /// Writes what the document says of a collection.
    fn describe(
        &self,
        collection: &Collection,
        items: StoredItems,
        taken: &SchemaNames,
    ) -> ResourceEntry {
        let names = self.configured.iter().chain([collection.name()]);
        let mut names = Names::of(names);
        let entry = self.describe_with(collection, items, &mut names);
        if !entry.schema_names().any(|name| taken.contains(&plain(name))) {
            return entry;
        }
        // A part of the schema is called as one of another collection: rare enough to be named again.
        let names = self.configured.iter().chain([collection.name()]);
        let mut names = Names::of(names);
        names.take(taken);
        self.describe_with(collection, items, &mut names)
    }

    fn describe_with(
        &self,
        collection: &Collection,
        items: StoredItems,
        names: &mut Names,
    ) -> ResourceEntry {
        let schemas = ItemSchemas::of(collection, items, names);
        let words = words(collection.name(), &schemas);
        let description = collection.schema().get("description").and_then(Value::as_str);
        let mut all = schemas.components;
        all.extend(page_schemas(&schemas.returned));
        all.push(line_schema(&schemas.sent, &schemas.returned));
        all.push(export_schema(&schemas.returned));
        self.blueprint.entry(ResourceDoc {
            words,
            description: description.unwrap_or_default().to_owned(),
            schemas: all,
            has_optional_answer: collection.requires_precondition(),
        })
    }
}
