//! Order tokens: late writes, and the tombstones that deletions leave.

use domain::{OrderKind, Outcome, PageStart, Refusal, ReplayKey};

use super::kit::*;

pub(crate) async fn a_late_write_is_stale_and_an_equal_token_is_applied(store: Subject) {
    let (first, second, third) = (numbered(1), numbered(2), numbered(3));
    let at = |item: &domain::Item, token| item.clone().with_order(Some(order(token)));
    let created = one(&store, ordered(put("a", &first), "5")).await;
    assert_eq!(created, Ok(Outcome::Created(at(&first, "5"))));
    let late = one(&store, ordered(put("a", &second), "4")).await;
    assert_eq!(late, Ok(Outcome::Stale(Some(at(&first, "5")))));
    let late = one(&store, ordered(delete("a"), "4")).await;
    assert_eq!(late, Ok(Outcome::Stale(Some(at(&first, "5")))));
    let late = ordered(replace("a", second.etag(), &third), "4");
    assert_eq!(one(&store, late).await, Ok(Outcome::Stale(Some(at(&first, "5")))));
    let tie = one(&store, ordered(put("a", &second), "5")).await;
    assert_eq!(tie, Ok(Outcome::Updated(at(&second, "5"))));
    assert_eq!(get(&store, "a").await, Some(at(&second, "5")));
}

pub(crate) async fn a_write_without_a_token_applies_and_leaves_the_token(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    let kept = second.clone().with_order(Some(order("5")));
    one(&store, ordered(put("a", &first), "5")).await.unwrap();
    assert_eq!(one(&store, put("a", &second)).await, Ok(Outcome::Updated(kept.clone())));
    assert_eq!(one(&store, put("a", &second)).await, Ok(Outcome::Unchanged(kept.clone())));
    let many = vec![put("a", &second); 70];
    assert_eq!(all(&store, many).await.pop(), Some(Ok(Outcome::Unchanged(kept.clone()))));
    let page = page(&store, "items", PageStart::First, 10).await;
    assert_eq!(page.items, [(id("a"), kept)]);
    let late = one(&store, ordered(put("a", &first), "4")).await;
    assert!(matches!(late, Ok(Outcome::Stale(Some(_)))), "{late:?}");
    // An item that has none gets one.
    one(&store, put("b", &first)).await.unwrap();
    assert_eq!(get(&store, "b").await, Some(first.clone()));
    let newer = one(&store, ordered(put("b", &second), "0")).await;
    assert_eq!(newer, Ok(Outcome::Updated(second.with_order(Some(order("0"))))));
}

pub(crate) async fn a_newer_token_is_kept_even_if_the_item_does_not_change(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, ordered(put("a", &first), "5")).await.unwrap();
    let newer = first.clone().with_order(Some(order("7")));
    let same = one(&store, ordered(put("a", &first), "7")).await;
    assert_eq!(same, Ok(Outcome::Unchanged(newer.clone())));
    let late = one(&store, ordered(put("a", &second), "6")).await;
    assert_eq!(late, Ok(Outcome::Stale(Some(newer.clone()))));
    assert_eq!(get(&store, "a").await, Some(newer));
}

pub(crate) async fn a_deletion_leaves_a_tombstone_that_only_writes_see(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    one(&store, put("z", &first)).await.unwrap();
    one(&store, ordered(put("a", &first), "1")).await.unwrap();
    assert_eq!(one(&store, ordered(delete("a"), "5")).await, Ok(Outcome::Deleted));
    let absent = one(&store, ordered(delete("b"), "5")).await;
    assert_eq!(absent, Err(Refusal::NotFound));
    let other = ordered(write(key_in("gone", "a"), domain::Change::Delete), "5");
    assert_eq!(one(&store, other).await, Err(Refusal::NotFound));
    for text in ["a", "b"] {
        assert_eq!(get(&store, text).await, None);
        let late = one(&store, ordered(put(text, &second), "4")).await;
        assert_eq!(late, Ok(Outcome::Stale(None)), "{text}");
        assert_eq!(one(&store, ordered(delete(text), "4")).await, Ok(Outcome::Stale(None)));
        assert_eq!(one(&store, delete(text)).await, Err(Refusal::NotFound));
    }
    for items_max in 1..4 {
        assert_eq!(list_all(&store, "items", items_max).await, [(id("z"), first.clone())]);
        assert_eq!(count(&store, "items", None, items_max).await, 1);
        assert_eq!(count(&store, "gone", None, items_max).await, 0);
    }
    let collections = store.collection_after(None).await.unwrap();
    assert_eq!(collections, Some(collection("items")));
    let next = store.collection_after(collections.as_ref()).await.unwrap();
    assert_eq!(next, None);
    let from = collection("a");
    assert_eq!(store.collection_after(Some(&from)).await.unwrap(), collections);
    // Without a token the item is there again, with the one that the deletion had.
    let back = second.clone().with_order(Some(order("5")));
    assert_eq!(one(&store, put("a", &second)).await, Ok(Outcome::Created(back.clone())));
    assert_eq!(get(&store, "a").await, Some(back));
    let due = one(&store, ordered(put("b", &second), "5")).await;
    assert!(matches!(due, Ok(Outcome::Created(_))), "{due:?}");
    assert_eq!(count(&store, "items", None, 1).await, 3);
    // And so is a tombstone, by a deletion that has none.
    assert_eq!(one(&store, delete("a")).await, Ok(Outcome::Deleted));
    let late = one(&store, ordered(put("a", &first), "4")).await;
    assert_eq!(late, Ok(Outcome::Stale(None)));
    assert_eq!(count(&store, "items", None, 1).await, 2);
}

