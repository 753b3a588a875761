//! What the document says beside the answers.

use contract::{Contact, Doc, Info};
use domain::CollectionName;

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
}

/// Returns the entry of an operation on items.
///
/// Its id is the verb and the collection: `put_books`, `list_books`. The built-in collection has
/// words for one item and for many: `put_item`, `list_items`.
pub(crate) fn item_operation(
    collection: &CollectionName,
    resource: Resource,
    verb: &str,
    summary: &str,
    description: &str,
) -> Doc {
    let noun = collection.as_str().replace('-', "_");
    let (noun, resource) = match (noun.as_str(), resource) {
        // One item is created, through the path of all.
        ("items", Resource::All) if verb == "create" => ("item".to_owned(), noun),
        ("items", Resource::All) => (noun.clone(), noun),
        ("items", Resource::One) => ("item".to_owned(), "item".to_owned()),
        (_, Resource::Count) => (noun.clone(), format!("{noun}_count")),
        (_, Resource::All) => (noun.clone(), format!("{noun}_list")),
        (_, Resource::One) => (noun.clone(), noun),
    };
    Doc {
        id: format!("{verb}_{noun}"),
        resource,
        summary: summary.into(),
        description: description.into(),
        tag: collection.as_str().into(),
    }
}

/// Returns the ids of all operations of a collection.
pub(crate) fn operation_ids(collection: &CollectionName) -> impl Iterator<Item = String> {
    let of = |resource, verbs: &'static [&'static str]| {
        let doc = move |verb: &&str| item_operation(collection, resource, verb, "", "");
        let own = verbs.iter().map(move |verb| doc(verb).id);
        // What the contract calls those that it adds to a path.
        own.chain(["head", "options"].map(|verb| format!("{verb}_{}", doc(&"").resource)))
    };
    let one = of(Resource::One, &["get", "put", "patch", "delete"]);
    of(Resource::All, &["list", "create"]).chain(one).chain(of(Resource::Count, &["count"]))
}

/// Returns the entry of an operation that is about the service itself.
pub(crate) fn service_operation(resource: &str, summary: &str, description: &str) -> Doc {
    Doc {
        id: format!("get_{resource}"),
        resource: resource.into(),
        summary: summary.into(),
        description: description.into(),
        tag: SERVICE_TAG.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_after_their_collection() {
        let ids = |collection, resource, verb| {
            let collection = CollectionName::new(collection).expect("legal");
            let doc = item_operation(&collection, resource, verb, "", "");
            (doc.id, doc.resource)
        };
        let pair = |id: &str, resource: &str| (id.to_owned(), resource.to_owned());
        assert_eq!(ids("items", Resource::One, "put"), pair("put_item", "item"));
        assert_eq!(ids("items", Resource::All, "list"), pair("list_items", "items"));
        assert_eq!(ids("items", Resource::All, "create"), pair("create_item", "items"));
        assert_eq!(ids("items", Resource::Count, "count"), pair("count_items", "items_count"));
        assert_eq!(ids("books", Resource::Count, "count"), pair("count_books", "books_count"));
        assert_eq!(ids("old-books", Resource::One, "put"), pair("put_old_books", "old_books"));
        assert_eq!(
            ids("old-books", Resource::All, "list"),
            pair("list_old_books", "old_books_list")
        );
    }
}
