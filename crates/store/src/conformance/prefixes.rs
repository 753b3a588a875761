//! Lists and counts of ids that begin alike, and the collections that hold items.

use domain::{Change, IdPrefix, ItemId, Page, PageQuery, PageStart};

use super::kit::*;

/// Ids at which a bound of bytes or of characters can be wrong: the ends of the ranges of UTF-8 of one to
/// four bytes, the surrogates' gap, and characters that a linguistic order would put elsewhere.
fn edges() -> Vec<String> {
    let characters = [
        "A",
        "Z",
        "a",
        "b",
        "~",
        " ",
        "-",
        "\u{a0}",
        "\u{bf}",
        "\u{e9}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10fffe}",
        "\u{10ffff}",
    ];
    let pairs = characters
        .iter()
        .flat_map(|one| characters.iter().map(move |other| format!("{one}{other}")));
    let longest = ["\u{10ffff}".repeat(32), "\u{7ff}".repeat(64), "~".repeat(128)];
    let mut ids: Vec<_> =
        characters.iter().map(|one| (*one).to_owned()).chain(pairs).chain(longest).collect();
    ids.sort();
    ids
}

async fn fill(store: &Subject, ids: &[String]) {
    let writes = ids.iter().map(|id| put(id, &numbered(0))).collect();
    assert!(all(store, writes).await.iter().all(Result::is_ok));
    // The neighbours in the order of collections.
    let others = ["item", "items-", "items0", "itemsz"];
    let writes = others.map(|name| write(key_in(name, "a"), Change::Put(numbered(0))));
    assert!(all(store, writes.into()).await.iter().all(Result::is_ok));
}

fn prefix(text: &str) -> IdPrefix {
    IdPrefix::new(text).unwrap()
}

async fn list(store: &Subject, start: PageStart, prefix: IdPrefix, items_max: usize) -> Page {
    let collection = collection("items");
    let query = PageQuery { collection, start, prefix: Some(prefix), items_max };
    store.list(query).await.expect("the store works")
}

fn ids(page: &Page) -> Vec<&str> {
    page.items.iter().map(|(id, _)| id.as_str()).collect()
}

pub(crate) async fn a_list_holds_what_has_the_prefix_and_nothing_else(store: Subject) {
    let known = edges();
    fill(&store, &known).await;
    // Also prefixes that are no ids, and of which no id has the next character.
    for text in known.iter().map(String::as_str).chain([".", "..", "a\u{b5}", "/"]) {
        let page = list(&store, PageStart::First, prefix(text), 1_000).await;
        let expected: Vec<_> = known.iter().filter(|id| id.starts_with(text)).collect();
        assert_eq!(ids(&page), expected, "{text:?}");
        assert!(!page.more);
    }
}

pub(crate) async fn a_page_begins_at_the_later_of_its_start_and_its_prefix(store: Subject) {
    let known = ["a", "b", "b1", "b2", "b3", "c"].map(str::to_owned);
    fill(&store, &known).await;
    for (start, expected) in [
        (PageStart::First, &["b", "b1", "b2", "b3"][..]),
        (PageStart::At(id("a")), &["b", "b1", "b2", "b3"]),
        (PageStart::After(id("a")), &["b", "b1", "b2", "b3"]),
        (PageStart::At(id("b")), &["b", "b1", "b2", "b3"]),
        (PageStart::After(id("b")), &["b1", "b2", "b3"]),
        (PageStart::At(id("b2")), &["b2", "b3"]),
        (PageStart::After(id("b3")), &[]),
        (PageStart::At(id("c")), &[]),
        (PageStart::After(id("c")), &[]),
    ] {
        let page = list(&store, start.clone(), prefix("b"), 10).await;
        assert_eq!(ids(&page), expected, "{start:?}");
    }
}

pub(crate) async fn a_prefix_goes_on_page_by_page(store: Subject) {
    let known: Vec<_> = (0..300).map(|n| format!("{n:03}")).collect();
    fill(&store, &known).await;
    for items_max in [1, 9, 10, 11, 100] {
        let (mut listed, mut start) = (Vec::new(), PageStart::First);
        loop {
            let page = list(&store, start, prefix("1"), items_max).await;
            listed.extend(page.items.iter().map(|(id, _)| id.as_str().to_owned()));
            let Some(next) = page.next() else { break };
            start = next.into();
        }
        assert_eq!(listed, known[100..200], "{items_max}");
    }
}

pub(crate) async fn a_count_is_the_number_of_items_that_a_list_has(store: Subject) {
    assert_eq!(count(&store, "items", None, 10).await, 0);
    let known = edges();
    fill(&store, &known).await;
    assert_eq!(count(&store, "items", None, 1_000).await, known.len());
    for text in known.iter().map(String::as_str).chain([".", "a\u{b5}"]) {
        let expected = known.iter().filter(|id| id.starts_with(text)).count();
        assert_eq!(count(&store, "items", Some(&prefix(text)), 1_000).await, expected, "{text:?}");
    }
    one(&store, delete("a")).await.unwrap();
    assert_eq!(count(&store, "items", None, 1_000).await, known.len() - 1, "it is gone");
    assert_eq!(count(&store, "nothing", None, 1_000).await, 0);
}

pub(crate) async fn a_count_stops_at_its_number_and_goes_on(store: Subject) {
    let known: Vec<_> = (0..100).map(|n| format!("{n:02}")).collect();
    fill(&store, &known).await;
    for items_max in [1, 3, 10, 99, 100, 101] {
        assert_eq!(count(&store, "items", None, items_max).await, 100, "{items_max}");
        assert_eq!(count(&store, "items", Some(&prefix("3")), items_max).await, 10, "{items_max}");
    }
    let query = PageQuery {
        collection: collection("items"),
        start: PageStart::After(id("49")),
        prefix: None,
        items_max: 10,
    };
    let step = store.count(query).await.expect("the store works");
    // A store may count all at once.
    match step.last.as_ref().map(ItemId::as_str) {
        Some(last) => assert_eq!((step.items, last), (10, "59")),
        None => assert_eq!(step.items, 50),
    }
}

pub(crate) async fn collections_that_hold_items_are_found_in_order(store: Subject) {
    let found = async |after: Option<&str>| {
        let after = after.map(collection);
        let found = store.collection_after(after.as_ref()).await.expect("the store works");
        found.map(|name| name.as_str().to_owned())
    };
    assert_eq!(found(None).await, None);
    fill(&store, &["a".to_owned(), "b".to_owned()]).await;
    let (mut names, mut after) = (Vec::new(), None);
    while let Some(name) = found(after.as_deref()).await {
        names.push(name.clone());
        after = Some(name);
    }
    assert_eq!(names, ["item", "items", "items-", "items0", "itemsz"]);
    assert_eq!(found(Some("b")).await.as_deref(), Some("item"));
    all(&store, vec![write(key_in("item", "a"), Change::Delete)]).await;
    assert_eq!(found(None).await.as_deref(), Some("items"), "an empty one is not found");
    // Incarnations of one name are collections of their own.
    let incarnation = "items@00000000000000ff";
    all(&store, vec![write(key_in(incarnation, "a"), Change::Put(numbered(0)))]).await;
    assert_eq!(found(Some("items0")).await.as_deref(), Some(incarnation));
    assert_eq!(found(Some(incarnation)).await.as_deref(), Some("itemsz"));
}
