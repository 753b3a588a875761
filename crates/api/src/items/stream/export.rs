//! `GET /{collection}:export`: all items in one answer.

use contract::extract::{LineType, Query, State};
use contract::line_stream::{Gone, LineSchema, LineSender, LineStream, problem_of};
use contract::{CacheControl, Content, Responses, Schemas};
use domain::{ItemId, SnapshotEntry, SnapshotQuery};
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Error, ErrorKind, Snapshot};

use super::super::failure::StoreFailure;
use super::super::list::push_entry;
use super::super::order::order_schema;
use super::super::params::FromId;
use super::super::parts::EXPORT_LINE;
use super::super::served::ServedCollection;
use super::outcomes::push_json;
use super::places::{NoPlace, StreamPlace};

/// The lines of an export.
#[derive(Debug)]
pub(crate) enum ExportLines {}

impl LineSchema for ExportLines {
    fn schema(schemas: &mut Schemas) -> Value {
        let problem = problem_of::<StoreFailure>(schemas);
        let alone = |description: &str, name: &str, schema: Value| {
            json!({
                "description": description,
                "type": "object",
                "properties": { name: schema },
                "required": [name],
                "additionalProperties": false,
            })
        };
        let counted = json!({
            "type": "object",
            "properties": { "items": { "type": "integer", "minimum": 0 } },
            "required": ["items"],
        });
        json!({
            "anyOf": [
                schemas.role(EXPORT_LINE),
                alone("The last line, with the number of items.", "end", counted),
                alone("The last line of an export that could not be read to its end.", "problem", problem),
            ],
        })
    }
}

/// The query of an export.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportParams {
    /// The id behind which the export begins: the last one of an export that was cut off.
    #[serde(default)]
    #[schemars(with = "FromId")]
    after: Option<FromId>,
}

/// The answers of an export that begins.
#[derive(Debug, Responses)]
pub(crate) enum ExportItems {
    /// All items as they were at one moment, as JSON lines in ascending byte order of their ids. The last line is
    /// `{"end":{"items":N}}`; without it the export was cut off. A stream of writes takes these lines as they are.
    #[answer(200)]
    Streamed(LineStream<ExportLines>, CacheControl),
}

/// The answers of an export that does not begin.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum ExportFailure {
    Places(NoPlace),
    Store(StoreFailure),
}

/// Returns all items of the collection.
///
/// # Cancel safety
/// It reads only.
pub(crate) async fn export_items(
    State(collection): State<ServedCollection>,
    Query(params): Query<ExportParams>,
    media_type: LineType,
) -> Result<ExportItems, ExportFailure> {
    let place = collection.streams().open()?;
    let after = params.after.map(|FromId(id)| id);
    let mut export = Export::new(collection, after);
    // The first items tell whether the store can be read at all.
    let first = export.next().await.map_err(StoreFailure::from)?;
    let lines = LineStream::new(media_type, |sender| export.run(first, sender, place));
    Ok(ExportItems::Streamed(lines, CacheControl::NoCache))
}

/// An export that is under way.
struct Export {
    collection: ServedCollection,
    snapshot: Snapshot,
    /// The last item that was read.
    last: Option<ItemId>,
    items: u64,
}

impl Export {
    fn new(collection: ServedCollection, after: Option<ItemId>) -> Self {
        let snapshot = collection.store().snapshot(query(&collection, after.clone()));
        Self { collection, snapshot, last: after, items: 0 }
    }

    /// Returns the next items; none at the end.
    async fn next(&mut self) -> Result<Vec<SnapshotEntry>, Error> {
        loop {
            match self.snapshot.next().await {
                None => return Ok(Vec::new()),
                Some(Ok(entries)) => {
                    if let Some(last) = entries.last() {
                        self.last = Some(last.id.clone());
                    }
                    return Ok(entries);
                }
                // What follows is then as it is at a later moment.
                Some(Err(error)) if error.kind() == ErrorKind::Expired && self.items > 0 => {
                    tracing::info!(
                        collection = %self.collection.name(),
                        error = &error as &dyn std::error::Error,
                        "an export of {} goes on with the items as they are now: {error}",
                        self.collection.name()
                    );
                    let query = query(&self.collection, self.last.clone());
                    self.snapshot = self.collection.store().snapshot(query);
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }

    async fn run(mut self, first: Vec<SnapshotEntry>, mut sender: LineSender, _: StreamPlace) {
        let mut entries = first;
        while !entries.is_empty() {
            self.items += entries.len() as u64;
            if push_entries(&entries, &mut sender).await.is_err() {
                return;
            }
            entries = match self.next().await {
                Ok(entries) => entries,
                Err(error) => {
                    end_early(error, sender);
                    return;
                }
            };
        }
        let end = format!("{{\"end\":{{\"items\":{}}}}}\n", self.items);
        sender.text().extend_from_slice(end.as_bytes());
        sender.end();
    }
}

fn query(collection: &ServedCollection, after: Option<ItemId>) -> SnapshotQuery {
    SnapshotQuery { collection: collection.keyspace().clone(), after }
}

async fn push_entries(entries: &[SnapshotEntry], sender: &mut LineSender) -> Result<(), Gone> {
    for SnapshotEntry { id, item, .. } in entries {
        let text = sender.text();
        push_entry(text, id, item, true);
        text.push(b'\n');
        if sender.is_full() {
            sender.send().await?;
        }
    }
    sender.send().await
}

/// Ends an export whose items cannot be read: by a line that says so, and without the line that ends a whole one.
fn end_early(error: Error, mut sender: LineSender) {
    tracing::error!(error = &error as &dyn std::error::Error, "an export failed: {error}");
    if let Content::Problem(problem) = StoreFailure::from(error).into_parts().content {
        let text = sender.text();
        text.extend_from_slice(b"{\"problem\":");
        push_json(text, &problem);
        text.extend_from_slice(b"}\n");
    }
    sender.end();
}

/// Returns the schema of an item in an export, with its name. `item` is that of the item itself.
pub(crate) fn export_schema(item: &str) -> (String, Value) {
    let schema = json!({
        "description": "An item, as a stream of writes takes it.",
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "item": { "$ref": format!("#/components/schemas/{item}") },
            "etag": { "type": "string", "description": "The `ETag` of the item itself." },
            "order": order_schema(),
        },
        "required": ["id", "item", "etag"],
    });
    (format!("{item}Export"), schema)
}