pub(crate) async fn many_creations_meet_tombstones(store: Subject) {
    let names: Vec<_> = (0..150).map(|number| format!("{number:03}")).collect();
    let item = numbered(1);
    let deletions = names.iter().step_by(3).map(|name| ordered(delete(name), "5")).collect();
    assert!(all(&store, deletions).await.iter().all(|verdict| *verdict == Err(Refusal::NotFound)));
    assert_eq!(page(&store, "items", PageStart::First, 1_000).await.items, []);
    let creations = all(&store, names.iter().map(|name| put(name, &item)).collect()).await;
    for (number, verdict) in creations.into_iter().enumerate() {
        let token = (number % 3 == 0).then(|| order("5"));
        assert_eq!(verdict, Ok(Outcome::Created(item.clone().with_order(token))), "{number}");
    }
    assert_eq!(count(&store, "items", None, 7).await, names.len());
}

pub(crate) async fn kinds_do_not_mix_within_one_item(store: Subject) {
    const TIME: &str = "2026-01-31T12:00:00Z";
    let item = numbered(1);
    one(&store, ordered(put("a", &item), "5")).await.unwrap();
    one(&store, ordered(delete("b"), TIME)).await.unwrap_err();
    let mixed = one(&store, ordered(put("a", &item), TIME)).await;
    assert_eq!(mixed, Err(Refusal::OrderMixed { stored: OrderKind::Integer }));
    let mixed = one(&store, ordered(put("b", &item), "5")).await;
    assert_eq!(mixed, Err(Refusal::OrderMixed { stored: OrderKind::Time }));
    let late = ordered(put("b", &item), "2026-01-31T12:59:59.999999999+01:00");
    assert_eq!(one(&store, late).await, Ok(Outcome::Stale(None)));
}

pub(crate) async fn writes_in_any_order_do_what_they_do_sorted(store: Subject) {
    let item = numbered(1);
    let writes = [
        ordered(put("a", &item), "1"),
        ordered(delete("a"), "2"),
        ordered(put("a", &numbered(2)), "3"),
    ];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (name, places) in orders.into_iter().enumerate() {
        let name = format!("play-{name}");
        for together in [false, true] {
            let text = if together { "together" } else { "alone" };
            let at =
                |place: usize| domain::Write { key: key_in(&name, text), ..writes[place].clone() };
            let writes: Vec<_> = places.into_iter().map(at).collect();
            if together {
                all(&store, writes).await;
            } else {
                for write in writes {
                    let _ = one(&store, write).await;
                }
            }
            let found = store.get(&key_in(&name, text)).await.unwrap();
            assert_eq!(found, Some(numbered(2).with_order(Some(order("3")))), "{places:?}");
        }
    }
}

pub(crate) async fn a_repeated_request_is_answered_before_it_is_stale(store: Subject) {
    let (item, now) = (numbered(1), soon());
    let place = |text| ReplayKey::of_item(&key("a"), "", text);
    let first = keyed(ordered(put("a", &item), "1"), place("k"), 0, now, 1_000);
    let created = one(&store, first.clone()).await.unwrap();
    one(&store, ordered(delete("a"), "5")).await.unwrap();
    let Ok(Outcome::Replayed(remembered)) = one(&store, first).await else {
        panic!("it is not answered from memory");
    };
    assert_eq!(remembered.outcome, created);
    // A stale write is remembered as such, also where nothing is stored.
    let late = keyed(ordered(put("a", &item), "4"), place("l"), 0, now, 1_000);
    assert_eq!(one(&store, late.clone()).await, Ok(Outcome::Stale(None)));
    one(&store, put("a", &item)).await.unwrap();
    let Ok(Outcome::Replayed(remembered)) = one(&store, late).await else {
        panic!("it is not answered from memory");
    };
    assert_eq!(remembered.outcome, Outcome::Stale(None));
    let late = keyed(ordered(delete("a"), "3"), place("m"), 0, now, 1_000);
    let stale = one(&store, late.clone()).await.unwrap();
    assert!(matches!(stale, Outcome::Stale(Some(_))), "{stale:?}");
    let again = one(&store, late).await;
    assert!(matches!(again, Ok(Outcome::Replayed(it)) if it.outcome == stale));
}
