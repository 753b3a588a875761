//! Pages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Change, PAGE_BYTES_MAX, Page, PageStart};

use super::kit::*;

async fn fill(store: &Subject, count: usize) {
    let writes = (0..count).map(|n| put(&format!("{n:04}"), &numbered(n))).collect();
    assert!(all(store, writes).await.iter().all(Result::is_ok));
}

pub(crate) async fn an_empty_collection_has_one_empty_page(store: Subject) {
    assert_eq!(page(&store, "items", PageStart::First, 10).await, Page::default());
    assert_eq!(page(&store, "items", PageStart::After(id("x")), 10).await, Page::default());
}

pub(crate) async fn pages_cover_everything_once_in_ascending_order(store: Subject) {
    fill(&store, 250).await;
    let expected: Vec<_> = (0..250).map(|n| (id(&format!("{n:04}")), numbered(n))).collect();
    for items_max in [1, 7, 50, 249, 250, 251, 1_000] {
        assert_eq!(list_all(&store, "items", items_max).await, expected, "{items_max}");
    }
}

pub(crate) async fn a_page_begins_at_an_id_whether_it_is_there_or_not(store: Subject) {
    fill(&store, 5).await;
    all(&store, vec![write(key_in("itemsz", "0"), Change::Put(numbered(0)))]).await;
    let ids = |page: Page| -> Vec<_> {
        page.items.into_iter().map(|(id, _)| id.as_str().to_owned()).collect()
    };
    for (start, expected) in [
        (PageStart::First, &["0000", "0001", "0002"][..]),
        (PageStart::At(id("0")), &["0000", "0001", "0002"]),
        (PageStart::At(id("0002")), &["0002", "0003", "0004"]),
        (PageStart::At(id("00021")), &["0003", "0004"]),
        (PageStart::After(id("0002")), &["0003", "0004"]),
        (PageStart::At(id("0004")), &["0004"]),
        (PageStart::At(id("0005")), &[]),
        (PageStart::At(id("\u{10ffff}")), &[]),
    ] {
        let page = page(&store, "items", start.clone(), 3).await;
        assert_eq!(page.more, start == PageStart::First || start == PageStart::At(id("0")));
        assert_eq!(ids(page), expected, "{start:?}");
    }
}

pub(crate) async fn a_page_ends_at_its_number_of_items(store: Subject) {
    fill(&store, 20).await;
    let first = page(&store, "items", PageStart::First, 10).await;
    assert_eq!((first.items.len(), first.more), (10, true));
    let second = page(&store, "items", PageStart::After(id("0009")), 10).await;
    assert_eq!((second.items.len(), second.more), (10, false), "nothing follows the last item");
    let none = page(&store, "items", PageStart::After(id("0019")), 10).await;
    assert_eq!(none, Page::default());
}

pub(crate) async fn a_page_ends_when_it_has_enough_bytes(store: Subject) {
    let large = item(&format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20)));
    let writes = (0..10).map(|n| put(&n.to_string(), &large)).collect();
    assert!(all(&store, writes).await.iter().all(Result::is_ok));
    let first = page(&store, "items", PageStart::First, 1_000).await;
    let bytes: usize = first.items.iter().map(|(_, item)| item.representation().len()).sum();
    assert!(
        first.more
            && bytes >= PAGE_BYTES_MAX
            && bytes < PAGE_BYTES_MAX + large.representation().len()
    );
    assert_eq!(list_all(&store, "items", 1_000).await.len(), 10);
}

pub(crate) async fn a_page_goes_on_after_an_id_that_is_gone(store: Subject) {
    fill(&store, 5).await;
    one(&store, delete("0002")).await.unwrap();
    let rest = page(&store, "items", PageStart::After(id("0002")), 10).await;
    assert_eq!(rest.items, [(id("0003"), numbered(3)), (id("0004"), numbered(4))]);
    let between = page(&store, "items", PageStart::After(id("00021")), 1).await;
    assert_eq!(between.items, [(id("0003"), numbered(3))]);
}

pub(crate) async fn what_stays_is_listed_once_while_others_write(store: Subject) {
    fill(&store, 200).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                // Between the others: items that come and go.
                let name = format!("{:04}-", round % 200);
                all(
                    &store,
                    vec![
                        put(&name, &numbered(round)),
                        delete(&format!("{:04}-", (round + 100) % 200)),
                    ],
                )
                .await;
                round += 1;
                tokio::task::yield_now().await;
            }
        }
    });
    for items_max in [3, 11, 40, 100].repeat(5) {
        let listed = list_all(&store, "items", items_max).await;
        assert!(
            listed.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "ascending, and nothing twice"
        );
        let stayed = listed.into_iter().filter(|(id, _)| id.as_str().len() == 4);
        let expected = (0..200).map(|n| (id(&format!("{n:04}")), numbered(n)));
        assert!(stayed.eq(expected), "everything that stayed");
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}
