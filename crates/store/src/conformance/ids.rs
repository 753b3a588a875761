//! Names are bytes.

use std::collections::BTreeSet;

use domain::{Change, Item, ItemId};

use super::kit::*;

/// Every byte that can stand in an id, and the edges of UTF-8's lengths.
fn characters() -> impl Iterator<Item = char> {
    // Every byte that continues a character.
    let continued = (0x400..0x440_u32).filter_map(char::from_u32);
    let ascii = (0x20..0x7f_u8).map(char::from).filter(|c| *c != '\\');
    let leading = (0x00a0..0x0800_u32).step_by(0x40).chain((0x800..0xd800).step_by(0x1000));
    let wide = (0x1_0000..0x11_0000_u32)
        .step_by(0x4_0000)
        .chain([0xa0, 0xbf, 0x7ff, 0xd7ff, 0xe000, 0xffff, 0x10_ffff]);
    ascii.chain(continued).chain(leading.chain(wide).filter_map(char::from_u32))
}

async fn fill(store: &Subject, name: &str, ids: &[ItemId]) -> Vec<(ItemId, Item)> {
    let mut items: Vec<_> =
        ids.iter().enumerate().map(|(n, id)| (id.clone(), numbered(n))).collect();
    let writes = items
        .iter()
        .map(|(id, item)| write(key_in(name, id.as_str()), Change::Put(item.clone())))
        .collect();
    assert!(all(store, writes).await.iter().all(Result::is_ok));
    items.sort_by(|(a, _), (b, _)| a.as_str().as_bytes().cmp(b.as_str().as_bytes()));
    items
}

pub(crate) async fn every_allowed_character_is_kept(store: Subject) {
    let alone = characters().map(|c| c.to_string()).filter(|text| !matches!(&**text, "." | "/"));
    let inside = characters().map(|c| format!("a{c}a"));
    let last = characters().filter(|c| *c != '/').map(|c| format!("a{c}"));
    let ids = alone
        .chain(inside)
        .chain(last)
        .chain(["a".to_owned(), "...".to_owned()])
        .map(|text| id(&text))
        .collect::<BTreeSet<_>>();
    let expected = fill(&store, "items", &Vec::from_iter(ids)).await;
    assert_eq!(list_all(&store, "items", 7).await, expected, "in ascending byte order");
    for (id, item) in expected {
        assert_eq!(get(&store, id.as_str()).await, Some(item));
    }
}

pub(crate) async fn ids_are_compared_byte_for_byte(store: Subject) {
    // One letter in two normal forms, in two cases, and with what a careless comparison drops.
    let ids =
        ["\u{e9}", "e\u{301}", "\u{c9}", "E\u{301}", "e", "E", "e ", " e", "%65", "e\u{200b}"]
            .map(id);
    let expected = fill(&store, "items", &ids).await;
    assert_eq!(expected.len(), ids.len());
    assert_eq!(list_all(&store, "items", 100).await, expected);
}

pub(crate) async fn collections_do_not_mix(store: Subject) {
    let ids = ["0", "-b", "b", " ", "\u{10ffff}"].map(id);
    let mut filled = Vec::new();
    for name in
        ["a", "a-", "a-b", "a0", "a@0123456789abcdef", "a@fedcba9876543210", "ab", "b", "aa"]
    {
        filled.push((name, fill(&store, name, &ids).await));
        one(
            &store,
            write(key_in(name, "own"), Change::Put(item(&format!(r#"{{"of":"{name}"}}"#)))),
        )
        .await
        .unwrap();
    }
    for (name, mut expected) in filled {
        expected.push((id("own"), item(&format!(r#"{{"of":"{name}"}}"#))));
        expected.sort_by(|(a, _), (b, _)| a.as_str().as_bytes().cmp(b.as_str().as_bytes()));
        assert_eq!(list_all(&store, name, 2).await, expected, "{name}");
    }
    one(&store, write(key_in("a", "own"), Change::Delete)).await.unwrap();
    assert!(store.get(&key_in("a-b", "own")).await.unwrap().is_some());
    assert_eq!(list_all(&store, "absent", 10).await, []);
}

pub(crate) async fn slashes_part_no_ids(store: Subject) {
    // Neither what a back end writes between collection and id, nor what it lists by.
    let ids =
        ["a", "a/b", "a/b/c", "a//b", "a0", "a.b", "items/a", "https://shelf.test/a?b#c"].map(id);
    let expected = fill(&store, "items", &ids).await;
    assert_eq!(list_all(&store, "items", 3).await, expected);
    let other = fill(&store, "a", &ids[..2]).await;
    assert_eq!(list_all(&store, "a", 1).await, other);
    one(&store, write(key_in("items", "a/b"), Change::Delete)).await.unwrap();
    assert_eq!(get(&store, "a/b").await, None);
    assert_eq!(list_all(&store, "a", 1).await, other);
    assert_eq!(list_all(&store, "items", 3).await.len(), ids.len() - 1);
}

pub(crate) async fn the_longest_names_work(store: Subject) {
    let name = format!("{}@0123456789abcdef", "c".repeat(63));
    let ids = ["x".repeat(128), "\u{10ffff}".repeat(32), "x".repeat(127)].map(|text| id(&text));
    let expected = fill(&store, &name, &ids).await;
    assert_eq!(list_all(&store, &name, 1).await, expected);
}
