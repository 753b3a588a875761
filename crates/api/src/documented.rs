//! What the document says beside the answers.

use contract::{Doc, Info};
use domain::CollectionName;

/// The head of the document.
pub(crate) const INFO: Info = Info {
    title: "Shelf",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Items that are put without knowing whether they exist.",
    description: include_str!("documented.md"),
    license: env!("CARGO_PKG_LICENSE"),
};

/// The heading of the operations that are about the service itself.
pub(crate) const SERVICE_TAG: &str = "service";

/// Returns the entry of an item operation.
///
/// Its id is the verb and the collection: `put_books`. The built-in collection has words for one
/// item and for many: `put_item`, `list_items`.
pub(crate) fn item_operation(
    collection: &CollectionName,
    id: &str,
    summary: &str,
    description: &str,
) -> Doc {
    let id = match (collection.as_str(), id.split_once('_')) {
        ("items", _) | (_, None) => id.to_owned(),
        (name, Some((verb, _))) => format!("{verb}_{}", name.replace('-', "_")),
    };
    Doc {
        id,
        summary: summary.into(),
        description: description.into(),
        tag: collection.as_str().into(),
    }
}

/// Returns the entry of an operation that is about the service itself.
pub(crate) fn service_operation(id: &str, summary: &str) -> Doc {
    Doc {
        id: id.into(),
        summary: summary.into(),
        description: String::new(),
        tag: SERVICE_TAG.into(),
    }
}

/// Returns the name of a collection's schema: `Item` for the built-in collection, `BooksItem` for
/// one that is called `books`.
pub(crate) fn schema_name(collection: &CollectionName) -> String {
    if collection.as_str() == "items" {
        return "Item".to_owned();
    }
    let mut name = String::new();
    for part in collection.as_str().split('-') {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if first.is_ascii_lowercase() => name.push(first.to_ascii_uppercase()),
            // Keeps `a1` and `a-1` apart.
            other => {
                name.push('_');
                name.extend(other);
            }
        }
        name.push_str(letters.as_str());
    }
    name + "Item"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_of_different_collections_have_different_names() {
        let names =
            ["items", "item", "books", "a1", "a-1", "a--1", "ab", "a-b", "a-b-", "items-item"];
        let mut schemas: Vec<_> = names
            .iter()
            .map(|name| schema_name(&CollectionName::new(name).expect("legal")))
            .collect();
        assert_eq!(schemas[..3], ["Item", "ItemItem", "BooksItem"]);
        schemas.sort();
        schemas.dedup();
        assert_eq!(schemas.len(), names.len());
    }
}
