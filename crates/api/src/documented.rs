//! What the document says beside the answers.

use contract::{Contact, Doc, Info, placeholder};
use domain::CollectionName;

use crate::schemas::{COLLECTIONS, ItemSchemas};

/// The head of the document.
pub(crate) const INFO: Info = Info {
    title: "Shelf",
    version: env!("CARGO_PKG_VERSION"),
    summary: "A store of JSON items that clients can PUT without knowing whether they exist.",
    description: include_str!("documented.md"),
    license: env!("CARGO_PKG_LICENSE"),
    contact: Some(Contact { name: "The maintainers of Shelf" }),
};

/// The heading of the operations that are about the service itself.
pub(crate) const SERVICE_TAG: &str = "service";

/// What a path of a collection stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resource {
    /// The whole collection.
    All,
    /// One item of it.
    One,
    /// The number of its items.
    Count,
    /// Many writes.
    Bulk,
    /// All items in one answer.
    Export,
    /// All items in one request.
    Replace,
}

/// The words in which what the document says of collections differs, beside the name (0): the nouns for all
/// items and for one, how the ids of HEAD and OPTIONS of all items end, and the names of the schemas of
/// items as they are returned, as they are sent, and of merge patches.
const NAME: char = placeholder(0);
const ALL: char = placeholder(1);
const ONE: char = placeholder(2);
const ALL_ENDING: char = placeholder(3);
pub(crate) const RETURNED: char = placeholder(4);
pub(crate) const SENT: char = placeholder(5);
pub(crate) const PATCH: char = placeholder(6);

/// Returns the words for a collection.
///
/// The ids of its operations are the verb and the collection: `put_books`, `list_books`. The built-in
/// collection has nouns for one item and for many: `put_item`, `list_items`. The verbs have no `_`, so that
/// no two collections have one id: HEAD of a list is `headlist_books`, because `list-books` is a name, too.
pub(crate) fn words(collection: &CollectionName, schemas: &ItemSchemas) -> Vec<String> {
    let all = collection.as_str().replace('-', "_");
    let (one, all_ending) = match all.as_str() {
        "items" => ("item".to_owned(), "_items".to_owned()),
        _ => (all.clone(), format!("list_{all}")),
    };
    let ItemSchemas { returned, sent, patch, .. } = schemas;
    let schemas = [returned, sent, patch].map(String::clone);
    [collection.as_str().to_owned(), all, one, all_ending].into_iter().chain(schemas).collect()
}

/// Returns the entry of an operation on items.
pub(crate) fn item_operation(
    resource: Resource,
    verb: &str,
    summary: &str,
    description: &str,
) -> Doc {
    let noun = match resource {
        // One item is created, through the path of all.
        Resource::One => ONE,
        Resource::All if verb == "create" => ONE,
        Resource::All | Resource::Count | Resource::Bulk | Resource::Export | Resource::Replace => {
            ALL
        }
    };
    let resource = match resource {
        Resource::All => ALL_ENDING.to_string(),
        Resource::One => format!("_{ONE}"),
        Resource::Count => format!("count_{ALL}"),
        Resource::Bulk => format!("bulk_{ALL}"),
        Resource::Export => format!("export_{ALL}"),
        Resource::Replace => format!("replace_{ALL}"),
    };
    Doc {
        id: format!("{verb}_{noun}"),
        resource,
        summary: summary.into(),
        description: description.into(),
        tag: NAME.into(),
    }
}

/// Returns the entry of an operation on definitions.
pub(crate) fn collection_operation(
    id: &str,
    resource: &str,
    summary: &str,
    description: &str,
) -> Doc {
    Doc {
        id: id.into(),
        resource: resource.into(),
        summary: summary.into(),
        description: description.into(),
        tag: COLLECTIONS.into(),
    }
}

/// Returns the entry of an operation that is about the service itself.
pub(crate) fn service_operation(resource: &str, summary: &str, description: &str) -> Doc {
    Doc {
        id: format!("get_{resource}"),
        resource: format!("_{resource}"),
        summary: summary.into(),
        description: description.into(),
        tag: SERVICE_TAG.into(),
    }
}
