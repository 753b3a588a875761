//! `GET /{collection}`: a page of items.

use contract::extract::{self, State};
use contract::{CacheControl, Problem, Responses};
use domain::{CollectionName, Cursor, ETag, Item, ItemId, Page, PageQuery, PageStart};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use store::Resume;

use super::failure::StoreFailure;
use super::order::order_schema;
use super::params::{After, FromId, Include, PageParams, PageQueryParams, Prefix};
use super::parts::{NextLink, PageText};
use super::served::ServedCollection;

/// The answers of a list that succeeds.
#[derive(Debug, Responses)]
pub(crate) enum ListItems {
    /// A page of items in ascending byte order of their ids. `next` is the path of the next page and
    /// `after` its cursor; both are null on the last page.
    #[answer(200)]
    Listed(PageText, Option<NextLink>, CacheControl),
}

/// The answers of a list that fails.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum ListFailure {
    Store(StoreFailure),
    /// The page begins with items that the store cannot read, because it is damaged. Go on with the page that
    /// `Link` and `detail` name: it begins with the next item that can be read. Without `Link` there is none.
    #[answer(500)]
    PageDamaged(Problem, Option<NextLink>),
}

/// All but the unreserved characters (RFC 3986 §2.3).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the items from a place on.
pub(crate) async fn list_items(
    State(collection): State<ServedCollection>,
    extract::Prefix(public_prefix): extract::Prefix,
    PageQueryParams(params): PageQueryParams,
) -> Result<ListItems, ListFailure> {
    let name = collection.name();
    let start = match (&params.after, &params.from) {
        (Some(After(cursor)), _) => cursor.clone().into(),
        (None, Some(FromId(id))) => PageStart::At(id.clone()),
        (None, None) => PageStart::First,
    };
    let query = PageQuery {
        collection: collection.keyspace().clone(),
        start: start.clone(),
        prefix: params.prefix.as_ref().map(|Prefix(prefix)| prefix.clone()),
        items_max: params.limit.0.get(),
    };
    let page = collection.store().list(query).await;
    let page = page.map_err(|error| {
        ListFailure::new(error, &start, |cursor| page_path(name, &params, &cursor))
    })?;
    let after = page.next();
    let next = after.as_ref().map(|cursor| page_path(name, &params, cursor));
    // The `Link` gets the prefix with the other fields.
    let prefixed = match (&next, &public_prefix) {
        (Some(next), Some(prefix)) => Some(format!("{prefix}{next}")),
        _ => None,
    };
    let shown = prefixed.as_deref().or(next.as_deref());
    let text = page_text(&page, params.include, shown, after.as_ref());
    let text = PageText::new(text, collection.memory()).map_err(StoreFailure::from)?;
    Ok(ListItems::Listed(text, next.map(NextLink), CacheControl::NoCache))
}

impl ListFailure {
    /// `path` returns the path of the page that begins at a cursor.
    fn new(error: store::Error, start: &PageStart, path: impl FnOnce(Cursor) -> String) -> Self {
        let next = match error.resume() {
            None => return Self::Store(error.into()),
            Some(Resume::At(id)) => Some((path(Cursor::At(id.clone())), id)),
            Some(Resume::End) => None,
        };
        let what = match start {
            PageStart::First => "The first items of the collection".to_owned(),
            PageStart::After(id) => format!("The items after {:?}", id.as_str()),
            PageStart::At(id) => format!("The items from {:?} on", id.as_str()),
        };
        let next_step = match &next {
            Some((path, id)) => format!(
                "Go on with the next page that can be read, from {:?} on: {path}",
                id.as_str()
            ),
            None => "The list ends here: no item that can be read follows.".to_owned(),
        };
        let detail = format!("{what} cannot be read: the store is damaged there. {next_step}");
        let next = next.map(|(path, _)| NextLink(path));
        Self::PageDamaged(Problem::new(detail).caused_by(error), next)
    }
}

/// Returns the path of another page of the same list.
fn page_path(collection: &CollectionName, params: &PageParams, after: &Cursor) -> String {
    let mut path = format!("/{collection}?limit={}", params.limit.0);
    if let Some(Prefix(prefix)) = &params.prefix {
        path.push_str("&prefix=");
        path.extend(utf8_percent_encode(prefix.as_str(), VALUE));
    }
    if let Some(Include::ETag) = params.include {
        path.push_str("&include=etag");
    }
    path + &format!("&after={after}")
}

/// Writes a page. The representations go in as they are.
fn page_text(
    page: &Page,
    include: Option<Include>,
    next: Option<&str>,
    after: Option<&Cursor>,
) -> Vec<u8> {
    /// What stands around an item: names, an id, a tag.
    const AROUND_BYTES: usize = 96;
    let with_items = include.is_none();
    let item_bytes = |item: &Item| if with_items { item.representation().len() } else { 0 };
    let bytes: usize = page.items.iter().map(|(_, item)| item_bytes(item) + AROUND_BYTES).sum();
    let mut text = Vec::with_capacity(bytes + AROUND_BYTES);
    text.extend_from_slice(b"{\"items\":[");
    for (at, (id, item)) in page.items.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        push_entry(&mut text, id, item, with_items);
    }
    text.extend_from_slice(b"],\"next\":");
    write_json(&mut text, &next);
    text.extend_from_slice(b",\"after\":");
    write_json(&mut text, &after.map(Cursor::to_string));
    text.push(b'}');
    text
}

/// Writes an item of a page or an export.
pub(crate) fn push_entry(text: &mut Vec<u8>, id: &ItemId, item: &Item, with_item: bool) {
    text.extend_from_slice(b"{\"id\":");
    write_json(text, id.as_str());
    if with_item {
        text.extend_from_slice(b",\"item\":");
        text.extend_from_slice(item.representation());
    }
    text.extend_from_slice(b",\"etag\":\"");
    push_tag(text, item.etag());
    text.push(b'"');
    if let Some(order) = item.order() {
        text.extend_from_slice(b",\"order\":");
        order.push_json(text);
    }
    text.push(b'}');
}

/// Writes an entity tag as it stands within a JSON string: its quotes are escaped.
pub(crate) fn push_tag(text: &mut Vec<u8>, tag: ETag) {
    let quoted = tag.to_text();
    text.extend_from_slice(b"\\\"");
    text.extend_from_slice(&quoted[1..quoted.len() - 1]);
    text.extend_from_slice(b"\\\"");
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
                "description": "The path of the next page, with the parameters of this one; null on the last page.",
            },
            "after": {
                "type": ["string", "null"],
                "description": "The cursor of the next page, for the parameter `after`; null on the last page.",
            },
        },
        "required": ["items", "next", "after"],
    });
    let entry_schema = json!({
        "description": "An item of a page. `item` is absent with `include=etag`, and only then.",
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "item": reference(item),
            "etag": { "type": "string", "description": "The `ETag` of the item itself." },
            "order": order_schema(),
        },
        "required": ["id", "etag"],
    });
    [(page, page_schema), (entry, entry_schema)]
}
