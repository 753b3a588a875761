//! `GET /{collection}`: a page of items.

use contract::extract::{Prefix, Query, State};
use contract::{CacheControl, Responses};
use domain::{CollectionName, Cursor, Page, PageQuery, PageStart};
use serde_json::{Value, json};

use super::failure::{ListFailure, StoreFailure};
use super::params::{After, PageLimit, PageParams};
use super::parts::{NextLink, PageText};
use crate::shelf::Shelf;

/// What a list answers when it succeeds.
#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum ListItems {
    /// A page of items in ascending byte order of their ids. `next` is the path of the next page,
    /// or null after the last.
    Listed(PageText, Option<NextLink>, CacheControl) = 200,
}

/// Returns the items that follow a cursor.
pub(crate) async fn list_items(
    State(shelf): State<Shelf>,
    Prefix(prefix): Prefix,
    Query(PageParams { limit, after }): Query<PageParams>,
) -> Result<ListItems, ListFailure> {
    let collection = shelf.collection().name();
    let start = after.map_or(PageStart::First, |After(cursor)| cursor.into());
    let query = PageQuery {
        collection: collection.clone(),
        start: start.clone(),
        items_max: limit.0.get(),
    };
    let page = shelf.store().list(query).await;
    let page = page.map_err(|error| {
        ListFailure::new(error, &start, |cursor| page_path(collection, limit, &cursor))
    })?;
    let next = page.next().map(|cursor| page_path(collection, limit, &cursor));
    // The `Link` gets the prefix with the other fields.
    let prefixed = match (&next, &prefix) {
        (Some(next), Some(prefix)) => Some(format!("{prefix}{next}")),
        _ => None,
    };
    let text = page_text(&page, prefixed.as_ref().or(next.as_ref()));
    let text = PageText::new(text, shelf.memory()).map_err(StoreFailure::from)?;
    Ok(ListItems::Listed(text, next.map(NextLink), CacheControl::NoCache))
}

fn page_path(collection: &CollectionName, limit: PageLimit, after: &Cursor) -> String {
    format!("/{collection}?limit={}&after={after}", limit.0)
}

/// Writes a page. The representations go in as they are.
fn page_text(page: &Page, next: Option<&String>) -> Vec<u8> {
    /// What stands around an item: names, an id, a tag.
    const AROUND_BYTES: usize = 96;
    let bytes: usize =
        page.items.iter().map(|(_, item)| item.representation().len() + AROUND_BYTES).sum();
    let mut text = Vec::with_capacity(bytes + AROUND_BYTES);
    text.extend_from_slice(b"{\"items\":[");
    for (at, (id, item)) in page.items.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(b"{\"id\":");
        write_json(&mut text, id.as_str());
        text.extend_from_slice(b",\"item\":");
        text.extend_from_slice(item.representation());
        text.extend_from_slice(b",\"etag\":");
        write_json(&mut text, &item.etag().to_string());
        text.push(b'}');
    }
    text.extend_from_slice(b"],\"next\":");
    write_json(&mut text, &next);
    text.push(b'}');
    text
}

fn write_json<T: serde::Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(text, value).expect("a string can be written to memory");
}

/// Returns the schemas of a page whose items have the schema `item`, with their names.
pub(crate) fn page_schemas(item: &str) -> [(String, Value); 2] {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let (page, entry) = (format!("{item}Page"), format!("{item}PageEntry"));
    let page_schema = json!({
        "description": "A page of items in ascending byte order of their ids.",
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": reference(&entry) },
            "next": {
                "type": ["string", "null"],
                "format": "uri-reference",
                "description": "The path of the next page; null after the last one.",
            },
        },
        "required": ["items", "next"],
    });
    let entry_schema = json!({
        "description": "An item of a page.",
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "item": reference(item),
            "etag": { "type": "string", "description": "As the `ETag` of the item itself." },
        },
        "required": ["id", "item", "etag"],
    });
    [(page, page_schema), (entry, entry_schema)]
}
