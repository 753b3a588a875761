//! Items that are too large, clusters that are full.

use domain::{Change, Outcome, Write};
use testbed::Etcd;

use super::kit::{delete, item, key, keyed, one, open_url, put, shared, store_at};
use crate::error::ErrorKind;
use crate::etcd::swap::ITEM_BYTES_MAX;

fn sized(id: &str, bytes: usize) -> Write {
    Write::new(key(id), Change::Put(item(0, bytes)))
}

#[tokio::test]
async fn an_item_that_is_too_large_spoils_nothing_for_others() {
    let store = store_at(shared().addresses());
    let overhead = item(0, 0).representation().len();
    let writes = vec![
        put("a", 1),
        sized("b", ITEM_BYTES_MAX + 1 - overhead),
        put("a", 2),
        keyed("k", sized("c", ITEM_BYTES_MAX - overhead)),
        sized("a", ITEM_BYTES_MAX * 3),
    ];
    let results = store.apply(writes).await;
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().map(|_| ()).map_err(|error| error.kind()))
        .collect();
    let too_large = Err(ErrorKind::TooLarge);
    assert_eq!(kinds, [Ok(()), too_large, Ok(()), Ok(()), too_large]);
    let error = results[1].as_ref().expect_err("it is too large").to_string();
    assert!(error.contains(&ITEM_BYTES_MAX.to_string()), "{error}");
    assert_eq!(store.get(&key("a")).await.expect("it works"), Some(item(2, 0)));
    assert_eq!(store.get(&key("b")).await.expect("it works"), None);
    let largest = item(0, ITEM_BYTES_MAX - overhead);
    assert!(store.get(&key("c")).await.expect("it works") == Some(largest));
}

#[tokio::test]
async fn a_cluster_may_take_smaller_requests_than_usual() {
    let cluster = Etcd::builder().nodes(1).flag("--max-request-bytes=65536").start();
    let store = open_url(&cluster.url());
    for round in 0..2 {
        let mut writes: Vec<_> = (0..20)
            .map(|number| {
                let item = item(round, 10_000);
                Write::new(key(&number.to_string()), Change::Put(item))
            })
            .collect();
        writes.insert(10, sized("large", 100_000));
        let mut results = store.apply(writes).await;
        let large = results.remove(10).expect_err("it is too large");
        assert_eq!(large.kind(), ErrorKind::TooLarge);
        for result in results {
            let outcome = result.expect("each of them fits").expect("it is no refusal");
            let item = item(round, 10_000);
            let expected = [Outcome::Created(item.clone()), Outcome::Updated(item)];
            assert!(outcome == expected[round], "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_full_cluster_takes_deletions_and_nothing_else() {
    let cluster = Etcd::builder().nodes(1).flag("--quota-backend-bytes=2097152").start();
    let store = open_url(&cluster.url());
    one(&store, put("a", 1)).await.expect("there is room");
    let error = 'full: {
        for number in 0..100 {
            if let Err(error) = one(&store, sized(&number.to_string(), 200_000)).await {
                break 'full error;
            }
        }
        panic!("2 MiB hold no 20 MB")
    };
    assert_eq!(error.kind(), ErrorKind::Full);
    // The alarm is raised by a transaction of its own, a moment later.
    let trouble = loop {
        if let Err(trouble) = store.check().await {
            break trouble;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(trouble.kind(), ErrorKind::Full);
    assert_eq!(store.get(&key("a")).await.expect("reads work"), Some(item(1, 0)));
    let results = store.apply(vec![delete("a"), put("b", 1)]).await;
    assert_eq!(results[0].as_ref().expect("it needs no room"), &Ok(Outcome::Deleted));
    assert_eq!(results[1].as_ref().expect_err("it needs room").kind(), ErrorKind::Full);
    assert_eq!(store.get(&key("a")).await.expect("reads work"), None);
}
