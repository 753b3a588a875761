//! The names of schemas.

use std::collections::{BTreeMap, BTreeSet};

use domain::CollectionName;

use super::COLLECTIONS;

/// What the forms of a schema and the pages of a collection add to its name.
const ENDINGS: [&str; 7] = ["", "Export", "Input", "Line", "MergePatch", "Page", "PageEntry"];

/// How the names of the service's own schemas begin.
const OWN: [&str; 8] = [
    "collection",
    "health",
    "itemcount",
    "jsonpatch",
    "jsonpointer",
    "outcomeline",
    "place",
    "problem",
];

/// The names that are taken. Generators of clients write them in other ways, so they are compared
/// without regard to case and to what is no letter or digit.
#[derive(Debug)]
pub(crate) struct Names {
    taken: BTreeSet<String>,
    /// The collections' own names: what a generator calls the parts of a schema begins with them.
    collections: Vec<String>,
    /// The last number of each name that several parts would have.
    numbers: BTreeMap<String, usize>,
}

impl Names {
    /// Takes the names of the collections' items and pages.
    pub(crate) fn of<'a>(collections: impl IntoIterator<Item = &'a CollectionName>) -> Self {
        let names: Vec<_> = collections.into_iter().map(schema_name).collect();
        let taken =
            names.iter().flat_map(|name| ENDINGS.map(|ending| plain(&format!("{name}{ending}"))));
        let taken = taken.collect();
        let collections = names.iter().map(|name| plain(name)).collect();
        Self { taken, collections, numbers: BTreeMap::new() }
    }

    /// Takes names, in the form in which [`plain`] writes them.
    pub(crate) fn take(&mut self, names: &BTreeSet<String>) {
        self.taken.extend(names.iter().cloned());
    }

    /// Names a part of a collection's schema that is called `part` there, such as `BooksAddress`.
    pub(crate) fn of_part(&mut self, collection: &CollectionName, part: &str) -> String {
        let item = schema_name(collection);
        let prefix = item.strip_suffix("Item").filter(|prefix| !prefix.is_empty());
        let (prefix, part) = (prefix.unwrap_or(&item), pascal_case(part));
        let short = format!("{prefix}{part}");
        let long = format!("{prefix}Part{part}");
        let name = if self.is_free(&short) && !self.is_confusing(&short) && !is_of_items(&short) {
            short
        } else if self.is_free(&long) && !is_of_items(&long) {
            long
        } else {
            let last = self.numbers.get(&long).copied().unwrap_or(1);
            let mut numbers = last + 1..;
            let number = numbers.find(|number| self.is_free(&format!("{long}{number}")));
            let number = number.expect("numbers do not end");
            self.numbers.insert(long.clone(), number);
            format!("{long}{number}")
        };
        self.taken.extend(ENDINGS.map(|ending| plain(&format!("{name}{ending}"))));
        name
    }

    fn is_free(&self, name: &str) -> bool {
        !ENDINGS.iter().any(|ending| self.taken.contains(&plain(&format!("{name}{ending}"))))
    }

    /// Tells whether a generator could give the name to something else.
    fn is_confusing(&self, name: &str) -> bool {
        let name = plain(name);
        let starts = self.collections.iter().map(String::as_str).chain(OWN);
        starts.into_iter().any(|start| name.starts_with(start))
    }
}

/// Tells whether a collection, of now or later, can have a schema of this name for its items or pages.
fn is_of_items(name: &str) -> bool {
    let name = plain(name);
    ENDINGS.iter().any(|ending| name.ends_with(&format!("item{}", plain(ending))))
}

/// Returns the name of a collection's schema: `Item` for the built-in collection, `Collection` for the
/// collection of definitions, `BooksItem` for one that is called `books`.
pub(crate) fn schema_name(collection: &CollectionName) -> String {
    match collection.as_str() {
        "items" => return "Item".to_owned(),
        COLLECTIONS => return "Collection".to_owned(),
        _ => {}
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

/// Writes a name as its ASCII letters and digits, in lower case.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Writes the words of a name together, each with a capital.
fn pascal_case(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> CollectionName {
        CollectionName::new(text).expect("legal")
    }

    #[test]
    fn schemas_of_different_collections_have_different_names() {
        let names =
            ["items", "item", "books", "a1", "a-1", "a--1", "ab", "a-b", "a-b-", "items-item"];
        let mut schemas: Vec<_> = names.iter().map(|text| schema_name(&name(text))).collect();
        assert_eq!(schemas[..3], ["Item", "ItemItem", "BooksItem"]);
        schemas.sort();
        schemas.dedup();
        assert_eq!(schemas.len(), names.len());
    }

    #[test]
    fn names_of_parts_collide_with_nothing() {
        let collections = [name("items"), name("books"), name("books-item-page")];
        let mut names = Names::of(&collections);
        let mut books = |part: &str| names.of_part(&collections[1], part);
        assert_eq!(books("address"), "BooksAddress");
        // Another spelling of the same.
        assert_eq!(books("Address"), "BooksPartAddress");
        assert_eq!(books("a-d-dress"), "BooksPartADDress2");
        // What belongs to another part, or to the collection.
        assert_eq!(books("address input"), "BooksPartAddressInput2");
        // What would belong to a collection `books-part` or `books-address`.
        assert_eq!(books("item"), "BooksPartItem2");
        assert_eq!(books("address item"), "BooksPartAddressItem2");
        assert_eq!(books("Item/Page"), "BooksPartItemPage2");
        assert_eq!(books("größe"), "BooksGrE");
        assert_eq!(books(""), "Books");
        assert_eq!(books("é"), "BooksPart");
        assert_eq!(names.of_part(&name("problem"), "404"), "ProblemPart404");
        assert_eq!(names.of_part(&collections[0], "x"), "ItemPartX");
    }
}
