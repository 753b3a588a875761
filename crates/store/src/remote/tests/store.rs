//! The store over several lanes.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;

use super::super::{PoolSettings, Remote};
use super::engine::Engine;
use super::kit::*;
use super::script::Fault;
use crate::clock::Clock;
use crate::error::ErrorKind;
use crate::options::Options;
use crate::reply::Reply;
use crate::store::Store;

/// Calls that one lane and a group of its own hold, and some more.
const TOO_MANY: usize = 10_000;

fn store(engine: &Engine, writers: usize) -> Remote {
    let pool =
        PoolSettings { writers, readers: 2, patience: Duration::from_secs(60), snapshots: 2 };
    let engine = engine.clone();
    let make = move |_| engine.session();
    let prepare = async move || Ok::<_, Infallible>((make, Clock::of_process()));
    let options = Options::default();
    Remote::start("script", pool, &options, prepare, |error| panic!("there is no thread: {error}"))
        .unwrap()
}

#[tokio::test]
async fn writes_reach_all_lanes_and_come_back_in_order() {
    let engine = Engine::default();
    let store = store(&engine, 3);
    let results = store.apply((0..100).map(|n| put(&n.to_string(), n)).collect()).await;
    let expected: Vec<_> = (0..100).map(created).collect();
    assert_results(&results, &expected);
    assert_eq!(store.get(&key("7")).await.unwrap(), Some(item(7)));
    let place = keyed(put("a", 1), "k").idempotency.unwrap().key;
    assert_results(&store.apply(vec![keyed(put("a", 1), "k")]).await, &[created(1)]);
    assert!(store.recall(&place).await.unwrap().is_some());
    store.check().await.unwrap();
    assert!(store.apply(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn a_full_queue_is_overloaded_at_once_and_takes_more_later() {
    let engine = Engine::default();
    let store = store(&engine, 1);
    let gate = engine.close_gate();
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for n in 0..TOO_MANY {
        match store.apply(vec![put(&n.to_string(), n)]) {
            Reply::Ready(results) => {
                assert_results(&results, &[failed(ErrorKind::Overloaded)]);
                refused += 1;
            }
            reply => accepted.push(reply),
        }
    }
    assert!(refused > 0);
    gate.open();
    let results = join_all(accepted).await.concat();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((results.len() + refused, engine.changes()), (TOO_MANY, results.len()));
    assert_results(&store.apply(vec![put("after", 1)]).await, &[created(1)]);
}

#[tokio::test]
async fn bytes_that_wait_are_bounded() {
    let engine = Engine::default();
    let store = store(&engine, 2);
    let gate = engine.close_gate();
    let large = |id: usize| {
        let text = format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20));
        let item = domain::Item::new(&serde_json::from_str(&text).unwrap());
        domain::Write::new(key(&id.to_string()), domain::Change::Put(item))
    };
    let replies: Vec<_> = (0..70).map(|id| store.apply(vec![large(id)])).collect();
    let refused = replies.iter().filter(|reply| matches!(reply, Reply::Ready(_))).count();
    assert!((6..10).contains(&refused), "{refused}");
    gate.open();
    join_all(replies).await;
    // Nothing waits any more, so that work of any size is taken.
    let results = store.apply((0..70).map(large).collect()).await;
    assert!(results.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_lane_that_ended_is_told_by_check_and_the_others_go_on() {
    let engine = Engine::default();
    let store = store(&engine, 2);
    store.alive().unwrap();
    engine.script([Fault::Panic]);
    assert_results(&store.apply(vec![put("a", 1)]).await, &[unknown()]);
    // All lanes share a thread: when it answers again, the one that panicked has ended.
    let _ = store.check().await;
    // It is the lane of some ids and not of others.
    let ids: Vec<_> = (0..64).map(|n| n.to_string()).collect();
    let results = store.apply(ids.iter().map(|id| put(id, 1)).collect()).await;
    let gone = results
        .iter()
        .filter(|result| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Internal));
    let gone = gone.count();
    let went_on = results.iter().filter(|result| result.is_ok()).count();
    assert!(gone > 0 && went_on > 0 && gone + went_on == 64, "{gone} and {went_on}");
    assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(store.alive().unwrap_err().kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn the_end_of_the_session_that_waits_for_held_items_is_told() {
    let engine = Engine::default();
    let store = store(&engine, 1);
    engine.script([Fault::Held, Fault::Panic]);
    assert_results(&store.apply(vec![put("a", 1)]).await, &[unknown()]);
    // All lanes share a thread: when it answers again, the end has been noted.
    let _ = store.get(&key("a")).await;
    assert_eq!(store.alive().unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn dropping_the_store_settles_what_was_accepted() {
    let engine = Engine::default();
    let store = store(&engine, 3);
    for n in 0..500 {
        drop(store.apply(vec![put(&n.to_string(), n), put("all", n)]));
    }
    let last = store.apply(vec![delete("all")]);
    drop(store);
    assert_results(&last.await, &[Ok(Ok(domain::Outcome::Deleted))]);
    assert_eq!(engine.inner().items.len(), 500);
}
