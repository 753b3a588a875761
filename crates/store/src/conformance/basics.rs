//! One item, one write at a time.

use std::sync::Arc;
use std::thread;

use domain::{Outcome, Refusal};
use tokio::runtime::Builder;

use super::kit::*;

pub(crate) async fn an_absent_item_is_none(store: Subject) {
    assert_eq!(get(&store, "foo").await, None);
}

pub(crate) async fn a_put_creates_then_updates_then_changes_nothing(store: Subject) {
    let (first, second) = (numbered(1), numbered(2));
    assert_eq!(one(&store, put("foo", &first)).await, Ok(Outcome::Created(first.clone())));
    assert_eq!(get(&store, "foo").await, Some(first));
    assert_eq!(one(&store, put("foo", &second)).await, Ok(Outcome::Updated(second.clone())));
    assert_eq!(get(&store, "foo").await, Some(second.clone()));
    assert_eq!(one(&store, put("foo", &second)).await, Ok(Outcome::Unchanged(second.clone())));
    assert_eq!(get(&store, "foo").await, Some(second));
}

pub(crate) async fn equal_json_in_another_order_changes_nothing(store: Subject) {
    let stored = item(r#"{"name":"a","size":1}"#);
    let sent = item(r#"{"size":1,"name":"a"}"#);
    assert_ne!(stored.etag(), sent.etag());
    one(&store, put("foo", &stored)).await.unwrap();
    assert_eq!(one(&store, put("foo", &sent)).await, Ok(Outcome::Unchanged(stored.clone())));
    assert_eq!(get(&store, "foo").await, Some(stored));
}

pub(crate) async fn a_deleted_item_is_gone_and_its_successor_is_created(store: Subject) {
    let sent = numbered(1);
    one(&store, put("foo", &sent)).await.unwrap();
    assert_eq!(one(&store, delete("foo")).await, Ok(Outcome::Deleted));
    assert_eq!(get(&store, "foo").await, None);
    assert_eq!(list_all(&store, "items", 10).await, []);
    assert_eq!(one(&store, delete("foo")).await, Err(Refusal::NotFound));
    let Ok(Outcome::Created(again)) = one(&store, put("foo", &sent)).await else {
        panic!("it is created again");
    };
    assert_eq!(again.etag(), sent.etag(), "the tag depends on the content alone");
}

pub(crate) async fn an_absent_item_cannot_be_deleted_or_replaced(store: Subject) {
    let sent = numbered(1);
    assert_eq!(one(&store, delete("foo")).await, Err(Refusal::NotFound));
    assert_eq!(one(&store, replace("foo", sent.etag(), &sent)).await, Err(Refusal::NotFound));
    assert_eq!(get(&store, "foo").await, None);
}

pub(crate) async fn acknowledged_writes_are_seen_from_other_threads(store: Subject) {
    for number in 0..100 {
        let sent = numbered(number);
        one(&store, put("foo", &sent)).await.unwrap();
        let other = Arc::clone(&store);
        let seen = thread::spawn(move || {
            Builder::new_current_thread().build().unwrap().block_on(get(&other, "foo"))
        });
        assert_eq!(seen.join().unwrap(), Some(sent));
    }
}

pub(crate) async fn a_fresh_store_is_in_order(store: Subject) {
    store.check().await.unwrap();
}
