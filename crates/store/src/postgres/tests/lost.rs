//! Answers that are lost on their way.

use std::sync::Arc;

use domain::{Change, Fingerprint, Idempotency, Moment, Outcome, ReplayKey, Write};
use testbed::Relay;

use super::kit::*;
use crate::store::Store;

/// Of all keyed requests.
const FINGERPRINT: [u8; Fingerprint::BYTES] = [3; Fingerprint::BYTES];

/// A store behind a relay, and its database.
fn relayed() -> (Arc<dyn Store>, Relay, String) {
    let server = server();
    let url = server.create_database();
    let relay = Relay::start(server.address());
    let through = url.replace(&server.address().to_string(), &relay.address().to_string());
    (opened(&through), relay, url)
}

fn keyed(write: Write) -> Write {
    let key = ReplayKey::of_item(&write.key, "", "key");
    let fingerprint = Fingerprint::from_bytes(FINGERPRINT);
    let until = Moment(u64::try_from(i64::MAX).unwrap());
    let idempotency = Idempotency { key, fingerprint, now: Moment(0), until };
    Write { idempotency: Some(idempotency), ..write }
}

fn rows(url: &str) -> String {
    server().sql(url, "SELECT id, representation FROM shelf_items ORDER BY id")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_found_again() {
    let (store, relay, url) = relayed();
    let writes = [
        (put("a", "sent-1"), Outcome::Created(item("sent-1"))),
        (put("a", "sent-2"), Outcome::Updated(item("sent-2"))),
        (if_match(put("a", "sent-3"), "sent-2"), Outcome::Updated(item("sent-3"))),
        (
            Write::new(
                key("a"),
                Change::Replace { basis: item("sent-3").etag(), item: item("sent-4") },
            ),
            Outcome::Updated(item("sent-4")),
        ),
        (keyed(put("a", "sent-5")), Outcome::Updated(item("sent-5"))),
        (keyed(put("b", "sent-6")), Outcome::Created(item("sent-6"))),
    ];
    for (number, (write, expected)) in (1..).zip(writes) {
        relay.lose_answer_to(format!("sent-{number}"));
        assert_eq!(one(&store, write.clone()).await.unwrap(), Ok(expected.clone()));
        assert_eq!(relay.lost(), number, "the answer was lost");
        if write.idempotency.is_some() {
            let Ok(Outcome::Replayed(first)) = one(&store, write).await.unwrap() else {
                panic!("it was answered before");
            };
            assert_eq!(first.outcome, expected);
        }
    }
    assert_eq!(rows(&url), "a|{\"name\":\"sent-5\"}\nb|{\"name\":\"sent-6\"}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyed_writes_are_resolved_also_when_nothing_or_no_item_was_left() {
    let (store, relay, url) = relayed();
    one(&store, put("a", "kept")).await.unwrap().unwrap();
    let another = ReplayKey::of_item(&key("a"), "", "another");
    let delete = keyed(Write::new(key("a"), Change::Delete));
    let delete = Write {
        idempotency: delete.idempotency.map(|own| Idempotency { key: another, ..own }),
        ..delete
    };
    for (write, expected) in
        [(keyed(put("a", "kept")), Outcome::Unchanged(item("kept"))), (delete, Outcome::Deleted)]
    {
        // Only what is to be remembered holds the fingerprint.
        relay.lose_answer_to(FINGERPRINT);
        assert_eq!(one(&store, write.clone()).await.unwrap(), Ok(expected.clone()));
        let Ok(Outcome::Replayed(first)) = one(&store, write).await.unwrap() else {
            panic!("it was answered before");
        };
        assert_eq!(first.outcome, expected);
    }
    assert_eq!(relay.lost(), 2);
    assert_eq!(rows(&url), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_repeated() {
    let (store, relay, _url) = relayed();
    one(&store, put("lost-id", "b")).await.unwrap().unwrap();
    relay.lose_answer_to("lost-id");
    assert_eq!(store.get(&key("lost-id")).await.unwrap(), Some(item("b")));
    assert_eq!(relay.lost(), 1);
}
