//! What each call does on a healthy cluster.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::kit::{range, shared, transport};
use crate::etcd::message::{Compare, DeleteRequest, Op, OpResponse, PutRequest, RangeRequest, Txn};
use crate::etcd::transport::Transport;

/// Returns a write of a key.
pub(super) fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Op {
    Op::Put(PutRequest { key: key.into(), value: value.into(), lease: 0 })
}

/// Returns a transaction that creates a key, and reads it when it is there.
pub(super) fn create(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Txn {
    let key = key.into();
    Txn {
        compare: vec![Compare::absent(key.clone())],
        success: vec![put(key.clone(), value)],
        failure: vec![Op::Range(RangeRequest { key, ..RangeRequest::default() })],
    }
}

async fn value(transport: &Transport, key: &'static str) -> Option<Bytes> {
    let mut answer = transport.range(&range(key)).await.expect("the cluster is healthy");
    answer.kvs.pop().map(|kv| kv.value)
}

#[tokio::test]
async fn requests_do_what_they_say() {
    let transport = transport(shared());
    one_transaction_is_one_revision(&transport).await;
    comparisons_hold_or_do_not(&transport).await;
    ranges_are_cut_and_ordered_by_bytes(&transport).await;
    one_of_many_creations_succeeds(&transport).await;
    keys_end_with_their_lease(&transport).await;

    let status = transport.status().await.expect("the cluster is healthy");
    assert!(status.trouble().is_none(), "{status:?}");
    assert!(status.db_bytes > 0 && status.version.starts_with("3."), "{status:?}");
}

async fn one_transaction_is_one_revision(transport: &Transport) {
    let first = transport.txn(&create("n/a", "1")).await.expect("it is done");
    assert!(first.succeeded);
    let again = transport.txn(&create("n/a", "2")).await.expect("it is done");
    assert!(!again.succeeded);
    let [OpResponse::Range(found)] = &again.responses[..] else { panic!("{again:?}") };
    assert_eq!(found.kvs[0].value, "1");
    assert_eq!(found.kvs[0].mod_revision, first.header.revision);
    let both = Txn { success: vec![put("n/a", "2"), put("n/b", "\u{0}ß")], ..Txn::default() };
    let both = transport.txn(&both).await.expect("it is done").header.revision;
    for (key, expected) in [("n/a", "2"), ("n/b", "\u{0}ß")] {
        let found = transport.range(&range(key)).await.expect("the cluster is healthy");
        assert_eq!((&*found.kvs[0].value, found.kvs[0].mod_revision), (expected.as_bytes(), both));
    }
}

async fn comparisons_hold_or_do_not(transport: &Transport) {
    let key = Bytes::from_static(b"c");
    let created = transport.txn(&create("c", "1")).await.expect("it is done").header.revision;
    let update = |compare, value| Txn {
        compare: vec![compare],
        success: vec![put(key.clone(), value)],
        ..Txn::default()
    };
    let updated = transport.txn(&update(Compare::modified(key.clone(), created), "2")).await;
    let updated = updated.expect("it is done");
    assert!(updated.succeeded);
    for (compare, holds) in [
        (Compare::modified(key.clone(), created), false),
        (Compare::created(key.clone(), created), true),
        (Compare::holds(key.clone(), "2".into()), true),
        (Compare::holds(key.clone(), "1".into()), false),
        (Compare::holds("c/none".into(), "1".into()), false),
        (Compare::modified("c/none".into(), 0), true),
        (Compare::absent(key.clone()), false),
    ] {
        let txn = Txn { compare: vec![compare], ..Txn::default() };
        let answer = transport.txn(&txn).await.expect("it is done");
        assert_eq!(answer.succeeded, holds, "{txn:?}");
    }
    let delete = DeleteRequest { key: key.clone(), range_end: Bytes::new() };
    let delete = Txn { success: vec![Op::Delete(delete)], ..Txn::default() };
    for deleted in [1, 0] {
        let answer = transport.txn(&delete).await.expect("it is done");
        let [OpResponse::Delete(answer)] = answer.responses[..] else { panic!("{answer:?}") };
        assert_eq!(answer.deleted, deleted);
    }
    assert_eq!(value(transport, "c").await, None);
}

async fn ranges_are_cut_and_ordered_by_bytes(transport: &Transport) {
    let keys: [&[u8]; 4] = [b"r/\x00", b"r/a", b"r/\x7f", b"r/\xff"];
    let puts = keys.iter().rev().map(|key| put(*key, *key)).collect();
    transport.txn(&Txn { success: puts, ..Txn::default() }).await.expect("it is done");
    let mut page = RangeRequest {
        key: "r/".into(),
        range_end: "r0".into(),
        limit: 3,
        keys_only: true,
        ..RangeRequest::default()
    };
    let answer = transport.range(&page).await.expect("it is read");
    assert!(answer.more && answer.count == 4, "{answer:?}");
    assert_eq!(answer.kvs.iter().map(|kv| &kv.key[..]).collect::<Vec<_>>(), keys[..3]);
    assert!(answer.kvs.iter().all(|kv| kv.value.is_empty()));

    let delete = DeleteRequest { key: "r/".into(), range_end: "r0".into() };
    let delete = Txn { success: vec![Op::Delete(delete)], ..Txn::default() };
    transport.txn(&delete).await.expect("it is done");
    page.revision = answer.header.revision;
    page.keys_only = false;
    let before = transport.range(&page).await.expect("it is read");
    assert_eq!(before.kvs.iter().map(|kv| &kv.value[..]).collect::<Vec<_>>(), keys[..3]);
}

async fn one_of_many_creations_succeeds(transport: &Transport) {
    let race = (0..32).map(|number| {
        let txn = create("race", number.to_string());
        async move { transport.txn(&txn).await.expect("it is done").succeeded }
    });
    let winners = join_all(race).await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
}

async fn keys_end_with_their_lease(transport: &Transport) {
    let lease = transport.lease_grant(Duration::from_secs(2)).await.expect("it is granted");
    let leased = PutRequest { key: "l".into(), value: "1".into(), lease: lease.id };
    let leased = Txn { success: vec![Op::Put(leased)], ..Txn::default() };
    transport.txn(&leased).await.expect("it is done");
    while value(transport, "l").await.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
